"""Rows by the components that they may be of: parts, bits, and labels of several batches."""

import numpy as np
import pytest

from fastgmm.data import labels as of_labels
from fastgmm.data.labels import (
    AllowedGaps,
    AllowedSets,
    RowLabels,
    bits_of,
    parts_by_label,
    sets_of,
)
from fastgmm.data.parts import COMPLETE
from fastgmm.data.patterns import Patterns


def drawn(rng: np.random.Generator, n: int = 500, k: int = 5) -> tuple[np.ndarray, RowLabels]:
    """Return allowed sets (n, K) of rows, of which some allow all, and their labels."""
    sets = rng.random((12, k)) < 0.4
    sets[np.arange(12), rng.integers(k, size=12)] = True
    sets = np.unique(np.vstack([sets, np.eye(k, dtype=bool)]), axis=0)
    sets = sets[~sets.all(axis=1)]
    numbers = rng.integers(-1, len(sets), n).astype(np.int32)
    return np.vstack([sets, np.ones(k, bool)])[numbers], RowLabels(numbers, sets)


def allowed_by(parts: list, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sets and the weights of rows that hold their own number in the first column."""
    found, weights = np.zeros((n, k), bool), np.zeros(n)
    for part in parts:
        if isinstance(part.kind, AllowedSets):
            for allowed, begin, end in part.kind.pieces(7):
                numbers = part.rows[begin:end, 0].astype(int)
                assert end - begin <= 7
                assert part.kind.at(begin) is part.kind.at(end - 1) is allowed
                found[numbers[:, None], allowed.components] = True
        else:
            numbers = part.rows[:, 0].astype(int)
            bits = np.ones((len(numbers), k), bool)
            found[numbers] = bits if part.allowed is None else sets_of(part.allowed, k)
        numbers = part.rows[:, 0].astype(int)
        weights[numbers] = 1.0 if part.sample_weight is None else part.sample_weight
    return found, weights


@pytest.mark.parametrize("least", [1, 30, 10_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_row_is_in_one_part_with_its_set(
    weighted: bool, least: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_labels, "FEWEST_ROWS", least)
    allowed, labels = drawn(rng)
    n, k = allowed.shape
    rows = np.column_stack([np.arange(n), rng.standard_normal(n)])
    weight = rng.exponential(size=n) if weighted else None
    parts = list(parts_by_label(rows, weight, labels, gapped=False))
    assert sum(len(part.rows) for part in parts) == n
    assert parts[0].kind is COMPLETE
    assert parts[0].allowed is None
    rare = sum(part.allowed is not None for part in parts)
    assert rare == 1 if least == 10_000 else rare <= (least > 1)
    found, weights = allowed_by(parts, n, k)
    assert (found == allowed).all()
    assert (weights == (1.0 if weight is None else weight)).all()
    again = list(parts_by_label(rows, weight, labels, gapped=False))
    assert all((a.rows == b.rows).all() for a, b in zip(parts, again, strict=True))


def test_rows_with_labels_that_weigh_nothing_are_left_out(rng: np.random.Generator) -> None:
    allowed, labels = drawn(rng)
    weight = (rng.random(len(allowed)) < 0.5).astype(float)
    rows = np.column_stack([np.arange(len(allowed)), rng.standard_normal(len(allowed))])
    parts = list(parts_by_label(rows, weight, labels, gapped=False))
    free = allowed.all(axis=1)
    assert sum(len(part.rows) for part in parts) == np.count_nonzero(free | (weight > 0.0))
    assert parts[0].rows[:, 0].tolist() == np.flatnonzero(free).tolist()


def test_no_labels_are_one_part(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((10, 2))
    (part,) = parts_by_label(rows, None, RowLabels.unknown(10, 3), gapped=False)
    assert part.rows is rows
    assert part.kind is COMPLETE


def test_gaps_are_grouped_within_each_set(rng: np.random.Generator) -> None:
    allowed, labels = drawn(rng, 300)
    rows = np.column_stack([np.arange(300.0), rng.standard_normal((300, 2))])
    rows[:, 1:][rng.random((300, 2)) < 0.4] = np.nan
    parts = list(parts_by_label(rows, None, labels, gapped=True))
    seen = 0
    for part in parts:
        kind = part.kind
        if not isinstance(kind, Patterns | AllowedGaps):
            continue
        table = kind if isinstance(kind, Patterns) else kind.patterns(0)
        components = np.arange(5) if isinstance(kind, Patterns) else kind.components
        numbers = part.rows[table.values[0] : table.values[-1]]
        firsts = [table.values[i] + j * table.observed[i] for i in range(len(table))
                  for j in range(table.rows[i + 1] - table.rows[i])]  # fmt: skip
        for number in numbers[firsts].astype(int):
            assert np.flatnonzero(allowed[number]).tolist() == components.tolist()
            seen += 1
    complete = [part for part in parts if not isinstance(part.kind, Patterns | AllowedGaps)]
    assert seen + sum(len(part.rows) for part in complete) == 300
    assert all(not np.isnan(part.rows).any() for part in complete)


@pytest.mark.parametrize("k", [1, 5, 63, 64, 65, 130])
def test_bits_are_the_sets(k: int, rng: np.random.Generator) -> None:
    sets = rng.random((40, k)) < 0.5
    words = bits_of(sets)
    assert words.shape == (40, -(-k // 64))
    assert words.dtype == np.uint64
    for j in range(k):
        assert ((words[:, j // 64] >> np.uint64(j % 64) & np.uint64(1)) == sets[:, j]).all()
    assert (sets_of(words, k) == sets).all()


def test_labels_join_and_are_chosen(rng: np.random.Generator) -> None:
    (one, first), (two, second) = drawn(rng, 50), drawn(rng, 70)
    joined = RowLabels.joined([first, second, RowLabels.unknown(3, 5)])
    known = np.vstack([joined.sets, np.ones(5, bool)])[joined.numbers]
    assert (known == np.vstack([one, two, np.ones((3, 5), bool)])).all()
    assert len(np.unique(joined.sets, axis=0)) == len(joined.sets)
    some = joined.of(slice(10, 60))
    assert (np.vstack([some.sets, np.ones(5, bool)])[some.numbers] == known[10:60]).all()
    assert joined.tally.sum() == 123
    assert joined.tally[-1] == np.count_nonzero(known.all(axis=1))
