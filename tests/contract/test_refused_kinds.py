"""What is no table of numbers is refused by all calls with the same sentence.

A sentence may open with scikit-learn's words, call the data "X" or by what they are, and name the
columns to choose as the call takes them; the rest is the same.
"""

import array
import datetime
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

import fastgmm
from containers import WithDlpack
from fastgmm import GaussianMixture, sources
from fastgmm.errors import ConvergenceWarning
from support import error_of

ROWS = np.arange(24.0).reshape(8, 3) % 5
MODEL = GaussianMixture(1).fit(ROWS)
SCORES = (
    *("predict", "predict_proba", "score", "score_samples", "component_log_density", "e_step"),
    *("aic", "bic", "icl"),
)
CALLS: dict[str, Callable[[Any], Any]] = {
    "fit": lambda X: GaussianMixture(1).fit(X),
    "fit_predict": lambda X: GaussianMixture(1).fit_predict(X),
    "partial_fit": lambda X: GaussianMixture(1).partial_fit(X),
    "fit_batches": lambda X: GaussianMixture(1).fit_batches([X]),
    "compress": fastgmm.compress,
    "select": lambda X: fastgmm.select(X, [1]),
    "snapshot": lambda X: MODEL.snapshot().score_samples(X),
    **{name: getattr(MODEL, name) for name in SCORES},
}
DAY = datetime.date(2001, 1, 1)
TIMES = "dates and time spans have no unit"


def beside(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": ROWS[:, 0], "c": values, "b": ROWS[:, 1]})


def polars_beside(values: Any, dtype: Any = None) -> pl.DataFrame:
    return pl.DataFrame({"a": ROWS[:, 0], "c": pl.Series(values, dtype=dtype), "b": ROWS[:, 1]})


def arrow_beside(values: pa.Array) -> pa.Table:
    return pa.table({"a": ROWS[:, 0], "c": values, "b": ROWS[:, 1]})


TEXT = list("xyxyxyxy")
LARGE = np.arange(8) + 2**53
COLUMNS: dict[str, tuple[Any, str]] = {
    "pandas, text": (beside(TEXT), "not a number"),
    "pandas, categories of text": (beside(pd.Categorical(TEXT)), "its type is category of text"),
    "pandas, objects of text": (beside(TEXT).astype(object), "its type is object (str)"),
    "pandas, dates": (beside(pd.to_datetime([DAY] * 8)), TIMES),
    "pandas, dates of a zone": (beside(pd.to_datetime([DAY] * 8, utc=True)), TIMES),
    "pandas, spans": (beside(pd.to_timedelta(range(8), unit="s")), TIMES),
    "pandas, periods": (beside(pd.period_range("2001", periods=8, freq="D")), TIMES),
    "pandas, categories of dates": (beside(pd.Categorical(pd.to_datetime([DAY] * 8))), TIMES),
    "pandas, objects of dates": (beside(pd.Series([DAY] * 8, dtype=object)), TIMES),
    "pandas, dates of Arrow": (beside(pd.Series([DAY] * 8, dtype="date32[pyarrow]")), TIMES),
    "pandas, complex": (beside(ROWS[:, 0] + 1j), "the real part"),
    "pandas, large": (beside(LARGE), "holds the integer 9007199254740993"),
    "pandas, large, nullable": (
        beside(pd.Series(LARGE, dtype="Int64")),
        "holds the integer 9007199254740993",
    ),
    "polars, text": (polars_beside(TEXT), "its type is String, not a number"),
    "polars, categories": (polars_beside(TEXT, pl.Categorical), "its type is Categorical, not a"),
    "polars, dates": (polars_beside([DAY] * 8), TIMES),
    "polars, times": (polars_beside([datetime.datetime(2001, 1, 1)] * 8), TIMES),
    "polars, spans": (polars_beside([datetime.timedelta(1)] * 8), TIMES),
    "polars, lists": (polars_beside([[1, 2]] * 8), "its type is List, not a number"),
    "polars, large": (polars_beside(LARGE), "holds the integer 9007199254740993"),
    "pyarrow, text": (arrow_beside(pa.array(TEXT)), "its type is string, not a number"),
    "pyarrow, dates": (arrow_beside(pa.array([DAY] * 8)), TIMES),
    "pyarrow, times": (arrow_beside(pa.array(range(8), pa.timestamp("s"))), TIMES),
    "pyarrow, large": (arrow_beside(pa.array(LARGE)), "holds the integer 9007199254740993"),
}


def core(error: Exception) -> str:
    """Return a sentence without the words of scikit-learn, the subject and the choice."""
    sentence = re.sub(
        r"[Tt]he (array|Data[Fs]\w+|Table)|[Ii]tem 0 of the source|The source",
        "X",
        str(error),
    )
    sentence = re.sub(r"required by [\w.]+", "required", sentence)
    sentence = re.sub(
        r"^(could not convert|Complex data|setting an array|float\(\)).*?\. (?=X)", "", sentence
    )
    return re.sub(r"; (choose columns|no column).*", "", sentence)


def same_sentence(X: Any) -> str:
    """Call all calls, and return the sentence with which all of them refuse."""
    errors = {name: error_of(call, X) for name, call in CALLS.items()}
    assert len({type(error) for error in errors.values()}) == 1
    errors["batches"] = error_of(lambda: list(sources.batches(X)))
    errors["item"] = error_of(lambda: list(sources.batches(lambda: [X])))
    assert len({core(error) for error in errors.values()}) == 1, errors
    return str(errors["fit"])


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_named(name: str) -> None:
    X, words = COLUMNS[name]
    sentence = same_sentence(X)
    assert "column 'c'" in sentence
    assert words in sentence
    # The other columns can be chosen.
    chosen = np.concatenate(list(sources.batches(X, columns=["a", "b"])))
    np.testing.assert_array_equal(chosen, ROWS[:, :2])


def with_object(value: Any) -> np.ndarray:
    objects = ROWS.astype(object)
    objects[3, 1] = value
    return objects


TABLES: dict[str, tuple[Callable[[], Any], str]] = {
    "sparse matrix": (lambda: scipy.sparse.csr_matrix(ROWS), "Sparse data was passed for X, but"),
    "sparse array": (lambda: scipy.sparse.coo_array(ROWS), "Sparse data was passed for X, but"),
    "sparse frame": (
        lambda: pd.DataFrame(ROWS).astype(pd.SparseDtype(float)),
        "Sparse data was passed for X, but",
    ),
    "matrix": (lambda: np.asmatrix(ROWS), "np.matrix is not supported: convert X with"),
    "structured": (lambda: np.zeros(3, "f8,f8"), "X is a structured array: pass numpy.lib.recf"),
    "dict": (lambda: {"a": [1.0]}, "X is a dict: pass a frame of its columns, or rows."),
    "dates": (lambda: ROWS.astype("M8[s]"), TIMES),
    "spans": (lambda: ROWS.astype("m8[s]"), TIMES),
    "objects of dates": (lambda: with_object(DAY), "X, column 1: its type is date, not a number"),
    "objects of spans": (lambda: with_object(np.timedelta64(1, "s")), TIMES),
    "lists of dates": (lambda: with_object(datetime.datetime(2001, 1, 1)).tolist(), TIMES),
    "complex": (lambda: ROWS + 1j, "Complex data not supported. X: its type is complex128"),
    "lists of complex": (lambda: (ROWS + 1j).tolist(), "Complex data not supported. X: its type"),
    "text": (lambda: ROWS.astype(str), "could not convert string to float: '0.0'. X: its values"),
    "lists of text": (lambda: ROWS.astype(str).tolist(), "could not convert string to float: '0.0"),
    "bytes": (lambda: ROWS.astype("S3"), "could not convert string to float: b'0.0'. X: its value"),
    "objects of text": (lambda: with_object("a"), "float: 'a'. X, column 1: it holds a value of"),
    "objects of dicts": (lambda: with_object({}), "not 'dict'. X, column 1: it holds a value of"),
    "large": (lambda: ROWS.astype(int) + LARGE[:, None], "X, column 1 holds the integer 900719925"),
    "large, unsigned": (
        lambda: np.full((2, 3), 2**64 - 1, "u8"),
        "X, column 0 holds the integer 18446744073709551615, which float64 would round",
    ),
    "large, Python's": (lambda: [[2**70 + 1, 1], [1, 2]], "X, column 0 holds the integer 11805916"),
    "one dimension": (lambda: ROWS[:, 0], "Expected 2D array, got 1D array instead: X has shape"),
    "array.array": (lambda: array.array("d", [1.0, 2.0]), "Expected 2D array, got 1D array instea"),
    "series of polars": (lambda: pl.Series([1.0, 2.0]), "Expected 2D array, got 1D array instead"),
    "series of pandas": (lambda: pd.Series([1.0, 2.0]), "Expected a 2-dimensional container but"),
    "column of pyarrow": (lambda: pa.array([1.0, 2.0]), "Expected 2D array, got 1D array instead"),
    "no dimension": (lambda: np.array(3.0), "Expected 2D array, got scalar array instead: X is 3."),
    "three dimensions": (lambda: ROWS[None], "Found array with dim 3, while dim <= 2 is required "),
    "another device": (lambda: WithDlpack(ROWS, 2), "X is a WithDlpack in the memory of another d"),
    "names of two kinds": (
        lambda: pd.DataFrame(ROWS, columns=["a", "b", 3]),
        "Feature names are only supported if all input features have string names, but",
    ),
    "ragged": (lambda: [[1, 2], [3]], "setting an array element with a sequence."),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_refused(name: str) -> None:
    make, words = TABLES[name]
    assert words in same_sentence(make())


@pytest.mark.parametrize(
    ("package", "make", "words"),
    [
        ("torch", lambda m: m.tensor(ROWS, requires_grad=True), "pass X.detach()."),
        ("torch", lambda m: m.empty((2, 3), device="meta"), "pass X.cpu()."),
        ("torch", lambda m: m.tensor(ROWS).bfloat16(), "Tensor that gives no NumPy array"),
        ("jax.numpy", lambda m: m.asarray(ROWS).astype("bfloat16"), "values of type bfloat16"),
        ("xarray", lambda m: m.Dataset({"a": ("n", [1.0]), "b": 2.0}), "such as X[['a', 'b']]."),
    ],
)
def test_a_table_of_another_package_is_refused(package: str, make: Any, words: str) -> None:
    assert words in same_sentence(make(pytest.importorskip(package)))


GAPS: dict[str, Callable[[np.ndarray], Any]] = {
    "NaN": lambda a: a,
    "null and NaN of polars": lambda a: pl.DataFrame(
        {"a": a[:, 0], "b": [None if np.isnan(v) else v for v in a[:, 1]], "c": a[:, 2]}
    ),
    "NA of pandas": lambda a: pd.DataFrame(a).convert_dtypes(),
    "NA of objects": lambda a: pd.DataFrame(a).astype(object).map(
        lambda v: pd.NA if v != v else v
    ),
    "categories": lambda a: pd.DataFrame(a).astype("category"),
    "null of pyarrow": lambda a: pa.table({str(i): pa.array(x, from_pandas=True)
                                           for i, x in enumerate(a.T)}),
    "None": lambda a: [[None if np.isnan(v) else v for v in row] for row in a],
    "masked": lambda a: np.ma.masked_array(np.where(np.isnan(a), 7.0, a), np.isnan(a)),
}  # fmt: skip


@pytest.mark.parametrize("kind", GAPS)
def test_gaps_are_gaps(kind: str) -> None:
    rows = ROWS.copy()
    rows[2, 1] = rows[5, 1] = np.nan
    given = GAPS[kind](rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "X has feature names")
        for call in CALLS.values():
            error = error_of(call, given)
            assert type(error) is ValueError
            assert str(error).startswith("Input X contains NaN. The first is X[2, 1]: drop or fill")
        error = error_of(lambda: list(sources.batches(given)))
        assert ", row 2 (counted from 0), column " in str(error)
        assert "the value is missing" in str(error)
        read = np.concatenate(list(sources.batches(given, gaps="drop")))
    np.testing.assert_array_equal(read, np.delete(ROWS, [2, 5], axis=0))


def test_a_path_is_read_by_a_source() -> None:
    for path in ("rows.csv", Path("rows.csv")):
        for call in CALLS.values():
            assert "pass fastgmm.sources.read_table(path)." in str(error_of(call, path))


@pytest.mark.filterwarnings("ignore", category=ConvergenceWarning)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: "rows.csv",
            "got the str 'rows.csv': to read a file, pass fastgmm.sources.batches(",
        ),
        (lambda: pl.LazyFrame({"a": [1.0]}), "got one LazyFrame: pass fastgmm.sources.batches(X),"),
        (lambda: {"a": [1.0]}, "got a dict: pass fastgmm.sources.batches(X) of a frame of its col"),
        (lambda: pa.table({"a": [1.0]}).to_reader(), "a RecordBatchReader can be walked over once"),
        (
            lambda: WithDlpack(ROWS),
            "got one WithDlpack: pass fastgmm.sources.batches(X), which cuts",
        ),
        (
            lambda: ROWS,
            "got one ndarray: pass fastgmm.sources.batches(X), which cuts it into batch",
        ),
        (lambda: beside(ROWS[:, 2]), "got one DataFrame: pass fastgmm.sources.batches(X), which"),
    ],
)
def test_one_table_is_no_batches(make: Callable[[], Any], words: str) -> None:
    error = error_of(GaussianMixture(1).fit_batches, make())
    assert type(error) is TypeError
    assert str(error).startswith("fit_batches ")
    assert words in str(error)
