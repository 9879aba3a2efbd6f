"""First factors: PCA of the rows that each component of a start of diagonals holds."""

import numpy as np
import pytest
from low_rank_cases import factor_mixture, rows_of

from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.factors import begun_as, with_factors
from fastgmm.starts.points import Start


def diagonals_of(mixture: Mixture) -> Mixture:
    """Return the mixture without the correlations of its features."""
    model = mixture.covariance_model
    variances = model.form.diagonals(mixture.covariances, mixture.n_features)
    return Mixture.from_covariances(mixture.weights, mixture.means, variances, "diag")


def test_equal_noise_is_equal_from_the_start(rng: np.random.Generator) -> None:
    truth = factor_mixture(2, 9, 2, rng, separation=9.0, equal=True)
    rows = rows_of(truth, 2000, rng)
    sample = RowData(rows, None, 1).sample(0, 2000)
    begun = with_factors(diagonals_of(truth), truth.covariance_type, sample, 1)
    form = truth.covariance_model.form
    noise, wanted = form.noise(begun.covariances), form.noise(truth.covariances)
    assert (noise == noise[:, :1]).all()
    np.testing.assert_allclose(noise, wanted, rtol=0.4)


@pytest.mark.parametrize("weighted", [False, True])
def test_leading_directions_are_found(weighted: bool, rng: np.random.Generator) -> None:
    truth = factor_mixture(3, 12, 2, rng, separation=8.0)
    rows = rows_of(truth, 3000, rng)
    weight = rng.integers(1, 3, 3000).astype(float) if weighted else None
    sample = RowData(rows, weight, 1).sample(0, 3000)
    begun = with_factors(diagonals_of(truth), "low_rank(2)", sample, 1)
    assert begun.covariance_type == "low_rank(2)"
    np.testing.assert_array_equal(begun.means, truth.means)
    form = truth.covariance_model.form
    for found, wanted in zip(begun.covariances, truth.covariances, strict=True):
        cosines = np.linalg.svd(
            np.linalg.qr(form.loadings(found))[0].T @ np.linalg.qr(form.loadings(wanted))[0]
        )[1]
        assert cosines.min() > 0.9
    gain = [
        log_density(one, rows, np.empty(3000)).mean() for one in (diagonals_of(truth), begun, truth)
    ]
    assert gain[1] > gain[0] + 0.8 * (gain[2] - gain[0])


def test_few_rows_still_give_factors_that_em_can_move(rng: np.random.Generator) -> None:
    truth = factor_mixture(2, 9, 4, rng)
    sample = RowData(rows_of(truth, 5, rng), None, 1).sample(0, 5)
    begun = with_factors(diagonals_of(truth), "low_rank(4)", sample, 1)
    assert (np.abs(model_of("low_rank(4)").form.loadings(begun.covariances)).max(axis=1) > 0).all()


def test_a_mixture_that_has_factors_stays_as_it_is(rng: np.random.Generator) -> None:
    truth = factor_mixture(2, 5, 2, rng)
    sample = RowData(rows_of(truth, 50, rng), None, 1).sample(0, 50)
    assert with_factors(truth, truth.covariance_type, sample, 1) is truth


def test_a_start_of_low_rank_is_one_of_diagonals() -> None:
    assert begun_as(Start("ward", 2, "low_rank(3)")).covariance_type == "diag"
    plain = Start("ward", 2, "full")
    assert begun_as(plain) is plain
