"""The relative frame: coordinates about a mixture, and the gradient of the likelihood in them."""

from typing import Any

import numpy as np
import pytest

from fastgmm import NormalInverseWishart
from fastgmm.data.rows import RowData
from fastgmm.em import relative_frame as frame
from fastgmm.em.acceleration import Search
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from support import CorrelatedMixture, correlated_mixture, matrices_of

K, D = 3, 4


def of_type(truth: CorrelatedMixture, covariance_type: Any) -> Mixture:
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


@pytest.fixture
def base(covariance_type: str, rng: np.random.Generator) -> Mixture:
    return of_type(correlated_mixture(K, D, rng), covariance_type)


def n_coordinates(base: Mixture) -> int:
    """Return the number of free parameters and one more: the weights' sum is not used up."""
    return base.n_parameters + 1


def assert_same(one: Mixture, other: Mixture, atol: float = 1e-12) -> None:
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-11, atol=atol)


def test_no_step_is_the_base(base: Mixture) -> None:
    assert_same(frame.mixture_at(base, np.zeros(n_coordinates(base))), base)
    np.testing.assert_allclose(frame.coordinates(base, base), 0.0, atol=1e-13)


def test_there_and_back(base: Mixture, rng: np.random.Generator) -> None:
    """The weights are normalised on the way, which moves all their logarithms by one number."""
    step = 0.3 * rng.standard_normal(n_coordinates(base))
    back = frame.coordinates(base, frame.mixture_at(base, step))
    np.testing.assert_allclose(back[K:], step[K:], rtol=1e-9, atol=1e-11)
    roots = np.sqrt(base.weights)
    logits = step[:K] / roots
    expected = logits - np.log(base.weights @ np.exp(logits))
    np.testing.assert_allclose(back[:K] / roots, expected, rtol=1e-9, atol=1e-11)


def test_another_mixture_has_coordinates(
    base: Mixture, covariance_type: str, rng: np.random.Generator
) -> None:
    other = of_type(correlated_mixture(K, D, rng), covariance_type)
    assert_same(frame.mixture_at(base, frame.coordinates(base, other)), other, atol=1e-10)


def test_coordinates_are_in_deviations_of_the_base(
    base: Mixture, covariance_type: str, rng: np.random.Generator
) -> None:
    """Of the means: L^-1 of the difference, times the root of the component's weight."""
    other = of_type(correlated_mixture(K, D, rng), covariance_type)
    got = frame.coordinates(base, other)[K : K + K * D].reshape(K, D)
    matrices = matrices_of(covariance_type, base.covariances, base.means)
    for k, difference in enumerate(other.means - base.means):
        expected = np.sqrt(base.weights[k]) * np.linalg.solve(
            np.linalg.cholesky(matrices[k]), difference
        )
        np.testing.assert_allclose(got[k], expected, rtol=1e-10, atol=1e-11)


def test_units_of_the_data_do_not_matter(base: Mixture, rng: np.random.Generator) -> None:
    step = 0.2 * rng.standard_normal(n_coordinates(base))
    other = frame.mixture_at(base, step)

    def scaled(mixture: Mixture) -> Mixture:
        means, covariances = 2.0**40 * mixture.means, 2.0**80 * mixture.covariances
        return Mixture.from_covariances(
            mixture.weights, means, covariances, mixture.covariance_type
        )

    got = frame.coordinates(scaled(base), scaled(other))
    np.testing.assert_array_equal(got, frame.coordinates(base, other))


def test_the_largest_move(base: Mixture) -> None:
    for at in range(n_coordinates(base)):
        step = np.zeros(n_coordinates(base))
        step[at] = 1e-3
        largest = frame.largest_move(base, -step)
        moved = frame.mixture_at(base, step)
        if K <= at < K + K * D:
            k, j = divmod(at - K, D)
            matrices = matrices_of(base.covariance_type, base.covariances, base.means)
            off = np.linalg.solve(np.linalg.cholesky(matrices[k]), (moved.means - base.means)[k])
            assert off[j] == pytest.approx(largest, rel=1e-9)
        elif at < K:
            assert largest == pytest.approx(1e-3 / np.sqrt(base.weights[at]), rel=1e-12)
        else:
            assert 1e-4 < largest < 1e-2


def test_a_component_of_next_to_no_weight_has_no_coordinates(
    covariance_type: str, rng: np.random.Generator
) -> None:
    truth = correlated_mixture(K, D, rng)
    light = truth._replace(weights=np.array([0.4, 1e-9, 0.6 - 1e-9]))
    base = of_type(light, covariance_type)
    other = of_type(correlated_mixture(K, D, rng), covariance_type)
    coordinates = frame.coordinates(base, other)
    assert coordinates[1] == 0.0
    assert (coordinates[K : K + K * D].reshape(K, D)[1] == 0.0).all()
    rest = coordinates[K + K * D :]
    if not covariance_type.startswith("tied"):
        assert (rest.reshape(K, -1)[1] == 0.0).all()
    assert (np.delete(coordinates[: K + K * D], [1, *range(K + D, K + 2 * D)]) != 0.0).all()
    assert frame.largest_move(base, np.where(coordinates == 0.0, 1e9, 0.0)) == 0.0


@pytest.mark.parametrize("kind", ["none", "ridge", "prior"])
def test_the_gradient(kind: str, seed: int, covariance_type: str) -> None:
    """Against differences of the objective; zero where EM stays, and near there EM's own step."""
    rng = np.random.default_rng(seed)
    mixture = correlated_mixture(3, 3, rng)
    rows, weight = mixture.sample(300, rng)[0], rng.uniform(0.0, 3.0, 300)
    regularization = Regularization.of([0.1, 0.2, 0.4] if kind == "ridge" else 0.0)
    if kind == "prior":
        prior = NormalInverseWishart(shrinkage=3.0, dof=9.0)
        of_type = Regularizing(0.0, prior, covariance_type, 3)
        regularization = of_type.of_moments(rows.mean(axis=0), np.cov(rows.T))
    means, covariances = mixture.means + 0.3, mixture.covariances_as(covariance_type)
    base = Mixture.from_covariances(mixture.weights, means, covariances, covariance_type)
    statistics = expectation(base, RowData(rows, weight))
    search = Search(regularization, weight.sum())
    search.held = regularization.augmented(statistics).covariance_weight

    def objective(step: np.ndarray) -> float:
        there = frame.mixture_at(base, step)
        total = expectation(there, RowData(rows, weight)).log_likelihood + regularization.log_prior(
            there
        )
        return search.objective(there, total / weight.sum())

    gradient = frame.gradient(base, statistics, regularization)
    steps = 1e-4 * np.eye(len(gradient))
    differences = [(objective(step) - objective(-step)) / 2e-4 for step in steps]
    np.testing.assert_allclose(gradient, differences, atol=1e-7)
    elsewhere = frame.gradient(base, statistics.moved(np.ones((3, 3))), regularization)
    np.testing.assert_allclose(elsewhere, gradient, atol=1e-13)

    limit = base
    for _ in range(400):
        limit = maximization(expectation(limit, RowData(rows, weight)), regularization)
    there = frame.mixture_at(base, frame.coordinates(base, limit))
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(there, name), getattr(limit, name), atol=1e-12)
    step = rng.standard_normal(len(gradient))
    for length in (1e-2, 0.0):
        near = frame.mixture_at(limit, length * step / np.linalg.norm(step))
        statistics = expectation(near, RowData(rows, weight))
        gradient = frame.gradient(near, statistics, regularization)
        em = frame.coordinates(near, maximization(statistics, regularization))
        if length == 0.0:
            assert np.abs(gradient).max() < 1e-6
        elif kind != "prior":
            assert np.linalg.norm(em - gradient) < 2 * length * np.linalg.norm(gradient)


@pytest.mark.parametrize("seed", range(2))
def test_the_gradient_of_rows_with_gaps(seed: int, covariance_type: str) -> None:
    """Sums lifted to complete rows give that of the observed likelihood (Fisher's identity)."""
    rng = np.random.default_rng(seed)
    mixture = correlated_mixture(3, 4, rng)
    rows, weight = mixture.sample(300, rng)[0], rng.uniform(0.0, 3.0, 300)
    rows[rng.random(rows.shape) < 0.3] = np.nan
    means, covariances = mixture.means + 0.3, mixture.covariances_as(covariance_type)
    base = Mixture.from_covariances(mixture.weights, means, covariances, covariance_type)
    data = RowData(rows, weight, 1, gapped=True)

    def mean_log_likelihood(step: np.ndarray) -> float:
        there = expectation(frame.mixture_at(base, step), data)
        return there.log_likelihood / weight.sum()

    gradient = frame.gradient(base, expectation(base, data), Regularization.of(0.0))
    steps = 1e-4 * np.eye(len(gradient))
    differences = [
        (mean_log_likelihood(step) - mean_log_likelihood(-step)) / 2e-4 for step in steps
    ]
    np.testing.assert_allclose(gradient, differences, atol=1e-7)
