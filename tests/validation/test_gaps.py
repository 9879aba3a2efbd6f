"""Columns and pairs of columns that were never observed."""

import numpy as np
import pytest

from fastgmm.validation.gaps import check_observed, listed_columns, never_together, warn_of_apart


def test_a_column_without_a_value_is_refused() -> None:
    together = np.diag([3.0, 0.0, 2.0, 0.0])
    with pytest.raises(ValueError, match="no value in columns 1, 3: leave them out"):
        check_observed(together, None)
    together[1, 1] = 1.0
    with pytest.raises(ValueError, match="no value in column 'd': leave it out"):
        check_observed(together, np.array(list("abcd")))
    assert listed_columns(list(range(12)), None).endswith("9, ...")


def test_pairs_that_were_never_observed_together_are_named() -> None:
    together = np.ones((3, 3))
    assert never_together(together) == ()
    together[0, 2] = together[2, 0] = 0.0
    apart = never_together(together)
    assert apart == ((0, 2),)
    with pytest.warns(UserWarning, match="No row has values of both columns 'a' and 'c'"):
        warn_of_apart(apart, np.array(list("abc")))
    with pytest.warns(UserWarning, match="No row of some has values of both columns 0 and 2"):
        warn_of_apart(apart, None, " of some")
    warn_of_apart((), None)
