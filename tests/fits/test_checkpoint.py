"""Checkpoints: a fit that is stopped anywhere goes on to the same bytes, from a value alone."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.archive import codec
from fastgmm.data.batches import BatchData
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Regularization
from fastgmm.em.stopping import Stopping
from fastgmm.fits.checkpoint import Checkpointed
from fastgmm.fits.fit import Fit, fit
from fastgmm.fits.plan import Hooks, Plan, Settings
from fastgmm.starts.points import Start
from fastgmm.validation.batches import CheckedBatches
from support import correlated_mixture


class Stop(BaseException):
    """What ends a process at any moment."""


class Kept:
    """A checkpoint in memory, as bytes would hold it; it stops the fit after so many passes."""

    def __init__(self, saved: Any = None, passes: int | None = None) -> None:
        self.saved, self.passes, self.n_saved = saved, passes, 0

    def load(self) -> Checkpointed | None:
        if self.saved is None:
            return None
        facts, arrays = self.saved
        return codec.restore(Checkpointed, json.loads(facts), arrays)

    def save(self, checkpointed: Checkpointed) -> None:
        facts, arrays = codec.describe(checkpointed)
        copied = {name: array.copy() for name, array in arrays.items()}
        self.saved = json.dumps(facts), copied
        self.n_saved += 1
        if self.n_saved == self.passes:
            raise Stop


def plan_of(kind: Any, method: Any, n_init: int) -> Plan:
    settings = Settings(
        Stopping(1e-6, None, False, 25), Regularizing("auto", None, kind, 3), "lbfgs"
    )
    return Plan(Start(method, 3, kind, n_init=n_init), settings, random_state=0)


def run(rows: np.ndarray, plan: Plan, kept: Kept | None) -> Fit | None:
    batches = CheckedBatches(np.array_split(rows, 3), "fit_batches", n_threads=1)
    data = BatchData(batches, 1)
    data.peek()
    try:
        return fit(data, plan, Hooks(checkpoint=kept))
    except Stop:
        return None


def bytes_of(found: Fit | None) -> Any:
    assert found is not None
    assert found.run.mixture is not None
    arrays = [getattr(found.run.mixture, name) for name in ("weights", "means", "covariances")]
    reached = [(one.index, one.lower_bound, one.chosen) for one in found.initializations]
    return [a.tobytes() for a in arrays], found.run.lower_bounds, found.run.n_passes, reached


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return correlated_mixture(3, 2, rng, separation=1.0).sample(300, rng)[0]


@pytest.mark.parametrize(
    ("kind", "method", "n_init", "cost"),
    [
        ("full", "ward", 1, 10**9),
        ("tied_diag", "ward", 3, 10**9),
        ("diag", "ward", 3, 0),
        ("spherical", "random", 2, 0),
    ],
)
def test_a_fit_goes_on_from_any_pass(
    kind: str, method: str, n_init: int, cost: int, rows: np.ndarray, monkeypatch: Any
) -> None:
    """The seed of the plan is drawn anew each time: the checkpoint knows that of the first.

    Where runs cost too much for each of Ward's starts to have one, the starts are compared.
    """
    monkeypatch.setattr("fastgmm.starts.turns.COST", cost)
    plan = plan_of(kind, method, n_init)
    whole = Kept()
    expected = run(rows, replace(plan, random_state=np.random.default_rng(7)), whole)
    for passes in (1, whole.n_saved // 2, whole.n_saved):
        kept = Kept(passes=passes)
        assert run(rows, replace(plan, random_state=np.random.default_rng(7)), kept) is None
        found = run(rows, plan, Kept(kept.saved))
        assert bytes_of(found) == bytes_of(expected)
    assert bytes_of(run(rows, plan, Kept(whole.saved))) == bytes_of(expected)  # it has ended


def test_what_a_checkpoint_says(rows: np.ndarray) -> None:
    kept = Kept(passes=4)
    assert run(rows, plan_of("full", "random", 3), kept) is None
    saved = kept.load()
    assert saved is not None
    assert (saved.init, saved.best, saved.reached, saved.names) == (0, None, (), None)
    assert saved.run.n_iter == len(saved.run.lower_bounds) == 4
    assert saved.extent.n_samples == len(rows)
    assert isinstance(saved.seed, int)
    # in a later start it knows the best of those before, and what they have reached
    while saved.init < 2:
        kept = Kept(kept.saved, passes=1)
        assert run(rows, plan_of("full", "random", 3), kept) is None
        saved = kept.load()
        assert saved is not None
    assert [one.index for one in saved.reached] == [0, 1]
    assert saved.best is not None
    assert saved.best.lower_bound == max(one.lower_bound for one in saved.reached)


def test_rows_that_differ_are_refused(rows: np.ndarray) -> None:
    kept = Kept(passes=2)
    plan = plan_of("full", "ward", 1)
    assert run(rows, plan, kept) is None
    with pytest.raises(ValueError, match="gave 200 rows of weight 200, and the first one 300"):
        run(rows[:200], plan, Kept(kept.saved))


def broken(saved: Checkpointed, what: str) -> Checkpointed:
    """Where a fit is, with one thing in it that cannot be."""
    run, search, extent = saved.run, saved.run.search, saved.extent
    assert search is not None
    changes: dict[str, dict[str, Any]] = {
        "a ridge below zero": {"run": replace(run, regularization=Regularization.of(-1.0))},
        "no mixture": {"run": replace(run, mixture=None)},
        "a count below zero": {"run": replace(run, n_iter=-5)},
        "a bound that is no number": {"run": replace(run, lower_bounds=[float("nan")])},
        "a step ahead of no search": {"run": replace(run, ahead=run.mixture, search=None)},
        "steps of another size": {"run": replace(run, search=replace(search, steps=[np.ones(2)]))},
        "rows of no weight": {"run": replace(run, search=replace(search, weight=0.0))},
        "no rows": {"extent": replace(extent, n_counted=0)},
        "weights that are no numbers": {"extent": replace(extent, weight=float("nan"))},
        "names of other columns": {"names": np.array(["a"], dtype=object)},
        "a seed below zero": {"seed": -1},
    }
    return replace(saved, **changes[what])


@pytest.mark.parametrize(
    "what",
    [
        "a ridge below zero",
        "no mixture",
        "a count below zero",
        "a bound that is no number",
        "a step ahead of no search",
        "steps of another size",
        "rows of no weight",
        "no rows",
        "weights that are no numbers",
        "names of other columns",
        "a seed below zero",
    ],
)
def test_where_no_fit_can_be_is_refused(what: str, rows: np.ndarray) -> None:
    kept = Kept(passes=14)
    assert run(rows, plan_of("full", "random", 1), kept) is None
    saved = kept.load()
    assert saved is not None
    assert codec.checked(saved).run.search is not None
    with pytest.raises((ValueError, TypeError)):
        codec.checked(broken(saved, what))


def test_rows_of_next_to_no_weight_are_rows(rows: np.ndarray) -> None:
    """A file may say so: their weight over their number is zero."""
    kept = Kept(passes=2)
    assert run(rows, plan_of("full", "ward", 1), kept) is None
    saved = kept.load()
    assert saved is not None
    light = replace(saved.extent, weight=5e-324, lightest=5e-324, heaviest=5e-324)
    later = Kept()
    later.save(codec.checked(replace(saved, extent=light)))
    with pytest.raises(ValueError, match="gave 300 rows of weight 300"):
        run(rows, plan_of("full", "ward", 1), later)


def test_a_checkpoint_of_another_fit_is_refused(rows: np.ndarray) -> None:
    kept = Kept(passes=2)
    assert run(rows, plan_of("full", "ward", 1), kept) is None
    saved = kept.load()
    assert saved is not None
    later = Kept()
    later.save(replace(saved, init=1000))
    for given, other in ((later, rows), (kept, rows[:, :1])):
        with pytest.raises(ValueError, match="remove the checkpoint's file"):
            run(other, plan_of("full", "ward", 1), Kept(given.saved))
