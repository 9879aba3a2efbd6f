"""The estimator inside scikit-learn's tools, and its parameters and names as theirs."""

import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn.base
import sklearn.exceptions
import sklearn.mixture
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from fastgmm import GaussianMixture
from support import correlated_mixture, error_of

Peer = sklearn.mixture.GaussianMixture
OWN = [
    *("n_threads", "half_life", "learning_exponent"),
    *("gap_tol", "acceleration", "on_collapse", "prior", "missing"),
]
DEFAULTS_OF_OUR_OWN = {
    "init_params": "ward",
    "n_threads": None,
    "half_life": None,
    "learning_exponent": 0.8,
    "gap_tol": "auto",
    "acceleration": "auto",
    "on_collapse": "repair",
    "prior": None,
    "missing": "error",
}
SCORING = (
    *("predict", "predict_proba", "score", "score_samples", "component_log_density", "e_step"),
    *("aic", "bic", "icl"),
)


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return correlated_mixture(3, 2, rng, separation=8.0).sample(150, rng)[0]


def test_constructor_has_the_parameters_of_scikit_learn() -> None:
    ours, theirs = (inspect.signature(kind).parameters for kind in (GaussianMixture, Peer))
    assert [*theirs, *OWN] == list(ours)
    for name, parameter in ours.items():
        default = DEFAULTS_OF_OUR_OWN[name] if name in DEFAULTS_OF_OUR_OWN else theirs[name].default
        assert parameter.default == default
        assert parameter.kind is (theirs["tol"] if name in OWN else theirs[name]).kind


def test_get_params_and_set_params() -> None:
    model = GaussianMixture(4, tol=0.5)
    assert list(model.get_params()) == sorted(inspect.signature(GaussianMixture).parameters)
    assert model.get_params(deep=False) == {
        **Peer(4, tol=0.5).get_params(),
        **DEFAULTS_OF_OUR_OWN,
    }
    assert model.set_params(n_components=2, n_threads=3) is model
    assert (model.n_components, model.tol, model.n_threads) == (2, 0.5, 3)
    assert model.set_params() is model


def test_set_params_refuses_an_unknown_name() -> None:
    for model in (Peer(2), GaussianMixture(2)):
        error = error_of(model.set_params, tol=0.5, colour="red")
        assert type(error) is ValueError
        assert str(error).startswith("Invalid parameter 'colour' for estimator GaussianMixture")
    assert model.tol == 1e-3, "nothing is set when one name is wrong"


def test_constructor_stores_what_it_was_given() -> None:
    given = {"weights_init": [0.5, 0.5], "tol": "checked by fit", "random_state": object()}
    model = GaussianMixture(2, **given)
    assert all(model.get_params()[name] is value for name, value in given.items())


def test_clone(rows: np.ndarray) -> None:
    model = GaussianMixture(3, covariance_type="tied", n_threads=1, random_state=4).fit(rows)
    twin = sklearn.base.clone(model)
    assert type(twin) is GaussianMixture
    assert twin.get_params() == model.get_params()
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(twin)
    check_is_fitted(model)
    np.testing.assert_array_equal(twin.fit(rows).means_, model.means_)


def test_repr_makes_the_same_model() -> None:
    assert repr(GaussianMixture()) == "GaussianMixture()"
    model = GaussianMixture(3, covariance_type="diag", weights_init=[0.5, 0.25, 0.25])
    text = repr(model)
    assert eval(text, {"GaussianMixture": GaussianMixture}).get_params() == model.get_params()
    assert "tol" not in text, "what has its default is not shown"


def test_tags_are_those_of_a_mixture() -> None:
    ours, theirs = (sklearn.utils.get_tags(kind()) for kind in (GaussianMixture, Peer))
    assert ours.estimator_type == theirs.estimator_type
    assert ours.target_tags.required is False
    assert ours.input_tags.sparse is False
    assert ours.input_tags.allow_nan is False


def test_pipeline(rows: np.ndarray) -> None:
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)).fit(rows)
    scaled = StandardScaler().fit_transform(rows)
    model = GaussianMixture(3, random_state=0).fit(scaled)
    np.testing.assert_array_equal(pipeline.predict(rows), model.predict(scaled))
    assert pipeline.score(rows) == model.score(scaled)
    assert set(pipeline.fit_predict(rows)) == {0, 1, 2}
    pipeline.set_params(gaussianmixture__n_components=2)
    assert pipeline.fit(rows).predict_proba(rows).shape == (150, 2)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(rows), pipeline.predict_proba(rows))


def test_grid_search(rows: np.ndarray) -> None:
    grid = {"n_components": [1, 3], "covariance_type": ["full", "spherical"]}
    search = GridSearchCV(GaussianMixture(random_state=0), grid, cv=3).fit(rows)
    assert search.best_params_["n_components"] == 3
    assert search.best_estimator_.means_.shape == (3, 2)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    by_bic = GridSearchCV(
        GaussianMixture(random_state=0), grid, cv=3, scoring=lambda model, X: -model.bic(X)
    )
    assert by_bic.fit(rows).best_params_["n_components"] == 3
    assert cross_val_score(GaussianMixture(3, random_state=0), rows, cv=3).shape == (3,)


@pytest.mark.filterwarnings("ignore:Estimator GaussianMixture does not inherit from")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_checks_of_scikit_learn() -> None:
    # Some forty checks; the one for array-API input is skipped unless SciPy is set up for it.
    results = check_estimator(GaussianMixture(n_threads=1), on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert sum(result["status"] == "passed" for result in results) >= 40


def columns(rows: np.ndarray) -> dict[str, np.ndarray]:
    return {f"x{i}": column.copy() for i, column in enumerate(rows.T)}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_feature_names(make: Callable[..., Any], rows: np.ndarray) -> None:
    frame = make(columns(rows))
    model = GaussianMixture(3, random_state=0).fit(frame)
    assert model.feature_names_in_.tolist() == ["x0", "x1"]
    assert model.feature_names_in_.dtype == object
    assert model.n_features_in_ == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in SCORING:
            getattr(model, method)(frame)
    for method in SCORING:
        with pytest.warns(UserWarning, match="X does not have valid feature names") as caught:
            getattr(model, method)(rows)
        assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_other_feature_names_are_refused(make: Callable[..., Any], rows: np.ndarray) -> None:
    model = GaussianMixture(3, random_state=0).fit(make(columns(rows)))
    swapped = make({name: columns(rows)[name] for name in ("x1", "x0")})
    for method in SCORING:
        with pytest.raises(ValueError, match="The feature names should match those that were"):
            getattr(model, method)(swapped)


def test_feature_names_are_forgotten_by_the_next_fit(rows: np.ndarray) -> None:
    frame = pd.DataFrame(columns(rows))
    model = GaussianMixture(3, random_state=0).fit(frame).fit(rows)
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(UserWarning, match="X has feature names, but GaussianMixture was fitted wi"):
        model.predict(frame)
    with pytest.raises(TypeError, match="Feature names are only supported if all input features"):
        model.fit(frame.rename(columns={"x0": 0}))


def test_convergence_warning_is_scikit_learns_too(rows: np.ndarray) -> None:
    model = GaussianMixture(3, random_state=0, max_iter=1, tol=0.0)
    with pytest.warns(sklearn.exceptions.ConvergenceWarning) as caught:
        model.fit(rows)
    assert [warning.filename for warning in caught] == [__file__]
    assert model.converged_ is False
