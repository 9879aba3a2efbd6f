"""The two halves of L-BFGS: on a quadratic function they find its curvature."""

import numpy as np

from fastgmm.em.acceleration import MEMORY
from fastgmm.em.quasi_newton import direction, learned


def test_the_direction_of_a_quadratic_is_newtons(rng: np.random.Generator) -> None:
    """After as many conjugate steps as there are dimensions (Nocedal and Wright 2006, 7.2)."""
    root = rng.normal(size=(5, 5))
    curvature = root @ root.T + np.eye(5)
    at = rng.normal(size=5)
    steps: list[np.ndarray] = []
    changes: list[np.ndarray] = []
    for _ in range(5):
        gradient = -curvature @ at
        found = direction(gradient, steps, changes)
        step = found * float(gradient @ found) / float(found @ curvature @ found)
        at = at + step
        steps, changes = learned(steps, changes, step, gradient + curvature @ at)
    gradient = rng.normal(size=5)
    newton = np.linalg.solve(curvature, gradient)
    np.testing.assert_allclose(direction(gradient, steps, changes), newton, rtol=1e-6)


def test_what_is_remembered(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(MEMORY + 3, 4))
    steps: list[np.ndarray] = []
    changes: list[np.ndarray] = []
    for one in vectors:
        steps, changes = learned(steps, changes, one, 2.0 * one)
    assert len(steps) == len(changes) == MEMORY
    np.testing.assert_array_equal(steps[0], vectors[3])
    falling = learned(steps, changes, vectors[0], -vectors[0])  # it tells of no curvature
    assert falling == (steps, changes)
