"""Rows are taken out of statistics, exactly, and only out of statistics that hold them."""

import numpy as np
import pytest

from fastgmm import GaussianMixture, SufficientStatistics
from support import correlated_mixture

SUMS = ("component_weight", "first_moment", "second_moment", "weight", "log_likelihood")


def model_and_rows(
    covariance_type: str, dtype: type, seed: int
) -> tuple[GaussianMixture, np.ndarray]:
    rng = np.random.default_rng([seed, 17])
    mixture = correlated_mixture(3, 4, rng, separation=1.5)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    return model, mixture.sample(3000, rng)[0].astype(dtype)


def assert_close(got: SufficientStatistics, expected: SufficientStatistics, share: float) -> None:
    for name in SUMS:
        value = np.asarray(getattr(expected, name))
        atol = share * np.abs(value).max()
        np.testing.assert_allclose(getattr(got, name), value, rtol=0.0, atol=atol, err_msg=name)
    assert got.n_samples == expected.n_samples


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_was_added_goes_away(covariance_type: str, dtype: type, seed: int) -> None:
    model, rows = model_and_rows(covariance_type, dtype, seed)
    kept, gone = model.e_step(rows[:2000]), model.e_step(rows[2000:])
    share = 1e-13 if dtype is np.float64 else 1e-5
    assert_close((kept + gone) - gone, kept, 1e-13)
    # Other cuts of the rows give other roundings.
    left = model.e_step(rows) - gone
    assert_close(left, kept, share)
    assert left.dtype == dtype
    fitted = GaussianMixture.from_parameters(
        model.weights_, model.means_, model.covariances_, covariance_type=covariance_type
    )
    expected = fitted.m_step(kept).means_.copy()
    np.testing.assert_allclose(model.m_step(left).means_, expected, rtol=0.0, atol=100 * share)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_is_left_of_all(covariance_type: str, dtype: type) -> None:
    model, rows = model_and_rows(covariance_type, dtype, 0)
    parts = [model.e_step(part) for part in np.array_split(rows, 3)]
    nothing = model.e_step(rows) - SufficientStatistics.total(parts)
    assert (nothing.n_samples, nothing.weight, nothing.log_likelihood) == (0, 0.0, 0.0)
    for name in ("component_weight", "first_moment", "second_moment"):
        assert not getattr(nothing, name).any()
    with pytest.raises(ValueError, match="the statistics hold no weight"):
        model.m_step(nothing)


def test_a_component_that_loses_all_its_rows() -> None:
    rng = np.random.default_rng(3)
    rows = np.r_[rng.normal(size=(200, 2)), rng.normal(size=(100, 2)) + 1000.0]
    model = GaussianMixture.from_parameters(
        [2 / 3, 1 / 3], [[0.0, 0.0], [1000.0, 1000.0]], [np.eye(2), np.eye(2)]
    )
    left = model.e_step(rows) - model.e_step(rows[200:])
    np.testing.assert_allclose(left.component_weight, [200.0, 0.0], rtol=1e-13)
    assert left.component_weight[1] == 0.0
    assert not left.first_moment[1].any()
    assert not left.second_moment[1].any()


@pytest.mark.parametrize("seed", [0, 1])
def test_other_references_are_shifted(covariance_type: str, seed: int) -> None:
    model, rows = model_and_rows(covariance_type, np.float64, seed)
    kept, gone = model.e_step(rows[:2000]), model.e_step(rows[2000:])
    moved = gone.moved(gone.reference + np.random.default_rng(seed).normal(size=(3, 4)))
    left = (kept + gone) - moved
    np.testing.assert_array_equal(left.reference, kept.reference)
    assert_close(left, kept, 1e-12)


def test_what_is_not_there_is_refused(covariance_type: str) -> None:
    model, rows = model_and_rows(covariance_type, np.float64, 0)
    few, many = model.e_step(rows[:50]), model.e_step(rows[50:])
    opening = "^the statistics on the right of the minus are not in the sum on its left: "
    with pytest.raises(ValueError, match=opening + "it is of 2950 rows, and the sum of 50; subt"):
        few - many
    with pytest.raises(ValueError, match=opening + "it weighs 100, and the sum 50"):
        few - 2.0 * few
    labels = model.predict(rows)
    zeros = np.flatnonzero(labels == 0)
    of_zero, of_others = model.e_step(rows[zeros[:100]]), model.e_step(rows[labels != 0])
    with pytest.raises(ValueError, match=opening + "it gives component 0 the weight "):
        of_others - of_zero * 5.0
    # The weights would do, but the rows are too far away.
    with pytest.raises(ValueError, match=opening + "(without it, the rows|it gives component)"):
        many - model.e_step(rows[:300] * 30.0)


def test_statistics_of_other_models_do_not_subtract() -> None:
    model, rows = model_and_rows("full", np.float64, 0)
    other, _ = model_and_rows("diag", np.float64, 0)
    with pytest.raises(ValueError, match="of 3 diag components in 4 features do not subtract"):
        model.e_step(rows) - other.e_step(rows)
    for wrong in (0, 1, None, "x", rows):
        with pytest.raises(TypeError):
            model.e_step(rows) - wrong
