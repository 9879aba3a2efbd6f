"""Gaussians cut into columns that are observed and columns that are missing.

Of each component, with the observed columns o and the missing ones m, ``A = S_mo S_oo^-1`` are the
slopes with which the mean of the missing follows the observed, and ``C = S_mm - A S_om`` is the
covariance that is left.  With the observed columns first, the Cholesky factor has all of it:

    L = [[L_oo, 0], [L_mo, L_mm]]    A = L_mo L_oo^-1    C = L_mm L_mm^T

C is a square, so that nothing cancels: it is positive however much the observed columns explain.
"""

import numpy as np
from numpy.typing import NDArray

from fastgmm import kernels
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.model import CovarianceModel
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import FLOAT64, Mixture
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

MOST_KEPT = 8
"""A mixture keeps at most this many cuts for the next question."""
NUMBERS_KEPT = 1 << 17
"""It keeps fewer where their covariances have more numbers than this together, 1 MB: with large
ones, to cut anew costs little beside the question."""

NEAR = 4096.0
"""So many deviations of a missing column may a line's intercept be off its mean: it costs 12 of the
52 bits at most."""

Columns = tuple[int, ...]
"""Numbers of columns, in the order in which they were asked for."""


@dataclass(frozen=True, eq=False)
class Lines:
    """The regression of each component as a line, mu_m + A (x - mu_o) = b + A (x - origin).

    With the middle of the means as the origin of all, they share one product of matrices, and an
    offset of the columns cancels before anything is multiplied.  Where a mean is too far from it,
    b would lose digits, and each line has its origin at its mean.

    Parameters
    ----------
    origins : ndarray of shape (p,), or (K, p)
    intercepts : ndarray of shape (K, m)
        b = mu_m + A (origin - mu_o).
    slopes : ndarray of shape (p, K m), or None
        A of all components, transposed; (p, m) if tied, and (K, p, m) with K origins if not.
    """

    origins: FloatArray
    intercepts: FloatArray
    slopes: FloatArray | None

    def slopes_times(self, rows: FloatArray) -> FloatArray:
        """(n, K, m): A (x - origin); one for all components, or zero, where they share it."""
        m = self.intercepts.shape[1]
        if self.slopes is None:
            return np.zeros((1, 1, m))
        if self.origins.ndim == 1:
            return ((rows - self.origins) @ self.slopes).reshape(len(rows), -1, m)
        each: FloatArray = (rows - self.origins[:, None, :]) @ self.slopes
        return np.moveaxis(each, 0, 1)

    def mean(self, shares: FloatArray, slopes: FloatArray) -> FloatArray:
        """(n, m): the mean of the lines, by the shares (n, K) of the components."""
        mean: FloatArray = shares @ self.intercepts
        if slopes.shape[1] == 1:
            return mean + slopes[:, 0]
        mean += np.einsum("nk,nkm->nm", shares, slopes)
        return mean


@dataclass(frozen=True, eq=False)
class Cut:
    """The components of a mixture, cut into observed and missing columns.

    Parameters
    ----------
    given : Mixture
        The mixture of the p observed columns.
    rest : Mixture
        The m missing columns of a row whose observed ones lie at the means: means as they were, and
        the covariances C, with their factors.
    slopes : ndarray, optional
        A: (K, m, p), or (m, p) if tied; None where no column is correlated with another.
    """

    given: Mixture
    rest: Mixture
    slopes: FloatArray | None

    @lazy
    def lines(self) -> Lines:
        """The regression of each component, made once."""
        centers, means, slopes = self.given.means, self.rest.means, self.slopes
        origin = centers.mean(axis=0)
        if slopes is None:
            return Lines(origin, means, None)
        steps = (slopes @ (origin - centers)[:, :, None])[:, :, 0]
        explained = ((slopes @ self.given.factors) ** 2).sum(axis=-1)
        left = MATRIX.diagonals(self.rest.covariances, means.shape[1])
        if (np.abs(steps) <= NEAR * np.sqrt(explained + left)).all():
            side_by_side = np.ascontiguousarray(slopes.reshape(-1, len(origin)).T)
            return Lines(origin, means + steps, side_by_side)
        return Lines(centers, means, np.swapaxes(slopes, -1, -2))


def cut_of(mixture: Mixture, observed: Columns, missing: Columns) -> Cut:
    """The cut of a mixture into these columns, which the mixture keeps for the next question.

    Parameters
    ----------
    mixture : Mixture
    observed, missing : tuple of int
        Numbers of columns, none in both and neither empty.  Columns in neither are integrated out.
    """
    kept, key = mixture.cuts, (observed, missing)
    found = kept.get(key)
    if found is None:
        found = kept[key] = _made(mixture, np.array(observed), np.array(missing))
        most = max(1, min(MOST_KEPT, NUMBERS_KEPT // mixture.covariances.size))
        for oldest in list(kept)[:-most]:
            kept.pop(oldest, None)
    return found


def marginal(mixture: Mixture, columns: NDArray[np.intp]) -> Mixture:
    """The mixture of some columns, in this order."""
    model = mixture.covariance_model
    if not model.form.linear:
        kind, covariances = (
            mixture.covariance_type,
            model.form.selected(mixture.covariances, columns),
        )
        arrays = mixture.weights, mixture.means[:, columns], covariances
        return Mixture.from_covariances(*arrays, kind, mixture.dtype)
    covariances, factors, inverses = factors_of(model, mixture, columns)
    return _with_spreads(mixture, columns, covariances, factors, inverses)


def conditional(cut: Cut, row: FloatArray) -> Mixture:
    """The mixture of the missing columns where the observed ones have these values, (1, p).

    The weights are responsibilities of the observed columns, from logarithms: where all densities
    underflow, the nearest component has the weight.

    Raises
    ------
    ValueError
        When a mean is beyond the dtype of the mixture.
    """
    given, rest = cut.given, cut.rest
    weights = np.empty((1, given.n_components))
    given.packed(FLOAT64).responsibilities(row, weights)
    means = rest.means
    if cut.slopes is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            means = means + (cut.slopes @ (row - given.means)[:, :, None])[:, :, 0]
        if not (kernels.all_finite(means) and _in_range(means, rest.dtype)):
            raise ValueError(
                f"the values lie so far out that conditional means overflow {rest.dtype}: "
                "give values nearer to the rows of the fit, or scale the columns"
            )
    return Mixture(
        rest.covariance_type,
        weights[0],
        means,
        rest.covariances,
        rest.factors,
        rest.inverse_factors,
        rest.dtype,
    )


def _in_range(array: FloatArray, dtype: np.dtype) -> bool:
    return dtype == FLOAT64 or bool(np.abs(array).max() <= np.finfo(dtype).max)


def _made(mixture: Mixture, observed: NDArray[np.intp], missing: NDArray[np.intp]) -> Cut:
    model, p = mixture.covariance_model, len(observed)
    order = np.concatenate([observed, missing])
    covariances, factors, inverses = factors_of(model, mixture, order)
    if model.form.ndim != MATRIX.ndim:
        first, last = np.arange(p), np.arange(p, len(order))
        parts = [
            [model.form.selected(array, columns) for array in (covariances, factors, inverses)]
            for columns in (first, last)
        ]
        given, rest = (
            _with_spreads(mixture, columns, *arrays)
            for columns, arrays in zip((observed, missing), parts, strict=True)
        )
        return Cut(given, rest, None)
    given = _with_spreads(
        mixture, observed, *(array[..., :p, :p] for array in (covariances, factors, inverses))
    )
    left = factors[..., p:, p:]
    rest = _with_spreads(
        mixture, missing, MATRIX.symmetric(MATRIX.squares(left)), left, inverses[..., p:, p:]
    )
    return Cut(given, rest, factors[..., p:, :p] @ inverses[..., :p, :p])


def factors_of(
    model: CovarianceModel, mixture: Mixture, columns: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariances of some columns in this order, L and L^-1, in the form of the mixture."""
    form = model.form
    if form.ndim != MATRIX.ndim:
        arrays = mixture.covariances, mixture.factors, mixture.inverse_factors
        covariances, factors, inverses = (form.selected(array, columns) for array in arrays)
        return covariances, factors, inverses
    covariances = form.selected(mixture.covariances, columns)
    try:
        return covariances, *form.factor(covariances)
    except IllDefinedCovarianceError:
        return covariances, *_rotated(mixture.factors[..., columns, :])


def _rotated(roots: FloatArray) -> tuple[FloatArray, FloatArray]:
    """L and L^-1 of R R^T, whose rounded entries have no Cholesky factor in this order.

    Cholesky's method loses what a nearly singular covariance has least of; an orthogonal rotation
    of its root, ``R = L Q^T``, does not.
    """
    upper = np.linalg.qr(np.swapaxes(roots, -1, -2), mode="r")
    signs = np.copysign(1.0, np.diagonal(upper, axis1=-2, axis2=-1))
    factors = np.swapaxes(upper, -1, -2) * signs[..., None, :]
    return np.ascontiguousarray(factors), np.tril(np.linalg.inv(factors))


def _with_spreads(
    mixture: Mixture,
    columns: NDArray[np.intp],
    covariances: FloatArray,
    factors: FloatArray,
    inverses: FloatArray,
) -> Mixture:
    return Mixture(
        mixture.covariance_model.free_type,
        mixture.weights,
        mixture.means[:, columns],
        covariances,
        factors,
        inverses,
        mixture.dtype,
    )
