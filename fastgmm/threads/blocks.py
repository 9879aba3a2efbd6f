"""Fixed blocks of rows on Python threads; their results are combined in the order of the blocks.

The blocks depend on the shape of the problem and not on the number of threads, and results are
combined in their order: one thread and sixty-four give the same bits.  The kernels release the GIL.
No OpenMP: after a fork it hangs, and two runtimes in one process abort.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from fastgmm.threads.processors import Claim, allotted, as_helper, available_threads

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Item = TypeVar("Item")
"""The type of one of many things that work is done for."""
Result = TypeVar("Result")
"""The type of what a function returns for a block of rows."""

FEWEST_ROWS = 2048
"""A block has at least this many rows, but for the last one."""
MOST_ROWS = 16384
"""A block has at most this many rows."""
AHEAD = 2
"""For each thread, this many finished blocks may wait until the blocks before them are added."""
MOST_THREADS = 1024
"""The pool has at most this many threads; it starts one only when work waits and none is idle."""
_pools: "list[ThreadPoolExecutor]" = []
"""The list holds the pool of this process, once work has needed it."""

if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork: the child makes a pool of its own.
    os.register_at_fork(after_in_child=_pools.clear)


def rows_per_block(n_components: int, n_features: int) -> int:
    """The number of rows that one call of a kernel takes.

    A block is enough work (some hundred microseconds) for the cost of a call and of adding its
    statistics not to show, and has few enough rows for many blocks per pass.
    """
    cost = n_components * n_features * (n_features + 8)
    rows = 1 << max(0, (1 << 25) // cost).bit_length() >> 1
    return min(max(rows, FEWEST_ROWS), MOST_ROWS)


def threads_used(n_rows: int, block: int, n_threads: int | None) -> int:
    """The largest number of threads that `fold_blocks` computes with: at most one per block."""
    return max(1, min(allotted(n_threads) or available_threads(), -(-n_rows // block)))


def fold_blocks(
    function: Callable[[int, int], Result],
    combine: Callable[[Result], object],
    n_rows: int,
    block: int,
    n_threads: int | None,
) -> None:
    """Call combine(function(begin, end)) for each block of rows: in order, and one at a time.

    With ``n_threads=None`` there are no more threads than other computations leave free.
    The calling thread is one of the threads, and the only one where no other can be started.  An
    error in a block ends the fold once the blocks that are being computed have ended, and so does
    Ctrl-C: nothing runs on behind the caller's back.
    """
    if n_rows <= block:  # it takes less than a millisecond, and nobody is to notice
        _fold_alone(function, combine, n_rows, block)
        return
    exactly, wanted = n_threads is not None, threads_used(n_rows, block, n_threads)
    with Claim(wanted, exactly=exactly) as claimed:
        if claimed == 1:
            _fold_alone(function, combine, n_rows, block)
        else:
            _fold_together(function, combine, n_rows, block, claimed)


def _fold_alone(
    function: Callable[[int, int], Result],
    combine: Callable[[Result], object],
    n_rows: int,
    block: int,
) -> None:
    for begin in range(0, n_rows, block):
        combine(function(begin, min(begin + block, n_rows)))


def _fold_together(
    function: Callable[[int, int], Result],
    combine: Callable[[Result], object],
    n_rows: int,
    block: int,
    n_threads: int,
) -> None:
    fold = _Fold(function, combine, n_rows, block, AHEAD * n_threads)
    helpers: list[Future[None]] = []
    try:
        call_helpers(fold.work, n_threads - 1, helpers)
        fold.work()
    except BaseException:
        fold.stop()
        raise
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    if fold.error is not None:
        raise fold.error


def call_helpers(work: Callable[[], None], n_threads: int, helpers: "list[Future[None]]") -> None:
    """Have `work` called on up to this many threads of the pool beside the caller's own.

    What stands for each call is added to `helpers`.  Containers limit the number of threads: where
    one cannot be started there are fewer, or none.  `work` may then be called once more later, when
    nothing is left for it to do.
    """
    pool = _pool()
    try:
        for _ in range(n_threads):
            helpers.append(pool.submit(work))
    except RuntimeError:
        # The call that no thread was started for stays in the queue.  The threads that there are
        # empty it and end; without any it would grow, so that this pool is not used again.
        with suppress(ValueError):
            _pools.remove(pool)
        pool.shutdown(wait=False)


def run_blocks(
    function: Callable[[int, int], None], n_rows: int, block: int, n_threads: int | None
) -> None:
    """Call function(begin, end) for each block of rows; it writes its own part of an output.

    Several neighbouring blocks may come as one.
    """
    per_call = -(-n_rows // (8 * block * threads_used(n_rows, block, n_threads)))
    fold_blocks(function, lambda _: None, n_rows, block * max(1, per_call), n_threads)


def as_they_end(
    order: list[int],
    one: Callable[[int, threading.Event], Result],
    workers: int,
    cancelled: threading.Event,
) -> Generator[tuple[int, Result]]:
    """Each index with what `one` says of it, as they end; so many threads begin them in order.

    Where no thread can be started, the caller's own does the work.  Whoever asks for no more, or
    raises an error, cancels what is still under way.
    """
    # They take 5 ms to load, and only grids of middling size want them.
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue

    todo, ended = deque(order), SimpleQueue[tuple[int, Future[Result]]]()
    begin = as_helper()

    def work() -> None:
        begin()
        while todo:
            try:
                i = todo.popleft()
            except IndexError:  # another thread was faster
                return
            future: Future[Result] = Future()
            try:
                future.set_result(one(i, cancelled))
            except BaseException as error:  # it is raised where the result is asked for
                future.set_exception(error)
            ended.put((i, future))

    with Claim(workers, exactly=True), ThreadPoolExecutor(workers) as pool:
        helpers = []
        try:
            for _ in range(workers):
                helpers.append(pool.submit(work))
        except RuntimeError:  # containers limit the number of threads
            if not helpers:
                for i in order:
                    yield i, one(i, cancelled)
                return
        try:
            for _ in order:
                i, future = ended.get()
                yield i, future.result()
        finally:
            todo.clear()
            cancelled.set()


def as_they_come(
    items: Iterable[Item],
    one: Callable[[Item, threading.Event], Result],
    workers: int,
    cancelled: threading.Event,
) -> Generator[tuple[int, Result]]:
    """Each item's number with what `one` says of it, as they end, of items that nobody has counted.

    The calling thread takes them from where they come, a few ahead of so many threads that work;
    one worker is the calling thread itself, and so it is where no thread can be started.  Whoever
    asks for no more, or raises an error, cancels what is still under way.
    """
    if workers == 1:
        for i, item in enumerate(items):
            yield i, one(item, cancelled)
        return
    # They take 5 ms to load, and only several threads want them.
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue

    todo = SimpleQueue[tuple[int, Item] | None]()
    ended = SimpleQueue[tuple[int, Future[Result]]]()
    begin = as_helper()

    def work() -> None:
        begin()
        while (given := todo.get()) is not None:
            if cancelled.is_set():
                continue
            future: Future[Result] = Future()
            try:
                future.set_result(one(given[1], cancelled))
            except BaseException as error:  # it is raised where the result is asked for
                future.set_exception(error)
            ended.put((given[0], future))
            del given, future  # what has been worked on need not wait for what comes next

    with Claim(workers, exactly=True), ThreadPoolExecutor(workers) as pool:
        helpers = []
        try:
            with suppress(RuntimeError):  # containers limit the number of threads
                for _ in range(workers):
                    helpers.append(pool.submit(work))
            waiting = 0
            for i, item in enumerate(items):
                if not helpers:
                    yield i, one(item, cancelled)
                    continue
                todo.put((i, item))
                waiting += 1
                if waiting >= AHEAD * len(helpers):
                    j, future = ended.get()
                    waiting -= 1
                    yield j, future.result()
            for _ in range(waiting):
                j, future = ended.get()
                yield j, future.result()
        finally:
            cancelled.set()
            # A call that no thread was started for is in the queue, and wants an end as well.
            for _ in range(workers):
                todo.put(None)


class _Fold(Generic[Result]):
    """What the threads of one `fold_blocks` share."""

    def __init__(
        self,
        function: Callable[[int, int], Result],
        combine: Callable[[Result], object],
        n_rows: int,
        block: int,
        ahead: int,
    ) -> None:
        # The error is that of the first block that failed.
        self.error: BaseException | None = None
        self._failed_at = n_rows
        self._function, self._combine = function, combine
        self._n_rows, self._block, self._ahead = n_rows, block, ahead * block
        self._changed = threading.Condition()
        # Blocks of this many rows have been taken, and results of this many been combined.
        self._begun = self._combined = 0
        self._combining = False
        # Results wait under the number of the first row of their block.
        self._waiting: dict[int, Result] = {}

    def stop(self) -> None:
        """Let no further block begin."""
        with self._changed:
            self._begun = self._n_rows
            self._ahead += self._n_rows
            self._changed.notify_all()

    def work(self) -> None:
        """Take blocks until none is left."""
        begin = self._n_rows
        try:
            while (begin := self._take()) < self._n_rows:
                end = min(begin + self._block, self._n_rows)
                self._deliver(begin, self._function(begin, end))
        except BaseException as error:  # `fold_blocks` raises it, on the calling thread
            with self._changed:
                if self.error is None or begin < self._failed_at:
                    self.error, self._failed_at = error, begin
                self._changed.notify_all()

    def _take(self) -> int:
        """The first row of the next block; n_rows when no block is left."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.error is not None or self._begun < self._combined + self._ahead
            )
            if self.error is not None or self._begun >= self._n_rows:
                return self._n_rows
            begin = self._begun
            self._begun += self._block
            return begin

    def _deliver(self, begin: int, result: Result) -> None:
        """Keep a result, and combine all that are next in order unless another thread does that."""
        with self._changed:
            self._waiting[begin] = result
            if self._combining:
                return
            self._combining = True
        while True:
            with self._changed:
                if self._combined not in self._waiting:
                    self._combining = False
                    return
                following = self._waiting.pop(self._combined)
            self._combine(following)
            with self._changed:
                self._combined += self._block
                self._changed.notify_all()


def _pool() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # it costs 5 ms, and may never be needed

    if not _pools:
        _pools.append(ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="fastgmm"))
    return _pools[0]
