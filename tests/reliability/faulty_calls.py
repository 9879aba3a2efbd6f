"""Fail each system call of what writes files; print what went wrong, as JSON.

Run by test_system_calls.py with the interposer.
"""

import ctypes
import errno
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

import fastgmm
import fastgmm.plot
from fastgmm.cli.main import main

LIBRARY = ctypes.CDLL(None)
LIBRARY.interposer_failed.restype = ctypes.c_char_p
SHORT_WRITE = -1
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EINTR, SHORT_WRITE)
HARMLESS = ("open", "write", "fsync")
"""Calls that are made again where a signal has interrupted them (PEP 475)."""

ROWS = np.random.default_rng(0).normal(size=(400, 2)) + np.repeat([[0.0], [3.0]], 200, axis=0)
PLACE = Path("place").absolute()
TARGET = PLACE / "model"
CSV = Path("rows.csv").absolute()

Scenario = tuple[Callable[[], object], frozenset[bytes]]
"""What writes `TARGET`, and the bytes that it may hold after an error."""


def model(n: int = 2) -> fastgmm.GaussianMixture:
    return fastgmm.GaussianMixture(n, random_state=0, n_threads=1).fit(ROWS)


def written_by(call: Callable[[], object], before: bytes | None) -> bytes:
    prepare(before)
    call()
    return TARGET.read_bytes()


def prepare(before: bytes | None) -> None:
    """Leave the target, and nothing else, in the folder."""
    PLACE.mkdir(exist_ok=True)
    for path in PLACE.iterdir():
        path.unlink()
    if before is not None:
        TARGET.write_bytes(before)


def watch(nth: int = -1, error: int = 0, on: bool = True) -> None:
    LIBRARY.interposer_watch(str(PLACE).encode() if on else b"", nth, error)


def command(*words: str) -> None:
    """Run the command; an exit with an error is an OSError of its text."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    if code:
        raise OSError(err.getvalue())


def checkpointed() -> fastgmm.GaussianMixture:
    estimator = fastgmm.GaussianMixture(2, random_state=1, n_threads=1, max_iter=6, tol=0.0)
    batches = [ROWS[:150], ROWS[150:]]
    return estimator.fit_batches(batches, checkpoint=TARGET)


def learn() -> None:
    command("learn", str(TARGET), str(CSV), "--components", "2", "--seed", "0", "--save-every", "0")


def scenarios() -> Iterator[tuple[str, bytes | None, Callable[[], object]]]:
    """Name, what the target holds before, and what is called."""
    old, new = model(), model(3)
    prepare(None)
    old.save(TARGET)
    before = TARGET.read_bytes()
    bayes = fastgmm.BayesianGaussianMixture(n_components=2, random_state=0).fit(ROWS)
    for what, content in (("new", None), ("replaced", before)):
        yield f"save, {what}", content, lambda: new.save(TARGET)
        yield f"save of a posterior, {what}", content, lambda: bayes.save(TARGET)
        yield (
            f"fit -o, {what}",
            content,
            lambda: command("fit", str(CSV), "--components", "2", "-o", str(TARGET)),
        )
    yield "checkpoint", None, checkpointed
    yield "learn, new", None, learn
    yield "learn, replaced", before, learn


def failures_of(name: str, before: bytes | None, call: Callable[[], object]) -> tuple[int, list]:
    """How many calls were failed, and what was wrong after which of them."""
    whole = written_by(call, before)
    prepare(before)
    watch()
    call()
    n, wrong, failed = LIBRARY.interposer_calls(), [], 0
    many = name in ("checkpoint",) or name.startswith("learn")
    for error in ERRORS:
        for nth in range(n):
            prepare(before)
            watch(nth, error)
            said = None
            try:
                call()
            except OSError as raised:
                said = str(raised)
            except Exception as raised:
                said = f"{type(raised).__name__}: {raised}"
            at = LIBRARY.interposer_failed().decode()
            watch(on=False)
            failed += bool(at)
            where = [name, errno.errorcode.get(error, "short write"), nth, at, said]
            left = sorted(path.name for path in PLACE.iterdir())
            content = TARGET.read_bytes() if TARGET.exists() else None
            if left not in ([], [TARGET.name]):
                wrong.append(["files are left", left, *where])
            if said is None and content != whole:
                wrong.append(["no error, and another file", *where])
            if said is not None and str(TARGET) not in said:
                wrong.append(["the file is not named", *where])
            if at == "write" and error == SHORT_WRITE and said is not None:
                wrong.append(["a short write is no error", *where])
            if at in HARMLESS and error == errno.EINTR and said is not None:
                wrong.append(["an interrupted call is made again", *where])
            if not many and content not in (before, whole):
                wrong.append(["neither the old file nor the new one", *where])
            if many and content is not None and content != before:
                fastgmm.load(TARGET)  # some pass, whole
            if many and call is checkpointed:
                checkpointed()
                if TARGET.read_bytes() != whole:
                    wrong.append(["the fit that goes on ends elsewhere", *where])
    return failed, wrong


def run() -> None:
    np.savetxt(CSV, ROWS, delimiter=",", header="a,b", comments="")
    counts, wrong = {}, []
    for name, before, call in scenarios():
        counts[name], found = failures_of(name, before, call)
        wrong += found
    print(json.dumps({"failed": counts, "wrong": wrong}, default=str))


if __name__ == "__main__":
    sys.exit(run())
