"""What a stream remembers: rows that wait, and log densities of those before."""

from typing import Any

import numpy as np
import pytest

from fastgmm.fits.memory import RECENT_ROWS, TRACE_LENGTH, Recent, WaitingRows

# ---------------------------------------------------------------- log densities


def added(batches: list[np.ndarray]) -> Recent:
    recent, seen = Recent(), 0.0
    for batch in batches:
        recent = recent.plus(batch, seen)
        seen += len(batch)
    return recent


@pytest.mark.parametrize("size", [1, 7, 500, 8000])
def test_mean_and_variance_are_those_of_all_rows(size: int, rng: np.random.Generator) -> None:
    """As long as no row is forgotten; the offset shows a variance that cancels."""
    rows = rng.standard_normal(8000) - 1e3
    recent = added([rows[i : i + size] for i in range(0, len(rows), size)])
    assert recent.mean == pytest.approx(rows.mean(), rel=1e-12)
    assert recent.deviation == pytest.approx(rows.std(), rel=1e-9)
    assert recent.moments[2] == 8000


def test_old_rows_are_forgotten(rng: np.random.Generator) -> None:
    recent = added(
        [
            *np.split(rng.standard_normal(8192), 64),
            *np.split(5.0 + rng.standard_normal(8192 * 8), 512),
        ]
    )
    assert recent.moments[2] == RECENT_ROWS
    assert recent.mean == pytest.approx(5.0, abs=0.05)
    assert recent.deviation == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("size", [1, 100, 8191, 8192, 8193, 20_000])
def test_quantiles_are_of_the_last_rows(size: int, rng: np.random.Generator) -> None:
    rows = rng.standard_normal(20_000)
    recent = added([rows[i : i + size] for i in range(0, len(rows), size)])
    last = np.sort(rows[-RECENT_ROWS:])
    for quantile in (0.0, 0.01, 0.5, 1.0):
        expected = last[int(np.floor(quantile * (RECENT_ROWS - 1)))]
        assert recent.quantile(quantile) == expected
    few = added([rows[:5]])
    assert few.quantile(0.5) == np.sort(rows[:5])[2]
    assert (few.n_window, recent.n_window) == (5, 20_000)


def test_densities_that_are_no_numbers_count_in_quantiles_only() -> None:
    batch = np.array([1.0, -np.inf, 3.0, np.nan])
    recent = added([batch, np.array([-np.inf, -np.inf])])
    assert recent.moments == (2.0, 1.0, 2)
    assert recent.n_window == 6
    assert recent.trace == ((0.0, 2.0),)
    recent = added([np.array([-np.inf, 5.0, 6.0])])
    assert recent.quantile(0.0) == -np.inf


def test_the_trace_is_of_the_last_batches() -> None:
    batches = [np.array([float(i), i + 2.0]) for i in range(TRACE_LENGTH + 40)]
    recent = added(batches)
    expected = [(2.0 * i, i + 1.0) for i in range(40, TRACE_LENGTH + 40)]
    assert list(recent.trace) == expected


@pytest.mark.parametrize("n", [0, 5, 8192, 9001])
def test_it_goes_on_from_its_state(n: int, rng: np.random.Generator) -> None:
    rows, more = rng.standard_normal(n), rng.standard_normal(300)
    recent = added([rows[i : i + 130] for i in range(0, n, 130)])
    state = recent.state()
    assert len(state.window) == min(n, RECENT_ROWS)
    back = Recent.of(state)
    whole = added([rows[i : i + 130] for i in range(0, n, 130)])
    back, whole = back.plus(more, float(n)), whole.plus(more, float(n))
    assert back.window.tobytes() == whole.window.tobytes()
    assert back.moments == whole.moments
    assert (back.trace, back.n_window) == (whole.trace, whole.n_window)
    assert [back.quantile(q) for q in (0.0, 0.3, 1.0)] == [
        whole.quantile(q) for q in (0.0, 0.3, 1.0)
    ]


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", ["none", "all", "late", "early"])
def test_rows_wait_in_order(weighted: str, dtype: Any, rng: np.random.Generator) -> None:
    """Rows without a weight weigh 1, where others have one."""
    rows, weight = rng.standard_normal((400, 3)).astype(dtype), rng.exponential(size=400)
    waiting, expected = WaitingRows.none(3, np.dtype(dtype)), np.ones(400)
    for begin, end in ((0, 1), (1, 1), (1, 63), (63, 65), (65, 300), (300, 400)):
        given = {"none": False, "all": True, "late": begin >= 63, "early": begin < 63}[weighted]
        part = weight[begin:end] if given else None
        if given:
            expected[begin:end] = weight[begin:end]
        waiting.append(rows[begin:end], part)
        held, of_rows = waiting.held()
        np.testing.assert_array_equal(held, rows[:end])
        assert held.dtype == dtype
        if of_rows is not None:
            np.testing.assert_array_equal(of_rows, expected[:end])
    assert (of_rows is None) == (weighted == "none")


def test_rows_that_are_forgotten_leave_nothing(rng: np.random.Generator) -> None:
    waiting = WaitingRows.none(2, np.dtype(np.float64))
    waiting.append(rng.standard_normal((100, 2)), np.full(100, 7.0))
    store = waiting.held()[0]
    waiting = waiting.emptied()
    assert waiting.n == len(waiting.held()[0]) == 0
    rows = rng.standard_normal((90, 2))
    waiting.append(rows, None)
    held, weight = waiting.held()
    np.testing.assert_array_equal(held, rows)
    assert weight is None  # not those of the rows before
    assert np.shares_memory(held, store)  # and no new memory


@pytest.mark.parametrize("weighted", [False, True])
def test_longer_stores_are_not_seen_by_those_before(
    weighted: bool, rng: np.random.Generator
) -> None:
    rows = rng.standard_normal((300, 2))
    waiting = WaitingRows.none(2, np.dtype(np.float64))
    waiting.append(rows[:50], np.full(50, 3.0) if weighted else None)
    one = waiting.plus(rows[50:60], None)
    other = waiting.plus(rows[100:300], np.full(200, 2.0))
    assert (waiting.n, one.n, other.n) == (50, 60, 250)
    np.testing.assert_array_equal(waiting.held()[0], rows[:50])
    np.testing.assert_array_equal(other.held()[0][50:], rows[100:300])
    weight = other.held()[1]
    assert weight is not None
    assert weight.tolist() == [3.0 if weighted else 1.0] * 50 + [2.0] * 200


def test_log_densities_of_any_size_have_a_mean() -> None:
    with np.errstate(over="ignore"):  # as a learner has it
        recent = Recent().plus(np.array([-1e308, -1e308, 0.0, -np.inf]), 0.0)
    assert recent.mean == pytest.approx(-1e308 / 3 * 2, rel=1e-12)
    assert np.isfinite(recent.deviation)
    assert Recent().plus(np.zeros(3), 0.0).moments == (0.0, 0.0, 3)


def test_rows_are_taken_while_they_are_plain_and_few() -> None:
    waiting = WaitingRows.none(2, np.dtype(np.float64)).plus(np.zeros((3, 2)), None)
    assert waiting.take(np.ones((4, 2)), 8)
    assert not waiting.take(np.ones((1, 2)), 8)  # they would be all that is awaited
    assert not waiting.take(np.full((1, 2), np.nan), 99)
    assert waiting.n == 7
    rows, weight = waiting.held()
    assert weight is None
    assert rows[:, 0].tolist() == [0.0] * 3 + [1.0] * 4
    waiting.append(np.ones((1, 2)), np.ones(1))
    assert not waiting.take(np.ones((1, 2)), 99)  # beside weights every row has one
