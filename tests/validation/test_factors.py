"""The number of factors, and what factors do not go with."""

from types import SimpleNamespace

import numpy as np
import pytest

from fastgmm.errors import InvalidParameterError
from fastgmm.validation import check_factors, check_low_rank, check_no_factors


def params(**given: object) -> SimpleNamespace:
    return SimpleNamespace(covariance_type="low_rank", n_factors=2, **given)


def test_what_goes_with_factors() -> None:
    check_factors(params(), 3)
    check_factors(params(prior=None, precisions_init=None, missing="error"), 3)
    check_factors(SimpleNamespace(covariance_type="full"), 3)


@pytest.mark.parametrize(
    ("given", "d", "words"),
    [
        (params(), 2, "needs n_factors, from 1 to 1, got 2"),
        (SimpleNamespace(covariance_type="low_rank"), 4, "needs n_factors, from 1 to 3, got None"),
        (SimpleNamespace(covariance_type="diag", n_factors=2), 4, "n_factors=2 goes with"),
        (params(prior=object()), 4, "prior does not go with"),
        (params(precisions_init=np.ones((2, 4, 4))), 4, "precisions_init does not go with"),
        (params(missing="em"), 4, "missing does not go with"),
    ],
)
def test_what_does_not(given: object, d: int, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        check_factors(given, d)


def test_where_factors_are_not_built() -> None:
    check_no_factors("full", "fit_many")
    with pytest.raises(InvalidParameterError, match="not built for fit_many"):
        check_no_factors("low_rank_spherical", "fit_many")


def test_factors_and_noise_that_are_given() -> None:
    loadings, noise = np.ones((2, 4, 3), np.float32), np.ones((2, 4))
    found = check_low_rank((loadings, noise), "low_rank_spherical", 2, 4)
    assert [array.dtype for array in found] == [np.float64] * 2
    assert found[0].shape == (2, 4, 3)


@pytest.mark.parametrize(
    ("covariances", "words"),
    [
        (np.ones((2, 4, 4)), "given as a pair"),
        ((np.ones((2, 4, 4)), np.ones((2, 4))), "q from 1 to 3"),
        ((np.ones((2, 4, 3)), np.ones((2, 3))), "q from 1 to 3"),
        ((np.ones((2, 4, 3)), np.zeros((2, 4))), "the smallest is 0"),
        ((np.ones((2, 4, 3)), np.arange(1.0, 9.0).reshape(2, 4)), "the same for all features"),
    ],
)
def test_what_is_no_covariance(covariances: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_low_rank(covariances, "low_rank_spherical", 2, 4)
