"""Arrays and data sets of xarray."""

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.sources import batches
from fastgmm.sources.xarrays import xarray_source
from source_support import joined, refused

xarray = pytest.importorskip("xarray")
GRID = np.random.default_rng(0).normal(size=(40, 5, 6))


@pytest.fixture
def weather():
    """Two variables over the same grid, one of which has its dimensions in another order."""
    return xarray.Dataset(
        {
            "t": (("time", "y", "x"), GRID),
            "p": (("x", "y", "time"), GRID.T + 2.0),
        }
    )


def test_variables_are_columns_and_places_rows(weather):
    read = batches(weather, batch_rows=70)
    assert (read.columns, read.n_rows, read.reiterable) == (("t", "p"), 1200, True)
    expected = np.column_stack([GRID.ravel(), GRID.ravel() + 2.0])
    for _ in range(2):
        found = list(read)
        assert [len(rows) for rows in found] == [70] * 17 + [10]
        np.testing.assert_array_equal(np.concatenate(found), expected)
    np.testing.assert_array_equal(joined(weather, columns="p"), expected[:, 1:])
    model = GaussianMixture(1).fit(weather)
    assert model.feature_names_in_.tolist() == ["t", "p"]
    np.testing.assert_allclose(model.means_, [expected.mean(axis=0)])


def test_large_sets_are_read_in_slices(monkeypatch):
    from fastgmm.sources import xarrays

    monkeypatch.setattr(xarrays, "MOST_NUMBERS", 120)
    source = xarray_source(xarray.Dataset({"t": (("n", "x"), GRID[0])}))
    assert len(list(source.blocks([0], 1))) == 1
    source = xarray_source(xarray.Dataset({"t": (("n", "y", "x"), GRID)}))
    assert [block.n_rows for block in source.blocks([0], 1)] == [120] * 10


def test_arrays_have_the_names_of_their_coordinate():
    array = xarray.DataArray(GRID[:, 0], dims=("n", "feature"), coords={"feature": list("abcdef")})
    read = batches(array, columns=["c", "a"])
    assert read.columns == ("c", "a")
    np.testing.assert_array_equal(np.concatenate(list(read)), GRID[:, 0][:, [2, 0]])
    assert batches(array.drop_vars("feature")).columns is None
    numbered = array.assign_coords(feature=range(6))
    assert batches(numbered).columns is None


def test_files_are_read_as_the_rows_are_needed(tmp_path):
    pytest.importorskip("zarr")
    xarray.Dataset({"a": ("n", GRID[:, 0, 0]), "b": ("n", GRID[:, 0, 1])}).to_zarr(tmp_path / "x")
    read = batches(xarray.open_zarr(tmp_path / "x", chunks=None))
    assert read.columns == ("a", "b")
    np.testing.assert_array_equal(np.concatenate(list(read)), GRID[:, 0, :2])


def test_sets_that_are_not_right(weather):
    refused("The Dataset is an xarray Dataset without variables, which are its columns.",
            xarray.Dataset())  # fmt: skip
    weather["z"] = ("time", GRID[:, 0, 0])
    with pytest.raises(
        ValueError, match=r"'z' over \('time',\)\): pass those that belong together"
    ):
        batches(weather)
    text = xarray.Dataset({"a": ("n", [1.0]), "t": ("n", ["x"])})
    with pytest.raises(
        ValueError, match=r"^The Dataset, column 't': its type is .*columns=\['a'\]"
    ):
        batches(text)
    with pytest.raises(ValueError, match="Found array with dim 3"):
        batches(xarray.DataArray(GRID))
    assert xarray_source(GRID) is None
