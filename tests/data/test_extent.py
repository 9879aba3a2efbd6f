"""Extents: numbers and weights of rows, gathered batch by batch."""

import numpy as np
import pytest

from fastgmm.data.extent import Extent


def walked(batches: list[tuple[int, np.ndarray | None]]) -> Extent:
    extent = Extent()
    for n_samples, weight in batches:
        extent = extent.plus(n_samples, weight)
    return extent


def test_without_weights_every_row_counts_one() -> None:
    assert walked([(3, None), (0, None), (4, None)]) == Extent(7, 7, 7.0, 1.0, 1.0)
    assert walked([(0, None)]) == Extent() == walked([(0, np.empty(0))])


def test_any_cut_is_the_whole(rng: np.random.Generator) -> None:
    weight = rng.exponential(size=200) * (rng.random(200) > 0.3)
    cuts = np.sort(rng.choice(200, 6))  # some of the pieces may be empty
    got = walked([(len(part), part) for part in np.split(weight, cuts)])
    assert got.n_samples == 200
    assert got.n_counted == (weight > 0).sum()
    assert got.weight == pytest.approx(weight.sum(), rel=1e-14)
    assert got.lightest == weight[weight > 0].min()
    assert got.heaviest == weight.max()


def test_weights_beside_rows_without_them() -> None:
    """A row without a weight weighs one; the lightest is never above one."""
    heavy, light = np.array([5.0, 0.0, 7.0]), np.array([0.25, 0.5])
    assert walked([(3, heavy)]) == Extent(3, 2, 12.0, 1.0, 7.0)
    assert walked([(2, light)]) == Extent(2, 2, 0.75, 0.25, 0.5)
    assert walked([(2, light), (2, None)]) == Extent(4, 4, 2.75, 0.25, 1.0)
    assert walked([(2, None), (3, heavy)]) == Extent(5, 4, 14.0, 1.0, 7.0)
    assert walked([(2, np.zeros(2))]) == Extent(2, 0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize("power", [-1000, -300, -33, -31, -1, 0, 1, 31, 33, 300, 1000])
def test_weights_of_any_unit_are_brought_near_one(power: int) -> None:
    """Beyond 2^32 either way: divided by that power of two the heaviest is in [1/2, 1)."""
    extent = Extent().plus(2, np.array([0.0, 1.5 * 2.0**power]))
    if abs(power + 1) <= 32:
        assert extent.exponent == 0
    else:
        assert 0.5 <= extent.heaviest * 2.0**-extent.exponent < 1.0
    assert Extent().exponent == 0


def test_the_extent_of_one_batch_is_that_of_a_batch_after_none(rng: np.random.Generator) -> None:
    for n, weight in ((0, None), (5, None), (4, rng.exponential(size=4)), (0, np.empty(0))):
        assert Extent.of(n, weight) == Extent().plus(n, weight)
