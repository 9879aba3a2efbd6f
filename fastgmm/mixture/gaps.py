"""Rows with gaps: what was observed is scored by the marginal mixture, and the rest is expected.

With the observed columns o and the missing ones m, a component expects of a missing part
``mean_m + A (x_o - mean_o)`` with the covariance C (`mixture.conditioning`).  Only sums are lifted,
never rows: those of the observed columns and one linear map per pattern give the sums over complete
rows (Little and Rubin 2002, section 11.2; Ghahramani and Jordan 1994).
"""

import numpy as np

from fastgmm.data.parts import GapKind
from fastgmm.data.patterns import Patterns
from fastgmm.lazy import lazy
from fastgmm.mixture.conditioning import Columns, cut_of
from fastgmm.mixture.constants import Constants
from fastgmm.mixture.mixture import Mixture
from fastgmm.values import dataclass

LOG_CONSTANT = -0.5 * float(np.log(2.0 * np.pi))
"""The log density of a standard Gaussian in one dimension at its mean."""


@dataclass(frozen=True)
class Gaps(GapKind):
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

    def patterns(self, n_rows: int) -> Patterns:
        """The table of this one pattern, for so many rows."""
        p = len(self.observed)
        return Patterns(
            np.array([self.observed + self.missing], np.int32),
            np.array([p]),
            np.array([0, n_rows]),
            np.array([0, n_rows * p]),
            np.arange(n_rows),
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
