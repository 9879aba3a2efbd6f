"""Log-likelihood and live share in plain NumPy: one judge for the parameters of all peers."""

import numpy as np

LIVE = 2.0**-53
REFEREE_ROWS = 20_000
"""So many of the first rows are judged; those of a recipe are in random order."""
TOLERANCES = {"float64": 1e-8, "float32": 1e-4}
"""Nats per row by which peers may differ after the same iterations from the same start."""


def full_covariances(
    covariances: np.ndarray, covariance_type: str, shape: tuple[int, int]
) -> np.ndarray:
    """Covariances in the shape of scikit-learn's attribute as (K, D, D); `shape` is (K, D)."""
    n_components, n_features = shape
    covariances = np.asarray(covariances, dtype=np.float64)
    eye = np.eye(n_features)
    if covariance_type == "full":
        return covariances
    if covariance_type == "tied":
        return np.broadcast_to(covariances, (n_components, n_features, n_features))
    if covariance_type == "diag":
        return covariances[:, :, None] * eye
    return covariances[:, None, None] * eye


def judge(
    rows: np.ndarray, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray
) -> tuple[float, float]:
    """Mean log-likelihood per row in nats, and the share of responsibilities above 2^-53.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
    weights, means, covariances : ndarray of shape (K,), (K, D), (K, D, D)
    """
    rows = rows[:REFEREE_ROWS].astype(np.float64)
    weighted = np.empty((len(rows), len(weights)))
    for k, covariance in enumerate(covariances):
        factor = np.linalg.cholesky(np.asarray(covariance, dtype=np.float64))
        whitened = np.linalg.solve(factor, (rows - means[k]).T)
        log_norm = np.log(np.diagonal(factor)).sum() + 0.5 * rows.shape[1] * np.log(2.0 * np.pi)
        weighted[:, k] = np.log(weights[k]) - log_norm - 0.5 * (whitened**2).sum(axis=0)
    top = weighted.max(axis=1)
    log_density = top + np.log(np.exp(weighted - top[:, None]).sum(axis=1))
    live = np.exp(weighted - log_density[:, None]) > LIVE
    return float(log_density.mean()), float(live.mean())
