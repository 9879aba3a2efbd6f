"""One state: another thread sees the old one or the new one, and what fails leaves the old one."""

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.em.run import Run
from fastgmm.estimators.state import Report, State
from fastgmm.fits.reached import Initialization
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings("ignore:Best performing")


@pytest.fixture
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return correlated_mixture(2, 2, rng).sample(600, rng)[0]


# ---------------------------------------------------------------- what it is


def test_a_report_is_that_of_the_run() -> None:
    run = Run(None, -2.0, 3, True, False, [-4.0, -3.0, -2.0], n_passes=5, gap=0.25)
    reached = (Initialization(0, -2.0, chosen=True),)
    report = Report.of_run(run, reached)
    assert report.lower_bounds == (-4.0, -3.0, -2.0)
    assert (report.converged, report.n_iter, report.n_passes) == (True, 3, 5)
    assert (report.lower_bound, report.gap, report.initializations) == (-2.0, 0.25, reached)
    run.lower_bounds.append(0.0)  # a list, which goes on
    assert report.lower_bounds == (-4.0, -3.0, -2.0)


def test_a_report_of_a_stream_counts_updates(rows: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).partial_fit(rows[:300]).partial_fit(rows[300:])
    assert model._state is not None
    assert model._state.learner is not None
    report = Report.of_stream(model._state.learner)
    assert report.n_iter == report.n_passes == model.n_iter_ > 1
    assert report.lower_bounds == tuple(model.stream_.log_density)
    assert report.lower_bound == model.stream_.mean
    assert report.initializations == ()


def test_a_state_does_not_change(rows: np.ndarray) -> None:
    state = GaussianMixture(2, random_state=0).fit(rows)._state
    assert state is not None
    for field in dataclasses.fields(State):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(state, field.name, None)
    assert state.mixture is not None
    with pytest.raises(ValueError, match="read-only"):
        state.mixture.means[0] = 0.0


def test_every_change_is_a_new_state(rows: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0)
    states = [model._state]
    for change in (
        lambda: model.fit(rows),
        lambda: model.fit_batches([rows]),
        lambda: model.m_step(model.e_step(rows)),
        lambda: model.partial_fit(rows),
        lambda: model.m_step(model.e_step(rows)),
        lambda: model.partial_fit(rows[:200]),
        lambda: model.fit_predict(rows),
    ):
        change()
        assert all(model._state is not old for old in states)
        states.append(model._state)


# ---------------------------------------------------------------- what fails


class Failing(Exception):
    """An error of the user's own."""


def raising(*args: Any) -> None:
    raise Failing


def broken(rows: np.ndarray, fails_in_walk: int) -> Callable[[], Any]:
    """Return batches of which a walk fails in the middle; the first is number 1."""
    walks: list[int] = []

    def walk() -> Any:
        walks.append(1)
        yield rows[:300]
        if len(walks) >= fails_in_walk:
            raise Failing
        yield rows[300:]

    return walk


BAD = np.full((5, 2), np.nan)
CALLS: dict[str, Callable[[GaussianMixture, np.ndarray], Any]] = {
    "fit: NaN": lambda m, X: m.fit(BAD),
    "fit: text": lambda m, X: m.fit([["a", "b"]] * 5),
    "fit: weights": lambda m, X: m.fit(X, sample_weight=-np.ones(len(X))),
    "fit: no weights": lambda m, X: m.fit(X, sample_weight=np.zeros(len(X))),
    "fit: few rows": lambda m, X: m.fit(X[:1]),
    "fit: range": lambda m, X: m.fit(np.float32(1e30) * X.astype(np.float32)),
    "fit: callback": lambda m, X: m.fit(X, callback=raising),
    "fit_predict: callback": lambda m, X: m.fit_predict(X, callback=raising),
    "fit_batches: once": lambda m, X: m.fit_batches(iter([X])),
    "fit_batches: NaN": lambda m, X: m.fit_batches([X, BAD]),
    "fit_batches: reader": lambda m, X: m.fit_batches(broken(X, 1)),
    "fit_batches: first pass": lambda m, X: m.fit_batches(broken(X, 3)),
    "fit_batches: checkpoint": lambda m, X: m.fit_batches([X], checkpoint="/nowhere/at/all"),
    "partial_fit: NaN": lambda m, X: m.partial_fit(BAD),
    "partial_fit: columns": lambda m, X: m.partial_fit(np.zeros((5, 3))),
    "partial_fit: weights": lambda m, X: m.partial_fit(X, sample_weight=[1.0]),
    "m_step: no statistics": lambda m, X: m.m_step(None),  # type: ignore[arg-type]
    "m_step: no weight": lambda m, X: m.m_step(m.e_step(X).scaled(0.0)),
    "m_step: another model": lambda m, X: m.m_step(other(X).e_step(X)),
    "e_step: NaN": lambda m, X: m.e_step(BAD),
    "score_samples: out": lambda m, X: m.score_samples(X, out=np.empty(3)),
    "sample": lambda m, X: m.sample(0),
    "save": lambda m, X: m.save("/nowhere/at/all"),
    "set_params": lambda m, X: m.set_params(nothing=1),
    "novelty_threshold": lambda m, X: m.novelty_threshold(2.0),
}


def other(rows: np.ndarray) -> GaussianMixture:
    return GaussianMixture(3, max_iter=1, random_state=0).fit(rows)


def begun(how: str, rows: np.ndarray) -> GaussianMixture:
    model = GaussianMixture(2, random_state=0)
    if how == "fitted":
        return model.fit(rows)
    if how == "streaming":
        return model.partial_fit(rows)
    return model.partial_fit(rows[:150]) if how == "gathering" else model


@pytest.mark.parametrize("how", ["fitted", "streaming", "gathering", "unfitted"])
@pytest.mark.parametrize("call", CALLS)
def test_what_fails_changes_nothing(call: str, how: str, rows: np.ndarray, tmp_path: Path) -> None:
    if (call, how) == ("partial_fit: columns", "unfitted"):
        pytest.skip("nothing is known of the columns yet")
    model = begun(how, rows)
    if how == "gathering":
        model.score(rows)  # the rows so far are fitted when a method asks for a model
    before = model._state
    if before is not None:
        model.save(tmp_path / "before")
    with pytest.raises(Exception):  # noqa: B017, PT011 -- each has its own test of the sentence
        CALLS[call](model, rows)
    assert model._state is before
    if before is not None:
        model.save(tmp_path / "after")
        assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()


def test_a_first_fit_that_fails_gives_its_rows_back(rows: np.ndarray) -> None:
    """The stream goes on without the rows of that call, as if they had never come."""
    small = rows.astype(np.float32)
    model, twin = (begun("gathering", small) for _ in range(2))
    before = model._state
    for _ in range(2):
        model.set_params(weights_init=[0.1, 0.2, 0.7])
        with pytest.raises(ValueError, match="weights"):
            model.partial_fit(small[150:])
        assert model._state is before
        assert model.n_samples_seen_ == 150
    model.set_params(weights_init=None)
    for each in (model, twin):
        each.partial_fit(small[150:])
    assert model.means_.tobytes() == twin.means_.tobytes()
    assert model.n_samples_seen_ == twin.n_samples_seen_ == 600


def test_a_reader_that_fails_later_leaves_the_last_whole_pass(rows: np.ndarray) -> None:
    model = begun("fitted", rows)
    before = model._state
    with pytest.raises(Failing):
        model.fit_batches(broken(rows, 6))
    assert model._state is not before
    assert model.n_iter_ > 0


# ---------------------------------------------------------------- threads


def read_beside(model: GaussianMixture, write: Callable[[], None], see: Callable[[], None]) -> int:
    """Run `see` on two threads while `write` runs; return how often it was run."""
    done, errors, counts = threading.Event(), [], [0, 0]

    def read(index: int) -> None:
        try:
            while not done.is_set():
                see()
                counts[index] += 1
                time.sleep(1e-4)  # the writer's turn
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read, args=(index,)) for index in range(2)]
    for reader in readers:
        reader.start()
    try:
        write()
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert not errors, errors[0]
    return min(counts)


@pytest.mark.parametrize("how", ["fit", "m_step", "partial_fit"])
def test_readers_see_whole_models(how: str, rows: np.ndarray) -> None:
    """Two models take turns, one far from the other: weights, means and bound of one moment."""
    model = GaussianMixture(2, random_state=0, max_iter=3, n_threads=1, half_life=100.0)
    model.fit(rows)
    near, far = model.e_step(rows), model.e_step(rows + 1000.0)
    known: set[tuple[bytes, bytes, Any]] = set()
    seen: list[tuple[bytes, bytes, Any]] = []

    def note(state: State | None) -> tuple[bytes, bytes, Any]:
        assert state is not None
        assert state.mixture is not None
        mixture, report = state.mixture, state.report
        return mixture.weights.tobytes(), mixture.means.tobytes(), report.lower_bound

    def see() -> None:
        snapshot = model.snapshot()
        seen.append(note(model._state))
        weights, means = snapshot.weights_.tobytes(), snapshot.means_.tobytes()
        seen.append((weights, means, None))

    def write() -> None:
        known.add(note(model._state))
        for turn in range(30):
            if how == "fit":
                model.set_params(max_iter=1 + turn % 3, tol=10.0 ** -(turn % 5))
                model.fit(rows + 1000.0 * (turn % 2))
            elif how == "m_step":
                model.m_step((near, far)[turn % 2].scaled(1.0 + turn))
            else:
                model.set_params(half_life=100.0 + turn)
                model.partial_fit(rows[:64] + 3.0 * (turn % 2))
            known.add(note(model._state))

    assert read_beside(model, write, see) > 0
    pairs = {(weights, means) for weights, means, _ in known}
    for weights, means, bound in seen:
        assert (weights, means) in pairs if bound is None else (weights, means, bound) in known
