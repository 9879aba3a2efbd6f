"""A call that fails leaves everything as it was: the model, files, inputs and outputs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.cli.main import main
from faults import failed_at, n_lines
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings("ignore::Warning")

ERRORS = (KeyboardInterrupt, MemoryError, OSError, RuntimeError)
"""What may come at any line: the user's Ctrl-C, no memory, a disk, and a thread that fails."""

Call = Callable[[], object]


def rows_of(seed: int, n_samples: int = 240) -> NDArray[np.float64]:
    """Return rows of three overlapping components."""
    rng = np.random.default_rng(seed)
    return correlated_mixture(3, 2, rng, separation=2.0).sample(n_samples, rng)[0]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder and what they hold."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def all_of(model: GaussianMixture, folder: Path) -> tuple[str, bytes]:
    """Return all that a model is: its parameters and the file that it would write."""
    if not model.is_fitted:
        return repr(model.get_params()), b""
    path = folder / "all.gmm"
    model.save(path)
    return repr(model.get_params()), path.read_bytes()


def _model(**params: Any) -> GaussianMixture:
    return GaussianMixture(2, random_state=0, max_iter=3, tol=1e-9, **params)


def _stream(**params: Any) -> GaussianMixture:
    return _model(**params).partial_fit(rows_of(1, 500))


def fit() -> tuple[GaussianMixture, Call]:
    model = _model()
    return model, lambda: model.fit(rows_of(2))


def fit_of_weighted_rows() -> tuple[GaussianMixture, Call]:
    model, weights = _model(covariance_type="tied"), np.linspace(0.5, 2.0, 240)
    return model, lambda: model.fit(rows_of(2), sample_weight=weights)


def fit_from_several_starts() -> tuple[GaussianMixture, Call]:
    model = _model(n_init=3).fit(rows_of(1))
    return model, lambda: model.fit(rows_of(2))


def fit_predict() -> tuple[GaussianMixture, Call]:
    model = _model().fit(rows_of(1))
    return model, lambda: model.fit_predict(rows_of(2))


def warm_fit() -> tuple[GaussianMixture, Call]:
    model = _model(warm_start=True).fit(rows_of(1))
    return model, lambda: model.fit(rows_of(2))


def fit_of_a_stream() -> tuple[GaussianMixture, Call]:
    model = _stream()
    return model, lambda: model.fit(rows_of(2))


def m_step() -> tuple[GaussianMixture, Call]:
    model = _model().fit(rows_of(1))
    statistics = model.e_step(rows_of(2))
    return model, lambda: model.m_step(statistics)


def m_step_of_a_stream() -> tuple[GaussianMixture, Call]:
    model = _stream()
    statistics = model.e_step(rows_of(2))
    return model, lambda: model.m_step(statistics)


def first_rows_of_a_stream() -> tuple[GaussianMixture, Call]:
    model = _model()
    return model, lambda: model.partial_fit(rows_of(2))


def rows_that_wait() -> tuple[GaussianMixture, Call]:
    model = _stream()
    return model, lambda: model.partial_fit(rows_of(2, 5))


def rows_of_a_stream() -> tuple[GaussianMixture, Call]:
    model = _stream()
    return model, lambda: model.partial_fit(rows_of(2, 400))


def rows_of_a_stream_that_forgets() -> tuple[GaussianMixture, Call]:
    model, weights = _stream(half_life=200.0), np.linspace(0.5, 2.0, 400)
    return model, lambda: model.partial_fit(rows_of(2, 400), sample_weight=weights)


def rows_after_a_fit() -> tuple[GaussianMixture, Call]:
    model = _model().fit(rows_of(1))
    return model, lambda: model.partial_fit(rows_of(2, 400))


def rows_after_other_settings() -> tuple[GaussianMixture, Call]:
    model = _stream().set_params(half_life=100.0, reg_covar=1e-3)
    return model, lambda: model.partial_fit(rows_of(2, 400))


def reordered() -> tuple[GaussianMixture, Call]:
    model = _stream()
    return model, lambda: model.reorder([1, 0])


CHANGES = (
    fit,
    fit_of_weighted_rows,
    fit_from_several_starts,
    fit_predict,
    warm_fit,
    fit_of_a_stream,
    m_step,
    m_step_of_a_stream,
    first_rows_of_a_stream,
    rows_that_wait,
    rows_of_a_stream,
    rows_of_a_stream_that_forgets,
    rows_after_a_fit,
    rows_after_other_settings,
    reordered,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(share=st.floats(0.0, 1.0, exclude_max=True), kind=st.sampled_from(ERRORS))
def test_a_change_is_whole_or_not_at_all(
    change: Callable[[], tuple[GaussianMixture, Call]],
    share: float,
    kind: type[BaseException],
    tmp_path: Path,
) -> None:
    model, call = change()
    n = n_lines(call)
    after = all_of(model, tmp_path)
    model, call = change()
    before = all_of(model, tmp_path)
    where = failed_at(call, int(share * n), kind())
    now = all_of(model, tmp_path)
    assert now in (before, after), where
    if now == before:
        call()
        assert all_of(model, tmp_path) == after, where


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("kind", ERRORS)
def test_a_save_that_fails_at_any_line_leaves_the_old_file(
    kind: type[BaseException], tmp_path: Path
) -> None:
    path = tmp_path / "model.gmm"
    _model().fit(rows_of(1)).save(path)
    before = contents(tmp_path)
    model = _model().fit(rows_of(2))
    n = n_lines(lambda: model.save(tmp_path / "other.gmm"))
    (tmp_path / "other.gmm").rename(tmp_path.parent / "whole.gmm")
    after = {"model.gmm": (tmp_path.parent / "whole.gmm").read_bytes()}
    for at in range(n):
        where = failed_at(lambda: model.save(path), at, kind())
        assert contents(tmp_path) in (before, after), where
        path.write_bytes(before["model.gmm"])


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_file(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.gmm"
    _model().fit(rows_of(1)).save(path)
    before = contents(tmp_path)
    model = _model().fit(rows_of(2))

    def fails(*args: object, **keywords: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if step == "write":
            opened = os.fdopen

            def full(*args: Any, **keywords: Any) -> Any:
                file = opened(*args, **{**keywords, "buffering": 0})
                return _Full(file)

            patch.setattr(os, "fdopen", full)
        else:
            patch.setattr(os, step, fails)
            patch.setattr(Path, "replace", fails)
        with pytest.raises(OSError, match="No space left"):
            model.save(path)
    assert contents(tmp_path) == before


class _Full:
    """A file on a disk that is full."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_Full":
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> int:
        self._file.write(content[:10])
        raise OSError(28, "No space left on device")


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(share=st.floats(0.0, 1.0, exclude_max=True), kind=st.sampled_from(ERRORS))
def test_a_fit_with_a_checkpoint_goes_on_from_a_failure(
    share: float, kind: type[BaseException], tmp_path: Path
) -> None:
    batches = np.array_split(rows_of(3), 3)
    path = tmp_path / "fit.gmm"
    path.unlink(missing_ok=True)

    def run() -> GaussianMixture:
        return _model().fit_batches(batches, checkpoint=path)

    n = n_lines(run)
    after = contents(tmp_path)["fit.gmm"]
    path.unlink()
    where = failed_at(run, int(share * n), kind())
    assert set(contents(tmp_path)) <= {"fit.gmm"}, where
    if path.exists():
        fastgmm.load(path)
    run()
    assert contents(tmp_path)["fit.gmm"] == after, where


@settings(max_examples=40, deadline=None, derandomize=True)
@given(share=st.floats(0.0, 1.0, exclude_max=True), kind=st.sampled_from(ERRORS))
def test_batches_that_fail_leave_a_whole_pass(share: float, kind: type[BaseException]) -> None:
    batches = np.array_split(rows_of(3), 3)
    bounds = _model().fit_batches(batches).lower_bounds_
    n = n_lines(lambda: _model().fit_batches(batches))
    model = _model()
    where = failed_at(lambda: model.fit_batches(batches), int(share * n), kind())
    if model.is_fitted:
        reached = model.lower_bounds_
        assert reached == bounds[: len(reached)], where


# ---------------------------------------------------------------------- inputs and outputs

WRONG_ROWS: dict[str, Callable[[NDArray[np.float64]], Any]] = {
    "a gap": lambda X: np.where(np.arange(X.size).reshape(X.shape) == 7, np.nan, X),
    "an infinity": lambda X: np.where(np.arange(X.size).reshape(X.shape) == X.size - 1, np.inf, X),
    "a column too many": lambda X: np.c_[X, X[:, 0]],
    "a column too few": lambda X: X[:, :1],
    "one dimension": lambda X: X[:, 0],
    "three dimensions": lambda X: X[None],
    "text": lambda X: X.astype(str).astype(object) + "x",
    "complex": lambda X: X + 1j,
    "dates": lambda X: X.astype("datetime64[s]"),
    "None": lambda X: None,
    "a path": lambda X: "rows.csv",
    "a set": lambda X: {1.0, 2.0},
}
WRONG_WEIGHTS: dict[str, Callable[[NDArray[np.float64]], Any]] = {
    "too few weights": lambda X: np.ones(len(X) - 1),
    "a negative weight": lambda X: np.r_[np.ones(len(X) - 1), -1.0],
    "a weight that is a gap": lambda X: np.r_[np.nan, np.ones(len(X) - 1)],
    "weights of two dimensions": lambda X: np.ones((len(X), 2)),
    "text as weights": lambda X: np.full(len(X), "one"),
}
OF_ROWS = (
    "fit",
    "fit_predict",
    "partial_fit",
    "e_step",
    "score",
    "score_samples",
    "predict",
    "predict_proba",
    "component_log_density",
    "bic",
    "aic",
    "icl",
    "is_novel",
)
WEIGHTED = ("fit", "fit_predict", "partial_fit", "e_step", "score", "bic", "aic", "icl")


def _fails(call: Call, model: GaussianMixture, folder: Path) -> None:
    before = all_of(model, folder)
    with pytest.raises((ValueError, TypeError, AttributeError)):
        call()
    assert all_of(model, folder) == before


@pytest.mark.parametrize("method", OF_ROWS)
@pytest.mark.parametrize("wrong", WRONG_ROWS)
def test_wrong_rows_change_nothing(method: str, wrong: str, tmp_path: Path) -> None:
    rows = rows_of(4)
    given_rows, kept = WRONG_ROWS[wrong](rows), rows.copy()
    if method in ("fit", "fit_predict") and wrong.startswith("a column too"):
        pytest.skip("a fit may have any number of columns")
    model = _stream()
    _fails(lambda: getattr(model, method)(given_rows), model, tmp_path)
    assert np.array_equal(rows, kept)


@pytest.mark.parametrize("method", WEIGHTED)
@pytest.mark.parametrize("wrong", WRONG_WEIGHTS)
def test_wrong_weights_change_nothing(method: str, wrong: str, tmp_path: Path) -> None:
    rows = rows_of(4)
    weights = WRONG_WEIGHTS[wrong](rows)
    kept = np.array(weights, copy=True)
    model = _stream()
    call = getattr(model, method)
    _fails(lambda: call(rows, sample_weight=weights), model, tmp_path)
    assert np.array_equal(weights, kept, equal_nan=weights.dtype.kind == "f")


@pytest.mark.parametrize("method", ["score_samples", "predict_proba"])
@pytest.mark.parametrize("wrong", WRONG_ROWS)
def test_wrong_rows_leave_the_output(method: str, wrong: str) -> None:
    rows, model = rows_of(4), _stream()
    out = np.full((len(rows), 2) if method == "predict_proba" else len(rows), 7.0)
    with pytest.raises((ValueError, TypeError)):
        getattr(model, method)(WRONG_ROWS[wrong](rows), out=out)
    assert (out == 7.0).all()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_rows_are_never_written_to(
    change: Callable[[], tuple[GaussianMixture, Call]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {arguments: rows_of(*arguments) for arguments in [(1, 240), (1, 500), (2, 240)]}
    rows |= {(2, n): rows_of(2, n) for n in (5, 400)}
    kept = {arguments: of.copy() for arguments, of in rows.items()}
    for of in rows.values():
        of.flags.writeable = False
    monkeypatch.setitem(globals(), "rows_of", lambda seed, n=240: rows[seed, n])
    change()[1]()
    assert all(np.array_equal(rows[arguments], kept[arguments]) for arguments in rows)


WRONG_SETTINGS = (
    {"n_components": 3, "tol": -1.0},
    {"n_components": 0},
    {"reg_covar": -1.0},
    {"half_life": 0.0},
    {"max_iter": 5, "no_such_parameter": 1},
)


@pytest.mark.parametrize("wrong", WRONG_SETTINGS, ids=str)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_batches"])
def test_wrong_settings_change_nothing_that_was_learned(
    wrong: dict[str, Any], method: str, tmp_path: Path
) -> None:
    model = _stream()
    before, params = all_of(model, tmp_path), model.get_params()
    rows = [rows_of(4)] if method == "fit_batches" else rows_of(4)
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        getattr(model.set_params(**wrong), method)(rows)
    model.set_params(**params)
    assert all_of(model, tmp_path) == before


def test_parameters_are_set_together_or_not_at_all() -> None:
    model = _model()
    before = model.get_params()
    with pytest.raises(ValueError, match="no_such_parameter"):
        model.set_params(max_iter=5, no_such_parameter=1)
    assert model.get_params() == before


@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_are_no_statistics_change_no_statistics(seed: int) -> None:
    statistics = _model().fit(rows_of(seed)).e_step(rows_of(4))
    good = statistics.to_bytes()
    with pytest.raises(fastgmm.errors.FileFormatError):
        fastgmm.SufficientStatistics.from_bytes(good[:-1])
    other = _model(covariance_type="diag").fit(rows_of(seed)).e_step(rows_of(4))
    with pytest.raises((ValueError, TypeError)):
        statistics + other
    assert statistics.to_bytes() == good


@pytest.mark.parametrize(
    "words",
    [
        "fit bad.csv -k 2 -o model.gmm",
        "fit bad.csv --stream -k 2 -o model.gmm",
        "learn model.gmm bad.csv",
        "score model.gmm bad.csv -o scores.csv",
        "select bad.csv --components 1-2 -o model.gmm",
        "sample model.gmm -n 0 -o scores.csv",
    ],
)
def test_a_command_that_fails_leaves_its_files(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = "a,b\n" + "".join(f"{x:.3f},{y:.3f}\n" for x, y in rows_of(5))
    (tmp_path / "good.csv").write_text(good)
    (tmp_path / "bad.csv").write_text(good + "3,oops\n")
    assert main(["fit", "good.csv", "-k", "2", "-o", "model.gmm"]) == 0
    (tmp_path / "scores.csv").write_text("those of before\n")
    before = contents(tmp_path)
    try:
        status = main(words.split())
    except SystemExit as error:
        status = error.code
    assert status not in (0, None)
    assert contents(tmp_path) == before
