"""The command lines in the documentation run as they stand."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from fastgmm.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def command_lines(text: str) -> list[str]:
    """The lines of the shell blocks of a text that start the command."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line[:1] != "#"]


def run(line: str) -> str:
    """Run a pipeline: `fastgmm` in this process, what else there is in its own."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    words = list(lexer)
    data = b""
    while words:
        end = words.index("|") if "|" in words else len(words)
        (name, *rest), words = words[:end], words[end + 1 :]
        if name == "producer":
            # A new model of a stream waits for some rows per component.
            names, *rows = Path("data/faithful.csv").read_bytes().splitlines(keepends=True)
            data = names + b"".join(5 * rows)
        elif name != "fastgmm":
            data = subprocess.run([name, *rest], input=data, capture_output=True, check=True).stdout
        else:
            data = in_this_process(rest, data)
    return data.decode()


def in_this_process(words: list[str], data: bytes) -> bytes:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert main(words) == 0, words
    return out.getvalue().encode()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work where the shipped data are, and the files that the pages speak of."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    rows = np.random.default_rng(0).normal(size=(500, 3))
    parquet.write_table(pyarrow.table(dict(zip("abc", rows.T, strict=True))), "rows.parquet")
    return tmp_path


def started(page: Path) -> list[str]:
    """The lines of a page that start the command, with a producer or without."""
    lines = command_lines(page.read_text(encoding="utf-8"))
    return [line for line in lines if re.match(r"(producer \| )?fastgmm ", line)]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
SHORT_PAGES = [page for page in PAGES if page.name != "command.md" and started(page)]


@pytest.mark.parametrize("page", SHORT_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_lines_of_a_page_that_start_the_command(place, page):
    for line in started(page):
        run(line)


def test_the_readme_shows_the_command():
    assert len(started(ROOT / "README.md")) >= 3


def test_the_page_of_the_command(place):
    text = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    lines = command_lines(text)
    assert len(lines) >= 17
    # The grid of 54 fits is tried in tests of its own.
    found = {line: run(line.replace("csv --plot", "csv -k 1-2 --plot")) for line in lines}
    pasted = found["paste -d , data/faithful.csv scores.csv"].splitlines()
    assert pasted[0] == "eruptions,waiting,log_density,label,responsibility_0,responsibility_1"
    assert len(pasted) == 273
    assert {line.count(",") for line in pasted} == {5}


def test_the_keys_of_json_are_those_of_the_page(place):
    import json

    text = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)`[^|]* \| (`n_.*|`log.*|`row.*|those.*) \|$", text, re.M))
    keys = {command: set(re.findall(r"`(\w+)`", cells)) for command, cells in rows.items()}
    run("fastgmm fit data/faithful.csv -k 2 -o m.gmm")
    fit = json.loads(run("fastgmm fit data/faithful.csv -k 2 --json"))
    assert set(fit) == keys["fit"] - {"null"}
    assert set(fit["model"]) == keys["model"] - {"covariances_"}
    score = json.loads(run("fastgmm score m.gmm data/faithful.csv --json").splitlines()[0])
    assert set(score) == keys["score"]
    sample = json.loads(run("fastgmm sample m.gmm -n 1 --json"))
    assert set(sample) == keys["sample"]
    learned = json.loads(run("producer | fastgmm learn new.gmm -k 2 --json"))
    assert set(learned) == keys["learn"]
