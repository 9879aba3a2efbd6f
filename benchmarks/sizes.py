"""fastgmm beside scikit-learn at every size: one iteration, default fits, many models, streams.

    python benchmarks/sizes.py --output benchmarks/sizes.md
    python benchmarks/sizes.py --only iteration --features 64 128 --components 8

One thread, both libraries in one process and in turns, medians of the processor time of that
thread.  An iteration is the difference of a longer and a shorter fit from the same start, so that
checks and copies cancel; beside it stands the whole call that does one iteration.  `--only` chooses
parts; all of them take under 15 minutes on a quiet machine.
"""

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from comparison.sizes import page

from benchmarks import common

FOLDER = Path(__file__).resolve().parent
FEATURES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
COMPONENTS = (1, 2, 8, 64, 512)
ROWS = ("2 K", "20 K", "2 K D", "50,000")
MOST_BYTES = 400_000_000
"""What the rows and the responsibilities of a cell may take."""
PARAMETER_BYTES = 2_000_000_000
"""What scikit-learn's parameters may take: some five copies of K D x D."""
PEER_SPEED = 4e10
"""Operations per second, roughly, of scikit-learn: it decides which cells take too long."""
MOST_ITERATIONS = 1 << 14
"""More are not done for the sake of a difference that shows."""
NOISE = 0.05
"""A difference of less than this share of the shorter call counts as so much: it is noise."""
SLOW = 0.5
"""From so many seconds on, a call is long enough: the difference is of one iteration."""


def clocked(call: Callable[[], Any], clock: Callable[[], float] = time.thread_time) -> float:
    """The seconds of one call."""
    begin = clock()
    call()
    return clock() - begin


def in_turns(calls: list[Callable[[], Any]], seconds: float, most: int = 15) -> list[list[float]]:
    """The seconds of each call in rounds, of which there are at least one and as many as fit."""
    found: list[list[float]] = [[] for _ in calls]
    begin = time.perf_counter()
    for i in range(most):
        for kept, call in zip(found, calls, strict=True):
            kept.append(clocked(call))
        if (time.perf_counter() - begin) * (i + 2) / (i + 1) > seconds:
            break
    return found


# ------------------------------------------------------------------ one iteration


def peer_seconds(n: int, d: int, k: int) -> float:
    """What an iteration of scikit-learn will take, roughly."""
    return (4.0 * n * k * d * d + 2.0 * k * d**3) / PEER_SPEED + 1e-9 * n * k * 40 + 1e-4 * k


def rows_of(kind: str, d: int, k: int, limit: float) -> int:
    """The number of rows of a cell; 0 where it is left out."""
    if 5 * 8 * k * d * d > PARAMETER_BYTES:
        return 0
    n = {"2 K": 2 * k, "20 K": 20 * k, "2 K D": 2 * k * d, "50,000": 50_000}[kind]
    n = max(n, k, 2)
    if kind == "50,000":
        n = min(n, MOST_BYTES // (8 * (d + 2 * k)))
        while peer_seconds(n, d, k) > limit and n > 2 * k:
            n //= 2
    fits = 8 * n * (d + 2 * k) <= MOST_BYTES
    return n if fits and peer_seconds(n, d, k) <= limit else 0


class Cell:
    """One size: the same start for both, and any number of iterations."""

    def __init__(self, n: int, d: int, k: int) -> None:
        self.rows = common.sized_rows(n, d, k)
        start = common.sized_start(d, k)
        self.given = {
            "tol": 0.0,
            "weights_init": start.weights,
            "means_init": start.means,
            "precisions_init": np.array(start.precisions),
            "random_state": 0,
        }
        self.k = k

    def ours(self, n_iter: int) -> Any:
        """The fitted model."""
        from fastgmm import GaussianMixture

        return GaussianMixture(self.k, max_iter=n_iter, n_threads=1, **self.given).fit(self.rows)

    def peer(self, n_iter: int) -> Any:
        """The fitted model."""
        from sklearn.mixture import GaussianMixture

        return GaussianMixture(self.k, max_iter=n_iter, **self.given).fit(self.rows)


def _long(run: Callable[[int], Any]) -> tuple[int, int]:
    """A number of iterations that costs more than what else there is to a fit; and those done."""
    one, wanted = min(clocked(lambda: run(1)) for _ in range(2)), 2
    if one > SLOW:
        return wanted, wanted
    while clocked(lambda n=wanted: run(n)) < 2.0 * one and wanted < MOST_ITERATIONS:
        wanted *= 2
    return wanted, run(wanted).n_iter_


def measured(n: int, d: int, k: int, seconds: float) -> dict[str, Any]:
    """One iteration of both, by a long and a short fit in turns, and a call of one iteration."""
    cell = Cell(n, d, k)
    first, other = cell.ours(1), cell.peer(1)
    long = {name: _long(run) for name, run in (("ours", cell.ours), ("peer", cell.peer))}
    calls = [
        lambda: cell.ours(1),
        lambda: cell.ours(long["ours"][0]),
        lambda: cell.peer(1),
        lambda: cell.peer(long["peer"][0]),
    ]
    times = in_turns(calls, seconds)
    found = [statistics.median(one) for one in times]
    of_ours, of_peer = (found[i + 1] - found[i] for i in (0, 2))
    done = {name: max(1, n_iter - 1) for name, (_, n_iter) in long.items()}
    return {
        "D": d,
        "K": k,
        "n": n,
        "ours": max(of_ours, NOISE * found[0]) / done["ours"],
        "peer": max(of_peer, NOISE * found[2]) / done["peer"],
        "ours call": found[0],
        "peer call": found[2],
        "repairs": len(first.repairs_),
        "difference": float(first.lower_bound_ - other.lower_bound_),
        "rounds": len(times[0]),
    }


def iterations(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """All cells."""
    found = []
    for kind in arguments.rows:
        for k in arguments.components:
            for d in arguments.features:
                n = rows_of(kind, d, k, arguments.limit)
                if n == 0:
                    continue
                one = {"kind": kind, **measured(n, d, k, arguments.seconds)}
                found.append(one)
                ratio, of_call = (one[f"peer{of}"] / one[f"ours{of}"] for of in ("", " call"))
                print(
                    f"D {d} K {k} n {n}: {1e3 * one['ours']:.4g} ms, {ratio:.2f}x; "
                    f"call {1e3 * one['ours call']:.4g} ms, {of_call:.2f}x; "
                    f"difference {one['difference']:.1e}, repairs {one['repairs']}",
                    file=sys.stderr,
                    flush=True,
                )
    return found


# ------------------------------------------------------------------ default fits


@dataclass(frozen=True)
class Rows:
    """A data set of the table of default fits."""

    name: str
    n: int
    d: int
    k: int
    separation: float = 3.0
    goal: float = 0.0


DEFAULT_FITS = (
    Rows("iris", 150, 4, 3, goal=3),
    Rows("overlapping", 1000, 2, 3, 1.5, goal=3),
    Rows("faithful", 272, 2, 2, goal=4),
    Rows("clear", 1000, 8, 4, 12.0, goal=4),
    Rows("", 10_000, 2, 5, 3.0, goal=6),
    Rows("", 10_000, 8, 10, 5.0, goal=8),
    Rows("", 10_000, 32, 10, 5.0, goal=12),
    Rows("", 100_000, 2, 5, 3.0, goal=12),
    Rows("", 100_000, 8, 10, 5.0, goal=15),
    Rows("", 100_000, 8, 50, 5.0, goal=10),
    Rows("", 100, 1000, 2, 6.0, goal=3),
)


def faithful() -> np.ndarray:
    """The eruptions of Old Faithful, (272, 2)."""
    return np.loadtxt(FOLDER.parent / "data" / "faithful.csv", delimiter=",", skiprows=1)


def loaded(case: Rows) -> np.ndarray:
    """The rows of a case."""
    if case.name == "iris":
        from sklearn import datasets

        return datasets.load_iris().data
    if case.name == "faithful":
        return faithful()
    return common.sized_rows(case.n, case.d, case.k, case.separation)


def default_fits(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Fits with all defaults, from raw rows; the likelihoods are medians over seeds."""
    import sklearn.mixture

    import fastgmm

    found = []
    for case in DEFAULT_FITS:
        rows = loaded(case)

        def ours(seed: int, rows: np.ndarray = rows, k: int = case.k) -> Any:
            return fastgmm.GaussianMixture(k, random_state=seed, n_threads=1).fit(rows)

        def peer(seed: int, rows: np.ndarray = rows, k: int = case.k) -> Any:
            return sklearn.mixture.GaussianMixture(k, random_state=seed).fit(rows)

        times: list[list[float]] = [[], []]
        ends: list[list[float]] = [[], []]
        ours(0)
        begin = time.perf_counter()
        for seed in range(arguments.seeds):
            for i, fit in enumerate((ours, peer)):
                # Of three, the fastest: a seed is a path of its own, and noise is not.
                seconds, model = [], None
                for _ in range(3 if case.n <= 10_000 else 1):
                    start = time.thread_time()
                    model = fit(seed)
                    seconds.append(time.thread_time() - start)
                times[i].append(min(seconds))
                ends[i].append(float(model.score(rows)))
            if time.perf_counter() - begin > 12 * arguments.seconds and seed >= 2:
                break
        one = {"name": case.name, "n": case.n, "d": case.d, "k": case.k, "goal": case.goal}
        one |= {"seeds": len(times[0])}
        for name, seconds, scores in zip(("ours", "peer"), times, ends, strict=True):
            one |= {name: statistics.median(seconds), f"{name} end": statistics.median(scores)}
        found.append(one)
        print(one, file=sys.stderr, flush=True)
    return found


# ------------------------------------------------------------------ many models


def selection(arguments: argparse.Namespace) -> dict[str, Any]:
    """The grid of 54 fits on faithful, each of ten starts, and mclust's."""
    import fastgmm

    rows, path = faithful(), FOLDER.parent / "data" / "faithful.csv"
    calls = [lambda: fastgmm.select(rows, random_state=0, n_threads=1)]
    chosen = calls[0]()
    found = {
        "ours": statistics.median(in_turns(calls, 6 * arguments.seconds)[0]),
        "bic": chosen.best.bic,
        "best": f"{chosen.best.covariance_type} {chosen.best.n_components}",
    }
    command = ["Rscript", str(FOLDER / "sizes.R"), str(path), "5"]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        return found | {"mclust": f"not measured: {error}"}
    return found | {
        "mclust": said[0],
        "14 models": float(said[1]),
        "6 models": float(said[2]),
        "mclust bic": float(said[3]),
    }


MODELS, MODEL_ROWS = 1000, 200


def many(arguments: argparse.Namespace) -> dict[str, Any]:
    """A thousand models: `fit_many`, a loop over `fit`, and a loop over scikit-learn; by the wall.

    The loops take a tenth of the models each round.
    """
    from sklearn.mixture import GaussianMixture

    import fastgmm

    groups = [common.sized_rows(MODEL_ROWS, 3, 2, 4.0, 1000 + i) for i in range(MODELS)]
    tenth = groups[:: max(1, MODELS // 100)]

    def ours() -> None:
        for rows in tenth:
            fastgmm.GaussianMixture(2, random_state=0, n_threads=1).fit(rows)

    def peer() -> None:
        for rows in tenth:
            GaussianMixture(2, random_state=0).fit(rows)

    calls: list[Callable[[], Any]] = [ours, peer]
    together = getattr(fastgmm, "fit_many", None)
    if together is not None:
        calls += [
            lambda: together(groups, 2, random_state=0, n_threads=1),
            # The variables that hold a BLAS to one thread are heeded by fastgmm as well.
            lambda: together(groups, 2, random_state=0, n_threads=len(os.sched_getaffinity(0))),
        ]
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(3):
        for kept, call in zip(times, calls, strict=True):
            kept.append(clocked(call, time.perf_counter))
    medians = [statistics.median(one) for one in times]
    scale = MODELS / len(tenth)
    found = {"loop": scale * medians[0], "peer": scale * medians[1]}
    if together is not None:
        found |= {"fit_many, one thread": medians[2], "fit_many, all threads": medians[3]}
    return found


STREAMS = ((1, 16, 16), (256, 16, 16), (4096, 16, 16), (256, 2, 3), (256, 32, 4))


def streams(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows per second of `partial_fit`, in batches, after the first model was made."""
    import fastgmm

    found = []
    for batch, d, k in STREAMS:
        rows = common.sized_rows(60_000, d, k)
        model = fastgmm.GaussianMixture(k, random_state=0, n_threads=1).partial_fit(rows[:20_000])
        batches = [
            rows[begin : begin + batch]
            for begin in range(20_000, min(len(rows), 20_000 + 4000 * batch), batch)
        ]

        times = []
        for _ in range(7):
            # The rows again would be a stream that repeats itself.
            learner = copy.deepcopy(model)
            begin = time.thread_time()
            for one in batches:
                learner.partial_fit(one)
            times.append(time.thread_time() - begin)
        seconds = statistics.median(times)
        n = sum(map(len, batches))
        found.append({"batch": batch, "d": d, "k": k, "rows/s": n / seconds})
        print(found[-1], file=sys.stderr, flush=True)
    return found


# ------------------------------------------------------------------ all of it

PARTS: dict[str, Callable[[Any], Any]] = {
    "iteration": iterations,
    "default": default_fits,
    "select": selection,
    "many": many,
    "stream": streams,
}


def one_thread() -> None:
    """Begin again in an environment in which a BLAS has one thread and chooses its own kernels.

    It is read when NumPy is imported.
    """
    wanted = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    hampered = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    given = {name: value for name, value in os.environ.items() if name not in hampered}
    if given | wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], given | wanted)


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="parts")
    add("--features", nargs="+", type=int, default=FEATURES, metavar="D")
    add("--components", nargs="+", type=int, default=COMPONENTS, metavar="K")
    add("--rows", nargs="+", choices=ROWS, default=ROWS)
    add("--limit", type=float, default=3.0, help="seconds of an iteration that is left out")
    add("--seconds", type=float, default=1.0, help="per cell, roughly (default: %(default)s)")
    add("--seeds", type=int, default=7, help="of default fits (default: %(default)s)")
    add("--json", type=Path, help="a file of all numbers, to which parts are added")
    add("--output", type=Path, help="the page")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    begin = time.perf_counter()
    found = {name: PARTS[name](arguments) for name in arguments.only}
    if arguments.json:
        if arguments.json.exists():
            found = json.loads(arguments.json.read_text("utf-8")) | found
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(found, (time.perf_counter() - begin) / 60.0)
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
