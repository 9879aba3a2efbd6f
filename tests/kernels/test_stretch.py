"""Runs without Python in between, of every build, against the reference."""

import numpy as np
import pytest
from stretch_cases import (
    GRID,
    PACE,
    RTOL,
    TYPES,
    assert_close,
    begun,
    case,
    made,
    reached,
    rules_of,
)

from fastgmm.kernels import reference_stretch


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (4, 5), (2, 17)])
def test_iterations_are_those_of_the_reference(build, name, dtype, shape):
    mixture, arguments = case(name, *shape, sum(shape), dtype, weighted=shape[0] > 2)
    rtol = RTOL[np.dtype(dtype)]
    compiled = begun(build.modules[np.dtype(dtype)].Stretch, mixture, arguments)
    slow = begun(reference_stretch.Stretch, mixture, arguments)
    for n in (1, 2, 2):
        found, event = compiled.run(n)
        wanted, _ = slow.run(n)
        assert not event
        assert len(found) == n
        np.testing.assert_allclose(found, wanted, rtol=rtol)
        assert_close(reached(compiled, mixture), reached(slow, mixture), rtol)
    assert compiled.n_passes == slow.n_passes == 5


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("seed", range(3))
def test_steps_ahead_are_those_of_the_reference(build, name, seed):
    """As long as rounding is not magnified: some steps after the search has begun."""
    mixture, arguments = case(name, 3, 2, seed, "float64", weighted=seed == 1, apart=0.7)
    rules = rules_of(acceleration=2.0)
    compiled = begun(build.modules[np.dtype("float64")].Stretch, mixture, arguments, rules)
    slow = begun(reference_stretch.Stretch, mixture, arguments, rules)
    n_ahead = 0
    for _ in range(60):
        found, event = compiled.run(1)
        wanted, _ = slow.run(1)
        assert not event
        np.testing.assert_allclose(found, wanted, rtol=1e-9)
        ahead = tuple(np.empty_like(array) for array in mixture)
        expected = tuple(np.empty_like(array) for array in mixture)
        assert compiled.mixture(True, ahead) == slow.mixture(True, expected)
        assert compiled.n_passes == slow.n_passes
        if slow.mixture(True, expected):
            n_ahead += 1
            assert_close(ahead, expected, 1e-6)
            assert compiled.gap == pytest.approx(slow.gap, rel=1e-3, abs=1e-9)
        if n_ahead == 6:
            break
    assert n_ahead == 6
    vectors, held = np.empty((23, compiled.n_coordinates)), np.empty_like(slow._search.held)
    n_pairs, by_em, radius, value, _, failures, falls = compiled.search_state(vectors, held)
    search = slow._search
    assert (n_pairs, failures, falls) == (len(search.steps), search.failures, search.falls)
    assert by_em is (search.step is search.em_step)
    np.testing.assert_allclose([radius, value], [search.radius, search.value], rtol=1e-6)
    np.testing.assert_allclose(vectors[:n_pairs], search.steps, atol=1e-6)
    np.testing.assert_allclose(vectors[n_pairs : 2 * n_pairs], search.changes, atol=1e-6)
    last = (search.gradient, search.em_step, *(() if by_em else (search.step,)))
    np.testing.assert_allclose(vectors[2 * n_pairs :][: len(last)], last, atol=1e-6)
    np.testing.assert_allclose(held, search.held, rtol=1e-9)


@pytest.mark.parametrize("acceleration", [0.0, 2.0])
@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_background_holds_the_rest(build, name, dtype, acceleration):
    mixture, arguments = case(name, 3, 2, 4, dtype, weighted=True)
    mixture = np.append(0.9 * mixture[0], 0.1), *mixture[1:]
    arguments[2][::10] *= 5.0  # rows far from all
    rules, rtol = rules_of(acceleration=acceleration), RTOL[np.dtype(dtype)]
    stretches = []
    for kind in (build.modules[np.dtype(dtype)].Stretch, reference_stretch.Stretch):
        one = kind(*arguments, rules, PACE, GRID[np.dtype(dtype)], 4, 5.0)
        one.begin(mixture, None, None, [])
        stretches.append(one)
    found, wanted = (one.run(12)[0] for one in stretches)
    np.testing.assert_allclose(found, wanted, rtol=rtol)
    compiled, slow = (reached(one, mixture) for one in stretches)
    assert_close(compiled, slow, 20 * rtol)
    assert compiled[0].sum() == pytest.approx(1.0)
    assert 0.02 < compiled[0][3] < 0.5


@pytest.mark.parametrize(("tol", "both"), [(1e-3, 0.0), (1e-5, 1.0), (1e-6, 0.0)])
def test_the_end_is_that_of_the_reference(build, tol, both):
    mixture, arguments = case("full", 3, 2, 5, "float64", weighted=False)
    rules = rules_of(tol, both=both)
    compiled = begun(build.modules[np.dtype("float64")].Stretch, mixture, arguments, rules)
    slow = begun(reference_stretch.Stretch, mixture, arguments, rules)
    found, wanted = [], []
    while not compiled.converged:
        found += compiled.run(1000)[0]
    while not slow.converged:
        wanted += slow.run(1000)[0]
    assert len(found) == len(wanted) < 1000
    assert compiled.gap == pytest.approx(slow.gap, rel=1e-4)
    assert compiled.noise == slow.noise == 0.0


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_a_run_may_be_cut(build, name, at_once):
    mixture, arguments = case(name, 3, 4, 1, "float64", weighted=False, apart=1.0)
    kind = build.modules[np.dtype("float64")].Stretch
    rules = rules_of(acceleration=2.0)
    whole = begun(kind, mixture, arguments, rules, at_once)
    bounds = whole.run(40)[0]
    cut, found = begun(kind, mixture, arguments, rules), []
    for n in (1, 7, 12, 20):
        found += cut.run(n)[0]
    assert found == bounds
    assert len(bounds) == 40
    for one, other in zip(reached(whole, mixture), reached(cut, mixture), strict=True):
        assert np.array_equal(one, other)


def test_it_comes_back_before_it_has_no_room_for_bounds(build):
    mixture, arguments = case("spherical", 2, 1, 0, "float64", weighted=False)
    stretch = begun(build.modules[np.dtype("float64")].Stretch, mixture, arguments)
    found = stretch.run(10**9)[0]
    assert len(found) == 256
    assert stretch.run(10)[0][0] >= found[-1] - 1e-13


@pytest.mark.parametrize("name", TYPES)
def test_the_moments_of_the_rows(build, name):
    mixture, arguments = case(name, 3, 2, 0, "float64", weighted=True)
    stretch = begun(build.modules[np.dtype("float64")].Stretch, mixture, arguments)
    rows, weight = arguments[2:4]
    mean, variances = np.empty(2), np.empty(1 if "spherical" in name else 2)
    assert not stretch.moments(mean, variances)
    stretch.run(5)
    assert stretch.moments(mean, variances)
    np.testing.assert_allclose(mean, np.average(rows, axis=0, weights=weight), rtol=1e-12)
    expected = np.average((rows - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(variances, expected.mean() if len(variances) == 1 else expected)
    stretch.begin(mixture, None, None, [-3.0])
    stretch.run(1)
    assert not stretch.moments(mean, variances)


def unmoved(build, mixture, arguments):
    """Return whether a stretch hands back the run as it was."""
    stretch = begun(build.modules[arguments[2].dtype].Stretch, mixture, arguments)
    bounds, event = stretch.run(4)
    same = all(map(np.array_equal, reached(stretch, mixture), mixture))
    return event and bounds == [] and same and stretch.n_passes == 0


def test_it_ends_before_a_component_is_lost(build):
    mixture, arguments = case("full", 3, 2, 0, "float64", weighted=False)
    mixture[1][1] = 1e4
    assert unmoved(build, mixture, arguments)


def with_rows(arguments, rows, ridge):
    return [*arguments[:2], rows, None, np.array([ridge]), arguments[5]]


def test_it_ends_before_a_covariance_is_singular(build):
    mixture, arguments = case("full", 2, 3, 0, "float64", weighted=False)
    rows = arguments[2].copy()
    rows[:, 2] = rows[:, 0] + rows[:, 1]
    assert unmoved(build, mixture, with_rows(arguments, rows, 0.0))


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_it_ends_before_a_component_is_flat(build, name):
    """The ridge is all the variance that equal rows have."""
    mixture, arguments = case(name, 2, 2, 0, "float64", weighted=False)
    rows = np.r_[np.full((50, 2), 30.0), arguments[2][50:]]
    mixture[1][0], mixture[1][1] = 30.0, 0.0
    assert unmoved(build, mixture, with_rows(arguments, rows, 1e-6))


def test_it_ends_where_rounding_may_show(build):
    """Means that are 1e9 deviations away take off so much that their variances are rounding."""
    mixture, arguments = case("full", 1, 2, 0, "float64", weighted=False)
    mixture[1][0] = 1e9
    assert unmoved(build, mixture, arguments)


def test_it_ends_where_rows_have_no_density(build):
    mixture, arguments = case("spherical", 1, 2, 0, "float64", weighted=False)
    mixture[1][0] = 1e200
    assert unmoved(build, mixture, arguments)


def test_it_ends_where_sums_are_too_imprecise(build):
    """The inflation of the variances, D at the least, times the spacing of the dtype."""
    mixture, arguments = case("full", 2, 3, 0, "float32", weighted=False)
    for most, ends in ((8.9e-14, True), (9.1e-14, False)):
        limits = arguments[5].copy()
        limits[8:] = 1e-7, most
        stretch = begun(
            build.modules[np.dtype("float32")].Stretch, mixture, [*arguments[:5], limits]
        )
        assert stretch.run(1)[1] is ends


def test_scratch_of_another_form_is_taken_on_the_way(build):
    """Means that come near the shift change the layout of the scratch between two iterations."""
    mixture, arguments = case("diag", 2, 2, 0, "float64", weighted=False)
    rows = np.r_[arguments[2][:150], arguments[2][150:] + 60.0]
    mixture[1][0], mixture[1][1] = 400.0, -300.0
    arguments = with_rows(arguments, rows, 1e-6)
    stretch = begun(build.modules[np.dtype("float64")].Stretch, mixture, arguments)
    found = stretch.run(6)[0]
    wanted = begun(reference_stretch.Stretch, mixture, arguments).run(6)[0]
    assert len(found) == len(wanted) > 1
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("at", range(5))
def test_arrays_of_other_sizes_are_refused(build, at):
    mixture, arguments = case("full", 2, 2, 0, "float64", weighted=False)
    stretch = made(build.modules[np.dtype("float64")].Stretch, arguments)
    wrong = [*mixture]
    wrong[at] = np.ones(3)
    for ahead in (False, True):
        with pytest.raises(ValueError, match="expected"):
            stretch.begin(*((mixture, wrong) if ahead else (wrong, None)), None, [])


def test_a_stretch_that_has_not_begun_refuses(build):
    mixture, arguments = case("full", 2, 2, 0, "float64", weighted=False)
    stretch = made(build.modules[np.dtype("float64")].Stretch, arguments)
    with pytest.raises(ValueError, match="begins with a mixture"):
        stretch.run(1)
    assert not stretch.mixture(False, mixture)
    assert stretch.search_state(np.empty(1), np.empty(1)) is None
    with pytest.raises(ValueError, match="no search"):
        stretch.begin(mixture, None, object(), [])
