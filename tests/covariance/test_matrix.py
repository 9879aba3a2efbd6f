"""Covariances as matrices, against plain NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastgmm.covariance.matrix import MATRIX
from fastgmm.errors import IllDefinedCovarianceError
from support import correlated_mixture

SIZES = [(1, 1), (3, 2), (2, 7), (4, 5)]


@pytest.fixture(params=SIZES, ids=str)
def covariances(request: pytest.FixtureRequest, rng: np.random.Generator) -> np.ndarray:
    """Return (K, D, D)."""
    return np.asarray(correlated_mixture(*request.param, rng).covariances)


def close(got: Any, expected: Any, rtol: float = 1e-11) -> None:
    scale = float(np.abs(expected).max(initial=0.0)) or 1.0
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale)


def test_sizes() -> None:
    for d in (1, 2, 9):
        assert MATRIX.shape(d) == (d, d)
        assert MATRIX.n_parameters(d) == len(np.tril_indices(d)[0])
        assert MATRIX.features_per_variance(d) == 1
        assert MATRIX.prior_exponent(d) == d + 1


@pytest.mark.parametrize("alone", [False, True])
def test_factors_are_those_of_cholesky(alone: bool, covariances: np.ndarray) -> None:
    given = covariances[-1] if alone else covariances
    factors, inverses = MATRIX.factor(given)
    close(factors, np.linalg.cholesky(given))
    close(inverses, np.linalg.inv(np.linalg.cholesky(given)))
    close(MATRIX.squares(factors), given)
    precisions = np.linalg.inv(given)
    close(MATRIX.precisions(inverses), precisions)
    upper = MATRIX.precision_factors(inverses)
    close(upper @ np.swapaxes(upper, -1, -2), precisions)
    np.testing.assert_array_equal(upper, np.triu(upper))
    close(MATRIX.log_determinants(factors, given.shape[-1]), np.linalg.slogdet(given)[1] / 2)
    for got, expected in zip(
        MATRIX.factor_precisions(precisions), (factors, inverses), strict=True
    ):
        close(got, expected, 1e-9)
    turned = np.asarray(given.copy(order="F"))
    np.testing.assert_array_equal(MATRIX.factor(turned)[0], factors)


def test_what_has_no_factor_is_named(covariances: np.ndarray) -> None:
    covariances = covariances.copy()
    covariances[-1, -1, -1] = -1.0
    with pytest.raises(IllDefinedCovarianceError) as caught:
        MATRIX.factor(covariances)
    assert caught.value.component == len(covariances) - 1
    with pytest.raises(IllDefinedCovarianceError) as caught:
        MATRIX.factor(covariances[-1])
    assert caught.value.component is None


def test_a_tolerance_is_a_share_of_the_diagonal_times_the_features() -> None:
    """The second pivot is 1e-9 of its diagonal element."""
    covariance = 7.0 * np.array([[1.0, 1.0], [1.0, 1.0 + 1e-9]])
    MATRIX.factor(covariance)
    MATRIX.factor(covariance, 0.4e-9)
    with pytest.raises(IllDefinedCovarianceError):
        MATRIX.factor(covariance, 0.6e-9)


def test_products(covariances: np.ndarray, rng: np.random.Generator) -> None:
    k, d, _ = covariances.shape
    left, right = rng.normal(size=(2, k, d))
    rows = rng.normal(size=(6, d))
    close(MATRIX.times(covariances, left), [c @ v for c, v in zip(covariances, left, strict=True)])
    close(MATRIX.times_rows(covariances[0], rows), [covariances[0] @ row for row in rows])
    outer = np.array([np.outer(a, b) for a, b in zip(left, right, strict=True)])
    close(MATRIX.products(left, right), outer)
    close(MATRIX.summed_products(left, right), outer.sum(axis=0))
    close(MATRIX.summed_products(left, left), left.T @ left)
    close(MATRIX.symmetric(outer), (outer + outer.transpose(0, 2, 1)) / 2)


def test_views(covariances: np.ndarray) -> None:
    d = covariances.shape[1]
    features = np.arange(d)[::2]
    for given in (covariances, covariances[0]):
        diagonals = MATRIX.diagonals(given, d)
        np.testing.assert_array_equal(diagonals, np.diagonal(given, axis1=-2, axis2=-1))
        assert np.shares_memory(diagonals, given)
        assert MATRIX.matrices(given, d) is given
        np.testing.assert_array_equal(
            MATRIX.selected(given, features), given[..., ::2, :][..., ::2]
        )
    np.testing.assert_array_equal(MATRIX.from_deviations(np.arange(3.0)), np.diag([0.0, 1.0, 2.0]))


def test_ridges(covariances: np.ndarray, rng: np.random.Generator) -> None:
    d = covariances.shape[1]
    for ridge in (np.asarray(0.3), rng.uniform(size=d)):
        assert MATRIX.ridge(ridge) is ridge
        expected = np.diag(np.broadcast_to(ridge, d))
        inverses = MATRIX.factor(covariances)[1]
        traces = [np.trace(p @ expected) for p in np.linalg.inv(covariances)]
        close(MATRIX.ridge_traces(inverses, ridge), traces)
    scale = covariances[0]
    total = sum(np.trace(p @ scale) for p in np.linalg.inv(covariances))
    assert MATRIX.total_trace(inverses, scale) == pytest.approx(total)
    log_determinants = -np.linalg.slogdet(covariances)[1].sum() / 2
    assert MATRIX.log_pivots(inverses) == pytest.approx(log_determinants)


def test_priors_take_matrices(covariances: np.ndarray) -> None:
    d = covariances.shape[1]
    np.testing.assert_array_equal(MATRIX.prior_scale(covariances[0]), covariances[0])
    assert MATRIX.takes_prior_scale((d, d), d)
    assert not MATRIX.takes_prior_scale((d,), d)
    assert not MATRIX.takes_prior_scale((), d)


def test_directions_at_the_floor(rng: np.random.Generator) -> None:
    """Variances of 1 and of next to nothing beside a ridge, in turned axes."""
    ridge = rng.uniform(1e-3, 2e-3, 5)
    held = np.array([0, 1, 3, 5])
    covariances = []
    for n in held:
        axes = np.linalg.qr(rng.normal(size=(5, 5)))[0]
        spread = (axes * (np.arange(5) >= n)) @ axes.T
        covariances.append(np.sqrt(ridge)[:, None] * (100.0 * spread + np.eye(5)) * np.sqrt(ridge))
    given = np.array(covariances)
    inverses = MATRIX.factor(given)[1]
    np.testing.assert_array_equal(MATRIX.directions_at_floor(given, inverses, ridge, 0.99), held)
    asked = np.array([True, False, False, True])
    some = MATRIX.directions_at_floor(given, inverses, ridge, 0.99, asked)
    np.testing.assert_array_equal(some, held * asked)


def test_a_singular_covariance_is_held_at_the_floor(covariances: np.ndarray) -> None:
    k, d, _ = covariances.shape
    covariances = covariances.copy()
    covariances[-1] = np.ones((d, d))
    covariances[-1, -1, -1] = 0.0
    held = MATRIX.held_at(covariances, np.asarray(1e-6), 1e-13)
    np.testing.assert_array_equal(held[:-1], covariances[:-1])
    MATRIX.factor(held)
    assert np.linalg.eigvalsh(held[-1]).min() > 0.0
    assert held[-1, -1, -1] == pytest.approx(1e-6)
    with pytest.raises(IllDefinedCovarianceError) as caught:
        MATRIX.held_at(covariances, np.asarray(0.0), 1e-13)
    assert caught.value.component == k - 1


# ---------------------------------------------------------------- what users give


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda c: c, None),
        (lambda c: c * [[1.0, 2.0], [1.0, 1.0]], r"things\[1\] differs from its transpose by 1"),
        (lambda c: c - 3.0 * np.eye(2), r"the smallest eigenvalue of things\[1\] is -2"),
    ],
)
def test_faults(change: Callable[[np.ndarray], np.ndarray], found: str | None) -> None:
    import re

    good = np.array([[2.0, 1.0], [1.0, 2.0]])
    fault = MATRIX.fault(np.array([good, change(good)]), "things")
    alone = MATRIX.fault(change(good), "things")
    if found is None:
        assert fault is None
        assert alone is None
        return
    opening = "symmetric, positive-definite, but "
    assert fault is not None
    assert alone is not None
    assert re.fullmatch(opening + found, fault)
    assert re.fullmatch(opening + found.replace(r"\[1\]", ""), alone)
