"""How many threads to compute with: what machine, environment and limits allow, and who else does.

Others say how many threads a process should have in ways of their own, and all are read here.
joblib's loky sets OMP_NUM_THREADS in its workers (``inner_max_num_threads``, or an equal share), as
do dask's nannies, Ray, Spark and torchrun; loky's users set LOKY_MAX_CPU_COUNT; containers have a
quota of processor time; ``threadpoolctl.threadpool_limits`` limits the thread that calls it (see
`fastgmm.threads.pools`).  Threads of one process tell nobody how many they are, so that those who
compute here are counted.
"""

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from types import TracebackType

VARIABLES = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "LOKY_MAX_CPU_COUNT")
"""Each of these environment variables is an upper limit where it holds a positive number."""
ROOT = "/"
"""In this folder are ``proc`` and ``sys``."""


class _Count:
    """The number of threads of this process that compute now."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Know of no thread."""
        # A claim that is forgotten may be released in the middle of another one, on its thread.
        self.lock, self.busy = threading.RLock(), 0


class _OfThread(threading.local):
    """What is known of one thread: its limit, and whether it is in the count already."""

    limit: int | None = None
    counted = False
    allotted: int | None = None


_count = _Count()
"""This is the count of this process."""
_own = _OfThread()
"""Each thread has attributes of its own here."""

if hasattr(os, "register_at_fork"):
    # In the child no other thread computes, and none will release the lock.
    os.register_at_fork(after_in_child=_count.begin)


def available_threads() -> int:
    """The number of threads that ``n_threads=None`` means in this thread, where no other computes.

    Returns
    -------
    int
        At least 1.
    """
    if _own.allotted is not None:
        return _own.allotted
    of_process = _threads_of_process()
    return of_process if _own.limit is None else min(of_process, _own.limit)


@contextmanager
def at_most(n_threads: int) -> Generator[None]:
    """While it lasts, work that this thread asks for has so many threads, and never more.

    A worker of a cluster has a number of its own, whatever the process has or who asks for more.
    """
    before, _own.allotted = _own.allotted, n_threads
    try:
        yield
    finally:
        _own.allotted = before


def allotted(n_threads: int | None) -> int | None:
    """A wish for threads, as far as `at_most` allows; None where there is none."""
    if n_threads is None or _own.allotted is None:
        return n_threads
    return min(n_threads, _own.allotted)


def free_threads() -> int:
    """How many of the available threads other computations leave to this one; at least 1."""
    if _own.allotted is not None:
        return _own.allotted
    taken = _count.busy - _own.counted
    return max(1, min(available_threads(), _threads_of_process() - taken))


def limit_threads(most: int) -> None:
    """Let computations of the calling thread have at most so many threads by ``n_threads=None``."""
    _own.limit = None if most >= _threads_of_process() else max(1, most)


def as_helper() -> Callable[[], None]:
    """What a helper calls first that a `Claim` of the calling thread has counted.

    It takes over the limit of the calling thread.
    """
    limit = _own.limit

    def begin() -> None:
        _own.limit, _own.counted = limit, True

    return begin


def forget_limits() -> None:
    """Let the calling thread be as a new one: it has no limit, and nobody has counted it."""
    _own.limit, _own.counted, _own.allotted = None, False, None


class Claim:
    """A number of threads, counted as computing for as long as the context lasts.

    Parameters
    ----------
    wanted : int
        How many threads, the calling one included.
    exactly : bool
        Whether to have them whoever else computes; else there are fewer where fewer are free.
    """

    _counted = 0

    def __init__(self, wanted: int, *, exactly: bool) -> None:
        self._wanted, self._exactly = wanted, exactly or _own.allotted is not None

    def __enter__(self) -> int:
        limit = 0 if self._exactly else _threads_of_process()
        of_caller = 0 if _own.counted else 1
        with _count.lock:
            helpers = self._wanted - 1
            if not self._exactly:
                helpers = max(0, min(helpers, limit - _count.busy - of_caller))
            self._counted = helpers + of_caller
            _count.busy += self._counted
        return helpers + 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()

    def __del__(self) -> None:
        # Ctrl-C may come as the context begins or ends, and then nobody has left it.
        self._release()

    def _release(self) -> None:
        with _count.lock:
            _count.busy -= self._counted
            self._counted = 0


def _threads_of_process() -> int:
    limits = [_processors(), _quota(ROOT), *map(_limit_in, VARIABLES)]
    return max(1, min(one for one in limits if one is not None))


def _processors() -> int:
    """The number of processors that the process is bound to."""
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1  # PYTHON_CPU_COUNT may have set it
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _limit_in(variable: str) -> int | None:
    """The number in an environment variable, the first of a list; None where there is none."""
    first = os.environ.get(variable, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


@cache
def _quota(root: str) -> int | None:
    """The processor time that a container may take, in processors, rounded up; None: no limit.

    Control groups of both versions have it, in the folder of the process or in one above it.
    """
    lines = (_text(os.path.join(root, "proc/self/cgroup")) or "").splitlines()
    found = []
    for _, controllers, group in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers == "":
            found += _shares(os.path.join(root, "sys/fs/cgroup"), group, ("cpu.max",))
        elif "cpu" in controllers.split(","):
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            found += _shares(os.path.join(root, "sys/fs/cgroup/cpu"), group, names)
    return min(found, default=None)


def _text(file: str) -> str | None:
    """What stands in a file; None where there is none, as on other systems than Linux."""
    try:
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return None


def _shares(top: str, group: str, names: tuple[str, ...]) -> list[int]:
    """The limits in the files of a control group and of those above it.

    A group may have none, or stand outside of what its container sees.
    """
    folders, found = [top], []
    for part in filter(None, group.split("/")):
        folders.append(os.path.join(folders[-1], part))
    for folder in folders:
        words = " ".join(_text(os.path.join(folder, name)) or "" for name in names).split()
        if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]) > 0:
            found.append(max(1, -(-int(words[0]) // int(words[1]))))
    return found
