"""Covariances as one variance for all features, against diagonals that repeat it."""

import numpy as np
import pytest

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.scalar import SCALAR
from fastgmm.errors import IllDefinedCovarianceError


@pytest.fixture(params=[(1, 1), (3, 2), (2, 7)], ids=str)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Return K and D."""
    return request.param


@pytest.fixture
def variances(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return (K,)."""
    return rng.uniform(0.5, 4.0, size[0])


def test_sizes() -> None:
    for d in (1, 2, 9):
        assert SCALAR.shape(d) == ()
        assert SCALAR.n_parameters(d) == 1
        assert SCALAR.features_per_variance(d) == d
        assert SCALAR.prior_exponent(d) == 2


@pytest.mark.parametrize("alone", [False, True])
def test_factors_are_those_of_the_diagonal(
    alone: bool, size: tuple[int, int], variances: np.ndarray
) -> None:
    d, given = size[1], np.asarray(variances[0]) if alone else variances
    factors, inverses = SCALAR.factor(given)
    expected = DIAGONAL.factor(SCALAR.diagonals(given, d))
    for got, wanted in zip((factors, inverses), expected, strict=True):
        np.testing.assert_array_equal(SCALAR.diagonals(got, d), wanted)
    np.testing.assert_allclose(SCALAR.factor_precisions(1.0 / given)[0], factors, rtol=1e-14)
    np.testing.assert_allclose(SCALAR.factor_precisions(1.0 / given)[1], inverses, rtol=1e-14)
    np.testing.assert_allclose(SCALAR.squares(factors), given, rtol=1e-14)
    np.testing.assert_allclose(SCALAR.precisions(inverses), 1.0 / given, rtol=1e-14)
    assert SCALAR.precision_factors(inverses) is inverses
    np.testing.assert_allclose(
        SCALAR.log_determinants(factors, d), d * np.log(given) / 2, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_what_has_no_root_is_named(bad: float) -> None:
    variances = np.array([1.0, 2.0, bad, 3.0])
    with pytest.raises(IllDefinedCovarianceError) as caught:
        SCALAR.factor(variances)
    assert caught.value.component == 2
    with pytest.raises(IllDefinedCovarianceError) as caught:
        SCALAR.factor(np.asarray(bad))
    assert caught.value.component is None
    assert SCALAR.held_at(variances, np.asarray(1.0), 0.0) is variances


def test_products_are_traces(
    size: tuple[int, int], variances: np.ndarray, rng: np.random.Generator
) -> None:
    left, right = rng.normal(size=(2, *size))
    rows = rng.normal(size=(6, size[1]))
    np.testing.assert_array_equal(SCALAR.times(variances, left), variances[:, None] * left)
    np.testing.assert_array_equal(SCALAR.times_rows(variances[0], rows), variances[0] * rows)
    traces = np.trace(MATRIX.products(left, right), axis1=1, axis2=2)
    np.testing.assert_allclose(SCALAR.products(left, right), traces, rtol=1e-12, atol=1e-14)
    got = SCALAR.summed_products(left, right)
    assert got.shape == ()
    assert got == pytest.approx(traces.sum(), abs=1e-12)
    assert SCALAR.symmetric(variances) is variances


def test_views(size: tuple[int, int], variances: np.ndarray) -> None:
    d = size[1]
    for given in (variances, np.asarray(variances[0])):
        diagonals = SCALAR.diagonals(given, d)
        np.testing.assert_array_equal(diagonals, np.stack([given] * d, axis=-1))
        np.testing.assert_array_equal(SCALAR.matrices(given, d), given[..., None, None] * np.eye(d))
        assert SCALAR.selected(given, np.arange(d)[::2]) is given
        assert SCALAR.written(SCALAR, given, d) is given
        np.testing.assert_array_equal(DIAGONAL.written(SCALAR, given, d), diagonals)
    assert SCALAR.from_deviations(np.array([3.0, 3.0])) == 3.0


def test_ridges(size: tuple[int, int], variances: np.ndarray, rng: np.random.Generator) -> None:
    inverses = SCALAR.factor(variances)[1]
    for reg_covar in (np.asarray(0.3), rng.uniform(size=size[1])):
        ridge = SCALAR.ridge(reg_covar)
        assert ridge.shape == ()
        assert ridge == pytest.approx(reg_covar.mean())
        np.testing.assert_allclose(SCALAR.ridge_traces(inverses, ridge), ridge / variances)
    assert SCALAR.total_trace(inverses, np.asarray(2.0)) == pytest.approx((2.0 / variances).sum())
    assert SCALAR.log_pivots(inverses) == pytest.approx(-np.log(variances).sum() / 2, abs=1e-12)


def test_squares_are_averaged_over_the_features(
    size: tuple[int, int], variances: np.ndarray, rng: np.random.Generator
) -> None:
    vectors = rng.normal(size=size)
    np.testing.assert_allclose(
        SCALAR.mean_squares(vectors)[:, 0], DIAGONAL.mean_squares(vectors).mean(axis=1)
    )
    assert SCALAR.mean_squares(vectors).shape == (size[0], 1)
    np.testing.assert_array_equal(SCALAR.variances(variances, size[1])[:, 0], variances / size[1])


def test_priors_take_numbers(rng: np.random.Generator) -> None:
    noise = rng.normal(size=(4, 9))
    covariance = noise @ noise.T
    assert SCALAR.prior_scale(covariance) == pytest.approx(np.trace(covariance) / 4)
    assert SCALAR.takes_prior_scale((), 4)
    assert not SCALAR.takes_prior_scale((4,), 4)


def test_at_the_floor_or_not() -> None:
    inverses = np.sqrt(np.array([0.5, 0.995, 1.0]) / 2.0)
    got = SCALAR.directions_at_floor(1.0 / inverses**2, inverses, np.asarray(2.0), 0.99)
    np.testing.assert_array_equal(got, [0, 1, 1])


def test_kernels_square_the_inverse_deviation() -> None:
    for dtype in (np.float32, np.float64):
        tiny = float(np.finfo(dtype).tiny)
        for form, power in ((SCALAR, 2), (DIAGONAL, 1), (MATRIX, 1)):
            inverse = dtype(1.0 / form.least_deviation(tiny)) ** power
            assert 0 < inverse < np.inf


def test_faults() -> None:
    assert SCALAR.fault(np.array([1.0, 2.0]), "things") is None
    assert SCALAR.fault(np.array([1.0, 0.0]), "things") == "positive, but the smallest is 0"
