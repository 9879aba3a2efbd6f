"""Score one model on many threads while another changes it; print what went wrong, as JSON.

Run by test_threads.py; the words are a scenario, the seconds that it takes, and how many threads.
"""

import copy
import json
import os
import pickle
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fastgmm

SWITCH = 1e-6
"""Where there is a GIL, threads hand it on after so many seconds: in the middle of everything."""
FEWEST = 20
"""A writer makes at least so many states, however slow the machine is."""
PAUSE = 0.005
"""A reader rests so many seconds after some hundred calls, or the writer would hardly act."""
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(400, 3)) + np.repeat([[0.0], [4.0]], 200, axis=0)
MANY = RNG.normal(size=(20_000, 3)) + np.repeat([[0.0], [4.0]], 10_000, axis=0)
FIXED = RNG.normal(size=(5, 3))
ONE = FIXED[0].copy()
TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "VEI")
FILE = Path("model")

Marks = tuple[set[float], set[bytes], set[bytes]]
"""The log density of one row, those of five, and their responsibilities: of each state once."""


def marks() -> Marks:
    return set(), set(), set()


def mark(model: Any, found: Marks) -> None:
    """Note what the model says of fixed rows."""
    found[0].add(model.score_one(ONE))
    found[1].add(model.score_samples(FIXED).tobytes())
    found[2].add(model.predict_proba(FIXED).tobytes())


class Reader(threading.Thread):
    """It scores one model until it is told to stop; errors end it and are kept."""

    def __init__(self, model: Any, number: int) -> None:
        super().__init__(daemon=True)
        self.model, self.number = model, number
        self.found, self.n_calls, self.failure = marks(), 0, ""
        self.stopped = False

    def run(self) -> None:
        try:
            while not self.stopped:
                self.read()
                time.sleep(PAUSE)
        except BaseException as error:
            self.failure = repr(error)

    def read(self) -> None:
        """Score by every way there is, and by the quickest most often."""
        model, (ones, several, shares) = self.model, self.found
        score = model.score_one
        for _ in range(100):
            ones.add(score(ONE))
        for _ in range(20):
            several.add(model.score_samples(FIXED).tobytes())
        shares.add(model.predict_proba(FIXED).tobytes())
        out = np.empty(len(FIXED))
        several.add(model.score_samples(FIXED, out=out).tobytes())
        mark(model.snapshot(), self.found)
        self.n_calls += 125
        if self.number % 8 == 0 and self.n_calls % 1250 == 0:
            # Many rows take several threads; a state that is another in the middle would show.
            several.add(model.score_samples(np.tile(FIXED, (800, 1)))[-len(FIXED) :].tobytes())
            self.n_calls += 1


class Writer:
    """It changes one model by every way there is, and notes each state that there was."""

    def __init__(self, model: Any) -> None:
        self.model, self.random = model, random.Random(1)
        self.known, self.n_states, self.wrong = marks(), 0, list[str]()
        self.ways: tuple[Callable[[], object], ...] = (
            self.fit,
            self.fit,
            self.fit_many_rows,
            self.learn,
            self.learn,
            self.statistics,
            self.batches,
            self.reorder,
            self.parameters,
            self.save,
            self.pickle,
        )

    def once(self) -> None:
        self.random.choice(self.ways)()
        mark(self.model, self.known)
        self.n_states += 1

    def fit(self) -> None:
        self.model.set_params(
            n_components=self.random.choice((1, 2, 3)),
            covariance_type=self.random.choice(TYPES),
            random_state=self.random.randrange(1000),
            init_params=self.random.choice(("ward", "kmeans", "random_from_data")),
        )
        begin = self.random.randrange(100)
        self.model.fit(ROWS[begin : begin + 300])

    def fit_many_rows(self) -> None:
        self.model.set_params(n_threads=self.random.choice((1, 2, 3, None)), max_iter=3)
        self.model.fit(MANY[self.random.randrange(1000) :])
        self.model.set_params(max_iter=20)

    def learn(self) -> None:
        for _ in range(5):
            begin = self.random.randrange(300)
            self.model.partial_fit(ROWS[begin : begin + 100])
            mark(self.model, self.known)

    def statistics(self) -> None:
        self.model.m_step(self.model.e_step(ROWS[self.random.randrange(100) :]))

    def batches(self) -> None:
        begin = self.random.randrange(100)
        self.model.fit_batches([ROWS[begin:200], ROWS[200:]])

    def reorder(self) -> None:
        order = list(range(len(self.model.weights_)))
        self.random.shuffle(order)
        self.model.reorder(order)

    def parameters(self) -> None:
        self.model.set_params(
            covariance_type=self.random.choice(TYPES),
            n_components=self.random.choice((1, 2, 3, 4)),
            n_threads=self.random.choice((None, 1, 2)),
            missing=self.random.choice(("error", "em")),
            tol=self.random.choice((1e-2, 1e-3)),
        )

    def save(self) -> None:
        self.model.save(FILE)
        self.same(fastgmm.load(FILE), "a file")

    def pickle(self) -> None:
        self.same(pickle.loads(pickle.dumps(self.model)), "a pickle")
        self.same(copy.deepcopy(self.model), "a copy")

    def same(self, other: Any, what: str) -> None:
        if other.score_samples(FIXED).tobytes() != self.model.score_samples(FIXED).tobytes():
            self.wrong.append(f"{what} says something else")


def one_model(seconds: float, n_readers: int) -> dict[str, Any]:
    """Readers of one model that a writer changes: each score is that of a state that there was."""
    model = fastgmm.GaussianMixture(2, random_state=0, max_iter=20).fit(ROWS)
    writer = Writer(model)
    mark(model, writer.known)
    readers = [Reader(model, i) for i in range(n_readers)]
    for reader in readers:
        reader.start()
    end = time.monotonic() + seconds
    while (time.monotonic() < end or writer.n_states < FEWEST) and not writer.wrong:
        writer.once()
    for reader in readers:
        reader.stopped = True
    for reader in readers:
        reader.join(60.0)
    wrong = list(writer.wrong)
    wrong += [f"reader {r.number}: {r.failure}" for r in readers if r.failure]
    wrong += [f"reader {r.number} hangs" for r in readers if r.is_alive()]
    for reader in readers:
        for known, found in zip(writer.known, reader.found, strict=True):
            if not found <= known:
                wrong.append(f"reader {reader.number}: {len(found - known)} scores of no state")
    return {
        "calls": sum(reader.n_calls for reader in readers),
        "states": writer.n_states,
        "seen": max(len(reader.found[0]) for reader in readers),
        "wrong": wrong,
    }


def side_by_side(run: Callable[[int], None], n_threads: int) -> None:
    """Run a function of the number of a thread on so many threads."""
    threads = [threading.Thread(target=run, args=(i,)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def many_models(seconds: float, n_threads: int) -> dict[str, Any]:
    """Threads that fit models of their own: each as if it were alone."""

    def fitted(i: int) -> bytes:
        kind, k = TYPES[i % len(TYPES)], 1 + i % 4
        rows = ROWS.astype(np.float32) if i % 5 == 0 else ROWS
        params = {"covariance_type": kind, "random_state": i, "max_iter": 20, "n_threads": 1}
        model = fastgmm.GaussianMixture(k, **params)
        if i % 3 == 0:
            for _ in range(3):
                model.partial_fit(rows)
        else:
            model.fit(rows)
        return model.means_.tobytes() + model.predict_proba(rows).tobytes()

    expected = {i: fitted(i) for i in range(60)}
    wrong, calls = list[str](), [0] * n_threads
    end = time.monotonic() + seconds

    def run(number: int) -> None:
        turn = random.Random(number)
        try:
            while time.monotonic() < end or calls[number] == 0:
                i = turn.randrange(60)
                calls[number] += 1
                if fitted(i) != expected[i]:
                    wrong.append(f"model {i} is another")
        except BaseException as error:
            wrong.append(repr(error))

    side_by_side(run, n_threads)
    return {"calls": sum(calls), "wrong": wrong}


def one_learner(seconds: float, n_threads: int) -> dict[str, Any]:
    """Threads that all change one model, which nobody should do: it stays a model, and ends."""
    model = fastgmm.GaussianMixture(2, random_state=0, max_iter=20).fit(ROWS)
    wrong, calls = list[str](), [0] * n_threads
    end = time.monotonic() + seconds

    def run(number: int) -> None:
        turn = random.Random(number)
        try:
            while time.monotonic() < end or calls[number] == 0:
                begin = turn.randrange(300)
                turn.choice((model.partial_fit, model.partial_fit, model.fit))(ROWS[begin:])
                calls[number] += 1
                if not np.isfinite(model.score_samples(FIXED)).all():
                    wrong.append("a score is no number")
                pickle.loads(pickle.dumps(model)).score_samples(FIXED)
        except BaseException as error:
            wrong.append(repr(error))

    side_by_side(run, n_threads)
    return {"calls": sum(calls), "wrong": wrong}


def run() -> None:
    scenario, seconds, n_threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore")
    before = threading.active_count()
    sys.setswitchinterval(SWITCH)
    found = {"one": one_model, "many": many_models, "learner": one_learner}[scenario](
        seconds, n_threads
    )
    sys.setswitchinterval(0.005)
    found["threads left"] = threading.active_count() - before
    found["GIL"] = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(json.dumps(found), flush=True)
    os._exit(0)  # threads that hang are not waited for


if __name__ == "__main__":
    run()
