"""Covariances before they were scaled to one volume, in which the ridge is as it was given."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.em.collapse import at_floor
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.em.rescaled import unscaled
from fastgmm.em.soundness import looked_at
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import MCLUST_TYPES

RIDGE = Regularization.of([1e-6, 2e-6, 5e-7])
SCALED = ("EVI", "EVE", "EVV")


def fitted(kind: Any, rows: np.ndarray) -> tuple[Mixture, SufficientStatistics]:
    """The M-step of clear clusters, whose first is of no variance in its last column."""
    from fastgmm import GaussianMixture

    model = GaussianMixture(2, covariance_type=kind, means_init=rows[[0, -1]], random_state=0)
    with pytest.warns(match="collapsed|ridge|constant") if rows[:60, 2].std() == 0 else _nothing():
        statistics = model.fit(rows).e_step(rows)
    assert model._state is not None
    previous = model._state.mixture
    return MAXIMUM_LIKELIHOOD.maximize(statistics, RIDGE, previous), statistics


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


@pytest.fixture(params=[True, False], ids=["flat", "full"])
def rows(request: Any, rng: np.random.Generator) -> np.ndarray:
    near = rng.normal(0.0, [1.0, 3.0, 0.0 if request.param else 0.3], (60, 3))
    return np.concatenate([near, rng.normal(30.0, [2.0, 1.0, 1.0], (90, 3))])


@pytest.mark.parametrize("kind", SCALED)
def test_variances_are_those_of_the_rows_and_the_ridge(kind: Any, rows: np.ndarray) -> None:
    mixture, statistics = fitted(kind, rows)
    own = unscaled(mixture, statistics, RIDGE)
    assert own.weights is mixture.weights
    for k, of_one in enumerate((rows[:60], rows[60:])):
        diagonal = own.covariances[k] if kind == "EVI" else np.diagonal(own.covariances[k])
        expected = of_one.var(axis=0) + RIDGE.reg_covar
        if kind == "EVE":  # along axes that are not quite those of the features
            assert diagonal.sum() == pytest.approx(expected.sum(), rel=1e-6)
        else:
            np.testing.assert_allclose(diagonal, expected, rtol=1e-6)
        ratio = mixture.factors[k].ravel()[0] / own.factors[k].ravel()[0]
        np.testing.assert_allclose(own.factors[k] * ratio, mixture.factors[k], rtol=1e-12)
        np.testing.assert_allclose(
            own.inverse_factors[k] / ratio, mixture.inverse_factors[k], rtol=1e-12
        )
    flat = rows[:60, 2].std() == 0.0
    assert at_floor(own, RIDGE).tolist() == [flat, False]
    again, decided = looked_at(mixture, RowData(rows), RIDGE)
    assert decided.tolist() == [flat, False]
    np.testing.assert_allclose(again.covariances, own.covariances, rtol=1e-6)


@pytest.mark.parametrize("kind", ["full", "tied", *MCLUST_TYPES])
def test_what_is_not_scaled_stays_itself(kind: Any, rng: np.random.Generator) -> None:
    assert model_of(kind).rescales == (kind in SCALED)
    mixture, statistics = fitted(kind, np.r_[rng.normal(size=(60, 3)), rng.normal(9, 1, (60, 3))])
    prior = Regularization(RIDGE.reg_covar, Prior(np.zeros(3), 0.01, 5.0, np.eye(3)))
    assert unscaled(mixture, statistics, prior) is mixture
    assert (unscaled(mixture, statistics, RIDGE) is mixture) == (kind not in SCALED)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", SCALED)
def test_a_component_without_rows_is_left_as_it_is(kind: Any, rng: np.random.Generator) -> None:
    mixture, statistics = fitted(kind, np.r_[rng.normal(size=(60, 3)), rng.normal(9, 1, (60, 3))])
    nothing = replace(
        statistics,
        component_weight=statistics.component_weight * [1.0, 0.0],
        first_moment=statistics.first_moment * 0.0,
        second_moment=statistics.second_moment
        * np.array([1.0, 0.0]).reshape(-1, *(1,) * (statistics.second_moment.ndim - 1)),
    )
    own = unscaled(mixture, nothing, Regularization.of(0.0))
    assert np.isfinite(own.covariances).all()
    assert np.array_equal(own.covariances[1], mixture.covariances[1])
