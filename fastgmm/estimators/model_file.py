"""Models in files: what a file says of an estimator, and what can be made of it again."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from fastgmm.archive import codec, container
from fastgmm.archive.reading import content_of
from fastgmm.archive.replacement import replace_file
from fastgmm.em.priors import NormalInverseWishart, check_prior
from fastgmm.errors import FileFormatError
from fastgmm.estimators import first_format
from fastgmm.estimators.planning import (
    INITIAL,
    family_keeping,
    family_of,
    kind_of,
    pace_of,
    regularization_of,
)
from fastgmm.estimators.state import Report, State
from fastgmm.estimators.stored import StoredState, plain_params
from fastgmm.fits.checkpoint import Checkpointed
from fastgmm.fits.learned import Learned
from fastgmm.fits.online import Learner
from fastgmm.fits.target import Target
from fastgmm.limits.scalars import as_array, as_numbers, as_path
from fastgmm.validation import check_parameters
from fastgmm.values import dataclass
from fastgmm.version import __version__

UNREADABLE = container.UNREADABLE
"""Python says so of contents that no estimator has written."""
FREE = frozenset({"verbose", "verbose_interval", "n_threads", "warm_start"})
"""These parameters of the constructor may have changed when a fit goes on from its checkpoint."""


@dataclass(frozen=True, eq=False)
class Contents:
    """What a model file holds beside the parameters of the constructor.

    Parameters
    ----------
    state : StoredState
    checkpoint : Checkpointed, optional
        Where the fit was that wrote the file.
    """

    state: StoredState
    checkpoint: Checkpointed | None = None

    def check(self) -> None:
        """Raise ValueError where a file's checkpoint is not of its mixture."""
        if self.checkpoint is not None:
            mixture, run = self.state.mixture, self.checkpoint.run.mixture
            if mixture is None or run is None or not mixture.is_like(run):
                raise ValueError("its checkpoint is of another mixture")


def write(path: "str | os.PathLike[str]", params: dict[str, Any], contents: Contents) -> None:
    """Replace the file at `path` in one step.

    `params` are the parameters of the constructor; a `random_state` that is not an int is not kept.
    """
    _write(path, params, *codec.describe(contents))


def write_checked(
    path: "str | os.PathLike[str]", params: dict[str, Any], contents: Contents
) -> None:
    """Do as `write`, unless `read` would refuse the file.

    Raises
    ------
    ValueError
        When it would; what stands at `path` is as it was.
    """
    check_parameters(params)
    if params["prior"] is not None:
        check_prior(params["prior"])
    facts, arrays = codec.describe(contents)
    try:
        codec.restore(Contents, facts, arrays)
    except container.UNREADABLE as error:
        raise ValueError(
            f"the model is not saved, as its file could not be loaded again ({error}): fit it again"
        ) from error
    _write(path, params, facts, arrays)


def _write(
    path: "str | os.PathLike[str]", params: dict[str, Any], facts: codec.Facts, arrays: codec.Arrays
) -> None:
    facts |= {"version": __version__, "params": _plain(params), "identity": identity_of(params)}
    for name in INITIAL:
        if (value := params[name]) is not None:
            # The dtype is kept, since weights in float32 are checked less strictly.
            given = as_array(value, name)
            arrays[name] = given if given.dtype == np.float32 else as_numbers(given, name)
    replace_file(path, container.pack("model", facts, arrays))


def read(path: "str | os.PathLike[str]") -> tuple[dict[str, Any], Contents, dict[str, Any]]:
    """The parameters of the constructor, contents and identity of a file that `write` made.

    Raises
    ------
    FileFormatError
        When it is not one, or damaged.
    """
    return _understood(path, *_unpacked(path))


def _unpacked(path: "str | os.PathLike[str]") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays of a model file."""
    content = content_of(path)
    if content[:1] == b"\x80" and not content.startswith(container.MAGIC):
        raise FileFormatError(
            f"{path} is a pickle, which fastgmm does not load: "
            "save models with GaussianMixture.save"
        )
    return container.unpack(content, "model", str(path))


def _understood(
    path: "str | os.PathLike[str]", facts: dict[str, Any], arrays: dict[str, np.ndarray]
) -> tuple[dict[str, Any], Contents, dict[str, Any]]:
    """What `read` returns, of facts and arrays."""
    try:
        if "state" not in facts:
            params, state = first_format.read(facts, arrays)
            check_parameters(params)
            return params, Contents(codec.checked(state)), {}
        params, identity = plain_params(facts.pop("params"), INITIAL), dict(facts.pop("identity"))
        facts.pop("version")
        if params["prior"] is not None:
            params["prior"] = NormalInverseWishart(**params["prior"])
            check_prior(params["prior"])
        params |= {name: arrays[name] for name in INITIAL if name in arrays}
        if "frozen" in params:
            frozen = params["frozen"]
            params["frozen"] = tuple(frozen) if isinstance(frozen, list) else frozen
        check_parameters(params)
        return params, codec.restore(Contents, facts, arrays), identity
    except container.UNREADABLE as error:
        raise not_ours_error(path, error) from error


def not_ours_error(path: "str | os.PathLike[str]", error: Exception) -> FileFormatError:
    """The error of a file whose checksum is right and whose contents are not."""
    return FileFormatError(f"{path} was not written by GaussianMixture.save: {error}")


def stored(state: State) -> StoredState:
    """The state as a file or a pickle holds it."""
    learner = state.learner
    return StoredState(
        state.mixture,
        state.regularization,
        state.report,
        state.names,
        state.seen,
        None if learner is None else learner.state(),
        state.trail,
    )


def described(state: State) -> tuple[codec.Facts, codec.Arrays]:
    """The state as a pickle holds it: plain values and arrays, so that no class needs to stay."""
    return codec.describe(stored(state))


def unpickled(pickled: dict[str, Any]) -> tuple[dict[str, Any], StoredState | None]:
    """The attributes of a pickled estimator but for its state, and that; None where not fitted."""
    own = dict(pickled)
    try:
        if (description := own.pop("_stored", None)) is not None:
            return own, codec.restore(StoredState, *description)
        if "_parameters" in own or "_learner" in own:
            params, state = first_format.estimator_of(own)
            return params, None if state is None else codec.checked(state)
    except container.UNREADABLE as error:
        raise FileFormatError(f"the pickle does not hold a fitted model: {error}") from error
    return own, None


def restored(of: StoredState, params: Any) -> State:
    """The state that `stored` was given, for an estimator with these parameters."""
    state = State(of.mixture, of.regularization, of.report, of.names, of.seen, trail=of.trail)
    stream = of.stream
    if stream is None:
        return state
    waiting, learned = stream.waiting, None
    k, kind = params.n_components, kind_of(params)
    if stream.statistics is not None:
        if of.mixture is None:
            raise ValueError("it lacks the mixture of its stream")
        # The constructor's parameters may be others by now, and no longer valid.
        k, kind = of.mixture.n_components, of.mixture.covariance_type
        regularization = of.regularization or regularization_of(params, state)
        learned = Learned(of.mixture, stream.statistics, regularization, stream.seen)
    if learned is None:
        family = family_of(params, waiting.shape[1])
    else:
        family = family_keeping(params, learned.mixture)
    target = Target(waiting.shape[1], waiting.dtype, k, kind, family)
    learner = Learner(target, pace_of(params), params.n_threads, stream.seed, learned)
    return replace(state, learner=learner.restored(stream))


def identity_of(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a checkpoint must have been made with, as JSON values."""
    identity: dict[str, Any] = {}
    for name, value in params.items():
        if name in INITIAL and value is not None:
            identity[name] = sha256(as_numbers(value, name).tobytes()).hexdigest()
        elif name not in FREE:
            identity[name] = plain_fact(name, value)
    return identity


class CheckpointFile:
    """The checkpoint of one fit, in a file that is also a model.

    Parameters
    ----------
    path : str or path
    params : dict
        Parameters of the constructor; the fit goes on only where they are the same.
    """

    def __init__(self, path: "str | os.PathLike[str]", params: dict[str, Any]) -> None:
        self.path, self._params = Path(as_path(path, "checkpoint")), params

    def save(self, checkpointed: Checkpointed) -> None:
        """Replace the file in one step."""
        run = checkpointed.run
        state = StoredState(
            run.mixture,
            run.regularization,
            Report.of_run(run, checkpointed.reached),
            checkpointed.names,
            checkpointed.extent.weight,
            trail=run.passed,
        )
        write(self.path, self._params, Contents(state, checkpointed))

    def load(self) -> Checkpointed | None:
        """What `save` wrote; None if there is no file."""
        if not self.path.exists():
            return None
        facts, arrays = _unpacked(self.path)
        if first_format.is_checkpoint(facts):
            raise ValueError(
                f"fastgmm 0.1.0 wrote the checkpoint {self.path}, and this version cannot go on "
                "from it: finish the fit with that version, or remove the file."
            )
        _, contents, identity = _understood(self.path, facts, arrays)
        if contents.checkpoint is None:
            raise ValueError(
                f"{self.path} holds a model and no checkpoint: choose another path, or remove it."
            )
        for name, value in identity_of(self._params).items():
            if identity.get(name) != value:
                raise ValueError(
                    f"the checkpoint {self.path} was made with {name}="
                    f"{identity.get(name)!r}, and this fit has {value!r}: set it back, or "
                    "remove the file."
                )
        mixture = contents.checkpoint.run.mixture
        assert mixture is not None  # the checks of what was read have seen to it
        k, kind = self._params["n_components"], kind_of(SimpleNamespace(**self._params))
        if (mixture.n_components, mixture.covariance_type) != (k, kind):
            raise FileFormatError(
                f"{self.path} holds {mixture.n_components} {mixture.covariance_type} components, "
                f"and says that they are {k} {kind} ones: remove the file"
            )
        return contents.checkpoint


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the constructor as JSON values, but for initial arrays."""
    return {name: plain_fact(name, value) for name, value in params.items() if name not in INITIAL}


def plain_fact(name: str, value: Any) -> Any:
    """The JSON value of a parameter of the constructor."""
    if name == "random_state":
        return int(value) if isinstance(value, int | np.integer) else None
    if name == "frozen":
        return value if isinstance(value, dict) else list(value)
    if name == "prior":
        return None if value is None else value.facts()
    return value.item() if isinstance(value, np.generic) else value
