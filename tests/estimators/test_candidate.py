"""The row of one fit in the table of a grid, and whether it means anything."""

import numpy as np
import pytest

from fastgmm import Criteria, GaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.estimators.candidate import Candidate, candidate_of, failed_candidate


def candidate(model: GaussianMixture, rows: np.ndarray) -> Candidate:
    assert model._state is not None
    return candidate_of(model._state, RowData(rows, names=np.array(["a", "b"], dtype=object)))


@pytest.fixture
def plain(rng: np.random.Generator) -> np.ndarray:
    rows: np.ndarray = rng.normal(size=(300, 2))
    return rows


def test_the_criteria_are_those_of_the_model(plain: np.ndarray) -> None:
    model = GaussianMixture(1, random_state=0).fit(plain)
    one = candidate(model, plain)
    log_likelihood = model.score(plain) * len(plain)
    assert one.log_likelihood == pytest.approx(log_likelihood)
    assert one.bic == pytest.approx(Criteria(log_likelihood, model.n_parameters, 300.0).bic)
    assert (one.converged, one.n_passes) == (True, model.n_passes_)
    assert one.sound
    assert (one.n_collapsed, one.n_unbounded, one.collapse) == (0, 0, "")


@pytest.mark.filterwarnings("ignore::fastgmm.errors.CollapseWarning")
@pytest.mark.parametrize(
    ("spread", "n_rows", "collapsed", "text"),
    [
        (0.0, 60, 1, "Column 'b' (9) is constant within component"),
        (7e-4, 60, 0, "is nearly constant within component"),
        (1.0, 2, 1, "ends on 2 rows, and its covariance needs 3"),
    ],
)
def test_what_a_candidate_says_of_collapse(
    spread: float, n_rows: int, collapsed: int, text: str, plain: np.ndarray
) -> None:
    rng = np.random.default_rng(0)
    far = np.c_[rng.normal(50.0, 1.0, n_rows), 9.0 + spread * rng.normal(size=n_rows)]
    rows = np.r_[plain, far]
    model = GaussianMixture(2, random_state=0).fit(rows)
    one = candidate(model, rows)
    assert (one.n_collapsed, one.n_unbounded) == (collapsed, 1)
    assert text in one.collapse
    assert not one.sound
    good = failed_candidate("full", 1, "")._replace(bic=1e9)
    assert min([one, good], key=lambda c: c.rank("bic")) is good


def test_a_failure_is_the_last_choice() -> None:
    failed = failed_candidate("diag", 3, "no")
    assert (failed.covariance_type, failed.n_components, failed.failure) == ("diag", 3, "no")
    assert not failed.sound
    collapsed = failed._replace(failure="", bic=1.0, n_collapsed=1)
    assert min([failed, collapsed], key=lambda one: one.rank("bic")) is collapsed
