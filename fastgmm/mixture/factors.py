"""Factors of a mixture of low rank: loadings in an order of their own, and what rows have of them.

Any rotation of the factors of a component gives the same mixture.  Shown are those in which
Lam^T Psi^-1 Lam is diagonal, the largest entry first, and each column of Lam has a positive sum.
"""

import numpy as np

from fastgmm.covariance.low_rank import LowRankForm
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.mixture import Mixture
from fastgmm.threads import rows_per_block
from fastgmm.typing import FloatArray


def loadings(mixture: Mixture) -> FloatArray:
    """(K, D, q): Lam of each component."""
    form = _form(mixture)
    return np.asarray(form.loadings(mixture.covariances) @ _rotations(mixture))


def noise_variances(mixture: Mixture) -> FloatArray:
    """(K, D): the diagonal of Psi of each component."""
    return _form(mixture).noise(mixture.covariances)


def expected(mixture: Mixture, rows: np.ndarray, n_threads: int | None) -> np.ndarray:
    """(n, K q): the expected factors of rows, times the responsibility of their component."""
    form, (k, d), n = _form(mixture), mixture.means.shape, len(rows)
    shares = np.empty((n, k), rows.dtype)
    responsibilities(mixture, rows, shares, n_threads)
    inverses = mixture.inverse_factors
    # E[z] = R^-T T (x - mean), and each component's factors are turned.
    projections = form.loadings(inverses) @ form.root(inverses) @ _rotations(mixture)
    found = np.empty((n, k, form.n_factors), rows.dtype)
    block = rows_per_block(k, d)
    for begin in range(0, n, block):
        some = slice(begin, begin + block)
        part = rows[some].astype(np.float64)
        for i in range(k):
            found[some, i] = (part - mixture.means[i]) @ projections[i] * shares[some, i, None]
    return found.reshape(n, -1)


def _rotations(mixture: Mixture) -> FloatArray:
    """(K, q, q): the rotations of the factors into those that are shown."""
    form = _form(mixture)
    root, own = form.root(mixture.factors), form.loadings(mixture.covariances)
    rotations = np.linalg.eigh(root @ np.swapaxes(root, -1, -2))[1][..., ::-1]
    signs = np.where((own @ rotations).sum(axis=-2) < 0.0, -1.0, 1.0)
    return np.asarray(rotations * signs[..., None, :])


def _form(mixture: Mixture) -> LowRankForm:
    form = mixture.covariance_model.form
    assert isinstance(form, LowRankForm)
    return form
