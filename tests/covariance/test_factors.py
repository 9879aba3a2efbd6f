"""Factors of covariances of every form, alone and several at once."""

import numpy as np
import pytest

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.factors import factored, log_determinants_of
from fastgmm.covariance.forms import Form
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.scalar import SCALAR
from fastgmm.errors import IllDefinedCovarianceError

FORMS = (MATRIX, DIAGONAL, SCALAR)


def covariances_of(form: Form, n_features: int, rng: np.random.Generator) -> np.ndarray:
    """Return three correlated covariances, as the form stores them."""
    root = rng.normal(size=(3, n_features, n_features)) + 2.0 * np.eye(n_features)
    matrices = root @ root.transpose(0, 2, 1)
    diagonals = np.diagonal(matrices, axis1=1, axis2=2)
    return np.array({2: matrices, 1: diagonals, 0: diagonals[:, 0]}[form.ndim])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("n_features", [1, 2, 7])
def test_one_covariance_is_factored_as_among_several(
    form: Form, n_features: int, rng: np.random.Generator
) -> None:
    covariances = covariances_of(form, n_features, rng)
    factors, inverses = factored(form, covariances, n_features, 0.0)
    np.testing.assert_allclose(form.squares(factors), covariances, rtol=1e-12, atol=1e-12)
    logs = log_determinants_of(form, factors, n_features)
    assert logs.shape == (3,)
    for k in range(3):
        factor, inverse = factored(form, covariances[k], n_features, 0.0)
        assert factor.shape == covariances[k].shape == inverse.shape
        assert np.array_equal(factor, factors[k])
        assert np.array_equal(inverse, inverses[k])
        assert np.array_equal(log_determinants_of(form, factor, n_features), logs[k])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_arrays_in_another_order_are_copied(form: Form, rng: np.random.Generator) -> None:
    covariances = covariances_of(form, 3, rng)
    wanted = factored(form, covariances, 3, 0.0)
    got = factored(form, np.asfortranarray(covariances)[::-1][::-1], 3, 0.0)
    assert all(map(np.array_equal, got, wanted))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_covariance_that_is_not_positive_is_named_among_several(
    form: Form, rng: np.random.Generator
) -> None:
    covariances = covariances_of(form, 3, rng)
    covariances[1] *= -1.0
    with pytest.raises(IllDefinedCovarianceError) as failure:
        factored(form, covariances, 3, 0.0)
    assert failure.value.component == 1
    with pytest.raises(IllDefinedCovarianceError) as failure:
        factored(form, covariances[1], 3, 0.0)
    assert failure.value.component is None
