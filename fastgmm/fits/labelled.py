"""Batches of a stream with labels: each call is a batch, with the rows that have waited for it.

From the first labels on a stream no longer looks for other mixtures: they would have an order of
their own.
"""

from dataclasses import replace

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.labels import RowLabels, parts_by_label
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import EStep
from fastgmm.fits.gaps import measured
from fastgmm.fits.influence import judged, judged_by_columns, sound
from fastgmm.fits.looks import density_of
from fastgmm.fits.online import Learner, Planned
from fastgmm.fits.pace import MOST_BATCH_ROWS
from fastgmm.values import dataclass


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows (n, D) with their weights (n,) or None and their labels, as a call brings them."""

    rows: np.ndarray
    weight: np.ndarray | None
    labels: RowLabels

    def where(self, chosen: np.ndarray | slice) -> "LabelledRows":
        """Some of them."""
        weight = None if self.weight is None else self.weight[chosen]
        return LabelledRows(self.rows[chosen], weight, self.labels.of(chosen))

    def after(self, rows: np.ndarray, weight: np.ndarray | None) -> "LabelledRows":
        """These after rows without labels."""
        if not len(rows):
            return self
        both: list[np.ndarray | None] = [weight, self.weight]
        weights = None
        if any(one is not None for one in both):
            lengths = len(rows), len(self.rows)
            weights = np.concatenate(
                [np.ones(n) if one is None else one for one, n in zip(both, lengths, strict=True)]
            )
        unknown = RowLabels.unknown(len(rows), self.labels.sets.shape[1])
        return LabelledRows(
            np.concatenate([rows, self.rows]), weights, RowLabels.joined([unknown, self.labels])
        )


def learned_with_labels(learner: Learner, given: LabelledRows, plan: Planned) -> Learner:
    """The learner that has taken the next rows of the stream, some of which have labels.

    Raises
    ------
    ValueError
        When there is no mixture yet, and the rows are too few to fit one.
    """
    n_given = len(given.rows)
    now = learner.having(labelled=True, _looks_again=False, reservoir=None)
    if np.isnan(given.rows).any():
        now = now.having(gaps=True)
    given = given.after(*now.waiting.held())
    now = now.having(waiting=now._nothing(), spare=None, probed=0)
    now = now.having(n_taken=learner.n_samples + n_given)
    with np.errstate(over="ignore", invalid="ignore"):
        if now.learned is None:
            return _first(now, given, plan)
        for begin in range(0, len(given.rows), MOST_BATCH_ROWS):
            now = _stepped(now, given.where(slice(begin, begin + MOST_BATCH_ROWS)))
    return now


def _first(now: Learner, given: LabelledRows, plan: Planned) -> Learner:
    """The first mixture, a fit of all that has come."""
    assert plan is not None
    kept = given.where(sound(given.rows, given.weight))
    n, found = len(kept.rows), None
    if n >= now.first_rows:
        data = RowData(
            kept.rows, kept.weight, now.n_threads, None, now._gapped(kept.rows), kept.labels
        )
        own = replace(plan(now.target.n_features), seed=now.seed)
        found = now.target.fit(data, own)
    if found is None or found.run.mixture is None:
        raise ValueError(
            f"partial_fit with labels begins with a fit of {now.first_rows} rows or more, and "
            f"these are {n}, or too alike: pass more in the first call, or call fit before."
        )
    extent = Extent.of(n, kept.weight)
    density = density_of(found.run.mixture, kept.rows, now.n_threads, now._gapped(kept.rows))
    return now.having(
        learned=now._implied(found.run, extent.weight),
        apart=found.apart,
        n_updates=1,
        n_skipped=now.n_skipped + len(given.rows) - n,
        recent=now.recent.plus(density, 0.0),
    )


def _stepped(now: Learner, given: LabelledRows) -> Learner:
    """One step; rows that would outweigh all others are set aside."""
    learned, n = now.learned, len(given.rows)
    assert learned is not None
    extent = Extent.of(n, given.weight)
    if extent.n_counted == 0:
        return now
    share = now.pace.share(extent.weight, now.seen)
    gaps, mixture = now._gapped(given.rows), learned.mixture
    if gaps:
        told = measured(mixture, given.rows, now.n_threads)
        density, found = told.log_density, judged_by_columns(told, given.weight, share)
    else:
        density = density_of(mixture, given.rows, now.n_threads)
        found = judged(mixture, density, given.weight, share)
    if found.far is not None:
        given, density = given.where(~found.far), density[~found.far]
        extent = Extent.of(len(given.rows), given.weight)
    if extent.n_counted:
        share = now.pace.share(extent.weight, now.seen)
        counts = now.pace.remembered(now.seen + extent.weight)
        e_step = EStep(mixture, extent, mixture.dtype, now.n_threads)
        for part in parts_by_label(given.rows, given.weight, given.labels, gaps):
            e_step.add(part)
        after = learned.stepped(e_step.statistics(), share, now.target.family, counts)
        now = now.having(learned=after, recent=now.recent.plus(density, now.seen))
    return now.having(n_updates=now.n_updates + 1, n_skipped=now.n_skipped + n - extent.n_samples)
