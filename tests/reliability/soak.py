"""Streams, readers, checkpoints and reloads in a loop; print what has grown or drifted, as JSON.

Run by test_soak.py; the word is the seconds that it takes.
"""

import gc
import json
import math
import os
import pickle
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

import fastgmm
from fastgmm.cli.main import main

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(3000, 3)) + np.repeat([[0.0], [4.0], [9.0]], 1000, axis=0)
GAPS = np.where(RNG.random(ROWS.shape) < 0.1, np.nan, ROWS)
MODEL, CHECKPOINT, CSV, NPY = Path("model"), Path("checkpoint"), Path("rows.csv"), Path("rows.npy")
WARM = 0.3
"""This share of the time goes by before the size of the process is first looked at."""
GROWTH = 12 << 20
"""Memory may grow by so many bytes: malloc does not give all back at once."""
DRIFT = 1e-12
"""Sums may differ by so much from exact ones, as a share of the sums of absolute values."""


def resident() -> int:
    """The bytes of memory that the process holds now, but for pages of files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    return 0


def opened() -> int:
    return len(os.listdir("/proc/self/fd"))


class Drift:
    """Statistics that are added up over the whole time, beside exact sums of the same rows."""

    def __init__(self) -> None:
        self.model = fastgmm.GaussianMixture(1, n_threads=1).fit(ROWS)
        self.total: fastgmm.SufficientStatistics | None = None
        self.n = 0
        # One component has every row: its sums are those of the rows about the reference.
        about = ROWS - self.model.means_[0]
        self.first = [sum(map(Fraction, column)) for column in about.T.tolist()]
        self.squares = [sum(Fraction(x) ** 2 for x in column) for column in about.T.tolist()]

    def add(self) -> None:
        one = self.model.e_step(ROWS)
        self.total = one if self.total is None else self.total + one
        if self.n % 7 == 0:
            self.total = fastgmm.SufficientStatistics.from_bytes(self.total.to_bytes())
        self.n += 1

    def wrong(self) -> list[str]:
        total, found = self.total, []
        assert total is not None
        if total.n_samples != self.n * len(ROWS) or total.weight != float(self.n * len(ROWS)):
            found.append(f"{total.n_samples} rows of weight {total.weight} instead of {self.n}")
        scale = math.fsum(np.abs(ROWS - self.model.means_[0]).ravel().tolist()) * self.n
        for j in range(ROWS.shape[1]):
            first = float(Fraction(float(total.first_moment[0, j])) - self.n * self.first[j])
            square = float(Fraction(float(total.second_moment[0, j, j])) - self.n * self.squares[j])
            if abs(first) > DRIFT * scale or abs(square) > DRIFT * self.n * self.squares[j]:
                found.append(f"sums of column {j} are off by {first} and {square}")
        return found


class Soak:
    """What is done in the loop."""

    def __init__(self) -> None:
        self.stream = fastgmm.GaussianMixture(3, random_state=0, half_life=5000)
        self.forgetful = fastgmm.GaussianMixture(3, random_state=0)
        self.drift, self.turn = Drift(), 0
        np.savetxt(CSV, ROWS, delimiter=",", header="a,b,c", comments="")
        np.save(NPY, ROWS)

    def ways(self) -> Iterator[Callable[[], Any]]:
        yield self.learn
        yield self.reload
        yield self.checkpoint
        yield self.read
        yield self.messages
        yield self.command
        yield self.fits
        yield self.drift.add
        yield self.abandoned

    def once(self) -> None:
        for way in self.ways():
            way()
        self.turn += 1

    def learn(self) -> None:
        begin = self.turn % 2000
        self.stream.partial_fit(ROWS[begin : begin + 700])
        self.forgetful.partial_fit(ROWS[begin : begin + 10])
        self.stream.score_samples(ROWS)
        if self.stream.is_fitted:
            self.stream.is_novel(ROWS[:50])

    def reload(self) -> None:
        self.stream.save(MODEL)
        self.stream = fastgmm.load(MODEL)
        self.forgetful = pickle.loads(pickle.dumps(self.forgetful))

    def checkpoint(self) -> None:
        model = fastgmm.GaussianMixture(2, random_state=0, max_iter=3, tol=0.0)
        model.fit_batches([ROWS[:1500], ROWS[1500:]], checkpoint=CHECKPOINT)
        CHECKPOINT.unlink()

    def read(self) -> None:
        for source in (CSV, NPY, [ROWS, ROWS]):
            for _ in fastgmm.sources.batches(source, batch_rows=1000):
                pass
        fastgmm.sources.read_table(CSV)

    def messages(self) -> None:
        for table in fastgmm.sources.stream(iter(ROWS[:50]), batch_rows=20):
            self.stream.partial_fit(table.rows)

    def command(self) -> None:
        if self.turn % 5 == 0:
            with redirect_stdout(StringIO()):
                main(["score", str(MODEL), str(NPY)])

    def fits(self) -> None:
        fastgmm.GaussianMixture(2, missing="em", random_state=self.turn, max_iter=5).fit(GAPS)
        fastgmm.fit_many([ROWS[:300]] * 8, 2, random_state=0, n_threads=3)
        list(map(len, self.stream.sample(100)))

    def abandoned(self) -> None:
        """Readers that nobody reads to their end."""
        next(iter(fastgmm.sources.batches(CSV, batch_rows=100)))
        next(iter(fastgmm.sources.stream(iter(ROWS), batch_rows=10)))


def run() -> None:
    seconds = float(sys.argv[1])
    warnings.simplefilter("ignore")
    soak, begin = Soak(), time.monotonic()
    while time.monotonic() < begin + WARM * seconds or soak.turn < 5:
        soak.once()
    gc.collect()
    before = resident(), opened(), threading.active_count()
    middle = soak.turn
    while time.monotonic() < begin + seconds or soak.turn < middle + 5:
        soak.once()
    gc.collect()
    time.sleep(0.2)  # readers that were left end
    after = resident(), opened(), threading.active_count()
    wrong = soak.drift.wrong()
    if after[0] - before[0] > GROWTH:
        wrong.append(f"memory has grown from {before[0]} to {after[0]} bytes")
    if after[1] > before[1]:
        wrong.append(f"{after[1]} files are open, and {before[1]} were")
    if after[2] > before[2] + 1:
        wrong.append(f"{after[2]} threads run, and {before[2]} did")
    found = {"turns": soak.turn, "before": before, "after": after, "wrong": wrong}
    found["rows"] = soak.stream.n_samples_seen_
    print(json.dumps(found))


if __name__ == "__main__":
    run()
