"""Covariances as volume, shape and axes, in which mclust's names say what components share.

A covariance is the D-th root of its determinant, times variances of product 1 along axes (Banfield
and Raftery 1993).
"""

import numpy as np

from fastgmm.covariance.shared_directions import axes_of
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray

SHARED = 1e-6
"""Components share axes along which no correlation is larger than this."""


def decomposition(mixture: Mixture) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Volumes (K,), shapes (K, D), and axes (K, D, D), in columns.

    The axes of diagonals are the features.  Components that share their axes have them in one
    order, with the largest mean variance first, others each in that of its own variances.
    """
    mixture = mixture.dense
    model, (k, d) = mixture.covariance_model, mixture.means.shape
    covariances = model.per_component(mixture.covariances, k)
    if model.form.ndim < 2:
        variances = np.array(model.form.diagonals(covariances, d))
        axes = np.broadcast_to(np.eye(d), (k, d, d)).copy()
    else:
        variances, axes = _shared(covariances) or _own(covariances)
    volumes = np.exp(np.log(variances).mean(axis=1))
    return volumes, variances / volumes[:, None], axes


def _shared(covariances: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Variances along axes that all share, and these; None where there are no such axes."""
    covariances = np.ascontiguousarray(covariances)
    axes = axes_of(covariances)
    rotated = axes @ covariances @ axes.T
    variances = np.array(np.einsum("kjj->kj", rotated))
    if not (variances > 0.0).all():
        return None
    deviations = np.sqrt(variances)
    apart = np.abs(np.triu(rotated, 1)) / deviations[:, :, None] / deviations[:, None, :]
    if (apart > SHARED).any():
        return None
    order = np.argsort(-variances.mean(axis=0), kind="stable")
    columns = np.ascontiguousarray(axes[order].T)
    return variances[:, order], np.broadcast_to(columns, covariances.shape).copy()


def _own(covariances: FloatArray) -> tuple[FloatArray, FloatArray]:
    values, vectors = np.linalg.eigh(covariances)
    return values[:, ::-1].copy(), vectors[:, :, ::-1].copy()
