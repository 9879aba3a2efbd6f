"""The registry of covariance types: three forms, with one covariance each or one for all.

Eight more are restricted: some of volume, shape and axes are the same in all components.  A model
of another kind is one more entry here, and a file of its own.
"""

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.equal_volumes import EVI, EVV
from fastgmm.covariance.estimate import Augmented, sample_covariances
from fastgmm.covariance.forms import Form
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.model import CovarianceModel
from fastgmm.covariance.scalar import SCALAR
from fastgmm.covariance.shared_directions import EVE, VVE
from fastgmm.covariance.shared_matrix import VEE
from fastgmm.covariance.shared_shape import EEV, VEI, VEV
from fastgmm.typing import SAME_TYPES, FloatArray


def unrestricted(name: str, form: Form, tied: bool) -> CovarianceModel:
    """The model that estimates whatever covariances the form can store."""

    def n_parameters(n_components: int, n_features: int) -> int:
        one = form.n_parameters(n_features)
        return one if tied else n_components * one

    def estimate(
        sums: Augmented, ridge: FloatArray, previous: FloatArray | None = None
    ) -> FloatArray:
        return sample_covariances(form, tied, sums, ridge)

    return CovarianceModel(name, form, tied, form, estimate, n_parameters, True, True)


MODELS: dict[str, CovarianceModel] = {
    model.name: model
    for model in (
        unrestricted("full", MATRIX, tied=False),
        unrestricted("tied", MATRIX, tied=True),
        unrestricted("diag", DIAGONAL, tied=False),
        unrestricted("spherical", SCALAR, tied=False),
        unrestricted("tied_diag", DIAGONAL, tied=True),
        unrestricted("tied_spherical", SCALAR, tied=True),
        VEI,
        EVI,
        VEE,
        EVE,
        VVE,
        EEV,
        VEV,
        EVV,
    )
}
"""These are all covariance models, each under one name; users may call some by another."""


def model_of(covariance_type: str) -> CovarianceModel:
    """The covariance model of a covariance type, by whichever of its names."""
    return MODELS[SAME_TYPES.get(covariance_type, covariance_type)]
