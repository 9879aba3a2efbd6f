"""Kinds of starts: what each of them finds that another misses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.data.sample import RowSampler
from fastgmm.em.regularization import Regularization
from fastgmm.starts.kinds import DRAWN, KINDS, candidates
from fastgmm.starts.points import Start, StartRows
from fastgmm.starts.ward import candidates_in, ward_candidates
from support import correlated_mixture


def rows_of(X: np.ndarray, k: int, kind: Any, index: int, seed: int = 0) -> StartRows:
    of = Start("ward", k, kind, index=index, n_init=10, regularization=Regularization.of(1e-6))
    sampler = RowSampler(seed, len(X), keep_rows=False)
    sampler.add(len(X), X, None)
    return StartRows(sampler.sample(X), of, 1, seed)


def test_the_kinds_take_turns(rng: np.random.Generator) -> None:
    """A start of another index is that of another kind, and starts of one kind have other rows."""
    X = correlated_mixture(3, 2, rng, separation=1.5).sample(200, rng)[0]
    for kinds in (("white",), ("column", "white"), ("ranks", "random", "white")):
        index = len(kinds)
        found = candidates(rows_of(X, 3, "full", index), kinds)
        expected = candidates_in(rows_of(X, 3, "full", index), "white")
        assert [one.means.tobytes() for one in found] == [one.means.tobytes() for one in expected]
    assert set(KINDS) == {"column", "ranks", "white", "random"}
    first = candidates(rows_of(X, 3, "full", 0), ("random",))
    assert (
        first[-1].means.tobytes() == ward_candidates(rows_of(X, 3, "full", 0))[-1].means.tobytes()
    )


@pytest.mark.parametrize("index", range(5))
def test_candidates_are_the_same_each_time(
    index: int, covariance_type: str, rng: np.random.Generator
) -> None:
    X = correlated_mixture(4, 3, rng, separation=1.5).sample(300, rng)[0]
    one, again = (candidates(rows_of(X, 4, covariance_type, index)) for _ in range(2))
    assert len(one) == len(again) >= 1
    for a, b in zip(one, again, strict=True):
        assert a.means.tobytes() == b.means.tobytes()
        assert a.covariances.tobytes() == b.covariances.tobytes()


def test_drawn_rows_differ(rng: np.random.Generator) -> None:
    X = rng.normal(size=(100, 2))
    index = 1 + KINDS.index("random")
    data = rows_of(X, 3, "full", index)
    found = candidates(data)
    later = candidates(replace(data, start=replace(data.start, index=index + len(KINDS))))
    other = candidates(replace(data, seed=1))
    assert len(found) == len(later) == len(other) == DRAWN
    assert len({one.means.tobytes() for one in (*found, *later, *other)}) == 3 * DRAWN
    for one in found:
        assert all((row == X).all(axis=1).any() for row in one.means)


def test_ranks_do_not_cut_off_a_tail(rng: np.random.Generator) -> None:
    """Two halves of a heavy tail, as ranks see it; in deviations a few rows are a cluster."""
    X = np.exp(3.0 * rng.normal(size=(80, 1)) + 0.3 * rng.normal(size=(80, 2)))
    of_ranks = candidates(rows_of(X, 2, "full", 1 + KINDS.index("ranks")))
    assert max(one.weights.min() for one in of_ranks) > 0.25
    plainest = candidates(rows_of(X, 2, "full", 0))[-1]
    assert plainest.weights.min() < 0.1


def test_white_rows_tell_long_clusters_apart(rng: np.random.Generator) -> None:
    """Two needles side by side: what is between them is a hundredth of their length."""
    t = rng.normal(size=300)
    side = np.where(rng.random(300) < 0.5, 0.05, -0.05)
    X = np.c_[t, t + side + 0.01 * rng.normal(size=300)]
    white = candidates(rows_of(X, 2, "full", 1 + KINDS.index("white")))
    across = [abs(np.diff(one.means @ [-1.0, 1.0])[0]) for one in white]
    assert max(across) == pytest.approx(0.1, rel=0.2)


def test_one_component_and_few_rows(covariance_type: str) -> None:
    X = np.array([[0.0, 1.0], [1.0, 0.0], [3.0, 3.0], [4.0, 1.0]])
    for index in range(5):
        for k in (1, 2, 4):
            for one in candidates(rows_of(X, k, covariance_type, index)):
                assert one.n_components == k
                assert np.isfinite(one.means).all()
