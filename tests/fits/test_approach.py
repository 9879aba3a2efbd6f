"""Some of the rows lead a run near to its end, where they are many."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from low_rank_cases import factor_mixture, rows_of

from fastgmm import GaussianMixture
from fastgmm.data.extent import Extent
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample
from fastgmm.em.acceleration import Search
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.run import Run
from fastgmm.em.stopping import Stopping
from fastgmm.fits import approach
from fastgmm.fits.approach import approached
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture

N, SEEDS = 60_000, (0, 1, 2)
RULES = Rules(Stopping(1e-3, None, both=True, max_iter=100), Regularization.of(1e-6), "auto")


def drawn(
    seed: int, separation: float = 2.0, k: int = 3, d: int = 2
) -> tuple[np.ndarray, Sample, Mixture]:
    """Rows, a sample of a third of them, and a mixture to begin with."""
    rng = np.random.default_rng(seed)
    rows = correlated_mixture(k, d, rng, separation=separation).sample(N, rng)[0]
    sample = Sample(rows, None, rng.permutation(N)[: N // 3], False)
    covariance = np.cov(rows.T)[None].repeat(k, axis=0)
    means = rows[rng.choice(N, k, replace=False)]
    mixture = Mixture.from_covariances(np.full(k, 1.0 / k), means, covariance, "full")
    return rows, sample, mixture


def bound(mixture: Mixture, rows: np.ndarray) -> float:
    return expectation(mixture, RowData(rows)).log_likelihood / len(rows)


def led(mixture: Mixture, sample: Sample, rules: Rules = RULES, n: int = N) -> tuple[Run, Run]:
    """The run before, and after."""
    before = rules.begun(mixture)
    return before, approached(before, sample, Extent.of(n, None), rules, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tenth_of_the_rows_leads_near_to_the_end(seed: int) -> None:
    rows, sample, mixture = drawn(seed)
    _, run = led(mixture, sample)
    assert run.mixture is not None
    assert (run.n_iter, run.lower_bounds, run.trail) == (0, [], None)
    model = GaussianMixture(
        3,
        weights_init=run.mixture.weights,
        means_init=run.mixture.means,
        precisions_init=run.mixture.precisions,
        gap_tol=1e-6,
        max_iter=1000,
    ).fit(rows)
    missing = [model.lower_bound_ - bound(one, rows) for one in (mixture, run.mixture)]
    # What so few rows leave uncertain is half a parameter per row, 1.5e-3 nats on average.
    assert missing[1] < 5e-3
    assert missing[1] < 0.1 * missing[0]
    again = led(mixture, sample)[1].mixture
    assert again is not None
    assert np.array_equal(again.means, run.mixture.means)


@pytest.mark.parametrize("seed", SEEDS)
def test_where_em_is_slow_steps_begin_at_once(seed: int) -> None:
    _, sample, mixture = drawn(seed, 1.0)
    search = led(mixture, sample)[1].search
    assert isinstance(search, Search)
    assert (search.steps, search.weight, search.has_tried) == ([], N, False)
    assert led(mixture, sample, replace(RULES, acceleration=None))[1].search is None
    _, sample, mixture = drawn(seed, 20.0)
    near = GaussianMixture(3, random_state=0).fit(sample.rows[:5000])._state.mixture
    assert led(near, sample)[1].search is None


def test_factors_begin_with_em(seed: int) -> None:
    """A search of factors at once would take more passes than it saves."""
    rng = np.random.default_rng(seed)
    begin, truth = factor_mixture(3, 6, 2, rng, 1.0), factor_mixture(3, 6, 2, rng, 1.0)
    rows = rows_of(truth, N, rng)
    before, run = led(begin, Sample(rows, None, rng.permutation(N), False))
    assert run is not before
    assert (run.search, run.extrapolation) == (None, None)


class Other:
    """Another family, of which nothing is asked."""

    accelerates = needs_previous = False


def test_where_the_rows_do_not_lead() -> None:
    _, sample, mixture = drawn(0)
    few = Sample(sample.rows, None, sample.order[:500], False)
    assert mixture.n_parameters * approach.ROWS_PER_PARAMETER > 500
    whole = replace(sample, whole=True)
    other: Any = Other()
    for of, rules, n in (
        (few, RULES, N),
        (whole, RULES, N),
        (sample, RULES, 49_999),
        (sample, replace(RULES, family=other), N),
    ):
        before, run = led(mixture, of, rules, n)
        assert run is before
    large = drawn(0, k=18, d=6)
    assert int(0.2 * N) < 30 * large[2].n_parameters < N // 3
    before, run = led(large[2], large[1])
    assert run is before
    assert RULES.family is MAXIMUM_LIKELIHOOD


def test_a_component_that_is_lost_on_the_way_leads_nowhere() -> None:
    _, sample, mixture = drawn(1)
    means = mixture.means.copy()
    means[0] = 1e6
    before, run = led(replace(mixture, means=means), sample)
    assert run is before
    singular = Sample(sample.rows * np.array([1.0, 0.0]), None, sample.order, False)
    rules = replace(RULES, regularization=Regularization())
    before, run = led(mixture, singular, rules)
    assert run is before


@pytest.mark.parametrize("params", [{}, {"covariance_type": "tied"}, {"n_init": 2}])
def test_the_bits_are_those_of_batches_threads_and_callbacks(params: dict[str, Any]) -> None:
    rows = drawn(2)[0]
    model = GaussianMixture(3, random_state=3, n_threads=1, **params)
    found = model.fit(rows).means_
    assert np.array_equal(found, model.set_params(n_threads=2).fit(rows).means_)
    assert np.array_equal(found, model.fit(rows, callback=lambda one: None).means_)
    # Blocks end where batches do.
    parts = [rows[: 1 << 15], rows[1 << 15 :]]
    assert np.array_equal(found, model.fit_batches(parts).means_)


@pytest.mark.parametrize("seed", SEEDS)
def test_fits_end_as_high(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(seed, 3.0)[0]
    found = GaussianMixture(3, random_state=seed).fit(rows)
    monkeypatch.setattr(approach, "FEWEST_ROWS", 1 << 40)
    alone = GaussianMixture(3, random_state=seed).fit(rows)
    assert found.lower_bound_ > alone.lower_bound_ - 3e-4
    assert found.n_iter_ < alone.n_iter_
