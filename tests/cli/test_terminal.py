"""Warnings and errors, each in one line."""

import warnings

import pytest

from fastgmm.cli import terminal


def test_equal_warnings_are_said_once(capsys):
    with terminal.warnings_in_one_line():
        warnings.warn("one\n  thing", UserWarning, stacklevel=1)
        warnings.warn("another thing", UserWarning, stacklevel=1)
        warnings.warn("one thing", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == (
        "fastgmm: warning: one thing\nfastgmm: warning: another thing\n"
    )


def test_warnings_are_said_before_an_error(capsys):
    def fail():
        with terminal.warnings_in_one_line():
            warnings.warn("first", UserWarning, stacklevel=1)
            raise ValueError("then")

    with pytest.raises(ValueError, match=r"^then$"):
        fail()
    assert capsys.readouterr().err == "fastgmm: warning: first\n"


def test_long_errors_become_one_line():
    assert terminal.sentence(ValueError("one\n  two\nthree")) == "one two three"
    assert terminal.sentence(ValueError()) == "ValueError"
    assert terminal.sentence(OSError("no disk")) == "no disk"
    assert terminal.sentence(PermissionError(13, "Permission denied", "x.csv")) == (
        "x.csv: Permission denied."
    )
