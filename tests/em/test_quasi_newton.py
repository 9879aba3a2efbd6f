"""The two halves of L-BFGS: on a quadratic function they find its curvature."""

import numpy as np

from fastgmm.em.acceleration import MEMORY, Search
from fastgmm.em.quasi_newton import direction, judged, learn, learned
from fastgmm.em.regularization import Regularization


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


def test_a_metric_is_a_change_of_coordinates(rng: np.random.Generator) -> None:
    """With a metric R R^T the direction is R times that of coordinates in which it is the unit."""
    root = np.tril(rng.normal(size=(4, 4))) + 2.0 * np.eye(4)
    curvature = np.diag(rng.uniform(0.5, 2.0, 4))
    steps = list(rng.normal(size=(3, 4)))
    changes = [curvature @ step for step in steps]
    gradient = rng.normal(size=4)
    found = direction(gradient, steps, changes, lambda vector: root @ (root.T @ vector))
    inner = [np.linalg.solve(root, step) for step in steps], [root.T @ one for one in changes]
    np.testing.assert_allclose(found, root @ direction(root.T @ gradient, *inner), rtol=1e-10)
    np.testing.assert_allclose(
        direction(gradient, [], [], lambda vector: 3.0 * vector), 3.0 * gradient
    )


def test_a_search_learns_and_is_judged() -> None:
    search = Search(Regularization(), 1.0, radius=1.0)
    learn(search, np.ones(2))
    assert search.steps == []
    search.gradient, search.step = np.array([2.0, 0.0]), np.array([0.5, 0.0])
    for gain, expected in ((-0.1, (False, 0.25)), (0.05, (True, 0.25)), (0.2, (True, 1.0))):
        assert judged(search, gain) == expected
    search.step = np.array([1.0, 0.0])
    assert judged(search, 1.0) == (True, 2.0)
    learn(search, np.array([1.5, 0.0]))
    np.testing.assert_array_equal(search.changes, [[0.5, 0.0]])
