"""Factors of covariances of low rank: their number, and what they do not go with."""

from typing import Any

import numpy as np

from fastgmm.errors import InvalidParameterError
from fastgmm.limits.scalars import is_word
from fastgmm.typing import LOW_RANK_TYPES, FloatArray
from fastgmm.validation.conversion import as_small_floats


def check_factors(params: Any, n_features: int) -> None:
    """Refuse parameters of a fit that do not go with its covariance type.

    Parameters
    ----------
    params : object
        It has the constructor's parameters as attributes.
    n_features : int
        The number of features of the rows.

    Raises
    ------
    InvalidParameterError
        When there are factors without a type that has them, a type without factors, or more
        factors than features less one; and when a prior, initial precisions or gaps are to be had
        with factors, which is not built.
    """
    kind, n_factors = params.covariance_type, getattr(params, "n_factors", None)
    if kind not in LOW_RANK_TYPES:
        if n_factors is not None:
            raise InvalidParameterError(
                f"n_factors={n_factors} goes with covariance_type='low_rank' or "
                f"'low_rank_spherical', and not with {kind!r}: leave it at None."
            )
        return
    if n_factors is None or n_factors >= n_features:
        raise InvalidParameterError(
            f"covariance_type={kind!r} of rows of {n_features} features needs n_factors, from 1 to "
            f"{n_features - 1}, got {n_factors}."
        )
    for name, plain in (("prior", None), ("precisions_init", None), ("missing", "error")):
        value = getattr(params, name, plain)
        if value is not None and (plain is None or value != plain):
            raise InvalidParameterError(
                f"{name} does not go with covariance_type={kind!r}: leave it at {plain!r}, or take "
                "another covariance type."
            )


def check_no_factors(covariance_type: str, where: str) -> None:
    """Refuse covariance types with factors where they are not built."""
    if is_word(covariance_type, LOW_RANK_TYPES):
        raise InvalidParameterError(
            f"covariance_type={covariance_type!r} is not built for {where}: take one without "
            "factors, or GaussianMixture."
        )


def check_low_rank(
    covariances: Any, covariance_type: str, n_components: int, n_features: int
) -> tuple[FloatArray, FloatArray]:
    """Check factors and noise variances that are given as parameters of a model.

    Parameters
    ----------
    covariances : tuple of two array_like
        Loadings (K, D, q), and variances (K, D) of the noise.
    covariance_type : {"low_rank", "low_rank_spherical"}
    n_components : int
    n_features : int

    Returns
    -------
    factors, noise_variances : ndarray of float64

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a variance is not positive or, of the
        spherical type, not that of the other features.
    """
    if not isinstance(covariances, tuple | list) or len(covariances) != 2:
        raise ValueError(
            f"covariances of {covariance_type!r} are given as a pair, (factors, noise_variances)"
        )
    factors = np.array(as_small_floats(covariances[0], "factors", dims=(3, 3)), dtype=np.float64)
    noise = np.array(as_small_floats(covariances[1], "noise_variances", dims=(2, 2)))
    k, d = n_components, n_features
    if factors.shape[:2] != (k, d) or noise.shape != (k, d) or not 0 < factors.shape[2] < d:
        raise ValueError(
            f"factors and noise_variances of {k} components in {d} features must have the shapes "
            f"({k}, {d}, q) with q from 1 to {d - 1}, and ({k}, {d}), "
            f"got {factors.shape} and {noise.shape}"
        )
    if not (noise > 0.0).all():
        raise ValueError(f"noise_variances must be positive, but the smallest is {noise.min():g}")
    if covariance_type != LOW_RANK_TYPES[0] and (noise != noise[:, :1]).any():
        raise ValueError(
            f"noise_variances of {covariance_type!r} must be the same for all features of a "
            f"component: take {LOW_RANK_TYPES[0]!r}"
        )
    return factors, noise.astype(np.float64)
