"""Cholesky factors and inverses of every build and form against LAPACK's."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference

FLOAT64 = np.dtype("float64")


def of_form(form, covariances):
    """Write matrices (K, D, D) as a form stores them."""
    if form == "matrix":
        return covariances
    diagonals = np.diagonal(covariances, axis1=1, axis2=2)
    return np.array(diagonals if form == "diagonal" else diagonals[:, 0])


@pytest.mark.parametrize("form", ["matrix", "diagonal", "scalar"])
def test_factorize(build, form):
    for seed, d in enumerate((1, 2, 5, 17, 32, 33, 40, 64, 71, 130)):
        rng = np.random.default_rng(seed)
        root = rng.normal(size=(4, d, d)) / np.sqrt(d) + 2 * np.eye(d)
        covariances = of_form(form, root @ root.transpose(0, 2, 1))
        found, wanted = np.empty((2, *covariances.shape)), np.empty((2, *covariances.shape))
        module = build.modules[FLOAT64]
        assert module.factorize(form, 4, d, covariances, *found, 0.0) == -1
        assert reference.factorize(form, 4, d, covariances, *wanted, 0.0) == -1
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
        if form == "matrix":
            assert np.all(np.triu(found, 1) == 0)


@pytest.mark.parametrize(
    "bad",
    [
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0, 2.0], [2.0, 1.0]],
        [[np.nan, 0.0], [0.0, 1.0]],
        [[0.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.0], [0.0, np.inf]],
    ],
)
def test_factorize_names_the_first_that_is_not_positive_definite(build, bad):
    covariances = np.array([np.eye(2), bad, np.eye(2)])
    out = np.empty((2, 3, 2, 2))
    assert build.modules[FLOAT64].factorize("matrix", 3, 2, covariances, *out, 0.0) == 1


@pytest.mark.parametrize("form", ["diagonal", "scalar"])
@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_variance_that_is_not_positive_is_named(build, form, bad):
    covariances = of_form(form, np.array([np.eye(2), np.diag([bad, 1.0]), np.eye(2)]))
    out = np.empty((2, *covariances.shape))
    assert build.modules[FLOAT64].factorize(form, 3, 2, covariances, *out, 0.0) == 1


def test_pivots_that_are_rounding_count_as_zero(build):
    nearly = np.array([[[1.0, 1.0 - 1e-9], [1.0 - 1e-9, 1.0]]])
    out = np.empty((2, 1, 2, 2))
    module = build.modules[FLOAT64]
    assert module.factorize("matrix", 1, 2, nearly, *out, 1e-12) == -1
    assert module.factorize("matrix", 1, 2, nearly, *out, 1e-6) == 0


@pytest.mark.parametrize("sizes", [(0, 2), (2, 0), (-1, 2)])
def test_sizes_of_zero_are_refused(build, sizes):
    empty = np.empty((2, 2, 2))
    with pytest.raises(ValueError, match="expected sizes from 1"):
        build.modules[FLOAT64].factorize("matrix", *sizes, empty, empty, empty.copy(), 0.0)
