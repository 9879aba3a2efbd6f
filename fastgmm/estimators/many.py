"""One model for each of many groups of rows: many fits at once, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import numpy as np

from fastgmm.data.orders import Orders
from fastgmm.data.rows import RowData
from fastgmm.em.stretch import Spares
from fastgmm.errors import DataRangeError, IllDefinedCovarianceError
from fastgmm.estimators.conventions import defaults_of
from fastgmm.estimators.fitted_groups import FittedGroups
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.estimators.many_endings import warn_of_all
from fastgmm.estimators.planning import plan_of, refuse_noise
from fastgmm.estimators.stack import Fitted, Found, Stack
from fastgmm.fits.fit import fit, of_one_start
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.fits.side_by_side import AtOnce, Work, in_chunks
from fastgmm.fits.small import MOST_ROWS, SmallFit, SmallFits, is_plain
from fastgmm.limits.scalars import is_word, shown
from fastgmm.starts.gaps import filled
from fastgmm.starts.points import sample_size
from fastgmm.threads import Cancelled
from fastgmm.typing import ArrayLike, CovarianceType, RandomStateLike
from fastgmm.validation import (
    as_generator,
    check_callback,
    check_no_factors,
    check_parameters,
    has_gaps,
)
from fastgmm.validation.groups import Group, Groups

ON_ERROR = ("raise", "return")
"""`on_error` is one of these words."""


class GroupFit(NamedTuple):
    """What a callback of `fit_many` sees of the fit of one group.

    Parameters
    ----------
    number : int
        That of the group, from 0.
    label : hashable
    lower_bound : float
        Mean log-likelihood per row in nats; -inf where the fit has failed.
    converged : bool
    n_iter : int
    failure : str
        Empty where the fit has ended well.

    Examples
    --------
    >>> import fastgmm
    >>> seen = []
    >>> found = fastgmm.fit_many([[[0.0], [2.0]], [[1.0], [9.0]]], callback=seen.append)
    >>> [(one.number, one.label, one.converged) for one in seen]
    [(0, 0, True), (1, 1, True)]
    """

    number: int
    label: Hashable
    lower_bound: float
    converged: bool
    n_iter: int
    failure: str = ""


def fit_many(
    groups: Any,
    n_components: int = 1,
    *,
    labels: ArrayLike | None = None,
    sample_weight: Any = None,
    covariance_type: CovarianceType = "full",
    random_state: RandomStateLike = None,
    n_threads: int | None = None,
    on_error: Literal["raise", "return"] = "raise",
    callback: Callable[[GroupFit], object] | None = None,
    **params: Any,
) -> FittedGroups:
    """Fit one mixture to each of many groups of rows, several at a time.

    Each model is, bit for bit, what ``GaussianMixture(...).fit(rows of the group)`` gives, and no
    result depends on the number of threads.  Groups of an iterator are taken as they are wanted, so
    that only a few are in memory; of each fit parameters are kept, three times the numbers of its
    covariances or so, and a model is made when it is asked for.

    Parameters
    ----------
    groups : iterable of array_like, mapping, or array_like of shape (n_samples, n_features)
        The rows of each group: any iterable of tables, an iterator included; a mapping of labels to
        tables; or one table, with `labels`.  All have the same columns; they may differ in length,
        and in dtype.
    n_components : int, default=1
    labels : array_like of shape (n_samples,), optional
        The group of each row of the one table: numbers, text, dates, categories.  The groups come
        sorted by it, or in the order of the categories, of which those without rows are left out.
    sample_weight : object, optional
        How often rows count: (n_samples,) with `labels`; else an iterable of the weights of each
        group, or None for a group whose rows count once; a mapping where the groups are one.
    covariance_type : str, default="full"
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        An int is that of each single fit.  For all others one int is drawn, which the models have
        as their `random_state`.
    n_threads : int, optional
        None: all processors that this process may use.
    on_error : {"raise", "return"}, default="raise"
        What is done about a group that cannot be fitted, because it has too few rows, or NaN (with
        ``missing="em"`` a column without a value), or ends with a singular covariance: the first of
        them ends the call, or it is listed in `failures` and has NaN in the arrays.
    callback : callable, optional
        Called with a `GroupFit` for each group, in their order; what it raises ends the call.
    **params : object
        Further parameters of `GaussianMixture`.

    Returns
    -------
    FittedGroups
        A mapping of labels to models, with `models`, `labels`, `failures`, the stacked arrays
        `weights_`, `means_`, `covariances_`, `lower_bound_`, `converged_` and `n_iter_`, and
        `score_samples` and `predict` of rows with labels.

    Raises
    ------
    ValueError
        When parameters or labels are not valid, there is no group, or one cannot be fitted.

    Warns
    -----
    CollapseWarning, ConvergenceWarning, UserWarning
        As a single fit does, once for all groups.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2)) + np.repeat([[0.0], [5.0], [9.0]], 100, axis=0)
    >>> sensor = np.repeat(["north", "south", "west"], 100)
    >>> found = fastgmm.fit_many(X, 2, labels=sensor, random_state=0)
    >>> found.labels, found.means_.shape
    (('north', 'south', 'west'), (3, 2, 2))
    >>> single = fastgmm.GaussianMixture(2, random_state=0).fit(X[sensor == "south"])
    >>> bool((found["south"].means_ == single.means_).all())
    True
    """
    if not is_word(on_error, ON_ERROR):
        raise ValueError(f"on_error must be one of {ON_ERROR}, got {shown(on_error)}.")
    check_callback(callback)
    given = {"n_components": n_components, "covariance_type": covariance_type, **params}
    given |= {"n_threads": n_threads, "random_state": random_state}
    checked = checked_parameters(given)
    if not isinstance(checked.random_state, int):
        checked.random_state = int(as_generator(random_state).integers(2**32))
    gaps = checked.missing == "em"
    found = Groups(groups, labels, sample_weight, checked.n_components, gaps)
    kept = _Kept(callback, on_error == "raise")
    fits = Fits(checked)
    at_once = AtOnce(partial(_takes, fits), partial(_fit_at_once, fits))
    work = Work(partial(_fit_group, fits), _together, at_once)
    with closing(in_chunks(found, work, checked.n_threads)) as parts:
        for part in parts:
            kept.take(part)
    stack = kept.stack()
    names = tuple(kept.labels)
    warn_of_all(stack, checked, found.names, names)
    failures = {names[i]: str(error) for i, error in stack.failures.items()}
    params = vars(checked) | {"covariance_type": covariance_type}
    return FittedGroups(names, failures, params, found.names, stack)


def checked_parameters(given: dict[str, Any]) -> Any:
    """All parameters of `GaussianMixture` as attributes, checked; the defaults of those not given.

    Raises
    ------
    TypeError
        When one is unknown.
    InvalidParameterError
        When one is not valid.
    """
    known = defaults_of(GaussianMixture.__init__)
    for name in given:
        if name not in known:
            raise TypeError(f"{name} is no parameter of GaussianMixture.")
    checked = SimpleNamespace(**check_parameters({**known, **given}))
    refuse_noise(checked, "a fit of many data sets")
    check_no_factors(checked.covariance_type, "fit_many and bootstrap_lrt")
    return checked


class Fits:
    """Fits of many data sets by the same parameters, which are looked at once.

    Parameters
    ----------
    params : object
        It has the constructor's parameters as attributes, checked; its `random_state` is an int.
    """

    def __init__(self, params: Any) -> None:
        self._params = params
        self._seed = int(as_generator(params.random_state).integers(2**63))
        self._made: tuple[Plan, Orders] | None = None
        self._small: SmallFits | None = None
        given = (params.weights_init, params.means_init, params.precisions_init)
        self.plain = (
            all(one is None for one in given)
            and not params.frozen
            and is_plain(plan_of(params, n_features=1))
        )
        """Whether the kernel can do whole fits of few rows."""

    def at_once(
        self, data_sets: Sequence[RowData], cancelled: Cancelled | None = None
    ) -> dict[int, SmallFit]:
        """The fits that the kernel can do all of, by their places; fewer where cancelled."""
        places = [i for i, data in enumerate(data_sets) if self.takes(data)]
        if self._small is None or not places:
            return {}
        runs = self._small.of([data_sets[i] for i in places], cancelled)
        done = runs.ends[:, 0].tolist()
        return {place: SmallFit(runs, i) for i, place in enumerate(places) if done[i]}

    def takes(self, data: RowData) -> bool:
        """Whether the kernel may do all of the fit of some data."""
        if self.plain and self._small is None:
            # Threads may both make them, which are the same then.
            self._small = SmallFits(plan_of(self._params, data.n_features), data.n_features)
        return self._small is not None and self._small.takes(data)

    def one(self, data: RowData, hooks: Hooks | None) -> Fitted:
        """The fit of one data set: that of an estimator with these parameters."""
        if 0 in (small := self.at_once([data])):
            return Fitted(of_one_start(small[0].run, data.extent), data.extent.weight)
        return self.in_steps(data, hooks)

    def in_steps(self, data: RowData, hooks: Hooks | None) -> Fitted:
        """The same of data that the kernel cannot fit in one call."""
        # Threads may both make the first plan, which is the same then.
        plan, orders = self._made = self._made or self._plan(data.n_features)
        sample = orders.sample(data)
        if data.gapped:
            sample = filled(sample, data.n_threads)
        found = fit(data, plan, hooks, sample)
        return Fitted(found, data.extent.weight)

    def data(self, rows: np.ndarray, weight: np.ndarray | None, n_threads: int | None) -> RowData:
        """Rows as data of a fit; where `missing` is "em" they may have gaps."""
        gaps = self._params.missing == "em" and has_gaps(rows, n_threads)
        return RowData(rows, weight, n_threads, gapped=gaps)

    def _plan(self, n_features: int) -> tuple[Plan, Orders]:
        plan = plan_of(self._params, n_features)
        start, regularizing = plan.start, plan.settings.regularizing
        if not regularizing.needs_rows and regularizing.prior is None:
            start = replace(start, regularization=regularizing.without_rows(n_features))
        plan = replace(plan, start=start, seed=self._seed, spares=Spares())
        return plan, Orders(self._seed, sample_size(plan.start, n_features))


class _Part(NamedTuple):
    """What is kept of a chunk of groups: their labels, and the stack of their fits."""

    labels: list[Hashable]
    stack: Stack | dict[int, Exception]


def _fit_group(
    fits: Fits, group: Group, n_threads: int | None, hooks: Hooks | None
) -> tuple[Hashable, Found]:
    if group.failure is not None:
        return group.label, group.failure
    try:
        return group.label, fits.in_steps(fits.data(group.rows, group.weight, n_threads), hooks)
    except ValueError as error:
        return group.label, error


def _is_small(group: Group) -> bool:
    """Whether a group has so few rows that the kernel may take it."""
    return group.failure is None and len(group.rows) <= MOST_ROWS


def _takes(fits: Fits, group: Group) -> bool:
    """Whether the kernel may do all of the fit of a group."""
    return _is_small(group) and fits.takes(fits.data(group.rows, group.weight, 1))


def _fit_at_once(
    fits: Fits, groups: list[Group], cancelled: Cancelled
) -> dict[int, tuple[Hashable, Found]]:
    """The fits of those groups that the kernel can do all of, with the labels of the groups."""
    places = [i for i, group in enumerate(groups) if _is_small(group)]
    data = [fits.data(groups[i].rows, groups[i].weight, 1) for i in places]
    found = fits.at_once(data, cancelled)
    return {places[i]: (groups[places[i]].label, one) for i, one in found.items()}


def _together(found: list[tuple[Hashable, Found]]) -> _Part:
    return _Part([label for label, _ in found], Stack.of([one for _, one in found]))


class _Kept:
    """The parts that have come, and who is told of them."""

    def __init__(self, callback: Callable[[GroupFit], object] | None, raises: bool) -> None:
        self.labels: list[Hashable] = []
        self._parts: list[Stack | dict[int, Exception]] = []
        self._callback, self._raises = callback, raises

    def take(self, part: _Part) -> None:
        """Keep a part, unless a group that has failed is to end it all."""
        failures = part.stack if isinstance(part.stack, dict) else part.stack.failures
        if self._raises and failures:
            first = min(failures)
            raise _named_error(part.labels[first], failures[first]) from failures[first]
        begin = len(self.labels)
        self.labels += part.labels
        self._parts.append(part.stack)
        if self._callback is not None:
            for i, label in enumerate(part.labels):
                self._callback(_seen(begin + i, label, part.stack, i))

    def stack(self) -> Stack:
        """The stack of all parts."""
        if not self.labels:
            raise ValueError("there is no group: fit_many needs the rows of at least one.")
        stack = Stack.joined(self._parts)
        if isinstance(stack, dict):
            label, error = self.labels[0], stack[0]
            raise ValueError(
                f"none of the {len(stack)} groups could be fitted; the first, {label!r}, failed "
                f"so: {error}"
            ) from error
        return stack


def _seen(number: int, label: Hashable, stack: Stack | dict[int, Exception], i: int) -> GroupFit:
    """What a callback is shown of one fit of a stack."""
    failures = stack if isinstance(stack, dict) else stack.failures
    if isinstance(stack, dict) or i in failures:
        return GroupFit(number, label, -np.inf, False, 0, str(failures[i]))
    numbers = stack.numbers
    return GroupFit(
        number,
        label,
        float(numbers.lower_bound[i]),
        bool(numbers.converged[i]),
        int(numbers.n_iter[i]),
    )


def _named_error(label: Hashable, error: Exception) -> Exception:
    """The error of one group, as one that says which group it was."""
    text = f"group {label!r} cannot be fitted: {error}"
    if isinstance(error, IllDefinedCovarianceError):
        named = IllDefinedCovarianceError(text)
        named.component = error.component
        return named
    if isinstance(error, DataRangeError):
        return DataRangeError(text)
    return TypeError(text) if isinstance(error, TypeError) else ValueError(text)
