"""The attributes of a fitted mixture: copies in the dtype of its rows, which nobody can change."""

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.errors import NotFittedError
from support import COVARIANCE_TYPES, correlated_mixture

K, D = 3, 2
SHAPES = {"full": (K, D, D), "tied": (D, D), "diag": (K, D), "spherical": (K,)}
SHAPES |= {"tied_diag": (D,), "tied_spherical": ()}
ARRAYS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def model_of(kind: str, rng: np.random.Generator) -> GaussianMixture:
    truth = correlated_mixture(K, D, rng)
    return GaussianMixture.from_parameters(
        truth.weights, truth.means, truth.covariances_as(kind), covariance_type=kind
    )


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_parameters_have_the_shapes_of_their_type(kind: str, rng: np.random.Generator) -> None:
    model = model_of(kind, rng)
    for one in (model, model.snapshot()):
        assert one.weights_.shape == (K,)
        assert one.means_.shape == (K, D)
        for name in ARRAYS[2:]:
            assert getattr(one, name).shape == SHAPES[kind]
        assert one.n_features_in_ == D
        assert one.n_parameters == one._n_parameters() == model.n_parameters
        assert one.is_fitted
    covariances, precisions = model.covariances_, model.precisions_
    if kind in ("full", "tied"):
        np.testing.assert_allclose(
            covariances @ precisions, np.broadcast_to(np.eye(D), covariances.shape), atol=1e-10
        )
        factors = model.precisions_cholesky_
        np.testing.assert_allclose(factors @ np.swapaxes(factors, -1, -2), precisions, rtol=1e-10)
    else:
        np.testing.assert_allclose(covariances * precisions, 1.0)
        np.testing.assert_allclose(model.precisions_cholesky_**2, precisions)


def test_they_are_read_only_copies_of_the_dtype_of_the_rows(rng: np.random.Generator) -> None:
    model = GaussianMixture(2, random_state=0).fit(rng.normal(size=(50, D)).astype(np.float32))
    for name in ARRAYS:
        array = getattr(model, name)
        assert array.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
        with pytest.raises(AttributeError, match="is read-only: make a model of known parameters"):
            setattr(model, name, array)


def test_without_a_fit_there_is_nothing_to_read() -> None:
    model = GaussianMixture()
    assert not model.is_fitted
    for name in (*ARRAYS, "n_features_in_", "n_parameters"):
        with pytest.raises(NotFittedError):
            getattr(model, name)
    fitted = GaussianMixture().fit([[0.0], [1.0], [3.0]])
    with pytest.raises(AttributeError, match="the rows of its fit had no names"):
        fitted.feature_names_in_  # noqa: B018
