"""Samples of many data sets by one seed: those that each would draw itself."""

import numpy as np
import pytest

from fastgmm.data.orders import Orders
from fastgmm.data.rows import RowData
from fastgmm.data.sample import KEYS_PER_STREAM


@pytest.mark.parametrize("size", [100, 300, 10_000, 2 * KEYS_PER_STREAM])
def test_samples_are_those_of_the_rows_alone(size: int, rng: np.random.Generator) -> None:
    seed = int(rng.integers(2**63))
    orders = Orders(seed, size)
    for n in (7, 3, 250, 100, 101, 1, 257, 5000, KEYS_PER_STREAM, KEYS_PER_STREAM + 1, 99):
        data = RowData(rng.normal(size=(n, 2)))
        expected, found = data.sample(seed, size), orders.sample(data)
        np.testing.assert_array_equal(found.order, expected.order)
        assert found.rows is expected.rows
        assert found.weight is expected.weight
        assert found.whole == expected.whole
        assert found.made is not orders.sample(data).made


def test_weights_are_odds(rng: np.random.Generator) -> None:
    orders = Orders(3, 1000)
    weight = rng.exponential(size=200) * (rng.random(200) < 0.7)
    data = RowData(rng.normal(size=(200, 2)), weight)
    expected, found = data.sample(3, 1000), orders.sample(data)
    np.testing.assert_array_equal(found.order, expected.order)
    assert found.weight is weight
