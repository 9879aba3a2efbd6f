"""Rows of a user become data: checked once, with weights, names and whether they have gaps."""

import numpy as np
import pandas as pd
import pytest

from fastgmm.estimators.given import row_data


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
