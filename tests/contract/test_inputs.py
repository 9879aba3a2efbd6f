"""What the public methods make of bad input, with scikit-learn beside."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn.exceptions
import sklearn.mixture

from fastgmm import GaussianMixture
from support import complete_start, error_of

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass")

Peer = sklearn.mixture.GaussianMixture

N_SAMPLES, N_FEATURES, N_COMPONENTS = 60, 3, 2
FITTING = ("fit", "fit_predict")
# What only this library has is compared with the method of scikit-learn that takes the same rows.
SCORING = {
    "predict": "predict",
    "predict_proba": "predict_proba",
    "score": "score",
    "score_samples": "score_samples",
    "component_log_density": "score_samples",
    "e_step": "score_samples",
    "aic": "aic",
    "bic": "bic",
    "icl": "bic",
}
FITTED = (
    *("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"),
    *("converged_", "n_iter_", "lower_bound_", "lower_bounds_"),
    *("n_features_in_", "feature_names_in_"),
)


def fitted(kind: type, X: Any, rows: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        return kind(**complete_start(rows)).fit(X)


def state(model: Any) -> dict[str, Any]:
    """Return everything that users see of a model."""
    attributes = {name: getattr(model, name) for name in FITTED if hasattr(model, name)}
    return {**model.get_params(), **attributes}


def assert_same(left: Any, right: Any) -> None:
    """Compare two values, or two dictionaries of them, to the last bit."""
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for name, value in left.items():
            assert_same(value, right[name])
    else:
        assert np.asarray(left).dtype == np.asarray(right).dtype
        np.testing.assert_array_equal(left, right)


def opening(message: str) -> str:
    """Return the words before scikit-learn's advice, which is its own."""
    words = re.split(r"\n|\. |: |\.Convert|\.$", message)[0]
    return re.sub(r"np\.str_\(|'?[abc]'?\)?$", "", words)


def bad_rows(rows: np.ndarray) -> dict[str, Any]:
    with_nan, with_inf = rows.copy(), rows.copy()
    with_nan[41, 1], with_inf[5, 2] = np.nan, np.inf
    return {
        "NaN": with_nan,
        "NaN in float32": with_nan.astype(np.float32),
        "NaN in a list": with_nan.tolist(),
        "NaN, strided": np.repeat(with_nan, 2, axis=1)[:, ::2],
        "NA": pd.DataFrame(with_nan).astype("Float64"),
        "null": pl.DataFrame({"a": [1.0, None, 2.0], "b": [1, 2, 3], "c": [1, 2, 3]}),
        "inf": with_inf,
        "-inf in float32": -with_inf.astype(np.float32),
        "1-D": rows[:, 0],
        "1-D series": pd.Series(rows[:, 0]),
        "3-D": rows[None],
        "scalar": 3.0,
        "no rows": np.empty((0, N_FEATURES)),
        "no columns": np.empty((5, 0)),
        "empty list": [],
        "None": None,
        "text": [["a", "b", "c"]] * 5,
        "text array": np.array([["a", "b", "c"]] * 5),
        "objects": np.array([["a", 1, 2]] * 5, dtype=object),
        "one string": "abc",
        "complex": rows + 1j,
        "complex list": [[1j, 2, 3]] * 5,
        "ragged": [[1, 2, 3], [4, 5]],
        "dict": {"a": [1, 2, 3]},
        "sparse": scipy.sparse.csr_array(rows),
        "matrix": np.asmatrix(rows),
    }


WORDS_OF_FIT = {"text", "text array", "one string", "dict"}
"""What scikit-learn refuses in one way while it fits and in another while it scores: here the words
are the same, those of the fit, or for a list of complex numbers those of the scores."""


def words_of(name: str, method: str) -> str:
    """Return the method of scikit-learn whose words are ours."""
    if name in WORDS_OF_FIT:
        return "fit"
    return SCORING.get(method, "score_samples" if name == "complex list" else method)


BAD_ROWS = tuple(bad_rows(np.zeros((N_SAMPLES, N_FEATURES))))


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("method", [*FITTING, *SCORING])
@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows(name: str, method: str, rows: np.ndarray) -> None:
    X = bad_rows(rows)[name]
    ours, theirs = fitted(GaussianMixture, rows, rows), fitted(Peer, rows, rows)
    before = state(ours)
    expected = error_of(getattr(theirs, words_of(name, method)), X)
    error = error_of(getattr(ours, method), X)
    assert type(error) is type(expected)
    assert str(error).startswith(opening(str(expected)))
    assert_same(state(ours), before)


@pytest.mark.parametrize("method", FITTING)
@pytest.mark.parametrize("n_samples", [1, 2])
def test_too_few_rows(n_samples: int, method: str, rows: np.ndarray) -> None:
    parameters = {**complete_start(rows), "n_components": 3}
    models = [kind(**parameters) for kind in (GaussianMixture, Peer)]
    error, expected = (error_of(getattr(m, method), rows[:n_samples]) for m in models)
    assert type(error) is type(expected)
    words = ("Found array with 1 sample(s)", "Expected n_samples >= n_components but got")
    assert str(expected).startswith(words[n_samples - 1])
    assert str(error).startswith(words[n_samples - 1])
    assert state(models[0]).keys() == parameters.keys() | models[0].get_params().keys()


@pytest.mark.parametrize("method", SCORING)
@pytest.mark.parametrize("n_columns", [1, N_FEATURES - 1, N_FEATURES + 1])
def test_wrong_number_of_columns(n_columns: int, method: str, rows: np.ndarray) -> None:
    X = np.ones((4, n_columns))
    expected = error_of(getattr(fitted(Peer, rows, rows), SCORING[method]), X)
    error = error_of(getattr(fitted(GaussianMixture, rows, rows), method), X)
    assert type(error) is type(expected) is ValueError
    words = f"X has {n_columns} features, but GaussianMixture is expecting {N_FEATURES} features"
    assert str(expected).startswith(words)
    assert str(error).startswith(words)


UNFITTED: dict[str, Callable[[Any, np.ndarray, Path], Any]] = {
    **{name: lambda model, X, path, name=name: getattr(model, name)(X) for name in SCORING},
    "sample": lambda model, X, path: model.sample(3),
    "save": lambda model, X, path: model.save(path / "model"),
    "m_step": lambda model, X, path: model.m_step(fitted(GaussianMixture, X, X).e_step(X)),
}


@pytest.mark.parametrize("method", UNFITTED)
def test_unfitted(method: str, rows: np.ndarray, tmp_path: Path) -> None:
    model = GaussianMixture(N_COMPONENTS)
    error = error_of(UNFITTED[method], model, rows, tmp_path)
    assert isinstance(error, sklearn.exceptions.NotFittedError)
    assert str(error).startswith("This GaussianMixture instance is not fitted yet")
    assert list(tmp_path.iterdir()) == []
    assert_same(state(model), GaussianMixture(N_COMPONENTS).get_params())


BAD_WEIGHTS: dict[str, tuple[Any, str]] = {
    "negative": (np.r_[-1.0, np.ones(N_SAMPLES - 1)], "Negative values in data passed to `sample_"),
    "NaN": (np.r_[np.ones(N_SAMPLES - 1), np.nan], "Input sample_weight contains NaN."),
    "inf": (np.r_[np.ones(N_SAMPLES - 1), np.inf], "Input sample_weight contains infinity"),
    "too short": (np.ones(N_SAMPLES - 1), "sample_weight.shape == (59,), expected (60,)"),
    "too long": (np.ones(N_SAMPLES + 1), "sample_weight.shape == (61,), expected (60,)"),
    "2-D": (np.ones((N_SAMPLES, 1)), "Sample weights must be 1D array or scalar, got 2D array"),
    "all zero": (np.zeros(N_SAMPLES), "Sample weights must contain at least one non-zero number"),
    "text": (["a"] * N_SAMPLES, "could not convert string to float"),
}


@pytest.mark.parametrize("method", ["fit", "e_step"])
@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_sample_weight(name: str, method: str, rows: np.ndarray) -> None:
    weights, words = BAD_WEIGHTS[name]
    model = fitted(GaussianMixture, rows, rows)
    before = state(model)
    error = error_of(getattr(model, method), rows, sample_weight=weights)
    assert type(error) is ValueError
    assert str(error).startswith(words)
    assert_same(state(model), before)


BAD_PARAMETERS: dict[str, Any] = {
    "n_components": 0,
    "covariance_type": "round",
    "tol": -1,
    "reg_covar": -1e-6,
    "max_iter": -1,
    "n_init": 0,
    "init_params": "best",
    "weights_init": 0.5,
    "means_init": "a",
    "precisions_init": 1.0,
    "random_state": -1,
    "warm_start": "yes",
    "verbose": -1,
    "verbose_interval": 0,
}


@pytest.mark.parametrize("method", FITTING)
@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_bad_parameters(name: str, method: str, rows: np.ndarray) -> None:
    model = fitted(GaussianMixture, rows, rows)
    peer = Peer(**{name: BAD_PARAMETERS[name]})
    model.set_params(**peer.get_params())
    before = state(model)
    expected, error = error_of(getattr(peer, method), rows), error_of(getattr(model, method), rows)
    assert isinstance(error, ValueError)
    assert isinstance(error, TypeError)
    words = re.split(r"\{| or |, an instance of 'numpy.random", str(expected))[0]
    assert words.startswith(f"The {name!r} parameter of GaussianMixture must be ")
    assert str(error).startswith(words)
    assert_same(state(model), before)


def test_bad_parameters_of_our_own(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="The 'n_threads' parameter of GaussianMixture must be an"):
        GaussianMixture(n_threads=0).fit(rows)
    for n_samples in (0, -3):
        for model in (fitted(Peer, rows, rows), fitted(GaussianMixture, rows, rows)):
            with pytest.raises(ValueError, match=r"^Invalid value for 'n_samples'"):
                model.sample(n_samples)
    with pytest.raises(ValueError, match="The 'random_state' parameter of GaussianMixture must"):
        fitted(GaussianMixture, rows, rows).sample(3, random_state="seed")


EYES = np.stack([np.eye(N_FEATURES)] * N_COMPONENTS)
BAD_INITIAL: dict[str, tuple[str, str, Any]] = {
    "weights of wrong shape": ("full", "weights_init", [1.0]),
    "weights beyond 1": ("full", "weights_init", [1.5, -0.5]),
    "weights that do not sum to 1": ("full", "weights_init", [0.5, 0.4]),
    "weights of NaN": ("full", "weights_init", [0.5, np.nan]),
    "means of wrong shape": ("full", "means_init", np.ones((N_FEATURES, N_COMPONENTS))),
    "means of inf": ("full", "means_init", np.full((N_COMPONENTS, N_FEATURES), np.inf)),
    "full of wrong shape": ("full", "precisions_init", EYES[0]),
    "full, not symmetric": ("full", "precisions_init", EYES + np.triu(EYES + 0.1, 1)),
    "full, indefinite": ("full", "precisions_init", EYES - 2.0),
    "full, of NaN": ("full", "precisions_init", EYES * np.nan),
    "tied of wrong shape": ("tied", "precisions_init", EYES[0][1:]),
    "tied, indefinite": ("tied", "precisions_init", EYES[0] - 2.0),
    "diag of wrong shape": ("diag", "precisions_init", EYES[0]),
    "diag, zero": ("diag", "precisions_init", EYES[0][:N_COMPONENTS]),
    "spherical of wrong shape": ("spherical", "precisions_init", [1.0]),
    "spherical, negative": ("spherical", "precisions_init", [1.0, -1.0]),
}


@pytest.mark.parametrize("name", BAD_INITIAL)
def test_bad_initial_parameters(name: str, rows: np.ndarray) -> None:
    covariance_type, parameter, value = BAD_INITIAL[name]
    changes = {"covariance_type": covariance_type, "precisions_init": None, parameter: value}
    ours = fitted(GaussianMixture, rows, rows).set_params(**changes)
    theirs = Peer(**complete_start(rows)).set_params(**changes)
    before = state(ours)
    expected, error = error_of(theirs.fit, rows), error_of(ours.fit, rows)
    assert type(error) is type(expected)
    # scikit-learn swaps the largest and the smallest weight in its message.
    words = str(expected).split("max value")[0].rstrip(".")
    assert str(error).startswith(words)
    assert_same(state(ours), before)


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "words"),
    [
        ([1.0], [[0.0]], [[[-1.0]]], "'full covariance' should be symmetric, positive-definite"),
        ([1.0], [[0.0]], [[1.0]], "The parameter 'full covariance' should have the shape of (1, 1"),
        ([1.0], [0.0], [[[1.0]]], "The parameter 'means' should have the shape of (n_components,"),
        ([0.9], [[0.0]], [[[1.0]]], "The parameter 'weights' should be normalized"),
        ([0.5, 0.5], [[0.0]], [[[1.0]]], "The parameter 'weights' should have the shape of (1,)"),
        ([1.0], [[np.nan]], [[[1.0]]], "Input contains NaN."),
    ],
)
def test_bad_known_parameters(weights: Any, means: Any, covariances: Any, words: str) -> None:
    error = error_of(GaussianMixture.from_parameters, weights, means, covariances)
    assert type(error) is ValueError
    assert str(error).startswith(words)


@pytest.mark.parametrize("method", ["score_samples", "predict_proba"])
def test_bad_out(method: str, rows: np.ndarray) -> None:
    model = fitted(GaussianMixture, rows, rows)
    score = getattr(model, method)
    right = score(rows)
    with pytest.raises(ValueError, match="'out' has shape"):
        score(rows, out=np.empty((N_SAMPLES + 1, *right.shape[1:])))
    with pytest.raises(TypeError, match="'out' has dtype float32"):
        score(rows, out=np.empty_like(right, dtype=np.float32))
    with pytest.raises(TypeError, match="'out' must be a NumPy array"):
        score(rows, out=right.tolist())
    with pytest.raises(ValueError, match="'out' must be C-contiguous"):
        score(rows, out=np.repeat(right, 2, axis=0)[::2])
    out = np.empty_like(right)
    assert score(rows, out=out) is out
    np.testing.assert_array_equal(out, right)
