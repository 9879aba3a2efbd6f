"""A covariance model: a rule that estimates covariances of some form."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastgmm.covariance.estimate import Augmented
from fastgmm.covariance.forms import Form
from fastgmm.lazy import lazy
from fastgmm.typing import FloatArray


@dataclass(frozen=True, eq=False)
class CovarianceModel:
    """What a covariance type means.

    Parameters
    ----------
    name : str
        The covariance type.
    form : Form
        The form in which covariances and their factors are stored.
    tied : bool
        Whether there is one for all components.
    sums : Form
        The form in which the E-step sums second moments and the kernels take inverse factors: that
        of the covariances or a wider one.
    estimate : callable
        A function estimate(sums, ridge) that returns covariances of augmented statistics, with
        the ridge added to the variances.
    n_parameters : callable
        A function n_parameters(K, D) that returns the number of free parameters of the covariances.
    accelerates : bool
        Whether covariances are free to move in each coordinate of the relative frame, in which EM
        is accelerated; else it goes on alone.
    unrestricted : bool
        Whether `estimate` is `sample_covariances`, so that compiled iterations can do it too.
    """

    name: str
    form: Form
    tied: bool
    sums: Form
    estimate: Callable[[Augmented, FloatArray], FloatArray]
    n_parameters: Callable[[int, int], int]
    accelerates: bool = False
    unrestricted: bool = False

    @lazy
    def kernel(self) -> str:
        """The covariance type under which the kernels know it."""
        return self.sums.tied_kernel if self.tied else self.sums.kernel

    @lazy
    def _repeated(self) -> bool:
        """Whether the kernels are given K times what all components share."""
        return self.tied and self.sums.tied_kernel == self.sums.kernel

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of the arrays `covariances`, `factors` and `inverse_factors`."""
        one = self.form.shape(n_features)
        return one if self.tied else (n_components, *one)

    def per_component(self, array: FloatArray, n_components: int) -> FloatArray:
        """(K, ...) of covariances or factors: a view that repeats one that all share."""
        return np.broadcast_to(array, (n_components, *array.shape)) if self.tied else array

    def for_kernels(
        self, inverse_factors: FloatArray, n_components: int, n_features: int
    ) -> FloatArray:
        """The inverse factors as the kernels take them."""
        if self.sums is not self.form:
            inverse_factors = self.sums.written(self.form, inverse_factors, n_features)
        if self._repeated:
            inverse_factors = self.per_component(inverse_factors, n_components)
        return np.ascontiguousarray(inverse_factors)

    def kernel_sums(self, n_components: int, n_features: int) -> FloatArray:
        """Sums of zero, to which the kernels add second moments."""
        return np.zeros(self.kernel_sums_shape(n_components, n_features))

    def kernel_sums_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of the sums of second moments, as the kernels make them."""
        one = self.sums.shape(n_features)
        alone = self.tied and not self._repeated
        return one if alone else (n_components, *one)

    def from_kernels(
        self,
        sums: FloatArray,
        component_weight: FloatArray,
        first_moment: FloatArray,
        inverse_factors: FloatArray,
    ) -> FloatArray:
        """The second moments of the statistics, from those that the kernels have summed.

        The other arguments are the sums beside them, and what the kernels had of covariances.
        """
        if not self._repeated:
            return sums
        # One addend after the other, in the order in which compiled iterations add.
        return np.asarray(np.add.accumulate(sums, axis=0)[-1])

    def shifted(
        self, second: FloatArray, first: FloatArray, shift: FloatArray, moved: FloatArray
    ) -> FloatArray:
        """Second moments where `shift` (K, D) is added to each difference.

        The first moments are `first` before it and `moved` after.
        """
        # sum r (d + s)(d + s)^T = S + f s^T + s f^T + n s s^T = S + (f s^T) + (s (f + n s)^T)
        change = self.products(first, shift) + self.products(shift, moved)
        return second + self.sums.symmetric(change)

    def products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Left right^T of vectors (K, D), as second moments: summed over the components if tied."""
        return (self.sums.summed_products if self.tied else self.sums.products)(left, right)

    def weighted(self, array: FloatArray, weight: FloatArray) -> FloatArray:
        """Covariances, or sums as of covariances, times component weights (K,); their sum if tied.

        The array is in the form in which second moments are summed.
        """
        return array * (weight.sum() if self.tied else weight.reshape(-1, *(1,) * self.sums.ndim))

    def implied_moments(
        self, covariances: FloatArray, ridge: FloatArray, weight: FloatArray, n_features: int
    ) -> FloatArray:
        """The second moments about the means of which these covariances are, less the ridge."""
        second = self.form.without_ridge(covariances, ridge)
        if self.sums is not self.form:
            second = self.sums.written(self.form, second, n_features)
        return self.weighted(second * self.sums.features_per_variance(n_features), weight)
