"""Data sets that are drawn again and again: bootstrap replicates, and fits that begin at a fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.data.rows import RowData
from fastgmm.em.soundness import looked_at
from fastgmm.em.stretch import Spares
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.estimators.planning import family_of, plan_of, refuse_noise
from fastgmm.fits.fit import Fit, fit
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.fits.target import unobserved
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.sampling import draw
from fastgmm.values import dataclass

if TYPE_CHECKING:
    from numpy.random import Generator

LEAST_GAP = 1e-10
"""No fit is asked to come nearer to its limit than this, in nats per row, however many rows there
are."""
MAX_ITER = 1000
"""The fit of a replicate has at most this many iterations, or `max_iter` if that is more."""


@dataclass(frozen=True)
class Replicate:
    """One data set to be drawn: its number, of which its random numbers are made, and its size."""

    number: int
    size: int


Draw = Callable[["Generator", int | None], RowData]
"""What makes the data of a replicate from random numbers, for passes of so many threads."""


def resampled(rows: np.ndarray, gaps: bool = False) -> Draw:
    """As many rows, drawn from these with replacement; `gaps` says whether numbers are missing."""

    def drawn(generator: Generator, n_threads: int | None) -> RowData:
        n = len(rows)
        chosen = np.bincount(generator.integers(n, size=n), minlength=n)
        return RowData(np.repeat(rows, chosen, axis=0), None, n_threads, gapped=gaps)

    return drawn


def reweighted(rows: np.ndarray, gaps: bool = False) -> Draw:
    """The same rows with random weights, exponentially distributed and of mean one."""

    def drawn(generator: Generator, n_threads: int | None) -> RowData:
        weight = generator.standard_exponential(len(rows))
        return RowData(rows, weight / weight.mean(), n_threads, gapped=gaps)

    return drawn


def simulated(mixture: Mixture, rows: np.ndarray, gaps: bool = False) -> Draw:
    """As many rows as these, drawn from a mixture; they have the gaps of these, at random rows."""

    def drawn(generator: Generator, n_threads: int | None) -> RowData:
        made = draw(mixture, len(rows), generator)[0].astype(mixture.dtype, copy=False)
        if gaps:
            made = generator.permutation(made)
            made[np.isnan(rows)] = np.nan
        return RowData(made, None, n_threads, gapped=gaps)

    return drawn


def near_the_limit(params: Any, n_rows: int, gap: float) -> SimpleNamespace:
    """The parameters of fits that come so near to their limit, in nats, all rows together."""
    per_row, max_iter = max(gap / n_rows, LEAST_GAP), max(params.max_iter, MAX_ITER)
    return SimpleNamespace(**{**vars(params), "gap_tol": per_row, "max_iter": max_iter})


def warm_plan(params: Any, mixture: Mixture, seed: int) -> Plan:
    """The plan of fits that begin at a mixture."""
    refuse_noise(params, "a bootstrap")
    d = mixture.n_features
    plan = plan_of(params, d, family=family_of(params, d, mixture))
    return replace(plan, warm=mixture, seed=seed, spares=Spares())


def sound_fit(data: RowData, plan: Plan, hooks: Hooks | None) -> Fit | None:
    """The fit of a replicate; None where it fails, or where a component collapses, or nearly.

    What such a fit says, it says of the ridge.  Nor is there one where a column has no value.
    """
    if len(unobserved(data)):
        return None
    try:
        found = fit(data, plan, hooks)
    except IllDefinedCovarianceError:
        return None
    return found if is_sound(found, data) else None


def is_sound(found: Fit, data: RowData) -> bool:
    """Whether no component of a fit of these rows has collapsed, or nearly."""
    run = found.run
    assert run.mixture is not None
    if any(one.action == "moved" for one in run.repairs):
        return False
    looked = looked_at(run.mixture, data, run.regularization)
    return not looked.unbounded(run.regularization, found.n_rows).any()
