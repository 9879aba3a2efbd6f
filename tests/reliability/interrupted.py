"""Interrupt calls at random moments, as Ctrl-C does; print what went wrong, as JSON.

Run by test_interrupts.py; the words are the number of interrupts of each call and a seed.
"""

import json
import math
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fastgmm

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(3000, 3)) + np.repeat([[0.0], [3.0], [6.0]], 1000, axis=0)
MANY = RNG.normal(size=(60_000, 3)) + np.repeat([[0.0], [3.0], [6.0]], 20_000, axis=0)
GAPS = np.where(RNG.random(ROWS.shape) < 0.2, np.nan, ROWS)
FOLDER = Path(tempfile.mkdtemp(dir="."))
FILE = FOLDER / "model"

Case = tuple[str, Callable[[], Any], Callable[[Any], Any]]
"""A name, what makes an estimator, and the call on it."""


def mixture(n: int = 3, **params: Any) -> fastgmm.GaussianMixture:
    return fastgmm.GaussianMixture(n, random_state=0, **params)


def cases() -> Iterator[Case]:
    fitted = mixture().fit(MANY)
    groups = [ROWS[i : i + 300] for i in range(0, 3000, 300)]
    yield "fit", mixture, lambda m: m.fit(MANY)
    yield "fit, 4 threads", lambda: mixture(n_threads=4), lambda m: m.fit(MANY)
    yield "fit of few rows", mixture, lambda m: m.fit(ROWS)
    yield "fit, with gaps", lambda: mixture(missing="em"), lambda m: m.fit(GAPS)
    yield "refit", lambda: mixture().fit(ROWS), lambda m: m.fit(MANY)
    yield "fit_batches", mixture, lambda m: m.fit_batches([MANY[:30_000], MANY[30_000:]])
    yield "partial_fit", mixture, lambda m: m.partial_fit(MANY)
    yield "partial_fit, on", lambda: mixture().partial_fit(ROWS), lambda m: m.partial_fit(MANY)
    yield "score_samples", lambda: fitted, lambda m: m.score_samples(MANY)
    yield "predict", lambda: fitted, lambda m: m.predict(MANY)
    yield "save", lambda: fitted, lambda m: m.save(FILE)
    yield "load", lambda: fitted, lambda m: fastgmm.load(FILE).means_
    yield "sample", lambda: fitted, lambda m: len(m.sample(5000)[0])
    yield "fit_many", mixture, lambda m: fastgmm.fit_many(groups, 2, random_state=0).means_
    yield "select", mixture, lambda m: fastgmm.select(ROWS, [1, 2, 3], random_state=0).best.bic
    yield (
        "a posterior",
        lambda: fastgmm.BayesianGaussianMixture(n_components=3, random_state=0),
        lambda m: m.fit(ROWS),
    )


def parameters(made: Any) -> list[bytes]:
    """The parameters of an estimator, or an array, as bytes; none of one that is not fitted."""
    if isinstance(made, fastgmm.GaussianMixture | fastgmm.BayesianGaussianMixture):
        if not made.is_fitted:
            return []
        return [a.tobytes() for a in (made.weights_, made.means_, made.covariances_)]
    return [b"" if made is None else np.asarray(made).tobytes()]


def call_for(seconds: float, call: Callable[[], Any]) -> bool:
    """Call, with a KeyboardInterrupt after some time; return whether there was one."""
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
    except KeyboardInterrupt:
        return True
    return False


def interrupted(case: Case, n: int, rng: np.random.Generator) -> tuple[int, list[Any]]:
    """How many of n calls were interrupted, and what was wrong afterwards."""
    name, make, call = case
    took = math.inf
    for _ in range(4):  # the first call imports, and others may be disturbed
        made = make()
        begin = time.perf_counter()
        expected = parameters(call(made))
        took = min(took, time.perf_counter() - begin)
    new, old = parameters(made), parameters(make())
    several = name.startswith(("fit_batches", "partial_fit"))  # a whole pass, or batch, is kept
    count, wrong = 0, []
    for _ in range(n):
        made = make()
        count += call_for(max(rng.uniform(0.0, 1.2) * took, 1e-6), lambda made=made: call(made))
        if not several and parameters(made) not in (old, new):
            wrong.append([name, "neither the old state nor the new one"])
        if name == "save" and FILE.exists():
            if parameters(fastgmm.load(FILE)) != new:
                wrong.append([name, "the file is another model"])
            if [path.name for path in FOLDER.iterdir()] != [FILE.name]:
                wrong.append([name, "files are left"])
        if parameters(call(make())) != expected:
            wrong.append([name, "the next call gives another result"])
    return count, wrong


def run(n: int, seed: int) -> None:
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(seed)
    mixture().fit(MANY).save(FILE)
    counts: Counter[str] = Counter()
    wrong = []
    for case in cases():
        counts[case[0]], found = interrupted(case, n, rng)
        wrong += found
    print(json.dumps({"interrupted": counts, "wrong": wrong}))


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
