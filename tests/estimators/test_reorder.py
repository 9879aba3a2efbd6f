"""The components of a model in another order: the same mixture, and all that goes on from it."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from support import correlated_mixture

K, D = 3, 2
ORDER = np.array([2, 0, 1])


def drawn(seed: int, n: int = 3000) -> np.ndarray:
    rng = np.random.default_rng([seed, 77])
    return correlated_mixture(K, D, rng, separation=5.0).sample(n, rng)[0][rng.permutation(n)]


def assert_reordered(
    model: GaussianMixture, plain: GaussianMixture, rows: np.ndarray, rtol: float = 0.0
) -> None:
    """`model` is `plain` with its components in the order of `ORDER`."""
    tied = model.covariance_type.startswith("tied")
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        expected = getattr(plain, name)
        if not (tied and name.startswith(("cov", "prec"))):
            expected = expected[ORDER]
        np.testing.assert_allclose(getattr(model, name), expected, rtol=rtol, atol=rtol)
    tolerance = max(rtol, 1e-13 if rows.dtype == np.float64 else 1e-7)
    np.testing.assert_allclose(
        model.predict_proba(rows), plain.predict_proba(rows)[:, ORDER], atol=10 * tolerance
    )
    np.testing.assert_array_equal(ORDER[model.predict(rows)], plain.predict(rows))
    assert model.score(rows) == pytest.approx(plain.score(rows), rel=tolerance)
    assert model.lower_bounds_ == pytest.approx(plain.lower_bounds_, rel=tolerance)
    assert model.n_parameters == plain.n_parameters


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fit(covariance_type: Any, dtype: Any, seed: int, tmp_path: Path) -> None:
    rows = drawn(seed).astype(dtype)
    plain = GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(rows)
    model = copy.deepcopy(plain)
    before = model.snapshot()
    assert model.reorder(ORDER) is model
    assert_reordered(model, plain, rows)
    assert before.means_.tobytes() == plain.means_.tobytes()
    model.save(tmp_path / "model.gmm")
    assert_reordered(fastgmm.load(tmp_path / "model.gmm"), plain, rows)
    assert_reordered(pickle.loads(pickle.dumps(model)), plain, rows)
    sums, expected = model.e_step(rows), plain.e_step(rows)
    np.testing.assert_allclose(sums.component_weight, expected.component_weight[ORDER], rtol=1e-6)
    assert_reordered(model.m_step(sums), plain.m_step(expected), rows, 1e-5)
    back = model.reorder(np.argsort(ORDER))
    np.testing.assert_allclose(back.means_, plain.means_, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
def test_a_warm_start_goes_on_from_it(covariance_type: Any) -> None:
    rows = drawn(3)
    settings = {"covariance_type": covariance_type, "random_state": 0, "warm_start": True}
    plain = GaussianMixture(K, max_iter=2, acceleration=None, **settings).fit(rows)
    model = copy.deepcopy(plain).reorder(ORDER)
    assert_reordered(model.fit(rows), plain.fit(rows), rows, 1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_stream_goes_on_from_it(covariance_type: Any, seed: int, tmp_path: Path) -> None:
    rows = drawn(seed, 6000)
    plain = GaussianMixture(K, covariance_type=covariance_type, random_state=0, half_life=2000.0)
    plain.partial_fit(rows[:3050])
    model = copy.deepcopy(plain).reorder(list(ORDER))
    assert_reordered(model, plain, rows)
    model.save(tmp_path / "model.gmm")
    for one in (model, fastgmm.load(tmp_path / "model.gmm")):
        twin = copy.deepcopy(plain)
        for begin in range(3050, 6000, 100):
            one.partial_fit(rows[begin : begin + 100])
            twin.partial_fit(rows[begin : begin + 100])
        assert_reordered(one, twin, rows, 1e-9)
        assert one.n_samples_seen_ == twin.n_samples_seen_ == 6000
        assert one.stream_.mean == pytest.approx(twin.stream_.mean, rel=1e-12)


def test_repairs_are_told_of_the_new_numbers() -> None:
    rng = np.random.default_rng(0)
    rows = np.r_[rng.normal(size=(200, D)), rng.normal(size=(200, D)) + 8.0]
    far = [[0.0, 0.0], [8.0, 8.0], [500.0, 500.0]]
    model = GaussianMixture(K, means_init=far, random_state=0, on_collapse="repair")
    with pytest.warns(fastgmm.errors.CollapseWarning):
        model.fit(rows)
    assert {one.component for one in model.repairs_} == {2}
    assert {one.component for one in model.reorder([2, 0, 1]).repairs_} == {0}


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        ([0, 1], ValueError),
        ([0, 1, 1], ValueError),
        ([0.0, 1.0, 2.0], TypeError),
        (None, TypeError),
    ],
)
def test_what_is_no_order_changes_nothing(order: Any, kind: type[Exception]) -> None:
    model = GaussianMixture(K, random_state=0).fit(drawn(0))
    before = model.means_
    with pytest.raises(kind, match=r"^order must hav|^order must hold"):
        model.reorder(order)
    np.testing.assert_array_equal(model.means_, before)


def test_before_there_is_a_mixture() -> None:
    with pytest.raises(fastgmm.errors.NotFittedError):
        GaussianMixture(K).reorder(ORDER)
    model = GaussianMixture(K, random_state=0).partial_fit(drawn(0, 100))
    with pytest.raises(ValueError, match=r"^reorder cannot keep an order yet: 100 rows"):
        model.reorder(ORDER)
    assert model.partial_fit(drawn(0)).reorder(ORDER).n_samples_seen_ == 3100
