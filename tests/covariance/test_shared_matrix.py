"""VEE: a fixed point of its equations."""

import numpy as np
import pytest
from restrictions import free_covariances, obeys

from fastgmm.covariance.shared_matrix import VEE


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (2, 3), (7, 5), (3, 40)])
def test_multiples_of_one_matrix(shape: tuple[int, int], rng: np.random.Generator) -> None:
    (k, d), restrict = shape, VEE.restrict
    assert restrict is not None
    free, weights = free_covariances(VEE, k, d, rng), rng.uniform(1.0, 9.0, k)
    found = restrict(free, weights, None)
    assert obeys("VEE", found)
    volumes = np.exp(np.linalg.slogdet(found)[1] / d)
    shared = found[0] / volumes[0]
    traces = np.einsum("ij,kji->k", np.linalg.inv(shared), free)
    np.testing.assert_allclose(volumes, traces / d, rtol=1e-9)
    pooled = np.tensordot(weights / volumes, free, 1)
    pooled /= np.exp(np.linalg.slogdet(pooled)[1] / d)
    np.testing.assert_allclose(shared, pooled, rtol=1e-8, atol=1e-10 * np.abs(pooled).max())
    warm = restrict(free, weights, restrict(0.5 * free[::-1], weights, None))
    np.testing.assert_allclose(warm, found, rtol=1e-8, atol=1e-10 * np.abs(found).max())


def test_one_component_on_a_point_and_all_in_a_plane(rng: np.random.Generator) -> None:
    free, weights = free_covariances(VEE, 3, 3, rng), np.ones(3)
    free[1] = 0.0
    assert VEE.restrict is not None
    found = VEE.restrict(free, weights, free)
    assert (found[1] == 0.0).all()
    assert obeys("VEE", found[[0, 2]])
    free[:] = np.ones((3, 3))
    np.testing.assert_array_equal(VEE.restrict(free, weights, None), free)
