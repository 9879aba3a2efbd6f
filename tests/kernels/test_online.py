"""A step of a stream, of every build, against the reference."""

from itertools import pairwise

import numpy as np
import pytest

from fastgmm.kernels import reference as plain
from fastgmm.kernels import reference_online as reference

TYPES = {
    "full": ("full", "matrix", False),
    "tied": ("tied", "matrix", True),
    "diag": ("diag", "diagonal", False),
    "spherical": ("spherical", "scalar", False),
    "tied_diag": ("diag", "diagonal", True),
    "tied_spherical": ("spherical", "scalar", True),
}
SHAPES = [(1, 1), (3, 2), (4, 5), (2, 17)]
RTOL = {np.dtype("float32"): 2e-4, np.dtype("float64"): 1e-9}
FACTS = ("log_likelihood", "least", "top", "expected", "entropy")


def limits_of(rows, weight, **other):
    given = {
        "weight": float(len(rows) if weight is None else weight.sum()),
        "lightest": 1.0 if weight is None else min(1.0, float(weight.min())),
        "negligible": 2.0**-53,
        "share": 0.2,
        "depth": 1e6,
        "least_weight": 1e-12,
        "tolerance": 32 * float(np.finfo(np.float64).eps),
        "largest": float(np.finfo(rows.dtype).max),
    }
    return tuple({**given, **other}.values())


def packed_of(module, *arguments):
    return getattr(module, "PackedMixture", plain.PackedMixture)(*arguments)


class Case:
    """A stream, and a batch of correlated rows that comes next."""

    def __init__(self, name, shape, seed, dtype, weighted=False):
        kernel, self.form, self.tied = TYPES[name]
        k, d = self.shape = shape
        self.dtype, rng = np.dtype(dtype), np.random.default_rng(seed)
        spread = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
        means = rng.normal(size=(k, d)) * 2.0
        rows = means[rng.integers(k, size=300)] + rng.normal(size=(300, d)) @ spread
        self.rows = rows.astype(dtype)
        self.weight = rng.uniform(0.5, 2.0, 300) if weighted else None
        one = {"matrix": np.eye(d), "diagonal": np.ones(d), "scalar": np.ones(())}[self.form]
        deviation = one * 1.5 if self.tied else np.repeat((one * 1.5)[np.newaxis], k, axis=0)
        inverse = one / 1.5 if self.tied else np.repeat((one / 1.5)[np.newaxis], k, axis=0)
        weights, logs = rng.dirichlet(np.full(k, 5.0)), np.full(k, d * np.log(1.5))
        second = deviation * 1.5 * (d if self.form == "scalar" else 1)
        if not self.tied:
            second = second * weights.reshape(k, *[1] * (second.ndim - 1))
        known = weights, means + 0.1, 0.01 * rng.normal(size=(k, d)), second
        mixture = weights, np.log(weights), logs, means + 0.1, deviation * 1.5, deviation, inverse
        self.numbers = np.concatenate([np.ravel(part) for part in (*known, *mixture)])
        for_kernels = inverse
        if self.tied and kernel != "tied":
            for_kernels = np.broadcast_to(inverse, (k, *inverse.shape)).copy()
        self.packed = kernel, np.log(weights), means + 0.1, for_kernels, logs
        self.ridge = np.array([1e-6])

    def stepped(self, module, rows=None, **limits):
        """Return sums after the batch, made by a module, and log densities of its rows."""
        rows = self.rows if rows is None else rows
        sums = module.OnlineSums(self.form, self.tied, *self.shape, self.numbers)
        density = np.empty(len(rows), rows.dtype)
        packed = packed_of(module, *self.packed)
        limits = limits_of(rows, self.weight, **limits)
        return sums.stepped(packed, self.ridge, rows, self.weight, limits, density), density


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_steps_are_those_of_the_reference(build, name, dtype, shape):
    for seed in (sum(shape), 100 + sum(shape)):
        case = Case(name, shape, seed, dtype, weighted=seed > 99)
        found, density = case.stepped(build.modules[case.dtype])
        wanted, expected = case.stepped(reference)
        assert found.outcome == wanted.outcome == 0
        rtol = RTOL[case.dtype]
        np.testing.assert_allclose(density, expected, rtol=rtol, atol=rtol)
        for fact in FACTS:
            one, other = getattr(found, fact), getattr(wanted, fact)
            np.testing.assert_allclose(one, other, rtol=10 * rtol, atol=10 * rtol)
        numbers = np.frombuffer(found)
        np.testing.assert_allclose(numbers, wanted.numbers, rtol=10 * rtol, atol=10 * rtol)


@pytest.mark.parametrize("name", TYPES)
def test_a_step_leaves_the_sums_before_as_they_were(build, name):
    case = Case(name, (3, 4), 1, "float64")
    module = build.modules[case.dtype]
    sums = module.OnlineSums(case.form, case.tied, 3, 4, case.numbers)
    packed, density = module.PackedMixture(*case.packed), np.empty(300)
    arguments = packed, case.ridge, case.rows, None, limits_of(case.rows, None), density
    one, other = sums.stepped(*arguments), sums.stepped(*arguments)
    assert np.array_equal(np.frombuffer(sums), case.numbers)
    assert np.array_equal(np.frombuffer(one), np.frombuffer(other))
    view = np.frombuffer(one)
    before = view.copy()
    del one, sums
    other.stepped(packed, case.ridge, case.rows, None, limits_of(case.rows, None), density)
    assert np.array_equal(view, before)  # who reads the numbers keeps them


def test_second_moments_are_symmetric_to_the_bit(build):
    case = Case("full", (3, 7), 2, "float64")
    found, _ = case.stepped(build.modules[case.dtype])
    begin = 3 + 2 * 21
    second = np.frombuffer(found)[begin : begin + 3 * 49].reshape(3, 7, 7)
    assert np.array_equal(second, np.swapaxes(second, 1, 2))


def test_what_has_to_be_decided_is_not_done(build):
    for name in TYPES:
        case = Case(name, (2, 3), 3, "float64")
        for module in (build.modules[case.dtype], reference):
            far = case.rows.copy()
            far[7, 1] = 1e9
            assert case.stepped(module, far, depth=1e3)[0].outcome == 1
            assert case.stepped(module, far, depth=1e30)[0].outcome == 0
            if module is not reference:  # whose squares NumPy warns of
                far[7, 1] = 1e160
                assert case.stepped(module, far, depth=1e3)[0].outcome == 1
            assert case.stepped(module, least_weight=0.99)[0].outcome == 2
            assert case.stepped(module, largest=1e-3)[0].outcome == 2
            if case.form == "matrix":
                equal = np.repeat(case.rows[:1], 300, axis=0)
                case.ridge = np.zeros(1)
                assert case.stepped(module, equal, share=1.0)[0].outcome == 2
                case.ridge = np.array([1e-6])


def test_sums_are_read_only_and_of_their_sizes(build):
    case = Case("diag", (2, 3), 4, "float64")
    module = build.modules[case.dtype]
    sums = module.OnlineSums(case.form, case.tied, 2, 3, case.numbers)
    assert memoryview(sums).readonly
    assert memoryview(sums).format == "d"
    with pytest.raises(ValueError, match="read-only"):
        np.frombuffer(sums)[0] = 1.0
    with pytest.raises(ValueError, match="numbers: expected"):
        module.OnlineSums(case.form, case.tied, 2, 3, case.numbers[1:])
    with pytest.raises(ValueError, match="form: expected"):
        module.OnlineSums("round", False, 2, 3)
    other = Case("diag", (3, 3), 4, "float64")
    packed, density = module.PackedMixture(*other.packed), np.empty(300)
    with pytest.raises(ValueError, match="packed: expected"):
        sums.stepped(packed, case.ridge, case.rows, None, limits_of(case.rows, None), density)
    packed = module.PackedMixture(*case.packed)
    with pytest.raises(ValueError, match="log_density"):
        sums.stepped(packed, case.ridge, case.rows, None, limits_of(case.rows, None), density[1:])


def test_rows_in_several_blocks_are_one_batch(build):
    case = Case("full", (3, 6), 5, "float64")
    case.rows = np.concatenate([case.rows] * 4)[:1111]
    found, density = case.stepped(build.modules[case.dtype])
    wanted, expected = case.stepped(reference)
    np.testing.assert_allclose(density, expected, rtol=1e-9)
    np.testing.assert_allclose(np.frombuffer(found), wanted.numbers, rtol=1e-8, atol=1e-9)
    for one, other in pairwise([found, wanted]):
        assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
