"""Covariances of factors and a diagonal, against matrices."""

import numpy as np
import pytest

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.low_rank import LowRankForm
from fastgmm.covariance.matrix import MATRIX
from fastgmm.errors import IllDefinedCovarianceError

SIZES = [(1, 2, 1), (3, 5, 2), (2, 9, 8)]


@pytest.fixture(params=SIZES, ids=str)
def case(
    request: pytest.FixtureRequest, rng: np.random.Generator
) -> tuple[LowRankForm, np.ndarray, np.ndarray]:
    """Return a form, covariances of it, and the same as matrices (K, D, D)."""
    k, d, q = request.param
    form, loadings = LowRankForm(q), rng.normal(size=(k, d, q))
    noise = 0.1 + rng.random((k, d))
    matrices = loadings @ loadings.swapaxes(1, 2) + noise[:, :, None] * np.eye(d)
    return form, form.joined(loadings, noise), matrices


def test_sizes() -> None:
    form = LowRankForm(3)
    assert form.shape(7) == (10, 4)
    assert form.n_parameters(7) == 7 * 3 + 7 - 3
    assert LowRankForm(1).n_parameters(7) == 14
    assert form.features_per_variance(7) == 1
    assert form.rows_needed(7) == 5
    assert not form.takes_prior_scale((), 7)
    assert form.row_cost(700) < MATRIX.row_cost(700)


def test_factors_are_those_of_the_matrix(case) -> None:
    form, covariances, matrices = case
    d = matrices.shape[-1]
    factors, inverses = form.factor(covariances)
    np.testing.assert_allclose(form.matrices(covariances, d), matrices, rtol=1e-13)
    np.testing.assert_allclose(
        form.diagonals(covariances, d), np.diagonal(matrices, axis1=1, axis2=2), rtol=1e-13
    )
    precisions = np.linalg.inv(matrices)
    np.testing.assert_allclose(form.precisions(inverses), precisions, rtol=1e-10, atol=1e-11)
    upper = form.precision_factors(inverses)
    np.testing.assert_allclose(upper @ upper.swapaxes(1, 2), precisions, rtol=1e-9, atol=1e-10)
    assert not np.tril(upper, -1).any()
    logs = 0.5 * np.linalg.slogdet(matrices)[1]
    np.testing.assert_allclose(form.log_determinants(factors, d), logs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(form.squares(factors), covariances, rtol=1e-14)
    assert form.log_pivots(factors) == pytest.approx(logs.sum(), rel=1e-12, abs=1e-12)
    assert form.log_pivots(inverses) == pytest.approx(-logs.sum(), rel=1e-11, abs=1e-11)
    ridge = np.arange(1.0, d + 1)
    traces = np.einsum("kjj,j->k", precisions, ridge)
    np.testing.assert_allclose(form.ridge_traces(inverses, ridge), traces, rtol=1e-10)
    assert form.total_trace(inverses, ridge) == pytest.approx(traces.sum(), rel=1e-10)


def test_one_covariance_is_as_one_of_several(case) -> None:
    form, covariances, matrices = case
    for one, several in zip(form.factor(covariances[0]), form.factor(covariances), strict=True):
        np.testing.assert_allclose(one, several[0], rtol=1e-13)
    np.testing.assert_allclose(form.matrices(covariances[0], matrices.shape[1]), matrices[0])


def test_rows_times_a_factor_have_the_covariance(case) -> None:
    """A factor is a square root: what it makes of the unit matrix has the product with itself."""
    form, covariances, matrices = case
    factors, _ = form.factor(covariances)
    d = matrices.shape[1]
    for factor, matrix in zip(factors, matrices, strict=True):
        root = form.times_rows(factor, np.eye(d))
        np.testing.assert_allclose(root.T @ root, matrix, rtol=1e-12, atol=1e-12)
    vectors = np.linspace(-1.0, 1.0, d) * np.ones((len(factors), 1))
    wanted = [form.times_rows(f, v[None])[0] for f, v in zip(factors, vectors, strict=True)]
    np.testing.assert_array_equal(form.times(factors, vectors), wanted)


def test_diagonals_are_written_with_factors_that_do_nothing(rng: np.random.Generator) -> None:
    form, variances = LowRankForm(2), 0.5 + rng.random((3, 5))
    written = form.written(DIAGONAL, variances, 5)
    np.testing.assert_array_equal(form.matrices(written, 5), DIAGONAL.matrices(variances, 5))
    factor = form.from_deviations(np.sqrt(variances[0]))
    np.testing.assert_allclose(factor, form.factor(written[0])[0], rtol=1e-14)


def test_products_and_what_is_selected(case) -> None:
    form, covariances, matrices = case
    d = matrices.shape[1]
    chosen = np.array([d - 1, 0])
    selected = form.selected(covariances, chosen)
    wanted = matrices[:, chosen][:, :, chosen]
    np.testing.assert_allclose(form.matrices(selected, 2), wanted, rtol=1e-13)
    left = matrices[:, 0]
    products = form.products(left, left)
    np.testing.assert_array_equal(form.variances(products, d), form.mean_squares(left))
    np.testing.assert_allclose(form.summed_products(left, left), products.sum(axis=0))
    assert form.symmetric(products) is products


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_noise_without_a_root_is_named(bad: float) -> None:
    form = LowRankForm(1)
    covariances = form.joined(np.ones((2, 3, 1)), np.ones((2, 3)))
    covariances[1, 2, 1] = bad
    with pytest.raises(IllDefinedCovarianceError) as caught:
        form.factor(covariances)
    assert caught.value.component == 1
    with pytest.raises(IllDefinedCovarianceError) as caught:
        form.factor(covariances[1])
    assert caught.value.component is None
    if bad <= 0.0:
        assert "positive" in str(form.fault(covariances, "covariances"))
        held = form.held_at(covariances, np.asarray(0.5), 0.0)
        assert form.fault(held, "covariances") is None


def test_directions_at_the_floor_leave_one_to_each_factor() -> None:
    """One feature without noise is a factor of its own; noise that is gone everywhere is not."""
    form, ridge = LowRankForm(2), np.asarray(1e-3)
    noise = np.full((3, 5), 1.0)
    noise[1, :2], noise[2] = 1e-3, 1e-3
    covariances = form.joined(np.ones((3, 5, 2)), noise)
    _, inverses = form.factor(covariances)
    counts = form.directions_at_floor(covariances, inverses, ridge, 0.99)
    assert counts.tolist() == [0, 0, 3]
    asked = np.array([True, True, False])
    assert form.directions_at_floor(covariances, inverses, ridge, 0.99, asked).tolist() == [0] * 3
    np.testing.assert_array_equal(form.without_ridge(covariances, ridge), covariances)
    assert form.ridge(ridge) is ridge
    assert form.least_deviation(1e-30) == 4e-30
