"""The relative frame, L-BFGS in it and the rules of the end, of every build, against NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest

from fastgmm.kernels import reference_search as reference

FORMS = ("matrix", "diagonal", "scalar")
PACE = np.array([0.3, 0.5, 2.0, 3.0, 1e-4, 0.1, 0.3, 1e-8, 3.0, 1e-4])
SHAPES = [(1, 1), (3, 2), (2, 7), (3, 33), (2, 70)]


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=[(form, tied) for form in FORMS for tied in (False, True)], ids=str)
def kind(request):
    return request.param


def mixture_of(kind, shape, rng):
    (form, tied), (k, d) = kind, shape
    one = {"matrix": (d, d), "diagonal": (d,), "scalar": ()}[form]
    spread = rng.normal(size=(*(() if tied else (k,)), *one))
    if form == "matrix":
        covariances = spread @ np.swapaxes(spread, -1, -2) + d * np.eye(d)
        factors = np.linalg.cholesky(covariances)
        inverses = np.tril(np.linalg.inv(factors))
    else:
        covariances = np.asarray(spread**2 + 0.5)
        factors = np.asarray(np.sqrt(covariances))
        inverses = np.asarray(1.0 / factors)
    return rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), covariances, factors, inverses


def sums_of(kind, shape, mixture, rng, grid=0.0):
    """Return sums about points beside the means, with what a prior adds to them."""
    (form, tied), (k, d) = kind, shape
    weight = rng.uniform(1.0, 90.0, k)
    second = mixture[2] * (weight.sum() if tied else weight.reshape(-1, *(1,) * FORM_NDIM[form]))
    divisor = np.asarray((weight.sum() if tied else weight) * (d if form == "scalar" else 1) + 2.0)
    reference = mixture[1] + 0.1 * rng.normal(size=(k, d))
    first = rng.normal(size=(k, d)) * weight[:, None]
    return reference, weight, first, np.asarray(second), weight + 1.0, divisor, grid


FORM_NDIM = {"matrix": 2, "diagonal": 1, "scalar": 0}


def both(build, kind, shape, rng, background=False):
    ridge = rng.uniform(size=1 if kind[0] == "scalar" else shape[1])
    compiled = build.modules[np.dtype("float64")].RelativeFrame(
        *kind, *shape, ridge, PACE, background
    )
    slow = reference.RelativeFrame(*kind, *shape, ridge, PACE, background)
    assert compiled.n_coordinates == slow.n_coordinates
    return compiled, slow


def close(got, expected, rtol=1e-9):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * max(scale, 1.0))


def like(mixture):
    return tuple(np.empty_like(array) for array in mixture)


@pytest.mark.parametrize("background", [False, True])
def test_gradient_coordinates_and_moves(build, kind, shape, background, rng):
    compiled, slow = both(build, kind, shape, rng, background)
    base, other = mixture_of(kind, shape, rng), mixture_of(kind, shape, rng)
    if background:
        base = np.append(0.8 * base[0], 0.2), *base[1:]
        other = np.append(0.7 * other[0], 0.3), *other[1:]
    got, expected = np.empty(compiled.n_coordinates), np.empty(compiled.n_coordinates)
    sums = sums_of(kind, shape, base, rng)
    if background:
        sums = sums[0], np.append(sums[1], 17.0), *sums[2:]
    compiled.gradient(base, sums, got)
    slow.gradient(base, sums, expected)
    close(got, expected)
    compiled.coordinates(base, other, 0.0, got)
    slow.coordinates(base, other, 0.0, expected)
    close(got, expected)
    assert compiled.largest_move(base[0], got) == pytest.approx(slow.largest_move(base[0], got))
    there, expected_there = like(base), like(base)
    assert compiled.mixture_at(base, got, there)
    assert slow.mixture_at(base, got, expected_there)
    for one, wanted, given in zip(there, expected_there, other, strict=True):
        close(one, wanted, 1e-8)
        close(one, given, 1e-6)
    compiled.coordinates(base, other, 2.0**-8, got)
    np.testing.assert_array_equal(got * 2.0**8, np.rint(got * 2.0**8))
    close(got, expected, 2.0**-8)


def test_a_component_of_next_to_no_weight_stays(build, kind, rng):
    compiled, _ = both(build, kind, (3, 2), rng)
    base = mixture_of(kind, (3, 2), rng)
    base[0][:] = 0.5, 1e-9, 0.5 - 1e-9
    there = like(base)
    assert compiled.mixture_at(base, rng.normal(size=compiled.n_coordinates), there)
    np.testing.assert_array_equal(there[1][1], base[1][1])
    assert (there[1][0] != base[1][0]).all()
    if not kind[1]:
        close(there[2][1], base[2][1], 1e-13)


def test_a_mixture_beyond_the_numbers_is_none(build, kind, rng):
    compiled, slow = both(build, kind, (2, 2), rng)
    base = mixture_of(kind, (2, 2), rng)
    step = np.full(compiled.n_coordinates, 1e4)
    assert not compiled.mixture_at(base, step, like(base))
    assert not slow.mixture_at(base, step, like(base))


def search_of(n, n_pairs, held, rng):
    steps = [rng.normal(size=n) for _ in range(n_pairs)]
    curvature = rng.uniform(0.5, 2.0, n)
    vectors = {"gradient": rng.normal(size=n), "em_step": rng.normal(size=n)}
    return SimpleNamespace(
        steps=steps,
        changes=[curvature * step for step in steps],
        step=0.1 * vectors["gradient"],
        has_tried=True,
        held=held,
        radius=0.7,
        weight=300.0,
        value=-3.0,
        gap=0.1,
        failures=1,
        falls=False,
        **vectors,
    )


def room_for(n, held):
    return (*(np.zeros(n) for _ in range(5)), np.empty_like(held))


@pytest.mark.parametrize("n_pairs", [0, 1, 4, 10])
def test_proposals(build, kind, n_pairs, rng):
    shape = (3, 2)
    compiled, slow = both(build, kind, shape, rng)
    base, em = mixture_of(kind, shape, rng), mixture_of(kind, shape, rng)
    sums, n = sums_of(kind, shape, base, rng, 2.0**-30), compiled.n_coordinates
    found = []
    search = search_of(n, n_pairs, sums[5].copy(), rng)
    for frame in (compiled, slow):
        mine = SimpleNamespace(**vars(search))
        ahead, room = like(base), room_for(n, sums[5])
        told = frame.propose(mine, base, sums, -2.5, em, ahead, room)
        found.append((told, ahead, room))
    (told, ahead, room), (expected, there, wanted) = found
    assert told[:2] == expected[:2]
    np.testing.assert_allclose(told[2:], expected[2:], rtol=1e-7)
    assert told[0] is (n_pairs > 0 or told[1])
    written = slice(0 if told[1] else 2, 5 if told[0] else 4)
    for one, other in zip(room[written], wanted[written], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7)
    if told[0]:
        for one, other in zip(ahead, there, strict=True):
            close(one, other, 1e-6)


def test_what_is_learned_and_what_is_not(build, kind, rng):
    shape = (3, 2)
    compiled, slow = both(build, kind, shape, rng)
    failed = mixture_of(kind, shape, rng)
    sums, n = sums_of(kind, shape, failed, rng, 2.0**-20), compiled.n_coordinates
    search, gradient = search_of(n, 10, sums[5], rng), np.empty(n)
    slow.gradient(failed, sums, gradient)
    for sign in (1.0, -1.0):
        search.gradient = gradient + sign * 3.0 * search.step
        room, wanted = room_for(n, sums[5]), room_for(n, sums[5])
        learned = compiled.reject(search, failed, sums, room)
        assert learned is slow.reject(search, failed, sums, wanted) is (sign > 0.0)
        np.testing.assert_array_equal(room[0], wanted[0])
        np.testing.assert_allclose(room[1], wanted[1], atol=2e-6)


@pytest.mark.parametrize("gain", [-1.0, 0.05, 0.2, 0.6])
def test_what_is_accepted(build, kind, gain, rng):
    """By the share of what the slope foretells: a fall, too little, enough, and well."""
    shape = (3, 2)
    compiled, slow = both(build, kind, shape, rng)
    mixture = mixture_of(kind, shape, rng)
    held = sums_of(kind, shape, mixture, rng)[5]
    search = search_of(compiled.n_coordinates, 3, held, rng)
    slope = float(search.gradient @ search.step)
    search.value = slow.objective(search, mixture[4], 0.0)
    got = compiled.accepts(search, mixture[4], gain * slope)
    assert got[0] is slow.accepts(search, mixture[4], gain * slope)[0] is (gain > 0.0)
    length = float(np.linalg.norm(search.step))
    radius = 0.5 * length if gain < 0.1 else max(0.7, 2.0 * length) if gain > 0.3 else 0.7
    assert got[1] == pytest.approx(radius)
    assert compiled.objective(search, mixture[4], 1.5) == pytest.approx(search.value + 1.5)


def test_arrays_of_other_sizes_are_refused(build, rng):
    compiled, _ = both(build, ("matrix", False), (3, 2), rng)
    base = mixture_of(("matrix", False), (3, 2), rng)
    sums, out = sums_of(("matrix", False), (3, 2), base, rng), np.empty(compiled.n_coordinates)
    for at in range(5):
        wrong = [*base]
        wrong[at] = np.ones(7)
        with pytest.raises(ValueError, match="expected"):
            compiled.gradient(wrong, sums, out)
    for at in range(6):
        wrong = [*sums]
        wrong[at] = np.ones(7)
        with pytest.raises(ValueError, match="expected"):
            compiled.gradient(base, wrong, out)
    search = search_of(compiled.n_coordinates, 11, sums[5], rng)
    with pytest.raises(ValueError, match="at most 10"):
        compiled.accepts(search, base[4], 0.0)
    search = search_of(compiled.n_coordinates, 1, sums[5], rng)
    search.has_tried = False
    with pytest.raises(ValueError, match="no step"):
        compiled.accepts(search, base[4], 0.0)


def rules_of(acceleration=2.0, target=1e-6, heeds_noise=1.0):
    stopping = [1e-3, -1.0, 1.0, 1e-3, target, heeds_noise, 1e-12, 0.1, 2.0, 5.0, 12.0, 4.0, 8.0]
    return np.array([*stopping, acceleration, 10.0, 0.03, 0.5, 1.02, 8.0, 1e-14])


@pytest.mark.parametrize("rate", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-5])
def test_what_bounds_foretell(build, rate, noise, rng):
    """Of series that end, with noise that shows late or soon, and after every number of bounds."""
    compiled = build.modules[np.dtype("float64")].foretold
    trace = -3.0 - 0.02 * rate ** np.arange(80.0) + noise * rng.normal(size=80)
    seen = set()
    for n in range(81):
        last = trace[:n][-24:]
        for acceleration, target, heeds in ((0.0, 1e-6, 1.0), (1.0, 0.0, 0.0), (2.0, 1e-4, 1.0)):
            rules = rules_of(acceleration, target, heeds)
            got, expected = compiled(rules, last), reference.foretold(rules, last)
            np.testing.assert_allclose(got[:3], expected[:3], rtol=1e-9)
            assert got[3] is expected[3]
            seen.add((got[1] > 0.0, got[3]))
    assert len(seen) > (rate > 0.9 and noise == 0.0)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 40)])
def test_the_largest_inflation(build, shape, rng):
    k, d = shape
    _, _, covariances, _, inverses = mixture_of(("matrix", False), shape, rng)
    got = build.modules[np.dtype("float64")].largest_inflation(k, d, covariances, inverses)
    assert got == pytest.approx(reference.largest_inflation(k, d, covariances, inverses))
    by_hand = [np.trace(np.linalg.inv(c) @ np.diag(np.diagonal(c))) for c in covariances]
    assert got == pytest.approx(max(by_hand))


def test_moments_of_rows(build, kind, shape, rng):
    mixture = mixture_of(kind, shape, rng)
    reference_point, weight, first, second, *_ = sums_of(kind, shape, mixture, rng)
    n = 1 if kind[0] == "scalar" else shape[1]
    got, expected = (np.empty(shape[1]), np.empty(n)), (np.empty(shape[1]), np.empty(n))
    arguments = kind, reference_point, weight, first, second * 99.0 * shape[1]
    build.modules[np.dtype("float64")].moments_of_rows(*arguments, *got)
    reference.moments_of_rows(*arguments, *expected)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)
