"""Sums over the points of each label, made a column or a label at a time."""

import numpy as np

from fastgmm.typing import FloatArray


def sums_of_labels(rows: np.ndarray, labels: np.ndarray, n_clusters: int) -> FloatArray:
    """(M, D): the sums of the rows of each label."""
    sums: FloatArray = np.empty((n_clusters, rows.shape[1]))
    for j, column in enumerate(rows.T):
        sums[:, j] = np.bincount(labels, column, n_clusters)
    return sums


def scatters_of_labels(rows: np.ndarray, labels: np.ndarray, n_clusters: int) -> FloatArray:
    """(M, D, D): the sums of x x^T over the rows x of each label."""
    order = np.argsort(labels, kind="stable")
    parts = np.split(rows[order], np.cumsum(np.bincount(labels, minlength=n_clusters))[:-1])
    return np.stack([part.T @ part for part in parts])
