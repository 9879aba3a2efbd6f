"""Samples of a model: their seeds, their order, and what may be asked for."""

from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from support import correlated_mixture


def model_of(mixture: Any, covariance_type: str, **params: Any) -> GaussianMixture:
    return GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
        **params,
    )


def test_order(covariance_type: str) -> None:
    """Component by component like scikit-learn, unless shuffled."""
    rng = np.random.default_rng(0)
    model = model_of(correlated_mixture(4, 2, rng, separation=50.0), covariance_type)
    X, y = model.sample(500, random_state=1)
    assert (np.diff(y) >= 0).all()
    np.testing.assert_array_equal(model.predict(X), y)
    shuffled, labels = model.sample(500, random_state=1, shuffle=True)
    assert (np.diff(labels) < 0).sum() > 100
    np.testing.assert_array_equal(model.predict(shuffled), labels)
    # The same rows in another order.
    np.testing.assert_array_equal(shuffled[np.lexsort(shuffled.T)], X[np.lexsort(X.T)])


def test_seeds(covariance_type: str) -> None:
    mixture = correlated_mixture(3, 2, np.random.default_rng(0))
    model = model_of(mixture, covariance_type, random_state=7)
    for shuffle in (False, True):

        def draw(seed: Any, shuffle: bool = shuffle) -> bytes:
            X, y = model.sample(20, random_state=seed, shuffle=shuffle)
            return X.tobytes() + y.tobytes()

        assert draw(1) == draw(1) == draw(np.random.default_rng(1)) == draw(np.int32(1))
        assert draw(1) != draw(2)
        # Its own seed, or the constructor's.
        assert draw(None) == draw(7) != draw(1)
        generator = np.random.default_rng(1)
        assert draw(generator) != draw(generator)
        old = np.random.RandomState(1)
        assert draw(old) != draw(old)
        assert model.random_state == 7
    unseeded = model_of(mixture, covariance_type)
    draws = {unseeded.sample(5)[0].tobytes() for _ in range(3)}
    assert len(draws) == 3


def test_global_state_of_numpy_is_left_alone() -> None:
    model = model_of(correlated_mixture(3, 2, np.random.default_rng(0)), "full")
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    model.sample(10)
    model.sample(10, random_state=3, shuffle=True)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_float32(covariance_type: str) -> None:
    rng = np.random.default_rng(0)
    mixture = correlated_mixture(2, 3, rng)
    X = mixture.sample(200, rng)[0].astype(np.float32)
    kwargs = {"covariance_type": covariance_type, "random_state": 0}
    single = GaussianMixture(2, **kwargs).fit(X)
    double = GaussianMixture(2, **kwargs).fit(X.astype(np.float64))
    got, labels = single.sample(50, random_state=1)
    expected, others = double.sample(50, random_state=1)
    assert got.dtype == np.float32
    assert expected.dtype == np.float64
    np.testing.assert_array_equal(labels, others)
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-2)
    by_hand = GaussianMixture.from_parameters(
        single.weights_, single.means_, single.covariances_, covariance_type=covariance_type
    )
    assert by_hand.sample(3)[0].dtype == np.float32


def test_one_row_by_default() -> None:
    X, y = model_of(correlated_mixture(3, 2, np.random.default_rng(0)), "full").sample()
    assert X.shape == (1, 2)
    assert y.shape == (1,)


@pytest.mark.parametrize("n_samples", [0, -1, -(10**9)])
def test_no_rows_are_refused(n_samples: int) -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    with pytest.raises(ValueError, match=f"Invalid value for 'n_samples': {n_samples}"):
        model.sample(n_samples)


@pytest.mark.parametrize("n_samples", [1.5, "3", None, [3], True, np.float64(2.0), np.nan])
def test_numbers_of_rows_are_integers(n_samples: Any) -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    with pytest.raises((ValueError, TypeError), match="n_samples"):
        model.sample(n_samples)


@pytest.mark.parametrize("n_samples", [3, np.int64(3), np.uint8(3)])
def test_any_integer_will_do(n_samples: Any) -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    assert model.sample(n_samples)[0].shape == (3, 1)


@pytest.mark.parametrize("random_state", ["0", 1.5, -1, 2**32, [1]])
def test_bad_seeds(random_state: Any) -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    with pytest.raises(ValueError, match="'random_state' parameter"):
        model.sample(3, random_state=random_state)


def test_weights_that_sum_to_one_only_nearly() -> None:
    """Accepted weights can be drawn from: 1e-8 over, or float32 thirds, in any order."""
    ones = np.ones(3)
    for weights in (
        [0.6 + 5e-9, 0.4, 0.0],
        [0.6 - 5e-9, 0.4, 0.0],
        [0.0, 0.4, 0.6 + 5e-9],
        np.array([0.6, 0.4, 0.0], dtype=np.float32),
        np.array([1 / 3, 1 / 3, 1 / 3], dtype=np.float32),
    ):
        model = GaussianMixture.from_parameters(
            weights, np.arange(3.0)[:, None], ones, covariance_type="spherical"
        )
        for seed in range(5):
            _, y = model.sample(1000, random_state=seed)
            # A component of weight zero is never drawn.
            assert not np.isin(y, np.flatnonzero(np.asarray(weights) == 0.0)).any()


def test_far_from_zero(covariance_type: str) -> None:
    rng = np.random.default_rng(0)
    mixture = correlated_mixture(2, 2, rng)
    near = model_of(mixture, covariance_type).sample(100, random_state=0)[0]
    far = model_of(mixture._replace(means=mixture.means + 1e8), covariance_type)
    np.testing.assert_allclose(far.sample(100, random_state=0)[0] - 1e8, near, atol=1e-6)


def test_samples_can_be_fitted(covariance_type: str) -> None:
    """Round trip: the parameters come back from a large sample."""
    rng = np.random.default_rng(5)
    mixture = correlated_mixture(2, 3, rng, separation=6.0)
    model = model_of(mixture, covariance_type)
    X, _ = model.sample(20_000, random_state=0, shuffle=True)
    fitted = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    order = np.argsort(fitted.means_[:, 0])[np.argsort(np.argsort(mixture.means[:, 0]))]
    np.testing.assert_allclose(fitted.weights_[order], mixture.weights, atol=0.03)
    np.testing.assert_allclose(fitted.means_[order], mixture.means, atol=0.15)
    expected = mixture.covariances_as(covariance_type)
    tied = covariance_type.startswith("tied")
    got = fitted.covariances_ if tied else fitted.covariances_[order]
    np.testing.assert_allclose(got, expected, atol=0.25)


def test_a_tied_covariance_is_the_same_one_for_each_component(
    twins: tuple[GaussianMixture, GaussianMixture, np.ndarray],
) -> None:
    tied, untied, _ = twins
    for shuffle in (False, True):
        draws = [model.sample(300, random_state=4, shuffle=shuffle) for model in (tied, untied)]
        for got, expected in zip(*draws, strict=True):
            np.testing.assert_array_equal(got, expected)
