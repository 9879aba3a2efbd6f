"""Those who look on: who is asked, with what, and what their answers do."""

from typing import Any

import numpy as np
import pytest

from fastgmm.em.regularization import Regularization
from fastgmm.em.run import Iteration, Run
from fastgmm.fits.plan import Hooks
from fastgmm.fits.verbose import Reporter
from fastgmm.fits.watch import Watch


def run_of(bounds: tuple[float, ...]) -> Run:
    return Run(None, bounds[-1], lower_bounds=bounds, regularization=Regularization())


def watch_of(hooks: Hooks, **given: Any) -> tuple[Watch, list[Run]]:
    saved: list[Run] = []
    reporter = Reporter(given.pop("verbose", 0), 1, 3)
    return Watch(hooks, 3, reporter, 0.5, saved.append, lambda run: run), saved


def test_nobody_looks_on() -> None:
    watch, saved = watch_of(Hooks())
    assert watch.idle
    assert not watch.keeps
    assert not watch.cancelled()
    assert not watch.iterated(run_of((1.0,)), 0.1)
    watch.passed(run_of((1.0,)))
    assert not saved


@pytest.mark.parametrize(
    ("answer", "ends"), [(True, True), (np.True_, True), (False, False), (None, False), (1, False)]
)
def test_a_callback_sees_each_iteration_and_may_end_it(answer: object, ends: bool) -> None:
    seen: list[Iteration] = []

    def callback(iteration: Iteration) -> object:
        seen.append(iteration)
        return answer

    watch, _ = watch_of(Hooks(callback))
    assert not watch.idle
    assert watch.iterated(run_of((1.0, 2.0)), 1.0) is ends
    assert (seen[0].n_iter, seen[0].lower_bound, seen[0].change) == (2, 2.5, 1.0)


def test_printing_is_looking_on(capsys: pytest.CaptureFixture[str]) -> None:
    watch, _ = watch_of(Hooks(), verbose=1)
    assert not watch.idle
    assert not watch.iterated(run_of((1.0,)), 0.1)
    assert capsys.readouterr().out


def test_checkpoints_and_whole_passes() -> None:
    shown: list[Any] = []
    watch, saved = watch_of(Hooks(checkpoint=object(), after_pass=shown.append))  # type: ignore[arg-type]
    assert watch.keeps
    assert not watch.idle
    run = run_of((1.0,))
    watch.passed(run)
    assert saved == [run]
    assert shown[0]() is run
    asked = iter([False, True])
    watch, _ = watch_of(Hooks(cancelled=lambda: next(asked)))
    assert [watch.cancelled(), watch.cancelled()] == [False, True]
