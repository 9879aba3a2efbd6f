"""Rows with gaps by every build, against the same in plain NumPy, row by row."""

import numpy as np
import pytest

from fastgmm.data.patterns import Patterns, grouped
from fastgmm.kernels import reference_patterns
from fastgmm.kernels.float64 import reference as float64_reference

TYPES = [
    ("full", False),
    ("tied", True),
    ("diag", False),
    ("diag", True),
    ("spherical", False),
    ("spherical", True),
]
"""Covariance types of the kernels, and whether the mixture has one covariance for all."""
TOLERANCE = {"float64": 1e-12, "float32": 3e-6}
SIZES = [(3, 2), (2, 5), (3, 9), (2, 17)]
"""Components and features: columns within a vector, and more."""


def mixture_of(kind, tied, k, d, rng):
    """Return correlated covariances of a mixture, and its reference, off its means."""
    roots = rng.normal(size=(k, d, d)) / np.sqrt(d)
    matrices = roots @ np.swapaxes(roots, 1, 2) + 0.2 * np.eye(d)
    covariances = {
        "diag": np.einsum("kii->ki", matrices),
        "spherical": np.einsum("kii->k", matrices) / d,
    }.get(kind, matrices)
    if tied:
        covariances = np.asarray(covariances[0])
    if kind in ("full", "tied"):
        factors = np.linalg.cholesky(covariances)
        inverses = np.linalg.inv(factors)
    else:
        factors, inverses = np.sqrt(covariances), 1.0 / np.sqrt(covariances)
    # Means and reference are numbers of both dtypes: kernels subtract them as their dtype has them.
    means, off = (rng.normal(size=(k, d)).astype(np.float32).astype(float) for _ in range(2))
    spreads = map(np.ascontiguousarray, (covariances, factors, inverses))
    return np.log(rng.dirichlet(np.full(k, 5.0))), means, *spreads, means, off


def rows_of(n, d, rng, dtype, share=0.35):
    rows = (rng.normal(size=(n, d)) * 2.0).astype(dtype)
    rows[rng.random((n, d)) < share] = np.nan
    rows[0], rows[1] = np.nan, 1.0
    return rows


def table_of(patterns: Patterns, values, pieces=None):
    """Return the table of all rows, or of some pieces, as kernels read it."""
    if pieces is None:
        each = np.arange(len(patterns))
        pieces = np.stack([each, patterns.rows[:-1], patterns.rows[1:]], axis=1).astype(np.int64)
    arrays = patterns.columns, patterns.observed, patterns.rows, patterns.values
    return pieces, *arrays, 0, len(patterns.order), 0, len(values)


def sums_like(mixture, kind):
    k, d = mixture[1].shape
    second = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[kind]
    return np.zeros(k), np.zeros((k, d)), np.zeros(second)


def compare(found, wanted, tolerance):
    for one, other in zip(found, wanted, strict=True):
        scale = max(1.0, np.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=100 * tolerance * scale)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(("k", "d"), SIZES)
@pytest.mark.parametrize(("kind", "tied"), TYPES)
def test_sums(build, kind, tied, k, d, given, dtype):
    """With given responsibilities the sums are about points that are not the means."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        *arrays, means, off = mixture_of(kind, tied, k, d, rng)
        mixture = (*arrays, means + off if given else means)
        patterns, values = grouped(rows_of(70, d, rng, dtype))
        table, n = table_of(patterns, values), len(patterns.order)
        weight = rng.exponential(size=n)
        r = rng.dirichlet(np.ones(k), n).astype(dtype) if given else None
        found, wanted = sums_like(mixture, kind), sums_like(mixture, kind)
        density, expected = np.zeros(n, dtype), np.zeros(n)
        rows = build.modules[np.dtype(dtype)].PatternRows(kind, tied, k, d)
        likelihood = rows.expectation(
            mixture, table, values, weight, r, np.zeros(k), *found, density
        )
        twin = reference_patterns.PatternRows(kind, tied, k, d)
        total = twin.expectation(mixture, table, values, weight, r, np.zeros(k), *wanted, expected)
        compare(found, wanted, TOLERANCE[dtype])
        if not given:
            assert likelihood == pytest.approx(total, rel=10 * TOLERANCE[dtype])
            compare([density], [expected], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("kind", "tied"), TYPES)
def test_scores(build, kind, tied, dtype):
    for seed, (k, d) in enumerate(SIZES):
        rng = np.random.default_rng(seed)
        *arrays, means, _ = mixture_of(kind, tied, k, d, rng)
        mixture = (*arrays, means)
        patterns, values = grouped(rows_of(50, d, rng, dtype))
        table, n = table_of(patterns, values), len(patterns.order)
        rows = build.modules[np.dtype(dtype)].PatternRows(kind, tied, k, d)
        twin = reference_patterns.PatternRows(kind, tied, k, d)
        for wanted, shape in scores_of(n, k, d):
            of = np.int64 if wanted == "labels" else dtype
            found, expected = np.zeros(shape, of), np.zeros(shape)
            rows.score(mixture, table, values, wanted, found)
            twin.score(mixture, table, values, wanted, expected)
            compare([found], [expected], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("kind", "tied"), TYPES)
def test_peaks(build, kind, tied, dtype):
    for seed, (k, d) in enumerate(SIZES):
        rng = np.random.default_rng(seed)
        *arrays, means, _ = mixture_of(kind, tied, k, d, rng)
        mixture = (*arrays, means)
        patterns, values = grouped(rows_of(50, d, rng, dtype))
        table = table_of(patterns, values)
        found, expected = np.zeros((len(table[0]), k)), np.zeros((len(table[0]), k))
        build.modules[np.dtype(dtype)].PatternRows(kind, tied, k, d).peaks(mixture, table, found)
        reference_patterns.PatternRows(kind, tied, k, d).peaks(mixture, table, expected)
        compare([found], [expected], TOLERANCE["float64"])


def scores_of(n, k, d):
    shapes = {"log_density": (n,), "labels": (n,), "expected": (n, d)}
    return [
        *shapes.items(),
        *((name, (n, k)) for name in ("responsibilities", "component_log_density")),
    ]


def test_a_covariance_without_a_factor(build):
    """Rounded entries that have no Cholesky factor: the root that the mixture has still does."""
    rng = np.random.default_rng(0)
    factors = np.tril(rng.normal(size=(1, 4, 4)))
    factors[0, np.arange(4), np.arange(4)] = [1.0, 1.0, 1e-9, 1e-9]
    covariances = factors @ np.swapaxes(factors, 1, 2)
    values, means = rng.normal(size=3), np.zeros((1, 4))
    mixture = (np.zeros(1), means, covariances, factors, np.linalg.inv(factors), means)
    patterns = Patterns(
        np.array([[1, 2, 3, 0]], np.int32),
        np.array([3]),
        np.array([0, 1]),
        np.array([0, 3]),
        np.arange(1),
    )
    module = build.modules[np.dtype("float64")]
    density = {}
    for name in ("PatternRows", "PatternLanes"):
        space, out = getattr(module, name)("full", False, 1, 4), np.empty(1)
        space.score(mixture, table_of(patterns, values), values, "log_density", out)
        density[name] = out[0]
        expected = np.zeros((1, 4))
        space.score(mixture, table_of(patterns, values), values, "expected", expected)
        assert np.isfinite(expected).all()
    # By rotations in longer numbers: the product of the singular values is the determinant.
    upper = np.linalg.qr(factors[0, [1, 2, 3]].T, mode="r")
    whitened = np.linalg.solve(upper.T, values)
    exact = -0.5 * whitened @ whitened - np.log(np.abs(np.diag(upper))).sum()
    exact -= 1.5 * np.log(2.0 * np.pi)
    for found in density.values():
        assert found == pytest.approx(exact, rel=1e-5)


def test_a_table_that_points_elsewhere_is_refused(build):
    rng = np.random.default_rng(0)
    *arrays, means, _ = mixture_of("full", False, 2, 3, rng)
    mixture = (*arrays, means)
    patterns, values = grouped(rows_of(20, 3, rng, "float64"))
    rows = build.modules[np.dtype("float64")].PatternRows("full", False, 2, 3)
    for piece in ([len(patterns), 0, 1], [0, 0, 21], [0, -1, 1], [1, 0, 1], [-1, 0, 1], [0, 2, 1]):
        table = table_of(patterns, values, np.array([piece]))
        with pytest.raises(ValueError, match="pieces"):
            rows.score(mixture, table, values, "log_density", np.empty(20))
    beyond = patterns.columns.copy()
    beyond[0, 0] = 3
    table = table_of(patterns, values)
    with pytest.raises(ValueError, match="columns"):
        rows.score(mixture, (table[0], beyond, *table[2:]), values, "log_density", np.empty(20))
    twice = np.zeros_like(patterns.columns)
    with pytest.raises(ValueError, match="ascend"):
        rows.score(mixture, (table[0], twice, *table[2:]), values, "log_density", np.empty(20))
    with pytest.raises(ValueError, match="tied"):
        build.modules[np.dtype("float64")].PatternRows("full", True, 2, 3)
    with pytest.raises(ValueError, match="covariance_type"):
        build.modules[np.dtype("float64")].PatternRows("whole", False, 2, 3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("d", [1, 4, 64, 65, 130])
def test_rows_are_grouped(build, d, dtype):
    """More patterns than the first hash table has room for, too."""
    for n, share in ((60, 0.5), (3000, 0.1)):
        rng = np.random.default_rng(n)
        rows = rows_of(n, d, rng, dtype, share)
        module = build.modules[np.dtype(dtype)]
        made = []
        for kernels in (module, reference_patterns):
            words, numbers = np.empty((n, -(-d // 64)), np.uint64), np.empty(n, np.int32)
            first = np.empty(n, np.int64)
            count = kernels.number_patterns(rows, words, numbers, first)
            made.append((count, words, numbers, first[:count]))
        for one, other in zip(*made, strict=True):
            assert np.array_equal(one, other)
        patterns, values = grouped(rows)
        order, dealt = np.empty(n, np.int64), np.empty_like(values)
        ranks = np.empty(count, np.int64)
        ranks[numbers[patterns.order[patterns.rows[:-1]]]] = np.arange(count)
        table = patterns.columns, patterns.observed, patterns.rows, patterns.values
        reference_patterns.deal_rows(rows, numbers, ranks, *table, order, dealt)
        assert np.array_equal(order, patterns.order)
        assert np.array_equal(dealt, values)
        module.deal_rows(rows, numbers, ranks, *table, order, dealt)
        assert np.array_equal(order, patterns.order)
        assert np.array_equal(dealt, values)


def test_rows_that_do_not_fit_are_refused(build):
    module = build.modules[np.dtype("float64")]
    rows = np.zeros((2, 1))
    table = np.zeros((1, 1), np.int32), np.array([1]), np.array([0, 2]), np.array([0, 2])
    for numbers, ranks, room in (([0, 1], [0], 2), ([0, 0], [1], 2), ([0, 0], [0], 1)):
        with pytest.raises(ValueError, match="do not fit"):
            module.deal_rows(
                rows, np.array(numbers, np.int32), np.array(ranks), *table, np.empty(2, int),
                np.empty(room),
            )  # fmt: skip


def test_the_twin_of_lanes_is_that_of_rows():
    assert issubclass(float64_reference.PatternLanes, reference_patterns.PatternRows)
