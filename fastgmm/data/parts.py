"""Parts: rows that a pass over data hands out together, with what is known about them."""

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np


class RowKind(Protocol):
    """What is known about the rows of a part, as the E-step needs it.

    A kind is a value: equal kinds are the same kind, and their rows are summed together.
    """

    def constants(self, mixture: Any) -> Any:
        """The `mixture.constants.Constants` with which kernels evaluate rows of this kind."""

    def lift(self, statistics: Any, mixture: Any, reference: Any) -> Any:
        """The statistics of complete rows that stand for those of rows of this kind.

        `mixture` is the one that responsibilities are under, and `reference` (K, D) the points that
        the sums are about, in all columns.
        """


class GapKind(ABC):
    """What is known about rows with gaps: which columns were observed of each."""

    @abstractmethod
    def patterns(self, n_rows: int) -> Any:
        """The `patterns.Patterns` of the rows of a part, n_rows of them if they are of one."""


class AllowedGapKind(GapKind):
    """What is known about rows with gaps that some components only may be the origin of."""

    components: np.ndarray


class LabelKind(ABC):
    """What is known about complete rows with labels: which components each may be of."""

    @abstractmethod
    def at(self, row: int) -> Any:
        """The `labels.Allowed` components of the row of this number."""

    @abstractmethod
    def pieces(self, block: int) -> list[tuple[Any, int, int]]:
        """Rows from one number to another, in order and at most so many, with their `at`."""


class CompleteRows:
    """The kind of rows of which every number is known and any component may be the origin.

    There is one object of it, `COMPLETE`, in every process.
    """

    def constants(self, mixture: Any) -> Any:
        """The constants of the mixture itself."""
        return mixture.constants

    def lift(self, statistics: Any, mixture: Any, reference: Any) -> Any:
        """The statistics as they are."""
        return statistics

    def __reduce__(self) -> str:
        return "COMPLETE"


COMPLETE = CompleteRows()
"""This is the kind of rows without gaps."""


class Part:
    """Rows (n, D) of one kind, C-contiguous, with float64 sample weights (n,) or None.

    Complete rows may be allowed some components only, each of them others: `allowed` (n, W), uint64
    or None, has bits of them, those of component k in word k // 64.
    """

    __slots__ = ("allowed", "kind", "rows", "sample_weight")

    def __init__(
        self,
        rows: np.ndarray,
        sample_weight: np.ndarray | None = None,
        kind: RowKind | GapKind | LabelKind = COMPLETE,
        allowed: np.ndarray | None = None,
    ) -> None:
        self.rows, self.sample_weight = rows, sample_weight
        self.kind, self.allowed = kind, allowed
