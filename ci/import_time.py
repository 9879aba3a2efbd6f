"""Measure what importing fastgmm costs over NumPy's own import.

Runs of `import numpy` and `import numpy, fastgmm` alternate, so that a change in the machine's
speed hits both.  The limit is a share of NumPy's import, since one machine takes twice as long for
both on some days.  50 ms, once the limit, are 0.75 of 67; shares of 0.31 to 0.54 have been seen.

Usage: python ci/import_time.py [--runs 21] [--limit 0.75]
"""

import argparse
import statistics
import subprocess
import sys

STATEMENTS = ("import numpy", "import numpy, fastgmm")


def milliseconds(statement: str) -> float:
    """Return how long one statement takes in an interpreter that has just started."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    # -P: the clone's root must not stand in sys.path, its fastgmm/ is not built.
    command = [sys.executable, "-P", "-c", code]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return 1e3 * float(run.stdout)


def main() -> None:
    """Print both medians and fail when what we add is over its share of NumPy's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21, help="runs of each statement (default: 21)")
    parser.add_argument("--limit", type=float, default=0.75, help="times NumPy's (default: 0.75)")
    arguments = parser.parse_args()
    for statement in STATEMENTS:  # once each for the file cache and the bytecode
        milliseconds(statement)
    times: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(arguments.runs):
        for statement in STATEMENTS:
            times[statement].append(milliseconds(statement))
    numpy_alone, both = (statistics.median(times[statement]) for statement in STATEMENTS)
    cost = both - numpy_alone
    share = cost / numpy_alone
    print(f"import numpy {numpy_alone:.1f} ms, fastgmm over it {cost:.1f} ms, {share:.2f} of it")
    if share > arguments.limit:
        raise SystemExit(f"that is over {arguments.limit:g}: see `python -X importtime`")


if __name__ == "__main__":
    main()
