"""Sums over rows with gaps, against an oracle that goes row by row."""

from dataclasses import replace

import numpy as np
import pytest

from fastgmm.covariance.types import model_of
from fastgmm.data.parts import Part
from fastgmm.data.patterns import Patterns
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import EStep, expectation
from fastgmm.mixture.gaps import Gaps
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.patterns import responsibilities_of
from fastgmm.typing import COVARIANCE_TYPES

TYPES = tuple(COVARIANCE_TYPES)
TOLERANCE = {"float64": 1e-12, "float32": 3e-6}


def mixture_of(kind: str, k: int, d: int, rng: np.random.Generator, offset: float) -> Mixture:
    """A mixture with correlated covariances."""
    model = model_of(kind)
    roots = rng.normal(size=(k, d, d))
    matrices = roots @ np.swapaxes(roots, 1, 2) + 0.3 * np.eye(d)
    diagonals = np.einsum("kii->ki", matrices)
    covariances = {"matrix": matrices, "diagonal": diagonals, "scalar": diagonals.mean(axis=1)}
    chosen = covariances[model.form.name]
    chosen = chosen[0] if model.tied else chosen
    weights = rng.dirichlet(np.full(k, 3.0))
    means = rng.normal(size=(k, d)) * 2.0 + offset
    return Mixture.from_covariances(weights, means, np.asarray(chosen), kind)


def oracle(
    mixture: Mixture, rows: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Weights, first and second moments (matrices) about the means, and the log-likelihood."""
    k, d = mixture.means.shape
    model = mixture.covariance_model
    each = model.per_component(mixture.covariances, k)
    matrices = model.form.matrices(each, d)
    weights, first, second, total = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)), 0.0
    for row, count in zip(rows, weight, strict=True):
        o, m = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
        log_terms = np.log(mixture.weights)
        deviations, lefts = np.zeros((k, d)), np.zeros((k, d, d))
        for c in range(k):
            s, off = matrices[c], row[o] - mixture.means[c, o]
            slope = s[np.ix_(m, o)] @ np.linalg.inv(s[np.ix_(o, o)])
            inner = off @ np.linalg.solve(s[np.ix_(o, o)], off)
            log_det = np.linalg.slogdet(2.0 * np.pi * s[np.ix_(o, o)])[1] if len(o) else 0.0
            log_terms[c] -= 0.5 * (inner + log_det)
            deviations[c, o], deviations[c, m] = off, slope @ off
            lefts[c][np.ix_(m, m)] = s[np.ix_(m, m)] - slope @ s[np.ix_(o, m)]
        density = np.logaddexp.reduce(log_terms)
        r = count * np.exp(log_terms - density)
        total += count * density
        weights += r
        first += r[:, None] * deviations
        second += r[:, None, None] * (deviations[:, :, None] * deviations[:, None, :] + lefts)
    return weights, first, second, total


def in_form(mixture: Mixture, second: np.ndarray) -> np.ndarray:
    """Matrices of second moments as the covariance type sums them."""
    model = mixture.covariance_model
    if model.form.name == "diagonal":
        second = np.einsum("kii->ki", second)
    elif model.form.name == "scalar":
        second = np.einsum("kii->k", second)
    return second.sum(axis=0) if model.tied else second


def rows_with_gaps(
    n: int, d: int, rng: np.random.Generator, offset: float, share: float = 0.3
) -> np.ndarray:
    rows = rng.normal(size=(n, d)) * 2.0 + offset
    rows[rng.random((n, d)) < share] = np.nan
    rows[0], rows[1] = np.nan, offset
    return rows


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", TYPES)
def test_sums_are_those_of_the_oracle(kind: str, seed: int, offset: float, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    k, d = 3, 4
    rows = rows_with_gaps(60, d, rng, offset).astype(dtype)
    mixture = mixture_of(kind, k, d, rng, offset)
    # The kernels subtract means as the dtype of the rows has them.
    means = mixture.means.astype(dtype).astype(float)
    mixture = Mixture.from_covariances(mixture.weights, means, mixture.covariances, kind)
    weight = rng.uniform(0.5, 2.0, len(rows))
    found = expectation(mixture, RowData(rows, weight, 1, gapped=True))
    weights, first, second, total = oracle(mixture, rows.astype(float), weight)
    tolerance = TOLERANCE[dtype] * (1.0 if dtype == "float64" else 1.0 + offset)
    scale = np.abs(second).max()
    np.testing.assert_allclose(found.component_weight, weights, rtol=0, atol=tolerance * 60)
    np.testing.assert_allclose(found.first_moment, first, rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(
        found.second_moment, in_form(mixture, second), rtol=0, atol=tolerance * scale
    )
    np.testing.assert_allclose(found.log_likelihood, total, rtol=tolerance)
    assert found.n_samples == len(rows)


@pytest.mark.parametrize("kind", TYPES)
def test_sums_about_other_means_are_the_same_sums_moved(kind: str) -> None:
    """Gaps are expected under the mixture of the responsibilities, whatever sums are about."""
    rng = np.random.default_rng(5)
    rows = rows_with_gaps(80, 3, rng, 10.0)
    mixture = mixture_of(kind, 2, 3, rng, 10.0)
    data = RowData(rows, None, 1, gapped=True)

    def as_before(part: Part, begin: int, end: int) -> np.ndarray:
        if isinstance(part.kind, Patterns):
            return responsibilities_of(mixture, part, begin, end, rows.dtype)
        out = np.empty((end - begin, 2))
        packed = part.kind.constants(mixture).packed(rows.dtype)
        packed.responsibilities(part.rows[begin:end], out)
        return out

    direct = expectation(mixture, data)
    about = replace(mixture, means=mixture.means + rng.normal(size=(2, 3)))
    step = EStep(about, data.extent, data.dtype, 1, given=as_before)
    moved = data.pass_over(lambda: step.under(mixture))
    assert np.array_equal(moved.reference, about.means)
    expected = direct.moved(about.means)
    for name in ("component_weight", "first_moment", "second_moment"):
        one, other = getattr(moved, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11 * np.abs(other).max())


def test_kinds_are_values() -> None:
    assert Gaps((0, 2), 3) == Gaps((0, 2), 3)
    assert hash(Gaps((0, 2), 3)) == hash(Gaps((0, 2), 3))
    assert Gaps((0, 2), 4).missing == (1, 3)
