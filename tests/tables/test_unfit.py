"""The first number that no table may hold, and what is wrong with it."""

import numpy as np
import pytest

from fastgmm.tables.unfit import SEARCHED_NUMBERS, fault, first_unfit

GAPS = "leave out or fill in rows with gaps"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_bad_value_is_found_wherever_it_is(dtype):
    rng = np.random.default_rng(0)
    for row, position in [(0, 0), (70_000, 1), (99_999, 2), divmod(SEARCHED_NUMBERS, 3)]:
        rows = rng.normal(size=(100_000, 3)).astype(dtype)
        assert first_unfit(rows) is None
        rows[row, position] = np.nan
        rows[99_999, 2] = np.inf
        assert first_unfit(rows) == (row, position)


def test_infinite_numbers_can_be_passed_over():
    rows = np.array([[1.0, np.inf], [-np.inf, np.nan]])
    assert first_unfit(rows) == (0, 1)
    assert first_unfit(rows, only_nan=True) == (1, 1)
    assert first_unfit(rows[:1], only_nan=True) is None


def test_arrays_of_any_shape_are_searched():
    assert first_unfit(np.array(np.nan)) == ()
    assert first_unfit(np.array([1.0, np.inf])) == (1,)
    assert first_unfit(np.ones((0, 3))) is None
    cube = np.ones((2, 3, 4))
    cube[1, 2, 0] = np.nan
    assert first_unfit(cube) == (1, 2, 0)
    assert first_unfit(cube.T) == (0, 2, 1)


@pytest.mark.parametrize(
    ("value", "dtype", "sentence"),
    [
        (np.nan, "f8", f"the value is missing; {GAPS} (gaps='drop' leaves them out)."),
        (-np.inf, "f8", f"-inf is not a finite number; {GAPS} (gaps='drop' leaves them out)."),
        (-1e39, "f4", "-1e+39 is too large for float32; read it as float64."),
        (1e39, "f8", None),
    ],
)
def test_faults(value, dtype, sentence):
    assert fault(value, np.dtype(dtype)) == sentence
