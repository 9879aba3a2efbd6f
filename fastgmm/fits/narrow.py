"""A fit of fewer rows than features, in the few directions that the rows span.

Everything that EM makes of the rows alone stays there.  Means are means of rows; a covariance is a
scatter of rows and the ridge, which is all the variance that there is outside of the span.  So a
fit in as many coordinates as there are rows is the fit itself, but for a constant in the density
and for rounding, and one iteration costs n^3 for D^3.
"""

from dataclasses import dataclass, replace
from math import log, pi

import numpy as np

from fastgmm.covariance.estimate import check_range, factor_or_repair
from fastgmm.covariance.types import model_of
from fastgmm.data.passes import Data
from fastgmm.data.sample import Sample
from fastgmm.data.span import Span, span_of
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.em.run import Run
from fastgmm.em.trail import Moments, Trail
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.fits.reached import Initialization
from fastgmm.mixture.mixture import Mixture

MOST_ROWS = 0.5
"""A fit is done in the span of its rows where they are at most this share of the features: of more,
the way there and back costs about what it saves."""
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
    """

    span: Span
    regularization: Regularization
    dtype: np.dtype

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
    data: Data, plan: Plan, hooks: Hooks, sample: Sample, regularization: Regularization
) -> Narrow | None:
    """How the fit is done in the span of its rows; None where it is not."""
    if not stays_in_span(data, plan, hooks):
        return None
    if not sample.whole or len(sample.rows) != data.extent.n_samples:
        return None
    ridge = regularization.reg_covar
    if plan.start.method != "ward" and ridge.min() < ridge.max():
        return None  # these starts want distances in the units of the rows
    span: Span | None = sample.made.once(("span", ridge.tobytes()), lambda: span_of(sample, ridge))
    return None if span is None else Narrow(span, regularization, data.dtype)


def stays_in_span(data: Data, plan: Plan, hooks: Hooks) -> bool:
    """Whether a fit stays in the span of its rows, and gains by that.

    It leaves it with a prior and with means or precisions of the user's.  A checkpoint holds runs
    of the rows themselves, from which a fit goes on with the same bits.
    """
    start, (n, d) = plan.start, (data.extent.n_samples, data.n_features)
    few = d >= FEWEST_FEATURES and n <= MOST_ROWS * d and not data.gapped
    matrices = model_of(start.covariance_type).form.ndim == 2
    given = plan.warm is not None or start.means is not None or start.precisions is not None
    plain = plan.family is MAXIMUM_LIKELIHOOD and plan.settings.regularizing.prior is None
    return few and matrices and plain and not given and hooks.checkpoint is None
