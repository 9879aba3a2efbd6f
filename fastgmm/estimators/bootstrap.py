"""Standard errors and intervals of the parameters of a mixture, by the bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, Literal, NamedTuple

import numpy as np

from fastgmm.errors import CollapseWarning, warn_user
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.estimators.replicates import (
    Draw,
    Replicate,
    near_the_limit,
    resampled,
    reweighted,
    simulated,
    sound_fit,
    warm_plan,
)
from fastgmm.fits.plan import Hooks
from fastgmm.fits.side_by_side import Work, in_chunks
from fastgmm.lazy import lazy
from fastgmm.limits.scalars import is_word, shown
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ArrayLike, RandomStateLike, Rows
from fastgmm.validation import (
    as_generator,
    as_rows,
    as_table,
    check_callback,
    check_feature_names,
    check_parameters,
    has_gaps,
)
from fastgmm.validation.questions import as_count, as_level
from fastgmm.values import dataclass

GAP = 1e-3
"""The fit of a replicate stops this far from its limit, in nats, all rows together: a parameter is
then within a twentieth of its standard error of where it would end."""
KINDS = ("nonparametric", "parametric", "weighted")
"""`kind` is one of these words."""


class ParameterArrays(NamedTuple):
    """A number, or a pair of bounds, for each parameter of a mixture.

    Parameters
    ----------
    weights : ndarray of shape (K,), or (2, K) of bounds
    means : ndarray of shape (K, D), or (2, K, D)
    covariances : ndarray
        In the shape of `GaussianMixture.covariances_`, or two of these.

    Examples
    --------
    >>> import fastgmm
    >>> model = fastgmm.GaussianMixture(random_state=0).fit([[1.0], [2.0], [6.0], [7.0]])
    >>> errors = fastgmm.bootstrap(model, [[1.0], [2.0], [6.0], [7.0]], 99).standard_errors
    >>> errors.weights, errors.means.shape
    (array([0.]), (1, 1))
    """

    weights: Rows
    means: Rows
    covariances: Rows


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """The parameters of the replicates of a mixture, made by `fastgmm.bootstrap`.

    Parameters
    ----------
    model : GaussianMixture
        The fit whose parameters these are replicates of.
    kind : {"nonparametric", "parametric", "weighted"}
    weights : ndarray of shape (n_replicates, K)
    means : ndarray of shape (n_replicates, K, D)
    covariances : ndarray of shape (n_replicates, ...)
    n_left_out : int
        Replicates whose fit failed, or in which a component collapsed; they are not in the arrays.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> X = np.random.default_rng(0).normal(size=(400, 1))
    >>> model = fastgmm.GaussianMixture(random_state=0).fit(X)
    >>> found = fastgmm.bootstrap(model, X, 199, random_state=0)
    >>> bool(abs(found.standard_errors.means[0, 0] - 1 / 20) < 0.01)
    True
    >>> low, high = found.interval(0.9).means
    >>> bool(low[0, 0] < model.means_[0, 0] < high[0, 0])
    True
    """

    model: GaussianMixture
    kind: str
    weights: Rows
    means: Rows
    covariances: Rows
    n_left_out: int = 0

    def __len__(self) -> int:
        return len(self.weights)

    @lazy
    def standard_errors(self) -> ParameterArrays:
        """The standard deviations of the replicates."""
        return ParameterArrays(*(array.std(axis=0, ddof=1) for array in self._arrays))

    def interval(self, level: float = 0.95) -> ParameterArrays:
        """The percentile intervals of this level: of each parameter the lower and upper bounds.

        Parameters
        ----------
        level : float, default=0.95
            The share of the replicates that lie within, between 0 and 1.

        Returns
        -------
        ParameterArrays
            ``low, high = found.interval().means``.
        """
        share = as_level(level)
        tails = (0.5 - 0.5 * share, 0.5 + 0.5 * share)
        return ParameterArrays(*(np.quantile(array, tails, axis=0) for array in self._arrays))

    @property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.weights, self.means, self.covariances

    def __str__(self) -> str:
        """The weights and means with their standard errors, a component per line."""
        errors, model = self.standard_errors, self.model
        lines = [f"{self.kind} bootstrap, {len(self)} replicates: estimate (standard error)"]
        for k, (weight, mean) in enumerate(zip(model.weights_, model.means_, strict=True)):
            numbers = [
                f"{value:.4g} ({error:.2g})"
                for value, error in zip(
                    [weight, *mean], [errors.weights[k], *errors.means[k]], strict=True
                )
            ]
            lines.append(f"component {k}: weight {numbers[0]}, mean {', '.join(numbers[1:])}")
        if self.n_left_out:
            lines.append(f"{self.n_left_out} replicates left out, since a component collapsed")
        return "\n".join(lines)


def bootstrap(
    model: GaussianMixture,
    X: ArrayLike,
    n_bootstrap: int = 999,
    *,
    kind: Literal["nonparametric", "parametric", "weighted"] = "nonparametric",
    random_state: RandomStateLike = None,
    n_threads: int | None = None,
    callback: Callable[[int], object] | None = None,
) -> Bootstrap:
    """Standard errors and intervals of a mixture's parameters by refits of replicates of its rows.

    Each refit begins at the fitted mixture, so that components keep their numbers, and runs to a
    thousandth of a nat from its limit, all rows together.

    Parameters
    ----------
    model : GaussianMixture
        The fit of these rows; one that is not fitted is fitted to them first, and stays as it was.
    X : array_like of shape (n_samples, n_features)
    n_bootstrap : int, default=999
        The number of replicates.
    kind : {"nonparametric", "parametric", "weighted"}, default="nonparametric"
        As many rows drawn from those of `X` with replacement (Efron 1979); drawn from the mixture;
        or the rows with weights from an exponential distribution (Newton and Raftery 1994), which
        leaves out no row.  With ``missing="em"`` rows drawn from the mixture get the gaps of `X`.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
    n_threads : int, optional
        None: all processors that this process may use.  No result depends on it.
    callback : callable, optional
        Called with the number of replicates that are done, now and then; what it raises ends the
        call.

    Returns
    -------
    Bootstrap
        With `standard_errors`, `interval(level)` and the parameters of all replicates.

    Raises
    ------
    ValueError
        When rows or parameters are not valid, or no two replicates could be fitted.

    Warns
    -----
    CollapseWarning
        When replicates are left out, since a component has collapsed in their fit.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0.0, 1.0, (200, 1)), rng.normal(9.0, 1.0, (200, 1))])
    >>> model = fastgmm.GaussianMixture(2, random_state=0).fit(X)
    >>> found = fastgmm.bootstrap(model, X, 199, kind="weighted", random_state=0)
    >>> found.standard_errors.means.round(1)
    array([[0.1],
           [0.1]])
    """
    if not isinstance(model, GaussianMixture):
        raise TypeError(
            f"the bootstrap is of a GaussianMixture, got a {type(model).__name__}: a posterior "
            "says itself how uncertain it is."
        )
    if not is_word(kind, KINDS):
        raise ValueError(f"kind must be one of {KINDS}, got {shown(kind)}.")
    n_bootstrap = as_count(n_bootstrap, "n_bootstrap", 2)
    check_callback(callback)
    n_threads = check_parameters({"n_threads": n_threads})["n_threads"]
    if not model.is_fitted:
        model = GaussianMixture(**vars(model._params())).fit(X)
    mixture, names = model._fitted()
    table = as_table(X)
    check_feature_names(table, names)
    may = model.missing == "em"
    rows = as_rows(
        table,
        n_features=mixture.n_features,
        min_rows=2,
        method="fit",
        n_threads=n_threads,
        gaps=may,
    )
    gaps = may and has_gaps(rows, n_threads)
    seed = int(as_generator(random_state).integers(2**63))
    drawn = {
        "nonparametric": resampled(rows, gaps),
        "parametric": simulated(mixture, rows, gaps),
        "weighted": reweighted(rows, gaps),
    }[kind]
    params = near_the_limit(model._params(), len(rows), GAP)
    refits = _Refits(drawn, params, mixture, seed)
    replicates = (Replicate(i, rows.size) for i in range(n_bootstrap))
    found: list[Mixture | None] = []
    with closing(in_chunks(replicates, Work(refits.one, list), n_threads)) as parts:
        for part in parts:
            found += part
            if callback is not None:
                callback(len(found))
    return _kept(model, kind, found)


class _Refits:
    """Fits of replicates that begin at a mixture."""

    def __init__(self, drawn: Draw, params: Any, mixture: Mixture, seed: int) -> None:
        self._drawn, self._seed = drawn, seed
        self._plan = warm_plan(params, mixture, seed)

    def one(self, of: Replicate, n_threads: int | None, hooks: Hooks | None) -> Mixture | None:
        """The mixture of one replicate; None where a component has collapsed."""
        generator = np.random.default_rng([self._seed, of.number])
        found = sound_fit(self._drawn(generator, n_threads), self._plan, hooks)
        return None if found is None else found.run.mixture


def _kept(model: GaussianMixture, kind: str, found: list[Mixture | None]) -> Bootstrap:
    """The result, of the mixtures of all replicates."""
    sound = [one for one in found if one is not None]
    n_left_out = len(found) - len(sound)
    if len(sound) < 2:
        raise ValueError(
            f"components have collapsed in {n_left_out} of {len(found)} replicates: use fewer "
            "components, a larger reg_covar or a prior."
        )
    if n_left_out:
        warn_user(
            f"{n_left_out} of {len(found)} replicates are left out, since a component has "
            "collapsed in their fit, or nearly: what is left understates the errors. Use fewer "
            "components, a larger reg_covar or a prior.",
            CollapseWarning,
        )
    return Bootstrap(
        model,
        kind,
        np.array([one.weights for one in sound]),
        np.array([one.means for one in sound]),
        np.array([one.shown_covariances for one in sound]),
        n_left_out,
    )
