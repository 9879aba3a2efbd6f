"""Labels of rows: which groups there are, in which order, and what is no label."""

from typing import Any

import numpy as np
import pytest

from fastgmm.validation.labels import as_labels, group_order


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([3, 1, 3, 2], [1, 2, 3]),
        (np.array([3, 1, 3, 2], dtype=np.int8), [1, 2, 3]),
        (["b", "a", "b", "c"], ["a", "b", "c"]),
        (np.array(["b", "a", "b", "c"], dtype=object), ["a", "b", "c"]),
        ([True, False, True, True], [False, True]),
        ([0.5, -1.0, 0.5, 2.0], [-1.0, 0.5, 2.0]),
        ((7, 7, 7, 7), [7]),
    ],
)
def test_the_distinct_labels_are_sorted(labels: Any, found: list[Any]) -> None:
    distinct, codes = as_labels(labels, 4)
    assert distinct == found
    assert [type(one) for one in distinct] == [type(one) for one in found]
    assert [distinct[i] for i in codes] == list(labels)


def test_dates_stay_dates() -> None:
    days = np.array(["2026-01-02", "2026-01-01", "2026-01-02"], dtype="datetime64[ns]")
    distinct, codes = as_labels(days, 3)
    assert distinct == [days[1], days[0]]
    assert codes.tolist() == [1, 0, 1]


def test_categories_have_an_order_and_empty_ones_are_left_out() -> None:
    pd = pytest.importorskip("pandas")
    values = ["mid", "low", "high", "mid"]
    kind = pd.CategoricalDtype(["low", "mid", "none", "high"], ordered=True)
    series = pd.Series(values, dtype=kind, index=[9, 8, 7, 6])
    for labels in (series, series.array, pd.Index(series)):
        distinct, codes = as_labels(labels, 4)
        assert distinct == ["low", "mid", "high"]
        assert [distinct[i] for i in codes] == values
    assert as_labels(pd.Series(values), 4)[0] == ["high", "low", "mid"]
    assert as_labels(pd.Series([2, 1, 2], dtype="Int64"), 3)[0] == [1, 2]


def test_polars_series_are_labels() -> None:
    pl = pytest.importorskip("polars")
    assert as_labels(pl.Series(["b", "a"]), 2)[0] == ["a", "b"]


@pytest.mark.parametrize(
    "labels",
    [[1.0, np.nan, 2.0], ["a", None, "b"], np.array(["2026-01-01", "NaT", "2026-01-02"], "M8[D]")],
)
def test_a_missing_label_is_named(labels: Any) -> None:
    with pytest.raises(ValueError, match="The label of row 1 is missing"):
        as_labels(labels, 3)


def test_a_missing_label_of_pandas_is_named() -> None:
    pd = pytest.importorskip("pandas")
    for labels in (
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series(["a", pd.NaT, "b"]),
    ):
        with pytest.raises(ValueError, match="The label of row 1 is missing"):
            as_labels(labels, 3)


@pytest.mark.parametrize("labels", [[1, 2], [[1, 2, 3]], 5])
def test_there_is_one_label_for_each_row(labels: Any) -> None:
    with pytest.raises(ValueError, match=r"labels must have the shape \(3,\)"):
        as_labels(labels, 3)


def test_labels_without_an_order_are_refused() -> None:
    with pytest.raises(TypeError, match="labels must be of one kind"):
        as_labels(np.array([1, "a", 2], dtype=object), 3)


def test_the_rows_of_a_group_keep_their_order(rng: np.random.Generator) -> None:
    codes = rng.integers(5, size=200)
    codes[codes == 3] = 2
    order, ends = group_order(codes, 5)
    assert ends[-1] == 200
    for code, begin, end in zip(range(5), [0, *ends], ends, strict=False):
        np.testing.assert_array_equal(order[begin:end], np.flatnonzero(codes == code))
