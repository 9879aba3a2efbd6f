"""The rows of a start: which they are, what they weigh, in which units they are told apart."""

from typing import Any

import numpy as np
import pytest

from fastgmm.data.sample import RowSampler, Sample
from fastgmm.mixture.mixture import n_parameters
from fastgmm.starts import points
from fastgmm.starts.points import Points, Start, StartRows
from fastgmm.starts.trees import tree_of
from support import correlated_mixture, in_shape_of, matrices_of

N, D = 60, 3


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return correlated_mixture(3, D, rng).sample(N, rng)[0]


@pytest.fixture
def weight(rng: np.random.Generator) -> np.ndarray:
    return rng.exponential(size=N) * (np.arange(N) % 4 > 0)


def sampled(rows: np.ndarray, weight: np.ndarray | None = None, size: int = 1000) -> Sample:
    sampler = RowSampler(0, size, keep_rows=True)
    sampler.add(len(rows), rows, weight)
    return sampler.sample()


def start_rows(sample: Sample, **changes: Any) -> StartRows:
    settings: dict[str, Any] = {"method": "ward", "n_components": 3, "covariance_type": "full"}
    return StartRows(sample, Start(**settings | changes), 1)


# ---------------------------------------------------------------- points


def test_moments_of_weighted_points(rows: np.ndarray, rng: np.random.Generator) -> None:
    counts = rng.integers(0, 4, N)
    repeated = np.repeat(rows, counts, axis=0)
    cloud = Points(rows, counts.astype(float))
    np.testing.assert_allclose(cloud.mean(), repeated.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(cloud.deviations(), repeated.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 / 3.0, -1e100])
def test_a_constant_column_does_not_vary(value: float, rows: np.ndarray) -> None:
    """Its mean is off by a rounding, and that is not a deviation."""
    cloud = Points(np.c_[rows, np.full(N, value)], np.full(N, 1 / 3))
    assert cloud.deviations()[-1] == 0.0
    assert (cloud.deviations()[:-1] > 0.1).all()


def test_units_of_the_columns(rows: np.ndarray, covariance_type: str) -> None:
    cloud = Points(np.c_[rows * [1.0, 10.0, 100.0], np.ones(N)], np.ones(N))
    deviations = cloud.deviations()
    common = np.sqrt((deviations**2).mean())
    np.testing.assert_allclose(cloud.common_scale(), np.full(4, common), rtol=1e-12)
    scale = tree_of(
        start_rows(sampled(cloud.rows), covariance_type=covariance_type), "column"
    ).scale
    if "spherical" in covariance_type:
        np.testing.assert_allclose(scale, np.full(4, common), rtol=1e-12)
    else:
        # The constant column gets the scale of another: it tells no rows apart.
        np.testing.assert_allclose(scale, [*deviations[:3], deviations.max()], rtol=1e-12)
    alike = Points(np.ones((5, 2)), np.ones(5))
    assert tree_of(
        start_rows(sampled(alike.rows), covariance_type=covariance_type), "column"
    ).scale.tolist() == [1.0, 1.0]
    assert alike.common_scale().tolist() == [1.0, 1.0]


# ---------------------------------------------------------------- which rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_rows_of_positive_weight(dtype: Any, rows: np.ndarray, weight: np.ndarray) -> None:
    """In units of one row: weights of less than one on average are shares, not counts."""
    data = start_rows(sampled(rows.astype(dtype), weight))
    held = weight > 0
    assert data.n_counted == held.sum()
    assert data.dtype == dtype
    cloud = data.subset(N)
    assert cloud.rows.dtype == np.float64
    np.testing.assert_array_equal(cloud.rows, rows.astype(dtype)[held])
    unit = min(1.0, weight[held].mean())
    np.testing.assert_allclose(cloud.weight, weight[held] / unit, rtol=1e-12)
    tenth = start_rows(sampled(rows, 0.1 * weight / weight.max())).subset(N)
    assert tenth.weight.mean() == pytest.approx(1.0)


def test_a_few_rows_have_had_their_weight_as_odds(rows: np.ndarray, weight: np.ndarray) -> None:
    cloud = start_rows(sampled(rows, weight)).subset(10)
    assert cloud.weight.tolist() == [1.0] * 10


def test_starts_take_other_rows_but_points_are_the_same(rows: np.ndarray) -> None:
    sample = sampled(rows)
    parts = [start_rows(sample, index=index).subset(20).rows for index in range(3)]
    together = np.concatenate(parts)
    assert sorted(map(tuple, together)) == sorted(map(tuple, rows))
    shared = [start_rows(sample, index=index).points(20).rows for index in range(3)]
    for part in shared:
        np.testing.assert_array_equal(part, parts[0])


def test_the_first_rows(rows: np.ndarray, weight: np.ndarray) -> None:
    sample = sampled(rows, weight)
    data = start_rows(sample)
    for n, all_of in ((N, 0), (10, N), (10, data.n_counted)):
        first, counts = data.first(n, all_of=all_of)
        assert first is sample.rows
        assert counts is sample.weight
    first, counts = data.first(10, all_of=data.n_counted - 1)
    assert counts is None
    np.testing.assert_array_equal(first, sample.rows[sample.drawn(10)])
    drawn = sampled(rows, weight, size=20)
    first, counts = start_rows(drawn).first(N)
    assert (len(first), counts) == (20, None)


@pytest.mark.parametrize(("k", "d", "size"), [(2, 2, 10_000), (50, 20, 209_715), (50, 100, 41_943)])
def test_rows_that_a_start_asks_for(k: int, d: int, size: int) -> None:
    """Ten thousand, or twenty for each free parameter up to 32 MB; twice that to choose from."""
    start = Start("kmeans", k, "full")
    expected = max(10_000, min(20 * n_parameters("full", k, d), (1 << 22) // d))
    assert expected == size
    assert points.sample_size(start, d) == 2 * size
    assert points.sample_size(Start("ward", k, "full"), d) == 20_000
    assert points.sample_size(Start("ward", 9000, "full"), d) == 36_000


def test_a_sample_is_needed_while_something_is_left_to_estimate() -> None:
    given = {"weights": np.ones(1), "means": np.ones((1, 2)), "precisions": np.ones(1)}
    assert not points.needs_sample(Start("ward", 1, "spherical", **given))
    for name in given:
        assert points.needs_sample(Start("ward", 1, "spherical", **given | {name: None}))


# ---------------------------------------------------------------- assignment


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_row_counts_for_its_nearest_centre(
    dtype: Any, covariance_type: Any, rows: np.ndarray, weight: np.ndarray
) -> None:
    rows = rows.astype(dtype)
    centers, scale = rows[[5, 17, 40, 41]].astype(np.float64), np.array([1.0, 0.5, 2.0])
    if "spherical" in covariance_type:
        scale = np.ones(3)
    start = Start("kmeans", 4, covariance_type)
    statistics = points.assign(rows, weight, centers, scale, start, 1)
    distances = (((rows[:, None] - centers) / scale) ** 2).sum(axis=2)
    odds = weight[:, None] * (distances.argmin(axis=1)[:, None] == np.arange(4))
    rtol = 1e-9 if dtype is np.float64 else 1e-4
    np.testing.assert_allclose(statistics.component_weight, odds.sum(axis=0), rtol=rtol)
    off = rows[:, None] - centers
    first = (odds[..., None] * off).sum(axis=0)
    np.testing.assert_allclose(statistics.first_moment, first, rtol=rtol, atol=rtol)
    second = np.einsum("nk,nki,nkj->kij", odds, off, off)
    if covariance_type.startswith("tied"):
        second = 4 * second.mean(axis=0, keepdims=True)
    expected = in_shape_of(covariance_type.removeprefix("tied_"), second)
    expected = expected * (D if "spherical" in covariance_type else 1)
    expected = expected[0] if covariance_type.startswith("tied_") else expected
    np.testing.assert_allclose(statistics.second_moment, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 1e-30])
def test_sharp_components_stay_within_the_range_of_the_dtype(
    scale: float, dtype: Any, covariance_type: Any
) -> None:
    mixture = points.sharp(np.eye(D), np.full(D, scale), covariance_type, np.dtype(dtype))
    matrices = matrices_of(covariance_type, mixture.covariances, mixture.means)
    variance = matrices[0, 0, 0]
    np.testing.assert_allclose(matrices, np.stack([variance * np.eye(D)] * D), rtol=1e-12)
    np.testing.assert_array_equal(mixture.weights, 1 / 3)
    if scale == 1.0:
        assert variance == pytest.approx(1e-10)
    with np.errstate(over="raise"):
        assert np.isfinite(mixture.inverse_factors.astype(dtype)).all()
        if "spherical" in covariance_type:
            assert np.isfinite((mixture.inverse_factors**2).astype(dtype)).all()
