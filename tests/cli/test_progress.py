"""Progress bars on a terminal, and nowhere else."""

import contextlib
import io
import os
import re
import struct
import subprocess
import sys

import pytest

from commands import FAITHFUL, process
from fastgmm import Candidate, Iteration
from fastgmm.cli import progress as progress_bars


def on_terminal(*words):
    """Run the command with standard error on a terminal; return both streams."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    reader, terminal_end = os.openpty()
    fcntl.ioctl(terminal_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "fastgmm", *map(str, words)]
    shown = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal_end) as running:
        os.close(terminal_end)
        with contextlib.suppress(OSError):  # the terminal is gone when the process is
            while piece := os.read(reader, 4096):
                shown += piece
        os.close(reader)
        out = running.stdout.read().decode()
    assert running.returncode == 0
    return out, shown.decode()


def test_progress_on_a_terminal():
    words = ("fit", FAITHFUL, "-k", 3, "--seed", 0)
    out, shown = on_terminal(*words)
    assert "0/100" in shown
    assert "\n" not in shown
    assert out == process(*words).stdout
    assert on_terminal(*words, "--quiet") == ("", "")
    assert process(*words).stderr == ""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_progress_shows_each_iteration_and_start(monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_bars.Progress(50, 3, quiet=False) as progress:
        progress._bar.mininterval = 0
        progress._bar.miniters = 0
        for start in range(2):
            assert progress(Iteration(1, -5.25, float("inf"), start)) is None
            progress(Iteration(2, -4.125, 1.125, start))
    text = shown.getvalue()
    for start in (1, 2):
        for n_iter, numbers in [(1, "-5.250000, change inf"), (2, "-4.125000, change 1.1e+00")]:
            assert re.search(
                rf"start {start} of 3:[^\r]* {n_iter}/50 [^\r]*log-likelihood {re.escape(numbers)}",
                text,
            )
    assert text.rsplit("\r", 2)[1].strip() == ""  # the line is cleared at the end


def test_progress_without_tqdm_is_a_note(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bars.Progress(5, 1, quiet=False) as progress:
        progress(Iteration(1, -1.0, 1.0))
    note = (
        "fastgmm: note: progress needs tqdm: pip install tqdm, which is in fastgmm's extra 'cli'.\n"
    )
    assert sys.stderr.getvalue() == note


def test_progress_of_a_grid_and_of_a_stream(monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_bars.GridProgress(2, quiet=False) as grid:
        grid._bar.mininterval = grid._bar.miniters = 0
        grid(Candidate("tied", 3, 0.0, 0.0, 0.0, 0.0, 1, True, 1))
    assert re.search(r" 1/2 [^\r]*tied 3", shown.getvalue())
    with progress_bars.StreamProgress(5, quiet=False) as stream:
        stream._bar.mininterval = stream._bar.miniters = 0
        batches = [[1, 2], ([3, 4, 5], [1.0, 1.0, 1.0])]
        assert list(stream.counted(batches)) == batches
        assert stream.n_rows == 5
        stream.iteration(Iteration(1, -4.5, 0.25))
        list(stream.counted(batches))
    text = shown.getvalue()
    assert re.search(r"start:[^\r]* 2.00/5.00 ", text)
    assert re.search(r"pass 2:[^\r]*log-likelihood -4.500000, change 2.5e-01", text)


@pytest.mark.parametrize("quiet", [False, True])
def test_without_a_terminal_rows_are_counted_all_the_same(capsys, quiet):
    stream = progress_bars.StreamProgress(None, quiet=quiet)
    with stream:
        list(stream.counted([[1, 2], [3]]))
    assert stream.n_rows == 3
    assert capsys.readouterr() == ("", "")


def test_rows_that_are_scored_have_a_bar_where_results_go_to_a_file(geyser, tmp_path):
    path, _ = geyser
    out, shown = on_terminal("score", path, FAITHFUL, "-o", tmp_path / "x.csv")
    assert out == ""
    assert "272/272" in shown or "0.00/272" in shown
    assert on_terminal("score", path, FAITHFUL, "-o", tmp_path / "x.csv", "-q") == ("", "")


def test_rows_on_a_terminal_have_no_bar_beside_them(monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    for to_file, is_shown in ((True, True), (False, False)):
        shown = Terminal()
        monkeypatch.setattr(sys, "stderr", shown)
        with progress_bars.RowProgress(10, quiet=False, to_file=to_file) as bar:
            bar.done(5)
        assert (shown.getvalue() != "") == is_shown
