"""Rows with gaps: what was observed is scored by the marginal mixture, and the rest is expected.

With the observed columns o and the missing ones m, a component expects of a missing part
``mean_m + A (x_o - mean_o)`` with the covariance C (`mixture.conditioning`).  Only sums are lifted,
never rows: those of the observed columns and one linear map per pattern give the sums over complete
rows (Little and Rubin 2002, section 11.2; Ghahramani and Jordan 1994).
"""

from dataclasses import dataclass, replace

import numpy as np

from fastgmm.covariance.matrix import MATRIX
from fastgmm.data.parts import RowKind
from fastgmm.lazy import lazy
from fastgmm.mixture.conditioning import Columns, cut_of
from fastgmm.mixture.constants import Constants
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray

LOG_CONSTANT = -0.5 * float(np.log(2.0 * np.pi))
"""The log density of a standard Gaussian in one dimension at its mean."""


@dataclass(frozen=True)
class Gaps:
    """The kind of rows of which some columns were observed, and others are missing at random.

    Parameters
    ----------
    observed : tuple of int
        The columns that were observed; there may be none.
    n_features : int
        The number of all columns.
    """

    observed: Columns
    n_features: int

    @lazy
    def missing(self) -> Columns:
        """The other columns."""
        return tuple(j for j in range(self.n_features) if j not in set(self.observed))

    def constants(self, mixture: Mixture) -> Constants:
        """The constants of the marginal mixture; the density of nothing is 1."""
        if self.observed:
            return cut_of(mixture, self.observed, self.missing).given.constants
        return _constants_of_nothing(mixture)

    def lift(
        self, statistics: SufficientStatistics, mixture: Mixture, reference: FloatArray
    ) -> SufficientStatistics:
        """The statistics of complete rows that are expected of those of the observed columns.

        Parameters
        ----------
        statistics : SufficientStatistics
            Of the observed columns, p, under the mixture.
        mixture : Mixture
            It says what to expect of the missing columns.
        reference : ndarray of shape (K, D)
            The reference of the statistics in all columns.
        """
        expected = _Expected(self, statistics, mixture, reference)
        return replace(
            statistics,
            reference=reference,
            first_moment=expected.first_moment(),
            second_moment=expected.second_moment(),
        )


def constants_of(mixture: Mixture, observed: Columns) -> Constants:
    """The constants for rows of which these columns were observed, which may be all."""
    complete = len(observed) == mixture.n_features
    return mixture.constants if complete else Gaps(observed, mixture.n_features).constants(mixture)


def _constants_of_nothing(mixture: Mixture) -> Constants:
    """The constants with which one column of zeros has the density 1 under every component."""
    of_all, model, k = mixture.constants, mixture.covariance_model, mixture.n_components
    inverses = model.for_kernels(np.zeros(model.shape(k, 1)), k, 1)
    log_determinants = np.full(k, LOG_CONSTANT)
    return Constants(
        of_all.kernel, of_all.log_weights, np.zeros((k, 1)), inverses, log_determinants
    )


class _Expected:
    """Sums over rows whose missing columns are expected under a mixture."""

    def __init__(
        self, kind: Gaps, sums: SufficientStatistics, mixture: Mixture, reference: FloatArray
    ) -> None:
        self._sums, self._mixture = sums, mixture
        self._model, self._weight = mixture.covariance_model, sums.component_weight
        self._observed, self._missing = np.array(kind.observed, int), np.array(kind.missing)
        missing = self._missing
        self._shape = reference.shape
        # The reference is not quite the mean where float32 rounds it, and elsewhere when sums are
        # made anew about other means.
        self._off = mixture.means[:, missing] - reference[:, missing]
        self._slopes: FloatArray | None = None
        if kind.observed:
            cut = cut_of(mixture, kind.observed, kind.missing)
            self._left, self._slopes = cut.rest.covariances, cut.slopes
            if self._slopes is not None:
                moved = reference[:, self._observed] - mixture.means[:, self._observed]
                self._off = self._off + self._sloped(moved)
        else:
            self._left = self._model.form.selected(mixture.covariances, missing)

    def _sloped(self, vectors: FloatArray) -> FloatArray:
        """(K, m): A v for vectors (K, p)."""
        if self._slopes is None:
            return np.zeros((len(vectors), len(self._missing)))
        sloped: FloatArray = (self._slopes @ vectors[:, :, None])[:, :, 0]
        return sloped

    def first_moment(self) -> FloatArray:
        """(K, D): the sums of the expected deviations from the reference."""
        first = np.empty(self._shape)
        expected = self._weight[:, None] * self._off
        if len(self._observed):
            first[:, self._observed] = self._sums.first_moment
            expected = expected + self._sloped(self._sums.first_moment)
        first[:, self._missing] = expected
        return first

    def second_moment(self) -> FloatArray:
        """The sums of the expected products of deviations, in the form of the covariances."""
        form = self._model.form
        left = self._of_components(self._left)
        if form.ndim == MATRIX.ndim:
            return self._matrices(left)
        squares = self._summed(self._weight[:, None] * self._off**2)
        if form.ndim == 0:
            expected = left * len(self._missing) + squares.sum(axis=-1)
            whole = expected + (self._sums.second_moment if len(self._observed) else 0.0)
            return np.asarray(whole)
        second = np.empty((*squares.shape[:-1], self._shape[1]))
        if len(self._observed):
            second[..., self._observed] = self._sums.second_moment
        second[..., self._missing] = left + squares
        return second

    def _of_components(self, covariances: FloatArray) -> FloatArray:
        """Covariances times the weights of their components; the sum of them if they are tied."""
        return self._model.weighted(covariances, self._weight)

    def _summed(self, array: FloatArray) -> FloatArray:
        """Of each component; the sum over the components if covariances are tied."""
        return np.asarray(array.sum(axis=0)) if self._model.tied else array

    def _matrices(self, left: FloatArray) -> FloatArray:
        observed, missing, off = self._observed, self._missing, self._off
        weighted = self._weight[:, None] * off
        corner = left + self._summed(weighted[:, :, None] * off[:, None, :])
        shape = (*corner.shape[:-2], self._shape[1], self._shape[1])
        second = np.empty(shape)
        if len(observed):
            first, sums, slopes = self._sums.first_moment, self._sums.second_moment, self._slopes
            assert slopes is not None
            product = slopes @ sums
            cross = product + self._summed(off[:, :, None] * first[:, None, :])
            sloped = self._summed(self._sloped(first)[:, :, None] * off[:, None, :])
            corner = corner + product @ np.swapaxes(slopes, -1, -2)
            corner = corner + sloped + np.swapaxes(sloped, -1, -2)
            _place(second, observed, observed, sums)
            _place(second, missing, observed, cross)
            _place(second, observed, missing, np.swapaxes(cross, -1, -2))
        _place(second, missing, missing, MATRIX.symmetric(corner))
        return second


def _place(matrices: FloatArray, rows: np.ndarray, columns: np.ndarray, block: FloatArray) -> None:
    """Write a block (..., m, p) into these rows and columns of matrices (..., D, D)."""
    matrices[..., rows[:, None], columns] = block


def kind_of(observed: Columns, n_features: int) -> RowKind:
    """The kind of rows of which these columns were observed."""
    return Gaps(observed, n_features)
