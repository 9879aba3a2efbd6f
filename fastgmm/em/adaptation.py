"""Maximum a posteriori adaptation: a mixture that goes some way to new rows, and knows how far.

Each component stands for as many rows of its own as `relevance` says, so that those which hold few
of the new rows stay where they are (Gauvain and Lee 1994; Reynolds, Quatieri and Dunn 2000).
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from fastgmm.covariance.estimate import check_range
from fastgmm.em.frozen import Frozen
from fastgmm.em.kept import Kept
from fastgmm.em.regularization import Regularization
from fastgmm.errors import DataRangeError
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray


def adapted(
    mixture: Mixture,
    statistics: SufficientStatistics,
    relevance: float,
    parts: Collection[str],
    regularization: Regularization,
) -> Mixture:
    """The mixture adapted to the rows of statistics, in these parts; it keeps the others.

    Means and covariances are those of an M-step over the rows and, of each component, `relevance`
    rows more, which have its mean and its covariance.  With alpha = n / (n + relevance) that is
    Reynolds' alpha E[x] + (1 - alpha) mean, and his variance, of any form and about a mean that is
    kept as well.  The weights are his (equation 11), which are not those of such rows.

    Raises
    ------
    IllDefinedCovarianceError, DataRangeError
        As `MaximumLikelihood.maximize`.
    """
    if relevance == np.inf:
        return replace(mixture, n_free=None)
    k, model = mixture.n_components, mixture.covariance_model
    own = np.full(k, relevance)
    ridge = regularization.ridge(model.form)
    second = model.implied_moments(mixture.covariances, ridge, own, mixture.n_features)
    of_mixture = SufficientStatistics(
        covariance_type=mixture.covariance_type,
        reference=mixture.means,
        component_weight=own,
        first_moment=np.zeros_like(mixture.means),
        second_moment=second,
        n_samples=0,
        weight=k * relevance,
        log_likelihood=0.0,
        dtype=mixture.dtype,
    )
    weights = _weights(mixture, statistics.component_weight, relevance)
    kept = Kept(
        np.ones(k, dtype=bool),
        np.full(k, "means" not in parts),
        np.full(k, "covariances" not in parts),
        weights if "weights" in parts else mixture.weights,
        mixture.means if "means" not in parts else None,
        (mixture.covariances, mixture.factors, mixture.inverse_factors)
        if "covariances" not in parts
        else None,
    )
    ridge_alone = Regularization(regularization.reg_covar)
    found = Frozen(kept).maximize(statistics + of_mixture, ridge_alone)
    if found.dtype != mixture.dtype:
        _check_fit(found, mixture.dtype)
    return replace(found, n_free=None, dtype=mixture.dtype)


def _check_fit(found: Mixture, dtype: np.dtype) -> None:
    """Refuse what rows of another dtype have made, where the mixture's own cannot hold it."""
    check_range(found.covariances, found.inverse_factors, dtype)
    if not np.abs(found.means).max() <= np.finfo(dtype).max:
        raise DataRangeError(
            f"The means of these rows overflow {dtype}, which this mixture was learned in: rescale "
            "the columns, or learn the mixture from float64 rows."
        )


def _weights(mixture: Mixture, held: FloatArray, relevance: float) -> FloatArray:
    """(K,): weights between those of the mixture and the shares of the rows, which sum to one."""
    total = float(np.add.accumulate(held)[-1])
    shares = held / total if total > 0.0 else mixture.weights
    # Where there are neither rows nor any relevance, it is the shares that count.
    alpha = np.divide(held, held + relevance, out=np.ones_like(held), where=held + relevance > 0.0)
    weights = alpha * shares + (1.0 - alpha) * mixture.weights
    return np.asarray(weights / np.add.accumulate(weights)[-1])
