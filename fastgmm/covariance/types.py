"""The registry of covariance types: three forms, with one covariance each or one for all.

A model of another kind is one more entry here, and a file of its own.
"""

from functools import partial

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.estimate import sample_covariances
from fastgmm.covariance.forms import Form
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.model import CovarianceModel
from fastgmm.covariance.scalar import SCALAR


def unrestricted(name: str, form: Form, tied: bool) -> CovarianceModel:
    """The model that estimates whatever covariances the form can store."""

    def n_parameters(n_components: int, n_features: int) -> int:
        one = form.n_parameters(n_features)
        return one if tied else n_components * one

    estimate = partial(sample_covariances, form, tied)
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
    )
}
"""These are all covariance models, by the `covariance_type` of users."""


def model_of(covariance_type: str) -> CovarianceModel:
    """The covariance model of a covariance type."""
    return MODELS[covariance_type]
