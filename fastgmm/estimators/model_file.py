"""Models in files: what a file says of an estimator, and the estimator made of it again."""

import os
from hashlib import sha256
from typing import Any, Self

import numpy as np

from fastgmm.em.collapse import Repair
from fastgmm.em.loop import Run
from fastgmm.em.priors import NormalInverseWishart
from fastgmm.em.regularization import Regularization
from fastgmm.errors import FileFormatError
from fastgmm.estimators.streaming import StreamingMixture
from fastgmm.fits.fit import Initialization
from fastgmm.mixture import file as model_file
from fastgmm.mixture.mixture import Mixture
from fastgmm.validation import check_parameters
from fastgmm.version import __version__

INITIAL = ("weights_init", "means_init", "precisions_init")


class StoredMixture(StreamingMixture):
    """The part of `GaussianMixture` that files are about."""

    def _set(
        self,
        run: Run,
        names: np.ndarray | None,
        initializations: tuple[Initialization, ...] = (),
    ) -> None:
        assert run.mixture is not None
        self._parameters, self._regularization = run.mixture, run.regularization
        self._feature_names = names
        self._learner = self._seen = None  # a stream begins anew from here
        self._show_run(run, initializations)

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the fitted model to one file that `fastgmm.load` reads.

        The file holds no pickle, has a version and a checksum, and takes the place of an old one in
        one step, so that a crash leaves the old one whole.  A `random_state` that is not an int is
        not kept.
        """
        mixture = self._fitted()
        run = Run(
            mixture,
            self.lower_bound_,
            self.n_iter_,
            self.converged_,
            lower_bounds=self.lower_bounds_,
            n_passes=self.n_passes_,
            gap=self.gap_,
            repairs=tuple(self.repairs_),
            regularization=self._regularization or Regularization(),
        )
        model_file.write(path, mixture, *self._described(run, self._feature_names))

    def _described(
        self, run: Run, names: np.ndarray | None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a file says of this model with the parameters of a run."""
        kept = {name: value for name, value in self.get_params().items() if name not in INITIAL}
        seed = kept["random_state"]
        kept["prior"] = None if self.prior is None else self.prior.facts()
        kept["random_state"] = int(seed) if isinstance(seed, int | np.integer) else None
        facts = {
            "params": {
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in kept.items()
            },
            "converged": bool(run.converged),
            "n_iter": int(run.n_iter),
            "lower_bound": float(run.lower_bound).hex(),
            "n_passes": int(run.n_passes),
            "gap": float(run.gap).hex(),
            "repairs": [vars(repair) for repair in run.repairs],
            "initializations": [
                vars(one) | {"lower_bound": float(one.lower_bound).hex()}
                for one in self.__dict__.get("initializations_", ())
            ],
            "feature_names": None if names is None else names.tolist(),
            "version": __version__,
        }
        arrays = {"lower_bounds": np.asarray(run.lower_bounds, dtype=np.float64)}
        if run.regularization is not None:
            arrays |= run.regularization.arrays()
        for name in INITIAL:
            if (value := getattr(self, name)) is not None:
                # float32 weights are checked less strictly: the dtype is kept
                given = np.asarray(value)
                arrays[name] = given if given.dtype == np.float32 else given.astype(np.float64)
        if self._seen is not None:
            facts["seen"] = self._seen.hex()
        if self._learner is not None:
            facts["stream"], of_stream = self._learner.state()
            arrays |= of_stream
        return facts, arrays

    def _identity(self) -> dict[str, Any]:
        """The parameters that a checkpoint must have been made with."""
        free = {"verbose", "verbose_interval", "n_threads", "warm_start"}
        identity: dict[str, Any] = {}
        for name, value in self.get_params().items():
            if name in INITIAL and value is not None:
                identity[name] = sha256(np.asarray(value, dtype=np.float64).tobytes()).hexdigest()
            elif name == "random_state" and not isinstance(value, int | np.integer):
                identity[name] = None
            elif name == "prior":
                identity[name] = None if value is None else value.facts()
            elif name not in free:
                identity[name] = value.item() if isinstance(value, np.generic) else value
        return identity

    @classmethod
    def _load(cls, path: "str | os.PathLike[str]") -> Self:
        mixture, facts, arrays = model_file.read(path)
        try:
            return cls._from_file(mixture, facts, arrays)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileFormatError(
                f"{path} was not written by GaussianMixture.save: {error}"
            ) from error

    @classmethod
    def _from_file(
        cls, mixture: Mixture, facts: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> Self:
        trace = arrays.pop("lower_bounds")
        initial: dict[str, Any] = {name: value for name, value in arrays.items() if name in INITIAL}
        params = dict(facts["params"])
        if (prior := params.get("prior")) is not None:
            params["prior"] = NormalInverseWishart(**prior)
        model = cls(**params, **initial)
        check_parameters(model.get_params())
        names = facts["feature_names"]
        # older files know nothing of passes, repairs and regularisation
        run = Run(
            mixture,
            float.fromhex(facts["lower_bound"]),
            facts["n_iter"],
            facts["converged"],
            lower_bounds=trace.tolist(),
            n_passes=facts.get("n_passes", facts["n_iter"]),
            gap=float.fromhex(facts.get("gap", "inf")),
            repairs=tuple(Repair(**repair) for repair in facts.get("repairs", ())),
        )
        reached = tuple(
            Initialization(**one | {"lower_bound": float.fromhex(one["lower_bound"])})
            for one in facts.get("initializations", ())
        )
        model._set(run, None if names is None else np.array(names, dtype=object), reached)
        known = "ridge" in arrays
        model._regularization = Regularization.of_arrays(arrays) if known else None
        if (seen := facts.get("seen")) is not None:
            model._seen = float.fromhex(seen)
        if (stream := facts.get("stream")) is not None:
            model._take_stream(stream, arrays)
        return model
