"""Tables that give their rows as record batches: datasets, queries, lazy frames, readers.

Each of them is asked for the chosen columns alone, where it can leave out others. pyarrow, which
reads what Arrow's C interface hands over, belongs to an extra.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from fastgmm.sources.arrow import (
    PARQUET_BUFFER_BYTES,
    arrow_blocks,
    by_number,
    import_pyarrow,
    one_line,
)
from fastgmm.sources.blocks import Block, Source, rows_at_once
from fastgmm.tables.arrow_frames import arrow_kinds, plain_columns
from fastgmm.tables.containers import arrow_reader, frame_of, streams_only
from fastgmm.tables.frames import is_class

if TYPE_CHECKING:
    import pyarrow

Scan: TypeAlias = "Callable[[list[str] | None, int], Iterable[pyarrow.RecordBatch | pyarrow.Table]]"
"""Begins a pass over the columns of these names (None: all), with so many rows at a time."""


class ScannedSource(Source):
    """A table that is scanned anew for each pass, or once.

    Parameters
    ----------
    where : str
        What the errors call it.
    names : sequence of str
        The names of its columns.
    kinds : tuple of (str or None)
        As for `Source`.
    scan : callable
        Begins a pass.
    again : bool
        Whether it can do so more than once.
    """

    nothing = "holds columns but no rows."

    def __init__(
        self,
        where: str,
        names: Sequence[str],
        kinds: tuple[str | None, ...],
        scan: Scan,
        *,
        again: bool = True,
    ) -> None:
        super().__init__(where, len(names), tuple(names), kinds)
        self._scan = scan
        # What can be read once may be long in giving the next rows, as a pipe may.
        self.reiterable = self.merged = again
        self.reads_ahead = True if again else None

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Scan the table from its beginning."""
        rows = rows_at_once(batch_rows, len(chosen))
        assert self.names is not None
        # Names that repeat cannot be asked for.
        unique = len(set(self.names)) == len(self.names)
        asked = [self.names[i] for i in chosen] if unique else None
        taken = by_number(range(len(chosen)) if unique else chosen)
        with _sentences(str(self.where)):
            tables = self._scan(asked, rows)
            yield from arrow_blocks(self.where, tables, taken, rows, "cannot be read")


def scanned_source(value: Any, where: str | None = None) -> ScannedSource | None:
    """Make a source of a table that gives record batches.

    Parameters
    ----------
    value : object
        A dataset or a reader of pyarrow, a lazy frame of polars, a relation of DuckDB, what gives
        a stream by Arrow's C interface only, or anything else.
    where : str, optional
        What the errors call it; by default, what it is.

    Returns
    -------
    ScannedSource or None
        None for anything else.

    Raises
    ------
    ValueError
        If its package cannot say what columns it has.
    ImportError
        If pyarrow is not installed.
    """
    if is_class(value, "narwhals", "LazyFrame"):
        return scanned_source(value.to_native(), where)
    for package, kind, make in _KINDS:
        if is_class(value, package, kind):
            where = where or f"The {_CALLED.get(kind, kind)}"
            import_pyarrow(f"a {_CALLED.get(kind, kind)}")
            with _sentences(where):
                return make(value, where)
    if streams_only(value):
        return _of_stream(value, where or f"The {type(value).__name__}")
    return None


def _of_dataset(value: Any, where: str) -> ScannedSource:
    def scan(names: list[str] | None, rows: int) -> Any:
        from pyarrow import dataset  # The value is one, so that it is loaded.

        options: dict[str, Any] = {}
        if "parquet" in str(getattr(getattr(value, "format", None), "default_extname", "")):
            # Unless told, each row group is read whole.
            options["fragment_scan_options"] = dataset.ParquetFragmentScanOptions(
                use_buffered_stream=True, buffer_size=PARQUET_BUFFER_BYTES, pre_buffer=False
            )
        # Unless told, dozens of batches are read ahead.
        return value.to_batches(
            columns=names, batch_size=rows, batch_readahead=1, fragment_readahead=1, **options
        )

    return _of_schema(value.schema, where, scan)


def _of_relation(value: Any, where: str) -> ScannedSource:
    def scan(names: list[str] | None, rows: int) -> Any:
        # A relation that has run keeps its result, and goes on with it: a new one is made.
        asked = value.project("*" if names is None else ", ".join(map(_quoted, names)))
        begin = getattr(asked, "to_arrow_reader", None) or asked.fetch_record_batch
        return begin(rows)

    import pyarrow

    empty = pyarrow.RecordBatchReader.from_stream(value.limit(0))
    return _of_schema(empty.schema, where, scan)


def _quoted(name: str) -> str:
    """A name as DuckDB reads it: without parts, and with its capitals."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _of_lazy_frame(value: Any, where: str) -> ScannedSource:
    if not hasattr(value, "collect_batches"):
        raise ValueError(
            f"{where} cannot be read batch by batch by this version of polars: pass X.collect(), "
            "or update polars to 1.34 or newer."
        )

    def scan(names: list[str] | None, rows: int) -> Any:
        asked = value if names is None else value.select(names)
        frames = asked.collect_batches(chunk_size=rows, maintain_order=True)
        return (frame.to_arrow() for frame in frames)

    frame = frame_of(sys.modules["polars"].DataFrame(schema=value.collect_schema()))
    assert frame is not None
    return ScannedSource(where, frame.labels, frame.kinds, scan)


def _of_reader(value: Any, where: str) -> ScannedSource:
    return _of_schema(value.schema, where, _every_column(value.schema, lambda: value), again=False)


def _of_stream(value: Any, where: str) -> ScannedSource:
    with _sentences(where):
        begun = [arrow_reader(value, where)]
    schema = begun[0].schema

    def opened() -> Any:
        return begun.pop() if begun else arrow_reader(value, where)

    # A table has a length and gives a stream as often as it is asked for one.
    again = hasattr(type(value), "__len__") or any(is_class(value, *kind) for kind in _AGAIN)
    return _of_schema(schema, where, _every_column(schema, opened), again=again)


def _every_column(schema: pyarrow.Schema, opened: Callable[[], Any]) -> Scan:
    """A scan of what gives all columns, of which the chosen are kept."""

    def scan(names: list[str] | None, rows: int) -> Any:
        positions = range(len(schema)) if names is None else map(schema.get_field_index, names)
        kept = list(positions)
        return (batch.select(kept) for batch in opened())

    return scan


def _of_schema(
    schema: pyarrow.Schema, where: str, scan: Scan, *, again: bool = True
) -> ScannedSource:
    source = ScannedSource(where, schema.names, arrow_kinds(schema), scan, again=again)
    source.default = plain_columns(schema)
    return source


@contextlib.contextmanager
def _sentences(where: str) -> Iterator[None]:
    """Turn the errors of packages that run queries into one sentence.

    Raises
    ------
    ValueError
        Instead of those of polars and DuckDB, and those of pyarrow that have no number of the
        system.
    """
    pyarrow = import_pyarrow("Arrow")
    errors: list[type[BaseException]] = [pyarrow.ArrowException]
    for module, name in (("duckdb", "Error"), ("polars.exceptions", "PolarsError")):
        # A package that is not loaded has raised nothing.
        if module in sys.modules:
            errors.append(getattr(sys.modules[module], name))
    try:
        yield
    except tuple(errors) as error:
        open_ = "; its connection must stay open" if "closed" in str(error) else ""
        raise ValueError(f"{where} cannot be read ({one_line(error)}){open_}.") from error


_KINDS: tuple[tuple[str, str, Callable[[Any, str], ScannedSource]], ...] = (
    ("pyarrow", "Dataset", _of_dataset),
    ("pyarrow", "RecordBatchReader", _of_reader),
    ("polars", "LazyFrame", _of_lazy_frame),
    ("duckdb", "DuckDBPyRelation", _of_relation),
    ("_duckdb", "DuckDBPyRelation", _of_relation),
)
"""Each kind of table has its package, the name of its class, and what makes a source of it."""
_CALLED = {"Dataset": "dataset", "DuckDBPyRelation": "relation", "RecordBatchReader": "reader"}
"""Errors call these classes so, and others by their name."""
_AGAIN = (("ibis", "Table"), ("datafusion", "DataFrame"))
"""Queries of these packages run anew for each stream."""
