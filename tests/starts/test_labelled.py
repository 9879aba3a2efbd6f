"""Where components begin whose rows have labels, and how the others find their places."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.data.labels import RowLabels
from fastgmm.data.rows import RowData
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.labelled import LabelStart, assigned
from fastgmm.starts.points import Start
from support import COVARIANCE_TYPES, CorrelatedMixture, correlated_mixture, in_shape_of

SINGLES = np.eye(4, dtype=bool)


def begun(
    rows: np.ndarray, numbers: np.ndarray, kind: Any, weight: np.ndarray | None = None
) -> LabelStart:
    data = RowData(rows, weight, 1, labels=RowLabels(numbers.astype(np.int32), SINGLES))
    start = Start("ward", 4, kind, regularization=Regularization.of(0.0))
    return LabelStart(data, start, data.sample(0, 500))


def shuffled(truth: CorrelatedMixture, order: np.ndarray, kind: Any) -> Mixture:
    covariances = in_shape_of(kind, truth.covariances[order], truth.weights[order])
    return Mixture.from_covariances(truth.weights[order], truth.means[order], covariances, kind)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_assignments_gain_the_most(n: int, rng: np.random.Generator) -> None:
    for _ in range(20):
        gain = rng.random((n, n)) * (rng.random((n, n)) < 0.7)
        order = assigned(gain)
        best = max(gain[range(n), list(one)].sum() for one in permutations(range(n)))
        assert sorted(order.tolist()) == list(range(n))
        assert gain[range(n), order].sum() == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_many_labels_alone_are_the_start(
    kind: Any, weighted: bool, rng: np.random.Generator
) -> None:
    truth = correlated_mixture(4, 3, rng)
    rows, labels = truth.sample(600, rng)
    rows += 1e4
    weight = rng.uniform(0.5, 2.0, 600) * 1e-6 if weighted else None
    found = begun(rows, labels, kind, weight).alone
    assert found is not None
    counted = np.ones(600) if weight is None else weight
    held = np.bincount(labels, counted)
    np.testing.assert_allclose(found.weights, held / held.sum(), rtol=1e-12)
    means = [np.average(rows[labels == k], 0, counted[labels == k]) for k in range(4)]
    np.testing.assert_allclose(found.means, means, rtol=1e-11)
    spreads = [
        np.cov(rows[labels == k].T, aweights=counted[labels == k], bias=True) for k in range(4)
    ]
    expected = in_shape_of(kind, np.array(spreads), held)
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-6, atol=1e-7)


def test_few_labels_alone_are_not(rng: np.random.Generator) -> None:
    rows, labels = correlated_mixture(4, 3, rng).sample(600, rng)
    labels[np.flatnonzero(labels == 2)[5:]] = -1
    assert begun(rows, labels, "full").alone is None


def test_components_are_found_again_in_another_order(kind: Any, rng: np.random.Generator) -> None:
    truth = correlated_mixture(4, 3, rng, separation=5.0)
    rows, labels = truth.sample(2000, rng)
    labels[10:] = np.where(rng.random(1990) < 0.01, labels[10:], -1)
    labels[labels == 3] = -1  # nobody says where that one is
    order = rng.permutation(4)
    mixture = shuffled(truth, order, kind)
    placed = begun(rows, labels, kind).beside(mixture)
    back = np.argsort(order)
    np.testing.assert_array_equal(placed.weights, mixture.weights[back])
    for k in range(3):
        np.testing.assert_allclose(placed.means[k], rows[labels == k].mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(placed.means[3], truth.means[3], rtol=1e-9)


@pytest.fixture(params=["full", "tied", "diag"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_few_rows_lean_on_the_component_in_their_place(rng: np.random.Generator) -> None:
    """With D + 1 rows of it: one labelled row takes its covariance, and many their own."""
    truth = correlated_mixture(4, 3, rng, separation=6.0)
    rows, labels = truth.sample(2000, rng)
    one = np.flatnonzero(labels == 0)[:1]
    known = np.where(labels == 1, 1, -1)
    known[one] = 0
    mixture = shuffled(truth, np.arange(4), "full")
    placed = begun(rows, known, "full").beside(mixture)
    np.testing.assert_allclose(placed.covariances[0], 4.0 / 5.0 * truth.covariances[0], rtol=1e-9)
    own, n = np.cov(rows[labels == 1].T, bias=True), np.count_nonzero(labels == 1)
    expected = (n * own + 4.0 * truth.covariances[1]) / (n + 4.0)
    np.testing.assert_allclose(placed.covariances[1], expected, rtol=1e-9)


@pytest.mark.parametrize("gaps", [False, True])
def test_sets_of_components_find_their_places(gaps: bool, rng: np.random.Generator) -> None:
    """Rows of two clusters may be of two components: these, and no others, go there."""
    truth = correlated_mixture(4, 3, rng, separation=6.0)
    rows, labels = truth.sample(1500, rng)
    allowed = np.ones((1500, 4), bool)
    positive = np.isin(labels, [1, 3]) & (rng.random(1500) < 0.3)
    allowed[positive] = [False, True, True, False]
    if gaps:
        rows[rng.random(rows.shape) < 0.15] = np.nan
    model = GaussianMixture(4, random_state=0, missing="em" if gaps else "error")
    model.fit(rows, labels=allowed)
    nearest = ((model.means_[:, None] - truth.means) ** 2).sum(-1).argmin(1)
    assert sorted(nearest[[1, 2]].tolist()) == [1, 3]
    assert sorted(nearest[[0, 3]].tolist()) == [0, 2]


def test_every_method_begins_at_the_labels(rng: np.random.Generator) -> None:
    truth = correlated_mixture(4, 3, rng, separation=6.0)
    rows, labels = truth.sample(1500, rng)
    known = np.where(np.isin(labels, [0, 2]) & (rng.random(1500) < 0.05), labels, -1)
    for method in ("ward", "kmeans", "k-means++", "random_from_data"):
        model = GaussianMixture(4, init_params=method, random_state=0, n_init=3)
        model.fit(rows, labels=known)
        nearest = ((model.means_[:, None] - truth.means) ** 2).sum(-1).argmin(1)
        assert nearest[[0, 2]].tolist() == [0, 2], method


def test_what_is_given_stays(rng: np.random.Generator) -> None:
    truth = correlated_mixture(4, 3, rng)
    rows, labels = truth.sample(400, rng)
    given = GaussianMixture(4, means_init=truth.means[::-1], max_iter=0).fit(rows, labels=labels)
    np.testing.assert_array_equal(given.means_, truth.means[::-1])
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    for known in (labels, np.where(labels == 1, 1, -1)):
        model = GaussianMixture(4, weights_init=weights, max_iter=0, random_state=0)
        assert (model.fit(rows, labels=known).weights_ == weights).all()
