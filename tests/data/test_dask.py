"""Rows on a dask cluster of processes: fits are as in memory, a killed worker costs time only."""

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

import fastgmm
from clusters import cluster, distributed, kill_a_worker
from fastgmm.data import dask as fastgmm_dask
from fastgmm.errors import ClusterError
from support import correlated_mixture

array = pytest.importorskip("dask.array")
N, D, K = 6000, 3, 3


@pytest.fixture(scope="module")
def client() -> Generator[Any]:
    with cluster() as client:
        yield client


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return correlated_mixture(K, D, rng).sample(N, rng)[0]


def model(**params: Any) -> fastgmm.GaussianMixture:
    return fastgmm.GaussianMixture(K, random_state=0, **params)


def assert_close(one: fastgmm.GaussianMixture, other: fastgmm.GaussianMixture) -> None:
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-9)
    assert one.n_passes_ == other.n_passes_


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_a_fit_is_that_of_rows_in_memory(kind: str, client: Any, rows: np.ndarray) -> None:
    ours = model(covariance_type=kind).fit(array.from_array(rows, chunks=(1700, 2)))
    assert_close(ours, model(covariance_type=kind).fit(rows))


def test_weights_and_gaps(client: Any, rows: np.ndarray, rng: np.random.Generator) -> None:
    weight = rng.exponential(size=N)
    chunked = array.from_array(rows, chunks=(1700, D))
    theirs = model().fit(rows, sample_weight=weight)
    for given in (weight, array.from_array(weight, chunks=999)):
        assert_close(model().fit(chunked, sample_weight=given), theirs)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    chunked = array.from_array(rows, chunks=(1700, D))
    assert_close(model(missing="em").fit(chunked), model(missing="em").fit(rows))


def test_the_same_partitions_give_the_same_bits(client: Any, rows: np.ndarray) -> None:
    chunked = array.from_array(rows, chunks=(500, D))
    before = model().fit(chunked)
    address = min(client.scheduler_info()["workers"])
    with distributed.Client(client.scheduler.address, set_as_default=False) as other:
        # All partitions lie on one worker, and the other one has nothing to add.
        kept = other.persist(chunked, workers=[address], allow_other_workers=False)
        distributed.wait(kept)
        after = model().fit(kept, client=other)
    assert np.array_equal(before.means_, after.means_)
    assert np.array_equal(before.covariances_, after.covariances_)


@pytest.mark.filterwarnings("ignore:Best performing")  # so many iterations were asked for
def test_a_killed_worker_costs_time_only() -> None:
    rng = np.random.default_rng(5)
    rows = correlated_mixture(K, D, rng).sample(N, rng)[0]
    with cluster() as client:
        chunked = array.from_array(rows, chunks=(500, D)).persist()
        undisturbed = model(tol=0.0, max_iter=8).fit(chunked)
        killed: list[int] = []

        def kill(iteration: fastgmm.Iteration) -> None:
            if iteration.n_iter == 3:
                killed.append(kill_a_worker(client))

        disturbed = model(tol=0.0, max_iter=8).fit(chunked, callback=kill)
        assert killed
        assert np.array_equal(disturbed.means_, undisturbed.means_)
        assert np.array_equal(disturbed.covariances_, undisturbed.covariances_)


def test_a_cluster_that_is_gone_is_one_sentence() -> None:
    rows = np.random.default_rng(6).standard_normal((N, D))
    with cluster(1) as client:
        chunked = array.from_array(rows, chunks=(3000, D))

        def close(iteration: fastgmm.Iteration) -> None:
            client.cluster.close()

        with pytest.raises(ClusterError, match="the cluster has lost the rows"):
            model(tol=0.0).fit(chunked, callback=close, client=client)


def test_workers_use_their_own_threads(client: Any) -> None:
    # Each worker of this cluster has one thread, whatever the machine has.  What is sent are inner
    # functions, which travel whole: workers cannot import the tests.
    def checked(number: int, rows: Any, weight: Any) -> tuple[Any, Any]:
        return rows, weight

    def threads(number: int, rows: Any, weight: Any) -> int:
        from fastgmm.threads import available_threads, threads_used

        return max(available_threads(), threads_used(10**6, 1000, 8))

    chunked = array.zeros((N, D), chunks=(3000, D))
    parts = fastgmm_dask.delayed_parts(chunked, None)
    kept = fastgmm_dask.DaskPartitions(client, parts, checked, None)
    assert kept.fold(threads, max) == 1


def test_workers_without_the_package_are_named_before_anything_is_sent() -> None:
    def forget() -> None:
        import sys

        sys.modules["fastgmm.version"] = None  # type: ignore[assignment]

    def outdate() -> None:
        import fastgmm.version

        fastgmm.version.__version__ = "0.0.1"

    rows = np.random.default_rng(7).standard_normal((N, D))
    chunked = array.from_array(rows, chunks=(3000, D))
    for spoil, sentence in ((outdate, "has 0.0.1, and"), (forget, "cannot import fastgmm")):
        with cluster(1) as other:
            other.run(spoil)
            with pytest.raises(ClusterError, match=rf"the worker tcp://.* {sentence}"):
                model().fit(chunked, client=other)
            with pytest.raises(ClusterError, match=sentence):
                model().partial_fit(chunked, client=other)


def test_wrong_input_is_one_sentence(client: Any, rows: np.ndarray) -> None:
    chunked = array.from_array(rows, chunks=(1700, D))
    bad = rows.copy()
    bad[1800, 1] = np.nan
    unknown = chunked[chunked[:, 0] > 0]
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (
            array.from_array(bad, chunks=(1700, D)),
            {},
            ValueError,
            r"partition 1: .*NaN.*X\[100, 1\]",
        ),
        (array.from_array(rows[:, 0], chunks=1700), {}, ValueError, "Expected 2D array, got 1D"),
        (chunked[:2], {}, ValueError, "n_samples = 2"),
        (chunked, {"client": 3}, TypeError, "client must be a dask.distributed.Client"),
        (rows, {"client": client}, TypeError, "client is for arrays and frames of dask"),
        (chunked, {"sample_weight": np.ones(5)}, ValueError, r"\(5,\), expected \(6000,\)"),
        (unknown, {"sample_weight": np.ones(5)}, ValueError, "compute_chunk_sizes"),
        (unknown, {"sample_weight": array.ones(5, chunks=5)}, ValueError, "has 1 partitions"),
    ]
    for X, given, kind, sentence in cases:
        one = model()
        with pytest.raises(kind, match=sentence):
            one.fit(X, **given)
        assert not one.is_fitted


def test_chunks_of_unknown_sizes(client: Any, rows: np.ndarray) -> None:
    chunked = array.from_array(rows, chunks=(1700, D))
    chosen = rows[:, 0] > rows[:, 0].mean()
    unknown = chunked[chunked[:, 0] > rows[:, 0].mean()]
    assert_close(model().fit(unknown), model().fit(rows[chosen]))
