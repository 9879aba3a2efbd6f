"""Iterations without Python in between, of every build, against the reference."""

import numpy as np
import pytest

from fastgmm.kernels import reference

TYPES = {
    "full": ("full", "matrix", False),
    "tied": ("tied", "matrix", True),
    "diag": ("diag", "diagonal", False),
    "spherical": ("spherical", "scalar", False),
    "tied_diag": ("diag", "diagonal", True),
    "tied_spherical": ("spherical", "scalar", True),
}
RTOL = {np.dtype("float32"): 2e-4, np.dtype("float64"): 1e-9}


def limits_of(rows, weight, row_weight=1.0):
    total = float(len(rows) if weight is None else weight.sum())
    lightest = 1.0 if weight is None else min(1.0, float(weight.min()))
    eps = np.finfo(np.float64).eps
    largest = float(np.finfo(rows.dtype).max)
    return np.array([total, lightest, 2.0**-53, row_weight, 0.99, 32 * eps, 1e-7, largest])


def case(name, n_components, n_features, seed, dtype, weighted):
    """Return a mixture, arguments of a stretch, and room for its results."""
    rng = np.random.default_rng(seed)
    k, d = n_components, n_features
    spread = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    means = rng.normal(size=(k, d)) * 2.0
    rows = means[rng.integers(k, size=300)] + rng.normal(size=(300, d)) @ spread
    rows = rows.astype(dtype)
    weight = rng.uniform(0.5, 2.0, 300) if weighted else None
    _, form, tied = TYPES[name]
    one = {"matrix": np.eye(d), "diagonal": np.ones(d), "scalar": np.ones(())}[form]
    factors = one * 1.5 if tied else np.repeat((one * 1.5)[np.newaxis], k, axis=0)
    inverses = one / 1.5 if tied else np.repeat((one / 1.5)[np.newaxis], k, axis=0)
    mixture = (np.full(k, 1.0 / k), means + 0.3, np.asarray(factors), np.asarray(inverses))
    arguments = (*TYPES[name], k, rows, weight, np.array([1e-6]), limits_of(rows, weight))
    return mixture, arguments


def room(mixture):
    weights, means, factors, _ = mixture
    return [np.empty_like(array) for array in (weights, means, factors, factors, factors)]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (4, 5), (2, 17)])
def test_iterations_are_those_of_the_reference(build, name, dtype, shape):
    mixture, arguments = case(name, *shape, sum(shape), dtype, weighted=shape[0] > 2)
    found, wanted = np.empty(5), np.empty(5)
    compiled = build.modules[np.dtype(dtype)].Stretch(*arguments, 8)
    slow = reference.Stretch(*arguments, 8)
    assert compiled.run(*mixture, found) == slow.run(*mixture, wanted) == 5
    np.testing.assert_allclose(found, wanted, rtol=RTOL[np.dtype(dtype)])
    for index in (1, 3, 5):
        got, expected = room(mixture), room(mixture)
        compiled.mixture(index, *got)
        slow.mixture(index, *expected)
        for one, other in zip(got, expected, strict=True):
            rtol = RTOL[np.dtype(dtype)]
            np.testing.assert_allclose(one, other, rtol=10 * rtol, atol=10 * rtol)


@pytest.mark.parametrize("name", TYPES)
def test_two_runs_are_one(build, name):
    mixture, arguments = case(name, 3, 4, 1, "float64", weighted=False)
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 6)
    bounds, first, second = np.empty(6), np.empty(2), np.empty(4)
    assert stretch.run(*mixture, bounds) == 6
    whole, half = room(mixture), room(mixture)
    stretch.mixture(6, *whole)
    assert stretch.run(*mixture, first) == 2
    stretch.mixture(2, *half)
    assert stretch.run(half[0], half[1], half[3], half[4], second) == 4
    assert np.array_equal(np.r_[first, second], bounds)
    again = room(mixture)
    stretch.mixture(4, *again)
    assert all(map(np.array_equal, again, whole))


def test_no_more_iterations_than_slots(build):
    mixture, arguments = case("full", 2, 2, 0, "float64", weighted=False)
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 3)
    assert stretch.run(*mixture, np.empty(9)) == 3
    for index in (0, 4):
        with pytest.raises(ValueError, match="between 1 and 3"):
            stretch.mixture(index, *room(mixture))


def test_it_ends_before_a_component_is_lost(build):
    mixture, arguments = case("full", 3, 2, 0, "float64", weighted=False)
    mixture[1][1] = 1e4
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 4)
    assert stretch.run(*mixture, np.empty(4)) == 0


def test_it_ends_before_a_covariance_is_singular(build):
    mixture, arguments = case("full", 2, 3, 0, "float64", weighted=False)
    rows = arguments[4].copy()
    rows[:, 2] = rows[:, 0] + rows[:, 1]
    arguments = (*arguments[:4], rows, None, np.array([0.0]), arguments[7])
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 4)
    assert stretch.run(*mixture, np.empty(4)) == 0


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_it_ends_before_a_component_is_flat(build, name):
    """The ridge is all the variance that equal rows have."""
    mixture, arguments = case(name, 2, 2, 0, "float64", weighted=False)
    rows = np.r_[np.full((50, 2), 30.0), arguments[4][50:]]
    mixture[1][0], mixture[1][1] = 30.0, 0.0
    arguments = (*arguments[:4], rows, None, np.array([1e-6]), arguments[7])
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 4)
    assert stretch.run(*mixture, np.empty(4)) == 0


def test_it_ends_where_rounding_may_show(build):
    """Means that are 1e9 deviations away take off so much that their variances are rounding."""
    mixture, arguments = case("full", 1, 2, 0, "float64", weighted=False)
    mixture[1][0] = 1e9
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 4)
    assert stretch.run(*mixture, np.empty(4)) == 0


def test_it_ends_where_rows_have_no_density(build):
    mixture, arguments = case("spherical", 1, 2, 0, "float64", weighted=False)
    mixture[1][0] = 1e200
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 4)
    assert stretch.run(*mixture, np.empty(4)) == 0


def test_scratch_of_another_form_is_taken_on_the_way(build):
    """Means that come near the shift change the layout of the scratch between two iterations."""
    mixture, arguments = case("diag", 2, 2, 0, "float64", weighted=False)
    mixture[1][0] = 400.0
    rows = np.r_[arguments[4][:150], arguments[4][150:] + 60.0]
    mixture[1][0], mixture[1][1] = 400.0, -300.0
    arguments = (*arguments[:4], rows, None, np.array([1e-6]), arguments[7])
    found, wanted = np.empty(6), np.empty(6)
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 6)
    done = stretch.run(*mixture, found)
    assert done == reference.Stretch(*arguments, 6).run(*mixture, wanted) > 1
    np.testing.assert_allclose(found[:done], wanted[:done], rtol=1e-9)


@pytest.mark.parametrize("at", range(4))
def test_arrays_of_other_sizes_are_refused(build, at):
    mixture, arguments = case("full", 2, 2, 0, "float64", weighted=False)
    stretch = build.modules[np.dtype("float64")].Stretch(*arguments, 3)
    wrong = [*mixture]
    wrong[at] = np.ones(3)
    with pytest.raises(ValueError, match="expected"):
        stretch.run(*wrong, np.empty(3))
