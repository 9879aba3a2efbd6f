"""One step of a stream: what a batch of rows says, and what is known after it.

Batches of one block of rows go through compiled code, in one call, where the family is that of
maximum likelihood and covariances are free.  All others, and those of which something has to be
decided, go through an E-step and an M-step.
"""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.estimate import LARGEST, PIVOT_ROUNDING
from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.em.e_step import NEGLIGIBLE
from fastgmm.em.m_step import LEAST_WEIGHT, MAXIMUM_LIKELIHOOD, Family
from fastgmm.fits.gaps import e_step_of
from fastgmm.fits.influence import LIMIT, STRONG, judged, judged_by_columns, unit_of_influence
from fastgmm.fits.learned import Learned
from fastgmm.fits.looks import imbalance, mean_excess
from fastgmm.threads import rows_per_block
from fastgmm.values import dataclass

_STEPPED = 0
"""The outcome of a compiled step that was done."""


@dataclass(frozen=True, eq=False)
class Step:
    """What a batch has said.

    Parameters
    ----------
    learned : Learned, optional
        What is known after it; None where rows are far.
    far : ndarray of bool, shape (n,), optional
        The rows that would outweigh all others; None where there is none.
    strong : bool
        Whether some row has much influence.
    log_density : ndarray of shape (n,)
        Of each row before the step, float64, in nats.
    excess, imbalance : float
        The mean `excess` of the rows, and the relative entropy of the weights of the components, in
        nats; 0 where rows are far.
    """

    learned: Learned | None
    far: np.ndarray | None
    strong: bool
    log_density: np.ndarray
    excess: float = 0.0
    imbalance: float = 0.0


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows that are learned from together.

    Parameters
    ----------
    part : Part
    extent : Extent
        That of the part.
    share : float
        The share that they are to have in what is known.
    gaps : bool
        Whether numbers of the rows may be missing.
    counts : float
        The weight of the rows that what is known after it stands for, beside a prior.
    """

    part: Part
    extent: Extent
    share: float
    gaps: bool = False
    counts: float = 1.0


def step(learned: Learned, batch: Batch, family: Family, n_threads: int | None) -> Step:
    """The step by a batch; it is not done where rows are far."""
    model = learned.mixture.covariance_model
    compiled = family is MAXIMUM_LIKELIHOOD and model.unrestricted and not batch.gaps
    if compiled and (done := compiled_step(learned, batch)) is not None:
        return done
    return plain_step(learned, batch, family, n_threads)


def plain_step(
    learned: Learned, batch: Batch, family: Family, n_threads: int | None, whole: bool = False
) -> Step:
    """The step by E-step and M-step; with `whole` it is done however far rows are."""
    if batch.gaps:
        return _step_with_gaps(learned, batch, family, n_threads, whole)
    mixture, part = learned.mixture, batch.part
    of_batch, log_density = learned.e_step(part, batch.extent, n_threads)
    found = judged(mixture, log_density, part.sample_weight, batch.share)
    if found.far is not None and not whole:
        return Step(None, found.far, True, log_density)
    after = learned.stepped(of_batch, batch.share, family, batch.counts)
    entropy = imbalance(mixture, of_batch)
    return Step(after, None, found.strong, log_density, mean_excess(mixture, of_batch), entropy)


def _step_with_gaps(
    learned: Learned, batch: Batch, family: Family, n_threads: int | None, whole: bool
) -> Step:
    """`plain_step` of rows of which some numbers are missing."""
    mixture, weight = learned.mixture, batch.part.sample_weight
    of_batch, measured = e_step_of(mixture, batch.part, batch.extent, n_threads)
    found = judged_by_columns(measured, weight, batch.share)
    if found.far is not None and not whole:
        return Step(None, found.far, True, measured.log_density)
    after = learned.stepped(of_batch, batch.share, family, batch.counts)
    counted = slice(None) if weight is None else weight > 0
    odd = np.average(measured.excess[counted], weights=None if weight is None else weight[counted])
    entropy = imbalance(mixture, of_batch)
    return Step(after, None, found.strong, measured.log_density, float(odd), entropy)


def compiled_step(learned: Learned, batch: Batch) -> Step | None:
    """The step in one call of a kernel; None where it has to be done otherwise."""
    mixture, extent, part = learned.mixture, batch.extent, batch.part
    rows, shape = part.rows, mixture.means.shape
    if extent.exponent or len(rows) > rows_per_block(*shape) or not rows.flags.c_contiguous:
        return None
    unit = unit_of_influence(shape[1], extent.weight, batch.share) / extent.heaviest
    limits = (
        extent.weight,
        min(1.0, extent.lightest),
        NEGLIGIBLE if kernels.SKIP else -1.0,
        batch.share,
        LIMIT * unit,
        LEAST_WEIGHT,
        PIVOT_ROUNDING,
        LARGEST[mixture.dtype],
    )
    log_density = np.empty(len(rows), rows.dtype)
    packed, ridge = mixture.constants.packed(rows.dtype), learned.ridge.reg_covar
    made = learned.sums.stepped(packed, ridge, rows, part.sample_weight, limits, log_density)
    if made.outcome != _STEPPED:
        return None
    return Step(
        learned.following(made, extent),
        None,
        made.least < made.top - STRONG * unit,
        log_density.astype(np.float64, copy=False),
        (made.log_likelihood - made.expected) / extent.weight,
        made.entropy,
    )
