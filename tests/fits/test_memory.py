"""What a stream remembers: rows that wait, and log densities of those before."""

from typing import Any

import numpy as np
import pytest

from fastgmm.fits.memory import RECENT_ROWS, TRACE_LENGTH, Recent, WaitingRows

# ---------------------------------------------------------------- log densities


def added(batches: list[np.ndarray]) -> Recent:
    recent, seen = Recent(), 0.0
    for batch in batches:
        recent.add(batch, seen)
        seen += len(batch)
    return recent


@pytest.mark.parametrize("size", [1, 7, 500, 8000])
def test_mean_and_variance_are_those_of_all_rows(size: int, rng: np.random.Generator) -> None:
    """As long as no row is forgotten; the offset shows a variance that cancels."""
    rows = rng.standard_normal(8000) - 1e3
    recent = added([rows[i : i + size] for i in range(0, len(rows), size)])
    assert recent.mean == pytest.approx(rows.mean(), rel=1e-12)
    assert recent.variance == pytest.approx(rows.var(), rel=1e-9)
    assert recent.weight == 8000


def test_old_rows_are_forgotten(rng: np.random.Generator) -> None:
    recent = added(
        [
            *np.split(rng.standard_normal(8192), 64),
            *np.split(5.0 + rng.standard_normal(8192 * 8), 512),
        ]
    )
    assert recent.weight == RECENT_ROWS
    assert recent.mean == pytest.approx(5.0, abs=0.05)
    assert recent.variance == pytest.approx(1.0, abs=0.1)


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
    assert (recent.mean, recent.variance, recent.weight) == (2.0, 1.0, 2)
    assert recent.n_window == 6
    assert recent.trace == [(0.0, 2.0)]
    recent = added([np.array([-np.inf, 5.0, 6.0])])
    assert recent.quantile(0.0) == -np.inf


def test_the_trace_is_of_the_last_batches() -> None:
    batches = [np.array([float(i), i + 2.0]) for i in range(TRACE_LENGTH + 40)]
    recent = added(batches)
    expected = [(2.0 * i, i + 1.0) for i in range(40, TRACE_LENGTH + 40)]
    assert recent.trace == expected


@pytest.mark.parametrize("n", [0, 5, 8192, 9001])
def test_it_goes_on_from_its_state(n: int, rng: np.random.Generator) -> None:
    rows, more = rng.standard_normal(n), rng.standard_normal(300)
    recent = added([rows[i : i + 130] for i in range(0, n, 130)])
    state = recent.state()
    assert len(state.window) == min(n, RECENT_ROWS)
    recent.window[:] = recent.window[::-1]  # the state is a copy
    back = Recent.of(state)
    whole = added([rows[i : i + 130] for i in range(0, n, 130)])
    for each in (back, whole):
        each.add(more, float(n))
    assert (back.mean, back.variance, back.weight) == (whole.mean, whole.variance, whole.weight)
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
    waiting, expected = WaitingRows(3, np.dtype(dtype)), np.ones(400)
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
    waiting = WaitingRows(2, np.dtype(np.float64))
    waiting.append(rng.standard_normal((100, 2)), np.full(100, 7.0))
    store = waiting.rows
    waiting.clear()
    assert waiting.n == len(waiting.held()[0]) == 0
    rows = rng.standard_normal((90, 2))
    waiting.append(rows, None)
    held, weight = waiting.held()
    np.testing.assert_array_equal(held, rows)
    assert weight is None  # not those of the rows before
    assert waiting.rows is store  # and no new memory


def test_the_store_doubles() -> None:
    waiting, sizes = WaitingRows(1, np.dtype(np.float64)), set()
    for _ in range(1000):
        waiting.append(np.zeros((1, 1)), None)
        sizes.add(len(waiting.rows))
    assert sizes == {64, 128, 256, 512, 1024}
