"""Fixed blocks of rows on Python threads; their results are combined in the order of the blocks.

The blocks depend on the shape of the problem and not on the number of threads, and results are
combined in their order: one thread and sixty-four give the same bits.  The kernels release the GIL.
No OpenMP: after a fork it hangs, and two runtimes in one process abort.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from fastgmm.threads.helpers import Computing, Ended, call_helpers, computed
from fastgmm.threads.processors import Claim, allotted, available_threads

Result = TypeVar("Result")
"""The type of what a function returns for a block of rows."""

FEWEST_ROWS = 2048
"""A block has at least this many rows, but for the last one."""
MOST_ROWS = 16384
"""A block has at most this many rows."""
AHEAD = 2
"""For each thread, this many finished blocks may wait until the blocks before them are added."""


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
    fold = _Fold(function, combine, n_rows, block)
    n_helpers = 0
    try:
        n_helpers = call_helpers(fold.help, n_threads - 1)
        fold.run(AHEAD * n_threads)
    finally:
        fold.end(n_helpers or n_threads)  # Ctrl-C may have come before their number was known


def run_blocks(
    function: Callable[[int, int], None], n_rows: int, block: int, n_threads: int | None
) -> None:
    """Call function(begin, end) for each block of rows; it writes its own part of an output.

    Several neighbouring blocks may come as one.
    """
    per_call = -(-n_rows // (8 * block * threads_used(n_rows, block, n_threads)))
    fold_blocks(function, lambda _: None, n_rows, block * max(1, per_call), n_threads)


class _Fold(Generic[Result]):
    """What the threads of one `fold_blocks` share.

    The calling thread hands out blocks, takes some itself, and combines the results in order.
    """

    def __init__(
        self,
        function: Callable[[int, int], Result],
        combine: Callable[[Result], object],
        n_rows: int,
        block: int,
    ) -> None:
        self._function, self._combine = function, combine
        self._n_rows, self._block = n_rows, block
        # First rows of the blocks that may begin; -1 has a helper end.
        self._todo = SimpleQueue[int]()
        self._computing = Computing[int, Result]()
        # Of the calling thread alone: blocks of so many rows were handed out, and combined.
        self._begun = self._combined = 0
        # Whoever meets an error sets this, and no block is handed out any more.
        self._failed = False
        # Results, or errors, wait under the first row of their block.
        self._waiting: dict[int, tuple[Result | None, BaseException | None]] = {}

    def help(self) -> None:
        """Take blocks until there are no more."""
        while (begin := self._todo.get()) >= 0:
            if not self._computing.one(begin, self._of_block):
                self._drop()

    def _of_block(self, begin: int) -> Result:
        return self._function(begin, min(begin + self._block, self._n_rows))

    def run(self, ahead: int) -> None:
        """Combine all blocks, of which so many may have begun beyond those that are combined."""
        for _ in range(ahead):
            self._hand_out()
        while self._combined < self._n_rows:
            begin = self._next()
            if begin is not None:
                self._keep(computed(begin, self._of_block))
            for ended in self._computing.ended(wait=begin is None):
                self._keep(ended)
            while self._combined in self._waiting:
                result, error = self._waiting.pop(self._combined)
                if error is not None:
                    raise error
                self._combine(result)  # type: ignore[arg-type]
                self._combined += self._block
                self._hand_out()

    def _hand_out(self) -> None:
        if self._begun < self._n_rows and not self._failed:
            self._todo.put(self._begun)
            self._begun += self._block

    def _next(self) -> int | None:
        """The first row of a block that nobody has taken; None where there is none now."""
        try:
            return self._todo.get_nowait()
        except Empty:
            return None

    def _keep(self, ended: Ended[int, Result]) -> None:
        begin, result, error = ended
        self._waiting[begin] = result, error
        if error is not None:
            self._drop()

    def _drop(self) -> None:
        """Let no further block begin: one has failed, and those before it have begun."""
        self._failed = True
        while (begin := self._next()) is not None:
            if begin < 0:
                self._todo.put(begin)
                return

    def end(self, n_helpers: int) -> None:
        """Let no further block begin, wait for those that are computed, and send helpers away."""
        self._computing.stop()
        for _ in range(n_helpers):
            self._todo.put(-1)
        self._computing.wait()
        # A helper may take a moment to leave, and holds nothing any more.
        del self._function, self._combine
        self._waiting.clear()
