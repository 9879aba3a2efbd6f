"""Options that several commands share are the same in each of them."""

import pytest

from commands import FAITHFUL
from fastgmm.cli.main import make_parser

READERS = ["fit", "select", "learn", "adapt", "score", "impute"]
READING = [
    "columns", "header", "delimiter", "decimal", "comment", "gap_marks", "bad_lines", "format",
    "dtype",
]  # fmt: skip


@pytest.mark.parametrize("command", READERS)
def test_all_that_read_take_the_same_options(command):
    fit, this = (
        {action.dest: action for action in make_parser()[1][name]._actions}
        for name in ("fit", command)
    )
    for name in READING:
        assert this[name].help == fit[name].help
        assert this[name].default == fit[name].default
        assert this[name].option_strings == fit[name].option_strings


def test_quiet_commands_print_nothing_that_was_not_asked_for(run, geyser, tmp_path):
    model, target = geyser[0], tmp_path / "new.gmm"
    for words in (
        ["fit", FAITHFUL, "-k", 1],
        ["fit", FAITHFUL, "-k", 1, "--stream"],
        ["select", FAITHFUL, "-k", 1, "--covariance-types", "diag"],
        ["learn", target, FAITHFUL, "-k", 1],
        ["adapt", model, FAITHFUL, "-o", target],
    ):
        assert run(*words, "-q") == (0, "", "")
        assert run(*words)[1] != ""
        assert run(*words, "-q", "--json")[1].count("\n") == 1
    assert run("sample", model, "-n", 1, "-q")[1].count("\n") == 2
