"""Sources of every kind, written and read, for the tests of `fastgmm.sources`."""

import io
import os
import re
import threading

import numpy as np
import polars
import pyarrow
import pytest
from pyarrow import ipc, parquet

from fastgmm.sources import batches, read_table
from fastgmm.tables.table import Table

NAMES = tuple("abcd")


PATIENCE = 60


def csv_text(rows, names=NAMES, delimiter=","):
    lines = [] if names is None else [delimiter.join(names)]
    lines += [delimiter.join(map(repr, row)) for row in rows.tolist()]
    return "".join(line + "\n" for line in lines)


def arrow_table(rows, names=NAMES):
    return pyarrow.table({name: rows[:, i] for i, name in enumerate(names)})


def write_arrow(new, table, target, chunk=17):
    with new(target, table.schema) as writer:
        writer.write_table(table, max_chunksize=chunk)


def write(folder, kind, rows, names=NAMES):
    path = folder / f"rows.{kind}"
    table = arrow_table(rows, names)
    if kind in ("csv", "tsv"):
        text = csv_text(rows, names, "," if kind == "csv" else "\t")
        path.write_text(text, encoding="utf-8", newline="")
    elif kind == "npy":
        np.save(path, rows)
    elif kind in ("parquet", "pq"):
        parquet.write_table(table, path, row_group_size=17)
    elif kind == "feather":
        table.to_pandas().to_feather(path)
    else:
        new = ipc.new_file if kind == "arrow" else ipc.new_stream
        write_arrow(new, table, path)
    return path


def in_memory(kind, rows, names=NAMES):
    table = arrow_table(rows, names)
    halves = pyarrow.concat_tables([table[: len(rows) // 3], table[len(rows) // 3 :]])
    return {
        "array": lambda: rows,
        "fortran": lambda: np.asfortranarray(rows.astype(">f8")),
        "Table": lambda: Table(rows, names),
        "pandas": table.to_pandas,
        "nullable": lambda: table.to_pandas().convert_dtypes(),
        "polars": lambda: polars.DataFrame(rows, schema=list(names)),
        "pyarrow": lambda: halves,
        "record batch": lambda: pyarrow.record_batch(table.to_pydict(), table.schema),
    }[kind]()


def open_pipe(data):
    """Give the reading end of a pipe into which a thread writes."""
    reading, writing = os.pipe()

    def write_all():
        with open(writing, "wb") as file:
            file.write(data)

    threading.Thread(target=write_all, daemon=True).start()
    return open(reading, "rb")


class Pieces(io.RawIOBase):
    """A file object that gives these pieces, whatever is asked for."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def read(self, size=-1):
        return self.pieces.pop(0) if self.pieces else b""


FILES = ("csv", "tsv", "npy", "parquet", "pq", "arrow", "feather", "arrows")


FRAMES = ("array", "fortran", "Table", "pandas", "nullable", "polars", "pyarrow", "record batch")


UNCOUNTED = ("csv", "tsv", "arrow", "arrows", "feather")


UNNAMED = ("npy", "array", "fortran")


def source_of(folder, kind, rows, names=NAMES):
    return write(folder, kind, rows, names) if kind in FILES else in_memory(kind, rows, names)


def joined(source, **options):
    return np.concatenate(list(batches(source, **options)))


def refused(sentence, source, *, error=ValueError, **options):
    with pytest.raises(error, match="^" + re.escape(sentence) + "$"):
        list(batches(source, **options))


def stream_bytes(kind, rows, names=NAMES):
    if kind == "csv":
        return csv_text(rows, names).encode()
    sink = io.BytesIO()
    write_arrow(ipc.new_stream, arrow_table(rows, names), sink)
    return sink.getvalue()


REMEDY = "leave out or fill in rows with gaps (gaps='drop' leaves them out)."


def written(folder, content, name="table.csv"):
    path = folder / name
    if isinstance(content, np.ndarray):
        np.save(path, content)
    elif isinstance(content, dict):
        parquet.write_table(pyarrow.table(content), path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8", newline="")
    return path


def refused_whole(path, sentence, error=ValueError, **options):
    with pytest.raises(error, match="^" + re.escape(sentence) + "$"):
        read_table(path, **options)
