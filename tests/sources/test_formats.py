"""What a file or a stream holds, by its name, its first bytes or the user's word."""

import io
import os
import re
import threading

import numpy as np
import pytest

from fastgmm.sources import batches
from source_support import FILES, open_pipe, refused, stream_bytes, write


def test_a_named_pipe(tmp_path, rng):
    rows = rng.normal(size=(100, 4))
    for name, data in [("x", stream_bytes("arrows", rows)), ("x.csv", stream_bytes("csv", rows))]:
        path = tmp_path / name
        os.mkfifo(path)
        threading.Thread(target=path.write_bytes, args=(data,), daemon=True).start()
        read = batches(path)
        assert not read.reiterable
        np.testing.assert_array_equal(np.concatenate(list(read)), rows)


@pytest.mark.parametrize("kind", ["npy", "parquet", "arrow"])
def test_what_cannot_be_read_from_a_pipe(tmp_path, kind):
    data = write(tmp_path, kind, np.ones((3, 4))).read_bytes()
    what = {"npy": "A .npy file", "parquet": "Parquet", "arrow": "An Arrow file"}[kind]
    sentence = (
        f"{what} cannot be read as it comes, as from The stream; save it to a file and pass its "
        "path."
    )
    refused(sentence, io.BytesIO(data))
    refused(sentence, io.BytesIO(b"1,2\n"), format=kind)


def test_text_is_refused_where_bytes_belong():
    refused(
        "The source gives text; pass the file object of its bytes, for example sys.stdin.buffer, "
        "or open(path, 'rb').",
        io.StringIO("1,2\n"),
        error=TypeError,
    )


@pytest.mark.parametrize("kind", FILES)
def test_an_empty_file_is_refused(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(b"")
    refused(f"{path} is empty.", path)


def test_an_empty_pipe_is_refused():
    refused("The stream is empty.", open_pipe(b""))
    with pytest.raises(ValueError, match=r"^The stream is not an Arrow stream \(.*\)\.$"):
        batches(open_pipe(b""), format="arrows")


@pytest.mark.parametrize("kind", ["npy", "parquet", "arrow", "feather", "arrows"])
def test_damaged_files_are_refused(tmp_path, rng, kind):
    path = write(tmp_path, kind, rng.normal(size=(1000, 4)))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[: len(whole) // 5], whole[:3], b"a,b\n1,2\n"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=re.escape(str(path)) + r" is (not|damaged)[^\n]*\.$"):
            list(batches(path))


def test_there_must_be_something_to_read(tmp_path):
    missing = tmp_path / "missing.parquet"
    refused(f"There is no file {missing}.", missing, error=FileNotFoundError)
    (tmp_path / "folder.npy").mkdir()
    folder = tmp_path / "folder.npy"
    refused(f"The folder {folder} holds no files to read.", folder, error=FileNotFoundError)
    refused(
        f"The name of {tmp_path / 'x.xlsx'} must end in one of .csv, .tsv, .npy, .npz, .parquet, "
        ".arrow, .arrows, .pq, .feather, to say what it holds; or pass format=.",
        tmp_path / "x.xlsx",
    )
    refused(
        "A source of type int cannot be read; pass a path, a binary file object, an array or a "
        "frame, an iterable of those, or a function that returns one.",
        3,
        error=TypeError,
    )
