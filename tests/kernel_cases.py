"""Mixtures, rows and calls with which every build of the kernels is compared with the reference."""

import numpy as np

DTYPES = ["float32", "float64"]
COVARIANCE_TYPES = ["full", "tied", "diag", "spherical", "low_rank"]
# around the tiles (3, 4, 8), the lanes (2 to 16) and twice the lanes, where the M-step changes its
# arrangement
FEATURES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 23, 31, 32, 33, 40]


def make_mixture(covariance_type, n_components, n_features, seed, dtype, spread=3.0):
    """Correlated covariances: arguments of a PackedMixture whose means the dtype holds exactly."""
    rng = np.random.default_rng(seed)
    k, d = n_components, n_features
    means = (rng.normal(size=(k, d)) * spread).astype(dtype).astype(np.float64)
    root = rng.normal(size=(k, d, d)) * 0.7 / np.sqrt(d) + np.eye(d)
    if covariance_type in ("full", "tied"):
        factors = np.linalg.cholesky(root @ root.transpose(0, 2, 1))
        inverses = np.tril(np.linalg.inv(factors))
        determinants = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        if covariance_type == "tied":
            inverses, determinants = inverses[0].copy(), np.repeat(determinants[0], k)
    elif covariance_type == "low_rank":
        loadings = root[:, :, : 1 + (7 * d + k) % 12]
        loadings = np.concatenate([loadings, 0.5 * loadings], axis=2)[:, :, : 1 + (7 * d + k) % 12]
        inverses, determinants = low_rank_factors(loadings, np.exp(rng.normal(size=(k, d)) * 0.4))
    else:
        deviations = np.exp(rng.normal(size=(k, d) if covariance_type == "diag" else k) * 0.4)
        inverses = 1 / deviations
        logs = np.log(deviations)
        determinants = logs.sum(axis=1) if covariance_type == "diag" else d * logs
    return covariance_type, np.log(rng.dirichlet(np.full(k, 3.0))), means, inverses, determinants


def low_rank_factors(loadings, noise):
    """The inverse factors and log determinants of loadings (K, D, q) and noise variances (K, D)."""
    k, d, q = loadings.shape
    scaled = loadings / np.sqrt(noise)[:, :, None]
    roots = np.linalg.cholesky(np.eye(q) + scaled.transpose(0, 2, 1) @ scaled)
    inverse_roots = np.tril(np.linalg.inv(roots))
    inverses = np.empty((k, d + q, q + 1))
    inverses[:, :d, :q] = scaled @ inverse_roots.transpose(0, 2, 1) / np.sqrt(noise)[:, :, None]
    inverses[:, :d, q] = 1 / np.sqrt(noise)
    inverses[:, d:, :q] = inverse_roots
    inverses[:, d:, q] = np.sqrt((roots**2).sum(axis=2))
    pivots = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    return inverses, 0.5 * np.log(noise).sum(axis=1) + pivots


def make_rows(arguments, n, seed, dtype):
    rng = np.random.default_rng(seed)
    means = arguments[2]
    rows = means[rng.integers(len(means), size=n)] + rng.normal(size=(n, means.shape[1]))
    return rows.astype(dtype)


def empty_sums(arguments):
    k, d = arguments[2].shape
    shapes = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}
    second = shapes.get(arguments[0], arguments[3].shape)
    return np.zeros(k), np.zeros((k, d)), np.zeros(second)


def scores_of(packed, rows):
    n, k, dtype = len(rows), packed.n_components, rows.dtype
    found = {
        "log_density": np.empty(n, dtype),
        "component_log_density": np.empty((n, k), dtype),
        "responsibilities": np.empty((n, k), dtype),
        "labels": np.empty(n, np.int64),
    }
    for name, out in found.items():
        getattr(packed, name)(rows, out)
    return found


def sums_of(module, arguments, rows, weight, given):
    thresholds = np.full(len(arguments[2]), 2.0**-53 if given is None else 0.0)
    sums = empty_sums(arguments)
    return (
        module.PackedMixture(*arguments).expectation(rows, weight, given, thresholds, *sums),
        *sums,
    )
