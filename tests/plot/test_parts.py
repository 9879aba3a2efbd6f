"""The parts of a picture: densities, points and ellipses, numbers, names and the legend."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from fastgmm import GaussianMixture
from fastgmm.plot import plot_mixture
from fastgmm.plot.parts import DARK, DARKENING, bin_edges, component_colours
from fastgmm.sources import Table
from pictures import axes, bars, ellipses, legend_texts, points, simple
from support import matrices_of


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


@pytest.mark.parametrize(("step", "n"), [(0.9, 4000), (1.0, 300), (0.1, 20_000), (5.0, 60)])
def test_bins_of_values_that_come_in_steps_are_whole_steps(rng, step, n):
    values = np.round(rng.normal(60.0, 8.0, size=n) / step) * step
    edges = bin_edges(values)
    width = edges[1] - edges[0]
    assert width / step == pytest.approx(round(width / step))
    np.testing.assert_allclose(np.diff(edges), width)
    counts = np.histogram(values, edges)[0]
    assert counts.sum() == n
    assert 4 <= len(counts) <= 100
    # No value lies on an edge, where rounding would throw it to either side.
    assert np.abs(values[:, None] - edges).min() > 0.4 * step


def test_bins_of_uneven_steps_hold_two_at_least(rng):
    degrees = np.round(rng.normal(10.0, 9.0, size=8000)) * 1.8 + 32.0
    degrees = np.floor(degrees)  # steps of 1 and 2
    edges = bin_edges(degrees)
    assert edges[1] - edges[0] >= 2 * np.median(np.diff(np.unique(degrees)))


def test_bins_of_two_far_values():
    edges = bin_edges(np.repeat([0.0, 1e-9, 1.0], 50))
    assert len(edges) < 200
    assert edges[0] <= 0.0
    assert edges[-1] >= 1.0


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
