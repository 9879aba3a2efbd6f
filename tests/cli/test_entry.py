"""Ctrl-C while the modules of the command are imported."""

import signal
import subprocess
import sys

import pytest

from fastgmm.cli import entry


def test_ctrl_c_during_the_imports_is_one_line(monkeypatch, capsys):
    class Interrupting:
        def find_spec(self, name, path=None, target=None):
            if name == "fastgmm.cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "fastgmm.cli.main")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert entry.run() == 130
    assert capsys.readouterr() == ("", "fastgmm: interrupted.\n")


def test_it_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fastgmm", "info", "missing.gmm"])
    assert entry.run() == 1
    assert "missing.gmm" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="signals of POSIX")
def test_few_modules_are_imported_before_it():
    """What could be interrupted with a traceback is the package alone."""
    lines = "import fastgmm.cli.entry, sys; print([n for n in sys.modules if '.cli.' in n])"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout == "['fastgmm.cli.entry']\n"
