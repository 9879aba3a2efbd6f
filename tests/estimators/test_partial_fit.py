"""Online EM: where one pass over a stream ends, and that nothing a stream brings breaks a model."""

import pickle
import threading

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.errors import NotFittedError
from fastgmm.fits.pace import Pace


def clusters(seed, n, k=3, d=2, spread=5.0):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(k, d)) * spread
    roots = np.eye(d) + rng.normal(size=(k, d, d)) * 0.4 / np.sqrt(d)
    labels = rng.integers(k, size=n)
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d)))


def learn(model, rows, size, weight=None):
    for begin in range(0, len(rows), size):
        part = slice(begin, begin + size)
        model.partial_fit(rows[part], sample_weight=None if weight is None else weight[part])
    return model


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_pass_ends_near_batch_em(covariance_type, seed):
    """Where clusters are clear: within 0.02 nats per row."""
    rows = clusters(seed, 20_000)
    kwargs = {"covariance_type": covariance_type, "random_state": 0}
    online = learn(GaussianMixture(3, **kwargs), rows, 500)
    batch = GaussianMixture(3, tol=1e-7, max_iter=300, **kwargs).fit(rows)
    assert online.score(rows) > batch.score(rows) - 0.02


def test_the_cut_does_not_matter(covariance_type):
    """But for the first call: where it brings all rows of the first fit, it is fitted whole."""
    rows = clusters(3, 4000)
    weight = np.random.default_rng(0).exponential(size=4000)
    for of_rows in (None, weight):
        found = [
            learn(
                GaussianMixture(3, covariance_type=covariance_type, random_state=0).partial_fit(
                    rows[:299], sample_weight=None if of_rows is None else of_rows[:299]
                ),
                rows[299:],
                size,
                None if of_rows is None else of_rows[299:],
            )
            for size in (1, 7, 1000, 4000)
        ]
        for model in found[1:]:
            assert model.covariances_.tobytes() == found[0].covariances_.tobytes()
            assert model.lower_bounds_ == found[0].lower_bounds_


def test_variance_is_unbiased(covariance_type):
    """Batches of 8 rows of variance 1, and batches whose means wander by 2: 1 and 3 in all."""
    rng = np.random.default_rng(1)
    still = rng.normal(size=(40_000, 2))
    wander = np.repeat(rng.choice([-1.0, 1.0], size=(5000, 2)) * np.sqrt(2.0), 8, axis=0)
    for rows, expected in ((still, 1.0), (still + wander, 3.0)):
        model = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0.0)
        found = learn(model, rows, 8).covariances_
        matrices = covariance_type in ("full", "tied")
        variances = np.diagonal(found, axis1=-2, axis2=-1) if matrices else found
        np.testing.assert_allclose(variances, expected, atol=0.02 * expected)


def test_reg_covar_does_not_pile_up():
    rows = np.random.default_rng(0).normal(size=(30_000, 2))
    model = learn(GaussianMixture(1, reg_covar=0.5), rows, 1000)
    np.testing.assert_allclose(model.covariances_[0], 1.5 * np.eye(2), atol=0.05)


def test_a_half_life_follows_drift():
    """Means move by 2 deviations over the stream: within 0.05 nats of the moving truth."""
    rng = np.random.default_rng(2)
    n = 40_000
    centers = np.array([[-6.0, 0.0], [6.0, 0.0]])
    labels = rng.integers(2, size=n)
    drift = np.linspace(0.0, 2.0, n)[:, None]
    rows = centers[labels] + drift + rng.normal(size=(n, 2))
    model = GaussianMixture(2, random_state=0, half_life=1000.0)
    loss = []
    for begin in range(0, n, 500):
        model.partial_fit(rows[begin : begin + 500])
        if begin % 4000 == 3500 and begin > 5000:
            fresh = centers[rng.integers(2, size=4000)] + drift[begin] + rng.normal(size=(4000, 2))
            truth = GaussianMixture.from_parameters(
                [0.5, 0.5], centers + drift[begin], [np.eye(2), np.eye(2)]
            )
            loss.append(truth.score(fresh) - model.score(fresh))
    assert max(loss) < 0.05


def test_what_is_shown_along_the_way():
    rows = clusters(4, 5000)
    model = GaussianMixture(3, random_state=0)
    with pytest.raises(AttributeError, match="has seen no stream: call partial_fit first"):
        _ = model.n_samples_seen_
    model.partial_fit(rows[:2])
    with pytest.raises(NotFittedError, match="2 rows have come to partial_fit"):
        model.predict(rows)
    model.partial_fit(rows[2:100])
    assert model.predict(rows).shape == (5000,)  # a fit of what has come
    assert model.n_samples_seen_ == 100
    with pytest.raises(ValueError, match="no row has been scored yet: 100 rows have come"):
        model.novelty_threshold(0.1)
    learn(model, rows[100:], 100)
    stream = model.stream_
    assert model.n_samples_seen_ == stream.n_samples == 5000
    assert model.n_iter_ > 5
    assert model.lower_bound_ == stream.mean
    assert model.lower_bounds_ == stream.log_density.tolist()
    assert (np.diff(stream.seen) > 0).all()
    np.testing.assert_allclose(stream.mean, model.score(rows), atol=0.2)
    np.testing.assert_allclose(stream.deviation, model.score_samples(rows).std(), rtol=0.2)


def test_novelty_and_drift():
    rows = clusters(5, 30_000)
    model = learn(GaussianMixture(3, random_state=0), rows, 1000)
    before = model.stream_
    for quantile in (0.01, 0.1, 0.5):
        share = np.mean(model.score_samples(rows) < model.novelty_threshold(quantile))
        assert share == pytest.approx(quantile, abs=0.3 * quantile + 0.002)
    assert model.is_novel([[100.0, 100.0]]).tolist() == [True]
    assert np.mean(model.is_novel(rows)) == pytest.approx(0.01, abs=0.005)
    learn(model, rows[:9000] + 3.0, 1000)
    assert min(model.stream_.log_density) < before.mean - before.deviation
    for quantile in (-0.1, 1.5, True):
        with pytest.raises(ValueError, match="quantile must be a number between 0 and 1"):
            model.novelty_threshold(quantile)
    alone = GaussianMixture(3, random_state=0).fit(rows[:3000])
    with pytest.raises(AttributeError, match="has seen no stream, whose recent rows set the thres"):
        alone.is_novel(rows)
    assert alone.density_region(0.99, random_state=0) < 0.0  # as the error advises


def test_goes_on_from_a_fit():
    rows = clusters(6, 6000)
    model = GaussianMixture(3, random_state=0, tol=1e-6).fit(rows[:3000])
    start = model.score(rows)
    learn(model, rows[3000:], 300)
    assert model.n_samples_seen_ == 3000
    assert model.score(rows) > start - 0.01
    model.fit(rows)  # begins anew
    with pytest.raises(AttributeError, match="no stream"):
        _ = model.n_samples_seen_


@pytest.mark.parametrize("n", [50, 500, 5000])
def test_the_whole_state_is_saved(tmp_path, n):
    rows = clusters(7, n + 2000).astype(np.float32)
    weight = np.random.default_rng(0).exponential(size=n + 2000)
    model = learn(GaussianMixture(3, random_state=0, half_life=5000.0), rows[:n], 33, weight[:n])
    model.save(tmp_path / "m")
    copies = [fastgmm.load(tmp_path / "m"), pickle.loads(pickle.dumps(model))]
    for copy in copies:
        assert copy.n_samples_seen_ == n
        assert copy.means_.tobytes() == model.means_.tobytes()
        assert copy.stream_.mean == model.stream_.mean
    learn(model, rows[n:], 77, weight[n:])
    for copy in copies:
        learn(copy, rows[n:], 5, weight[n:])
        assert copy.covariances_.tobytes() == model.covariances_.tobytes()
        assert copy.stream_.deviation == model.stream_.deviation
        assert copy.novelty_threshold(0.2) == model.novelty_threshold(0.2)


def test_a_stream_of_every_type_is_saved(tmp_path, covariance_type):
    rows = clusters(14, 5000)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, half_life=2000.0)
    learn(model, rows[:3000], 100).save(tmp_path / "m")
    copies = [fastgmm.load(tmp_path / "m"), pickle.loads(pickle.dumps(model))]
    for each in (model, *copies):
        learn(each, rows[3000:], 70)
        assert each.covariances_.shape == model.snapshot().covariances_.shape
        assert each.covariances_.tobytes() == model.covariances_.tobytes()
        assert each.stream_.mean == model.stream_.mean
    batch = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
    assert model.covariances_.shape == batch.covariances_.shape
    assert repr(model.snapshot()) == f"<Snapshot of 3 {covariance_type} components in 2 features>"


def state_bytes(model, path):
    model.save(path)
    return path.read_bytes()


def test_bad_batches_change_nothing(tmp_path):
    rows = clusters(8, 3000)
    model = learn(GaussianMixture(3, random_state=0), rows, 100)
    before = state_bytes(model, tmp_path / "before")
    for X, weight, kind in (
        (np.full((3, 2), np.nan), None, ValueError),
        (rows[:5, :1], None, ValueError),
        (rows[:5], np.ones(4), ValueError),
        (rows[:5], -np.ones(5), ValueError),
        (rows[0], None, ValueError),
        ([["a", "b"]], None, ValueError),
        (rows[:5] * 1j, None, ValueError),
    ):
        with pytest.raises(kind):
            model.partial_fit(X, sample_weight=weight)
        assert state_bytes(model, tmp_path / "after") == before
    model.partial_fit(rows[:0])
    model.partial_fit(np.empty((0, 2)), sample_weight=np.empty(0))
    assert state_bytes(model, tmp_path / "after") == before
    fresh = GaussianMixture(3)
    with pytest.raises(ValueError, match="NaN"):
        fresh.partial_fit(np.full((3, 2), np.nan))
    assert not hasattr(fresh, "n_samples_seen_")


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
def test_parameters_stay_valid(covariance_type, reg_covar):
    """Whatever comes: the same row again and again, outliers, components that see nothing."""
    rng = np.random.default_rng(9)
    model = GaussianMixture(
        3, covariance_type=covariance_type, random_state=0, reg_covar=reg_covar, half_life=200.0
    )
    learn(model, rng.normal(size=(2000, 2)) + 8 * rng.integers(3, size=(2000, 1)), 100)
    for rows in (
        np.zeros((3000, 2)),
        np.full((100, 2), 1e200),
        rng.normal(size=(2000, 2)) * 1e8,
        rng.normal(size=(2000, 2)) * 1e-8,
        rng.integers(2, size=(2000, 2)).astype(float),
    ):
        learn(model, rows, 100)
        assert np.isclose(model.weights_.sum(), 1.0)
        for array in (model.weights_, model.means_, model.covariances_, model.precisions_cholesky_):
            assert np.isfinite(array).all()


def test_parameters_that_are_set_on_the_way(tmp_path):
    rows = clusters(12, 4000)
    model = learn(GaussianMixture(3, random_state=0), rows, 500)
    before = state_bytes(model, tmp_path / "before")
    model.half_life = -1.0
    with pytest.raises(ValueError, match="'half_life' parameter"):
        model.partial_fit(rows)
    model.half_life = None
    assert state_bytes(model, tmp_path / "after") == before
    other = pickle.loads(pickle.dumps(model)).set_params(half_life=100.0)
    learn(other, rows[:1000], 100)
    learn(model, rows[:1000], 100)
    assert other.means_.tobytes() != model.means_.tobytes()


@pytest.mark.parametrize(
    "invalid",
    [{"reg_covar": "none"}, {"n_components": "3"}, {"covariance_type": "round"}, {"prior": "flat"}],
)
def test_a_stream_is_pickled_whatever_was_set(invalid):
    rows = clusters(16, 4000)
    model = learn(GaussianMixture(3, random_state=0), rows[:2000], 100)
    valid = {name: getattr(model, name) for name in invalid}
    other = pickle.loads(pickle.dumps(model.set_params(**invalid))).set_params(**valid)
    learn(other, rows[2000:], 100)
    learn(model.set_params(**valid), rows[2000:], 100)
    assert other.covariances_.tobytes() == model.covariances_.tobytes()


def test_a_stream_goes_on_after_an_m_step():
    rows = clusters(13, 6000)
    model = learn(GaussianMixture(3, random_state=0), rows[:3000], 100)
    model.m_step(model.e_step(rows + 50.0))
    learn(model, rows[3000:] + 50.0, 100)
    np.testing.assert_allclose(model.weights_ @ model.means_, rows.mean(axis=0) + 50.0, atol=4)


def test_what_a_prior_has_added_in_an_m_step_stays(covariance_type):
    """One row after the M-step changes little, however strong the prior was in it."""
    rows = clusters(14, 3000)
    prior = fastgmm.NormalInverseWishart(dof=5000.0)
    model = GaussianMixture(3, covariance_type=covariance_type, prior=prior, random_state=0)
    learn(model, rows, 100)
    model.m_step(model.e_step(rows))
    before = model.covariances_
    batch_rows = Pace(None, model.learning_exponent).batch_rows(model.stream_.weight)
    learn(model, rows[:batch_rows], batch_rows)
    assert model.n_iter_ > 1
    np.testing.assert_allclose(model.covariances_, before, rtol=0, atol=0.4)


def test_a_component_of_no_weight_comes_back(covariance_type):
    """A row of a large weight takes all the weight; the next row is another component's."""
    rng = np.random.default_rng(15)
    rows = rng.normal(size=(400, 1)) + 100.0 * rng.integers(2, size=(400, 1))
    model = GaussianMixture(2, covariance_type=covariance_type, half_life=1.0, random_state=0)
    model.partial_fit(rows[:200])
    low, high = np.sort(model.means_.ravel())
    model.partial_fit([[low]], sample_weight=[1e5])
    assert np.sort(model.weights_).tolist() == [0.0, 1.0]
    model.partial_fit([[low]]).partial_fit([[high], [high]])
    assert model.weights_[np.abs(model.means_.ravel() - high).argmin()] > 0.5


# ---------------------------------------------------------------- snapshots


def test_a_snapshot_does_not_change():
    rows = clusters(10, 3000)
    model = learn(GaussianMixture(3, random_state=0), rows, 100)
    snapshot = model.snapshot()
    before = snapshot.score_samples(rows)
    learn(model, rows + 1.0, 100)
    assert snapshot.score_samples(rows).tobytes() == before.tobytes()
    assert model.snapshot().score_samples(rows).tobytes() != before.tobytes()
    np.testing.assert_array_equal(snapshot.predict(rows), snapshot.predict_proba(rows).argmax(1))
    with pytest.raises(AttributeError, match="a snapshot does not change"):
        snapshot.n_threads = 3
    with pytest.raises(ValueError, match="read-only"):
        snapshot.means_[:] = 0.0
    assert snapshot.score_samples(rows).tobytes() == before.tobytes()
    assert repr(snapshot) == "<Snapshot of 3 full components in 2 features>"
    again = pickle.loads(pickle.dumps(snapshot))
    assert again.score_samples(rows).tobytes() == before.tobytes()


def test_readers_beside_a_writer():
    """Every score belongs to some whole model: that of a snapshot, scored again at leisure."""
    rows = clusters(11, 40_000)
    probe = rows[:1]
    model = learn(GaussianMixture(3, random_state=0, n_threads=1), rows[:5000], 100)
    done = threading.Event()
    wrong: list[float] = []
    counts = [0, 0]

    def read(index):
        while not done.is_set():
            snapshot = model.snapshot()
            scores = {snapshot.score_samples(probe).tobytes() for _ in range(20)}
            responsibilities = snapshot.predict_proba(probe)
            counts[index] += 21
            if len(scores) != 1 or not np.isclose(responsibilities.sum(), 1.0):
                wrong.append(1.0)

    readers = [threading.Thread(target=read, args=(index,)) for index in range(2)]
    for reader in readers:
        reader.start()
    learn(model, rows[5000:], 64)
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert min(counts) > 0
