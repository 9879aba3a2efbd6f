"""Data that somebody else passes over: whoever can evaluate an E-step on all rows."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.patterns import together
from fastgmm.data.sample import Sample
from fastgmm.lazy import lazy

OnePass = Callable[[Any], Any]
"""A function of a mixture that returns the statistics of all rows under it."""


class DrivenData:
    """Rows that are wherever the user's function finds them, as data.

    The first pass is under `first`, and counts the rows.

    Parameters
    ----------
    one_pass : callable
    rows : ndarray of shape (m, D)
        A sample of all rows, drawn at random; float32 or float64, as all rows are.
    first : Mixture
        What the first pass is under.
    names : ndarray of shape (D,), optional
        The names of the features.
    gapped : bool
        Whether numbers of the rows may be missing, NaN.
    """

    resident = bounded = None
    labelled = False
    n_threads: int | None = None

    def __init__(
        self,
        one_pass: OnePass,
        rows: np.ndarray,
        first: Any,
        names: np.ndarray | None,
        gapped: bool,
    ) -> None:
        self._one_pass, self._rows, self._first = one_pass, rows, first
        self.names, self.gapped = names, gapped
        self.n_features: int = rows.shape[1]
        self.dtype = rows.dtype

    @lazy
    def extent(self) -> Extent:
        """The number and weight of all rows, which are taken for alike."""
        counted = self._one_pass(self._first)
        n, weight = counted.n_samples, counted.weight
        of_one = weight / n if n else 1.0
        return Extent(n, n, weight, min(1.0, of_one), max(1.0, of_one))

    @property
    def together(self) -> np.ndarray | None:
        """(D, D): in how many rows of the sample both columns were observed."""
        return together(self._rows) if self.gapped else None

    def go_on(self, extent: Extent) -> None:
        """Go on with what an earlier run has counted."""
        self.extent = extent

    def sample(self, seed: int, size: int) -> Sample:
        """The user's sample, or so many rows of it, in an order by the seed."""
        order = np.random.default_rng(seed).permutation(len(self._rows))
        chosen = np.sort(order[:size])
        ranks = np.argsort(order[:size])  # places in `chosen` by their turn in `order`
        return Sample(self._rows[chosen], None, np.argsort(ranks), False)

    def pass_over(self, make: Callable[[], Any]) -> Any:
        """The statistics of all rows under the mixture of the step that `make` returns."""
        step = make()
        statistics = self._one_pass(step.mixture)
        extent = self.extent
        same_weight = math.isclose(statistics.weight, extent.weight, rel_tol=1e-9)
        if statistics.n_samples != extent.n_samples or not same_weight:
            raise ValueError(
                f"one_pass gave statistics of {statistics.n_samples} rows of weight "
                f"{statistics.weight:g}, and of {extent.n_samples} of weight {extent.weight:g} at "
                "first: pass over the same rows each time."
            )
        if np.array_equal(statistics.reference, step.reference):
            return statistics
        return statistics.moved(step.reference)
