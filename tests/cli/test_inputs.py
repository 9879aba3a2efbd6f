"""The columns and weights of a command's rows."""

import io
import json

import numpy as np
import pytest

from commands import FAITHFUL
from fastgmm import GaussianMixture
from fastgmm.cli import fit as fit_commands
from fastgmm.cli.inputs import open_source, tables_for
from fastgmm.cli.main import make_parser
from fastgmm.sources import Table, read_table


@pytest.mark.parametrize("columns", ["waiting", "1"])
def test_columns_are_chosen(run, columns):
    code, out, _ = run("fit", FAITHFUL, "-k", 2, "--columns", columns)
    assert code == 0
    assert "272 rows of 1 column\n" in out
    assert "waiting" in out
    assert "eruptions" not in out


def test_the_header_is_told(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("0,1\n5,6\n7,9\n8,8\n")
    assert "fitted to 3 rows" in run("fit", path, "-k", 1, "--header")[1]
    assert "fitted to 4 rows" in run("fit", path, "-k", 1, "--no-header")[1]
    assert "fitted to 4 rows" in run("fit", path, "-k", 1)[1]


@pytest.mark.parametrize("columns", [(), ("--columns", "a,b"), ("--columns", "0,1")])
def test_weights_count_as_repetitions(run, tmp_path, columns):
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(6, 1, (60, 2))])
    counts = rng.integers(1, 4, size=120)
    weighted, repeated = tmp_path / "weighted.csv", tmp_path / "repeated.csv"
    header = "a,b,count"
    np.savetxt(weighted, np.column_stack([rows, counts]), delimiter=",", header=header, comments="")
    np.savetxt(repeated, np.repeat(rows, counts, axis=0), delimiter=",", header="a,b", comments="")
    options = ("-k", 2, "--tol", 1e-10, "--max-iter", 1000, "--seed", 0)
    code, out, _ = run("fit", weighted, "--weights", "count", *columns, *options)
    assert code == 0
    numbers = [line.split()[-4:] for line in out.splitlines()[2:7]]
    lines = run("fit", repeated, *options)[1].splitlines()
    expected = [line.split()[-4:] for line in lines[2:7]]
    if numbers != expected:  # the components may come in the other order
        expected = [row[2:] + row[:2] if len(row) == 4 else [row[0], row[2], row[1]]
                    for row in expected]  # fmt: skip
    assert numbers[2:] == expected[2:]
    facts = [line for line in out.splitlines() if line[:3] in ("log", "BIC", "AIC")]
    assert facts == [line for line in lines if line[:3] in ("log", "BIC", "AIC")]


def test_a_number_for_the_weights_counts_in_the_file(run, monkeypatch):
    fitted = []
    monkeypatch.setattr(GaussianMixture, "fit", lambda self, X, **k: fitted.append((X, k)))
    with pytest.raises(ValueError, match="not fitted"):  # after our stand-in for the fit
        fit_commands.fit(
            make_parser()[0].parse_args(
                ["fit", FAITHFUL, "-k", "2", "--columns", "waiting", "--weights", "0"]
            )
        )
    table, options = fitted[0]
    rows = read_table(FAITHFUL).rows
    assert table.columns == ("waiting",)
    np.testing.assert_array_equal(table.rows[:, 0], rows[:, 1])
    np.testing.assert_array_equal(options["sample_weight"], rows[:, 0])


def test_scores_find_the_columns_by_name(run, geyser, tmp_path):
    path, _ = geyser
    expected = run("score", path, FAITHFUL)[1]
    rows = read_table(FAITHFUL).rows.tolist()
    other = tmp_path / "other.csv"
    lines = ["place,waiting,x,eruptions", *(f"geyser,{b!r},7,{a!r}" for a, b in rows)]
    other.write_text("\n".join(lines))
    assert run("score", path, other) == (0, expected, "")
    nameless = tmp_path / "rows.npy"
    np.save(nameless, np.array(rows))
    assert run("score", path, nameless) == (0, expected, "")
    renamed = tmp_path / "renamed.csv"
    renamed.write_text("\n".join(["a,b,c", *(f"{a!r},0,{b!r}" for a, b in rows)]))
    assert run("score", path, renamed, "--columns", "a,c") == (0, expected, "")


def test_errors_of_data_are_one_sentence(fails, geyser, tmp_path):
    model, _ = geyser
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3,x\n4,5\n")
    sentence = (
        f"{path}, line 3, column 'b': 'x' is not a number; choose columns of numbers with "
        "--columns a."
    )
    fails(sentence, "fit", path, "-k", 1)
    fails(f"{path} has no column 'eruptions'; it has 'a', 'b'.", "score", model, path)
    sentence = f"{path} has 1 column and the model was fitted on 2; choose them with --columns."
    fails(sentence, "score", model, path, "--columns", "a")
    path.write_text("1,2\n3,4\n5,6\n")
    fails(
        f"{path} has no column names, so 'w' is not one; choose by number, 0 to 1.",
        *("fit", path, "-k", 1, "--weights", "w"),
    )
    fails(f"Column '1' of {path} is chosen twice, for the rows and for their weights; leave it out "
          "of the columns.", "fit", path, "-k", 1, "--columns", "0,1", "--weights", 1)  # fmt: skip


def test_batches_have_the_columns_that_the_model_knows(monkeypatch):
    text = "a,b,c\n0,1,2\n3,4,5\n6,7,8\n9,10,11\n"
    rows = np.arange(12.0).reshape(4, 3)

    def tables(model, text):
        """Read a pipe as `fastgmm score` does."""
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        arguments = make_parser()[0].parse_args(["score", "m", "--batch-rows", "3"])
        source = open_source(arguments, model=model if model.is_fitted else None)
        return [table for table, _ in tables_for(model, source, "The pipe")]

    new = tables(GaussianMixture(1), text)
    assert [table.columns for table in new] == [("a", "b", "c")] * 2
    assert [len(table) for table in new] == [3, 1]
    model = GaussianMixture(1).fit(Table(rows[:, [2, 0]], ("c", "a")))
    words = text.replace("a,b", "a,species").replace(",1,", ",setosa,")
    for table in tables(model, text) + tables(model, words):
        assert table.columns == ("c", "a")
        assert table.rows.flags.c_contiguous
    np.testing.assert_array_equal(tables(model, text)[0].rows, rows[:3, [2, 0]])
    assert tables(model, "0,1\n3,4\n")[0].columns == ("c", "a")
    nameless = GaussianMixture(1).fit(rows)
    assert tables(nameless, text)[0].columns is None
    with pytest.raises(ValueError, match=r"^The stream has no column 'c'; it has 'a', 'b'\.$"):
        tables(model, "a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"^The pipe has 2 columns and the model was fitted on 3"):
        tables(nameless, "a,b\n1,2\n")


def test_bad_lines_are_skipped_and_said_by_every_command(run, geyser, tmp_path):
    path = tmp_path / "x.csv"
    rows = [f"{i % 7},{i * i % 11}" for i in range(400)]
    path.write_text(
        "\n".join(["eruptions,waiting", *rows[:20], "eruptions,waiting", *rows[20:], "1"])
    )
    assert run("fit", path, "-k", 1)[0] == 1
    note = "fastgmm: note: 2 lines that are no rows were skipped: line 22, line 403.\n"
    model = geyser[0]
    for words in (
        ["fit", path, "-k", 1, "--json"],
        ["fit", path, "-k", 1, "--json", "--stream"],
        ["select", path, "-k", 1, "--covariance-types", "diag", "--json"],
        ["learn", tmp_path / "new.gmm", path, "-k", 1, "--json"],
        ["adapt", model, path, "-o", tmp_path / "adapted.gmm", "--json"],
        ["score", model, path],
        ["impute", model, path],
    ):
        code, out, err = run(*words, "--bad-lines", "skip")
        assert code == 0
        assert note in err
        if "--json" in words:
            facts = json.loads(out)
            assert (facts["n_rows"], facts["n_skipped"]) == (400, 2)
        else:
            assert out.count("\n") == 401


@pytest.mark.parametrize("content", ["", "eruptions,waiting\n", "eruptions,waiting\n,3\n"])
def test_standard_input_without_rows_is_the_same_error_for_every_command(
    run, geyser, tmp_path, monkeypatch, content
):
    before = geyser[0].read_bytes()
    for words in (
        ["fit", "-", "-k", 1, "--gaps", "drop"],
        ["select", "-", "-k", 1, "--gaps", "drop"],
        ["score", geyser[0], "--gaps", "error"],
        ["score", geyser[0], "--gaps", "error", "--keep", 0],
        ["impute", geyser[0], "--columns", "eruptions,eruptions"],
        ["learn", geyser[0], "--gaps", "drop"],
        ["learn", tmp_path / "new.gmm", "-k", 1, "--gaps", "drop"],
        ["adapt", geyser[0], "-o", tmp_path / "new.gmm", "--gaps", "drop"],
    ):
        pipe = io.BytesIO(content.encode())
        pipe.name = "<stdin>"
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
        code, _, err = run(*words)
        assert (code, err.count("error: ")) == (1, 1)
        assert "Standard input" in err
        assert not (tmp_path / "new.gmm").exists()
    assert geyser[0].read_bytes() == before


@pytest.mark.parametrize("more", [[], ["--batch-rows", 2]])
def test_an_infinite_value_is_named_by_its_line(run, geyser, tmp_path, more):
    path = tmp_path / "x.csv"
    path.write_text("eruptions,waiting\n3.6,79\n,54\n1.8,inf\n")
    sentence = f"fastgmm: error: {path}, line 4, column 'waiting': inf is not a finite number; "
    for words in (
        ["score", geyser[0], path, "--gaps", "em"],
        ["impute", geyser[0], path],
        ["learn", geyser[0], path, "--gaps", "em"],
        ["adapt", geyser[0], path, "-o", tmp_path / "new.gmm", "--gaps", "em"],
    ):
        code, _, err = run(*words, *more)
        assert code == 1
        assert err.splitlines()[-1].startswith(sentence)
    code, _, err = run("fit", path, "-k", 1, "--gaps", "em")
    assert (code, err.startswith(sentence)) == (1, True)


def test_columns_of_one_name_are_refused_unless_chosen(fails, run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,a\n" + "".join(f"{i},{i * i % 7},{i % 5}\n" for i in range(40)))
    sentence = (
        f"{path} has 2 columns named 'a': rename them, or choose columns by number with --columns."
    )
    for words in (
        ["fit", path, "-k", 1],
        ["select", path, "-k", 1],
        ["learn", tmp_path / "new.gmm", path, "-k", 1],
    ):
        fails(sentence, *words)
    assert run("fit", path, "-k", 1, "--columns", "0,2")[0] == 0
    assert run("fit", path, "-k", 1, "--columns", "b")[0] == 0


def test_columns_of_one_value_are_named(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,c\n" + "".join(f"{i},5,{'' if i else 3}\n" for i in range(40)))
    words = ["-k", 1, "--gaps", "em", "-q"]
    note = "fastgmm: note: 2 columns have one value in all rows: 'b', 'c'; choose others with "
    assert f"{note}--columns.\n" in run("fit", path, *words)[2]
    assert note in run("select", path, *words, "--covariance-types", "diag")[2]
    assert "one value" not in run("fit", path, *words, "--columns", "a")[2]
    assert (
        "1 column has one value in all rows: 'b';"
        in run("fit", path, *words, "--columns", "a,b")[2]
    )
