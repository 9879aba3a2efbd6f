"""The model of low rank: its sums by their definition, and its M-step."""

import numpy as np
import pytest
from low_rank_cases import factor_mixture, rows_of
from sklearn.decomposition import FactorAnalysis

from fastgmm.covariance.factor_analysis import LEAST_SHARE
from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, maximization
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.mixture import Mixture


def by_definition(mixture: Mixture, rows: np.ndarray, about: np.ndarray) -> np.ndarray:
    """Return the second moments of rows and factors, from the joint Gaussian of both."""
    form, (k, d) = mixture.covariance_model.form, mixture.means.shape
    loadings, q = form.loadings(mixture.covariances), form.n_factors
    shares = responsibilities(mixture, rows, np.empty((len(rows), k)))
    second = np.zeros((k, d + q, q + 1))
    for i, matrix in enumerate(form.matrices(mixture.covariances, d)):
        slopes = loadings[i].T @ np.linalg.inv(matrix)
        z = (rows - mixture.means[i]) @ slopes.T
        left = np.eye(q) - slopes @ loadings[i]
        apart, r = rows - about[i], shares[:, i]
        second[i, :d, :q] = (r[:, None] * apart).T @ z
        second[i, :d, q] = r @ apart**2
        second[i, d:, :q] = (r[:, None] * z).T @ z + r.sum() * left
        second[i, d:, q] = r @ z
    return second


@pytest.mark.parametrize("equal", [False, True])
def test_sums_are_those_of_rows_and_factors(equal: bool, rng: np.random.Generator) -> None:
    mixture = factor_mixture(3, 7, 2, rng, equal=equal)
    rows = rows_of(mixture, 300, rng)
    statistics = expectation(mixture, RowData(rows, None, 1))
    wanted = by_definition(mixture, rows, mixture.means)
    np.testing.assert_allclose(statistics.second_moment, wanted, rtol=1e-10, atol=1e-9)
    about = mixture.means + rng.normal(size=mixture.means.shape)
    moved = statistics.moved(about)
    wanted = by_definition(mixture, rows, about)
    np.testing.assert_allclose(moved.second_moment, wanted, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(moved.means, statistics.means, rtol=1e-12)
    again = maximization(moved)
    for name in ("means", "covariances"):
        got, once = getattr(again, name), getattr(maximization(statistics), name)
        np.testing.assert_allclose(got, once, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", ["low_rank", "low_rank_spherical"])
def test_em_never_falls(kind: str, rng: np.random.Generator) -> None:
    """300 iterations, from factors that have nothing to do with the rows."""
    equal = kind != "low_rank"
    rows = rows_of(factor_mixture(3, 12, 3, rng), 1500, rng)
    mixture = factor_mixture(3, 12, 2, rng, equal=equal)
    data, floor, bounds = RowData(rows, None, 1), Regularization.of(0.05), []
    for _ in range(300):
        statistics = expectation(mixture, data)
        bounds.append(statistics.log_likelihood / statistics.weight)
        mixture = MAXIMUM_LIKELIHOOD.maximize(statistics, floor)
    assert np.diff(bounds[1:]).min() > -1e-12 * abs(bounds[0])
    assert bounds[-1] > bounds[0] + 0.1
    noise = mixture.covariance_model.form.noise(mixture.covariances)
    assert noise.min() >= 0.05
    assert (noise == noise[:, :1]).all() == equal


def test_one_component_is_scikit_learns_factor_analysis(rng: np.random.Generator) -> None:
    """Both run to their end, on rows of the model."""
    truth = factor_mixture(1, 10, 2, rng)
    rows = rows_of(truth, 3000, rng)
    theirs = FactorAnalysis(2, tol=1e-13, max_iter=20_000, svd_method="lapack").fit(rows)
    mixture, data = factor_mixture(1, 10, 2, rng), RowData(rows, None, 1)
    for _ in range(1500):
        mixture = maximization(expectation(mixture, data))
    ended = expectation(mixture, data)
    assert ended.log_likelihood / ended.weight == pytest.approx(theirs.score(rows), abs=1e-8)
    found = mixture.covariance_model.form.matrices(mixture.covariances, 10)[0]
    np.testing.assert_allclose(found, theirs.get_covariance(), atol=1e-6)


def test_equal_noise_is_probabilistic_pca(rng: np.random.Generator) -> None:
    """Tipping and Bishop 1999, equations 7 and 8: the end is known in closed form."""
    rows = rows_of(factor_mixture(1, 8, 3, rng), 2000, rng)
    mixture, data = factor_mixture(1, 8, 3, rng, equal=True), RowData(rows, None, 1)
    for _ in range(3000):
        mixture = maximization(expectation(mixture, data))
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    noise = values[:-3].mean()
    wanted = (vectors[:, -3:] * (values[-3:] - noise)) @ vectors[:, -3:].T + noise * np.eye(8)
    found = mixture.covariance_model.form.matrices(mixture.covariances, 8)[0]
    np.testing.assert_allclose(found, wanted, atol=1e-7)


def test_noise_that_is_gone_stays_above_its_floor(rng: np.random.Generator) -> None:
    """Heywood's case: a feature that is a factor has no noise, and its covariance an inverse."""
    rows = rng.normal(size=(500, 5))
    rows[:, 1] = 2.0 * rows[:, 0]
    mixture, data = factor_mixture(1, 5, 1, rng), RowData(rows, None, 1)
    for _ in range(2000):
        mixture = maximization(expectation(mixture, data))
    form = mixture.covariance_model.form
    noise, variances = form.noise(mixture.covariances)[0], rows.var(axis=0)
    assert (noise >= 0.999 * LEAST_SHARE * variances).all()
    assert np.isfinite(mixture.inverse_factors).all()
    np.testing.assert_allclose(form.diagonals(mixture.covariances, 5)[0], variances, rtol=1e-3)


@pytest.mark.parametrize("kind", ["low_rank(2)", "low_rank_spherical(2)"])
def test_implied_statistics_give_the_mixture_back(kind: str, rng: np.random.Generator) -> None:
    mixture = factor_mixture(3, 6, 2, rng, equal="spherical" in kind)
    assert mixture.covariance_type == kind
    implied = MAXIMUM_LIKELIHOOD.imply(mixture, Regularization.of(1e-6))
    again = MAXIMUM_LIKELIHOOD.maximize(implied, Regularization.of(1e-6))
    form = mixture.covariance_model.form
    for one, other in zip((mixture, again), (again, mixture), strict=True):
        np.testing.assert_allclose(
            form.matrices(one.covariances, 6), form.matrices(other.covariances, 6), rtol=1e-10
        )
    np.testing.assert_allclose(again.weights, mixture.weights, rtol=1e-12)


def test_a_component_that_holds_nothing_keeps_its_place(rng: np.random.Generator) -> None:
    mixture = factor_mixture(2, 5, 2, rng)
    rows = rows_of(mixture, 100, rng)
    given = np.zeros((100, 2))
    given[:, 0] = 1.0
    statistics = expectation(mixture, RowData(rows, None, 1), given=lambda _, b, e: given[b:e])
    found = MAXIMUM_LIKELIHOOD.maximize(statistics, Regularization.of(0.1))
    np.testing.assert_array_equal(found.means[1], mixture.means[1])
    assert found.weights.tolist() == [1.0, 0.0]
    form = mixture.covariance_model.form
    np.testing.assert_array_equal(form.noise(found.covariances)[1], 0.1)
    assert not form.loadings(found.covariances)[1].any()


def test_free_parameters() -> None:
    assert model_of("low_rank(3)").n_parameters(2, 7) == 2 * (21 + 7 - 3)
    assert model_of("low_rank_spherical(3)").n_parameters(2, 7) == 2 * (21 + 1 - 3)
    assert not model_of("low_rank(3)").accelerates
