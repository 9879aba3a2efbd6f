"""Data sets of xarray: variables over the same dimensions are the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgmm.tables.numeric import as_numbers
from fastgmm.tables.table import Table, TableFrame


def variables_of(dataset: Any, name: str) -> dict[str, Any]:
    """The variables of a data set, all over the same dimensions in the same order.

    Parameters
    ----------
    dataset : Dataset
    name : str
        What the errors call it.

    Returns
    -------
    dict of str to DataArray

    Raises
    ------
    ValueError
        If it has none, or some have other dimensions than others.
    """
    variables = {str(key): dataset[key] for key in dataset.data_vars}
    if not variables:
        raise ValueError(f"{name} is an xarray Dataset without variables, which are its columns.")
    first = next(iter(variables.values())).dims
    if not first or any(set(one.dims) != set(first) for one in variables.values()):
        shown = ", ".join(f"{key!r} over {one.dims}" for key, one in variables.items())
        raise ValueError(
            f"{name} is an xarray Dataset whose variables have other dimensions than each other, "
            f"or none ({shown}): pass those that belong together, such as X[['a', 'b']]."
        )
    return {
        key: one if one.dims == first else one.transpose(*first) for key, one in variables.items()
    }


def set_as_frame(dataset: Any, name: str) -> TableFrame:
    """Open a data set: each place of its grid is a row.

    Parameters
    ----------
    dataset, name
        As for `variables_of`.

    Returns
    -------
    TableFrame

    Raises
    ------
    ValueError, TypeError
        As `variables_of`, and for a variable that holds no numbers.
    """
    columns = [
        as_numbers(np.ravel(np.asarray(one)), f"{name}, column {key!r}")
        for key, one in variables_of(dataset, name).items()
    ]
    names = tuple(str(key) for key in dataset.data_vars)
    return TableFrame(Table(np.stack(columns, axis=1), names))
