"""What a start has reached, as a file may say it."""

import math

import pytest

from fastgmm.archive import codec
from fastgmm.fits.reached import Initialization
from support import error_of


def test_what_starts_reach_comes_back() -> None:
    for one in (Initialization(0, -1.5, True), Initialization(3, -math.inf, failure="singular")):
        assert codec.checked(one) == one


@pytest.mark.parametrize(("index", "bound"), [(-1, 0.0), (0, math.nan), (0, math.inf)])
def test_what_no_start_reaches_is_refused(index: int, bound: float) -> None:
    assert type(error_of(codec.checked, Initialization(index, bound))) is ValueError
