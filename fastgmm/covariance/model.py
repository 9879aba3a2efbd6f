"""A covariance model: a rule that estimates covariances of some form."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastgmm.covariance.forms import Form
from fastgmm.lazy import lazy
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass


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
        A function estimate(sums, ridge, previous) that returns covariances of augmented statistics,
        with the ridge added to the variances.  `previous` are those of the last iteration, or None.
    n_parameters : callable
        A function n_parameters(K, D) that returns the number of free parameters of the covariances.
    accelerates : bool
        Whether covariances are free to move in each coordinate of the relative frame, in which EM
        is accelerated; else it goes on alone.
    unrestricted : bool
        Whether `estimate` is `sample_covariances`, so that compiled iterations can do it too.
    restrict : callable, optional
        A function restrict(covariances, weights, previous) that makes covariances of the model of
        whatever the form can store, where these are not all.
    needs_previous : bool
        Whether `estimate` iterates, and ends sooner where it begins with the last covariances.
    rows : int, optional
        The number of rows of a component from which its covariance can be estimated, given those of
        the others.  By default D + 1 of a matrix and two of variances.
    rescales : bool
        Whether `restrict` scales each covariance to a volume, and with it the ridge that is in it.
    own_axes : bool
        Whether components have axes of their own, although they share a shape.
    free_type : str
        The covariance type of all covariances of the form: marginals, conditionals and merged
        components obey no restriction.  By default it is the model's own.
    """

    name: Any
    form: Form
    tied: bool
    sums: Form
    estimate: Callable[..., FloatArray]
    n_parameters: Callable[[int, int], int]
    accelerates: bool = False
    unrestricted: bool = False
    restrict: Callable[[FloatArray, FloatArray, FloatArray | None], FloatArray] | None = None
    needs_previous: bool = False
    rows: int | None = None
    rescales: bool = False
    own_axes: bool = False
    free_type: Any = ""

    def __post_init__(self) -> None:
        if not self.free_type:
            object.__setattr__(self, "free_type", self.name)

    def rows_needed(self, n_features: int) -> int:
        """The number of rows whose scatter can be the covariance of a component."""
        if self.rows is not None:
            return self.rows
        return self.form.rows_needed(n_features)

    @lazy
    def kernel(self) -> str:
        """The covariance type under which the kernels know it."""
        return self.sums.tied_kernel if self.tied else self.sums.kernel

    @lazy
    def _repeated(self) -> bool:
        """Whether the kernels are given K times what all components share."""
        return self.tied and self.sums.tied_kernel == self.sums.kernel

    @lazy
    def sums_together(self) -> bool:
        """Whether the kernels sum the second moments of all components into one array."""
        return self.tied and not self._repeated

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
        return one if self.sums_together else (n_components, *one)

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

    def about_kept_means(self, second: FloatArray, kept: np.ndarray) -> FloatArray:
        """Second moments for an M-step that takes no step from the means that are kept, (K,)."""
        return second

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
