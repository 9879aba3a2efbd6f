"""A call of `partial_fit` that ends anywhere is taken whole or not at all."""

import signal
import sys
import time
from types import FrameType
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture


class Stopped(BaseException):
    """What ends a call, as Ctrl-C does: nothing catches it."""


def stream_of(rows: np.ndarray, half_life: float | None) -> GaussianMixture:
    model = GaussianMixture(2, random_state=0, n_threads=1, half_life=half_life)
    return model.partial_fit(rows[:250])


def ended_at(model: GaussianMixture, rows: np.ndarray, line: int) -> bool:
    """Whether a call ended with the error that is raised at this line of Python, of all it runs."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if "fastgmm" not in frame.f_code.co_filename:
            return None
        if event == "line":
            count += 1
            if count == line:
                raise Stopped
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        model.partial_fit(rows)
    except Stopped:
        return True
    finally:
        sys.settrace(before)
    return False


def whole(model: GaussianMixture) -> None:
    """Rows counted are rows learned and rows waiting, and the mixture is that of the learner."""
    state = model._state
    assert state is not None
    assert state.learner is not None
    learner = state.learner
    assert model.n_samples_seen_ == learner.n_taken + learner.waiting.n
    assert learner.learned is not None
    assert learner.learned.seen + learner.n_skipped == learner.n_taken
    assert state.mixture is learner.learned.mixture


@pytest.mark.parametrize(("half_life", "size"), [(None, 30), (None, 200), (200.0, 90)])
def test_whatever_line_a_call_ends_at(half_life: float | None, size: int) -> None:
    """Calls that wait, that do several steps, and that look again."""
    rng = np.random.default_rng(size)
    rows = rng.normal(size=(900, 2)) + 4.0 * rng.integers(2, size=(900, 1))
    rows[300] = 1e30
    line, step = 1, 1
    while True:
        model, twin = stream_of(rows, half_life), stream_of(rows, half_life)
        begin = 250 + (size % 50)
        for each in (model, twin):
            each.partial_fit(rows[250:begin])
        ended = ended_at(model, rows[begin : begin + size], line)
        whole(model)
        taken = model.n_samples_seen_ - begin
        assert taken in (0, size)
        for each in (model, twin):
            if each is twin or taken == 0:
                each.partial_fit(rows[begin : begin + size])
            each.partial_fit(rows[begin + size :])
        assert model.covariances_.tobytes() == twin.covariances_.tobytes()
        assert model.stream_.mean == twin.stream_.mean
        if not ended:
            break
        step = max(1, line // 5)
        line += step
    assert line > 20


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_ctrl_c() -> None:
    """Real signals, at random moments."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40_000, 3)) + 4.0 * rng.integers(2, size=(40_000, 1))
    model, n_ended, counted = stream_of(rows, None), 0, 250

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        for _ in range(60):
            size = int(rng.integers(1, 2000))
            begin = int(rng.integers(len(rows) - size))
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(1e-5, 3e-3)))
                    model.partial_fit(rows[begin : begin + size])
                    counted += size
                    time.sleep(0.004)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0.0)
            except KeyboardInterrupt:
                n_ended += 1
                assert model.n_samples_seen_ in (counted, counted + size, counted - size)
                counted = model.n_samples_seen_
            whole(model)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert n_ended > 5
