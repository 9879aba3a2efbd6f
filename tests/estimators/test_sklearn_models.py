"""Models go to scikit-learn's class and come from it: parameters, fit and scores stay the same."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.mixture

from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.estimators.sklearn_models import LIKE
from support import COVARIANCE_TYPES, OF_SCIKIT_LEARN, CorrelatedMixture, correlated_mixture

Peer = sklearn.mixture.GaussianMixture
FITTED = (
    *("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"),
    *("converged_", "n_iter_", "lower_bound_", "lower_bounds_", "n_features_in_"),
)


@pytest.fixture
def made(rng: np.random.Generator) -> CorrelatedMixture:
    return correlated_mixture(3, 4, rng, separation=3.0)


def assert_same_scores(ours: Any, theirs: Any, X: np.ndarray) -> None:
    exactly: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), **exactly)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), **exactly)
    assert ours.score(X) == pytest.approx(theirs.score(X), rel=1e-12)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_ours_becomes_theirs(
    made: CorrelatedMixture, covariance_type: Any, rng: np.random.Generator
) -> None:
    frame = pd.DataFrame(made.sample(400, rng)[0], columns=list("abcd"))
    ours = GaussianMixture(3, covariance_type=covariance_type, tol=1e-6, random_state=3).fit(frame)
    theirs = ours.to_sklearn()
    assert type(theirs) is Peer
    assert_same_scores(ours, theirs, frame)
    assert theirs.feature_names_in_.tolist() == list("abcd")
    for name in FITTED:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if np.ndim(mine) != np.ndim(other):
            assert covariance_type in LIKE
            mine = np.stack([mine] * 3)
        np.testing.assert_array_equal(mine, other)
    assert (
        theirs.get_params()
        == Peer(
            3, covariance_type=LIKE.get(covariance_type, covariance_type), tol=1e-6, random_state=3
        ).get_params()
    )
    theirs.means_ += 1.0
    assert (ours.means_ != theirs.means_).all(), "theirs is a copy that can be changed"
    assert theirs.set_params(tol=1e-3).fit(frame).n_features_in_ == 4


@pytest.mark.parametrize("covariance_type", OF_SCIKIT_LEARN)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_theirs_becomes_ours(
    made: CorrelatedMixture, covariance_type: Any, dtype: Any, rng: np.random.Generator
) -> None:
    X = made.sample(150, rng)[0].astype(dtype)
    theirs = Peer(3, covariance_type=covariance_type, n_init=2, random_state=3).fit(X)
    ours = GaussianMixture.from_sklearn(theirs, n_threads=1)
    assert type(ours) is GaussianMixture
    assert ours.means_.dtype == theirs.means_.dtype
    known = Peer().get_params()
    assert {name: ours.get_params()[name] for name in known} == theirs.get_params()
    assert ours.n_threads == 1
    for name in FITTED:
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-5, atol=1e-6)
    if dtype is np.float64:
        assert_same_scores(ours, theirs, X)
        assert ours.bic(X) == pytest.approx(theirs.bic(X), rel=1e-12)
        again = ours.to_sklearn()
        assert_same_scores(again, theirs, X)
        assert again.get_params() == theirs.get_params()


def test_names_of_theirs(made: CorrelatedMixture, rng: np.random.Generator) -> None:
    frame = pd.DataFrame(made.sample(100, rng)[0], columns=list("abcd"))
    ours = GaussianMixture.from_sklearn(Peer(2, random_state=0).fit(frame))
    assert ours.feature_names_in_.tolist() == list("abcd")
    assert not hasattr(
        GaussianMixture.from_sklearn(Peer(2).fit(frame.to_numpy())), "feature_names_in_"
    )


@pytest.mark.parametrize("covariance_type", OF_SCIKIT_LEARN)
def test_a_bayesian_mixture_becomes_the_mixture_of_its_parameters(
    made: CorrelatedMixture, covariance_type: Any, rng: np.random.Generator
) -> None:
    X = made.sample(150, rng)[0]
    theirs = sklearn.mixture.BayesianGaussianMixture(
        n_components=4, covariance_type=covariance_type, max_iter=20, random_state=0
    ).fit(X)
    ours = GaussianMixture.from_sklearn(theirs)
    for name in FITTED[:3]:
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12)
    assert ours.covariance_type == covariance_type
    assert abs(ours.score(X) - theirs.score(X)) < 0.5


def test_models_that_are_not_fitted() -> None:
    start = np.arange(8.0).reshape(2, 4)
    ours = GaussianMixture(2, means_init=start, init_params="k-means++", reg_covar="auto")
    theirs = ours.to_sklearn()
    assert not hasattr(theirs, "weights_")
    assert theirs.means_init is start
    assert (theirs.init_params, theirs.reg_covar) == ("k-means++", 1e-6)
    again = GaussianMixture.from_sklearn(theirs)
    assert not again.is_fitted
    assert again.means_init is start


def test_parameters_that_theirs_has_in_another_form() -> None:
    given = {"random_state": np.random.default_rng(5), "prior": NormalInverseWishart()}
    ours = GaussianMixture(
        3, covariance_type="tied_diag", precisions_init=np.array([1.0, 2.0]), **given
    )
    theirs = ours.to_sklearn()
    np.testing.assert_array_equal(theirs.precisions_init, [[1.0, 2.0]] * 3)
    assert isinstance(theirs.random_state, np.random.RandomState)
    drawn = theirs.random_state.random_sample(3)
    np.testing.assert_array_equal(drawn, np.random.default_rng(5).random(3))
    single = GaussianMixture(2, covariance_type="tied_spherical", precisions_init=4.0).to_sklearn()
    np.testing.assert_array_equal(single.precisions_init, [4.0, 4.0])


def test_the_fit_counts_where_parameters_were_set_since() -> None:
    ours = GaussianMixture(2, covariance_type="diag", random_state=0).fit(np.eye(9)[:, :3] * 3.0)
    theirs = ours.set_params(n_components=7, covariance_type="full").to_sklearn()
    assert (theirs.n_components, theirs.covariance_type) == (2, "diag")
    assert theirs.predict(np.eye(3)).shape == (3,)


@pytest.mark.parametrize("model", [GaussianMixture(), sklearn.mixture, None, Peer])
def test_other_models_are_refused(model: Any) -> None:
    with pytest.raises(TypeError, match=r"^from_sklearn takes a GaussianMixture or a Bayesian"):
        GaussianMixture.from_sklearn(model)


def test_a_model_without_a_density_is_refused() -> None:
    theirs = Peer(1).fit([[0.0], [1.0], [2.0]])
    theirs.covariances_ = -theirs.covariances_
    with pytest.raises(ValueError, match="symmetric, positive-definite"):
        GaussianMixture.from_sklearn(theirs)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_onnx_gives_the_same_scores(
    made: CorrelatedMixture, covariance_type: Any, rng: np.random.Generator
) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    X = made.sample(300, rng)[0]
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    theirs = model.to_sklearn()
    onnx = skl2onnx.to_onnx(theirs, X, options={id(theirs): {"score_samples": True}})
    session = runtime.InferenceSession(onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, probabilities, scores = session.run(None, {"X": X})
    np.testing.assert_array_equal(labels.ravel(), model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(scores.ravel(), model.score_samples(X), rtol=1e-9)
