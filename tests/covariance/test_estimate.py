"""Covariances from sums, against those of the rows themselves."""

import numpy as np
import pytest

from fastgmm.covariance.estimate import (
    PIVOT_ROUNDING,
    Augmented,
    check_range,
    factor_or_repair,
    sample_covariances,
)
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.types import model_of
from fastgmm.errors import DataRangeError, IllDefinedCovarianceError
from support import correlated_mixture, in_shape_of

FLOAT64 = np.dtype(np.float64)


@pytest.mark.parametrize("extra", [0.0, 1.5])
def test_sample_covariances_are_those_of_the_rows(
    extra: float,
    covariance_type: str,
    rng: np.random.Generator,
) -> None:
    """About the new means, whatever the reference; `extra` is what a prior adds to the divisors."""
    model, (k, d) = model_of(covariance_type), (3, 4)
    rows = correlated_mixture(k, d, rng).sample(80, rng)[0]
    shares = rng.dirichlet(np.ones(k), 80)
    weight = shares.sum(axis=0)
    reference = rng.normal(size=(k, d))
    off = rows[:, None] - reference
    matrices = np.einsum("nk,nki,nkj->kij", shares, off, off)
    second = matrices.sum(axis=0) if model.tied else matrices
    diagonals = np.diagonal(second, axis1=-2, axis2=-1)
    second = {2: second, 1: diagonals, 0: diagonals.sum(axis=-1)}[model.form.ndim]
    divisor = (weight.sum() if model.tied else weight) + extra
    counted = divisor * model.sums.features_per_variance(d)
    first = np.einsum("nk,nki->ki", shares, off)
    sums = Augmented(reference, first, np.array(second), weight, np.asarray(counted))
    got = sample_covariances(model.form, model.tied, sums, np.asarray(0.25))
    np.testing.assert_array_equal(got, model.estimate(sums, np.asarray(0.25)))

    means = shares.T @ rows / weight[:, None]
    about = rows[:, None] - means
    scatters = np.einsum("nk,nki,nkj->kij", shares, about, about)
    if model.tied:
        expected = np.stack([scatters.sum(axis=0) / divisor] * k)
    else:
        expected = scatters / divisor[:, None, None]
    expected = in_shape_of(covariance_type, expected + 0.25 * np.eye(d))
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


def test_what_rounding_made_singular_is_repaired_where_there_is_a_floor() -> None:
    covariances = np.array([np.eye(2), [[1e18, 1e18], [1e18, 1e18]]])
    repaired, factors, inverses = factor_or_repair(MATRIX, covariances, np.asarray(1e-6), FLOAT64)
    np.testing.assert_allclose(factors @ np.swapaxes(factors, 1, 2), repaired, rtol=1e-6)
    np.testing.assert_allclose(inverses @ factors, np.stack([np.eye(2)] * 2), atol=1e-6)
    np.testing.assert_array_equal(repaired[0], covariances[0])
    with pytest.raises(IllDefinedCovarianceError) as caught:
        factor_or_repair(MATRIX, covariances, None, FLOAT64)
    assert caught.value.component == 1


def test_a_pivot_of_rounding_counts_as_zero() -> None:
    for share, good in ((0.25, False), (4.0, True)):
        covariance = np.array([[1.0, 1.0], [1.0, 1.0 + share * 2 * PIVOT_ROUNDING]])
        if good:
            assert factor_or_repair(MATRIX, covariance, None, FLOAT64)[0] is covariance
        else:
            with pytest.raises(IllDefinedCovarianceError):
                factor_or_repair(MATRIX, covariance, None, FLOAT64)


@pytest.mark.parametrize("covariance_type", ["diag", "spherical", "tied_diag", "tied_spherical"])
def test_variances_are_not_repaired(covariance_type: str) -> None:
    """A ridge has raised them, or nothing has."""
    model = model_of(covariance_type)
    covariances = np.zeros(model.shape(3, 2))
    with pytest.raises(IllDefinedCovarianceError) as caught:
        factor_or_repair(model.form, covariances, np.asarray(1.0), FLOAT64)
    assert caught.value.component == (None if model.tied else 0)


def test_what_is_beyond_the_dtype_is_an_error(covariance_type: str) -> None:
    shape = model_of(covariance_type).shape(3, 2)
    with pytest.raises(DataRangeError):
        factor_or_repair(model_of(covariance_type).form, np.full(shape, np.nan), None, FLOAT64)
    good = np.ones(shape)
    for dtype in (np.dtype(np.float32), FLOAT64):
        check_range(good, good, dtype)
    for covariances, inverses in ((1e39 * good, good), (good, 1e20 * good)):
        check_range(covariances, inverses, FLOAT64)
        with pytest.raises(DataRangeError):
            check_range(covariances, inverses, np.dtype(np.float32))
