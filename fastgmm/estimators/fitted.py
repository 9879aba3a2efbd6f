"""What a fitted state holds: the parameters of its mixture, the names of its features."""

from typing import Any

import numpy as np

from fastgmm.errors import not_fitted_error
from fastgmm.estimators.fixed import fixed_copy, with_fixed_attributes
from fastgmm.estimators.state import State
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import Missing, Names, Rows
from fastgmm.validation import check_parameters


@with_fixed_attributes
class Fitted:
    """The attributes of a fitted mixture; an estimator and a snapshot inherit them."""

    _state: State | None = None
    n_threads: int | None
    random_state: Any
    missing: Missing = "error"

    def _fitted(self) -> tuple[Mixture, np.ndarray | None]:
        """The mixture and the names of its features, of one moment."""
        state = self._state
        if state is None or state.mixture is None:
            raise not_fitted_error(type(self).__name__)
        return state.mixture, state.names

    def _gaussians(self, method: str) -> tuple[Mixture, np.ndarray | None]:
        """The same of a mixture without noise, for a method that knows none."""
        mixture, names = self._fitted()
        if mixture.noise is not None:
            raise ValueError(
                f"{method} knows no noise: make a model of the components alone, whose weights "
                "sum to 1, with from_parameters"
            )
        return mixture, names

    @property
    def _names(self) -> np.ndarray | None:
        """The names of the features, known before the first mixture of a stream is."""
        return None if self._state is None else self._state.names

    def _threads(self) -> int | None:
        """`n_threads`, checked; scores of one row ask only where it is not None."""
        if self.n_threads is None:
            return None
        params = check_parameters({"n_threads": self.n_threads}, type(self).__name__)
        n_threads: int = params["n_threads"]
        return n_threads

    # ------------------------------------------------------------------ attributes

    def _shown(self, name: str) -> Rows:
        """A read-only copy of an array of the mixture in the dtype of its rows."""
        mixture, _ = self._fitted()
        return fixed_copy(getattr(mixture, name), mixture.dtype)

    @property
    def weights_(self) -> Rows:
        """The weights of the components, (K,); they and that of noise sum to 1."""
        return self._shown("weights")

    @property
    def noise_weight_(self) -> float:
        """The share of rows that are of no component; 0 of a mixture without noise."""
        mixture, _ = self._fitted()
        return 0.0 if mixture.noise is None else mixture.noise.weight

    @property
    def noise_volume_(self) -> float:
        """The volume over which noise is uniform; nan of a mixture without noise."""
        mixture, _ = self._fitted()
        with np.errstate(over="ignore", under="ignore"):
            return np.nan if mixture.noise is None else float(np.exp(mixture.noise.log_volume))

    @property
    def means_(self) -> Rows:
        """The means, (K, D)."""
        return self._shown("means")

    @property
    def covariances_(self) -> Rows:
        """Covariances: full (K, D, D), diag (K, D), spherical (K,); tied types lack the K."""
        return self._shown("shown_covariances")

    @property
    def precisions_(self) -> Rows:
        """The inverses of the covariances, in their shape."""
        return self._shown("precisions")

    @property
    def precisions_cholesky_(self) -> Rows:
        """Upper triangular U with precision = U U^T (full, tied); else 1 / standard deviation."""
        return self._shown("precisions_cholesky")

    @property
    def n_features_in_(self) -> int:
        """The number of features, D."""
        mixture, _ = self._fitted()
        return mixture.n_features

    @property
    def feature_names_in_(self) -> Names:
        """The names of the features, (D,); an AttributeError where the rows had none."""
        names = self._names
        if names is None:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute 'feature_names_in_': "
                "the rows of its fit had no names"
            )
        return fixed_copy(names)

    @property
    def n_parameters(self) -> int:
        """The number of free parameters, p of the criteria: weights, means and covariances."""
        mixture, _ = self._fitted()
        return mixture.n_parameters

    def _n_parameters(self) -> int:
        """`n_parameters`, by the name under which tools for scikit-learn's class look for it."""
        return self.n_parameters

    @property
    def is_fitted(self) -> bool:
        """Whether there is a mixture to score with; to ask is no error and fits nothing."""
        return self._state is not None and self._state.mixture is not None

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted
