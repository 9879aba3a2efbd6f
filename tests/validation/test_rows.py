"""Rows: every message, scikit-learn beside for its type and opening words, every container."""

import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import sklearn.mixture
from sklearn import config_context

from fastgmm import validation
from fastgmm.validation.rows import SERIAL_NUMBERS, as_rows
from support import error_of

ROWS = np.random.default_rng(5).normal(size=(12, 2))
WITH_NAN = np.where(np.arange(24).reshape(12, 2) == 7, np.nan, ROWS)
WITH_INF = np.where(np.arange(24).reshape(12, 2) == 6, -np.inf, ROWS)


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


# What is given -> how scikit-learn's error opens in fit, and in the scoring methods: the same, if
# nothing is said; scikit-learn's own scores have other words for text, dicts and nested lists.
BAD_ROWS: dict[str, tuple[Any, str, str]] = {
    "NaN": (WITH_NAN, "Input X contains NaN.", ""),
    "NaN float32": (WITH_NAN.astype(np.float32), "Input X contains NaN.", ""),
    "NaN and inf": (np.where(ROWS > 1, np.inf, WITH_NAN), "Input X contains NaN.", ""),
    "inf": (
        WITH_INF,
        "Input X contains infinity or a value too large for dtype('float64').",
        "",
    ),
    "inf float32": (
        WITH_INF.astype(np.float32),
        "Input X contains infinity or a value too large for dtype('float32').",
        "",
    ),
    "None inside": (np.array([[None, 1.0], [2.0, 3.0]]), "Input X contains NaN.", ""),
    "1-D": (ROWS[:, 0], "Expected 2D array, got 1D array instead:", ""),
    "empty list": ([], "Expected 2D array, got 1D array instead:", ""),
    "scalar": (3.0, "Expected 2D array, got scalar array instead:", ""),
    "None": (None, "Expected 2D array, got scalar array instead:", ""),
    "3-D": (ROWS[None], "Found array with dim 3, while dim <= 2 is required by Gauss", ""),
    "4-D": (ROWS[None, None], "Found array with dim 4, while dim <= 2 is required by Gauss", ""),
    "series": (pd.Series(ROWS[:, 0]), "Expected a 2-dimensional container but got <class", ""),
    "polars series": (pl.Series(ROWS[:, 0]), "Expected 2D array, got 1D array instead:", ""),
    "0 rows": (
        np.empty((0, 2)),
        "Found array with 0 sample(s) (shape=(0, 2)) while a minimum of 2 is required by Gauss",
        "Found array with 0 sample(s) (shape=(0, 2)) while a minimum of 1 is required by Gauss",
    ),
    "0 columns": (
        np.empty((5, 0)),
        "Found array with 0 feature(s) (shape=(5, 0)) while a minimum of 1 is required by Gauss",
        "",
    ),
    "1 row": (
        ROWS[:1],
        "Found array with 1 sample(s) (shape=(1, 2)) while a minimum of 2 is required by Gauss",
        "accepted",
    ),
    "1 row of 0 columns": (
        [[]],
        "Found array with 1 sample(s) (shape=(1, 0)) while a minimum of 2 is required by Gauss",
        "Found array with 0 feature(s) (shape=(1, 0)) while a minimum of 1 is required by Gauss",
    ),
    "1 row of NaN": (WITH_NAN[3:4], "Input X contains NaN.", ""),
    "text": ([["a", "b"], ["c", "d"]], "could not convert string to float: ", ""),
    "text array": (np.array([["a", "b"]] * 3), "could not convert string to float: ", ""),
    "text objects": (
        np.array([["a", 1.0]] * 3, dtype=object),
        "could not convert string to float: ",
        "",
    ),
    "text in a frame": (
        frame(a=["x", "y"], b=[1, 2]),
        "could not convert string to float: ",
        "",
    ),
    "one string": (
        "abc",
        "could not convert string to float: ",
        "",
    ),
    "dict": (
        {"a": [1, 2]},
        "float() argument must be a string or a real number, not 'dict'",
        "",
    ),
    "object": (
        object(),
        "float() argument must be a string or a real number, not 'object'",
        "",
    ),
    "NA": (frame(a=[1, 2, None], b=[1, 2, 7]).astype("Int64"), "Input X contains NaN.", ""),
    "NA of Arrow": (
        frame(a=[1, 2, None], b=[1, 2, 7]).astype("double[pyarrow]"),
        "Input X contains NaN.",
        "",
    ),
    "null": (pl.DataFrame({"a": [1, 2, None], "b": [1, 2, 7]}), "Input X contains NaN.", ""),
    "null of pyarrow": (pa.table({"a": [1, 2, None], "b": [1, 2, 7]}), "Input X contains NaN.", ""),
    "complex": (ROWS + 0j, "Complex data not supported", ""),
    "complex frame": (frame(a=[1j, 2, 3], b=[1, 2, 7]), "Complex data not supported", ""),
    "ragged": ([[1, 2], [3]], "setting an array element with a sequence.", ""),
    "nested": (pl.DataFrame({"a": [[1, 2], [3, 4]]}), "setting an array element with a se", ""),
    "sparse": (
        scipy.sparse.csr_array(ROWS),
        "Sparse data was passed for X, but dense data is required",
        "",
    ),
    "sparse frame": (
        frame(a=pd.arrays.SparseArray([0, 1, 3]), b=pd.arrays.SparseArray([0, 2, 7])),
        "Sparse data was passed for X, but dense data is required",
        "",
    ),
    "matrix": (np.asmatrix(ROWS), "np.matrix is not supported", ""),
    "structured": (
        np.array([(1.0, 2.0)] * 3, dtype=[("a", float), ("b", float)])[:, None],
        "Cannot cast array data from dtype([",
        "",
    ),
    "dates in a frame": (frame(a=pd.to_datetime(["2001-01-01"] * 3), b=[1, 2, 7.0]), "any", "any"),
}


@pytest.fixture(scope="module")
def peer() -> sklearn.mixture.GaussianMixture:
    return sklearn.mixture.GaussianMixture().fit(ROWS)


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("scoring", [False, True], ids=["fit", "score"])
@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows(name: str, scoring: bool, peer: sklearn.mixture.GaussianMixture) -> None:
    X, opening, scoring_opening = BAD_ROWS[name]
    if scoring:
        opening = scoring_opening or opening
        theirs = peer.score_samples if BAD_ROWS[name][2] else sklearn.mixture.GaussianMixture().fit
        ours = {"n_features": 2, "method": "score_samples"}
    else:
        ours, theirs = {"min_rows": 2, "method": "fit"}, sklearn.mixture.GaussianMixture().fit
    if opening == "accepted":
        theirs(X)
        assert validation.as_rows(X, **ours).dtype == np.float64
        return
    error, expected = error_of(validation.as_rows, X, **ours), error_of(theirs, X)
    # NumPy's own subclasses of TypeError are its private business.
    kind = next(c for c in type(expected).__mro__ if c.__module__ == "builtins")
    assert type(error) is kind
    if opening != "any":
        assert str(expected).startswith(opening)
        assert str(error).startswith(opening)


def test_place_of_the_first_bad_value() -> None:
    assert "X[3, 1]" in str(error_of(validation.as_rows, WITH_NAN))
    assert "X[3, 0]" in str(error_of(validation.as_rows, WITH_INF))
    assert "X[3, 1]" in str(error_of(validation.as_rows, np.where(ROWS > 1, np.inf, WITH_NAN)))


@pytest.mark.parametrize("n_columns", [1, 3])
def test_wrong_number_of_columns(n_columns: int, peer: sklearn.mixture.GaussianMixture) -> None:
    X = np.ones((4, n_columns))
    opening = f"X has {n_columns} features, but GaussianMixture is expecting 2 features as input"
    for error in (error_of(peer.predict, X), error_of(validation.as_rows, X, n_features=2)):
        assert type(error) is ValueError
        assert str(error).startswith(opening)


@pytest.mark.parametrize(
    "X",
    [
        np.array([["2001-01-01", "2002-02-02"]] * 3, dtype="datetime64[D]"),
        np.array([[1, 2]] * 3, dtype="timedelta64[s]"),
        frame(a=pd.to_timedelta([1, 2, 3], unit="s")),
    ],
    ids=["dates", "spans", "frame"],
)
def test_dates_are_no_numbers(X: Any) -> None:
    for keywords in ({}, {"n_features": 2}):
        error = error_of(validation.as_rows, X, **keywords)
        assert type(error) is TypeError
        assert "dates and time spans have no unit" in str(error)


def test_long_doubles_beyond_float64_are_infinite() -> None:
    huge = np.array([[np.longdouble("1e4000"), 1.0]])
    error = error_of(validation.as_rows, huge)
    assert str(error).startswith("Input X contains infinity or a value too large for dtype('float6")


@pytest.mark.parametrize("method", ["", "predict"])
def test_messages_name_the_method(method: str) -> None:
    caller = f"by GaussianMixture.{method}" if method else "by GaussianMixture"
    assert f"{caller}." in str(error_of(validation.as_rows, np.empty((0, 1)), method=method))
    assert f"{caller}:" in str(error_of(validation.as_rows, ROWS[None], method=method))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("writeable", [True, False])
def test_good_rows_pass_through(dtype: type, writeable: bool) -> None:
    rows = ROWS.astype(dtype)
    rows.flags.writeable = writeable
    assert validation.as_rows(rows) is rows
    assert validation.as_rows(rows, n_features=2, min_rows=12) is rows


def misaligned(array: np.ndarray) -> np.ndarray:
    buffer = np.zeros(array.nbytes + 1, dtype=np.uint8)
    view = buffer[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "columns of more": lambda a: np.c_[a, a][:, : a.shape[1]],
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": misaligned,
    "subclass": lambda a: a.view(np.ma.MaskedArray),
    "equal dtype": lambda a: a.view(np.dtype(a.dtype.str, metadata={"unit": "mm"})),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, dtype: type) -> None:
    plain = ROWS.astype(dtype)
    given = LAYOUTS[layout](plain)
    before = given.copy()
    rows = validation.as_rows(given)
    assert type(rows) is np.ndarray
    assert rows.dtype == dtype
    assert rows.dtype.isnative
    assert rows.flags.c_contiguous
    assert rows.flags.aligned
    np.testing.assert_array_equal(rows, plain)
    np.testing.assert_array_equal(given, before)


WHOLE = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
CONTAINERS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": np.ndarray.tolist,
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "rows in a list": list,
    "bool": lambda a: a.astype(bool),
    "int8": lambda a: a.astype(np.int8),
    "uint64": lambda a: a.astype(np.uint64),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "objects": lambda a: a.astype(object),
    "decimals": lambda a: [[Decimal(v) for v in row] for row in a.tolist()],
    "fractions": lambda a: [[Fraction(v) for v in row] for row in a.tolist()],
    "buffer": lambda a: memoryview(a.astype(float)),
    "pandas": pd.DataFrame,
    "pandas bool and int": lambda a: frame(a=a[:, 0].astype(bool), b=a[:, 1]),
    "pandas objects": lambda a: pd.DataFrame(a, dtype=object),
    "pandas nullable": lambda a: pd.DataFrame(a).astype("Int64"),
    "pandas nullable bool": lambda a: pd.DataFrame(a).astype("boolean"),
    "pandas Arrow": lambda a: pd.DataFrame(a).astype("int64[pyarrow]"),
    "pandas categories": lambda a: pd.DataFrame(a).astype("category"),
    "pandas partly sparse": lambda a: frame(a=pd.arrays.SparseArray(a[:, 0]), b=a[:, 1]),
    "polars": pl.DataFrame,
    "polars bool and int": lambda a: pl.DataFrame({"a": a[:, 0].astype(bool), "b": a[:, 1]}),
    "polars decimals": lambda a: pl.DataFrame(a).cast(pl.Decimal(10, 2)),
    "pyarrow": lambda a: pa.table({"a": a[:, 0], "b": a[:, 1]}),
    "pyarrow batch": lambda a: pa.record_batch({"a": a[:, 0], "b": a[:, 1]}),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(container: str) -> None:
    given = CONTAINERS[container](WHOLE)
    for keywords in ({"min_rows": 2}, {"n_features": 2}):
        rows = validation.as_rows(given, **keywords)
        assert rows.dtype == np.float64
        np.testing.assert_array_equal(rows, WHOLE)


@pytest.mark.parametrize(
    "make",
    [
        pd.DataFrame,
        lambda a: pd.DataFrame(a).astype("Float32"),
        lambda a: pd.DataFrame(a).astype("float32[pyarrow]"),
        pl.DataFrame,
        lambda a: pa.table({"a": a[:, 0], "b": a[:, 1]}),
    ],
    ids=["pandas", "nullable", "Arrow", "polars", "pyarrow"],
)
def test_float32_frames_stay_float32(make: Callable[[np.ndarray], Any]) -> None:
    rows = validation.as_rows(make(ROWS.astype(np.float32)))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, ROWS.astype(np.float32))


def test_mixed_frames_lose_nothing() -> None:
    exact = 2**53 - 1
    columns = {"a": np.array([0.5, 1.0], dtype=np.float32), "b": np.array([exact, 1])}
    for made in (pd.DataFrame(columns), pl.DataFrame(columns), pa.table(columns)):
        assert validation.as_rows(made).tolist() == [[0.5, exact], [1.0, 1.0]]


def test_what_is_masked_is_missing() -> None:
    masked = np.ma.masked_array(ROWS, mask=ROWS > 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        error = error_of(validation.as_rows, masked)
        rows = validation.as_rows(np.ma.masked_array(ROWS))
    first = "X[" + ", ".join(map(str, np.argwhere(ROWS > 1)[0])) + "]"
    assert str(error).startswith(f"Input X contains NaN. The first is {first}:")
    np.testing.assert_array_equal(rows, ROWS)


OURS = {
    "text that holds numbers": ([["1", "2"], ["3", "5"]], "could not convert string to float: '1'"),
    "NA objects": (
        frame(a=[1, pd.NA]).astype(object),
        "Input X contains NaN. The first is X[1, 0]",
    ),
    "complex list": ([[1j, 2], [3, 4]], "Complex data not supported. X: its type is complex128"),
    "rounded": (
        [[2**53 + 1, 1]],
        "X, column 0 holds the integer 9007199254740993, which float64 would round",
    ),
    "beyond float64": ([[10**400, 1]], "X, column 0 holds the integer of 1329 bits, which floa"),
}
"""Here scikit-learn takes what it should not, or has two sentences for one mistake."""


@pytest.mark.parametrize("name", OURS)
def test_one_sentence_of_our_own(name: str) -> None:
    X, words = OURS[name]
    for keywords in ({}, {"n_features": 2}):
        error = error_of(validation.as_rows, X, **keywords)
        assert type(error) is ValueError
        assert str(error).startswith(words)


def test_a_table_is_opened_once() -> None:
    reader = pa.table({"a": ROWS[:, 0], "b": ROWS[:, 1]}).to_reader()
    opened = validation.as_table(reader)
    assert validation.feature_names_of(opened).tolist() == ["a", "b"]
    np.testing.assert_array_equal(validation.as_rows(opened), ROWS)
    assert validation.as_table(ROWS) is ROWS
    assert "X.to_frame()" in str(error_of(validation.as_table, pd.Series(ROWS[:, 0])))


@pytest.mark.parametrize("n_rows", [5, SERIAL_NUMBERS])
def test_scikit_learn_may_have_been_told_that_all_numbers_are_finite(n_rows: int) -> None:
    X = np.ones((n_rows, 2))
    X[3, 1] = np.nan
    with config_context(assume_finite=True):
        assert as_rows(X, n_features=2) is X
        for of_a_fit in ({"min_rows": 2}, {"n_features": 2, "min_rows": 0}):
            with pytest.raises(ValueError, match=r"^Input X contains NaN\. The first is X\[3, 1\]"):
                as_rows(X, **of_a_fit)
    with pytest.raises(ValueError, match=r"^Input X contains NaN\. The first is X\[3, 1\]"):
        as_rows(X, n_features=2)


def test_what_is_assumed_to_be_finite_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgmm.validation.rows._all_finite", lambda rows, n_threads: 1 / 0)
    X = np.ones((SERIAL_NUMBERS, 2))
    with config_context(assume_finite=True):
        assert as_rows(X, n_features=2) is X
    with pytest.raises(ZeroDivisionError):
        as_rows(X, n_features=2)


def test_rows_with_gaps_are_counted_and_their_columns_named() -> None:
    rows = np.arange(24.0).reshape(4, 6)
    rows[1:3, 4] = np.nan
    error = error_of(validation.as_rows, rows)
    assert str(error) == (
        "Input X contains NaN. The first is X[1, 4]: drop or fill what is missing, or "
        "learn from the rest with GaussianMixture(missing='em'). 2 of 4 rows have gaps, in "
        "column 4."
    )
    columns = {name: column for name, column in zip("abcdef", rows.T, strict=True)}
    error = error_of(validation.as_rows, validation.as_table(frame(**columns)))
    assert str(error).endswith("2 of 4 rows have gaps, in column 'e'.")
    rows[0] = np.nan
    assert str(error_of(validation.as_rows, rows)).endswith("in columns 0, 1, 2, 3, 4, ...")
    rows[:] = 1.0
    rows[1, 1] = np.inf
    assert "gaps" not in str(error_of(validation.as_rows, rows))
