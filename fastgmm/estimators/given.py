"""Rows that a user has given for a fit, checked and as data."""

from typing import Any

from fastgmm.data.rows import RowData
from fastgmm.validation import as_rows, as_sample_weight, as_table, feature_names_of, has_gaps


def row_data(
    X: Any, sample_weight: Any, method: str, n_threads: int | None, *, gaps: bool = False
) -> RowData:
    """The rows with their weights and the names of their columns.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        At least two rows.
    sample_weight : array_like of shape (n_samples,), optional
    method : str
        The method that the user called, for the messages.
    n_threads : int, optional
    gaps : bool
        Whether NaN is a value that is missing, and no error.
    """
    table = as_table(X)
    names = feature_names_of(table)
    rows = as_rows(table, min_rows=2, method=method, n_threads=n_threads, gaps=gaps)
    weights = as_sample_weight(sample_weight, len(rows))
    return RowData(rows, weights, n_threads, names, gaps and has_gaps(rows, n_threads))
