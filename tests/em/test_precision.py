"""Where float32 rows need their sums in float64, and what fits of them come to."""

from typing import Any

import numpy as np
import pytest
from em.float32_ends import case_of, ends_of

from fastgmm import GaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import Passes, expectation
from fastgmm.em.m_step import maximization
from fastgmm.em.precision import dtype_of_sums, noise_of_float32
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)


def dependent(deviation: float, kind: Any = "full") -> Mixture:
    """Return components whose third feature is the sum of the others, but for this."""
    base = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    base[2, 2] += deviation**2
    covariances = {"full": np.stack([base] * 3), "tied": base, "diag": np.ones((3, 3))}[kind]
    means = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.0, 1.0, 1.0]])
    return Mixture.from_covariances(np.full(3, 1 / 3), means, covariances, kind, SINGLE)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_the_worse_the_condition_the_more_precise(kind: Any) -> None:
    noise = [noise_of_float32(dependent(deviation, kind)) for deviation in (1.0, 1e-1, 1e-2, 1e-3)]
    assert noise == sorted(noise)
    assert noise[0] < 1e-11
    assert noise[-1] > 1e-2
    for target in (1e-4, 1e-10):
        assert dtype_of_sums(dependent(1.0, kind), SINGLE, target) == SINGLE
        assert dtype_of_sums(dependent(1e-3, kind), SINGLE, target) == DOUBLE
    assert dtype_of_sums(dependent(1e-2, kind), SINGLE, 1e-3) == SINGLE
    assert dtype_of_sums(dependent(1e-2, kind), SINGLE, 1e-7) == DOUBLE


def test_units_have_no_condition() -> None:
    """A diagonal covariance has none, however different the units of its features are."""
    scales = np.diag([1e-8, 1.0, 1e8])
    mixture = Mixture.from_covariances(np.ones(1), np.zeros((1, 3)), scales[None], "full", SINGLE)
    assert dtype_of_sums(mixture, SINGLE, 1e-7) == SINGLE
    assert noise_of_float32(dependent(1e-6, "diag")) == 0.0
    assert dtype_of_sums(dependent(1e-6), DOUBLE, 1e-7) == DOUBLE


def test_the_noise_is_what_is_foretold(seed: int) -> None:
    """Of EM from one mixture on; sums in float64 have none of it."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(2000, 3))
    rows = np.c_[rows, rows.sum(axis=1)].astype(np.float32)
    start = GaussianMixture(3, random_state=0, max_iter=60, tol=0.0).fit(rows.astype(float))
    assert start._state is not None
    mixture = start._state.mixture
    assert mixture is not None
    foretold, found = noise_of_float32(mixture), {}
    for dtype in (SINGLE, DOUBLE):
        bounds, at = [], mixture
        for _ in range(12):
            statistics = expectation(at, RowData(rows), dtype=dtype)
            bounds.append(statistics.log_likelihood / statistics.weight)
            at = maximization(statistics, Regularization.of(1e-6))
        found[dtype] = -np.diff(bounds).min()
    assert 1e-4 * foretold < found[SINGLE] < foretold
    assert found[DOUBLE] < 1e-9


@pytest.mark.parametrize("n_batches", [1, 7])
def test_sums_in_float64_are_those_of_float64_rows(n_batches: int) -> None:
    """And the mixture of the fit is one of float32 rows all the same."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 3))
    rows = np.c_[rows, rows.sum(axis=1)].astype(np.float32)
    single, double = (
        GaussianMixture(2, random_state=0, init_params="kmeans").fit_batches(
            np.array_split(X, n_batches)
        )
        for X in (rows, rows.astype(np.float64))
    )
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-3)
    assert single.n_passes_ < 1.5 * double.n_passes_
    assert single.converged_
    assert single.covariances_.dtype == np.float32
    assert single.score_samples(rows).dtype == np.float32
    at = dependent(1e-4)
    data = RowData(rows[:, [0, 1, 3]].copy())
    fine = Passes(data, "full", 3, np.asarray(1e-6), 1e-4)(at)
    exact = expectation(at, RowData(data.rows.astype(np.float64)))
    assert fine.second_moment.tobytes() == exact.second_moment.tobytes()
    assert fine.log_likelihood == exact.log_likelihood


@pytest.mark.parametrize("case", [31, 36, 42, 66, 84, 90, 162, 174, 186, 198])
def test_float32_rows_end_as_float64_rows_do(case: int) -> None:
    """Ten of the data sets of `float32_ends.py`, among them those that had no end in float32."""
    ends = ends_of(case_of(case))
    assert ends.good
    assert ends.converged == (True, True)
    assert ends.lower_bounds[0] == pytest.approx(ends.lower_bounds[1], abs=1e-3)
