"""Fixed blocks of rows on a pool of Python threads; results come back in the order of the blocks.

The blocks depend on the shape of the problem and not on the number of threads, and whoever sums the
results does so in their order: one thread and sixty-four give the same bits.  The kernels release
the GIL.  No OpenMP: after a fork it hangs, and two runtimes in one process abort.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Result = TypeVar("Result")

FEWEST_ROWS = 2048
"""Of a block."""

_pools: "dict[int, ThreadPoolExecutor]" = {}

if hasattr(os, "register_at_fork"):
    # threads do not survive a fork: the child makes its own
    os.register_at_fork(after_in_child=_pools.clear)


def available_threads() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def rows_per_block(n_components: int, n_features: int) -> int:
    """Rows that one call of a kernel takes.

    Enough work (some hundred microseconds) for the cost of a call and of adding its statistics not
    to show, and few enough rows for many blocks per pass.
    """
    cost = n_components * n_features * (n_features + 8)
    rows = 1 << max(0, (1 << 25) // cost).bit_length() >> 1
    return min(max(rows, FEWEST_ROWS), 16384)


def _pool(n_threads: int) -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # 5 ms of an import that may never need it

    pool = _pools.get(n_threads)
    if pool is None:
        pool = _pools[n_threads] = ThreadPoolExecutor(n_threads, thread_name_prefix="fastgmm")
    return pool


def threads_used(n_rows: int, block: int, n_threads: int | None) -> int:
    """Number of threads that `map_blocks` computes with: one per block at most."""
    return max(1, min(n_threads or available_threads(), -(-n_rows // block)))


def map_blocks(
    function: Callable[[int, int], Result], n_rows: int, block: int, n_threads: int | None
) -> Iterator[Result]:
    """function(begin, end) for each block of rows, in order.

    At most twice as many results wait as there are threads.
    """
    bounds = [(begin, min(begin + block, n_rows)) for begin in range(0, n_rows, block)]
    n_threads = threads_used(n_rows, block, n_threads)
    if n_threads <= 1:
        for begin, end in bounds:
            yield function(begin, end)
        return
    pool = _pool(n_threads)
    waiting: deque[Future[Result]] = deque()
    try:
        for begin, end in bounds:
            if len(waiting) >= 2 * n_threads:
                yield waiting.popleft().result()
            waiting.append(pool.submit(function, begin, end))
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:  # only after an error: leave no work behind
            future.cancel()


def run_blocks(
    function: Callable[[int, int], None], n_rows: int, block: int, n_threads: int | None
) -> None:
    """Like `map_blocks`, for a function that writes its own part of an output."""
    for _ in map_blocks(function, n_rows, block, n_threads):
        pass
