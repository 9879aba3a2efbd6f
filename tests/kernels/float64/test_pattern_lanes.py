"""Patterns of few rows side by side, by every build, against the same in plain NumPy."""

import numpy as np
import pytest
from kernels.test_patterns import (
    SIZES,
    TYPES,
    compare,
    mixture_of,
    rows_of,
    scores_of,
    sums_like,
    table_of,
)

from fastgmm.data.patterns import grouped
from fastgmm.kernels.float64 import reference

FLOAT64 = np.dtype("float64")


def case(kind, tied, k, d, n, seed):
    """Return a mixture, patterns and what was observed; rows without a value have no lane."""
    rng = np.random.default_rng(seed)
    rows = rows_of(n, d, rng, "float64", 0.3)
    rows = rows[~np.isnan(rows).all(axis=1)]
    return mixture_of(kind, tied, k, d, rng), *grouped(rows), rng


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("n", [6, 150])
@pytest.mark.parametrize(("k", "d"), SIZES)
@pytest.mark.parametrize(("kind", "tied"), TYPES)
def test_sums(build, kind, tied, k, d, n, given):
    """One lane or some, and patterns that take several."""
    (*arrays, means, off), patterns, values, rng = case(kind, tied, k, d, n, n)
    mixture = (*arrays, means + off if given else means)
    table, n = table_of(patterns, values), len(patterns.order)
    weight = rng.exponential(size=n)
    r = rng.dirichlet(np.ones(k), n) if given else None
    found, wanted = sums_like(mixture, kind), sums_like(mixture, kind)
    density, expected = np.zeros(n), np.zeros(n)
    lanes = build.modules[FLOAT64].PatternLanes(kind, tied, k, d)
    twin = reference.PatternLanes(kind, tied, k, d)
    likelihood = lanes.expectation(mixture, table, values, weight, r, *found, density)
    total = twin.expectation(mixture, table, values, weight, r, *wanted, expected)
    compare(found, wanted, 1e-13)
    if not given:
        assert likelihood == pytest.approx(total, rel=1e-13)
        compare([density], [expected], 1e-14)
    again = sums_like(mixture, kind)
    assert lanes.expectation(mixture, table, values, weight, r, *again) == likelihood
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))


@pytest.mark.parametrize(("kind", "tied"), TYPES)
def test_scores(build, kind, tied):
    for seed, (k, d) in enumerate(SIZES):
        (*arrays, means, _), patterns, values, _ = case(kind, tied, k, d, 60, seed)
        table, mixture = table_of(patterns, values), (*arrays, means)
        lanes = build.modules[FLOAT64].PatternLanes(kind, tied, k, d)
        twin = reference.PatternLanes(kind, tied, k, d)
        for wanted, shape in scores_of(len(patterns.order), k, d):
            found, expected = np.zeros(shape), np.zeros(shape)
            lanes.score(mixture, table, values, wanted, found)
            twin.score(mixture, table, values, wanted, expected)
            held = ~np.isnan(expected)
            compare([found[held]], [expected[held]], 1e-14)


def test_rows_without_weight_or_density_count_for_nothing(build):
    (*arrays, means, _), patterns, values, _ = case("full", False, 2, 5, 40, 0)
    mixture, table = (*arrays, means), table_of(patterns, values)
    weight = np.ones(len(patterns.order))
    weight[3] = 0.0
    values = values.copy()
    pattern = np.searchsorted(patterns.rows, 3, "right") - 1
    p = patterns.observed[pattern]
    at = patterns.values[pattern] + p * (3 - patterns.rows[pattern])
    sums = []
    for far in (0.0, 1e200):
        values[at : at + p] = far
        sums.append(sums_like(mixture, "full"))
        lanes = build.modules[FLOAT64].PatternLanes("full", False, 2, 5)
        assert np.isfinite(lanes.expectation(mixture, table, values, weight, None, *sums[-1]))
    compare(sums[0], sums[1], 1e-15)
