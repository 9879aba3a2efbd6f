"""Rows of a user become data: checked once, with weights, names and whether they have gaps."""

import numpy as np
import pandas as pd
import pytest

from fastgmm.data.partitions import PartitionData
from fastgmm.data.rows import RowData
from fastgmm.estimators.given import labels_of, row_data, with_labels


def test_rows_weights_and_names() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    data = row_data(frame, [1, 2], "fit", 1)
    np.testing.assert_array_equal(data.rows, [[1.0, 3.0], [2.0, 4.0]])
    assert data.names is not None
    assert data.names.tolist() == ["a", "b"]
    assert data.extent.weight == 3.0
    assert not data.gapped


def test_gaps_are_gaps_where_they_may_be() -> None:
    rows = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert row_data(rows, None, "fit", None, gaps=True).gapped
    assert not row_data(rows[1:].repeat(2, axis=0), None, "fit", None, gaps=True).gapped
    with pytest.raises(ValueError, match="contains NaN"):
        row_data(rows, None, "fit", None)


def test_one_row_is_too_few_and_the_method_is_named() -> None:
    with pytest.raises(ValueError, match=r"minimum of 2 is required by GaussianMixture\.select"):
        row_data(np.zeros((1, 2)), None, "select", None)


def test_labels_make_other_data_of_the_same_rows() -> None:
    data = row_data(np.arange(6.0).reshape(3, 2), [1, 2, 3], "fit", 2)
    assert with_labels(data, None, 2) is data
    assert with_labels(data, [-1, -1, -1], 2) is data
    known = with_labels(data, [0, -1, 1], 2)
    assert isinstance(known, RowData)
    assert (known.rows is data.rows, known.sample_weight is data.sample_weight) == (True, True)
    assert (known.labelled, known.n_threads) == (True, 2)
    assert labels_of(None, 3, 2) is None
    with pytest.raises(ValueError, match=r"^The label of row 1 is 2"):
        with_labels(data, [0, 2, 1], 2)


def test_labels_of_rows_on_a_cluster_are_refused() -> None:
    spread = object.__new__(PartitionData)
    assert with_labels(spread, None, 2) is spread
    with pytest.raises(TypeError, match=r"^labels are for rows in memory and batches, and these"):
        with_labels(spread, [0, 1], 2)
