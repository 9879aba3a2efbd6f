"""Constants: what the kernels read of a mixture, packed once per dtype and never out of date."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from fastgmm.mixture.constants import Constants
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture, matrices_of

K, D = 3, 4
DTYPES = (np.float32, np.float64)


@pytest.fixture
def mixture(covariance_type: Any, rng: np.random.Generator) -> Mixture:
    truth = correlated_mixture(K, D, rng)
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


def log_densities(constants: Constants, rows: np.ndarray) -> np.ndarray:
    out = np.empty(len(rows), rows.dtype)
    constants.packed(rows.dtype).log_density(rows, out)
    return out


def component_log_densities(constants: Constants, rows: np.ndarray) -> np.ndarray:
    out = np.empty((len(rows), K), rows.dtype)
    constants.packed(rows.dtype).component_log_density(rows, out)
    return out


def test_offsets_are_the_log_densities_at_the_means(mixture: Mixture) -> None:
    matrices = matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)
    pairs = zip(mixture.means, matrices, strict=True)
    expected = [multivariate_normal(mean, matrix).logpdf(mean) for mean, matrix in pairs]
    constants = mixture.constants
    assert constants.offsets.shape == (K,)
    np.testing.assert_allclose(constants.offsets, expected, rtol=1e-12)
    found = component_log_densities(constants, np.ascontiguousarray(mixture.means))
    np.testing.assert_allclose(np.diagonal(found), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kernels_evaluate_what_the_constants_say(
    dtype: Any, mixture: Mixture, rng: np.random.Generator
) -> None:
    """Whatever the numbers are: they need not be those of a normalised Gaussian."""
    rows = rng.standard_normal((40, D)).astype(dtype)
    plain, shift = mixture.constants, np.array([0.5, -2.0, 30.0])
    moved = replace(plain, log_determinants=plain.log_determinants + shift)
    rtol = 1e-12 if dtype is np.float64 else 1e-5
    expected = component_log_densities(plain, rows) - shift
    np.testing.assert_allclose(component_log_densities(moved, rows), expected, rtol, rtol)
    np.testing.assert_allclose(moved.offsets, plain.offsets - shift, rtol=1e-12)
    # a component that cannot be the origin of a row has no share in the density
    one = replace(plain, log_weights=np.array([-np.inf, 0.0, -np.inf]))
    expected = component_log_densities(plain, rows)[:, 1]
    np.testing.assert_allclose(log_densities(one, rows), expected, rtol, rtol)


def test_a_constant_density(rng: np.random.Generator) -> None:
    """An inverse factor of zeros: the offset is the log density, however far a row is."""
    rows = 1e3 * rng.standard_normal((40, D))
    for kernel, shape in (("full", (K, D, D)), ("diag", (K, D)), ("spherical", (K,))):
        flat = Constants(
            kernel, np.log(np.full(K, 1 / K)), np.zeros((K, D)), np.zeros(shape), np.arange(3.0)
        )
        expected = np.tile(-np.arange(3.0) - 0.5 * D * np.log(2 * np.pi), (40, 1))
        np.testing.assert_allclose(component_log_densities(flat, rows), expected, rtol=1e-14)
        np.testing.assert_allclose(flat.offsets, expected[0], rtol=1e-14)


def test_packed_once_per_dtype(mixture: Mixture) -> None:
    constants = mixture.constants
    packed = {dtype: constants.packed(np.dtype(dtype)) for dtype in DTYPES}
    for dtype in DTYPES:
        assert constants.packed(np.dtype(dtype)) is packed[dtype]
        assert mixture.packed(np.dtype(dtype)) is packed[dtype]
    assert packed[np.float32] is not packed[np.float64]


def test_changed_constants_are_packed_anew(mixture: Mixture, rng: np.random.Generator) -> None:
    rows, constants = rng.standard_normal((5, D)), mixture.constants
    before = log_densities(constants, rows)
    changed = replace(constants, log_weights=constants.log_weights - 1.0)
    np.testing.assert_allclose(log_densities(changed, rows), before - 1.0, rtol=1e-13)
    assert log_densities(constants, rows).tobytes() == before.tobytes()


def test_what_is_packed_does_not_travel(mixture: Mixture, rng: np.random.Generator) -> None:
    rows, constants = rng.standard_normal((5, D)), mixture.constants
    empty = len(pickle.dumps(constants))
    before = log_densities(constants, rows)
    assert len(pickle.dumps(constants)) == empty
    back = pickle.loads(pickle.dumps(constants))
    assert log_densities(back, rows).tobytes() == before.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_some_components_keep_their_weights(
    mixture: Mixture, dtype: Any, rng: np.random.Generator
) -> None:
    rows, chosen = rng.standard_normal((30, D)).astype(dtype), np.array([0, 2])
    some = mixture.constants.of_components(chosen)
    joint = component_log_densities(mixture.constants, rows) + mixture.constants.log_weights
    expected = np.logaddexp(*joint[:, chosen].T)
    rtol = 1e-12 if dtype is np.float64 else 1e-4
    np.testing.assert_allclose(log_densities(some, rows), expected, rtol=rtol, atol=rtol)
    alone = mixture.of_components(chosen)
    share = mixture.weights[chosen].sum()
    np.testing.assert_allclose(alone.weights, mixture.weights[chosen] / share, rtol=1e-15)
    assert mixture.log_share(chosen) == pytest.approx(np.log(share), rel=1e-15)
    np.testing.assert_allclose(
        log_densities(alone.constants, rows) + np.log(share), expected, rtol=rtol, atol=rtol
    )
    none = replace(mixture, weights=np.array([0.0, 1.0, 0.0]))
    assert none.of_components(chosen).weights.tolist() == [0.0, 0.0]
    assert none.log_share(chosen) == -np.inf
