"""What a stream is to be described by, and how many rows its first fit takes."""

from contextlib import suppress
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, Family
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits.fit import Fit, fit
from fastgmm.fits.needs import COPIES, MIXTURES, OTHERS
from fastgmm.fits.plan import Plan
from fastgmm.limits.room import NUMBER, check_room
from fastgmm.values import dataclass

FIRST_ROWS_PER_PARAMETER = 4
"""The first mixture of a stream is fitted to at least this many rows per free parameter, unless
`FIRST_NUMBERS` is less."""
FIRST_ROWS_PER_COMPONENT = 100
"""The first mixture of a stream is fitted to at least this many rows per component."""
FIRST_NUMBERS = 1 << 22
"""The rows that free parameters ask for in the first fit hold at most this many numbers: 32 MB."""


@dataclass(frozen=True, eq=False)
class Target:
    """The mixture that a stream is to be described by.

    Parameters
    ----------
    n_features : int
    dtype : numpy.dtype
        The dtype of the rows: float32 or float64.
    n_components : int
    covariance_type : str
    family : Family
    """

    n_features: int
    dtype: np.dtype
    n_components: int
    covariance_type: Any
    family: Family = MAXIMUM_LIKELIHOOD

    @property
    def first_rows(self) -> int:
        """The number of rows to which the first mixture is fitted."""
        k, d = self.n_components, self.n_features
        free = self.family.n_parameters(self.covariance_type, k, d)
        most = max(FIRST_NUMBERS // d, 2 * k)
        wanted = min(FIRST_ROWS_PER_PARAMETER * free, most)
        return max(2, FIRST_ROWS_PER_COMPONENT * k, wanted)

    @property
    def most_first_rows(self) -> int:
        """The number of rows to which the first mixture is fitted where one call brings them."""
        return max(FIRST_NUMBERS // self.n_features, self.first_rows)

    def check_memory(self) -> None:
        """Refuse a stream whose first fit could not be done, before its rows are gathered.

        Raises
        ------
        NotEnoughMemoryError
            It says how much the least part of the fit takes: its mixtures, and copies of its rows.
        """
        k, d = self.n_components, self.n_features
        spreads = prod(model_of(self.covariance_type).shape(k, d))
        needed = NUMBER * ((3 * MIXTURES + OTHERS) * spreads + COPIES * self.first_rows * d)
        check_room(needed, "The first fit of this stream", "fewer components take less")

    def fit(self, data: RowData, plan: Plan) -> Fit | None:
        """The first fit; None where rows are too few, too alike, or all lack the same column."""
        if data.extent.n_counted < max(2, self.n_components) or len(unobserved(data)):
            return None
        with suppress(IllDefinedCovarianceError):
            return fit(data, replace(plan, family=self.family.for_rows(data)))
        return None


def unobserved(data: RowData) -> np.ndarray:
    """The columns of which no row has a number."""
    together = data.together
    empty: np.ndarray = np.flatnonzero([] if together is None else np.diagonal(together) == 0)
    return empty
