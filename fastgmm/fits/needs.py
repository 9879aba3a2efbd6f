"""What a fit takes of memory, and what there is: a fit that cannot be done is refused beforehand.

The count depends on sizes alone.  It was compared with the peaks of fits of all covariance types;
`tests/fits/test_needs.py` holds it to them.
"""

import sys
from dataclasses import replace
from math import prod

from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.types import model_of
from fastgmm.data.passes import Data
from fastgmm.em.acceleration import pairs_kept
from fastgmm.errors import not_enough_memory_error, readable
from fastgmm.fits.narrow import stays_in_span
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.limits.room import NUMBER, SMALL, bytes_available
from fastgmm.mixture.mixture import n_parameters
from fastgmm.starts.points import needs_sample, sample_size
from fastgmm.starts.turns import KEPT
from fastgmm.threads import AHEAD, available_threads, rows_per_block, threads_used

MIXTURES = 2
"""An iteration has so many mixtures: that which it began with, and that which the M-step makes."""
OTHERS = 3
"""So many arrays like the covariances are there at once in an M-step, beside those of mixtures."""
VECTORS = 6
"""L-BFGS works with so many vectors of all parameters, beside its pairs."""
MATRICES = 7
"""L-BFGS holds so many arrays like the covariances: the mixture ahead, and what is on the way."""
EXTRAPOLATED = 12
"""An extrapolation holds so many arrays like the sums: three statistics, what is made of them in
units of their own, and the mixture ahead."""
WIDE = 3
"""A fit in the span of its rows ends with so many arrays of covariances: they and their factors."""
MATRICES_OF_SPAN = 1
"""Beside these there are so many single matrices."""
LARGEST = 128
"""All that a fit takes beside rows is less than so many arrays like the covariances."""
COPIES = 3
"""Trees and merges by likelihood make so many copies of the rows that they look at."""


def check_memory(plan: Plan, data: Data, hooks: Hooks | None = None) -> None:
    """Refuse a fit whose memory cannot be had.

    Raises
    ------
    NotEnoughMemoryError
        Before anything is allocated; it says how much the fit takes, and what takes less.
    """
    k, d, part = plan.start.n_components, data.n_features, data.resident
    if part is not None and len(part.rows) <= rows_per_block(k, d):
        # One block of rows, which no second thread helps with: most fits need no closer look.
        numbers = LARGEST * k * (d + 1) ** 2 + 2 * COPIES * part.rows.size
        if NUMBER * numbers < SMALL:
            return
    needed = bytes_needed(plan, data, hooks)
    if needed < SMALL:
        return
    available = bytes_available()
    if available is not None and needed > available:
        raise not_enough_memory_error(needed, available, _remedy(plan, data, available))


def bytes_needed(plan: Plan, data: Data, hooks: Hooks | None = None) -> int:
    """The bytes that a fit takes at its peak, beside the rows themselves."""
    d, wide = data.n_features, 0
    if data.resident is not None and stays_in_span(data, plan, hooks or Hooks()):
        # The mixture of all features is made once, in the end.
        n = data.extent.n_samples
        made = model_of(plan.start.covariance_type).shape(plan.start.n_components, d)
        wide, d = NUMBER * (WIDE * prod(made) + MATRICES_OF_SPAN * d**2 + COPIES * n * d), n
    sizes = _Sizes(plan, data, d)
    return wide + sizes.iteration + max(sizes.start, sizes.threads + sizes.bounds + sizes.steps)


class _Sizes:
    """The parts of what a fit takes, in bytes."""

    def __init__(self, plan: Plan, data: Data, n_features: int) -> None:
        self._plan, self._data = plan, data
        self._k, self._d = k, d = plan.start.n_components, n_features
        self._model = model_of(plan.start.covariance_type)
        self._spreads = NUMBER * prod(self._model.shape(k, d))
        self._sums = NUMBER * (prod(self._model.kernel_sums_shape(k, d)) + k * (d + 1))
        # Factors are packed for the kernels as triangles.
        self._mixture = 3 * self._spreads + self._sums // 2

    @property
    def iteration(self) -> int:
        """What one thread takes of an iteration, and the best mixtures of other starts."""
        plan, kept = self._plan, 0
        if plan.warm is None and plan.start.n_init > 1:
            kept = KEPT if plan.start.method == "ward" else 1
        return (MIXTURES + kept) * self._mixture + OTHERS * self._spreads + self._sums

    @property
    def threads(self) -> int:
        """The sums of further threads: each works at some, and others wait for their turn."""
        k, d, data = self._k, self._d, self._data
        n_rows = sys.maxsize if data.resident is None else data.extent.n_samples
        n_threads = data.n_threads or available_threads()
        used = threads_used(n_rows, rows_per_block(k, d), n_threads)
        return 0 if used == 1 else (1 + AHEAD) * used * self._sums

    @property
    def bounds(self) -> int:
        """What is remembered of pairs from pass to pass: at most the size of the rows."""
        part = self._data.resident
        if part is None or self._model.form is not MATRIX:
            return 0
        return min(4 * len(part.rows) * self._k, part.rows.nbytes)

    @property
    def steps(self) -> int:
        """What L-BFGS takes, where the fit may come to it."""
        plan, settings, start = self._plan, self._plan.settings, self._plan.start
        asked = settings.acceleration == "lbfgs" or (
            settings.acceleration == "auto" and settings.stopping.target > 0.0
        )
        if not asked or not plan.family.accelerates:
            return 0
        if self._model.restrict is not None:
            return EXTRAPOLATED * self._sums
        length = n_parameters(start.covariance_type, self._k, self._d) + 1
        vectors = NUMBER * length * (2 * pairs_kept(length) + VECTORS)
        return vectors + MATRICES * self._spreads

    @property
    def start(self) -> int:
        """What a start takes beside its mixture: copies of rows, in float64."""
        plan, data, d = self._plan, self._data, self._d
        if plan.warm is not None or not needs_sample(plan.start):
            return 0
        n_rows, copies = sample_size(plan.start, d), COPIES
        if plan.start.method != "ward":
            n_rows, copies = n_rows // 2, 1
        if data.resident is not None:
            n_rows = min(n_rows, data.extent.n_samples)
        return copies * NUMBER * n_rows * d


def _remedy(plan: Plan, data: Data, available: int) -> str:
    """What takes less memory."""
    plain = replace(plan, settings=replace(plan.settings, acceleration=None))
    drawn = replace(plain, start=replace(plain.start, method="random_from_data"))
    words = "acceleration=None", "acceleration=None and init_params='random_from_data'"
    for said, other in zip(words, (plain, drawn), strict=True):
        if (needed := bytes_needed(other, data)) <= available:
            return f"{said} take{'s' if other is plain else ''} {readable(needed)}"
    if model_of(plan.start.covariance_type).form is MATRIX:
        return "fewer components, or covariance_type='diag', take less"
    return "fewer components take less"
