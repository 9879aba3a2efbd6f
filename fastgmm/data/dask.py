"""Partitions on the workers of a dask cluster: one task per worker and pass, and only sums travel.

A worker that dies costs time only.  The mixture is an argument of each task, which dask runs again
elsewhere, and partitions that were lost are made again from what they were made of.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastgmm.data.partitions import Joined, Nodes, OfPartition, Result, Rows, folded
from fastgmm.errors import ClusterError
from fastgmm.tables.frames import is_class
from fastgmm.threads import at_most
from fastgmm.version import __version__

FEWEST_TO_MERGE = 8
"""The results of more workers than this are joined on workers first, so many at a time."""
Check = Callable[[int, Any, Any], Rows]
"""A function check(number, partition, weight) that returns checked rows and weights."""


def client_of(client: Any = None) -> Any:
    """The client given, or the current one; None where there is none.

    Raises
    ------
    TypeError
        When what was given is no client.
    ClusterError
        When a worker lacks this package: a task that it cannot read would end it, and each after
        it, and the fit would wait for ever.
    """
    if client is None:
        client = _current_client()
    elif not is_class(client, "distributed", "Client"):
        raise TypeError(
            f"client must be a dask.distributed.Client, got {type(client).__name__}: make one of "
            "the scheduler's address."
        )
    elif client.asynchronous:
        raise TypeError("client must not be asynchronous: make it with asynchronous=False.")
    if client is not None:
        _check_workers(client)
    return client


def _current_client() -> Any:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None  # there can be no client of a package that was never imported
    try:
        return distributed.default_client()
    except ValueError:
        return None


def _check_workers(client: Any) -> None:
    """Raise ClusterError unless all workers have this version of the package."""

    def version() -> str:  # an inner function travels whole, whatever a worker can import
        from fastgmm.version import __version__ as theirs

        return theirs

    with told():
        found = client.run(version, on_error="return")
    for address, one in sorted(found.items()):
        if one != __version__:
            has = f"cannot import fastgmm ({one})" if isinstance(one, Exception) else f"has {one}"
            raise ClusterError(
                f"the worker {address} {has}, and this process has fastgmm {__version__}: install "
                "that version on all workers."
            )


def delayed_parts(X: Any, sample_weight: Any) -> list[tuple[Any, Any]]:
    """The partitions of X and those of its weights, as delayed objects."""
    parts = _delayed(X)
    if sample_weight is None:
        return [(part, None) for part in parts]
    return list(zip(parts, _weights(X, len(parts), sample_weight), strict=True))


def _delayed(X: Any) -> list[Any]:
    if not is_class(X, "dask", "Array"):
        return list(X.to_delayed())
    whole = X if X.numblocks[1] == 1 else X.rechunk({1: -1})
    return list(whole.to_delayed().ravel())


def _weights(X: Any, n_parts: int, sample_weight: Any) -> list[Any]:
    """The weights of each partition of X: delayed objects or arrays."""
    if is_class(sample_weight, "dask", "Array") or is_class(sample_weight, "dask", "Series"):
        of_array = is_class(X, "dask", "Array") and is_class(sample_weight, "dask", "Array")
        if of_array and sample_weight.ndim == 1 and sample_weight.chunks[0] != X.chunks[0]:
            known = not np.isnan(X.chunks[0]).any() and not np.isnan(sample_weight.chunks[0]).any()
            if known and sum(sample_weight.chunks[0]) == sum(X.chunks[0]):
                sample_weight = sample_weight.rechunk((X.chunks[0],))
        weights = list(np.ravel(sample_weight.to_delayed()))
        if len(weights) != n_parts:
            raise ValueError(
                f"sample_weight has {len(weights)} partitions, and X has {n_parts}: cut both in "
                "the same places."
            )
        return weights
    if is_class(X, "dask", "Array"):
        lengths = np.asarray(X.chunks[0], float)
    else:
        lengths = np.asarray(X.map_partitions(len).compute(), float)
    if np.isnan(lengths).any():
        raise ValueError(
            "sample_weight is in memory, and the chunks of X have unknown sizes: call "
            "X.compute_chunk_sizes() before, or pass the weights as a dask array."
        )
    weight = np.asarray(sample_weight)
    if weight.ndim != 1 or len(weight) != lengths.sum():
        raise ValueError(
            f"sample_weight.shape == {weight.shape}, expected ({int(lengths.sum())},)."
        )
    return np.split(weight, np.cumsum(lengths).astype(int)[:-1])


class DaskPartitions:
    """Partitions of an array or a frame of dask, checked and kept on the workers.

    Parameters
    ----------
    client : distributed.Client
    parts : list of pairs
        What `delayed_parts` returns.
    check : callable
        It is sent to each partition once, and what it returns stays there.
    names : ndarray of shape (D,), optional
        The names of the features.
    """

    def __init__(
        self, client: Any, parts: list[tuple[Any, Any]], check: Check, names: np.ndarray | None
    ) -> None:
        from dask import delayed

        if not parts:
            raise ValueError("X has no partitions: pass at least one row.")
        self.names, self._client, self._n = names, client, len(parts)
        checked = delayed(check, pure=False)
        self._futures = client.compute(
            [checked(number, part, weight) for number, (part, weight) in enumerate(parts)]
        )
        self._wait()

    def _wait(self) -> None:
        from distributed import wait

        with told():
            wait(self._futures)
            for future in self._futures:
                if future.status != "finished":
                    future.result()

    def fold(self, function: OfPartition[Result], joined: Joined) -> Result:
        """What `function` makes of each partition where that lies, joined along the tree."""
        from dask import annotate, delayed

        # All tasks are one graph: the scheduler takes some 6 ms for each, however small it is.
        fold_here, merge = delayed(_on_worker, pure=False), delayed(_merged, pure=False)
        results = []
        with told():
            for address, numbers in self._by_worker():
                parts = [self._futures[i] for i in numbers]
                place = {"workers": [address], "allow_other_workers": True} if address else {}
                with annotate(**place):
                    results.append(fold_here(function, joined, self._n, numbers, parts))
            while len(results) > FEWEST_TO_MERGE:
                results = [
                    merge(joined, self._n, results[begin : begin + FEWEST_TO_MERGE])
                    for begin in range(0, len(results), FEWEST_TO_MERGE)
                ]
            found = self._client.gather(self._client.compute(results, optimize_graph=False))
            nodes = _merged(joined, self._n, found)
        (result,) = nodes.values()
        whole: Result = result
        return whole

    def _by_worker(self) -> list[tuple[str, list[int]]]:
        """The numbers of the partitions by the worker that has them, which is asked each time."""
        has = self._client.who_has(self._futures)
        of_worker: dict[str, list[int]] = defaultdict(list)
        for number, future in enumerate(self._futures):
            # One that is lost is made again, and any worker may do that.
            of_worker[min(has.get(future.key, ()), default="")].append(number)
        return sorted(of_worker.items())


def _on_worker(
    function: OfPartition[Any], joined: Joined, n: int, numbers: list[int], parts: list[Rows]
) -> Nodes:
    """The nodes of the tree that these partitions of one worker give."""
    from distributed import get_worker

    nodes: Nodes = {}
    with at_most(get_worker().state.nthreads):
        for number, (rows, weight) in zip(numbers, parts, strict=True):
            nodes[0, number] = function(number, rows, weight)
            nodes = folded(nodes, n, joined)
    return nodes


def _merged(joined: Joined, n: int, several: list[Nodes]) -> Nodes:
    """The nodes of several workers, joined as far as neighbours are there."""
    nodes: Nodes = {}
    for one in several:
        nodes.update(one)
    return folded(nodes, n, joined)


@contextmanager
def told() -> Generator[None]:
    """Tell errors of the cluster in one sentence; those of the rows are raised as they are."""
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker, NoValidWorkerError

    try:
        yield
    except (CancelledError, CommClosedError, KilledWorker, NoValidWorkerError, TimeoutError) as one:
        raise ClusterError(
            f"the cluster has lost the rows or its scheduler ({type(one).__name__}: {one}): check "
            "its workers, make the collection again, and fit it again."
        ) from one
