"""What reading a mutated file has come to: it is refused, or it can be used as any other."""

import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fastgmm
from fastgmm import GaussianMixture, SufficientStatistics
from fastgmm.errors import FileFormatError
from mutations import Base

SPARE_MEMORY = 1 << 24
"""Reading a file may take twice its size and this much memory."""
LONGEST = 1.0
"""Reading a file, and going on from it, may take so many seconds of processor time."""


class Broken(AssertionError):
    """What must not come of any file."""


def outcome(of: Base, content: bytes) -> str:
    """Read the bytes as a file like the good one: "refused", or "valid" where it can be used."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "file"
        path.write_bytes(content)
        begin = time.process_time()
        tracemalloc.start()
        try:
            if of.kind == "statistics":
                value: Any = SufficientStatistics.from_bytes(content)
            else:
                value = fastgmm.load(path)
        except FileFormatError:
            value = None
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        if peak > 2 * len(content) + SPARE_MEMORY:
            raise Broken(f"reading {len(content)} bytes took {peak} bytes of memory")
        if value is None and of.kind != "checkpoint":
            result = "refused"
        else:
            result = _USES[of.kind](of, value, path)
        if (took := time.process_time() - begin) > LONGEST:
            raise Broken(f"it took {took:.1f} seconds")
    return result


def _scored(model: Any, seed: int = 0) -> None:
    """Score rows near and far: each has a density, a label, and the model can be saved."""
    rng = np.random.default_rng(seed)
    k, d = model.means_.shape
    rows = rng.normal(size=(6, d)) * np.array([1.0, 1.0, 10.0, 1e3, 1e6, 0.0])[:, None]
    table = rows.astype(model.means_.dtype)
    density, labels = model.score_samples(table), model.predict(table)
    if not (density < np.inf).all():
        raise Broken(f"rows have the log densities {density}")
    if labels.min() < 0 or labels.max() >= k:
        raise Broken(f"rows have the labels {labels} of {k} components")


def _use_model(of: Base, model: GaussianMixture, path: Path) -> str:
    _scored(model)
    model.save(path)
    return "valid"


def _use_stream(of: Base, model: GaussianMixture, path: Path) -> str:
    _use_model(of, model, path)
    if hasattr(model, "n_samples_seen_"):
        rows = np.resize(of.rows[:64], (64, model.n_features_in_))
        model.partial_fit(rows)
        _scored(model)
    return "valid"


def _use_checkpoint(of: Base, model: GaussianMixture | None, path: Path) -> str:
    walks = []

    def batches() -> list[np.ndarray]:
        walks.append(1)
        if len(walks) > 200:
            raise Broken("the fit has passed over its rows 200 times")
        return [of.rows]

    if model is not None:
        _scored(model)
    go_on = GaussianMixture(**of.model.get_params())
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
    _scored(go_on)
    return "valid"


def _use_statistics(of: Base, statistics: SufficientStatistics, path: Path) -> str:
    SufficientStatistics.from_bytes(statistics.to_bytes())
    shape = statistics.reference.shape
    model = GaussianMixture.from_parameters(
        [1.0] + [0.0] * (shape[0] - 1), np.zeros(shape), np.ones(shape), covariance_type="diag"
    )
    if statistics.covariance_type != "diag":
        model = of.model if of.model.means_.shape == shape else model
    try:
        _scored(GaussianMixture.m_step(_copy(model), statistics))
    except ValueError:
        return "refused"
    return "valid"


def _copy(model: GaussianMixture) -> GaussianMixture:
    return GaussianMixture.from_parameters(
        model.weights_, model.means_, model.covariances_, covariance_type=model.covariance_type
    )


_USES: dict[str, Callable[[Base, Any, Path], str]] = {
    "model": _use_model,
    "stream": _use_stream,
    "checkpoint": _use_checkpoint,
    "statistics": _use_statistics,
}
