"""The registry of covariance types: three forms, with one covariance each or one for all.

Eight more are restricted: some of volume, shape and axes are the same in all components.  A model
of another kind is one more entry here, and a file of its own.  Those of low rank have the number of
factors in their name, as in "low_rank(5)", and are made when they are asked for.
"""

import re
from functools import lru_cache
from typing import cast

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
from fastgmm.typing import LOW_RANK_TYPES, SAME_TYPES, CovarianceType, FloatArray


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


_LOW_RANK = re.compile(rf"({'|'.join(LOW_RANK_TYPES)})\(([1-9][0-9]{{0,8}})\)")
"""The name of a model with factors."""


def with_factors(covariance_type: CovarianceType, n_factors: int | None) -> CovarianceType:
    """The name of the model of a covariance type; of one of low rank, with so many factors."""
    if covariance_type not in LOW_RANK_TYPES:
        return covariance_type
    return cast(CovarianceType, f"{covariance_type}({n_factors})")


def without_factors(covariance_type: str) -> CovarianceType:
    """The covariance type as users name it."""
    return cast(CovarianceType, covariance_type.partition("(")[0])


def n_factors_of(covariance_type: str) -> int | None:
    """The number of factors in the name of a model; None where it has none."""
    found = _LOW_RANK.fullmatch(covariance_type)
    return None if found is None else int(found[2])


def is_covariance_type(name: object) -> bool:
    """Whether there is a model of this name."""
    return isinstance(name, str) and (name in MODELS or _LOW_RANK.fullmatch(name) is not None)


def model_of(covariance_type: str) -> CovarianceModel:
    """The covariance model of a covariance type, by whichever of its names."""
    model = MODELS.get(covariance_type)
    if model is None and covariance_type in SAME_TYPES:
        model = MODELS[SAME_TYPES[covariance_type]]
    return _low_rank(covariance_type) if model is None else model


@lru_cache(64)
def _low_rank(name: str) -> CovarianceModel:
    found = _LOW_RANK.fullmatch(name)
    if found is None:
        raise KeyError(name)
    # Few fits have factors: their model is loaded with the first of them.
    from fastgmm.covariance.factor_analysis import low_rank

    return low_rank(name, int(found[2]), equal=found[1] != LOW_RANK_TYPES[0])
