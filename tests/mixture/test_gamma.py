"""The gamma function's logarithm and its derivative, against SciPy."""

import numpy as np
import pytest
import scipy.special

from fastgmm.mixture.gamma import digamma, log_gamma

X = np.concatenate([10.0 ** np.linspace(-300, 300, 400), np.linspace(0.01, 20.0, 500)])


@pytest.mark.parametrize("name", ["log_gamma", "digamma"])
def test_is_that_of_scipy(name: str) -> None:
    ours, theirs = {
        "log_gamma": (log_gamma, scipy.special.gammaln),
        "digamma": (digamma, scipy.special.digamma),
    }[name]
    np.testing.assert_allclose(ours(X), theirs(X), rtol=4e-15, atol=4e-15)


def test_any_shape_and_no_change_of_the_argument() -> None:
    for function in (log_gamma, digamma):
        x = np.full((2, 3), 0.5)
        assert function(x).shape == (2, 3)
        assert function(np.array(2.0)).shape == ()
        assert (x == 0.5).all()
