"""The prior of variational Bayes for a data set: the rows' moments, and what is refused."""

from typing import Any

import numpy as np
import pytest
from posteriors import prior_for

from fastgmm.data.rows import RowData
from fastgmm.em.posterior_priors import PriorWishes, moments
from fastgmm.errors import DataRangeError


def wishes(**changes: Any) -> PriorWishes:
    given = {
        "weights": "dirichlet_process",
        "concentration": None,
        "mean_precision": None,
        "mean": None,
        "dof": None,
        "covariance": None,
        "covariance_type": "full",
        "n_components": 4,
    }
    return PriorWishes(**(given | changes))


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_defaults_are_those_of_scikit_learn(
    offset: float, covariance_type: Any, rng: np.random.Generator
) -> None:
    rows = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)) + offset
    found = wishes(covariance_type=covariance_type).of(RowData(rows), rows[:10].mean(axis=0))
    expected = prior_for(rows, "dirichlet_process", covariance_type, 4)
    for name in ("concentration", "mean_precision", "dof"):
        assert getattr(found, name) == getattr(expected, name)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-13)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-10, atol=1e-12)


def test_a_start_far_away_takes_a_second_pass(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(300, 2))
    data = RowData(rows)
    near, far = (moments(data, "full", about) for about in (np.zeros(2), np.full(2, 1e7)))
    for one in (near, far):
        covariance = one.moved(one.means).second_moment[0] / 299
        np.testing.assert_allclose(covariance, np.cov(rows.T), rtol=1e-12)


def test_weights_count_rows(rng: np.random.Generator) -> None:
    rows, counts = rng.normal(size=(50, 2)), rng.integers(0, 4, 50)
    weighted = wishes().of(RowData(rows, counts.astype(np.float64)), np.zeros(2))
    repeated = wishes().of(RowData(np.repeat(rows, counts, axis=0)), np.zeros(2))
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dof": 1.0}, "'degrees_of_freedom_prior' should be greater than 1, but got 1.000."),
        ({"mean": np.zeros(3)}, r"The parameter 'means' should have the shape of \(2,\)"),
        ({"mean": [0.0, np.nan]}, "must be finite"),
        ({"covariance": np.ones(3)}, r"'full covariance_prior' should have the shape of \(2, 2\)"),
        ({"covariance": [[1.0, 2.0], [2.0, 1.0]]}, "should be symmetric, positive-definite"),
        ({"covariance": [1.0, -1.0], "covariance_type": "diag"}, "should be positive"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        wishes(**changes).of(RowData(np.eye(2)), np.zeros(2))


def test_rows_beyond_the_range_of_numbers() -> None:
    with np.errstate(all="ignore"), pytest.raises(DataRangeError):
        wishes().of(RowData(np.array([[1e200], [-1e200]])), np.zeros(1))
