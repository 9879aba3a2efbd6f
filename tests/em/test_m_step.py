"""The M-step against its formulas, and the statistics that a mixture implies as its inverse."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import LEAST_WEIGHT, MAXIMUM_LIKELIHOOD, maximization
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.errors import DataRangeError, IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture, n_parameters
from fastgmm.mixture.statistics import SufficientStatistics
from support import correlated_mixture, in_shape_of, matrices_of

K, D, N = 3, 4, 300
DTYPES = (np.float32, np.float64)


def mixture_of(covariance_type: Any, rng: np.random.Generator, dtype: Any = np.float64) -> Mixture:
    truth = correlated_mixture(K, D, rng, separation=1.0)
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(
        truth.weights, truth.means, covariances, covariance_type, np.dtype(dtype)
    )


def by_definition(
    covariance_type: str, shares: np.ndarray, rows: np.ndarray, ridge: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights, means and covariances of responsibilities times weights (n, K)."""
    held = shares.sum(axis=0)
    means = (shares.T @ rows) / held[:, None]
    apart = rows[:, None, :] - means
    matrices = np.einsum("nk,nki,nkj->kij", shares, apart, apart) / held[:, None, None]
    covariances = in_shape_of(covariance_type, matrices, held)
    on_diagonals = ridge if covariance_type.endswith(("diag", "spherical")) else ridge * np.eye(D)
    return held / held.sum(), means, covariances + on_diagonals


def responsibilities(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    out = np.empty((len(rows), K))
    mixture.packed(rows.dtype).responsibilities(rows, out)
    return out


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_the_mixture_is_that_of_the_formulas(
    ridge: float, covariance_type: Any, rng: np.random.Generator
) -> None:
    mixture, rows = mixture_of(covariance_type, rng), 2.0 * rng.standard_normal((N, D))
    weight = rng.exponential(size=N)
    statistics = expectation(mixture, RowData(rows, weight))
    shares = weight[:, None] * responsibilities(mixture, rows)
    got = maximization(statistics, Regularization.of(ridge))
    expected = by_definition(covariance_type, shares, rows, ridge)
    for one, other in zip((got.weights, got.means, got.covariances), expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)
    # the factors are those of the covariances, so that nobody needs to factor them again
    again = Mixture.from_covariances(got.weights, got.means, got.covariances, covariance_type)
    np.testing.assert_allclose(got.factors, again.factors, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(got.inverse_factors, again.inverse_factors, rtol=1e-12, atol=1e-14)


def test_the_default_is_no_regularisation(covariance_type: Any, rng: np.random.Generator) -> None:
    statistics = expectation(mixture_of(covariance_type, rng), RowData(rng.normal(size=(N, D))))
    one, other = maximization(statistics), maximization(statistics, Regularization.of(0.0))
    assert one.covariances.tobytes() == other.covariances.tobytes()


def test_the_reference_does_not_matter(covariance_type: Any, rng: np.random.Generator) -> None:
    statistics = expectation(mixture_of(covariance_type, rng), RowData(rng.normal(size=(N, D))))
    one, other = (
        maximization(of) for of in (statistics, statistics.moved(statistics.reference + 1.0))
    )
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 1e-3, 0.2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_implied_statistics_are_the_inverse(
    dtype: Any, ridge: float, covariance_type: Any, rng: np.random.Generator
) -> None:
    mixture = mixture_of(covariance_type, rng, dtype)
    regularization = Regularization.of(ridge)
    statistics = MAXIMUM_LIKELIHOOD.imply(mixture, regularization)
    assert (statistics.weight, statistics.n_samples, statistics.log_likelihood) == (1.0, 0, 0.0)
    assert statistics.dtype == mixture.dtype
    assert statistics.component_weight.sum() == pytest.approx(1.0)
    back = MAXIMUM_LIKELIHOOD.maximize(statistics, regularization)
    assert (back.dtype, back.covariance_type) == (mixture.dtype, covariance_type)
    np.testing.assert_allclose(back.weights, mixture.weights, rtol=1e-14)
    np.testing.assert_array_equal(back.means, mixture.means)
    assert back.covariances.shape == mixture.covariances.shape
    np.testing.assert_allclose(back.covariances, mixture.covariances, rtol=1e-12, atol=1e-14)


def test_implied_statistics_are_those_of_the_rows(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """What a mixture says of the rows that it was estimated from is what they said of it."""
    statistics = expectation(mixture_of(covariance_type, rng), RowData(rng.normal(size=(N, D))))
    mixture = maximization(statistics, Regularization.of(0.1))
    implied = MAXIMUM_LIKELIHOOD.imply(mixture, Regularization.of(0.1))
    expected = statistics.moved(mixture.means).scaled(1.0 / N)
    for name in ("reference", "component_weight", "second_moment"):
        one, other = getattr(implied, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_component_without_weight_keeps_its_shape(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    mixture = mixture_of(covariance_type, rng)
    mixture = replace(mixture, weights=np.array([0.0, 0.25, 0.75]))
    statistics = MAXIMUM_LIKELIHOOD.imply(mixture, Regularization())
    assert statistics.component_weight[0] == LEAST_WEIGHT
    back = maximization(statistics)
    np.testing.assert_allclose(back.covariances, mixture.covariances, rtol=1e-9)
    np.testing.assert_array_equal(back.means, mixture.means)


def test_a_component_that_holds_nothing_keeps_its_place(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """Its weight is 0, and its covariance what the ridge alone gives, where it has its own."""
    mixture, rows = mixture_of(covariance_type, rng), rng.standard_normal((N, D))
    given = rng.dirichlet(np.ones(K), size=N)
    given[:, 1] = 0.0
    statistics = expectation(
        mixture, RowData(rows), given=lambda part, begin, end: given[begin:end]
    )
    got = maximization(statistics, Regularization.of(0.5))
    assert got.weights[1] == 0.0
    np.testing.assert_array_equal(got.means[1], mixture.means[1])
    if not covariance_type.startswith("tied"):
        matrices = matrices_of(covariance_type, got.covariances, got.means)
        np.testing.assert_allclose(matrices[1], 0.5 * np.eye(D), rtol=1e-12)
        with pytest.raises(IllDefinedCovarianceError):
            maximization(statistics)


def test_numbers_that_the_dtype_does_not_have(covariance_type: Any) -> None:
    rows = np.array([[1e-25, -1e-25, 0.0, 1e-25], [-1e-25, 1e-25, 1e-25, -1e-25]] * 20)
    rows = rows * np.arange(1.0, 41.0)[:, None] ** np.arange(D)
    held = np.full((len(rows), 1), 1.0)
    unit = Mixture.from_covariances(
        np.ones(1), np.zeros((1, D)), in_shape_of(covariance_type, np.eye(D)[None]), covariance_type
    )
    statistics = expectation(unit, RowData(rows), given=lambda part, begin, end: held[begin:end])
    assert (maximization(statistics).covariances < 1e-30).all()
    with pytest.raises(DataRangeError):
        maximization(replace(statistics, dtype=np.dtype(np.float32)))


def test_the_bound_is_the_mean_log_likelihood_and_the_priors_share(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    mixture, weight = mixture_of(covariance_type, rng), rng.exponential(size=N)
    statistics = expectation(mixture, RowData(rng.standard_normal((N, D)), weight))
    of_likelihood = MAXIMUM_LIKELIHOOD.bound(mixture, statistics, Regularization.of(0.1))
    assert of_likelihood == pytest.approx(statistics.log_likelihood / weight.sum(), rel=1e-14)
    scale = in_shape_of(covariance_type.removeprefix("tied_"), np.eye(D)[None])
    scale = np.eye(D) if covariance_type in ("full", "tied") else scale[0]
    prior = Regularization(np.zeros(()), Prior(np.zeros(D), 0.1, D + 2.0, scale))
    with_prior = MAXIMUM_LIKELIHOOD.bound(mixture, statistics, prior)
    share = prior.log_prior(mixture) / weight.sum()
    assert share != 0.0
    assert with_prior == pytest.approx(of_likelihood + share, rel=1e-12)
    # the mixture that has the higher bound of the two is that of the M-step
    best = maximization(statistics, prior)

    def expected_bound(of: Mixture) -> float:
        return complete_log_likelihood(statistics, of) + prior.log_prior(of)

    assert expected_bound(best) > expected_bound(maximization(statistics)) - 1e-9
    assert expected_bound(best) > expected_bound(mixture)


def complete_log_likelihood(statistics: SufficientStatistics, mixture: Mixture) -> float:
    """Return sum r log(w N(x)), of statistics about the mixture's means, up to a constant."""
    held, kind = statistics.component_weight, statistics.covariance_type
    _, second = statistics.about(mixture.means)
    matrices = matrices_of(kind, mixture.covariances, mixture.means)
    log_determinants = np.linalg.slogdet(matrices)[1]
    precisions = np.linalg.inv(matrices)
    if kind == "full":
        traces = np.einsum("kij,kij->", precisions, second)
    elif kind == "tied":
        traces = np.einsum("ij,ij->", precisions[0], second)
    elif kind == "diag":
        traces = np.einsum("kii,ki->", precisions, second)
    elif kind == "tied_diag":
        traces = np.einsum("ii,i->", precisions[0], second)
    else:
        traces = (
            np.sum(precisions[:, 0, 0] * second)
            if kind == "spherical"
            else precisions[0, 0, 0] * second
        )
    return float(held @ np.log(mixture.weights) - 0.5 * (held @ log_determinants + traces))


def test_free_parameters(covariance_type: Any) -> None:
    got = MAXIMUM_LIKELIHOOD.n_parameters(covariance_type, K, D)
    of_covariances = {
        "full": K * D * (D + 1) // 2,
        "tied": D * (D + 1) // 2,
        "diag": K * D,
        "spherical": K,
        "tied_diag": D,
        "tied_spherical": 1,
    }[covariance_type]
    assert got == n_parameters(covariance_type, K, D) == K - 1 + K * D + of_covariances
