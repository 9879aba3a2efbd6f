"""`--keep`: columns of the data that are written beside the results, as they stand there."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from fastgmm.cli.kept import plain_rows, text_of
from fastgmm.sources import Table

LINES = ['007,3.60,79,"x, ""y"""', " A 8,1.8,5.4e1,NA", "n\u00e9,1.8,95,"]


@pytest.fixture
def path(tmp_path):
    """Return the path of three rows with text beside them."""
    (tmp_path / "x.csv").write_text(
        "\n".join(["id,eruptions,waiting,note", *LINES, ""]), encoding="utf-8"
    )
    return tmp_path / "x.csv"


def test_text_is_quoted_where_it_has_to_be():
    table = pyarrow.table({"a": ["x", 'y"', "u\nv"], "b": [1.5, None, 2.0], "c": ["", "p,q", None]})
    assert bytes(text_of(table)) == b'x,1.5,\n"y""",,"p,q"\n"u\nv",2,\n'
    assert bytes(text_of(table.slice(1, 1))) == b'"y""",,"p,q"\n'
    assert bytes(text_of(table.slice(3))) == b""
    words = pyarrow.table({"a": pyarrow.array(["x,y"]).dictionary_encode(), "b": [True]})
    assert bytes(text_of(words)) == b'"x,y",true\n'


def test_what_makes_no_text_is_named():
    with pytest.raises(ValueError, match=r"^column 'a' holds values of type list<.*>, which make"):
        text_of(pyarrow.table({"a": [[1, 2]]}))


def test_json_has_numbers_and_text():
    table = pyarrow.table(
        {"n": [1, None], "x": [0.5, 1.5], "d": [datetime.date(2024, 1, 2)] * 2,
         "s": [Decimal("1.50")] * 2, "t": [True, False]}
    )  # fmt: skip
    assert plain_rows(table) == [
        {"n": 1, "x": 0.5, "d": "2024-01-02", "s": "1.50", "t": True},
        {"n": None, "x": 1.5, "d": "2024-01-02", "s": "1.50", "t": False},
    ]


@pytest.mark.parametrize("words", [[], ["--batch-rows", 2], ["--threads", 2]])
def test_scores_stand_beside_what_is_kept(run, geyser, path, words):
    model, _ = geyser
    plain = run("score", model, path, *words)[1].splitlines()
    code, out, err = run("score", model, path, "--keep", "note,id", *words)
    assert (code, err) == (0, "")
    kept = ["note,id", '"x, ""y""",007', "NA, A 8", ",n\u00e9"]
    assert out.splitlines() == [f"{a},{b}" for a, b in zip(kept, plain, strict=True)]


def test_a_column_of_the_model_is_kept_as_it_was_written(run, geyser, path):
    out = run("score", geyser[0], path, "--keep", "1,waiting", "--only", "label")[1]
    assert out.splitlines() == ["eruptions,waiting,label", "3.60,79,0", "1.8,5.4e1,1", "1.8,95,1"]


def test_what_is_kept_is_no_column_of_the_rows(run, tmp_path):
    """Without names the first column would be one of the model's."""
    rows = "\n".join(f"r{i},{i},{i * i % 7}" for i in range(20))
    (tmp_path / "x.csv").write_text(rows + "\n")
    assert run("fit", tmp_path / "x.csv", "-k", 1, "--columns", "1,2", "-o", tmp_path / "m")[0] == 0
    out = run("score", tmp_path / "m", tmp_path / "x.csv", "--keep", 0, "--only", "label")[1]
    assert out.splitlines()[:3] == ["x0,label", "r0,0", "r1,0"]


def test_kept_columns_of_a_pipe(geyser, path):
    from commands import process

    text = path.read_text(encoding="utf-8")
    done = process("score", geyser[0], "--keep", "id", "--only", "label", input=text)
    assert done.stdout == "id,label\n007,0\n A 8,1\nn\u00e9,1\n"


def test_types_of_parquet_stay(run, geyser, tmp_path):
    days = [datetime.date(2024, 1, day) for day in (1, 2)]
    source = {"day": days, "eruptions": [3.6, None], "waiting": [79.0, 54.0], "n": ["a", None]}
    parquet.write_table(pyarrow.table(source), tmp_path / "x.parquet")
    words = ["score", geyser[0], tmp_path / "x.parquet", "--gaps", "drop", "--keep", "day,n"]
    assert run(*words, "-o", tmp_path / "y.parquet")[0] == 0
    found = parquet.read_table(tmp_path / "y.parquet")
    assert found.schema.types[:2] == [pyarrow.date32(), pyarrow.string()]
    assert found.to_pydict()["day"] == days
    assert found.to_pydict()["label"] == [0, None]
    out = run(*words, "--only", "label")[1]
    assert out.splitlines() == ["day,n,label", "2024-01-01,a,0", "2024-01-02,,"]
    first, _ = run(*words, "--only", "label", "--json")[1].splitlines()
    assert json.loads(first) == {"day": "2024-01-01", "n": "a", "label": 0}


def test_filled_rows_stand_beside_what_is_kept(run, geyser, tmp_path):
    (tmp_path / "x.csv").write_text("id,eruptions,waiting\n01,,79\n02,1.8,54\n")
    code, out, _ = run("impute", geyser[0], tmp_path / "x.csv", "--keep", "id")
    rows = Table(np.array([[np.nan, 79.0]]), ("eruptions", "waiting"))
    (filled,) = geyser[1].impute(rows)[:, 0]
    head, first, second = out.splitlines()
    assert (code, head, second) == (0, "id,eruptions,waiting", "02,1.8,54")
    assert first.split(",")[::2] == ["01", "79"]
    assert float(first.split(",")[1]) == filled


def test_two_columns_of_one_name_are_refused(fails, misused, geyser, tmp_path, path):
    path.write_text("label,eruptions,waiting\n1,2,3\n")
    words = ["score", geyser[0], path, "--keep", "label"]
    fails("--keep would write a second column 'label': rename it in the data, or leave it out.",
          *words)  # fmt: skip
    misused(f"--keep is for text, and {tmp_path / 'y.npy'} holds numbers alone: write .csv or "
            ".parquet.", *words, "--only", "log_density", "-o", tmp_path / "y.npy")  # fmt: skip
    assert not (tmp_path / "y.npy").exists()
