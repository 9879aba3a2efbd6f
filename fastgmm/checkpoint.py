"""Checkpoints: a fit's state after each pass, in a file that is also a model."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastgmm import model_file
from fastgmm.data import Data
from fastgmm.em import Run
from fastgmm.expectation import Extent
from fastgmm.parameters import Parameters

_PARTS = ("weights", "means", "covariances", "factors", "inverse_factors")


@dataclass(frozen=True)
class State:
    """Where a fit is.

    Parameters
    ----------
    init : int
        Index of the start that runs.
    run : Run
        It, so far.
    best : Run, optional
        The best of the starts before.
    seed : int, optional
        What all random numbers of the fit come from; None where none was needed yet.
    extent, names
        Of the data.
    """

    init: int
    run: Run
    best: Run | None
    seed: int | None
    extent: Extent
    names: np.ndarray | None

    @classmethod
    def of(cls, data: Data, init: int, run: Run, best: Run | None, seed: int | None) -> "State":
        """The state of a fit of these data."""
        return cls(init, run, best, seed, data.extent, data.names)


class Checkpoint:
    """The file of one fit.

    Parameters
    ----------
    path : str or path
    identity : dict
        What must be the same when the fit goes on: the constructor's parameters.
    describe : callable
        describe(run, names) -> the facts and arrays with which a model file says the same.
    """

    def __init__(
        self,
        path: "str | os.PathLike[str]",
        identity: dict[str, Any],
        describe: Callable[[Run, np.ndarray | None], tuple[dict[str, Any], dict[str, np.ndarray]]],
    ) -> None:
        self.path = Path(path)
        self._identity, self._describe = identity, describe

    def save(self, state: State) -> None:
        """Replace the file in one step."""
        run, best = state.run, state.best
        assert run.parameters is not None
        facts, arrays = self._describe(run, state.names)
        kept = {
            "identity": self._identity,
            "init": state.init,
            "converged": run.converged,
            "stopped": run.stopped,
            "seed": state.seed,
            "extent": {
                name: value.hex() if isinstance(value, float) else value
                for name, value in asdict(state.extent).items()
            },
            "best": None,
        }
        if best is not None and best.parameters is not None:
            kept["best"] = {"converged": best.converged, "stopped": best.stopped}
            arrays["best_lower_bounds"] = np.asarray(best.lower_bounds, dtype=np.float64)
            for name in _PARTS:
                arrays[f"best_{name}"] = getattr(best.parameters, name)
        model_file.write(self.path, run.parameters, {**facts, "checkpoint": kept}, arrays)

    def load(self) -> State | None:
        """What `save` wrote; None if there is no file."""
        if not self.path.exists():
            return None
        parameters, facts, arrays = model_file.read(self.path)
        kept = facts.get("checkpoint")
        if kept is None:
            raise ValueError(
                f"{self.path} holds a model and no checkpoint: choose another path, or remove it."
            )
        for name, value in self._identity.items():
            if kept["identity"].get(name) != value:
                raise ValueError(
                    f"the checkpoint {self.path} was made with {name}="
                    f"{kept['identity'].get(name)!r}, and this fit has {value!r}: set it back, or "
                    "remove the file."
                )
        bounds = arrays["lower_bounds"].tolist()
        run = _run(parameters, bounds, kept)
        best = None
        if kept["best"] is not None:
            parts = {name: arrays[f"best_{name}"] for name in _PARTS}
            best = _run(
                Parameters(parameters.covariance_type, dtype=parameters.dtype, **parts),
                arrays["best_lower_bounds"].tolist(),
                kept["best"],
            )
        numbers: dict[str, Any] = {
            name: float.fromhex(value) if isinstance(value, str) else value
            for name, value in kept["extent"].items()
        }
        names = facts["feature_names"]
        return State(
            kept["init"],
            run,
            best,
            kept["seed"],
            Extent(**numbers),
            None if names is None else np.array(names, dtype=object),
        )


def _run(parameters: Parameters, bounds: list[float], kept: dict[str, Any]) -> Run:
    last = bounds[-1] if bounds else float("-inf")
    return Run(parameters, last, len(bounds), kept["converged"], kept["stopped"], bounds)
