"""How many components: the likelihood-ratio test, whose distribution comes from the bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from fastgmm.data.rows import RowData
from fastgmm.errors import CollapseWarning, IllDefinedCovarianceError, warn_user
from fastgmm.estimators.fixed import fixed_copy
from fastgmm.estimators.many import Fits, checked_parameters
from fastgmm.estimators.replicates import (
    Replicate,
    is_sound,
    near_the_limit,
    simulated,
    sound_fit,
    warm_plan,
)
from fastgmm.fits.fit import Fit
from fastgmm.fits.plan import Hooks
from fastgmm.fits.side_by_side import Work, in_chunks
from fastgmm.mixture.density import log_likelihood
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ArrayLike, CovarianceType, FloatArray, RandomStateLike
from fastgmm.validation import (
    as_generator,
    as_rows,
    as_table,
    check_callback,
    feature_names_of,
    has_gaps,
)
from fastgmm.validation.gaps import warn_of_apart
from fastgmm.validation.questions import as_count, as_level
from fastgmm.values import dataclass

GAP = 1e-2
"""Fits stop this far from their limit, in nats, all rows together; a statistic is right to 0.02."""
N_INIT = 3
"""The rows and each replicate are fitted from this many starts: of faithful, two full components
against three, the median of the statistic is 11 with one start and 13.5 with three."""


class LikelihoodRatio(NamedTuple):
    """The test of one number of components against one more.

    Parameters
    ----------
    n_components : int
        K of the null hypothesis.
    statistic : float
        Twice the log-likelihood of K + 1 components less that of K, in nats.
    p_value : float
        (1 + replicates with at least this statistic) / (1 + replicates).
    replicates : ndarray of shape (n_replicates,)
        The statistics of the replicates, in the order in which they were drawn.
    n_left_out : int
        Replicates in whose fits a component has collapsed.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> X = np.random.default_rng(0).normal(size=(60, 1))
    >>> test = fastgmm.bootstrap_lrt(X, n_bootstrap=19, random_state=0).table[0]
    >>> test.n_components, test.p_value > 0.05, len(test.replicates)
    (1, True, 19)
    """

    n_components: int
    statistic: float
    p_value: float
    replicates: FloatArray
    n_left_out: int = 0


@dataclass(frozen=True, eq=False)
class LikelihoodRatioTests:
    """Tests of 1 against 2 components, of 2 against 3, and so on, up to the first without effect.

    Parameters
    ----------
    table : tuple of LikelihoodRatio
    covariance_type : str
    level : float
        What p values are compared with.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0.0, 1.0, (60, 1)), rng.normal(9.0, 1.0, (60, 1))])
    >>> found = fastgmm.bootstrap_lrt(X, n_bootstrap=99, random_state=0)
    >>> found.n_components, [test.p_value < 0.05 for test in found.table]
    (2, [True, False])
    """

    table: tuple[LikelihoodRatio, ...]
    covariance_type: CovarianceType
    level: float

    @property
    def n_components(self) -> int:
        """The first number of components that no test has rejected."""
        last = self.table[-1]
        return last.n_components + (1 if last.p_value <= self.level else 0)

    def __str__(self) -> str:
        """A table with a line per test."""
        lines = [
            f"bootstrap likelihood-ratio tests, covariance_type={self.covariance_type!r}",
            "components   statistic   p value   replicates",
        ]
        lines += [
            f"{f'{one.n_components} / {one.n_components + 1}':>10}  {one.statistic:10.3f}  "
            f"{one.p_value:8.4f}  {len(one.replicates):11}"
            for one in self.table
        ]
        return "\n".join([*lines, f"{self.n_components} components at the level {self.level:g}"])


def bootstrap_lrt(
    X: ArrayLike,
    n_components: int = 1,
    *,
    max_components: int = 9,
    covariance_type: CovarianceType = "full",
    n_bootstrap: int = 999,
    level: float = 0.05,
    random_state: RandomStateLike = None,
    n_threads: int | None = None,
    callback: Callable[[LikelihoodRatio], object] | None = None,
    n_init: int = N_INIT,
    **params: Any,
) -> LikelihoodRatioTests:
    """Test K against K + 1 components, K = 1, 2, ..., by the parametric bootstrap.

    Twice the rise of the log-likelihood has no known distribution where a component is added.  Its
    distribution under K components is that of data sets drawn from the fitted mixture of K, which
    are fitted with both numbers (McLachlan 1987).  The tests end with the first that does not
    reject.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
    n_components : int, default=1
        The smallest K.
    max_components : int, default=9
        The largest K + 1.
    covariance_type : str, default="full"
    n_bootstrap : int, default=999
        Replicates per test.
    level : float, default=0.05
        A p value up to this rejects K components, and the next test follows.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
    n_threads : int, optional
        None: all processors that this process may use.  No result depends on it.
    callback : callable, optional
        Called with each `LikelihoodRatio` as its test ends; what it raises ends the call.
    n_init : int, default=3
        Starts of each fit, of `X` and of the replicates.
    **params : object
        Further parameters of `GaussianMixture`.

    Returns
    -------
    LikelihoodRatioTests
        With `table`, `n_components`, `level`; `print` shows a line per test.

    Raises
    ------
    ValueError
        When rows or parameters are not valid, or a fit of `X` or all replicates of a test fail.

    Warns
    -----
    CollapseWarning
        When a component of a fit of `X` has collapsed, or nearly: the tests end before it, since
        its likelihood says more of `reg_covar` than of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0.0, 1.0, (60, 1)), rng.normal(9.0, 1.0, (60, 1))])
    >>> print(fastgmm.bootstrap_lrt(X, n_bootstrap=99, random_state=0))
    bootstrap likelihood-ratio tests, covariance_type='full'
    components   statistic   p value   replicates
         1 / 2 ...
         2 / 3 ...
    2 components at the level 0.05
    """
    n_components = as_count(n_components, "n_components", 1)
    max_components = as_count(max_components, "max_components", n_components + 1)
    n_bootstrap = as_count(n_bootstrap, "n_bootstrap", 1)
    level = as_level(level)
    check_callback(callback)
    given = {"covariance_type": covariance_type, "n_threads": n_threads, "n_init": n_init}
    seed = int(as_generator(random_state).integers(2**32))
    checked = checked_parameters({**given, "random_state": seed, **params})
    may, n_threads = checked.missing == "em", checked.n_threads
    table = as_table(X)
    rows = as_rows(table, min_rows=2, method="fit", n_threads=n_threads, gaps=may)
    checked = near_the_limit(checked, len(rows), GAP)
    tests: list[LikelihoodRatio] = []
    null = _fitted(rows, checked, n_components)
    warn_of_apart(null.apart, feature_names_of(table))
    for k in range(n_components, max_components):
        alternative = _fitted(rows, checked, k + 1)
        test = _test(_Test(rows, checked, null, alternative), n_bootstrap)
        tests.append(test)
        if callback is not None:
            callback(test)
        if not test.p_value <= level:
            break
        null = alternative
    return LikelihoodRatioTests(tuple(tests), covariance_type, level)


def _fitted(rows: np.ndarray, params: Any, n_components: int) -> Fit:
    """The fit of the rows themselves, which may have collapsed."""
    fits = Fits(SimpleNamespace(**{**vars(params), "n_components": n_components}))
    return fits.one(fits.data(rows, None, params.n_threads), None).fit


class _Test:
    """K against K + 1 components: what is drawn, and how it is fitted.

    The replicates have K + 1 components fitted as the rows have, from as many starts.  Their fits
    of K components begin at the mixture that they are drawn from, and so near their end.
    """

    def __init__(self, rows: np.ndarray, params: Any, null: Fit, alternative: Fit) -> None:
        mixture = _mixture(null)
        k = mixture.n_components
        self.n_components, self.size = k, rows.size
        gaps = params.missing == "em" and has_gaps(rows, params.n_threads)
        of_rows = RowData(rows, None, params.n_threads, gapped=gaps)
        self.statistic = _ratio(of_rows, mixture, _mixture(alternative))
        self.sound = is_sound(null, of_rows) and is_sound(alternative, of_rows)
        self.n_threads = params.n_threads
        self._drawn, self._seed = simulated(mixture, rows, gaps), params.random_state
        of_null = SimpleNamespace(**{**vars(params), "n_components": k})
        self._null = warm_plan(of_null, mixture, self._seed)
        self._alternative = Fits(SimpleNamespace(**{**vars(params), "n_components": k + 1}))

    def one(self, of: Replicate, n_threads: int | None, hooks: Hooks | None) -> float:
        """The statistic of one replicate; NaN where a component has collapsed."""
        generator = np.random.default_rng([self._seed, self.n_components, of.number])
        data = self._drawn(generator, n_threads)
        null = sound_fit(data, self._null, hooks)
        if null is None:
            return np.nan
        try:
            alternative = self._alternative.one(data, hooks).fit
        except IllDefinedCovarianceError:
            return np.nan
        if not is_sound(alternative, data):
            return np.nan
        return _ratio(data, _mixture(null), _mixture(alternative))


def _test(test: _Test, n_bootstrap: int) -> LikelihoodRatio:
    """The result of one test."""
    k = test.n_components
    if not test.sound:
        warn_user(
            f"components have collapsed, or nearly, in the fits of {k} or {k + 1} components: the "
            "tests end here, since such a likelihood says more of reg_covar than of the rows. Use "
            "a larger reg_covar, a prior, or a covariance_type of fewer parameters.",
            CollapseWarning,
        )
        return LikelihoodRatio(k, test.statistic, np.nan, fixed_copy(np.empty(0)))
    replicates = (Replicate(i, test.size) for i in range(n_bootstrap))
    with closing(in_chunks(replicates, Work(test.one, list), test.n_threads)) as parts:
        found = np.array([statistic for part in parts for statistic in part])
    found = found[np.isfinite(found)]
    p_value = (1 + np.count_nonzero(found >= test.statistic)) / (1 + len(found))
    n_left_out = n_bootstrap - len(found)
    return LikelihoodRatio(k, test.statistic, float(p_value), fixed_copy(found), n_left_out)


def _mixture(found: Fit) -> Mixture:
    assert found.run.mixture is not None
    return found.run.mixture


def _ratio(data: RowData, null: Mixture, alternative: Mixture) -> float:
    """Twice the rise of the log-likelihood of all rows."""
    before, after = (
        log_likelihood(mixture, data.rows, None, data.n_threads, gaps=data.gapped)
        for mixture in (null, alternative)
    )
    return 2.0 * (after - before)
