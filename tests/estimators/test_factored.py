"""The attributes of factors, and where there are none."""

import numpy as np
import pytest
from low_rank_cases import factor_mixture, rows_of

import fastgmm
from fastgmm.errors import NotFittedError


@pytest.fixture
def model(rng: np.random.Generator) -> fastgmm.GaussianMixture:
    """Return a fitted model with factors."""
    rows = rows_of(factor_mixture(2, 6, 2, rng), 500, rng)
    return fastgmm.GaussianMixture(2, covariance_type="low_rank", n_factors=2).fit(rows)


def test_factors_noise_and_scores(model: fastgmm.GaussianMixture) -> None:
    rows = model.sample(40, random_state=0)[0]
    assert model.factors_.shape == (2, 6, 2)
    assert model.noise_variances_.shape == (2, 6)
    matrices = model.factors_ @ model.factors_.swapaxes(1, 2)
    matrices = matrices + model.noise_variances_[:, :, None] * np.eye(6)
    np.testing.assert_allclose(matrices, model.covariances_, rtol=1e-11)
    shot = model.snapshot()
    for one in (model, shot):
        np.testing.assert_array_equal(one.transform(rows), model.transform(rows))
        np.testing.assert_array_equal(one.factors_, model.factors_)
    assert model.transform(rows).shape == (40, 4)
    with pytest.raises(ValueError, match="features"):
        model.transform(rows[:, :3])
    with pytest.raises(AttributeError, match="read-only"):
        model.factors_ = model.factors_  # type: ignore[misc]


@pytest.mark.parametrize("name", ["factors_", "noise_variances_", "transform"])
def test_other_mixtures_have_none(name: str) -> None:
    full = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    for one in (full, full.snapshot(), fastgmm.GaussianMixture()):
        assert not hasattr(one, name)
    unfitted = fastgmm.GaussianMixture(covariance_type="low_rank", n_factors=1)
    with pytest.raises(NotFittedError):
        getattr(unfitted, name)
