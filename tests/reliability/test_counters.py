"""Numbers of rows beyond 2^53, where a float counts no further: they stay exact, and weights go on.

A stream that learned a million rows a second would come to 2^53 in 285 years; statistics of many
machines, and of rows whose weights say how often they came, may be there at once.
"""

import io
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np

import fastgmm
from fastgmm import GaussianMixture, SufficientStatistics

BEYOND = 2**53
ROWS = np.random.default_rng(0).normal(size=(400, 2)) + np.repeat([[0.0], [5.0]], 200, axis=0)


def model() -> GaussianMixture:
    return GaussianMixture(2, random_state=0).fit(ROWS)


def test_statistics_count_exactly() -> None:
    one = model().e_step(ROWS[:1])
    many = replace(one, n_samples=BEYOND)
    for total in (many + one, sum([many, one]), SufficientStatistics.total([one, many])):
        assert total.n_samples == BEYOND + 1
        assert SufficientStatistics.from_bytes(total.to_bytes()).n_samples == BEYOND + 1
        assert pickle.loads(pickle.dumps(total)).n_samples == BEYOND + 1
    assert (many + many + one).n_samples == 2 * BEYOND + 1
    assert (many + one - many).n_samples == 1


def test_weights_beyond_are_those_of_rows_that_come_so_often() -> None:
    """The means are those of weights that are 2^60 times smaller, to the last bit."""
    small = model().m_step(model().e_step(ROWS))
    large = model().m_step(model().e_step(ROWS, sample_weight=np.full(len(ROWS), 2.0**60)))
    assert np.array_equal(small.means_, large.means_)
    assert np.array_equal(small.weights_, large.weights_)
    fitted = GaussianMixture(2, random_state=0).fit(ROWS, sample_weight=np.full(400, 2.0**60))
    assert np.allclose(np.sort(fitted.means_, axis=0), np.sort(small.means_, axis=0), atol=0.05)


def test_a_stream_counts_exactly(tmp_path: Path) -> None:
    stream = GaussianMixture(2, random_state=0).partial_fit(ROWS)
    state = stream._state
    learner = state.learner.having(n_taken=BEYOND - stream.n_samples_seen_ + len(ROWS))
    stream._state = replace(state, learner=learner)
    before = stream.n_samples_seen_
    assert before >= BEYOND
    for _ in range(5):
        stream.partial_fit(ROWS[:1])
        stream.save(tmp_path / "model")
        stream = fastgmm.load(tmp_path / "model")
    assert stream.n_samples_seen_ == before + 5
    copy = pickle.load(io.BytesIO(pickle.dumps(stream)))
    assert copy.n_samples_seen_ == before + 5


def test_a_stream_of_large_weights_goes_on_learning() -> None:
    """Rows of a weight at which the sum stands still would be learned from no more."""
    stream = GaussianMixture(2, random_state=0, half_life=1000.0)
    for _ in range(20):
        stream.partial_fit(ROWS)
    known = stream._state.learner
    learned = replace(known.learned, seen=float(2**54))
    stream._state = replace(stream._state, learner=known.having(learned=learned))
    for _ in range(40):
        stream.partial_fit(ROWS + 3.0)
    assert np.allclose(np.sort(stream.means_[:, 0]), [3.0, 8.0], atol=0.5)
