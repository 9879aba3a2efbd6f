"""Inner products that need no BLAS."""

import numpy as np
import pytest

from fastgmm.data.vectors import inner, length


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (30_000,), (10, 32, 32)])
def test_inner_products_are_the_sums_of_products(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=shape), rng.normal(size=shape)
    assert inner(left, right) == pytest.approx(float((left * right).sum()), rel=1e-12, abs=1e-12)
    assert length(left) == pytest.approx(float(np.sqrt((left**2).sum())), rel=1e-12)


def test_arrays_need_not_be_contiguous() -> None:
    matrix = np.arange(12.0).reshape(3, 4)
    assert inner(matrix.T, matrix.T) == float((matrix**2).sum())
    assert length(matrix[:, 1]) == pytest.approx(np.sqrt(1.0 + 25.0 + 81.0))


def test_nothing_is_said_of_what_overflows() -> None:
    assert inner(np.array([1e200]), np.array([1e200])) == np.inf
