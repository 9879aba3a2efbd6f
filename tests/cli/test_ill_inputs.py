"""Whatever is given to the command: exit code 1 and one sentence that names it, or rows."""

import bz2
import errno
import gzip
import io
import os
import re
import subprocess
import sys

import numpy as np
import pyarrow
import pytest
from pyarrow import ipc, parquet

from commands import process
from fastgmm import GaussianMixture
from fastgmm.cli.main import main
from fastgmm.sources import Table

RNG = np.random.default_rng(0)
TEXT = b"a,b\n1,2\n3,4\n5,7\n2,2\n"
TABLE = pyarrow.table({"a": [1.0, 2, 3], "b": [1.0, 3, 2]})


def saved(write):
    """What a writer writes to a binary file."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def arrow(new):
    def write(file):
        with new(file, TABLE.schema) as writer:
            writer.write_table(TABLE)

    return saved(write)


PARQUET = saved(lambda file: parquet.write_table(TABLE, file))
ARROW, ARROWS = arrow(ipc.new_file), arrow(ipc.new_stream)
NPY = saved(lambda file: np.save(file, np.eye(3)))
NPZ = saved(lambda file: np.savez(file, x=np.eye(3), y=np.eye(2)))
OBJECTS = saved(lambda file: np.save(file, np.array([{}], dtype=object), allow_pickle=True))
ILL = {
    "nothing": b"",
    "blank": b"\n\r\n",
    "names without a line end": b"a,b",
    "names alone": b"a,b\n",
    "one row": b"a,b\n1,2",
    "binary": RNG.bytes(3000),
    "zero bytes": b"\0" * 100,
    "a zero byte": b"a,b\n1,2\0\n3,4\n",
    "an open quotation mark": b'a,b\n1,"2\n3,4\n',
    "an open name": b'"a,b\n1,2\n',
    "a long field": b"a,b\n" + b"1" * 300_000 + b",2\n",
    "a long line": b"1," * 4_500_000,
    "gzip cut off": gzip.compress(TEXT)[:-8],
    "gzip of noise": b"\x1f\x8b" + RNG.bytes(100),
    "bzip2 cut off": bz2.compress(TEXT)[:-5],
    "Zstandard of noise": b"\x28\xb5\x2f\xfd" + RNG.bytes(50),
    "gzip of names": gzip.compress(b"a,b"),
    "Parquet": PARQUET,
    "Parquet cut off": PARQUET[:-20],
    "Arrow": ARROW,
    "Arrow cut off": ARROW[:-30],
    "Arrow stream cut off": ARROWS[: len(ARROWS) // 2],
    "npy": NPY,
    "npy cut off": NPY[:-3],
    "npy of objects": OBJECTS,
    "npz": NPZ,
    "npz cut off": NPZ[:-30],
    "zip": b"PK\x03\x04" + RNG.bytes(100),
    "Latin-1": "\u00e9,b\n1,2\n".encode("latin-1"),
    "UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "ragged": b"a,b\n1,2\n3\n",
    "words": b"a,b\nx,y\n",
    "gaps alone": b"a,b\n?,-\n",
    "infinite": b"a,b\n1,inf\n2,3\n",
    "far apart": b"a,b\n1e200,2\n-1e200,3\n1,2\n",
    "names or numbers": b"x,1\n2,3\n",
    "years": b"name,2019\na,1\n",
    "no name": b",a\n0,1\n",
    "surrogates": b"a,b\n\xed\xa0\x80,2\n",
    "a web page": b"<!DOCTYPE html>\n<html>",
    "JSON": b'[{"a": 1}]',
    "a separator": b"sep=;\n",
    "commas": b",,,\n1,2,3,4\n",
    "the same names": b"a,a\n1,2\n2,5\n",
}
PYTHON = re.compile(r"\b(gaps|columns|format|header|delimiter|dtype)=|max_iter|reg_covar|n_init")
"""What errors of the command do not say."""
ENDINGS = ("csv", "csv.gz", "npy", "npz", "parquet", "arrow", "arrows", "txt")
COMMANDS = {
    "fit": ["fit", "{}", "-k", "1", "-q"],
    "stream": ["fit", "{}", "-k", "1", "-q", "--stream"],
    "drop": ["fit", "{}", "-k", "1", "-q", "--gaps", "drop"],
    "select": ["select", "{}", "-k", "1", "-q", "--json"],
    "score": ["score", "model.gmm", "{}"],
    "batches": ["score", "model.gmm", "{}", "--batch-rows", "2", "--json"],
    "learn": ["learn", "new.gmm", "{}", "-k", "1"],
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in a folder with a model of columns a and b."""
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(20, 2))
    GaussianMixture(1).fit(Table(rows, ("a", "b"))).save("model.gmm")
    return tmp_path


def check(found, name):
    """One sentence that names the data, and speaks of options; or rows."""
    code, _, err = found
    if code == 0:
        return False
    assert code == (2 if "leave --stream out" in err else 1), found
    errors = [line for line in err.splitlines() if line.startswith("fastgmm: error: ")]
    assert len(errors) == 1, found
    assert err.splitlines()[-1] == errors[0] or "warning" in err
    assert name in errors[0], found
    assert not PYTHON.search(errors[0]), found
    return True


@pytest.mark.parametrize("ending", ENDINGS)
def test_ill_files_are_one_sentence(run, place, ending):
    n_refused = 0
    for number, content in enumerate(ILL.values()):
        path = place / f"{number}.{ending}"
        path.write_bytes(content)
        # Every command reads text; what is not understood at all fails alike in all.
        chosen = COMMANDS if ending == "csv" and len(content) < 10**6 else ("fit", "score")
        for command in chosen:
            words = [word.format(path.name) for word in COMMANDS[command]]
            n_refused += check(run(*words), path.name)
            (place / "new.gmm").unlink(missing_ok=True)
    assert n_refused > len(ILL)


@pytest.mark.parametrize("command", COMMANDS)
def test_ill_pipes_are_one_sentence(run, place, monkeypatch, command):
    for content in ILL.values():
        pipe = io.BytesIO(content)
        pipe.name = "<stdin>"
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
        words = [word.format("-") for word in COMMANDS[command]]
        check(run(*words), "tandard input")
        (place / "new.gmm").unlink(missing_ok=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_file_is_one_sentence(run, place, command):
    (place / "folder").mkdir()
    (place / "loop").symlink_to("loop")
    for name in ("missing.csv", "folder", "folder/none-*.csv", "model.gmm", "loop", "a\nb.csv"):
        words = [word.format(name) for word in COMMANDS[command]]
        assert check(run(*words), " ".join(name.split()))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="every file is open to root"
)
def test_what_may_not_be_read_is_one_sentence(run, place):
    (place / "x.csv").write_bytes(TEXT)
    (place / "x.csv").chmod(0)
    assert run("fit", "x.csv", "-k", 1) == (1, "", "fastgmm: error: x.csv: Permission denied.\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full device is Linux's")
@pytest.mark.parametrize(
    "words",
    [
        ["info", "model.gmm"],
        ["sample", "model.gmm", "-n", "5000"],
        ["fit", "x.csv", "-k", "1"],
    ],
)
def test_a_full_device_is_named(place, words):
    (place / "x.csv").write_bytes(TEXT)
    full = os.strerror(errno.ENOSPC)
    with open("/dev/full", "w") as device:
        done = subprocess.run([sys.executable, "-m", "fastgmm", *words], stdout=device,
                              stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (1, f"fastgmm: error: standard output: {full}.\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full device is Linux's")
def test_a_full_device_by_its_name(run, place):
    (place / "x.csv").write_bytes(TEXT)
    full = os.strerror(errno.ENOSPC)
    found = run("score", "model.gmm", "x.csv", "-o", "/dev/full")
    assert found == (1, "", f"fastgmm: error: /dev/full: {full}.\n")


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "x.csv", "-k", "1", "--delimiter", ";;"],
        ["fit", "x.csv", "-k", "1", "--decimal", ";"],
        ["score", "m.gmm", "x.csv", "--comment", "x"],
        ["fit", "x.csv", "y.csv", "-k", "1", "--nothing"],
        ["info", "m.gmm", "n.gmm"],
        ["learn"],
    ],
)
def test_a_wrong_command_line_is_code_2(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("error: ") == 1


def test_a_fit_that_cannot_go_twice_over_its_rows_says_so(place):
    done = process("fit", "-", "--stream", "-k", "1", input="a\n1\n2\n5\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "fastgmm: error: Standard input can be read only once, and --stream reads DATA anew for "
        "each iteration: leave --stream out, or save the rows to a file.\n"
    )
