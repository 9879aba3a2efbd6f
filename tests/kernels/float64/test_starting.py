"""Starts of every build against the reference: trees, cuts, merges, labelled rows."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference, starting

FLOAT64 = np.dtype("float64")
UNITS = ("column", "between", "white", "ranks")
FORMS = ("matrix", "diagonal", "scalar")


def correlated(n, d, seed, n_clusters=3):
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    centers = 3.0 * rng.normal(size=(n_clusters, d))
    return centers[rng.integers(n_clusters, size=n)] + rng.normal(size=(n, d)) @ spread


def empty_tree(units, n, d):
    turn = np.empty({"white": d * d, "ranks": d * (2 * n + 1)}.get(units, 0))
    return np.empty(d), np.empty(d), turn, np.empty((n - 1, 2), np.int64), np.empty(n - 1)


def grown(module, units, one_scale, rows, weight):
    tree = empty_tree(units, *rows.shape)
    return module.grow(units, one_scale, rows, weight, *tree), *tree


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("one_scale", [False, True])
@pytest.mark.parametrize("shape", [(2, 1), (90, 2), (41, 5), (25, 40)])
def test_grow(build, units, one_scale, shape):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = correlated(*shape, seed) * 10.0 ** rng.integers(-2, 3, shape[1])
        weight = rng.exponential(size=shape[0]) + 0.1  # of equal ones ranks make ties
        found = grown(build.modules[FLOAT64], units, one_scale, rows, weight)
        wanted = grown(reference, units, one_scale, rows, weight)
        assert found[0] == wanted[0]
        rtol = 1e-6 if units == "white" else 1e-9
        for one, other in zip(found[1:4], wanted[1:4], strict=True):
            largest = np.abs(other).max(initial=0.0)
            np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * largest)
        np.testing.assert_allclose(found[5], wanted[5], rtol=rtol, atol=1e-12)
        assert np.array_equal(found[4], wanted[4])


def test_constant_columns_do_not_vary(build):
    rows = np.c_[correlated(20, 2, 0), np.full(20, 0.1)]
    for units in UNITS:
        n_varying, _, scale, *_ = grown(
            build.modules[FLOAT64], units, False, rows, np.full(20, 1 / 3)
        )
        assert n_varying == 2
        assert (scale > 0).all()
        assert np.isfinite(scale).all()
    alike = grown(build.modules[FLOAT64], "column", True, np.ones((5, 2)), np.ones(5))
    assert alike[0] == 0
    assert (alike[2] == 1.0).all()
    assert (alike[5] == 0.0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_cut(build, n):
    rng = np.random.default_rng(n)
    merged, heights = np.empty((n - 1, 2), np.int64), np.empty(n - 1)
    build.modules[FLOAT64].ward(rng.normal(size=(n, 2)), np.ones(n), merged, heights)
    for k in range(1, n + 1):
        found, wanted = np.empty(n, np.int64), np.empty(n, np.int64)
        build.modules[FLOAT64].cut(merged, k, found)
        reference.cut(merged, k, wanted)
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("shape", [(30, 1), (60, 3), (70, 20)])
def test_assign_to_cut(build, units, shape):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        own, rows = correlated(*shape, seed), correlated(2 * shape[0] + 5, shape[1], seed + 9)
        weight = rng.exponential(size=shape[0]) + 0.1
        _, *space, merged, _ = grown(reference, units, False, own, weight)
        for k in (1, 2, 7):
            found, wanted = (
                (np.empty((k, shape[1])), np.empty(k), rows, np.empty(len(rows), np.int64))
                for _ in range(2)
            )
            n_found = build.modules[FLOAT64].assign_to_cut(
                units, *space, own, weight, merged, *found
            )
            assert n_found == reference.assign_to_cut(units, *space, own, weight, merged, *wanted)
            assert np.array_equal(found[3], wanted[3])
            np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 7, 64, 101])
@pytest.mark.parametrize("n_values", [1, 2, 5, 40, 1000])
def test_ranks_of_equal_numbers(build, n, n_values):
    """Of one column: a cluster for each number of the tree, so that labels tell ranks apart."""
    rng = np.random.default_rng([n, n_values])
    own = rng.integers(n_values, size=(n, 1)).astype(float)
    weight = rng.exponential(size=n) + 0.1
    tree = grown(reference, "ranks", False, own, weight)
    _, *space, merged, _ = tree
    made = grown(build.modules[FLOAT64], "ranks", False, own, weight)
    np.testing.assert_allclose(made[3], space[2], rtol=1e-12)
    np.testing.assert_allclose(made[5], tree[5], rtol=1e-9, atol=1e-12)
    rows = np.concatenate([own, rng.integers(-1, n_values + 1, size=(200, 1)) + 0.0, own + 0.5])
    k = len(np.unique(own))
    found, wanted = (
        (np.empty((k, 1)), np.empty(k), rows, np.empty(len(rows), np.int64)) for _ in range(2)
    )
    build.modules[FLOAT64].assign_to_cut("ranks", *space, own, weight, merged, *found)
    reference.assign_to_cut("ranks", *space, own, weight, merged, *wanted)
    assert np.array_equal(found[0], wanted[0])
    assert np.array_equal(found[3][:n], wanted[3][:n])
    # Where two are equally near, rounding decides: that is seen in the distances alone.
    np.testing.assert_allclose(
        np.abs(rank(space, rows) - rank(space, found[0][found[3]])),
        np.abs(rank(space, rows) - rank(space, found[0][wanted[3]])),
        atol=1e-12,
    )


def rank(space, rows):
    return starting.Space("ranks", *space, (len(space[2]) - 1) // 2).of(rows)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("d", "m"), [(1, 2), (2, 9), (5, 12), (12, 17)])
def test_merge_by_likelihood(build, form, d, m):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows, weight = correlated(30 * m, d, seed), rng.exponential(size=30 * m) + 0.1
        labels = np.concatenate([np.arange(m), rng.integers(m, size=29 * m)])
        rows += 2.0 * rng.normal(size=(m, d))[labels]
        center, scale = rows.mean(axis=0), rows.std(axis=0)
        found, wanted = np.empty((m - 1, 2), np.int64), np.empty((m - 1, 2), np.int64)
        given = form, rows, weight, center, scale, labels
        build.modules[FLOAT64].merge_by_likelihood(*given, found)
        reference.merge_by_likelihood(*given, wanted)
        assert np.array_equal(found, wanted)


def labelled(module, form, tied, rows, weight, labels, means, pseudo=4.5, largest=1e300):
    k, d = means.shape
    one = {"matrix": (d, d), "diagonal": (d,), "scalar": ()}[form]
    shape = one if tied else (k, *one)
    out = np.empty(k), np.empty(k), means.copy(), *(np.empty(shape) for _ in range(4))
    ridge = np.array([1e-3])
    good = module.labelled_mixture(
        form, tied, rows, weight, labels, pseudo, ridge, 1e-14, largest, *out
    )
    return good, *out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shape", [(5, 1, 2), (60, 2, 3), (150, 9, 4), (90, 33, 2)])
def test_labelled_mixture(build, form, tied, shape):
    n, d, k = shape
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows, weight = correlated(n, d, seed) + 1e3, rng.exponential(size=n) + 0.1
        labels = rng.integers(k, size=n)
        if seed == 2:
            labels[:] = 0  # the others stay where they are
        means = rng.normal(size=(k, d))
        given = form, tied, rows, weight, labels, means
        found = labelled(build.modules[FLOAT64], *given)
        wanted = labelled(reference, *given)
        assert found[0]
        assert wanted[0]
        for one, other in zip(found[1:], wanted[1:], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
        assert not labelled(build.modules[FLOAT64], *given, largest=1e-3)[0]
        assert not labelled(reference, *given, largest=1e-3)[0]


def pooled(module, form, tied, rows, weight, means, unit=1.0, largest=1e300):
    k, d = means.shape
    one = {"matrix": (d, d), "diagonal": (d,), "scalar": ()}[form]
    out = np.empty(k), np.empty(k), *(np.empty(one if tied else (k, *one)) for _ in range(4))
    ridge = np.array([1e-3])
    good = module.pooled_mixture(form, tied, rows, weight, means, unit, ridge, 1e-14, largest, *out)
    return good, *out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shape", [(5, 1, 2), (60, 2, 3), (1100, 9, 4), (90, 33, 2), (7, 2, 1)])
def test_pooled_mixture(build, form, tied, shape):
    n, d, k = shape
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows, weight = correlated(n, d, seed) + 1e3, rng.exponential(size=n) + 0.1
        given = form, tied, rows, weight, rows[rng.choice(n, k, replace=False)], 10.0**seed
        found, wanted = pooled(build.modules[FLOAT64], *given), pooled(reference, *given)
        assert found[0]
        assert wanted[0]
        for one, other in zip(found[1:], wanted[1:], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
        for module in (build.modules[FLOAT64], reference):
            assert not pooled(module, *given, largest=1e-3)[0]


def test_labelled_rows_without_a_volume(build):
    rows, labels = np.zeros((6, 2)), np.array([0, 0, 0, 1, 1, 1])
    for module in (build.modules[FLOAT64], reference):
        out = np.empty(2), np.empty(2), np.empty((2, 2)), *(np.empty((2, 2, 2)) for _ in range(4))
        good = module.labelled_mixture(
            "matrix", False, rows, np.ones(6), labels, 12.0, np.zeros(1), 1e-14, 1e300, *out
        )
        assert not good


def test_numbers_are_sorted_by_their_bits(build):
    """Ranks of a column of every kind of number, twice each: those of the reference."""
    column = np.array([0.0, -0.0, 5e-324, -5e-324, 1.0, -1.0, 1e150, -1e150, 1.0 + 2e-16, 2.0])
    rows = np.repeat(np.random.default_rng(0).permutation(column), 2)[:, None]
    found = grown(build.modules[FLOAT64], "ranks", False, rows, np.ones(20))
    assert (np.diff(found[3][:20]) >= 0).all()
    assert sorted(found[3][:20].tolist()) == sorted(rows[:, 0].tolist())


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("column", [[1.7e308, 1.7e308, 1.7e308], [0.0, 1e155, 2e155]])
def test_no_tree_is_made_of_sums_or_squares_that_overflow(build, units, column):
    rows = np.array([[1.0, one] for one in column])
    with np.errstate(over="ignore"):
        for module in (build.modules[FLOAT64], reference):
            assert grown(module, units, False, rows, np.ones(3))[0] == -1


# ---------------------------------------------------------------- what may not come in


def test_labels_and_names_out_of_range_are_refused(build):
    module, rows = build.modules[FLOAT64], np.zeros((4, 1))
    with pytest.raises(ValueError, match="labels: expected 0 to 1"):
        labelled(
            module, "matrix", False, rows, np.ones(4), np.array([0, 1, 2, 0]), np.zeros((2, 1))
        )
    with pytest.raises(ValueError, match="labels: expected 0 to 1"):
        module.merge_by_likelihood(
            "matrix",
            rows,
            np.ones(4),
            np.zeros(1),
            np.ones(1),
            np.array([0, 1, -1, 0]),
            np.empty((1, 2), np.int64),
        )
    for merged in ([[0, 4], [0, 1], [0, 2]], [[-1, 1], [0, 2], [0, 3]], [[1, 0], [0, 2], [0, 3]]):
        with pytest.raises(ValueError, match="merged: expected pairs"):
            module.cut(np.array(merged), 2, np.empty(4, np.int64))
    with pytest.raises(ValueError, match="n_clusters: expected 1 to 4"):
        module.cut(np.array([[0, 1], [0, 2], [0, 3]]), 5, np.empty(4, np.int64))
    with pytest.raises(ValueError, match="units: expected one of"):
        grown(module, "metres", False, rows, np.ones(4))
    with pytest.raises(ValueError, match="form: expected one of"):
        module.merge_by_likelihood(
            "cube",
            rows,
            np.ones(4),
            np.zeros(1),
            np.ones(1),
            np.zeros(4, np.int64),
            np.empty((1, 2), np.int64),
        )


# ---------------------------------------------------------------- the reference's coordinates


@pytest.fixture
def rows():
    rng = np.random.default_rng(5)
    mixed = rng.normal(size=(60, 3)) @ (np.eye(3) + 0.3 * rng.normal(size=(3, 3)))
    return mixed * [1e-3, 1.0, 50.0] + [7.0, 0.0, 1e3]


def coordinates(own, units, weight=None, one_scale=False, rows=None):
    weight = np.ones(len(own)) if weight is None else weight
    _, *space, _, _ = grown(reference, units, one_scale, own, weight)
    return starting.Space(units, *space, len(own)).of(own if rows is None else rows)


def test_columns_have_the_same_deviation(rows):
    np.testing.assert_allclose(
        coordinates(rows, "column"), (rows - rows.mean(0)) / rows.std(0), rtol=1e-12
    )
    one = coordinates(rows, "column", one_scale=True)
    np.testing.assert_allclose(one, (rows - rows.mean(0)) / np.sqrt(rows.var(0).mean()), rtol=1e-12)


def test_between_is_the_geometric_mean_of_both(rows):
    product = coordinates(rows, "column") * coordinates(rows, "column", one_scale=True)
    np.testing.assert_allclose(coordinates(rows, "between") ** 2, product, rtol=1e-9)


def test_white_rows_are_not_correlated(rows):
    """And no linear change of the rows changes their distances."""
    white = coordinates(rows, "white")
    np.testing.assert_allclose(white.T @ white / len(rows), np.eye(3), atol=1e-3)
    mixing = np.tril(np.full((3, 3), 0.7))
    changed = coordinates(coordinates(rows, "column") @ mixing, "white")
    np.testing.assert_allclose(changed @ changed.T, white @ white.T, atol=1e-2)


def test_columns_that_depend_on_others_are_no_harm(build, rows):
    singular = np.c_[rows, rows[:, 0] + rows[:, 1], np.full(len(rows), 3.0)]
    for own in (singular, np.full((5, 2), 4.0)):
        found = grown(build.modules[FLOAT64], "white", False, own, np.ones(len(own)))
        assert np.isfinite(found[3]).all()
        assert np.isfinite(found[5]).all()


def test_ranks_know_the_order_alone(rows):
    ranks = coordinates(rows, "ranks")
    np.testing.assert_allclose(ranks.mean(axis=0), 0.5)
    assert (ranks > 0.0).all()
    assert (ranks < 1.0).all()
    np.testing.assert_array_equal(np.argsort(ranks, axis=0), np.argsort(rows, axis=0))
    stretched = np.sinh((rows - rows.mean(axis=0)) / rows.std(axis=0))
    np.testing.assert_array_equal(coordinates(stretched, "ranks"), ranks)


def test_equal_numbers_have_their_middle_rank():
    own = np.array([[3.0], [1.0], [3.0], [9.0]])
    np.testing.assert_allclose(coordinates(own, "ranks")[:, 0], [0.5, 0.125, 0.5, 0.875])
    weighted = coordinates(own[[1, 0, 3]], "ranks", np.array([1.0, 2.0, 1.0]))
    np.testing.assert_allclose(weighted[:, 0], [0.125, 0.5, 0.875])
