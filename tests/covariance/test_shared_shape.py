"""VEI, EEV and VEV: fixed points of their equations, which no small change makes more likely."""

from typing import Any

import numpy as np
import pytest
from restrictions import free_covariances, obeys

from fastgmm.covariance.shared_shape import EEV, VEI, VEV, own_axes, scaled_shapes


@pytest.mark.parametrize("model", [VEI, EEV, VEV], ids=lambda model: model.name)
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (2, 3), (7, 5), (3, 40)])
def test_the_restriction_holds(
    model: Any, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    free, weights = free_covariances(model, *shape, rng), rng.uniform(1.0, 9.0, shape[0])
    found = model.restrict(free, weights, None)
    assert obeys(model.name, found)
    warm = model.restrict(free, weights, model.restrict(0.5 * free[::-1], weights, None))
    np.testing.assert_allclose(warm, found, rtol=1e-8, atol=1e-10 * np.abs(found).max())


def test_volumes_and_shape_are_a_fixed_point(rng: np.random.Generator) -> None:
    variances, weights = np.exp(rng.normal(size=(5, 4))), rng.uniform(1.0, 9.0, 5)
    found = scaled_shapes(variances, weights, None)
    assert found is not None
    volumes = np.exp(np.log(found).mean(axis=1))
    shape = found[0] / volumes[0]
    np.testing.assert_allclose(volumes, (variances / shape).mean(axis=1), rtol=1e-10)
    pooled = (weights / volumes) @ variances
    np.testing.assert_allclose(shape, pooled / np.exp(np.log(pooled).mean()), rtol=1e-10)
    variances[:, 1] = 0.0
    assert scaled_shapes(variances, weights, None) is None


def test_eev_has_the_mean_eigenvalues_along_each_components_axes(rng: np.random.Generator) -> None:
    free, weights = free_covariances(EEV, 4, 3, rng), rng.uniform(1.0, 9.0, 4)
    assert EEV.restrict is not None
    found = EEV.restrict(free, weights, None)
    values, vectors = np.linalg.eigh(free)
    mean = weights @ values / weights.sum()
    for k in range(4):
        expected = vectors[k] @ np.diag(mean) @ vectors[k].T
        np.testing.assert_allclose(found[k], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("d", [1, 3, 32, 33])
def test_own_axes(d: int, rng: np.random.Generator) -> None:
    free = free_covariances(EEV, 3, d, rng)
    values, axes = own_axes(free)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(free), rtol=1e-9)
    again = (axes * values[:, None]) @ axes.transpose(0, 2, 1)
    np.testing.assert_allclose(again, free, atol=1e-12 * np.abs(free).max())


@pytest.mark.parametrize("model", [VEI, VEV], ids=lambda model: model.name)
def test_without_any_variance_in_a_direction_nothing_is_found(model: Any) -> None:
    free = np.zeros((2, *model.form.shape(3)))
    np.testing.assert_array_equal(model.restrict(free, np.ones(2), None), free)
