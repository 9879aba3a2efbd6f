"""Noise as a value: boxes, what is drawn from them, and what a file may hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.archive import codec
from fastgmm.mixture.density import labels, log_density, noise_probabilities, responsibilities
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.noise import Box, Noise, with_noise
from fastgmm.mixture.sampling import draw


def box(rng: np.random.Generator, d: int = 3) -> Box:
    axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return Box(rng.standard_normal(d), axes, -np.arange(1.0, d + 1), np.arange(2.0, d + 2))


def mixture(noise: Noise | None) -> Mixture:
    weights = np.array([0.5, 0.2]) / (0.7 if noise is None else 1.0)
    means, covariances = np.array([[0.0] * 3, [6.0] * 3]), np.array([np.eye(3)] * 2)
    return replace(Mixture.from_covariances(weights, means, covariances, "full"), noise=noise)


def test_rows_of_a_box(rng: np.random.Generator) -> None:
    one = box(rng)
    one.check()
    rows = one.draw(20_000, rng)
    within = one.coordinates(rows)
    assert 0.0 <= within.min() < 1e-3
    assert 1.0 - 1e-3 < within.max() <= 1.0 + 1e-12
    np.testing.assert_allclose(within.mean(axis=0), 0.5, atol=0.01)
    np.testing.assert_allclose(np.cov(within.T), np.eye(3) / 12.0, atol=2e-3)
    plain = replace(one, axes=None)
    corners = plain.coordinates(one.center + np.array([plain.low, plain.high]))
    np.testing.assert_allclose(corners, [[0.0] * 3, [1.0] * 3], atol=1e-15)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"low": np.ones(3), "high": np.ones(3)}, "length"),
        ({"axes": np.ones((3, 3))}, "orthogonal"),
        ({"axes": np.eye(2)}, "axes"),
        ({"center": np.full(3, np.nan)}, "center"),
    ],
)
def test_boxes_of_a_damaged_file(
    changes: dict[str, Any], says: str, rng: np.random.Generator
) -> None:
    with pytest.raises(ValueError, match=says):
        replace(box(rng), **changes).check()


def test_noise_of_a_damaged_file(rng: np.random.Generator) -> None:
    for wrong in (Noise(1.5, 0.0), Noise(0.5, np.inf), Noise(-0.1, 0.0)):
        with pytest.raises(ValueError, match=r"noise|volume"):
            wrong.check()
    with pytest.raises(ValueError, match="3 features"):
        mixture(Noise(0.3, 1.0, box(rng, 2))).check()
    with pytest.raises(ValueError, match="sum to 1"):
        mixture(Noise(0.2, 1.0)).check()
    whole = mixture(Noise(0.3, 1.0, box(rng)))
    whole.check()
    back = codec.restore(Mixture, *codec.describe(whole))
    assert back.noise is not None
    assert back.noise.weight == 0.3
    assert np.array_equal(draw(back, 50, np.random.default_rng(0))[0],
                          draw(whole, 50, np.random.default_rng(0))[0])  # fmt: skip


def test_what_a_mixture_says_of_noise() -> None:
    one, plain = mixture(Noise(0.3, np.log(40.0))), mixture(None)
    assert plain.log_noise == -np.inf
    assert one.log_noise == pytest.approx(np.log(0.3 / 40.0))
    np.testing.assert_allclose(one.all_weights, [0.5, 0.2, 0.3])
    np.testing.assert_allclose(one.shares, plain.weights)
    assert one.n_parameters == plain.n_parameters + 2
    assert one.without_noise().noise is None
    assert not one.is_like(plain)
    assert one.reordered(np.array([1, 0])).noise is one.noise


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_noise(dtype: Any, rng: np.random.Generator) -> None:
    one, rtol = mixture(Noise(0.3, np.log(4000.0))), 1e-12 if dtype is np.float64 else 1e-5
    rows = rng.uniform(-9.0, 15.0, (3000, 3)).astype(dtype)
    apart = ((rows[:, None].astype(np.float64) - one.means) ** 2).sum(axis=2)
    joint = one.weights * np.exp(-0.5 * apart) * (2.0 * np.pi) ** -1.5
    total = joint.sum(axis=1) + 0.3 / 4000.0
    out, odds = np.empty(3000, dtype), np.empty((3000, 2), dtype)
    np.testing.assert_allclose(log_density(one, rows, out), np.log(total), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(
        responsibilities(one, rows, odds), joint / total[:, None], rtol=50 * rtol, atol=rtol
    )
    noisy = noise_probabilities(one, rows, out)
    np.testing.assert_allclose(noisy, 0.3 / 4000.0 / total, rtol=20 * rtol)
    wanted = np.where(joint.max(axis=1) < 0.3 / 4000.0, -1, joint.argmax(axis=1))
    clear = np.abs(np.log(joint.max(axis=1) * 4000.0 / 0.3)) > 1e-3
    assert np.array_equal(labels(one, rows)[clear], wanted[clear])


def test_rows_are_drawn_of_noise_too(rng: np.random.Generator) -> None:
    rows, kinds = draw(mixture(Noise(0.3, 1.0, box(rng))), 20_000, rng)
    shares = [np.mean(kinds == k) for k in (0, 1, -1)]
    np.testing.assert_allclose(shares, [0.5, 0.2, 0.3], atol=0.015)
    assert np.abs(rows[kinds == -1]).max() < 10.0
    assert abs(rows[kinds == 1].mean() - 6.0) < 0.05
    with pytest.raises(ValueError, match="given volume"):
        draw(mixture(Noise(0.3, 1.0)), 5, rng)


def test_rows_with_gaps_have_no_volume() -> None:
    with pytest.raises(ValueError, match="gaps"):
        log_density(mixture(Noise(0.3, 1.0)), np.full((2, 3), np.nan), np.empty(2), gaps=True)


def test_noise_holds_the_rest() -> None:
    np.testing.assert_allclose(with_noise(np.array([1.0, 2.0]), 5.0), [1.0, 2.0, 2.0])
    assert with_noise(np.array([1.0, 4.0 + 1e-9]), 5.0)[-1] == 0.0
