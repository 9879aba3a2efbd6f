"""The span of few rows: coordinates that keep all distances, and the way back."""

import numpy as np
import pytest

from fastgmm.data.sample import Sample
from fastgmm.data.span import Span, span_of

SEEDS = (0, 1, 2)


def sample_of(seed: int, n: int = 9, d: int = 30, dtype: type = np.float64) -> Sample:
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) + 5.0
    weight = generator.integers(1, 4, size=n).astype(np.float64)
    return Sample(mixed.astype(dtype), weight, generator.permutation(n), True)


def span(seed: int, ridge: float | np.ndarray = 1e-6, dtype: type = np.float64) -> Span:
    found = span_of(sample_of(seed, dtype=dtype), np.asarray(ridge))
    assert found is not None
    return found


def squared_distances(rows: np.ndarray) -> np.ndarray:
    return ((rows[:, None] - rows) ** 2).sum(axis=2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_keep_their_distances(seed: int, dtype: type) -> None:
    found = span(seed, dtype=dtype)
    rows = found.sample.rows.astype(np.float64)
    assert found.rows.shape == (9, 9)
    assert found.n_outside == 21
    assert np.allclose(squared_distances(found.rows), squared_distances(rows), rtol=1e-12)
    assert np.allclose(found.directions.T @ found.directions, np.eye(9), atol=1e-14)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ridge_is_the_same_in_all_directions(seed: int) -> None:
    """Distances in units of the ridge stay, and its variances are the floor times one."""
    ridge = np.random.default_rng(seed).uniform(1e-7, 1e-5, size=30)
    found = span(seed, ridge)
    rows = found.sample.rows / np.sqrt(ridge)
    assert np.allclose(
        squared_distances(found.rows / np.sqrt(found.floor)), squared_distances(rows), rtol=1e-12
    )
    wide = found.units[:, None] * found.directions
    outside = np.diag(ridge) - found.floor * wide @ wide.T
    # What is left of the ridge outside of the span has no variance within it.
    assert np.abs(found.directions.T @ (outside / found.units[:, None])).max() < 1e-18
    assert np.linalg.matrix_rank(outside, tol=1e-12, hermitian=True) == 21


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ridge", [1e-6, np.linspace(1e-7, 1e-5, 30)], ids=["one", "many"])
def test_coordinates_lead_back_to_the_points(seed: int, ridge: float | np.ndarray) -> None:
    found = span(seed, ridge)
    rows = found.sample.rows
    assert np.allclose(found.coordinates(rows), found.rows, atol=1e-12)
    assert np.allclose(found.points(found.rows), rows, rtol=1e-12, atol=1e-12)
    means = np.random.default_rng(seed).dirichlet(np.ones(9), size=4) @ rows
    assert np.allclose(found.points(found.coordinates(means)), means, rtol=1e-12, atol=1e-12)


def test_the_sample_in_coordinates_knows_the_units_of_columns() -> None:
    found = span(0)
    within, of = found.within, found.sample
    assert within.rows is found.rows
    assert within.weight is of.weight
    assert within.order is of.order
    assert within.scaled is not None
    mean = np.average(of.rows, axis=0, weights=of.weight)
    variances = np.average((of.rows - mean) ** 2, axis=0, weights=of.weight)
    assert np.allclose(found.moments, (mean, variances), rtol=1e-13)
    chosen = np.array([5, 2])
    assert np.allclose(within.scaled(chosen), of.rows[chosen] / np.sqrt(variances + 1e-6))
    data = found.data(2)
    assert data.rows is found.rows
    assert data.sample_weight is of.weight
    assert data.n_threads == 2


def test_equal_rows_have_a_span() -> None:
    found = span_of(Sample(np.ones((4, 20)), None, np.arange(4), True), np.asarray(1.0))
    assert found is not None
    assert np.array_equal(found.rows, np.zeros((4, 4)))
    assert np.array_equal(found.points(found.rows), np.ones((4, 20)))


def test_where_there_is_no_span() -> None:
    """Nothing bounds variances outside, or the ridge is lost beside them."""
    assert span_of(sample_of(0), np.zeros(())) is None
    assert span_of(sample_of(0), np.r_[np.ones(29), 0.0]) is None
    sample = sample_of(0)
    for factor in (1e7, 1e200, np.nan):
        large = Sample(sample.rows * factor, None, sample.order, True)
        assert span_of(large, np.asarray(1e-6)) is None
    large = Sample(sample.rows * 1e4, None, sample.order, True)
    assert span_of(large, np.asarray(1.0)) is not None
