"""A mixture: an immutable value that knows what the kernels read of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm import kernels
from fastgmm.archive import checks
from fastgmm.covariance.agreement import factors_agree
from fastgmm.covariance.estimate import check_range
from fastgmm.covariance.model import CovarianceModel
from fastgmm.covariance.types import is_covariance_type, model_of
from fastgmm.lazy import lazy
from fastgmm.mixture.constants import Constants
from fastgmm.mixture.noise import Noise
from fastgmm.typing import CovarianceType, FloatArray, ModelName
from fastgmm.values import dataclass

FLOAT64 = np.dtype(np.float64)
"""A mixture has this dtype unless it was learned from float32 rows."""
WEIGHTS_TOLERANCE = 1e-5
"""The weights of a file sum to one within this: users may give them as float32 numbers."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Weights, means and covariances of K components in D features, float64 and read-only.

    Parameters
    ----------
    covariance_type : str
        A name in the registry of covariance models, `covariance/types.py`.
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    covariances : ndarray
        (K, D, D), (K, D) or (K,); without the K if they are tied.
    factors, inverse_factors : ndarray
        Lower Cholesky factors of the covariances (standard deviations for diag and spherical), and
        their inverses; same shapes.
    dtype : numpy.dtype
        The dtype of the rows that the mixture was learned from, and of what users are shown:
        float32 or float64.
    n_free : int, optional
        The number of free parameters, where a family keeps some of them; None: all are free.
    noise : Noise, optional
        What rows come from that are of no component; its weight is what the others lack to 1.
    """

    covariance_type: ModelName
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    factors: FloatArray
    inverse_factors: FloatArray
    dtype: np.dtype = FLOAT64
    n_free: int | None = None
    noise: Noise | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "means", "covariances", "factors", "inverse_factors"):
            array = np.asarray(getattr(self, name), dtype=np.float64, order="C")
            if not array.flags.aligned:
                # Kernels read at addresses of whole numbers, which messages between processes lose.
                array = array.copy()
            if array.flags.writeable:
                array = array.view()
                array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def of_arrays(
        cls,
        covariance_type: CovarianceType,
        arrays: tuple[FloatArray, ...],
        dtype: np.dtype,
        noise: Noise | None = None,
    ) -> "Mixture":
        """The mixture of new arrays, float64 and in C order, which nobody writes to any more.

        With noise the last of the weights is that of the noise.
        """
        made = object.__new__(cls)
        values = made.__dict__
        values["covariance_type"], values["dtype"] = covariance_type, dtype
        if noise is not None:
            values["noise"] = noise.weighing(float(arrays[0][-1]))
            arrays = arrays[0][:-1], *arrays[1:]
        for array in arrays:
            array.setflags(write=False)
        values["weights"], values["means"], values["covariances"] = arrays[:3]
        values["factors"], values["inverse_factors"] = arrays[3:]
        return made

    def like(
        self,
        weights: FloatArray,
        means: FloatArray,
        covariances: FloatArray,
        factors: FloatArray,
        inverse_factors: FloatArray,
    ) -> "Mixture":
        """A mixture of this type, of arrays that are float64, in C order and read-only already."""
        made = object.__new__(Mixture)
        made.__dict__.update(
            covariance_type=self.covariance_type,
            weights=weights,
            means=means,
            covariances=covariances,
            factors=factors,
            inverse_factors=inverse_factors,
            dtype=self.dtype,
        )
        return made

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of a mixture."""
        if not is_covariance_type(self.covariance_type):
            raise ValueError(f"there is no covariance type {self.covariance_type!r}")
        k, d = checks.check_sizes("means", self.means, 2)
        checks.check_array("means", self.means, (k, d))
        checks.check_array("weights", self.weights, (k,), 0.0)
        if self.noise is not None:
            self.noise.check_for(d)
        if abs(self.all_weights.sum() - 1.0) > WEIGHTS_TOLERANCE:
            raise ValueError(f"weights must sum to 1, got {self.all_weights.sum()}")
        arrays = self.covariances, self.factors, self.inverse_factors
        for name, array in zip(("covariances", "factors", "inverse factors"), arrays, strict=True):
            checks.check_array(name, array, self.covariance_model.shape(k, d))
        if self.dtype not in checks.FLOATS:
            raise ValueError(f"rows are float32 or float64, got {self.dtype}")
        if self.n_free is not None:
            checks.check_count("the number of free parameters", self.n_free)
        # The kernels read the means in the dtype of the rows.
        if np.abs(self.means).max() > np.finfo(self.dtype).max:
            raise ValueError(f"means must be numbers of {self.dtype}")
        if self.dtype != FLOAT64:
            # They read inverse factors so as well, and users are shown covariances so.
            check_range(self.covariances, self.inverse_factors, self.dtype)
        if not factors_agree(self.covariance_model, *arrays):
            raise ValueError("covariances must be positive, and their factors belong to them")

    def is_like(self, other: "Mixture") -> bool:
        """Whether another mixture has the same covariance type and sizes."""
        same = self.means.shape == other.means.shape
        same &= (self.noise is None) == (other.noise is None)
        return same and self.covariance_type == other.covariance_type

    @classmethod
    def from_covariances(
        cls,
        weights: FloatArray,
        means: FloatArray,
        covariances: FloatArray,
        covariance_type: CovarianceType,
        dtype: Any = FLOAT64,
    ) -> "Mixture":
        """The mixture of these covariances.

        Raises
        ------
        IllDefinedCovarianceError
            When a covariance is not positive definite.
        """
        factors, inverses = model_of(covariance_type).form.factor(covariances)
        return cls(covariance_type, weights, means, covariances, factors, inverses, np.dtype(dtype))

    @classmethod
    def from_precisions(
        cls,
        weights: FloatArray,
        means: FloatArray,
        precisions: FloatArray,
        covariance_type: CovarianceType,
        dtype: Any = FLOAT64,
    ) -> "Mixture":
        """The mixture whose covariances are the inverses of these precisions."""
        form = model_of(covariance_type).form
        factors, inverses = form.factor_precisions(precisions)
        covariances = form.squares(factors)
        return cls(covariance_type, weights, means, covariances, factors, inverses, np.dtype(dtype))

    def reordered(self, order: NDArray[np.intp]) -> "Mixture":
        """The same mixture with its components in this order."""
        tied = self.covariance_model.tied

        def placed(spreads: FloatArray) -> FloatArray:
            return spreads if tied else spreads[order]

        return Mixture(
            self.covariance_type,
            self.weights[order],
            self.means[order],
            placed(self.covariances),
            placed(self.factors),
            placed(self.inverse_factors),
            self.dtype,
            self.n_free,
            self.noise,
        )

    def log_share(self, chosen: NDArray[np.intp]) -> float:
        """The logarithm of the sum of the weights of some components."""
        with np.errstate(divide="ignore"):
            return float(np.log(self.weights[chosen].sum()))

    def of_components(self, chosen: NDArray[np.intp]) -> "Mixture":
        """Some of its components, by their numbers, with weights in proportion to their own."""
        some = Mixture.reordered(self, chosen)
        share = some.weights.sum()
        return replace(some, weights=some.weights / share) if share > 0.0 else some

    @lazy
    def covariance_model(self) -> CovarianceModel:
        """The covariance model of the covariance type."""
        return model_of(self.covariance_type)

    @property
    def n_components(self) -> int:
        """The number of components, K."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """The number of features, D."""
        n_features: int = self.means.shape[1]
        return n_features

    @property
    def n_parameters(self) -> int:
        """The number of free parameters; noise has two, its weight and its volume."""
        if self.n_free is not None:
            return self.n_free
        free = n_parameters(self.covariance_type, self.n_components, self.n_features)
        return free if self.noise is None else free + 2

    @property
    def all_weights(self) -> FloatArray:
        """The weights, (K,), and that of noise at their end, if there is noise: (K + 1,)."""
        return self.weights if self.noise is None else np.append(self.weights, self.noise.weight)

    @property
    def shares(self) -> FloatArray:
        """(K,): the weights of the components beside each other, without noise."""
        if self.noise is None:
            return self.weights
        return np.asarray(self.weights / max(self.weights.sum(), np.finfo(np.float64).tiny))

    @property
    def log_noise(self) -> float:
        """The log of weight times density of noise, in nats; -inf where there is none."""
        if self.noise is None:
            return -np.inf
        log_weight = np.empty(1)
        kernels.log_weights(np.array([self.noise.weight]), log_weight)
        return float(log_weight[0]) - self.noise.log_volume

    @property
    def drawable(self) -> "Mixture":
        """The mixture, or its components alone, where noise has no place to be drawn from."""
        return self if self.noise is None or self.noise.box is not None else self.without_noise()

    def without_noise(self) -> "Mixture":
        """The components alone."""
        return self if self.noise is None else replace(self, weights=self.shares, noise=None)

    @property
    def precisions_cholesky(self) -> FloatArray:
        """Upper triangular L^-T with precision = L^-T L^-1 (full, tied); else 1 / deviation."""
        return self.covariance_model.form.precision_factors(self.inverse_factors)

    @property
    def shown_covariances(self) -> FloatArray:
        """The covariances as users know them: those of low rank are written out."""
        form = self.covariance_model.form
        return self.covariances if form.linear else form.matrices(self.covariances, self.n_features)

    @property
    def dense(self) -> "Mixture":
        """The mixture itself, or one of matrices where its form knows no conditional mixtures."""
        return self if self.covariance_model.form.linear else self._written_out

    @lazy
    def _written_out(self) -> "Mixture":
        arrays = self.weights, self.means, self.shown_covariances
        return Mixture.from_covariances(*arrays, "full", self.dtype)

    @property
    def precisions(self) -> FloatArray:
        """The inverses of the covariances, in their shape."""
        return self.covariance_model.form.precisions(self.inverse_factors)

    @lazy
    def constants(self) -> Constants:
        """What the kernels read of this mixture, made once."""
        # The logarithm is that of compiled iterations; NumPy's differs from it in last bits.
        log_weights = np.empty(len(self.weights))
        kernels.log_weights(self.weights, log_weights)
        form, d = self.covariance_model.form, self.n_features
        return self.constants_with(log_weights, form.log_determinants(self.factors, d))

    def constants_with(self, log_weights: FloatArray, log_determinants: FloatArray) -> Constants:
        """The same, where the logarithms of weights and of determinants are known."""
        model, (k, d) = self.covariance_model, self.means.shape
        return Constants(
            model.kernel,
            log_weights,
            self.means,
            model.for_kernels(self.inverse_factors, k, d),
            log_determinants if np.ndim(log_determinants) else np.full(k, log_determinants),
            self.factors,
            self.log_noise,
        )

    @lazy
    def packed(self) -> Callable[[np.dtype], Any]:
        """packed(dtype): the kernels' form of the constants for rows of a dtype, made once."""
        return self.constants.packed

    @lazy
    def cuts(self) -> dict[Any, Any]:
        """The cuts into observed and missing columns that `conditioning.cut_of` has made last."""
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # pickles forget that arrays are read-only
        self.check()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        for made in ("constants", "covariance_model", "cuts", "packed", "_written_out"):
            state.pop(made, None)
        return state


def n_parameters(covariance_type: CovarianceType, n_components: int, n_features: int) -> int:
    """The number of free parameters: K - 1 weights, K D means, and those of the covariances."""
    of_covariances = model_of(covariance_type).n_parameters(n_components, n_features)
    return of_covariances + n_components * n_features + n_components - 1
