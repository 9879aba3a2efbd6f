"""Sums under way: those of blocks, of all components or of some, are added to a total."""

import numpy as np
import pytest

from fastgmm.em.sums import KindSums, RunningSums, zero_sums
from fastgmm.mixture.mixture import Mixture
from support import COVARIANCE_TYPES, correlated_mixture


def mixture_of(kind: str, rng: np.random.Generator) -> Mixture:
    truth = correlated_mixture(4, 3, rng)
    covariances = truth.covariances_as(kind)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, kind)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_some_components_are_added_in_their_places(kind: str, rng: np.random.Generator) -> None:
    mixture = mixture_of(kind, rng)
    model, chosen = mixture.covariance_model, np.array([0, 2])
    total = RunningSums(mixture.constants, model)
    sums = zero_sums(model, 2, 3)
    for array in sums:
        array += rng.standard_normal(array.shape)
    for _ in range(2):
        total.combine_some((chosen, sums, -1.5))
    assert total.log_likelihood == -3.0
    weight, first, second = total.total
    assert (weight[chosen] == 2.0 * sums[0]).all()
    assert (first[chosen] == 2.0 * sums[1]).all()
    assert not weight[[1, 3]].any()
    assert not first[[1, 3]].any()
    if model.tied:
        # NumPy adds in another order than the sums do.
        inverses = mixture.constants.inverse_factors
        of_some = model.from_kernels(sums[2], sums[0], sums[1], inverses)
        whole = model.from_kernels(second, weight, first, inverses)
        np.testing.assert_allclose(whole, 2.0 * of_some, rtol=1e-14)
    else:
        assert (second[chosen] == 2.0 * sums[2]).all()
        assert not second[[1, 3]].any()
    other = RunningSums(mixture.of_components(chosen).constants, model)
    other.combine((sums, -1.5, np.zeros(2, np.int64)))
    before = [array.copy() for array in total.total]
    total.take(other, chosen)
    assert total.log_likelihood == -4.5
    assert (total.total[0][chosen] == before[0][chosen] + other.total[0]).all()


def test_spare_sums_come_back_empty(rng: np.random.Generator) -> None:
    mixture = mixture_of("full", rng)
    sums = KindSums(mixture.constants, mixture.covariance_model, np.dtype(np.float64))
    spare = sums.spare_sums()
    spare[0][:] = 1.0
    sums.combine((spare, -2.0, np.array([3, 4])))
    assert sums.total[0].tolist() == [1.0] * 4
    assert sums.counts.tolist() == [3, 4]
    again = sums.spare_sums()
    assert again is spare
    assert not again[0].any()
    assert sums.packed is mixture.constants.packed(np.dtype(np.float64))
