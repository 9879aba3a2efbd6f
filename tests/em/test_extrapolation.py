"""Steps ahead of EM for restricted covariances: they climb, stay in the model, and save passes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from restrictions import EIGHT, obeys

from fastgmm.covariance.types import MODELS
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.extrapolation import FIRST_LENGTH, GROW, Extrapolation, _gap
from fastgmm.em.loop import run_em
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.run import Run
from fastgmm.em.stopping import Stopping
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture

FLOAT64 = np.dtype(np.float64)
RIDGE = Regularization.of(1e-6)


def begun(kind: Any, rng: np.random.Generator, n: int = 1500) -> tuple[Mixture, RowData]:
    """Return overlapping rows, on which EM is slow, and a mixture some way off."""
    truth = correlated_mixture(4, 3, rng, separation=1.0)
    form = MODELS[kind].form
    one = np.eye(3) if form.ndim == 2 else np.ones(3)
    begin = Mixture.from_covariances(truth.weights, truth.means, np.stack([4.0 * one] * 4), kind)
    return begin, RowData(truth.sample(n, rng)[0], None, 1)


def run_of(kind: Any, rng: np.random.Generator, acceleration: Any, family: Any = None) -> Run:
    begin, data = begun(kind, rng)
    stopping = Stopping(tol=1e-3, gap_tol=1e-7, both=False, max_iter=2000)
    rules = Rules(stopping, RIDGE, acceleration=acceleration, family=family or MAXIMUM_LIKELIHOOD)
    run = run_em(rules.begun(begin), lambda mixture: expectation(mixture, data), rules)
    assert run.converged
    assert run.mixture is not None
    return run


@pytest.mark.parametrize("kind", EIGHT)
def test_it_climbs_obeys_and_saves_passes(kind: str) -> None:
    plain, ahead = (run_of(kind, np.random.default_rng(0), word) for word in (None, "lbfgs"))
    assert plain.extrapolation is None
    assert ahead.search is None
    assert ahead.mixture is not None
    assert (np.diff(ahead.lower_bounds) > -1e-14 * abs(ahead.lower_bound)).all()
    assert obeys(kind, ahead.mixture.covariances)
    assert ahead.lower_bound > plain.lower_bound - 1e-6
    if plain.n_passes > 60:
        assert ahead.extrapolation is not None
        assert ahead.extrapolation.has_tried
        assert ahead.n_passes < 0.8 * plain.n_passes


def test_some_of_them_are_slow() -> None:
    """So that the test above tests something."""
    slow = [kind for kind in EIGHT if run_of(kind, np.random.default_rng(0), None).n_passes > 60]
    assert len(slow) >= 4


def test_another_family_goes_on_alone() -> None:
    class Own(type(MAXIMUM_LIKELIHOOD)):  # type: ignore[misc]
        pass

    run = run_of("VEI", np.random.default_rng(0), "lbfgs", Own())
    assert run.extrapolation is None
    assert run.n_passes == run.n_iter


def three(rng: np.random.Generator) -> tuple[list[Any], list[float], list[Mixture]]:
    """Return the statistics, bounds and mixtures of three iterations."""
    mixture, data = begun("VEE", rng)
    known, bounds, mixtures = [], [], []
    for _ in range(15):
        statistics = expectation(mixture, data)
        known.append(statistics)
        bounds.append(statistics.log_likelihood / statistics.weight)
        mixtures.append(mixture)
        mixture = MAXIMUM_LIKELIHOOD.maximize(statistics, RIDGE, mixture)
    return known[-3:], bounds[-3:], [*mixtures[-3:], mixture]


def test_a_step_is_the_m_step_of_extrapolated_sums(rng: np.random.Generator) -> None:
    known, bounds, mixtures = three(rng)
    one = Extrapolation(RIDGE)
    for i in range(2):
        assert one.propose(mixtures[i], known[i], bounds[i], mixtures[i + 1]) is mixtures[i + 1]
        assert one.gap == np.inf
    ahead = one.propose(mixtures[2], known[2], bounds[2], mixtures[3])
    assert ahead is not mixtures[3]
    assert one.known == ()
    assert one.has_tried
    assert 1.0 < one.length <= FIRST_LENGTH
    assert one.gap == pytest.approx(_gap(tuple(bounds), FLOAT64))
    about = [replace(s.moved(mixtures[2].means), n_samples=0) for s in known]
    a = one.length
    second = (
        (1 - 2 * a + a * a) * about[0].second_moment
        + 2 * (a - a * a) * about[1].second_moment
        + a * a * about[2].second_moment
    )
    weight = sum(
        share * s.component_weight
        for share, s in zip((1 - 2 * a + a * a, 2 * (a - a * a), a * a), about, strict=True)
    )
    first = sum(
        share * s.first_moment
        for share, s in zip((1 - 2 * a + a * a, 2 * (a - a * a), a * a), about, strict=True)
    )
    sums = replace(about[2], component_weight=weight, first_moment=first, second_moment=second)
    expected = MAXIMUM_LIKELIHOOD.maximize(sums, RIDGE, mixtures[3])
    np.testing.assert_allclose(ahead.covariances, expected.covariances, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ahead.weights, expected.weights, rtol=1e-10)


def test_lengths_follow_success(rng: np.random.Generator) -> None:
    known, _, mixtures = three(rng)
    one = Extrapolation(RIDGE, value=-3.0, length=FIRST_LENGTH)
    assert one.accepts(mixtures[0], -3.0)
    assert one.longest == GROW * FIRST_LENGTH
    one.length = 3.0
    assert one.accepts(mixtures[0], -2.5)
    assert one.longest == GROW * FIRST_LENGTH
    assert not one.accepts(mixtures[0], -3.1)
    assert one.longest == 1.5
    one.reject(mixtures[0], known[0])
    assert (one.failures, one.given_up) == (1, False)


def test_sums_of_no_rows_are_not_tried(rng: np.random.Generator) -> None:
    """Where a weight or a variance would be negative the step is shorter, or EM's own."""
    known, bounds, mixtures = three(rng)
    small = known[2].component_weight.copy()
    small[0] *= 0.01
    known[2] = replace(known[2], component_weight=small)
    one = Extrapolation(RIDGE, longest=256.0)
    for i in range(3):
        ahead = one.propose(mixtures[i], known[i], bounds[i], mixtures[i + 1])
    assert np.isfinite(ahead.covariances).all()
    assert ahead.weights.min() > 0.0


def test_what_gains_foretell() -> None:
    assert _gap((0.0, 1.0, 1.5), FLOAT64) == pytest.approx(0.5)
    assert _gap((0.0, 1.0, 2.5), FLOAT64) == np.inf
    assert _gap((0.0, 1.0, 0.5), FLOAT64) == np.inf
    assert _gap((0.0, 1.0, 1.0 - 1e-15), FLOAT64) == 0.0
    assert _gap((1.0, 1.0, 1.0 + 1e-9), np.dtype(np.float32)) == 0.0


def test_numbers_from_a_file_are_checked(rng: np.random.Generator) -> None:
    known, bounds, mixtures = three(rng)
    good = Extrapolation(RIDGE, tuple(known[:2]), tuple(bounds[:2]))
    good.check()
    good.check_for(mixtures[0])
    for changes in (
        {"bounds": ()},
        {"known": tuple(known), "bounds": tuple(bounds)},
        {"longest": 0.5},
        {"failures": -1},
        {"n_steps": -1},
    ):
        with pytest.raises(ValueError, match=r"extrapolation"):
            replace(good, **changes).check()
    with pytest.raises(ValueError, match="like its mixture"):
        good.check_for(begun("EVV", rng)[0])
