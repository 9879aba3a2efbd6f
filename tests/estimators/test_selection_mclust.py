"""The choice of a model against mclust's, and its picture.

mclust's numbers, its sign reversed, are those of R 4.2.2 with mclust 6.0.0-1, after

    library(mclust); data(GvHD); set.seed(1)
    mclustBIC(X, G = 1:9, modelNames = c("EII", "VII", "EEI", "VVI", "EEE", "VVV"))

where X is faithful, GvHD.control or GvHD.pos, as a matrix.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_iris

from fastgmm import select
from fastgmm.plot import plot_criterion

DATA = Path(__file__).parent.parent.parent / "data"
MCLUST_OF_FAITHFUL = {
    "VVV": (2607.62, 2322.19, 2349.70, 2351.49, 2379.39, 2387.02, 2412.44, 2442.02, 2460.40),
    "EEE": (2607.62, 2325.22, 2314.32, 2331.22, 2360.66, 2347.35, 2369.33, 2376.10, 2389.61),
    "VVI": (3055.84, 2346.07, 2342.37, 2343.49, 2351.02, 2373.47, 2394.70, 2413.70, 2432.71),
    "VII": (4024.72, 3458.30, 3336.60, 3242.83, 3129.08, 3038.17, 2973.37, 2935.08, 2919.41),
    "EEI": (3055.84, 2354.60, 2323.01, 2323.67, 2327.06, 2338.20, 2356.45, 2364.14, 2372.79),
    "EII": (4024.72, 3453.00, 3377.70, 3230.26, 3149.39, 3081.41, 2990.37, 2978.10, 2953.36),
}  # fmt: skip
NAMES = {
    "full": "VVV",
    "tied": "EEE",
    "diag": "VVI",
    "spherical": "VII",
    "tied_diag": "EEI",
    "tied_spherical": "EII",
}
OTHER_OPTIMA = {
    ("full", 4), ("full", 6), ("full", 7), ("tied_diag", 4), ("tied_diag", 5), ("tied_diag", 6),
    ("tied_diag", 8), ("tied_diag", 9)
}  # fmt: skip
"""Where mclust's one start may lead to a higher optimum than the best of ten, by the seed."""
CONTROL_OF_MCLUST, CONTROL_OF_TEN_SEEDS = 320317.03, 319724.67
POSITIVE_OF_MCLUST, POSITIVE_OF_TEN_SEEDS, POSITIVE_BEST_KNOWN = 418458.06, 417893.15, 417084.41
"""Its default; the lowest of set.seed(1) to set.seed(10); the lowest found from many starts."""


@pytest.fixture(scope="module")
def faithful() -> np.ndarray:
    return np.loadtxt(DATA / "faithful.csv", delimiter=",", skiprows=1)


@pytest.mark.parametrize("seed", range(10))
def test_the_choice_for_faithful_is_mclusts(seed: int, faithful: np.ndarray) -> None:
    """By BIC EEE 3, by ICL VVV 2 (2322.70)."""
    chosen = select(faithful, [2, 3], ["full", "tied"], random_state=seed)
    assert chosen.best[:2] == ("tied", 3)
    assert chosen.best.bic == pytest.approx(2314.3, abs=0.1)
    icl = min(chosen.table, key=lambda one: one.icl)
    assert icl[:2] == ("full", 2)
    assert icl.icl == pytest.approx(2322.70, abs=0.1)


@pytest.mark.parametrize("seed", [0, 2])
def test_no_cell_of_faithful_is_worse_than_mclusts(seed: int, faithful: np.ndarray) -> None:
    chosen = select(faithful, random_state=seed)
    assert chosen.best[:2] == ("tied", 3)
    assert chosen.best.bic == pytest.approx(2314.3, abs=0.1)
    above = {
        row[:2]: row.bic - MCLUST_OF_FAITHFUL[NAMES[row.covariance_type]][row.n_components - 1]
        for row in chosen.table
    }
    assert len(above) == 54
    assert {cell for cell, difference in above.items() if difference > 0.05} <= OTHER_OPTIMA
    assert sum(difference < -1.0 for difference in above.values()) >= 20
    for kind in NAMES:  # one component has one optimum
        assert above[kind, 1] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_gvhd_control(seed: int) -> None:
    rows = np.load(DATA / "gvhd_control.npz")["rows"]
    assert rows.shape == (6809, 4)
    best = select(rows, [8, 9], ["full"], random_state=seed).best
    assert best.bic < CONTROL_OF_TEN_SEEDS < CONTROL_OF_MCLUST
    assert best.n_components in (8, 9)


@pytest.mark.parametrize("seed", range(10))
def test_gvhd_positive(seed: int) -> None:
    rows = np.load(DATA / "gvhd_positive.npz")["rows"]
    assert rows.shape == (9083, 4)
    best = select(rows, [8, 9], "full", random_state=seed).best
    assert best.n_components == 9
    assert best.bic == pytest.approx(POSITIVE_BEST_KNOWN, abs=0.1)
    assert best.bic < POSITIVE_OF_TEN_SEEDS < POSITIVE_OF_MCLUST


def test_other_types_are_worse_for_gvhd_control() -> None:
    """mclust's default takes VVI 9, from a subset of 2000 rows, for want of a better VVV."""
    rows = np.load(DATA / "gvhd_control.npz")["rows"]
    chosen = select(rows, 9, ("full", "tied", "diag", "spherical", "tied_diag"), random_state=0)
    assert chosen.best.covariance_type == "full"
    of_diag = chosen.table[2]
    assert chosen.best.bic < of_diag.bic < CONTROL_OF_MCLUST


# ---------------------------------------------------------------- the picture


def test_the_picture_has_a_line_per_type_and_a_ring_around_the_best(faithful: np.ndarray) -> None:
    kinds = ("tied", "full", "diag")
    chosen = select(faithful, [1, 2, 3], kinds, random_state=0, n_init=2)
    for criterion in ("bic", "icl", "aic"):
        chosen = chosen._replace(criterion=criterion)
        ax = Figure().add_subplot()
        assert chosen.plot(ax=ax) is ax
        *lines, ring = [one for one in ax.lines if one.get_label()[0] != "_"]
        assert [line.get_label() for line in lines] == list(kinds)
        for line, kind in zip(lines, kinds, strict=True):
            expected = [getattr(one, criterion) for one in chosen.table if one[0] == kind]
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
            np.testing.assert_array_equal(line.get_ydata(), expected)
        assert len({line.get_color() for line in lines}) == 3
        assert len({line.get_marker() for line in lines}) == 3
        best = chosen.best
        assert ring.get_xdata().tolist() == [best.n_components]
        assert ring.get_ydata().tolist() == [getattr(best, criterion)]
        assert ring.get_label() == f"best: {best.covariance_type}, {best.n_components}"
        assert ring.get_markerfacecolor() == "none"
        assert ax.get_xlabel() == "components"
        assert ax.get_ylabel() == f"{criterion.upper()} (lower is better)"
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert texts == [*kinds, ring.get_label()]


def test_lines_go_from_left_to_right(faithful: np.ndarray) -> None:
    """Whatever the order of the grid."""
    chosen = select(faithful, [3, 1, 2], "tied", random_state=0, n_init=1)
    line = chosen.plot(ax=Figure().add_subplot()).lines[0]
    assert line.get_xdata().tolist() == [1, 2, 3]
    assert line.get_ydata().tolist() == [chosen.table[i].bic for i in (1, 2, 0)]


def test_the_picture_leaves_out_what_failed(faithful: np.ndarray) -> None:
    rows = np.c_[faithful[:, 0], np.full(272, 2.0)]
    chosen = select(rows, [1, 2, 300], ["full", "spherical"], reg_covar=0.0, n_init=1)
    drawn = chosen.plot(ax=Figure().add_subplot()).lines
    *lines, _ = [one for one in drawn if one.get_label()[0] != "_"]
    assert [line.get_label() for line in lines] == ["spherical"]
    assert lines[0].get_xdata().tolist() == [1, 2]
    with pytest.raises(ValueError, match="nothing to draw"):
        plot_criterion([one for one in chosen.table if one.failure], ax=Figure().add_subplot())


def test_collapsed_fits_are_hollow(rng: np.random.Generator) -> None:
    """The ring is not around the lowest point where that is hollow, and the legend says why."""
    X = np.concatenate([rng.normal(size=(100, 2)), np.full((20, 2), 5.0)])
    chosen = select(X, [1, 2], "diag", random_state=0)
    assert [one.n_collapsed for one in chosen.table] == [0, 1]
    ax = chosen.plot(ax=Figure().add_subplot())
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_xdata().tolist() for line in hollow if len(line.get_xdata())] == [[2]]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["diag", "a component has collapsed", "best: diag, 1"]


def test_axes_of_few_rows_are_not_chosen() -> None:
    """A component of four rows of four features has some axis along which they do not vary."""
    setosa = load_iris().data[:50]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = select(setosa, [1, 5], "VEV", random_state=2, n_init=4)
    one, five = chosen.table
    assert chosen.best == one
    assert five.bic < one.bic - 30.0
    assert "ends on 4 rows, and axes of its own need 5: along some of them" in five.collapse


@pytest.mark.parametrize(("seed", "reg_covar"), [(0, "auto"), (1, 1e-6), (0, 0.0)])
def test_the_choice_for_setosa_is_mclusts(seed: int, reg_covar: Any) -> None:
    """EEE 2: what equal volumes and shared axes make of columns that are constant says nothing.

    mclust 6.0.0 gives NA where a covariance is singular but for rounding.
    """
    setosa = load_iris().data[:50]
    kinds = ["EEE", "EVI", "EVE"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = select(setosa, [2, 4], kinds, random_state=seed, reg_covar=reg_covar, n_init=4)
    assert chosen.best[:2] == ("EEE", 2)
    assert chosen.best.bic == pytest.approx(-35.72, abs=0.01)
    unsound = [one for one in chosen.table if not one.sound]
    assert min(one.bic for one in unsound) < -50.0
    assert all(one.collapse for one in unsound)
