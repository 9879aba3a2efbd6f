"""What a picture shows: features and their names, points, axes, and what is refused."""

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.plot import plot_mixture
from fastgmm.plot.parts import component_colours
from fastgmm.plot.shown import MOST_POINTS, as_shown, chosen_features
from fastgmm.sources import Table
from pictures import axes, bars, points, simple


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
    rows[rows[:, 0] == left_out[0], 0] = 33.0
    assert plot_mixture(simple(), rows, ax=axes()).get_xlim()[1] > 33.0
    edge = bars(plot_mixture(simple(), rows, features=0, ax=axes()))[-1]
    assert edge.get_x() + edge.get_width() == pytest.approx(33.0)


def test_rows_far_from_all_others_are_counted_and_not_shown(rng):
    rows = rng.normal(size=(3000, 2)) + 10.0 * rng.integers(2, size=(3000, 1))
    plain = as_shown(simple(), rows, None)
    limits = plain.limits(2.0)
    assert plain.beyond(limits).tolist() == [[0, 0], [0, 0]]
    rows[5] = [1048.0, 3.0]
    rows[6] = [4.0, -500.0]
    rows[7] = [5.0, -600.0]
    shown = as_shown(simple(), rows, None)
    np.testing.assert_allclose(shown.limits(2.0), limits, atol=0.2)
    assert shown.beyond(shown.limits(2.0)).tolist() == [[0, 1], [2, 0]]
    ax = plot_mixture(simple(), rows, ax=axes())
    assert [text.get_text() for text in ax.texts] == ["1 \u25b8", "\u25be 2"]
    ax = plot_mixture(simple(), rows, features=1, ax=axes())
    assert [text.get_text() for text in ax.texts] == ["\u25c2 2"]
    # Rows that are not shown count in the density: the bars hold all rows but these two.
    area = sum(bar.get_height() * bar.get_width() for bar in bars(ax))
    assert area == pytest.approx(2998 / 3000)


def test_few_rows_are_all_shown(rng):
    rows = np.append(rng.normal(size=(30, 1)), [[6.0]], axis=0)
    shown = as_shown(simple(1, 1), rows, None)
    assert shown.beyond(shown.limits(2.0)).tolist() == [[0, 0]]
    mostly = np.zeros((5000, 1))
    mostly[:3] = 1.0
    assert as_shown(simple(1, 1), mostly, None).limits(2.0)[0, 1] > 1.0


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


def test_what_is_shown_is_a_value(model_and_rows):
    model, rows = model_and_rows
    weights = np.arange(len(rows), dtype=np.float64)
    shown = as_shown(model, rows, [2, 0], weights)
    assert shown.names == ["feature 2", "feature 0"]
    np.testing.assert_array_equal(shown.weights, model.weights_)
    np.testing.assert_array_equal(shown.means, model.means_[:, [2, 0]])
    np.testing.assert_array_equal(shown.rows, rows[:, [2, 0]])
    np.testing.assert_array_equal(shown.points, shown.rows)
    np.testing.assert_array_equal(shown.row_weights, weights)
    np.testing.assert_array_equal(shown.labels, model.predict(rows))
    assert shown.covariances.shape == (3, 2, 2)
    variances = np.diagonal(shown.covariances, axis1=1, axis2=2)
    np.testing.assert_array_equal(shown.spread, np.sqrt(variances))
    without = as_shown(model, None, None)
    assert without.names == ["feature 0", "feature 1", "feature 2"]
    assert (without.rows, without.row_weights, without.points, without.labels) == (None,) * 4


def test_axes_without_rows_show_three_deviations_at_least():
    shown = as_shown(simple(1, 2), None, None)
    for deviations, reach in [(1.0, 3.0), (5.0, 5.0)]:
        limits = shown.limits(deviations)
        np.testing.assert_allclose(limits, [[-1.08 * reach, 1.08 * reach]] * 2)


def test_features_are_chosen_by_name_or_number():
    model = GaussianMixture(1).fit(Table(np.random.default_rng(0).normal(size=(9, 2)), ("a", "b")))
    assert chosen_features(model, None, "b") == ([1], ["b"])
    assert chosen_features(model, None, 0) == ([0], ["a"])
    assert chosen_features(model, None, None) == ([0, 1], ["a", "b"])
    assert chosen_features(simple(), Table(np.ones((1, 2)), ("c", "d")), ["d"]) == ([1], ["d"])


def test_of_rows_with_gaps_those_with_a_place_are_shown():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 3))
    rows[:20, 1], rows[40:, 0] = np.nan, np.nan
    model = GaussianMixture(2, missing="em", random_state=0).fit(rows)
    shown = as_shown(model, rows, [0, 2], np.arange(60.0))
    np.testing.assert_array_equal(shown.rows, rows[:40, [0, 2]])
    np.testing.assert_array_equal(shown.row_weights, np.arange(40.0))
    np.testing.assert_array_equal(shown.labels, model.predict(rows[:40]))
    with pytest.raises(ValueError, match="no row of X has all features"):
        as_shown(model, rows[:20], [0, 1])
    with pytest.raises(ValueError, match="NaN"):
        as_shown(model.set_params(missing="error"), rows, [0, 2])


def test_a_column_that_is_constant_but_for_a_few_has_no_measure_of_far():
    rows = np.full((5000, 1), 1e8)
    rows[:3] += 5.0
    model = GaussianMixture.from_parameters([1.0], [[1e8]], [[[1e-18]]])
    shown = as_shown(model, rows, None)
    limits = shown.limits(2.0)
    assert limits[0, 1] > 1e8 + 5.0
    assert shown.beyond(limits).tolist() == [[0, 0]]
