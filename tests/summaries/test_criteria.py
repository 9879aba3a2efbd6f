"""The fits of a grid as text."""

import numpy as np

from fastgmm import Candidate, Selection
from fastgmm.summaries.criteria import criterion_table, selection_text

TABLE = [
    Candidate("full", 1, 30.0, 31.0, 29.0, -9.0, 5, True, 3),
    Candidate("full", 2, 10.0, 11.0, 9.0, -1.0, 9, True, 3, n_collapsed=1),
    Candidate("diag", 1, 20.5, 21.0, 19.0, -5.0, 3, True, 3),
    Candidate("diag", 2, *[np.inf] * 3, -np.inf, 0, False, 0, failure="too few rows"),
]


def test_the_table_of_a_criterion_has_dashes_and_marks():
    head, one, two = criterion_table(TABLE, "bic").splitlines()
    assert head.split() == ["components", "full", "diag"]
    assert one.split() == ["1", "30.00", "20.50*"]
    assert two.split() == ["2", "10.00!", "-"]


def test_a_text_says_what_the_marks_mean():
    assert selection_text(TABLE, "aic").startswith(
        "AIC, lower is better; * the best of the fits; ! a component has collapsed, or nearly\n\n"
    )
    assert selection_text(TABLE[::2], "bic").startswith(
        "BIC, lower is better; * the best of the fits\n\n"
    )
    chosen = Selection(None, TABLE, "bic")
    assert repr(chosen) == chosen.summary() == selection_text(TABLE, "bic")
