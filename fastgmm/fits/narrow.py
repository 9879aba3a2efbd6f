"""A fit of fewer rows than features, in the few directions that the rows span.

Everything that EM makes of the rows alone stays there.  Means are means of rows; a covariance is a
scatter of rows and the ridge, which is all the variance that there is outside of the span.  So a
fit in as many coordinates as there are rows is the fit itself, but for a constant in the density
and for rounding, and one iteration costs n^3 for D^3.  A mixture that the user gives may be
anywhere: its E-step is one over the rows themselves, and with the M-step the fit enters the span.
"""

from dataclasses import replace
from math import log, pi

import numpy as np

from fastgmm.covariance.estimate import check_range, factor_or_repair
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.types import model_of
from fastgmm.data.passes import Data
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample
from fastgmm.data.span import Span, span_of
from fastgmm.em.e_step import NEGLIGIBLE, expectation
from fastgmm.em.loop import Pass
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.em.run import Run
from fastgmm.em.trail import Moments, Trail
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.fits.reached import Initialization
from fastgmm.mixture.density import log_likelihood, responsibilities
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.methods import Draws, initial_parameters
from fastgmm.starts.points import needs_sample, sharp
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

MOST_ROWS = 0.75
"""A fit is done in the span of its rows where they are at most this many for each feature: with
more, the way there and back costs what a few iterations save."""
NEAR, FAR = 1e-9, 3000.0
"""Squared distances from the span, in units of the ridge: less are rounding, and further away the
density of the ridge alone is no number."""
FEWEST_FEATURES = 64
"""Of fewer features fits are short: the way there and back costs more than it saves."""


@dataclass(frozen=True, eq=False)
class Narrow:
    """How a fit in the span of its rows is one of the rows themselves.

    Parameters
    ----------
    span : Span
    regularization : Regularization
        That of the rows; it has no prior.
    dtype : numpy.dtype
        The dtype of the rows.
    given : Mixture, optional
        What the user has given to begin with, in all features.
    entrance : SufficientStatistics, optional
        The sums in the span under that mixture.
    """

    span: Span
    regularization: Regularization
    dtype: np.dtype
    given: Mixture | None = None
    entrance: SufficientStatistics | None = None

    @property
    def within(self) -> Regularization:
        """The regularisation in the span: the same ridge in all directions."""
        return Regularization.of(self.span.floor)

    @property
    def sample(self) -> Sample:
        """The rows that a component may be moved to."""
        return self.span.within

    @property
    def outside(self) -> float:
        """The log density of a row outside of the span, in nats, and what the units add to it."""
        span = self.span
        per_direction = log(2.0 * pi * span.floor)
        return -0.5 * span.n_outside * per_direction - float(np.log(span.units).sum())

    def entering(self, one_pass: Pass) -> Pass:
        """The pass, of which that under the given mixture has been made already."""
        given, entrance = self.given, self.entrance

        def passed(mixture: Mixture) -> SufficientStatistics:
            if entrance is not None and mixture is given:
                return entrance
            return one_pass(mixture)

        return passed

    def run(self, run: Run) -> Run:
        """The run of the rows themselves."""
        mixture = None if run.mixture is None else self._mixture(run.mixture)
        return replace(
            run,
            mixture=mixture,
            lower_bound=run.lower_bound + self.outside,
            lower_bounds=[bound + self.outside for bound in run.lower_bounds],
            regularization=self.regularization,
            trail=None if run.trail is None else self._trail(run.trail),
            ahead=None,
            search=None,
        )

    def reached(self, reached: Initialization) -> Initialization:
        """What a start has reached with the rows themselves."""
        return replace(reached, lower_bound=reached.lower_bound + self.outside)

    def _mixture(self, mixture: Mixture) -> Mixture:
        """The mixture of all features, of one in the span."""
        if mixture is self.given:
            return mixture
        span, form = self.span, mixture.covariance_model.form
        factors = mixture.factors.reshape(-1, *mixture.factors.shape[-2:])
        directions = span.units[:, None] * span.directions
        # The ridge is in the factors already where it lies in the span.
        rest = -span.floor * (directions @ directions.T)
        rest[np.diag_indices(len(rest))] += span.ridge
        covariances = np.empty((len(factors), *rest.shape))
        for factor, covariance in zip(factors, covariances, strict=True):
            wide = directions @ factor
            np.matmul(wide, wide.T, out=covariance)
            covariance += rest
        if mixture.covariance_model.tied:
            covariances = covariances[0]
        means = span.points(mixture.means)
        if self.given is not None and self.entrance is not None:
            # What has never held anything is where it was, inside of the span or not.
            stayed = (mixture.means == self.entrance.reference).all(axis=1)
            stayed &= mixture.weights == 0.0
            means[stayed] = self.given.means[stayed]
        covariances, factors, inverses = factor_or_repair(
            form, covariances, self.regularization.floor, self.dtype
        )
        check_range(covariances, inverses, self.dtype)
        kind = mixture.covariance_type
        return Mixture(kind, mixture.weights, means, covariances, factors, inverses, self.dtype)

    def _trail(self, trail: Trail) -> Trail:
        moments = Moments(trail.moments.n_samples, trail.moments.weight, *self.span.moments)
        bounds = tuple(bound + self.outside for bound in trail.lower_bounds)
        return Trail(bounds, moments, self.regularization)


def narrowed(
    data: Data, plan: Plan, hooks: Hooks, draws: Draws, regularization: Regularization
) -> Narrow | None:
    """How the fit is done in the span of its rows; None where it is not."""
    start, most = plan.start, int(MOST_ROWS * data.n_features)
    if not _may_stay(data, plan, hooks):
        return None
    given = plan.warm is not None or not needs_sample(start)
    if not given:
        sample = draws.sample
    elif data.resident is None or data.extent.n_samples <= most:
        # It is all rows or none: no random numbers of the user's are drawn for it.
        sample = data.sample(0, most)
    else:
        return None
    n_samples, ridge = data.extent.n_samples, regularization.reg_covar
    if n_samples > most or not sample.whole or len(sample.rows) != n_samples:
        return None
    if not given and start.method != "ward" and ridge.min() < ridge.max():
        return None  # these starts want distances in the units of the rows
    span: Span | None = sample.made.once(("span", ridge.tobytes()), lambda: span_of(sample, ridge))
    if span is None:
        return None
    found = Narrow(span, regularization, data.dtype)
    if not given:
        return found
    mixture = plan.warm or initial_parameters(draws, start, data.dtype)
    entrance = _entrance(found, mixture, data)
    return None if entrance is None else replace(found, given=mixture, entrance=entrance)


def stays_in_span(data: Data, plan: Plan, hooks: Hooks) -> bool:
    """Whether a fit of rows in memory stays in their span, unless their numbers forbid it."""
    few = data.extent.n_samples <= MOST_ROWS * data.n_features
    return few and _may_stay(data, plan, hooks)


def _may_stay(data: Data, plan: Plan, hooks: Hooks) -> bool:
    """Whether a fit stays in the span of its rows, if they are few, and gains by that.

    It leaves it with a prior, and where it begins with some means or precisions that are given and
    others that are not.  A checkpoint holds runs of the rows themselves, from which a fit goes on
    with the same bits, and so does a later fit from the trail of an earlier one.
    """
    start, d = plan.start, data.n_features
    # A restriction is about all features: determinants in the span are not those of the whole.
    model = model_of(start.covariance_type)
    matrices = model.form is MATRIX and model.unrestricted
    plain = plan.family is MAXIMUM_LIKELIHOOD and plan.settings.regularizing.prior is None
    partly = start.means is not None or start.precisions is not None
    partly &= needs_sample(start) and plan.warm is None
    kept = hooks.checkpoint is not None or plan.trail is not None
    kept |= data.gapped or data.labelled
    return d >= FEWEST_FEATURES and matrices and plain and not (partly or kept)


def _entrance(narrow: Narrow, mixture: Mixture, data: Data) -> SufficientStatistics | None:
    """The sums in the span of one E-step over the rows themselves; None where they are no good."""
    span, extent, n_threads = narrow.span, data.extent, data.n_threads
    rows, weight = span.sample.rows.astype(np.float64, copy=False), span.sample.weight
    if extent.exponent:
        return None
    shares = np.empty((len(rows), mixture.n_components))
    responsibilities(mixture, rows, shares, n_threads)
    held = shares.sum(axis=0) if weight is None else weight @ shares
    total = log_likelihood(mixture, rows, weight, n_threads)
    if not mixture.covariance_model.tied:
        # As in every E-step, shares that are rounding beside a row count for the weight alone.
        heaviest = 1.0 if weight is None else weight[:, None]
        least = NEGLIGIBLE * np.minimum(extent.lightest, mixture.weights * extent.weight)
        shares[shares * heaviest <= least] = 0.0
    means, coordinates = span.coordinates(mixture.means), span.data(n_threads)
    # Components without any other stay where they are: without a share, unless that is in the span.
    still = ~shares.any(axis=0) & (held > 0.0)
    away = span.squares_outside(mixture.means, means)
    held[still & (away > FAR)] = 0.0
    if (still & (away > NEAR) & (away <= FAR)).any() or not np.isfinite(total):
        return None
    statistics = _sums_about(means, shares, coordinates, mixture)
    if statistics.cancels(span.floor):
        statistics = _sums_about(statistics.means, shares, coordinates, mixture)
    log_density = total - narrow.outside * extent.weight
    return replace(statistics, component_weight=held, log_likelihood=log_density)


def _sums_about(
    means: FloatArray, shares: FloatArray, data: RowData, mixture: Mixture
) -> SufficientStatistics:
    """The sums of rows in these shares (n, K), about these means (K, n)."""
    kind, one = mixture.covariance_type, np.ones(means.shape[1])
    about = sharp(means, one, kind, data.dtype)
    return expectation(about, data, given=lambda part, begin, end: shares[begin:end])
