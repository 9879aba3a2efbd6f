"""Gaps filled: by what the mixture expects of them, or by a draw."""

import numpy as np

from fastgmm.data.patterns import Pattern, patterns_of
from fastgmm.mixture.conditioning import Cut, cut_of
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.gaps import Gaps
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.patterns import expected
from fastgmm.mixture.sampling import draw
from fastgmm.typing import FloatArray


def imputed(
    mixture: Mixture,
    rows: np.ndarray,
    n_threads: int | None = None,
    generator: "np.random.Generator | None" = None,
) -> np.ndarray:
    """A copy of rows (n, D) with conditional means in their gaps, or with draws of the generator.

    The mean is ``sum_k r_k (mean_m + A (x_o - mean_o))``, with the responsibilities r of the
    observed columns; a draw takes one component by these odds, and then its conditional Gaussian.
    """
    if generator is None:
        return expected(mixture, rows, n_threads)
    filled = rows.copy()
    for pattern in patterns_of(rows):
        missing = np.array(Gaps(pattern.observed, mixture.n_features).missing, dtype=int)
        if not len(missing):
            continue
        if pattern.observed:
            cut = cut_of(mixture, pattern.observed, tuple(missing.tolist()))
            found = _drawn(cut, pattern.of(rows), n_threads, generator)
        else:
            found = _of_nothing(mixture, pattern, generator)
        filled[np.ix_(pattern.index, missing)] = found
    return filled


def _drawn(
    cut: Cut, rows: np.ndarray, n_threads: int | None, generator: "np.random.Generator"
) -> np.ndarray:
    """(n, m): draws of the missing columns for rows (n, p) of the observed ones."""
    exact = rows.astype(np.float64, copy=False)
    odds = responsibilities(
        cut.given, exact, np.empty((len(rows), cut.given.n_components)), n_threads
    )
    chosen = _drawn_components(odds, generator)
    drawn = np.empty((len(rows), cut.rest.n_features))
    normal = generator.standard_normal(drawn.shape)
    rest = cut.rest
    each = rest.covariance_model.per_component(rest.factors, rest.n_components)
    for k in np.unique(chosen).tolist():
        of_component = np.flatnonzero(chosen == k)
        noise = rest.covariance_model.form.times_rows(each[k], normal[of_component])
        means = rest.means[k] + _sloped(cut, k, exact[of_component] - cut.given.means[k])
        drawn[of_component] = means + noise
    return drawn


def _sloped(cut: Cut, k: int, off: FloatArray) -> FloatArray | float:
    """(n, m): A (x_o - mean_o) of one component, for deviations (n, p)."""
    if cut.slopes is None:
        return 0.0
    slopes = cut.slopes if cut.given.covariance_model.tied else cut.slopes[k]
    sloped: FloatArray = off @ slopes.T
    return sloped


def _drawn_components(odds: FloatArray, generator: "np.random.Generator") -> np.ndarray:
    """(n,): a component of each row, by its responsibilities (n, K)."""
    cumulated = np.cumsum(odds, axis=1)
    limits = generator.random(len(odds)) * cumulated[:, -1]
    before = (cumulated <= limits[:, None]).sum(axis=1)
    drawn: np.ndarray = np.minimum(before, odds.shape[1] - 1)
    return drawn


def _of_nothing(mixture: Mixture, pattern: Pattern, generator: "np.random.Generator") -> np.ndarray:
    """Rows of which nothing was observed: draws from the mixture."""
    rows, _ = draw(mixture, len(pattern.index), generator)
    shuffled: np.ndarray = generator.permutation(rows)
    return shuffled
