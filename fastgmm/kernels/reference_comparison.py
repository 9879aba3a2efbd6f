"""Candidates compared by a few passes of EM, in plain NumPy; the kernel says what arguments are."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class Comparing:
    """Passes that no rule ends, of a class that has an E-step and an M-step."""

    _e_step: Any
    _m_step: Any
    _held: np.ndarray
    ridge: np.ndarray
    limits: np.ndarray
    form: str
    rows: Any
    sample_weight: Any

    def take_rows(self, rows: Any, sample_weight: Any, limits: Any, at_once: int) -> None:
        """Go on with other rows of as many columns."""
        self.rows, self.sample_weight, self.limits = rows, sample_weight, limits

    def compare(
        self,
        begins: Sequence[Any],
        ends: Sequence[Any],
        standings: np.ndarray,
        needed: float,
        n_rows: float,
        most_noise: float,
    ) -> None:
        """Do the passes that are left to each mixture, and see what they promise."""
        for begin, end, standing in zip(begins, ends, standings, strict=True):
            self._held, mixture = np.ones(len(begin[0]), dtype=bool), begin
            while standing[0] > 0:
                bound, sums = self._e_step(*mixture)
                following = self._m_step(*sums)
                if not np.isfinite(bound) or following is None:
                    break
                mixture = following
                standing[0] -= 1
            for array, reached in zip(end, mixture, strict=True):
                array[...] = reached
            if standing[0] == 0:
                bound = self._e_step(*mixture)[0]
                standing[1] = bound if np.isfinite(bound) else np.nan
                standing[2] = self._weak(mixture[0], mixture[4], needed, n_rows)

    def _weak(self, weights: np.ndarray, inverses: Any, needed: float, n_rows: float) -> float:
        """1 with too few rows, NaN where a component may be flat, else 0."""
        if len(weights) == 1:
            return 0.0
        if weights.min() * n_rows < needed:
            return 1.0
        axes = {"matrix": (-2, -1), "diagonal": (-1,), "scalar": ()}[self.form]
        ridge = self.ridge if self.form != "scalar" else self.ridge[0]
        traces = (np.asarray(inverses) ** 2 * ridge).sum(axis=axes)
        return 0.0 if (traces <= 0.5 * self.limits[4]).all() else np.nan
