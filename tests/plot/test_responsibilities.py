"""Responsibilities along a grid: the numbers are the model's own."""

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.plot import plot_responsibilities
from fastgmm.plot.parts import component_colours
from fastgmm.plot.responsibilities import responsibilities
from fastgmm.plot.shown import as_shown
from pictures import axes, legend_texts, simple


def test_they_are_those_of_the_model(model_and_rows):
    model, rows = model_and_rows
    shown = as_shown(model, None, None)
    np.testing.assert_allclose(responsibilities(shown, rows), model.predict_proba(rows), atol=1e-12)
    one = as_shown(model, None, [2])
    marginal = model.marginal([2]) if hasattr(model, "marginal") else model
    np.testing.assert_allclose(
        responsibilities(one, rows[:, [2]]), marginal.predict_proba(rows[:, [2]]), atol=1e-12
    )


def test_far_points_belong_to_the_nearest():
    found = responsibilities(as_shown(simple(2, 2), None, None), np.array([[1e6, 1e6]]))
    np.testing.assert_array_equal(found, [[0.0, 1.0]])


def test_one_feature_is_a_stack():
    model = GaussianMixture.from_parameters([0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]])
    ax = plot_responsibilities(model, ax=axes())
    assert ax.get_ylim() == (0.0, 1.0)
    low, high = ax.collections
    corners = low.get_paths()[0].vertices
    edge = corners[corners[:, 1] > 0]
    expected = model.predict_proba(edge[:, [0]])[:, 0]
    np.testing.assert_allclose(edge[:, 1], expected, atol=1e-12)
    np.testing.assert_allclose(low.get_facecolor()[0, :3], component_colours(2)[0])
    np.testing.assert_allclose(high.get_facecolor()[0, :3], component_colours(2)[1])
    assert legend_texts(ax) == ["0: 60.0 %", "1: 40.0 %"]


def test_two_features_are_a_map():
    model = simple(3, 2)
    ax = plot_responsibilities(model, ax=axes())
    (image,) = ax.images
    pixels = image.get_array()
    (low, _), (_, high) = ax.get_xlim(), ax.get_xlim()
    colours = 0.25 + 0.75 * np.array(component_colours(3))
    for k, mean in enumerate(model.means_[:, 0]):
        place = int((mean - low) / (high - low) * (len(pixels) - 1))
        np.testing.assert_allclose(pixels[place, place], colours[k], atol=0.02)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 0", "feature 1")


def test_many_components_have_numbers_and_three_features_are_refused():
    ax = plot_responsibilities(simple(9, 2), ax=axes())
    assert [text.get_text() for text in ax.texts] == list("012345678")
    with pytest.raises(ValueError, match=r"along one feature or over two, not 3; choose"):
        plot_responsibilities(simple(2, 3), ax=axes())
    assert plot_responsibilities(simple(2, 3), features=[0, 2], ax=axes()).get_ylabel() == (
        "feature 2"
    )
