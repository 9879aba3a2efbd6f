"""Checkpoints: a fit's state after each pass, in a file that is also a model."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.rows import Data
from fastgmm.em.acceleration import Search
from fastgmm.em.collapse import Repair
from fastgmm.em.loop import Run
from fastgmm.em.regularization import Regularization
from fastgmm.mixture import file as model_file
from fastgmm.mixture.mixture import Mixture

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
    reached : list of dict
        What the starts before have reached.
    """

    init: int
    run: Run
    best: Run | None
    seed: int | None
    extent: Extent
    names: np.ndarray | None
    reached: list[dict[str, Any]]

    @classmethod
    def of(
        cls,
        data: Data,
        init: int,
        run: Run,
        best: Run | None,
        seed: int | None,
        reached: list[dict[str, Any]],
    ) -> "State":
        """The state of a fit of these data."""
        return cls(init, run, best, seed, data.extent, data.names, reached)


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
        assert run.mixture is not None
        facts, arrays = self._describe(run, state.names)
        facts["initializations"] = [
            one | {"lower_bound": float(one["lower_bound"]).hex()} for one in state.reached
        ]
        kept = {
            "identity": self._identity,
            "init": state.init,
            "run": _facts(run),
            "seed": state.seed,
            "reached": state.reached,
            "extent": {
                name: value.hex() if isinstance(value, float) else value
                for name, value in asdict(state.extent).items()
            },
            "best": None,
        }
        if best is not None and best.mixture is not None:
            kept["best"] = _facts(best)
            arrays["best_lower_bounds"] = np.asarray(best.lower_bounds, dtype=np.float64)
            arrays |= _arrays("best", best.mixture)
        if run.ahead is not None:
            arrays |= _arrays("ahead", run.ahead)
        if run.search is not None:
            arrays |= run.search.arrays()
        model_file.write(self.path, run.mixture, {**facts, "checkpoint": kept}, arrays)

    def load(self) -> State | None:
        """What `save` wrote; None if there is no file."""
        if not self.path.exists():
            return None
        mixture, facts, arrays = model_file.read(self.path)
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
        regularization = Regularization.of_arrays(arrays)
        run = replace(
            _run(mixture, bounds, kept["run"]),
            ahead=_parameters(arrays, "ahead", mixture),
            regularization=regularization,
            search=Search.of(regularization, arrays) if "search_numbers" in arrays else None,
        )
        best = None
        if kept["best"] is not None:
            best = _run(
                _parameters(arrays, "best", mixture),
                arrays["best_lower_bounds"].tolist(),
                kept["best"],
            )
            best = replace(best, regularization=regularization)
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
            kept["reached"],
        )


def _facts(run: Run) -> dict[str, Any]:
    return {
        "converged": run.converged,
        "stopped": run.stopped,
        "n_passes": run.n_passes,
        "gap": float(run.gap).hex(),
        "repairs": [asdict(repair) for repair in run.repairs],
    }


def _run(mixture: Mixture | None, bounds: list[float], kept: dict[str, Any]) -> Run:
    return Run(
        mixture,
        bounds[-1] if bounds else float("-inf"),
        len(bounds),
        kept["converged"],
        kept["stopped"],
        bounds,
        n_passes=kept["n_passes"],
        gap=float.fromhex(kept["gap"]),
        repairs=tuple(Repair(**repair) for repair in kept["repairs"]),
    )


def _arrays(name: str, mixture: Mixture) -> dict[str, np.ndarray]:
    return {f"{name}_{part}": getattr(mixture, part) for part in _PARTS}


def _parameters(arrays: dict[str, np.ndarray], name: str, like: Mixture) -> Mixture | None:
    if f"{name}_means" not in arrays:
        return None
    parts = {part: arrays[f"{name}_{part}"] for part in _PARTS}
    return Mixture(like.covariance_type, dtype=like.dtype, **parts)
