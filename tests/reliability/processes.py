"""Fit and score across forks, spawned processes, interpreters, event loops and exits; print JSON.

Run by test_processes.py; the word is a scenario.  Whoever runs it ends it where it hangs.
"""

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np

import fastgmm

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(300, 3)) + np.repeat([[0.0], [4.0]], 150, axis=0)
MANY = RNG.normal(size=(40_000, 3)) + np.repeat([[0.0], [4.0]], 20_000, axis=0)
FORKS = int(os.environ.get("FASTGMM_FORKS", "10"))


def made(n_threads: int | None = 2) -> fastgmm.GaussianMixture:
    return fastgmm.GaussianMixture(2, random_state=0, n_threads=n_threads)


def bits(model: Any = None) -> bytes:
    """What a fit of many rows on two threads says of them."""
    model = made().fit(MANY) if model is None else model
    return np.asarray(model.score_samples(MANY)).tobytes()


def check(expected: bytes, model: Any = None) -> str:
    """What a worker of a pool answers."""
    if model is not None and bits(model) != expected:
        return "the model that was sent says something else"
    return "" if bits() == expected else "the fit is another"


def answers(method: str) -> list[str]:
    """Pools of processes that begin in this way, after this process has used threads."""
    expected, model = bits(), made().fit(MANY)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = [pool.submit(check, expected, model).result() for _ in range(2)]
        found += pool.map(check, [expected] * 2)
    with context.Pool(2) as pool_of_theirs:
        found += pool_of_theirs.starmap(check, [(expected, model)] * 2)
    return [one for one in found if one]


def fork() -> list[str]:
    return answers("fork")


def spawn() -> list[str]:
    return answers("spawn")


def forkserver() -> list[str]:
    return answers("forkserver")


def fork_while_fitting() -> list[str]:
    """Children that are forked in the middle of the fits of other threads compute as ever."""
    expected, wrong = bits(), list[str]()
    stopped = threading.Event()

    def fits() -> None:
        stream = made()
        while not stopped.is_set():
            made().fit(MANY)
            stream.partial_fit(MANY[:5000])
            list(fastgmm.sources.batches([ROWS, ROWS], batch_rows=100))

    threads = [threading.Thread(target=fits, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(FORKS):
        time.sleep(0.003 * (turn % 5))
        child = os.fork()
        if child == 0:
            os._exit(0 if check(expected) == "" else 3)
        end = time.monotonic() + 120.0
        while (status := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > end:
                os.kill(child, 9)
                wrong.append(f"child {turn} hangs")
            time.sleep(0.001)
        if status[1]:
            wrong.append(f"child {turn} ends with {status[1]}")
    stopped.set()
    for thread in threads:
        thread.join()
    return wrong


def interpreter() -> list[str]:
    """Another interpreter of this process: it works, or ends with a sentence."""
    code = (
        "try:\n"
        "    import fastgmm\n"
        "    import numpy as np\n"
        "    fastgmm.GaussianMixture(2).fit(np.random.default_rng(0).normal(size=(50, 2)))\n"
        "    said = 'works'\n"
        "except ImportError as error:\n"
        "    said = f'ImportError: {error}'\n"
        "with open('said', 'w') as file:\n"
        "    file.write(said)\n"
    )
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            interpreters = __import__(name)
        except ImportError:
            continue
        other = interpreters.create()
        interpreters.run_string(other, code)
        interpreters.destroy(other)
        with open("said", encoding="utf-8") as file:
            said = file.read()
        print(said, file=sys.stderr)
        good = said == "works" or (said.startswith("ImportError: ") and len(said) > 30)
        bits()  # this interpreter goes on
        return [] if good else [said]
    return []


def alone(code: str) -> list[str]:
    """A process of its own, which must end well, and say nothing."""
    code = f"import sys; sys.path = {sys.path!r}\nfrom reliability.processes import *\n{code}"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if done.returncode or done.stderr or done.stdout.strip() != "end":
        return [f"{done.returncode} {done.stdout} {done.stderr[-2000:]}"]
    return []


def daemons() -> list[str]:
    """Threads that nobody waits for fit, score, learn and read as the process ends."""
    return alone(
        "model = made().fit(ROWS)\n"
        "def works(what):\n"
        "    while True:\n"
        "        what()\n"
        "reads = lambda: list(fastgmm.sources.batches([ROWS, ROWS], batch_rows=100))\n"
        "fits, learns = lambda: made().fit(MANY), lambda: made().partial_fit(MANY)\n"
        "scores = lambda: model.score_samples(MANY) + model.predict_proba(MANY)[:, 0]\n"
        "for what in (fits, learns, scores, reads):\n"
        "    threading.Thread(target=works, args=(what,), daemon=True).start()\n"
        "time.sleep(0.3)\n"
        "print('end')\n"
    )


def at_exit() -> list[str]:
    """A fit as the process ends, where some Pythons start no thread any more."""
    return alone(
        "expected = bits()\n"
        "def late():\n"
        "    fastgmm.fit_many([ROWS] * 4, 2, n_threads=3, random_state=0)\n"
        "    found = made(n_threads=4).fit_batches([MANY, MANY])\n"
        "    print('end' if check(expected) == '' else 'another')\n"
        "import atexit\n"
        "atexit.register(late)\n"
    )


def event_loop() -> list[str]:
    """Executors of an event loop: fits and scores side by side, one of them cancelled."""
    expected, model = bits(), made().fit(MANY)

    async def works() -> list[str]:
        loop = asyncio.get_running_loop()
        with (
            ThreadPoolExecutor(4) as pool,
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes,
        ):
            tasks = [loop.run_in_executor(pool, check, expected, model) for _ in range(4)]
            tasks += [asyncio.ensure_future(asyncio.to_thread(check, expected)) for _ in range(2)]
            tasks.append(loop.run_in_executor(processes, check, expected, model))
            dropped = asyncio.ensure_future(asyncio.to_thread(made().fit, MANY))
            await asyncio.sleep(0.01)
            dropped.cancel()
            return [one for one in await asyncio.gather(*tasks) if one]

    return asyncio.run(asyncio.wait_for(works(), 240.0))


SCENARIOS = {
    "fork": fork,
    "spawn": spawn,
    "forkserver": forkserver,
    "fork while fitting": fork_while_fitting,
    "interpreter": interpreter,
    "daemon threads": daemons,
    "at exit": at_exit,
    "event loop": event_loop,
}
"""What this script does, by the word that it is called with."""


def run() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # forks of processes with threads
    print(json.dumps(SCENARIOS[sys.argv[1]]()))


if __name__ == "__main__":
    run()
