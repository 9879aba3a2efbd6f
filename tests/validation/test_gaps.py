"""Columns and pairs of columns that were never observed."""

import numpy as np
import pytest

from fastgmm.validation.gaps import check_observed


def test_a_column_without_a_value_is_refused() -> None:
    together = np.diag([3.0, 0.0, 2.0, 0.0])
    with pytest.raises(ValueError, match="no value in columns 1, 3: leave them out"):
        check_observed(together, None, correlated=True)
    together[1, 1] = 1.0
    with pytest.raises(ValueError, match="no value in column 'd': leave it out"):
        check_observed(together, np.array(list("abcd")), correlated=False)


def test_pairs_that_were_never_observed_together_are_named() -> None:
    together = np.ones((3, 3))
    together[0, 2] = together[2, 0] = 0.0
    with pytest.warns(UserWarning, match="both columns 'a' and 'c'"):
        check_observed(together, np.array(list("abc")), correlated=True)
    check_observed(together, None, correlated=False)
    check_observed(np.ones((3, 3)), None, correlated=True)
