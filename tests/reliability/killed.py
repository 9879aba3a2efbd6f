"""Kill processes that write files at random moments; print what went wrong, as JSON.

Run by test_kills.py; the words are the number of kills of each kind and a seed.  Children are
forked before any thread is started.
"""

import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

import fastgmm
from fastgmm.cli.main import main

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(3000, 3)) + np.repeat([[0.0], [2.0], [4.0]], 1000, axis=0)
CSV, FOLDER = Path("rows.csv").absolute(), Path("place").absolute()
FILE = FOLDER / "model"


def checkpointed() -> None:
    model = fastgmm.GaussianMixture(3, random_state=1, n_threads=1, max_iter=25, tol=0.0)
    model.fit_batches([ROWS[:1100], ROWS[1100:]], checkpoint=FILE)


def learn() -> None:
    words = ["--components", "3", "--seed", "0", "--save-every", "0", "--batch-rows", "300"]
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        main(["learn", str(FILE), str(CSV), *words])


def save() -> None:
    for n in (1, 2, 3):
        fastgmm.GaussianMixture(n, random_state=0, n_threads=1).fit(ROWS[:300]).save(FILE)


def in_child(call: Callable[[], None], kill_after: float | None = None) -> tuple[bool, float]:
    """Call in a child, which is killed after some seconds; whether it was, and how long it took."""
    begin = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            call()
            code = 0
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), time.perf_counter() - begin


def clear() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        path.unlink()


def looked_at(name: str) -> list[Any]:
    """What is wrong with the file that a killed process has left."""
    if not FILE.exists():
        return []
    try:
        fastgmm.load(FILE)
    except ValueError as error:
        return [[name, "the file cannot be loaded", str(error)]]
    return []


def killed(name: str, call: Callable[[], None], n: int, rng: np.random.Generator) -> Any:
    clear()
    took = min(in_child(call)[1] for _ in range(3))
    clear()
    in_child(call)
    whole = FILE.read_bytes()
    count, wrong = 0, []
    clear()
    for i in range(n):
        count += in_child(call, rng.uniform(0.0, 1.1) * took)[0]
        wrong += looked_at(name)
        if call is checkpointed and i % 3 == 2:
            in_child(call)  # this one goes on to the end
            if FILE.read_bytes() != whole:
                wrong.append([name, "the fit that goes on ends elsewhere"])
            clear()
    return count, wrong


def run(n: int, seed: int) -> None:
    warnings.simplefilter("ignore")
    np.savetxt(CSV, ROWS, delimiter=",", header="a,b,c", comments="")
    rng = np.random.default_rng(seed)
    kinds = {"checkpoint": checkpointed, "learn": learn, "save": save}
    found = {name: killed(name, call, n, rng) for name, call in kinds.items()}
    counts = {name: count for name, (count, _) in found.items()}
    wrong = [one for _, some in found.values() for one in some]
    print(json.dumps({"killed": counts, "wrong": wrong}))


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
