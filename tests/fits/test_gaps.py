"""What batches of a stream with gaps tell of their rows, column by column."""

import numpy as np
import pytest

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.fits.gaps import e_step_of, measured
from fastgmm.fits.influence import judged, judged_by_columns
from fastgmm.fits.looks import excess, expected
from fastgmm.mixture.conditioning import marginal
from fastgmm.mixture.mixture import Mixture
from support import COVARIANCE_TYPES, correlated_mixture


def known(kind: str, seed: int, n: int = 400, share: float = 0.3) -> tuple[Mixture, np.ndarray]:
    """A mixture of correlated components, and rows of it with gaps."""
    rng = np.random.default_rng(seed)
    truth = correlated_mixture(3, 4, rng)
    mixture = Mixture.from_covariances(truth.weights, truth.means, truth.covariances_as(kind), kind)
    rows = truth.sample(n, rng)[0]
    rows[rng.random(rows.shape) < share] = np.nan
    rows[0] = np.nan
    return mixture, rows


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("seed", [0, 1])
def test_each_row_is_measured_by_its_own_columns(kind: str, seed: int) -> None:
    mixture, rows = known(kind, seed)
    found = measured(mixture, rows, 1)
    for i in range(1, 40):
        columns = np.flatnonzero(~np.isnan(rows[i]))
        if not len(columns):
            continue
        part, row = marginal(mixture, columns), rows[i : i + 1, columns]
        peak = (expected(part) + 0.5 * len(columns)).max()
        assert found.excess[i] == pytest.approx(excess(part, row, 1)[0], rel=1e-10, abs=1e-10)
        assert found.peak[i] == pytest.approx(peak, rel=1e-12)
        assert found.n_observed[i] == len(columns)
    assert found.log_density[0] == pytest.approx(0.0, abs=1e-14)
    entropy = -(mixture.weights @ np.log(mixture.weights))
    assert found.excess[0] == pytest.approx(entropy, rel=1e-12)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_statistics_of_a_batch_are_those_of_an_e_step(kind: str, weighted: bool) -> None:
    mixture, rows = known(kind, 2)
    weight = np.random.default_rng(0).exponential(size=len(rows)) if weighted else None
    extent = Extent.of(len(rows), weight)
    statistics, found = e_step_of(mixture, Part(rows, weight), extent, 1)
    whole = expectation(mixture, RowData(rows, weight, 1, gapped=True))
    np.testing.assert_allclose(statistics.second_moment, whole.second_moment, rtol=1e-11)
    assert statistics.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-13)
    total = found.log_density.sum() if weight is None else weight @ found.log_density
    assert statistics.log_likelihood == pytest.approx(total, rel=1e-13)


@pytest.mark.parametrize("weighted", [False, True])
def test_complete_rows_are_judged_as_ever(weighted: bool) -> None:
    mixture, rows = known("full", 3, share=0.0)
    rows = rows[1:]
    rows[5] += 1e4
    rows[7] += 30.0
    weight = np.random.default_rng(0).exponential(size=len(rows)) + 0.1 if weighted else None
    found = measured(mixture, rows, 1)
    for share in (1e-3, 0.1, 1.0):
        one, other = (
            judged_by_columns(found, weight, share),
            judged(mixture, found.log_density, weight, share),
        )
        assert one.strong == other.strong
        assert (one.far is None) == (other.far is None)
        if one.far is not None:
            np.testing.assert_array_equal(one.far, other.far)


def test_a_row_far_away_in_the_one_column_that_was_observed_is_far() -> None:
    mixture, rows = known("full", 4)
    rows[9] = [np.nan, 1e6, np.nan, np.nan]
    far = judged_by_columns(measured(mixture, rows, 1), None, 0.1).far
    assert far is not None
    assert np.flatnonzero(far).tolist() == [9]
