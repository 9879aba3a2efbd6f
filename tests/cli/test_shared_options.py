"""Options that several commands share are the same in each of them."""

import pytest

from fastgmm.cli.main import make_parser

READERS = ["fit", "select", "learn", "adapt", "score", "impute"]
READING = [
    "columns", "header", "delimiter", "decimal", "comment", "gap_marks", "format", "dtype",
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
