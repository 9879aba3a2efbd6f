"""Fisher vectors: how the likelihood of a group of rows would like to change a mixture.

The gradient of the mean log-likelihood of the rows, divided by the root of the information that a
complete row has of each parameter (Perronnin, Sanchez and Mensink 2010; Sanchez et al. 2013,
equations 16 to 18).  That is the gradient in the relative frame, of which the kernels know how to
make it from sufficient statistics, for every form of covariances.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from fastgmm import kernels
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.threads import rows_per_block
from fastgmm.typing import FloatArray, Rows

NEGLIGIBLE = 2.0**-53
"""Responsibilities up to this share of a row, or of a component, change a sum by rounding only."""
_NO_SEARCH = np.zeros(10)
"""The numbers of a search, of which a gradient needs none: no component is left out for its weight.
"""


class FisherVectors:
    """What makes Fisher vectors under one mixture; each thread has its own.

    Parameters
    ----------
    mixture : Mixture
    parts : collection of {"weights", "means", "covariances"}
        Of which the gradients are taken, in this order.
    """

    def __init__(self, mixture: Mixture, parts: Collection[str]) -> None:
        model, (k, d) = mixture.covariance_model, mixture.means.shape
        self._mixture, self._model = mixture, model
        self._frame = kernels.RelativeFrame(
            model.form.name, model.tied, k, d, np.zeros(1), _NO_SEARCH
        )
        self._base = (
            mixture.weights,
            mixture.means,
            mixture.covariances,
            mixture.factors,
            mixture.inverse_factors,
        )
        n, begin = self._frame.n_coordinates, 0
        self._chosen = []
        for part, end in (("weights", k), ("means", k * (1 + d)), ("covariances", n)):
            if part in parts:
                self._chosen.append(slice(begin, end))
            begin = end
        self.length = sum(one.stop - one.start for one in self._chosen)
        self._gradient = np.empty(n)
        self._sums = np.zeros(k), np.zeros((k, d)), model.kernel_sums(k, d)

    def of_rows(self, rows: Rows, out: FloatArray) -> None:
        """`out` (length,) becomes the vector of these rows, contiguous and without gaps.

        One block after the other on the calling thread: the bits depend on the rows alone.
        """
        mixture, model, n = self._mixture, self._model, len(rows)
        packed, block = mixture.constants.packed(rows.dtype), rows_per_block(*mixture.means.shape)
        thresholds = NEGLIGIBLE * np.minimum(1.0, n * mixture.weights)
        held, first, second = self._sums
        for array in self._sums:
            array.fill(0.0)
        counts = np.zeros(2, np.int64)
        for begin in range(0, n, block):
            some = rows[begin : begin + block]
            packed.expectation(some, None, None, thresholds, *self._sums, None, counts, None)
        # The kernels have subtracted the means as the dtype of the rows has them.
        reference = mixture.means.astype(rows.dtype).astype(np.float64)
        inverses = mixture.constants.inverse_factors
        second = model.from_kernels(second, held, first, inverses)
        self._write(reference, held, first, second, out)

    def of_statistics(self, statistics: SufficientStatistics, out: FloatArray) -> None:
        """`out` (length,) becomes the vector of the rows of statistics under the mixture."""
        held, reference = statistics.component_weight, statistics.reference
        self._write(reference, held, statistics.first_moment, statistics.second_moment, out)

    def _write(
        self,
        reference: FloatArray,
        held: FloatArray,
        first: FloatArray,
        second: FloatArray,
        out: FloatArray,
    ) -> None:
        model = self._model
        divisor = np.asarray(np.add.accumulate(held)[-1]) if model.tied else held
        divisor = divisor * model.sums.features_per_variance(self._mixture.n_features)
        arrays = reference, held, first, second, held, np.atleast_1d(divisor)
        sums: tuple[Any, ...] = tuple(np.ascontiguousarray(one) for one in arrays)
        self._frame.gradient(self._base, (*sums, 0.0), self._gradient)
        begin = 0
        for one in self._chosen:
            end = begin + one.stop - one.start
            out[begin:end] = self._gradient[one]
            begin = end


def improve(vector: FloatArray) -> None:
    """Signed roots of the numbers of a vector, which is then made one of length 1, in place."""
    np.copysign(np.sqrt(np.abs(vector)), vector, out=vector)
    length = float(np.sqrt(np.einsum("i,i->", vector, vector)))
    if length > 0.0:
        vector /= length
