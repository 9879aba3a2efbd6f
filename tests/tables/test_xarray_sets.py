"""Data sets of xarray as tables."""

import numpy as np
import pytest

from fastgmm.tables.xarray_sets import set_as_frame, variables_of
from support import error_of

xarray = pytest.importorskip("xarray")


def test_variables_have_the_same_order_of_dimensions() -> None:
    grid = np.arange(6.0).reshape(2, 3)
    dataset = xarray.Dataset({"a": (("y", "x"), grid), "b": (("x", "y"), grid.T)})
    found = variables_of(dataset, "X")
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["b"], grid)
    frame = set_as_frame(dataset, "X")
    assert frame.names == ("a", "b")
    np.testing.assert_array_equal(frame.whole(), np.column_stack([grid.ravel()] * 2))


def test_what_is_no_table() -> None:
    mixed = xarray.Dataset({"a": ("n", [1.0]), "b": 2.0})
    assert "'b' over ()" in str(error_of(variables_of, mixed, "X"))
    assert "without variables" in str(error_of(variables_of, xarray.Dataset(), "X"))
    text = xarray.Dataset({"a": ("n", ["x"])})
    assert "X, column 'a': its values are" in str(error_of(set_as_frame, text, "X"))
