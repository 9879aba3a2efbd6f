"""Models on a terminal."""

import numpy as np

from commands import FAITHFUL
from fastgmm import GaussianMixture
from fastgmm.cli.report import column_names_of, counted, print_summary
from fastgmm.sources import read_table


def test_a_summary_is_as_wide_as_the_terminal(capsys, monkeypatch):
    table = read_table(FAITHFUL)
    model = GaussianMixture(9, random_state=0).fit(table)
    for width in (50, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        print_summary(model, table, sample_weight=None)
        out = capsys.readouterr().out
        assert out == model.summary(table, width=width) + "\n"
    assert "BIC" in out


def test_names_and_numbers_of_things():
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    model = GaussianMixture.from_parameters([1.0], [[0.0, 1.0]], [np.eye(2)])
    assert column_names_of(model) == ["x0", "x1"]
