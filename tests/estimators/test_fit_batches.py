"""EM over batches: the same as EM over the whole, however it is cut."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.starts.points import ASSIGNED_ROWS
from fastgmm.threads import rows_per_block

pytestmark = pytest.mark.filterwarnings("ignore:Best performing")


def rows_of(seed, n, d=3, k=4):
    """Correlated clusters that overlap a little."""
    rng = np.random.default_rng(seed)
    roots = np.eye(d) + rng.normal(size=(k, d, d)) * 0.5 / np.sqrt(d)
    labels = rng.integers(k, size=n)
    means = rng.normal(size=(k, d)) * 4
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d)))


def cut(rows, size, weight=None):
    """Batches of this size."""
    parts = [slice(i, i + size) for i in range(0, len(rows), size)]
    return [rows[p] if weight is None else (rows[p], weight[p]) for p in parts]


def assert_same(model, other, rtol=1e-9):
    assert model.n_iter_ == other.n_iter_
    assert model.converged_ == other.converged_
    np.testing.assert_allclose(model.lower_bounds_, other.lower_bounds_, rtol=1e-12)
    for name in ("weights_", "means_", "covariances_"):
        one, two = getattr(model, name), getattr(other, name)
        np.testing.assert_allclose(one, two, rtol=rtol, atol=rtol * np.abs(two).max())


@pytest.mark.parametrize("init_params", ["ward", "random", "kmeans"])
@pytest.mark.parametrize("weighted", [False, True])
def test_any_cut_is_the_whole(covariance_type, weighted, init_params):
    rows = rows_of(0, 1500)
    weight = None
    if weighted:
        weight = np.random.default_rng(1).exponential(size=1500) * (np.arange(1500) % 4 > 0)
    model = GaussianMixture(
        4, covariance_type=covariance_type, init_params=init_params, random_state=3, tol=1e-5
    )
    whole = model.fit(rows, sample_weight=weight).__dict__.copy()
    whole = fastgmm.GaussianMixture(**model.get_params()).fit(rows, sample_weight=weight)
    for size in (1, 7, 1000, 1500) if init_params == "ward" else (640,):
        cut_model = GaussianMixture(**model.get_params())
        assert_same(cut_model.fit_batches(cut(rows, size, weight)), whole)


def test_rows_beyond_the_sample():
    """The start takes some rows of many: the same ones from any cut."""
    n = 3 * ASSIGNED_ROWS
    rows = rows_of(1, n, d=2, k=3)
    weight = np.random.default_rng(0).exponential(size=n)
    for of_rows in (None, weight):
        model = GaussianMixture(3, random_state=0, n_init=2, max_iter=8)
        whole = model.fit(rows, sample_weight=of_rows)
        for size in (999, 12_345, n):
            part = GaussianMixture(3, random_state=0, n_init=2, max_iter=8)
            assert_same(part.fit_batches(cut(rows, size, of_rows)), whole)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_same_bytes_at_own_blocks(covariance_type, n_threads):
    block = rows_per_block(4, 3)
    rows = rows_of(2, 2 * block + 700)
    model = GaussianMixture(
        4, covariance_type=covariance_type, random_state=0, max_iter=5, n_threads=n_threads
    )
    whole = model.fit(rows).covariances_.tobytes()
    assert model.fit_batches(cut(rows, block)).covariances_.tobytes() == whole
    assert model.fit_batches(lambda: iter(cut(rows, 2 * block))).covariances_.tobytes() == whole


def test_offsets_and_far_means_are_taken_again():
    """From means far from the rows the sums are taken about the new ones, as in fit."""
    rows = rows_of(3, 900) + 1e7
    start = {"means_init": np.zeros((4, 3)) + np.arange(4)[:, None], "max_iter": 4}
    whole = GaussianMixture(4, random_state=0, **start).fit(rows)
    assert_same(
        GaussianMixture(4, random_state=0, **start).fit_batches(cut(rows, 100)), whole, 1e-6
    )


def test_kinds_of_batches():
    """Frames, lists, float32; empty batches count for nothing."""
    pandas = pytest.importorskip("pandas")
    rows = rows_of(4, 400)
    whole = GaussianMixture(2, random_state=0).fit(rows)
    frames = [pandas.DataFrame(part, columns=["a", "b", "c"]) for part in cut(rows, 150)]
    model = GaussianMixture(2, random_state=0).fit_batches(frames)
    assert_same(model, whole)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    with_gaps = [rows[:0], *cut(rows, 150), rows[:0]]
    assert_same(GaussianMixture(2, random_state=0).fit_batches(with_gaps), whole)
    single = cut(rows.astype(np.float32), 90)
    assert GaussianMixture(2, random_state=0).fit_batches(single).means_.dtype == np.float32
    lists = [part.tolist() for part in cut(rows, 150)]
    assert_same(GaussianMixture(2, random_state=0).fit_batches(lists), whole)


def test_refused():
    rows = rows_of(5, 100)
    model = GaussianMixture(2)
    with pytest.raises(TypeError, match="can be walked over once: pass a list, or a function"):
        model.fit_batches(iter([rows]))
    with pytest.raises(ValueError, match="the batches hold no rows"):
        model.fit_batches([])
    with pytest.raises(ValueError, match="X has 2 features"):
        model.fit_batches([rows, rows[:, :2]])
    with pytest.raises(ValueError, match="float32 rows, and the first batch float64"):
        model.fit_batches([rows, rows.astype(np.float32)])
    with pytest.raises(ValueError, match="NaN"):
        model.fit_batches([rows, np.full((2, 3), np.nan)])
    once = iter([rows])
    with pytest.raises(ValueError, match=r"hold no rows|gave 0 rows"):
        model.fit_batches(lambda: once)
    assert not hasattr(model, "means_")


def test_walks_that_differ():
    rows = rows_of(6, 300)
    walks = []

    def fresh():
        walks.append(1)
        return cut(rows if len(walks) < 4 else rows[:200], 100)

    with pytest.raises(ValueError, match="gave 200 rows of weight 200, and the first one 300"):
        GaussianMixture(2, random_state=0, tol=0).fit_batches(fresh)


def test_a_reader_that_fails_leaves_the_last_whole_pass():
    rows = rows_of(7, 300)
    model = GaussianMixture(3, random_state=0, tol=0, max_iter=20)
    walks = []

    def fresh():
        walks.append(1)
        yield rows[:150]
        if len(walks) == 6:  # a peek, a look, three passes, and this one
            raise OSError("the disk is gone")
        yield rows[150:]

    with pytest.raises(OSError, match="the disk is gone"):
        model.fit_batches(fresh)
    assert model.n_iter_ == 3
    three = GaussianMixture(3, random_state=0, tol=0, max_iter=3).fit(rows)
    np.testing.assert_allclose(model.means_, three.means_, rtol=1e-9)


def test_a_reader_stays_on_one_thread():
    """Such as SQLite's, which belong to the thread that opened them."""
    import sqlite3

    rows = rows_of(13, 300)

    def fresh():
        connection = sqlite3.connect(":memory:")
        connection.execute("create table t (a real, b real, c real)")
        connection.executemany("insert into t values (?, ?, ?)", rows.tolist())
        cursor = connection.execute("select * from t")
        while part := cursor.fetchmany(64):
            yield np.array(part)
        connection.close()

    whole = GaussianMixture(2, random_state=0).fit(rows)
    assert_same(GaussianMixture(2, random_state=0).fit_batches(fresh), whole)


def test_callback_stops():
    rows = rows_of(8, 500)
    model = GaussianMixture(3, random_state=0, tol=0)
    model.fit_batches(cut(rows, 100), callback=lambda i: i.n_iter == 3)
    assert model.n_iter_ == 3


# ---------------------------------------------------------------- checkpoints


def fit_with(path, rows, stop_after=None, **params):
    settings = {"random_state": 0, "tol": 1e-7, "max_iter": 40, **params}
    model = GaussianMixture(3, **settings)
    seen = []

    def callback(iteration):
        seen.append(iteration.n_iter)
        if stop_after is not None and len(seen) > stop_after:
            raise KeyboardInterrupt

    try:
        model.fit_batches(cut(rows, 130), checkpoint=path, callback=callback)
    except KeyboardInterrupt:
        return None
    return model


@pytest.mark.parametrize("n_init", [1, 3])
def test_a_stopped_fit_goes_on_to_the_same_bytes(tmp_path, n_init):
    rows = rows_of(9, 700)
    whole = fit_with(tmp_path / "whole", rows, n_init=n_init)
    content = (tmp_path / "whole").read_bytes()
    for stop_after in (0, 1, 4, 11, 30):
        path = tmp_path / f"stopped-{stop_after}"
        while (model := fit_with(path, rows, stop_after, n_init=n_init)) is None:
            stop_after += 7
            if path.exists():
                assert fastgmm.load(path).n_iter_ >= 1
        assert model.means_.tobytes() == whole.means_.tobytes()
        assert model.lower_bounds_ == whole.lower_bounds_
        assert path.read_bytes() == content


def test_a_checkpoint_of_every_type(tmp_path, covariance_type):
    rows = rows_of(14, 400)
    params = {"covariance_type": covariance_type, "init_params": "random_from_data"}
    whole = fit_with(tmp_path / "whole", rows, **params)
    path = tmp_path / "stopped"
    assert fit_with(path, rows, stop_after=3, **params) is None
    assert fastgmm.load(path).covariances_.shape == whole.covariances_.shape
    model = fit_with(path, rows, **params)
    assert model.covariances_.shape == whole.covariances_.shape
    assert model.covariances_.tobytes() == whole.covariances_.tobytes()
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_finished_checkpoint_is_the_answer(tmp_path):
    rows = rows_of(10, 300)
    first = fit_with(tmp_path / "c", rows)
    again = fit_with(tmp_path / "c", rows, stop_after=0)
    assert again is not None
    assert again.means_.tobytes() == first.means_.tobytes()
    assert again.n_iter_ == first.n_iter_


def test_a_checkpoint_of_another_fit_is_refused(tmp_path):
    rows = rows_of(11, 300)
    fit_with(tmp_path / "c", rows)
    with pytest.raises(ValueError, match=r"was made with tol=1e-07, and this fit has 0\.1"):
        fit_with(tmp_path / "c", rows, tol=0.1)
    GaussianMixture(2, random_state=0).fit(rows).save(tmp_path / "model")
    with pytest.raises(ValueError, match="holds a model and no checkpoint"):
        fit_with(tmp_path / "model", rows)
    fit_with(tmp_path / "short", rows, stop_after=2)
    with pytest.raises(ValueError, match="gave 200 rows"):
        fit_with(tmp_path / "short", rows[:200])


KILLED = """
import sys
import numpy as np
from fastgmm import GaussianMixture
rows = np.load(sys.argv[1])
batches = [rows[i : i + 500] for i in range(0, len(rows), 500)]
print("begun", flush=True)
model = GaussianMixture(5, random_state=0, tol=0, max_iter=60)
model.fit_batches(batches, checkpoint=sys.argv[2])
"""


def test_killed_at_any_moment(tmp_path):
    """SIGKILL, again and again: the file loads each time, and the end has the same bytes."""
    rows = rows_of(12, 4000, d=6, k=5)
    np.save(tmp_path / "rows.npy", rows)

    def run(path, seconds):
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(KILLED)]
        process = subprocess.Popen(
            [*command, str(tmp_path / "rows.npy"), str(path)], stdout=subprocess.PIPE
        )
        process.stdout.readline()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
        return process.returncode

    assert run(tmp_path / "whole", 120) == 0
    rng = np.random.default_rng(0)
    kills = 0
    path = Path(tmp_path, "killed")
    tries = int(os.environ.get("FASTGMM_KILLS", "5"))
    while kills < tries:
        if run(path, float(rng.uniform(0.0, 0.15))) == 0:
            path.unlink()
            kills += 1
            continue
        kills += 1
        if path.exists():
            assert fastgmm.load(path).n_iter_ >= 1
    assert run(path, 120) == 0
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()
