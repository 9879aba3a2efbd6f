"""Many inputs, tried in child processes: a crash, a hang or too much memory is counted.

python tests/fuzz/runs.py models 100000          # so many of one target
python tests/fuzz/runs.py all 1000000            # of all targets, each by its share
python tests/fuzz/runs.py all --seconds 3600     # an hour of all
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from targets import SHARES, target_of

CASES_PER_CHILD = 10_000
"""A child is given so many inputs, so that a crash costs little."""
SECONDS_PER_CASE = 20.0
"""A child that has no next input after so many seconds hangs, however busy the machine is."""
MOST_MEMORY = 4 << 30
"""A child may have so many bytes of addresses: what asks for more fails, whoever counts."""


class Result(NamedTuple):
    """What has come of one input."""

    case: int
    kind: str
    outcome: str
    seconds: float


def work(target: str, first: int, last: int, note: Path) -> None:
    """Try the inputs of these numbers; write down which one is next and what has come of it."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    os.fsync = lambda handle: None  # no one waits for the disk
    tried = target_of(target)
    with note.open("w", buffering=1) as out:
        for case in range(first, last):
            out.write(f"{case}\n")
            begin = time.process_time()
            kind = "?"
            try:
                kind, result = tried(case)
            except Exception as error:
                result = f"BROKEN {type(error).__name__}: {str(error)[:300]}"
            took = time.process_time() - begin
            out.write(json.dumps([case, kind, result, took]) + "\n")


def tried_in_children(target: str, first: int, last: int, folder: Path) -> list[Result]:
    """What has come of these inputs; a crash or a hang ends one child, not all."""
    results: list[Result] = []
    while first < last:
        note = folder / f"{target}-{first}"
        command = [
            sys.executable,
            "-W",
            "ignore",
            __file__,
            "--child",
            target,
            str(first),
            str(last),
            str(note),
        ]
        child, size = subprocess.Popen(command), -1
        while child.poll() is None:
            try:
                child.wait(SECONDS_PER_CASE)
            except subprocess.TimeoutExpired:
                now = note.stat().st_size if note.exists() else 0
                if now == size:
                    child.kill()
                size = now
        lines = note.read_text().splitlines() if note.exists() else []
        results += [Result(*json.loads(line)) for line in lines if line.startswith("[")]
        if child.returncode == 0:
            return results
        at = int(lines[-1]) if lines and not lines[-1].startswith("[") else first
        name = signal.Signals(-child.returncode).name if child.returncode < 0 else "an error"
        results.append(Result(at, "?", f"BROKEN the child ended with {name}", 0.0))
        first = at + 1
    return results


class Count:
    """The outcomes of a target, as a table."""

    def __init__(self, target: str) -> None:
        self.target, self.n, self.broken = target, 0, 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._slowest = Result(0, "", "", 0.0)

    def add(self, result: Result) -> None:
        """Count a result, and say at once what is broken."""
        word = result.outcome.split(" ")[0]
        self.n, self.broken = self.n + 1, self.broken + (word == "BROKEN")
        self._counts[result.kind, word] += 1
        self._slowest = max(self._slowest, result, key=lambda one: one.seconds)
        if word == "BROKEN":
            print(f"{self.target} {result.case}, {result.kind}: {result.outcome}", flush=True)

    def show(self) -> None:
        """Print the table."""
        words = ("refused", "valid", "BROKEN")
        print(f"\n{self.target:34}" + "".join(f"{word:>9}" for word in words))
        for kind in sorted({kind for kind, _ in self._counts}):
            print(f"{kind:34}" + "".join(f"{self._counts[kind, word]:9}" for word in words))
        one = self._slowest
        print(f"{self.n} tried; the slowest took {one.seconds:.3f} s: {one.case}, {one.kind}")


def run(shares: dict[str, int], first: int, seconds: float) -> list[Count]:
    """Try so many inputs of each target, a part of each in turn, until the time is over."""
    counts = {target: Count(target) for target in shares}
    begin = time.monotonic()
    # In a minute each target gets several turns.
    each = int(min(CASES_PER_CHILD, max(100, 10 * seconds)))
    places = [
        (at / n, target, at, min(at + each, n))
        for target, n in shares.items()
        for at in range(0, n, each)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for _, target, at, end in sorted(places):
            if time.monotonic() - begin > seconds:
                break
            for one in tried_in_children(target, first + at, first + end, Path(folder)):
                counts[target].add(one)
    took = time.monotonic() - begin
    n = sum(count.n for count in counts.values())
    for count in counts.values():
        count.show()
    broken = sum(count.broken for count in counts.values())
    print(f"\n{n} inputs in {took:.0f} s, {broken} broken", flush=True)
    return list(counts.values())


def main(words: list[str]) -> int:
    """Try the inputs that the words ask for, and end with 1 where one was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=("all", *SHARES))
    parser.add_argument("n", type=int, nargs="?", default=10**9)
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no more after these")
    options = parser.parse_args(words)
    chosen = SHARES if options.target == "all" else {options.target: 1}
    whole = sum(chosen.values())
    # Whoever gives a time alone gets as many as go into it.
    n = min(options.n, int(5000 * options.seconds))
    shares = {name: max(1, n * share // whole) for name, share in chosen.items()}
    counts = run(shares, options.first, options.seconds)
    return 1 if any(count.broken for count in counts) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        work(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
    else:
        sys.exit(main(sys.argv[1:]))
