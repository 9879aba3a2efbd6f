"""Mixtures of labelled rows: shrunk moments, priors, labels without rows, no volume."""

from typing import Any

import numpy as np
import pytest

from fastgmm.data.sample import RowSampler
from fastgmm.em.m_step import maximization
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.labels import PSEUDO_COUNTS, of_labels
from fastgmm.starts.points import Points, Start, StartRows
from support import correlated_mixture, in_shape_of

K, D = 3, 4


def start_rows(X: np.ndarray, kind: Any, regularization: Regularization) -> StartRows:
    sampler = RowSampler(0, len(X), keep_rows=False)
    sampler.add(len(X), X, None)
    of = Start("ward", K, kind, regularization=regularization)
    return StartRows(sampler.sample(X), of, 1)


@pytest.fixture
def rows(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X, labels = correlated_mixture(K, D, rng).sample(90, rng)
    return X + 100.0, labels.astype(np.int64)


def expected_sums(
    X: np.ndarray, weight: np.ndarray, labels: np.ndarray, kind: Any
) -> SufficientStatistics:
    """Moments of each label about its mean, pulled to the pooled ones with D + 10 rows."""
    held = np.bincount(labels, weight, K)
    means = np.stack(
        [np.average(X[labels == k], axis=0, weights=weight[labels == k]) for k in range(K)]
    )
    off = np.sqrt(weight)[:, None] * (X - means[labels])
    second = np.stack([off[labels == k].T @ off[labels == k] for k in range(K)])
    pooled = second.sum(axis=0) / held.sum()
    pseudo = PSEUDO_COUNTS + D
    shrunk = (second + pseudo * pooled) * (held / (held + pseudo))[:, None, None]
    if kind.startswith("tied"):
        shrunk = np.repeat(second.sum(axis=0)[None], K, axis=0)
    sums = in_shape_of(kind.removeprefix("tied_"), shrunk)
    sums = sums * (D if "spherical" in kind else 1)
    if kind.startswith("tied"):
        sums = sums[0] if kind != "tied" else shrunk[0]
    return SufficientStatistics(
        covariance_type=kind,
        reference=means,
        component_weight=held,
        first_moment=np.zeros((K, D)),
        second_moment=sums,
        n_samples=len(X),
        weight=float(held.sum()),
        log_likelihood=0.0,
    )


def assert_same(one: Mixture, other: Mixture) -> None:
    for name in ("weights", "means", "covariances", "factors", "inverse_factors"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-8, atol=1e-10)


def prior_of(kind: str) -> Regularization:
    scale = in_shape_of(kind.removeprefix("tied_"), 0.7 * np.eye(D)[None])
    scale = 0.7 * np.eye(D) if kind == "tied" else scale[0]
    return Regularization(np.asarray(1e-6), Prior(np.full(D, 100.0), 0.5, D + 2.0, scale))


@pytest.mark.parametrize("with_prior", [False, True])
def test_mixture_of_shrunk_moments(
    with_prior: bool, covariance_type: Any, rows: tuple[np.ndarray, np.ndarray], rng: Any
) -> None:
    (X, labels), weight = rows, rng.exponential(size=90) + 0.1
    regularization = prior_of(covariance_type) if with_prior else Regularization.of(1e-3)
    data = start_rows(X, covariance_type, regularization)
    found = of_labels(data, Points(X, weight), labels, np.empty((K, D)), D)
    expected = maximization(expected_sums(X, weight, labels, covariance_type), regularization)
    assert_same(found, expected)
    assert found.dtype == np.float64


def test_a_label_without_rows_stays(
    covariance_type: Any, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    X, labels = rows
    labels = np.where(labels == 1, 0, labels)
    data = start_rows(X.astype(np.float32), covariance_type, Regularization.of(1e-3))
    centers = np.arange(12.0).reshape(K, D)
    found = of_labels(data, Points(X, np.ones(90)), labels, centers, D)
    assert found.weights[1] == 0.0
    np.testing.assert_array_equal(found.means[1], centers[1])
    assert np.isfinite(found.covariances).all()
    assert found.dtype == np.float32


def test_what_has_no_volume_is_held_by_the_ridge_or_an_error(rows: Any) -> None:
    X = np.c_[rows[0], np.ones(90)]
    for kind in ("full", "tied", "diag", "tied_diag"):
        held = of_labels(
            start_rows(X, kind, Regularization.of(1e-6)),
            Points(X, np.ones(90)),
            rows[1],
            np.empty((K, D + 1)),
            D,
        )
        assert np.isfinite(held.inverse_factors).all()
        with pytest.raises(IllDefinedCovarianceError):
            of_labels(
                start_rows(X, kind, Regularization.of(0.0)),
                Points(X, np.ones(90)),
                rows[1],
                np.empty((K, D + 1)),
                D,
            )
