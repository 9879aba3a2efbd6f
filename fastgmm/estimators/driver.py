"""A whole fit for whoever can evaluate an E-step on all rows, wherever those are."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgmm.covariance.types import n_factors_of, without_factors
from fastgmm.data.driven import DrivenData
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.estimators.planning import refuse_noise, regularization_of
from fastgmm.estimators.state import State
from fastgmm.fits.plan import Callback
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.mixture.statistics import check as check_statistics
from fastgmm.typing import ArrayLike
from fastgmm.validation import (
    as_rows,
    as_table,
    check_callback,
    check_enough_rows,
    feature_names_of,
)


def fit_with(
    one_pass: Callable[[GaussianMixture], SufficientStatistics],
    sample: ArrayLike,
    n_components: int = 1,
    *,
    callback: Callback | None = None,
    checkpoint: "str | os.PathLike[str] | None" = None,
    **params: Any,
) -> GaussianMixture:
    """Fit a mixture to rows that only a function of yours passes over.

    It is the fit of `GaussianMixture.fit`: start, rule of stopping, acceleration, repair and
    checkpoints.  Your function runs an E-step on all rows, on a cluster, by MPI or in a database,
    and adds the statistics.  It is called once per pass, and once before to count the rows.

    Parameters
    ----------
    one_pass : callable
        ``one_pass(model)`` returns the `SufficientStatistics` of all rows under a model: the sum of
        ``model.e_step(rows)`` over all parts of them.  The model pickles.  It must give the same
        rows each time.
    sample : array_like of shape (n_samples, n_features)
        Rows drawn at random from all of them, for the start: some thousands, and 100 per component
        at least.  Of the dtype of all rows, with their names if they have any.
    n_components : int, default=1
        Number of components, K.
    callback, checkpoint
        As in `GaussianMixture.fit_batches`.
    **params : object
        Further parameters of `GaussianMixture`.

    Returns
    -------
    GaussianMixture
        Fitted.

    Raises
    ------
    TypeError, ValueError
        When what `one_pass` returns are no statistics of this model, or of other rows than at
        first; and as `GaussianMixture.fit`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> parts = [rng.normal(size=(1000, 2)) + 5 * (i % 2) for i in range(8)]
    >>> def one_pass(model):
    ...     return fastgmm.SufficientStatistics.total(model.e_step(part) for part in parts)
    >>> model = fastgmm.fit_with(one_pass, np.concatenate([p[:300] for p in parts]), 2)
    >>> np.sort(model.means_[:, 0]).round()
    array([0., 5.])
    """
    model = GaussianMixture(n_components, **params)
    checked = model._params()
    refuse_noise(checked, "fit_with")
    check_callback(callback)
    if not callable(one_pass):
        raise TypeError(
            f"one_pass must be a function of a model, got {type(one_pass).__name__}: return the "
            "sum of model.e_step(rows) over all rows."
        )
    table, gaps = as_table(sample), checked.missing == "em"
    rows = as_rows(table, min_rows=2, method="fit_with", n_threads=checked.n_threads, gaps=gaps)
    check_enough_rows(len(rows), checked.n_components)
    driven = _Driven(one_pass, model, feature_names_of(table))
    data = DrivenData(driven, rows, _gaussian(rows), driven.names, gaps)
    return model._fit_passes(data, checked, callback, checkpoint)


class _Driven:
    """The user's function as one of mixtures, whose answers are checked."""

    def __init__(
        self,
        one_pass: Callable[[GaussianMixture], SufficientStatistics],
        model: GaussianMixture,
        names: np.ndarray | None,
    ) -> None:
        self._one_pass, self._model, self.names = one_pass, model, names

    def __call__(self, mixture: Mixture) -> SufficientStatistics:
        given = self._model.get_params(deep=False)
        given |= {
            "n_components": mixture.n_components,
            "covariance_type": without_factors(mixture.covariance_type),
            "n_factors": n_factors_of(mixture.covariance_type),
            "weights_init": None,
            "means_init": None,
            "precisions_init": None,
            "frozen": (),
        }
        model = GaussianMixture(**given)
        regularization = regularization_of(model._params(), State(mixture))
        model._state = State(mixture, regularization, names=self.names)
        statistics = self._one_pass(model)
        if not isinstance(statistics, SufficientStatistics):
            raise TypeError(
                f"one_pass must return SufficientStatistics, got {type(statistics).__name__}: "
                "return the sum of model.e_step(rows) over all rows."
            )
        check_statistics(statistics, mixture.covariance_type, mixture.means.shape)
        return statistics


def _gaussian(rows: np.ndarray) -> Mixture:
    """One Gaussian over the sample: the mixture of the pass that counts all rows."""
    mean = np.asarray(np.nanmean(rows, axis=0, keepdims=True, dtype=np.float64))
    variance = float(np.nanmean((rows - mean) ** 2)) or 1.0
    return Mixture.from_covariances(np.ones(1), mean, np.array([variance]), "spherical", rows.dtype)
