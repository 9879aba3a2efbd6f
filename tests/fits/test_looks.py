"""When a stream looks again, and what it finds."""

import numpy as np
import pytest
from fits.orders import losses

from fastgmm import GaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.fits.looks import (
    AWAKE,
    LONGEST,
    SHORTEST,
    Looks,
    excess,
    imbalance,
    is_unbalanced,
    mean_excess,
)
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture


@pytest.mark.parametrize("order", ["cluster", "column", "shuffled", "blocks"])
@pytest.mark.parametrize("index", [7, 27])
def test_the_order_of_rows_matters_little(index: int, order: str) -> None:
    """`python tests/fits/orders.py` tries many more."""
    assert max(losses(index, order, most=3500)) < 0.1


def test_pauses_double_and_gains_and_surprises_shorten_them() -> None:
    looks = Looks(1000.0, pause=0)
    assert not looks.due(1999.0, 1000.0)
    assert looks.due(2000.0, 1000.0)
    assert looks.due(1500.0, 500.0)
    later = looks.after(2000.0, False, SHORTEST)
    assert (later.last, later.pause, later.in_vain) == (2000.0, 1, 0)
    assert looks.after(2000.0, True, SHORTEST).pause == SHORTEST
    assert later.after_surprise(2500.0, 2500.0, SHORTEST).pause == SHORTEST
    assert Looks(1.0, LONGEST).after(2.0, False, 0).pause == LONGEST


def test_surprises_in_vain_make_pauses_longer_where_rows_are_forgotten() -> None:
    looks, pauses = Looks(1024.0, pause=5), []
    for turn in range(4):
        looks = looks.after_surprise(1100.0 + turn, 1024.0, 0)
        pauses.append(looks.pause)
        looks = looks.after(1100.5 + turn, False, 0)
    assert pauses == [0, 1, 2, 3] or max(pauses) <= 4
    assert looks.in_vain == 4


def test_rows_of_the_mixture_are_no_surprise_and_moved_ones_are() -> None:
    rng = np.random.default_rng(0)
    truth = correlated_mixture(3, 2, rng)
    model = GaussianMixture.from_parameters(truth.weights, truth.means, truth.covariances)
    assert model._state is not None
    mixture = model._state.mixture
    assert mixture is not None
    rows = truth.sample(6000, rng)[0]
    found = excess(mixture, rows[:3000], 1)
    looks = Looks(3000.0).at_level(found, None, 0)
    fresh = excess(mixture, rows[3000:], 1)
    for begin in range(0, 3000, 100):
        assert not looks.is_surprised(float(fresh[begin : begin + 100].mean()), 100)
    moved = excess(mixture, rows[3000:] + 3.0, 1)
    assert looks.is_surprised(float(moved.mean()), 3000)
    assert not Looks(1.0).is_surprised(-1e300, 100)  # nothing is known yet


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_a_sample_stand_for_those_that_were_fitted(seed: int) -> None:
    """Whoever saw the rows describes them better than others, by one nat per parameter and row."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=500)
    fitted = Looks(1.0).at_level(found, np.full(500, 20.0), 100)
    assert fitted.level == pytest.approx(found.mean() - 100 / 500)
    sampled = Looks(1.0).at_level(found, np.full(500, 20.0), 100, sampled=True)
    assert sampled.level == pytest.approx(found.mean() - 100 / 10_000)
    faded = Looks(1.0).at_level(found, np.full(500, 0.5), 100, sampled=True)
    assert faded.level == fitted.level
    assert sampled.spread == fitted.spread


def test_a_stream_of_many_parameters_that_forgets_is_not_surprised_by_its_own_kind() -> None:
    """As many parameters as rows count: fresh rows are described worse, which is no news."""
    rng = np.random.default_rng(0)
    made = correlated_mixture(8, 8, rng)
    rows, _ = made.sample(60_000, rng)
    model = GaussianMixture(8, random_state=0, n_threads=1, half_life=500)
    for begin in range(0, len(rows), 500):
        model = model.partial_fit(rows[begin : begin + 500])
    assert model._state is not None
    learner = model._state.learner
    assert learner is not None
    assert learner.looks is not None
    assert learner.looks.in_vain == 0


def test_batches_in_some_order_are_told_from_others_and_keep_a_stream_awake() -> None:
    rng = np.random.default_rng(0)
    made = correlated_mixture(4, 3, rng)
    mixture = Mixture.from_covariances(made.weights, made.means, made.covariances, "full")
    rows, labels = made.sample(40_000, rng)
    told = []
    for n in (64, 256, 1024):
        parts = [RowData(rows[begin : begin + n]) for begin in range(4, 30_000, n)]
        found = [imbalance(mixture, expectation(mixture, part)) for part in parts]
        told += [is_unbalanced(entropy, 4, n) for entropy in found]
        for k in range(4):
            alike = RowData(np.ascontiguousarray(rows[labels == k][:n]))
            assert is_unbalanced(imbalance(mixture, expectation(mixture, alike)), 4, n)
    assert np.mean(told) < 0.002
    assert Looks(1.0, 5).kept_awake().pause == AWAKE
    assert Looks(1.0, SHORTEST).kept_awake().pause == SHORTEST


def test_the_mean_excess_of_a_batch_is_that_of_its_rows() -> None:
    rng = np.random.default_rng(1)
    made = correlated_mixture(3, 2, rng)
    mixture = Mixture.from_covariances(made.weights, made.means, made.covariances, "full")
    rows = made.sample(500, rng)[0]
    statistics = expectation(mixture, RowData(rows))
    expected = float(excess(mixture, rows, 1).mean())
    assert mean_excess(mixture, statistics) == pytest.approx(expected, abs=1e-9)
