"""Rows with gaps as tasks for the kernels: which rows go into one call, and by which kernel.

Patterns of few rows are evaluated side by side, one in each lane of a vector, and in float64
whatever the rows; those of more rows one after the other, by the kernels of complete rows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.matrix import MATRIX
from fastgmm.data.parts import GapKind, Part
from fastgmm.data.patterns import Patterns, grouped
from fastgmm.mixture.mixture import FLOAT64, Mixture
from fastgmm.threads import Result, fold_blocks, rows_per_block
from fastgmm.values import dataclass

FEW_ROWS = {"full": 40, "tied": 24, "diag": 12, "spherical": 12}
"""Patterns of up to so many rows go side by side, by the kernel of the mixture: where both ways
take the same time (measured for 4 to 32 features and 4 to 16 components)."""
MOST_IN_LANES = 1 << 18
"""Lanes hold up to so many numbers of second moments, 16 MB in vectors of eight."""
MOST_KEPT = 1 << 14
"""Work space is kept for covariances of up to so many numbers: it has scratch for each number of
columns, 1 MB with so many, and larger scratch costs little beside the work in it."""
PATTERN_ROWS = 16
"""A pattern counts for so many rows beside its own when rows are cut into tasks."""


@dataclass(frozen=True, eq=False)
class Task:
    """The rows that one call of each kernel takes.

    Parameters
    ----------
    few, many : ndarray of int64, shape (m, 3)
        Pieces: a pattern, and from which row to which.  Those of few rows are for the lanes.
    begin, end : int
        Numbers of the first row and of the one after the last, pattern by pattern.
    first_value, last_value : int
        Likewise of the values.
    """

    few: np.ndarray
    many: np.ndarray
    begin: int
    end: int
    first_value: int
    last_value: int

    def table(self, patterns: Patterns, pieces: np.ndarray) -> tuple[Any, ...]:
        """The table that a kernel reads, for some of the pieces."""
        return (
            pieces,
            patterns.columns,
            patterns.observed,
            patterns.rows,
            patterns.values,
            self.begin,
            self.end - self.begin,
            self.first_value,
            self.last_value - self.first_value,
        )


def tasks_of(patterns: Patterns, mixture: Mixture) -> list[Task]:
    """The tasks of a pass: they depend on the rows and on the sizes of the mixture alone."""
    k, d = mixture.means.shape
    kernel = mixture.covariance_model.kernel
    key = kernel, k
    found = patterns.made.get(key)
    if found is None:
        most = FEW_ROWS[kernel]
        if mixture.covariance_model.form is MATRIX and k * d * d > 2 * MOST_IN_LANES:
            most = 0
        found = patterns.made[key] = _cut(patterns, most, rows_per_block(k, d))
    return found


def _cut(patterns: Patterns, most: int, block: int) -> list[Task]:
    """Patterns of more rows than a block are cut, and neighbours go together up to a block."""
    counts = np.diff(patterns.rows)
    n_pieces = (-(-counts // block)).astype(np.intp)
    pattern = np.repeat(np.arange(len(counts)), n_pieces)
    turn = np.arange(len(pattern)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    begins = patterns.rows[pattern] + turn * block
    ends = np.minimum(begins + block, patterns.rows[pattern + 1])
    cost = np.cumsum(ends - begins + PATTERN_ROWS)
    of_task = (cost - 1) // block
    firsts = np.flatnonzero(np.r_[True, of_task[1:] != of_task[:-1]])
    pieces = np.stack([pattern, begins, ends], axis=1).astype(np.int64)
    # Nothing has no lane to be in.
    few = (counts <= most)[pattern] & (patterns.observed[pattern] > 0)
    values = patterns.values[pattern] + turn * block * patterns.observed[pattern]
    last = values + (ends - begins) * patterns.observed[pattern]
    found = []
    for first, after in zip(firsts, [*firsts[1:], len(pieces)], strict=True):
        some, fits = pieces[first:after], few[first:after]
        found.append(
            Task(
                some[fits],
                some[~fits],
                int(begins[first]),
                int(ends[after - 1]),
                int(values[first]),
                int(last[after - 1]),
            )
        )
    return found


def space_for(patterns: Patterns, mixture: Mixture, dtype: np.dtype | None) -> Any:
    """Work space of a kernel, which `give_back` keeps: of that for a dtype, or of the lanes."""
    model, (k, d) = mixture.covariance_model, mixture.means.shape
    spares = patterns.made.setdefault((model.name, k, dtype), [])
    try:
        return spares.pop()  # this is atomic, and a look before it would not be
    except IndexError:
        made = kernels.PatternLanes if dtype is None else kernels.pattern_rows[dtype]
        return made(model.kernel, model.tied, k, d)


def give_back(patterns: Patterns, mixture: Mixture, dtype: np.dtype | None, space: Any) -> None:
    """Keep work space for the next task, unless it is large."""
    if mixture.n_components * mixture.n_features**2 > MOST_KEPT:
        return
    patterns.made[mixture.covariance_model.name, mixture.n_components, dtype].append(space)


def arrays_of(mixture: Mixture, reference: np.ndarray) -> tuple[np.ndarray, ...]:
    """What the kernels read of a mixture, and the points (K, D) that sums are about."""
    return (
        mixture.constants.log_weights,
        mixture.means,
        mixture.covariances,
        mixture.factors,
        mixture.inverse_factors,
        reference,
    )


def fold_tasks(
    function: Callable[[Task], Result],
    combine: Callable[[Result], object],
    tasks: list[Task],
    n_threads: int | None,
) -> None:
    """Call combine(function(task)) for all tasks in order, of which several may be under way."""
    if len(tasks) == 1:
        combine(function(tasks[0]))
    else:
        fold_blocks(lambda i, _: function(tasks[i]), combine, len(tasks), 1, n_threads)


def _chosen(task: Task) -> np.ndarray:
    """The rows of a task that are in lanes, counted from its first."""
    counts = (task.few[:, 2] - task.few[:, 1]).astype(np.intp)
    ends = np.cumsum(counts)
    first = task.few[:, 1] - task.begin
    chosen: np.ndarray = np.arange(ends[-1]) + np.repeat(first - ends + counts, counts)
    return chosen


@dataclass(frozen=True, eq=False)
class Expectation:
    """The sums of rows with gaps, expected to be complete.

    Parameters
    ----------
    mixture : Mixture
        It says what to expect in the gaps, and of which component a row is.
    reference : ndarray of shape (K, D)
        The points that sums are about.
    dtype : numpy.dtype
        In which patterns of many rows are summed; those of few are in float64.
    thresholds : ndarray of shape (K,)
        See `em.e_step`.
    values : ndarray of shape (m,)
        What was observed, pattern by pattern.
    """

    mixture: Mixture
    reference: np.ndarray
    dtype: np.dtype
    thresholds: np.ndarray
    values: np.ndarray

    def add(
        self,
        patterns: Patterns,
        task: Task,
        weight: np.ndarray | None,
        given: np.ndarray | None,
        sums: tuple[np.ndarray, np.ndarray, np.ndarray],
        log_density: np.ndarray | None,
    ) -> float:
        """Add the sums of the rows of one task; returns their log-likelihood.

        Sample weights (n,), given responsibilities (n, K) and log densities (n,), out, are those of
        these rows.
        """
        values, total = self.values[task.first_value : task.last_value], 0.0
        if len(task.many):
            some = values.astype(self.dtype, copy=False)
            space = space_for(patterns, self.mixture, self.dtype)
            total += space.expectation(
                arrays_of(self.mixture, self.reference),
                task.table(patterns, task.many),
                some,
                weight,
                given,
                self.thresholds,
                *sums,
                log_density,
            )
            give_back(patterns, self.mixture, self.dtype, space)
        if len(task.few):
            space = space_for(patterns, self.mixture, None)
            exact = None if log_density is None else np.empty(len(log_density))
            # The kernels of complete rows subtract the reference as their dtype rounds it.
            rounded = self.reference.astype(self.dtype, copy=False).astype(FLOAT64, copy=False)
            total += space.expectation(
                arrays_of(self.mixture, rounded),
                task.table(patterns, task.few),
                values.astype(FLOAT64, copy=False),
                weight,
                None if given is None else given.astype(FLOAT64, copy=False),
                *sums,
                exact,
            )
            give_back(patterns, self.mixture, None, space)
            if exact is not None and log_density is not None:
                chosen = _chosen(task)
                log_density[chosen] = exact[chosen]
        return total


def scored(
    mixture: Mixture,
    patterns: Patterns,
    values: np.ndarray,
    task: Task,
    name: str,
    out: np.ndarray,
) -> None:
    """The scores of this name of the rows of a task, which `values` and `out` hold alone."""
    arrays, dtype = arrays_of(mixture, mixture.means), values.dtype
    if len(task.many):
        space = space_for(patterns, mixture, dtype)
        space.score(arrays, task.table(patterns, task.many), values, name, out)
        give_back(patterns, mixture, dtype, space)
    if len(task.few):
        exact = np.empty(out.shape)
        space = space_for(patterns, mixture, None)
        table = task.table(patterns, task.few)
        space.score(arrays, table, values.astype(FLOAT64, copy=False), name, exact)
        give_back(patterns, mixture, None, space)
        chosen = _chosen(task)
        out[chosen] = exact[chosen]


def responsibilities_of(
    mixture: Mixture, part: Part, begin: int, end: int, dtype: np.dtype
) -> np.ndarray:
    """(end - begin, K): responsibilities of the rows of one task of a part with gaps."""
    assert isinstance(part.kind, GapKind)
    patterns = part.kind.patterns(len(part.rows))
    task = next(one for one in tasks_of(patterns, mixture) if one.begin == begin)
    assert task.end == end
    values = part.rows.reshape(-1)[task.first_value : task.last_value].astype(dtype, copy=False)
    out = np.empty((end - begin, mixture.n_components), dtype)
    scored(mixture, patterns, values, task, "responsibilities", out)
    return out


def expected(mixture: Mixture, rows: np.ndarray, n_threads: int | None) -> np.ndarray:
    """A copy of rows (n, D) with what the mixture expects in their gaps, computed in float64."""
    patterns, values = grouped(rows)
    filled = rows[patterns.order]

    def fill(task: Task) -> None:
        some = values[task.first_value : task.last_value].astype(FLOAT64, copy=False)
        out = filled[task.begin : task.end]
        exact = out.astype(FLOAT64)
        scored(mixture, patterns, some, task, "expected", exact)
        gaps = np.isnan(out)
        out[gaps] = exact[gaps]

    fold_tasks(fill, lambda _: None, tasks_of(patterns, mixture), n_threads)
    ordered = np.empty_like(rows)
    ordered[patterns.order] = filled
    return ordered


def scores(
    mixture: Mixture, rows: np.ndarray, name: str, out: np.ndarray, n_threads: int | None
) -> np.ndarray:
    """The scores of this name, a method of `PackedMixture`, of rows (n, D) with gaps."""
    patterns, values = grouped(rows)
    out[patterns.order] = scores_of(mixture, patterns, values, name, np.empty_like(out), n_threads)
    return out


def scores_of(
    mixture: Mixture,
    patterns: Patterns,
    values: np.ndarray,
    name: str,
    out: np.ndarray,
    n_threads: int | None,
) -> np.ndarray:
    """The same of rows that are `grouped` already, in the order of the patterns."""

    def score(task: Task) -> None:
        some = values[task.first_value : task.last_value]
        scored(mixture, patterns, some, task, name, out[task.begin : task.end])

    fold_tasks(score, lambda _: None, tasks_of(patterns, mixture), n_threads)
    return out


def peaks(mixture: Mixture, patterns: Patterns) -> np.ndarray:
    """(P, K): the log density of each component at its mean, nats, in the columns of each pattern.

    Of nothing it is 0.
    """
    out = np.empty((len(patterns), mixture.n_components))
    begins = patterns.rows
    pieces = np.stack([np.arange(len(patterns)), begins[:-1], begins[1:]], axis=1)
    whole = Task(pieces, pieces, 0, int(begins[-1]), 0, int(patterns.values[-1]))
    space = space_for(patterns, mixture, FLOAT64)
    space.peaks(arrays_of(mixture, mixture.means), whole.table(patterns, pieces), out)
    give_back(patterns, mixture, FLOAT64, space)
    return out
