"""Every kind of array and frame gives the numbers of the plain array, and none is changed.

What is refused stands in test_refused_kinds.py. Packages that the tests do not need are used where
they are installed.
"""

import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import dataset

import fastgmm
from containers import Sliceable, WithArray, WithArrowStream, WithDlpack, WithInterface
from fastgmm import GaussianMixture, sources
from fastgmm.errors import ConvergenceWarning
from fastgmm.sources import Table
from support import complete_start

N_SAMPLES, N_FEATURES, N_COMPONENTS = 60, 3, 2
SCORING = (
    *("predict", "predict_proba", "score", "score_samples", "component_log_density"),
    *("aic", "bic", "icl"),
)
FITTED = (
    *("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"),
    *("converged_", "n_iter_", "lower_bound_", "lower_bounds_"),
    "n_features_in_",
)


def fitted(X: Any, rows: np.ndarray, **keywords: Any) -> GaussianMixture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(**complete_start(rows)).fit(X, **keywords)


def assert_same(left: Any, right: Any) -> None:
    """Compare two values, or two dictionaries of them, to the last bit."""
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for name, value in left.items():
            assert_same(value, right[name])
    else:
        assert np.asarray(left).dtype == np.asarray(right).dtype
        np.testing.assert_array_equal(left, right)


def misaligned(array: np.ndarray) -> np.ndarray:
    view = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def with_names(array: np.ndarray) -> dict[str, np.ndarray]:
    return {f"x{i}": column.copy() for i, column in enumerate(array.T)}


def read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def table_of(array: np.ndarray) -> pa.Table:
    return pa.table(with_names(array))


def imported(name: str) -> Any:
    return pytest.importorskip(name)


def in_hdf5(array: np.ndarray) -> Any:
    file = imported("h5py").File("memory", "w", driver="core", backing_store=False)
    return file.create_dataset("rows", data=array)


def in_duckdb(array: np.ndarray) -> Any:
    connection = imported("duckdb").connect()
    connection.register("rows", table_of(array))
    return connection.sql("select * from rows")


FLOAT_KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "writeable": np.ndarray.copy,
    "read-only": read_only,
    "strided": lambda a: np.repeat(a, 3, axis=0)[::3],
    "columns of more": lambda a: np.hstack([a, a])[:, : a.shape[1]],
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "Fortran": np.asfortranarray,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "misaligned": misaligned,
    "subclass": lambda a: a.view(np.recarray),
    "pandas": lambda a: pd.DataFrame(with_names(a)),
    "pandas, transposed": lambda a: pd.DataFrame(a.T.copy()).T,
    "pandas, nullable": lambda a: pd.DataFrame(with_names(a)).convert_dtypes(),
    "polars": lambda a: pl.DataFrame(with_names(a)),
    "polars, lazy": lambda a: pl.LazyFrame(with_names(a)),
    "pandas, of Arrow": lambda a: pd.DataFrame(with_names(a)).astype(
        "float[pyarrow]" if a.itemsize == 4 else "double[pyarrow]"
    ),
    "pandas, one name": lambda a: pd.DataFrame(a, columns=["x"] * a.shape[1]),
    "pandas, pairs of names": lambda a: pd.DataFrame(
        a, columns=pd.MultiIndex.from_tuples([("x", i) for i in range(a.shape[1])])
    ),
    "pyarrow": table_of,
    "record batch": lambda a: pa.record_batch(with_names(a)),
    "dataset": lambda a: dataset.dataset(table_of(a)),
    "Arrow stream": lambda a: WithArrowStream(table_of(a)),
    "sources.Table": lambda a: Table(a, tuple(with_names(a))),
    "memory view": lambda a: memoryview(a.copy()),
    "__array__": WithArray,
    "__array_interface__": WithInterface,
    "__dlpack__": lambda a: WithDlpack(a.copy()),
    "slices": Sliceable,
    "masked type": np.ma.masked_array,
    "narwhals": lambda a: imported("narwhals").from_native(pl.DataFrame(with_names(a))),
    "narwhals, lazy": lambda a: imported("narwhals").from_native(pl.LazyFrame(with_names(a))),
    "DuckDB": in_duckdb,
    "torch": lambda a: imported("torch").tensor(a),
    "h5py": in_hdf5,
    "zarr": lambda a: imported("zarr").array(a),
    "dask": lambda a: imported("dask.array").from_array(a, chunks=(7, 2)),
    "dask frame": lambda a: imported("dask.dataframe").from_pandas(
        pd.DataFrame(with_names(a)), npartitions=3
    ),
    "xarray": lambda a: imported("xarray").DataArray(a),
    "xarray, set": lambda a: imported("xarray").Dataset(
        {name: ("n", column) for name, column in with_names(a).items()}
    ),
}
DOUBLE_KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": np.ndarray.tolist,
    "tuple of tuples": lambda a: tuple(map(tuple, a.tolist())),
    "objects": lambda a: a.astype(object),
    "frame of objects": lambda a: pd.DataFrame(with_names(a)).astype(object),
    "long double": lambda a: a.astype(np.longdouble),
    "pandas, categories": lambda a: pd.DataFrame(with_names(a)).astype("category"),
    "pandas, partly sparse": lambda a: pd.DataFrame(with_names(a)).astype(
        {"x0": pd.SparseDtype(float)}
    ),
    "pyarrow, dictionaries": lambda a: pa.table(
        {name: pa.array(x).dictionary_encode() for name, x in with_names(a).items()}
    ),
    "mixed frame": lambda a: pd.DataFrame(with_names(a)).astype({"x0": "Float64", "x1": object}),
}
INTEGER_KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    **{name: lambda a, name=name: a.astype(name) for name in ("int8", "int32", "int64", "uint16")},
    "float16": lambda a: a.astype(np.float16),
    "list of int": lambda a: a.astype(int).tolist(),
    "pandas Int64": lambda a: pd.DataFrame(a).astype("Int64"),
    "pandas decimals": lambda a: pd.DataFrame(a.astype(int)).map(Decimal),
    "polars of int": lambda a: pl.DataFrame(a.astype(int)),
    "polars decimals": lambda a: pl.DataFrame(a).cast(pl.Decimal(10, 2)),
    "pyarrow decimals": lambda a: table_of(a).cast(
        pa.schema([(f"x{i}", pa.decimal128(10, 2)) for i in range(a.shape[1])])
    ),
    "list of Decimal": lambda a: [list(map(Decimal, row)) for row in a.tolist()],
}
BOOLEAN_KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "bool": lambda a: a.astype(bool),
    "list of bool": lambda a: a.astype(bool).tolist(),
    "pandas": lambda a: pd.DataFrame(a.astype(bool)),
    "pandas, nullable": lambda a: pd.DataFrame(a.astype(bool)).astype("boolean"),
    "pandas, beside int": lambda a: pd.DataFrame(with_names(a)).astype({"x0": bool, "x1": int}),
    "polars": lambda a: pl.DataFrame(a.astype(bool)),
    "pyarrow": lambda a: pa.table(with_names(a.astype(bool))),
}


def outcome(X: Any, rows: np.ndarray) -> dict[str, Any]:
    """Return all numbers that a fit and the scores of the same rows give."""
    model = fitted(X, rows)
    statistics = model.e_step(X)
    numbers = {name: getattr(model, name) for name in FITTED}
    for name in SCORING:
        numbers[name] = getattr(model, name)(X)
    for name in ("component_weight", "log_likelihood", "n_samples", "weight"):
        numbers[name] = getattr(statistics, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        numbers["fit_predict"] = GaussianMixture(**complete_start(rows)).fit_predict(X)
        batched = GaussianMixture(**complete_start(rows)).fit_batches([X])
        numbers["fit_batches"] = batched.means_
        learned = GaussianMixture(**complete_start(rows)).partial_fit(X).partial_fit(X)
        numbers["partial_fit"] = learned.n_samples_seen_
        chosen = fastgmm.select(X, [1], covariance_types="diag", random_state=0)
        numbers["select"] = chosen.model.means_
    numbers["snapshot"] = model.snapshot().score_samples(X)
    numbers["compress"] = fastgmm.compress(X)[0]
    numbers["batches"] = np.concatenate(list(sources.batches(X, dtype=rows.dtype)))
    return numbers


def assert_same_numbers(given: Any, plain: np.ndarray) -> None:
    before = given.copy() if isinstance(given, np.ndarray | pd.DataFrame) else given
    assert_same(outcome(given, plain), outcome(plain, plain))
    if isinstance(given, np.ndarray | pd.DataFrame):
        np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", FLOAT_KINDS)
def test_float_kinds_give_the_same_numbers(kind: str, dtype: type, rows: np.ndarray) -> None:
    plain = rows.astype(dtype)
    assert_same_numbers(FLOAT_KINDS[kind](plain), plain)
    assert fitted(FLOAT_KINDS[kind](plain), plain).means_.dtype == dtype


@pytest.mark.parametrize("kind", DOUBLE_KINDS)
def test_float64_kinds_give_the_same_numbers(kind: str, rows: np.ndarray) -> None:
    assert_same_numbers(DOUBLE_KINDS[kind](rows), rows)


@pytest.mark.parametrize("kind", INTEGER_KINDS)
def test_integers_give_the_numbers_of_float64(kind: str, rows: np.ndarray) -> None:
    whole = np.abs(np.rint(4.0 * rows))
    assert_same_numbers(INTEGER_KINDS[kind](whole), whole)


@pytest.mark.parametrize("kind", BOOLEAN_KINDS)
def test_booleans_give_the_numbers_of_0_and_1(kind: str, rows: np.ndarray) -> None:
    plain = (rows > rows.mean(axis=0)).astype(float)
    assert_same_numbers(BOOLEAN_KINDS[kind](plain), plain)


NAMED = ("pandas", "polars", "pyarrow", "record batch", "dataset", "Arrow stream", "sources.Table")


@pytest.mark.parametrize("kind", [*NAMED, "narwhals", "dask frame"])
def test_names_are_those_of_the_frame(kind: str, rows: np.ndarray) -> None:
    names = list(with_names(rows))
    given = FLOAT_KINDS[kind](rows)
    read = sources.batches(given)
    for model in (
        fitted(given, rows),
        GaussianMixture(1).partial_fit(given),
        GaussianMixture(1).fit_batches([given]),
        fastgmm.select(given, [1], covariance_types="diag").model,
    ):
        assert model.feature_names_in_.tolist() == names
        other = pd.DataFrame(rows, columns=names[::-1])
        for call in (model.predict, model.e_step, model.partial_fit):
            with pytest.raises(
                ValueError, match="feature names should match those that were passed"
            ):
                call(other)
    assert len(list(read)) > 0
    assert list(read.columns) == names


def test_sample_weight_kinds_give_the_same_numbers(rows: np.ndarray) -> None:
    weights = np.random.default_rng(0).integers(1, 5, N_SAMPLES)
    expected = fitted(rows, rows, sample_weight=weights.astype(float))
    for given in (
        *(weights, weights.tolist(), np.repeat(weights, 2)[::2], memoryview(weights)),
        *(pd.Series(weights), pd.Series(weights, dtype="Int64"), pl.Series(weights)),
        *(pa.array(weights), pa.chunked_array([weights]), np.ma.masked_array(weights)),
    ):
        model = fitted(rows, rows, sample_weight=given)
        np.testing.assert_array_equal(model.covariances_, expected.covariances_)
    once, thrice = (fitted(rows, rows).e_step(rows, sample_weight=w) for w in (None, 3))
    np.testing.assert_allclose(thrice.component_weight, 3.0 * once.component_weight, rtol=1e-14)


def test_initial_parameters_are_not_changed(rows: np.ndarray) -> None:
    given = {
        name: np.array(value)
        for name, value in complete_start(rows).items()
        if name in ("weights_init", "means_init", "precisions_init")
    }
    before = {name: value.copy() for name, value in given.items()}
    model = GaussianMixture(N_COMPONENTS, max_iter=3, tol=0.0, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows)
    assert_same(given, before)
    assert all(model.get_params()[name] is value for name, value in given.items())
