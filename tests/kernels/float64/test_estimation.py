"""Covariances, log determinants and log weights of every build against the reference."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference

FLOAT64 = np.dtype("float64")
FORMS = ("matrix", "diagonal", "scalar")


def sums_of_rows(form, tied, n_components, n_features, seed):
    """Return first and second moments, weights and divisors of correlated rows."""
    rng = np.random.default_rng(seed)
    k, d = n_components, n_features
    weight = rng.uniform(3.0, 9.0, k)
    spread = rng.normal(size=(d, d))
    rows = rng.normal(size=(k, 3 * d + 5, d)) @ spread + rng.normal(size=(k, 1, d))
    first = weight[:, None] * rows.mean(axis=1)
    second = weight[:, None, None] * (rows.transpose(0, 2, 1) @ rows) / rows.shape[1]
    divisor = weight
    if form != "matrix":
        second = np.array(np.diagonal(second, axis1=1, axis2=2))
    if form == "scalar":
        second, divisor = second.sum(axis=1), divisor * d
    if tied:
        second, divisor = np.asarray(second.sum(axis=0)), np.asarray(divisor.sum())
    return first, second, weight, divisor


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 9), (2, 33)])
def test_estimate(build, form, tied, shape):
    for seed in range(3):
        sums = sums_of_rows(form, tied, *shape, seed)
        ridge = np.linspace(0.1, 0.4, shape[1] if seed else 1)
        found, wanted = np.empty_like(sums[1]), np.empty_like(sums[1])
        build.modules[FLOAT64].estimate(form, tied, *sums, ridge, found)
        reference.estimate(form, tied, *sums, ridge, wanted)
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("form", FORMS[1:])
def test_variances_below_zero_count_as_zero(build, form):
    first, second, weight, divisor = sums_of_rows(form, False, 2, 3, 0)
    found = np.empty_like(second)
    build.modules[FLOAT64].estimate(
        form, False, first, 0.0 * second, weight, divisor, np.array([0.25]), found
    )
    assert (found == 0.25).all()
    build.modules[FLOAT64].estimate(
        form, False, first, np.nan * second, weight, divisor, np.array([0.25]), found
    )
    assert np.isnan(found).all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (4, 17)])
def test_log_determinants(build, form, shape):
    k, d = shape
    rng = np.random.default_rng(k)
    one = {"matrix": (d, d), "diagonal": (d,), "scalar": ()}[form]
    factors = rng.uniform(0.1, 9.0, (k, *one))
    found, wanted = np.empty(k), np.empty(k)
    build.modules[FLOAT64].log_determinants(form, d, factors, found)
    reference.log_determinants(form, d, factors, wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-14)


def test_log_weights(build):
    weights = np.array([1.0, 0.25, 0.0, 5e-324])
    found, wanted = np.empty(4), np.empty(4)
    build.modules[FLOAT64].log_weights(weights, found)
    reference.log_weights(weights, wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-15)


@pytest.mark.parametrize("at", range(6))
def test_arrays_of_other_sizes_are_refused(build, at):
    arrays = [*sums_of_rows("matrix", False, 3, 2, 0), np.array([0.1]), np.empty((3, 2, 2))]
    arrays[at] = np.ones((5, 5))
    with pytest.raises(ValueError, match="expected"):
        build.modules[FLOAT64].estimate("matrix", False, *arrays)


def test_sizes_of_zero_are_refused(build):
    module, empty = build.modules[FLOAT64], np.empty(0)
    with pytest.raises(ValueError, match="expected sizes from 1"):
        module.log_determinants("scalar", 2, empty, empty)
    with pytest.raises(ValueError, match="expected sizes from 1"):
        module.estimate("scalar", False, np.empty((0, 2)), empty, empty, empty, empty, empty)
