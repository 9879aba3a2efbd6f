"""`frozen` of the estimator: what is kept, where it comes from, everywhere that fits."""

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.errors import CollapseWarning
from support import correlated_mixture, error_of

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
PARTS = ("weights", "means", "covariances")
Rng = np.random.Generator


def problem(kind: Any, rng: Rng, n: int = 600) -> tuple[np.ndarray, dict[str, Any]]:
    """Return rows of three components, and parameters of a model that keeps their means."""
    truth = correlated_mixture(3, 2, rng, separation=2.0)
    params = {"covariance_type": kind, "means_init": truth.means + 0.25, "frozen": ("means",)}
    return truth.sample(n, rng)[0], {"n_components": 3, "random_state": 0, **params}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_way_of_a_fit(covariance_type: Any, dtype: Any, rng: Rng) -> None:
    rows, params = problem(covariance_type, rng)
    rows, means = rows.astype(dtype), np.asarray(params["means_init"], dtype)
    fitted = GaussianMixture(**params).fit(rows)
    batched = GaussianMixture(**params).fit_batches(np.array_split(rows, 3))
    stream = GaussianMixture(**params)
    for batch in np.array_split(rows, 6):
        stream.partial_fit(batch)
    for model in (fitted, batched, stream, GaussianMixture(**params).fit(rows, n_weights(rows))):
        assert model.means_.dtype == dtype
        np.testing.assert_array_equal(model.means_, means)
        assert model.n_parameters == GaussianMixture(**params).fit(rows).n_parameters
    rtol = 1e-6 if dtype is np.float64 else 1e-2
    np.testing.assert_allclose(batched.covariances_, fitted.covariances_, rtol=rtol, atol=rtol)
    assert stream.score(rows) > fitted.score(rows) - 0.1
    free = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
    assert fitted.n_parameters == free.n_parameters - 6
    assert fitted.bic(rows) == pytest.approx(
        -2.0 * 600 * fitted.score(rows) + fitted.n_parameters * np.log(600), rel=1e-5
    )


def n_weights(rows: np.ndarray) -> None:
    """`y`, which is ignored."""


def test_rows_with_gaps_and_a_prior(covariance_type: Any, rng: Rng) -> None:
    rows, params = problem(covariance_type, rng)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    prior = fastgmm.NormalInverseWishart()
    model = GaussianMixture(missing="em", prior=prior, **params).fit(rows)
    np.testing.assert_array_equal(model.means_, params["means_init"])
    bounds = np.array(model.lower_bounds_)
    assert (np.diff(bounds) > -1e-12 * np.abs(bounds[0])).all()
    again = GaussianMixture(missing="em", prior=prior, n_threads=3, **params).fit(rows)
    np.testing.assert_array_equal(again.covariances_, model.covariances_)


def test_what_is_estimated_belongs_to_the_means_that_stay(covariance_type: Any, rng: Rng) -> None:
    """In whatever order they come: starts find components in an order of their own."""
    truth = correlated_mixture(4, 2, rng, separation=20.0)
    rows, labels = truth.sample(800, rng)
    shares = np.bincount(labels) / 800
    order = rng.permutation(4)
    params = {"covariance_type": covariance_type, "means_init": truth.means[order]}
    model = GaussianMixture(4, frozen="means", max_iter=1, **params).fit(rows)
    np.testing.assert_allclose(model.weights_, shares[order], atol=0.02)


def test_components_are_found_in_the_order_of_weights_that_stay(
    covariance_type: Any, rng: Rng
) -> None:
    truth = correlated_mixture(3, 2, rng, separation=30.0)
    rows = truth._replace(weights=np.array([0.6, 0.3, 0.1])).sample(900, rng)[0]
    order = rng.permutation(3)
    weights = np.array([0.6, 0.3, 0.1])[order]
    model = GaussianMixture(
        3, covariance_type=covariance_type, weights_init=weights, frozen="weights", random_state=0
    ).fit(rows)
    np.testing.assert_array_equal(model.weights_, weights)
    np.testing.assert_allclose(model.means_, truth.means[order], atol=1.0)


def test_a_warm_start_and_steps_keep_what_the_model_has(covariance_type: Any, rng: Rng) -> None:
    truth = correlated_mixture(3, 2, rng, separation=2.0)
    rows = truth.sample(600, rng)[0]
    covariances = truth.covariances_as(covariance_type)
    for part in PARTS:
        given = truth.weights, truth.means + 0.25, covariances
        model = GaussianMixture.from_parameters(
            *given, covariance_type=covariance_type, warm_start=True, frozen=[part]
        )
        then = getattr(model, f"{part}_")
        step = copy.deepcopy(model)
        step.m_step(step.e_step(rows))
        stream = copy.deepcopy(model).partial_fit(rows[:300])
        stream = pickle.loads(pickle.dumps(stream)).partial_fit(rows[300:])
        for one in (step, stream, copy.deepcopy(model).fit(rows)):
            np.testing.assert_array_equal(getattr(one, f"{part}_"), then)
            for other in PARTS:
                same = np.array_equal(getattr(one, f"{other}_"), getattr(model, f"{other}_"))
                assert same == (other == part)
            assert one.n_parameters == model.n_parameters


def test_files_and_checkpoints(covariance_type: Any, rng: Rng, tmp_path: Path) -> None:
    rows, params = problem(covariance_type, rng)
    params["frozen"] = {"means": [True, False, True]}
    whole = GaussianMixture(**params, tol=1e-5).fit_batches([rows])
    path = tmp_path / "fit"
    GaussianMixture(**params, tol=1e-5).fit_batches([rows], checkpoint=path)
    model = fastgmm.load(path)
    assert model.frozen == {"means": [True, False, True]}
    assert model.n_parameters == whole.n_parameters
    np.testing.assert_array_equal(model.means_, whole.means_)
    other = GaussianMixture(**{**params, "frozen": ()}, tol=1e-5)
    assert "frozen" in str(error_of(other.fit_batches, [rows], checkpoint=path))
    whole.save(tmp_path / "model")
    assert fastgmm.load(tmp_path / "model").bic(rows) == whole.bic(rows)
    whole.set_params(frozen=("means", "weights")).save(tmp_path / "model")
    assert fastgmm.load(tmp_path / "model").frozen == ("weights", "means")
    free = GaussianMixture(2, random_state=0).fit(rows)
    free.save(tmp_path / "model")
    assert fastgmm.load(tmp_path / "model").frozen == ()


def test_a_stream_goes_on_from_a_file(rng: Rng, tmp_path: Path) -> None:
    """While its first rows are gathered, and after them."""
    rows, params = problem("full", rng, 1200)
    for n in (100, 700):
        stream = GaussianMixture(**params).partial_fit(rows[:n])
        if n > 600:
            stream.save(tmp_path / "stream")
            loaded = fastgmm.load(tmp_path / "stream")
        else:
            loaded = pickle.loads(pickle.dumps(stream))
        for one in (stream, loaded):
            one.partial_fit(rows[n:])
            np.testing.assert_array_equal(one.means_, params["means_init"])
        np.testing.assert_array_equal(stream.covariances_, loaded.covariances_)


def test_fits_of_groups_and_bootstrap(rng: Rng) -> None:
    rows, params = problem("diag", rng)
    groups = fastgmm.fit_many(np.array_split(rows, 3), **params)
    for model in groups.models:
        np.testing.assert_array_equal(model.means_, params["means_init"])
        assert model.n_parameters == 2 + 6
    model = GaussianMixture(**params).fit(rows)
    replicates = fastgmm.bootstrap(model, rows, 3, random_state=0)
    assert (replicates.means == model.means_).all()


def test_what_is_asked_and_does_not_fit(rng: Rng) -> None:
    rows, params = problem("tied", rng)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"frozen": "mean"}, "must be a collection of 'weights', 'means', 'covariances'"),
        ({"frozen": {"means": 1}}, "must be a collection"),
        ({"frozen": {"means": [0, 1, 2]}}, "must be a collection"),
        ({"frozen": 3}, "must be a collection"),
        ({"frozen": ("means",), "means_init": None}, "means_init"),
        ({"frozen": ("weights",)}, "weights_init gives them, and that is None"),
        ({"frozen": ("covariances",)}, "precisions_init"),
        ({"frozen": {"means": [True, False]}}, "2 flags for the means of 3 components"),
        ({"frozen": {"covariances": [True, False, True]}}, "share what their covariances"),
    ]
    for changes, words in wrong:
        model = GaussianMixture(**{**params, **changes})
        for call in (model.fit, model.partial_fit):
            error = error_of(call, rows)
            assert isinstance(error, ValueError)
            assert words in str(error), str(error)
    model = GaussianMixture(**params).fit(rows)
    assert "reorder" in str(error_of(model.reorder, [2, 1, 0]))
    assert model.marginal(0).frozen == ()
    nothing = {"means": [False, False, False], "weights": False}
    plain = GaussianMixture(**{**params, "frozen": ()}).fit(rows)
    same = GaussianMixture(**{**params, "frozen": nothing}).fit(rows)
    assert same.n_parameters == plain.n_parameters


def test_a_covariance_that_is_frozen_needs_no_rows(rng: Rng) -> None:
    """Nor does it lack volume: nobody is told of it, as of one that is estimated."""
    truth = correlated_mixture(3, 2, rng, separation=8.0)
    rows = truth.sample(300, rng)[0]
    means = np.concatenate([truth.means, [[500.0, 500.0]]])
    precisions = np.concatenate([truth.precisions_as("full"), 1e9 * np.eye(2)[None]])
    known = [False, False, False, True]
    params = {"means_init": means, "precisions_init": precisions, "max_iter": 500}
    frozen = {"means": known, "covariances": known}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GaussianMixture(4, frozen=frozen, **params).fit(rows)
    assert model.weights_[3] < 1e-3
    with pytest.warns(CollapseWarning, match="Component 3 ends on"):
        GaussianMixture(4, frozen={"means": known}, on_collapse="warn", **params).fit(rows)


def test_a_prior_beside_known_components(rng: Rng) -> None:
    """Two components of three are known; the third is found."""
    truth = correlated_mixture(3, 2, rng, separation=8.0)
    rows = truth.sample(3000, rng)[0]
    known = [True, True, False]
    means = truth.means.copy()
    means[2] = rows.mean(axis=0)
    model = GaussianMixture(
        3,
        means_init=means,
        precisions_init=truth.precisions_as("full"),
        frozen={"means": known, "covariances": known},
    ).fit(rows)
    np.testing.assert_array_equal(model.means_[:2], truth.means[:2])
    np.testing.assert_allclose(model.means_[2], truth.means[2], atol=0.5)
