"""Online EM: the statistics are the state, and what a batch does to them."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.archive import codec
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import LEAST_WEIGHT, MAXIMUM_LIKELIHOOD, maximization
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.em.stopping import Stopping
from fastgmm.fits.learned import Learned, blend
from fastgmm.fits.learner_state import LearnerState
from fastgmm.fits.online import Learner, Planned
from fastgmm.fits.pace import Pace
from fastgmm.fits.plan import Plan, Settings
from fastgmm.fits.target import Target
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import Start
from support import correlated_mixture, matrices_of

K, D = 3, 2
SUMS = ("component_weight", "first_moment", "second_moment")
RIDGE = Regularization.of(1e-6)
PACE = Pace(None, 0.8)


def mixture_of(covariance_type: Any, rng: np.random.Generator) -> tuple[Mixture, np.ndarray]:
    """Return a mixture and 6000 rows of it."""
    truth = correlated_mixture(K, D, rng)
    covariances = truth.covariances_as(covariance_type)
    mixture = Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)
    return mixture, truth.sample(6000, rng)[0]


def learner_of(mixture: Mixture, pace: Pace = PACE, seen: float = 500.0) -> Learner:
    """Return a learner that goes on from a mixture."""
    target = Target(mixture.n_features, mixture.dtype, K, mixture.covariance_type)
    learned = Learned.implied(mixture, RIDGE, seen, MAXIMUM_LIKELIHOOD)
    return Learner(replace(target, n_components=mixture.n_components), pace, 1, learned=learned)


def plan_of(kind: Any) -> Plan:
    settings = Settings(Stopping(1e-4, None, False, 50), Regularizing(1e-6, None, kind, K))
    return Plan(Start("ward", K, kind), settings)


def planned(kind: Any) -> Planned:
    return lambda _: plan_of(kind)


def learned_bytes(learner: Learner) -> Any:
    learned = learner.learned
    assert learned is not None
    arrays = [getattr(learned.statistics, name) for name in SUMS]
    arrays += [getattr(learned.mixture, name) for name in ("weights", "means", "covariances")]
    recent = learner.recent
    counts = learner.n_samples, learner.n_updates, learned.seen, recent.mean, recent.deviation
    return [np.asarray(a).tobytes() for a in arrays], counts, recent.trace


# ---------------------------------------------------------------- one step


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_a_blend_is_the_weighted_mean_of_the_sums(
    share: float, covariance_type: Any, rng: np.random.Generator
) -> None:
    """About the batch's reference: what the two means differ by stays in the variances."""
    mixture, rows = mixture_of(covariance_type, rng)
    known = expectation(mixture, RowData(rows[:3000])).scaled(1 / 3000)
    weight = rng.exponential(size=1000)
    moved = replace(mixture, means=mixture.means + 0.5)
    batch = expectation(moved, RowData(rows[3000:4000], weight))
    got = blend(known, batch, share)
    expected = known.moved(batch.reference).scaled(1.0 - share) + batch.scaled(share / weight.sum())
    for name in SUMS:
        one, other = getattr(got, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(got.reference, batch.reference)
    assert got.weight == 1.0
    assert got.component_weight.sum() == pytest.approx(1.0)


def test_a_blend_keeps_the_least_weight_and_the_shape(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """A component that is all but gone is raised as a whole: weight, mean and covariance."""
    mixture, rows = mixture_of(covariance_type, rng)
    known = MAXIMUM_LIKELIHOOD.imply(mixture, Regularization())
    gone = np.array([1.0, 1e-280, 1.0])
    second = known.second_moment
    if not covariance_type.startswith("tied"):
        second = known.covariance_model.weighted(second, gone)
    known = replace(
        known,
        component_weight=known.component_weight * gone,
        first_moment=gone[:, None] * known.component_weight[:, None] * np.full((K, D), 0.25),
        second_moment=second,
    )
    far = replace(mixture, weights=np.array([0.5, 0.0, 0.5]))
    got = blend(known, expectation(far, RowData(rows[:200])), 0.25)
    assert got.component_weight[1] == pytest.approx(0.75 * LEAST_WEIGHT, rel=1e-9)
    np.testing.assert_allclose(got.means[1], mixture.means[1] + 0.25, rtol=1e-9)
    if not covariance_type.startswith("tied"):
        shape = got.second_moment[1] / got.component_weight[1]
        expected = known.covariance_model.weighted(
            MAXIMUM_LIKELIHOOD.imply(mixture, Regularization()).second_moment, 1 / mixture.weights
        )[1]
        np.testing.assert_allclose(shape, expected, rtol=1e-6)


def test_an_update_is_e_step_blend_and_m_step(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    mixture, rows = mixture_of(covariance_type, rng)
    learner = learner_of(mixture, seen=512.0)
    weight = rng.exponential(size=64)
    assert PACE.batch_rows(512.0) == 64
    before = learner.learned
    assert before is not None
    learner = learner.learn(rows[:64], weight, None)
    batch = expectation(mixture, RowData(rows[:64], weight))
    share = (weight.sum() / (512.0 + weight.sum())) ** 0.8
    expected = blend(before.statistics, batch, share)
    after = learner.learned
    assert after is not None
    for name in SUMS:
        one, other = getattr(after.statistics, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    again = maximization(expected, RIDGE)
    np.testing.assert_allclose(after.mixture.covariances, again.covariances, rtol=1e-11)
    assert after.seen == pytest.approx(512.0 + weight.sum())
    assert learner.recent.mean == pytest.approx(log_density(mixture, rows[:64]).mean())
    assert (learner.n_samples, learner.n_updates) == (64, 1)


def log_density(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    out = np.empty(len(rows))
    mixture.packed(rows.dtype).log_density(np.ascontiguousarray(rows), out)
    return out


@pytest.mark.parametrize(
    ("kind", "n_updates"), [("full", 10_000), ("spherical", 1000), ("tied", 1000)]
)
def test_a_component_that_sees_nothing_comes_back(kind: Any, n_updates: int) -> None:
    """Its shape is what it was, however long it was away, and its rows find it again."""
    rng = np.random.default_rng(n_updates)
    covariance = np.array([[2.0, 0.7], [0.7, 1.0]])
    covariances = {"full": [np.eye(2), covariance], "spherical": [1.0, 2.0], "tied": covariance}
    means = np.array([[0.0, 0.0], [40.0, 40.0]])
    mixture = Mixture.from_covariances(
        np.array([0.5, 0.5]), means, np.array(covariances[kind]), kind
    )
    pace = Pace(64.0, 0.8)
    assert pace.batch_rows(500.0) == 16
    learner = learner_of(mixture, pace)
    rows = rng.standard_normal((1600, 2))
    for _ in range(n_updates // 100):
        learner = learner.learn(rows, None, None)
    assert learner.n_updates == n_updates
    assert learner.learned is not None
    kept = learner.learned.mixture
    assert kept.weights[1] < 2 * LEAST_WEIGHT
    np.testing.assert_allclose(kept.means[1], means[1], rtol=1e-6)
    if kind != "tied":
        np.testing.assert_allclose(kept.covariances[1], mixture.covariances[1], rtol=1e-4)
    learner = learner.learn(means[1] + rng.standard_normal((640, 2)), None, None)
    assert learner.learned.mixture.weights[1] > 0.9
    np.testing.assert_allclose(learner.learned.mixture.means[1], means[1], atol=1.0)


def test_what_a_batch_cannot_do(rng: np.random.Generator) -> None:
    """Rows that are too far for any number, or of no weight, change no parameter."""
    mixture, rows = mixture_of("full", rng)
    learner = learner_of(mixture)
    before = learner.learned
    assert before is not None
    learner = learner.learn(rows[:32], np.zeros(32), None)
    assert learner.learned is before
    learner = learner.learn(np.full((64, D), 1e200), None, None)
    after = learner.learned
    assert after is before
    assert (learner.n_samples, learner.n_skipped) == (96, 32)
    singular = replace(before, regularization=Regularization())
    learner = learner_of(mixture, Pace(4.0, 1.0))
    learner = learner.going_on_from(replace(singular, seen=1.0))
    for row in rows[:1].repeat(300, axis=0):  # all weight on one point
        learner = learner.learn(row[None], None, None)
    assert np.isfinite(learner.learned.mixture.factors).all()


def test_a_prior_counts_once_and_the_ridge_always(rng: np.random.Generator) -> None:
    mixture, _ = mixture_of("full", rng)
    prior = Prior(np.zeros(D), 0.1, D + 2.0, np.eye(D))
    regularization = Regularization(np.asarray(0.25), prior)
    learned = Learned.implied(mixture, regularization, 10.0, MAXIMUM_LIKELIHOOD)
    assert learned.regularization is regularization
    assert learned.ridge.prior is None
    assert learned.ridge.reg_covar == 0.25
    assert learned.with_reg_covar(0.25) is learned
    other = learned.with_reg_covar(0.5)
    assert other.ridge.reg_covar == 0.5
    assert other.regularization.prior is prior
    back = maximization(learned.statistics, learned.ridge)
    np.testing.assert_allclose(back.covariances, mixture.covariances, rtol=1e-12)


# ---------------------------------------------------------------- the first rows


def test_the_first_rows_are_gathered_and_fitted(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    _, rows = mixture_of(covariance_type, rng)
    target = Target(D, rows.dtype, K, covariance_type)
    learner, n = Learner(target, PACE, 1, seed=3), target.first_rows
    assert n == 300
    learner = learner.learn(rows[: n - 1], None, planned(covariance_type))
    assert learner.learned is None
    assert (learner.seen, learner.n_updates, learner.waiting.n) == (0.0, 0, n - 1)
    early = learner.first_fit(plan_of(covariance_type))
    assert early is not None
    assert learner.learned is None  # a look changes nothing
    learner = learner.learn(rows[n - 1 : n], None, planned(covariance_type))
    assert learner.learned is not None
    assert (learner.seen, learner.n_updates, learner.waiting.n) == (float(n), 1, 0)
    fit = Learner(target, PACE, 1, seed=3)
    fit.waiting.append(rows[:n], None)
    found = fit.first_fit(plan_of(covariance_type))
    assert found is not None
    assert found.run.mixture is not None
    assert learner.learned.mixture.means.tobytes() == found.run.mixture.means.tobytes()
    assert learner.recent.mean == pytest.approx(log_density(found.run.mixture, rows[:n]).mean())


def test_rows_that_are_too_few_or_too_alike_wait(rng: np.random.Generator) -> None:
    plan = plan_of("full")
    plan = replace(
        plan, settings=replace(plan.settings, regularizing=Regularizing(0.0, None, "full", K))
    )
    learner = Learner(Target(D, np.dtype(np.float64), K, "full"), PACE, 1)
    learner = learner.learn(np.zeros((2, D)), None, lambda _: plan)
    assert learner.first_fit(plan) is None
    learner = learner.learn(np.zeros((298, D)), None, lambda _: plan)
    assert learner.learned is None
    assert (learner.first_rows, learner.waiting.n) == (600, 300)
    learner = learner.learn(rng.standard_normal((300, D)), None, lambda _: plan)
    assert learner.n_samples == 600


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [100, 1234])
def test_a_learner_goes_on_from_its_state(
    n: int, weighted: bool, covariance_type: Any, rng: np.random.Generator
) -> None:
    """The statistics are in the state: nothing is implied again from the rounded mixture."""
    _, rows = mixture_of(covariance_type, rng)
    weight = rng.exponential(size=len(rows)) if weighted else None
    target = Target(D, rows.dtype, K, covariance_type)
    learner, plan = Learner(target, PACE, 1, seed=3), planned(covariance_type)

    def learn(by: Learner, begin: int, end: int) -> Learner:
        return by.learn(rows[begin:end], None if weight is None else weight[begin:end], plan)

    learner = learn(learner, 0, min(n, 300))
    learner = learn(learner, min(n, 300), n) if n > 300 else learner
    facts, arrays = codec.describe(learner.state())
    copied = {name: array.copy() for name, array in arrays.items()}
    state = codec.restore(LearnerState, json.loads(json.dumps(facts)), copied)
    learned = learner.learned
    if learned is not None:
        assert state.statistics is not None
        learned = replace(learned, statistics=state.statistics, seen=state.seen)
    else:
        assert state.statistics is None
    back = Learner(target, PACE, 1, state.seed, learned).restored(state)
    learner = learn(learner, n, 6000)
    for begin in range(n, 6000, 77):  # however the rows come
        back = learn(back, begin, min(begin + 77, 6000))
    assert learned_bytes(back) == learned_bytes(learner)


def test_the_state_is_a_copy(rng: np.random.Generator) -> None:
    mixture, rows = mixture_of("full", rng)
    learner = learner_of(mixture)
    learner = learner.learn(rows[:40], np.ones(40), None)
    state = learner.state()
    learner = learner.learn(rows[40:600], np.ones(560), None)
    np.testing.assert_array_equal(state.waiting, rows[:40])
    assert state.waiting_weight is not None
    assert (state.n_samples, len(state.waiting_weight)) == (40, 40)
    matrices = matrices_of("full", mixture.covariances, mixture.means)
    assert state.statistics is not None
    implied = maximization(state.statistics, RIDGE)
    np.testing.assert_allclose(implied.covariances, matrices, rtol=1e-12)
