"""EVI and EVV against their closed forms, and that no other covariances are more likely."""

from typing import Any

import numpy as np
import pytest
from restrictions import free_covariances, obeys

from fastgmm.covariance.equal_volumes import EVI, EVV


@pytest.mark.parametrize("model", [EVI, EVV], ids=lambda model: model.name)
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 5)])
def test_each_covariance_has_the_mean_volume(
    model: Any, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    free, weights = free_covariances(model, *shape, rng), rng.uniform(1.0, 9.0, shape[0])
    found = model.restrict(free, weights, None)
    assert obeys(model.name, found)
    matrices = free if free.ndim == 3 else free[:, :, None] * np.eye(shape[1])
    volumes = np.linalg.det(matrices) ** (1.0 / shape[1])
    mean = weights @ volumes / weights.sum()
    scale = (mean / volumes).reshape(-1, *(1,) * (free.ndim - 1))
    np.testing.assert_allclose(found, free * scale, rtol=1e-12)


@pytest.mark.parametrize("model", [EVI, EVV], ids=lambda model: model.name)
def test_a_component_without_volume_stays_as_it_is(model: Any, rng: np.random.Generator) -> None:
    free, weights = free_covariances(model, 3, 2, rng), np.ones(3)
    free[1] = 0.0
    with np.errstate(divide="ignore"):
        found = model.restrict(free, weights, None)
    assert (found[1] == 0.0).all()
    assert obeys(model.name, found[[0, 2]])
