"""The M-step against the NumPy reference: every build, both dtypes and all covariance types."""

from functools import cache

import numpy as np
import pytest

from fastgmm.kernels import reference
from kernel_cases import (
    COVARIANCE_TYPES,
    DTYPES,
    FEATURES,
    empty_sums,
    make_mixture,
    make_rows,
    sums_of,
)


@cache
def reference_sums(covariance_type, k, n, d, dtype, spread, weighted):
    arguments = make_mixture(covariance_type, k, d, 100 * d + k, dtype, spread)
    rows = make_rows(arguments, n, d, dtype)
    weight = (
        np.random.default_rng(d).exponential(size=n) * (np.arange(n) % 5 > 0) if weighted else None
    )
    return (
        arguments,
        rows,
        weight,
        None,
        sums_of(reference, arguments, rows.astype(np.float64), weight, None),
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_sums_equal_the_reference(build, covariance_type, dtype, weighted):
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    for d in FEATURES:
        for k, n, spread in ((1, 40, 1.0), (2, 255, 1.0), (9, 515, 0.1), (9, 259, 4.0)):
            case = reference_sums(covariance_type, k, n, d, dtype, spread, weighted)
            check_sums(build.modules[np.dtype(dtype)], *case, tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_sums_of_given_responsibilities(build, covariance_type, dtype):
    """Rows of the given responsibilities need not sum to 1."""
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    for d in (1, 3, 8, 17, 33):
        arguments = make_mixture(covariance_type, 5, d, d, dtype)
        rng = np.random.default_rng(d)
        rows = make_rows(arguments, 400, d, dtype)
        given = (rng.random((400, 5)) * (rng.random((400, 5)) < 0.5)).astype(dtype)
        for weight in (None, rng.random(400)):
            wanted = sums_of(reference, arguments, rows.astype(np.float64), weight, given)
            check_sums(
                build.modules[np.dtype(dtype)], arguments, rows, weight, given, wanted, tolerance
            )


def check_sums(module, arguments, rows, weight, given, wanted, tolerance):
    found = sums_of(module, arguments, rows, weight, given)
    np.testing.assert_allclose(found[0], wanted[0], rtol=tolerance)
    scale = np.abs(rows - rows.mean(axis=0)).max() + np.abs(arguments[2]).max()
    for order in (1, 2, 3):
        atol = tolerance * len(rows) * scale ** (order - 1)
        np.testing.assert_allclose(found[order], wanted[order], rtol=0, atol=atol)
    if arguments[0] in ("full", "tied"):
        assert np.array_equal(found[3], np.swapaxes(found[3], -1, -2))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_far_clusters_lose_nothing(build, covariance_type):
    """Second moments of clusters 1e6 deviations apart: of differences, not of sums of squares."""
    rng = np.random.default_rng(0)
    for d in (1, 2, 7, 20):
        arguments = make_mixture(covariance_type, 4, d, d, "float64", spread=1e6)
        rows = make_rows(arguments, 500, d, "float64")
        found, wanted = empty_sums(arguments), empty_sums(arguments)
        given = np.eye(4)[np.abs(rows[:, None] - arguments[2]).sum(axis=2).argmin(axis=1)]
        given[:, 0] += rng.random(500) * 1e-20
        for module, out in ((build.modules[np.dtype("float64")], found), (reference, wanted)):
            module.PackedMixture(*arguments).expectation(rows, None, given, np.zeros(4), *out)
        np.testing.assert_allclose(
            found[2], wanted[2], rtol=1e-9, atol=1e-9 * np.abs(wanted[2]).max()
        )


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0, 8.0, 16.0, 100.0])
def test_second_moments_in_every_direction(build, spread):
    """However far the means are from their middle: errors in units of the covariance itself."""
    for d in (6, 9, 17):
        arguments = make_mixture("full", 3, d, d, "float64", spread)
        means, inverses = arguments[2], arguments[3]
        rng = np.random.default_rng(d)
        rows = make_rows(arguments, 600, d, "float64")
        given = rng.dirichlet(np.ones(3) * 0.2, size=600)  # most pairs matter
        sums = empty_sums(arguments)
        packed = build.modules[np.dtype("float64")].PackedMixture(*arguments)
        packed.expectation(rows, None, given, np.zeros(3), *sums)
        for k in range(3):
            difference = rows.astype(np.longdouble) - means[k]
            wanted = (given[:, k, None] * difference).T @ difference
            own = inverses[k] @ wanted.astype(np.float64) @ inverses[k].T
            error = inverses[k] @ (sums[2][k] - wanted).astype(np.float64) @ inverses[k].T
            assert np.abs(error).max() < 1e-13 * np.abs(own).max()
