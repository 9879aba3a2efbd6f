"""Rows with gaps as tasks: whatever the cut into tasks, lanes and threads, the same numbers."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from mixture.test_gaps import TYPES, in_form, mixture_of, oracle, rows_with_gaps

from fastgmm.data.patterns import grouped
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import EStep, expectation
from fastgmm.mixture import patterns as tasks
from fastgmm.mixture.density import component_log_density, labels, log_density, responsibilities
from fastgmm.mixture.mixture import FLOAT64
from fastgmm.mixture.statistics import SufficientStatistics


def small_tasks(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Have tasks of some ten rows, and lanes for patterns of up to so many."""
    monkeypatch.setattr(tasks, "rows_per_block", lambda k, d: 40)
    monkeypatch.setattr(tasks, "FEW_ROWS", dict.fromkeys(tasks.FEW_ROWS, few))


def same(one: SufficientStatistics, other: SufficientStatistics) -> bool:
    names = ("component_weight", "first_moment", "second_moment", "reference")
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
    return equal and one.log_likelihood == other.log_likelihood


@pytest.mark.parametrize("few", [0, 3, 1000])
def test_tasks_hold_each_row_once(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    small_tasks(monkeypatch, few)
    rng = np.random.default_rng(0)
    table, values = grouped(rows_with_gaps(900, 5, rng, 0.0, 0.1))
    mixture = mixture_of("full", 3, 5, rng, 0.0)
    found = tasks.tasks_of(table, mixture)
    assert found is tasks.tasks_of(table, mixture)
    assert len(found) > 5
    assert found[0].begin == found[0].first_value == 0
    assert (found[-1].end, found[-1].last_value) == (900, len(values))
    for one, following in pairwise(found):
        assert (one.end, one.last_value) == (following.begin, following.first_value)
    counts = np.diff(table.rows)
    for task in found:
        pieces = np.concatenate([task.few, task.many])
        assert (pieces[:, 2] - pieces[:, 1]).sum() == task.end - task.begin
        assert (counts[task.few[:, 0]] <= few).all()
        assert (table.observed[task.few[:, 0]] > 0).all()


@pytest.mark.parametrize("few", [0, 3, 1000])
@pytest.mark.parametrize("kind", TYPES)
def test_sums_of_small_tasks_are_those_of_the_oracle(
    monkeypatch: pytest.MonkeyPatch, kind: str, few: int
) -> None:
    small_tasks(monkeypatch, few)
    rng = np.random.default_rng(few)
    mixture = mixture_of(kind, 3, 6, rng, 1e6)
    rows = rows_with_gaps(300, 6, rng, 1e6)
    weight = rng.exponential(size=300)
    found = expectation(mixture, RowData(rows, weight, 1, gapped=True))
    weights, first, second, total = oracle(mixture, rows, weight)
    scale = np.abs(second).max()
    # Rows are rounded at their offset; the sums add nothing to that.
    np.testing.assert_allclose(found.component_weight, weights, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.first_moment, first, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(
        found.second_moment, in_form(mixture, second), rtol=0, atol=1e-9 * scale
    )
    np.testing.assert_allclose(found.log_likelihood, total, rtol=1e-9)


@pytest.mark.parametrize("few", [0, 3, 1000])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_threads_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch, dtype: str, few: int) -> None:
    small_tasks(monkeypatch, few)
    rng = np.random.default_rng(1)
    mixture, rows = mixture_of("full", 3, 5, rng, 0.0), rows_with_gaps(2000, 5, rng, 0.0)
    rows = rows.astype(dtype)
    first, *others = (expectation(mixture, RowData(rows, None, n, gapped=True)) for n in (1, 2, 5))
    assert all(same(first, other) for other in others)
    out = [
        log_density(mixture, rows, np.empty(2000, dtype), n, gaps=True) for n in (1, 2, 5)
    ]  # fmt: skip
    assert np.array_equal(out[0], out[1])
    assert np.array_equal(out[0], out[2])


def test_log_densities_come_with_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    small_tasks(monkeypatch, 10)
    rng = np.random.default_rng(2)
    mixture, rows = mixture_of("full", 2, 4, rng, 0.0), rows_with_gaps(500, 4, rng, 0.0)
    data = RowData(rows, None, 2, gapped=True)
    step = EStep(mixture, data.extent, data.dtype, 2)
    table = grouped(rows)[0]
    whole, found = data.pass_over(lambda: _Noting(step)), np.empty(500)
    found[table.order] = np.concatenate(whole)
    expected = log_density(mixture, rows, np.empty(500), 1, gaps=True)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


class _Noting:
    """An accumulator that asks an E-step for the log densities of its parts."""

    def __init__(self, step: EStep) -> None:
        self._step, self._found = step, list[np.ndarray]()

    def add(self, part: Any) -> None:
        n = len(part.kind.order) if hasattr(part.kind, "order") else len(part.rows)
        density = np.empty(n)
        self._step.add(part, density)
        self._found.append(density)

    def statistics(self) -> list[np.ndarray]:
        return self._found


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", TYPES)
def test_scores(monkeypatch: pytest.MonkeyPatch, kind: str, dtype: str, few: int) -> None:
    small_tasks(monkeypatch, few)
    rng = np.random.default_rng(3)
    mixture, rows = mixture_of(kind, 3, 5, rng, 0.0), rows_with_gaps(200, 5, rng, 0.0)
    model, given = mixture.covariance_model, rows.astype(dtype)
    matrices = model.form.matrices(model.per_component(mixture.covariances, 3), 5)
    expected = np.empty((200, 3))
    for i, row in enumerate(given.astype(FLOAT64)):
        o = np.flatnonzero(~np.isnan(row))
        for k in range(3):
            s, off = matrices[k][np.ix_(o, o)], row[o] - mixture.means[k, o]
            log_det = np.linalg.slogdet(2.0 * np.pi * s)[1] if len(o) else 0.0
            expected[i, k] = -0.5 * (off @ np.linalg.solve(s, off) + log_det)
    joint = expected + np.log(mixture.weights)
    density = np.logaddexp.reduce(joint, axis=1)
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    room = np.empty((200, 3), dtype)
    found = component_log_density(mixture, given, room, 1, gaps=True)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    found = log_density(mixture, given, np.empty(200, dtype), 1, gaps=True)
    np.testing.assert_allclose(found, density, rtol=tolerance, atol=tolerance)
    odds = responsibilities(mixture, given, room, 1, gaps=True)
    np.testing.assert_allclose(odds, np.exp(joint - density[:, None]), atol=10 * tolerance)
    assert np.array_equal(labels(mixture, given, 1, gaps=True), joint.argmax(axis=1))
