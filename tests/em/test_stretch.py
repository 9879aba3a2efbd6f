"""Compiled iterations end where the loop would decide, and have its bits."""

import contextlib
import json
import signal
import warnings
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

from fastgmm import GaussianMixture
from fastgmm.archive import codec
from fastgmm.data.batches import BatchData
from fastgmm.data.passes import Data
from fastgmm.data.rows import RowData
from fastgmm.em.acceleration import Search
from fastgmm.em.e_step import Passes, expectation
from fastgmm.em.loop import run_em
from fastgmm.em.m_step import MaximumLikelihood, maximization
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.run import Run
from fastgmm.em.stopping import Stopping
from fastgmm.em.stretch import FixedIterations, Spares, stretches_over
from fastgmm.mixture.mixture import Mixture
from fastgmm.validation.batches import CheckedBatches
from support import correlated_mixture

RIDGE = Regularization.of(1e-6)
RULES = Rules(Stopping(0.0, None, both=False, max_iter=60), RIDGE, "lbfgs")
ARRAYS = ("weights", "means", "covariances", "factors", "inverse_factors")


def begun(n_components: int, covariance_type: Any, rows: NDArray[Any]) -> Mixture:
    """Return a mixture at some of the rows, with their common covariance."""
    matrix = np.atleast_2d(np.cov(rows.T.astype(np.float64)))
    one = {
        "full": matrix,
        "diag": np.diagonal(matrix),
        "spherical": np.asarray(np.trace(matrix) / len(matrix)),
    }[covariance_type.replace("tied_", "").replace("tied", "full")]
    tied = covariance_type.startswith("tied")
    covariances = np.array(one if tied else np.stack([one] * n_components))
    means = rows[:: len(rows) // n_components][:n_components].astype(np.float64)
    weights = np.full(n_components, 1.0 / n_components)
    return Mixture.from_covariances(weights, means, covariances, covariance_type, rows.dtype)


def fitted(
    rows: NDArray[Any],
    by_loop: bool,
    sample_weight: NDArray[np.float64] | None = None,
    callback: Any = None,
    **params: Any,
) -> GaussianMixture:
    """Return a fit by compiled iterations, or by the loop alone."""
    model = GaussianMixture(random_state=0, **params)
    none = mock.patch("fastgmm.fits.fit.stretches_over", return_value=None)
    with warnings.catch_warnings(), none if by_loop else contextlib.nullcontext():
        warnings.simplefilter("ignore")
        return model.fit(rows, sample_weight=sample_weight, callback=callback)


def assert_same(one: GaussianMixture, other: GaussianMixture) -> None:
    """Assert that two fits have the same bits and tell the same story."""
    assert one.lower_bounds_ == other.lower_bounds_
    assert one.repairs_ == other.repairs_
    for name in ("n_iter_", "n_passes_", "converged_", "gap_", "lower_bound_"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("acceleration", [None, "auto"])
def test_a_fit_has_the_bits_of_the_loop(
    covariance_type: str, dtype: type, acceleration: str | None, rng: np.random.Generator
) -> None:
    for k, d in ((1, 1), (3, 2), (5, 9)):
        rows = correlated_mixture(k, d, rng, separation=1.5).sample(400, rng)[0].astype(dtype)
        params = {
            "n_components": k,
            "covariance_type": covariance_type,
            "acceleration": acceleration,
            "tol": 1e-5,
        }
        assert_same(fitted(rows, False, **params), fitted(rows, True, **params))


def test_weights_and_ridges_by_feature(rows: NDArray[np.float64], covariance_type: str) -> None:
    weight = np.random.default_rng(1).uniform(0.2, 3.0, len(rows))
    params = {"n_components": 4, "covariance_type": covariance_type, "reg_covar": "auto"}
    assert_same(*(fitted(rows, by_loop, weight, **params) for by_loop in (False, True)))


@pytest.mark.parametrize("max_iter", [1, 2, 5, 16, 17, 40])
def test_no_iteration_too_many(max_iter: int, rows: NDArray[np.float64]) -> None:
    params = {"n_components": 4, "tol": 0.0, "acceleration": None, "max_iter": max_iter}
    model = fitted(rows, False, **params)
    assert model.n_iter_ == max_iter
    assert_same(model, fitted(rows, True, **params))


@pytest.mark.parametrize("on_collapse", ["repair", "warn"])
def test_what_collapses_is_repaired(on_collapse: str, rng: np.random.Generator) -> None:
    rows = np.r_[rng.normal(size=(200, 2)), np.repeat([[9.0, 9.0]], 20, axis=0)]
    means = np.array([[0.0, 0.0], [9.0, 9.0], [1e5, 0.0]])
    params = {"n_components": 3, "means_init": means, "on_collapse": on_collapse, "max_iter": 30}
    model = fitted(rows, False, **params)
    assert model.repairs_
    assert_same(model, fitted(rows, True, **params))


def test_a_warm_start_goes_on_with_its_history(rows: NDArray[np.float64]) -> None:
    models = []
    for by_loop in (False, True):
        model = GaussianMixture(4, random_state=0, max_iter=3, warm_start=True)
        none = mock.patch("fastgmm.fits.fit.stretches_over", return_value=None)
        with warnings.catch_warnings(), none if by_loop else contextlib.nullcontext():
            warnings.simplefilter("ignore")
            for _ in range(4):
                model.fit(rows)
        models.append(model)
    assert_same(*models)


@pytest.mark.parametrize("acceleration", [None, "lbfgs"])
def test_a_callback_changes_nothing(
    covariance_type: str, acceleration: str | None, rows: NDArray[np.float64]
) -> None:
    """Nor does it where it stops the run."""
    params = {"n_components": 3, "covariance_type": covariance_type, "acceleration": acceleration}
    params |= {"tol": 0.0, "max_iter": 40}
    seen: list[Any] = []
    model = fitted(rows, False, callback=seen.append, **params)
    assert_same(model, fitted(rows, False, **params))
    assert [one.lower_bound for one in seen] == model.lower_bounds_
    assert [one.change for one in seen[1:]] == np.diff(model.lower_bounds_).tolist()
    stopped = fitted(rows, False, callback=lambda one: one.n_iter == 25, **params)
    assert_same(stopped, fitted(rows, True, callback=lambda one: one.n_iter == 25, **params))
    assert stopped.n_iter_ == 25


class Keeper:
    """Whoever keeps runs as they pass."""

    idle, keeps = False, True

    def cancelled(self) -> bool:
        """Go on."""
        return False

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, ...]] = []

    def iterated(self, run: Run, change: float) -> bool:
        """Go on."""
        return False

    def passed(self, run: Run) -> None:
        """Keep what can be seen of the run."""
        facts, arrays = codec.describe(run)
        contents = (arrays[name].tobytes() for name in sorted(arrays))
        self.kept.append((json.dumps(facts).encode(), *contents))


def test_who_keeps_runs_sees_those_of_the_loop(covariance_type: str, seed: int) -> None:
    """After each iteration, as a checkpoint would write them, searches included."""
    rng = np.random.default_rng(seed)
    rows = correlated_mixture(3, 2, rng, separation=1.0).sample(500, rng)[0]
    data, mixture = RowData(rows), begun(3, covariance_type, rows)
    passes, keepers = Passes(data, covariance_type, 3, RIDGE.reg_covar), (Keeper(), Keeper())
    stretches = stretches_over(data, covariance_type, 3, RULES)
    for keeper, of_run in zip(keepers, (None, stretches), strict=True):
        run = run_em(RULES.begun(mixture), passes, RULES, observer=keeper, stretches=of_run)
        assert run.search is not None
    assert len(keepers[0].kept) == 60
    assert keepers[0].kept == keepers[1].kept


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_ahead_have_the_same_bits(
    covariance_type: str, dtype: type, weighted: bool, seed: int
) -> None:
    """Of rows that overlap, so that there are many, of which some fail."""
    rng = np.random.default_rng(seed)
    n_failed = 0
    for k, d in ((2, 1), (4, 3), (3, 35)):
        rows = correlated_mixture(k, d, rng, separation=1.0).sample(500, rng)[0].astype(dtype)
        weight = rng.uniform(0.0, 3.0, len(rows)) if weighted else None
        params = {"covariance_type": covariance_type, "acceleration": "lbfgs", "n_components": k}
        params |= {"tol": 0.0, "max_iter": 50, "reg_covar": 1e-3}
        models = [fitted(rows, by_loop, weight, **params) for by_loop in (False, True)]
        assert_same(*models)
        n_failed += models[0].n_passes_ - models[0].n_iter_
    assert n_failed > 0


@pytest.mark.parametrize("settings", [{"tol": 1e-6}, {"gap_tol": 1e-9}, {"tol": 1e-13}])
def test_the_end_is_the_same(settings: dict[str, float], covariance_type: str) -> None:
    rng = np.random.default_rng(3)
    rows = correlated_mixture(3, 2, rng, separation=1.0).sample(1000, rng)[0]
    for dtype in (np.float32, np.float64):
        params = {"n_components": 3, "covariance_type": covariance_type, "max_iter": 400}
        params |= settings
        model = fitted(rows.astype(dtype), False, **params)
        assert model.n_iter_ < 400
        assert_same(model, fitted(rows.astype(dtype), True, **params))


class Halting:
    """Stretches of three iterations, of which every fourth does not begin."""

    def __init__(self, data: RowData, kind: Any, k: int, rules: Rules) -> None:
        self._of, self._rules, self.n_calls, self.searches = (data, kind, k), rules, 0, 0

    def whole(self, run: Run) -> Run:
        """Give runs as they are: they have their mixtures."""
        return run

    @property
    def n_components(self) -> int:
        """The number of components."""
        return self._of[2]

    def take(self, mixture: Mixture | None) -> bool:
        """Take every mixture."""
        return True

    def hold(self, held: np.ndarray) -> None:
        """Nothing collapses here."""
        assert not held.any()

    def gone_on(self, run: Run, repairs: Any, most: int, whole: bool) -> Run | None:
        """Go on for some iterations."""
        self.n_calls += 1
        self.searches += run.search is not None
        if self.n_calls % 4 == 0:
            return None
        stopping = self._rules.stopping
        until = replace(stopping, max_iter=min(run.n_iter + 3, stopping.max_iter))
        stretches = stretches_over(*self._of, replace(self._rules, stopping=until))
        assert stretches is not None
        return stretches.gone_on(run, repairs, most, whole)


def test_a_search_changes_hands(covariance_type: str, seed: int) -> None:
    """Between the loop and compiled iterations, and back: all that it knows comes along."""
    rng = np.random.default_rng(seed)
    rows = correlated_mixture(3, 2, rng, separation=1.0).sample(500, rng)[0]
    data, mixture = RowData(rows), begun(3, covariance_type, rows)
    passes = Passes(data, covariance_type, 3, RIDGE.reg_covar)
    expected = run_em(RULES.begun(mixture), passes, RULES)
    halting: Any = Halting(data, covariance_type, 3, RULES)
    run = run_em(RULES.begun(mixture), passes, RULES, stretches=halting)
    assert halting.searches > 4
    assert run.lower_bounds == expected.lower_bounds
    assert (run.n_iter, run.n_passes, run.gap) == (60, expected.n_passes, expected.gap)
    assert expected.n_passes > 60
    assert run.mixture is not None
    assert expected.mixture is not None
    for name in ARRAYS:
        assert np.array_equal(getattr(run.mixture, name), getattr(expected.mixture, name)), name
    assert run.trail is not None
    assert expected.trail is not None
    assert np.array_equal(run.trail.moments.variances, expected.trail.moments.variances)
    assert np.array_equal(run.trail.moments.mean, expected.trail.moments.mean)


def test_a_search_is_handed_back_as_the_loop_has_it(covariance_type: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = correlated_mixture(3, 2, rng, separation=1.0).sample(500, rng)[0]
    data, mixture = RowData(rows), begun(3, covariance_type, rows)
    passes = Passes(data, covariance_type, 3, RIDGE.reg_covar)
    for n in (30, 41, 55):
        rules = replace(RULES, stopping=replace(RULES.stopping, max_iter=n))
        stretches = stretches_over(data, covariance_type, 3, rules)
        runs = [run_em(rules.begun(mixture), passes, rules, stretches=s) for s in (None, stretches)]
        one, other = (run.search for run in runs)
        assert isinstance(one, Search)
        assert isinstance(other, Search)
        assert len(one.steps) == len(other.steps) > 0
        pairs = zip((*one.steps, *one.changes), (*other.steps, *other.changes), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
        for name in ("gradient", "step", "em_step", "held"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        for name in ("radius", "value", "gap", "failures", "falls", "weight"):
            assert getattr(one, name) == getattr(other, name), name
        assert (one.step is one.em_step) == (other.step is other.em_step)
        ahead = [run.ahead for run in runs]
        assert (ahead[0] is None) == (ahead[1] is None)
        if ahead[0] is not None:
            assert np.array_equal(ahead[0].factors, ahead[1].factors)  # type: ignore[union-attr]
        other.check_for(mixture)


def test_sums_that_become_too_imprecise_on_the_way(rng: np.random.Generator) -> None:
    """Nearly dependent columns in float32: the loop makes those iterations, search and all."""
    base = rng.normal(size=(600, 2))
    noise = rng.normal(size=600)
    for deviation in (0.05, 0.02, 0.01):
        rows = np.c_[base, base.sum(axis=1) + deviation * noise].astype(np.float32)
        params = {"n_components": 3, "tol": 1e-6, "max_iter": 120, "acceleration": "lbfgs"}
        assert_same(fitted(rows, False, **params), fitted(rows, True, **params))


def test_an_interrupt_is_heard(rows: NDArray[np.float64]) -> None:
    """The compiled loop comes back to see whether the user has pressed Ctrl-C."""

    def handler(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handler)
    many = np.concatenate([rows + 0.01 * i for i in range(10)])
    model = GaussianMixture(8, tol=0.0, max_iter=10**7, acceleration=None, random_state=0)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            model.fit(many)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_only_what_the_kernel_can_do_is_compiled(rows: NDArray[np.float64]) -> None:
    class Own(MaximumLikelihood):
        """A family of somebody else."""

    data = RowData(rows)
    assert stretches_over(data, "full", 3, RULES) is not None
    assert stretches_over(data, "full", 3, replace(RULES, family=Own())) is None
    prior = Regularization(prior=Prior(np.zeros(3), 1.0, 5.0, np.eye(3)))
    assert stretches_over(data, "full", 3, replace(RULES, regularization=prior)) is None
    many = RowData(np.zeros((100_000, 2)))
    assert stretches_over(many, "full", 3, RULES) is None
    wide = RowData(np.zeros((10, 400)))
    assert stretches_over(wide, "diag", 3, RULES) is not None
    assert stretches_over(wide, "full", 3, RULES) is None
    light = RowData(rows, np.full(len(rows), 1e-20))
    assert stretches_over(light, "full", 3, RULES) is None
    batches = BatchData(CheckedBatches([rows], "fit_batches"), None)
    batches.peek()
    assert stretches_over(batches, "full", 3, RULES) is None


def iterated(mixture: Mixture, data: Data, n: int, ridge: Regularization) -> Mixture:
    """EM from a mixture for n iterations."""
    k = mixture.n_components
    iterations = FixedIterations(data, mixture.covariance_type, k, ridge)
    return iterations.go_on([mixture], [n], 1.0, 1e9)[0].mixture


def test_spares_give_the_bits_of_new_ones(rows: NDArray[np.float64], covariance_type: str) -> None:
    """What has worked for other rows, of another number and weight, remembers nothing of them."""
    spares, rules = Spares(), replace(RULES, acceleration="lbfgs")

    def ended(data: RowData, kept: Spares | None) -> Run:
        stretches = stretches_over(data, covariance_type, 3, rules, kept)
        assert stretches is not None
        run = stretches.gone_on(rules.begun(begun(3, covariance_type, data.rows)), (), 30)
        assert run is not None
        stretches.end()
        return run

    weighted = RowData(rows[:200].copy(), np.linspace(0.5, 3.0, 200))
    for data in (weighted, RowData(rows), RowData(rows[:150].copy()), weighted):
        one, other = ended(data, spares), ended(data, None)
        assert one.lower_bounds == other.lower_bounds
        assert np.array_equal(one.mixture.covariances, other.mixture.covariances)
    assert spares.take((np.dtype(np.float32), 3, b"")) is None


@pytest.mark.parametrize("n", [0, 1, 7, 40])
def test_iterated(n: int, rows: NDArray[np.float64], covariance_type: str) -> None:
    data, mixture = RowData(rows), begun(3, covariance_type, rows)
    got = iterated(mixture, data, n, RIDGE)
    for _ in range(n):
        mixture = maximization(expectation(mixture, data, reg_covar=1e-6), RIDGE)
    assert np.array_equal(got.means, mixture.means)
    assert np.array_equal(got.covariances, mixture.covariances)


def test_the_bound_of_what_is_reached(rows: NDArray[np.float64], covariance_type: str) -> None:
    begin = begun(3, covariance_type, rows)
    for data in (RowData(rows), BatchData(CheckedBatches([rows], "fit_batches"), None)):
        if isinstance(data, BatchData):
            data.peek()
        iterations = FixedIterations(data, covariance_type, 3, RIDGE)
        mixture, bound, _, left = iterations.go_on([begin], [5], 1.0, 1e9)[0]
        assert left == 0
        assert np.array_equal(mixture.means, iterated(begin, data, 5, RIDGE).means)
        statistics = expectation(mixture, data, reg_covar=1e-6)
        assert bound == statistics.log_likelihood / statistics.weight


def test_iterated_goes_on_where_a_component_is_lost(rows: NDArray[np.float64]) -> None:
    begin = begun(3, "full", rows)
    means = begin.means.copy()
    means[0] = 1e3
    mixture = Mixture.from_covariances(begin.weights, means, begin.covariances, "full")
    got = iterated(mixture, RowData(rows), 3, RIDGE)
    assert got.weights[0] == 0.0


def test_iterated_says_where_a_covariance_is_singular(rows: NDArray[np.float64]) -> None:
    flat = np.c_[rows[:, 0], rows[:, 0]]
    mixture = begun(2, "diag", flat)
    full = np.stack([np.diag(variances) for variances in mixture.covariances])
    mixture = Mixture.from_covariances(mixture.weights, mixture.means, full, "full")
    iterations = FixedIterations(RowData(flat), "full", 2, Regularization())
    (failed,) = iterations.go_on([mixture], [3], 1.0, 1e9)
    assert (failed.promise, failed.weak) == (-np.inf, True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("on_collapse", ["repair", "warn"])
@pytest.mark.parametrize("seed", range(6))
def test_held_components_end_no_stretch(
    seed: int, on_collapse: str, covariance_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Components that collapse, and are held or moved again and again, give the loop's bits."""
    rng = np.random.default_rng(seed)
    n_components = int(rng.integers(2, 9))
    rows = rng.normal(size=(6 * n_components, 3))
    rows[: len(rows) // 3] = rows[0]
    means = np.concatenate([rows[: n_components - 1], rows[:1] + 1e3])

    def fitted() -> GaussianMixture:
        model = GaussianMixture(
            n_components,
            covariance_type=covariance_type,
            means_init=means,
            random_state=0,
            on_collapse=on_collapse,
        )
        return model.fit(rows)

    one = fitted()
    monkeypatch.setattr("fastgmm.fits.fit.stretches_over", lambda *_: None)
    other = fitted()
    assert np.array_equal(one.means_, other.means_)
    assert np.array_equal(one.covariances_, other.covariances_)
    assert one.repairs_ == other.repairs_
    assert one.lower_bounds_ == other.lower_bounds_
