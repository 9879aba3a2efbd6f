"""Noise in the estimator: every way in which a model is fitted, kept and asked."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture, select
from fastgmm.errors import InvalidParameterError
from fastgmm.plot import plot_mixture

SIDE = 25.0


def rows_of(n: int, seed: int = 0, share: float = 0.2) -> np.ndarray:
    """Return rows of three clusters, a share of which was replaced by noise, in any order."""
    rng = np.random.default_rng(seed)
    means = np.array([[0.0, 0.0, 0.0], [10.0, -6.0, 4.0], [-8.0, 9.0, 7.0]])
    roots = np.random.default_rng(5).standard_normal((3, 3, 3))
    labels = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    rows = means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.standard_normal((n, 3)))
    noisy = rng.random(n) < share
    rows[noisy] = rng.uniform(-SIDE, SIDE, (noisy.sum(), 3))
    return rows


@pytest.fixture(scope="module")
def fitted() -> GaussianMixture:
    return GaussianMixture(3, noise="uniform", random_state=0).fit(rows_of(5000))


def same(one: Any, other: Any, rows: np.ndarray) -> bool:
    return bool(
        (one.score_samples(rows) == other.score_samples(rows)).all()
        and one.noise_weight_ == other.noise_weight_
        and one.noise_volume_ == other.noise_volume_
    )


def test_scores(fitted: GaussianMixture) -> None:
    rows = rows_of(2000, 1)
    odds, noise = fitted.predict_proba(rows), fitted.noise_proba(rows)
    np.testing.assert_allclose(odds.sum(axis=1) + noise, 1.0, rtol=1e-12)
    labels = fitted.predict(rows)
    best = np.where(noise > odds.max(axis=1), -1, odds.argmax(axis=1))
    assert np.array_equal(labels, best)
    assert np.mean(labels == -1) == pytest.approx(0.2, abs=0.04)
    assert fitted.score_one(rows[0]) == fitted.score_samples(rows[:1])[0]
    assert fitted.weights_.sum() + fitted.noise_weight_ == pytest.approx(1.0)
    assert np.array_equal(fitted.fit(rows_of(5000)).predict(rows), labels)
    plain = GaussianMixture(2, random_state=0).fit(rows)
    assert plain.noise_weight_ == 0.0
    assert np.isnan(plain.noise_volume_)
    assert not plain.noise_proba(rows).any()


def test_fit_predict_is_predict() -> None:
    rows = rows_of(1500)
    model = GaussianMixture(3, noise="uniform", random_state=0)
    assert np.array_equal(model.fit_predict(rows), model.predict(rows))


def test_files_pickles_and_snapshots(fitted: GaussianMixture, tmp_path: Path) -> None:
    rows = rows_of(500, 2)
    fitted.save(tmp_path / "model")
    loaded = fastgmm.load(tmp_path / "model")
    assert loaded.noise == "uniform"
    snapshot = fitted.snapshot()
    for other in (loaded, pickle.loads(pickle.dumps(fitted)), snapshot,
                  pickle.loads(pickle.dumps(snapshot)), fitted.reorder([2, 0, 1]).reorder([1, 2, 0])):  # fmt: skip  # noqa: E501
        assert same(fitted, other, rows)
        assert np.array_equal(other.predict(rows), fitted.predict(rows))
        assert np.array_equal(other.noise_proba(rows), fitted.noise_proba(rows))
    drawn, kinds = fitted.sample(5000, random_state=0)
    again, _ = loaded.sample(5000, random_state=0)
    assert np.array_equal(drawn, again)
    assert np.mean(kinds == -1) == pytest.approx(fitted.noise_weight_, abs=0.02)
    assert SIDE - 2.0 < np.abs(drawn[kinds == -1]).max() < SIDE + 2.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_dtypes(dtype: Any, fitted: GaussianMixture) -> None:
    rows = rows_of(5000).astype(dtype)
    model = GaussianMixture(3, noise="uniform", random_state=0).fit(rows)
    assert model.noise_weight_ == pytest.approx(fitted.noise_weight_, abs=1e-4)
    assert model.noise_volume_ == pytest.approx(fitted.noise_volume_, rel=1e-5)
    assert model.noise_proba(rows).dtype == dtype


def test_streams(tmp_path: Path) -> None:
    rows = rows_of(20_000)
    stream = GaussianMixture(3, noise="uniform", random_state=0)
    for begin in range(0, 12_000, 97):
        stream.partial_fit(rows[begin : min(begin + 97, 12_000)])
    volume = stream.noise_volume_
    stream.save(tmp_path / "stream")
    others = fastgmm.load(tmp_path / "stream"), pickle.loads(pickle.dumps(stream))
    for one in (stream, *others):
        one.partial_fit(rows[12_000:])
        assert one.noise_volume_ == volume  # that of the first rows
        assert same(one, stream, rows[:100])
    batch = GaussianMixture(3, noise="uniform", random_state=0).fit(rows)
    assert stream.noise_weight_ == pytest.approx(batch.noise_weight_, abs=0.02)
    assert stream.score(rows) > batch.score(rows) - 0.08
    assert volume < batch.noise_volume_


def test_a_stream_goes_on_from_a_fit(fitted: GaussianMixture) -> None:
    one = pickle.loads(pickle.dumps(fitted))
    one.partial_fit(rows_of(4000, 3, 0.6))
    assert one.noise_volume_ == fitted.noise_volume_
    assert one.noise_weight_ > fitted.noise_weight_ + 0.05
    step = pickle.loads(pickle.dumps(fitted))
    step.m_step(step.e_step(rows_of(5000)))
    assert step.noise_weight_ == pytest.approx(fitted.noise_weight_, abs=1e-3)
    given = GaussianMixture(3, noise=1e5, random_state=0)
    for batch in np.array_split(rows_of(3000), 9):
        given.partial_fit(batch)
    assert given.noise_volume_ == pytest.approx(1e5)
    given.fit(rows_of(5000)).partial_fit(rows_of(9000, 4))  # whose noise has no place
    assert given.noise_weight_ == pytest.approx(0.2, abs=0.03)


class Interrupted(Exception):
    """What a callback ends a fit with."""


def test_checkpoints(tmp_path: Path) -> None:
    batches = np.array_split(rows_of(4000), 5)
    model = GaussianMixture(3, noise="uniform", random_state=0, tol=1e-8, max_iter=60)
    whole = pickle.loads(pickle.dumps(model)).fit_batches(batches)

    def end(step: fastgmm.Iteration) -> None:
        if step.n_iter == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        model.fit_batches(batches, checkpoint=tmp_path / "point", callback=end)
    resumed = pickle.loads(pickle.dumps(model)).fit_batches(batches, checkpoint=tmp_path / "point")
    assert same(resumed, whole, batches[0])
    assert resumed.n_iter_ == whole.n_iter_
    other = GaussianMixture(3, noise=5.0, random_state=0, tol=1e-8, max_iter=60)
    with pytest.raises(ValueError, match="noise='uniform'"):
        other.fit_batches(batches, checkpoint=tmp_path / "point")


def test_a_choice(fitted: GaussianMixture) -> None:
    chosen = select(rows_of(5000), [2, 3, 4], ["full", "diag"], noise="uniform", random_state=0)
    assert chosen.best[:2] == ("full", 3)
    assert chosen.model.noise_weight_ == pytest.approx(fitted.noise_weight_, abs=1e-3)
    assert chosen.best.bic == pytest.approx(chosen.model.bic(rows_of(5000)), rel=1e-9)


def test_a_warm_start(fitted: GaussianMixture) -> None:
    model = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True)
    model.fit(rows_of(5000))
    assert model.n_iter_ <= 5
    assert model.noise_weight_ == pytest.approx(fitted.noise_weight_, abs=1e-3)
    wide = rows_of(5000)
    wide[0] = 40.0
    assert model.fit(wide).noise_volume_ > fitted.noise_volume_


def test_known_parameters() -> None:
    model = GaussianMixture.from_parameters(
        [0.6, 0.3], [[0.0], [9.0]], np.ones((2, 1, 1)), noise=50.0
    )
    assert model.noise_weight_ == pytest.approx(0.1)
    assert model.noise_volume_ == pytest.approx(50.0)
    assert model.predict([[0.0], [9.0], [40.0]]).tolist() == [0, 1, -1]
    start = {"weights_init": [0.6, 0.3], "means_init": [[0.0], [9.0]]}
    start["precisions_init"] = np.ones((2, 1, 1))
    still = GaussianMixture(2, noise=50.0, max_iter=0, **start).fit([[0.0], [9.0], [40.0]])
    assert still.noise_weight_ == pytest.approx(0.1)


def test_it_draws_noise_in_a_picture(fitted: GaussianMixture) -> None:
    assert plot_mixture(fitted, rows_of(500)) is not None


@pytest.mark.parametrize("wrong", ["other", 0.0, -1.0, np.inf, np.nan, [1.0]])
def test_what_noise_may_be(wrong: Any) -> None:
    with pytest.raises(InvalidParameterError, match="noise"):
        GaussianMixture(2, noise=wrong).fit(rows_of(50))


def test_what_knows_no_noise_says_so(fitted: GaussianMixture) -> None:
    rows = rows_of(300)
    knows_none = [
        lambda: fitted.marginal([0]),
        lambda: fitted.conditional([0], [1.0]),
        lambda: fitted.regress([0], rows[:, 1:]),
        lambda: fitted.impute(rows),
        lambda: fitted.merge_components(2),
        lambda: fitted.density_region(0.9),
        lambda: fitted.kl_divergence(fitted),
        lambda: fitted.kl_divergence_bound(fitted),
        lambda: fitted.to_sklearn(),
        lambda: fastgmm.bootstrap(fitted, rows, 3),
        lambda: fastgmm.fit_many(rows, 2, labels=np.arange(300) % 2, noise="uniform"),
        lambda: fastgmm.fit_with(lambda model: model.e_step(rows), rows, 2, noise="uniform"),
    ]
    for ask in knows_none:
        with pytest.raises(ValueError, match="knows no noise"):
            ask()
    with pytest.raises(ValueError, match="gaps cannot be noise"):
        GaussianMixture(2, noise="uniform", missing="em").fit(rows)
    holes = np.where(np.arange(900).reshape(300, 3) % 7 == 0, np.nan, rows)
    with pytest.raises(ValueError, match="gaps cannot be noise"):
        pickle.loads(pickle.dumps(fitted)).set_params(missing="em").score(holes)
    with pytest.raises(ValueError, match="given volume"):
        GaussianMixture(3, noise=1e5, random_state=0).fit(rows).sample(5)
    with pytest.raises(TypeError, match="noise"):
        fastgmm.BayesianGaussianMixture(noise="uniform")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="normalized"):
        GaussianMixture.from_parameters([0.5], [[0.0]], [[[1.0]]])


def command(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fastgmm", *words], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_the_command_line(tmp_path: Path) -> None:
    rows, model = tmp_path / "rows.csv", str(tmp_path / "model")
    np.savetxt(rows, rows_of(1500), delimiter=",", header="a,b,c", comments="")
    found = command("fit", str(rows), "-k", "3", "--noise", "uniform", "--seed", "0", "-o", model)
    assert "noise: weight 0.2" in found
    lines = command("score", model, str(rows)).splitlines()
    labels = [line.split(",")[1] for line in lines[1:]]
    assert set(labels) == {"-1", "0", "1", "2"}
    assert '"noise": {"weight": 0.2' in command("info", model, "--json")
    chosen = command("select", str(rows), "-k", "2-4", "--noise", "150000", "--seed", "0")
    assert "uniform over a volume of 150000" in chosen
    learned = str(tmp_path / "learned")
    command("learn", learned, str(rows), "-k", "3", "--noise", "uniform", "--seed", "0")
    assert "noise: weight 0.2" in command("info", learned)
    assert "does not go with --bayesian" in command(
        *("fit", str(rows), "-k", "3", "--noise", "uniform", "--bayesian")
    )
    assert "'x' is not a number or 'uniform'" in command(
        "fit", str(rows), "-k", "3", "--noise", "x"
    )
