"""Whether what a fit has found says something of the rows: what users are told of its components.

A component on hardly any rows, or one whose variance is the ridge, has a likelihood that the rows
do not bound.  A ridge that is large beside the variances of a column says the same of all of them,
and here the units are to blame.
"""

from typing import NamedTuple

import numpy as np

from fastgmm.em.collapse import FLOOR_SHARE, at_floor
from fastgmm.em.priors import AUTO_RIDGE
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.moments import total_covariance
from fastgmm.mixture.statistics import TINY
from fastgmm.typing import FloatArray

NEARLY = 0.5
"""A component has collapsed in all but name where the ridge is more than this share of its variance
in some direction: its likelihood then says more of the ridge than of the rows."""
SWAMPED = 0.1
"""A ridge is too large where it is more than this share of a variance of the rows."""
OWN_UNITS = 10.0
"""A ridge is to blame only where it is more than this many times that of "auto": else the component
is narrow for all units."""
REAL_WEIGHT = 0.01
"""Components of less weight, or of fewer than twice the rows that they need, lack rows, and are not
looked at."""


class Swamped(NamedTuple):
    """A ridge that is large beside the variance of a column.

    Parameters
    ----------
    column : int
        The index of the column; -1 where one variance is that of all.
    component : int
        The index of the component; -1 where all rows together vary no more.
    variance, ridge : float
        The variance of the rows, and what is added to it.
    """

    column: int
    component: int
    variance: float
    ridge: float


def rows_needed(mixture: Mixture) -> int:
    """The number of rows whose scatter can be a covariance of the type: fewer span no volume."""
    return mixture.covariance_model.rows_needed(mixture.n_features)


def too_few_rows(mixture: Mixture, regularization: Regularization, n_rows: float) -> np.ndarray:
    """(K,): which components hold fewer rows than their covariance needs, of so many in all.

    A covariance that all share, or that has a prior, needs no rows of a component.
    """
    if mixture.covariance_model.tied or regularization.prior is not None:
        return np.zeros(mixture.n_components, dtype=bool)
    return np.asarray(mixture.weights * n_rows < rows_needed(mixture) - 0.5)


def unbounded(mixture: Mixture, regularization: Regularization, n_rows: float) -> np.ndarray:
    """(K,): which components have a likelihood that the ridge bounds, and hardly the rows."""
    few = too_few_rows(mixture, regularization, n_rows)
    return np.asarray(few | at_floor(mixture, regularization, NEARLY))


def constant_columns(
    mixture: Mixture, regularization: Regularization, component: int, share: float = FLOOR_SHARE
) -> list[int]:
    """The columns in which the ridge is at least this share of the variance of a component."""
    variances = _variances(mixture)[component]
    ridge = np.broadcast_to(regularization.reg_covar, variances.shape)
    found: list[int] = np.flatnonzero(share * variances <= ridge).tolist()
    return found


def swamped(
    mixture: Mixture,
    regularization: Regularization,
    n_rows: float,
    whole: FloatArray | None = None,
) -> Swamped | None:
    """The column whose variance the ridge exceeds most; None where it is small beside all.

    `whole`, (D,) or (1,), are the variances of all rows; by default those of the mixture.
    """
    if regularization.prior is not None or not regularization.reg_covar.any():
        return None
    form, d = mixture.covariance_model.form, mixture.n_features
    n_columns = 1 if form.isotropic else d
    if whole is None:
        whole = np.diagonal(total_covariance(mixture)) - form.ridge(regularization.reg_covar)
    if len(whole) != n_columns:
        whole = np.asarray([whole.mean()])
    to_blame = form.ridge(regularization.reg_covar) > OWN_UNITS * AUTO_RIDGE * whole
    if not to_blame.any():
        return None
    variances = _variances(mixture)[:, :n_columns]
    ridge = np.broadcast_to(form.ridge(regularization.reg_covar), n_columns)
    # No ridge is too large for a column that is constant, or for a component in which it is.
    rounding = 64 * float(np.finfo(np.float64).eps) * float(np.abs(mixture.means).max())
    rounding *= rounding  # of Python, so that it may be infinite without a warning
    blamed = (whole > rounding) & to_blame
    real = mixture.weights * n_rows >= max(2 * rows_needed(mixture), REAL_WEIGHT * n_rows)
    looked_at = real[:, None] & (FLOOR_SHARE * variances > ridge)
    of_rows = np.concatenate([[whole], np.maximum(variances - ridge, 0.0)])
    looked_at = np.concatenate([np.ones((1, n_columns), dtype=bool), looked_at])
    with np.errstate(over="ignore"):  # a variance of zero: the ridge is all there is
        shares = np.where(blamed & looked_at, ridge / np.maximum(of_rows, TINY), 0.0)
    first = 0 if shares[0].max() > SWAMPED else int(shares.max(axis=1).argmax())
    j = int(shares[first].argmax())
    if not shares[first, j] > SWAMPED:
        return None
    return Swamped(-1 if n_columns < d else j, first - 1, float(of_rows[first, j]), float(ridge[j]))


def _variances(mixture: Mixture) -> FloatArray:
    """(K, D): the variances of each component, with the ridge."""
    model, (k, d) = mixture.covariance_model, mixture.means.shape
    diagonals = model.form.diagonals(mixture.covariances, d)
    return np.broadcast_to(diagonals, (k, d))
