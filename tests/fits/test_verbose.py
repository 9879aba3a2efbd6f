"""What `verbose` prints of a fit, line by line."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from fastgmm.fits.verbose import Reporter


def iterations(n: int) -> list[Any]:
    return [SimpleNamespace(n_iter=i, change=1.0 / i) for i in range(1, n + 1)]


def run(**how: Any) -> Any:
    return SimpleNamespace(**{"converged": False, "stopped": False, "lower_bound": -1.25} | how)


def printed(capsys: pytest.CaptureFixture[str], verbose: int, interval: int) -> list[str]:
    reporter = Reporter(verbose, interval, 3)
    for iteration in iterations(7):
        reporter.iterated(iteration)
    reporter.end(run(converged=True))
    return capsys.readouterr().out.splitlines()


def test_nothing_is_printed_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, 0, 1) == []


@pytest.mark.parametrize("interval", [1, 2, 3, 10])
@pytest.mark.parametrize("verbose", [1, True])
def test_numbers_of_every_so_many_iterations(
    verbose: int, interval: int, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = [f"  Iteration {i}" for i in range(interval, 8, interval)]
    first, *lines, last = printed(capsys, verbose, interval)
    assert (first, last) == ("Initialization 3", "Initialization converged.")
    assert lines == expected


def test_changes_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    first, *lines, last = printed(capsys, 2, 3)
    assert first == "Initialization 3"
    assert len(lines) == 2
    for line, (i, change) in zip(lines, [(3, "3.33333e-01"), (6, "1.66667e-01")], strict=True):
        pattern = rf"  Iteration {i}\t time lapse (\d+\.\d{{5}})s\t ll change {change}"
        assert re.fullmatch(pattern, line)
    pattern = r"Initialization converged\. time lapse \d+\.\d{5}s\t lower bound -1\.25000\."
    assert re.fullmatch(pattern, last)


def test_times_are_since_the_line_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 11.0, 13.5, 20.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    reporter = Reporter(2, 1, 0)
    for iteration in iterations(2):
        reporter.iterated(iteration)
    reporter.end(run())
    out = capsys.readouterr().out
    assert re.findall(r"time lapse ([\d.]+)s", out) == ["1.00000", "2.50000", "10.00000"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"converged": True}, "converged"),
        ({"stopped": True}, "stopped by the callback"),
        ({}, "did not converge"),
    ],
)
def test_how_it_ended(how: Any, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    Reporter(1, 1, 0).end(run(**how))
    assert capsys.readouterr().out == f"Initialization 0\nInitialization {words}.\n"
