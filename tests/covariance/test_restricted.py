"""The mechanism of restricted models: ridge, repair, and what a user gives."""

from typing import Any

import numpy as np
import pytest
from restrictions import EIGHT, free_covariances, obeys, sums_of

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.estimate import Augmented, sample_covariances
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.restricted import agrees, along, geometric_means, restricted, with_volume
from fastgmm.covariance.types import MODELS, model_of
from fastgmm.typing import MCLUST_TYPES, SAME_TYPES


@pytest.fixture(params=EIGHT)
def kind(request: pytest.FixtureRequest) -> Any:
    """Run the test with each of the eight models."""
    return request.param


def test_mclusts_names() -> None:
    assert [name for name in MCLUST_TYPES if name not in SAME_TYPES] == list(EIGHT)
    for name in MCLUST_TYPES:
        assert model_of(name).name == SAME_TYPES.get(name, name)
        assert (model_of(name).restrict is None) == (name in SAME_TYPES)
    assert len(set(map(id, map(model_of, MCLUST_TYPES)))) == 14 == len(MODELS)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (3, 4), (9, 16)])
def test_the_ridge_is_in_the_covariances_before_the_rule(
    kind: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    model = model_of(kind)
    sums, ridge = sums_of(model, *shape, rng), np.linspace(0.5, 1.0, shape[1])
    found = model.estimate(sums, ridge)
    assert obeys(kind, found)
    free = sample_covariances(model.form, False, sums, ridge)
    assert model.restrict is not None
    expected = model.restrict(free, sums.covariance_weight, None)
    np.testing.assert_array_equal(found, expected)
    assert found.shape == model.shape(*shape)


def test_one_component_has_no_restriction_but_that_of_the_form(
    kind: str, rng: np.random.Generator
) -> None:
    model = model_of(kind)
    sums = sums_of(model, 1, 4, rng)
    free = sample_covariances(model.form, False, sums, np.zeros(1))
    np.testing.assert_allclose(model.estimate(sums, np.zeros(1)), free, rtol=1e-9, atol=1e-12)


def test_the_rule_leaves_alone_what_obeys(kind: str, rng: np.random.Generator) -> None:
    model = model_of(kind)
    assert model.restrict is not None
    weights = rng.uniform(1.0, 9.0, 5)
    found = model.restrict(free_covariances(model, 5, 4, rng), weights, None)
    for other in (weights, rng.uniform(1.0, 9.0, 5)):
        again = model.restrict(found, other, None)
        np.testing.assert_allclose(again, found, rtol=1e-6, atol=1e-9)
        warm = model.restrict(found, other, found)
        np.testing.assert_allclose(warm, found, rtol=1e-9, atol=1e-11)
    assert agrees(model, found)
    assert not agrees(model, free_covariances(model, 5, 4, rng))
    assert agrees(model_of("full"), free_covariances(model_of("full"), 5, 4, rng))


def test_a_component_of_next_to_no_weight_changes_nothing(
    kind: str, rng: np.random.Generator
) -> None:
    model = model_of(kind)
    assert model.restrict is not None
    free, weights = free_covariances(model, 4, 3, rng), rng.uniform(1.0, 9.0, 4)
    weights[2] = 1e-300
    found, others = model.restrict(free, weights, None), [0, 1, 3]
    expected = model.restrict(free[others], weights[others], None)
    np.testing.assert_allclose(found[others], expected, rtol=1e-5, atol=1e-8)
    assert obeys(kind, found)


def test_a_ridge_that_rounding_loses_keeps_the_restriction(
    kind: str, rng: np.random.Generator
) -> None:
    """Variances 1e18 times as large as the ridge, in a plane."""
    model, sums = model_of(kind), None
    rows = 1e9 * rng.normal(size=(3, 40, 4)) @ np.array([[1.0, 2, 3, 4], [1, -1, 1, 0]] * 2)
    rows[..., 3] = rows[..., 2]
    rows = rows - rows.mean(axis=1, keepdims=True)
    second = rows.transpose(0, 2, 1) @ rows
    if model.form.ndim == 1:
        second = np.array(np.einsum("kjj->kj", second))
    sums = Augmented(np.zeros((3, 4)), np.zeros((3, 4)), second, np.full(3, 40.0), np.full(3, 40.0))
    found = model.estimate(sums, np.full(1, 1e-6))
    model.form.factor(found, 1e-15)
    assert obeys(kind, found, rtol=1e-3)


def test_what_is_not_finite_is_returned(kind: str) -> None:
    model = model_of(kind)
    second = np.full((2, *model.form.shape(3)), np.inf)
    first, weight = np.zeros((2, 3)), np.full(2, 5.0)
    found = model.estimate(Augmented(first, first, second, weight, weight), np.ones(1))
    assert not np.isfinite(found).all()


def test_counts(kind: str) -> None:
    """As the formulas of Celeux and Govaert 1995, table 1."""
    model = model_of(kind)
    for k, d in ((1, 1), (1, 4), (3, 1), (3, 5)):
        volumes = 1 if kind[0] == "E" else k
        shapes = (1 if kind[1] == "E" else k) * (d - 1)
        turns = {"I": 0, "E": 1, "V": k}[kind[2]] * (d * (d - 1) // 2)
        assert model.n_parameters(k, d) == volumes + shapes + turns


def test_helpers(rng: np.random.Generator) -> None:
    variances = np.array([[1.0, 4.0], [0.0, 3.0], [-1.0, 2.0]])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(geometric_means(variances), [2.0, 0.0, 0.0])
    scaled = with_volume(np.ones((2, 3)), np.array([1.0, 4.0]), np.array([3.0, 1.0]))
    np.testing.assert_allclose(scaled[:, 0], [1.75, 0.4375])
    np.testing.assert_array_equal(
        with_volume(np.ones((2, 3)), np.array([1.0, 0.0]), np.ones(2))[1], np.ones(3)
    )
    axes = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    covariances = along(axes, np.array([[1.0, 4.0]]))
    np.testing.assert_allclose(np.linalg.eigvalsh(covariances[0]), [1.0, 4.0])
    assert (covariances == covariances.transpose(0, 2, 1)).all()
    for form in (DIAGONAL, MATRIX):
        made = restricted("one", form, lambda c, w, p: c, lambda k, d: 1)
        assert made.free_type == form.kernel
        assert made.rows_needed(5) == (6 if form is MATRIX else 2)
