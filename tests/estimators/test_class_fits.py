"""Fits of the rows of each class: which go together, and what their streams leave alone."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from fastgmm import GaussianMixture, GaussianMixtureClassifier, select
from fastgmm.errors import InvalidParameterError
from fastgmm.estimators import class_fits as module
from fastgmm.estimators.class_fits import class_fits, learned_classes
from fastgmm.typing import MCLUST_TYPES

CLASSES = np.array(["a", "b", "c"])


@pytest.fixture
def data() -> tuple[Any, Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), 60)
    rows = rng.standard_normal((180, 2)) + 4.0 * codes[:, None]
    params = GaussianMixtureClassifier(1, random_state=0).get_params(deep=False)
    del params["priors"]
    return (rows, None), (CLASSES, codes), params


def test_classes_of_one_size_are_fitted_together(
    data: tuple[Any, Any, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, of, params = data
    calls: list[tuple[list[str], int]] = []
    fit_many = module.fit_many

    def noted(groups: Any, k: int, **others: Any) -> Any:
        calls.append((list(groups), k))
        return fit_many(groups, k, **others)

    monkeypatch.setattr(module, "fit_many", noted)
    params["n_components"] = {"a": 1, "b": 2, "c": 1}
    models = class_fits(params, "Owner", rows, of, np.arange(3))
    assert calls == [(["a", "c"], 1), (["b"], 2)]
    assert [one.n_components for one in models if one is not None] == [1, 2, 1]
    models = class_fits(params, "Owner", rows, of, np.array([1]))
    assert [one is None for one in models] == [True, False, True]


def test_a_stream_leaves_what_was_before(data: tuple[Any, Any, dict[str, Any]]) -> None:
    (rows, weight), (classes, codes), params = data
    before = tuple(class_fits(params, "Owner", (rows, weight), (classes, codes), np.arange(3)))
    means = [one.means_.copy() for one in before if one is not None]
    some = codes == 1
    after = learned_classes(
        params, "Owner", (np.tile(rows[some] + 1.0, (9, 1)), None),
        (classes, np.tile(codes[some], 9)), before,
    )  # fmt: skip
    assert after[0] is before[0]
    assert after[2] is before[2]
    assert after[1] is not before[1]
    for one, old in zip(before, means, strict=True):
        assert one is not None
        assert (one.means_ == old).all()
    assert after[1] is not None
    assert (after[1].means_ > means[1] + 0.1).all()


def test_covariances_of_low_rank_are_of_the_classes_that_ask_for_them() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 5)) @ rng.normal(size=(5, 5))
    y = np.arange(240) % 2
    kinds = {0: "low_rank", 1: ["full", "low_rank"]}
    model = GaussianMixtureClassifier(1, covariance_type=kinds, n_factors=2, random_state=0)
    mixtures = model.fit(X, y).mixtures_
    alone = GaussianMixture(1, covariance_type="low_rank", n_factors=2, random_state=0)
    np.testing.assert_array_equal(mixtures[0].means_, alone.fit(X[y == 0]).means_)
    assert mixtures[0].n_factors == 2
    assert mixtures[1].covariance_type in ("full", "low_rank")
    bics = [
        GaussianMixture(1, covariance_type=kind, n_factors=n, random_state=0).fit(X[y == 1])
        for kind, n in (("full", None), ("low_rank", 2))
    ]
    best = min(bics, key=lambda one: one.bic(X[y == 1]))
    assert mixtures[1].covariance_type == best.covariance_type


def test_factors_that_no_class_has_are_refused() -> None:
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    model = GaussianMixtureClassifier(1, n_factors=2)
    with pytest.raises(InvalidParameterError, match="n_factors=2 goes with"):
        model.fit(X, y)
    model = GaussianMixtureClassifier(1, covariance_type="low_rank")
    with pytest.raises(ValueError, match=r"class 0 cannot be fitted: .*n_factors"):
        model.fit(X, y)


@pytest.mark.filterwarnings("ignore::fastgmm.errors.CollapseWarning")
def test_the_word_for_the_fourteen_chooses_among_them_by_class() -> None:
    """As `select` with the same word does of the rows of each class."""
    X, y = load_iris(return_X_y=True)
    X = X[:, 1:3]
    params: dict[str, Any] = {"random_state": 0, "max_iter": 200}
    model = GaussianMixtureClassifier([1, 2], covariance_type="mclust", **params).fit(X, y)
    alone = GaussianMixtureClassifier(1, covariance_type={0: "mclust", 1: "full", 2: ["VEE"]})
    for i in range(3):
        chosen = select(X[y == i], [1, 2], "mclust", n_init=1, tol=1e-3, gap_tol="auto", **params)
        mixture = model.mixtures_[i]
        assert mixture.covariance_type == chosen.best.covariance_type
        assert mixture.n_components == chosen.best.n_components
    alone.fit(X, y)
    assert [alone.mixtures_[i].covariance_type for i in (1, 2)] == ["full", "VEE"]
    assert alone.mixtures_[0].covariance_type in MCLUST_TYPES
    assert clone(model).covariance_type == "mclust"
    with pytest.raises(ValueError, match="chooses no n_components or covariance_type by BIC in pa"):
        GaussianMixtureClassifier(1, covariance_type="mclust").partial_fit(X, y, [0, 1, 2])
    with pytest.raises(ValueError, match="must be a str among"):
        GaussianMixtureClassifier(1, covariance_type="Mclust").fit(X, y)
