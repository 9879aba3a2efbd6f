"""Pipes, sockets and open files, of which no byte is waited for in vain."""

import io
import os
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from pyarrow import ipc

from fastgmm.sources import batches
from source_support import (
    PATIENCE,
    REMEDY,
    Pieces,
    arrow_table,
    csv_text,
    joined,
    open_pipe,
    refused,
    stream_bytes,
)


def test_what_comes_behind_the_end_is_not_asked_for():
    terminal = Pieces([b"1,2", b"", b"3,4\n"])
    assert joined(terminal).tolist() == [[1.0, 2.0]]
    assert terminal.pieces == [b"3,4\n"]


@pytest.mark.parametrize("kind", ["csv", "arrows"])
@pytest.mark.parametrize("batch_rows", [1, 7, 10**6])
@pytest.mark.parametrize("told", [False, True])
def test_pipes(rng, kind, batch_rows, told):
    rows = rng.normal(size=(3000, 4))  # more than a pipe holds
    with open_pipe(stream_bytes(kind, rows)) as pipe:
        options = {"format": kind} if told else {}
        read = batches(pipe, batch_rows=batch_rows, columns=["c", "a"], weights="d", **options)
        assert read.columns == ("c", "a")
        assert read.n_rows is None
        pairs = list(read)
        assert not pipe.closed
    assert all(0 < len(batch) <= batch_rows for batch, _ in pairs)
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in pairs]), rows[:, [2, 0]])
    np.testing.assert_array_equal(np.concatenate([weights for _, weights in pairs]), rows[:, 3])


@pytest.mark.parametrize("kind", ["csv", "arrows"])
def test_file_objects_of_every_sort(tmp_path, rng, kind):
    rows = rng.normal(size=(200, 4))
    data = stream_bytes(kind, rows)
    path = tmp_path / "x"
    path.write_bytes(data)
    receiving, sending = socket.socketpair()
    with sending, receiving, open(path, "rb") as buffered, open(path, "rb", buffering=0) as raw:
        threading.Thread(target=lambda: (sending.sendall(data), sending.close())).start()
        for source in (buffered, raw, io.BytesIO(data), receiving.makefile("rb")):
            np.testing.assert_array_equal(joined(source), rows)


@pytest.mark.parametrize("kind", ["csv", "arrows"])
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_slow_writer_is_not_waited_for(rng, kind, buffering):
    """The writer goes on only after the batch with what it wrote has arrived."""
    rows = rng.normal(size=(60, 4))
    reading, writing = os.pipe()
    arrived = [threading.Event() for _ in range(3)]
    late = []

    def write_slowly():
        with open(writing, "wb", buffering=0) as file:
            if kind == "arrows":
                table = arrow_table(rows)
                writer = ipc.new_stream(file, table.schema)
            else:
                file.write(b"a,b,c,d\n")
            for i, event in enumerate(arrived):
                part = rows[20 * i : 20 * i + 20]
                if kind == "arrows":
                    writer.write_table(arrow_table(part))
                else:
                    # The beginning of a row that goes on later does no harm.
                    file.write(csv_text(part, None).encode() + (b"\n" if i == 2 else b""))
                if not event.wait(PATIENCE):
                    late.append(i)
                    return
            if kind == "arrows":
                writer.close()

    thread = threading.Thread(target=write_slowly, daemon=True)
    thread.start()
    with open(reading, "rb", buffering=buffering) as pipe:
        found = []
        for batch in batches(pipe):
            found.append(batch)
            n_rows = sum(map(len, found))
            for i, event in enumerate(arrived):
                if n_rows >= 20 * (i + 1):
                    event.set()
    thread.join(PATIENCE)
    assert late == []
    np.testing.assert_array_equal(np.concatenate(found), rows)


@pytest.mark.parametrize("kind", ["csv", "arrows"])
def test_standard_input(rng, kind):
    rows = rng.normal(size=(100, 4))
    code = (
        "import sys; from fastgmm.sources import batches;"
        "print(sum(float(rows.sum()) for rows in batches(sys.stdin.buffer)))"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code],
        input=stream_bytes(kind, rows),
        capture_output=True,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) == pytest.approx(rows.sum(), rel=1e-9)


def test_errors_name_the_pipe():
    code = "import sys; from fastgmm.sources import batches; list(batches(sys.stdin.buffer))"
    run = subprocess.run(
        [sys.executable, "-P", "-c", code],
        input=b"a,b\n1,2\n3,\n",
        capture_output=True,
        timeout=PATIENCE,
    )
    sentence = f"ValueError: Standard input, line 3, column 'b': the value is missing; {REMEDY}"
    assert run.stderr.decode().strip().splitlines()[-1] == sentence
    refused(
        f"The stream, line 3, column 'b': the value is missing; {REMEDY}",
        open_pipe(b"a,b\n1,2\n3,\n"),
    )


def test_a_pipe_that_does_not_wait_is_refused():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb", buffering=0) as pipe, open(writing, "wb"):
        refused("The source does not wait for data; make it blocking.", pipe, error=BlockingIOError)


def test_an_error_of_the_system_is_left_as_it_is():
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise ConnectionResetError(104, "Connection reset by peer")

    for format in ("csv", "arrows"):
        with pytest.raises(ConnectionResetError):
            batches(io.BufferedReader(Broken()), format=format)
