"""Whether what a fit has found says something of the rows: what users are told of its components.

A component on hardly any rows, or one whose variance is the ridge, has a likelihood that the rows
do not bound.  A ridge that is large beside the variances of a column says the same of all of them,
and here the units are to blame.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.matrix import MATRIX
from fastgmm.data.passes import Data
from fastgmm.em.collapse import FLOOR_SHARE, at_floor, directions_at_floor
from fastgmm.em.e_step import expectation
from fastgmm.em.priors import AUTO_RIDGE
from fastgmm.em.regularization import Regularization
from fastgmm.em.rescaled import unscaled
from fastgmm.mixture.mixture import FLOAT64, Mixture
from fastgmm.mixture.moments import total_covariance
from fastgmm.mixture.statistics import TINY, SufficientStatistics
from fastgmm.typing import FloatArray

NEARLY = 0.5
"""A component has collapsed in all but name where the ridge is more than this share of its variance
in some direction: its likelihood then says more of the ridge than of the rows."""
SWAMPED = 0.1
"""A ridge is too large where it is more than this share of a variance of the rows."""
OWN_UNITS = 10.0
"""A ridge is to blame only where it is more than this many times that of "auto": else the component
is narrow for all units."""
SINGULAR = float(np.sqrt(np.finfo(np.float64).eps))
"""A covariance is singular where a variance is less than this share of the largest: of its rows'
digits, half are lost."""
SMALL = 0.01
"""A ridge of this share of itself is next to none."""
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
    few = too_few_rows(mixture, regularization, n_rows) | nearly_singular(mixture, regularization)
    few |= without_axes(mixture, regularization, n_rows)
    return np.asarray(few | at_floor(mixture, regularization, NEARLY))


def without_axes(mixture: Mixture, regularization: Regularization, n_rows: float) -> np.ndarray:
    """(K,): which have axes of their own and too few rows to tell them.

    A shape that is shared gives D rows or fewer a volume; but along some axis they have none, and
    the likelihood is large for that alone.
    """
    if not mixture.covariance_model.own_axes or regularization.prior is not None:
        return np.zeros(mixture.n_components, dtype=bool)
    return np.asarray(mixture.weights * n_rows < mixture.n_features + 0.5)


def ridge_decides(
    mixture: Mixture, statistics: SufficientStatistics, regularization: Regularization
) -> NDArray[np.bool_]:
    """(K,): whose restricted variances would halve in some direction with next to no ridge.

    So they do where the ridge is more than half of a free covariance.  Of a shape that components
    share, the flat rows of most can make one that has no bound but the ridge although a few others
    keep it at several times the ridge.  Only directions count that the whole has a variance in.
    """
    model, k = mixture.covariance_model, mixture.n_components
    if model.restrict is None or regularization.prior is not None or regularization.none:
        return np.zeros(k, dtype=bool)
    less = Regularization.of(SMALL * regularization.reg_covar)
    sums, ridge = less.augmented(statistics), less.ridge(model.form)
    found, inverse = model.estimate(sums, ridge, mixture.covariances), mixture.inverse_factors
    if model.form.ndim == 1:
        left: np.ndarray = found * inverse**2
    else:
        left = np.linalg.eigvalsh(inverse @ found @ np.swapaxes(inverse, 1, 2))
    whole = directions_at_floor(total_covariance(mixture), regularization.reg_covar, NEARLY)
    return np.asarray((left < NEARLY).sum(axis=1) > whole)


class Looked(NamedTuple):
    """A mixture that was fitted to rows, as one looks at it for what the ridge decides.

    Parameters
    ----------
    own : Mixture
        With covariances before they were scaled.
    decided : ndarray of bool, shape (K,)
        Whose variances the ridge decides although it is a small share of them.
    """

    own: Mixture
    decided: NDArray[np.bool_]

    def unbounded(self, regularization: Regularization, n_rows: float) -> np.ndarray:
        """(K,): which components have a likelihood that the ridge bounds, and hardly the rows."""
        return np.asarray(self.decided | unbounded(self.own, regularization, n_rows))


def looked_at(mixture: Mixture, data: Data, regularization: Regularization) -> Looked:
    """What is seen of a mixture with the rows that it was fitted to, by a pass if one is needed."""
    if regularization.prior is not None or mixture.covariance_model.restrict is None:
        return Looked(mixture, np.zeros(mixture.n_components, dtype=bool))
    ridge = regularization.reg_covar
    statistics = expectation(mixture, data, reg_covar=ridge, dtype=FLOAT64)
    decided = ridge_decides(mixture, statistics, regularization)
    return Looked(unscaled(mixture, statistics, regularization), decided)


def nearly_singular(mixture: Mixture, regularization: Regularization) -> np.ndarray:
    """(K,): which covariances are singular but for rounding, in more directions than all rows are.

    They are by their condition, as in mclust, both in the units of the columns and in those of the
    deviations within components, so that units alone make none.
    """
    model, k = mixture.covariance_model, mixture.n_components
    free = not model.tied and model.form in (DIAGONAL, MATRIX)
    if not free or regularization.prior is not None:
        return np.zeros(k, dtype=bool)
    within = mixture.weights @ _variances(mixture)
    total = total_covariance(mixture)
    found = np.ones(k, dtype=bool)
    for units in (np.ones(len(within)), np.sqrt(np.maximum(within, TINY))):
        whole = _nearly_zero(total[None] / units[:, None] / units)[0]
        if model.form is DIAGONAL:
            counts = _few(_variances(mixture) / units**2)
        else:
            counts = _nearly_zero(mixture.covariances / units[:, None] / units)
        found &= counts > whole
    return found


def _nearly_zero(covariances: FloatArray) -> np.ndarray:
    """(K,): in how many directions covariances (K, D, D) are next to nothing."""
    return _few(np.linalg.eigvalsh(covariances))


def _few(variances: np.ndarray) -> np.ndarray:
    return np.asarray((variances < SINGULAR * variances.max(axis=1, keepdims=True)).sum(axis=1))


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
