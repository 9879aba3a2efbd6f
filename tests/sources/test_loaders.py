"""Loaders of PyTorch: their batches are rows, or say what to pick."""

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.sources import batches
from fastgmm.sources.loaders import is_loader, loader_items
from source_support import refused

ROWS = np.random.default_rng(0).normal(size=(50, 2)) @ [[1.0, 2.0], [0.0, 1.0]]


class DataLoader:
    """It gives lists, as PyTorch's does."""

    def __init__(self, made):
        self.made = made

    def __iter__(self):
        for start in range(0, 50, 20):
            yield self.made(ROWS[start : start + 20])


DataLoader.__module__ = "torch.utils.data.dataloader"


@pytest.mark.parametrize("made", [lambda x: x, lambda x: [x], lambda x: (x,)])
def test_batches_of_rows(made):
    loader = DataLoader(made)
    assert is_loader(loader)
    read = batches(loader)
    assert read.reiterable
    for _ in range(2):
        found = list(read)
        assert [len(rows) for rows in found] == [20, 20, 10]
        np.testing.assert_array_equal(np.concatenate(found), ROWS)
    model = GaussianMixture(1).fit_batches(read)
    np.testing.assert_allclose(model.means_, [ROWS.mean(axis=0)])


@pytest.mark.parametrize(
    ("made", "held", "key"),
    [
        (lambda x: [x, x[:, 0]], "2 values", "0"),
        (lambda x: {"x": x, "y": x}, "a dict of 'x', 'y'", "'x'"),
        (lambda x: [], "0 values", "0"),
    ],
)
def test_batches_of_several_tensors(made, held, key):
    refused(
        f"Batch 0 of the DataLoader holds {held}, not rows alone: pass a function that picks them, "
        f"such as lambda: (batch[{key}] for batch in loader).",
        DataLoader(made),
        error=TypeError,
    )


def test_other_iterables_are_no_loaders():
    assert not is_loader([ROWS])
    assert next(loader_items([[ROWS]])) is ROWS


def test_loaders_of_pytorch():
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    loader = data.DataLoader(data.TensorDataset(torch.tensor(ROWS)), batch_size=20)
    np.testing.assert_array_equal(np.concatenate(list(batches(loader))), ROWS)
    plain = data.DataLoader(torch.tensor(ROWS), batch_size=7)
    np.testing.assert_array_equal(np.concatenate(list(batches(plain))), ROWS)
