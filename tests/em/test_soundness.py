"""Components of few rows, columns that are constant, and ridges that are too large."""

from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.em.soundness import (
    constant_columns,
    looked_at,
    nearly_singular,
    ridge_decides,
    rows_needed,
    swamped,
    too_few_rows,
    unbounded,
    without_axes,
)
from fastgmm.mixture.mixture import Mixture
from support import in_shape_of

RIDGE = 1e-6


def mixture_of(
    kind: Any, variances: Any, weights: Any = (0.5, 0.5), ridge: Any = RIDGE, gap: float = 8.0
) -> Mixture:
    """Return two components, the rows of which have these variances (K, D) beside the ridge."""
    variances = np.asarray(variances, dtype=float)
    matrices = np.stack([np.diag(one + ridge) for one in variances])
    means = gap * np.sqrt(variances.max()) * np.arange(2.0)[:, None] * np.ones(variances.shape[1])
    weights = np.asarray(weights)
    covariances = in_shape_of(kind, matrices, weights)
    return Mixture.from_covariances(weights, means, covariances, kind)


def test_rows_that_a_covariance_needs(covariance_type: Any) -> None:
    mixture = mixture_of(covariance_type, np.ones((2, 3)), (0.97, 0.03))
    needed = 4 if covariance_type in ("full", "tied") else 2
    assert rows_needed(mixture) == needed
    ridge = Regularization.of(RIDGE)
    tied = covariance_type.startswith("tied")
    for rows, few in ((needed - 1, True), (needed - 0.6, True), (needed, False)):
        found = too_few_rows(mixture, ridge, rows / 0.03)
        assert found.tolist() == [False, few and not tied]
        assert unbounded(mixture, ridge, rows / 0.03).tolist() == found.tolist()
    prior = Regularization(np.asarray(RIDGE), Prior(np.zeros(3), 0.01, 5.0, np.eye(3)))
    assert not too_few_rows(mixture, prior, 10.0).any()


@pytest.mark.parametrize(("share", "marked"), [(0.999, True), (0.6, True), (0.3, False)])
def test_collapsed_in_all_but_name(share: float, marked: bool) -> None:
    """Where the ridge is more than half of the variance in a direction that the whole has."""
    narrow = RIDGE * (1.0 - share) / share
    for kind in ("full", "diag"):
        mixture = mixture_of(kind, [[1.0, 1.0, 1.0], [1.0, narrow, 1.0]])
        found = unbounded(mixture, Regularization.of(RIDGE), 1000.0)
        assert found.tolist() == [False, marked]


def test_constant_columns(covariance_type: Any) -> None:
    mixture = mixture_of(covariance_type, [[1.0, 1e-9, 1.0], [1.0, 1.0, 0.0]])
    ridge = Regularization.of(RIDGE)
    found = [constant_columns(mixture, ridge, k) for k in (0, 1)]
    assert found == ([[1], [2]] if covariance_type in ("full", "diag") else [[], []])
    assert constant_columns(mixture, Regularization.of(0.0), 1) == []


@pytest.mark.parametrize("unit", [1e-2, 1e-3, 1e-4, 1e-6])
def test_a_ridge_for_other_units(unit: float, covariance_type: Any) -> None:
    """More than a tenth of the variance: of that within a component, or of that in all rows."""
    mixture = mixture_of(covariance_type, np.full((2, 3), unit**2))
    found = swamped(mixture, Regularization.of(RIDGE), 1000.0)
    if unit == 1e-2:
        assert found is None
        return
    assert found is not None
    assert found.column == (-1 if covariance_type.endswith("spherical") else 0)
    assert found.component == (0 if unit == 1e-3 else -1)
    assert found.ridge == RIDGE
    expected = unit**2 if unit == 1e-3 else 17.0 * unit**2
    assert found.variance == pytest.approx(expected, rel=1e-3)
    whole = np.full(3, 17.0 * unit**2)
    assert swamped(mixture, Regularization.of(RIDGE), 1000.0, whole) is not None
    auto = Regularization.of(1e-6 * whole)
    at_auto = mixture_of(covariance_type, np.full((2, 3), unit**2), ridge=auto.reg_covar)
    assert swamped(at_auto, auto, 1000.0) is None


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_the_column_of_the_smallest_units_is_named(kind: Any) -> None:
    variances = np.array([[1.0, 1e-6, 4e-6], [1.0, 1e-6, 4e-6]])
    found = swamped(mixture_of(kind, variances, gap=0.0), Regularization.of(RIDGE), 1000.0)
    assert found is not None
    assert found.column == 1


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_no_false_alarm(kind: Any) -> None:
    """Not of constant columns, of components that collapse, of few rows, nor with a prior."""
    ridge = Regularization.of(RIDGE)
    wide, flat = [1.0, 1.0, 1.0], [1.0, 0.0, 1.0]
    assert swamped(mixture_of(kind, [wide, flat]), ridge, 1000.0) is None
    narrow = [1.0, 1e-6, 1.0]  # for "auto" as well
    assert swamped(mixture_of(kind, [wide, narrow]), ridge, 1000.0) is None
    constant = mixture_of(kind, [flat, flat], gap=0.0)
    assert swamped(constant, ridge, 1000.0, np.array([1.0, 0.0, 1.0])) is None
    small = [[1.0, 1e-2, 1.0], [1.0, 1e-6, 1.0]]
    for weights, n_rows, named in (((0.5, 0.5), 1e3, True), ((0.995, 0.005), 1e3, False)):
        found = swamped(mixture_of(kind, small, weights, gap=0.0), ridge, n_rows)
        assert (found is not None) is named
    prior = Regularization(np.asarray(RIDGE), Prior(np.zeros(3), 0.01, 5.0, np.eye(3)))
    assert swamped(mixture_of(kind, np.full((2, 3), 1e-8)), prior, 1000.0) is None


@pytest.mark.parametrize("kind", ["full", "diag", "VVE", "EVI", "VEV"])
def test_covariances_that_are_singular_but_for_rounding(kind: Any) -> None:
    """As in mclust, a variance under 1.5e-8 of the largest says nothing of the rows."""
    nothing = Regularization.of(0.0)
    for narrow, marked in ((1e-9, True), (1e-7, False)):
        covariances = np.stack([np.diag([1.0, narrow, 2.0]), np.diag([1.0, 3.0, 2.0])])
        if kind in ("diag", "EVI"):
            covariances = np.stack([np.diagonal(one) for one in covariances])
        mixture = Mixture.from_covariances(
            np.array([0.5, 0.5]), np.array([[0.0] * 3, [9.0] * 3]), covariances, kind
        )
        assert nearly_singular(mixture, nothing).tolist() == [marked, False]
        assert unbounded(mixture, nothing, 1000.0).tolist() == [marked, False]
        prior = Regularization(np.asarray(0.0), Prior(np.zeros(3), 0.01, 5.0, np.eye(3)))
        assert not nearly_singular(mixture, prior).any()


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_units_and_clusters_of_any_size_are_not_singular(kind: Any) -> None:
    nothing, means = Regularization.of(0.0), np.array([[0.0, 0.0], [1e9, 1e9]])
    for first, second in (
        ([1.0, 1e-12], [2.0, 3e-12]),  # columns in units of their own
        ([1e-12, 1e-12], [1.0, 1.0]),  # a dense cluster
        ([1.0, 1.0], [1e12, 1.0]),  # one that is wide along a column
    ):
        covariances = np.array([first, second])
        if kind == "full":
            covariances = np.stack([np.diag(one) for one in covariances])
        mixture = Mixture.from_covariances(np.array([0.5, 0.5]), means, covariances, kind)
        assert not nearly_singular(mixture, nothing)[0]
    alike = np.array([[1.0, 1e-12], [2.0, 1e-12]])
    flat = np.stack([np.diag(one) for one in alike]) if kind == "full" else alike
    mixture = Mixture.from_covariances(np.array([0.5, 0.5]), means * [1.0, 0.0], flat, kind)
    assert not nearly_singular(mixture, nothing).any()  # all rows are as flat


@pytest.mark.filterwarnings("ignore::fastgmm.errors.CollapseWarning")
@pytest.mark.parametrize(("n_others", "decided"), [(60, True), (300, False)])
def test_a_shared_shape_that_only_the_ridge_keeps(
    n_others: int, decided: bool, rng: np.random.Generator
) -> None:
    """A fifth of the rows are too few to keep a shape from zero that is flat in the others."""
    flat = rng.normal(0.0, [1.0, 1.0, 0.0], (240, 3))
    rows = np.concatenate([flat, rng.normal(30.0, 1.0, (n_others, 3))])
    model = GaussianMixture(
        2, covariance_type="VEI", means_init=rows[[0, -1]], reg_covar=1e-6, tol=1e-9
    ).fit(rows)
    assert model._state is not None
    assert model._state.mixture is not None
    ridge = Regularization.of(1e-6)
    own, found = looked_at(model._state.mixture, RowData(rows), ridge)
    assert own is model._state.mixture
    assert found.any() == decided
    statistics = model.e_step(rows)
    assert ridge_decides(own, statistics, ridge).tolist() == found.tolist()
    assert not ridge_decides(own, statistics, Regularization.of(0.0)).any()


@pytest.mark.parametrize(("kind", "own"), [("EEV", True), ("VEV", True), ("VEE", False)])
def test_axes_of_their_own_need_rows(kind: Any, own: bool) -> None:
    means, covariances = np.array([[0.0] * 3, [9.0] * 3]), np.stack([np.eye(3)] * 2)
    mixture = Mixture.from_covariances(np.array([0.97, 0.03]), means, covariances, kind)
    ridge = Regularization.of(RIDGE)
    for rows, few in ((3.4, True), (4.0, False)):
        assert without_axes(mixture, ridge, rows / 0.03).tolist() == [False, few and own]
        assert unbounded(mixture, ridge, rows / 0.03).tolist() == [False, few and own]
    prior = Regularization(np.asarray(RIDGE), Prior(np.zeros(3), 0.01, 5.0, np.eye(3)))
    assert not without_axes(mixture, prior, 100.0).any()
