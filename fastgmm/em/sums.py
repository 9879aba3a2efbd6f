"""The sums of an E-step under way: those of blocks are added to a total, in the blocks' order."""

import numpy as np

from fastgmm.covariance.model import CovarianceModel
from fastgmm.mixture.constants import Constants

Sums = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Component weights (K,), first moments (K, D) and second moments, as the kernels sum them."""


def zero_sums(model: CovarianceModel, n_components: int, n_features: int) -> Sums:
    """Sums of no rows."""
    k, d = n_components, n_features
    return np.zeros(k), np.zeros((k, d)), model.kernel_sums(k, d)


class RunningSums:
    """The sums over all rows of one sort that were added so far."""

    __slots__ = ("_model", "_spare", "constants", "counts", "log_likelihood", "total")

    def __init__(self, constants: Constants, model: CovarianceModel) -> None:
        self.constants, self._model = constants, model
        self.total = self._zero_sums()
        self.log_likelihood, self.counts = 0.0, np.zeros(2, np.int64)
        self._spare: list[Sums] = []

    def _zero_sums(self) -> Sums:
        return zero_sums(self._model, *self.constants.means.shape)

    def spare_sums(self) -> Sums:
        """Sums of zeros for one block, which `combine` takes back."""
        try:
            return self._spare.pop()  # this is atomic, and a look before it would not be
        except IndexError:
            return self._zero_sums()

    def combine(self, of_block: tuple[Sums, float, np.ndarray]) -> None:
        """Add the sums of one block to the total."""
        sums, log_likelihood, counts = of_block
        self.log_likelihood += log_likelihood
        self.counts += counts
        if sums is not self.total:
            for array, addend in zip(self.total, sums, strict=True):
                array += addend
                addend.fill(0.0)
            self._spare.append(sums)

    def combine_some(self, of_block: tuple[np.ndarray, Sums, float]) -> None:
        """Add the sums of one block in which some components only, of these numbers, took part."""
        chosen, sums, log_likelihood = of_block
        weight, first, second = self.total
        self.log_likelihood += log_likelihood
        weight[chosen] += sums[0]
        first[chosen] += sums[1]
        if self._model.sums_together:
            second += sums[2]
        else:
            second[chosen] += sums[2]

    def take(self, others: "RunningSums", chosen: np.ndarray) -> None:
        """Add what was summed of these components only."""
        self.combine_some((chosen, others.total, others.log_likelihood))


class KindSums(RunningSums):
    """Those over all rows of one kind, with the constants as the kernels read them."""

    __slots__ = ("packed",)

    def __init__(self, constants: Constants, model: CovarianceModel, dtype: np.dtype) -> None:
        super().__init__(constants, model)
        self.packed = constants.packed(dtype)
