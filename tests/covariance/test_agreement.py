"""Factors from a file belong to their covariances, or they do not."""

from typing import Any

import numpy as np
import pytest

from fastgmm.covariance import agreement
from fastgmm.covariance.agreement import factors_agree, is_nonnegative, is_symmetric
from fastgmm.covariance.types import model_of
from support import correlated_mixture


def arrays_of(covariance_type: Any, seed: int, scale: float = 1.0) -> list[np.ndarray]:
    """Covariances, factors and inverse factors of four components in three features."""
    mixture = correlated_mixture(4, 3, np.random.default_rng(seed))
    covariances = np.ascontiguousarray(mixture.covariances_as(covariance_type) * scale)
    return [covariances, *model_of(covariance_type).form.factor(covariances)]


@pytest.mark.parametrize("numbers", [9, 20, 1 << 16])
@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e-20, 1e20, 1e300])
def test_factors_agree_in_any_unit_and_any_parts(
    covariance_type: str, scale: float, numbers: int, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(agreement, "NUMBERS_AT_ONCE", numbers)
    assert factors_agree(model_of(covariance_type), *arrays_of(covariance_type, seed, scale))


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, 1e9, 1.00001])
def test_one_other_number_is_seen(
    covariance_type: str, which: int, value: float, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The last variance, deviation or inverse is another; as is the sign of all of them."""
    monkeypatch.setattr(agreement, "NUMBERS_AT_ONCE", 20)
    arrays = arrays_of(covariance_type, seed)
    arrays[which] = np.array(arrays[which])
    arrays[which][(-1,) * arrays[which].ndim] *= value
    assert not factors_agree(model_of(covariance_type), *arrays)


@pytest.mark.parametrize("which", range(3))
def test_triangles_are_looked_at(which: int, seed: int) -> None:
    model = model_of("full")
    for at in ((1, 0, 2), (1, 2, 0)):
        arrays = arrays_of("full", seed)
        arrays[which] = arrays[which].copy()
        arrays[which][at] += 0.01
        assert not factors_agree(model, *arrays), at
    covariances, factors, inverses = arrays_of("full", seed)
    other = arrays_of("full", seed + 100)
    assert not factors_agree(model, covariances, *other[1:])
    assert not factors_agree(model, covariances, factors, other[2])
    assert not factors_agree(model, covariances, -factors, -inverses)


def test_ill_conditioned_factors_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    for share in (1e-4, 1e-8, 1e-12):
        covariance = (
            (axes * np.geomspace(1.0, share, 6))
            @ axes.T
            * np.outer(*[np.geomspace(1e-9, 1e9, 6)] * 2)
        )
        covariances = ((covariance + covariance.T) / 2)[None]
        assert factors_agree(
            model_of("full"), covariances, *model_of("full").form.factor(covariances)
        )


def test_symmetric_and_nonnegative(seed: int) -> None:
    covariances = arrays_of("full", seed)[0]
    assert is_symmetric(covariances)
    assert is_symmetric(covariances * (1e308 / covariances.max()))
    assert all(map(is_nonnegative, covariances))
    skew = covariances.copy()
    skew[2, 0, 1] += 1e-3
    assert not is_symmetric(skew)
    assert not is_nonnegative(skew[2])
    assert not is_nonnegative(-covariances[0])
    assert is_nonnegative(np.zeros((2, 2)))
    assert is_nonnegative(np.ones((2, 2)))
    assert is_nonnegative(np.array(0.0))
    assert not is_nonnegative(np.array([1.0, -1e-9]))
