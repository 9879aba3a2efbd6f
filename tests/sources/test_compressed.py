"""Compressed text and Arrow streams, by their bytes, and lines made ready."""

import bz2
import gzip
import io
import re

import numpy as np
import pyarrow
import pytest

from fastgmm.sources import batches, read_table
from fastgmm.sources.compressed import TidyLines
from fastgmm.sources.streams import ByteStream
from source_support import Pieces, csv_text, stream_bytes

PACKED = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda data: pyarrow.compress(data, "zstd", asbytes=True),
}


@pytest.fixture(params=PACKED)
def packed(request):
    """An ending and what compresses so."""
    return request.param, PACKED[request.param]


@pytest.mark.parametrize("kind", ["csv", "arrows"])
@pytest.mark.parametrize("name", ["{kind}.{ending}", "{kind}"])
def test_compressed_files_and_pipes_are_read(tmp_path, rng, packed, kind, name):
    ending, compress = packed
    rows = rng.normal(size=(5000, 4))
    data = compress(stream_bytes(kind, rows))
    path = tmp_path / ("rows." + name.format(kind=kind, ending=ending))
    path.write_bytes(data)
    np.testing.assert_array_equal(read_table(path).rows, rows)
    read = batches(path, batch_rows=999)
    assert read.columns == tuple("abcd")
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(read)), rows)
    np.testing.assert_array_equal(read_table(io.BytesIO(data)).rows, rows)


def test_members_one_after_the_other_are_one_text(tmp_path, packed):
    ending, compress = packed
    path = tmp_path / f"x.csv.{ending}"
    path.write_bytes(compress(b"a,b\n1,2\n") + compress(b"3,4\n"))
    assert read_table(path).rows.tolist() == [[1, 2], [3, 4]]


def test_what_is_cut_off_is_refused(tmp_path, rng, packed):
    ending, compress = packed
    data = compress(csv_text(rng.normal(size=(5000, 4))).encode())
    path = tmp_path / f"x.csv.{ending}"
    for n_bytes in (len(data) - 4, len(data) // 2, 20):
        path.write_bytes(data[:n_bytes])
        for read in (read_table, lambda path: list(batches(path))):
            with pytest.raises(ValueError, match="^" + re.escape(f"{path} is damaged or cut off")):
                read(path)


def test_errors_of_compressed_text_name_the_line(tmp_path, packed):
    ending, compress = packed
    path = tmp_path / f"x.csv.{ending}"
    path.write_bytes(compress(b"a,b\n1,2\n\n3,x\n"))
    with pytest.raises(ValueError, match=re.escape(f"{path}, line 4, column 'b': 'x' is not")):
        read_table(path)


def test_a_name_that_begins_like_bzip2_is_a_name():
    assert batches(io.BytesIO(b"BZh,b\n1,2\n")).columns == ("BZh", "b")


def test_only_text_and_streams_are_read_compressed(tmp_path):
    path = tmp_path / "x.npy.gz"
    path.write_bytes(gzip.compress(b"x"))
    with pytest.raises(ValueError, match=r"x\.npy\.gz is compressed, and only CSV and Arrow str"):
        batches(path)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "comment", "squeeze", "expected"),
    [
        (b"1,2 # x\n# y\n3", "#", False, b"1,2 \n\n3"),
        (b'"a # b",c # d', "#", False, b'"a # b",c '),
        (b" 1 \t 2 \r\n\r\n3  4 ", None, True, b"1 2\r\n\r\n3 4"),
        (b'"a  b"  1 # x\n', "#", True, b'"a  b" 1\n'),
        (b"#" + 50 * b"x", "#", False, b""),
    ],
)
def test_lines_are_made_ready(size, text, comment, squeeze, expected):
    pieces = Pieces(text[i : i + size] for i in range(0, len(text), size))
    lines = TidyLines(ByteStream(pieces), comment, squeeze)
    assert b"".join(iter(lambda: lines.read1(100), b"")) == expected
