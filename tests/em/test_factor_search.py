"""L-BFGS over factors: it climbs, saves passes, keeps floors, and goes on from files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from low_rank_cases import factor_mixture, rows_of

import fastgmm
from fastgmm.covariance.types import MODELS, model_of
from fastgmm.data.rows import RowData
from fastgmm.em.acceleration import MOST_FAILURES, Search
from fastgmm.em.e_step import expectation
from fastgmm.em.factor_frame import FactorFrame
from fastgmm.em.factor_search import FactorSearch
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.typing import LOW_RANK_TYPES

RIDGE = Regularization.of(1e-6)
MORE = {"n_components": 4, "n_factors": 3}
"""More than there are: EM is slow."""


pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")


@pytest.fixture(params=LOW_RANK_TYPES)
def kind(request: pytest.FixtureRequest) -> Any:
    """Run the test once per type with factors."""
    return request.param


def rows_for(kind: str, seed: int, n: int = 2000) -> np.ndarray:
    """Return rows of overlapping components, over which EM is slow."""
    rng = np.random.default_rng(seed)
    return rows_of(factor_mixture(3, 10, 2, rng, 2.0, kind != "low_rank"), n, rng)


def model_for(kind: Any, acceleration: Any = "auto", **params: Any) -> fastgmm.GaussianMixture:
    asked = {"n_components": 3, "n_factors": 2, "random_state": 0, "max_iter": 3000} | params
    return fastgmm.GaussianMixture(covariance_type=kind, acceleration=acceleration, **asked)


def test_it_climbs_and_saves_passes(kind: Any) -> None:
    passes = []
    for seed in range(4):
        rows = rows_for(kind, seed)
        params: dict[str, Any] = {**MORE, "tol": 1e-6}
        plain, ahead = (model_for(kind, word, **params).fit(rows) for word in (None, "auto"))
        assert ahead.converged_
        assert np.diff(ahead.lower_bounds_).min() > -1e-12 * abs(ahead.lower_bound_)
        # Longer steps may lead to another optimum, as another start does.
        assert ahead.lower_bound_ > plain.lower_bound_ - 1e-2
        assert plain.n_passes_ == plain.n_iter_
        passes.append((plain.n_passes_, ahead.n_passes_))
    of_em, of_search = np.log(passes).mean(axis=0)
    assert of_search < of_em - np.log(2.0)


def test_of_one_component_the_end_is_ems(seed: int) -> None:
    """With equal noise EM is there at once."""
    rows = rows_for("low_rank", seed)
    one = {"n_components": 1, "n_factors": 3, "tol": 1e-7}
    plain, ahead = (model_for("low_rank", word, **one).fit(rows) for word in (None, "lbfgs"))
    assert ahead.converged_
    assert ahead.n_passes_ < 0.8 * plain.n_passes_
    assert ahead.lower_bound_ > plain.lower_bound_ - 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_callbacks_and_batches_change_no_bit(kind: Any, dtype: type) -> None:
    X = np.repeat(rows_for(kind, 0), 6, axis=0).astype(dtype)  # more than one block
    params = {"tol": 1e-5, "acceleration": "lbfgs"}
    once = model_for(kind, n_threads=1, **params).fit(X)
    plain = model_for(kind, None, n_threads=1, tol=1e-5).fit(X)
    assert once.lower_bounds_ != plain.lower_bounds_
    seen: list[fastgmm.Iteration] = []
    for other in (
        model_for(kind, n_threads=3, **params).fit(X),
        model_for(kind, **params).fit(X, callback=seen.append),
        model_for(kind, **params).fit_batches([X]),
    ):
        assert other.lower_bounds_ == once.lower_bounds_
        for name in ("weights_", "means_", "factors_", "noise_variances_"):
            np.testing.assert_array_equal(getattr(other, name), getattr(once, name))
    assert [one.lower_bound for one in seen] == once.lower_bounds_


def test_a_checkpoint_holds_the_search(kind: Any, tmp_path: Path) -> None:
    """A fit that is stopped between two steps ahead goes on to the same bits."""
    batches = np.array_split(rows_for(kind, 1), 4)
    asked: dict[str, Any] = {**MORE, "tol": 1e-7, "acceleration": "lbfgs"}
    whole = model_for(kind, **asked).fit_batches(batches)
    assert whole.n_iter_ > 26

    class Stop(Exception):
        pass

    def stop(iteration: Any) -> None:
        if iteration.n_iter == 24:
            raise Stop

    path = tmp_path / "fit.checkpoint"
    with pytest.raises(Stop):
        model_for(kind, **asked).fit_batches(batches, checkpoint=path, callback=stop)
    later = model_for(kind, **asked).fit_batches(batches, checkpoint=path)
    assert later.lower_bounds_ == whole.lower_bounds_
    for name in ("weights_", "means_", "factors_", "noise_variances_"):
        np.testing.assert_array_equal(getattr(later, name), getattr(whole, name))


@pytest.mark.filterwarnings("ignore:reg_covar adds")
def test_noise_keeps_its_floor(kind: Any) -> None:
    """Of features that are nearly constant, as pixels are: the others move on in fewer passes."""
    rows = rows_for(kind, 2)
    rows = np.hstack([rows, 1e-6 * rows[:, ::-1]])
    params: dict[str, Any] = {**MORE, "reg_covar": 0.01, "tol": 1e-6}
    plain, ahead = (model_for(kind, word, **params).fit(rows) for word in (None, "auto"))
    assert ahead.converged_
    assert ahead.noise_variances_.min() >= 0.01
    assert ahead.n_passes_ < 0.7 * plain.n_passes_
    assert np.diff(ahead.lower_bounds_).min() > -1e-12 * abs(ahead.lower_bound_)


def test_steps_that_all_fail_leave_em(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_for(kind, 0)
    params: dict[str, Any] = {"tol": 0.0, "max_iter": 60}
    plain = model_for(kind, None, **params).fit(rows)
    propose = FactorSearch.propose

    def downhill(search: FactorSearch, mixture: Any, *given: Any) -> Any:
        found = propose(search, mixture, *given)
        if not search.steps or found is given[-1]:
            return found
        assert search.gradient is not None
        search.step = -0.3 * search.gradient / np.linalg.norm(search.gradient)
        return FactorFrame(mixture, np.asarray(1e-6)).mixture_at(search.step)

    monkeypatch.setattr(FactorSearch, "propose", downhill)
    model = model_for(kind, "lbfgs", **params).fit(rows)
    assert model.n_passes_ == 60 + MOST_FAILURES
    np.testing.assert_allclose(model.lower_bounds_, plain.lower_bounds_, rtol=1e-12)


def test_many_rows_that_some_lead(kind: Any) -> None:
    """What some rows have led near to its end goes on with a search of factors at once."""
    rows = rows_for(kind, 4, 60_000)
    plain, ahead = (model_for(kind, word, tol=1e-5).fit(rows) for word in (None, "auto"))
    assert ahead.converged_
    assert ahead.n_passes_ <= max(plain.n_passes_, 20)
    assert ahead.lower_bound_ > plain.lower_bound_ - 1e-5


def test_numbers_from_a_file_are_checked(kind: Any, rng: np.random.Generator) -> None:
    rows, search = rows_for(kind, 0), FactorSearch(RIDGE, 2000.0)
    mixture = factor_mixture(3, 10, 2, rng, 1.0, kind != "low_rank")
    for _ in range(30):
        statistics = expectation(mixture, RowData(rows))
        em = MAXIMUM_LIKELIHOOD.maximize(statistics, RIDGE)
        bound = statistics.log_likelihood / statistics.weight
        search.propose(mixture, statistics, bound, em)
        mixture = em
    assert search.steps
    saved = Search(RIDGE, 2000.0).going_on(search)
    saved.check_for(mixture)
    with pytest.raises(ValueError, match="vector of the search"):
        saved.check_for(factor_mixture(3, 10, 3, rng))


def test_only_factors_have_it() -> None:
    others = [m for m in MODELS.values() if not m.accelerates and m.restrict is None]
    assert all(model.name.startswith("low_rank") for model in others)
    assert model_of("low_rank(2)").restrict is None
