"""L-BFGS ahead of EM: fewer passes to the same end, no fall, the same bits wherever it runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.em import relative_frame as frame
from fastgmm.em.acceleration import FIRST_PASSES, MOST_FAILURES, Search
from fastgmm.em.stopping import RECENT
from fastgmm.estimators import model_file
from fastgmm.mixture.mixture import Mixture
from fastgmm.threads import rows_per_block
from support import correlated_mixture, in_shape_of

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")

LIMIT = {"tol": 1e-13, "gap_tol": None, "acceleration": None, "max_iter": 5000}
SLOW = [(3, 2, 7, 1000), (4, 3, 2, 1500)]
"""Components, features, seed and rows of mixtures over which EM takes hundreds of passes."""


def overlapping(k: int, d: int, seed: int, n: int, separation: float = 1.0) -> np.ndarray:
    """Draw rows of overlapping, correlated components."""
    rng = np.random.default_rng(seed)
    return np.asarray(correlated_mixture(k, d, rng, separation=separation).sample(n, rng)[0])


def same(one: GaussianMixture, other: GaussianMixture, rtol: float = 0.0) -> None:
    assert (one.n_iter_, one.n_passes_) == (other.n_iter_, other.n_passes_)
    np.testing.assert_allclose(one.lower_bounds_, other.lower_bounds_, rtol=min(rtol, 1e-12))
    for name in ("weights_", "means_", "covariances_"):
        got, expected = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def falls(model: GaussianMixture) -> float:
    bounds = np.array(model.lower_bounds_)
    return float((np.diff(bounds) / np.abs(bounds[1:])).min())


# ---------------------------------------------------------------- passes, and the end


@pytest.mark.parametrize("case", SLOW)
def test_a_third_of_the_passes_to_the_same_end(case: tuple[int, ...], covariance_type: str) -> None:
    rows, k = overlapping(*case), case[0]
    # Ward's start is compared by some passes already, and begins behind much of the way.
    params = {"covariance_type": covariance_type, "random_state": 0, "reg_covar": 0.0}
    params["init_params"] = "kmeans"
    em = GaussianMixture(k, **params, **LIMIT).fit(rows)
    needed = 1 + int(np.argmax(em.lower_bound_ - np.array(em.lower_bounds_) < 1e-6))
    assert needed > 150
    for settings in ({"acceleration": "lbfgs", "gap_tol": 1e-6}, {"tol": 1e-5}):
        model = GaussianMixture(k, max_iter=1000, **params, **settings).fit(rows)
        assert model.converged_
        assert model.n_iter_ <= model.n_passes_ <= needed / 3
        assert abs(model.lower_bound_ - em.lower_bound_) < 1e-6
        assert model.score(rows) >= model.lower_bound_ - 1e-12  # EM's own step comes last
        recent = model.lower_bounds_[-1] - model.lower_bounds_[-1 - RECENT]
        assert recent <= model.gap_ < 1e-6
        np.testing.assert_allclose(model.covariances_, em.covariances_, atol=2e-2)


@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_a_fast_fit_takes_no_more(tol: float, seed: int, covariance_type: str) -> None:
    """Of clusters that stand apart; where EM ends within its first passes it is EM to the bit."""
    rows = overlapping(4, 3, seed, 500, separation=4.0)
    params = {"covariance_type": covariance_type, "random_state": 0, "tol": tol, "max_iter": 1000}
    plain = GaussianMixture(4, acceleration=None, **params).fit(rows)
    model = GaussianMixture(4, **params).fit(rows)
    assert model.n_passes_ <= 1.1 * plain.n_passes_
    assert model.lower_bound_ > plain.lower_bound_ - tol
    if plain.n_iter_ <= FIRST_PASSES:
        same(model, plain)


def test_without_it_a_fit_is_em(seed: int, covariance_type: str) -> None:
    """Pass for pass; so are the first ones with it, and all where no limit is asked for."""
    rows = overlapping(4, 3, seed, 400)
    params = {"covariance_type": covariance_type, "random_state": 0, "tol": 0.0, "max_iter": 25}
    plain = GaussianMixture(4, acceleration=None, **params).fit(rows)
    assert plain.n_passes_ == plain.n_iter_ == 25
    by_hand = GaussianMixture(4, **params | {"max_iter": 0}).fit(rows)
    for bound in plain.lower_bounds_:
        by_hand.m_step(by_hand.e_step(rows))
        assert by_hand.lower_bound_ == pytest.approx(bound, rel=1e-13)
    np.testing.assert_allclose(by_hand.means_, plain.means_, rtol=1e-9, atol=1e-9)
    same(GaussianMixture(4, **params).fit(rows), plain)
    fast = GaussianMixture(4, acceleration="lbfgs", **params).fit(rows)
    first = FIRST_PASSES + 1  # the eleventh begins with EM's tenth step
    assert fast.lower_bounds_[:first] == plain.lower_bounds_[:first]
    assert fast.lower_bounds_[first:] != plain.lower_bounds_[first:]


@pytest.mark.parametrize("weighted", [False, True])
def test_it_never_falls(weighted: bool, covariance_type: str) -> None:
    n_failed = 0  # steps that fell were tried
    for seed in range(4):
        rows = overlapping(4, 3, seed, 400)
        weight = np.random.default_rng(seed).uniform(0.0, 3.0, len(rows)) if weighted else None
        params = {"covariance_type": covariance_type, "random_state": seed, "max_iter": 60}
        model = GaussianMixture(4, acceleration="lbfgs", tol=0.0, reg_covar=0.0, **params)
        model.fit(rows, sample_weight=weight)
        assert falls(model) >= -1e-12
        n_failed += model.n_passes_ - model.n_iter_
    assert n_failed > 0


def test_steps_that_all_fail_leave_em(
    covariance_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that is led downhill costs three passes, and then leaves EM alone."""
    rows = overlapping(4, 3, 1, 400)
    params = {"covariance_type": covariance_type, "random_state": 0, "tol": 0.0, "max_iter": 40}
    plain = GaussianMixture(4, acceleration=None, **params).fit(rows)
    propose = Search.propose
    monkeypatch.setattr("fastgmm.fits.fit.stretches_over", lambda *_: None)
    monkeypatch.setattr("fastgmm.fits.fit.small_run", lambda *_: None)
    for factor in (-0.3, -10.0):

        def downhill(search: Search, mixture: Mixture, *given: Any, by: float = factor) -> Mixture:
            found = propose(search, mixture, *given)
            if not search.steps:
                return found
            assert search.gradient is not None
            search.step = by * search.gradient / np.linalg.norm(search.gradient)
            return frame.mixture_at(mixture, search.step)

        monkeypatch.setattr(Search, "propose", downhill)
        model = GaussianMixture(4, acceleration="lbfgs", **params)
        model.fit(rows)
        assert model.n_passes_ == 40 + MOST_FAILURES
        np.testing.assert_allclose(model.lower_bounds_, plain.lower_bounds_, rtol=1e-13)
        np.testing.assert_allclose(model.means_, plain.means_, rtol=1e-9, atol=1e-9)


def test_a_prior_is_climbed_too(covariance_type: str) -> None:
    """The bound with the log density of the prior never falls, and ends where EM's does."""
    params = {"covariance_type": covariance_type, "random_state": 0, "acceleration": "lbfgs"}
    for prior in (NormalInverseWishart(), NormalInverseWishart(dof=10.0, shrinkage=2.0)):
        for seed in range(3):
            model = GaussianMixture(3, prior=prior, tol=0.0, max_iter=60, **params)
            assert falls(model.fit(overlapping(3, 3, seed, 600, 1.5))) >= -1e-12
    rows, params["prior"] = overlapping(*SLOW[0]), NormalInverseWishart()
    em = GaussianMixture(3, **params | LIMIT).fit(rows)
    model = GaussianMixture(3, tol=1e-5, max_iter=500, **params).fit(rows)
    assert model.lower_bound_ == pytest.approx(em.lower_bound_, abs=1e-6)
    assert model.n_passes_ < em.n_passes_ / 3


# ---------------------------------------------------------------- the same bits


def begun(covariance_type: str, rows: np.ndarray, **params: Any) -> GaussianMixture:
    """Make a model of four components that begins with the first rows for means."""
    matrices = np.stack([np.diag(rows.var(axis=0))] * 4)
    settings = {"acceleration": "lbfgs", "gap_tol": 1e-8, "max_iter": 500, "warm_start": True}
    start = np.full(4, 0.25), rows[:4], in_shape_of(covariance_type, matrices)
    settings |= {"covariance_type": covariance_type} | params
    return GaussianMixture.from_parameters(*start, **settings)


def test_weights_count_rows_and_no_unit_matters(seed: int, covariance_type: str) -> None:
    rows, plain = overlapping(4, 3, seed, 800), {"reg_covar": 0.01}
    weight = np.random.default_rng(seed).integers(0, 4, len(rows))
    weighted = begun(covariance_type, rows, **plain).fit(rows, sample_weight=weight)
    assert weighted.n_passes_ > FIRST_PASSES + 5
    repeated = begun(covariance_type, rows, **plain).fit(np.repeat(rows, weight, axis=0))
    scaled = begun(covariance_type, rows, **plain).fit(rows, sample_weight=8.0 * weight)
    larger = begun(covariance_type, 32 * rows, reg_covar=10.24).fit(32 * rows, sample_weight=weight)
    for other, more in ((repeated, 0.0), (scaled, 0.0), (larger, 3 * np.log(32))):
        n = min(weighted.n_iter_, other.n_iter_)
        assert n >= weighted.n_iter_ - 2  # rounding ends it
        assert other.lower_bound_ + more == pytest.approx(weighted.lower_bound_, abs=1e-9)
        got = np.array(other.lower_bounds_[:n]) + more
        np.testing.assert_allclose(got, weighted.lower_bounds_[:n], atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_any_cut_is_the_whole(weighted: bool, covariance_type: str) -> None:
    rows = overlapping(4, 3, 2, 1500)
    weight = np.random.default_rng(0).exponential(size=1500) if weighted else None
    params = {"covariance_type": covariance_type, "random_state": 0, "tol": 1e-6, "max_iter": 500}
    whole = GaussianMixture(4, **params).fit(rows, sample_weight=weight)
    assert whole.converged_
    assert whole.n_iter_ > 20
    for size in (9, 640, 1500):
        parts = [slice(i, i + size) for i in range(0, 1500, size)]
        batches = [rows[p] if weight is None else (rows[p], weight[p]) for p in parts]
        # the steps are the same bits, so that no rounding is magnified
        same(GaussianMixture(4, **params).fit_batches(batches), whole, 5e-14)


def test_threads(covariance_type: str) -> None:
    rows = overlapping(3, 2, 7, rows_per_block(3, 2) + 5000)
    params = {"covariance_type": covariance_type, "random_state": 0, "acceleration": "lbfgs"}
    params |= {"tol": 0.0, "max_iter": 25}
    same(*(GaussianMixture(3, n_threads=n, **params).fit(rows) for n in (1, 2)))


@pytest.mark.parametrize("start", [{}, {"n_init": 2, "init_params": "random_from_data"}])
def test_a_stopped_fit_goes_on_to_the_same_bytes(
    start: dict[str, Any], covariance_type: str, tmp_path: Path
) -> None:
    """Stopped in every second iteration: what is learned and what is tried next are in the file."""
    batches, seen = np.array_split(overlapping(4, 3, 2, 300), 2), []
    params = {"covariance_type": covariance_type, "random_state": 0, "tol": 1e-8, "max_iter": 22}

    def stop(iteration: Any) -> None:
        seen.append(iteration.n_iter)
        if len(seen) % 2 == 0:
            raise KeyboardInterrupt

    def fit(**given: Any) -> GaussianMixture:
        return GaussianMixture(4, **params, **start).fit_batches(batches, **given)

    whole, path, ahead, model = fit(checkpoint=tmp_path / "whole"), tmp_path / "stopped", 0, None
    while model is None and len(seen) < 200:
        try:
            model = fit(checkpoint=path, callback=stop)
        except KeyboardInterrupt:
            checkpoint = model_file.read(path)[1].checkpoint
            assert checkpoint is not None
            ahead += checkpoint.run.ahead is not None
            assert fastgmm.load(path).n_passes_ >= fastgmm.load(path).n_iter_ >= 1
    assert ahead > 4
    same(model, whole)
    same(fit(), whole)
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()


def test_warm_start(covariance_type: str) -> None:
    """Nothing falls from fit to fit, and a fit that has ended ends again at once."""
    rows = overlapping(4, 3, 2, 1500)
    at_once = begun(covariance_type, rows).fit(rows)
    model, bounds = begun(covariance_type, rows, max_iter=15), []
    for _ in range(40):
        bounds += [] if model.converged_ else model.fit(rows).lower_bounds_
    assert (np.diff(bounds) >= -1e-12 * np.abs(bounds[1:])).all()
    assert bounds[-1] == pytest.approx(at_once.lower_bound_, abs=1e-6)
    before = at_once.lower_bound_
    assert at_once.fit(rows).converged_
    assert at_once.n_iter_ <= FIRST_PASSES
    assert -1e-12 <= at_once.lower_bound_ - before < 1e-7
