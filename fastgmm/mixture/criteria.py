"""Criteria that choose among mixtures: BIC, AIC and ICL, and the sums that they are made of."""

import numpy as np

from fastgmm.limits.scalars import is_word, shown
from fastgmm.mixture.density import classification, log_likelihood
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import CRITERIA, FloatArray
from fastgmm.values import dataclass


def check_criterion(criterion: object) -> None:
    """Refuse what is no criterion.

    Parameters
    ----------
    criterion : object

    Raises
    ------
    ValueError
        If it is none of `CRITERIA`.
    """
    if not is_word(criterion, CRITERIA):
        raise ValueError(f"criterion must be one of {CRITERIA}, got {shown(criterion)}.")


@dataclass(frozen=True)
class Criteria:
    """What the fit of a mixture to rows is worth, less the price of its free parameters.

    The lower a criterion is, the better.

    Parameters
    ----------
    log_likelihood : float
        The weighted sum of the rows' log densities, log L, in nats.
    n_parameters : int
        The number of free parameters, p.
    weight : float
        The sum of the rows' weights, n; the number of rows where they have none.  Of rows with gaps
        those count that have at least one value, see `counted`.
    certainty : float, default=nan
        The weighted sum of log max_k r_ik, the log probability of each row's most probable
        component; NaN where it was not computed, and then the ICL is NaN too.

    Examples
    --------
    >>> import fastgmm
    >>> criteria = fastgmm.Criteria(-100.0, n_parameters=5, weight=50.0, certainty=-3.0)
    >>> round(criteria.bic, 3), criteria.aic, round(criteria.icl, 3)
    (219.56, 210.0, 225.56)

    Of rows on several machines, whose statistics add:

    >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    >>> total = model.e_step([[1.0], [2.0]]) + model.e_step([[3.0]])
    >>> criteria = fastgmm.Criteria(total.log_likelihood, model.n_parameters, total.weight)
    >>> round(criteria.bic, 6) == round(model.bic([[1.0], [2.0], [3.0]]), 6)
    True
    """

    log_likelihood: float
    n_parameters: int
    weight: float
    certainty: float = float("nan")

    @property
    def bic(self) -> float:
        """Bayesian information criterion of Schwarz (1978), -2 log L + p log n."""
        return -2.0 * self.log_likelihood + self.n_parameters * float(np.log(self.weight))

    @property
    def aic(self) -> float:
        """Akaike's information criterion (1974), -2 log L + 2 p."""
        return -2.0 * self.log_likelihood + 2.0 * self.n_parameters

    @property
    def icl(self) -> float:
        """Integrated completed likelihood, BIC - 2 sum_i log max_k r_ik.

        The criterion of Biernacki, Celeux and Govaert (2000) with each row given to its most
        probable component.
        """
        return self.bic - 2.0 * self.certainty


def counted(
    rows: np.ndarray, sample_weight: FloatArray | None, gaps: bool
) -> tuple[np.ndarray, FloatArray | None, float]:
    """The rows that criteria count, with their weights, and n: those without any value say nothing.

    `gaps` says whether numbers of the rows may be missing, NaN.
    """
    if gaps and (nothing := np.isnan(rows).all(axis=1)).any():
        rows, sample_weight = (
            rows[~nothing],
            None if sample_weight is None else sample_weight[~nothing],
        )
    return rows, sample_weight, float(len(rows) if sample_weight is None else sample_weight.sum())


def scored(
    mixture: Mixture,
    rows: np.ndarray,
    sample_weight: FloatArray | None,
    *,
    n_threads: int | None,
    gaps: bool = False,
) -> FloatArray:
    """(2,): the log-likelihood of rows in nats, and n; those of several parts add."""
    rows, sample_weight, n = counted(rows, sample_weight, gaps)
    return np.array([log_likelihood(mixture, rows, sample_weight, n_threads, gaps=gaps), n])


def classified(
    mixture: Mixture,
    rows: np.ndarray,
    sample_weight: FloatArray | None,
    *,
    n_threads: int | None,
    gaps: bool = False,
) -> FloatArray:
    """(3,): the log-likelihood of rows, the sum of log max_k r_ik, both in nats, and n."""
    rows, sample_weight, n = counted(rows, sample_weight, gaps)
    return np.array([*classification(mixture, rows, sample_weight, n_threads, gaps=gaps), n])
