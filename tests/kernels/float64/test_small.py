"""Whole fits of few rows of every build, against the reference."""

import functools

import numpy as np
import pytest
from stretch_cases import GRID, PACE, TYPES, limits_of, rules_of

from fastgmm.kernels.float64 import small

FLOAT64 = np.dtype("float64")
STARTING = np.array([10.0, 4.0, 0.1, 1.1, 8.0, 56.0, 5.0, 2.0, 3.0, 5.0, 20.0, 1e-4])
"""The numbers of `small.Starting`, for a few features."""


def rows_of(n, d, k, seed, apart=3.0):
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    means = apart * rng.normal(size=(k, d))
    return means[rng.integers(k, size=n)] + rng.normal(size=(n, d)) @ spread * 1.5**seed


def weighed(data_sets, weights):
    """Return the structs Weighed."""
    found = []
    for rows, weight in zip(data_sets, weights, strict=True):
        n = len(rows)
        if weight is None:
            found.append((n, 1.0, 1.0, 1.0, n))
            continue
        total, of_row = weight.sum(), min(1.0, weight.mean())
        found.append((total, min(1.0, weight.min()), min(1.0, total / n), of_row, total / of_row))
    return np.array(found, dtype=np.float64)


def fitted(module, name, k, data_sets, max_iter=40, most_rows=400, rules=None, weights=None):
    """Return what `SmallFits` writes: mixtures, ends, moments, bounds."""
    (_, form, tied), m, d = TYPES[name], len(data_sets), data_sets[0].shape[1]
    shape = {"matrix": (d, d), "diagonal": (d,), "scalar": ()}[form]
    shape = (m, *(shape if tied else (k, *shape)))
    mixtures = np.empty((m, k)), np.empty((m, k, d)), *(np.empty(shape) for _ in range(3))
    moments = np.empty((m, d)), np.empty((m, 1 if form == "scalar" else d))
    ends, bounds = np.full((m, 7), np.nan), np.full((m, max_iter), np.nan)
    rules = rules_of(tol=1e-4) if rules is None else rules
    given = np.array([1e-6]), limits_of(np.ones((1, d)), None), rules, PACE, GRID[FLOAT64], 7
    fits = module.SmallFits(TYPES[name], k, d, most_rows, *given, STARTING, max_iter)
    weights = [None] * m if weights is None else weights
    fits.fit(data_sets, weights, weighed(data_sets, weights), mixtures, ends, moments, bounds)
    return mixtures, ends, moments, bounds


def compared(module, name, n, d, k):
    """Return fits of three data sets: rows that count once, for more or less, and light ones."""
    data_sets = [rows_of(n + 7 * seed, d, k, seed) for seed in range(3)]
    rng = np.random.default_rng(n)
    weights = [None, rng.exponential(size=n + 7) + 0.1, 0.1 * rng.uniform(0.5, 2.0, n + 14)]
    return fitted(module, name, k, data_sets, weights=weights)


@functools.cache
def fits_of_the_reference(*case):
    return compared(small, *case)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("shape", [(40, 1, 2), (70, 3, 2), (60, 4, 3), (80, 2, 1)])
def test_fits_are_those_of_the_reference(build, name, shape):
    found, wanted = (
        compared(build.modules[FLOAT64], name, *shape),
        fits_of_the_reference(name, *shape),
    )
    assert (found[1][:, 0] == wanted[1][:, 0]).all()
    done = wanted[1][:, 0] == 1
    assert done.any()
    for i in np.flatnonzero(done):
        assert (found[1][i, :4] == wanted[1][i, :4]).all()
        n_iter = int(wanted[1][i, 1])
        np.testing.assert_allclose(found[3][i, :n_iter], wanted[3][i, :n_iter], rtol=1e-8)
        for got, expected in zip((*found[0], *found[2]), (*wanted[0], *wanted[2]), strict=True):
            np.testing.assert_allclose(got[i], expected[i], rtol=1e-6, atol=1e-8)


def test_each_data_set_is_fitted_as_if_it_were_alone(build):
    """Whatever came before it, of whatever size."""
    data_sets = [rows_of(n, 3, 3, i) for i, n in enumerate((200, 60, 90, 61, 200))]
    module = build.modules[FLOAT64]
    together = fitted(module, "full", 3, data_sets)
    assert together[1][:, 0].all()
    for i, rows in enumerate(data_sets):
        alone = fitted(module, "full", 3, [rows], most_rows=len(rows))
        assert alone[1][0].tobytes() == together[1][i].tobytes()
        n_iter = int(alone[1][0, 1])
        assert alone[3][0, :n_iter].tobytes() == together[3][i, :n_iter].tobytes()
        for one, several in zip((*alone[0], *alone[2]), (*together[0], *together[2]), strict=True):
            assert one[0].tobytes() == several[i].tobytes()


def test_a_run_may_have_more_iterations_than_the_kernel_remembers(build):
    rows = rows_of(120, 2, 3, 0, apart=0.5)
    found = fitted(build.modules[FLOAT64], "diag", 3, [rows], 400, rules=rules_of(tol=0.0))
    assert found[1][0, 0] == 1
    assert found[1][0, 1] > 280
    bounds = found[3][0, : int(found[1][0, 1])]
    assert np.isfinite(bounds).all()
    assert (np.diff(bounds) > -1e-12).all()


def test_what_the_caller_says_of_arrays_is_checked(build):
    module = build.modules[FLOAT64]
    for n, d in ((2, 2), (401, 2), (50, 3)):
        with pytest.raises(ValueError, match="rows: expected"):
            fitted(module, "full", 2, [rows_of(50, 2, 2, 0), np.ones((n, d))])
    with pytest.raises(ValueError, match="rows: expected"):
        fitted(module, "full", 2, [np.ones((50, 2), dtype=np.float32)])
    for weight in (np.ones(49), np.ones(50, dtype=np.float32)):
        with pytest.raises(ValueError, match="the weights of rows: expected"):
            fitted(module, "full", 2, [rows_of(50, 2, 2, 0)], weights=[weight])
    for sizes in ((0, 2, 10, 5), (2, 0, 10, 5), (2, 2, 0, 5), (2, 2, 10, 0)):
        k, d, most_rows, max_iter = sizes
        given = np.array([1e-6]), limits_of(np.ones((1, 2)), None), rules_of(), PACE, 2.0**-30, 7
        with pytest.raises(ValueError, match="expected sizes from 1"):
            module.SmallFits(TYPES["full"], k, d, most_rows, *given, STARTING, max_iter)


def test_what_has_to_be_decided_is_left_undone(build):
    """A covariance of points that coincide, and squares that overflow."""
    heaps = np.repeat(np.arange(4.0)[:, np.newaxis] * [1.0, 2.0], 20, axis=0)
    huge = rows_of(60, 2, 3, 0) * 1e160
    sound = rows_of(60, 2, 3, 0)
    found = fitted(build.modules[FLOAT64], "full", 3, [heaps, sound, huge])
    assert found[1][:, 0].tolist() == [0.0, 1.0, 0.0]
