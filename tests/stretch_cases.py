"""Mixtures and arguments of compiled runs, which several tests share."""

import numpy as np

TYPES = {
    "full": ("full", "matrix", False),
    "tied": ("tied", "matrix", True),
    "diag": ("diag", "diagonal", False),
    "spherical": ("spherical", "scalar", False),
    "tied_diag": ("diag", "diagonal", True),
    "tied_spherical": ("spherical", "scalar", True),
}
RTOL = {np.dtype("float32"): 2e-4, np.dtype("float64"): 1e-9}
PACE = np.array([0.3, 0.5, 2.0, 3.0, 1e-4, 0.1, 0.3, 1e-8, 3.0, 1e-4])
GRID = {np.dtype("float32"): 2.0**-20, np.dtype("float64"): 2.0**-30}


def rules_of(tol=0.0, acceleration=0.0, both=0.0):
    """Return rules: a change of the bound less than `tol` ends a run."""
    stopping = [tol, -1.0, both, tol, tol, both, 3.6e-15, 0.1, 2.0, 5.0, 12.0, 4.0, 8.0]
    return np.array([*stopping, acceleration, 10.0, 0.03, 0.5, 1.02, 8.0, 1e-14])


def limits_of(rows, weight, row_weight=1.0):
    total = float(len(rows) if weight is None else weight.sum())
    lightest = 1.0 if weight is None else min(1.0, float(weight.min()))
    eps, largest = np.finfo(np.float64).eps, float(np.finfo(rows.dtype).max)
    numbers = [total, lightest, 2.0**-53, row_weight, 0.99, 32 * eps, 1e-7, largest]
    return np.array([*numbers, 0.0, 1e-8])


def case(name, n_components, n_features, seed, dtype, weighted, apart=2.0):
    """Return a mixture, and arguments of a stretch."""
    rng = np.random.default_rng(seed)
    k, d = n_components, n_features
    spread = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    means = rng.normal(size=(k, d)) * apart
    rows = means[rng.integers(k, size=300)] + rng.normal(size=(300, d)) @ spread
    rows = rows.astype(dtype)
    weight = rng.uniform(0.5, 2.0, 300) if weighted else None
    _, form, tied = TYPES[name]
    one = {"matrix": np.eye(d), "diagonal": np.ones(d), "scalar": np.ones(())}[form]
    factors = one * 1.5 if tied else np.repeat((one * 1.5)[np.newaxis], k, axis=0)
    inverses = one / 1.5 if tied else np.repeat((one / 1.5)[np.newaxis], k, axis=0)
    arrays = np.asarray(factors * 1.5), np.asarray(factors), np.asarray(inverses)
    mixture = (np.full(k, 1.0 / k), means + 0.3, *arrays)
    return mixture, [TYPES[name], k, rows, weight, np.array([1e-6]), limits_of(rows, weight)]


def made(kind, arguments, rules=None, at_once=4):
    rules = rules_of() if rules is None else rules
    return kind(*arguments, rules, PACE, GRID[arguments[2].dtype], at_once)


def begun(kind, mixture, arguments, rules=None, at_once=4):
    stretch = made(kind, arguments, rules, at_once)
    stretch.begin(mixture, None, None, [])
    return stretch


def reached(stretch, mixture):
    out = tuple(np.empty_like(array) for array in mixture)
    assert stretch.mixture(False, out)
    return out


def assert_close(got, expected, rtol):
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=10 * rtol, atol=10 * rtol)
