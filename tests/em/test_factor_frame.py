"""Coordinates about mixtures of factor analysers: their gradient, EM's metric, the floor."""

from dataclasses import replace

import numpy as np
import pytest
from low_rank_cases import factor_mixture, rows_of

from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.factor_frame import FactorFrame
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics

RIDGE = Regularization.of(1e-6)
FLOOR = np.asarray(1e-6)
Case = tuple[Mixture, SufficientStatistics, np.ndarray]


@pytest.fixture(params=[False, True], ids=["diagonal", "equal"])
def equal(request: pytest.FixtureRequest) -> bool:
    """Run the test once for noise of each feature and once for equal noise."""
    return bool(request.param)


def case_of(equal: bool, seed: int, n_steps: int) -> Case:
    """Return a mixture after some steps of EM, its statistics and the rows."""
    rng = np.random.default_rng(seed)
    mixture = factor_mixture(3, 6, 2, rng, 1.0, equal)
    rows = rows_of(factor_mixture(3, 6, 2, rng, 1.0, equal), 500, rng)
    for _ in range(n_steps):
        mixture = MAXIMUM_LIKELIHOOD.maximize(expectation(mixture, RowData(rows)), RIDGE)
    return mixture, expectation(mixture, RowData(rows)), rows


@pytest.mark.parametrize("n_steps", [0, 3, 20])
def test_the_gradient_is_that_of_the_likelihood(equal: bool, seed: int, n_steps: int) -> None:
    mixture, statistics, rows = case_of(equal, seed, n_steps)
    frame = FactorFrame(mixture, FLOOR)

    def value(step: np.ndarray) -> float:
        return float(log_density(frame.mixture_at(step), rows, np.empty(len(rows))).mean())

    gradient, rng = frame.gradient(statistics), np.random.default_rng(seed)
    assert gradient.shape == (frame.n_coordinates,)
    # The gradient does not depend on where the sums were taken about.
    moved = frame.gradient(statistics.moved(mixture.means + 0.5))
    np.testing.assert_allclose(moved, gradient, rtol=1e-9, atol=1e-9)
    for _ in range(6):
        towards = rng.normal(size=len(gradient))
        slope = (value(1e-5 * towards) - value(-1e-5 * towards)) / 2e-5
        assert slope == pytest.approx(float(gradient @ towards), rel=1e-5, abs=1e-7)


def test_the_metric_makes_ems_step_of_the_gradient(equal: bool, seed: int) -> None:
    """Near the end, up to the rotations that the M-step makes, which change nothing."""
    mixture, statistics, _ = case_of(equal, seed, 60)
    frame = FactorFrame(mixture, FLOOR)
    step = frame.em_metric(frame.gradient(statistics))
    em = MAXIMUM_LIKELIHOOD.maximize(statistics, RIDGE)
    ahead = frame.mixture_at(step)
    length = np.linalg.norm(em.shown_covariances - mixture.shown_covariances)
    assert np.linalg.norm(ahead.shown_covariances - em.shown_covariances) < 0.15 * length
    for name in ("means", "weights"):
        one, other, base = (getattr(m, name) for m in (ahead, em, mixture))
        assert np.linalg.norm(one - other) < 0.05 * np.linalg.norm(other - base)


def test_the_metric_is_symmetric_and_positive(equal: bool, seed: int) -> None:
    frame, rng = FactorFrame(case_of(equal, seed, 1)[0], FLOOR), np.random.default_rng(seed)
    one, other = rng.normal(size=(2, frame.n_coordinates))
    assert one @ frame.em_metric(other) == pytest.approx(other @ frame.em_metric(one), rel=1e-10)
    assert one @ frame.em_metric(one) > 0.0


def test_coordinates_lead_to_the_mixture(equal: bool, seed: int) -> None:
    mixture, statistics, _ = case_of(equal, seed, 2)
    frame, other = FactorFrame(mixture, FLOOR), MAXIMUM_LIKELIHOOD.maximize(statistics, RIDGE)
    step = frame.coordinates(other)
    there = frame.mixture_at(step)
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(there, name), getattr(other, name), atol=1e-12)
    noise = frame.parts(step)[-1] / np.sqrt(mixture.weights)[:, None]
    assert frame.largest_move(step) >= (1.0 - 1e-12) * np.abs(noise).max() > 0.0


def test_they_depend_on_no_units(equal: bool, seed: int) -> None:
    mixture, statistics, rows = case_of(equal, seed, 2)
    form = mixture.covariance_model.form
    scaled = form.joined(
        1e3 * form.loadings(mixture.covariances),  # type: ignore[attr-defined]
        1e6 * form.noise(mixture.covariances),  # type: ignore[attr-defined]
    )
    kind = mixture.covariance_type
    far = Mixture.from_covariances(mixture.weights, 1e3 * mixture.means, scaled, kind)  # type: ignore[arg-type]
    found = FactorFrame(far, 1e6 * FLOOR).gradient(expectation(far, RowData(1e3 * rows)))
    expected = FactorFrame(mixture, FLOOR).gradient(statistics)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_noise_stays_at_its_floor(equal: bool, seed: int) -> None:
    mixture, statistics, _ = case_of(equal, seed, 1)
    noise = mixture.covariance_model.form.noise(mixture.covariances)  # type: ignore[attr-defined]
    frame = FactorFrame(mixture, np.asarray(noise.max()))
    gradient = frame.gradient(statistics)
    frame.parts(gradient)[-1][0], frame.parts(gradient)[-1][1:] = -1.0, 1.0
    moves = frame.parts(frame.moves(gradient))
    assert all(part.all() for part in moves[:3])
    assert not moves[-1][0].any()
    assert moves[-1][1:].all()
    step = np.zeros(frame.n_coordinates)
    frame.parts(step)[-1][...] = -5.0
    there = frame.mixture_at(step).covariances
    np.testing.assert_array_equal(mixture.covariance_model.form.noise(there), noise.max())  # type: ignore[attr-defined]


def test_a_component_of_no_weight_stays(equal: bool, seed: int) -> None:
    mixture, statistics, rows = case_of(equal, seed, 1)
    weights = np.array([0.0, 0.4, 0.6])
    mixture = replace(mixture, weights=weights)
    frame = FactorFrame(mixture, FLOOR)
    gradient = frame.gradient(expectation(mixture, RowData(rows)))
    assert all((part[0] == 0.0).all() for part in frame.parts(gradient))
    there = frame.mixture_at(np.full(frame.n_coordinates, 0.1))
    assert there.weights[0] == 0.0
    np.testing.assert_array_equal(there.means[0], mixture.means[0])
    np.testing.assert_allclose(there.covariances[0], mixture.covariances[0], rtol=1e-15)
    assert np.isfinite(frame.coordinates(MAXIMUM_LIKELIHOOD.maximize(statistics, RIDGE))).all()
