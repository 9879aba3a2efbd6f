"""The log-likelihood over the iterations, and a criterion over the components."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from fastgmm import Candidate, GaussianMixture
from fastgmm.errors import ConvergenceWarning
from fastgmm.plot import curves, plot_criterion, plot_log_likelihood, save_criterion
from pictures import axes, legend_texts


def test_the_trace_shows_each_iteration():
    rows = np.random.default_rng(0).normal(size=(300, 2))
    model = GaussianMixture(3, random_state=0, tol=1e-6, max_iter=500).fit(rows)
    ax = plot_log_likelihood(model, ax=axes())
    x, y = ax.lines[0].get_data()
    assert x.tolist() == list(range(1, len(model.lower_bounds_) + 1))
    np.testing.assert_array_equal(y, model.lower_bounds_)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iteration", "log-likelihood per row")
    assert ax.get_title() == "converged"
    with pytest.warns(ConvergenceWarning):
        model.set_params(max_iter=2).fit(rows)
    assert plot_log_likelihood(model, ax=axes()).get_title() == "not converged"


def candidate(kind, n_components, bic, **others):
    """Return a fit with this BIC; its AIC and ICL are lower and higher by 1."""
    return Candidate(kind, n_components, bic, bic + 1, bic - 1, -bic / 2, 3, True, 5, **others)


TABLE = [
    candidate("full", 2, 20.0),
    candidate("full", 1, 30.0),
    candidate("diag", 1, 25.0),
    candidate("diag", 2, 10.0, n_collapsed=1),
    candidate("tied", 1, np.inf, failure="too few rows"),
]


@pytest.mark.parametrize(("criterion", "more"), [("bic", 0.0), ("icl", 1.0), ("aic", -1.0)])
def test_a_criterion_has_a_line_per_type_and_a_ring_around_the_best(criterion, more):
    ax = axes()
    assert plot_criterion(TABLE, criterion, ax=ax) is ax
    full, diag, hollow, key, chosen, ring = ax.lines
    assert chosen.get_xdata() == [2, 2]
    for line, values in [(full, [30.0, 20.0]), (diag, [25.0, 10.0])]:
        assert line.get_xdata().tolist() == [1, 2]
        assert line.get_ydata().tolist() == [value + more for value in values]
    assert (hollow.get_xdata().tolist(), hollow.get_ydata().tolist()) == ([2], [10.0 + more])
    assert hollow.get_color() == diag.get_color() != full.get_color()
    assert hollow.get_marker() == diag.get_marker() != full.get_marker()
    assert hollow.get_markerfacecolor() == key.get_markerfacecolor() == "white"
    assert (ring.get_xdata().tolist(), ring.get_ydata().tolist()) == ([2], [20.0 + more])
    assert legend_texts(ax) == ["full", "diag", "a component has collapsed", "best: full, 2"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "components",
        f"{criterion.upper()} (lower is better)",
    )


def test_bad_types_do_not_squeeze_the_good_ones():
    good = [candidate("full", k, 2300.0 + 3 * abs(k - 3)) for k in range(1, 21)]
    bad = [candidate("spherical", k, 9000.0 - k) for k in range(1, 6)]
    ax = plot_criterion(good + bad, ax=axes())
    low, high = ax.get_ylim()
    assert low < 2300.0
    assert 2320.0 < high < 2500.0
    assert [text.get_text() for text in ax.texts] == ["\u25b4 5 fits lie above"]
    ticks = ax.get_xticks().tolist()
    assert {1, 3, 20} <= set(ticks)
    assert len(ticks) <= 12
    assert min(np.diff(ticks)) >= 1
    ax = plot_criterion(good, ax=axes())
    assert len(ax.texts) == 0
    assert ax.get_ylim()[1] > max(one.bic for one in good)


def test_a_legend_of_a_picture_with_a_layout_is_beside_it():
    figure = Figure(layout="constrained")
    ax = plot_criterion(TABLE, ax=figure.add_subplot())
    figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


def test_a_criterion_without_a_new_axes_is_a_pyplot_figure(monkeypatch):
    mpl.use("agg")
    from matplotlib import pyplot

    pyplot.close("all")
    ax = plot_criterion(TABLE)
    assert [pyplot.figure(number) for number in pyplot.get_fignums()] == [ax.figure]
    pyplot.close("all")


def test_a_table_without_a_fit_is_refused():
    with pytest.raises(ValueError, match=r"^There is nothing to draw: no fit of the table has end"):
        plot_criterion(TABLE[-1:], ax=axes())


def test_a_criterion_is_written(tmp_path):
    save_criterion(tmp_path / "fits.png", TABLE, "bic")
    assert (tmp_path / "fits.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="must end in one of"):
        save_criterion(tmp_path / "fits.doc", TABLE, "bic")


def test_each_of_mclusts_types_has_a_line_of_its_own() -> None:
    """Six colours and seven markers: no two of 42 lines are alike."""
    assert np.lcm(len(curves.PALETTE), len(curves.MARKERS)) >= 22
