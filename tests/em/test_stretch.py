"""Compiled iterations end where the loop would decide, and have its bits."""

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastgmm import GaussianMixture
from fastgmm.data.batches import BatchData
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, MaximumLikelihood, maximization
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.em.stretch import Stretches, iterated, stretches_over
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.validation.batches import CheckedBatches
from support import correlated_mixture

RIDGE = Regularization.of(1e-6)


def begun(n_components: int, covariance_type: Any, rows: NDArray[Any]) -> Mixture:
    """Return a mixture at some of the rows, with their common covariance."""
    matrix = np.atleast_2d(np.cov(rows.T.astype(np.float64)))
    one = {
        "full": matrix,
        "diag": np.diagonal(matrix),
        "spherical": np.asarray(np.trace(matrix) / len(matrix)),
    }[covariance_type.replace("tied_", "").replace("tied", "full")]
    tied = covariance_type.startswith("tied")
    covariances = np.array(one if tied else np.stack([one] * n_components))
    means = rows[:: len(rows) // n_components][:n_components].astype(np.float64)
    weights = np.full(n_components, 1.0 / n_components)
    return Mixture.from_covariances(weights, means, covariances, covariance_type, rows.dtype)


def fitted(rows: NDArray[Any], watched: bool, **params: Any) -> GaussianMixture:
    """Return a fit; one that somebody watches has no compiled iterations."""
    model = GaussianMixture(random_state=0, **params)
    callback = (lambda iteration: False) if watched else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, callback=callback)


def assert_same(one: GaussianMixture, other: GaussianMixture) -> None:
    """Assert that two fits have the same bits and tell the same story."""
    assert one.lower_bounds_ == other.lower_bounds_
    assert one.repairs_ == other.repairs_
    for name in ("n_iter_", "n_passes_", "converged_", "gap_", "lower_bound_"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("acceleration", [None, "auto"])
def test_a_fit_has_the_bits_of_one_that_is_watched(
    covariance_type: str, dtype: type, acceleration: str | None, rng: np.random.Generator
) -> None:
    for k, d in ((1, 1), (3, 2), (5, 9)):
        rows = correlated_mixture(k, d, rng, separation=1.5).sample(400, rng)[0].astype(dtype)
        params = {
            "n_components": k,
            "covariance_type": covariance_type,
            "acceleration": acceleration,
            "tol": 1e-5,
        }
        assert_same(fitted(rows, False, **params), fitted(rows, True, **params))


def test_weights_and_ridges_by_feature(rows: NDArray[np.float64], covariance_type: str) -> None:
    weight = np.random.default_rng(1).uniform(0.2, 3.0, len(rows))
    params = {"n_components": 4, "covariance_type": covariance_type, "reg_covar": "auto"}
    models = [
        GaussianMixture(random_state=0, **params).fit(rows, sample_weight=weight, callback=callback)
        for callback in (None, lambda iteration: False)
    ]
    assert_same(*models)


@pytest.mark.parametrize("max_iter", [1, 2, 5, 16, 17, 40])
def test_no_iteration_too_many(max_iter: int, rows: NDArray[np.float64]) -> None:
    params = {"n_components": 4, "tol": 0.0, "acceleration": None, "max_iter": max_iter}
    model = fitted(rows, False, **params)
    assert model.n_iter_ == max_iter
    assert_same(model, fitted(rows, True, **params))


@pytest.mark.parametrize("on_collapse", ["repair", "warn"])
def test_what_collapses_is_repaired(on_collapse: str, rng: np.random.Generator) -> None:
    rows = np.r_[rng.normal(size=(200, 2)), np.repeat([[9.0, 9.0]], 20, axis=0)]
    means = np.array([[0.0, 0.0], [9.0, 9.0], [1e5, 0.0]])
    params = {"n_components": 3, "means_init": means, "on_collapse": on_collapse, "max_iter": 30}
    model = fitted(rows, False, **params)
    assert model.repairs_
    assert_same(model, fitted(rows, True, **params))


def test_a_warm_start_goes_on_with_its_history(rows: NDArray[np.float64]) -> None:
    models = []
    for watched in (False, True):
        model = GaussianMixture(4, random_state=0, max_iter=3, warm_start=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(4):
                model.fit(rows, callback=(lambda iteration: False) if watched else None)
        models.append(model)
    assert_same(*models)


def test_only_what_the_kernel_can_do_is_compiled(rows: NDArray[np.float64]) -> None:
    class Own(MaximumLikelihood):
        """A family of somebody else."""

    data = RowData(rows)
    assert stretches_over(data, "full", 3, RIDGE, MAXIMUM_LIKELIHOOD) is not None
    assert stretches_over(data, "full", 3, RIDGE, Own()) is None
    prior = Regularization(prior=Prior(np.zeros(3), 1.0, 5.0, np.eye(3)))
    assert stretches_over(data, "full", 3, prior, MAXIMUM_LIKELIHOOD) is None
    many = RowData(np.zeros((100_000, 2)))
    assert stretches_over(many, "full", 3, RIDGE, MAXIMUM_LIKELIHOOD) is None
    light = RowData(rows, np.full(len(rows), 1e-20))
    assert stretches_over(light, "full", 3, RIDGE, MAXIMUM_LIKELIHOOD) is None
    batches = BatchData(CheckedBatches([rows], "fit_batches"), None)
    batches.peek()
    assert stretches_over(batches, "full", 3, RIDGE, MAXIMUM_LIKELIHOOD) is None


def test_bounds_and_mixtures_are_those_of_the_two_steps(
    rows: NDArray[np.float64], covariance_type: str
) -> None:
    data, mixture = RowData(rows), begun(3, covariance_type, rows)
    stretches = stretches_over(data, covariance_type, 3, RIDGE, MAXIMUM_LIKELIHOOD)
    assert isinstance(stretches, Stretches)
    bounds = stretches.run(mixture, 4)
    assert len(bounds) == 4
    for index, bound in enumerate(bounds, 1):
        statistics = expectation(mixture, data, reg_covar=1e-6)
        assert bound == statistics.log_likelihood / statistics.weight
        mixture = maximization(statistics, RIDGE)
        got = stretches.mixture(index)
        for name in ("weights", "means", "covariances", "factors", "inverse_factors"):
            assert np.array_equal(getattr(got, name), getattr(mixture, name)), (index, name)


@pytest.mark.parametrize("n", [0, 1, 7, 40])
def test_iterated(n: int, rows: NDArray[np.float64], covariance_type: str) -> None:
    data, mixture = RowData(rows), begun(3, covariance_type, rows)
    got = iterated(mixture, data, n, RIDGE)
    for _ in range(n):
        mixture = maximization(expectation(mixture, data, reg_covar=1e-6), RIDGE)
    assert np.array_equal(got.means, mixture.means)
    assert np.array_equal(got.covariances, mixture.covariances)


def test_iterated_goes_on_where_a_component_is_lost(rows: NDArray[np.float64]) -> None:
    begin = begun(3, "full", rows)
    means = begin.means.copy()
    means[0] = 1e3
    mixture = Mixture.from_covariances(begin.weights, means, begin.covariances, "full")
    got = iterated(mixture, RowData(rows), 3, RIDGE)
    assert got.weights[0] == 0.0


def test_iterated_says_where_a_covariance_is_singular(rows: NDArray[np.float64]) -> None:
    flat = np.c_[rows[:, 0], rows[:, 0]]
    mixture = begun(2, "diag", flat)
    full = np.stack([np.diag(variances) for variances in mixture.covariances])
    mixture = Mixture.from_covariances(mixture.weights, mixture.means, full, "full")
    with pytest.raises(IllDefinedCovarianceError):
        iterated(mixture, RowData(flat), 3, Regularization())
