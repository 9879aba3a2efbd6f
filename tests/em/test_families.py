"""Families of one's own: how statistics become a mixture, in a fit and in a stream.

Each is a toy that is written here, in a few lines, and used through the package as it is.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.data.rows import RowData
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Regularization
from fastgmm.em.stopping import Stopping
from fastgmm.fits.fit import fit
from fastgmm.fits.online import Learner
from fastgmm.fits.pace import Pace
from fastgmm.fits.plan import Plan, Settings
from fastgmm.fits.target import Target
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.points import Start
from support import correlated_mixture, in_shape_of

DTYPES = (np.float32, np.float64)


def plan_of(kind: Any, start: dict[str, Any], max_iter: int, **changes: Any) -> Plan:
    """Return the plan of a fit that begins with given parameters and ends after `max_iter`."""
    settings = Settings(
        Stopping(0.0, None, False, max_iter),
        Regularizing(1e-6, None, kind, 3),
        acceleration="lbfgs",
    )
    return Plan(Start("ward", 3, kind, **start), settings, **changes)


def never_falls(bounds: list[float], rounding: float = 1e-12) -> bool:
    return bool((np.diff(bounds) > -rounding * np.abs(bounds[0])).all())


class EqualWeights:
    """Mixtures whose components all have the same weight."""

    needs_previous = False
    accelerates = False
    collapses, sums_up, noise = True, False, None
    begun, search = MAXIMUM_LIKELIHOOD.begun, MAXIMUM_LIKELIHOOD.search
    for_start = MAXIMUM_LIKELIHOOD.for_start

    def for_rows(self, data: Any) -> Any:
        return self

    def following(self, mixture: Any) -> Any:
        return self

    bound, imply = MAXIMUM_LIKELIHOOD.bound, MAXIMUM_LIKELIHOOD.imply

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Mixture:
        found = MAXIMUM_LIKELIHOOD.maximize(statistics, regularization)
        return replace(found, weights=np.full(found.n_components, 1.0 / found.n_components))

    def n_parameters(self, kind: Any, k: int, d: int) -> int:
        return MAXIMUM_LIKELIHOOD.n_parameters(kind, k, d) - (k - 1)


class FrozenMeans(EqualWeights):
    """Mixtures whose means stay where they begin; the weights are free."""

    needs_previous = True

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Mixture:
        assert previous is not None
        about = statistics.moved(previous.means)
        about = replace(about, first_moment=np.zeros_like(previous.means))
        return MAXIMUM_LIKELIHOOD.maximize(about, regularization)

    def n_parameters(self, kind: Any, k: int, d: int) -> int:
        return MAXIMUM_LIKELIHOOD.n_parameters(kind, k, d) - k * d


def stays(family: Any, mixture: Mixture, begin: Mixture) -> None:
    """Check that a mixture is of the family, to the last bit."""
    if isinstance(family, FrozenMeans):
        np.testing.assert_array_equal(mixture.means, begin.means)
        assert np.ptp(mixture.weights) > 0.0
    else:
        np.testing.assert_array_equal(mixture.weights, np.full(3, 1.0 / 3.0))
        assert (mixture.means != begin.means).all()


@pytest.fixture(params=[EqualWeights(), FrozenMeans()], ids=lambda family: type(family).__name__)
def family(request: pytest.FixtureRequest) -> Any:
    """Run the test with each of the two families."""
    return request.param


def begun(kind: Any, rng: np.random.Generator) -> tuple[Mixture, np.ndarray, dict[str, Any]]:
    """Return a mixture of equal weights, 4000 rows that it fits badly, and its parameters."""
    truth = correlated_mixture(3, 3, rng)
    covariances = in_shape_of(kind, 2.0 * truth.covariances)
    begin = Mixture.from_covariances(np.full(3, 1 / 3), truth.means + 0.3, covariances, kind)
    start = {"weights": begin.weights, "means": begin.means, "precisions": begin.precisions}
    return begin, truth.sample(4000, rng)[0], start


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_fit_stays_in_its_family(
    family: Any, covariance_type: Any, dtype: Any, rng: np.random.Generator
) -> None:
    """To the end of a long fit, whose steps ahead of EM would leave it."""
    begin, rows, start = begun(covariance_type, rng)
    plan = plan_of(covariance_type, start, 60, family=family)
    found = fit(RowData(rows[:600].astype(dtype), None, 1), plan).run
    assert found.n_passes == found.n_iter == 60
    assert never_falls(found.lower_bounds, 1e-12 if dtype is np.float64 else 1e-6)
    assert found.lower_bounds[-1] > found.lower_bounds[0] + 1e-3
    stays(family, found.mixture, begin)


def test_a_stream_stays_in_its_family(
    family: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    begin, rows, start = begun(covariance_type, rng)
    target = Target(3, rows.dtype, 3, covariance_type, family)
    free = family.n_parameters(covariance_type, 3, 3)
    assert target.first_rows == max(300, 4 * free)
    learner = Learner(target, Pace(None, 0.8), 1)
    plan = plan_of(covariance_type, start, 5)  # the learner knows the family
    learner = learner.learn(rows[:300], None, lambda _: plan).learn(
        rows[300:], None, lambda _: plan
    )
    assert learner.n_updates > 10
    stays(family, learner.learned.mixture, begin)
    whole = fit(RowData(rows), plan_of(covariance_type, start, 30, family=family)).run
    density = np.empty(len(rows))
    assert log_density(learner.learned.mixture, rows, density).mean() > whole.lower_bound - 0.05
    # the statistics are the state, and the family's own answer to them is the mixture
    again = family.maximize(
        learner.learned.statistics, learner.learned.ridge, learner.learned.mixture
    )
    np.testing.assert_allclose(again.covariances, learner.learned.mixture.covariances, rtol=1e-9)
