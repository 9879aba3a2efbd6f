"""What users' cases have broken once: each stands for a kind, and has its right value here.

The tests of the files hold many more cases of each kind; these are the ones that users met.
"""

import warnings
from typing import Any

import numpy as np
import pandas
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.errors import CollapseWarning, ConvergenceWarning


@pytest.fixture
def two_clusters() -> np.ndarray:
    """150 rows around the origin and 150 around (4, 4)."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 4]


# ---------------------------------------------------------------------- bytes from elsewhere

# ---------------------------------------------------------------------- settings and subclasses

# ---------------------------------------------------------------------- streams

# ---------------------------------------------------------------------- ends of fits


@pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
@pytest.mark.parametrize("n_components", [2, 3])
def test_a_loop_of_warm_starts_ends(two_clusters: np.ndarray, n_components: int) -> None:
    """After as many fits of one iteration as a fit has iterations; 931 fits, once."""
    at_once = GaussianMixture(n_components, random_state=0).fit(two_clusters)
    model = GaussianMixture(n_components, random_state=0, warm_start=True, max_iter=1)
    n_fits = next(i for i in range(1, 100) if model.fit(two_clusters).converged_)
    assert n_fits <= at_once.n_iter_ + 2


def test_nearly_dependent_columns_in_float32_end() -> None:
    """As they do in float64: their log-likelihood went up and down by 1e-2 for ever, once."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(2000, 3))
    W = np.c_[W, W.sum(1)].astype("f4")
    single = GaussianMixture(3, random_state=0).fit(W)
    double = GaussianMixture(3, random_state=0).fit(W.astype("f8"))
    assert single.converged_
    assert single.n_passes_ <= 1.5 * double.n_passes_
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-3)
    two_rows = np.array([[0.0, 1.0], [3.0, 2.0]], "f4")
    with pytest.warns(CollapseWarning, match="Component 0 ends on 2 rows, and its covariance need"):
        assert GaussianMixture(1, random_state=0).fit(two_rows).converged_


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("unit", [1e-3, 1e-4, 1e-6])
def test_a_ridge_that_swamps_the_data_is_named(kind: Any, unit: float) -> None:
    """Degrees, returns and volts: both components lay on top of each other without a word."""
    r = np.random.default_rng(0)
    rows = unit * np.r_[r.normal(0, 1, (1500, 2)), r.normal(8, 1, (1500, 2))]
    with pytest.warns(UserWarning, match=r"reg_covar adds 1e-06 .* Pass reg_covar='auto'"):
        GaussianMixture(2, covariance_type=kind, random_state=0).fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianMixture(2, covariance_type=kind, reg_covar="auto", random_state=0).fit(rows)


def test_a_column_of_zeros_for_some_rows_is_named() -> None:
    """Rain: it is 0 in most hours, and a component of these has no extent in it."""
    rng = np.random.default_rng(0)
    rain = np.where(rng.random(600) < 0.6, 0.0, 5.0 + rng.exponential(size=600))
    table = pandas.DataFrame({"temp": rng.normal(10.0, 5.0, 600), "precip": rain})
    match = r"Column 'precip' \(0\) is constant within component [01]\."
    with pytest.warns(CollapseWarning, match=match):
        GaussianMixture(2, random_state=0).fit(table)
    with pytest.warns(CollapseWarning, match=f"1 of 4 fits have .* none of these .*{match}"):
        chosen = fastgmm.select(table, [1, 2], ["full", "tied"], random_state=0)
    assert chosen.best.sound


@pytest.mark.parametrize("tol", [0.0, 1e-12])
def test_scikit_learns_sentences_come_first(two_clusters: np.ndarray, tol: float) -> None:
    theirs = (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase max_iter, tol, or check for degenerate data. "
    )
    with pytest.warns(ConvergenceWarning) as caught:
        GaussianMixture(2, random_state=0, max_iter=3, tol=tol).fit(two_clusters)
    (warning,) = caught
    assert str(warning.message).startswith(theirs)
    assert "distance 0.0e+00" not in str(warning.message)
    equal = np.repeat([[0.0, 1.0], [2.0, 3.0]], 9, axis=0)
    model = GaussianMixture(2, reg_covar=0.0, random_state=0)
    for dtype in ("f4", "f8"):
        with pytest.raises(ValueError, match="ill-defined empirical") as error:
            model.fit(equal.astype(dtype))
        assert "(for instance caused by singleton or collapsed samples)" in str(error.value)
        assert ("float64 data instead of float32" in str(error.value)) is (dtype == "f4")


# ---------------------------------------------------------------------- starts

# ---------------------------------------------------------------------- arrays and frames

# ---------------------------------------------------------------------- the command and its files
