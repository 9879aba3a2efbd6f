"""Scratch is kept for the next call and serves one call at a time, of mixtures of its form only."""

import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fastgmm import GaussianMixture
from kernel_cases import DTYPES, empty_sums, make_mixture, make_rows, scores_of

N_THREADS = 6
ROUNDS = 12
"""Each thread calls each mixture this often: the scratch of another form, or of a call under way,
then shows every time."""
FORMS = [
    ("full", 3, 2, 1.0),
    ("diag", 9, 3, 1.0),
    ("full", 5, 18, 0.1),  # all components about one shift
    ("spherical", 2, 33, 1.0),
    ("full", 5, 18, 60.0),  # the same but for the distance of the means, and scratch for less
    ("tied", 4, 7, 1.0),
    ("diag", 2, 17, 500.0),
    ("spherical", 7, 5, 1.0),
]
"""Covariance type, K, D and the distance of the means: no two are of one form."""


@pytest.fixture
def eager_switches():
    """Threads take turns as often as the interpreter can make them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(*works):
    """Run every work in a thread of its own, all let loose together; the first error comes back."""
    ready = threading.Barrier(len(works))
    errors = []

    def run(work):
        ready.wait(60.0)
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def answers(packed, arguments, rows):
    """The bytes of every kind of call: for a row, for several blocks, scores and sums."""
    found = {}
    for n in (1, len(rows)):
        scores = scores_of(packed, rows[:n])
        found |= {f"{name} of {n} rows": out.tobytes() for name, out in scores.items()}
    sums = empty_sums(arguments)
    thresholds = np.full(len(arguments[2]), 2.0**-53)
    found["log-likelihood"] = packed.expectation(rows, None, None, thresholds, *sums)
    return found | {f"sums of order {i}": out.tobytes() for i, out in enumerate(sums)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.usefixtures("eager_switches")
def test_threads_on_mixtures_of_many_forms(build, dtype):
    """Half of the calls are of mixtures that all threads share, half of mixtures made for them."""
    make = build.modules[np.dtype(dtype)].PackedMixture
    cases = []
    for seed, (covariance_type, k, d, spread) in enumerate(FORMS):
        arguments = make_mixture(covariance_type, k, d, seed, dtype, spread)
        rows = make_rows(arguments, 600, seed, dtype)
        packed = make(*arguments)
        cases.append((packed, arguments, rows, answers(packed, arguments, rows)))

    def work(first):
        for turn in range(ROUNDS):
            for i in range(len(cases)):
                shared, arguments, rows, wanted = cases[(first + i) % len(cases)]
                packed = shared if (turn + first) % 2 else make(*arguments)
                assert answers(packed, arguments, rows) == wanted

    at_once(*(partial(work, first) for first in range(N_THREADS)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.usefixtures("eager_switches")
def test_threads_on_one_model(dtype):
    """Some score a row, some all rows, some sum: each gets the bytes that it gets alone."""
    rng = np.random.default_rng(0)
    model = GaussianMixture.from_parameters(
        np.full(4, 0.25), rng.normal(size=(4, 6)), np.array([np.eye(6)] * 4)
    ).set_params(n_threads=1)
    rows = rng.normal(size=(1500, 6)).astype(dtype)
    calls = [
        lambda: b"".join(model.score_samples(rows[i : i + 1]).tobytes() for i in range(20)),
        lambda: model.score_samples(rows).tobytes(),
        lambda: model.predict_proba(rows[:40]).tobytes(),
        lambda: model.e_step(rows).to_bytes(),
    ]

    def work(call, wanted):
        for _ in range(10 * ROUNDS):
            assert call() == wanted

    at_once(*(partial(work, call, call()) for call in calls for _ in range(2)))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the memory of the process")
def test_the_next_mixture_of_a_form_takes_over_the_scratch(build):
    """EM makes a mixture per iteration: all of one form here, and 1 MB of scratch for each."""

    def resident_pages():
        return int(Path("/proc/self/statm").read_text().split()[1])

    make = build.modules[np.dtype("float64")].PackedMixture
    arguments = make_mixture("diag", 64, 64, 0, "float64")
    rows = make_rows(arguments, 300, 0, "float64")
    kept = []

    def another():
        kept.append(make(*arguments))
        kept[-1].expectation(rows, None, None, np.zeros(64), *empty_sums(arguments))

    another()
    before = resident_pages()
    for _ in range(60):
        another()
    # 60 packed mixtures take 6 MB, and scratch for each of them would take 36.
    assert (resident_pages() - before) * 4096 < 20e6
