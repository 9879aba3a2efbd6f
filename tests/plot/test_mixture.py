"""The picture of a mixture, its axes, and every sentence for what cannot be drawn."""

import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from fastgmm import GaussianMixture
from fastgmm.plot import plot_log_likelihood, plot_mixture
from fastgmm.sources import Table
from pictures import axes, bars, ellipses, legend_texts, points, simple

NAMES = ("length", "width", "depth")


def test_float32_and_far_away_data(covariance_type):
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(500, 2)) @ [[1.0, 0.5], [0.0, 1.0]]).astype(np.float32)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    ax = plot_mixture(model, rows, ax=axes())
    assert len(points(ax).get_offsets()) == 500
    far = rows.astype(np.float64) + 1e8
    model = GaussianMixture(1, covariance_type=covariance_type).fit(far)
    ax = plot_mixture(model, far, ax=axes())
    assert np.ptp(ax.get_xlim()) == pytest.approx(np.ptp(far[:, 0]), rel=0.5)


def test_three_features_are_a_grid_of_pairs(model_and_rows):
    model, rows = model_and_rows
    figure = Figure(layout="constrained")
    grid = figure.subplots(3, 3)
    drawn = plot_mixture(model, Table(rows, NAMES), ax=grid)
    assert drawn.shape == (3, 3)
    assert all(a is b for a, b in zip(drawn.flat, grid.flat, strict=True))
    for row, column in np.ndindex(3, 3):
        ax = grid[row, column]
        if column > row:
            assert not ax.axison
        elif column == row:
            assert bars(ax)
            assert len(ax.lines) == 4
        else:
            assert len(ellipses(ax)) == 6
            np.testing.assert_array_equal(points(ax).get_offsets(), rows[:, [column, row]])
            assert ax.get_ylim() == grid[row, row].get_xlim()
        if column <= row:
            assert ax.get_xlim() == grid[2, column].get_xlim()
    assert [ax.get_xlabel() for ax in grid[2]] == list(NAMES)
    assert [ax.get_ylabel() for ax in grid[:, 0]] == ["", *NAMES[1:]]
    assert {ax.get_xlabel() for ax in grid[:2].flat} == {""}
    assert legend_texts(grid[0, 2])[-2:] == ["their sum", "1, 2 deviations"]


def test_given_axes_leave_pyplot_alone():
    code = (
        "import sys, numpy as np\n"
        "from matplotlib.figure import Figure\n"
        "from fastgmm import GaussianMixture\n"
        "from fastgmm.plot import plot_log_likelihood, plot_mixture\n"
        "rows = np.random.default_rng(0).normal(size=(100, 2))\n"
        "model = GaussianMixture(2, random_state=0).fit(rows)\n"
        "plot_mixture(model, rows, ax=Figure().add_subplot())\n"
        "plot_log_likelihood(model, ax=Figure().add_subplot())\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_axes_there_is_a_new_pyplot_figure(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    mpl.use("agg")
    from matplotlib import pyplot

    pyplot.close("all")
    rows = np.random.default_rng(0).normal(size=(30, 3))
    model = GaussianMixture(1).fit(rows)
    first = plot_mixture(model, rows, features=[0, 1])
    grid = plot_mixture(model, rows)
    trace = plot_log_likelihood(model)
    figures = [ax.figure for ax in (first, grid[0, 0], trace)]
    assert [pyplot.figure(number) for number in pyplot.get_fignums()] == figures
    pyplot.close("all")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"features": ["a"]}, "The model has no column names, so 'a' is not one; choose by "
         "number, 0 to 1."),
        ({"features": 2}, "The model has no column number 2; the numbers are 0 to 1."),
        ({"features": []}, "No column of The model is chosen; choose at least one."),
        ({"X": np.ones((3, 4))}, "X must have at least one row and 2 columns, as the model has; "
         "its shape is (3, 4)."),
        ({"X": np.ones(2)}, "X must have at least one row and 2 columns, as the model has; its "
         "shape is (2,)."),
        ({"X": np.ones((0, 2))}, "X must have at least one row and 2 columns, as the model has; "
         "its shape is (0, 2)."),
        ({"X": [[1.0, np.nan]]}, "X holds NaN or infinity; leave out or fill in those rows."),
        ({"sample_weight": [1.0]}, "sample_weight needs the rows that it weighs; pass X too."),
        ({"X": np.ones((3, 2)), "sample_weight": [1.0]}, "sample_weight must have shape (3,), one "
         "weight for each row of X; its shape is (1,)."),
        ({"deviations": ()}, "deviations must be positive numbers, got ()."),
        ({"deviations": [1, 0]}, "deviations must be positive numbers, got [1, 0]."),
        ({"deviations": [np.inf]}, "deviations must be positive numbers, got [inf]."),
        ({"ax": np.array([None, None])}, "2 features need one Axes as ax; its shape is (2,)."),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        plot_mixture(simple(), **{"ax": axes(), **arguments})


def test_grids_that_do_not_fit_are_refused():
    with pytest.raises(
        ValueError, match=r"^3 features need an array of Axes of shape \(3, 3\) as "
    ):
        plot_mixture(simple(2, 3), ax=axes())
    with pytest.raises(ValueError, match=r"^A grid of 11 features is too large to read; choose at"):
        plot_mixture(simple(2, 11), ax=axes())


def test_unfitted_models_and_models_without_iterations_are_refused():
    for draw in (plot_mixture, plot_log_likelihood):
        with pytest.raises(ValueError, match="not fitted yet"):
            draw(GaussianMixture(), ax=axes())
    with pytest.raises(
        ValueError, match=r"^The model has no iterations to draw: its lower_bounds_"
    ):
        plot_log_likelihood(simple(), ax=axes())
