"""Fill cells that were removed at random, beside scikit-learn: how far off, and how long it takes.

    python benchmarks/imputation.py --output benchmarks/imputation.md

The tables are iris and wine of scikit-learn, diamonds of plotnine and penguins of palmerpenguins,
rows without a value left out and columns standardised.  Of each a share of the cells is removed,
with several seeds, and what is filled in is compared with what was there.
"""

import argparse
import shlex
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import gaps
import numpy as np
from sklearn.datasets import load_iris, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 -- it makes the next exist
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

import fastgmm

SHARE = 0.2
"""This share of the cells is removed."""
SEEDS = (10, 11, 12, 13, 14)
"""Once for each of these; the figures are means.  The ridge was chosen with others, 0 to 2."""
COMPONENTS = (1, 2, 3, 4)
"""Of these numbers of components the BIC chooses."""
RIDGE = 0.1
"""It is added to the variances, of 1 in all rows: what is filled in has to hold for other rows, and
of wine there are 14 for each column."""
MOST_ROWS = 3000
"""Of larger tables so many rows are drawn: the time of nearest neighbours grows with the square."""


def by_mixture(rows: np.ndarray) -> np.ndarray:
    """Fill by conditional means of a mixture, full or tied, whose components the BIC has chosen."""
    models = [
        fastgmm.GaussianMixture(
            k, covariance_type=kind, reg_covar=RIDGE, missing="em", random_state=0, n_threads=1
        ).fit(rows)
        for kind in ("full", "tied")
        for k in COMPONENTS
    ]
    return min(models, key=lambda model: model.bic(rows)).impute(rows)


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fastgmm": by_mixture,
    "IterativeImputer": lambda rows: IterativeImputer(random_state=0).fit_transform(rows),
    "KNNImputer": lambda rows: KNNImputer().fit_transform(rows),
    "column means": lambda rows: SimpleImputer().fit_transform(rows),
}
"""All with their defaults, but for the choice of the mixture."""


def tables() -> dict[str, np.ndarray]:
    """Return the rows of each table, standardised."""
    found = {
        "iris": load_iris().data,
        "wine": load_wine().data,
        "penguins": gaps.table("penguins"),
        "diamonds": gaps.table("diamonds"),
    }
    return {name: gaps.standardised(_drawn(rows)) for name, rows in found.items()}


def _drawn(rows: np.ndarray) -> np.ndarray:
    """Return the rows that have a value, or some of them."""
    rows = rows[~np.isnan(rows).all(axis=1)]
    chosen = np.random.default_rng(0).permutation(len(rows))[:MOST_ROWS]
    return np.asarray(rows[np.sort(chosen)])


def figures(rows: np.ndarray, method: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """Return the root mean square error of what a method fills in, and its seconds."""
    errors, seconds = [], []
    for seed in SEEDS:
        removed = (np.random.default_rng(seed).random(rows.shape) < SHARE) & ~np.isnan(rows)
        gapped = np.where(removed, np.nan, rows)
        begin = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            filled = method(gapped)
        seconds.append(time.perf_counter() - begin)
        errors.append(float(np.mean((filled[removed] - rows[removed]) ** 2)))
    return float(np.mean(errors)) ** 0.5, float(np.mean(seconds))


def main() -> None:
    """Measure all, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the table here")
    parser.add_argument("--tables", nargs="+", help="of these only")
    arguments = parser.parse_args()
    lines = [f"| table | rows | {' | '.join(METHODS)} |", "|---|---|" + "---|" * len(METHODS)]
    for name, rows in tables().items():
        if arguments.tables and name not in arguments.tables:
            continue
        cells = []
        for call in METHODS.values():
            error, seconds = figures(rows, call)
            cells.append(f"{error:.3f} ({seconds:.3g} s)")
        lines.append(f"| {name} | {len(rows):,} x {rows.shape[1]} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
    text = "\n".join(
        [
            "# Imputation: a fifth of the cells removed at random",
            "",
            "Root mean square errors of what is filled in, in standard deviations of the columns,",
            f"means of {len(SEEDS)} seeds; in brackets the seconds, the choice of one of",
            f"{2 * len(COMPONENTS)} mixtures included. Their ridge, {RIDGE}, was chosen on wine",
            "with other seeds; the others have their defaults. Made by:",
            "",
            "```sh",
            shlex.join(["python", "benchmarks/imputation.py", *sys.argv[1:]]),
            "```",
            "",
            *lines,
            "",
        ]
    )
    if arguments.output is not None:
        arguments.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
