"""Partitions are data: sample and sums as in memory, and bits that do not depend on who adds."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pytest

from fastgmm.data.partitions import Nodes, PartitionData, Rows, folded
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.mixture.criteria import classified
from fastgmm.mixture.mixture import Mixture
from support import COVARIANCE_TYPES, correlated_mixture

N, D, K = 1000, 3, 4
CUTS = [130, 130, 131, 500, 770, 999]
"""Where the partitions begin: one of them has no row, and two have one."""


class Here:
    """Partitions in this process, of which groups are folded one after the other."""

    def __init__(self, parts: list[Rows], groups: Iterable[Iterable[int]] | None = None) -> None:
        self._parts, self.names = parts, None
        self._groups = [list(g) for g in groups] if groups else [list(range(len(parts)))]

    def fold(self, function: Any, joined: Any) -> Any:
        n = len(self._parts)
        whole: Nodes = {}
        for group in self._groups:
            nodes: Nodes = {}
            for number in group:
                nodes[0, number] = function(number, *self._parts[number])
                nodes = folded(nodes, n, joined)
            whole |= nodes
        (result,) = folded(whole, n, joined).values()
        return result


def mixture_of(kind: str, rng: np.random.Generator) -> Mixture:
    truth = correlated_mixture(K, D, rng)
    return Mixture.from_covariances(truth.weights, truth.means, truth.covariances_as(kind), kind)


def parts_of(rows: np.ndarray, weight: np.ndarray | None = None) -> list[Rows]:
    cut = np.split(rows, CUTS)
    return list(
        zip(cut, [None] * len(cut) if weight is None else np.split(weight, CUTS), strict=True)
    )


def data_of(
    rows: np.ndarray, weight: np.ndarray | None = None, gaps: bool = False
) -> PartitionData:
    return PartitionData(Here(parts_of(rows, weight)), 1, gaps)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 21])
def test_any_grouping_gives_the_same_tree(n: int, rng: np.random.Generator) -> None:
    words = {(0, i): f"<{i}>" for i in range(n)}
    joined = "({}{})".format
    ((place, whole),) = folded(words, n, joined).items()
    assert place == ((n - 1).bit_length(), 0)
    for _ in range(20):
        order, cuts = rng.permutation(n), sorted(rng.integers(n + 1, size=3))
        nodes: Nodes = {}
        for group in np.split(order, cuts):
            nodes |= folded({(0, int(i)): f"<{i}>" for i in group}, n, joined)
        assert folded(nodes, n, joined) == {place: whole}


def test_nodes_of_neighbours_are_few() -> None:
    nodes = folded({(0, i): 1 for i in range(37, 90)}, 128, int.__add__)
    assert len(nodes) <= 2 * 7
    assert sum(nodes.values()) == 53


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", [50, 900, 5000])
def test_the_sample_is_that_of_rows_in_memory(
    size: int, weighted: bool, rng: np.random.Generator
) -> None:
    rows = rng.standard_normal((N, D))
    weight = rng.integers(3, size=N) * 0.5 if weighted else None
    ours = data_of(rows, weight).sample(5, size)
    theirs = RowData(rows, weight).sample(5, size)
    assert ours.whole == theirs.whole
    np.testing.assert_array_equal(ours.rows[ours.order], theirs.rows[theirs.order])
    if ours.whole and weighted:
        np.testing.assert_array_equal(ours.weight, theirs.weight)


def test_a_sample_of_rows_of_many_streams_of_keys(rng: np.random.Generator) -> None:
    rows = np.arange(200_000.0)[:, None]
    cut = np.split(rows, [65_536, 100_000, 131_072 + 5])
    ours = PartitionData(Here([(one, None) for one in cut]), 1).sample(3, 100)
    theirs = RowData(rows).sample(3, 100)
    np.testing.assert_array_equal(ours.rows[ours.order], theirs.rows[theirs.order])


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_sums_are_those_of_rows_in_memory(kind: str, gaps: bool, rng: np.random.Generator) -> None:
    rows, weight = correlated_mixture(K, D, rng).sample(N, rng)[0], rng.exponential(size=N)
    mixture = mixture_of(kind, rng)
    if gaps:
        rows[rng.random(rows.shape) < 0.2] = np.nan
    here = RowData(rows, weight, 1, gapped=gaps)
    spread = data_of(rows, weight, gaps)
    assert spread.extent.n_samples == N
    assert spread.extent.weight == pytest.approx(here.extent.weight, rel=1e-14)
    ours, theirs = expectation(mixture, spread), expectation(mixture, here)
    for name in ("component_weight", "first_moment", "second_moment", "log_likelihood", "weight"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-7)
    what = partial(classified, mixture, n_threads=1, gaps=gaps)
    np.testing.assert_allclose(spread.summed(what), here.summed(what), rtol=1e-12)
    if gaps:
        np.testing.assert_array_equal(spread.together, here.together)


def test_bits_do_not_depend_on_who_adds(rng: np.random.Generator) -> None:
    mixture = mixture_of("full", rng)
    parts = parts_of(rng.standard_normal((N, D)))
    alone = expectation(mixture, PartitionData(Here(parts), 1))
    for groups in ([[0, 1, 2, 3], [4, 5, 6]], [[6, 0], [3, 1, 5], [2, 4]]):
        again = expectation(mixture, PartitionData(Here(parts, groups), 1))
        assert again.to_bytes() == alone.to_bytes()


def test_partitions_that_do_not_fit_together(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((10, D))
    for other, sentence in (
        (rows[:, :2].copy(), "partition 1 has 2 features, and those before it 3"),
        (rows.astype(np.float32), "partition 1 holds float32 rows, and those before it float64"),
    ):
        with pytest.raises(ValueError, match=sentence):
            PartitionData(Here([(rows, None), (other, None)]), 1).extent  # noqa: B018
    with pytest.raises(ValueError, match="the partitions hold no rows"):
        PartitionData(Here([(rows[:0], None)]), 1).n_features  # noqa: B018
    with pytest.raises(ValueError, match="zero for all rows"):
        PartitionData(Here([(rows, np.zeros(10))]), 1).extent  # noqa: B018
