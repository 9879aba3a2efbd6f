"""Messages that come one by one, as batches of what has come in some rows or seconds."""

from __future__ import annotations

import _thread
import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.limits.scalars import as_float, is_iterable, shown
from fastgmm.sources.blocks import Block
from fastgmm.sources.opening import table_source
from fastgmm.sources.rows import Wanted, as_batch_rows, check_gaps, finite_rows, row_dtype
from fastgmm.tables.containers import array_of
from fastgmm.tables.table import Table
from fastgmm.threads import Flag
from fastgmm.typing import Rows

QUEUED = 1024
"""At most so many messages wait to be taken; then none is read."""


def stream(
    messages: Iterable[Any],
    *,
    decode: Callable[[Any], Any] | None = None,
    columns: Sequence[str] | None = None,
    batch_rows: int = 1024,
    seconds: float = 1.0,
    dtype: DTypeLike = np.float64,
    gaps: str = "error",
) -> Iterator[Table]:
    """Gather messages to batches for `partial_fit`, each of what has come in some seconds.

    A batch ends with its last row, or so many seconds after its first one came, if no other is
    there by then. The messages are read on a thread of their own, so that they come in while the
    last batch is learned from.

    Parameters
    ----------
    messages : iterable
        A consumer of Kafka, a generator, or any other iterable, which may be long in giving the
        next message and may never end. It is walked over once.
    decode : callable, optional
        What makes a row of a message, such as ``lambda message: json.loads(message.value)``: a
        mapping of names to numbers, a sequence of numbers, a table of several rows, or None for a
        message without a row. None: the messages are these themselves.
    columns : sequence of str, optional
        The names that are taken of mappings, in this order; None: those of the first one.
    batch_rows : int, default=1024
        The most rows of a batch.
    seconds : float, default=1.0
        How long a batch waits for more rows.
    dtype : {float64, float32}
        The type of the rows.
    gaps : {"error", "drop", "keep", "missing"}
        What to do with rows that have a value missing, as for `batches`.

    Yields
    ------
    Table
        Rows, at least one, and the names of their columns, if the messages are mappings.

    Raises
    ------
    ValueError
        If a number is not as it may be, or, in the middle, if a message lacks a name, has more or
        fewer numbers than those before it, or a value that is not a number. What came before it is
        in the batch before.
    TypeError
        If a message is no row and no table.

    Examples
    --------
    >>> messages = ['{"a": 1, "b": 2}', '{"b": 4, "a": 3}', '{"a": 5, "b": 6}']
    >>> import json
    >>> for table in stream(messages, decode=json.loads, batch_rows=2):
    ...     print(table.columns, table.rows.tolist())
    ('a', 'b') [[1.0, 2.0], [3.0, 4.0]]
    ('a', 'b') [[5.0, 6.0]]
    """
    batch_rows = as_batch_rows(batch_rows)
    if not 0.0 <= (number := as_float(seconds)) <= _thread.TIMEOUT_MAX:
        raise ValueError(f"seconds must be a finite number of at least 0, got {shown(seconds)}.")
    if not is_iterable(messages):
        raise TypeError(f"messages must be an iterable, got {shown(messages)}.")
    check_gaps(gaps)
    gathered = _Gathered(columns, row_dtype(dtype), gaps)
    return _batches(_read_apart(messages, decode), gathered, batch_rows, number)


class _Ended(NamedTuple):
    """The end of the messages, or the error that ended them."""

    error: BaseException | None


def _read_apart(
    messages: Iterable[Any], decode: Callable[[Any], Any] | None
) -> Generator[Any, float | None]:
    """The messages decoded, read on another thread; None where none came in the seconds sent."""
    # Ctrl-C may leave the locks of `threading` and of a bounded queue held: see `threads.helpers`.
    waiting, room, closed = queue.SimpleQueue[Any](), queue.SimpleQueue[None](), Flag()
    for _ in range(QUEUED):
        room.put(None)

    def read() -> None:
        ended = _Ended(None)
        try:
            for message in messages:
                found = message if decode is None else decode(message)
                if found is not None:
                    room.get()
                    waiting.put(found)
                if closed.is_set():
                    return
        except BaseException as error:
            # It is raised where the batches are taken.
            ended = _Ended(error)
        waiting.put(ended)

    # A consumer may wait for its next message for ever: such a thread keeps no process alive, and
    # no Ctrl-C is lost in it (see `data.ahead`).
    _thread.start_new_thread(read, ())
    timeout: float | None = None
    try:
        while True:
            try:
                found = waiting.get(timeout=timeout)
                room.put(None)
            except queue.Empty:
                found = None
            if isinstance(found, _Ended):
                if found.error is not None:
                    raise found.error
                return
            timeout = yield found
    finally:
        closed.set()
        room.put(None)  # a reader that waits for room goes on, sees that all is over, and ends


def _batches(
    items: Generator[Any, float | None], gathered: _Gathered, batch_rows: int, seconds: float
) -> Iterator[Table]:
    timeout: float | None = None
    until = 0.0
    try:
        item = next(items, None)
        while True:
            if item is not None:
                gathered.add(item)
                if timeout is None:
                    until = time.monotonic() + seconds
            if item is None or gathered.n_rows >= batch_rows:
                yield from gathered.tables(batch_rows, rest=item is None)
            timeout = max(0.0, until - time.monotonic()) if gathered.n_rows else None
            item = items.send(timeout)
    except StopIteration:
        yield from gathered.tables(batch_rows, rest=True)
    except Exception:
        # What came before the error is learned from.
        yield from gathered.tables(batch_rows, rest=True)
        raise
    finally:
        items.close()


def _names_of(columns: Any) -> tuple[str, ...] | None:
    """The names of the columns, where any are given."""
    if columns is None:
        return None
    if isinstance(columns, str) or not is_iterable(columns):
        raise TypeError(f"columns must be the names of all columns, got {shown(columns)}.")
    return tuple(columns)


class _Gathered:
    """Rows that wait for their batch."""

    def __init__(self, columns: Sequence[str] | None, dtype: np.dtype[Any], gaps: str) -> None:
        self._names = _names_of(columns)
        self._n_columns = None if self._names is None else len(self._names)
        self._dtype, self._gaps = dtype, gaps
        self._parts: list[Rows] = []
        self._n_messages = self.n_rows = 0

    def add(self, message: Any) -> None:
        """Take the rows of one message."""
        where = f"Message {self._n_messages} of the stream"
        self._n_messages += 1
        part, names = self._rows_of(message, where)
        if self._n_columns is None:
            self._names, self._n_columns = names, part.shape[1]
        elif part.shape[1] != self._n_columns:
            raise ValueError(
                f"{where} has {part.shape[1]} numbers per row and those before it "
                f"{self._n_columns}."
            )
        elif names != self._names and names is not None:
            raise ValueError(f"{where} has columns {names} and those before it {self._names}.")
        if len(part):
            self._parts.append(part)
            self.n_rows += len(part)

    def tables(self, batch_rows: int, *, rest: bool) -> Iterator[Table]:
        """Give full batches, and the rest if it is asked for."""
        while self.n_rows >= batch_rows or (rest and self.n_rows):
            rows = np.concatenate(self._parts)
            self._parts = [rows[batch_rows:]] if len(rows) > batch_rows else []
            self.n_rows = max(0, len(rows) - batch_rows)
            # A view would keep all rows that came with these.
            yield Table(rows[:batch_rows].copy() if self._parts else rows, self._names)

    def _rows_of(self, message: Any, where: str) -> tuple[Rows, tuple[str, ...] | None]:
        if isinstance(message, Mapping):
            names = self._names or tuple(map(str, message))
            for name in names:
                if name not in message:
                    known = ", ".join(map(repr, message))
                    raise ValueError(f"{where} has no {name!r}; it has {known}.")
            row = [[message[name] for name in names]]
            return self._checked(array_of(row, where), where, names), names
        is_row = isinstance(message, list | tuple) and not any(np.ndim(one) for one in message)
        if is_row or (isinstance(message, np.ndarray) and message.ndim == 1):
            return self._checked(array_of([list(message)], where), where, None), None
        source = table_source(message, where)
        if source is None:
            raise TypeError(
                f"{where} is of type {type(message).__qualname__}: give mappings of names to "
                "numbers, sequences of numbers or tables, or make them of messages with decode=."
            )
        chosen = range(source.n_columns) if source.default is None else source.default
        found = None if source.names is None else tuple(source.names[i] for i in chosen)
        blocks = source.blocks(list(chosen), source.n_rows or 1)
        parts = [self._checked_block(block, where, found) for block in blocks]
        return np.concatenate(parts or [np.empty((0, len(chosen)), self._dtype)]), found

    def _checked(self, rows: Any, where: str, names: tuple[str, ...] | None) -> Rows:
        return self._checked_block(Block(0, len(rows), rows), where, names)

    def _checked_block(self, block: Block, where: str, names: tuple[str, ...] | None) -> Rows:
        labels = (
            list(map(repr, names))
            if names is not None
            else list(map(str, range(np.shape(block.values)[-1])))
        )
        rows, _ = finite_rows(block, Wanted(where, labels, self._dtype, self._gaps))
        return rows
