"""Summaries as HTML: well formed, short at any size, and safe whatever columns are called."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import fastgmm
from fastgmm import Candidate, GaussianMixture, Selection
from fastgmm.sources import Table

VOID = {"br", "path"}


class Checked(HTMLParser):
    """It notes the text, and fails where a tag is not closed in its turn."""

    def __init__(self, html):
        super().__init__()
        self.open, self.seen, self.words = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


def mixture(k, d, names=None):
    rng = np.random.default_rng(0)
    model = GaussianMixture(k, random_state=0, covariance_type="diag", tol=10.0)
    rows = rng.normal(size=(20 * k, d)) + 5 * rng.integers(k, size=(20 * k, 1))
    return model.fit(rows if names is None else Table(rows, names))


def test_a_mixture_has_a_line_per_component_and_a_picture_per_column():
    model = mixture(3, 2, ("a", "b"))
    page = Checked(model._repr_html_())
    assert page.seen.count("tr") == 2 + 3
    assert page.seen.count("svg") == 2
    for text in ("GaussianMixture", "fitted: 3 components, 60 rows, converged in", "± "):
        assert text in page.text
    order = [f"{weight:.4f}" for weight in model.weights_]
    assert re.findall(r"</span>\d</td><td>([\d.]+)</td>", model._repr_html_()) == order


@pytest.mark.parametrize(("k", "d"), [(50, 30), (7, 1), (1, 9)])
def test_a_large_mixture_is_shortened_and_says_so(k, d):
    model = mixture(k, d)
    html = model._repr_html_()
    page = Checked(html)
    assert page.seen.count("tr") == 2 + min(k, 10)
    assert page.seen.count("svg") == min(d, 6)
    assert ("and 40 lighter components, which together weigh" in page.text) == (k == 50)
    assert ("and 24 more columns" in page.text) == (d == 30)
    assert ("and 3 more columns" in page.text) == (d == 9)
    assert len(html) < 60_000
    shown = [int(number) for number in re.findall(r"</span>(\d+)</td>", html)]
    heaviest = np.sort(np.argsort(-model.weights_, kind="stable")[:10]).tolist()
    assert shown == heaviest


def test_names_are_text():
    name = "<script>alert('&')</script>"
    html = mixture(2, 1, (name,))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert..." in html
    Checked(html)


def test_colours_are_those_of_the_page():
    """Nothing but swatches and areas has a colour of its own, for light pages and dark ones."""
    style = re.search(r"<style>.*?</style>", mixture(2, 2)._repr_html_(), re.DOTALL)[0]
    assert set(re.findall(r"(?:^|[ {;])color: ([^;]+);", style)) == {"inherit"}
    assert set(re.findall(r"background: ([^;]+);", style)) == {"transparent"}


def test_a_choice_shows_the_best_and_what_means_nothing():
    table = [
        Candidate("full", 1, 30.0, 31.0, 29.0, -9.0, 5, True, 3),
        Candidate("full", 2, 10.0, 11.0, 9.0, -1.0, 9, True, 3, n_collapsed=1),
        Candidate("diag", 1, 20.5, 21.0, 19.0, -5.0, 3, True, 3),
        Candidate("diag", 2, *[np.inf] * 3, -np.inf, 0, False, 0, failure="<too few rows>"),
    ]
    html = Selection(None, table, "bic")._repr_html_()
    page = Checked(html)
    assert "the best of 4 fits by BIC (lower is better): diag, 1 component" in page.text
    assert re.findall(r"fastgmm-best'>&nbsp;([\d.]+)", html) == ["20.50"]
    assert "10.00 !" in page.text
    assert "collapsed" in page.text
    assert "could not be fitted" in page.text
    assert "&lt;too few rows&gt;" in table[3]._repr_html_()
    assert "too few rows" in table[3].summary()
    many = [table[0]._replace(n_components=k) for k in range(1, 41)]
    page = Checked(Selection(None, many, "bic")._repr_html_())
    assert "and 10 more lines in table" in page.text


def test_a_fit_of_a_grid():
    one = fastgmm.select([[0.0], [0.1], [0.3], [4.0], [4.4], [4.5]], 2, "tied").table[0]
    assert one.summary().startswith("2 components, tied covariance\n\nBIC              11.69")
    assert "free parameters: 4" in Checked(one._repr_html_()).text
