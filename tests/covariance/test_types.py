"""The registry: models against plain NumPy, and one more that only a test knows."""

import pickle
from typing import Any

import numpy as np
import pytest

from fastgmm.covariance import types
from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.estimate import Augmented
from fastgmm.covariance.model import CovarianceModel
from fastgmm.covariance.scalar import SCALAR
from fastgmm.covariance.types import MODELS, model_of
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.loop import run_em
from fastgmm.em.m_step import maximization
from fastgmm.em.regularization import Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.stopping import Stopping
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ALL_COVARIANCE_TYPES, COVARIANCE_TYPES, LOW_RANK_TYPES
from support import correlated_mixture, in_shape_of


def test_every_covariance_type_has_a_model() -> None:
    assert tuple(MODELS)[:6] == COVARIANCE_TYPES
    assert all(model_of(name).name == name for name in MODELS)
    without = [name for name in ALL_COVARIANCE_TYPES if name not in LOW_RANK_TYPES]
    assert {model_of(name).name for name in without} == set(MODELS)
    for name in LOW_RANK_TYPES:
        assert model_of(f"{name}(3)").name == f"{name}(3)"


def test_shapes_and_parameters(covariance_type: str) -> None:
    model = model_of(covariance_type)
    for k, d in ((1, 1), (3, 2), (5, 4)):
        covariances = in_shape_of(covariance_type, np.stack([np.eye(d)] * k))
        assert model.shape(k, d) == covariances.shape
        free = {"matrix": d * (d + 1) // 2, "diagonal": d, "scalar": 1}[model.form.name]
        assert model.n_parameters(k, d) == (free if model.tied else k * free)


def test_kernels_add_what_statistics_hold(covariance_type: str, rng: np.random.Generator) -> None:
    """One pass over rows, against sums over all pairs of row and component."""
    model, k, d = model_of(covariance_type), 3, 2
    rows = rng.normal(size=(50, d)) @ rng.normal(size=(d, d))
    mixture = Mixture.from_covariances(
        np.full(k, 1 / k),
        rows[:k].copy(),
        _start(model, k, d),
        covariance_type,
    )
    responsibilities = rng.dirichlet(np.ones(k), 50)
    statistics = expectation(
        mixture, RowData(rows), given=lambda part, begin, end: responsibilities
    )
    off = rows[:, None] - mixture.means
    matrices = np.einsum("nk,nki,nkj->kij", responsibilities, off, off)
    if model.tied:
        matrices = matrices.sum(axis=0)
    diagonals = np.diagonal(matrices, axis1=-2, axis2=-1)
    expected = {2: matrices, 1: diagonals, 0: diagonals.sum(axis=-1)}[model.form.ndim]
    np.testing.assert_allclose(statistics.second_moment, expected, rtol=1e-10)
    assert statistics.covariance_model is model
    left, right = rng.normal(size=(2, k, d))
    products = np.einsum("ki,kj->kij", left, right)
    products = products.sum(axis=0) if model.tied else products
    diagonals = np.diagonal(products, axis1=-2, axis2=-1)
    expected = {2: products, 1: diagonals, 0: diagonals.sum(axis=-1)}[model.form.ndim]
    np.testing.assert_allclose(model.products(left, right), expected, rtol=1e-12, atol=1e-14)


def _start(model: CovarianceModel, k: int, d: int) -> np.ndarray:
    return np.ones(model.shape(k, d)) + (np.eye(d) if model.form.ndim == 2 else 0.0)


# ---------------------------------------------------------------- models of other kinds


def one_of_diagonals(
    sums: Augmented, ridge: np.ndarray, previous: np.ndarray | None = None
) -> np.ndarray:
    """The mean of each diagonal: as "spherical", from wider sums."""
    step = sums.first_moment / sums.mean_weight[:, None]
    variances = sums.second_moment / sums.mean_weight[:, None] - step**2
    return np.asarray(variances.mean(axis=1) + ridge)


WIDER_SUMS = CovarianceModel(
    "wider_sums", SCALAR, False, DIAGONAL, one_of_diagonals, lambda k, d: k
)


def fitted(name: Any, rows: np.ndarray, covariances: np.ndarray) -> tuple[Mixture, list[float]]:
    mixture = Mixture.from_covariances(np.full(3, 1 / 3), rows[:3].copy(), covariances, name)
    bounds = []
    for _ in range(60):
        statistics = expectation(mixture, RowData(rows))
        bounds.append(statistics.log_likelihood)
        mixture = maximization(statistics, Regularization.of(0.0))
    return mixture, bounds


def test_a_restricted_model_is_fitted(rng: np.random.Generator) -> None:
    """The likelihood climbs, and determinants are equal."""
    rows = correlated_mixture(3, 4, rng).sample(400, rng)[0]
    mixture, bounds = fitted("EVI", rows, np.full((3, 4), 4.0))
    assert mixture.covariance_model is MODELS["EVI"]
    assert np.diff(bounds).min() > -1e-9
    assert bounds[-1] > bounds[0]
    determinants = mixture.covariances.prod(axis=1)
    np.testing.assert_allclose(determinants, determinants[0], rtol=1e-10)
    assert mixture.covariances.std(axis=0).min() > 0.0
    assert mixture.n_parameters == 2 + 12 + 1 + 9
    assert bounds[-1] <= fitted("diag", rows, np.full((3, 4), 4.0))[1][-1] + 1.0


def test_a_model_of_restricted_covariances_is_not_accelerated(rng: np.random.Generator) -> None:
    """Where EM is slow, and accelerated for a model that moves freely."""
    rows = correlated_mixture(3, 2, rng, separation=1.0).sample(600, rng)[0]
    searched = {}
    for name in ("EVI", "diag"):
        start = Mixture.from_covariances(
            np.full(3, 1 / 3), rows[:3].copy(), np.full((3, 2), 4.0), name
        )
        rules = Rules(
            Stopping(tol=1e-9, gap_tol=None, both=False, max_iter=300),
            Regularization.of(1e-6),
            acceleration="lbfgs",
        )
        run = run_em(rules.begun(start), lambda mixture: expectation(mixture, RowData(rows)), rules)
        assert run.failure is None
        searched[name] = run.search is not None
    assert searched == {"EVI": False, "diag": True}


def test_sums_may_be_wider_than_the_covariances(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(types.MODELS, "wider_sums", WIDER_SUMS)
    rows = correlated_mixture(3, 4, rng).sample(400, rng)[0]
    wider, bounds = fitted("wider_sums", rows, np.full(3, 4.0))
    expected, expected_bounds = fitted("spherical", rows, np.full(3, 4.0))
    np.testing.assert_allclose(bounds, expected_bounds, rtol=1e-10)
    np.testing.assert_allclose(wider.covariances, expected.covariances, rtol=1e-8)
    np.testing.assert_allclose(wider.means, expected.means, rtol=1e-8, atol=1e-10)


def test_pickles_hold_the_name_and_not_the_model(covariance_type: str) -> None:
    model = model_of(covariance_type)
    rows = np.random.default_rng(0).normal(size=(20, 2))
    mixture = Mixture.from_covariances(
        np.full(2, 0.5), rows[:2].copy(), _start(model, 2, 2), covariance_type
    )
    for value in (mixture, expectation(mixture, RowData(rows))):
        assert value.covariance_model is model
        assert "covariance_model" not in value.__getstate__()
        again = pickle.loads(pickle.dumps(value))
        assert again.covariance_model is model
