"""A fit that begins with responsibilities, as mclust's `me` does with `z`."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.estimators.begun import begun_with
from fastgmm.estimators.given import row_data
from fastgmm.estimators.planning import plan_of

X, CLASSES = load_iris(return_X_y=True)
Z = np.eye(3)[CLASSES]
MCLUST = {
    "EII": (-401.802175789, None), "VII": (-384.314095061, -384.478676215),
    "VVI": (-306.860460508, -312.904087065), "EEE": (-256.354043126, -257.739376608),
    "EVE": (-234.14023506, None), "VEV": (-186.073283404, None),
    "VVV": (-180.185477131, -192.695283865),
}  # fmt: skip
"""Log-likelihoods of mclust 6.0.0, me(data = X, z = Z) with emControl(tol = c(1e-12, 1e-12)),
without a prior and with priorControl(), where both have the same."""


@pytest.mark.parametrize("kind", MCLUST)
def test_the_end_is_that_of_mclust(kind: Any) -> None:
    priors = (None, NormalInverseWishart())
    for prior, expected in zip(priors, MCLUST[kind], strict=True):
        if expected is not None:
            params: dict[str, Any] = {"prior": prior, "reg_covar": 0.0, "tol": 1e-9}
            model = GaussianMixture(3, covariance_type=kind, max_iter=5000, **params)
            found = model.fit(X, responsibilities=Z).score(X) * len(X)
            assert found == pytest.approx(expected, abs=1e-5)
            assert (model.predict(X) == CLASSES).mean() > 0.8  # component k is column k


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_m_step_is_of_the_responsibilities(dtype: Any, rng: np.random.Generator) -> None:
    given, weight = rng.dirichlet([1.0, 1.0, 1.0], len(X)), rng.integers(1, 4, len(X))
    model = GaussianMixture(3, reg_covar=0.0, max_iter=0)
    model.fit(X.astype(dtype), responsibilities=given.astype(dtype), sample_weight=weight)
    held = given * weight[:, None]
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(model.weights_, held.sum(axis=0) / weight.sum(), rtol=tolerance)
    np.testing.assert_allclose(model.means_, held.T @ X / held.sum(axis=0)[:, None], rtol=tolerance)
    assert model.means_.dtype == dtype


def test_what_follows_the_rows_does_in_the_first_m_step() -> None:
    for kind in ("full", "spherical", "tied", "VEE"):
        model = GaussianMixture(3, covariance_type=kind, reg_covar="auto", max_iter=0)
        model.fit(X, responsibilities=Z)
        ridge = 1e-6 * X.var(axis=0)
        other = GaussianMixture(3, covariance_type=kind, reg_covar=0.0, max_iter=0)
        other.fit(X, responsibilities=Z)
        raised = model.covariances_ - other.covariances_
        assert 0.0 < np.max(raised) < 10 * ridge.max()


def test_noise_begins_with_what_responsibilities_leave() -> None:
    left = Z.copy()
    left[:30] = 0.0
    model = GaussianMixture(3, noise="uniform", max_iter=0).fit(X, responsibilities=left)
    assert model.noise_weight_ == pytest.approx(30 / 150)
    assert model.weights_.sum() == pytest.approx(120 / 150)
    with pytest.raises(ValueError, match="row 0 sum to 0, and must sum to 1"):
        GaussianMixture(3).fit(X, responsibilities=left)


def test_a_warm_start_gives_way_and_other_starts_are_refused() -> None:
    model = GaussianMixture(3, warm_start=True, random_state=0).fit(X)
    again = GaussianMixture(3).fit(X, responsibilities=Z)
    model.fit(X, responsibilities=Z)
    np.testing.assert_allclose(model.means_, again.means_)
    before = model.means_
    for params, rows, match in (
        ({"means_init": X[:3]}, X, "and so does means_init: pass one of them"),
        ({"weights_init": [0.2, 0.3, 0.5]}, X, "so does weights_init"),
        ({"missing": "em"}, np.where(X == 0.2, np.nan, X), "what the gaps of rows hold"),
        ({"covariance_type": "low_rank", "n_factors": 1}, X, "make no factors"),
    ):
        with pytest.raises(ValueError, match=match):
            GaussianMixture(3, **params).fit(rows, responsibilities=Z)
    with pytest.raises(ValueError, match="so does labels"):
        model.fit(X, labels=CLASSES, responsibilities=Z)
    assert model.means_ is before or np.array_equal(model.means_, before)


def test_the_plan_begins_with_one_mixture() -> None:
    model = GaussianMixture(3, n_init=7)
    params = model._params()
    data = row_data(X, None, "fit", 1)
    plan = begun_with(plan_of(params, 4), data, Z, params)
    assert plan.warm is not None
    np.testing.assert_allclose(plan.warm.means[0], X[:50].mean(axis=0))
