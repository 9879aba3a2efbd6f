"""Covariances as diagonals, against matrices."""

import numpy as np
import pytest

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.matrix import MATRIX
from fastgmm.errors import IllDefinedCovarianceError
from support import correlated_mixture


@pytest.fixture(params=[(1, 1), (3, 2), (2, 7)], ids=str)
def variances(request: pytest.FixtureRequest, rng: np.random.Generator) -> np.ndarray:
    """Return (K, D): the diagonals of correlated covariances."""
    covariances = correlated_mixture(*request.param, rng).covariances
    return np.array(np.diagonal(covariances, axis1=1, axis2=2))


def dense(array: np.ndarray) -> np.ndarray:
    return array[..., None] * np.eye(array.shape[-1])


def test_sizes() -> None:
    for d in (1, 2, 9):
        assert DIAGONAL.shape(d) == (d,)
        assert DIAGONAL.n_parameters(d) == d
        assert DIAGONAL.features_per_variance(d) == 1
        assert DIAGONAL.prior_exponent(d) == 2


@pytest.mark.parametrize("alone", [False, True])
def test_factors_are_those_of_the_matrix(alone: bool, variances: np.ndarray) -> None:
    given = variances[0] if alone else variances
    d = given.shape[-1]
    factors, inverses = DIAGONAL.factor(given, 0.5)
    expected = MATRIX.factor(dense(given))
    for got, wanted in zip((factors, inverses), expected, strict=True):
        np.testing.assert_allclose(dense(got), wanted, rtol=1e-14)
    for got, wanted in zip(DIAGONAL.factor_precisions(1.0 / given), expected, strict=True):
        np.testing.assert_allclose(dense(got), wanted, rtol=1e-14)
    np.testing.assert_allclose(DIAGONAL.squares(factors), given, rtol=1e-14)
    np.testing.assert_allclose(DIAGONAL.precisions(inverses), 1.0 / given, rtol=1e-14)
    assert DIAGONAL.precision_factors(inverses) is inverses
    logs = MATRIX.log_determinants(expected[0], d)
    np.testing.assert_allclose(DIAGONAL.log_determinants(factors, d), logs, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_what_has_no_root_is_named(bad: float, variances: np.ndarray) -> None:
    variances = variances.copy()
    variances[-1, 0] = bad
    with pytest.raises(IllDefinedCovarianceError) as caught:
        DIAGONAL.factor(variances)
    assert caught.value.component == len(variances) - 1
    with pytest.raises(IllDefinedCovarianceError) as caught:
        DIAGONAL.factor(variances[-1])
    assert caught.value.component is None
    assert DIAGONAL.held_at(variances, np.asarray(1.0), 0.0) is variances


def test_products_are_diagonals_of_matrices(
    variances: np.ndarray, rng: np.random.Generator
) -> None:
    left, right = rng.normal(size=(2, *variances.shape))
    rows = rng.normal(size=(6, variances.shape[1]))
    np.testing.assert_allclose(
        DIAGONAL.times(variances, left), MATRIX.times(dense(variances), left), rtol=1e-14
    )
    np.testing.assert_allclose(
        DIAGONAL.times_rows(variances[0], rows), rows @ np.diag(variances[0]), rtol=1e-14
    )
    outer = np.diagonal(MATRIX.products(left, right), axis1=1, axis2=2)
    np.testing.assert_allclose(DIAGONAL.products(left, right), outer, rtol=1e-14)
    np.testing.assert_allclose(
        DIAGONAL.summed_products(left, right), outer.sum(axis=0), rtol=1e-12, atol=1e-14
    )
    assert DIAGONAL.symmetric(variances) is variances


def test_views(variances: np.ndarray) -> None:
    d = variances.shape[1]
    for given in (variances, variances[0]):
        assert DIAGONAL.diagonals(given, d) is given
        np.testing.assert_array_equal(DIAGONAL.matrices(given, d), dense(given))
        np.testing.assert_array_equal(DIAGONAL.selected(given, np.arange(d)[::2]), given[..., ::2])
        np.testing.assert_array_equal(DIAGONAL.written(MATRIX, dense(given), d), given)
        np.testing.assert_array_equal(MATRIX.written(DIAGONAL, given, d), dense(given))
    np.testing.assert_array_equal(DIAGONAL.from_deviations(variances[0]), variances[0])


def test_ridges(variances: np.ndarray, rng: np.random.Generator) -> None:
    inverses = DIAGONAL.factor(variances)[1]
    matrices = MATRIX.factor(dense(variances))[1]
    for ridge in (np.asarray(0.3), rng.uniform(size=variances.shape[1])):
        assert DIAGONAL.ridge(ridge) is ridge
        np.testing.assert_allclose(
            DIAGONAL.ridge_traces(inverses, ridge), MATRIX.ridge_traces(matrices, ridge), rtol=1e-12
        )
    total = MATRIX.total_trace(matrices, np.diag(variances[0]))
    assert DIAGONAL.total_trace(inverses, variances[0]) == pytest.approx(total)
    assert DIAGONAL.log_pivots(inverses) == pytest.approx(MATRIX.log_pivots(matrices))


def test_priors_take_diagonals_and_numbers(rng: np.random.Generator) -> None:
    noise = rng.normal(size=(4, 9))
    covariance = noise @ noise.T
    assert DIAGONAL.prior_scale(covariance) == pytest.approx(np.trace(covariance) / 4)
    assert DIAGONAL.takes_prior_scale((4,), 4)
    assert DIAGONAL.takes_prior_scale((), 4)
    assert not DIAGONAL.takes_prior_scale((4, 4), 4)
    assert not DIAGONAL.takes_prior_scale((3,), 4)


def test_directions_at_the_floor_are_features() -> None:
    ridge = np.array([1.0, 2.0, 4.0])
    shares = np.array([[0.5, 0.995, 0.1], [0.999, 1.0, 0.992], [0.9, 0.9, 0.9]])
    inverses = np.sqrt(shares / ridge)
    given = 1.0 / inverses**2, inverses, ridge, 0.99
    np.testing.assert_array_equal(DIAGONAL.directions_at_floor(*given), [1, 3, 0])
    asked = np.array([False, True, True])
    np.testing.assert_array_equal(DIAGONAL.directions_at_floor(*given, asked), [0, 3, 0])


def test_faults() -> None:
    assert DIAGONAL.fault(np.array([[1.0, 2.0]]), "things") is None
    fault = DIAGONAL.fault(np.array([[1.0, -2.0], [0.0, 1.0]]), "things")
    assert fault == "positive, but the smallest is -2"
