"""What reading a mutated file has come to: it is refused, or it can be used as any other."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from good_files import Base
from limits import Broken, memory, quickly
from model_files import mutated

import fastgmm
from fastgmm import BayesianGaussianMixture, GaussianMixture, SufficientStatistics
from fastgmm.covariance.types import model_of
from fastgmm.errors import FileFormatError
from fastgmm.typing import COVARIANCE_TYPES

WEIGHTS_TOLERANCE = 1.1e-5
"""The weights sum to one within this: users may have given them as float32 numbers."""


def tried(case: int, of: tuple[str, ...] | None = None) -> tuple[str, str]:
    """The kind of file and mutation of this number, and what reading it has come to."""
    mutation, good, content = mutated(case, of)
    return f"{mutation} of a {good.kind}", outcome(good, content)


MOST_TURNS = 1000
"""So many starts and iterations are done, if a file asks for them."""


def outcome(of: Base, content: bytes) -> str:
    """Read the bytes as a file like the good one: "refused", or "valid" where it can be used."""
    with tempfile.TemporaryDirectory(dir=_FOLDER) as folder, quickly():
        path = Path(folder) / "file"
        path.write_bytes(content)
        value: Any = None
        try:
            with memory(len(content)):
                value = _READ.get(of.kind, _load)(path)
        except FileFormatError:
            if of.kind != "checkpoint":
                return "refused"
        return _USES[of.kind](of, value, path)


_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Many thousand files need no disk."""


def _load(path: Path) -> GaussianMixture:
    return fastgmm.load(path)


_READ: dict[str, Callable[[Path], Any]] = {
    "statistics": lambda path: SufficientStatistics.from_bytes(path.read_bytes()),
    "posterior": BayesianGaussianMixture.load,
}


def check_mixture(model: Any) -> None:
    """Look at a fitted model from outside: it must be a mixture, whatever it was read from."""
    weights, means = np.asarray(model.weights_, float), np.asarray(model.means_, float)
    k, d = means.shape
    total = weights.sum() + getattr(model, "noise_weight_", 0.0)
    if weights.shape != (k,) or not (weights >= 0.0).all():
        raise Broken(f"the weights are {weights}")
    if not abs(total - 1.0) <= WEIGHTS_TOLERANCE:
        raise Broken(f"the weights sum to {total}")
    if not np.isfinite(means).all():
        raise Broken(f"the means are {means}")
    covariances = np.asarray(model.covariances_)
    if not np.isfinite(covariances).all():
        raise Broken(f"the covariances are {covariances}")
    if covariances.ndim < 2 or covariances.shape[-2:] != (d, d) or _is_diagonal(model):
        if not (covariances > 0.0).all():
            raise Broken(f"the variances are {covariances}")
        return
    for one in covariances.reshape(-1, d, d).astype(float):
        # Triangles may differ by what is taken from users, as `MatrixForm.fault` says.
        if not (np.abs(one - one.T) <= 2e-8 + 2e-5 * np.abs(one)).all():
            raise Broken(f"the covariance {one} is not symmetric")
        # Variances may differ by many decades, of which no eigenvalue knows.
        scale = np.sqrt(np.diagonal(one))
        if not (scale > 0.0).all():
            raise Broken(f"the variances are {scale**2}")
        correlations = np.triu(one) / scale / scale[:, np.newaxis]
        least = np.linalg.eigvalsh(correlations, "U").min()
        if not least >= -d * (1e-6 if covariances.dtype == np.float64 else 1e-5):
            raise Broken(f"the covariance {one} is not positive definite")


def _is_diagonal(model: Any) -> bool:
    kind = model.covariance_type
    return kind in ("diag", "tied_diag", "EEI", "VEI", "EVI", "VVI") or kind == "spherical"


def scored(model: Any) -> None:
    """Score rows near and far: each has a density, and a label."""
    rng = np.random.default_rng(0)
    k, d = model.means_.shape
    rows = rng.normal(size=(6, d)) * np.array([1.0, 1.0, 10.0, 1e3, 1e6, 0.0])[:, None]
    table = rows.astype(model.means_.dtype)
    density, labels = model.score_samples(table), model.predict(table)
    if not (density < np.inf).all():
        raise Broken(f"rows have the log densities {density}")
    # Noise, where there is some, has the label -1.
    least = -1 if getattr(model, "noise", None) is not None else 0
    if labels.min() < least or labels.max() >= k:
        raise Broken(f"rows have the labels {labels} of {k} components")


def _use_model(of: Base, model: Any, path: Path) -> str:
    if model.is_fitted:
        check_mixture(model)
        scored(model)
        model.save(path)
    if hasattr(model, "n_samples_seen_"):
        rows = np.resize(of.rows[:64], (64, model.n_features_in_))
        # A file may say that each fit begins 2^31 times: it is work that somebody asked for.
        fewer = {name: 9 for name in ("n_init", "max_iter") if getattr(model, name) > MOST_TURNS}
        model.set_params(**fewer)
        try:
            model.partial_fit(rows.astype(of.rows.dtype))
        except ValueError:
            # The stream of the file is of other parameters or numbers, and the model says so.
            return "valid"
        if model.is_fitted:
            check_mixture(model)
            scored(model)
    return "valid"


def _use_checkpoint(of: Base, model: GaussianMixture | None, path: Path) -> str:
    walks = []

    def batches() -> list[np.ndarray]:
        walks.append(1)
        if len(walks) > 200:
            raise Broken("the fit has passed over its rows 200 times")
        return [of.rows]

    if model is not None:
        check_mixture(model)
        scored(model)
    go_on = GaussianMixture(**of.model.get_params(deep=False))
    # Every fourth fit goes on to its end, and the others for some iterations.
    many = 1000 if path.read_bytes()[-1] % 4 == 0 else 3
    seen: list[int] = []

    def enough(one: fastgmm.Iteration) -> bool:
        seen.append(one.n_iter)
        return len(seen) >= many

    try:
        go_on.fit_batches(batches, checkpoint=path, callback=enough)
    except ValueError as error:
        known = isinstance(error, FileFormatError) or "0.1.0" in str(error)
        if model is None and not known:
            raise Broken(f"a file that no one can load: {error}") from error
        return "refused"
    check_mixture(go_on)
    scored(go_on)
    return "valid"


def _use_statistics(of: Base, statistics: SufficientStatistics, path: Path) -> str:
    SufficientStatistics.from_bytes(statistics.to_bytes())
    (k, d), kind = statistics.reference.shape, statistics.covariance_type
    if kind not in COVARIANCE_TYPES or k * d * d > 10_000:
        return "valid"
    try:
        model = GaussianMixture.from_parameters(
            np.full(k, 1.0 / k),
            np.zeros((k, d)),
            _ones(model_of(kind).shape(k, d), d),
            covariance_type=kind,
        )
        model.m_step(statistics)
    except ValueError:
        return "refused"
    check_mixture(model)
    scored(model)
    return "valid"


def _ones(shape: tuple[int, ...], d: int) -> np.ndarray:
    return np.broadcast_to(np.eye(d), shape) if shape[-2:] == (d, d) else np.ones(shape)


_USES: dict[str, Callable[[Base, Any, Path], str]] = {
    "model": _use_model,
    "stream": _use_model,
    "posterior": _use_model,
    "checkpoint": _use_checkpoint,
    "statistics": _use_statistics,
}
