"""Data sets that are drawn: of which rows they are, and fits that say nothing."""

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.estimators.many import checked_parameters
from fastgmm.estimators.replicates import (
    LEAST_GAP,
    MAX_ITER,
    near_the_limit,
    resampled,
    reweighted,
    simulated,
    sound_fit,
    warm_plan,
)
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture


def test_rows_are_drawn_with_replacement(seed: int) -> None:
    rows = np.arange(200.0).reshape(100, 2)
    drawn = resampled(rows)
    data = drawn(np.random.default_rng(seed), 1)
    indices = np.random.default_rng(seed).integers(100, size=100)
    np.testing.assert_array_equal(data.rows, rows[np.sort(indices)])
    assert data.sample_weight is None
    assert data.rows.flags.c_contiguous


def test_weights_are_exponential_and_of_mean_one(seed: int) -> None:
    rows = np.zeros((5000, 2))
    data = reweighted(rows)(np.random.default_rng(seed), 1)
    weight = data.sample_weight
    assert weight is not None
    assert data.rows is rows
    np.testing.assert_allclose(weight.mean(), 1.0, rtol=1e-12)
    np.testing.assert_allclose((weight > 1.0).mean(), np.exp(-1.0), atol=0.03)


def test_rows_of_a_mixture_have_its_moments_and_dtype(rng: np.random.Generator) -> None:
    known = correlated_mixture(3, 2, rng)
    for dtype in (np.float32, np.float64):
        mixture = Mixture.from_covariances(
            known.weights, known.means, known.covariances, "full", dtype
        )
        data = simulated(mixture, np.empty((20_000, mixture.n_features)))(rng, 1)
        assert data.rows.dtype == dtype
        mean, deviation = data.rows.mean(axis=0), data.rows.std(axis=0)
        tolerance = 5 * deviation.max() / np.sqrt(20_000)
        np.testing.assert_allclose(mean, known.weights @ known.means, atol=tolerance)


def test_rows_of_a_mixture_get_the_gaps_of_the_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = correlated_mixture(2, 3, rng, separation=9.0)
    mixture = Mixture.from_covariances(known.weights, known.means, known.covariances, "full")
    rows = rng.normal(size=(4000, 3))
    rows[:2000, 1] = np.nan
    data = simulated(mixture, rows, gaps=True)(rng, 1)
    np.testing.assert_array_equal(np.isnan(data.rows), np.isnan(rows))
    assert data.gapped
    # The gaps are not those of one component, as they would be if rows stood in its order.
    means = data.rows[:2000, 0].mean(), data.rows[2000:, 0].mean()
    assert abs(means[0] - means[1]) < 5 * data.rows[:, 0].std() * np.sqrt(2 / 2000)
    for make in (resampled, reweighted):
        drawn = make(rows, gaps=True)(rng, 1)
        assert drawn.gapped
        assert np.isnan(drawn.rows[:, 1]).any()


def test_fits_near_the_limit() -> None:
    params = checked_parameters({"max_iter": 5, "tol": 0.1})
    near = near_the_limit(params, 100, 1e-2)
    assert (near.gap_tol, near.max_iter, near.tol) == (1e-4, MAX_ITER, 0.1)
    assert near_the_limit(params, 10**12, 1e-2).gap_tol == LEAST_GAP
    assert params.max_iter == 5


def test_a_fit_begins_where_it_is_told_and_may_say_nothing(rng: np.random.Generator) -> None:
    X = correlated_mixture(2, 2, rng).sample(200, rng)[0]
    model = GaussianMixture(2, random_state=0).fit(X)
    assert model._state is not None
    assert model._state.mixture is not None
    params = near_the_limit(checked_parameters({"n_components": 2}), 200, 1e-3)
    plan = warm_plan(params, model._state.mixture, 1)
    found = sound_fit(RowData(X), plan, None)
    assert found is not None
    np.testing.assert_allclose(found.run.lower_bounds[0], model.score(X), rtol=1e-12)
    assert found.run.mixture is not None
    assert np.abs(found.run.mixture.means - model.means_).max() < 0.1
    flat = X.copy()
    flat[model.predict(X) == 0] = model.means_[0]
    assert sound_fit(RowData(flat), plan, None) is None
