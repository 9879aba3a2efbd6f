"""The six covariance types as two facts each: the form of a covariance, and whether all share it.

Everything that depends on the covariance type is written for a form, once with a leading axis of
components and once without.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from fastgmm.typing import CovarianceType, FloatArray

Form = Literal["matrix", "diagonal", "scalar"]


@dataclass(frozen=True)
class Shape:
    """What a covariance type means.

    Parameters
    ----------
    form : {"matrix", "diagonal", "scalar"}
        Of one covariance: (D, D), its diagonal (D,), or one variance for all features, ().
    tied : bool
        Whether there is one for all components.
    kernel : str
        The covariance type under which the kernels know it: a tied diagonal is, to them, the same
        diagonal K times.
    """

    form: Form
    tied: bool
    kernel: str

    def of(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of the arrays `covariances`, `factors` and `inverse_factors`."""
        form = {"matrix": (n_features,) * 2, "diagonal": (n_features,), "scalar": ()}[self.form]
        return form if self.tied else (n_components, *form)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the covariances."""
        d = n_features
        form = {"matrix": d * (d + 1) // 2, "diagonal": d, "scalar": 1}[self.form]
        return form if self.tied else n_components * form

    def per_component(self, array: FloatArray, n_components: int) -> FloatArray:
        """(K, ...) of covariances or factors: a view that repeats one that all share."""
        return np.broadcast_to(array, (n_components, *array.shape)) if self.tied else array

    def diagonals(self, array: FloatArray, n_features: int) -> FloatArray:
        """(K, D), or (D,) if tied, of covariances or factors: a view."""
        if self.form == "matrix":
            diagonals: FloatArray = np.einsum("...jj->...j", array)
            return diagonals
        if self.form == "diagonal":
            return array
        return np.broadcast_to(array[..., None], (*array.shape, n_features))

    def for_kernels(self, array: FloatArray, n_components: int) -> FloatArray:
        """Factors in the shape of the kernels' own covariance type."""
        if not self.tied or self.kernel == "tied":
            return array
        return np.ascontiguousarray(self.per_component(array, n_components))

    def from_kernels(self, sums: FloatArray) -> FloatArray:
        """Second moments from the shape of the kernels' covariance type to that of this one."""
        added = self.tied and self.kernel != "tied"
        return np.asarray(sums.sum(axis=0)) if added else sums

    def weighted(self, weight: FloatArray) -> FloatArray:
        """Component weights (K,) as a factor or divisor of `covariances`; their sum if tied."""
        if self.tied:
            return np.asarray(weight.sum())
        return weight.reshape(-1, *(1,) * {"matrix": 2, "diagonal": 1, "scalar": 0}[self.form])

    def squares(self, one: FloatArray, other: FloatArray, weight: FloatArray) -> FloatArray:
        """Sum of weight (K,) times one other^T of vectors (K, D), in the shape of `covariances`.

        The sum is over the components if tied; diagonals and traces for the other forms.
        """
        if one is other:  # exactly symmetric
            one = other = np.sqrt(weight)[:, None] * one
            weight = np.ones_like(weight)
        scaled = weight[:, None] * one
        if self.form == "matrix":
            return scaled.T @ other if self.tied else scaled[:, :, None] * other[:, None, :]
        products = scaled * other
        if self.form == "scalar":
            products = products.sum(axis=1)
        return np.asarray(products.sum(axis=0)) if self.tied else products


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "full": Shape("matrix", False, "full"),
        "tied": Shape("matrix", True, "tied"),
        "diag": Shape("diagonal", False, "diag"),
        "spherical": Shape("scalar", False, "spherical"),
        "tied_diag": Shape("diagonal", True, "diag"),
        "tied_spherical": Shape("scalar", True, "spherical"),
    }
)


def shape_of(covariance_type: CovarianceType) -> Shape:
    """The shape of a covariance type."""
    return SHAPES[covariance_type]
