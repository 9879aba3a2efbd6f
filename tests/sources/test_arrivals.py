"""Messages that come one by one, gathered to batches of some rows or seconds."""

import json
import re
import threading

import numpy as np
import pandas
import pytest

from fastgmm import GaussianMixture
from fastgmm.sources import Table
from fastgmm.sources.arrivals import QUEUED, stream

PATIENCE = 60.0


def listed(messages, **options):
    return [table.rows.tolist() for table in stream(messages, **options)]


def test_batches_end_with_their_last_row():
    rows = [[i, i / 2] for i in range(10)]
    assert listed(rows, batch_rows=4, seconds=PATIENCE) == [rows[:4], rows[4:8], rows[8:]]
    assert listed(iter(rows), batch_rows=100, seconds=PATIENCE) == [rows]
    assert listed([]) == []


def test_what_has_come_is_given_after_some_seconds():
    more = threading.Event()

    def messages():
        yield [1.0]
        yield [2.0]
        assert more.wait(PATIENCE)
        yield [3.0]

    batches = stream(messages(), seconds=0.01)
    # Nothing but the time ends these, in one batch or two.
    first = next(batches).rows.tolist()
    first += [] if len(first) == 2 else next(batches).rows.tolist()
    assert first == [[1], [2]]
    more.set()
    assert [table.rows.tolist() for table in batches] == [[[3]]]


def test_no_thread_of_threading_is_started():
    """As in `data.ahead`, where Python would forget a Ctrl-C."""
    known = len(threading._dangling)
    batches = stream([[1.0], [2.0]], batch_rows=1)
    next(batches)
    assert len(threading._dangling) == known


def test_messages_are_read_while_a_batch_is_worked_on():
    read = threading.Event()

    def messages():
        yield [1.0]
        yield [2.0]
        read.set()
        yield [3.0]

    batches = stream(messages(), batch_rows=1)
    next(batches)
    assert read.wait(PATIENCE)
    batches.close()


def test_no_more_messages_wait_than_may():
    given = []

    def messages():
        for i in range(10 * QUEUED):
            given.append(i)
            yield [float(i)]

    batches = stream(messages(), batch_rows=1)
    next(batches)
    assert len(given) <= QUEUED + 3
    batches.close()


def test_the_messages_are_closed_after_the_batches():
    closed = threading.Event()

    def messages():
        try:
            while True:
                yield [1.0]
        finally:
            closed.set()

    given = messages()
    batches = stream(given, batch_rows=2)
    next(batches)
    batches.close()
    del given
    assert closed.wait(PATIENCE)


def test_rows_of_every_kind():
    table = Table(np.array([[1.0, 2.0], [3.0, 4.0]]), ("a", "b"))
    for messages in (
        [{"a": 1, "b": 2}, {"b": 4, "c": 0, "a": 3}],
        [table],
        [table[:1], {"a": 3, "b": 4}],
        [pandas.DataFrame({"a": [1], "b": [2]}), table[1:]],
    ):
        (found,) = stream(messages, seconds=PATIENCE)
        assert (found.columns, found.rows.tolist()) == (("a", "b"), table.rows.tolist())
    for messages in (
        table.rows.tolist(),
        list(table.rows),
        [table.rows],
        [(1, 2), np.array([[3, 4]])],
    ):
        (found,) = stream(messages, seconds=PATIENCE)
        assert (found.columns, found.rows.tolist()) == (None, table.rows.tolist())
    (found,) = stream([{"a": 1, "b": 2}], columns=["b"], dtype=np.float32)
    assert (found.columns, found.rows.tolist(), found.rows.dtype) == (("b",), [[2]], np.float32)


def test_messages_are_decoded():
    texts = ['{"a": 1, "b": 2}', "", '{"a": 3, "b": 4}']
    decode = lambda text: json.loads(text) if text else None  # noqa: E731
    (found,) = stream(texts, decode=decode, seconds=PATIENCE)
    assert found.rows.tolist() == [[1, 2], [3, 4]]


def test_a_model_learns_with_names(rng):
    rows = rng.normal(size=(3000, 2)) @ [[1.0, 1.0], [0.0, 1.0]]
    model = GaussianMixture(1, random_state=0)
    messages = ({"x": a, "y": b} for a, b in rows.tolist())
    for table in stream(messages, batch_rows=500, seconds=PATIENCE):
        model.partial_fit(table)
    assert model.feature_names_in_.tolist() == ["x", "y"]
    np.testing.assert_allclose(model.means_[0], rows.mean(axis=0), atol=0.1)


@pytest.mark.parametrize(
    ("message", "error", "sentence"),
    [
        ({"a": 1}, ValueError, "Message 1 of the stream has no 'b'; it has 'a'."),
        ([1, 2, 3], ValueError, "Message 1 of the stream has 3 numbers per row and those before "
         "it 2."),
        (pandas.DataFrame({"a": [1], "c": [2]}), ValueError, "Message 1 of the stream has columns "
         "('a', 'c') and those before it ('a', 'b')."),
        (object(), TypeError, "Message 1 of the stream is of type object: give mappings of names "
         "to numbers, sequences of numbers or tables, or make them of messages with decode=."),
        ({"a": 1, "b": None}, ValueError, "Message 1 of the stream, row 0 (counted from 0), column "
         "'b': the value is missing; leave out or fill in rows with gaps (gaps='drop' leaves them "
         "out)."),
    ],
)  # fmt: skip
def test_what_came_before_an_error_is_given(message, error, sentence):
    batches = stream([{"a": 1, "b": 2}, message, {"a": 3, "b": 4}], seconds=PATIENCE)
    assert next(batches).rows.tolist() == [[1, 2]]
    with pytest.raises(error) as found:
        next(batches)
    assert str(found.value) == sentence


def test_an_error_of_the_messages_comes_after_what_they_gave():
    def messages():
        yield [1.0]
        raise ConnectionError("the broker is gone")

    batches = stream(messages(), seconds=PATIENCE)
    assert next(batches).rows.tolist() == [[1]]
    with pytest.raises(ConnectionError, match="the broker is gone"):
        next(batches)


def test_rows_with_gaps():
    messages = [[1.0, 2.0], [None, 3.0], [float("nan"), 3.0]]
    assert listed(messages, gaps="drop", seconds=PATIENCE) == [[[1, 2]]]
    (kept,) = stream(messages, gaps="keep", seconds=PATIENCE)
    np.testing.assert_array_equal(kept.rows, [[1, 2], [np.nan, 3], [np.nan, 3]])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch_rows": 0}, "batch_rows must be at least 1, got 0."),
        ({"seconds": -1}, "seconds must be a finite number of at least 0, got -1."),
        ({"seconds": np.nan}, "seconds must be a finite number of at least 0, got nan."),
        ({"gaps": "x"}, "gaps must be 'error', 'drop', 'keep' or 'missing', got 'x'."),
        ({"dtype": int}, "dtype must be float32 or float64, got int64."),
    ],
)
def test_arguments_that_are_not_right(options, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        stream([], **options)
