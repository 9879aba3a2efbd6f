"""fastgmm's default fit against scikit-learn's default fit: the log-likelihood after convergence.

    python benchmarks/starts.py --results starts --output starts.md
    python benchmarks/starts.py --results starts --libraries fastgmm --again --cases iris wine-diag
    python benchmarks/starts.py --start-cost

Each library fits each case once per seed with nothing given but the number of components, their
type and the seed.  From where that stops, plain EM goes on to convergence (the mean log-likelihood
changes by less than 1e-7, or 3000 passes), for both in fastgmm: what is compared is where the
start has led, and not the tolerance.  A fit that raises counts as -inf.  All scores are mean
log-likelihoods per row in nats; the best known optimum of a case is the highest of everything in
the folder of results, and "at best" the share of the seeds that end within 1e-3 of it.

Every fit is a small file under `--results`; what is there is not run again, except with `--again`.
Needs scikit-learn and pillow, and plotnine for the diamonds; a case whose data is missing is left
out, visibly.
"""

import argparse
import inspect
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

LIBRARIES = ("scikit-learn", "fastgmm")
TOLERANCE, MOST_PASSES = 1e-7, 3000
SMALL = "## Small real data sets"
"""This heading begins what `small_starts.py` writes."""
NEAR = 1e-3
"""Nats per row: two ends so near each other count as the same optimum."""
GVHD = Path(__file__).resolve().parents[1] / "data"


@dataclass(frozen=True)
class Case:
    """Rows, and the mixture that is fitted to them."""

    load: Callable[[], np.ndarray]
    n_components: int
    covariance_type: str = "full"


def drawn(n_rows: int, d: int, k: int, separation: float, seed: int) -> np.ndarray:
    """Rows of K correlated clusters of different sizes; the bits of RandomState never change."""
    random = np.random.RandomState(seed)
    means = separation * random.standard_normal((k, d))
    bend = 0.7 * random.standard_normal((k, d, d)) / np.sqrt(d)
    roots = (np.eye(d) + bend) * np.exp(0.2 * random.standard_normal((k, 1, 1)))
    weights = 2.0 + np.arange(k) % 3
    labels = random.choice(k, n_rows, p=weights / weights.sum())
    noise = random.standard_normal((n_rows, d))
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], noise)


def some(rows: np.ndarray, n: int) -> np.ndarray:
    """N of the rows, always the same."""
    return rows[np.sort(np.random.RandomState(0).permutation(len(rows))[:n])]


def iris() -> np.ndarray:
    from sklearn import datasets

    return datasets.load_iris().data


def wine() -> np.ndarray:
    from sklearn import datasets

    return datasets.load_wine().data


def digits() -> np.ndarray:
    """In 32 principal components."""
    from sklearn import datasets

    rows = datasets.load_digits().data
    rows = rows - rows.mean(axis=0)
    return rows @ np.linalg.svd(rows, full_matrices=False)[2][:32].T


def diamonds() -> np.ndarray:
    from plotnine.data import diamonds as table

    return table.select_dtypes("number").to_numpy(np.float64)


def gvhd(name: str) -> np.ndarray:
    with np.load(GVHD / f"gvhd_{name}.npz") as held:
        return held["rows"].astype(np.float64)


def pixels() -> np.ndarray:
    """Of china.jpg."""
    from sklearn import datasets

    return datasets.load_sample_image("china.jpg").reshape(-1, 3).astype(np.float64)


def patches() -> np.ndarray:
    """Some of the 8 x 8 patches of china.jpg in grey."""
    from sklearn import datasets

    grey = datasets.load_sample_image("china.jpg").mean(axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(grey, (8, 8))
    return some(windows.reshape(-1, 64), 30_000)


CASES: dict[str, Case] = {
    "clear-2-8": Case(lambda: drawn(20_000, 2, 8, 8.0, 7), 8),
    "clear-8-16": Case(lambda: drawn(20_000, 8, 16, 1.5, 12), 16),
    "clear-16-10": Case(lambda: drawn(20_000, 16, 10, 1.2, 10), 10),
    "overlap-4-6": Case(lambda: drawn(20_000, 4, 6, 1.0, 4), 6),
    "overlap-8-8": Case(lambda: drawn(20_000, 8, 8, 0.7, 5), 8),
    "iris": Case(iris, 3),
    "wine-diag": Case(wine, 3, "diag"),
    "wine-tied": Case(wine, 3, "tied"),
    "digits": Case(digits, 10),
    "digits-diag": Case(digits, 10, "diag"),
    "diamonds": Case(diamonds, 8),
    "gvhd-control": Case(lambda: gvhd("control"), 6),
    "gvhd-positive": Case(lambda: gvhd("positive"), 6),
    "pixels": Case(pixels, 8),
    "patches": Case(patches, 8),
    "patches-diag": Case(patches, 16, "diag"),
}


# ------------------------------------------------------------------ fits


def estimator(library: str, case: Case, n_threads: int, **params: Any) -> Any:
    """An estimator with the library's defaults but for these parameters."""
    params |= {"n_components": case.n_components, "covariance_type": case.covariance_type}
    if library == "fastgmm":
        from fastgmm import GaussianMixture

        return GaussianMixture(n_threads=n_threads, **params)
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(**params)


def continued(model: Any, rows: np.ndarray, case: Case, n_threads: int) -> Any:
    """Plain EM to convergence from the parameters of a fitted model."""
    precisions = model.precisions_
    if case.covariance_type in ("full", "tied"):
        precisions = (precisions + np.swapaxes(precisions, -1, -2)) / 2.0
    last = estimator(
        "fastgmm",
        case,
        n_threads,
        weights_init=model.weights_,
        means_init=model.means_,
        precisions_init=precisions,
        tol=TOLERANCE,
        max_iter=MOST_PASSES,
    )
    known = inspect.signature(type(last)).parameters
    plain = {"acceleration": None, "on_collapse": "warn"}  # nothing but EM, collapsed or not
    return last.set_params(**{k: v for k, v in plain.items() if k in known}).fit(rows)


def fit(library: str, rows: np.ndarray, case: Case, seed: int, n_threads: int) -> dict[str, Any]:
    """The two ends of one seed."""
    found: dict[str, Any] = {"default": -np.inf, "converged": -np.inf, "passes": 0}
    try:
        model = estimator(library, case, n_threads, random_state=seed).fit(rows)
        passes = int(getattr(model, "n_passes_", model.n_iter_))
        found |= {"passes": passes, "default": float(model.score(rows))}
        last = continued(model, rows, case, n_threads)
        found |= {"passes after": int(last.n_iter_), "converged": float(last.score(rows))}
    except ValueError as error:
        found["failure"] = str(error)
    return found


def run(name: str, arguments: argparse.Namespace) -> None:
    """All fits of a case that are not there yet."""
    case, rows = CASES[name], None
    for seed in range(arguments.seeds):
        for library in arguments.libraries:
            path = arguments.results / name / f"{library}-{seed}.json"
            if path.exists() and not arguments.again:
                continue
            rows = case.load() if rows is None else rows
            found = fit(library, rows, case, seed, arguments.threads)
            found |= {"rows": len(rows), "features": rows.shape[1]}
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found), encoding="utf-8")
    print(f"{name}: done", file=sys.stderr, flush=True)


def start_cost(n_threads: int, repeats: int = 7) -> str:
    """Seconds of the start alone: scikit-learn's is its k-means; in turns, each time a new seed."""
    from sklearn.cluster import KMeans

    case = Case(lambda: drawn(100_000, 16, 16, 1.0, 6), 16)
    rows = case.load()
    seconds: dict[str, list[float]] = {library: [] for library in LIBRARIES}
    for seed in range(repeats):
        for library in LIBRARIES:
            if library == "fastgmm":
                model = estimator(library, case, n_threads, max_iter=0, random_state=seed)
            else:
                model = KMeans(case.n_components, n_init=1, random_state=seed)
            begin = time.perf_counter()
            model.fit(rows)
            seconds[library].append(time.perf_counter() - begin)
    theirs, ours = (statistics.median(seconds[library]) for library in LIBRARIES)
    return (
        f"Start alone, 100,000 x 16, K 16: scikit-learn {theirs * 1e3:.1f} ms, "
        f"fastgmm {ours * 1e3:.1f} ms, {theirs / ours:.1f} times less\n"
    )


# ------------------------------------------------------------------ table

TITLE = """# Where the default fits lead

`python benchmarks/starts.py --output benchmarks/starts.md` has made this page, with scikit-learn
{scikit_learn}. Medians of {seeds} seeds, mean log-likelihoods per row in nats; "converged" after
plain EM has gone on from where the default fit stopped. "At best" is the share of the seeds within
1e-3 of the highest that any fit has reached.

"""
HEAD = (
    "| case | rows x D, K | converged: scikit-learn | fastgmm | difference "
    "| at best: scikit-learn, fastgmm | default stop: scikit-learn, fastgmm "
    "| passes |\n|" + "---|" * 8
)


def line(name: str, folder: Path, seeds: int) -> str | None:
    """The medians of a case, as soon as both libraries have all seeds."""
    both = []
    for library in LIBRARIES:
        paths = [folder / name / f"{library}-{seed}.json" for seed in range(seeds)]
        if not all(path.exists() for path in paths):
            return None
        both.append([json.loads(path.read_text(encoding="utf-8")) for path in paths])
    every = [json.loads(path.read_text("utf-8")) for path in (folder / name).glob("*.json")]
    best = max(found["converged"] for found in every)

    def medians(key: str) -> list[float]:
        return [statistics.median(found[key] for found in fits) for fits in both]

    shares = [sum(found["converged"] > best - NEAR for found in fits) / seeds for fits in both]
    theirs, ours = medians("converged")
    case, first = CASES[name], both[0][0]
    size = f"{first['rows']:,} x {first['features']}, {case.n_components} {case.covariance_type}"
    cells = [
        name,
        size,
        f"{theirs:.4f}",
        f"{ours:.4f}",
        f"{round(ours - theirs, 4) + 0.0:+.4f}",
        " / ".join(f"{100 * share:.0f} %" for share in shares),
        " / ".join(f"{score:.4f}" for score in medians("default")),
        " / ".join(f"{passes:.0f}" for passes in medians("passes")),
    ]
    return "| " + " | ".join(cells) + " |"


def table(folder: Path, seeds: int) -> str:
    """Of all cases that are complete, in the order of CASES."""
    title = TITLE.format(scikit_learn=version("scikit-learn"), seeds=seeds)
    lines = (line(name, folder, seeds) for name in CASES)
    return title + "\n".join([HEAD, *(text for text in lines if text)]) + "\n"


def write(path: Path, text: str) -> None:
    """Write the table; what `small_starts.py` has written after it stays."""
    page = path.read_text("utf-8") if path.exists() else ""
    rest = page[page.index(SMALL) :] if SMALL in page else ""
    path.write_text(text + ("\n" + rest if rest else ""), "utf-8")


def main() -> None:
    """Fit, print and save."""
    global GVHD
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--cases", nargs="+", metavar="NAME", default=list(CASES), choices=list(CASES))
    add("--libraries", nargs="+", default=list(LIBRARIES), choices=LIBRARIES)
    add("--seeds", type=int, default=20, help="fits of each (default: %(default)s)")
    add("--threads", type=int, default=1, help="of both (default: %(default)s)")
    add("--results", type=Path, default=Path("starts"), metavar="FOLDER", help="one file per fit")
    add("--again", action="store_true", help="fit again what is there")
    add("--gvhd", type=Path, default=GVHD, metavar="FOLDER", help="holds gvhd_control.npz, ...")
    add("--output", type=Path, help="write the table here as well")
    add("--start-cost", action="store_true", help="time the starts alone and stop")
    arguments = parser.parse_args()
    GVHD = arguments.gvhd
    warnings.simplefilter("ignore")

    from threadpoolctl import threadpool_limits

    with threadpool_limits(arguments.threads):
        if arguments.start_cost:
            print(start_cost(arguments.threads), end="")
            return
        for name in arguments.cases:
            try:
                run(name, arguments)
            except (ImportError, OSError) as error:
                print(f"{name}: left out: {error}", file=sys.stderr)
                continue
            if arguments.output:  # after every case: an interrupted run keeps what it has
                write(arguments.output, table(arguments.results, arguments.seeds))
    print(table(arguments.results, arguments.seeds), end="")


if __name__ == "__main__":
    main()
