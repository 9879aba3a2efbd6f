"""Arrays and frames of dask: rows that lie on a cluster, as data and as scores that wait."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fastgmm.data import dask
from fastgmm.data.partitions import PartitionData, Weighed
from fastgmm.estimators.given import labels_on_cluster_error
from fastgmm.tables.containers import is_spread
from fastgmm.tables.frames import is_class
from fastgmm.threads import at_most
from fastgmm.validation import as_rows, as_table, check_feature_names, feature_names_of
from fastgmm.validation.partitions import checked_partition

_SHAPES = {"score_samples": (), "predict": (), "predict_proba": (0,), "component_log_density": (0,)}
"""The methods that score each row alone; 0 stands for the number of components."""


class Asked(NamedTuple):
    """What a method asks of the rows that it is given.

    Parameters
    ----------
    method : str
        Its name, for the messages.
    n_threads : int, optional
        For each worker; None: all that it has.
    gaps : bool
        Whether NaN is a value that is missing.
    n_features : int, optional
        The number of columns of a fit before; None: there is none, and any number is good.
    names : ndarray of shape (D,), optional
        The names of the columns of that fit.
    """

    method: str
    n_threads: int | None = None
    gaps: bool = False
    n_features: int | None = None
    names: np.ndarray | None = None


def spread_data(X: Any, sample_weight: Any, client: Any, asked: Asked) -> PartitionData | None:
    """The rows of an array or a frame of dask, checked where they lie.

    None where there is no client: they are rows as others then.
    """
    client = _client_for(X, client)
    if client is None:
        return None
    names = _checked_names(X, asked.names, asked.n_features)
    _check_columns(X, asked.n_features, asked.method)
    check = partial(checked_partition, asked.method, asked.gaps, asked.n_features)
    partitions = dask.DaskPartitions(client, dask.delayed_parts(X, sample_weight), check, names)
    return PartitionData(partitions, asked.n_threads, asked.gaps)


def counting_rows(data: PartitionData) -> PartitionData:
    """The same data with weights that count rows: those of less than one on average are raised."""
    extent = data.extent
    factor = max(1.0, extent.n_counted / extent.weight)
    if factor == 1.0:
        return data
    weighed = Weighed(data.partitions, factor)
    return PartitionData(weighed, data.n_threads, data.gapped)


def _client_for(X: Any, client: Any) -> Any:
    """The client given, or the current one if X is a collection of dask; else None."""
    if is_spread(X):
        return dask.client_of(client)
    if client is not None:
        raise TypeError(
            f"client is for arrays and frames of dask, got X of {type(X).__name__}: leave it out, "
            "or make X a collection of dask."
        )
    return None


def _checked_names(X: Any, names: np.ndarray | None, n_features: int | None) -> np.ndarray | None:
    """The names of the columns of X, which must be those of the fit where there was one."""
    described = None if is_class(X, "dask", "Array") else as_table(X._meta)
    if n_features is not None:
        check_feature_names(np.empty((0, 1)) if described is None else described, names)
    return None if described is None else feature_names_of(described)


def scores(model: Any, method: str, X: Any, out: np.ndarray | None) -> Any:
    """What a method says of each row of an array or a frame of dask: an array of dask.

    Nothing is computed before it is asked for; then each partition is scored where it lies, on the
    thread of its task.
    """
    from dask import array, delayed

    if out is not None:
        raise TypeError(f"{method} of a dask collection is computed later: leave out= out.")
    mixture, names = model._fitted()
    model._threads()
    _checked_names(X, names, mixture.n_features)
    _check_columns(X, mixture.n_features, method)
    scorer = model if not hasattr(model, "snapshot") else model.snapshot()
    dtype = np.dtype(np.int64) if method == "predict" else _dtype_of(X)
    columns = tuple(mixture.n_components for _ in _SHAPES[method])
    of_part = partial(_scored, scorer, method, (0, *columns), dtype)
    if is_class(X, "dask", "Array"):
        whole = X if X.numblocks[1] == 1 else X.rechunk({1: -1})
        chunks = (whole.chunks[0], *((k,) for k in columns))
        axes = None if columns else 1
        meta = np.empty((0, *columns), dtype)
        return whole.map_blocks(of_part, dtype=dtype, chunks=chunks, drop_axis=axes, meta=meta)
    made = delayed(of_part, pure=False)
    return array.concatenate(
        [
            array.from_delayed(made(part), (np.nan, *columns), dtype=dtype)
            for part in X.to_delayed()
        ],
        allow_unknown_chunksizes=True,
    )


def _check_columns(X: Any, n_features: int | None, method: str) -> None:
    """Raise what a row of these columns would, before any work is sent away."""
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D dask array instead: rows lie along its first axis."
        )
    if n_features is not None and X.shape[1] != n_features:
        as_rows(np.zeros((1, X.shape[1])), n_features=n_features, method=method)


def _dtype_of(X: Any) -> np.dtype:
    """The dtype of scores of these rows: float32 of float32 alone."""
    kinds = {np.dtype(X.dtype)} if is_class(X, "dask", "Array") else set(X.dtypes)
    return np.dtype(np.float32 if kinds == {np.dtype(np.float32)} else np.float64)


def _scored(
    scorer: Any, method: str, empty: tuple[int, ...], dtype: np.dtype, part: Any
) -> np.ndarray:
    """The scores of one partition; dask runs as many of these as it has threads."""
    if len(part) == 0:
        return np.empty(empty, dtype)
    with at_most(1):
        scored: np.ndarray = getattr(scorer, method)(part)
    return scored.astype(dtype, copy=False)


def learned(model: Any, X: Any, sample_weight: Any, client: Any, labels: Any = None) -> Any:
    """The model after `partial_fit` of one partition after the other, where those lie.

    None where there is no client.
    """
    from dask import delayed

    client = _client_for(X, client)
    if client is None:
        return None
    if labels is not None:
        raise labels_on_cluster_error()
    one = delayed(_learned, pure=False)
    for part, weight in dask.delayed_parts(X, sample_weight):
        model = one(model, part, weight)
    with dask.told():
        return client.compute(model).result()


def _learned(model: Any, part: Any, weight: Any) -> Any:
    return model.partial_fit(part, sample_weight=weight)
