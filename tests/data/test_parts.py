"""Parts of rows and what is known of them: kinds are values, and complete rows need nothing."""

import pickle

import numpy as np
import pytest

from fastgmm.data.parts import COMPLETE, CompleteRows, Part
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture


def test_a_part_is_of_complete_rows_unless_it_says_so() -> None:
    rows, weight, kind = np.zeros((3, 2)), np.ones(3), object()
    part = Part(rows)
    assert (part.rows, part.sample_weight, part.kind) == (rows, None, COMPLETE)
    part = Part(rows, weight, kind)  # type: ignore[arg-type] -- a part looks at nothing
    assert part.sample_weight is weight
    assert part.kind is kind


def test_equal_kinds_are_the_same_kind() -> None:
    """Rows sent to another process are of the same kind there: they are summed together."""
    assert isinstance(COMPLETE, CompleteRows)
    assert pickle.loads(pickle.dumps(COMPLETE)) is COMPLETE
    assert Part(np.zeros((1, 1))).kind is COMPLETE


def test_complete_rows_are_evaluated_as_they_are(rng: np.random.Generator) -> None:
    truth = correlated_mixture(3, 2, rng)
    mixture = Mixture.from_covariances(truth.weights, truth.means, truth.covariances, "full")
    assert COMPLETE.constants(mixture) is mixture.constants
    statistics = expectation(mixture, RowData(truth.sample(50, rng)[0]))
    assert COMPLETE.lift(statistics, mixture, mixture) is statistics


def test_a_part_has_nothing_else() -> None:
    with pytest.raises(AttributeError):
        Part(np.zeros((1, 1))).more = 1  # type: ignore[attr-defined]
