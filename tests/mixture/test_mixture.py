"""A mixture: an immutable value of five arrays that agree with each other."""

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture, n_parameters
from support import CorrelatedMixture, correlated_mixture, in_shape_of, matrices_of

ARRAYS = ("weights", "means", "covariances", "factors", "inverse_factors")


@pytest.fixture
def truth(rng: np.random.Generator) -> CorrelatedMixture:
    return correlated_mixture(3, 4, rng)


def of_type(truth: CorrelatedMixture, covariance_type: Any) -> Mixture:
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


def squares(covariance_type: str, factors: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return L L^T of each component, (K, D, D), for lower L or deviations."""
    if covariance_type not in ("full", "tied"):
        return matrices_of(covariance_type, factors**2, means)
    factors = matrices_of(covariance_type, factors, means)
    np.testing.assert_array_equal(factors, np.tril(factors))
    return factors @ np.swapaxes(factors, 1, 2)


@pytest.mark.parametrize("given", ["covariances", "precisions"])
def test_the_arrays_agree(given: str, covariance_type: Any, truth: CorrelatedMixture) -> None:
    if given == "covariances":
        mixture = of_type(truth, covariance_type)
    else:
        precisions = truth.precisions_as(covariance_type)
        mixture = Mixture.from_precisions(truth.weights, truth.means, precisions, covariance_type)
    expected = truth.covariances_as(covariance_type)
    assert mixture.covariances.shape == mixture.factors.shape == expected.shape
    np.testing.assert_array_equal(mixture.weights, truth.weights)
    np.testing.assert_array_equal(mixture.means, truth.means)
    np.testing.assert_allclose(mixture.covariances, expected, rtol=1e-12, atol=1e-12)
    matrices = matrices_of(covariance_type, expected, truth.means)
    product = squares(covariance_type, mixture.factors, truth.means)
    np.testing.assert_allclose(product, matrices, rtol=1e-12, atol=1e-12)
    if covariance_type in ("full", "tied"):
        inverses = np.linalg.inv(mixture.factors)
        np.testing.assert_allclose(mixture.inverse_factors, inverses, rtol=1e-10, atol=1e-12)
    else:
        np.testing.assert_allclose(mixture.inverse_factors, 1.0 / mixture.factors, rtol=1e-15)


def test_precisions_are_the_inverses(covariance_type: Any, truth: CorrelatedMixture) -> None:
    mixture = of_type(truth, covariance_type)
    precisions = truth.precisions_as(covariance_type)
    np.testing.assert_allclose(mixture.precisions, precisions, rtol=1e-11, atol=1e-12)
    factors = mixture.precisions_cholesky
    if covariance_type in ("full", "tied"):
        np.testing.assert_array_equal(factors, np.triu(factors))
        product = factors @ np.swapaxes(factors, -1, -2)
    else:
        product = factors**2
    np.testing.assert_allclose(product, precisions, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 4), (7, 2)])
def test_free_parameters(k: int, d: int, covariance_type: Any) -> None:
    """Counted one by one: how many numbers can be chosen without a rule that ties them."""
    symmetric = len(set(map(frozenset, np.ndindex(d, d))))
    one = {"full": symmetric, "tied": symmetric, "diag": d, "tied_diag": d}.get(covariance_type, 1)
    of_covariances = one if covariance_type.startswith("tied") else k * one
    assert n_parameters(covariance_type, k, d) == (k - 1) + k * d + of_covariances
    ones = in_shape_of(covariance_type, np.stack([np.eye(d)] * k))
    mixture = Mixture.from_covariances(np.full(k, 1 / k), np.zeros((k, d)), ones, covariance_type)
    assert mixture.n_parameters == n_parameters(covariance_type, k, d)
    assert (mixture.n_components, mixture.n_features) == (k, d)


def test_nothing_can_be_changed(covariance_type: Any, truth: CorrelatedMixture) -> None:
    mixture = of_type(truth, covariance_type)
    copies = (mixture, copy.deepcopy(mixture), pickle.loads(pickle.dumps(mixture)))
    for value in copies:
        for name in ARRAYS:
            array = getattr(value, name)
            assert array.dtype == np.float64
            assert array.flags.c_contiguous
            np.testing.assert_array_equal(array, getattr(mixture, name))
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0.0
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, name, array)


def test_the_arrays_of_the_caller_stay_writeable(truth: CorrelatedMixture) -> None:
    of_type(truth, "full")
    for array in truth:
        array[...] = 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_packed_form_is_made_once_and_left_behind(
    dtype: Any, covariance_type: Any, truth: CorrelatedMixture
) -> None:
    mixture = of_type(truth, covariance_type)
    packed = mixture.packed(np.dtype(dtype))
    assert mixture.packed(np.dtype(dtype)) is packed
    again = pickle.loads(pickle.dumps(mixture))
    assert again.packed(np.dtype(dtype)) is not packed
    rows = truth.means.astype(dtype)
    densities = np.empty((2, len(rows)), dtype)
    packed.log_density(rows, densities[0])
    again.packed(np.dtype(dtype)).log_density(rows, densities[1])
    assert densities[0].tobytes() == densities[1].tobytes()


def test_a_weight_of_zero_takes_no_part(covariance_type: Any, truth: CorrelatedMixture) -> None:
    two = truth._replace(weights=np.array([0.25, 0.75, 0.0]))
    covariances = truth.covariances_as(covariance_type)
    mixture = Mixture.from_covariances(two.weights, two.means, covariances, covariance_type)
    odds = np.empty((3, 3))
    mixture.packed(np.dtype(np.float64)).responsibilities(truth.means, odds)
    assert (odds[:, 2] == 0.0).all()
    np.testing.assert_allclose(odds.sum(axis=1), 1.0, rtol=1e-12)


def test_a_covariance_without_a_factor_is_told(covariance_type: Any) -> None:
    matrices = np.stack([np.eye(2), np.eye(2), -np.eye(2)])
    covariances = in_shape_of(covariance_type, matrices, np.array([0.0, 0.0, 1.0]))
    with pytest.raises(IllDefinedCovarianceError) as caught:
        Mixture.from_covariances(np.full(3, 1 / 3), np.zeros((3, 2)), covariances, covariance_type)
    assert caught.value.component == (None if covariance_type.startswith("tied") else 2)
