"""The ridge and the prior: what is added to statistics is the maximiser of what they promise."""

from typing import Any

import numpy as np
import pytest
import scipy.stats

from fastgmm import SufficientStatistics
from fastgmm.archive import codec
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture, in_shape_of, matrices_of

K, D, N = 3, 3, 200


def summed(covariance_type: str, matrices: np.ndarray) -> np.ndarray:
    """Return sums of squares (K, D, D) in the shape of the statistics of a type."""
    if covariance_type.startswith("tied"):
        matrices = matrices.sum(axis=0)
    if covariance_type.endswith("diag"):
        return np.diagonal(matrices, axis1=-2, axis2=-1)
    return np.trace(matrices, axis1=-2, axis2=-1) if "spherical" in covariance_type else matrices


def scatter(rows: np.ndarray, odds: np.ndarray, about: np.ndarray) -> np.ndarray:
    off = rows[:, None] - about
    return np.einsum("nk,nki,nkj->kij", odds, off, off)


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return correlated_mixture(K, D, rng).sample(N, rng)[0]


@pytest.fixture
def odds(rng: np.random.Generator) -> np.ndarray:
    return rng.dirichlet(np.ones(K), N) * rng.uniform(0.0, 2.0, (N, 1))


@pytest.fixture
def statistics(
    rows: np.ndarray, odds: np.ndarray, covariance_type: Any, rng: np.random.Generator
) -> SufficientStatistics:
    reference = rng.standard_normal((K, D))
    return SufficientStatistics(
        covariance_type,
        reference,
        odds.sum(axis=0),
        odds.T @ rows - odds.sum(axis=0)[:, None] * reference,
        summed(covariance_type, scatter(rows, odds, reference)),
        N,
        float(odds.sum()),
        0.0,
    )


def prior_of(covariance_type: str, rng: np.random.Generator, **changes: Any) -> Prior:
    root = rng.standard_normal((D, D))
    scale = in_shape_of(covariance_type.removeprefix("tied_"), root @ root.T[None] + np.eye(D))
    scale = scale if covariance_type == "tied" else scale[0]
    values = {"mean": rng.standard_normal(D), "shrinkage": 4.0, "dof": 7.0, "scale": scale}
    return Prior(**values | changes)


def maximiser(statistics: SufficientStatistics, by: Regularization) -> Mixture:
    """Return the M-step's mixture: means and covariances from the augmented sums, by definition."""
    sums = by.augmented(statistics)
    step = sums.first_moment / sums.mean_weight[:, None]
    taken = summed(
        statistics.covariance_type, np.einsum("k,ki,kj->kij", sums.mean_weight, step, step)
    )
    left = sums.second_moment - taken
    divisor = sums.covariance_weight
    covariances = left / divisor.reshape(divisor.shape + (1,) * (left.ndim - divisor.ndim))
    ridge = np.broadcast_to(by.reg_covar, D)
    if statistics.covariance_type in ("full", "tied"):
        covariances = covariances + np.diag(ridge)
    else:
        covariances += (
            ridge
            if covariances.shape[-1:] == (D,) and "diag" in (statistics.covariance_type)
            else ridge.mean()
        )
    weights = statistics.component_weight / statistics.component_weight.sum()
    return Mixture.from_covariances(
        weights, statistics.reference + step, covariances, statistics.covariance_type
    )


def expected_log_likelihood(mixture: Mixture, rows: np.ndarray, odds: np.ndarray) -> float:
    matrices = matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)
    densities = [
        scipy.stats.multivariate_normal(mean, matrix).logpdf(rows)
        for mean, matrix in zip(mixture.means, matrices, strict=True)
    ]
    return float((odds * np.transpose(densities)).sum())


def perturbed(mixture: Mixture, rng: np.random.Generator, size: float) -> tuple[Mixture, Mixture]:
    """Return two mixtures on either side of one, in a random direction of means and covariances."""
    of_means = size * rng.standard_normal((K, D))
    of_covariances = size * rng.standard_normal(mixture.covariances.shape)
    if mixture.covariance_type in ("full", "tied"):
        of_covariances = of_covariances + np.swapaxes(of_covariances, -1, -2)
    return tuple(
        Mixture.from_covariances(
            mixture.weights,
            mixture.means + sign * of_means,
            mixture.covariances + sign * of_covariances,
            mixture.covariance_type,
        )
        for sign in (1.0, -1.0)
    )


def ridge_penalty(by: Regularization, mixture: Mixture, held: np.ndarray) -> float:
    """The log density of the prior whose maximiser has the ridge, beside weights that are held."""
    form = mixture.covariance_model.form
    traces = form.ridge_traces(mixture.inverse_factors, by.ridge(form))
    return -0.5 * float((held * traces).sum())


@pytest.mark.parametrize("kind", ["none", "ridge", "prior", "prior without means", "both"])
def test_the_augmented_sums_give_the_maximiser(
    kind: str,
    statistics: SufficientStatistics,
    rows: np.ndarray,
    odds: np.ndarray,
    covariance_type: str,
    rng: np.random.Generator,
) -> None:
    """Of expected log-likelihood, log prior and, its weights held fixed, the ridge's penalty."""
    prior = prior_of(covariance_type, rng, row_weight=0.6)
    if kind == "prior without means":
        prior = prior_of(covariance_type, rng, shrinkage=0.0)
    ridge = np.array([0.1, 0.4, 0.2]) if kind in ("ridge", "both") else np.zeros(())
    by = Regularization(ridge, None if kind in ("none", "ridge") else prior)
    held = by.augmented(statistics).covariance_weight

    def objective(mixture: Mixture) -> float:
        total = expected_log_likelihood(mixture, rows, odds) + by.log_prior(mixture)
        return total + ridge_penalty(by, mixture, held)

    best = maximiser(statistics, by)
    at_best = objective(best)
    for _ in range(4):
        up, down = (objective(mixture) for mixture in perturbed(best, rng, 1e-3))
        assert max(up, down) < at_best
        # The slope is zero: what is left of the difference is of third order.
        assert abs(up - down) < 0.05 * (2.0 * at_best - up - down)


def test_without_a_prior_divisors_are_the_weights(
    statistics: SufficientStatistics, covariance_type: str
) -> None:
    sums = Regularization.of(0.5).augmented(statistics)
    np.testing.assert_array_equal(sums.first_moment, statistics.first_moment)
    np.testing.assert_array_equal(sums.second_moment, statistics.second_moment)
    np.testing.assert_array_equal(sums.mean_weight, statistics.component_weight)
    expected = statistics.component_weight * (D if "spherical" in covariance_type else 1)
    tied = covariance_type.startswith("tied")
    np.testing.assert_allclose(sums.covariance_weight, expected.sum() if tied else expected)


def log_density(mixture: Mixture, prior: Prior) -> float:
    """Return the log density of the prior by SciPy's distributions."""
    kind, mean, dof = mixture.covariance_type, prior.mean, prior.dof
    total = 0.0
    each = mixture.covariances[None] if kind.startswith("tied") else mixture.covariances
    for covariance in each:
        if kind in ("full", "tied"):
            total += scipy.stats.invwishart(dof, prior.scale).logpdf(covariance)
        else:
            total += scipy.stats.invgamma(dof / 2, scale=prior.scale / 2).logpdf(covariance).sum()
    for center, matrix in zip(
        mixture.means, matrices_of(kind, mixture.covariances, mixture.means), strict=True
    ):
        total += scipy.stats.multivariate_normal(mean, matrix / prior.shrinkage).logpdf(center)
    return float(total)


def test_log_prior_is_that_of_the_distributions(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """Up to a constant: of the differences between mixtures, and times the weight of a row."""
    prior = prior_of(covariance_type, rng)
    mixtures = []
    for _ in range(3):
        truth = correlated_mixture(K, D, rng)
        covariances = truth.covariances_as(covariance_type)
        mixtures.append(
            Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)
        )
    expected = np.diff([log_density(mixture, prior) for mixture in mixtures])
    by = Regularization(prior=prior)
    got = np.diff([by.log_prior(mixture) for mixture in mixtures])
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    half = np.diff([by.in_units(0.5).log_prior(mixture) for mixture in mixtures])
    np.testing.assert_allclose(half, 0.5 * got, rtol=1e-12)
    assert Regularization.of(1.0).log_prior(mixtures[0]) == 0.0


def test_files_bring_it_back(covariance_type: str, rng: np.random.Generator) -> None:
    for prior in (None, prior_of(covariance_type, rng, row_weight=0.25)):
        by = Regularization(rng.uniform(size=D), prior)
        facts, arrays = codec.describe(by)
        again = codec.restore(Regularization, facts, arrays)
        np.testing.assert_array_equal(again.reg_covar, by.reg_covar)
        assert (again.prior is None) == (prior is None)
        if prior is not None:
            np.testing.assert_array_equal(again.prior.mean, prior.mean)
            np.testing.assert_array_equal(again.prior.scale, prior.scale)
            assert (again.prior.dof, again.prior.shrinkage) == (prior.dof, prior.shrinkage)
            assert again.prior.row_weight == prior.row_weight
            assert again.prior.row_weight == prior.row_weight


def test_what_holds_nothing_up(rng: np.random.Generator) -> None:
    assert Regularization().none
    assert Regularization.of([0.1, 0.0]).none  # one column may still vanish
    assert not Regularization.of([0.1, 0.2]).none
    assert not Regularization(prior=prior_of("full", rng)).none
