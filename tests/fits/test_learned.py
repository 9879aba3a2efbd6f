"""What is known of a stream, and what a batch does to it; see test_online.py as well."""

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.fits.learned import Learned
from fastgmm.mixture.mixture import Mixture


def test_a_step_is_a_new_value_and_a_singular_one_none(rng: np.random.Generator) -> None:
    mixture = Mixture.from_covariances(np.ones(1), np.zeros((1, 2)), np.eye(2)[None], "full")
    learned = Learned.implied(mixture, Regularization.of(0.0), 100.0, MAXIMUM_LIKELIHOOD)
    rows = rng.normal(size=(50, 2)) + 1.0
    of_batch, density = learned.e_step(Part(rows), Extent().plus(50, None), 1)
    assert len(density) == 50
    after = learned.stepped(of_batch, 0.5, MAXIMUM_LIKELIHOOD)
    np.testing.assert_allclose(after.mixture.means[0], 0.5 * rows.mean(axis=0))
    assert (learned.seen, after.seen) == (100.0, 150.0)
    of_batch, _ = learned.e_step(Part(np.zeros((9, 2))), Extent().plus(9, None), 1)
    kept = learned.stepped(of_batch, 1.0, MAXIMUM_LIKELIHOOD)
    assert kept.mixture is mixture
    assert kept.statistics is learned.statistics
