"""What covariances share, in plain NumPy: a shape, a matrix, or axes."""

import numpy as np


def share_shape(
    variances: np.ndarray,
    weights: np.ndarray,
    most: int,
    tolerance: float,
    shape: np.ndarray,
    scales: np.ndarray,
) -> int:
    """Variances (K, D) as scale times shape; returns the number of iterations."""
    scales[:] = 0.0
    for i in range(most):
        before, scales[:] = scales.copy(), (variances / shape).mean(axis=1)
        if not _change(before, scales) > tolerance:
            return i
        held = scales > 0.0
        shape[:] = (weights[held] / scales[held]) @ variances[held]
        shape /= np.exp(np.log(shape).mean())
    return most


def share_matrix(
    covariances: np.ndarray,
    weights: np.ndarray,
    most: int,
    tolerance: float,
    scales: np.ndarray,
    shared: np.ndarray,
) -> int:
    """Covariances (K, D, D) as scale times a matrix; returns the number of iterations, or -1."""
    for i in range(most):
        held = scales > 0.0
        shared[:] = np.tensordot(weights[held] / scales[held], covariances[held], 1)
        try:
            np.linalg.cholesky(shared)
        except np.linalg.LinAlgError:
            return -1
        shared /= np.exp(np.linalg.slogdet(shared)[1] / len(shared))
        before = scales.copy()
        scales[:] = np.einsum("ij,kij->k", np.linalg.inv(shared), covariances) / len(shared)
        if not _change(before, scales) > tolerance:
            return i + 1
    return most


def _change(before: np.ndarray, after: np.ndarray) -> float:
    """The largest share by which positive numbers have changed."""
    held = after > 0.0
    return float(np.max(np.abs(after - before)[held] / after[held], initial=0.0))


def share_directions(
    covariances: np.ndarray,
    weights: np.ndarray,
    equal_volumes: bool,
    most: int,
    tolerance: float,
    axes: np.ndarray,
    variances: np.ndarray,
) -> int:
    """The axes that covariances (K, D, D) share; returns the number of sweeps over all planes."""
    d, whole, sweep = len(axes), covariances, 0
    while sweep < most:
        total, fall = _held(whole, weights, equal_volumes).sum(), 0.0
        for i in range(d):
            for j in range(i + 1, d):
                held = _held(whole, weights, equal_volumes)
                angle, gain = _best_angle(whole[:, i, i], whole[:, j, j], whole[:, i, j], held)
                fall += gain
                if gain > 1e-3 * tolerance * total:
                    turn = np.eye(d)
                    turn[i, i] = turn[j, j] = np.cos(angle)
                    turn[i, j], turn[j, i] = np.sin(angle), -np.sin(angle)
                    whole, axes[:] = turn @ whole @ turn.T, turn @ axes
        sweep += 1
        if not fall > tolerance * total:
            break
    variances[:] = np.einsum("kjj->kj", whole)
    return sweep


def own_directions(
    covariances: np.ndarray, most: int, tolerance: float, axes: np.ndarray, variances: np.ndarray
) -> int:
    """Eigenvectors, in columns, and eigenvalues of matrices; returns a number of sweeps."""
    variances[:], axes[:] = np.linalg.eigh(covariances)
    return 1


def _held(whole: np.ndarray, weights: np.ndarray, equal_volumes: bool) -> np.ndarray:
    """The shares (K,) of the logarithms of the components in the objective."""
    if not equal_volumes:
        return weights
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(np.einsum("kjj->kj", whole), 0.0))
    return np.asarray(weights * np.exp(logs.mean(axis=1)))


def _best_angle(
    p: np.ndarray, r: np.ndarray, q: np.ndarray, held: np.ndarray
) -> tuple[float, float]:
    """The angle by which a plane is turned, and by how much the objective falls, or more."""
    alive = p * r > 0.0
    half, share = 0.5 * (p - r)[alive], held[alive] / (p * r)[alive]
    across = 2.0 * float((share * half * q[alive]).sum())
    along = float((share * (half**2 - q[alive] ** 2)).sum())
    length = np.hypot(across, along)
    gain = across**2 / (length + along) if along > 0.0 else length - along
    return 0.25 * float(np.arctan2(across, along)), float(gain)
