"""Streams of posteriors: near what a fit finds, whatever the batches, and in files."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posteriors import PRIORS, RIDGE, posterior_of

from fastgmm import BayesianGaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.variational import VariationalBayes
from fastgmm.errors import NotFittedError
from support import correlated_mixture


@pytest.fixture(params=PRIORS)
def weights(request: pytest.FixtureRequest) -> Any:
    """Run the test once per prior of the weights."""
    return request.param


def stream_of(rows: np.ndarray, n: int = 100, **params: Any) -> BayesianGaussianMixture:
    model = BayesianGaussianMixture(random_state=0, **params)
    for batch in np.array_split(rows, n):
        model.partial_fit(batch)
    return model


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_stream_ends_near_a_fit(seed: int, weights: Any) -> None:
    rng = np.random.default_rng(seed)
    mixture = correlated_mixture(5, 4, rng, separation=2.0)
    rows, fresh = mixture.sample(20_000, rng)[0], mixture.sample(20_000, rng)[0]
    params = {"n_components": 8, "weight_concentration_prior_type": weights}
    whole = BayesianGaussianMixture(random_state=0, max_iter=500, **params).fit(rows)
    model = stream_of(rows, **params)
    assert model.n_samples_seen_ == 20_000
    assert model.n_iter_ > 10
    assert model.score(fresh) > whole.score(fresh) - 0.02
    held = (model.mean_precision_ - model.mean_precision_prior_).sum()
    assert held == pytest.approx(20_000, rel=0.3)


@pytest.mark.parametrize("weights", PRIORS)
def test_implied_statistics_are_those_of_the_posterior(
    weights: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    posterior, rows = posterior_of(weights, covariance_type, rng)
    family = VariationalBayes(posterior.prior)
    found = family.maximize(expectation(posterior, RowData(rows)), RIDGE)
    implied = family.imply(found, RIDGE)
    assert implied.weight == pytest.approx(1.0)
    again = family.maximize(implied.scaled(float(len(rows))), RIDGE)
    for name in ("held", "means", "covariances", "mean_precision", "dof", "weights"):
        np.testing.assert_allclose(getattr(again, name), getattr(found, name), rtol=1e-10)


def test_batches_do_not_matter(weights: Any, rows: np.ndarray) -> None:
    many = np.concatenate([rows] * 8)
    params = {"n_components": 3, "weight_concentration_prior_type": weights}
    one, other = stream_of(many, 400, **params), stream_of(many, 57, **params)
    np.testing.assert_array_equal(one.means_, other.means_)
    np.testing.assert_array_equal(one.covariances_, other.covariances_)


def test_a_stream_goes_on_from_a_fit(weights: Any, covariance_type: Any, rows: np.ndarray) -> None:
    params = {
        "n_components": 3,
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": weights,
        "max_iter": 300,
        "random_state": 0,
    }
    model = BayesianGaussianMixture(**params).fit(rows)
    before, prior = model.score(rows), model.covariance_prior_
    model.partial_fit(rows).partial_fit(rows)
    assert model.score(rows) == pytest.approx(before, abs=0.05)
    np.testing.assert_array_equal(model.covariance_prior_, prior)
    assert not model.converged_


def test_early_questions_are_answered_by_the_rows_so_far(rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(n_components=3, random_state=0, max_iter=300)
    model.partial_fit(rows[:2])
    with pytest.raises(NotFittedError, match="Only 2 rows have come"):
        model.predict(rows)
    model.partial_fit(rows[2:200])
    whole = BayesianGaussianMixture(n_components=3, random_state=0, max_iter=300).fit(rows[:200])
    assert model.score(rows) == pytest.approx(whole.score(rows), abs=1e-6)
    assert model.partial_fit(rows[:0]) is model


def test_the_past_is_forgotten(rng: np.random.Generator) -> None:
    before, after = (rng.normal(at, 1.0, (4000, 2)) for at in (0.0, 30.0))
    model = stream_of(np.concatenate([before, after]), n_components=1, half_life=500.0)
    np.testing.assert_allclose(model.means_[0], 30.0, atol=0.5)
    assert model.mean_precision_.sum() < 1000.0


def test_weights_and_float32(rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(n_components=2, random_state=0)
    single = rows.astype(np.float32)
    for _ in range(4):
        model.partial_fit(single, sample_weight=np.full(len(rows), 2.0))
    assert model.means_.dtype == np.float32
    assert model.n_samples_seen_ == 4 * len(rows)


def test_files_and_pickles_go_on(weights: Any, rows: np.ndarray, tmp_path: Path) -> None:
    params = {"n_components": 3, "weight_concentration_prior_type": weights, "max_iter": 300}
    for n in (50, 300, 400):
        model = BayesianGaussianMixture(random_state=0, **params).partial_fit(rows[:n])
        copies = [pickle.loads(pickle.dumps(model))]
        if n > 50:
            model.save(tmp_path / "a")
            copies.append(BayesianGaussianMixture.load(tmp_path / "a"))
        model.partial_fit(rows).partial_fit(rows)
        for other in copies:
            other.partial_fit(rows).partial_fit(rows)
            np.testing.assert_array_equal(other.means_, model.means_)
            assert other.n_samples_seen_ == model.n_samples_seen_


def test_a_step_by_hand_begins_a_stream_anew(rows: np.ndarray) -> None:
    model = stream_of(np.concatenate([rows] * 2), n_components=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.m_step(model.e_step(rows)).partial_fit(rows)
    assert model.n_samples_seen_ == len(rows)
