"""Files with right checksums and wrong contents are refused, or they are as good as any other.

`python tests/archive/mutations.py 100000` tries many more, in child processes.
"""

import os

import numpy as np
import pytest

from mutation_outcomes import outcome
from mutations import MUTATIONS, N_BASES, base, mutated

N_CASES = 2000
"""So many files are tried here, of some of the good ones and all kinds of mutations."""
SOME = (0, 5, 10, 15, 25, 30, 39, 44, *range(N_BASES - 5, N_BASES))
"""Good files of each kind and covariance type, and those of 0.1.0: all take long to make."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No one waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.mark.parametrize("index", SOME)
def test_the_good_files_are_good(index: int) -> None:
    good = base(index)
    expected = "refused" if good.content == base(N_BASES - 2).content else "valid"
    assert outcome(good, good.content) in ("valid", expected)


@pytest.mark.parametrize("part", range(20))
def test_mutated_files_are_refused_or_good(part: int) -> None:
    results = []
    for case in range(part, N_CASES, 20):
        kind, of, content = mutated(case, SOME)
        try:
            results.append(outcome(of, content))
        except Exception as error:
            pytest.fail(f"case {case}, {kind} of a {of.kind}: {type(error).__name__}: {error}")
    assert set(results) <= {"refused", "valid"}


def test_mutations_are_of_all_kinds() -> None:
    """Each kind is tried, most are refused, and the same number makes the same file."""
    kinds = {mutated(case, SOME)[0] for case in range(len(MUTATIONS))}
    assert kinds == {mutate.__name__ for mutate in MUTATIONS}
    for case in (3, 500):
        assert mutated(case, SOME)[2] == mutated(case, SOME)[2]
    changed = [mutated(case, SOME)[2] != mutated(case, SOME)[1].content for case in range(200)]
    assert np.mean(changed) > 0.9
