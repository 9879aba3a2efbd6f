"""Rows of a sample that look like noise, and the share that they tell of."""

import numpy as np
import pytest

from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample
from fastgmm.em.noise import box_around
from fastgmm.em.noisy_rows import FEWEST_ROWS, cleaned
from fastgmm.mixture.noise import Noise
from support import correlated_mixture


def scene(seed: int, d: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of three clusters and noise in a wide box, and which rows are noise."""
    rng = np.random.default_rng([seed, d])
    rows, _ = correlated_mixture(3, d, rng).sample(2000, rng)
    n = int(share * 2000 / (1.0 - share))
    noise = rng.uniform(rows.min(axis=0) - 15.0, rows.max(axis=0) + 15.0, (n, d))
    order = rng.permutation(2000 + n)
    return np.concatenate([rows, noise])[order], order >= 2000


def noise_of(rows: np.ndarray, weight: np.ndarray | None = None) -> Noise:
    box, log_volume = box_around(RowData(rows, weight))
    return Noise(0.0, log_volume, box)


def sample_of(rows: np.ndarray, weight: np.ndarray | None = None, size: int = 5000) -> Sample:
    return RowData(rows, weight).sample(7, size)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
@pytest.mark.parametrize("d", [1, 2, 4, 16])
@pytest.mark.parametrize("seed", range(3))
def test_noise_is_told_from_clusters(seed: int, d: int, share: float) -> None:
    rows, noisy = scene(seed, d, share)
    found = cleaned(sample_of(rows), noise_of(rows))
    assert found.share == pytest.approx(share, abs=0.06)
    left = set(map(bytes, found.sample.rows))
    kept = np.array([bytes(row) in left for row in rows])
    assert np.mean(kept[noisy]) < 0.7  # some of it lies within the clusters
    assert np.mean(kept[~noisy]) > 0.9


@pytest.mark.parametrize("d", [2, 8])
def test_a_given_volume_needs_no_box(d: int) -> None:
    rows, _ = scene(0, d, 0.3)
    noise = noise_of(rows)
    found = cleaned(sample_of(rows), Noise(0.0, noise.log_volume))
    assert found.share == pytest.approx(0.3, abs=0.05)


def test_what_is_left_is_a_sample(rng: np.random.Generator) -> None:
    """Rows and weights belong to each other, and the order to both."""
    rows, _ = scene(1, 3, 0.3)
    weight = rng.exponential(size=len(rows))
    weight[::10] = 0.0
    sample = sample_of(rows, weight)
    left = cleaned(sample, noise_of(rows, weight)).sample
    assert left.whole
    assert left.weight is not None
    assert sorted(left.order) == list(range(len(left.rows)))
    weights = {bytes(row): one for row, one in zip(rows, weight, strict=True)}
    assert [weights[bytes(row)] for row in left.rows] == left.weight.tolist()
    assert left.weight.min() > 0.0
    places = {bytes(row): i for i, row in enumerate(sample.rows[sample.order])}
    order = [places[bytes(row)] for row in left.rows[left.order]]
    assert order == sorted(order)


def test_a_sample_of_some_rows_stays_one() -> None:
    rows, _ = scene(2, 3, 0.3)
    sample = sample_of(rows, size=600)
    found = cleaned(sample, noise_of(rows))
    assert not found.sample.whole
    assert 300 < len(found.sample.rows) < 500
    assert found is cleaned(sample, noise_of(rows))  # once for all fits that share a sample


def test_rows_that_tell_nothing_stay(rng: np.random.Generator) -> None:
    few = rng.standard_normal((FEWEST_ROWS - 1, 2))
    sample = sample_of(few)
    assert cleaned(sample, noise_of(few)).sample is sample
    uniform = rng.random((500, 2))
    sample = sample_of(uniform)
    found = cleaned(sample, noise_of(uniform))
    assert found.share > 0.7
    same = np.repeat(rng.standard_normal((5, 2)), 100, axis=0)
    assert cleaned(sample_of(same), Noise(0.0, 1.0)).share == 0.0
