"""A bar for fits in Python: what it shows, when, and what is left of it."""

import sys

import numpy as np
import pytest

import fastgmm
from fastgmm import Candidate, Iteration


@pytest.fixture
def shown(monkeypatch, capsys):
    """Return a function that gives what was written to standard error."""
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    return lambda: capsys.readouterr().err


def drawn_at_once(total=None):
    bar = fastgmm.progress_bar(total, delay=0.0)
    bar._bar.mininterval = bar._bar.miniters = 0
    bar._bar.dynamic_miniters = False
    return bar


def test_iterations_and_starts(shown):
    with drawn_at_once(50) as bar:
        bar(Iteration(1, -5.25, np.inf, 0))
        bar(Iteration(10, -4.5, 2.5e-5, 0))
        bar(Iteration(1, -4.75, np.inf, 1))
    text = shown()
    assert "10/50" in text
    assert "log-likelihood -4.500000, change 2.5e-05" in text
    assert "start 2:" in text
    assert text.rstrip(" ").endswith("\r")


def test_fits_of_a_grid(shown):
    with drawn_at_once(4) as bar:
        fastgmm.select(
            np.arange(40.0)[:, None] ** 2, [1, 2], ["full", "tied"], n_init=1, callback=bar
        )
    text = shown()
    assert "4/4" in text
    assert "tied 2" in text


def test_a_short_fit_shows_nothing(shown, rng):
    rows = rng.normal(size=(300, 2))
    model = fastgmm.GaussianMixture(2, random_state=0)
    plain = model.fit(rows).means_
    bar = fastgmm.progress_bar()
    np.testing.assert_array_equal(model.fit(rows, callback=bar).means_, plain)
    model.fit_batches(np.array_split(rows, 3), callback=bar)
    bar.close()
    assert shown() == ""


def test_a_bar_without_tqdm_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"^A progress bar needs tqdm: pip install tqdm,"):
        fastgmm.progress_bar()


def test_it_takes_what_fits_pass(shown):
    bar = drawn_at_once()
    bar(Candidate("full", 3, 1.0, 1.0, 1.0, 1.0, 2, True, 3))
    fastgmm.fit_many([[[0.0], [2.0]], [[1.0], [9.0]]], callback=bar)
    bar.close()
    text = shown()
    assert "full 3" in text
    assert "3fit" in text
