"""Loaders of PyTorch: the tensors of their batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastgmm.tables.frames import is_class


def is_loader(value: object) -> bool:
    """Whether a value is a `DataLoader` of PyTorch."""
    return is_class(value, "torch", "DataLoader")


def loader_items(loader: Any) -> Iterator[Any]:
    """Give the rows of each batch of a loader.

    Parameters
    ----------
    loader : DataLoader
        Its batches are tensors, or lists of one tensor, as those of a `TensorDataset` are.

    Yields
    ------
    Tensor

    Raises
    ------
    TypeError
        If a batch holds several tensors, of which nothing says which holds the rows.
    """
    for number, batch in enumerate(loader):
        if isinstance(batch, Mapping):
            held = f"a dict of {', '.join(map(repr, batch))}"
        elif not isinstance(batch, list | tuple):
            yield batch
            continue
        elif len(batch) == 1:
            yield batch[0]
            continue
        else:
            held = f"{len(batch)} values"
        key = repr(next(iter(batch), 0)) if isinstance(batch, Mapping) else "0"
        raise TypeError(
            f"Batch {number} of the DataLoader holds {held}, not rows alone: pass a function that "
            f"picks them, such as lambda: (batch[{key}] for batch in loader)."
        )
