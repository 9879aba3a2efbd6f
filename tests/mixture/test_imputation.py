"""Gaps filled by conditional means and by draws."""

import numpy as np
import pytest
from mixture.test_gaps import mixture_of, rows_with_gaps

from fastgmm.mixture.imputation import imputed
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import COVARIANCE_TYPES


def expected(mixture: Mixture, row: np.ndarray) -> np.ndarray:
    """A row with conditional means in its gaps, by matrices and one component at a time."""
    k, d = mixture.means.shape
    model = mixture.covariance_model
    matrices = model.form.matrices(model.per_component(mixture.covariances, k), d)
    o, m = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
    log_terms, means = np.log(mixture.weights), np.empty((k, len(m)))
    for c in range(k):
        s, off = matrices[c], row[o] - mixture.means[c, o]
        solved = np.linalg.solve(s[np.ix_(o, o)], off)
        log_terms[c] -= 0.5 * (off @ solved + np.linalg.slogdet(s[np.ix_(o, o)])[1])
        means[c] = mixture.means[c, m] + s[np.ix_(m, o)] @ solved
    odds = np.exp(log_terms - np.logaddexp.reduce(log_terms))
    filled = row.copy()
    filled[m] = odds @ means
    return filled


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_conditional_means(kind: str) -> None:
    rng = np.random.default_rng(1)
    mixture = mixture_of(kind, 3, 4, rng, 5.0)
    rows = rows_with_gaps(50, 4, rng, 5.0)
    found = imputed(mixture, rows, 1)
    held = ~np.isnan(rows)
    assert np.array_equal(found[held], rows[held])
    oracle = np.array([expected(mixture, row) for row in rows])
    np.testing.assert_allclose(found, oracle, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_draws_have_the_conditional_moments(kind: str) -> None:
    rng = np.random.default_rng(2)
    mixture = mixture_of(kind, 2, 3, rng, 0.0)
    row = np.array([0.4, np.nan, np.nan])
    n = 20_000
    drawn = imputed(mixture, np.tile(row, (n, 1)), 1, np.random.default_rng(0))[:, 1:]
    mean = imputed(mixture, row[None], 1)[0, 1:]
    assert np.abs(drawn.mean(axis=0) - mean).max() < 5.0 * drawn.std(axis=0).max() / np.sqrt(n)
    again = imputed(mixture, np.tile(row, (n, 1)), 1, np.random.default_rng(0))[:, 1:]
    assert np.array_equal(drawn, again)
    whole = imputed(mixture, np.full((n, 3), np.nan), 1, np.random.default_rng(3))
    middle = mixture.weights @ mixture.means
    assert np.abs(whole.mean(axis=0) - middle).max() < 5.0 * whole.std(axis=0).max() / np.sqrt(n)
