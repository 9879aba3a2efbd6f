"""The best of a grid and the table of all, as a value that shows itself."""

import pickle

import numpy as np
import pytest

import fastgmm


@pytest.fixture(scope="module")
def chosen():
    rows = np.random.default_rng(0).normal(size=(60, 1)) + np.repeat([0.0, 9.0], 30)[:, None]
    return fastgmm.select(rows, [1, 2], ["full", "tied"], n_init=1, random_state=0)


def test_it_is_a_triple_and_knows_its_best(chosen):
    model, table, criterion = chosen
    assert (model, criterion, len(table)) == (chosen.model, "bic", 4)
    assert chosen.best is min(table, key=lambda one: one.bic)
    again = pickle.loads(pickle.dumps(chosen))
    assert again.table == table


def test_it_shows_itself_as_the_command_prints_it(chosen):
    lines = repr(chosen).splitlines()
    assert lines[0] == "BIC, lower is better; * the best of the fits"
    assert [line.split()[0] for line in lines[2:]] == ["components", "1", "2"]
    assert sum(line.count("*") for line in lines[1:]) == 1
    assert "the best of 4 fits by BIC" in chosen._repr_html_()
