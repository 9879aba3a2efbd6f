"""GaussianMixtureClassifier: Bayes' rule over mixtures, mclust's MclustDA, streams, pickles.

mclust's numbers are those of R 4.2.2 with mclust 6.0.0-1, after

    library(mclust); ctl <- emControl(tol = c(1e-14, 1e-14), itmax = c(100000, 100000))
    m <- MclustDA(X, class, G = G, modelNames = model, control = ctl)
    m$loglik; m$df; sum(predict(m, X)$classification != class)
    sapply(m$models, function(one) one$loglik)

where X is iris[, 1:4] by Species, or the complete rows of penguins.csv, columns 3 to 6 in R, by
species.
"""

import csv
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from fastgmm import GaussianMixture, GaussianMixtureClassifier, fit_many
from fastgmm.errors import InvalidParameterError, NotFittedError

DATA = Path(__file__).parents[2] / "data"
TIGHT: dict[str, Any] = {"reg_covar": 0.0, "tol": 1e-12, "gap_tol": 1e-12, "max_iter": 10_000}
MCLUST = {
    ("iris", 1, "full"): (-182.92084860529599, 42, 3),
    ("iris", 1, "diag"): (-309.36275789394193, 24, 6),
    ("penguins", 1, "full"): (-5152.4186447822676, 42, 4),
    ("penguins", 1, "diag"): (-5407.2010057073958, 24, 10),
}
"""Log-likelihood of the rows, free parameters and errors: of one component there is one optimum."""
MCLUST_OF_TWO = {
    ("iris", "full"): (63.039496256117324, 7.2753484361694394, -45.621417776837887),
    ("iris", "tied"): (55.023991158772539, -3.2873627022878829, -55.637500768385003),
    ("iris", "diag"): (41.365789344620829, -29.659073466372575, -81.286545250254306),
    ("penguins", "full"): (-2148.1782002741656, -942.82465746244748, -1662.0928653151125),
    ("penguins", "tied"): (-2153.8305847823358, -950.21695349805191, -1674.1940220756173),
}
"""Log-likelihoods of each class with two components, from mclust's one start."""


def iris() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def penguins() -> tuple[np.ndarray, np.ndarray]:
    with open(DATA / "penguins.csv", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file)][1:]
    complete = [row for row in rows if not {"", "NA"} & set(row[2:6])]
    return np.array([row[2:6] for row in complete], float), np.array([row[0] for row in complete])


SETS = {"iris": iris, "penguins": penguins}


@pytest.mark.parametrize(("name", "k", "kind"), MCLUST)
def test_mclusts_numbers(name: str, k: int, kind: Any) -> None:
    X, y = SETS[name]()
    model = GaussianMixtureClassifier(k, covariance_type=kind, **TIGHT).fit(X, y)
    log_likelihood, n_parameters, n_wrong = MCLUST[name, k, kind]
    assert model.score_samples(X).sum() == pytest.approx(log_likelihood, rel=1e-12)
    assert model.n_parameters == n_parameters
    assert np.count_nonzero(model.predict(X) != y) == n_wrong


@pytest.mark.parametrize(("name", "kind"), MCLUST_OF_TWO)
def test_two_components_reach_what_mclust_does(name: str, kind: Any) -> None:
    X, y = SETS[name]()
    model = GaussianMixtureClassifier(2, covariance_type=kind, n_init=10, random_state=0, **TIGHT)
    model.fit(X, y)
    for label, reached in zip(model.classes_, MCLUST_OF_TWO[name, kind], strict=True):
        rows = X[y == label]
        own = model.mixtures_[label].score(rows) * len(rows)
        assert own > reached - 1e-6 * abs(reached)


def test_one_component_is_quadratic_discriminant_analysis() -> None:
    X, y = iris()
    theirs = QuadraticDiscriminantAnalysis().fit(X, y)
    ours = GaussianMixtureClassifier(reg_covar=0.0).fit(X, y)
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.98  # they divide by n - 1
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=0.03)


def test_predictions_are_bayes_rule(rng: np.random.Generator) -> None:
    X, y = penguins()
    priors = np.array([0.2, 0.3, 0.5])
    for given in (None, priors, dict(zip(np.unique(y).tolist(), priors, strict=True))):
        model = GaussianMixtureClassifier(2, priors=given, random_state=0).fit(X, y)
        expected = np.unique(y, return_counts=True)[1] / len(y) if given is None else priors
        np.testing.assert_allclose(model.priors_, expected, rtol=1e-15)
        joint = np.column_stack([one.score_samples(X) for one in model.mixtures_.values()])
        joint += np.log(expected)
        total = logsumexp(joint, axis=1)
        np.testing.assert_allclose(model.score_samples(X), total, rtol=1e-13)
        np.testing.assert_allclose(
            model.predict_log_proba(X), joint - total[:, None], rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-12)
        assert (model.predict(X) == model.classes_[joint.argmax(axis=1)]).all()
        np.testing.assert_allclose(model.decision_function(X), joint, rtol=1e-13)
        met = model.predict(X) == y
        weights = rng.uniform(size=len(X))
        assert model.score(X, y) == met.mean()
        assert model.score(X, y, sample_weight=weights) == pytest.approx(
            np.average(met, weights=weights), rel=1e-14
        )


def test_two_classes_have_one_decision() -> None:
    X, y = iris()
    X, y = X[50:], y[50:]
    model = GaussianMixtureClassifier().fit(X, y)
    decision = model.decision_function(X)
    assert decision.shape == (100,)
    assert (model.classes_[(decision > 0).astype(int)] == model.predict(X)).all()


def test_far_rows_underflow_in_no_logarithm() -> None:
    X, y = iris()
    model = GaussianMixtureClassifier().fit(X, y)
    far = model.predict_log_proba(X[:3] + 1e4)
    assert np.isfinite(far).all()
    assert model.score_samples(X[:1] + 1e4)[0] < -1e6


def test_each_class_has_its_own_size_and_form() -> None:
    X, y = penguins()
    sizes = {"Adelie": 2, "Chinstrap": 1, "Gentoo": range(1, 4)}
    kinds = {"Adelie": "full", "Chinstrap": "diag", "Gentoo": ["full", "tied"]}
    model = GaussianMixtureClassifier(sizes, covariance_type=kinds, random_state=0).fit(X, y)
    found = {
        label: (one.n_components, one.covariance_type) for label, one in model.mixtures_.items()
    }
    assert found["Adelie"] == (2, "full")
    assert found["Chinstrap"] == (1, "diag")
    assert found["Gentoo"] == (1, "full")  # as mclust chooses by BIC
    assert model.n_iter_ == max(one.n_iter_ for one in model.mixtures_.values())


def test_each_mixture_is_that_of_its_rows(rng: np.random.Generator) -> None:
    X, y = penguins()
    weight = rng.uniform(0.5, 2.0, len(X))
    model = GaussianMixtureClassifier(2, random_state=0).fit(X, y, sample_weight=weight)
    grouped = fit_many(X, 2, labels=y, sample_weight=weight, random_state=0)
    for label, one in model.mixtures_.items():
        some = y == label
        alone = GaussianMixture(2, random_state=0).fit(X[some], sample_weight=weight[some])
        assert (one.means_ == alone.means_).all()
        assert (one.means_ == grouped[label].means_).all()
    held = np.bincount(np.unique(y, return_inverse=True)[1], weight)
    np.testing.assert_allclose(model.priors_, held / held.sum(), rtol=1e-14)


def test_gaps_tell_what_was_observed(rng: np.random.Generator) -> None:
    X, y = iris()
    X = X.copy()
    X[rng.random(X.shape) < 0.2] = np.nan
    model = GaussianMixtureClassifier(missing="em").fit(X, y)
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match="contains NaN"):
        GaussianMixtureClassifier().fit(X, y)
    empty = np.full((1, 4), np.nan)
    np.testing.assert_allclose(model.predict_proba(empty)[0], model.priors_, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_and_dtypes(dtype: Any) -> None:
    X, y = iris()
    X = X.astype(dtype)
    found = [
        GaussianMixtureClassifier(2, random_state=0, n_threads=n).fit(X, y).predict_proba(X)
        for n in (1, 3)
    ]
    assert found[0].tobytes() == found[1].tobytes()
    assert found[0].dtype == np.float64


def test_a_stream_comes_near_the_fit(rng: np.random.Generator) -> None:
    X, y = penguins()
    order = rng.permutation(len(X))
    X, y = X[order], y[order]
    model = GaussianMixtureClassifier(random_state=0)
    for begin in range(0, len(X), 19):
        some = slice(begin, begin + 19)
        assert model.partial_fit(X[some], y[some], np.unique(y)) is model
    whole = GaussianMixtureClassifier(random_state=0).fit(X, y)
    np.testing.assert_allclose(model.priors_, whole.priors_, rtol=1e-14)
    assert model.score(X, y) >= whole.score(X, y) - 0.02
    again = GaussianMixtureClassifier(random_state=0).fit(X, y)
    again.partial_fit(X[:50], y[:50])
    assert again.mixtures_["Adelie"].n_samples_seen_ == np.count_nonzero(y[:50] == "Adelie")


def test_a_stream_without_some_class(rng: np.random.Generator) -> None:
    X, y = iris()
    model = GaussianMixtureClassifier()
    with pytest.raises(ValueError, match="needs all classes in the first call to partial_fit"):
        model.partial_fit(X, y)
    model.partial_fit(X[:100], y[:100], classes=np.unique(y))
    assert list(model.mixtures_) == ["setosa", "versicolor"]
    proba = model.predict_proba(X)
    assert proba.shape == (150, 3)
    assert not proba[:, 2].any()
    model.partial_fit(X[100:101], y[100:101])
    with pytest.raises(NotFittedError, match=r"^class 'virginica': .*Only 1 rows have come"):
        model.predict(X)
    before = model.priors_
    for call, words in (
        (lambda: model.partial_fit(X[:2], ["setosa", "rose"]), "^y has the class 'rose'"),
        (lambda: model.partial_fit(X[:2], y[:2], ["setosa"]), "is not what the first call"),
        (lambda: model.partial_fit(X[:2, :3], y[:2]), "has 3 features"),
        (lambda: model.partial_fit(X[:2], y[:3]), "inconsistent numbers of samples"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
        assert (model.priors_ == before).all()
    model.partial_fit(X[100:], y[100:])
    assert model.score(X, y) > 0.95
    assert model.partial_fit(X[:0], y[:0]) is model


def test_pickles_and_names() -> None:
    X, y = iris()
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = GaussianMixtureClassifier(2, random_state=0).fit(table, y)
    again = pickle.loads(pickle.dumps(model))
    assert again.predict_proba(table).tobytes() == model.predict_proba(table).tobytes()
    assert again.classes_.tolist() == model.classes_.tolist()
    assert again.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert again.n_features_in_ == 4
    assert repr(again) == "GaussianMixtureClassifier(n_components=2, random_state=0)"
    stream = GaussianMixtureClassifier().partial_fit(X[:60], y[:60], np.unique(y))
    again = pickle.loads(pickle.dumps(stream)).partial_fit(X[60:], y[60:])
    np.testing.assert_array_equal(
        again.predict_proba(X), stream.partial_fit(X[60:], y[60:]).predict_proba(X)
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict(pd.DataFrame(X, columns=["a", "b", "c", "e"]))
    with pytest.raises(AttributeError, match="the rows of its fit had no names"):
        _ = stream.feature_names_in_


def test_classes_without_weight_have_no_mixture() -> None:
    X, y = iris()
    weight = (y != "virginica").astype(float)
    model = GaussianMixtureClassifier().fit(X, y, sample_weight=weight)
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert list(model.mixtures_) == ["setosa", "versicolor"]
    assert set(model.predict(X)) == {"setosa", "versicolor"}


def test_what_is_refused() -> None:
    X, y = iris()
    for params, error, words in (
        ({"n_components": 60}, ValueError, "'setosa' cannot be fitted: Expected n_samples >= n_c"),
        ({"n_components": [60, 61]}, ValueError, "'setosa' cannot be fitted"),
        ({"n_components": 0}, InvalidParameterError, "'n_components' parameter of GaussianMixt"),
        ({"n_components": {"setosa": 1}}, InvalidParameterError, "has nothing for 'versicolor'"),
        ({"covariance_type": "round"}, InvalidParameterError, "'covariance_type' parameter"),
        ({"priors": [1.0]}, InvalidParameterError, "must be 3 numbers that are not negative"),
        ({"tol": -1.0}, InvalidParameterError, "'tol' parameter"),
    ):
        with pytest.raises(error, match=words):
            GaussianMixtureClassifier(**params).fit(X, y)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterError, match="chooses no n_components or covariance_type"):
        GaussianMixtureClassifier([1, 2]).partial_fit(X, y, np.unique(y))
    for method in ("predict", "predict_proba", "score_samples", "decision_function"):
        with pytest.raises(NotFittedError, match=r"^This GaussianMixtureClassifier instance is"):
            getattr(GaussianMixtureClassifier(), method)(X)
    assert not GaussianMixtureClassifier().is_fitted
    with pytest.raises(ValueError, match="X has 3 features, but GaussianMixtureClassifier is exp"):
        GaussianMixtureClassifier().fit(X, y).predict(X[:, :3])
