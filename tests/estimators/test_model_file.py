"""Models in files: the same numbers come back, or a sentence that says why not."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastgmm
from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.errors import NotFittedError
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")

ARRAYS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
FACTS = ("converged_", "n_iter_", "lower_bound_", "lower_bounds_", "n_features_in_")


def contents(model: GaussianMixture, X: np.ndarray) -> dict[str, Any]:
    """Return all that a model shows and says, arrays as bytes."""
    shown: dict[str, Any] = {}
    for name in ARRAYS:
        array = getattr(model, name)
        shown[name] = (array.dtype, array.shape, array.tobytes())
    for name in FACTS:
        value = getattr(model, name)
        shown[name] = (type(value), value)
    for name in ("score_samples", "predict_proba", "component_log_density", "predict"):
        shown[name] = getattr(model, name)(X).tobytes()
    for name in ("score", "aic", "bic", "icl"):
        shown[name] = getattr(model, name)(X)
    shown["sample"] = model.sample(10, random_state=3)[0].tobytes()
    shown["e_step"] = model.e_step(X).to_bytes()
    return shown


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 4), (2, 17)])
def test_same_bytes(
    n_components: int,
    n_features: int,
    dtype: type[np.floating],
    covariance_type: str,
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng([n_components, n_features])
    X = correlated_mixture(n_components, n_features, rng).sample(200, rng)[0].astype(dtype)
    model = GaussianMixture(
        n_components, covariance_type=covariance_type, max_iter=5, random_state=0
    ).fit(X)
    model.save(tmp_path / "model.gmm")
    assert contents(fastgmm.load(tmp_path / "model.gmm"), X) == contents(model, X)
    # Any kind of path, and a model that was loaded can be saved.
    fastgmm.load(str(tmp_path / "model.gmm")).save(str(tmp_path / "again.gmm"))
    assert (tmp_path / "again.gmm").read_bytes() == (tmp_path / "model.gmm").read_bytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("covariance_type", "covariances"), [("tied_diag", [1.0, 0.1]), ("tied_spherical", 0.1)]
)
def test_tied_covariances_keep_their_shape(
    covariance_type: str, covariances: Any, dtype: type[np.floating], tmp_path: Path
) -> None:
    """One variance for all is an array without dimensions, from files and pickles too."""
    model = GaussianMixture.from_parameters(
        np.array([0.25, 0.75], dtype),
        np.eye(2, dtype=dtype),
        np.array(covariances, dtype),
        covariance_type=covariance_type,
        precisions_init=np.asarray(1.0 / np.array(covariances)),
    )
    model.save(tmp_path / "model")
    for back in (fastgmm.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert contents(back, np.eye(2)) == contents(model, np.eye(2))
        for name in ("covariances_", "precisions_", "precisions_cholesky_"):
            array = getattr(back, name)
            assert type(array) is np.ndarray
            assert (array.shape, array.dtype) == (np.shape(covariances), dtype)
        np.testing.assert_array_equal(back.covariances_, np.array(covariances, dtype))
        assert back.precisions_init.shape == np.shape(covariances)
        np.testing.assert_array_equal(back.precisions_init, model.precisions_init)


PARAMS: dict[str, Any] = {
    "n_components": 3,
    "covariance_type": "diag",
    "tol": 0.1 + 1e-16,
    "reg_covar": 1e-300,
    "max_iter": 7,
    "n_init": 4,
    "init_params": "random_from_data",
    "weights_init": np.array([1 / 3, 1 / 3, 1 / 3]),
    "means_init": np.array([[0.1, 0.2], [1 / 3, 1e-310], [-0.0, 1e300]]),
    "precisions_init": np.full((3, 2), 1 / 7),
    "random_state": 2**32 - 1,
    "warm_start": True,
    "verbose": 2,
    "verbose_interval": 3,
    "n_threads": 2,
    "half_life": 1000.0,
    "learning_exponent": 0.7,
    "gap_tol": 1e-5,
    "acceleration": "lbfgs",
    "on_collapse": "warn",
    "prior": NormalInverseWishart(shrinkage=0.5, scale=2.0),
    "missing": "em",
    "n_factors": 3,
}


def fitted(**params: Any) -> GaussianMixture:
    base = {**PARAMS, "warm_start": False, "verbose": 0, "means_init": None, "n_factors": None}
    X = np.random.default_rng(0).normal(size=(60, 2))
    return GaussianMixture(**base).fit(X).set_params(**params)


def test_every_constructor_parameter_is_tested() -> None:
    assert set(PARAMS) == set(GaussianMixture().get_params())


@pytest.mark.parametrize("name", PARAMS)
def test_every_constructor_parameter(name: str, tmp_path: Path) -> None:
    default = GaussianMixture().get_params()[name]
    for value in (PARAMS[name], default):
        fitted(**{name: value}).save(tmp_path / "model")
        got = fastgmm.load(tmp_path / "model").get_params()[name]
        if isinstance(value, np.ndarray):
            assert got.dtype == value.dtype
            assert got.tobytes() == value.tobytes()
        else:
            assert got == value
            assert type(got) is type(value)


@pytest.mark.parametrize("value", [np.int64(5), np.float64(0.25), np.bool_(True), True])
def test_numpy_scalars(value: Any, tmp_path: Path) -> None:
    name = "warm_start" if isinstance(value, bool | np.bool_) else "tol"
    name = "max_iter" if isinstance(value, np.integer) else name
    fitted(**{name: value}).save(tmp_path / "model")
    assert fastgmm.load(tmp_path / "model").get_params()[name] == value


def test_a_loaded_model_fits_as_the_saved_one(tmp_path: Path) -> None:
    """float32 and lists among the initial parameters: what was accepted once is accepted again."""
    X = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    model = GaussianMixture(
        3,
        weights_init=np.full(3, 1 / 3, np.float32),  # their sum is 1 + 3e-8
        means_init=X[:3],
        precisions_init=[np.eye(2).tolist()] * 3,
        covariance_type="full",
    ).fit(X)
    model.save(tmp_path / "model")
    again = fastgmm.load(tmp_path / "model")
    for name in ("weights_init", "means_init"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    expected = contents(model, X)
    assert contents(again.fit(X), X) == expected


def test_generators_are_not_kept(tmp_path: Path) -> None:
    for seed in (np.random.default_rng(0), np.random.RandomState(0)):
        fitted(random_state=seed).save(tmp_path / "model")
        assert fastgmm.load(tmp_path / "model").random_state is None


def test_feature_names(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a", "größe\n"])
    model = GaussianMixture(2, random_state=0).fit(frame)
    model.save(tmp_path / "model")
    again = fastgmm.load(tmp_path / "model")
    assert again.feature_names_in_.tolist() == model.feature_names_in_.tolist()
    assert again.feature_names_in_.dtype == model.feature_names_in_.dtype
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.predict(frame)
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame[["größe\n", "a"]])


def test_warm_start_goes_on_after_loading(tmp_path: Path) -> None:
    X = np.random.default_rng(1).normal(size=(200, 2))
    kwargs = {"random_state": 0, "tol": 0.0, "warm_start": True, "max_iter": 4}
    model = GaussianMixture(3, **kwargs).fit(X)
    model.save(tmp_path / "model")
    expected = contents(model.fit(X), X)
    assert contents(fastgmm.load(tmp_path / "model").fit(X), X) == expected


def test_unfitted_models_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        GaussianMixture().save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_threads", -1), ("tol", -1.0), ("n_components", 0), ("covariance_type", "covered")],
)
def test_invalid_settings_are_not_saved(name: str, value: Any, tmp_path: Path) -> None:
    """The sentence is that of a fit, and what was there stays."""
    model, path = fitted(), tmp_path / "model"
    model.save(path)
    before = path.read_bytes()
    setattr(model, name, value)
    with pytest.raises(ValueError, match=rf"^The '{name}' parameter of GaussianMixture must be"):
        model.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_an_invalid_prior_is_not_saved(tmp_path: Path) -> None:
    model = fitted(prior=NormalInverseWishart(shrinkage=-1.0))
    with pytest.raises(ValueError, match=r"^the prior's shrinkage must be a number >= 0"):
        model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())
