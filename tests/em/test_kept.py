"""Parts that are kept: put back to the last bit, and weights that share what they leave."""

from dataclasses import replace

import numpy as np
from frozen_mixtures import ALL, PARTS, SOME, family_of

from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture


def mixture_of(rng: np.random.Generator) -> Mixture:
    """Return a mixture of three components of equal weight."""
    truth = correlated_mixture(3, 2, rng)
    return Mixture.from_covariances(np.full(3, 1 / 3), truth.means, truth.covariances, "full")


def test_what_is_kept_is_put_back(rng: np.random.Generator) -> None:
    begin, other = mixture_of(rng), mixture_of(rng)
    kept = family_of(begin, {part: SOME for part in PARTS}).kept
    spreads = other.covariances, other.factors, other.inverse_factors
    found = kept.joined(spreads, False)
    for one, name in zip(found, ("covariances", "factors", "inverse_factors"), strict=True):
        np.testing.assert_array_equal(one[SOME], getattr(begin, name)[SOME])
        np.testing.assert_array_equal(one[~SOME], getattr(other, name)[~SOME])
    means = kept.placed(other.means)
    np.testing.assert_array_equal(means[SOME], begin.means[SOME])
    np.testing.assert_array_equal(means[~SOME], other.means[~SOME])
    whole = family_of(begin, {part: ALL for part in PARTS}).kept
    assert whole.joined(spreads, False)[0] is begin.covariances
    assert whole.shared(other.weights) is begin.weights
    nothing = family_of(begin, {}).kept
    assert nothing.shared(other.weights) is other.weights
    assert nothing.placed(other.means) is other.means
    assert nothing.joined(spreads, False) is spreads


def test_weights_that_leave_nothing(rng: np.random.Generator) -> None:
    """Free components share nothing, and no rows at all are shared evenly."""
    begin = mixture_of(rng)
    mixture = replace(begin, weights=np.array([0.75, 0.0, 0.25]))
    kept = family_of(mixture, {"weights": SOME}).kept
    np.testing.assert_array_equal(kept.shared(np.array([0.1, 0.8, 0.1])), mixture.weights)
    kept = family_of(begin, {"weights": np.array([True, False, False])}).kept
    shared = kept.shared(np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(shared, np.full(3, 1 / 3), rtol=1e-15)
