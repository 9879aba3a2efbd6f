"""The corpus: small files of every kind that fastgmm writes, which fuzzing begins with.

`python tests/fuzz/good_files.py` writes those of `corpus/models` that are not there yet.  What
stands there stays: a later version must read it, and mutations of it are the same for ever.
"""

import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastgmm
from fastgmm import BayesianGaussianMixture, GaussianMixture

CORPUS = Path(__file__).parent / "corpus"
MODELS = CORPUS / "models"
STORED = Path(__file__).parents[1] / "stored" / "0.1.0"
OLD = {
    "fitted.gmm": "model",
    "repaired.gmm": "model",
    "checkpoint.gmm": "model",
    "stream.gmm": "stream",
    "statistics.bin": "statistics",
}
"""What 0.1.0 wrote, and what can be done with it now: nobody goes on from its checkpoint."""
KINDS = ("model", "checkpoint", "stream", "statistics", "posterior")
TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
RESTRICTED = ("EII", "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")
N_ROWS = 120
"""Fits are of so many rows."""


class Base(NamedTuple):
    """A file that is good, and what is needed to go on from it."""

    name: str
    kind: str
    content: bytes
    model: Any
    rows: np.ndarray


def rows_of(n_features: int, *, single: bool = False, gaps: bool = False) -> np.ndarray:
    """The rows that a fit of the corpus was over, or is to go on with."""
    rng = np.random.default_rng([5, n_features])
    rows = rng.normal(size=(N_ROWS, n_features)) @ rng.normal(size=(n_features, n_features))
    rows[::2] += 4.0
    if gaps:
        rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows.astype(np.float32 if single else np.float64)


@cache
def base(name: str) -> Base:
    """The good file of this name, as `names` lists them."""
    path = STORED / name if name in OLD else MODELS / name
    kind = OLD.get(name) or name.partition("-")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = None
        if kind == "posterior":
            model = BayesianGaussianMixture.load(path)
        elif kind != "statistics":
            model = fastgmm.load(path)
    n_features = 3 if model is None or not hasattr(model, "n_features_in_") else None
    rows = rows_of(n_features or model.n_features_in_, single="single" in name, gaps="gaps" in name)
    return Base(name, kind, path.read_bytes(), model, rows)


@cache
def names() -> tuple[str, ...]:
    """The names of all good files."""
    return (*sorted(path.name for path in MODELS.iterdir()), *OLD)


# ---------------------------------------------------------------------- how they were made


def _settings(**more: Any) -> dict[str, Any]:
    return {"n_components": 2, "max_iter": 30, "random_state": 0, "n_threads": 1} | more


def _wishes() -> dict[str, dict[str, Any]]:
    """Parameters of the constructor, by the name of what is special in them."""
    wishes: dict[str, dict[str, Any]] = {name: {"covariance_type": name} for name in TYPES}
    start = {"weights_init": [0.5, 0.5], "means_init": [[0.0] * 3, [4.0] * 3]}
    return wishes | {
        "single": {},
        "one": {"n_components": 1},
        "noise": {"noise": "uniform"},
        "gaps": {"missing": "em"},
        "prior": {"prior": fastgmm.NormalInverseWishart()},
        "start": start | {"precisions_init": [np.eye(3)] * 2},
        "frozen": start | {"frozen": ("means",)},
        "several": {"n_init": 3, "init_params": "random"},
        "factors": {"covariance_type": "low_rank", "n_factors": 1},
        "many": {"n_components": 5},
    }


def _made() -> dict[str, Callable[[Path], object]]:
    """What writes each file of the corpus, by its name."""
    made: dict[str, Callable[[Path], object]] = {}
    restricted = {name: {"covariance_type": name} for name in RESTRICTED}
    for name, wishes in (_wishes() | restricted).items():
        rows = rows_of(3, single=name == "single", gaps=name == "gaps")
        made[f"model-{name}.gmm"] = lambda path, wishes=wishes, rows=rows: (
            GaussianMixture(**_settings(**wishes)).fit(rows).save(path)
        )
        if name in RESTRICTED[1:]:
            continue
        for stop in (2, 9):
            made[f"checkpoint-{name}-{stop}.gmm"] = (
                lambda path, wishes=wishes, rows=rows, stop=stop: _checkpoint(
                    path, GaussianMixture(**_settings(tol=1e-9, **wishes)), rows, stop
                )
            )
        for n in (40, N_ROWS):
            made[f"stream-{name}-{n}.gmm"] = lambda path, wishes=wishes, rows=rows, n=n: (
                GaussianMixture(**_settings(**wishes)).partial_fit(rows[:n]).save(path)
            )
        made[f"statistics-{name}.bin"] = lambda path, wishes=wishes, rows=rows: path.write_bytes(
            GaussianMixture(**_settings(**wishes)).fit(rows).e_step(rows).to_bytes()
        )
    names = fastgmm.sources.Table(rows_of(3), ("a", "b", "é"))
    made["model-names.gmm"] = lambda path: GaussianMixture(**_settings()).fit(names).save(path)
    for name, wishes in {
        "full": {},
        "tied": {"covariance_type": "tied"},
        "diag": {"covariance_type": "diag"},
        "spherical": {"covariance_type": "spherical"},
        "dirichlet": {"weight_concentration_prior_type": "dirichlet_distribution"},
        "priors": {"mean_prior": np.zeros(3), "covariance_prior": np.eye(3)},
    }.items():
        made[f"posterior-{name}.gmm"] = lambda path, wishes=wishes: (
            BayesianGaussianMixture(**_settings(**wishes)).fit(rows_of(3)).save(path)
        )
        for n in (40, N_ROWS):
            made[f"posterior-stream-{name}-{n}.gmm"] = lambda path, wishes=wishes, n=n: (
                BayesianGaussianMixture(**_settings(**wishes))
                .partial_fit(rows_of(3)[:n])
                .save(path)
            )
    return made


def _checkpoint(path: Path, model: GaussianMixture, rows: np.ndarray, stop: int) -> None:
    """The checkpoint after so many iterations, where the fit takes as many."""
    earlier: list[bytes] = []

    def look(one: fastgmm.Iteration) -> None:
        if one.n_iter == stop:
            earlier.append(path.read_bytes())

    model.fit_batches([rows], checkpoint=path, callback=look)
    if earlier:
        path.write_bytes(earlier[0])


def write_missing() -> int:
    """Write the files of the corpus that are not there yet; return their number."""
    MODELS.mkdir(parents=True, exist_ok=True)
    n = 0
    warnings.simplefilter("ignore")
    for name, write in _made().items():
        if not (MODELS / name).exists():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / name
                try:
                    write(path)
                except (ValueError, NotImplementedError) as error:
                    print(f"{name}: {error}")
                    continue
                (MODELS / name).write_bytes(path.read_bytes())
            n += 1
    return n


if __name__ == "__main__":
    print(f"{write_missing()} files were written")
    sys.exit(0)
