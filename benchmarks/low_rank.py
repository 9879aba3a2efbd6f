"""Covariances of low rank beside matrices and diagonals: time per iteration, and held-out rows.

    python benchmarks/low_rank.py --output benchmarks/low_rank.md

Times are of one thread, in turns in one process, in seconds of the processor: other programs count
for little.  It needs scikit-learn for the pictures and the digits.
"""

import argparse
import shlex
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastgmm
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.mixture.mixture import Mixture

REPEATS = 5
"""Each time of an iteration is the least of so many turns."""
PER_TURN = 3
"""In a turn so many iterations are timed: the first finds the caches full of others' numbers."""
SIZES = (
    (64, 16, 5, 20_000),
    (128, 16, 5, 10_000),
    (256, 8, 5, 10_000),
    (256, 8, 10, 10_000),
    (512, 4, 10, 8_000),
    (1024, 4, 10, 4_000),
)
"""Features, components, factors and rows of the iterations."""
RIDGE = {"patches": 0.1, "digits": 0.1}
"""It is added to variances, or is the least variance of noise: grey levels are whole numbers, or
thirds of them, which have nothing smaller to say."""


def drawn(d: int, k: int, q: int, n: int) -> tuple[Mixture, np.ndarray]:
    """Return a mixture of low rank whose components overlap, so that all pairs count, and rows."""
    rng = np.random.default_rng(0)
    loadings = np.repeat(rng.normal(size=(1, d, q)) / np.sqrt(q), k, axis=0)
    noise = np.repeat(np.exp(0.5 * rng.normal(size=(1, d))), k, axis=0)
    means = rng.normal(size=(k, d)) * 0.5 / np.sqrt(d)
    spreads = loadings, noise
    model = fastgmm.GaussianMixture.from_parameters(
        np.full(k, 1 / k), means, spreads, covariance_type="low_rank", n_threads=1
    )
    return model._fitted()[0], model.sample(n, random_state=0)[0]


def iterations() -> list[str]:
    """Return the lines of the table of times per iteration: every pair of row and component counts.

    Where clusters are clear, full covariances leave most pairs out, and these do so in sums only.
    """
    lines = [
        "| rows | K | factors | full, ms | low rank, ms | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for d, k, q, n in SIZES:
        low_rank, rows = drawn(d, k, q, n)
        full = low_rank.dense
        data = RowData(rows, None, 1)
        found = np.array([[seconds(one, data) for one in (full, low_rank)] for _ in range(REPEATS)])
        least = 1e3 * found.min(axis=0)
        ratio = least[0] / least[1]
        lines.append(f"| {n:,} x {d} | {k} | {q} | {least[0]:.0f} | {least[1]:.1f} | {ratio:.1f} |")
        print(lines[-1], flush=True)
    return lines


def seconds(mixture: Mixture, data: RowData) -> float:
    """Return the least seconds of a pass over the rows and an M-step, as a fit does them."""
    found = []
    for _ in range(PER_TURN):
        begin = time.thread_time()
        maximization(expectation(mixture, data))
        found.append(time.thread_time() - begin)
    return min(found)


def patches() -> tuple[np.ndarray, np.ndarray]:
    """Return all 8 x 8 patches of china.jpg in grey, and every tenth of flower.jpg."""
    from sklearn import datasets

    found = []
    for name, step in (("china.jpg", 1), ("flower.jpg", 10)):
        grey = datasets.load_sample_image(name).mean(axis=2)
        windows = np.lib.stride_tricks.sliding_window_view(grey, (8, 8))
        found.append(np.ascontiguousarray(windows.reshape(-1, 64)[::step]))
    return found[0], found[1]


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return two thirds of the digits of scikit-learn, in an order that is drawn, and the rest."""
    from sklearn import datasets

    rows = datasets.load_digits().data
    order = np.random.default_rng(0).permutation(len(rows))
    return rows[order[:1200]], rows[order[1200:]]


def held_out(name: str, make: Callable[[], tuple[np.ndarray, np.ndarray]], k: int) -> list[str]:
    """Return the lines of a table of fits to some rows, and how well they describe others."""
    rows, others = make()
    lines = [
        f"`{name}`, {len(rows):,} x {rows.shape[1]}, K {k}; held out {len(others):,}:",
        "",
        "| covariances | parameters | passes | seconds | nats per row | held out |",
        "|---|---|---|---|---|---|",
    ]
    models = [("diag", None), ("full", None)]
    models += [("low_rank", q) for q in (2, 5, 10, 20)] + [("low_rank_spherical", 10)]
    for kind, q in models:
        model = fastgmm.GaussianMixture(
            k, covariance_type=kind, n_factors=q, reg_covar=RIDGE[name], random_state=0, n_threads=1
        )
        begin = time.thread_time()
        model.fit(rows)
        took = time.thread_time() - begin
        label = kind if q is None else f"{kind}, {q} factors"
        lines.append(
            f"| {label} | {model.n_parameters:,} | {model.n_passes_} | {took:.2f} "
            f"| {model.score(rows):.3f} | {model.score(others):.3f} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Print the tables, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = [
        ["# Covariances of low rank", ""],
        [f"`python {shlex.join(sys.argv)}`, fastgmm {fastgmm.__version__}, one thread.", ""],
        ["Time per iteration:", "", *iterations(), ""],
        [*held_out("patches", patches, 16), ""],
        held_out("digits", digits, 10),
    ]
    if arguments.output is not None:
        text = "\n".join(line for part in parts for line in part)
        arguments.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
