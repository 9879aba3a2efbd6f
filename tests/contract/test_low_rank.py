"""Mixtures of factor analysers through the whole of the public API."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from low_rank_cases import factor_mixture, rows_of
from numpy.typing import NDArray

import fastgmm
from commands import process
from fastgmm.typing import LOW_RANK_TYPES

Rows = NDArray[np.float64]


@pytest.fixture
def rows(rng: np.random.Generator) -> Rows:
    """Return rows of three components with two factors in eight features."""
    return rows_of(factor_mixture(3, 8, 2, rng, separation=5.0), 3000, rng)


@pytest.fixture(params=LOW_RANK_TYPES)
def kind(request: pytest.FixtureRequest) -> str:
    """Run the test once per type with factors."""
    return str(request.param)


def model_of(kind: str, **params: object) -> fastgmm.GaussianMixture:
    given = {"random_state": 0, "max_iter": 30, "n_factors": 2} | params
    return fastgmm.GaussianMixture(3, covariance_type=kind, **given)  # type: ignore[arg-type]


def same_bits(one: fastgmm.GaussianMixture, other: fastgmm.GaussianMixture) -> None:
    for name in ("weights_", "means_", "factors_", "noise_variances_", "lower_bounds_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_callbacks_and_batches_change_no_bit(kind: str, dtype: type, rows: Rows) -> None:
    X = np.repeat(rows, 4, axis=0).astype(dtype)  # more than one block
    once = model_of(kind, n_threads=1).fit(X)
    same_bits(model_of(kind, n_threads=3).fit(X), once)
    seen: list[fastgmm.Iteration] = []
    same_bits(model_of(kind).fit(X, callback=seen.append), once)
    assert [one.lower_bound for one in seen] == once.lower_bounds_
    same_bits(model_of(kind).fit_batches([X]), once)
    cut = model_of(kind).fit_batches(np.array_split(X, 7))
    tolerance = 1e-9 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(cut.lower_bound_, once.lower_bound_, rtol=tolerance)
    assert once.covariances_.dtype == once.transform(X[:3]).dtype == dtype
    assert np.diff(once.lower_bounds_).min() > (-1e-12 if dtype == np.float64 else -1e-4)


@pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
def test_weights_are_repetitions(kind: str, rows: Rows, rng: np.random.Generator) -> None:
    counts = rng.integers(0, 3, len(rows))
    given = {"means_init": rows[:3], "weights_init": np.full(3, 1 / 3)}
    weighted = model_of(kind, **given)
    weighted.fit(rows, sample_weight=counts)
    repeated = np.repeat(rows, counts, axis=0)
    first = model_of(kind, **given).fit(repeated)
    # The samples for the start differ, so the same mixture goes on over both.
    both = [weighted.e_step(rows, sample_weight=counts), weighted.e_step(repeated)]
    np.testing.assert_allclose(both[0].second_moment, both[1].second_moment, rtol=1e-9, atol=1e-8)
    assert weighted.score(rows, sample_weight=counts) == pytest.approx(first.score(repeated), abs=1)


def test_scores_are_those_of_the_written_out_mixture(kind: str, rows: Rows) -> None:
    model = model_of(kind, tol=1e-2).fit(rows)
    full = fastgmm.GaussianMixture.from_parameters(model.weights_, model.means_, model.covariances_)
    for name in ("score_samples", "predict_proba", "component_log_density", "mahalanobis"):
        got, wanted = getattr(model, name)(rows), getattr(full, name)(rows)
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(model.predict(rows), full.predict(rows))
    np.testing.assert_allclose(model.precisions_, full.precisions_, rtol=1e-9, atol=1e-9)
    drawn = model.sample(200_000, random_state=0)[0]
    whole = fastgmm.GaussianMixture().fit(drawn).covariances_[0]
    wanted = fastgmm.GaussianMixture().fit(full.sample(200_000, random_state=1)[0]).covariances_[0]
    np.testing.assert_allclose(whole, wanted, atol=0.05 * np.diagonal(wanted).max())
    free = 3 * (8 * 2 + (8 if kind == "low_rank" else 1) - 1) + 3 * 8 + 2
    assert model.n_parameters == free
    log_likelihood = model.score(rows) * len(rows)
    assert model.bic(rows) == pytest.approx(free * np.log(len(rows)) - 2 * log_likelihood)
    assert abs(model.kl_divergence_bound(full)) < 1e-9


def test_questions_about_some_columns_are_answered(kind: str, rows: Rows) -> None:
    model = model_of(kind, tol=1e-2).fit(rows)
    full = fastgmm.GaussianMixture.from_parameters(model.weights_, model.means_, model.covariances_)
    some, wanted = model.marginal([5, 1, 2]), full.marginal([5, 1, 2])
    assert (some.covariance_type, some.n_factors) == (kind, 2)
    np.testing.assert_allclose(some.covariances_, wanted.covariances_, rtol=1e-12)
    given, wanted = model.conditional([0], [1.0]), full.conditional([0], [1.0])
    assert (given.covariance_type, given.n_factors) == ("full", None)
    np.testing.assert_allclose(given.covariances_, wanted.covariances_, rtol=1e-9, atol=1e-12)
    got, wanted_rows = (one.regress(rows[:, 1:], [0]) for one in (model, full))
    np.testing.assert_allclose(got, wanted_rows, rtol=1e-8)
    np.testing.assert_allclose(model.to_sklearn().score(rows), model.score(rows), rtol=1e-9)
    assert model.merge_components(2).covariances_.shape == (2, 8, 8)


def test_files_and_pickles_hold_all(kind: str, rows: Rows, tmp_path: Path) -> None:
    model = model_of(kind, tol=1e-2).fit(rows)
    model.save(tmp_path / "model.gmm")
    for other in (fastgmm.load(tmp_path / "model.gmm"), pickle.loads(pickle.dumps(model))):
        same_bits(other, model)
        assert other.get_params() == model.get_params()
        np.testing.assert_array_equal(other.score_samples(rows), model.score_samples(rows))
    statistics = model.e_step(rows)
    again = fastgmm.SufficientStatistics.from_bytes(statistics.to_bytes())
    np.testing.assert_array_equal(again.second_moment, statistics.second_moment)
    halves = model.e_step(rows[:1000]) + model.e_step(rows[1000:])
    np.testing.assert_allclose(
        halves.second_moment, statistics.second_moment, rtol=1e-10, atol=1e-9
    )
    same = fastgmm.GaussianMixture.from_parameters(
        model.weights_,
        model.means_,
        (model.factors_, model.noise_variances_),
        covariance_type=kind,  # type: ignore[arg-type]
    )
    np.testing.assert_allclose(same.score_samples(rows), model.score_samples(rows), rtol=1e-12)


def test_a_file_of_other_factors_is_refused(rows: Rows, tmp_path: Path) -> None:
    model = model_of("low_rank").fit(rows)
    assert model._state is not None
    mixture = model._state.mixture
    assert mixture is not None
    inverses = mixture.inverse_factors * 1.001
    object.__setattr__(mixture, "inverse_factors", inverses)
    with pytest.raises(ValueError, match="factors belong to them"):
        model.save(tmp_path / "model.gmm")


@pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
def test_a_fit_goes_on_from_its_checkpoint(rows: Rows, tmp_path: Path) -> None:
    whole = model_of("low_rank", tol=0.0, max_iter=12).fit_batches([rows])
    path = tmp_path / "checkpoint.gmm"
    model_of("low_rank", tol=0.0, max_iter=12).fit_batches(
        [rows], checkpoint=path, callback=lambda one: one.n_iter == 5
    )
    assert fastgmm.load(path).n_factors == 2
    with pytest.raises(ValueError, match="n_factors"):
        model_of("low_rank", tol=0.0, max_iter=12, n_factors=3).fit_batches([rows], checkpoint=path)
    gone_on = model_of("low_rank", tol=0.0, max_iter=12).fit_batches([rows], checkpoint=path)
    assert gone_on.n_iter_ <= whole.n_iter_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_ends_near_a_fit(kind: str, dtype: type, rng: np.random.Generator) -> None:
    truth = factor_mixture(3, 8, 2, rng, separation=5.0, equal=kind != "low_rank")
    X = rows_of(truth, 30_000, rng).astype(dtype)
    stream, other = model_of(kind), model_of(kind)
    for batch in np.array_split(X, 90):
        stream.partial_fit(batch)
    for batch in np.array_split(X, 13):
        other.partial_fit(batch)
    fitted = model_of(kind, max_iter=500, tol=1e-5).fit(X)
    assert stream.score(X) > fitted.score(X) - 0.05
    assert other.score(X) > fitted.score(X) - 0.05
    copy = pickle.loads(pickle.dumps(stream)).partial_fit(X[:5000])
    np.testing.assert_array_equal(copy.factors_, stream.partial_fit(X[:5000]).factors_)
    stream.reorder([2, 0, 1]).partial_fit(X[:1000])


@pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
def test_warm_starts_and_steps_go_on(kind: str, rows: Rows) -> None:
    model = model_of(kind, warm_start=True, max_iter=3, tol=0.0).fit(rows)
    before = model.score(rows)
    model.fit(rows)
    assert model.score(rows) > before - 1e-12
    before = model.score(rows)
    assert model.m_step(model.e_step(rows)).score(rows) > before - 1e-12
    with pytest.raises(ValueError, match=r"low_rank\S*\(3\) components"):
        model.set_params(n_factors=3).fit(rows)


def test_fits_by_passes_of_ones_own(rows: Rows) -> None:
    given = {"covariance_type": "low_rank", "n_factors": 2, "random_state": 0, "tol": 1e-2}
    found = fastgmm.fit_with(lambda model: model.e_step(rows), rows, 3, **given)
    once = fastgmm.GaussianMixture(3, **given).fit(rows)  # type: ignore[arg-type]
    assert found.factors_.shape == (3, 8, 2)
    assert found.score(rows) == pytest.approx(once.score(rows), abs=0.1)
    errors = fastgmm.bootstrap(found, rows, 3, random_state=0).standard_errors
    assert errors.covariances.shape == (3, 8, 8)


def test_selection_counts_the_factors(rows: Rows) -> None:
    chosen = fastgmm.select(
        rows, 3, covariance_types=["full", "diag", "low_rank"], n_factors=2, random_state=0
    )
    assert [one.covariance_type for one in chosen.table] == ["full", "diag", "low_rank"]
    assert (chosen.best.covariance_type, chosen.best.n_parameters) == ("low_rank", 3 * 31 + 2)


def test_components_without_rows_are_repaired(rows: Rows) -> None:
    far = np.concatenate([rows[:2], [[1e3] * 8]])
    model = model_of("low_rank", means_init=far, max_iter=50)
    with pytest.warns(fastgmm.errors.CollapseWarning):
        model.fit(rows)
    assert model.repairs_
    assert np.isfinite(model.score(rows))


@pytest.mark.parametrize(
    "params",
    [
        {"n_factors": None},
        {"n_factors": 8},
        {"n_factors": 0},
        {"missing": "em"},
        {"prior": fastgmm.NormalInverseWishart()},
        {"precisions_init": np.ones((3, 8, 8))},
    ],
)
def test_what_is_not_built_is_refused(params: dict[str, object], rows: Rows) -> None:
    (name,) = params
    for method in ("fit", "partial_fit"):
        with pytest.raises(fastgmm.errors.InvalidParameterError, match=name):
            getattr(model_of("low_rank", **params), method)(rows)


def test_where_factors_are_not_built(rows: Rows) -> None:
    given = {"covariance_type": "low_rank"}
    for call in (
        lambda: fastgmm.fit_many([rows], 2, n_factors=2, **given),
        lambda: fastgmm.BayesianGaussianMixture(n_components=2, **given).fit(rows),
        lambda: fastgmm.GaussianMixtureRegressor(2, **given).fit(rows, rows[:, 0]),
        lambda: fastgmm.GaussianMixture(2, n_factors=2, **given).to_sklearn(),
    ):
        with pytest.raises(fastgmm.errors.InvalidParameterError, match="not built for"):
            call()


def test_the_command_fits_factors(rows: Rows, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", rows)
    words = ["fit", str(tmp_path / "rows.npy"), "-k", "3", "--covariance-type", "low_rank"]
    done = process(*words, "--factors", "2", "--seed", "0", "--tol", "0.1", "--json", "--quiet")
    assert json.loads(done.stdout)["model"]["covariance_type"] == "low_rank"
    failed = process(*words)
    assert failed.returncode != 0
    assert "--factors" in failed.stderr
