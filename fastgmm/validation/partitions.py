"""Partitions of rows on a cluster: each is checked where it lies."""

from typing import Any

import numpy as np

from fastgmm.validation.arguments import as_sample_weight
from fastgmm.validation.rows import as_rows, as_table


def checked_partition(
    method: str, gaps: bool, n_features: int | None, number: int, given: Any, weight: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows (n, D) of one partition, which may be none, and their weights (n,) or None.

    Raises
    ------
    ValueError, TypeError
        As `as_rows` and `as_sample_weight`; the sentence begins with the number of the partition.
    """
    try:
        rows = as_rows(as_table(given), n_features=n_features, min_rows=0, method=method, gaps=gaps)
        return rows, as_sample_weight(weight, len(rows), some_positive=False)
    except (ValueError, TypeError) as error:
        raise type(error)(f"partition {number}: {error}") from None
