"""fit_with: whoever can evaluate an E-step on all rows gets the whole fit."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from support import COVARIANCE_TYPES, complete_start, correlated_mixture, in_shape_of

K, D, N = 3, 3, 3000


class Parts:
    """Rows in parts, and a pass over them by models that were sent away."""

    def __init__(self, rows: np.ndarray, n_parts: int = 5) -> None:
        self.parts, self.calls = np.array_split(rows, n_parts), 0

    def __call__(self, model: fastgmm.GaussianMixture) -> fastgmm.SufficientStatistics:
        self.calls += 1
        sent = pickle.loads(pickle.dumps(model))
        return fastgmm.SufficientStatistics.total(sent.e_step(part) for part in self.parts)


def rows_of(rng: np.random.Generator) -> np.ndarray:
    return correlated_mixture(K, D, rng, separation=5.0).sample(N, rng)[0]


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_the_fit_is_that_of_rows_in_memory(kind: str, rng: np.random.Generator) -> None:
    rows = rows_of(rng)
    start = complete_start(rows)
    k = start.pop("n_components")
    start["precisions_init"] = in_shape_of(kind, start["precisions_init"])
    asked = {"covariance_type": kind, "acceleration": None, **start}
    with pytest.warns(fastgmm.errors.ConvergenceWarning):
        ours = fastgmm.fit_with(one := Parts(rows), rows, k, random_state=0, **asked)
    with pytest.warns(fastgmm.errors.ConvergenceWarning):
        theirs = fastgmm.GaussianMixture(k, random_state=0, **asked).fit(rows)
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-8, atol=1e-8)
    assert one.calls == ours.n_passes_ + 1


def test_start_stop_and_acceleration_are_those_of_fit(rng: np.random.Generator) -> None:
    rows = rows_of(rng)
    chosen = rows[rng.choice(N, 1500, replace=False)]
    ours = fastgmm.fit_with(Parts(rows), chosen, K, random_state=0)
    theirs = fastgmm.GaussianMixture(K, random_state=0).fit(rows)
    assert ours.converged_
    assert ours.score(rows) == pytest.approx(theirs.score(rows), abs=2e-3)


def test_gaps_names_and_float32(rng: np.random.Generator) -> None:
    pandas = pytest.importorskip("pandas")
    rows = rows_of(rng).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    frame = pandas.DataFrame(rows, columns=list("abc"))

    def one_pass(model: fastgmm.GaussianMixture) -> fastgmm.SufficientStatistics:
        return model.e_step(frame[:1000]) + model.e_step(frame[1000:])

    found = fastgmm.fit_with(one_pass, frame[::2], K, missing="em", random_state=0)
    theirs = fastgmm.GaussianMixture(K, missing="em", random_state=0).fit(frame)
    assert found.feature_names_in_.tolist() == list("abc")
    assert found.means_.dtype == np.float32
    assert found.score(frame) == pytest.approx(theirs.score(frame), abs=2e-3)


def test_a_checkpoint_goes_on_to_the_same_bytes(tmp_path: Path, rng: np.random.Generator) -> None:
    rows, path = rows_of(rng), tmp_path / "checkpoint.gmm"
    whole = fastgmm.fit_with(Parts(rows), rows, K, random_state=0, tol=1e-9, gap_tol=None)

    class Stopped(Exception):
        pass

    def stop(iteration: fastgmm.Iteration) -> None:
        if iteration.n_iter == 2:
            raise Stopped

    def run(**given: Any) -> fastgmm.GaussianMixture:
        settings = {"random_state": 0, "tol": 1e-9, "gap_tol": None, "checkpoint": path}
        return fastgmm.fit_with(Parts(rows), rows, K, **settings, **given)

    with pytest.raises(Stopped):
        run(callback=stop)
    assert path.exists()
    again = run()
    assert np.array_equal(again.means_, whole.means_)
    assert np.array_equal(again.covariances_, whole.covariances_)


def test_what_is_no_pass_is_refused(rng: np.random.Generator) -> None:
    rows = rows_of(rng)
    other = fastgmm.GaussianMixture(K, random_state=0).fit(rows)
    for one_pass, kind, sentence in (
        (3, TypeError, "one_pass must be a function of a model, got int"),
        (lambda model: 3, TypeError, "one_pass must return SufficientStatistics, got int"),
        (lambda model: other.e_step(rows), ValueError, "make them with this model's e_step"),
    ):
        with pytest.raises(kind, match=sentence):
            fastgmm.fit_with(one_pass, rows, K)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_samples = 2"):
        fastgmm.fit_with(Parts(rows), rows[:2], K)
