"""Frozen parts: an M-step by its definition, fits and streams that keep them to the last bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from frozen_mixtures import ALL, CHOICES, NONE, PARTS, SOME, family_of, masks_of

import fastgmm
from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.em.stopping import Stopping
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits.fit import fit
from fastgmm.fits.online import Learner
from fastgmm.fits.pace import Pace
from fastgmm.fits.plan import Plan, Settings
from fastgmm.fits.target import Target
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import Start
from support import correlated_mixture, in_shape_of

DTYPES = (np.float32, np.float64)


def begun(
    kind: Any, rng: np.random.Generator, dtype: Any = np.float64
) -> tuple[Mixture, np.ndarray, dict[str, Any]]:
    """Return a mixture, 4000 rows that it fits badly, and its parameters as those of a start."""
    truth = correlated_mixture(3, 3, rng)
    covariances = in_shape_of(kind, 2.0 * truth.covariances)
    begin = Mixture.from_covariances(np.full(3, 1 / 3), truth.means + 0.3, covariances, kind)
    start = {"weights": begin.weights, "means": begin.means, "precisions": begin.precisions}
    return begin, truth.sample(4000, rng)[0].astype(dtype), start


def assert_kept(mixture: Mixture, begin: Mixture, masks: dict[str, np.ndarray]) -> None:
    """Compare the bits of what is frozen, and look whether the rest has moved."""
    for part in PARTS:
        mask, now, then = masks.get(part, NONE), getattr(mixture, part), getattr(begin, part)
        if part == "covariances" and mixture.covariance_model.tied:
            assert np.array_equal(now, then) == bool(mask.all())
            continue
        np.testing.assert_array_equal(now[mask], then[mask])
        if part == "weights" and np.count_nonzero(~mask) == 1:
            continue  # the others say what it is
        assert not np.isclose(now[~mask], then[~mask], rtol=1e-9).any()
    assert mixture.weights.sum() == pytest.approx(1.0, abs=1e-15)


def never_falls(bounds: list[float], rounding: float = 1e-12) -> bool:
    return bool((np.diff(bounds) > -rounding * np.abs(bounds[0])).all())


def plan_of(kind: Any, start: dict[str, Any], max_iter: int, **changes: Any) -> Plan:
    """Return the plan of a fit that begins with given parameters and ends after `max_iter`."""
    settings = Settings(
        Stopping(0.0, None, False, max_iter),
        Regularizing(1e-6, None, kind, 3),
        acceleration="lbfgs",
    )
    return Plan(Start("ward", 3, kind, **start), settings, **changes)


@pytest.mark.parametrize("mask", [SOME, ALL], ids=["some", "all"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_fit_keeps_what_is_frozen(
    mask: np.ndarray, covariance_type: Any, dtype: Any, rng: np.random.Generator
) -> None:
    """To the end of a long accelerated fit, on one thread and on three."""
    begin, rows, start = begun(covariance_type, rng, dtype)
    for chosen in CHOICES:
        masks = masks_of(chosen, mask, covariance_type)
        plan = plan_of(covariance_type, start, 40, family=family_of(begin, masks))
        found, other = (fit(RowData(rows, None, n), plan).run for n in (1, 3))
        assert never_falls(found.lower_bounds, 1e-12 if dtype is np.float64 else 1e-6)
        assert found.mixture is not None
        assert_kept(found.mixture, begin, masks)
        for part in PARTS:
            same = getattr(other.mixture, part)
            np.testing.assert_array_equal(getattr(found.mixture, part), same)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mask", [NONE, SOME, ALL], ids=["none", "some", "all"])
def test_the_m_step_is_the_maximum(
    mask: np.ndarray, weighted: bool, covariance_type: Any, rng: np.random.Generator
) -> None:
    """Against the sums over rows by their definition, about means that stay and that do not."""
    begin, rows, _ = begun(covariance_type, rng)
    weight = rng.exponential(size=len(rows)) if weighted else np.ones(len(rows))
    shares = np.exp(log_shares(begin, rows))
    shares /= shares.sum(axis=1, keepdims=True)
    shares *= weight[:, None]
    statistics = expectation(begin, RowData(rows, weight if weighted else None))
    for chosen in [("means",), ("weights", "means"), ("weights",)]:
        masks = {part: mask for part in chosen}
        found = family_of(begin, masks).maximize(statistics, Regularization.of(1e-6))
        held = shares.sum(axis=0)
        means = np.where(
            masks.get("means", NONE)[:, None], begin.means, shares.T @ rows / held[:, None]
        )
        apart = rows[:, None, :] - means
        scatter = np.einsum("nk,nki,nkj->kij", shares, apart, apart) / held[:, None, None]
        covariances = in_shape_of(covariance_type, scatter, held / held.sum())
        kept = masks.get("weights", NONE)
        free = np.where(kept, 0.0, held)
        rest = 1.0 - begin.weights[kept].sum()
        weights = np.where(kept, begin.weights, rest * free / max(free.sum(), 1e-300))
        model = model_of(covariance_type)
        ridge = in_shape_of(covariance_type, 1e-6 * np.stack([np.eye(3)] * 3))
        np.testing.assert_allclose(found.weights, weights, rtol=1e-12)
        np.testing.assert_allclose(found.means, means, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.covariances, covariances + ridge, rtol=1e-12, atol=1e-12)
        assert found.covariances.shape == model.shape(3, 3)


def log_shares(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    """(n, K): log weights and densities, but for what all components have."""
    precisions = mixture.precisions
    model, (k, d) = mixture.covariance_model, mixture.means.shape
    full = model.per_component(precisions, k)
    apart = rows[:, None, :] - mixture.means
    if full.ndim == 3:
        squares = np.einsum("nki,kij,nkj->nk", apart, full, apart)
        volumes = np.linalg.slogdet(full)[1]
    else:
        full = np.broadcast_to(full.reshape(k, -1), (k, d))
        squares, volumes = np.einsum("nki,ki->nk", apart**2, full), np.log(full).sum(axis=1)
    return np.asarray(np.log(mixture.weights) + 0.5 * volumes - 0.5 * squares)


def test_a_covariance_about_a_mean_that_stays_is_the_best(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """No covariance near it has a higher posterior density, prior and pull of the mean included."""
    begin, rows, _ = begun(covariance_type, rng)
    model = model_of(covariance_type)
    scale = in_shape_of(covariance_type, np.stack([np.eye(3)] * 3))
    prior = Prior(rng.normal(size=3), 30.0, 40.0, scale if model.tied else scale[0])
    regularization = Regularization(np.zeros(()), prior)
    one = replace(begin, weights=np.array([1.0, 0.0, 0.0]))
    statistics = expectation(one, RowData(rows))  # of the first component alone: its own EM
    family = family_of(one, {"means": ALL, "weights": ALL})
    best = family.maximize(statistics, regularization)

    def value(mixture: Mixture) -> float:
        out = np.empty(len(rows))
        total = log_density(mixture, rows, out).sum()
        return float(total) + regularization.log_prior(mixture)

    highest = value(best)
    for factor in (0.999, 1.001):
        near = Mixture.from_covariances(
            best.weights, best.means, factor * best.covariances, covariance_type
        )
        assert value(near) < highest


def test_a_stream_keeps_what_is_frozen(covariance_type: Any, rng: np.random.Generator) -> None:
    begin, rows, start = begun(covariance_type, rng)
    for chosen in CHOICES:
        masks = masks_of(chosen, SOME, covariance_type)
        family = family_of(begin, masks)
        target = Target(3, rows.dtype, 3, covariance_type, family)
        free = family.n_parameters(covariance_type, 3, 3)
        assert target.first_rows == max(300, 4 * free)
        learner = Learner(target, Pace(None, 0.8), 1)
        plan = plan_of(covariance_type, start, 5)  # the learner knows the family
        for some in (rows[:300], rows[300:]):
            learner = learner.learn(some, None, lambda _, plan=plan: plan)
        assert learner.n_updates > 10
        assert learner.learned is not None
        mixture = learner.learned.mixture
        assert_kept(mixture, begin, masks)
        whole = fit(RowData(rows), plan_of(covariance_type, start, 30, family=family)).run
        density = np.empty(len(rows))
        assert log_density(mixture, rows, density).mean() > whole.lower_bound - 0.05
        # The statistics are the state, and the family's own answer to them is the mixture.
        again = family.maximize(learner.learned.statistics, learner.learned.ridge, mixture)
        np.testing.assert_allclose(again.covariances, mixture.covariances, rtol=1e-9)


def test_what_is_implied_leads_back(covariance_type: Any, rng: np.random.Generator) -> None:
    begin, _, _ = begun(covariance_type, rng)
    ridge = Regularization.of(1e-6)
    for chosen in CHOICES:
        family = family_of(begin, masks_of(chosen, SOME, covariance_type))
        again = family.maximize(family.imply(begin, ridge), ridge)
        for part in PARTS:
            np.testing.assert_allclose(getattr(again, part), getattr(begin, part), rtol=1e-12)


def test_free_parameters(covariance_type: Any, rng: np.random.Generator) -> None:
    begin, _, _ = begun(covariance_type, rng)
    model = model_of(covariance_type)
    free = MAXIMUM_LIKELIHOOD.n_parameters(covariance_type, 3, 3)
    of_covariances = model.n_parameters(3, 3)
    expected = {"weights": 2, "means": 9, "covariances": of_covariances}
    for chosen in CHOICES:
        family = family_of(begin, {part: ALL for part in chosen})
        n_free = family.n_parameters(covariance_type, 3, 3)
        assert n_free == free - sum(expected[part] for part in chosen)
        assert family.begun(begin, Regularization(), 1.0).n_parameters == n_free
    one = np.array([True, False, False])
    masks = {"weights": one, "means": SOME}
    n_free = family_of(begin, masks).n_parameters(covariance_type, 3, 3)
    assert n_free == free - 1 - 6
    if not model.tied:
        masks = {"covariances": SOME}
        n_free = family_of(begin, masks).n_parameters(covariance_type, 3, 3)
        assert n_free == free - 2 * of_covariances // 3


def test_a_covariance_that_is_kept_is_taken_at_its_word(rng: np.random.Generator) -> None:
    """However narrow it is; and the error of another one names the component."""
    narrow = 1e-14 * np.eye(3) + np.ones((3, 3))
    covariances = np.stack([narrow, np.eye(3), np.eye(3)])
    begin = Mixture.from_covariances(np.full(3, 1 / 3), 9.0 * np.eye(3), covariances, "full")
    rows = np.r_[begin.means + rng.normal(size=(40, 3, 3))].reshape(-1, 3)
    statistics = expectation(begin, RowData(rows))
    family = family_of(begin, {"covariances": np.array([True, False, False])})
    found = family.maximize(statistics, Regularization())
    np.testing.assert_array_equal(found.inverse_factors[0], begin.inverse_factors[0])
    second = statistics.second_moment.copy()
    second[2] = 0.0
    with pytest.raises(IllDefinedCovarianceError) as caught:
        family.maximize(replace(statistics, second_moment=second), Regularization())
    assert caught.value.component == 2


@pytest.mark.filterwarnings("ignore")
def test_components_with_frozen_parts_are_held_and_not_moved(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """The third begins far from all rows: free it would be moved to where it is needed."""
    truth = correlated_mixture(3, 2, rng, separation=10.0)
    rows = truth.sample(400, rng)[0]
    means = truth.means.copy()
    means[1], means[2] = (means[1] + means[2]) / 2, 1e4
    given: dict[str, Any] = {"covariance_type": covariance_type, "means_init": means, "tol": 1e-6}
    moved = fastgmm.GaussianMixture(3, **given).fit(rows)
    assert "moved" in [one.action for one in moved.repairs_]
    precisions = truth.precisions_as(covariance_type)
    mask = [False, False, True]
    whole = covariance_type.startswith("tied")
    for frozen, init in [
        ({"means": mask}, {}),
        ({"covariances": True if whole else mask}, {"precisions_init": precisions}),
        ({"weights": mask}, {"weights_init": [0.5, 0.4, 0.1]}),
    ]:
        model = fastgmm.GaussianMixture(3, frozen=frozen, **given, **init).fit(rows)
        (repair,) = [one for one in model.repairs_ if one.component == 2]
        assert (repair.action, repair.reason) == ("held", "weight")
    both = {"means": mask, "covariances": True if whole else mask}
    model = fastgmm.GaussianMixture(
        3, frozen=both, **given, precisions_init=precisions, on_collapse="raise"
    )
    assert not [one for one in model.fit(rows).repairs_ if one.component == 2]
