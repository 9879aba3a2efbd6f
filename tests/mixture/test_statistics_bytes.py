"""Sufficient statistics in bytes and pickles: unchanged, immutable, and refused when damaged."""

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, SufficientStatistics
from fastgmm.errors import FileFormatError

ARRAYS = ("reference", "component_weight", "first_moment", "second_moment")


def travelled(statistics: SufficientStatistics) -> dict[str, SufficientStatistics]:
    return {
        "bytes": SufficientStatistics.from_bytes(statistics.to_bytes()),
        "bytearray": SufficientStatistics.from_bytes(bytearray(statistics.to_bytes())),
        "memoryview": SufficientStatistics.from_bytes(memoryview(statistics.to_bytes())),
        "pickle": pickle.loads(pickle.dumps(statistics)),
        "copy": copy.copy(statistics),
        "deepcopy": copy.deepcopy(statistics),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_travels_unchanged(
    dtype: type[np.floating], case: tuple[GaussianMixture, np.ndarray]
) -> None:
    model, X = case
    statistics = model.e_step(X.astype(dtype), sample_weight=np.linspace(0.0, 2.0, len(X)))
    for way, there in travelled(statistics).items():
        for field in dataclasses.fields(SufficientStatistics):
            value, expected = getattr(there, field.name), getattr(statistics, field.name)
            if isinstance(expected, np.ndarray):
                assert value.dtype == expected.dtype, way
                assert value.tobytes() == expected.tobytes(), (way, field.name)
            else:
                assert value == expected, (way, field.name)
                assert type(value) is type(expected), (way, field.name)
        assert there.to_bytes() == statistics.to_bytes(), way
        assert (there + statistics).to_bytes() == (statistics + statistics).to_bytes(), way


def test_is_immutable(case: tuple[GaussianMixture, np.ndarray]) -> None:
    model, X = case
    kept = X.copy()
    statistics = model.e_step(X)
    added = statistics + statistics
    for way, value in {"itself": statistics, "sum": added, **travelled(statistics)}.items():
        for name in ARRAYS:
            assert not getattr(value, name).flags.writeable, (way, name)
            with pytest.raises(ValueError, match="read-only"):
                getattr(value, name)[...] = 0.0
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.weight = 0.0  # type: ignore[misc]
    # Neither the input nor the model has a hand in it afterwards.
    content = statistics.to_bytes()
    X[...] = 0.0
    model.m_step(model.e_step(kept))
    assert statistics.to_bytes() == content


@pytest.mark.parametrize("seed", range(60))
def test_damaged_bytes_are_refused(seed: int) -> None:
    model = GaussianMixture.from_parameters([0.5, 0.5], np.eye(2), np.stack([np.eye(2)] * 2))
    content = model.e_step(np.arange(10.0).reshape(5, 2)).to_bytes()
    rng = np.random.default_rng(seed)
    damaged = bytearray(content)
    if seed % 3 == 0:
        damaged[int(rng.integers(len(content)))] ^= int(rng.integers(1, 256))
    elif seed % 3 == 1:
        del damaged[int(rng.integers(len(content))) :]
    else:
        damaged += rng.bytes(int(rng.integers(1, 50)))
    with pytest.raises(FileFormatError, match=r"what from_bytes\(\) was given .{10,}"):
        SufficientStatistics.from_bytes(bytes(damaged))


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    model.save(tmp_path / "model")
    with pytest.raises(FileFormatError, match="holds a fastgmm model, not a statistics"):
        SufficientStatistics.from_bytes((tmp_path / "model").read_bytes())
    with pytest.raises(FileFormatError):
        SufficientStatistics.from_bytes(pickle.dumps(model.e_step([[1.0]])))
    for nonsense in (None, "text", 3, np.zeros(3)):
        with pytest.raises(TypeError, match="from_bytes takes the bytes"):
            SufficientStatistics.from_bytes(nonsense)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("covariance_type", "covariances"), [("tied_diag", [1.0, 4.0, 9.0]), ("tied_spherical", 4.0)]
)
def test_the_shape_of_tied_sums_travels(covariance_type: str, covariances: Any) -> None:
    model = GaussianMixture.from_parameters(
        [0.5, 0.5], np.eye(2, 3), covariances, covariance_type=covariance_type
    )
    statistics = model.e_step(np.arange(12.0).reshape(4, 3))
    for way, there in travelled(statistics).items():
        assert isinstance(there.second_moment, np.ndarray), way
        assert there.second_moment.shape == np.shape(covariances), way
    there = SufficientStatistics.from_bytes(statistics.to_bytes())
    added = sum([there, statistics, there.scaled(0.5)])
    assert added.second_moment.shape == np.shape(covariances)
    np.testing.assert_array_equal(added.second_moment, 2.5 * statistics.second_moment)
    assert model.m_step(added).covariances_.shape == np.shape(covariances)
