"""The trail of a fit: which rows a history of lower bounds belongs to, and when it is dropped."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.em.trail import LENGTH, Moments, Trail
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)


def mixture_of(kind: Any, seed: int) -> Mixture:
    truth = correlated_mixture(3, 4, np.random.default_rng(seed))
    return Mixture.from_covariances(truth.weights, truth.means, truth.covariances_as(kind), kind)


def moments_of(
    kind: Any, rows: np.ndarray, weight: np.ndarray | None = None, seed: int = 1
) -> Moments:
    return Moments.of(expectation(mixture_of(kind, seed), RowData(rows, weight)))


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return correlated_mixture(3, 4, rng).sample(500, rng)[0]


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_are_those_of_the_rows(
    covariance_type: Any, weighted: bool, rows: np.ndarray, rng: np.random.Generator
) -> None:
    """Whatever mixture the sums were made with, and about whatever reference."""
    weight = rng.uniform(0.5, 3.0, len(rows)) if weighted else None
    mean = np.average(rows, axis=0, weights=weight)
    variances = np.average((rows - mean) ** 2, axis=0, weights=weight)
    if covariance_type.endswith("spherical"):
        variances = variances.mean(keepdims=True)
    for seed in (1, 2):
        moments = moments_of(covariance_type, rows, weight, seed)
        assert moments.n_samples == 500
        assert moments.weight == pytest.approx(500 if weight is None else weight.sum())
        np.testing.assert_allclose(moments.mean, mean, rtol=1e-12)
        np.testing.assert_allclose(moments.variances, variances, rtol=1e-10)


def test_the_same_rows_are_known_again(covariance_type: Any, rows: np.ndarray) -> None:
    first = moments_of(covariance_type, rows)
    assert first.same(moments_of(covariance_type, rows, seed=2), DOUBLE)
    assert first.same(moments_of(covariance_type, rows[::-1].copy(), seed=2), DOUBLE)
    single = rows.astype(np.float32)
    assert moments_of(covariance_type, single).same(
        moments_of(covariance_type, single, seed=2), SINGLE
    )


def test_other_rows_and_weights_are_others(covariance_type: Any, rows: np.ndarray) -> None:
    first = moments_of(covariance_type, rows)
    one_moved = rows.copy()
    one_moved[7, 2] += 1.0
    for others in (one_moved, rows * 1.001, rows + 0.01, rows[:-1].copy(), rows[:, ::-1].copy()):
        assert not first.same(moments_of(covariance_type, others), DOUBLE)
    weight = np.ones(len(rows))
    assert first.same(moments_of(covariance_type, rows, weight), DOUBLE)
    weight[3] = 2.0
    assert not first.same(moments_of(covariance_type, rows, weight), DOUBLE)
    assert not first.same(moments_of(covariance_type, rows, np.full(len(rows), 2.0)), DOUBLE)


def test_a_trail_leads_to_what_em_could_have_made(rows: np.ndarray) -> None:
    moments, ridge = moments_of("full", rows), Regularization.of(1e-6)
    trail = Trail((-9.0, -8.0, -7.5), moments, ridge)
    for bound, leads in ((-7.3, True), (-7.6, True), (-6.1, True), (-3.0, False), (-12.0, False)):
        assert trail.leads_to(bound, moments, ridge, DOUBLE) is leads, bound
    assert Trail((-9.0,), moments, ridge).leads_to(-3.0, moments, ridge, DOUBLE)
    others = moments_of("full", rows + 1.0)
    assert not trail.leads_to(-7.3, others, ridge, DOUBLE)


def test_another_regularisation_ends_a_trail(rows: np.ndarray) -> None:
    moments = moments_of("full", rows)
    trail = Trail((-9.0, -8.0), moments, Regularization.of(1e-6))
    prior = Prior(np.zeros(4), 0.01, 6.0, np.eye(4))
    for other, leads in (
        (Regularization.of(1.05e-6), True),  # "auto" of another sample
        (Regularization.of(np.full(4, 1e-6)), True),
        (Regularization.of(1e-3), False),
        (replace(Regularization.of(1e-6), prior=prior), False),
    ):
        assert trail.leads_to(-7.5, moments, other, DOUBLE) is leads


def test_a_trail_is_as_long_as_it_must_be(rows: np.ndarray) -> None:
    trail = Trail((), moments_of("full", rows), Regularization())
    for i in range(100):
        trail = trail.after([float(-100 + i)])
    assert trail.lower_bounds == tuple(float(-100 + i) for i in range(100 - LENGTH, 100))
    assert trail.after([float(i) for i in range(200)]).lower_bounds[-1] == 199.0
