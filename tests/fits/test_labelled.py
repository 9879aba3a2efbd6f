"""Streams of rows with labels: components keep their meaning, and files what has come."""

import pickle
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.data.labels import RowLabels
from fastgmm.fits.labelled import LabelledRows
from support import CorrelatedMixture, correlated_mixture

N = 12_000


def stream(rng: np.random.Generator, gaps: bool = False) -> tuple[Any, CorrelatedMixture]:
    truth = correlated_mixture(4, 3, rng, separation=4.0)
    X, y = truth.sample(N, rng)
    order = rng.permutation(N)
    X, y = X[order], y[order]
    if gaps:
        X[rng.random(X.shape) < 0.15] = np.nan
    return (X, y, np.where(rng.random(N) < 0.1, y, -1)), truth


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_components_keep_the_meaning_of_labels(
    gaps: bool, weighted: bool, rng: np.random.Generator
) -> None:
    (X, _, labels), truth = stream(rng, gaps)
    weight = rng.uniform(0.5, 1.5, N) if weighted else None
    model = GaussianMixture(4, random_state=0, missing="em" if gaps else "error")
    for begin in range(0, N, 1500):
        some = slice(begin, begin + 1500)
        model.partial_fit(
            X[some], labels=labels[some], sample_weight=None if weight is None else weight[some]
        )
    np.testing.assert_allclose(model.means_, truth.means, atol=0.35)
    assert model.n_samples_seen_ == N
    assert model.n_iter_ >= 8


def test_labels_after_a_fit_and_rows_that_waited(rng: np.random.Generator) -> None:
    (X, y, labels), truth = stream(rng)
    model = GaussianMixture(4, random_state=0).fit(X[:400], labels=y[:400])
    model.partial_fit(X[400:410])  # these wait
    model.partial_fit(X[410:2000], labels=labels[410:2000])
    assert model.n_samples_seen_ == 1600
    for begin in range(2000, N, 500):  # nothing that comes later gives them another order
        model.partial_fit(X[begin : begin + 500])
    np.testing.assert_allclose(model.means_, truth.means, atol=0.35)
    assert model.stream_.n_samples == N - 400
    for one in (model, pickle.loads(pickle.dumps(model))):
        assert one._state is not None
        learner = one._state.learner
        assert learner is not None
        assert learner.labelled
        assert not learner._looks_again
        assert learner.reservoir is None


def test_files_and_pickles_go_on_the_same(rng: np.random.Generator, tmp_path: Any) -> None:
    import fastgmm

    (X, _, labels), _ = stream(rng)
    model = GaussianMixture(4, random_state=0).partial_fit(X[:2000], labels=labels[:2000])
    model.save(tmp_path / "model.gmm")
    others = [pickle.loads(pickle.dumps(model)), fastgmm.load(tmp_path / "model.gmm")]
    for one in (model, *others):
        for begin in range(2000, 8000, 700):
            one.partial_fit(X[begin : begin + 700])
        one.partial_fit(X[8000:], labels=labels[8000:])
    for one in others:
        np.testing.assert_array_equal(one.means_, model.means_)
        np.testing.assert_array_equal(one.covariances_, model.covariances_)


def test_threads_do_not_show(rng: np.random.Generator) -> None:
    (X, _, labels), _ = stream(rng)
    found = []
    for n_threads in (1, 3):
        model = GaussianMixture(4, random_state=0, n_threads=n_threads)
        for begin in range(0, N, 4000):
            model.partial_fit(X[begin : begin + 4000], labels=labels[begin : begin + 4000])
        found.append(model.means_.tobytes())
    assert found[0] == found[1]


def test_too_few_first_rows_change_nothing(rng: np.random.Generator) -> None:
    (X, y, _), _ = stream(rng)
    model = GaussianMixture(4, random_state=0)
    with pytest.raises(ValueError, match=r"^partial_fit with labels begins with a fit of 400 row"):
        model.partial_fit(X[:20], labels=y[:20])
    assert not model.is_fitted
    model.partial_fit(X[:20])
    with pytest.raises(ValueError, match="these are 40"):
        model.partial_fit(X[20:40], labels=y[20:40])
    assert model.n_samples_seen_ == 20


def test_rows_far_away_are_set_aside(rng: np.random.Generator) -> None:
    (X, y, labels), truth = stream(rng)
    model = GaussianMixture(4, random_state=0).fit(X[:2000], labels=y[:2000])
    X[3000] = 1e9
    model.partial_fit(X[2000:4000], labels=labels[2000:4000])
    assert model.stream_.n_skipped == 1
    np.testing.assert_allclose(model.means_, truth.means, atol=0.5)


def test_rows_go_after_those_without_labels(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((5, 2))
    labels = RowLabels(np.array([0, 1, -1, 1, 0], np.int32), np.eye(2, dtype=bool))
    given = LabelledRows(rows, None, labels)
    assert given.after(rows[:0], None) is given
    both = given.after(-rows, np.arange(5.0))
    assert both.rows.tolist() == [*(-rows).tolist(), *rows.tolist()]
    assert both.weight is not None
    assert both.weight.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert (both.labels.numbers[:5] == -1).all()
    assert (both.labels.numbers[5:] < 0).tolist() == (labels.numbers < 0).tolist()
    assert len(both.where(both.labels.numbers >= 0).rows) == 4
