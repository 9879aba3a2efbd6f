"""Candidates compared in one call, of every build, against the reference and against runs."""

import numpy as np
import pytest
from stretch_cases import RTOL, TYPES, assert_close, begun, case, made, reached

from fastgmm.kernels import reference_stretch


def compared(kind, mixtures, arguments, passes, needed=4.0, at_once=4):
    """Return what passes make of mixtures, and the standings."""
    stretch = made(kind, arguments, at_once=at_once)
    ends = [tuple(np.empty_like(array) for array in one) for one in mixtures]
    standings = np.array([(left, 7.0, 7.0) for left in passes], dtype=float)
    stretch.compare(mixtures, ends, standings, needed, float(len(arguments[2])), 1e-8)
    return ends, standings


def others(mixture):
    """Return a mixture and the same with its means moved."""
    weights, means, *spreads = mixture
    return [
        mixture,
        (weights, means + np.linspace(-1.0, 1.0, means.size).reshape(means.shape), *spreads),
    ]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (4, 5), (2, 17)])
def test_standings_are_those_of_the_reference(build, name, dtype, shape):
    mixture, arguments = case(name, *shape, sum(shape), dtype, weighted=shape[0] > 2)
    kind, passes = build.modules[np.dtype(dtype)].Stretch, (3, 0)
    ends, standings = compared(kind, others(mixture), arguments, passes)
    expected, wanted = compared(reference_stretch.Stretch, others(mixture), arguments, passes)
    np.testing.assert_allclose(standings, wanted, rtol=RTOL[np.dtype(dtype)])
    for one, other in zip(ends, expected, strict=True):
        assert_close(one, other, RTOL[np.dtype(dtype)])


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_passes_are_iterations_of_a_run(build, name, at_once):
    mixture, arguments = case(name, 3, 2, 5, "float64", weighted=True)
    kind = build.modules[np.dtype("float64")].Stretch
    (end,), ((left, promise, _),) = compared(kind, [mixture], arguments, [6], at_once=at_once)
    stretch = begun(kind, mixture, arguments)
    stretch.run(6)
    for one, other in zip(end, reached(stretch, mixture), strict=True):
        assert np.array_equal(one, other)
    assert left == 0
    assert promise == stretch.run(1)[0][0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_weak_are_told(build, dtype):
    """By the lightest component; one that the ridge may have to itself is not known."""
    mixture, arguments = case("full", 3, 2, 1, dtype, weighted=False)
    kind = build.modules[np.dtype(dtype)].Stretch
    for needed, expected in ((1.0, 0.0), (300.0, 1.0)):
        assert compared(kind, [mixture], arguments, [2], needed)[1][0, 2] == expected
    arguments[4] = np.array([0.8])
    assert np.isnan(compared(kind, [mixture], arguments, [1], 1.0)[1][0, 2])
    assert np.isnan(compared(reference_stretch.Stretch, [mixture], arguments, [1], 1.0)[1][0, 2])
    alone, arguments = case("full", 1, 2, 1, dtype, weighted=False)
    assert compared(kind, [alone], arguments, [2], 1e9)[1][0, 2] == 0.0


def test_what_the_loop_has_to_do_is_left(build):
    """A component that all rows are far from is singular without a ridge; the next one goes on."""
    mixture, arguments = case("full", 2, 2, 3, "float64", weighted=False)
    arguments[4] = np.array([0.0])
    bad = (mixture[0], mixture[1] + np.array([[1e4, 1e4], [0.0, 0.0]]), *mixture[2:])
    kind = build.modules[np.dtype("float64")].Stretch
    ends, standings = compared(kind, [bad, mixture], arguments, [3, 3])
    assert standings[:, 0].tolist() == [3.0, 0.0]
    for one, other in zip(ends[0], bad, strict=True):
        assert np.array_equal(one, other)
    lost = (mixture[0], mixture[1] * np.nan, *mixture[2:])
    ((left, promise, _),) = compared(kind, [lost], arguments, [0])[1]
    assert left == 0
    assert np.isnan(promise)


def test_arrays_are_checked(build):
    mixture, arguments = case("full", 2, 2, 3, "float64", weighted=False)
    stretch = made(build.modules[np.dtype("float64")].Stretch, arguments)
    ends = tuple(np.empty_like(array) for array in mixture)
    with pytest.raises(ValueError, match="ends: expected 1"):
        stretch.compare([mixture], [], np.zeros((1, 3)), 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="standings"):
        stretch.compare([mixture], [ends], np.zeros((2, 3)), 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="means"):
        stretch.compare([mixture], [(ends[0], ends[0], *ends[2:])], np.zeros((1, 3)), 1.0, 1.0, 1.0)
