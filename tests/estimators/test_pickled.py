"""A pickle of an estimator names one type of ours, and all else in it is plain."""

import io
import pickle
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, GaussianMixtureRegressor, NormalInverseWishart
from fastgmm.estimators.pickled import plain, whole

PRIOR = NormalInverseWishart(np.zeros(2), shrinkage=0.5)
X = np.random.default_rng(0).normal(size=(300, 2))


class Recorder(pickle.Unpickler):
    """It notes the names that a pickle imports."""

    names: set[str]

    def find_class(self, module: str, name: str) -> Any:
        self.names.add(f"{module}.{name}")
        return super().find_class(module, name)


def names_in(content: bytes) -> set[str]:
    recorder = Recorder(io.BytesIO(content))
    recorder.names = set()
    recorder.load()
    return recorder.names


MODELS = {
    "not fitted": lambda: GaussianMixture(2, prior=PRIOR),
    "fitted": lambda: GaussianMixture(2, prior=PRIOR, random_state=0).fit(X),
    "stream": lambda: GaussianMixture(2, half_life=50.0, random_state=0).partial_fit(X),
    "waiting": lambda: GaussianMixture(2, prior=PRIOR, random_state=0).partial_fit(X[:20]),
    "regressor": lambda: GaussianMixtureRegressor(
        2, prior=NormalInverseWishart(), random_state=0
    ).fit(X[:, :1], X[:, 1]),
    "not fitted regressor": lambda: GaussianMixtureRegressor(2, prior=PRIOR),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_one_type_of_ours(make: Any) -> None:
    model = make()
    content = pickle.dumps(model)
    ours = {name for name in names_in(content) if name.startswith("fastgmm")}
    assert ours == {f"fastgmm.{type(model).__name__}"}
    again = pickle.loads(content)
    assert again.get_params(deep=False) == model.get_params(deep=False)


def test_regressor_predicts_the_same() -> None:
    model = MODELS["regressor"]()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X[:, :1]), model.predict(X[:, :1]))
    assert again.n_outputs_ == 1
    assert not hasattr(again, "feature_names_in_")


def test_plain_and_whole_are_inverse() -> None:
    attributes = {"prior": PRIOR, "tol": 0.5}
    kept = plain(attributes)
    assert "prior" not in kept
    assert attributes["prior"] is PRIOR
    assert whole(kept) == attributes
    for other in ({"tol": 0.5}, {"prior": None}, {"prior": "wrong"}, {"prior": {"mean": 0.0}}):
        assert plain(other) == whole(other) == other


def test_a_pickle_that_holds_the_prior_itself_is_read() -> None:
    model = GaussianMixture(2)
    model.__setstate__({**vars(model), "prior": PRIOR})
    assert model.prior is PRIOR


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_skops_trusts_one_name(make: Any) -> None:
    io = pytest.importorskip("skops.io")
    model = make()
    content = io.dumps(model)
    names = io.get_untrusted_types(data=content)
    assert names == [f"fastgmm.{type(model).__name__}"]
    again = io.loads(content, trusted=names)
    assert again.get_params(deep=False) == model.get_params(deep=False)
    if model.is_fitted:
        columns = X[:, : model.n_features_in_]
        np.testing.assert_array_equal(again.predict(columns), model.predict(columns))
