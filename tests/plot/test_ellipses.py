"""Sizes of ellipses, by deviations and by the share that they hold."""

import re

import numpy as np
import pytest
from scipy.stats import chi2

from fastgmm import GaussianMixture
from fastgmm.plot import plot_mixture, save_mixture
from fastgmm.plot.ellipses import as_ellipses
from pictures import axes, ellipses, legend_texts, simple
from support import correlated_mixture


def test_deviations_are_sorted_and_named():
    rings = as_ellipses([2, 0.5])
    assert rings.deviations == (0.5, 2.0)
    assert rings.label == "0.5, 2 deviations"


@pytest.mark.parametrize("levels", [0.9, [0.9], np.float64(0.9), np.array([0.9]), iter([0.9])])
def test_one_level(levels):
    rings = as_ellipses((1, 2), levels)
    assert rings.deviations == pytest.approx([np.sqrt(chi2(2).ppf(0.9))], rel=1e-12)
    assert rings.label == "90 % of a component"


def test_several_levels():
    rings = as_ellipses((), [0.995, 0.5])
    assert rings.deviations == pytest.approx(np.sqrt(chi2(2).ppf([0.5, 0.995])), rel=1e-12)
    assert rings.label == "50, 99.5 % of a component"


@pytest.mark.parametrize("levels", [0, 1, 90, -0.5, np.nan, [], [0.5, 1.0]])
def test_what_is_no_level_is_refused(levels):
    sentence = f"levels must be numbers between 0 and 1, such as 0.9, got {levels!r}."
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        plot_mixture(simple(), ax=axes(), levels=levels)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_an_ellipse_holds_its_share_of_rows(level, rng):
    """Of three columns two are drawn: their marginal distribution counts."""
    mixture = correlated_mixture(1, 3, rng)
    model = GaussianMixture.from_parameters([1.0], mixture.means, mixture.covariances)
    ax = plot_mixture(model, features=[2, 0], ax=axes(), levels=level)
    (ellipse,) = ellipses(ax)
    rows = model.sample(20_000, random_state=0)[0][:, [2, 0]]
    inside = ellipse.get_transform().inverted().transform(ax.transData.transform(rows))
    share = (np.hypot(*inside.T) <= 1.0).mean()
    assert abs(share - level) < 3.0 * np.sqrt(level * (1.0 - level) / 20_000)


def test_levels_are_in_the_legend_and_take_the_place_of_deviations(tmp_path):
    ax = plot_mixture(simple(), ax=axes(), deviations=(3.0,), levels=[0.5, 0.95])
    assert legend_texts(ax)[-1] == "50, 95 % of a component"
    assert len(ellipses(ax)) == 4
    save_mixture(tmp_path / "levels.svg", simple(2, 3), levels=0.9)
    assert "90 % of a component" in (tmp_path / "levels.svg").read_text(encoding="utf-8")
