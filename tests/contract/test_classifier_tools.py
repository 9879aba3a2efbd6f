"""The classifier inside scikit-learn's tools, and without scikit-learn."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.base import ClassifierMixin, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from fastgmm import GaussianMixtureClassifier
from support import COVARIANCE_TYPES


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a ring around a disc."""
    y = rng.integers(2, size=400)
    angle, radius = rng.uniform(0.0, 2.0 * np.pi, 400), 1.0 + 3.0 * y
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return X + 0.3 * rng.standard_normal(X.shape), np.array(["disc", "ring"])[y]


@pytest.mark.filterwarnings("error:Estimator GaussianMixtureClassifier")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::fastgmm.errors.CollapseWarning")
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_checks_of_scikit_learn(covariance_type: Any) -> None:
    model = GaussianMixtureClassifier(covariance_type=covariance_type, n_threads=1)
    results = check_estimator(model, on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert sum(result["status"] == "passed" for result in results) >= 60


def test_it_is_a_classifier_with_parameters() -> None:
    model = GaussianMixtureClassifier(range(1, 3), covariance_type=["full", "tied"])
    assert is_classifier(model)
    assert isinstance(model, ClassifierMixin)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(n_components=2).n_components == 2
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        model.set_params(colour="red")


def test_tools(data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = data
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureClassifier(6, random_state=0))
    assert pipeline.fit(X, y).score(X, y) > 0.98
    assert (cross_val_score(pipeline, X, y, cv=3) > 0.95).all()
    assert cross_val_predict(pipeline, X, y, cv=3, method="predict_proba").shape == (400, 2)
    search = GridSearchCV(
        GaussianMixtureClassifier(random_state=0, covariance_type="spherical"),
        {"n_components": [1, {"disc": 1, "ring": 8}]},
        cv=3,
    ).fit(X, y)
    assert search.best_params_ == {"n_components": {"disc": 1, "ring": 8}}
    calibrated = CalibratedClassifierCV(GaussianMixtureClassifier(6, random_state=0), cv=3)
    assert calibrated.fit(X, y).score(X, y) > 0.95


def test_it_needs_no_scikit_learn() -> None:
    text = """
import sys
import numpy as np
from fastgmm import GaussianMixtureClassifier
X = np.array([[0.0], [0.1], [5.0], [5.2]])
model = GaussianMixtureClassifier().fit(X, ["a", "a", "b", "b"])
assert model.predict([[0.2], [4.0]]).tolist() == ["a", "b"]
assert model.score(X, ["a", "a", "b", "b"]) == 1.0
assert "sklearn" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", text], check=True)
