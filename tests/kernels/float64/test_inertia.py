"""Numbers of directions in which a covariance is below bounds, of every build."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference

FLOAT64 = np.dtype("float64")


def with_variances(variances, bounds, rng):
    """Return a matrix of these variances (D,) relative to the bounds (D,), in turned axes."""
    axes = np.linalg.qr(rng.normal(size=(len(variances), len(variances))))[0]
    scaled = (axes * variances) @ axes.T
    covariance = scaled * np.sqrt(bounds)[:, None] * np.sqrt(bounds)
    return (covariance + covariance.T) / 2


@pytest.mark.parametrize("d", [1, 2, 5, 31, 32, 33, 64, 71, 130])
def test_counts_are_those_of_eigenvalues(build, d):
    for seed in range(6):
        rng = np.random.default_rng([d, seed])
        bounds = rng.uniform(0.5, 2.0, d) * 10.0 ** -rng.integers(0, 7)
        wanted = np.array([0, d, *rng.integers(0, d + 1, 3)])
        matrices = []
        for n in wanted:
            variances = np.exp(rng.uniform(0.1, 9.0, d))
            variances[:n] = rng.uniform(0.1, 0.95, n)
            matrices.append(with_variances(rng.permutation(variances), bounds, rng))
        for module in (build.modules[FLOAT64], reference):
            counts, errors = np.full(5, -1, np.int64), np.full(5, np.nan)
            module.directions_below(d, np.array(matrices), bounds, counts, errors)
            np.testing.assert_array_equal(counts, wanted)
            assert (errors < 1e-6).all()


def test_few_rows_and_a_ridge(build):
    """The scatter of n rows has n - 1 directions: pivots behind them are small and negative."""
    for seed, (d, n) in enumerate([(40, 7), (100, 50), (150, 149), (150, 151)]):
        rows = np.random.default_rng(seed).normal(size=(n, d))
        rows -= rows.mean(axis=0)
        covariance = rows.T @ rows / n + 1e-6 * np.eye(d)
        counts, errors = np.array([-1], np.int64), np.array([np.nan])
        build.modules[FLOAT64].directions_below(
            d, covariance[None], np.full(d, 1e-6 / 0.99), counts, errors
        )
        assert counts[0] == max(d - n + 1, 0)
        assert errors[0] < 1e-6


def test_only_what_is_asked_is_counted(build):
    matrices, bounds = np.array([np.eye(3)] * 3), np.full(3, 2.0)
    counts, errors = np.array([-1, 7, -2], np.int64), np.full(3, np.nan)
    build.modules[FLOAT64].directions_below(3, matrices, bounds, counts, errors)
    np.testing.assert_array_equal(counts, [3, 7, 3])
    np.testing.assert_array_equal(np.isnan(errors), [False, True, False])


@pytest.mark.parametrize(
    "bad", [[[1.0, 0.0], [0.0, 2.0]], [[np.nan, 0.0], [0.0, 2.0]], [[np.inf, 0.0], [0.0, 2.0]]]
)
def test_pivots_that_tell_nothing_are_said(build, bad):
    counts, errors = np.array([-1], np.int64), np.zeros(1)
    build.modules[FLOAT64].directions_below(2, np.array([bad]), np.ones(2), counts, errors)
    assert errors[0] == np.inf


def test_growth_is_told(build):
    """A pivot that is small beside its row makes all behind it large, and rounding with them."""
    matrix = np.array([[[1.0 + 1e-9, 1.0], [1.0, 1.0]]])
    counts, errors = np.array([-1], np.int64), np.zeros(1)
    build.modules[FLOAT64].directions_below(2, matrix, np.ones(2), counts, errors)
    assert counts[0] == 1
    assert 1e-7 < errors[0] < 1e-4


@pytest.mark.parametrize("at", range(4))
def test_arrays_of_other_sizes_are_refused(build, at):
    arrays = [np.eye(3)[None], np.ones(3), np.array([-1], np.int64), np.zeros(1)]
    arrays[at] = np.ones(7, arrays[at].dtype)
    with pytest.raises(ValueError, match=r"covariances|bounds|errors"):
        build.modules[FLOAT64].directions_below(3, *arrays)
