"""Results that have a line per row: CSV, Parquet, NumPy's array or JSON, a piece at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from fastgmm.cli.terminal import naming, open_results, written_whole
from fastgmm.cli.usage import UsageError
from fastgmm.cli.writers import Csv, Field, Form, Json, Lent, Npy, Parquet, Text, Writer, pyarrow

BINARY = (".npy", ".parquet", ".pq")
"""A name that ends so holds no text."""
TEXT = ("", ".csv", ".txt", ".dat", ".out", ".tmp")
"""A name that ends so, before the ending of its compression, may hold CSV."""
JSON = (".json", ".jsonl", ".ndjson")
"""A name that ends so, or as text may but for .csv, may hold JSON."""
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""A CSV under a name that ends so is compressed."""


def check_ending(path: str | None, as_json: bool) -> None:
    """Refuse a name that promises what is not written, before any work is done.

    Parameters
    ----------
    path, as_json
        As for `Form`.

    Raises
    ------
    UsageError
        As for rows.xlsx.
    """
    if path is None or path.startswith(("/dev/", "/proc/")):
        return
    name = Path(path)
    ending = name.suffix.lower()
    if as_json:
        if ending not in (*JSON, *TEXT) or ending == ".csv":
            raise UsageError(f"--json writes text, which {path} does not say: name another file.")
        return
    packed = ending in COMPRESSIONS
    known = TEXT if packed else (*TEXT, *BINARY)
    if (name.with_suffix("").suffix.lower() if packed else ending) not in known:
        json = ", or add --json" if ending in JSON else ""
        raise UsageError(
            f"{path}: no file of this ending can be written; name one that ends in .csv, .txt "
            f"(and .gz, .bz2 or .zst after it), .parquet, .pq or .npy{json}."
        )


@contextlib.contextmanager
def row_results(form: Form, fields: Sequence[Field]) -> Iterator[Writer]:
    """Open results, and write a line of names where there is one.

    Parameters
    ----------
    form : Form
    fields : sequence of Field

    Yields
    ------
    Writer

    Raises
    ------
    ValueError
        If the name of the file promises something else, or two columns would have one name.
    """
    path, names = form.path, [name for field in fields for name in field.columns]
    if twice := [name for name in names if name in form.kept]:
        raise ValueError(
            f"--keep would write a second column {twice[0]!r}: rename it in the data, or leave it "
            "out."
        )
    check_ending(path, form.as_json)
    ending = "" if path is None else Path(path).suffix.lower()
    binary = ending in BINARY
    if form.as_json or path is None:
        with open_results(path, comes=form.comes) as stream:
            yield Json(stream, fields, form) if form.as_json else Csv(Text(stream), names, form)
        return
    # Text of rows that come one after the other is there as they come; all else when it is whole.
    comes = form.comes and not binary and ending not in COMPRESSIONS
    with naming(path), open(path, "wb") if comes else written_whole(path) as file:
        writer: Writer
        if ending == ".npy":
            writer = Npy(file, len(names), form)
        elif binary:
            writer = Parquet(file, names, form)
        elif ending in COMPRESSIONS:
            kind = COMPRESSIONS[ending]
            with pyarrow("Writing CSV").CompressedOutputStream(Lent(file), kind) as sink:
                yield Csv(sink, names, form)
            return
        else:
            writer = Csv(file, names, form)
        with contextlib.closing(writer):
            yield writer
