"""How close the kernels come to the processor's own peak, on one thread.

    python benchmarks/roofline.py
    python benchmarks/roofline.py --isa x86-64-v4 --rounds 15 --output roofline.md

The peak is measured beside every kernel, in turns: chains of independent multiply-adds in registers
(peak.c), compiled here with the flags of the kernels. The kernels are those of the full covariance
at D = 64 and 128 with nothing skipped, and an E-step or an M-step counts as D(D+1) + 3D operations
per pair of row and component: D(D+1) for the triangle, 3D for differences and sums.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from benchmarks.kernels import empty_sums, kernel_arguments
from comparison.report import processor

from benchmarks import common
from fastgmm import kernels

FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"]
BARS = {"x86-64-v4": 75.0, "x86-64-v3": 85.0}
"""Percent of the peak that the float64 kernels are to reach."""
SECONDS = 0.05
"""Length of one measurement: long against the clock, short against what else the machine does."""


@dataclass(frozen=True)
class Target:
    """How to compile the peak: vectors of `width` bytes, enough chains for the latency."""

    flags: tuple[str, ...]
    width: int
    chains: int


# 2 units x 4 cycles of latency need 8 chains; factor and term take 2 of the 16 or 32 registers
TARGETS = {
    "x86-64-v4": Target(("-march=x86-64-v4",), 64, 24),
    "x86-64-v3": Target(("-march=x86-64-v3",), 32, 12),
    "x86-64": Target((), 16, 12),
    "neon": Target((), 16, 24),
}


def build_peak(isa: str, dtype: str, folder: Path) -> Callable[[], tuple[float, float]]:
    """Compile the peak; returns a function that measures (operations, seconds)."""
    target = TARGETS[isa]
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    library = folder / f"peak-{isa}-{dtype}.so"
    real = "float" if dtype == "float32" else "double"
    macros = [f"-DBYTES={target.width}", f"-DCHAINS={target.chains}", f"-DREAL={real}"]
    source = Path(__file__).with_name("peak.c")
    subprocess.run(
        [*compiler, *FLAGS, *target.flags, *macros, str(source), "-o", str(library)], check=True
    )
    function = ctypes.CDLL(str(library)).peak
    function.restype, function.argtypes = (
        ctypes.c_double,
        [ctypes.c_long, ctypes.c_double, ctypes.c_double],
    )
    rounds = _repeats(lambda n: function(n, 0.999, 1e-3), 100_000)
    operations = 2.0 * target.chains * target.width / np.dtype(dtype).itemsize * rounds
    return lambda: (operations, _timed(lambda: function(rounds, 0.999, 1e-3)))


def _timed(call: Callable[[], object]) -> float:
    """Seconds of this thread on a processor: what others do there in between does not count."""
    begin = time.thread_time()
    call()
    return time.thread_time() - begin


def _repeats(call: Callable[[int], object], at_first: int) -> int:
    """How often to repeat for `SECONDS`."""
    call(at_first)
    return max(1, int(at_first * SECONDS / _timed(lambda: call(at_first))))


def kernel_calls(
    isa: str, dtype: str, d: int, k: int, n_rows: int
) -> dict[str, tuple[float, Callable[[], Any]]]:
    """Name -> (operations per call, call) of the steps of EM, nothing skipped."""
    name = "full-64-32" if d == 64 else "full-128-16"
    arguments = kernel_arguments(name, k)
    packed = kernels.Build(isa).modules[np.dtype(dtype)].PackedMixture(*arguments)
    rows = common.rows(name, n_rows, dtype)
    sums = empty_sums(arguments)
    out = np.empty(n_rows, dtype)
    given = np.full((n_rows, k), 1.0 / k, dtype)
    all_live = np.zeros(k)
    step = float(n_rows * k * (d * (d + 1) + 3 * d))
    return {
        "E-step": (step, lambda: packed.log_density(rows, out)),
        "M-step": (step, lambda: packed.expectation(rows, None, given, all_live, *sums)),
        "both": (2 * step, lambda: packed.expectation(rows, None, None, all_live, *sums)),
    }


def measure(
    isa: str, dtype: str, d: int, arguments: argparse.Namespace, folder: Path
) -> list[list[str]]:
    """Rows of the table for one build and dtype."""
    peak = build_peak(isa, dtype, folder)
    calls = kernel_calls(isa, dtype, d, arguments.components, arguments.rows)
    counts = {}
    for name, (_, call) in calls.items():
        counts[name] = _repeats(lambda n, c=call: [c() for _ in range(n)], 1)
    shares: dict[str, list[float]] = {name: [] for name in calls}
    rates: dict[str, list[float]] = {name: [] for name in (*calls, "peak")}
    for _ in range(arguments.rounds):
        for name, (operations, call) in calls.items():
            # before and after: the clock of the processor may move in between
            before = peak()
            seconds = _timed(lambda c=call, n=counts[name]: [c() for _ in range(n)])
            after = peak()
            own = operations * counts[name] / seconds
            limit = (before[0] + after[0]) / (before[1] + after[1])
            shares[name].append(100.0 * own / limit)
            rates[name].append(own / 1e9)
            rates["peak"].append(limit / 1e9)
    bar = BARS.get(isa) if dtype == "float64" else None
    lines = []
    for name in calls:
        share = statistics.median(shares[name])
        verdict = (
            ""
            if bar is None
            else (" (reaches {}%)" if share >= bar else " (bar {}%)").format(f"{bar:g}")
        )
        lines.append(
            [
                *(isa, dtype, str(d), name, f"{statistics.median(rates[name]):.1f}"),
                *(f"{statistics.median(rates['peak']):.1f}", f"{share:.0f}%{verdict}"),
                f"{max(shares[name]):.0f}%",
            ]
        )
    return lines


def _arguments() -> argparse.Namespace:
    runnable = [name for name in kernels.BUILT if name in kernels.SUPPORTED and name in TARGETS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--isa", nargs="+", default=runnable, choices=runnable)
    add("--dtype", nargs="+", default=["float64", "float32"], choices=["float64", "float32"])
    add("--features", nargs="+", type=int, default=[64, 128], choices=[64, 128])
    add("--components", type=int, default=16, help="default: %(default)s")
    add("--rows", type=int, default=4096, help="rows per call of a kernel (default: %(default)s)")
    add("--rounds", type=int, default=11, help="default: %(default)s")
    add("--output", type=Path, help="write the table here as well")
    return parser.parse_args()


def main() -> None:
    """Measure, print and save."""
    arguments = _arguments()
    lines = []
    with tempfile.TemporaryDirectory(prefix="fastgmm-roofline-") as folder:
        for isa in arguments.isa:
            for dtype in arguments.dtype:
                for d in arguments.features:
                    lines += measure(isa, dtype, d, arguments, Path(folder))
    header = [
        "instruction set",
        "dtype",
        "D",
        "kernel",
        "GFLOP/s",
        "peak GFLOP/s",
        "share of the peak",
        "best round",
    ]
    table = "\n".join(
        "| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *lines]
    )
    facts = f"One thread on {processor()}; medians of {arguments.rounds} rounds, processor time."
    text = f"{facts}\n\n{table}\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
