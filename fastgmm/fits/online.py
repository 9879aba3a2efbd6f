"""Online EM: a mixture that follows a stream, a step per own batch of rows.

Stepwise EM (Cappe and Moulines 2009; Liang and Klein 2009): the statistics of the stream so far are
those of the model itself, and each batch moves them by a share rho towards its own.  Both are about
the same reference points, so that what batches differ by stays in the variances.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import EStep
from fastgmm.em.m_step import maximization
from fastgmm.em.regularization import Regularization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits.fit import Fit
from fastgmm.mixture.mixture import Mixture, n_parameters
from fastgmm.mixture.statistics import SufficientStatistics

BUFFER_ROWS = (4, 100)
"""The first model is fitted to max(first times the free parameters, second times K) rows."""
BUFFER_NUMBERS = 1 << 22
"""Of these rows together, at the most: 32 MB."""
BATCH_ROWS = (64, 4096)
"""Own batches: an eighth of the rows that count, within these: an M-step costs as much as some
hundred rows, and a step late in a stream is small in any case."""
RECENT_ROWS = 8192
"""Log densities that are kept for quantiles, and the memory of their running mean."""
TRACE_LENGTH = 256
"""Own batches that are remembered."""
LEAST_WEIGHT = 1e-12
"""Of a component that sees no rows: its shape is kept as it is, and it may come back."""


FirstFit = Callable[[RowData, int], Fit]
"""fit(data, seed): a whole fit of the first rows."""


@dataclass(frozen=True)
class Pace:
    """How fast old rows are forgotten: the constructor's parameters."""

    half_life: float | None
    learning_exponent: float

    def share(self, batch: float, seen: float) -> float:
        """What a batch of this weight gets after rows of the weight `seen`."""
        share: float = (batch / (seen + batch)) ** self.learning_exponent
        if self.half_life is not None:
            share = max(share, -math.expm1(-math.log(2.0) * batch / self.half_life))
        return share

    def batch_rows(self, seen: float) -> int:
        """Rows of the next own batch."""
        least, most = BATCH_ROWS
        n = min(max(least, seen / 8), most)
        if self.half_life is not None:
            n = max(1.0, min(n, self.half_life / 4))
        return 1 << int(math.log2(n))


class Recent:
    """Log densities of the stream: a window of rows, a trace of batches, mean and deviation."""

    def __init__(self) -> None:
        self.window = np.empty(RECENT_ROWS)
        self.n_window = 0  # rows ever written to it
        self.trace: list[tuple[float, float]] = []  # (weight seen before, mean log density)
        self.mean, self.variance = 0.0, 0.0
        self.weight = 0.0

    def add(self, log_density: np.ndarray, seen: float) -> None:
        """Take note of one batch."""
        total = float(log_density.sum())
        finite = log_density if np.isfinite(total) else log_density[np.isfinite(log_density)]
        begin = 0
        while begin < len(log_density):
            at = self.n_window % RECENT_ROWS
            part = log_density[begin : begin + RECENT_ROWS - at]
            self.window[at : at + len(part)] = part
            self.n_window += len(part)
            begin += len(part)
        if not len(finite):
            return
        mean = float(finite.mean())
        self.weight = min(self.weight + len(finite), RECENT_ROWS)
        share = len(finite) / self.weight if self.weight > len(finite) else 1.0
        change = mean - self.mean
        self.mean += share * change
        self.variance = (1 - share) * (self.variance + share * change**2)
        difference = finite - mean
        self.variance += share * float(difference @ difference) / len(finite)
        self.trace = [*self.trace[1 - TRACE_LENGTH :], (seen, mean)]

    def quantile(self, quantile: float) -> float:
        """The log density under which this share of the rows in the window fell."""
        held = self.window[: min(self.n_window, RECENT_ROWS)]
        return float(np.quantile(held, quantile, method="lower"))


class Rows:
    """A store of rows and weights that grows at its end."""

    def __init__(self, n_features: int, dtype: np.dtype) -> None:
        self.rows = np.empty((0, n_features), dtype)
        self.weight: np.ndarray | None = None
        self.n = 0

    def append(self, rows: np.ndarray, weight: np.ndarray | None) -> None:
        """Add rows at the end; the store doubles when it is full."""
        end = self.n + len(rows)
        if weight is not None and self.weight is None:
            self.weight = np.ones(len(self.rows))
        if end > len(self.rows):
            size = max(end, 2 * len(self.rows), 64)
            self.rows = _grown(self.rows, size, self.n)
            if self.weight is not None:
                self.weight = _grown(self.weight, size, self.n)
        self.rows[self.n : end] = rows
        if self.weight is not None:
            self.weight[self.n : end] = 1.0 if weight is None else weight
        self.n = end

    def held(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All rows and their weights."""
        return self.rows[: self.n], None if self.weight is None else self.weight[: self.n]

    def clear(self) -> None:
        """Forget them."""
        self.n = 0
        self.weight = None


def _grown(array: np.ndarray, size: int, n: int) -> np.ndarray:
    grown = np.empty((size, *array.shape[1:]), array.dtype)
    grown[:n] = array[:n]
    return grown


class Learner:
    """Online EM of one stream.

    Parameters
    ----------
    n_features, dtype
        Of the rows.
    pace : Pace
    regularization : Regularization, optional
        Of which updates use the ridge; None until the first rows are fitted.
    n_threads : int, optional
    seed : int
        For the fit of the first rows.
    n_components, covariance_type
        Of the mixture.
    mixture : Mixture, optional
        To go on from; the rows are then learned from at once.
    seen : float
        Weight of the rows that these stand for.
    """

    def __init__(
        self,
        n_features: int,
        dtype: np.dtype,
        pace: Pace,
        regularization: Regularization | None,
        n_threads: int | None,
        seed: int,
        n_components: int,
        covariance_type: Any,
        mixture: Mixture | None = None,
        seen: float | None = None,
    ) -> None:
        self.dtype, self.pace = dtype, pace
        self.regularization, self.n_threads = regularization, n_threads
        self.seed = seed
        self.n_components = n_components
        per_parameter, per_component = BUFFER_ROWS
        free = n_parameters(covariance_type, n_components, n_features)
        most = max(BUFFER_NUMBERS // n_features, 2 * n_components)
        self.buffer_rows = max(2, per_component * n_components, min(per_parameter * free, most))
        self.mixture = mixture
        self.seen = 0.0 if mixture is None else float(seen or self.buffer_rows)
        self.n_samples = 0
        self.n_updates = 0
        self.rows = Rows(n_features, dtype)  # the first ones, then those of the next own batch
        self.recent = Recent()

    def learn(self, rows: np.ndarray, weight: np.ndarray | None, fit: FirstFit) -> None:
        """Take the next rows of the stream, all of them checked."""
        self.n_samples += len(rows)
        begin = 0
        while begin < len(rows):
            wanted = self._wanted()
            end = min(len(rows), begin + wanted - self.rows.n)
            part, of_part = rows[begin:end], None if weight is None else weight[begin:end]
            begin = end
            if self.rows.n == 0 and len(part) == wanted and self.mixture is not None:
                self._update(part, of_part)  # a whole batch of the caller's: no copy
                continue
            self.rows.append(part, of_part)
            if self.rows.n < wanted:
                return
            if self.mixture is None:
                self._begin(fit)
            else:
                self._update(*self.rows.held())
                self.rows.clear()

    def _wanted(self) -> int:
        if self.mixture is None:
            return self.buffer_rows
        return self.pace.batch_rows(self.seen)

    def _begin(self, fit: FirstFit) -> None:
        """Fit the first rows; more are gathered where they do not determine a model."""
        rows, weight = self.rows.held()
        first = self.first_fit(fit)
        if first is None:
            self.buffer_rows *= 2
            return
        run = first.run
        assert run.mixture is not None
        self.mixture, self.regularization = run.mixture, run.regularization
        extent = Extent().plus(len(rows), weight)
        log_density = np.empty(len(rows), self.dtype)
        run.mixture.packed(self.dtype).log_density(rows, log_density)
        self.recent.add(log_density.astype(np.float64), 0.0)
        self.seen = extent.weight
        self.n_updates = 1
        self.rows.clear()

    def first_fit(self, fit: FirstFit) -> Fit | None:
        """A fit of the rows gathered so far; None where they are too few or too alike."""
        rows, weight = self.rows.held()
        counted = len(rows) if weight is None else int(np.count_nonzero(weight))
        if counted < max(2, self.n_components):
            return None
        try:
            return fit(RowData(rows.copy(), weight, self.n_threads), self.seed)
        except IllDefinedCovarianceError:
            return None

    def _update(self, rows: np.ndarray, weight: np.ndarray | None) -> None:
        """One step: the model's own statistics, and the batch's, in their shares."""
        assert self.mixture is not None
        extent = Extent().plus(len(rows), weight)
        log_density = np.empty(len(rows), self.dtype)
        if extent.n_counted == 0:
            return
        e_step = EStep(self.mixture, extent, self.dtype, self.n_threads)
        e_step.add(np.ascontiguousarray(rows), weight, log_density)
        of_batch = e_step.statistics()
        share = self.pace.share(extent.weight, self.seen)
        assert self.regularization is not None
        ridge = Regularization(self.regularization.reg_covar)
        blended = blend(
            self.mixture, ridge.ridge(self.mixture.covariance_model.form), of_batch, share
        )
        if np.isfinite(of_batch.log_likelihood) and np.isfinite(blended.second_moment).all():
            # where the batch would leave a singular covariance the parameters stay as they are
            with suppress(IllDefinedCovarianceError):
                self.mixture = maximization(blended, ridge)
        self.recent.add(log_density.astype(np.float64), self.seen)
        self.seen += extent.weight
        self.n_updates += 1

    # ------------------------------------------------------------------ files

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """All but the parameters, as the facts and arrays of a file."""
        recent = self.recent
        rows, weight = self.rows.held()
        facts = {
            "learning": self.mixture is not None,
            "n_samples": self.n_samples,
            "n_updates": self.n_updates,
            "buffer_rows": self.buffer_rows,
            "n_window": recent.n_window,
            "seed": self.seed,
            "numbers": [
                float(number).hex()
                for number in (self.seen, recent.mean, recent.variance, recent.weight)
            ],
        }
        arrays = {
            "stream_rows": rows,
            "stream_window": recent.window[: min(recent.n_window, RECENT_ROWS)],
            "stream_trace": np.array(recent.trace, dtype=np.float64).reshape(-1, 2),
        }
        if weight is not None:
            arrays["stream_weight"] = weight
        return facts, arrays

    def take_state(self, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Become what `state` described."""
        self.n_samples, self.n_updates = facts["n_samples"], facts["n_updates"]
        self.buffer_rows = facts["buffer_rows"]
        recent = self.recent
        recent.n_window = facts["n_window"]
        numbers = [float.fromhex(number) for number in facts["numbers"]]
        self.seen, recent.mean, recent.variance, recent.weight = numbers
        window = arrays["stream_window"]
        recent.window[: len(window)] = window
        recent.trace = [(before, mean) for before, mean in arrays["stream_trace"].tolist()]
        self.rows.append(arrays["stream_rows"], arrays.get("stream_weight"))


def blend(
    mixture: Mixture, reg_covar: np.ndarray, of_batch: SufficientStatistics, share: float
) -> SufficientStatistics:
    """The statistics, of weight 1, of a model and of a batch in their shares.

    Those of the model are what an M-step turns into its parameters; both are about the reference
    of the batch, the model's means as the rows' dtype rounds them.
    """
    model, form = mixture.covariance_model, mixture.covariance_model.form
    own = np.maximum(mixture.weights, LEAST_WEIGHT) * (1.0 - share)
    step = mixture.means - of_batch.reference
    second = mixture.covariances.copy()
    if form.ndim == 2:
        diagonal = form.diagonals(second, mixture.n_features)
        diagonal -= reg_covar
    else:
        second = np.maximum(second - reg_covar, 0.0)
    if form.isotropic:
        second = second * mixture.n_features
    second = second * (own.sum() if model.tied else own.reshape(-1, *(1,) * form.ndim))
    if step.any():
        scaled = np.sqrt(own)[:, None] * step
        second = second + model.products(scaled, scaled)
    gain = share / of_batch.weight
    return SufficientStatistics(
        covariance_type=mixture.covariance_type,
        reference=of_batch.reference,
        component_weight=own + gain * of_batch.component_weight,
        first_moment=own[:, None] * step + gain * of_batch.first_moment,
        second_moment=second + gain * of_batch.second_moment,
        n_samples=of_batch.n_samples,
        weight=1.0,
        log_likelihood=of_batch.log_likelihood,
        dtype=mixture.dtype,
    )
