"""Where a component would go that has lost its rows, against the mixtures written out."""

from dataclasses import replace

import numpy as np
import pytest
from restrictions import EIGHT, free_covariances, obeys

from fastgmm.covariance.types import model_of
from fastgmm.data.sample import Sample
from fastgmm.em import relocation
from fastgmm.em.relocation import Relocation
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import CovarianceType
from support import correlated_mixture

KINDS: tuple[CovarianceType, ...] = ("full", "tied", "diag", "spherical")


def sample_of(rows: np.ndarray, weight: np.ndarray | None = None) -> Sample:
    order = np.random.default_rng(0).permutation(len(rows))
    return Sample(rows, weight, order, True)


def given(kind: CovarianceType, seed: int, weighted: bool = False) -> tuple[Mixture, Sample]:
    """A mixture whose component 1 is light, and rows of it."""
    rng = np.random.default_rng(seed)
    drawn = correlated_mixture(4, 3, rng)
    rows, weights = drawn.sample(150, rng)[0], drawn.weights.copy()
    weights[1] = 1e-5
    full = drawn.covariances
    diagonals = np.diagonal(full, axis1=1, axis2=2)
    covariances = {"tied": full[0], "diag": diagonals, "spherical": diagonals[:, 0]}.get(kind, full)
    light = Mixture.from_covariances(weights / weights.sum(), drawn.means, covariances, kind)
    return light, sample_of(rows, rng.uniform(0.5, 2.0, 150) if weighted else None)


def densities(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    return log_density(mixture, rows, np.empty(len(rows)), 1)


def without(mixture: Mixture, k: int) -> Mixture:
    weights = mixture.weights.copy()
    weights[k] = 0.0
    return replace(mixture, weights=weights / weights.sum())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_gain_is_that_of_the_mixture(kind: CovarianceType, seed: int, weighted: bool) -> None:
    mixture, sample = given(kind, seed, weighted)
    found = Relocation(sample, 1.0, 1).place(mixture, 1)
    assert found is not None
    moved = found.mixture()
    rise = densities(moved, sample.rows) - densities(without(mixture, 1), sample.rows)
    assert found.gain == pytest.approx(np.average(rise, weights=sample.weight), abs=1e-12)
    assert moved.weights.sum() == pytest.approx(1.0)
    others = [0, 2, 3]
    np.testing.assert_array_equal(moved.means[others], mixture.means[others])
    if kind != "tied":
        odds = mixture.weights[others]
        expected = np.average(mixture.covariances[others], axis=0, weights=odds)
        np.testing.assert_allclose(moved.covariances[1], expected, rtol=1e-12)
    again = Mixture.from_covariances(moved.weights, moved.means, moved.covariances, kind)
    np.testing.assert_allclose(moved.inverse_factors, again.inverse_factors, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_the_component_has_alone(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it the others are nothing, and their densities are those of a mixture of them."""
    mixture, sample = given("full", seed)
    means = mixture.means.copy()
    far = np.array([[100.0] * 3, [30.0] * 3, [5.0] * 3])
    means[1] = far[0]
    mixture = replace(mixture, means=means)
    rows = np.concatenate([sample.rows, far])
    of = Relocation(sample_of(rows), 1.0, 1)
    expected = densities(without(mixture, 1), of.rows)
    others = without(mixture, 1).weights
    np.testing.assert_allclose(of._without(mixture, 1, others), expected, rtol=1e-11)
    monkeypatch.setattr(relocation, "MOST_PAIRS", 10)
    np.testing.assert_array_equal(of._without(mixture, 1, others), expected)


def test_it_goes_to_the_densest_of_the_worst_rows() -> None:
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal(size=(200, 2)), 30.0 + 0.1 * rng.normal(size=(12, 2))])
    mixture = Mixture.from_covariances(
        np.array([1.0 - 1e-9, 1e-9]), np.zeros((2, 2)), np.array([np.eye(2)] * 2), "full"
    )
    found = Relocation(sample_of(rows), 1.0, 1).place(mixture, 1)
    assert found is not None
    np.testing.assert_allclose(found.alone.means[0], [30.0, 30.0], atol=0.2)
    assert found.gain > 0.0


def test_there_is_no_place_without_others() -> None:
    mixture, sample = given("full", 0)
    alone = replace(mixture, weights=np.array([0.0, 1.0, 0.0, 0.0]))
    assert Relocation(sample, 1.0, 1).place(alone, 1) is None


@pytest.mark.parametrize("kind", EIGHT)
@pytest.mark.parametrize("seed", range(2))
def test_restricted_covariances_stay_so(kind: CovarianceType, seed: int) -> None:
    """A mean of the others could have another volume or shape: it is that of the heaviest."""
    model, rng = model_of(kind), np.random.default_rng(seed)
    assert model.restrict is not None
    covariances = model.restrict(free_covariances(model, 4, 3, rng), np.ones(4), None)
    drawn = correlated_mixture(4, 3, rng)
    weights = np.array([0.5, 1e-5, 0.3, 0.2]) / 1.00001
    mixture = Mixture.from_covariances(weights, drawn.means, covariances, kind)
    found = Relocation(sample_of(drawn.sample(150, rng)[0]), 1.0, 1).place(mixture, 1)
    assert found is not None
    assert obeys(kind, found.mixture().covariances)
    np.testing.assert_array_equal(found.mixture().covariances[1], covariances[0])
