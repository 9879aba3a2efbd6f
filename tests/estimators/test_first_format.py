"""What fastgmm 0.1.0 wrote: files and pickles that users have, with the numbers it gave."""

import gzip
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture, Snapshot, SufficientStatistics
from fastgmm.errors import FileFormatError, NotFittedError

STORED = Path(__file__).resolve().parents[1] / "stored/0.1.0"
PICKLES = sorted(path.name.removesuffix(".pickle.gz") for path in STORED.glob("*.pickle.gz"))
MODELS = sorted(path.stem for path in STORED.glob("*.gmm"))


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    """Return rows, and what 0.1.0 said of them."""
    with np.load(STORED / "expected.npz") as file:
        return dict(file)


def pickled(name: str) -> Any:
    return pickle.loads(gzip.decompress((STORED / f"{name}.pickle.gz").read_bytes()))


def copies(name: str) -> list[Any]:
    """Return what a pickle of 0.1.0 gives, and what a pickle of that gives."""
    first = pickled(name)
    return [first, pickle.loads(pickle.dumps(first))]


def near(got: Any, expected: Any) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def alike(got: Any, expected: Any, atol: float) -> None:
    """Starts of today lead to the same limit by another way."""
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=atol)


def shown(value: Any) -> Any:
    """Return what an object shows, so that two can be compared."""
    if isinstance(value, GaussianMixture):
        arrays = [] if not value.is_fitted else [value.weights_, value.means_, value.covariances_]
        return repr(value), [array.tobytes() for array in arrays]
    if isinstance(value, SufficientStatistics):
        return value.to_bytes()
    return repr(value)


@pytest.mark.parametrize("name", PICKLES)
def test_every_pickle_loads_and_is_pickled_again(name: str) -> None:
    first, again = copies(name)
    assert type(first) is type(again)
    assert type(first).__module__ in ("fastgmm", "fastgmm.errors")
    assert shown(first) == shown(again)


@pytest.mark.parametrize("name", MODELS)
def test_every_file_loads_and_is_written_again(name: str, tmp_path: Path) -> None:
    first = fastgmm.load(STORED / f"{name}.gmm")
    first.save(tmp_path / "again")
    assert shown(fastgmm.load(tmp_path / "again")) == shown(first)
    assert first.n_iter_ > 0
    assert len(first.lower_bounds_) == first.n_iter_


@pytest.mark.parametrize("name", ["fitted", "stream", "auto"])
def test_scores_of_models(name: str, expected: dict[str, np.ndarray]) -> None:
    X = expected["X"]
    for model in copies(name):
        near(model.score_samples(X[:20]), expected[f"{name}_scores"])
        near(model.snapshot().score_samples(X[:20]), expected[f"{name}_scores"])
        near(model.weights_.sum(), 1.0)
    if name != "auto":
        model = fastgmm.load(STORED / f"{name}.gmm")
        near(model.score_samples(X[:20]), expected[f"{name}_scores"])


def test_how_the_fit_went() -> None:
    model, file = pickled("fitted"), fastgmm.load(STORED / "fitted.gmm")
    for name in ("lower_bounds_", "n_iter_", "n_passes_", "converged_", "gap_", "initializations_"):
        assert getattr(model, name) == getattr(file, name), name
    iteration = pickled("iteration")
    assert iteration.n_iter == model.n_iter_
    assert iteration.lower_bound == model.lower_bound_ == model.lower_bounds_[-1]
    assert iteration.change == pytest.approx(np.diff(model.lower_bounds_)[-1], rel=1e-6)
    assert pickled("initialization") == model.initializations_[0]
    assert fastgmm.load(STORED / "repaired.gmm").repairs_ == [pickled("repair")]


def test_a_stream_goes_on(expected: dict[str, np.ndarray]) -> None:
    X = expected["X"]
    file = fastgmm.load(STORED / "stream.gmm")
    report = pickled("stream_report")
    for model in (*copies("stream"), file):
        stream = model.stream_
        assert (stream.n_samples, stream.weight) == (report.n_samples, report.weight)
        assert (stream.mean, stream.deviation) == (report.mean, report.deviation)
        np.testing.assert_array_equal(stream.seen, report.seen)
        np.testing.assert_array_equal(stream.log_density, report.log_density)
        near(model.partial_fit(X).means_, expected["stream_next"])
        assert model.n_samples_seen_ == 1200


def test_a_stream_that_gathers_rows(expected: dict[str, np.ndarray]) -> None:
    """It has no model yet, and makes one of what has come when it is asked."""
    for model in copies("gathering"):
        assert model.n_iter_ > 0
        alike(model.means_, expected["gathering_means"], 1e-3)
    model = pickled("gathering")
    n = model.n_samples_seen_
    model.partial_fit(expected["X"])
    assert model.n_samples_seen_ == n + 600
    assert model.stream_.weight > 0


def test_an_unfitted_model() -> None:
    for model in copies("unfitted"):
        assert model.get_params()["n_components"] == 3
        assert model.prior == fastgmm.NormalInverseWishart(shrinkage=0.5)
        with pytest.raises(NotFittedError):
            _ = model.means_


def test_statistics(expected: dict[str, np.ndarray]) -> None:
    stored = SufficientStatistics.from_bytes((STORED / "statistics.bin").read_bytes())
    model = pickled("fitted")
    fresh = model.e_step(expected["X"])
    for statistics in (stored, *copies("statistics")):
        assert (statistics.n_samples, statistics.weight) == (600, 600.0)
        for name in ("reference", "component_weight", "first_moment", "second_moment"):
            got, of_today = getattr(statistics, name), getattr(fresh, name)
            np.testing.assert_allclose(got, of_today, rtol=1e-9, atol=1e-9)
        assert not statistics.reference.flags.writeable
        near(model.m_step(statistics).means_, pickled("fitted").m_step(fresh).means_)


def test_a_snapshot_and_a_selection(expected: dict[str, np.ndarray]) -> None:
    X = expected["X"]
    for snapshot in copies("snapshot"):
        assert type(snapshot) is Snapshot
        near(snapshot.score_samples(X[:20]), expected["fitted_scores"])
    for selection in copies("selection"):
        best = min(selection.table, key=lambda one: one.bic)
        assert selection.model.n_components == best.n_components
        assert selection.model.bic(X) == pytest.approx(best.bic, rel=1e-9)


def test_what_was_learned_of_regularisation() -> None:
    """The ridge and the prior that "auto" has become for the rows of the fit."""
    model = pickled("auto")
    assert model.reg_covar == "auto"
    assert model.prior is not None
    far = np.full((200, 2), 1e3) + np.random.default_rng(0).normal(size=(200, 2))
    again = pickle.loads(pickle.dumps(model))
    for each in (model, again):
        each.m_step(each.e_step(far))
    assert model.covariances_.tobytes() == again.covariances_.tobytes()
    assert np.linalg.eigvalsh(model.covariances_).min() > 0.0


def test_errors_and_priors() -> None:
    error, prior = pickled("file_format_error"), pickled("prior")
    assert type(error) is FileFormatError
    assert "is not a fastgmm model" in str(error)
    assert str(pickled("not_fitted_error")).startswith(
        "This GaussianMixture instance is not fitted"
    )
    assert prior == fastgmm.NormalInverseWishart(mean=[0.0, 1.0])


# ---------------------------------------------------------------- the checkpoint


def end_of(checkpoint: Path | None, rows: np.ndarray) -> GaussianMixture:
    model = GaussianMixture(2, random_state=0, gap_tol=1e-8)
    return model.fit_batches(np.array_split(rows, 2), checkpoint=checkpoint)


def test_the_fit_of_the_checkpoint_ends_where_it_did(expected: dict[str, np.ndarray]) -> None:
    model = end_of(None, expected["Y"])
    alike(model.means_, expected["end_means"], 1e-6)
    assert model.lower_bound_ == pytest.approx(expected["end_bounds"][-1], abs=1e-12)
    checkpoint = fastgmm.load(STORED / "checkpoint.gmm")  # it is a model of the way there
    near(checkpoint.lower_bounds_, expected["end_bounds"][: checkpoint.n_iter_])
    assert checkpoint.score(expected["Y"]) >= checkpoint.lower_bound_ - 1e-12


def test_a_checkpoint_of_0_1_0_is_named(tmp_path: Path, expected: dict[str, np.ndarray]) -> None:
    path = tmp_path / "checkpoint"
    content = (STORED / "checkpoint.gmm").read_bytes()
    path.write_bytes(content)
    sentence = (
        f"fastgmm 0.1.0 wrote the checkpoint {path}, and this version cannot go on from it: "
        "finish the fit with that version, or remove the file."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        end_of(path, expected["Y"])
    assert path.read_bytes() == content
    path.write_bytes((STORED / "fitted.gmm").read_bytes())
    with pytest.raises(ValueError, match="holds a model and no checkpoint"):
        end_of(path, expected["Y"])
    path.unlink()
    alike(end_of(path, expected["Y"]).means_, expected["end_means"], 1e-6)
