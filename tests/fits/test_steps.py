"""One step of a stream: compiled, and by E-step and M-step."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.em.m_step import LEAST_WEIGHT, MAXIMUM_LIKELIHOOD, MaximumLikelihood
from fastgmm.em.regularization import Regularization
from fastgmm.fits.learned import Learned
from fastgmm.fits.steps import Batch, compiled_step, plain_step, step
from fastgmm.mixture.mixture import Mixture
from fastgmm.threads import rows_per_block
from support import COVARIANCE_TYPES, correlated_mixture

SUMS = ("component_weight", "reference", "first_moment", "second_moment")
ARRAYS = ("weights", "means", "covariances", "factors", "inverse_factors")
CONSTANTS = ("log_weights", "means", "inverse_factors", "log_determinants")


def learned_of(kind: Any, seed: int, dtype: str = "float64") -> tuple[Learned, np.ndarray]:
    """Return what is known of a stream of correlated rows, and rows that come next."""
    rng = np.random.default_rng(seed)
    made = correlated_mixture(3, 4, rng)
    covariances = made.covariances_as(kind)
    mixture = Mixture.from_covariances(made.weights, made.means, covariances, kind, dtype)
    ridge = Regularization.of(1e-6)
    learned = Learned.implied(mixture, ridge, 5000.0, MAXIMUM_LIKELIHOOD)
    return learned, made.sample(1000, rng)[0].astype(dtype)


def batch_of(rows: np.ndarray, weight: np.ndarray | None = None, share: float = 0.2) -> Batch:
    return Batch(Part(rows, weight), Extent.of(len(rows), weight), share)


def compared(one: Any, other: Any, names: tuple[str, ...], rtol: float) -> None:
    for name in names:
        found, wanted = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_compiled_step_is_e_step_blend_and_m_step(kind: Any, dtype: str) -> None:
    """Several after each other, with sample weights and without."""
    rtol = 1e-4 if dtype == "float32" else 1e-11
    for seed, weighted in product((0, 1, 2), (False, True)):
        learned, rows = learned_of(kind, seed, dtype)
        weight = np.random.default_rng(seed).exponential(size=250) if weighted else None
        plain = learned
        for begin in range(0, 1000, 250):
            batch = batch_of(rows[begin : begin + 250], weight)
            found = compiled_step(learned, batch)
            wanted = plain_step(plain, batch, MAXIMUM_LIKELIHOOD, 1)
            assert found is not None
            assert (found.far, found.strong) == (None, wanted.strong)
            compared(found, wanted, ("log_density", "excess", "imbalance"), rtol)
            assert found.log_density.dtype == np.float64
            assert found.learned is not None
            assert wanted.learned is not None
            learned, plain = found.learned, wanted.learned
            compared(learned.mixture, plain.mixture, ARRAYS, 10 * rtol)
            compared(learned.statistics, plain.statistics, SUMS, 10 * rtol)
            compared(learned.mixture.constants, plain.mixture.constants, CONSTANTS, 10 * rtol)
            assert learned.seen == plain.seen
            assert learned.statistics.n_samples == plain.statistics.n_samples == 250
            assert learned.statistics.dtype == learned.mixture.dtype == np.dtype(dtype)


def test_what_a_compiled_step_has_made_is_read_only_and_sound() -> None:
    for kind in COVARIANCE_TYPES:
        learned, rows = learned_of(kind, 3)
        found = compiled_step(learned, batch_of(rows[:64]))
        assert found is not None
        assert found.learned is not None
        mixture, statistics = found.learned.mixture, found.learned.statistics
        mixture.check()
        statistics.check()
        for owner, names in ((mixture, ARRAYS), (statistics, SUMS)):
            assert not any(getattr(owner, name).flags.writeable for name in names)
        # The logarithms that come with it are those that the mixture would make.
        made = Mixture(kind, *(getattr(mixture, name) for name in ARRAYS)).constants
        for name in CONSTANTS:
            assert np.array_equal(getattr(mixture.constants, name), getattr(made, name)), name


def test_what_has_to_be_decided_goes_the_long_way() -> None:
    learned, rows = learned_of("full", 4)
    far = rows[:100].copy()
    far[3], far[50] = 1e9, 1e40
    assert compiled_step(learned, batch_of(far)) is None
    found = step(learned, batch_of(far), MAXIMUM_LIKELIHOOD, 1)
    assert found.far is not None
    assert np.flatnonzero(found.far).tolist() == [3, 50]
    assert (found.learned, found.strong) == (None, True)
    # Weights so far from 1 that float32 would end, more rows than a block, rows in another order.
    assert compiled_step(learned, batch_of(rows, np.full(1000, 1e30))) is None
    many = np.resize(rows, (rows_per_block(3, 4) + 1, 4))
    assert compiled_step(learned, batch_of(many)) is None
    assert compiled_step(learned, batch_of(rows[::2])) is None
    # A component of next to no weight is raised first, and a singular batch changes nothing.
    mixture = learned.mixture
    gone = Mixture.from_covariances(
        np.array([0.5, 0.5 - 1e-14, 1e-14]), mixture.means, mixture.covariances, "full"
    )
    implied = Learned.implied(gone, Regularization.of(1e-6), 100.0, MAXIMUM_LIKELIHOOD)
    assert implied.statistics.component_weight.min() >= LEAST_WEIGHT
    assert compiled_step(implied, batch_of(rows)) is not None


def test_a_singular_batch_changes_nothing() -> None:
    mixture = Mixture.from_covariances(np.ones(1), np.zeros((1, 2)), np.eye(2)[None], "full")
    learned = Learned.implied(mixture, Regularization.of(0.0), 100.0, MAXIMUM_LIKELIHOOD)
    batch = batch_of(np.zeros((9, 2)), share=1.0)
    assert compiled_step(learned, batch) is None
    found = step(learned, batch, MAXIMUM_LIKELIHOOD, 1)
    assert found.learned is not None
    assert found.learned.mixture is mixture
    assert found.learned.seen == 109.0


def test_another_family_is_asked_itself() -> None:
    class Asked(MaximumLikelihood):
        n = 0

        def maximize(self, *arguments: Any) -> Mixture:
            self.n += 1
            return super().maximize(*arguments)

    learned, rows = learned_of("full", 5)
    family = Asked()
    found, wanted = step(learned, batch_of(rows), family, 1), compiled_step(learned, batch_of(rows))
    assert family.n == 1
    assert wanted is not None
    assert found.learned is not None
    assert wanted.learned is not None
    compared(found.learned.mixture, wanted.learned.mixture, ARRAYS, 1e-11)
