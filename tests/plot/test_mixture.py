"""Pictures show the mixture and the data, and every sentence for what cannot be drawn."""

import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

from fastgmm import GaussianMixture
from fastgmm.plot import check_picture_name, plot_log_likelihood, plot_mixture, save_mixture
from fastgmm.plot.parts import DARK, DARKENING, component_colours
from fastgmm.plot.shown import MOST_POINTS
from fastgmm.tables.table import Table
from support import correlated_mixture, matrices_of

NAMES = ("length", "width", "depth")


@pytest.fixture
def model_and_rows(rng, covariance_type):
    mixture = correlated_mixture(3, 3, rng)
    rows, _ = mixture.sample(200, rng)
    covariances = mixture.covariances_as(covariance_type)
    model = GaussianMixture.from_parameters(
        mixture.weights, mixture.means, covariances, covariance_type=covariance_type
    )
    return model, rows


def simple(n_components=2, n_features=2):
    """Return a fitted model without any random number."""
    means = np.arange(n_components)[:, None] * np.full(n_features, 10.0)
    covariances = np.tile(np.eye(n_features), (n_components, 1, 1))
    weights = np.arange(1, n_components + 1) / np.arange(1, n_components + 1).sum()
    return GaussianMixture.from_parameters(weights, means, covariances)


def axes():
    return Figure().add_subplot()


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def ellipses(ax):
    return [patch for patch in ax.patches if isinstance(patch, Ellipse)]


def bars(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def points(ax):
    (collection,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    return collection


def test_one_feature_shows_each_weighted_component_and_the_sum(model_and_rows):
    model, rows = model_and_rows
    matrices = matrices_of(model.covariance_type, model.covariances_, model.means_)
    for feature in range(3):
        ax = plot_mixture(model, rows, features=feature, ax=axes())
        *components, total = ax.lines
        assert len(components) == 3
        expected = 0.0
        variances = matrices[:, feature, feature]
        for k, line in enumerate(components):
            x, y = line.get_data()
            assert (np.diff(x) > 0).all()
            square = (x - model.means_[k, feature]) ** 2 / variances[k]
            density = np.exp(-square / 2) / np.sqrt(2 * np.pi * variances[k])
            np.testing.assert_allclose(y, model.weights_[k] * density, rtol=1e-12, atol=1e-300)
            assert to_rgb(line.get_color()) == component_colours(3)[k]
            expected = expected + y
        np.testing.assert_allclose(total.get_ydata(), expected)
        assert total.get_color() == DARK
        assert ax.get_xlabel() == f"feature {feature}"
        assert ax.get_ylabel() == "density"


def test_the_sum_is_the_density_of_the_model():
    model = GaussianMixture.from_parameters([0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]])
    x, y = plot_mixture(model, ax=axes()).lines[-1].get_data()
    np.testing.assert_allclose(y, np.exp(model.score_samples(x[:, None])), rtol=1e-12)
    assert x[0] < 2.0 - 3.0
    assert x[-1] > 5.0 + 3 * np.sqrt(2.0)


def test_a_narrow_component_keeps_its_peak():
    model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [1.2345]], [[[1e4]], [[1e-8]]])
    total = plot_mixture(model, ax=axes()).lines[-1].get_ydata()
    peak = 0.5 / np.sqrt(2 * np.pi * 1e-8)
    assert total.max() == pytest.approx(peak, rel=1e-4)


def test_the_histogram_is_a_density_of_all_rows(model_and_rows):
    model, rows = model_and_rows
    drawn = bars(plot_mixture(model, rows, features=1, ax=axes()))
    heights, edges = np.histogram(rows[:, 1], len(drawn), density=True)
    np.testing.assert_allclose([bar.get_height() for bar in drawn], heights, atol=1e-12)
    np.testing.assert_allclose([bar.get_x() for bar in drawn], edges[:-1])
    np.testing.assert_allclose(drawn[-1].get_x() + drawn[-1].get_width(), edges[-1])


def test_weights_count_as_repetitions_in_the_histogram(rng):
    rows = rng.normal(size=(300, 1))
    weights = rng.integers(1, 4, size=300)
    weighted = plot_mixture(simple(2, 1), rows, sample_weight=weights, ax=axes())
    counts, edges = np.histogram(np.repeat(rows, weights), len(bars(weighted)), density=True)
    np.testing.assert_allclose([bar.get_height() for bar in bars(weighted)], counts)
    np.testing.assert_allclose([bar.get_x() for bar in bars(weighted)], edges[:-1])


@pytest.mark.parametrize("pair", [(0, 1), (2, 0)])
def test_ellipses_are_at_the_deviations(model_and_rows, pair):
    model, rows = model_and_rows
    matrices = matrices_of(model.covariance_type, model.covariances_, model.means_)
    ax = plot_mixture(model, rows, features=pair, ax=axes(), deviations=(2.0, 1.0, 3.5))
    drawn = ellipses(ax)
    assert len(drawn) == 9
    circle = np.column_stack([np.cos(np.arange(8)), np.sin(np.arange(8))])
    for index, ellipse in enumerate(drawn):
        k, size = index // 3, (1.0, 2.0, 3.5)[index % 3]
        centred = ellipse.get_patch_transform().transform(circle) - model.means_[k, list(pair)]
        covariance = matrices[k][np.ix_(pair, pair)]
        distances = np.sqrt((centred @ np.linalg.inv(covariance) * centred).sum(axis=1))
        np.testing.assert_allclose(distances, size, rtol=1e-9)
        darker = DARKENING * np.array(component_colours(3)[k])
        np.testing.assert_allclose(ellipse.get_edgecolor()[:3], darker)
        assert not ellipse.get_fill()
    assert "1, 2, 3.5 deviations" in legend_texts(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (f"feature {pair[0]}", f"feature {pair[1]}")


def test_points_have_the_colour_of_their_label(model_and_rows):
    model, rows = model_and_rows
    collection = points(plot_mixture(model, rows, features=[2, 1], ax=axes()))
    np.testing.assert_array_equal(collection.get_offsets(), rows[:, [2, 1]])
    expected = np.array(component_colours(3))[model.predict(rows)]
    np.testing.assert_array_equal(collection.get_facecolors()[:, :3], expected)


def test_many_points_are_thinned_and_the_histogram_is_not(rng):
    rows = rng.normal(5.0, 4.0, size=(MOST_POINTS + 5000, 2))
    first, again = (plot_mixture(simple(), rows, ax=axes()) for _ in range(2))
    drawn = np.asarray(points(first).get_offsets())
    assert drawn.shape == (MOST_POINTS, 2)
    assert (drawn != rows[:MOST_POINTS]).any()
    expected = np.array(component_colours(2))[simple().predict(drawn)]
    np.testing.assert_array_equal(points(first).get_facecolors()[:, :3], expected)
    np.testing.assert_array_equal(drawn, points(again).get_offsets())
    assert len({tuple(row) for row in drawn.tolist()} & {tuple(row) for row in rows.tolist()}) == (
        MOST_POINTS
    )
    # The rows that are left out hold the largest: the axis and the histogram still show it.
    left_out = np.setdiff1d(rows[:, 0], drawn[:, 0])
    rows[rows[:, 0] == left_out[0], 0] = 99.0
    assert plot_mixture(simple(), rows, ax=axes()).get_xlim()[1] > 99.0
    edge = bars(plot_mixture(simple(), rows, features=0, ax=axes()))[-1]
    assert edge.get_x() + edge.get_width() == pytest.approx(99.0)


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


def test_axes_show_all_rows_and_cut_far_ellipses():
    covariances = [np.eye(2), np.eye(2) * 1e6]
    model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], covariances)
    rows = np.array([[-1.0, -2.0], [3.0, 2.0]])
    ax = plot_mixture(model, rows, ax=axes())
    for limits, column in zip([ax.get_xlim(), ax.get_ylim()], rows.T, strict=True):
        assert limits[0] < column.min()
        assert limits[1] > column.max()
        assert np.ptp(limits) < 1.5 * np.ptp(column)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("value", "deviation"), [(0.0, 1e-3), (1e8, 1e-3), (1e8, 1e-9)])
def test_constant_columns_have_an_axis(value, deviation):
    rows = np.full((5, 2), value)
    model = GaussianMixture.from_parameters([1.0], rows[:1], [np.eye(2) * deviation**2])
    low, high = plot_mixture(model, rows, ax=axes()).get_xlim()
    assert low < value - 2 * deviation
    assert high > value + 2 * deviation
    assert high - low <= (2.0 if value + deviation == value else 5 * deviation)
    assert len(bars(plot_mixture(model, rows, features=0, ax=axes()))) == 8


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


def test_long_names_stay_beside_their_panel():
    names = ("nonflavanoid phenols", "n" * 24, "a name that is far too long to fit")
    model = GaussianMixture(1).fit(Table(np.random.default_rng(0).normal(size=(9, 3)), names))
    figure = Figure(layout="constrained", figsize=(7.2, 7.2))
    grid = plot_mixture(model, ax=figure.subplots(3, 3))
    assert [ax.get_xlabel() for ax in grid[2]] == [*names[:2], "a name that is far to..."]
    figure.draw_without_rendering()
    boxes = [ax.xaxis.label.get_window_extent() for ax in grid[2]]
    assert boxes[0].x1 < boxes[1].x0 < boxes[1].x1 < boxes[2].x0
    assert boxes[2].x1 <= figure.bbox.x1
    assert grid[1, 0].yaxis.label.get_window_extent().y0 > (
        grid[2, 0].yaxis.label.get_window_extent().y1
    )


@pytest.mark.parametrize("n_components", [2, 30])
def test_nothing_lies_under_the_legend(n_components):
    figure = Figure(layout="constrained")
    grid = plot_mixture(simple(n_components, 3), ax=figure.subplots(3, 3))
    figure.set_size_inches(7, 7)
    figure.draw_without_rendering()
    legend = grid[0, 2].get_legend().get_window_extent()
    assert legend.x0 >= 0
    assert legend.y0 >= 0
    for row, column in zip(*np.tril_indices(3), strict=True):
        assert not legend.overlaps(grid[row, column].get_tightbbox())
        assert grid[row, column].get_position().size == pytest.approx([0.3, 0.3], abs=0.03)
    figure = Figure(layout="constrained")
    ax = plot_mixture(simple(n_components), ax=figure.add_subplot())
    figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 >= ax.get_window_extent().x1
    assert legend.x1 <= figure.bbox.x1
    assert legend.y0 >= 0


def test_a_legend_stays_inside_axes_whose_figure_has_no_layout():
    ax = plot_mixture(simple(), ax=axes())
    ax.figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent()
    assert ax.get_window_extent().contains(box.x0, box.y0)
    assert ax.get_window_extent().contains(box.x1, box.y1)


def test_the_legend_names_components_and_weights():
    assert legend_texts(plot_mixture(simple(), ax=axes())) == [
        "0: 33.3 %",
        "1: 66.7 %",
        "1, 2 deviations",
    ]
    texts = legend_texts(plot_mixture(simple(19, 1), ax=axes()))
    assert [text.split(":")[0] for text in texts[:16]] == [str(k) for k in range(3, 19)]
    assert texts[16:] == ["and 3 lighter", "their sum"]
    assert plot_mixture(simple(), ax=axes(), legend=False).get_legend() is None


def test_numbers_at_the_means_where_colours_do_not_suffice():
    def numbers(model):
        return [text.get_text() for text in plot_mixture(model, ax=axes()).texts]

    assert numbers(simple(6)) == []
    assert numbers(simple(7)) == list("0123456")
    means = simple(7).means_.copy()
    means[3] = means[2] + 0.01
    model = GaussianMixture.from_parameters(np.full(7, 1 / 7), means, np.tile(np.eye(2), (7, 1, 1)))
    assert numbers(model) == list("01456")


@pytest.mark.parametrize("n_components", [1, 6, 7, 64])
def test_colours_differ_and_show_on_white(n_components):
    colours = component_colours(n_components)
    assert len(set(colours)) == n_components
    assert max(np.dot(colour, [0.2126, 0.7152, 0.0722]) for colour in colours) < 0.8


def test_names_come_from_the_model_or_the_frame():
    pandas = pytest.importorskip("pandas")
    rows = pandas.DataFrame({"a": [1.0, 2.0, 4.0, 5.0], "b": [2.0, 0.0, 1.0, 5.0]})
    model = GaussianMixture(1).fit(rows)
    assert plot_mixture(model, ax=axes()).get_xlabel() == "a"
    assert plot_mixture(model, rows, features=["b"], ax=axes()).get_xlabel() == "b"
    nameless = GaussianMixture(1).fit(rows.to_numpy())
    assert plot_mixture(nameless, rows.to_numpy(), ax=axes()).get_xlabel() == "feature 0"


def test_rows_without_names_draw_without_a_warning(recwarn):
    rows = np.random.default_rng(0).normal(size=(50, 2))
    model = GaussianMixture(1).fit(Table(rows, ("a", "b")))
    assert plot_mixture(model, rows, ax=axes()).get_ylabel() == "b"
    assert [str(warning.message) for warning in recwarn] == []


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


def test_the_trace_shows_each_iteration():
    rows = np.random.default_rng(0).normal(size=(300, 2))
    model = GaussianMixture(3, random_state=0, tol=1e-6, max_iter=500).fit(rows)
    ax = plot_log_likelihood(model, ax=axes())
    x, y = ax.lines[0].get_data()
    assert x.tolist() == list(range(1, len(model.lower_bounds_) + 1))
    np.testing.assert_array_equal(y, model.lower_bounds_)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iteration", "log-likelihood per row")
    assert ax.get_title() == "converged"
    model.converged_ = False
    assert plot_log_likelihood(model, ax=axes()).get_title() == "not converged"


@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_pictures_of_every_type_are_written(tmp_path, covariance_type, n_features):
    rows = np.random.default_rng(0).normal(size=(60, n_features))
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
    save_mixture(tmp_path / "picture.png", model, rows)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("ending", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".SVG", b"<?xml")]
)
@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_pictures_are_written(tmp_path, ending, start, n_features):
    path = tmp_path / f"picture{ending}"
    save_mixture(path, simple(2, n_features), np.ones((3, n_features)))
    assert path.read_bytes().startswith(start)


def test_some_features_with_weights_are_written(tmp_path):
    path = tmp_path / "picture.png"
    save_mixture(path, simple(2, 12), np.ones((3, 12)), features=[0, 3], sample_weight=[1, 2, 3])
    assert path.stat().st_size > 0


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


def test_unknown_formats_are_refused_before_any_work(tmp_path):
    for name in ("picture.doc", "picture"):
        with pytest.raises(ValueError, match=r"^The picture .* must end in one of .*\.pdf, .*\.$"):
            save_mixture(tmp_path / name, None)
    check_picture_name("picture.PNG")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    model = simple()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (plot_mixture, plot_log_likelihood, lambda model: save_mixture("x.png", model)):
        with pytest.raises(ImportError, match=r"^Pictures need matplotlib: pip install 'fastgmm\["):
            draw(model)
