"""Fail each allocation of a call, and the starts of threads; print what went wrong, as JSON.

Run by test_memory.py with the interposer.
"""

import ctypes
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fastgmm

LIBRARY = ctypes.CDLL(None)
LIBRARY.interposer_allocated.restype = ctypes.c_long
LIBRARY.interposer_allocations.argtypes = [ctypes.c_long, ctypes.c_int]

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(240, 2)) + np.repeat([[0.0], [3.0]], 120, axis=0)
MANY = RNG.normal(size=(40_000, 2)) + np.repeat([[0.0], [3.0]], 20_000, axis=0)
GAPS = np.where(RNG.random(ROWS.shape) < 0.2, np.nan, ROWS)
EVERY = os.environ.get("FASTGMM_FAULTS") == "all"
FEW = 60
"""Of each call about so many allocations fail, spread over all, unless every one is to."""
OF_OTHERS = (
    "error return without exception set",
    "without setting an exception",
    "lock",
    ": MemoryError",
)
"""What NumPy and CPython say where they have no memory themselves: their errors are not of the type
MemoryError everywhere.  The last is of ctypes, where the end of the failing itself allocates."""

Case = tuple[str, Callable[[], Any], Callable[[Any], Any]]
"""A name, what makes an estimator, and the call on it that is to fail."""


def mixture(**params: Any) -> fastgmm.GaussianMixture:
    return fastgmm.GaussianMixture(2, random_state=0, n_threads=1, **params)


def cases() -> Iterator[Case]:
    fitted = mixture().fit(ROWS)
    content = mixture().fit(MANY[:300])
    yield "fit", mixture, lambda m: m.fit(ROWS)
    prior = fastgmm.NormalInverseWishart()
    yield "fit, with a prior", lambda: mixture(prior=prior), lambda m: m.fit(ROWS)
    yield "fit, with gaps", lambda: mixture(missing="em"), lambda m: m.fit(GAPS)
    yield "refit", lambda: mixture().fit(MANY[:300]), lambda m: m.fit(ROWS)
    yield "partial_fit", mixture, lambda m: m.partial_fit(ROWS)
    yield (
        "partial_fit, on",
        lambda: mixture().partial_fit(ROWS),
        lambda m: m.partial_fit(MANY[:300]),
    )
    yield "score_samples", lambda: fitted, lambda m: m.score_samples(ROWS)
    yield "predict_proba", lambda: fitted, lambda m: m.predict_proba(ROWS)
    yield "e_step", lambda: fitted, lambda m: m.e_step(ROWS).log_likelihood
    yield "bic", lambda: fitted, lambda m: m.bic(ROWS)
    yield "sample", lambda: content, lambda m: m.sample(20)[0].shape
    yield (
        "fit_many",
        mixture,
        lambda m: fastgmm.fit_many([ROWS, ROWS[:90]], 2, random_state=0).means_,
    )
    yield (
        "select",
        mixture,
        lambda m: fastgmm.select(ROWS, [1, 2], n_threads=1, random_state=0).best.bic,
    )
    yield (
        "a posterior",
        lambda: fastgmm.BayesianGaussianMixture(n_components=2, random_state=0, n_threads=1),
        lambda m: m.fit(ROWS),
    )


def parameters(made: Any) -> list[bytes]:
    """The parameters of an estimator, or an array, as bytes; none of one that is not fitted."""
    if isinstance(made, fastgmm.GaussianMixture | fastgmm.BayesianGaussianMixture):
        if not made.is_fitted:
            return []
        return [a.tobytes() for a in (made.weights_, made.means_, made.covariances_)]
    return [np.asarray(made).tobytes()]


def failing(nth: int, call: Callable[[], Any]) -> Any:
    """What a call returns, whose allocation of this number fails; -1: of none."""
    LIBRARY.interposer_allocations(nth, 1)
    try:
        return call()
    finally:
        LIBRARY.interposer_allocations(-1, 0)


def allocations_of(case: Case) -> tuple[Counter[str], list[Any]]:
    name, make, call = case
    made = make()
    expected = parameters(call(made))
    new = parameters(made)
    made = make()
    old = parameters(made)
    failing(-1, lambda: call(made))
    n = LIBRARY.interposer_allocated()
    seen: Counter[str] = Counter()
    wrong = []
    step = 1 if EVERY else max(1, n // FEW)
    for nth in range(0, n, step):
        made = make()
        try:
            found = failing(nth, lambda made=made: call(made))
        except MemoryError:
            seen["MemoryError"] += 1
        except Exception as error:
            seen[f"{type(error).__name__}: {error}"[:80]] += 1
            if not any(words in str(error) for words in OF_OTHERS):
                wrong.append([name, nth, "another error", repr(error)])
        else:
            seen["done"] += 1
            if parameters(found) != expected:
                wrong.append([name, nth, "another result"])
        if parameters(made) not in (old, new):
            wrong.append([name, nth, "neither the old state nor the new one"])
        if parameters(call(make())) != expected:
            wrong.append([name, nth, "the next call gives another result"])
    return seen, wrong


def without_threads(first: int, all_after: int) -> list[Any]:
    """Fits and scores where a thread, or each from it on, cannot start; it is for a new process."""
    LIBRARY.interposer_threads(first, all_after)
    made = fastgmm.GaussianMixture(2, random_state=0, n_threads=4)
    got = parameters(made.fit(MANY)), made.score_samples(MANY).tobytes()
    n_tried = LIBRARY.interposer_started()
    LIBRARY.interposer_threads(-1, 0)
    alone = fastgmm.GaussianMixture(2, random_state=0, n_threads=1)
    expected = parameters(alone.fit(MANY)), alone.score_samples(MANY).tobytes()
    wrong = [] if got == expected else ["another result"]
    return wrong if n_tried > first else [*wrong, f"{n_tried} threads were tried"]


def run() -> None:
    if sys.argv[1] == "threads":
        print(json.dumps(without_threads(int(sys.argv[2]), int(sys.argv[3]))))
        return
    seen, wrong = {}, []
    for case in cases():
        seen[case[0]], found = allocations_of(case)
        wrong += found
    print(json.dumps({"seen": seen, "wrong": wrong}))


if __name__ == "__main__":
    run()
