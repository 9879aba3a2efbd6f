"""The dendrogram of components: it merges as `merge_components` does."""

from itertools import pairwise

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.plot import plot_merging
from fastgmm.plot.merging import tree_of
from pictures import axes, simple
from support import correlated_mixture


def test_branches_meet_in_the_order_of_merges(rng):
    given = correlated_mixture(9, 3, rng)
    model = GaussianMixture.from_parameters(
        given.weights, given.means, given.covariances_as("full")
    )
    mixture = model._state.mixture
    order, lines = tree_of(mixture)
    assert sorted(order) == list(range(9))
    heights = [y[1] for _, y in lines]
    assert heights == sorted(heights)
    assert heights[0] > 0
    # What is lost when two are left is the difference of the sums of log determinants.
    merged = model.merge_components(2)

    def total(one):
        logs = np.linalg.slogdet(one.covariances_)[1]
        return 0.5 * float(one.weights_ @ logs)

    assert heights[-2] == pytest.approx(total(merged) - total(model), rel=1e-9)


def test_near_components_stand_beside_each_other():
    model = GaussianMixture.from_parameters([0.3, 0.4, 0.3], [[0.0], [9.0], [0.5]], [[[1.0]]] * 3)
    ax = plot_merging(model, ax=axes())
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["0\n30.0 %", "2\n30.0 %", "1\n40.0 %"]
    low, high = ax.lines
    assert low.get_xdata().tolist() == [0, 0, 1, 1]
    assert high.get_xdata().tolist() == [0.5, 0.5, 2, 2]
    assert high.get_ydata()[0] == low.get_ydata()[1] < high.get_ydata()[1]


def test_every_type_and_fifty_components(model_and_rows):
    model, _ = model_and_rows
    assert len(plot_merging(model, ax=axes()).lines) == 2
    ax = plot_merging(simple(50, 2), ax=axes())
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(a.x1 <= b.x0 + 1.0 for a, b in pairwise(boxes))


def test_one_component_and_none_are_refused():
    with pytest.raises(ValueError, match=r"^There is nothing to merge"):
        plot_merging(simple(1, 2), ax=axes())
    with pytest.raises(ValueError, match="not fitted"):
        plot_merging(GaussianMixture(), ax=axes())
