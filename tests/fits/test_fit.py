"""A fit: which starts run, which is kept, who looks on, and what is asked of the data."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.data.extent import Extent
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample
from fastgmm.em.e_step import Passes, expectation
from fastgmm.em.loop import run_em
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.run import Iteration, Run
from fastgmm.em.stopping import Stopping
from fastgmm.em.trail import LENGTH, Moments, Trail
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits.fit import fit
from fastgmm.fits.plan import Hooks, Plan, Settings
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import Start
from support import correlated_mixture

K, D = 3, 2


class Watched(RowData):
    """Rows that note what is asked of them."""

    def __init__(self, rows: np.ndarray, sample_weight: np.ndarray | None = None) -> None:
        super().__init__(rows, sample_weight, 1)
        self.asked: list[str] = []
        self.seeds: list[int] = []

    def go_on(self, extent: Extent) -> None:
        self.asked.append("go_on")
        super().go_on(extent)

    def sample(self, seed: int, size: int) -> Sample:
        self.asked.append("sample")
        self.seeds.append(seed)
        return super().sample(seed, size)

    def pass_over(self, make: Any) -> Any:
        self.asked.append("pass")
        return super().pass_over(make)


def plan_of(kind: Any = "full", **changes: Any) -> Plan:
    """Return a plan; what it is not told of settings and start goes to the plan itself."""
    stopping = Stopping(changes.pop("tol", 1e-4), None, False, changes.pop("max_iter", 50))
    regularizing = Regularizing(changes.pop("reg_covar", 1e-6), None, kind, K)
    n_init = changes.pop("n_init", 1)
    settings = Settings(stopping, regularizing, on_collapse=changes.pop("on_collapse", "repair"))
    method = changes.pop("method", "ward")
    start = {name: changes.pop(name, None) for name in ("weights", "means", "precisions")}
    plan = Plan(Start(method, K, kind, n_init=n_init, **start), settings, seed=3)
    return replace(plan, **changes)


def complete(mixture: Mixture) -> dict[str, Any]:
    return {
        "weights": mixture.weights,
        "means": mixture.means,
        "precisions": mixture.precisions,
    }


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return correlated_mixture(K, D, rng, separation=1.5).sample(400, rng)[0]


@pytest.fixture
def mixture(covariance_type: Any, rng: np.random.Generator) -> Mixture:
    truth = correlated_mixture(K, D, rng, separation=1.5)
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


def same(one: Mixture | None, other: Mixture | None) -> bool:
    assert one is not None
    assert other is not None
    names = ("weights", "means", "covariances", "factors")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


def test_a_fit_of_given_parameters_is_em_from_there(
    covariance_type: Any, mixture: Mixture, rows: np.ndarray
) -> None:
    """It draws no sample: each look at the rows is a pass, or in the middle of compiled ones."""
    data, plan = Watched(rows), plan_of(covariance_type, **complete(mixture))
    found = fit(data, plan)
    assert set(data.asked) <= {"pass"}
    assert len(data.asked) <= found.run.n_passes
    begin = Mixture.from_precisions(
        mixture.weights, mixture.means, mixture.precisions, covariance_type
    )
    rules = Rules(plan.settings.stopping, found.run.regularization)
    passes = Passes(RowData(rows, None, 1), covariance_type, K, found.run.regularization.reg_covar)
    expected = run_em(rules.begun(begin), passes, rules)
    assert found.run.lower_bounds == expected.lower_bounds
    assert same(found.run.mixture, expected.mixture)
    (only,) = found.initializations
    assert (only.index, only.chosen, only.failure) == (0, True, None)
    assert only.lower_bound == found.run.lower_bound


@pytest.mark.parametrize("same_rows", [True, False])
def test_a_warm_fit_has_one_run_and_a_trail(
    same_rows: bool, covariance_type: Any, mixture: Mixture, rows: np.ndarray
) -> None:
    """Which counts only where it is of the same rows."""
    changes: list[float] = []
    of = RowData(rows if same_rows else rows[1:].copy(), None, 1)
    moments = Moments.of(expectation(mixture, of))
    trail = Trail((-9.0,), moments, Regularization.of(1e-6))
    plan = plan_of(covariance_type, warm=mixture, trail=trail, n_init=4, method="random")
    data = Watched(rows)
    found = fit(data, plan, Hooks(lambda iteration: changes.append(iteration.change)))
    assert "sample" not in data.asked
    assert len(found.initializations) == 1
    assert changes[0] == (found.run.lower_bounds[0] + 9.0 if same_rows else np.inf)
    passed = found.run.passed
    assert passed is not None
    known = [-9.0, *found.run.lower_bounds] if same_rows else found.run.lower_bounds
    assert list(passed.lower_bounds) == known[-LENGTH:]
    given = fit(RowData(rows, None, 1), plan_of(covariance_type, **complete(mixture))).run
    assert found.run.lower_bounds[0] == pytest.approx(given.lower_bounds[0], rel=1e-12)


@pytest.mark.parametrize("method", ["random", "kmeans", "k-means++"])
def test_the_best_of_the_starts_is_kept(method: str, rows: np.ndarray) -> None:
    seen: list[Iteration] = []
    found = fit(Watched(rows), plan_of(method=method, n_init=4, max_iter=8), Hooks(seen.append))
    assert [one.index for one in found.initializations] == [0, 1, 2, 3]
    assert sorted({one.init for one in seen}) == [0, 1, 2, 3]
    last = {one.init: one.lower_bound for one in seen}
    assert [one.lower_bound for one in found.initializations] == list(last.values())
    (chosen,) = [one for one in found.initializations if one.chosen]
    assert chosen.lower_bound == max(last.values()) == found.run.lower_bound
    alone = [fit(Watched(rows), plan_of(method=method, max_iter=8))]
    assert alone[0].run.lower_bound == last[0]  # the first start is that of a fit with one


def test_each_start_of_ward_runs_where_runs_are_cheap(rows: np.ndarray) -> None:
    seen: list[Iteration] = []
    found = fit(Watched(rows), plan_of(n_init=3), Hooks(seen.append))
    assert {one.init for one in seen} == {0, 1, 2}
    last = {one.init: one.lower_bound for one in seen}
    assert [one.lower_bound for one in found.initializations] == list(last.values())
    (chosen,) = [one for one in found.initializations if one.chosen]
    assert chosen.lower_bound == max(last.values()) == found.run.lower_bound
    alone = fit(Watched(rows), plan_of())
    assert alone.run.lower_bound == last[0]


def test_candidates_of_ward_are_compared_where_runs_are_dear(
    rows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best of them runs, and the first start as it is alone."""
    monkeypatch.setattr("fastgmm.starts.turns.COST", 0)
    seen: list[Iteration] = []
    found = fit(Watched(rows), plan_of(n_init=5), Hooks(seen.append))
    assert {one.init for one in seen} <= {0, 1}
    assert [one.index for one in found.initializations] == [0, 1, 2, 3, 4]
    assert sum(one.chosen for one in found.initializations) == 1
    last = {one.init: one.lower_bound for one in seen}
    assert found.run.lower_bound == max(last.values())
    alone = fit(Watched(rows), plan_of())
    assert alone.run.lower_bound in last.values()


@pytest.mark.parametrize("cost", [0, 10**9])
def test_the_runner_up_goes_on_where_the_chosen_one_degenerates(
    cost: int, rows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever candidates do: a fit fails only if all do."""
    from fastgmm.fits import fit as module

    monkeypatch.setattr("fastgmm.starts.turns.COST", cost)
    # The kernel of small fits leaves to the steps what has to be decided.
    monkeypatch.setattr(module, "small_run", lambda *_: None)
    real, begun = module.run_em, []

    def all_but_the(survivor: int) -> Any:
        def failing(run: Run, *args: Any) -> Run:
            begun.append(run.mixture)
            if len(begun) - 1 == survivor:
                return real(run, *args)
            error = IllDefinedCovarianceError(f"turn {len(begun) - 1}")
            return Run(None, -np.inf, failure=error)

        return failing

    for n_init in (1, 4):
        begun.clear()
        monkeypatch.setattr(module, "run_em", all_but_the(-1))
        with pytest.raises(IllDefinedCovarianceError, match="turn"):
            fit(RowData(rows), plan_of(n_init=n_init))
        n_candidates = len(begun)
        assert len({one.means.tobytes() for one in begun if one is not None}) == n_candidates
        assert n_candidates > n_init
        for survivor in (0, n_init, n_candidates - 1):
            begun.clear()
            monkeypatch.setattr(module, "run_em", all_but_the(survivor))
            found = fit(RowData(rows), plan_of(n_init=n_init))
            assert found.run.mixture is not None
            assert len(found.initializations) == n_init
            (chosen,) = [one for one in found.initializations if one.chosen]
            assert chosen.failure is None
            assert [one.failure is None for one in found.initializations].count(True) >= 1


def test_a_run_that_ends_weak_loses(monkeypatch: pytest.MonkeyPatch, rows: np.ndarray) -> None:
    """However high its bound."""
    from fastgmm.fits import fit as module

    real = module.run_em

    def one_weak(run: Run, *args: Any) -> Run:
        ended = real(run, *args)
        assert ended.mixture is not None
        (watch,) = [one for one in args if hasattr(one, "init")]
        if watch.init != 1:
            return ended
        weights = np.array([0.001, 0.5, 0.499])
        return replace(ended, lower_bound=100.0, mixture=replace(ended.mixture, weights=weights))

    monkeypatch.setattr(module, "run_em", one_weak)
    found = fit(RowData(rows), plan_of(method="kmeans", n_init=3))
    assert found.run.lower_bound < 100.0
    assert [one.lower_bound == 100.0 for one in found.initializations] == [False, True, False]
    assert not found.initializations[1].chosen


def singular(rng: np.random.Generator) -> np.ndarray:
    """Return rows of which most are one row: a start that separates them has no covariance."""
    return np.concatenate([np.zeros((50, D)), rng.standard_normal((6, D))])


def test_all_starts_that_degenerate_are_an_error(rng: np.random.Generator) -> None:
    for n_init in (1, 3):
        plan = plan_of(reg_covar=0.0, on_collapse="raise", n_init=n_init)
        with pytest.raises(IllDefinedCovarianceError):
            fit(RowData(singular(rng)), plan)


def test_a_start_that_degenerates_is_dropped(monkeypatch: pytest.MonkeyPatch, rows: Any) -> None:
    from fastgmm.fits import beginnings as module

    real = module.initial_parameters

    def failing(draws: Any, start: Any, dtype: Any, index: int) -> Mixture:
        if index in (0, 2):
            raise IllDefinedCovarianceError("no volume")
        return real(draws, start, dtype, index)

    monkeypatch.setattr(module, "initial_parameters", failing)
    found = fit(RowData(rows), plan_of(method="random", n_init=4))
    failures = [one.failure for one in found.initializations]
    assert failures == ["no volume", None, "no volume", None]
    assert [one.lower_bound == -np.inf for one in found.initializations] == [True, False] * 2
    assert found.run.mixture is not None
    assert sum(one.chosen for one in found.initializations) == 1


@pytest.mark.parametrize("n_init", [1, 3])
def test_the_seed_is_the_plans(n_init: int, rows: np.ndarray) -> None:
    plan = plan_of(method="random", n_init=n_init, max_iter=3)
    data = Watched(rows)
    found = [fit(each, plan) for each in (data, Watched(rows))]
    assert same(found[0].run.mixture, found[1].run.mixture)
    assert data.seeds == [3]  # the starts share one sample
    other = fit(Watched(rows), replace(plan, seed=4))
    assert not same(found[0].run.mixture, other.run.mixture)
    drawn = [Watched(rows), Watched(rows)]
    for each in drawn:
        fit(each, replace(plan, seed=None, random_state=5))
    assert drawn[0].seeds == drawn[1].seeds != [5]


def test_a_sample_that_fits_share_is_not_drawn_again(
    rows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A fit of one call asks for no sample.
    monkeypatch.setattr("fastgmm.fits.fit.small_run", lambda *_: None)
    data = Watched(rows)
    own = fit(data, plan_of(), Hooks(lambda _: None))  # who is looked on at goes step by step
    sample = RowData(rows).sample(3, 10_000)
    shared = Watched(rows)
    found = fit(shared, plan_of(sample=sample))
    assert "sample" in data.asked
    assert "sample" not in shared.asked
    assert same(found.run.mixture, own.run.mixture)


def test_a_ridge_that_needs_rows_is_made_of_the_sample(rows: np.ndarray, mixture: Mixture) -> None:
    kind = mixture.covariance_type
    data = Watched(rows)
    found = fit(data, plan_of(kind, reg_covar="auto", **complete(mixture))).run
    assert data.asked[0] == "sample"
    expected = 1e-6 * rows.var(axis=0, ddof=1)
    if not kind.endswith("spherical"):
        np.testing.assert_allclose(found.regularization.reg_covar, expected, rtol=0.01)


def test_too_few_rows(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        fit(RowData(rows[:2]), plan_of())
    weight = np.zeros(400)
    weight[:2] = 1.0
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        fit(RowData(rows, weight), plan_of())


# ---------------------------------------------------------------- hooks


def test_hooks_see_every_pass(rows: np.ndarray) -> None:
    iterations: list[Iteration] = []
    runs: list[Run] = []
    hooks = Hooks(iterations.append, after_pass=lambda run: runs.append(run()))
    found = fit(RowData(rows), plan_of(tol=1e-6, max_iter=2000), hooks)
    assert [one.n_iter for one in iterations] == list(range(1, found.run.n_iter + 1))
    assert [one.lower_bound for one in iterations] == found.run.lower_bounds
    assert [len(run.lower_bounds) for run in runs] == [one.n_iter for one in iterations]
    assert runs[-1] is found.run
    assert [run.converged for run in runs] == [False] * (len(runs) - 1) + [True]
    assert iterations[0].change == np.inf
    gains = np.diff(found.run.lower_bounds)
    np.testing.assert_array_equal([one.change for one in iterations[1:]], gains)


@pytest.mark.parametrize("answer", [True, np.True_, 1, "yes", None])
def test_only_true_ends_a_start(answer: Any, rows: np.ndarray) -> None:
    runs: list[Run] = []
    hooks = Hooks(
        lambda iteration: answer if iteration.n_iter == 3 else None,
        after_pass=lambda run: runs.append(run()),
    )
    found = fit(RowData(rows), plan_of(tol=0.0, max_iter=6), hooks)
    ended = isinstance(answer, bool | np.bool_)
    assert found.run.stopped == ended
    assert found.run.n_iter == (3 if ended else 6)
    assert runs[-1].stopped == ended  # what looks on after the pass knows it
