"""First factors: the leading directions of each component of a start that has none.

A start of low rank is that of diagonals, with Ward's method or another; then each component has a
principal component analysis of the rows of the sample that it holds.
"""

from dataclasses import replace

import numpy as np

from fastgmm.covariance.factor_analysis import FactorAnalysis
from fastgmm.covariance.types import model_of
from fastgmm.data.sample import Sample
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import Start
from fastgmm.typing import CovarianceType, FloatArray

BEGUN_AS: CovarianceType = "diag"
"""Starts of low rank are those of this covariance type."""
LEAST_HELD = 1e-3
"""Rows take part in the analysis of a component that holds more than this share of them."""
MORE_DIRECTIONS = 8
"""The leading directions are looked for among so many more than are wanted."""
TURNS = 6
"""So many times all directions are multiplied by the scatter of the rows: first directions need no
more digits than EM will correct."""
LEAST_NOISE = 0.01
"""This share of a variance is left to noise at least, so that EM may still move all of it."""
LEAST_FACTOR = 0.01
"""A factor begins with at least this share of the noise: one of nothing would stay so for ever."""
TINY = float(np.finfo(np.float64).tiny)
"""The smallest normal float64, for weights that are divided by."""


def begun_as(start: Start) -> Start:
    """The start whose mixture `with_factors` takes; itself where there are no factors."""
    if model_of(start.covariance_type).form.linear:
        return start
    return replace(start, covariance_type=BEGUN_AS)


def with_factors(
    mixture: Mixture, kind: CovarianceType, sample: Sample, n_threads: int | None
) -> Mixture:
    """The mixture of the type `kind`, of low rank, that a mixture of diagonals leads to."""
    model, dtype = model_of(kind), mixture.dtype
    if mixture.covariance_type == kind or model.form.linear:
        return mixture
    assert isinstance(model, FactorAnalysis)
    chosen = np.sort(sample.order)
    rows = sample.rows[chosen].astype(dtype, copy=False)
    shares = np.empty((len(rows), mixture.n_components), dtype)
    responsibilities(mixture, rows, shares, n_threads)
    weighted = shares.astype(np.float64)
    if sample.weight is not None:
        weighted *= sample.weight[chosen][:, None]
    covariances = np.zeros(model.shape(*mixture.means.shape))
    for k, variances in enumerate(mixture.covariances):
        held = weighted[:, k] > LEAST_HELD * weighted[:, k].max(initial=0.0)
        scaled = rows[held].astype(np.float64) - mixture.means[k]
        scaled *= np.sqrt(weighted[held, k] / max(weighted[held, k].sum(), TINY))[:, None]
        # Noise that is equal in the units of the features needs factors in these units.
        deviations = np.sqrt(
            np.full(len(variances), variances.mean()) if model.equal else variances
        )
        loadings = _leading(scaled / deviations, model.form.n_factors)
        explained = (loadings**2).sum(axis=1)
        explained = np.full(len(explained), explained.mean()) if model.equal else explained
        noise = deviations**2 * np.maximum(1.0 - explained, LEAST_NOISE)
        covariances[k] = model.form.joined(loadings * deviations[:, None], noise)
    return Mixture.from_covariances(mixture.weights, mixture.means, covariances, kind, dtype)


def _leading(scaled: FloatArray, n_factors: int) -> FloatArray:
    """(D, q): loadings of the probabilistic PCA of rows (n, D), whose variances are some one.

    The directions come from some turns of subspace iteration; the rest of the variance is noise
    (Tipping and Bishop 1999, equation 7).
    """
    d = scaled.shape[1]
    n_tried = min(n_factors + MORE_DIRECTIONS, d)
    tried = np.random.default_rng(0).standard_normal((d, n_tried))
    for _ in range(TURNS):
        tried = np.linalg.qr(scaled.T @ (scaled @ tried) + LEAST_FACTOR * tried)[0]
    values, vectors = np.linalg.eigh(np.asarray((along := scaled @ tried).T @ along))
    values, vectors = values[::-1][:n_factors], vectors[:, ::-1][:, :n_factors]
    noise = max(float((scaled**2).sum() - values.sum()) / (d - n_factors), LEAST_NOISE)
    strength = np.maximum(values - noise, LEAST_FACTOR * noise)
    return np.asarray((tried @ vectors) * np.sqrt(strength))
