"""Whether time grows as the arithmetic does: every jump between neighbouring sizes.

    python benchmarks/cost_model.py
    python benchmarks/cost_model.py --only "iteration, n" --list

Along fine grids of n, D and K, an iteration from a given start and a default start are timed on one
thread.  Between neighbours the time may grow as n K D^2 + K D^3 / 3 grows, and by half more.  What
grows by more is measured again, both sizes in turns, and reported if it is so again; what falls by
as much is reported as well, since a larger size should not be cheaper.
"""

import argparse
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sizes import one_thread
from sklearn.base import clone

from benchmarks import common

MOST = 1.5
"""Between neighbours the time grows by at most this factor more than the arithmetic."""
EXPONENTIALS = 30
"""A pair of row and component costs so many multiply-adds beside those of its features."""
ROUNDS = 5
AGAIN = 15
MOST_ITERATIONS = 200
"""Longer fits are not timed."""
LONG = 0.2
"""A run of this many seconds, on average, is long enough: fewer of them are timed."""

Size = tuple[int, int, int]
"""Rows, features, components."""


@dataclass(frozen=True)
class Walk:
    """A line of sizes along which one thing is timed."""

    name: str
    sizes: list[Size]
    start: bool = False
    separation: float = 1.5
    covariance_type: str = "full"


def steps(first: int, last: int, factor: float = 1.25) -> list[int]:
    """Integers that grow by a factor, or by one."""
    found = [first]
    while found[-1] < last:
        found.append(min(last, max(found[-1] + 1, round(found[-1] * factor))))
    return found


def walks() -> Iterator[Walk]:
    """All of them."""
    rows, wide, many = steps(50, 100_000), steps(1, 200, 1.2), steps(1, 300)
    yield Walk("iteration, n, 2 x K 3", [(n, 2, 3) for n in rows])
    yield Walk("iteration, n, 8 x K 10", [(n, 8, 10) for n in steps(100, 60_000)])
    yield Walk("iteration, n, 32 x K 8", [(n, 32, 8) for n in steps(20, 20_000)])
    yield Walk("iteration, D, 1000 rows, K 3", [(1000, d, 3) for d in wide])
    yield Walk("iteration, D, 20 rows, K 2", [(20, d, 2) for d in wide])
    yield Walk("iteration, D, 5000 rows, K 8", [(5000, d, 8) for d in steps(1, 128, 1.2)])
    yield Walk("iteration, K, 1000 x 2", [(1000, 2, k) for k in many])
    yield Walk("iteration, K, 20000 x 4", [(20_000, 4, k) for k in steps(1, 128)])
    yield Walk("iteration, K, 2 K x 8", [(max(2, 2 * k), 8, k) for k in many])
    for kind in ("diag", "tied", "spherical"):
        sizes = [(n, 8, 10) for n in steps(100, 60_000)]
        yield Walk(f"iteration, n, 8 x K 10, {kind}", sizes, covariance_type=kind)
    # Between clear and overlapping it depends on the rows how many candidates there are.
    for separation, words in ((12.0, "clear"), (1.0, "overlapping")):
        for name, sizes in (
            ("n, 2 x K 3", [(n, 2, 3) for n in rows]),
            ("n, 8 x K 10", [(n, 8, 10) for n in steps(50, 100_000)]),
            ("K, 2000 x 4", [(2000, 4, k) for k in steps(1, 100)]),
            ("D, 1000 rows, K 3", [(1000, d, 3) for d in steps(1, 100, 1.2)]),
            ("D, 100 rows, K 2", [(100, d, 2) for d in wide]),
        ):
            yield Walk(f"start, {name}, {words}", sizes, True, separation)


def arithmetic(walk: Walk, size: Size) -> float:
    """The multiply-adds of one iteration."""
    n, d, k = size
    if walk.covariance_type in ("diag", "spherical"):
        return n * k * (4.0 * d + EXPONENTIALS)
    return n * k * ((d + 1.0) * (d + 2.0) + EXPONENTIALS) + k * d**3 / 3.0


def prepared(walk: Walk, size: Size) -> "Timer":
    """What times one size of a walk."""
    from fastgmm import GaussianMixture

    n, d, k = size
    rows = common.sized_rows(n, d, k, walk.separation)
    if walk.start:
        model = GaussianMixture(k, max_iter=0, random_state=0, n_threads=1)
        return Timer(rows, [model])
    start = common.sized_start(d, k, walk.separation)
    precisions = {
        "full": np.array(start.precisions),
        "tied": start.precisions[0],
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }
    model = GaussianMixture(
        k,
        covariance_type=walk.covariance_type,
        tol=0.0,
        max_iter=1,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=precisions[walk.covariance_type],
        random_state=0,
        n_threads=1,
    )
    return Timer(rows, [model, _longer(model, rows)])


def _longer(model: Any, rows: np.ndarray) -> Any:
    """The same model with so many iterations that they cost more than what else there is."""
    one = min(clocked(model, rows) for _ in range(3))
    n_iter = 3
    while n_iter < MOST_ITERATIONS:
        longer = clone(model).set_params(max_iter=n_iter)
        if clocked(longer, rows) > 4.0 * one:
            break
        n_iter = 2 * n_iter
    return clone(model).set_params(max_iter=n_iter)


def clocked(model: Any, rows: np.ndarray) -> float:
    """The seconds of one fit, of this thread on a processor."""
    begin = time.thread_time()
    model.fit(rows)
    return time.thread_time() - begin


class Timer:
    """The fits of one size, whose shortest times are kept: what others do only adds to them."""

    def __init__(self, rows: np.ndarray, models: list[Any]) -> None:
        self._rows, self._models = rows, models
        self._least = [math.inf] * len(models)

    def run(self) -> None:
        """Fit all models once."""
        for i, model in enumerate(self._models):
            self._least[i] = min(self._least[i], clocked(model, self._rows))

    @property
    def seconds(self) -> float:
        """Of the one fit, or of an iteration, by the difference of two."""
        if len(self._models) == 1:
            return self._least[0]
        done = self._models[1].n_iter_ - self._models[0].n_iter_
        return max(1e-7, (self._least[1] - self._least[0]) / done) if done else math.nan


def in_turns(timers: list[Timer], rounds: int) -> list[float]:
    """The seconds of each."""
    begin = time.perf_counter()
    for _ in range(rounds):
        for timer in timers:
            timer.run()
        if time.perf_counter() - begin > LONG * rounds * len(timers):
            break
    return [timer.seconds for timer in timers]


def jump(walk: Walk, sizes: tuple[Size, Size], seconds: tuple[float, float]) -> float:
    """The factor between neighbours that the arithmetic does not explain: under 1 for a fall."""
    if not all(math.isfinite(one) for one in seconds):
        return 1.0
    growth = seconds[1] / seconds[0]
    explained = arithmetic(walk, sizes[1]) / arithmetic(walk, sizes[0])
    return growth / explained if growth > explained else min(growth, 1.0)


def jumps(walk: Walk, listed: bool) -> Iterator[str]:
    """A sentence for every jump that shows twice."""
    times = []
    for size in walk.sizes:
        times += in_turns([prepared(walk, size)], ROUNDS)
        if listed:
            print(f"  {size}: {1e6 * times[-1]:.1f} us", flush=True)
    for i in range(len(times) - 1):
        pair = walk.sizes[i], walk.sizes[i + 1]
        if 1.0 / MOST <= jump(walk, pair, (times[i], times[i + 1])) <= MOST:
            continue
        again = in_turns([prepared(walk, size) for size in pair], AGAIN)
        factor = jump(walk, pair, (again[0], again[1]))
        if not 1.0 / MOST <= factor <= MOST:
            kind = "rises" if factor > 1.0 else "falls"
            yield (
                f"{walk.name}: {kind} from {1e6 * again[0]:.1f} us at n, D, K = {pair[0]} to "
                f"{1e6 * again[1]:.1f} us at {pair[1]}, {factor:.2f}x of what the arithmetic does"
            )


def main() -> None:
    """Walk, and print the jumps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", default="", help="walks whose names begin with this")
    add("--list", action="store_true", help="print all times")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    n_jumps = 0
    for walk in walks():
        if not walk.name.startswith(arguments.only):
            continue
        print(walk.name, flush=True)
        for sentence in jumps(walk, arguments.list):
            print("JUMP " + sentence, flush=True)
            n_jumps += 1
    print(f"{n_jumps} jumps over {MOST}x")


if __name__ == "__main__":
    main()
