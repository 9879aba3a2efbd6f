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
from fastgmm.typing import FloatArray

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

    def of_statistics(self, statistics: SufficientStatistics, out: FloatArray) -> None:
        """`out` (length,) becomes the vector of the rows of statistics under the mixture."""
        held, model = statistics.component_weight, self._model
        divisor = np.asarray(np.add.accumulate(held)[-1]) if model.tied else held
        divisor = divisor * model.sums.features_per_variance(self._mixture.n_features)
        moments = statistics.first_moment, statistics.second_moment
        arrays = statistics.reference, held, *moments, held, np.atleast_1d(divisor)
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
