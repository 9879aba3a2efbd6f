"""Cholesky factors and inverses of every build against LAPACK's."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference


def test_factorize(build):
    for seed, d in enumerate((1, 2, 5, 17, 40)):
        rng = np.random.default_rng(seed)
        root = rng.normal(size=(4, d, d)) + 2 * np.eye(d)
        covariances = root @ root.transpose(0, 2, 1)
        found, wanted = np.empty((2, 4, d, d)), np.empty((2, 4, d, d))
        assert build.modules[np.dtype("float64")].factorize(covariances, *found, 0.0) == -1
        assert reference.factorize(covariances, *wanted, 0.0) == -1
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
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
    assert build.modules[np.dtype("float64")].factorize(covariances, *out, 0.0) == 1
