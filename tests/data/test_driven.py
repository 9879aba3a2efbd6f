"""Data that somebody else passes over: the first pass counts, and later ones are of its rows."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from fastgmm.data.driven import DrivenData
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import EStep, expectation
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture

K, D, N = 3, 2, 500


def mixture_of(rng: np.random.Generator) -> Mixture:
    truth = correlated_mixture(K, D, rng)
    return Mixture.from_covariances(truth.weights, truth.means, truth.covariances, "full")


def driven(rows: np.ndarray, rng: np.random.Generator, **kept: Any) -> DrivenData:
    one_pass = kept.pop("one_pass", lambda mixture: expectation(mixture, RowData(rows)))
    return DrivenData(one_pass, rows[:100], mixture_of(rng), None, False, **kept)


def test_it_counts_and_passes_over_all_rows(rng: np.random.Generator) -> None:
    rows, mixture = rng.standard_normal((N, D)), mixture_of(rng)
    data = driven(rows, rng)
    assert (data.extent.n_samples, data.extent.weight, data.extent.heaviest) == (N, N, 1.0)
    ours, theirs = expectation(mixture, data), expectation(mixture, RowData(rows))
    assert ours.to_bytes() == theirs.to_bytes()


def test_sums_come_about_the_reference_that_was_asked_for(rng: np.random.Generator) -> None:
    rows, mixture = rng.standard_normal((N, D)), mixture_of(rng)
    far = rng.standard_normal((K, D))
    data = driven(rows, rng, one_pass=lambda m: expectation(m, RowData(rows)).moved(far))
    step = partial(EStep, mixture, data.extent, data.dtype, 1)
    found = data.pass_over(step)
    np.testing.assert_array_equal(found.reference, mixture.means)
    theirs = expectation(mixture, RowData(rows))
    np.testing.assert_allclose(found.second_moment, theirs.second_moment, rtol=1e-9, atol=1e-9)


def test_the_sample_is_of_the_rows_given_in_an_order_by_the_seed(rng: np.random.Generator) -> None:
    rows = np.arange(200.0).reshape(100, 2)
    data = driven(rows, rng)
    one, again, other = data.sample(1, 30), data.sample(1, 30), data.sample(2, 30)
    assert len(one.rows) == 30
    assert sorted(one.order) == list(range(30))
    np.testing.assert_array_equal(one.rows[one.order], again.rows[again.order])
    assert not np.array_equal(one.rows, other.rows)
    # The first few in the order are the sample of a smaller size.
    few = data.sample(1, 5)
    np.testing.assert_array_equal(one.rows[one.order[:5]], few.rows[few.order])


def test_other_rows_in_a_later_pass_are_an_error(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((N, D))
    sizes = iter([N, N, N - 1])
    data = driven(rows, rng, one_pass=lambda m: expectation(m, RowData(rows[: next(sizes)])))
    step = partial(EStep, mixture_of(rng), data.extent, data.dtype, 1)
    data.pass_over(step)
    with pytest.raises(ValueError, match="one_pass gave statistics of 499 rows"):
        data.pass_over(step)
