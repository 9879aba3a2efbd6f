"""Files to rows, and every sentence for a file that is not right."""

import os
import re
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from fastgmm.sources import column_names, files, memory, read_table
from fastgmm.sources import csv_text as text
from fastgmm.tables.table import Table
from fastgmm.tables.unfit import first_unfit as first_bad

FAITHFUL = Path(__file__).parent.parent.parent / "data" / "faithful.csv"
IRIS = "length,species,width\n5.1,setosa,3.5\n4.9,setosa,3.0\n"


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


def refused(path, sentence, error=ValueError, **options):
    with pytest.raises(error, match="^" + re.escape(sentence) + "$"):
        read_table(path, **options)


def test_old_faithful():
    table = read_table(FAITHFUL)
    assert table.columns == ("eruptions", "waiting")
    assert table.rows.shape == (272, 2)
    assert table.rows.dtype == np.float64
    assert table.rows.flags.c_contiguous
    np.testing.assert_array_equal(table.rows, np.loadtxt(FAITHFUL, delimiter=",", skiprows=1))
    assert table.rows[0].tolist() == [3.6, 79.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_file_gives_the_same_rows(tmp_path, seed, dtype):
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(300, 4)) * 10.0 ** rng.integers(-8, 9, size=4)).astype(dtype)
    text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    frame = {name: rows[:, i] for i, name in enumerate("abcd")}
    for path, names in [
        (written(tmp_path, text), None),
        (written(tmp_path, "a,b,c,d\n" + text, "named.csv"), tuple("abcd")),
        (written(tmp_path, text.replace(",", "\t"), "tabs.tsv"), None),
        (written(tmp_path, rows, "rows.npy"), None),
        (written(tmp_path, np.asfortranarray(rows.astype(">f8")), "big.npy"), None),
        (written(tmp_path, frame, "rows.parquet"), tuple("abcd")),
        (written(tmp_path, frame, "ROWS.PQ"), tuple("abcd")),
    ]:
        table = read_table(path, dtype=dtype)
        assert table.columns == names
        assert column_names(path) == names
        assert table.rows.dtype == dtype
        assert table.rows.dtype.isnative
        assert type(table.rows) is np.ndarray
        assert table.rows.flags.c_contiguous
        np.testing.assert_array_equal(table.rows, rows)
        some = read_table(path, columns=[2, "0"], dtype=dtype)
        np.testing.assert_array_equal(some.rows, rows[:, [2, 0]])
        assert some.columns == (names and ("c", "a"))
        assert some.rows.flags.c_contiguous


def test_columns_by_name_in_the_order_of_the_choice(tmp_path):
    path = written(tmp_path, IRIS)
    table = read_table(path, columns=["width", "length"])
    assert table.columns == ("width", "length")
    assert table.rows.tolist() == [[3.5, 5.1], [3.0, 4.9]]
    assert read_table(path, columns="width").rows.tolist() == [[3.5], [3.0]]
    assert read_table(path, columns=2).columns == ("width",)


def test_a_name_of_digits_comes_before_a_number(tmp_path):
    path = written(tmp_path, "1,0\n10,20\n")
    assert read_table(path, columns=["0"], header=True).rows.tolist() == [[20.0]]
    assert read_table(path, columns=[0], header=True).rows.tolist() == [[10.0]]


@pytest.mark.parametrize(
    ("text", "names", "n_rows"),
    [
        ("a,b\n1,2\n", ("a", "b"), 1),
        ("1,2\n3,4\n", None, 2),
        ("1,2", None, 1),
        (" a , b\r\n1, 2\r\n", ("a", "b"), 1),
        ("\ufeffa,b\n1,2\n", ("a", "b"), 1),
        ("\n\r\na,b\n\n1,2\n\n3,4\n\n", ("a", "b"), 2),
        ("\n\n1,2\n\n3,4\n", None, 2),
        ('"a, with a comma","b\nbelow"\n1,2\n', ("a, with a comma", "b\nbelow"), 1),
        ("NA,b\n1,2\n", ("NA", "b"), 1),
        ("x,1990\n5,6\n", ("x", "1990"), 1),
        ("1_0,2\n3,4\n", ("1_0", "2"), 1),
        ('"1","2"\n"3","4"\n', None, 2),
        ("a,a\n1,2\n", ("a", "a"), 1),
        ("x\n1\n\n2\n", ("x",), 2),
    ],
)
def test_the_header_is_found(tmp_path, text, names, n_rows):
    table = read_table(written(tmp_path, text))
    assert table.columns == names
    assert len(table) == n_rows


def test_the_header_can_be_told(tmp_path):
    path = written(tmp_path, "0,1\n5,6\n")
    assert read_table(path).rows.tolist() == [[0.0, 1.0], [5.0, 6.0]]
    assert read_table(path, header=True).columns == ("0", "1")
    assert column_names(path, header=True) == ("0", "1")
    words = written(tmp_path, "a,b\n1,2\n", "words.csv")
    refused(
        words,
        f"{words}, line 1, column 0: 'a' is not a number; commas separate the fields of a .csv.",
        header=False,
    )


def test_a_headerless_line_that_begins_with_a_word_is_data(tmp_path):
    path = written(tmp_path, "setosa,5.1\nsetosa,4.9\n")
    assert read_table(path, columns=[1]).rows.tolist() == [[5.1], [4.9]]


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a,b\n1,2\n3,\n", {}, "{}, line 3, column 'b': the value is missing; "
         "leave out or fill in rows with gaps."),
        ("1,2\n3,NaN\n", {}, "{}, line 2, column 1: the value is missing; "
         "leave out or fill in rows with gaps."),
        ("1,2\n\n3,-inf\n", {}, "{}, line 3, column 1: -inf is not a finite number."),
        ("1,2\n3,1e400\n", {}, "{}, line 2, column 1: inf is not a finite number."),
        ("1,2\n3,1e39\n", {"dtype": "float32"}, "{}, line 2, column 1: 1e+39 is too large for "
         "float32; read it as float64."),
        ("1,2\n3,4,5\n", {}, "{}, line 2: it has 3 fields, the first line has 2."),
        ("a,b\n1,2\n3\n", {}, "{}, line 3: it has 1 fields, the first line has 2."),
        (IRIS, {}, "{}, line 2, column 'species': 'setosa' is not a number; choose columns of "
         "numbers with columns=['length', 'width'] (command line: --columns length,width)."),
        ("1,x\n2,y\n", {}, "{}, line 1, column 1: 'x' is not a number; choose columns of "
         "numbers with columns=['0'] (command line: --columns 0)."),
        ("a,b\n1,2\n3,4\n5,six\n", {"columns": ["b"]}, "{}, line 4, column 'b': 'six' is not a "
         "number; choose columns of numbers with columns=['a'] (command line: --columns a)."),
        ("x;y\n1;2\n", {}, "{}, line 2, column 'x;y': '1;2' is not a number; commas separate the "
         "fields of a .csv."),
        ("a,b,c,d,e,f,g,h\n1,2,3,4,5,6,7,true\n", {}, "{}, line 2, column 'h': 'true' is not a "
         "number; choose columns of numbers with columns=['a', 'b', 'c', 'd', 'e', 'f', ...] "
         "(command line: --columns a,b,c,d,e,f,...)."),
        ('a\n1\n"2\n' + 50 * "3\n", {}, "{}, line 53, column 'a': "
         + repr("2\n" + 19 * "3\n" + "...") + " is not a number; commas separate the fields of a "
         ".csv."),
        ("a,b\n", {}, "{} holds a line of column names but no rows."),
        ("\n\n", {}, "{} is empty."),
        ("", {}, "{} is empty."),
        (",a\n0,1\n", {}, "{}, column 0: it has no name, like the index that pandas and R write; "
         "choose columns of numbers with columns=['a'] (command line: --columns a)."),
        (",\n1,2\n", {"header": True}, "{}, column 0: it has no name, like the index that pandas "
         "and R write; no column holds numbers."),
        ("a,a\n1,2\n", {"columns": ["a"]}, "{} has 2 columns named 'a'; choose by number."),
        ("a,b\n1,2\n", {"columns": ["c"]}, "{} has no column 'c'; it has 'a', 'b'."),
        ("a,b\n1,2\n", {"columns": [2]}, "{} has no column number 2; the numbers are 0 to 1."),
        ("a,b\n1,2\n", {"columns": [-1]}, "{} has no column number -1; the numbers are 0 to 1."),
        ("1,2\n", {"columns": ["a"]}, "{} has no column names, so 'a' is not one; choose by "
         "number, 0 to 1."),
        ("a,b\n1,2\n", {"columns": ["b", 0, "1"]}, "Column '1' of {} is chosen twice."),
        ("a,b\n1,2\n", {"columns": []}, "No column of {} is chosen; choose at least one."),
        ("a,b\n1,2\n", {"dtype": "int64"}, "dtype must be float32 or float64, got int64."),
        (b"a,b\n1,2\n3,4\n5,\xe9\n", {}, "{}, line 4, column 'b': '\ufffd' is not a number; choose "
         "columns of numbers with columns=['a'] (command line: --columns a)."),
        (b"\xe9,b\n1,2\n", {}, "{} is not UTF-8 text; save it as UTF-8."),
        (b"1,\xe9\n1,2\n", {}, "{} is not UTF-8 text; save it as UTF-8."),
        ("a,b\n1,2\n".encode("utf-16"), {}, "{} is not UTF-8 text; save it as UTF-8."),
        ("a," + 200_000 * "b" + "\n1,2\n", {}, "{} is not a table of text (field larger than "
         "field limit (131072))."),
        ("a,b\n1,2\n" + 200_000 * "3" + ",x\n", {}, "{}, line 3: it is unreadable (field larger "
         "than field limit (131072))."),
    ],
)  # fmt: skip
def test_csv_errors_name_the_place(tmp_path, text, options, sentence):
    path = written(tmp_path, text)
    refused(path, sentence.format(path), **options)


def test_many_names_are_not_all_listed(tmp_path):
    path = written(tmp_path, ",".join(f"c{i}" for i in range(20)) + "\n" + 19 * "1," + "1\n")
    shown = ", ".join(f"'c{i}'" for i in range(12))
    refused(path, f"{path} has no column 'x'; it has {shown} and 8 more.", columns=["x"])


def test_what_only_pyarrow_refuses_is_refused_in_its_words(tmp_path):
    path = written(tmp_path, "a\n1\n\u0663\n")  # a digit to Python, not to pyarrow
    with pytest.raises(ValueError, match=r"is not a readable CSV \(In CSV column #0: .*\)\.$"):
        read_table(path)


def test_what_only_pyarrow_finds_missing_has_a_row(tmp_path, monkeypatch):
    path = written(tmp_path, "a,b\n1,2\n3,NA\n")
    monkeypatch.setattr(files, "_explain_csv", lambda *_: None)
    refused(path, f"{path}, row 1 (counted from 0): a value is missing or infinite.")


def test_gaps_are_what_pyarrow_takes_for_gaps():
    assert set(arrow_csv.ConvertOptions().null_values) == text.GAPS


def test_long_lines_are_read(tmp_path):
    n_columns = 100_000  # 2 MB in a line
    text = ",".join(["1.2345678901234567"] * n_columns) + "\n"
    assert read_table(written(tmp_path, 2 * text), columns=[0, 99_999]).rows.shape == (2, 2)


def test_what_stands_in_other_columns_does_not_matter(tmp_path):
    path = written(tmp_path, b'a,b,c\n1,,"text\nin two lines"\n2,NA,\xe9\n')
    assert read_table(path, columns=["a"]).rows.tolist() == [[1.0], [2.0]]


def test_the_first_bad_value_is_found_wherever_it_is():
    rng = np.random.default_rng(0)
    for row, position in [(0, 0), (70_000, 1), (99_999, 2)]:
        rows = rng.normal(size=(100_000, 3))
        assert first_bad(rows) is None
        rows[row, position] = np.nan
        rows[99_999, 2] = np.inf
        assert first_bad(rows) == (row, position)


def test_npy_of_one_dimension_is_one_column(tmp_path):
    assert read_table(written(tmp_path, np.arange(3), "x.npy")).rows.tolist() == [[0], [1], [2]]


def test_large_npy_is_mapped(tmp_path, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(50, 3))
    path = written(tmp_path, rows, "x.npy")
    assert not isinstance(read_table(path).rows.base, np.memmap)
    monkeypatch.setattr(memory, "MAPPED_BYTES", 1000)
    mapped = read_table(path).rows
    assert isinstance(mapped.base, np.memmap)
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, rows)
    np.testing.assert_array_equal(read_table(path, columns=[2]).rows, rows[:, [2]])


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (b"123", {}, "{} is not a whole .npy file of numbers; write it with numpy.save."),
        (np.array([[None]]), {}, "{} is not a whole .npy file of numbers; write it with "
         "numpy.save."),
        (np.ones((2, 2), bool), {}, "{} holds values of type bool, not integers or floats."),
        (np.ones((2, 2), complex), {}, "{} holds values of type complex128, not integers or "
         "floats."),
        (np.array([["a"]]), {}, "{} holds values of type <U1, not integers or floats."),
        (np.ones((2, 2, 2)), {}, "{} has 3 dimensions; rows and columns are 2."),
        (np.array(1.0), {}, "{} has 0 dimensions; rows and columns are 2."),
        (np.ones((0, 2)), {}, "{} is empty: its shape is (0, 2)."),
        (np.array([[1, 2], [3, np.nan]]), {}, "{}, row 1 (counted from 0), column 1: the value is "
         "missing; leave out or fill in rows with gaps."),
        (np.array([[1, 2], [3, np.nan]]), {"columns": ["1"]}, "{}, row 1 (counted from 0), column "
         "1: the value is missing; leave out or fill in rows with gaps."),
        (np.array([[1, np.inf]]), {}, "{}, row 0 (counted from 0), column 1: inf is not a finite "
         "number."),
        (np.array([[1, -1e39]]), {"dtype": "f4"}, "{}, row 0 (counted from 0), column 1: -1e+39 is "
         "too large for float32; read it as float64."),
        (np.ones((2, 2)), {"columns": ["a"]}, "{} has no column names, so 'a' is not one; choose "
         "by number, 0 to 1."),
    ],
)  # fmt: skip
def test_npy_errors_name_the_place(tmp_path, content, options, sentence):
    path = written(tmp_path, content, "x.npy")
    refused(path, sentence.format(path), **options)


def test_cut_off_npy_and_archives_are_refused(tmp_path):
    path = written(tmp_path, np.ones((100, 3)), "x.npy")
    whole = path.read_bytes()
    for length in (5, 60, 200, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(path, f"{path} is not a whole .npy file of numbers; write it with numpy.save.")
    np.savez(tmp_path / "x.npz", a=np.ones((2, 2)))
    (tmp_path / "x.npz").rename(path)
    refused(path, f"{path} is an .npz archive; save its array of rows with numpy.save.")


def test_parquet_numbers_of_every_type(tmp_path):
    columns = {
        "half": np.array([0.5, 1.5], np.float16),
        "bytes": np.array([1, 200], np.uint8),
        "large": np.array([2**53 + 1, 2**63 - 1], np.int64),
        "money": [Decimal("1.25"), Decimal("2.50")],
        "with.dot": [1.0, 2.0],
    }
    table = read_table(written(tmp_path, columns, "x.parquet"))
    assert table.columns == tuple(columns)
    expected = [[0.5, 1, 2.0**53, 1.25, 1], [1.5, 200, 2.0**63, 2.5, 2]]
    assert table.rows.tolist() == expected


def test_the_index_of_pandas_is_left_out_unless_chosen(tmp_path):
    path = written(tmp_path, {"a": [1, 2], "__index_level_0__": [7, 8]}, "x.parquet")
    assert read_table(path).columns == ("a",)
    assert read_table(path, columns=["__index_level_0__"]).rows.tolist() == [[7.0], [8.0]]


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ({"a": [1, 2], "b": [1, None]}, {}, "{}, row 1 (counted from 0), column 'b': the value is "
         "missing; leave out or fill in rows with gaps."),
        ({"a": [1.0, 2], "b": [1.0, np.inf]}, {"columns": ["b"]}, "{}, row 1 (counted from 0), "
         "column 'b': inf is not a finite number."),
        ({"a": [1.0, 1e39]}, {"dtype": np.float32}, "{}, row 1 (counted from 0), column 'a': "
         "1e+39 is too large for float32; read it as float64."),
        ({"a": [1], "b": ["x"], "__index_level_0__": [1]}, {}, "{}, column 'b': its type is "
         "string, not a number; choose columns of numbers with columns=['a'] (command line: "
         "--columns a)."),
        ({"b": [True]}, {}, "{}, column 'b': its type is bool, not a number; no column holds "
         "numbers."),
        ({"a": np.ones(0)}, {}, "{} holds columns but no rows."),
        ({"a": [1]}, {"columns": ["b"]}, "{} has no column 'b'; it has 'a'."),
        ({"a": [1]}, {"columns": [1]}, "{} has no column number 1; the numbers are 0 to 0."),
    ],
)  # fmt: skip
def test_parquet_errors_name_the_place(tmp_path, content, options, sentence):
    path = written(tmp_path, content, "x.parquet")
    refused(path, sentence.format(path), **options)


def test_damaged_parquet_is_refused(tmp_path):
    path = written(tmp_path, {"a": np.random.default_rng(0).normal(size=1000)}, "x.parquet")
    whole = path.read_bytes()
    for damaged in (b"a,b\n1,2\n3,4\n", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"is not a whole Parquet file \([^\n]*\)\.$"):
            read_table(path)
    # The pages behind the first four bytes, with the description at the end left whole.
    path.write_bytes(whole[:4] + bytes(200) + whole[204:])
    with pytest.raises(ValueError, match=r"is damaged \([^\n]*\)\.$"):
        read_table(path)


def test_there_must_be_a_file_to_read(tmp_path):
    missing = tmp_path / "missing.csv"
    refused(missing, f"There is no file {missing}.", FileNotFoundError)
    folder = tmp_path / "folder.npy"
    folder.mkdir()
    refused(folder, f"{folder} is a folder, not a file.", IsADirectoryError)
    for name in ("x.xlsx", "x"):
        refused(
            tmp_path / name,
            f"The name of {tmp_path / name} must end in one of .csv, .tsv, .npy, .parquet, .pq, "
            "to say what it holds.",
        )


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="every file is open to root"
)
@pytest.mark.parametrize(
    ("name", "content"),
    [("x.csv", "1,2\n"), ("x.npy", np.ones((2, 2))), ("x.parquet", {"a": [1]})],
)
def test_a_closed_file_is_an_error_of_the_system(tmp_path, name, content):
    path = written(tmp_path, content, name)
    path.chmod(0)
    with pytest.raises(PermissionError):
        read_table(path)


@pytest.mark.parametrize(("name", "kind"), [("x.csv", "CSV"), ("x.parquet", "Parquet")])
def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch, name, kind):
    path = written(tmp_path, "1,2\n", name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(path, f"Reading {kind} needs pyarrow: pip install 'fastgmm[cli]'.", ImportError)


def test_npy_needs_no_pyarrow(tmp_path, monkeypatch):
    path = written(tmp_path, np.ones((2, 2)), "x.npy")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert read_table(path).rows.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_one_column_can_be_taken_out():
    table = Table(np.arange(6.0).reshape(2, 3), ("a", "b", "c"))
    for column in ("b", 1, "1"):
        rest, values = table.without(column)
        assert rest.columns == ("a", "c")
        assert rest.rows.tolist() == [[0.0, 2.0], [3.0, 5.0]]
        assert rest.rows.flags.c_contiguous
        assert values.tolist() == [1.0, 4.0]
    assert Table(table.rows, None).without(2)[0].columns is None
    with pytest.raises(ValueError, match=r"^The table has no column 'd'; it has 'a', 'b', 'c'\.$"):
        table.without("d")
    with pytest.raises(
        ValueError, match=r"^The table has no column besides 'a'; nothing would be left\.$"
    ):
        Table(np.ones((2, 1)), ("a",)).without("a")


def test_a_column_number_is_whole():
    with pytest.raises(TypeError):
        Table(np.ones((2, 2)), None).without(1.5)


def test_a_table_is_an_array_to_numpy():
    table = Table(np.arange(6.0).reshape(3, 2), ("a", "b"))
    assert np.asarray(table) is table.rows
    assert np.array(table) is not table.rows
    assert np.asarray(table, dtype=np.float32).dtype == np.float32
    assert table[1:].columns == ("a", "b")
    assert table[1:].rows.tolist() == [[2.0, 3.0], [4.0, 5.0]]
