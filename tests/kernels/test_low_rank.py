"""Covariances of a few factors against matrices, in every build: what the other tests do not reach.

The same comparisons as for the other types are in test_density.py, test_moments.py and
test_passes.py.
"""

import numpy as np
import pytest

from kernel_cases import DTYPES, empty_sums, low_rank_factors, scores_of


def make_case(ratio, k, d, q, n, dtype, seed=0):
    """Arguments of a PackedMixture, rows of it, and the log densities by matrices in longdouble."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(k, d, q)) * np.sqrt(ratio / q)
    noise = np.exp(rng.normal(size=(k, d)) * 0.5)
    means = rng.normal(size=(k, d)).astype(np.float32).astype(np.float64)
    label, factors = rng.integers(k, size=n), rng.normal(size=(n, q))
    rows = means[label] + np.einsum("nij,nj->ni", loadings[label], factors)
    rows = (rows + rng.normal(size=(n, d)) * np.sqrt(noise[label])).astype(dtype)
    inverses, determinants = low_rank_factors(loadings, noise)
    arguments = "low_rank", np.log(np.full(k, 1 / k)), means, inverses, determinants
    wanted = np.empty((n, k))
    for i in range(k):
        wanted[:, i] = -0.5 * distances(
            rows - means[i].astype(np.longdouble), loadings[i], noise[i]
        )
        wanted[:, i] -= determinants[i] + 0.5 * d * np.log(2 * np.pi)
    return arguments, rows, wanted


def distances(away, loadings, noise):
    """d^T (Lam Lam^T + Psi)^-1 d in longdouble, as |Psi^-1/2 (d - Lam z)|^2 + |z|^2 at its minimum.

    An error of z changes it by its square only.
    """
    scaled = loadings / np.sqrt(noise)[:, None]
    whitened = away / np.sqrt(noise).astype(np.longdouble)
    grown = np.eye(scaled.shape[1]) + scaled.T @ scaled
    z = np.linalg.solve(grown, scaled.T @ whitened.astype(np.float64).T).T
    return ((whitened - z @ scaled.T) ** 2).sum(axis=1) + (z**2).sum(axis=1)


@pytest.mark.parametrize(
    ("ratio", "double", "single"), [(1.0, 1e-14, 1e-6), (300.0, 3e-13, 1e-5), (1e6, 1e-12, 1e-4)]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_strong_factors_do_not_cancel(build, ratio, double, single, dtype):
    """At a ratio of 1e6 |d|^2 / Psi is 1e6 times the distance: float32 would have no digit left."""
    for seed, (k, d, q, n) in enumerate(((1, 3, 1, 50), (3, 40, 4, 300), (2, 33, 13, 600))):
        arguments, rows, wanted = make_case(ratio, k, d, q, n, dtype, seed)
        packed = build.modules[np.dtype(dtype)].PackedMixture(*arguments)
        found = scores_of(packed, rows)["component_log_density"]
        tolerance = double if dtype == "float64" else single
        np.testing.assert_allclose(found, wanted.astype(np.float64), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_beyond_the_range_of_numbers_have_no_density(build, dtype):
    """Both sums of a distance overflow there, and their difference is not taken for a distance."""
    far = 1e200 if dtype == "float64" else 1e30
    for ratio in (1.0, 1e6):
        arguments, rows, _ = make_case(ratio, 2, 7, 3, 20, dtype)
        rows[3] = far
        packed = build.modules[np.dtype(dtype)].PackedMixture(*arguments)
        found = scores_of(packed, rows)
        assert (found["log_density"] == -np.inf).tolist() == [i == 3 for i in range(20)]
        assert np.isfinite(found["responsibilities"]).all()
        sums, weight = empty_sums(arguments), np.where(np.arange(20) == 3, 0.0, 1.0)
        packed.expectation(rows, weight, None, np.zeros(2), *sums)
        assert all(np.isfinite(array).all() for array in sums)


def test_many_features_take_smaller_blocks(build):
    """Sums over rows of many blocks are those of all rows, whatever a block holds."""
    arguments, rows, _ = make_case(1.0, 2, 1200, 6, 200, "float64")
    packed = build.modules[np.dtype("float64")].PackedMixture(*arguments)
    whole, parts = empty_sums(arguments), empty_sums(arguments)
    packed.expectation(rows, None, None, np.zeros(2), *whole)
    for begin in range(0, 200, 7):
        packed.expectation(rows[begin : begin + 7], None, None, np.zeros(2), *parts)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11 * np.abs(one).max())


def test_sizes_that_do_not_fit_are_refused(build):
    arguments, *_ = make_case(1.0, 2, 7, 3, 1, "float64")
    make = build.modules[np.dtype("float64")].PackedMixture
    kind, log_weights, means, inverses, determinants = arguments
    with pytest.raises(ValueError, match="inverse_factors"):
        make(kind, log_weights, means, inverses[:, :-1].copy(), determinants)
    with pytest.raises(ValueError, match="inverse_factors: expected 3 dimensions"):
        make(kind, log_weights, means, inverses[:, :, 0].copy(), determinants)
