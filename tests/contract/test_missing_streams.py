"""`missing="em"`: rows with gaps in `partial_fit`, as they come."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm.errors import NotFittedError
from fastgmm.typing import COVARIANCE_TYPES
from support import correlated_mixture


def gapped(seed: int, n: int, k: int = 3, d: int = 4, share: float = 0.2) -> np.ndarray:
    """Rows of a mixture of correlated components, of which a share of the cells is missing."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(correlated_mixture(k, d, rng).sample(n, rng)[0])
    rows[rng.random(rows.shape) < share] = np.nan
    return rows


def streamed(rows: np.ndarray, size: int, weight: Any = None, **params: Any) -> Any:
    """A model that rows have come to, so many at a time."""
    given = {"n_components": 3, "random_state": 0, "missing": "em", **params}
    model = fastgmm.GaussianMixture(**given)
    for begin in range(0, len(rows), size):
        part = slice(begin, begin + size)
        model.partial_fit(rows[part], sample_weight=None if weight is None else weight[part])
    return model


@pytest.mark.parametrize(("kind", "seed"), [("full", 0), ("full", 1), ("tied", 2), ("diag", 3)])
def test_a_stream_ends_near_batch_em(kind: str, seed: int) -> None:
    rows = gapped(seed, 20_000)
    model = streamed(rows, 500, covariance_type=kind)
    batch = fastgmm.GaussianMixture(
        3, covariance_type=kind, random_state=0, missing="em", tol=1e-6, max_iter=500
    ).fit(rows)
    assert model.score(rows) > batch.score(rows) - 0.02
    assert model.stream_.n_skipped == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_the_cut_does_not_matter(kind: str, dtype: type) -> None:
    rows = gapped(5, 1500).astype(dtype)
    weight = np.random.default_rng(0).exponential(size=len(rows))
    for of_rows in (None, weight):
        one, other = (
            streamed(rows[:1500], size, of_rows, covariance_type=kind) for size in (7, 150)
        )
        assert one.covariances_.tobytes() == other.covariances_.tobytes()
        assert one.means_.dtype == dtype


def test_complete_rows_give_the_bits_of_the_default() -> None:
    rows = gapped(6, 6000, share=0.0)
    one, other = (streamed(rows, 100, missing=missing) for missing in ("em", "error"))
    assert one.covariances_.tobytes() == other.covariances_.tobytes()


def test_rows_come_one_by_one_with_gaps_and_without() -> None:
    rows = gapped(7, 1200, share=0.05)
    one, many = streamed(rows, 1), streamed(rows, 100)
    assert one.means_.tobytes() == many.means_.tobytes()
    assert one.n_samples_seen_ == 1200


@pytest.mark.parametrize("half_life", [500.0, 1000.0])
def test_what_is_forgotten_is_forgotten(half_life: float) -> None:
    before, after = gapped(8, 4000), gapped(9, 8000)
    model = streamed(np.concatenate([before, after]), 500, half_life=half_life)
    alone = streamed(after, 500)
    assert model.score(after) > alone.score(after) - 0.05


@pytest.mark.parametrize("n", [50, 450, 1900])
def test_files_and_pickles_go_on_where_they_were(n: int, tmp_path: Path) -> None:
    rows = gapped(10, 2400)
    model = streamed(rows[:n], 50)
    path = tmp_path / "model.gmm"
    model.save(path)
    others = [fastgmm.load(path), pickle.loads(pickle.dumps(model))]
    straight = streamed(rows, 50)
    for other in others:
        for begin in range(n, len(rows), 50):
            other.partial_fit(rows[begin : begin + 50])
        assert other.covariances_.tobytes() == straight.covariances_.tobytes()


def test_gaps_that_waited_in_a_file_are_known(tmp_path: Path) -> None:
    rows = gapped(19, 1230)
    model = streamed(rows, 410)
    model.save(tmp_path / "model.gmm")
    complete = gapped(19, 2000, share=0.0)
    for one in (model, fastgmm.load(tmp_path / "model.gmm")):
        assert one.partial_fit(complete).stream_.n_skipped == 0


def test_learning_goes_on_from_a_fit_and_from_an_m_step() -> None:
    rows = gapped(11, 12_000)
    model = fastgmm.GaussianMixture(3, random_state=0, missing="em").fit(rows[:3000])
    reached = model.score(rows)
    for begin in range(3000, 12_000, 300):
        model.partial_fit(rows[begin : begin + 300])
    assert model.score(rows) > reached
    statistics = model.e_step(rows[:6000]) + model.e_step(rows[6000:])
    model.m_step(statistics).partial_fit(rows[:300])
    assert model.score(rows) > reached


def test_sorted_rows_end_near_shuffled_ones() -> None:
    rng = np.random.default_rng(12)
    truth = correlated_mixture(3, 3, rng, separation=6.0)
    rows, labels = truth.sample(9000, rng)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    ordered = streamed(rows[np.argsort(labels, kind="stable")], 300)
    shuffled = streamed(rng.permutation(rows), 300)
    assert ordered.score(rows) > shuffled.score(rows) - 0.1


def test_rows_far_away_are_set_aside() -> None:
    rows = gapped(13, 6000)
    rows[4000] = [np.nan, 1e9, np.nan, np.nan]
    model = streamed(rows, 200)
    assert model.stream_.n_skipped == 1
    assert np.abs(model.means_).max() < 100.0


def test_a_column_that_does_not_come_is_waited_for() -> None:
    rows = gapped(14, 5000)
    rows[:1000, 2] = np.nan
    model = streamed(rows[:1000], 100)
    with pytest.raises(NotFittedError, match="without a value in column 2"):
        model.means_  # noqa: B018 -- it is asked for
    for begin in range(1000, 5000, 100):
        model.partial_fit(rows[begin : begin + 100])
    assert model.score(rows) > -10.0


def test_columns_that_come_apart_are_named() -> None:
    rows = gapped(15, 3000)
    rows[::2, 0], rows[1::2, 3] = np.nan, np.nan
    with pytest.warns(UserWarning, match="that has come so far.*both columns 0 and 3"):
        streamed(rows, 500)


def test_rows_of_nothing_are_no_error() -> None:
    rows = gapped(16, 6000)
    rows[1000:1400] = np.nan
    model = streamed(rows, 200)
    assert model.n_samples_seen_ == 6000
    assert np.isfinite(model.score(rows))
    nothing = np.full((3, 4), np.nan)
    assert model.partial_fit(nothing).n_samples_seen_ == 6003


def test_the_default_refuses_gaps_and_is_what_it_was() -> None:
    rows = gapped(17, 2000)
    model = fastgmm.GaussianMixture(3, random_state=0)
    with pytest.raises(ValueError, match="contains NaN"):
        model.partial_fit(rows)
    model.partial_fit(gapped(17, 1000, share=0.0))
    means = model.means_
    with pytest.raises(ValueError, match="contains NaN"):
        model.partial_fit(rows[:10])
    assert model.means_.tobytes() == means.tobytes()


def test_memory_does_not_grow_with_patterns() -> None:
    """8 columns have 150 patterns among these rows, and none of them is kept."""
    rng = np.random.default_rng(18)
    rows = rng.normal(size=(1500, 8))
    rows[rng.random(rows.shape) < 0.3] = np.nan
    model = streamed(rows, 300, n_components=1, covariance_type="diag")
    learner = model._state.learner
    assert len(learner.waiting.held()[0]) < 1000
    assert learner.learned.statistics.second_moment.shape == (1, 8)
