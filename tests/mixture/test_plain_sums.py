"""Statistics made by hand: numbers of any type become Python's, and what is none is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, SufficientStatistics
from fastgmm.mixture.plain_sums import as_factor, as_reference, as_ridge

ROWS = np.random.default_rng(0).normal(size=(50, 2))


def statistics() -> SufficientStatistics:
    return GaussianMixture(2, random_state=0).fit(ROWS).e_step(ROWS)


def test_numbers_become_plain() -> None:
    made = replace(
        statistics(), n_samples=np.int8(50), weight=np.float32(50), log_likelihood=-7, dtype="f4"
    )
    assert (made.n_samples, made.weight, made.log_likelihood) == (50, 50.0, -7.0)
    assert type(made.n_samples) is int
    assert type(made.weight) is type(made.log_likelihood) is float
    assert made.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 1.5),
        ("n_samples", np.timedelta64(1, "s")),
        ("weight", "x"),
        ("weight", None),
        ("log_likelihood", None),
        ("dtype", 0),
    ],
)
def test_what_is_no_number(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be"):
        replace(statistics(), **{"weight": 50, name: value})


@pytest.mark.parametrize("name", ["reference", "first_moment", "component_weight"])
def test_shapes_of_another_mixture(name: str) -> None:
    with pytest.raises(ValueError, match="must have the shape"):
        replace(statistics(), **{"weight": 50, name: np.zeros(3)})


def test_references_and_factors() -> None:
    assert as_reference([[1, 2]], (1, 2)).tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError, match="reference must have the shape"):
        as_reference([1, 2], (1, 2))
    assert as_factor(True) == 1.0
    for value in (-1.0, np.inf, np.nan, 10**400, "1"):
        with pytest.raises(ValueError, match="the factor of scaled"):
            as_factor(value)


def test_ridges() -> None:
    assert as_ridge(1, (2, 2)).tolist() == 1.0
    assert as_ridge([1, 2, 3], (2, 1)).tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="reg_covar must be a number"):
        as_ridge(np.zeros(3), (2, 2))
