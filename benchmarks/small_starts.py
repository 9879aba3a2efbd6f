"""Where default fits of thirty small real data sets lead, beside mclust and fifty random starts.

    python benchmarks/small_starts.py --reference             needs R with MASS, mclust and cluster
    python benchmarks/small_starts.py --output benchmarks/starts.md

The rows are raw columns of data sets that R's packages and scikit-learn ship; R writes them for
the time of the run.  `--reference` finds, for each, the highest mean log-likelihood per row, and
keeps it beside the shape and the SHA-256 of the rows in `small_starts.json`: of mclust's own fits,
from every hierarchical clustering that it offers (24 of full rank, the same covariance model), and
of 50 random starts, half of them k-means++ and half random rows.  All of them go on by EM
with the ridge of the default fit until nothing changes, and all are scored in the same way.

The likelihood of a mixture has no bound, so not every maximum is a reference.  One counts only if
each of its components holds the weight of 2 (D + 1) rows and has, in every direction, a variance
of 1e-9 where the columns have one.
"""

import argparse
import hashlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
RIDGE = 1e-6
"""The default of `reg_covar`."""
NEAR = 0.01
"""Nats per row: a fit that ends at most this far under the reference has reached it."""
RANDOM_STARTS = 50
LEAST = 1e-9
"""In columns of unit variance each component has at least this variance in every direction."""
MODELS = {"full": "VVV", "diag": "VVI", "tied": "EEE", "spherical": "VII"}
"""mclust's names."""


@dataclass(frozen=True)
class Case:
    """A data set, the number of components and their type."""

    name: str
    n_components: int
    covariance_type: str = "full"


CASES = [
    Case("iris", 3),
    Case("faithful", 2),
    Case("geyser", 4),
    Case("mammals", 2),
    Case("Animals", 2),
    Case("crabs", 4),
    Case("diabetes", 3),
    Case("banknote", 2),
    Case("thyroid", 3),
    Case("wdbc", 2),
    Case("Pima.te", 2, "diag"),
    Case("Boston", 3),
    Case("birthwt", 2),
    Case("cats", 2, "spherical"),
    Case("Cars93", 3),
    Case("cpus", 3),
    Case("gilgais", 3),
    Case("Melanoma", 3),
    Case("mcycle", 4),
    Case("LifeCycleSavings", 2),
    Case("USArrests", 3, "tied"),
    Case("swiss", 2, "diag"),
    Case("airquality", 3),
    Case("rivers", 3),
    Case("islands", 2),
    Case("attenu", 3),
    Case("galaxies", 4),
    Case("acidity", 3),
    Case("ruspini", 4),
    Case("wine", 3, "diag"),
]


def rows_of(case: Case, folder: Path) -> np.ndarray:
    """The rows (n, D), float64."""
    if case.name == "wine":
        from sklearn import datasets

        return datasets.load_wine().data
    return np.loadtxt(folder / f"{case.name}.csv", delimiter=",", ndmin=2)


def r(*words: str) -> str:
    """What the R script says."""
    command = ["Rscript", str(FOLDER / "small_starts.R"), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sound(model: Any, rows: np.ndarray, rows_per_component: int) -> bool:
    """Whether each component has rows enough and some variance in every direction."""
    n, d = rows.shape
    if model.weights_.min() * n < rows_per_component * (d + 1):
        return False
    covariances, units = np.asarray(model.covariances_), rows.std(axis=0)
    if model.covariance_type in ("full", "tied"):
        return bool(np.linalg.eigvalsh(covariances / units / units[:, None]).min() > LEAST)
    if model.covariance_type == "spherical":
        covariances = covariances[:, None]
    return bool((covariances / units**2).min() > LEAST)


def converged(rows: np.ndarray, case: Case, initial: dict[str, Any]) -> Any:
    """EM from here until nothing changes."""
    from fastgmm import GaussianMixture

    return GaussianMixture(
        case.n_components,
        covariance_type=case.covariance_type,
        tol=1e-6,
        gap_tol=1e-6,
        max_iter=500,
        on_collapse="warn",
        n_threads=1,
        **initial,
    ).fit(rows)


def given(weights: np.ndarray, means: np.ndarray, covariances: np.ndarray, kind: str) -> Any:
    """Initial values of the covariance type, from full covariances (K, D, D)."""
    d = means.shape[1]
    covariances = covariances + RIDGE * np.eye(d)
    if kind == "full":
        precisions = np.linalg.inv(covariances)
    elif kind == "tied":
        precisions = np.linalg.inv(covariances[0])
    elif kind == "diag":
        precisions = 1.0 / np.diagonal(covariances, axis1=1, axis2=2)
    else:
        precisions = 1.0 / covariances[:, 0, 0]
    if precisions.ndim > 1:
        precisions = (
            (precisions + np.swapaxes(precisions, -1, -2)) / 2 if kind != "diag" else precisions
        )
    return {"weights_init": weights, "means_init": means, "precisions_init": precisions}


def of_mclust(rows: np.ndarray, case: Case, folder: Path) -> Iterator[Any]:
    """The fits of mclust, as initial values."""
    d = rows.shape[1]
    if case.name == "wine":
        np.savetxt(folder / "wine.csv", rows, delimiter=",", fmt="%.17g")
    r("mclust", str(folder), case.name, str(case.n_components), MODELS[case.covariance_type])
    for path in sorted(folder.glob(f"{case.name}-mclust-*.csv")):
        table = np.loadtxt(path, delimiter=",", ndmin=2)
        covariances = table[:, 1 + d :].reshape(-1, d, d)
        weights = table[:, 0] / table[:, 0].sum()
        yield given(weights, table[:, 1 : 1 + d], covariances, case.covariance_type)


def at_random(rows: np.ndarray, case: Case) -> Iterator[Any]:
    """Random starts, as initial values: centres, equal weights, the pooled covariance."""
    for seed in range(RANDOM_STARTS):
        generator = np.random.default_rng(seed)
        if seed % 2:
            from sklearn.cluster import kmeans_plusplus

            centers = kmeans_plusplus(rows, case.n_components, random_state=seed)[0]
        else:
            centers = rows[generator.choice(len(rows), case.n_components, replace=False)]
        nearest = ((rows[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        off = rows - centers[nearest]
        pooled = np.repeat((off.T @ off / len(rows))[None], case.n_components, axis=0)
        if case.covariance_type == "spherical":
            pooled[:, 0, 0] = np.trace(pooled[0]) / rows.shape[1]
        weights = np.full(case.n_components, 1.0 / case.n_components)
        yield given(weights, centers, pooled, case.covariance_type)


def best(rows: np.ndarray, case: Case, starts: Iterator[Any]) -> tuple[float | None, int]:
    """The highest of the sound maxima that these starts lead to, and the number of starts."""
    found, n_starts = [], 0
    for initial in starts:
        n_starts += 1
        try:
            model = converged(rows, case, initial)
        except ValueError:
            continue
        if sound(model, rows, 2):
            found.append(float(model.score(rows)))
    return (max(found) if found else None), n_starts


def reference(rows: np.ndarray, case: Case, folder: Path) -> dict[str, Any]:
    """What is kept of a data set."""
    digest = hashlib.sha256(np.ascontiguousarray(rows, dtype="<f8").tobytes()).hexdigest()
    mclust, n_mclust = best(rows, case, of_mclust(rows, case, folder))
    random, _ = best(rows, case, at_random(rows, case))
    return {
        "rows": len(rows),
        "features": rows.shape[1],
        "sha256": digest,
        "mclust": mclust,
        "mclust starts": n_mclust,
        "random": random,
    }


# ------------------------------------------------------------------ the default fit


def ours(rows: np.ndarray, case: Case, n_init: int, seeds: int) -> list[float]:
    """The score where the default fit ends, for each seed; -inf where a component is not sound."""
    from fastgmm import GaussianMixture

    found = []
    for seed in range(seeds):
        model = GaussianMixture(
            case.n_components,
            covariance_type=case.covariance_type,
            n_init=n_init,
            random_state=seed,
            n_threads=1,
        ).fit(rows)
        found.append(float(model.score(rows)) if sound(model, rows, 1) else -np.inf)
    return found


TITLE = """## Small real data sets

`python benchmarks/small_starts.py --output benchmarks/starts.md` has made this part. Raw columns of
data sets that R's packages (datasets, MASS, cluster, mclust) and scikit-learn ship; mean
log-likelihoods per row in nats. "mclust" is the best of its fits from every hierarchical clustering
that it offers, with the same covariance model; "random" the best of 50 random starts. Both went on
by EM, with the ridge of the default fit, until nothing changed. Only maxima count whose components
hold 2 (D + 1) rows or more and have, in every direction, a variance of 1e-9 where the columns have
one: others say more of the ridge than of the data. fastgmm's are medians of {seeds} seeds where the
default fit stops; "reached" is the share of the seeds that end at most 0.01 under the better
reference, with `n_init=1` and with `n_init=10`. The references were made by mclust {mclust}.

| data set | rows x D, K | mclust | random | n_init=1 | n_init=10 | difference | reached: 1, 10 |
|{line}
"""


def table(references: dict[str, Any], folder: Path, seeds: int) -> str:
    """The part of the page, and the sum of it."""
    lines, reached = [], {1: 0, 10: 0}
    for case in CASES:
        known = references["cases"][case.name]
        rows = rows_of(case, folder)
        digest = hashlib.sha256(np.ascontiguousarray(rows, dtype="<f8").tobytes()).hexdigest()
        if digest != known["sha256"]:
            print(
                f"{case.name}: left out: the rows are not those of the reference", file=sys.stderr
            )
            continue
        both = [known["mclust"], known["random"]]
        highest = max(value for value in both if value is not None)
        ends = {n_init: ours(rows, case, n_init, seeds) for n_init in (1, 10)}
        shares = {n: sum(one >= highest - NEAR for one in ends[n]) / seeds for n in ends}
        medians = {n: statistics.median(ends[n]) for n in ends}
        for n in reached:
            reached[n] += medians[n] >= highest - NEAR
        cells = [
            case.name,
            f"{len(rows):,} x {rows.shape[1]}, {case.n_components} {case.covariance_type}",
            *("—" if value is None else f"{value:.4f}" for value in both),
            f"{medians[1]:.4f}",
            f"{medians[10]:.4f}",
            f"{round(medians[10] - highest, 4) + 0.0:+.4f}",
            " / ".join(f"{100 * share:.0f} %" for share in shares.values()),
        ]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr, flush=True)
    title = TITLE.format(seeds=seeds, mclust=references["mclust"], line="---|" * 8)
    last = (
        f"\nReached by the median: {reached[1]} of {len(lines)}, {reached[10]} of {len(lines)}.\n"
    )
    return title + "\n".join(lines) + "\n" + last


def main() -> None:
    """Make the references, or fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--reference", action="store_true", help="find references and keep them")
    add("--again", action="store_true", help="also those that are kept")
    add("--references", type=Path, default=FOLDER / "small_starts.json", metavar="FILE")
    add("--seeds", type=int, default=10, help="fits of each (default: %(default)s)")
    add("--output", type=Path, help="a page whose last part is replaced by the table")
    add("--folder", type=Path, help="for the rows, to keep them (default: one that is deleted)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        said = r("data", str(folder))
        if arguments.reference:
            of = re.search(r"mclust (\S+)", said).group(1)
            kept = {"mclust": of, "scikit-learn": version("scikit-learn"), "cases": {}}
            if arguments.references.exists() and not arguments.again:
                kept = json.loads(arguments.references.read_text(encoding="utf-8"))
            for case in CASES:
                if case.name in kept["cases"]:
                    continue
                kept["cases"][case.name] = found = reference(rows_of(case, folder), case, folder)
                print(case.name, found, file=sys.stderr, flush=True)
                text = json.dumps(kept, indent=1) + "\n"
                arguments.references.write_text(text, encoding="utf-8")
            return
        kept = json.loads(arguments.references.read_text(encoding="utf-8"))
        text = table(kept, folder, arguments.seeds)
    print(text, end="")
    if arguments.output:
        page = arguments.output.read_text("utf-8").split("## Small real data sets")[0].rstrip()
        arguments.output.write_text(page + "\n\n" + text, encoding="utf-8")


if __name__ == "__main__":
    main()
