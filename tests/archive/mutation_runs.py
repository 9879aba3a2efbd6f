"""Many mutated files, tried in child processes: a crash, a hang or too much memory is counted."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

CASES_PER_CHILD = 2000
"""A child is given so many files, so that a crash costs little."""
SECONDS_PER_CASE = 20.0
"""A child that has no next file after so many seconds hangs."""


def work(first: int, last: int, note: Path) -> None:
    """Try the files of these numbers, and write down which one is next and what has come of it."""
    import mutation_outcomes
    import mutations

    os.fsync = lambda handle: None  # no one waits for the disk
    with note.open("w", buffering=1) as out:
        for case in range(first, last):
            out.write(f"{case}\n")
            kind, of, content = mutations.mutated(case)
            begin = time.process_time()
            try:
                result = mutation_outcomes.outcome(of, content)
            except Exception as error:
                result = f"BROKEN {type(error).__name__}: {str(error)[:200]}"
            took = time.process_time() - begin
            out.write(json.dumps([case, kind, of.kind, result, took]) + "\n")


def _child(first: int, last: int, note: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, __file__, "--child", str(first), str(last), str(note)]
    return subprocess.Popen(command)


def tried(first: int, last: int, folder: Path) -> list[list[object]]:
    """What has come of the files of these numbers; a crash or a hang ends one child, not all."""
    results: list[list[object]] = []
    while first < last:
        note = folder / f"mutations-{os.getpid()}-{first}"
        child, size = _child(first, last, note), -1
        while child.poll() is None:
            try:
                child.wait(SECONDS_PER_CASE)
            except subprocess.TimeoutExpired:
                now = note.stat().st_size if note.exists() else 0
                if now == size:
                    child.kill()
                size = now
        lines = note.read_text().splitlines() if note.exists() else []
        note.unlink(missing_ok=True)
        results += [json.loads(line) for line in lines if line.startswith("[")]
        if child.returncode == 0:
            return results
        at = int(lines[-1]) if lines and not lines[-1].startswith("[") else first
        name = signal.Signals(-child.returncode).name if child.returncode < 0 else "exit"
        results.append([at, "?", "?", f"BROKEN the child ended with {name}", 0.0])
        first = at + 1
    return results


def main(words: list[str]) -> int:
    """Try so many files, print what has come of them, and end with 1 where one was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("--first", type=int, default=0, help="the number of the first file")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no more after these")
    options = parser.parse_args(words)
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    counts: Counter[tuple[str, str]] = Counter()
    files: Counter[tuple[str, str]] = Counter()
    broken, slowest = [], (0.0, 0, "")
    last, begin = options.first + options.n, time.monotonic()
    for first in range(options.first, last, CASES_PER_CHILD):
        if time.monotonic() - begin > options.seconds:
            break
        for case, kind, of, result, took in tried(
            first, min(last, first + CASES_PER_CHILD), folder
        ):
            word = str(result).split(" ")[0]
            counts[str(kind), word] += 1
            files[str(of), word] += 1
            slowest = max(slowest, (float(str(took)), int(str(case)), f"{kind} of a {of}"))
            if word == "BROKEN":
                broken.append((case, kind, of, result))
                print(f"case {case}, {kind} of a {of}: {result}", flush=True)
        print(f"{sum(counts.values())} tried", flush=True)
    for title, table in (("mutation", counts), ("file", files)):
        print(f"\n{title:12}  refused    valid   BROKEN")
        for name in sorted({name for name, _ in table}):
            numbers = (table[name, word] for word in ("refused", "valid", "BROKEN"))
            print(f"{name:12}" + "".join(f"{number:9}" for number in numbers))
    print(f"\nslowest: {slowest[0]:.3f} s of processor time, case {slowest[1]}, {slowest[2]}")
    return 1 if broken else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        work(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    else:
        sys.exit(main(sys.argv[1:]))
