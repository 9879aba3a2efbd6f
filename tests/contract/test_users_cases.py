"""What users' cases have broken once: each stands for a kind, and has its right value here.

The tests of the files hold many more cases of each kind; these are the ones that users met.
"""

import decimal
import importlib
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fastgmm
from containers import Sliceable, WithArrowStream, WithDlpack
from fastgmm import GaussianMixture, sources


@pytest.fixture
def two_clusters() -> np.ndarray:
    """150 rows around the origin and 150 around (4, 4)."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 4]


# ---------------------------------------------------------------------- bytes from elsewhere

# ---------------------------------------------------------------------- settings and subclasses

# ---------------------------------------------------------------------- streams

# ---------------------------------------------------------------------- ends of fits

# ---------------------------------------------------------------------- starts

# ---------------------------------------------------------------------- arrays and frames


@pytest.mark.parametrize("package", ["pandas", "polars", "pandas, as a category"])
def test_dates_beside_floats_are_no_numbers(package: str) -> None:
    when = pd.to_datetime(["2001-01-01", "2002-02-02", "2003-03-03"])
    frame: Any = pd.DataFrame({"when": when, "a": [1.0, 2.0, 4.0]})
    if package == "polars":
        frame = pl.DataFrame({"when": when.to_numpy(), "a": [1.0, 2.0, 4.0]})
    elif package == "pandas, as a category":
        frame = frame.astype({"when": "category"})
    for call in (GaussianMixture(1).fit, GaussianMixture(1).partial_fit, fastgmm.compress):
        with pytest.raises(TypeError, match=r"column 'when': its type is .* dates and time spans"):
            call(frame)
    with pytest.raises(
        ValueError, match=r"column 'when': its type is .* dates and time spans have"
    ):
        sources.batches(frame)


def test_fits_and_sources_agree_on_what_numbers_are(two_clusters: np.ndarray) -> None:
    whole = np.abs(np.rint(two_clusters))
    frame = pd.DataFrame(whole, columns=["a", "b"])
    expected = GaussianMixture(1).fit(whole).means_
    for given in (
        frame.astype({"a": "category"}),
        frame.astype(int).map(decimal.Decimal),
        frame.astype({"a": pd.SparseDtype(float)}),
        frame.assign(a=frame["a"].astype("Int64")),
    ):
        np.testing.assert_array_equal(GaussianMixture(1).fit(given).means_, expected)
        np.testing.assert_array_equal(np.concatenate(list(sources.batches(given))), whole)
    flags = frame > 2
    np.testing.assert_array_equal(np.concatenate(list(sources.batches(flags))), flags)
    np.testing.assert_allclose(GaussianMixture(1).fit(flags).means_[0], flags.mean())


def test_what_is_masked_is_missing_and_nothing_warns(two_clusters: np.ndarray) -> None:
    masked = np.ma.masked_array(two_clusters, two_clusters > 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="Input X contains NaN"):
            GaussianMixture(1).fit(masked)
        read = list(sources.batches(masked, gaps="drop"))
    np.testing.assert_array_equal(read[0], two_clusters[(two_clusters <= 4).all(axis=1)])


def test_categories_of_text_name_their_column() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "species": pd.Categorical(["cat", "dog"])})
    with pytest.raises(ValueError, match=r"float: 'cat'\. X, column 'species': its type is categ"):
        GaussianMixture(1).fit(frame)


def test_integers_that_float64_would_merge() -> None:
    rows = np.array([[2**63 - 1, 1], [2**63 - 2, 2], [2**63 - 3, 5]])
    for call in (GaussianMixture(1).fit, lambda X: list(sources.batches(X))):
        with pytest.raises(ValueError, match="column 0 holds the integer 9223372036854775807, whi"):
            call(rows)
    GaussianMixture(1).fit(rows.astype(float))


def test_a_store_is_read_slice_by_slice() -> None:
    store = Sliceable(np.random.default_rng(0).normal(size=(100_000, 4)))
    read = sources.batches(store, batch_rows=1000)
    assert store.largest == 0
    model = GaussianMixture(1).fit_batches(read)
    assert store.largest <= 2**16 // 4
    np.testing.assert_allclose(model.means_[0], store.rows.mean(axis=0))


def test_what_is_passed_to_fit_batches_by_mistake() -> None:
    for given, words in (
        ("rows.csv", "got the str 'rows.csv': to read a file, pass fastgmm.sources.batches"),
        (pl.LazyFrame({"a": [1.0]}), r"pass fastgmm.sources.batches\(X.collect\(\)\)"),
        (pa.table({"a": [1.0]}).to_reader(), "a RecordBatchReader can be walked over once"),
        ({"a": [1.0]}, r"got a dict: pass fastgmm.sources.batches\(X\) of a frame"),
        (WithDlpack(np.ones((3, 1))), r"one WithDlpack: pass fastgmm.sources.batches\(X\)"),
        (Sliceable(np.ones((3, 1))), r"one Sliceable: pass fastgmm.sources.batches\(X\)"),
        (WithArrowStream(pa.table({"a": [1.0]})), "a WithArrowStream can be walked over once"),
    ):
        with pytest.raises(TypeError, match=words):
            GaussianMixture(1).fit_batches(given)


def test_no_module_has_the_name_of_a_function() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("fastgmm.sources.batches")
    assert callable(sources.batches)


# ---------------------------------------------------------------------- the command and its files
