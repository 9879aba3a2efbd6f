"""Centres: greedy k-means++, drawn rows, and what surrounds them."""

import numpy as np
import pytest

from fastgmm.data.sample import RowSampler
from fastgmm.em.regularization import Regularization
from fastgmm.starts.centers import around_rows, plus_plus
from fastgmm.starts.points import Points, Start, StartRows
from support import correlated_mixture


def test_every_clear_cluster_gets_a_centre(rng: np.random.Generator) -> None:
    means = 30.0 * rng.normal(size=(6, 2))
    rows = np.repeat(means, 40, axis=0) + 0.1 * rng.normal(size=(240, 2))
    points = Points(rows, np.ones(240))
    for seed in range(5):
        centers = plus_plus(points, Start("k-means++", 6, "full"), np.random.default_rng(seed))
        nearest = ((centers[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
        assert set(nearest.tolist()) == set(range(6))


def test_fewer_distinct_rows_than_centres() -> None:
    points = Points(np.repeat([[0.0], [1.0]], 5, axis=0), np.ones(10))
    centers = plus_plus(points, Start("k-means++", 4, "full"), np.random.default_rng(0))
    assert set(centers[:, 0].tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("seed", range(3))
def test_drawn_rows_are_means_with_the_pooled_covariance(
    seed: int, covariance_type: str, rng: np.random.Generator
) -> None:
    X = correlated_mixture(3, 2, rng, separation=2.0).sample(200, rng)[0]
    sampler = RowSampler(0, 200, keep_rows=False)
    sampler.add(200, X, None)
    of = Start("random_from_data", 3, covariance_type, regularization=Regularization.of(0.0))
    found = around_rows(StartRows(sampler.sample(X), of, 1), of, np.random.default_rng(seed))
    assert all((row == X).all(axis=1).any() for row in found.means)
    assert len(np.unique(found.means, axis=0)) == 3
    np.testing.assert_allclose(found.weights, 1 / 3)
    if not covariance_type.startswith("tied"):
        assert (found.covariances == found.covariances[0]).all()
