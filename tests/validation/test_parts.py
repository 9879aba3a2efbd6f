"""Parts of a mixture, and how far it is to go, as arguments."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fastgmm.validation.parts import as_parts, as_relevance


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("means", ("means",)),
        (["covariances", "weights"], ("weights", "covariances")),
        ({"means", "weights"}, ("weights", "means")),
        (("means", "means"), ("means",)),
        (iter(["means"]), ("means",)),
    ],
)
def test_parts_have_an_order(given: Any, expected: tuple[str, ...]) -> None:
    assert as_parts(given, "adapt") == expected


@pytest.mark.parametrize("given", ["mean", (), None, 3, ["means", 1], b"means"])
def test_what_is_no_part(given: Any) -> None:
    with pytest.raises(ValueError, match="the parts of adapt must be some of 'weights'"):
        as_parts(given, "adapt")


@pytest.mark.parametrize("given", [0, 16, np.float32(2.5), Fraction(1, 2), np.inf])
def test_relevance(given: Any) -> None:
    found = as_relevance(given)
    assert type(found) is float
    assert found == float(given)


@pytest.mark.parametrize("given", [-1, np.nan, True, "16", None, 1j])
def test_what_is_no_relevance(given: Any) -> None:
    with pytest.raises(ValueError, match="relevance must be a number of rows"):
        as_relevance(given)
