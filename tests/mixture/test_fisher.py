"""Fisher vectors against their formulas in NumPy, for all covariance types."""

from typing import Any

import numpy as np
import pytest

from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.fisher import FisherVectors, improve
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from support import correlated_mixture, matrices_of

PARTS = ("weights", "means", "covariances")


def mixture_of(kind: Any, rng: np.random.Generator) -> tuple[Mixture, np.ndarray]:
    """Return a mixture, and rows that it does not fit."""
    truth = correlated_mixture(4, 3, rng, separation=1.5)
    covariances = truth.covariances_as(kind)
    mixture = Mixture.from_covariances(truth.weights, truth.means, covariances, kind)
    return mixture, truth.sample(500, rng)[0] + 0.3


def by_definition(mixture: Mixture, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the gradients of each part, by equations 16 to 18 of Sanchez et al. (2013).

    Of matrices the quotients are whitened rows, and the squares outer products.
    """
    (k, d), kind, weights = mixture.means.shape, mixture.covariance_type, mixture.weights
    n = len(rows)
    shares = np.empty((n, k))
    responsibilities(mixture, rows, shares)
    factors = np.linalg.cholesky(matrices_of(kind, mixture.covariances, mixture.means))
    white = np.stack(
        [np.linalg.solve(factors[j], (rows - mixture.means[j]).T).T for j in range(k)], axis=1
    )
    roots = np.sqrt(weights)
    squares = np.einsum("nk,nki,nkj->kij", shares, white, white)
    excess = (squares - shares.sum(axis=0)[:, None, None] * np.eye(d)) / n
    if kind.startswith("tied"):
        excess, by = excess.sum(axis=0)[None], np.ones(1)
    else:
        by = roots
    if kind in ("full", "tied"):
        excess[:, np.arange(d), np.arange(d)] /= np.sqrt(2.0)
        of_covariances = excess[:, *np.tril_indices(d)] / by[:, None]
    elif kind.endswith("diag"):
        of_covariances = np.diagonal(excess, axis1=1, axis2=2) / np.sqrt(2.0) / by[:, None]
    else:
        of_covariances = np.trace(excess, axis1=1, axis2=2) / np.sqrt(2.0 * d) / by
    return {
        "weights": (shares.sum(axis=0) / n - weights) / roots,
        "means": np.einsum("nk,nki->ki", shares, white) / n / roots[:, None],
        "covariances": of_covariances,
    }


def sums_of(mixture: Mixture, rows: np.ndarray) -> SufficientStatistics:
    return expectation(mixture, RowData(rows))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "parts", [PARTS, ("means", "covariances"), ("covariances",), ("weights",), ("means",)]
)
def test_the_formulas(
    parts: tuple[str, ...], dtype: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    mixture, rows = mixture_of(covariance_type, rng)
    made = FisherVectors(mixture, parts)
    definition = by_definition(mixture, rows)
    expected = np.concatenate([definition[part].ravel() for part in parts])
    assert made.length == len(expected)
    rtol = 1e-12 if dtype is np.float64 else 1e-5
    for _ in range(2):  # what a vector leaves behind is no matter to the next
        out = np.empty(made.length)
        made.of_statistics(sums_of(mixture, rows.astype(dtype)), out)
        np.testing.assert_allclose(out, expected, rtol=0.0, atol=rtol)
    statistics = expectation(mixture, RowData(rows.astype(dtype)))
    again = np.empty(made.length)
    made.of_statistics(statistics, again)
    np.testing.assert_allclose(again, expected, rtol=0.0, atol=rtol)
    made.of_statistics(statistics.moved(mixture.means + 1.0), again)
    np.testing.assert_allclose(again, expected, rtol=0.0, atol=10.0 * rtol)


def test_rows_of_the_mixture_have_vectors_of_variance_one(rng: np.random.Generator) -> None:
    """So does the information normalise them, where components hardly overlap."""
    truth = correlated_mixture(3, 2, rng, separation=30.0)
    for kind in ("full", "diag", "spherical"):
        covariances = truth.covariances_as("spherical")[:, None, None] * np.eye(2)
        own = {"full": covariances, "diag": np.diagonal(covariances, axis1=1, axis2=2)}
        shape = own.get(kind, covariances[:, 0, 0])
        mixture = Mixture.from_covariances(truth.weights, truth.means, shape, kind)
        made = FisherVectors(mixture, ("means", "covariances"))
        vectors = np.empty((800, made.length))
        roots = np.sqrt(covariances[:, 0, 0])
        for out in vectors:
            labels = rng.choice(3, 50, p=truth.weights)
            noise = rng.standard_normal((50, 2)) * roots[labels, None]
            made.of_statistics(sums_of(mixture, truth.means[labels] + noise), out)
        deviations = vectors.std(axis=0) * np.sqrt(50)
        np.testing.assert_allclose(deviations, 1.0, atol=0.12)


def test_means_that_float32_does_not_have(rng: np.random.Generator) -> None:
    """The kernels subtract them rounded, and the vector is of what they are."""
    means = np.array([[4096.0001, -4096.0001]])
    mixture = Mixture.from_covariances(np.ones(1), means, np.eye(2)[None], "full")
    rows = (rng.normal(size=(200, 2)) + means).astype(np.float32)
    made = FisherVectors(mixture, ("means",))
    out = np.empty(2)
    made.of_statistics(sums_of(mixture, rows), out)
    np.testing.assert_allclose(out, (rows.astype(float) - means).mean(axis=0), atol=1e-7)


def test_a_component_without_weight_has_no_say(rng: np.random.Generator) -> None:
    mixture, rows = mixture_of("diag", rng)
    weights = np.array([0.5, 0.5, 0.0, 0.0])
    without = Mixture.from_covariances(weights, mixture.means, mixture.covariances, "diag")
    out = np.empty((made := FisherVectors(without, PARTS)).length)
    made.of_statistics(sums_of(without, rows), out)
    assert np.isfinite(out).all()
    assert (out[2:4] == 0.0).all()


def test_improved_vectors() -> None:
    vector = np.array([-4.0, 9.0, 0.0, -1.0])
    improve(vector)
    np.testing.assert_allclose(vector, np.array([-2.0, 3.0, 0.0, -1.0]) / np.sqrt(14.0))
    nothing = np.zeros(3)
    improve(nothing)
    assert (nothing == 0.0).all()
