"""What users may give as groups of rows, and what is said of what they may not."""

from typing import Any

import numpy as np
import pytest

from fastgmm.validation.groups import Group, Groups

A, B = np.arange(8.0).reshape(4, 2), np.arange(12.0).reshape(6, 2)


def found(groups: Any, labels: Any = None, sample_weight: Any = None, k: int = 1) -> list[Group]:
    return list(Groups(groups, labels, sample_weight, k))


@pytest.mark.parametrize(
    "groups",
    [
        [A, B],
        (A, B),
        iter([A, B]),
        (one for one in (A, B)),
        [A.tolist(), B.tolist()],
        {"a": A, "b": B},
        [A, B.astype(np.float32)],
        [A.astype(int), np.asfortranarray(B)],
    ],
)
def test_any_iterable_of_tables(groups: Any) -> None:
    expected = ["a", "b"] if isinstance(groups, dict) else [0, 1]
    one, two = found(groups)
    assert [one.label, two.label] == expected
    np.testing.assert_array_equal(one.rows, A)
    np.testing.assert_array_equal(two.rows, B)
    assert one.weight is one.failure is two.weight is two.failure is None
    assert two.rows.flags.c_contiguous


def test_three_axes_are_groups_of_one_length() -> None:
    assert [one.rows.shape for one in found(np.zeros((5, 4, 3)))] == [(4, 3)] * 5


def test_good_rows_are_not_copied() -> None:
    assert found([A])[0].rows is A


def test_frames_have_names() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(A, columns=["x", "y"])
    groups = Groups([frame, B, frame[["y", "x"]]], None, None, 1)
    one, two, three = groups
    assert groups.names is not None
    assert groups.names.tolist() == ["x", "y"]
    assert one.failure is two.failure is None
    assert "same columns in the same order" in str(three.failure)


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_one_table_with_labels(kind: str) -> None:
    X: Any = np.concatenate([A, B])
    labels = ["b"] * 4 + ["a"] * 6
    if kind == "frame":
        X = pytest.importorskip("pandas").DataFrame(X, columns=["x", "y"])
    groups = Groups(X, labels, np.arange(10.0), 1)
    one, two = groups
    assert (one.label, two.label) == ("a", "b")
    np.testing.assert_array_equal(one.rows, B)
    np.testing.assert_array_equal(two.rows, A)
    assert one.weight is not None
    np.testing.assert_array_equal(one.weight, np.arange(4.0, 10.0))
    assert (groups.names is None) == (kind == "array")


def test_weights_of_each_group() -> None:
    one, two, three = found([A, B, A], sample_weight=iter([None, np.arange(6), 2.0]))
    assert one.weight is None
    np.testing.assert_array_equal(two.weight, np.arange(6.0))
    np.testing.assert_array_equal(three.weight, np.full(4, 2.0))
    one, two = found({"a": A, "b": B}, sample_weight={"b": [1, 1, 1, 1, 1, 2]})
    assert one.weight is None
    np.testing.assert_array_equal(two.weight, [1, 1, 1, 1, 1, 2])
    one, two = found(np.concatenate([A, A]), [0] * 4 + [1] * 4, 3.0)
    np.testing.assert_array_equal(two.weight, np.full(4, 3.0))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (B[:1], "minimum of 2 is required"),
        (B[:2], "n_components = 3, n_samples = 2"),
        (np.where(B == 5.0, np.nan, B), r"contains NaN. The first is X\[2, 1\]"),
        (B[:, :1], "has 1 features, and the first group has 2"),
        (B[0], "2D array"),
        (np.empty((0, 2)), "minimum of 2"),
        ([["a", "b"]] * 3, "."),
    ],
)
def test_what_is_wrong_with_a_group_is_its_failure(second: Any, message: str) -> None:
    import re

    one, two, three = found([A, second, B], k=3)
    assert one.failure is three.failure is None
    assert two.failure is not None
    assert re.search(message, str(two.failure))
    assert two.size == 0


def test_wrong_weights_are_the_failure_of_their_group() -> None:
    one, two, three = found([A, A, A], sample_weight=[[1, 2], [-1, 1, 1, 1], None])
    assert "expected (4,)" in str(one.failure)
    assert "Negative values" in str(two.failure)
    assert three.failure is None
    X = np.concatenate([A, A])
    one, two = found(X, [0] * 4 + [1] * 4, [1.0, np.nan, 1, 1, 1, 1, 1, 1])
    assert "NaN" in str(one.failure)
    assert two.failure is None
    X[5, 0] = np.inf
    one, two = found(X, [0] * 4 + [1] * 4)
    assert one.failure is None
    assert "infinity" in str(two.failure)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((A,), ValueError, r"groups is one table of shape \(4, 2\): pass labels="),
        ((5,), TypeError, "must be an iterable of arrays or frames, got int"),
        (("text",), TypeError, "got str"),
        (([A, B], None, [None]), ValueError, "sample_weight has 1 entries, and there are more"),
        (([A], None, [None, [1.0] * 4]), ValueError, "more entries than there are groups"),
        (([A], None, 2.0), TypeError, "iterable, with the weights of each group, got float"),
        (({"a": A}, None, [None]), TypeError, "groups is a mapping, and sample_weight is none"),
        (({"a": A}, None, {"b": None}), ValueError, "has 'b', and there is no such group"),
        (([A], None, {"a": None}), TypeError, "sample_weight is a mapping, and the groups are not"),
        ((A, [0, 1]), ValueError, r"labels must have the shape \(4,\)"),
        ((A, [0] * 4, [1.0]), ValueError, "sample_weight has 1 entries for 4 rows"),
    ],
)
def test_what_are_no_groups(arguments: tuple[Any, ...], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        found(*arguments)


def test_a_frame_without_labels_is_one_table() -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="groups is one table"):
        found(pd.DataFrame(A))
