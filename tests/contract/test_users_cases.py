"""What users' cases have broken once: each stands for a kind, and has its right value here.

The tests of the files hold many more cases of each kind; these are the ones that users met.
"""

import gzip
import io

import numpy as np
import pyarrow
import pytest
from pyarrow import feather

from fastgmm.cli.main import main


@pytest.fixture
def two_clusters() -> np.ndarray:
    """150 rows around the origin and 150 around (4, 4)."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 4]


# ---------------------------------------------------------------------- bytes from elsewhere

# ---------------------------------------------------------------------- settings and subclasses

# ---------------------------------------------------------------------- streams

# ---------------------------------------------------------------------- ends of fits

# ---------------------------------------------------------------------- starts

# ---------------------------------------------------------------------- arrays and frames

# ---------------------------------------------------------------------- the command and its files


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Run the command where small files lie, and return its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(words, **files):
        for name, text in files.items():
            name = name.replace("_", ".")
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        code = main(words.split())
        return code, *capsys.readouterr()

    return call


ROWS = "a,b\n1,2\n2,1\n5,6\n6,5\n7,5\n"


def test_no_row_becomes_a_line_of_names(said):
    for first in ("?,3.0", "-,3.0", "None,3.0", "n.a.,3.0", "NA,3.0", ",3.0"):
        text = f"{first}\n1,2\n2,1\n5,6\n6,5\n7,5\n"
        code, _, err = said("fit x.csv -k 1", x_csv=text)
        assert (code, err.count("x.csv, line 1, column 0: the value is missing; ")) == (1, 1)
        code, out, err = said("fit x.csv -k 1 --gaps drop")
        assert (code, "fitted to 5 rows of 2 columns" in out) == (0, True)
        assert err == "fastgmm: note: 1 row with gaps was left out: line 1.\n"


def test_years_are_names_or_rows_as_the_user_says(said):
    years = "name,2019,2020\na,1,2\nb,2,1\nc,5,6\n"
    code, _, err = said("fit x.csv -k 1 --columns 1,2", x_csv=years)
    assert (code, "--header if they are names and --no-header if" in err) == (1, True)
    for option, n_rows in (("--header", 3), ("--no-header", 4)):
        out = said(f"fit x.csv -k 1 --columns 1,2 {option}")[1]
        assert f"fitted to {n_rows} rows of 2 columns" in out


def test_no_output_replaces_its_input(said, tmp_path):
    assert said("fit x.csv -k 1 -o m.gmm", x_csv=ROWS)[0] == 0
    table = pyarrow.table({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    feather.write_feather(table, tmp_path / "y.feather")
    before = (tmp_path / "y.feather").read_bytes()
    for words in (
        "score m.gmm y.feather -o y.feather",
        "fit x.csv -k 1 -o x.csv",
        "score m.gmm x.csv -o m.gmm",
        "fit x.csv -k 1 --stream --checkpoint x.csv",
    ):
        code, out, err = said(words)
        assert (code, out, "which is read" in err) == (1, "", True)
    assert (tmp_path / "y.feather").read_bytes() == before
    assert (tmp_path / "x.csv").read_text() == ROWS
    assert said("score m.gmm y.feather")[1].count("\n") == 3


def test_options_work_without_stream_as_with_it(said):
    gaps = ROWS + "?,1\n"
    for more in ("", " --stream"):
        assert said("fit x.csv -k 1 --gaps drop" + more, x_csv=gaps)[0] == 0
        assert said("fit x.data -k 1 --format csv" + more, x_data=ROWS)[0] == 0
    for ending in (".arrow", ".arrows", ".feather"):
        assert said("fit x.csv -k 1 -o m.gmm", x_csv=ROWS)[0] == 0
        code, _, err = said(f"fit missing{ending} -k 1")
        assert (code, err) == (1, f"fastgmm: error: There is no file missing{ending}.\n")
    code, out, _ = said("score m.gmm x.csv --gaps drop", x_csv=gaps)
    assert (code, out.splitlines()[-1]) == (0, ",,")


def test_a_pipe_finds_the_columns_by_name_as_a_file_does(said, monkeypatch):
    assert said("fit x.csv -k 1 -o m.gmm", x_csv=ROWS)[0] == 0
    other = "name,b,a\nx,2,1\ny,1,2\n"
    expected = said("score m.gmm y.csv", y_csv=other)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(other.encode())))
    assert expected[0] == 0
    assert said("score m.gmm -") == expected


def test_a_pipe_is_read_whole_and_never_a_traceback(said, monkeypatch):
    for words, expected in (("fit - -k 1", 0), ("fit - --stream -k 1", 1)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\n1\n2\n5\n")))
        code, _, err = said(words)
        assert (code, err.count("error: ")) == (expected, expected)


def test_what_people_have_is_read_or_says_how(said):
    text = ROWS.encode()
    for words, content in (
        ("", gzip.compress(text)),
        ("", b"sep=,\n" + text),
        ("", text.replace(b",", b";")),
        ("--decimal ,", text.replace(b",", b";").replace(b"5", b"5,5")),
        ("--comment #", b"# by hand\n" + text),
        ("--delimiter space", b'"a" "b"\n"1" 1 2\n"2" 2 1\n"3" 5 6\n'),
    ):
        assert said(f"fit x.csv -k 1 {words}", x_csv=content)[0] == 0, words
    for option, content in (
        ("--decimal ,", "a;b\n1,5;2\n"),
        ("--comment '#'", "# by hand\na,b\n1,2\n"),
        ("--delimiter whitespace", '"a" "b"\n"1" 1 2\n'),
        ("--format parquet", b"PAR1 and more"),
        ("--columns b", "a,b\nx,1\n"),
        ("--gaps drop", "a,b\n,1\n"),
        ("UTF-8", "a,b\n1,2\n".encode("utf-16")),
    ):
        code, _, err = said("fit x.csv -k 1", x_csv=content)
        assert (code, option in err, "=" in err) == (1, True, False), err
