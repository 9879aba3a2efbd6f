"""Subclasses with a constructor of their own, in every way that users and scikit-learn use them."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.base
import sklearn.mixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastgmm
from fastgmm import GaussianMixture
from support import error_of


class Adding(GaussianMixture):
    """It has one parameter more."""

    def __init__(self, n_components: int = 1, *, extra: Any = None, random_state: Any = None):
        super().__init__(n_components, random_state=random_state)
        self.extra = extra


class Renaming(GaussianMixture):
    """It calls the number of components otherwise."""

    def __init__(self, k: int = 1, random_state: Any = None) -> None:
        super().__init__(k, random_state=random_state)
        self.k = k


class Dropping(GaussianMixture):
    """It takes one parameter, and has decided the others."""

    def __init__(self, n_components: int = 1) -> None:
        super().__init__(n_components, random_state=0, reg_covar=1e-5)


class Keywords(GaussianMixture):
    """It hands on whatever it does not know."""

    def __init__(self, n_components: int = 1, **kw: Any) -> None:
        super().__init__(n_components, **kw)


class Defaults(GaussianMixture):
    """It has other defaults."""

    def __init__(self, n_components: int = 2, covariance_type: Any = "tied", tol: float = 1e-4):
        super().__init__(n_components, covariance_type=covariance_type, tol=tol)


class Varargs(GaussianMixture):
    """It breaks scikit-learn's convention."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)


class Required(GaussianMixture):
    """It has a parameter without a default."""

    def __init__(self, name: str, n_components: int = 2) -> None:
        super().__init__(n_components)
        self.name = name


class Plain(GaussianMixture):
    """It has the constructor that it inherits."""


MADE = {
    "adding": lambda: Adding(2, extra={"a": 1}, random_state=0),
    "renaming": lambda: Renaming(2, random_state=0),
    "dropping": lambda: Dropping(2),
    "keywords": lambda: Keywords(2, random_state=0, tol=1e-4),
    "defaults": lambda: Defaults(),
    "varargs": lambda: Varargs(2),
    "required": lambda: Required("x"),
    "plain": lambda: Plain(2, random_state=0),
}
"""An instance of each, of two components."""


@pytest.fixture
def rows() -> np.ndarray:
    rng = np.random.default_rng(2)
    return np.r_[rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) @ [[2, 1], [0, 1]] + 9]


@pytest.mark.parametrize("name", MADE)
def test_it_does_all_that_the_class_does(name: str, rows: np.ndarray, tmp_path: Path) -> None:
    model = MADE[name]()
    kind = type(model)
    assert repr(model).startswith(f"{kind.__name__}(")
    assert model.fit(rows) is model
    assert sorted(np.bincount(model.predict(rows))) == [200, 200]
    assert model.fit_predict(rows).shape == (400,)
    assert model.e_step(rows).n_samples == 400
    assert model.m_step(model.e_step(rows)) is model
    model.fit_batches([rows[:150], rows[150:]])
    path = tmp_path / "model.gmm"
    model.save(path)
    loaded = fastgmm.load(path)
    assert type(loaded) is GaussianMixture
    assert (loaded.n_components, loaded.covariance_type) == (
        2,
        (kind is Defaults and "tied") or "full",
    )
    copies = [copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for one in copies:
        assert type(one) is kind
        assert vars(one).keys() == vars(model).keys()
    for one in [*copies, loaded]:
        assert one.predict_proba(rows).tobytes() == model.predict_proba(rows).tobytes()
    model.partial_fit(rows).reorder([1, 0])
    again = pickle.loads(pickle.dumps(model))
    assert again.partial_fit(rows).means_.tobytes() == model.partial_fit(rows).means_.tobytes()
    assert again.snapshot().means_.shape == (2, 2)


@pytest.mark.parametrize("name", MADE)
def test_its_parameters_are_those_of_its_constructor(name: str) -> None:
    expected: dict[str, dict[str, Any]] = {
        "adding": {"n_components": 2, "extra": {"a": 1}, "random_state": 0},
        "renaming": {"k": 2, "random_state": 0},
        "dropping": {"n_components": 2},
        "keywords": {"n_components": 2},
        "defaults": {"n_components": 2, "covariance_type": "tied", "tol": 1e-4},
        "required": {"name": "x", "n_components": 2},
        "plain": GaussianMixture(2, random_state=0).get_params(),
    }
    model = MADE[name]()
    if name == "varargs":
        sentence = r"^scikit-learn estimators should always specify .* \(no varargs\)\. <class '.*"
        with pytest.raises(RuntimeError, match=sentence):
            model.get_params()
        assert repr(model) == "Varargs()"
        return
    assert model.get_params() == expected[name]
    assert list(model.get_params()) == sorted(expected[name])
    twin = sklearn.base.clone(model)
    assert type(twin) is type(model)
    assert twin.get_params() == expected[name]
    first = next(iter(expected[name]))
    assert model.set_params(**{first: 3}) is model
    assert model.get_params()[first] == 3
    with pytest.raises(ValueError, match=r"^Invalid parameter 'nothing' for estimator "):
        model.set_params(nothing=1)
    if name not in ("renaming", "keywords", "plain"):
        with pytest.raises(ValueError, match=r"^Invalid parameter 'verbose_interval' for"):
            model.set_params(verbose_interval=1)


def test_the_sentence_about_varargs_is_scikit_learns() -> None:
    class Theirs(sklearn.mixture.GaussianMixture):
        def __init__(self, *args: Any) -> None: ...

    class Ours(GaussianMixture):
        def __init__(self, *args: Any) -> None: ...

    theirs, ours = (str(error_of(kind().get_params)) for kind in (Theirs, Ours))
    assert ours == theirs.replace("Theirs", "Ours")


def test_errors_say_its_name(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^The 'n_components' parameter of Plain must be an int"):
        Plain(0).fit(rows)
    with pytest.raises(fastgmm.errors.NotFittedError, match=r"^This Plain instance is not fitted"):
        Plain().predict(rows)


def test_tools_of_scikit_learn(rows: np.ndarray) -> None:
    grid = {"n_components": np.arange(1, 4), "extra": [None, 2]}
    search = GridSearchCV(Adding(random_state=0), grid, cv=2).fit(rows)
    assert search.best_params_["n_components"] == 2
    assert type(search.best_estimator_) is Adding
    search = GridSearchCV(Plain(random_state=0), {"n_components": [1, 2]}, cv=2, n_jobs=1).fit(rows)
    assert search.best_estimator_.means_.shape == (2, 2)
    pipeline = make_pipeline(StandardScaler(), Adding(2, random_state=0)).fit(rows)
    pipeline.set_params(adding__extra=5, adding__n_components=1).fit(rows)
    assert pipeline[-1].extra == 5


def test_a_parameter_that_is_an_estimator() -> None:
    model = Adding(2, extra=StandardScaler(with_mean=False))
    assert model.get_params()["extra__with_mean"] is False
    assert "extra__with_mean" not in model.get_params(deep=False)
    model.set_params(extra__with_mean=True, n_components=3)
    assert (model.extra.with_mean, model.n_components) == (True, 3)
    twin = sklearn.base.clone(model)
    assert twin.extra is not model.extra
    assert twin.get_params()["extra__with_mean"] is True
    new = StandardScaler()
    model.set_params(extra=new, extra__with_std=False)
    assert model.extra is new
    assert new.with_std is False
    for wrong in ({"n_components__x": 1}, {"nothing__x": 1}):
        with pytest.raises(ValueError, match=r"^Invalid parameter '(n_components|nothing)' for"):
            model.set_params(**wrong, random_state=5)
    assert model.random_state is None


def test_a_copy_whose_parameters_are_wrong_by_now(rows: np.ndarray) -> None:
    for made in (Plain(2, random_state=0).partial_fit(rows[:20]), Plain(2).partial_fit(rows)):
        made.set_params(n_components=np.int8(2), half_life=-1.0, n_threads="x")
        again = pickle.loads(pickle.dumps(made))
        with pytest.raises(fastgmm.errors.InvalidParameterError):
            again.partial_fit(rows)
        again.set_params(half_life=None, n_threads=None).partial_fit(rows)
        assert again.means_.shape == (2, 2)
