"""Uncertainty: what the most probable component lacks, as the size of each row."""

import warnings

import numpy as np
import pandas
import pytest
from sklearn.mixture import GaussianMixture as Peer

from fastgmm import GaussianMixture
from fastgmm.plot import plot_uncertainty
from fastgmm.plot.parts import OF_NOISE, component_colours
from fastgmm.plot.uncertainty import FEW, LARGE, SMALL, uncertainty
from pictures import axes, ellipses, legend_texts, points, simple

ROWS = np.array([[0.0, 0.0], [5.0, 5.0], [10.0, 10.0], [4.8, 4.8]])


def test_it_is_what_the_largest_probability_lacks(model_and_rows):
    model, rows = model_and_rows
    expected = 1.0 - model.predict_proba(rows).max(axis=1)
    np.testing.assert_allclose(uncertainty(model, rows), expected, atol=1e-12)


def test_two_features_are_rows_of_their_own_size():
    model = simple(2, 2)
    ax = plot_uncertainty(model, ROWS, ax=axes())
    drawn = points(ax)
    found = uncertainty(model, ROWS)
    order = np.argsort(found)
    np.testing.assert_allclose(drawn.get_offsets(), ROWS[order])
    sizes = SMALL + (LARGE - SMALL) * found[order] / 0.5
    np.testing.assert_allclose(drawn.get_sizes(), sizes)
    edges = np.asarray(drawn.get_linewidths())
    assert edges.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert order[-1] == 1
    colours = component_colours(2)
    np.testing.assert_allclose(drawn.get_facecolor()[0, :3], colours[model.predict(ROWS)[order[0]]])
    assert len(ellipses(ax)) == 2
    assert legend_texts(ax)[:2] == ["0: 33.3 %", "1: 66.7 %"]
    assert (
        ax.get_title() == f"uncertainty: {found.mean():.2f} on average, {found.max():.2f} at most"
    )


def test_one_feature_is_uncertainty_over_it():
    model = simple(2, 2)
    ax = plot_uncertainty(model, ROWS, features=1, ax=axes())
    found = uncertainty(model, ROWS)  # of all features
    order = np.argsort(found)
    np.testing.assert_allclose(points(ax).get_offsets(), np.c_[ROWS[order, 1], found[order]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 1", "uncertainty")
    certain = plot_uncertainty(model, ROWS[[0, 2]], features=1, ax=axes())
    assert certain.get_ylim()[1] == pytest.approx(0.1)
    assert not np.asarray(points(certain).get_linewidths()).any()


def test_many_rows_are_smaller_and_many_components_have_numbers(rng):
    rows = rng.normal(size=(9 * FEW, 2)) + 10.0 * rng.integers(0, 9, 9 * FEW)[:, None]
    ax = plot_uncertainty(simple(9, 2), rows, ax=axes())
    assert points(ax).get_sizes().min() == pytest.approx(SMALL / 3.0)
    assert [text.get_text() for text in ax.texts] == list("012345678")


def test_noise_is_certain_as_well(rng):
    rows = np.r_[rng.normal(size=(300, 2)), rng.uniform(-20.0, 20.0, (60, 2))]
    model = GaussianMixture(1, noise="uniform", random_state=0).fit(rows)
    found = uncertainty(model, rows)
    both = np.c_[model.predict_proba(rows), model.noise_proba(rows)]
    np.testing.assert_allclose(found, 1.0 - both.max(axis=1), atol=1e-12)
    ax = plot_uncertainty(model, rows, ax=axes())
    colours = points(ax).get_facecolor()[:, :3]
    assert np.isclose(colours, OF_NOISE).all(axis=1).sum() == (model.predict(rows) == -1).sum()


def test_frames_and_models_of_others(rng):
    frame = pandas.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in (GaussianMixture, Peer):
            model = kind(2, random_state=0).fit(frame)
            ax = plot_uncertainty(model, frame, features=["c", "a"], ax=axes())
            assert (ax.get_xlabel(), ax.get_ylabel()) == ("c", "a")
    with pytest.raises(ValueError, match=r"along one feature or over two, not 3; choose"):
        plot_uncertainty(model, frame)
    with pytest.raises(ValueError, match=r"is one of rows: pass X too"):
        plot_uncertainty(model, None, features=["a"])
