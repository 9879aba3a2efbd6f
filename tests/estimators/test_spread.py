"""What a model says of rows of dask is computed later, where they lie; streams go along them."""

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

import fastgmm
from clusters import cluster

array = pytest.importorskip("dask.array")
frames = pytest.importorskip("dask.dataframe")
pandas = pytest.importorskip("pandas")
METHODS = ("score_samples", "predict", "predict_proba", "component_log_density")


@pytest.fixture(scope="module")
def client() -> Generator[Any]:
    with cluster() as client:
        yield client


def rows_and_model(dtype: Any = np.float64) -> tuple[np.ndarray, fastgmm.GaussianMixture]:
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.normal(size=(700, 3)), 4 + rng.normal(size=(700, 3))]).astype(dtype)
    rng.shuffle(rows)
    return rows, fastgmm.GaussianMixture(2, random_state=0).fit(rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS)
def test_scores_wait_and_are_those_of_rows_in_memory(method: str, dtype: Any) -> None:
    rows, model = rows_and_model(dtype)
    expected = getattr(model, method)(rows)
    chunked = array.from_array(rows, chunks=(300, 2))
    for scorer in (model, model.snapshot()):
        lazy = getattr(scorer, method)(chunked)
        assert isinstance(lazy, array.Array)
        assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_array_equal(lazy.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("method", METHODS)
def test_scores_of_frames(method: str) -> None:
    rows, _ = rows_and_model()
    frame = pandas.DataFrame(rows, columns=list("abc"))
    model = fastgmm.GaussianMixture(2, random_state=0).fit(frame)
    lazy = getattr(model, method)(frames.from_pandas(frame, npartitions=3))
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), getattr(model, method)(frame))
    with pytest.raises(ValueError, match="feature names"):
        getattr(model, method)(frames.from_pandas(frame[["b", "a", "c"]], npartitions=3))


def test_wrong_columns_are_said_at_once() -> None:
    rows, model = rows_and_model()
    with pytest.raises(ValueError, match="X has 2 features"):
        model.score_samples(array.from_array(rows[:, :2], chunks=300))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D"):
        model.predict(array.from_array(rows[:, 0], chunks=300))
    with pytest.raises(TypeError, match="leave out"):
        model.score_samples(array.from_array(rows, chunks=300), out=np.empty(1400))


def test_partitions_without_rows() -> None:
    rows, model = rows_and_model()
    chunked = array.from_array(rows, chunks=(350, 3))
    none = chunked[chunked[:, 0] > chunked[:, 0].max() - 1e-9]
    assert len(model.score_samples(none).compute(scheduler="sync")) == 1
    assert model.predict_proba(none).compute(scheduler="sync").shape == (1, 2)


def test_criteria_and_statistics_stay_on_the_cluster(client: Any) -> None:
    rows, model = rows_and_model()
    chunked = array.from_array(rows, chunks=(300, 3))
    weight = np.random.default_rng(1).exponential(size=len(rows))
    for name in ("score", "bic", "aic", "icl"):
        for given in (None, weight):
            ours = getattr(model, name)(chunked, sample_weight=given)
            assert ours == pytest.approx(getattr(model, name)(rows, sample_weight=given), rel=1e-12)
    ours, theirs = model.e_step(chunked), model.e_step(rows)
    assert (ours.n_samples, ours.weight) == (1400, 1400.0)
    np.testing.assert_allclose(ours.second_moment, theirs.second_moment, rtol=1e-10)


def test_a_stream_goes_from_partition_to_partition(client: Any) -> None:
    rows, _ = rows_and_model()
    chunked = array.from_array(rows, chunks=(300, 3))
    ours = fastgmm.GaussianMixture(2, random_state=0).partial_fit(chunked).partial_fit(chunked)
    theirs = fastgmm.GaussianMixture(2, random_state=0)
    for begin in [*range(0, 1400, 300), *range(0, 1400, 300)]:
        theirs.partial_fit(rows[begin : begin + 300])
    assert ours.n_samples_seen_ == 2800
    assert np.array_equal(ours.means_, theirs.means_)
    with pytest.raises(TypeError, match="client is for arrays and frames of dask"):
        ours.partial_fit(rows.tolist(), client=client)


def test_fit_predict_and_batches_with_a_checkpoint(client: Any, tmp_path: Any) -> None:
    rows, model = rows_and_model()
    chunked = array.from_array(rows, chunks=(300, 3))
    labels = fastgmm.GaussianMixture(2, random_state=0).fit_predict(chunked)
    np.testing.assert_array_equal(labels.compute(), model.predict(rows))
    path = tmp_path / "checkpoint.gmm"
    kept = fastgmm.GaussianMixture(2, random_state=0).fit_batches(chunked, checkpoint=path)
    assert path.exists()
    np.testing.assert_allclose(kept.means_, model.means_, rtol=1e-9, atol=1e-9)


def test_without_a_client_all_rows_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgmm.data.dask.client_of", lambda client: None)
    rows, model = rows_and_model()
    found = fastgmm.GaussianMixture(2, random_state=0).fit(array.from_array(rows, chunks=(300, 3)))
    assert np.array_equal(found.means_, model.means_)


@pytest.mark.parametrize("unit", [None, 0.01])
def test_a_choice_is_made_on_the_cluster(unit: float | None, client: Any) -> None:
    rows, _ = rows_and_model()
    weight = None if unit is None else unit * np.random.default_rng(1).exponential(size=len(rows))
    chunked = array.from_array(rows, chunks=(500, 3))
    asked = {"covariance_types": ("tied", "diag"), "n_init": 2, "random_state": 0}
    ours = fastgmm.select(chunked, range(1, 4), sample_weight=weight, **asked)
    theirs = fastgmm.select(rows, range(1, 4), sample_weight=weight, **asked)
    assert ours.best[:2] == theirs.best[:2]
    for one, other in zip(ours.table, theirs.table, strict=True):
        assert one.bic == pytest.approx(other.bic, abs=0.1)
        assert one.icl == pytest.approx(other.icl, abs=0.5)


def test_labels_of_partitions_are_refused(client: Any) -> None:
    rows, model = rows_and_model()
    X, labels = array.from_array(rows, chunks=(500, 3)), np.zeros(len(rows), int)
    for call in (model.fit, model.partial_fit, model.e_step):
        with pytest.raises(TypeError, match=r"^labels are for rows in memory and batches"):
            call(X, labels=labels)
