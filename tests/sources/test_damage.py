"""Damaged arrays and archives are refused by a sentence, whatever NumPy raises."""

import io

import numpy as np
import pytest

from fastgmm.sources import batches, read_table
from fastgmm.sources.damage import DAMAGE, refusing_damage


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed"])
def test_wrong_bytes_are_rows_or_a_sentence(tmp_path, kind):
    rng = np.random.default_rng(3)
    file = io.BytesIO()
    save = {"npy": np.save, "npz": np.savez, "compressed": np.savez_compressed}[kind]
    save(file, rng.normal(size=(6, 2)))
    whole = np.frombuffer(file.getvalue(), np.uint8)
    path = tmp_path / ("x.npy" if kind == "npy" else "x.npz")
    refused = []
    for _ in range(200):
        data = whole.copy()
        places = rng.integers(len(data), size=int(rng.integers(1, 4)))
        data[places] = rng.integers(256, size=len(places))
        path.write_bytes(data[: len(data) - int(rng.integers(0, 3))].tobytes())
        for read in (read_table, lambda path: np.concatenate(list(batches(path)))):
            try:
                read(path)
            except ValueError as error:
                refused.append(str(error))
    assert len(refused) > 50
    assert all(str(path) in sentence for sentence in refused)


@pytest.mark.parametrize("kind", DAMAGE)
def test_each_becomes_a_sentence(tmp_path, kind):
    error = kind("what was wrong")
    sentence = r"x is damaged \(.*what was wrong.*\)\.$"
    with (
        pytest.raises(ValueError, match=sentence),
        refusing_damage(tmp_path / "x", "is damaged"),
    ):
        raise error


def test_errors_of_the_system_stay(tmp_path):
    with pytest.raises(PermissionError), refusing_damage(tmp_path, "is damaged"):
        raise PermissionError(13, "Permission denied", "x")
