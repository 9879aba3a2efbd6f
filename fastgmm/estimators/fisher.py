"""Fisher vectors of many groups of rows, some of them side by side."""

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from fastgmm.data.rows import RowData
from fastgmm.em.e_step import EStep
from fastgmm.fits.plan import Hooks
from fastgmm.fits.side_by_side import Work, in_chunks
from fastgmm.limits.scalars import as_flag, is_iterable, shown
from fastgmm.mixture.fisher import FisherVectors, improve
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.mixture.statistics import check as check_statistics
from fastgmm.tables.containers import is_table
from fastgmm.typing import Rows
from fastgmm.validation.labels import as_labels, group_order
from fastgmm.values import dataclass

Taken = Callable[[Any], tuple[Rows, bool]]
"""A function taken(table) returns its rows, checked, and whether they have gaps."""


@dataclass(frozen=True, eq=False)
class Group:
    """The rows of one group, or what an E-step says of them.

    Parameters
    ----------
    rows : ndarray of shape (n, D), or SufficientStatistics
    gaps : bool
        Whether values of the rows are missing.
    """

    rows: Rows | SufficientStatistics
    gaps: bool = False

    @property
    def size(self) -> int:
        """About how many numbers it holds."""
        return 1 if isinstance(self.rows, SufficientStatistics) else self.rows.size

    @property
    def single(self) -> bool:
        """Whether the rows are float32."""
        return bool(self.rows.dtype == np.float32)


def groups_of(X: Any, labels: Any, mixture: Mixture, taken: Taken) -> Iterator[Group]:
    """The groups that a user gave, one after the other.

    Raises
    ------
    ValueError, TypeError
        When they are none, or what one of them holds is not valid: then it is named.
    """
    if labels is not None:
        return _cut(X, labels, taken)
    groups = [X] if _is_one(X) else X
    if not is_iterable(groups):
        raise TypeError(
            f"X must be an array of rows, or an iterable of groups of rows, got {shown(X)}."
        )
    return _checked(iter(groups), mixture, taken)


def _cut(X: Any, labels: Any, taken: Taken) -> Iterator[Group]:
    rows, gaps = taken(X)
    found, codes = as_labels(labels, len(rows))
    order, ends = group_order(codes, len(found))
    begins = [0, *ends.tolist()]
    return (Group(rows[order[a:b]], gaps) for a, b in pairwise(begins))


def _checked(given: Iterator[Any], mixture: Mixture, taken: Taken) -> Generator[Group]:
    for i, one in enumerate(given):
        try:
            if isinstance(one, SufficientStatistics):
                check_statistics(one, mixture.covariance_type, mixture.means.shape)
                if not one.component_weight.sum() > 0.0:
                    raise ValueError("the statistics hold no weight.")
                yield Group(one)
            else:
                yield Group(*taken(one))
        except (TypeError, ValueError) as error:
            raise type(error)(f"group {i} of fisher_vectors: {error}") from error


def _is_one(X: Any) -> bool:
    """Whether this is one group: statistics or a table, and no iterable of those."""
    if isinstance(X, SufficientStatistics):
        return True
    if isinstance(X, np.ndarray):
        # An array of objects has one dimension where these are groups, and two where it is a table.
        return X.ndim == 2 or (X.ndim != 3 and X.dtype != object)
    if isinstance(X, list | tuple):
        return len(X) > 0 and not isinstance(X[0], SufficientStatistics) and np.ndim(X[0]) < 2
    return is_table(X)


def vectors_of(
    mixture: Mixture,
    groups: Iterator[Group],
    parts: Collection[str],
    improved: bool,
    n_threads: int | None,
) -> Rows:
    """(G, length): the vectors of the groups in their order, float32 where all rows are.

    No number depends on the threads: the sums of a group are those of an E-step.
    """
    spare: list[FisherVectors] = []

    def one(group: Group, n_threads: int | None, hooks: Hooks | None) -> tuple[Rows, bool]:
        try:
            made = spare.pop()  # this is atomic, and a look before it would not be
        except IndexError:
            made = FisherVectors(mixture, parts)
        out, rows = np.empty(made.length), group.rows
        if isinstance(rows, SufficientStatistics):
            made.of_statistics(rows, out)
        else:
            data = RowData(rows, None, n_threads, gapped=group.gaps)
            step = partial(EStep, mixture, data.extent, rows.dtype, n_threads)
            made.of_statistics(data.pass_over(step), out)
        spare.append(made)
        if as_flag(improved, "improved"):
            improve(out)
        return out, group.single

    with closing(in_chunks(groups, Work(one, list), n_threads)) as chunks:
        found = [vector for chunk in chunks for vector in chunk]
    if not found:
        raise ValueError("there is no group: fisher_vectors needs the rows of at least one.")
    single = all(single for _, single in found)
    return np.array([vector for vector, _ in found], np.float32 if single else np.float64)
