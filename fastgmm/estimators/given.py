"""Rows that a user has given for a fit, checked and as data."""

from typing import TYPE_CHECKING, Any

from fastgmm.data.rows import RowData
from fastgmm.validation import as_rows, as_sample_weight, as_table, feature_names_of, has_gaps

if TYPE_CHECKING:
    from fastgmm.data.labels import RowLabels
    from fastgmm.data.partitions import PartitionData


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


def with_labels(
    data: "RowData | PartitionData", labels: Any, n_components: int
) -> "RowData | PartitionData":
    """The same rows, with what is known of the components of each.

    Parameters
    ----------
    data : RowData or PartitionData
    labels : array_like of int, shape (n_samples,), or of bool, (n_samples, n_components), or None
    n_components : int

    Raises
    ------
    TypeError
        When labels are of another kind, or the rows lie on a cluster.
    ValueError
        When labels are not those of these rows and components.
    """
    if labels is None:
        return data
    if not isinstance(data, RowData):
        raise labels_on_cluster_error()
    known = labels_of(labels, len(data.rows), n_components)
    given = data.rows, data.sample_weight, data.n_threads, data.names, data.gapped
    return data if known is None else RowData(*given, labels=known)


def labels_of(labels: Any, n_samples: int, n_components: int) -> "RowLabels | None":
    """The components that each row may be of; None where nothing is known of any."""
    if labels is None:
        return None
    # What labels need is loaded with the first of them.
    from fastgmm.validation.row_labels import as_row_labels

    return as_row_labels(labels, n_samples, n_components)


def labels_on_cluster_error() -> TypeError:
    """Build the error for labels of rows that stay on a cluster."""
    return TypeError(
        "labels are for rows in memory and batches, and these lie on a cluster: leave labels "
        "out, or pass the rows to fit_batches as batches."
    )
