"""What the user asks of the prior of variational Bayes, and its numbers for one data set."""

from typing import Any

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.data.parts import Part
from fastgmm.data.passes import Data
from fastgmm.em.e_step import expectation
from fastgmm.em.regularization import Regularization
from fastgmm.em.variational import VariationalBayes
from fastgmm.errors import data_range_error
from fastgmm.mixture.mixture import FLOAT64, Mixture
from fastgmm.mixture.posterior import NormalWishart, Posterior
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.tables.containers import array_of
from fastgmm.typing import CovarianceType, FloatArray, WeightsPrior
from fastgmm.values import dataclass

ROWS_OF_CENTRE = 1000
"""Moments are summed about the mean of so many rows."""


@dataclass(frozen=True, eq=False)
class PriorWishes:
    """What the constructor says of the prior, before any row is known; None: by the rows.

    Parameters
    ----------
    weights : {"dirichlet_process", "dirichlet_distribution"}
    concentration : float, optional
        By default one over the number of components.
    mean_precision : float, optional
        By default 1.
    mean : array_like of shape (D,), optional
        By default the mean of the rows.
    dof : float, optional
        By default D.
    covariance : array_like or float, optional
        By default the covariance of the rows, or of it what the form stores.
    covariance_type : str
    n_components : int
    """

    weights: WeightsPrior
    concentration: float | None
    mean_precision: float | None
    mean: Any
    dof: float | None
    covariance: Any
    covariance_type: CovarianceType
    n_components: int

    def of(self, data: Data, about: FloatArray) -> NormalWishart:
        """The prior for these rows, near `about` (D,): one pass, where it depends on them.

        Raises
        ------
        ValueError
            When a number, or a shape, is not that of a prior for these rows.
        """
        d, form = data.n_features, model_of(self.covariance_type).form
        dof = float(d if self.dof is None else self.dof)
        if not dof > d - 1.0:
            raise ValueError(
                "The parameter 'degrees_of_freedom_prior' should be greater than "
                f"{d - 1}, but got {dof:.3f}."
            )
        mean = None if self.mean is None else _shaped(self.mean, (d,), "means")
        covariance = None if self.covariance is None else self._checked(self.covariance, d)
        if mean is None or covariance is None:
            rows = moments(data, "full" if form.ndim == 2 else "diag", about)
            mean = rows.means[0] if mean is None else mean
            if covariance is None:
                weight, extent = rows.weight, data.extent
                counted = weight / min(1.0, weight / max(extent.n_counted, 1))
                of_rows = rows.moved(rows.means).second_moment[0] / weight
                covariance = of_rows * (counted / (counted - 1.0) if counted > 1.0 else 1.0)
                covariance = covariance if form.ndim else np.asarray(covariance.mean())
        return NormalWishart(
            self.weights,
            1.0 / self.n_components if self.concentration is None else self.concentration,
            mean,
            1.0 if self.mean_precision is None else self.mean_precision,
            dof,
            covariance,
        )

    def _checked(self, covariance: Any, n_features: int) -> FloatArray:
        form = model_of(self.covariance_type).form
        name = f"{self.covariance_type} covariance_prior"
        array = _shaped(covariance, form.shape(n_features), name)
        if (fault := form.fault(array, "it")) is not None:
            raise ValueError(f"The parameter '{name}' should be {fault}")
        return array


def _shaped(value: Any, shape: tuple[int, ...], name: str) -> FloatArray:
    array = array_of(value, f"The parameter '{name}'").astype(np.float64)
    if array.shape != shape:
        # The sentence is scikit-learn's.
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"The parameter '{name}' must be finite numbers.")
    return array


def moments(data: Data, covariance_type: CovarianceType, about: FloatArray) -> SufficientStatistics:
    """The statistics of all rows as one component, by a pass; by two, where `about` is far."""
    d = data.n_features
    spread = (np.ones(d) if covariance_type == "diag" else np.eye(d))[np.newaxis]
    found: SufficientStatistics | None = None
    while found is None or found.cancels(0.0):
        means = about[np.newaxis] if found is None else found.means
        if found is not None and np.array_equal(means, found.reference):
            break
        one = Mixture(covariance_type, np.ones(1), means, spread, spread, spread)
        found = expectation(one, data, given=_all, dtype=FLOAT64)
        if not np.isfinite(found.second_moment).all():
            raise data_range_error(data.dtype)
    return found


def _all(part: Part, begin: int, end: int) -> np.ndarray:
    return np.ones((end - begin, 1))


class VariationalStream(VariationalBayes):
    """The posteriors of a stream, whose prior is that of the rows which the first fit sees.

    Parameters
    ----------
    wishes : PriorWishes
    """

    needs_previous = True

    def __init__(self, wishes: PriorWishes) -> None:
        self._wishes = wishes

    def for_rows(self, data: Data) -> VariationalBayes:
        """The family with the prior for these rows."""
        sample = data.sample(0, ROWS_OF_CENTRE)
        return VariationalBayes(self._wishes.of(data, sample.rows.mean(axis=0, dtype=np.float64)))

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Posterior:
        """The posterior of the statistics and of the prior that the previous one has."""
        assert isinstance(previous, Posterior)
        return VariationalBayes(previous.prior).maximize(statistics, regularization)
