"""Volume, shape and axes: they make the covariance again, and show what is shared."""

from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.covariance.types import MODELS
from fastgmm.mixture.decomposition import decomposition
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture


@pytest.mark.parametrize("kind", MODELS)
def test_it_makes_the_covariances_again(kind: Any, rng: np.random.Generator) -> None:
    X = correlated_mixture(3, 4, rng).sample(500, rng)[0]
    model = GaussianMixture(3, covariance_type=kind, random_state=0, tol=1e-2).fit(X)
    volumes, shapes, axes = model.covariance_decomposition()
    made = volumes[:, None, None] * (axes * shapes[:, None]) @ axes.transpose(0, 2, 1)
    spread = model.snapshot()._fitted()[0]
    whole = spread.covariance_model.per_component(spread.covariances, 3)
    expected = spread.covariance_model.form.matrices(whole, 4)
    np.testing.assert_allclose(made, expected, atol=1e-10 * np.abs(expected).max())
    np.testing.assert_allclose(np.log(shapes).sum(axis=1), 0.0, atol=1e-10)
    np.testing.assert_allclose(axes @ axes.transpose(0, 2, 1), [np.eye(4)] * 3, atol=1e-12)
    letters = kind if kind.isupper() else "VVV"
    if letters[0] == "E":
        np.testing.assert_allclose(volumes, volumes[0], rtol=1e-8)
    if letters[1] == "E":
        np.testing.assert_allclose(shapes, shapes[[0]].repeat(3, 0), rtol=1e-6)
    if letters[2] == "E" or kind == "tied":
        assert (axes == axes[0]).all()
    if spread.covariance_model.form.ndim < 2:
        assert (axes == np.eye(4)).all()


def test_axes_of_their_own_have_the_largest_variance_first(rng: np.random.Generator) -> None:
    truth = correlated_mixture(2, 3, rng)
    arrays = truth.weights, truth.means, truth.covariances
    volumes, shapes, _ = decomposition(Mixture.from_covariances(*arrays, "full"))
    assert (np.diff(shapes, axis=1) < 0.0).all()
    determinants = np.linalg.det(truth.covariances)
    np.testing.assert_allclose(volumes, np.cbrt(determinants), rtol=1e-12)
