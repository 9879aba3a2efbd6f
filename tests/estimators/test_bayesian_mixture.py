"""BayesianGaussianMixture as users hold it: parameters, attributes, weights, batches, threads."""

import copy
import inspect
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.mixture
from posteriors import PRIORS
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

import fastgmm
from fastgmm import BayesianGaussianMixture
from fastgmm.errors import InvalidParameterError
from support import correlated_mixture

Peer = sklearn.mixture.BayesianGaussianMixture
PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "mean_precision_")


@pytest.fixture(params=PRIORS)
def weights(request: pytest.FixtureRequest) -> Any:
    """Run the test once per prior of the weights."""
    return request.param


def assert_same(one: Any, other: Any) -> None:
    for name in (*PARAMETERS, "weight_concentration_", "degrees_of_freedom_", "covariance_prior_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_the_signature_is_that_of_scikit_learn() -> None:
    ours = inspect.signature(BayesianGaussianMixture.__init__).parameters
    theirs = inspect.signature(Peer.__init__).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    different = {n for n in theirs if n != "self" and ours[n].default != theirs[n].default}
    assert different == {"init_params"}
    assert all(ours[name].kind is theirs[name].kind for name in theirs)


def test_tools_of_scikit_learn_take_it() -> None:
    check_estimator(BayesianGaussianMixture(max_iter=20, random_state=0))
    model = BayesianGaussianMixture(n_components=3, mean_prior=[0.0, 1.0])
    assert clone(model).get_params() == model.get_params()
    assert isinstance(model, sklearn.base.BaseEstimator)


def test_default_fits_converge(weights: Any, covariance_type: Any) -> None:
    rng = np.random.default_rng(5)
    rows = correlated_mixture(6, 6, rng, separation=1.5).sample(5000, rng)[0]
    model = BayesianGaussianMixture(
        n_components=10,
        covariance_type=covariance_type,
        weight_concentration_prior_type=weights,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(rows)
    assert model.converged_
    assert model.n_passes_ < 100
    assert np.diff(model.lower_bounds_).min() > -1e-12 * abs(model.lower_bound_)


def test_the_rule_of_scikit_learn_ends_plain_fits(weights: Any, rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(
        n_components=3,
        acceleration=None,
        max_iter=1000,
        tol=0.01,
        weight_concentration_prior_type=weights,
        random_state=0,
    ).fit(rows)
    changes = np.abs(np.diff(model.lower_bounds_))
    assert changes[-1] < 0.01 <= changes[:-1].min()
    with pytest.warns(ConvergenceWarning, match=r"After 3 iterations .* changed by .* tol=0.01"):
        model.set_params(max_iter=3).fit(rows)


def test_weights_count_rows(weights: Any, covariance_type: Any, rng: np.random.Generator) -> None:
    rows = correlated_mixture(3, 2, rng).sample(200, rng)[0]
    counts = rng.integers(0, 4, len(rows))
    params = {
        "n_components": 3,
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": weights,
        "random_state": 0,
        "max_iter": 30,
        "tol": 0.0,
        "init_params": "kmeans",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weighted = BayesianGaussianMixture(**params).fit(rows, sample_weight=counts)
        repeated = BayesianGaussianMixture(**params).fit(np.repeat(rows, counts, axis=0))
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, rel=1e-3)
    assert np.sum(weighted.mean_precision_) == pytest.approx(counts.sum() + 3)


def test_batches_and_threads_are_the_same_fit(
    weights: Any, covariance_type: Any, rows: np.ndarray
) -> None:
    params = {
        "n_components": 4,
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": weights,
        "random_state": 0,
        "max_iter": 300,
    }
    whole = BayesianGaussianMixture(**params, n_threads=1).fit(rows)
    seen: list[Any] = []
    assert_same(BayesianGaussianMixture(**params, n_threads=3).fit(rows), whole)
    assert_same(BayesianGaussianMixture(**params).fit(rows, callback=seen.append), whole)
    assert [one.lower_bound for one in seen] == whole.lower_bounds_
    batched = BayesianGaussianMixture(**params).fit_batches(np.array_split(rows, 7))
    assert batched.n_iter_ == whole.n_iter_
    for name in PARAMETERS:
        np.testing.assert_allclose(getattr(batched, name), getattr(whole, name), rtol=1e-7)


def test_a_callback_ends_a_fit(rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(n_components=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(rows, callback=lambda one: one.n_iter == 2)
    assert model.n_iter_ == 2


def test_float32_rows(weights: Any, covariance_type: Any, rows: np.ndarray) -> None:
    params = {
        "n_components": 3,
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": weights,
        "max_iter": 15,
        "tol": 0.0,
        "init_params": "kmeans",
        "random_state": 0,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        single = BayesianGaussianMixture(**params).fit(rows.astype(np.float32))
        double = BayesianGaussianMixture(**params).fit(rows.astype(np.float32).astype(float))
    for name in PARAMETERS:
        assert getattr(single, name).dtype == np.float32
        np.testing.assert_allclose(
            getattr(single, name), getattr(double, name), rtol=2e-3, atol=0.01
        )


def test_a_warm_start_goes_on(weights: Any, rows: np.ndarray) -> None:
    params = {
        "n_components": 4,
        "weight_concentration_prior_type": weights,
        "random_state": 0,
        "acceleration": None,
        "tol": 0.0,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = BayesianGaussianMixture(**params, max_iter=12).fit(rows)
        parts = BayesianGaussianMixture(**params, max_iter=6, warm_start=True).fit(rows).fit(rows)
    assert_same(parts, whole)
    assert parts.lower_bound_ == whole.lower_bound_


def test_n_init_keeps_the_highest_bound(rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(
        n_components=5, n_init=4, init_params="random_from_data", random_state=0, max_iter=200
    ).fit(rows)
    reached = [one.lower_bound for one in model.initializations_]
    assert len(reached) == 4
    assert model.lower_bound_ == max(reached)


def test_an_iteration_limit_of_zero_is_the_start(rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(n_components=3, max_iter=0, random_state=0).fit(rows)
    assert model.n_iter_ == 0
    assert model.mean_precision_.sum() == pytest.approx(len(rows) + 3)


def test_empty_components_end_without_weight() -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(at, 1.0, (500, 2)) for at in (0.0, 9.0)])
    model = BayesianGaussianMixture(n_components=6, random_state=0, max_iter=300).fit(rows)
    assert (model.weights_ > 0.01).sum() == 2
    np.testing.assert_array_equal(model.fit_predict(rows), model.predict(rows))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"weight_concentration_prior_type": "beta"}, "a str among"),
        ({"weight_concentration_prior": 0.0}, r"None or a float in the range \(0.0, inf\)"),
        ({"mean_precision_prior": -1.0}, "'mean_precision_prior'"),
        ({"mean_prior": 1.0}, "None or an array-like"),
        ({"covariance_prior": "x"}, "None, an array-like or a float"),
        ({"n_components": 0}, "'n_components' parameter of BayesianGaussianMixture"),
    ],
)
def test_parameters_are_refused_as_scikit_learn_does(params: Any, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        BayesianGaussianMixture(**params).fit(np.eye(3))
    with pytest.raises(sklearn.utils._param_validation.InvalidParameterError, match=words):
        Peer(**params).fit(np.eye(3))


def test_copies_and_pickles(weights: Any, covariance_type: Any, rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(
        n_components=3,
        covariance_type=covariance_type,
        weight_concentration_prior_type=weights,
        random_state=0,
        max_iter=200,
    ).fit(rows)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_same(other, model)
        np.testing.assert_array_equal(other.score_samples(rows), model.score_samples(rows))
        assert other.lower_bounds_ == model.lower_bounds_
    assert fastgmm.BayesianGaussianMixture is type(model)


def test_pruned_fits_have_no_empty_components(weights: Any, covariance_type: Any) -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(at, 1.0, (300, 2)) for at in (0.0, 9.0)])
    params: dict[str, Any] = {
        "n_components": 6,
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": weights,
        "random_state": 0,
        "max_iter": 500,
    }
    whole = BayesianGaussianMixture(**params).fit(rows)
    assert whole.converged_
    model = BayesianGaussianMixture(**params, prune=True).fit(rows)
    held = model.mean_precision_ - model.mean_precision_prior_
    assert held.min() >= 1.0
    assert len(held) == (whole.mean_precision_ - 1.0 >= 1.0).sum() < 6
    assert model.converged_
    assert model.n_iter_ >= len(model.lower_bounds_)
    assert model.weight_concentration_prior_ == pytest.approx(1 / 6)
    # A tied covariance is known by a K-th of the rows, so that it depends on K.
    assert model.score(rows) == pytest.approx(whole.score(rows), abs=0.06)
    again = BayesianGaussianMixture(**params, prune=True).fit_batches(np.array_split(rows, 4))
    np.testing.assert_allclose(again.means_, model.means_, rtol=1e-6, atol=1e-9)
    k = len(held)
    assert len(model.set_params(warm_start=True).fit(rows).weights_) == k


def test_an_iteration_limit_ends_pruning(rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(n_components=12, prune=True, max_iter=30, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows)
    assert model.n_iter_ <= 30
    assert (model.mean_precision_ - 1.0).min() >= 1.0


def test_the_predictive_density_has_heavier_tails(rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(n_components=2, random_state=0).fit(rows[:30])
    far = rows[:30] + 30.0
    assert (model.predictive_log_density(far) > model.score_samples(far)).all()
    near = rows[:30]
    np.testing.assert_allclose(
        model.predictive_log_density(near), model.score_samples(near), atol=1.5
    )


def test_a_reader_that_fails_leaves_the_last_whole_pass(rows: np.ndarray) -> None:
    walks = []

    def batches() -> Any:
        walks.append(len(walks))
        yield rows[:200]
        if len(walks) > 7:
            raise OSError("the disk is gone")
        yield rows[200:]

    params: dict[str, Any] = {"n_components": 3, "random_state": 0, "tol": 0.0, "max_iter": 30}
    model = BayesianGaussianMixture(**params)
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit_batches(batches)
    assert 0 < model.n_iter_ < 7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = BayesianGaussianMixture(**params | {"max_iter": model.n_iter_}).fit(rows)
    np.testing.assert_allclose(model.means_, whole.means_, rtol=1e-9)
