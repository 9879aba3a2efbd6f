"""How many components, and of which covariance type: a grid of fits and a criterion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.covariance.types import with_factors
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample, weight_of_row
from fastgmm.errors import CollapseWarning, DataRangeError, IllDefinedCovarianceError, warn_user
from fastgmm.estimators.candidate import Candidate, candidate_of, failed_candidate
from fastgmm.estimators.chosen import Selection
from fastgmm.estimators.endings import warn_of_ridge
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.estimators.given import row_data
from fastgmm.limits.scalars import is_iterable, is_word, shown
from fastgmm.mixture.criteria import check_criterion
from fastgmm.starts.points import Start, sample_size
from fastgmm.tables.containers import is_spread
from fastgmm.threads import Cancelled, Flag, as_they_end, free_threads
from fastgmm.typing import (
    COVARIANCE_TYPES,
    LOW_RANK_TYPES,
    MCLUST,
    MCLUST_TYPES,
    ArrayLike,
    CovarianceType,
    Criterion,
    RandomStateLike,
)
from fastgmm.validation import (
    as_generator,
    check_callback,
    check_parameters,
)
from fastgmm.validation.gaps import check_observed, never_together, warn_of_apart

if TYPE_CHECKING:
    from fastgmm.data.partitions import PartitionData
    from fastgmm.data.passes import Data

BIC_ERROR = 0.1
"""Stopping before the limit may change a criterion by this much, which is twice the number of rows
times `gap_tol`."""
LEAST_GAP = 1e-8
"""No fit is asked to come nearer to its limit than this, in nats per row, however many rows there
are."""
MAX_ITER = 1000
"""A fit of the grid has at most this many iterations, as criteria are compared at the limit."""
N_INIT = 10
"""Each fit is the best of this many starts, since a criterion compares optima and not starts."""
SIDE_BY_SIDE = (1 << 18, 1 << 21)
"""Between these numbers of rows times columns the fits run side by side, one thread each. Below,
Python's own time is most of a fit; above, one fit has work for all threads."""


def select(
    X: ArrayLike,
    n_components: int | Iterable[int] = range(1, 10),
    covariance_types: str | Sequence[str] = COVARIANCE_TYPES,
    criterion: Criterion = "bic",
    *,
    sample_weight: ArrayLike | None = None,
    random_state: RandomStateLike = None,
    n_threads: int | None = None,
    callback: Callable[[Candidate], object] | None = None,
    n_init: int = N_INIT,
    max_iter: int = MAX_ITER,
    client: Any = None,
    **params: Any,
) -> Selection:
    """Fit every number of components with every covariance type, and choose by a criterion.

    The fits share their rows, the sample for the start and its Ward tree, which gives every number
    of clusters at once.  They run to a predicted distance of 0.05 nats, all rows together, from
    their limit, so that criteria are right to 0.1, each the best of 10 starts (`n_init`);
    those of middling size run side by side.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
    n_components : int or iterable of int, default=range(1, 10)
    covariance_types : str or sequence of str, default=six types
        "mclust" stands for the fourteen of mclust, or for EII and VII where rows have one feature.
    criterion : {"bic", "icl", "aic"}, default="bic"
        Bayesian information criterion (Schwarz 1978), integrated completed likelihood (Biernacki,
        Celeux and Govaert 2000), or Akaike's; lower is better.
    sample_weight : array_like of shape (n_samples,), optional
        Repetitions of each row; n of the criteria is their sum.  Weights of less than one on
        average are taken in units of their mean.  Rows without any value, with ``missing="em"``,
        are not counted.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
    n_threads : int, optional
        None: all processors that this process may use.  No result depends on it.
    callback : callable, optional
        Called with each `Candidate` as its fit ends; what it raises ends the selection.
    n_init : int, default=10
        Starts of each fit.
    max_iter : int, default=1000
        Iterations of each fit, at the most.
    client : distributed.Client, optional
        As in `GaussianMixture.fit`, for arrays and frames of dask.
    **params : object
        Further parameters of `GaussianMixture`.

    Returns
    -------
    Selection
        With `model`, `table`, `criterion`, `best`, `summary` and `plot`; it unpacks as (model,
        table, criterion).

    Raises
    ------
    ValueError
        When rows, weights or parameters are not valid, or no fit has ended well.

    Warns
    -----
    CollapseWarning
        When components of some fits have collapsed, or nearly: these are not chosen, unless there
        is no other.
    UserWarning
        When `reg_covar` is large beside the variance of a column; as in `GaussianMixture.fit`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0.0, 1.0, (300, 2)), rng.normal(6.0, 2.0, (300, 2))])
    >>> chosen = fastgmm.select(X, range(1, 5), random_state=0)
    >>> chosen.best.covariance_type, chosen.best.n_components
    ('spherical', 2)
    """
    if "covariance_type" in params:
        raise TypeError("select takes covariance_types, one or several, and no covariance_type.")
    if "labels" in params:
        raise TypeError(
            "select takes no labels, which are of one number of components: fit each mixture with "
            "fit(X, labels=), and compare them by e_step(X, labels=).log_likelihood."
        )
    numbers, words = _numbers(n_components), _words(covariance_types)
    _check_grid(numbers, words, criterion)
    if any(word in LOW_RANK_TYPES for word in words) != (params.get("n_factors") is not None):
        raise ValueError("n_factors goes with covariance types of low rank: pass both, or neither.")
    n_threads = check_parameters({"n_threads": n_threads})["n_threads"]
    check_callback(callback)
    missing = check_parameters({"missing": params.get("missing", "error")})["missing"]
    data = _data(X, sample_weight, client, n_threads, missing == "em")
    grid = _grid(numbers, words, data.n_features)
    seed = int(as_generator(random_state).integers(2**63))
    given = {"max_iter": max_iter, "gap_tol": _gap(data.extent.weight), "n_init": n_init, **params}
    if isinstance(random_state, np.integer):
        random_state = int(random_state)
    given["random_state"] = random_state if isinstance(random_state, int) else None
    models: list[GaussianMixture | None] = []
    for kind, k in grid:
        model = GaussianMixture(k, covariance_type=kind, n_threads=n_threads, **given)
        if kind not in LOW_RANK_TYPES:
            model.n_factors = None  # it is of those that have factors
        model._params()
        models.append(model)
    largest = max(k for _, k in grid)
    workers = n_threads or free_threads()
    least, most = SIDE_BY_SIDE
    alone = isinstance(data, RowData) and workers > 1 and least <= data.rows.size <= most
    if alone:
        data.n_threads = 1
    if data.together is not None:
        check_observed(data.together, data.names)
    sample = _shared_sample(data, grid, seed, params)

    def run(model: GaussianMixture, cancelled: Cancelled) -> Candidate:
        return _fitted(model, data, sample, seed, largest, cancelled)

    side_by_side = min(workers, len(models)) if alone else 1
    best, table = _all(models, run, side_by_side, criterion, callback)
    if best is None:
        raise ValueError(
            f"None of the fits has ended well; the first failed so: {table[0].failure}"
        )
    chosen = Selection(best, table, criterion)
    if data.together is not None and any(kind in ("full", "tied") for kind, _ in grid):
        warn_of_apart(never_together(data.together), data.names)
    _warn(chosen, data.extent.weight, data.names)
    return chosen


def _warn(chosen: Selection, n_rows: float, names: np.ndarray | None) -> None:
    """Warn once of all fits in which components have collapsed, and of too large a ridge."""
    state = chosen.model._state
    assert state is not None
    assert state.mixture is not None
    assert state.regularization is not None
    whole = None if state.trail is None else state.trail.moments.variances
    if warn_of_ridge(state.mixture, state.regularization, n_rows, names, whole):
        return  # components that have collapsed onto such a ridge are none of their fault
    unsound = [one for one in chosen.table if not one.failure and not one.sound]
    if not unsound:
        return
    one = unsound[0] if chosen.best.sound else chosen.best
    what = "the chosen one as well" if one is chosen.best else "none of these was chosen"
    warn_user(
        f"{len(unsound)} of {len(chosen.table)} fits have components that have collapsed, or "
        f"nearly (n_collapsed, n_unbounded and collapse in the table), {what}: their likelihood "
        f"says more of reg_covar than of the rows. With covariance_type={one.covariance_type!r} "
        f"and n_components={one.n_components}: {one.collapse}",
        CollapseWarning,
    )


def _all(
    models: list[GaussianMixture | None],
    run: Callable[[GaussianMixture, Cancelled], Candidate],
    workers: int,
    criterion: Criterion,
    callback: Callable[[Candidate], object] | None,
) -> tuple[GaussianMixture | None, list[Candidate]]:
    """Fit all, so many at a time; returns the best, or None where all fail, and the table.

    Models that cannot be the best are given up as they end, since together they can be larger than
    the rows.
    """
    found: dict[int, Candidate] = {}
    best: tuple[int, GaussianMixture] | None = None

    def one(i: int, cancelled: Cancelled) -> Candidate:
        model = models[i]
        assert model is not None
        return run(model, cancelled)

    def take(i: int, candidate: Candidate) -> None:
        nonlocal best
        found[i], fitted, models[i] = candidate, models[i], None
        if fitted is not None and not candidate.failure:
            rank = candidate.rank(criterion), i
            if best is None or rank < (found[best[0]].rank(criterion), best[0]):
                best = i, fitted
        if callback is not None:
            callback(candidate)

    cancelled = Flag()
    if workers == 1:
        for i in range(len(models)):
            take(i, one(i, cancelled))
    else:
        # The largest fits begin first, as they take longest.
        order = sorted(range(len(models)), key=lambda i: -_n_components(models[i]))
        with closing(as_they_end(order, one, workers, cancelled)) as ended:
            for i, candidate in ended:
                take(i, candidate)
    return None if best is None else best[1], [found[i] for i in range(len(models))]


def _n_components(model: GaussianMixture | None) -> int:
    return 0 if model is None else int(model.n_components)


def _numbers(n_components: int | Iterable[int]) -> list[Any]:
    if isinstance(n_components, np.ndarray):
        n_components = n_components.reshape(-1).tolist()
    return list(n_components) if isinstance(n_components, Iterable) else [n_components]


def _words(covariance_types: str | Sequence[str]) -> list[str]:
    if not is_iterable(covariance_types):
        raise TypeError(f"covariance_types must be words, got {shown(covariance_types)}.")
    return [covariance_types] if isinstance(covariance_types, str) else list(covariance_types)


def _check_grid(numbers: list[Any], words: list[str], criterion: str) -> None:
    if not numbers or not words:
        raise ValueError("select needs at least one number of components and one covariance type.")
    check_criterion(criterion)
    for number in numbers:
        check_parameters({"n_components": number})
    for word in words:
        if not is_word(word, (MCLUST,)):
            check_parameters({"covariance_type": word})


def _grid(
    numbers: list[Any], words: list[str], n_features: int
) -> list[tuple[CovarianceType, int]]:
    """All fits, by the covariance types that these words stand for."""
    # Of one feature a variance is a volume, without shape or axes.
    fourteen = MCLUST_TYPES if n_features > 1 else MCLUST_TYPES[:2]
    kinds: list[Any] = [
        kind for word in words for kind in (fourteen if word == MCLUST else (word,))
    ]
    return [(kind, int(number)) for kind in kinds for number in numbers]


def _data(
    X: Any, sample_weight: Any, client: Any, n_threads: int | None, gaps: bool
) -> RowData | PartitionData:
    """The rows of all fits, whose weights count rows."""
    if client is not None or is_spread(X):
        # What clusters need is loaded with the first of them.
        from fastgmm.estimators.spread import Asked, counting_rows, spread_data

        spread = spread_data(X, sample_weight, client, Asked("select", n_threads, gaps))
        if spread is not None:
            return counting_rows(spread)
    data = row_data(X, sample_weight, "select", n_threads, gaps=gaps)
    if data.sample_weight is not None:
        data.sample_weight = data.sample_weight / weight_of_row(data.sample_weight)
    return data


def _gap(n: float) -> float:
    return max(0.5 * BIC_ERROR / n, LEAST_GAP)


def _shared_sample(
    data: Data, grid: list[tuple[CovarianceType, int]], seed: int, params: dict[str, Any]
) -> Sample:
    """One sample for all starts, as large as the largest of them wants."""
    method = params.get("init_params", "ward")
    n_factors = params.get("n_factors")
    starts = [Start(method, k, with_factors(kind, n_factors)) for kind, k in grid]
    drawn = data.sample(seed, max(sample_size(start, data.n_features) for start in starts))
    if not data.gapped:
        return drawn
    # What gaps need is loaded with the first of them.
    from fastgmm.starts.gaps import filled

    return filled(drawn, data.n_threads)


def _fitted(
    model: GaussianMixture,
    data: RowData | PartitionData,
    sample: Sample,
    seed: int,
    largest: int,
    cancelled: Cancelled,
) -> Candidate:
    kind, k = model.covariance_type, model.n_components
    try:
        model._fit_shared(data, sample, seed, largest, cancelled.is_set)
    except (IllDefinedCovarianceError, DataRangeError, ValueError) as error:
        return failed_candidate(kind, k, str(error))
    state = model._state
    assert state is not None
    return candidate_of(state, data)._replace(covariance_type=kind)
