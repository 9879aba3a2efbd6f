"""EVE and VVE: axes that no rotation makes more likely, found again, and never less likely."""

from typing import Any

import numpy as np
import pytest
from restrictions import free_covariances, obeys

from fastgmm.covariance.shared_directions import EVE, VVE, shared_axes

MODELS = pytest.mark.parametrize("model", [EVE, VVE], ids=lambda model: model.name)


def objective(model: Any, variances: np.ndarray, weights: np.ndarray) -> float:
    """What the axes make as small as they can, of the variances along them, in nats per row."""
    logs = np.log(variances)
    share = weights / weights.sum()
    if model is VVE:
        return float(share @ logs.sum(axis=1))
    return float(logs.shape[1] * np.log(share @ np.exp(logs.mean(axis=1))))


@MODELS
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 4), (2, 3), (7, 5), (3, 20)])
def test_the_restriction_holds(
    model: Any, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    free, weights = free_covariances(model, *shape, rng), rng.uniform(1.0, 9.0, shape[0])
    assert obeys(model.name, model.restrict(free, weights, None))


@MODELS
def test_no_rotation_is_more_likely(model: Any, rng: np.random.Generator) -> None:
    free, weights = free_covariances(model, 4, 5, rng), rng.uniform(1.0, 9.0, 4)
    axes, variances = shared_axes(free, weights, None, model is EVE)
    best = objective(model, variances, weights)
    for scale in (1e-3, 1e-2, 1e-1):
        for _ in range(20):
            turn = np.linalg.qr(np.eye(5) + scale * rng.normal(size=(5, 5)))[0]
            turned = turn @ axes
            along = np.einsum("ij,kjl,il->ki", turned, free, turned)
            assert objective(model, along, weights) > best - 1e-9


@MODELS
def test_a_warm_step_is_not_less_likely(model: Any, rng: np.random.Generator) -> None:
    """From the covariances of other sums, a few sweeps improve on their axes."""
    for _ in range(5):
        free, weights = free_covariances(model, 3, 6, rng), rng.uniform(1.0, 9.0, 3)
        other = 0.7 * free + 0.3 * free_covariances(model, 3, 6, rng)
        before = model.restrict(other, weights, None)
        axes = np.linalg.eigh(before[0])[1].T
        start = np.einsum("ij,kjl,il->ki", axes, free, axes)
        found = model.restrict(free, weights, before)
        assert obeys(model.name, found)
        after = np.linalg.eigh(found[0])[1].T
        along = np.einsum("ij,kjl,il->ki", after, free, after)
        assert objective(model, along, weights) < objective(model, start, weights)


@MODELS
def test_axes_along_which_a_mean_has_one_variance(model: Any) -> None:
    """The sum of these covariances is a multiple of the identity, and they are not."""
    turn = np.linalg.qr(np.array([[1.0, 2.0], [3.0, 1.0]]))[0]
    free = np.array([turn @ np.diag(v) @ turn.T for v in ([1.0, 4.0], [4.0, 1.0])])
    found = model.restrict(free, np.ones(2), None)
    np.testing.assert_allclose(found, free, rtol=1e-7)
    np.testing.assert_allclose(model.restrict(free, np.ones(2), free), free, rtol=1e-9)


@MODELS
def test_a_component_without_volume(model: Any, rng: np.random.Generator) -> None:
    """It has variances of zero, from which its factor tells which one it was."""
    free, weights = free_covariances(model, 3, 3, rng), np.ones(3)
    free[1] = 0.0
    with np.errstate(divide="ignore"):
        found = model.restrict(free, weights, None)
    np.testing.assert_allclose(found[1], 0.0, atol=1e-15)
    assert obeys(model.name, found[[0, 2]])
