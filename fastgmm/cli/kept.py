"""Columns of the data that are written beside results: as text, and in JSON."""

from __future__ import annotations

from typing import Any


def text_of(table: Any) -> Any:
    """Make lines of CSV, whose fields are quoted where they have to be and nowhere else.

    Parameters
    ----------
    table : pyarrow.Table

    Returns
    -------
    pyarrow.Buffer
    """
    # pyarrow belongs to an extra, and whoever has a table of it has it; its own writer of CSV
    # quotes all text or none.
    from pyarrow import compute

    if not len(table):
        return b""
    cells = [_field(name, table.column(i)) for i, name in enumerate(table.column_names)]
    lines = compute.binary_join_element_wise(
        *cells, ",", null_handling="replace", null_replacement=""
    )
    lines = compute.binary_join_element_wise(lines, "", "\n")
    _, offsets, text = lines.buffers()
    places = memoryview(offsets).cast("i")[lines.offset : lines.offset + len(lines) + 1]
    return text[places[0] : places[-1]]


def _field(name: str, column: Any) -> Any:
    import pyarrow
    from pyarrow import compute

    kinds = pyarrow.types
    text = _as_text(name, column.combine_chunks())
    if kinds.is_integer(column.type) or kinds.is_floating(column.type):
        return text
    special = compute.match_substring_regex(text, '[",\r\n]')
    if not compute.any(special).as_py():
        return text
    doubled = compute.replace_substring(text, '"', '""')
    return compute.if_else(special, compute.binary_join_element_wise('"', doubled, '"', ""), text)


def _as_text(name: str, column: Any) -> Any:
    import pyarrow

    try:
        return column.cast(pyarrow.string())
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid) as error:
        raise ValueError(
            f"column {name!r} holds values of type {column.type}, which make no text; leave it out "
            "of --keep, or write .parquet."
        ) from error


def plain_rows(table: Any) -> list[dict[str, Any]]:
    """The rows as JSON has them: numbers, truth values and text, which all else becomes.

    Parameters
    ----------
    table : pyarrow.Table

    Returns
    -------
    list of dict
    """
    import pyarrow

    kinds = pyarrow.types
    plain = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_string)
    columns = []
    for i, name in enumerate(table.column_names):
        column = table.column(i)
        known = any(is_kind(column.type) for is_kind in plain)
        columns.append((column if known else _as_text(name, column)).to_pylist())
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
