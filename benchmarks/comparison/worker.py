"""One peer in a process of its own: `python -m comparison.worker PEER FOLDER THREADS CLOCK`.

Answers one JSON line on standard output for each JSON line on standard input. Whatever the peer
prints goes to standard error.
"""

import json
import os
import statistics
import sys
import time
import timeit
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.memory import peak_above

from comparison.adapters import Adapter, Fastgmm, Job, OneDAL, ScikitLearn, Unsupported
from comparison.other_adapters import TGMM, MLPack, OpenCV, Pomegranate, TorchGMM
from comparison.referee import REFEREE_ROWS

PEERS: dict[str, type[Adapter]] = {
    "fastgmm": Fastgmm,
    "scikit-learn": ScikitLearn,
    "oneDAL": OneDAL,
    "pomegranate": Pomegranate,
    "torchgmm": TorchGMM,
    "tgmm": TGMM,
    "OpenCV": OpenCV,
    "mlpack": MLPack,
}
LOOP_SECONDS = 0.2
"""A call of microseconds is repeated for so long per measurement."""


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""On a machine that others use too, the processor time of one thread is the quieter of the two."""


class Worker:
    """What the parent process may ask for, one method per request."""

    def __init__(self, peer: str, folder: Path, n_threads: int, clock: str) -> None:
        self.clock = CLOCKS[clock]
        self.kind = PEERS[peer]
        with np.load(folder / "start.npz") as start:
            parts = {name: start[name] for name in start.files}
        self.rows = np.load(folder / "rows.npy")
        self.job = Job(self.rows, **parts, covariance_type=_text(folder), n_threads=n_threads)
        self.adapter = self.kind(self.job)

    def timed(self, call: Any) -> float:
        """Seconds of a call."""
        begin = self.clock()
        call()
        return self.clock() - begin

    def hello(self) -> tuple[str, bool]:
        """Return the peer's version, and whether it begins from a start of its own."""
        return self.adapter.version(), self.adapter.own_start

    def fit(self, n_iter: int) -> float:
        """Seconds of a fit of so many iterations."""
        return self.timed(lambda: self.adapter.fit(n_iter))

    def memory(self, n_iter: int) -> float | None:
        """Peak megabytes of a fit above what was there before, data included."""
        return peak_above(lambda: self.adapter.fit(n_iter))

    def default_memory(self, seed: int) -> float | None:
        """Peak megabytes of a default fit."""
        return peak_above(lambda: self.adapter.default_fit(seed))

    def default_fit(self, seed: int) -> float:
        """Seconds of a default fit."""
        return self.timed(lambda: self.adapter.default_fit(seed))

    def parameters(self, path: str) -> None:
        """Write those of the last fit."""
        names = ("weights", "means", "covariances")
        np.savez(path, **dict(zip(names, self.adapter.parameters(), strict=True)))

    def begin_scoring(self) -> None:
        """Fit one iteration on some of the rows: every peer then has the same parameters."""
        parts = {**self.job.__dict__, "rows": np.ascontiguousarray(self.rows[:REFEREE_ROWS])}
        self.adapter = self.kind(Job(**parts))
        self.adapter.fit(1)

    def score(self, method: str) -> float:
        """Seconds for all rows."""
        return self.timed(lambda: getattr(self.adapter, method)(self.rows))

    def score_memory(self, method: str) -> float | None:
        """Peak megabytes of scoring all rows."""
        return peak_above(lambda: getattr(self.adapter, method)(self.rows))

    def mean_score(self) -> float:
        """Mean log density of the rows that the referee judges."""
        return float(
            np.mean(self.adapter.score_samples(self.rows[:REFEREE_ROWS]), dtype=np.float64)
        )

    def one_row(self, method: str) -> float:
        """Seconds per call with one row."""
        row, function = self.rows[:1], getattr(self.adapter, method)
        function(row)
        timer = timeit.Timer(lambda: function(row), timer=self.clock)
        number, seconds = timer.autorange()
        repeats = max(1, round(LOOP_SECONDS / seconds))
        return statistics.median(timer.repeat(repeats, number)) / number


def _text(folder: Path) -> str:
    return (folder / "covariance_type").read_text(encoding="utf-8")


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    peer, folder, n_threads, clock = sys.argv[1:5]
    warnings.simplefilter("ignore")
    worker = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if worker is None:
                worker = Worker(peer, Path(folder), int(n_threads), clock)
            answer = {"value": getattr(worker, request.pop("do"))(**request)}
        except Unsupported as error:
            answer = {"reason": str(error)}
        except (
            Exception
        ) as error:  # a peer that breaks must not end the comparison: the table says why
            text = str(error).strip() or "no message"
            answer = {"reason": f"{type(error).__name__}: {text.splitlines()[0][:160]}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
