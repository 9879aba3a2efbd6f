"""Run the benchmarks on two commits, in turns, and say what changed.

Usage: python ci/compare.py BASE [HEAD] [--bench REGEX] [--quick] [--factor 1.1]

Both commits are built in environments of their own under .asv/; the benchmarks are those of the
working tree, and what is not committed is not measured. Exit status 1: something is slower, larger
or less likely than at BASE. Needs asv and virtualenv: pip install -e ".[bench]".
"""

import argparse
import importlib.util
import itertools
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NATS = 1e-6
"""Log-likelihoods per row that differ by less are equal: instruction sets differ by less."""
LIKELIHOOD = "log_likelihood"
"""In the name of a benchmark: compared by difference, lower is better."""


@dataclass(frozen=True)
class Value:
    """One result; `low` to `high` is asv's interval of 99 % where it has one."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Change:
    """One benchmark at both commits; a commit at which it does not run has None."""

    name: str
    base: float | None
    head: float | None
    worse: bool

    def __str__(self) -> str:
        numbers = ["does not run" if x is None else f"{x:.6g}" for x in (self.base, self.head)]
        ratio = ""
        if self.base and self.head and LIKELIHOOD not in self.name:
            ratio = f"  x {self.head / self.base:.2f}"
        return f"  {self.name}: {numbers[0]} -> {numbers[1]}{ratio}"


def values(document: dict[str, Any]) -> Iterator[tuple[str, Value | None]]:
    """Yield name and value of every combination of parameters in one of asv's result files."""
    columns = document["result_columns"]
    for name, cells in document["results"].items():
        entry = dict(zip(columns, cells, strict=False))
        names = [", ".join(combination) for combination in itertools.product(*entry["params"])]
        found = entry["result"] or [None] * len(names)
        lows = entry.get("stats_ci_99_a") or [None] * len(names)
        highs = entry.get("stats_ci_99_b") or [None] * len(names)
        for parameters, value, low, high in zip(names, found, lows, highs, strict=True):
            full = f"{name}({parameters})" if parameters else name
            if value is None:
                yield full, None
            elif not math.isnan(value):  # asv's mark of a combination that was skipped
                yield full, Value(value, *(math.nan if x is None else x for x in (low, high)))


def change_of(name: str, base: Value | None, head: Value | None, factor: float) -> Change | None:
    """Return what changed between two values, or None where nothing did."""
    if base is None or head is None:
        if base is head:
            return None
        numbers = [None if x is None else x.value for x in (base, head)]
        return Change(name, *numbers, worse=head is None)
    a, b = base.value, head.value
    if LIKELIHOOD in name:
        return Change(name, a, b, b > a) if abs(b - a) > NATS else None
    overlap = base.low <= head.high and head.low <= base.high  # False where there is no interval
    if overlap or (a / factor <= b <= a * factor):
        return None
    return Change(name, a, b, b > a)


def changes(base: dict[str, Any], head: dict[str, Any], factor: float) -> list[Change]:
    """Return all changes between two of asv's result files, for benchmarks that both have."""
    before, after = dict(values(base)), dict(values(head))
    found = (change_of(n, before[n], after[n], factor) for n in before if n in after)
    return [change for change in found if change is not None]


def report(found: list[Change]) -> str:
    """Say what changed, the worse first."""
    lines = []
    for title, worse in (("worse:", True), ("better:", False)):
        part = [str(change) for change in found if change.worse is worse]
        lines += [title, *part] if part else []
    return "\n".join(lines) or "nothing changed"


def _configuration(folder: Path) -> Path:
    """Return a copy of asv's configuration whose results go to a folder of their own."""
    conf = json.loads((ROOT / "benchmarks" / "asv.conf.json").read_text(encoding="utf-8"))
    conf |= {
        "repo": str(ROOT),
        "branches": ["HEAD"],
        "benchmark_dir": str(ROOT / "benchmarks" / "benchmarks"),
        "env_dir": str(ROOT / ".asv" / "env"),
        "results_dir": str(folder / "results"),
        "html_dir": str(folder / "html"),
    }
    path = folder / "asv.conf.json"
    path.write_text(json.dumps(conf), encoding="utf-8")
    return path


def _commit(name: str) -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--verify", f"{name}^{{commit}}"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _run_asv(commits: list[str], bench: str, quick: bool, folder: Path) -> None:
    configuration = str(_configuration(folder))
    asv = [sys.executable, "-m", "asv"]
    subprocess.run([*asv, "machine", "--yes", "--config", configuration], check=True)
    hashes = folder / "commits"
    hashes.write_text("\n".join(commits) + "\n", encoding="utf-8")
    options = ["--quick"] if quick else ["--interleave-rounds"]
    options += ["--bench", bench] if bench else []
    command = [*asv, "run", "--config", configuration, "--show-stderr", *options]
    # 2: a benchmark failed, which the report says
    status = subprocess.run([*command, f"HASHFILE:{hashes}"]).returncode
    if status not in (0, 2):
        raise SystemExit(f"asv run ended with status {status}")


def _results_of(commit: str, folder: Path) -> dict[str, Any]:
    for path in (folder / "results").glob("*/*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.get("commit_hash") == commit:
            return document
    raise SystemExit(f"asv has no results of {commit}: see its output above")


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="commit, branch or tag to compare with")
    parser.add_argument("head", nargs="?", default="HEAD", help="default: %(default)s")
    parser.add_argument(
        "--bench", default="", metavar="REGEX", help="only benchmarks of such names"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one run of each: to see that it works"
    )
    parser.add_argument("--factor", type=float, default=1.1, help="default: %(default)s")
    arguments = parser.parse_args()
    if importlib.util.find_spec("asv") is None:
        raise SystemExit("the comparison needs asv: python -m pip install -e '.[bench]'")
    commits = [_commit(name) for name in (arguments.base, arguments.head)]
    with tempfile.TemporaryDirectory(prefix="fastgmm-compare-") as name:
        folder = Path(name)
        _run_asv(commits, arguments.bench, arguments.quick, folder)
        found = changes(*(_results_of(commit, folder) for commit in commits), arguments.factor)
    print(f"{arguments.base} ({commits[0][:8]}) -> {arguments.head} ({commits[1][:8]})")
    print(report(found))
    raise SystemExit(any(change.worse for change in found))


if __name__ == "__main__":
    main()
