"""The fourteen models of mclust, through everything that takes a covariance type."""

import pickle
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from restrictions import EIGHT, obeys

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.errors import IllDefinedCovarianceError, InvalidParameterError
from fastgmm.typing import MCLUST_TYPES, SAME_TYPES
from support import correlated_mixture

Rows = NDArray[np.float64]
NAMES = ("weights_", "means_", "covariances_")


@pytest.fixture(params=EIGHT)
def kind(request: pytest.FixtureRequest) -> Any:
    """Run the test with each of the eight models that have no other name."""
    return request.param


@pytest.fixture
def rows(rng: np.random.Generator) -> Rows:
    return correlated_mixture(3, 4, rng).sample(900, rng)[0]


def fitted(kind: Any, X: Any, **params: Any) -> GaussianMixture:
    return GaussianMixture(3, covariance_type=kind, random_state=0, **params).fit(X)


def bits_of(model: Any) -> list[bytes]:
    return [getattr(model, name).tobytes() for name in NAMES]


def in_type(model: Any, rtol: float = 1e-6) -> bool:
    return obeys(model.covariance_type, np.asarray(model.covariances_, dtype=np.float64), rtol)


@pytest.mark.parametrize("name", SAME_TYPES)
def test_six_are_other_names_and_are_kept(name: Any, rows: Rows, tmp_path: Path) -> None:
    ours, theirs = fitted(SAME_TYPES[name], rows), fitted(name, rows)
    assert bits_of(ours) == bits_of(theirs)
    assert ours.bic(rows) == theirs.bic(rows)
    assert theirs.get_params()["covariance_type"] == name
    theirs.save(tmp_path / "model.gmm")
    for again in (fastgmm.load(tmp_path / "model.gmm"), pickle.loads(pickle.dumps(theirs))):
        assert again.covariance_type == name
        assert bits_of(again) == bits_of(ours)
    assert theirs.marginal([1, 2]).covariance_type == name
    ours.m_step(theirs.e_step(rows))  # their statistics are of one kind
    warm = theirs.set_params(warm_start=True, covariance_type=SAME_TYPES[name]).fit(rows)
    assert warm.n_iter_ <= 3
    arrays = [getattr(ours, one) for one in NAMES]
    made = GaussianMixture.from_parameters(*arrays, covariance_type=name)
    assert made.score(rows) == pytest.approx(ours.score(rows), rel=1e-12)


def test_a_fit_obeys_and_climbs(kind: Any, rows: Rows) -> None:
    model = fitted(kind, rows, tol=1e-9, max_iter=500)
    assert in_type(model)
    assert model.converged_
    assert (np.diff(model.lower_bounds_) > -1e-12 * abs(model.lower_bound_)).all()
    plain = fitted(kind, rows, tol=1e-9, max_iter=500, acceleration=None)
    assert plain.n_passes_ == plain.n_iter_ >= model.n_passes_ - 3
    assert model.score(rows) == pytest.approx(plain.score(rows), abs=1e-6)
    free = fitted("full" if model.covariances_.ndim == 3 else "diag", rows, tol=1e-9)
    assert model.score(rows) < free.score(rows) + 1e-6
    assert model.n_parameters < free.n_parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_batches_and_callbacks_change_no_bit(kind: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    X = correlated_mixture(3, 4, rng).sample(20_000, rng)[0].astype(dtype)
    one = bits_of(fitted(kind, X, n_threads=1))
    assert bits_of(fitted(kind, X, n_threads=3)) == one
    watched = GaussianMixture(3, covariance_type=kind, random_state=0)
    assert bits_of(watched.fit(X, callback=lambda progress: False)) == one
    by_batches = GaussianMixture(3, covariance_type=kind, random_state=0)
    batches = [X[begin : begin + 8192] for begin in range(0, len(X), 8192)]
    np.testing.assert_allclose(
        by_batches.fit_batches(batches).covariances_, fitted(kind, X).covariances_, rtol=1e-4
    )
    assert in_type(by_batches, 1e-6 if dtype is np.float64 else 1e-3)
    assert by_batches.covariances_.dtype == dtype


def test_files_pickles_and_snapshots(kind: Any, rows: Rows, tmp_path: Path) -> None:
    model = fitted(kind, rows)
    model.save(tmp_path / "model.gmm")
    for again in (fastgmm.load(tmp_path / "model.gmm"), pickle.loads(pickle.dumps(model))):
        assert again.covariance_type == kind
        assert bits_of(again) == bits_of(model)
        assert again.n_parameters == model.n_parameters
    snapshot = pickle.loads(pickle.dumps(model.snapshot()))
    assert snapshot.score(rows) == model.score(rows)
    statistics = model.e_step(rows)
    again_statistics = fastgmm.SufficientStatistics.from_bytes(statistics.to_bytes())
    halves = sum(model.e_step(half) for half in np.array_split(rows, 2))
    for one in (again_statistics, halves):
        stepped = pickle.loads(pickle.dumps(model)).m_step(one)
        assert in_type(stepped)
        assert stepped.score(rows) >= model.score(rows) - 1e-12


def test_a_checkpoint_goes_on_in_the_middle_of_a_step(kind: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    X = correlated_mixture(3, 3, rng, separation=1.0).sample(600, rng)[0]
    params: dict[str, Any] = {"covariance_type": kind, "random_state": 0, "gap_tol": 1e-7}
    whole = GaussianMixture(3, max_iter=60, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = bits_of(whole.fit_batches([X]))
        for n in (14, 15, 16):
            path = tmp_path / f"checkpoint-{n}"
            parts = GaussianMixture(3, max_iter=60, **params)

            def interrupt(progress: Any, n: int = n) -> bool:
                if progress.n_iter == n:
                    raise KeyboardInterrupt
                return False

            with suppress(KeyboardInterrupt):
                parts.fit_batches([X], checkpoint=path, callback=interrupt)
            found = GaussianMixture(3, max_iter=60, **params).fit_batches([X], checkpoint=path)
            assert bits_of(found) == expected
            assert found.n_passes_ == whole.n_passes_


def test_weights_are_repetitions(kind: Any, rows: Rows) -> None:
    counts = np.arange(len(rows)) % 3
    precisions = np.ones((3, 4)) if kind in ("VEI", "EVI") else np.stack([np.eye(4)] * 3)
    start: dict[str, Any] = {"means_init": rows[:3].copy(), "weights_init": np.full(3, 1 / 3)}
    start["precisions_init"] = precisions
    weighted = GaussianMixture(3, covariance_type=kind, **start, tol=0.0, max_iter=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        repeated = GaussianMixture(**weighted.get_params()).fit(np.repeat(rows, counts, axis=0))
        weighted.fit(rows, sample_weight=counts)
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-7, atol=1e-9)


def test_a_stream_obeys_and_comes_near_the_fit(kind: Any, rng: np.random.Generator) -> None:
    X = correlated_mixture(3, 4, rng).sample(6000, rng)[0]
    stream = GaussianMixture(3, covariance_type=kind, random_state=0)
    for begin in range(0, len(X), 250):
        stream.partial_fit(X[begin : begin + 250])
    assert in_type(stream)
    assert stream.score(X) > fitted(kind, X).score(X) - 0.1
    again = pickle.loads(pickle.dumps(stream)).partial_fit(X)
    assert bits_of(again) == bits_of(stream.partial_fit(X))


def test_rows_with_gaps(kind: Any, rows: Rows, rng: np.random.Generator) -> None:
    gapped = rows.copy()
    gapped[rng.random(rows.shape) < 0.1] = np.nan
    model = fitted(kind, gapped, missing="em", tol=1e-6)
    assert in_type(model)
    assert (np.diff(model.lower_bounds_) > -1e-12 * abs(model.lower_bound_)).all()
    assert np.isfinite(model.impute(gapped)).all()
    assert model.score(rows) > fitted(kind, rows).score(rows) - 0.1


def test_a_prior_is_added_before_the_restriction(kind: Any, rows: Rows) -> None:
    model = fitted(kind, rows[:60], prior=fastgmm.NormalInverseWishart(), reg_covar=0.0, tol=1e-9)
    assert in_type(model)
    assert (np.diff(model.lower_bounds_) > -1e-12 * abs(model.lower_bound_)).all()


def test_questions_are_answered_by_free_mixtures(kind: Any, rows: Rows) -> None:
    model = fitted(kind, rows)
    free = "full" if model.covariances_.ndim == 3 else "diag"
    same = GaussianMixture.from_parameters(
        *(getattr(model, name) for name in NAMES), covariance_type=free
    )
    for answer in (
        lambda one: one.marginal([0, 2]),
        lambda one: one.conditional([1], [0.5]),
        lambda one: one.merge_components(2),
    ):
        ours, theirs = answer(model), answer(same)
        assert ours.covariance_type == free
        np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-12)
        assert ours.get_params()["covariance_type"] == free
    np.testing.assert_allclose(model.mahalanobis(rows), same.mahalanobis(rows), rtol=1e-12)
    assert model.sample(50, random_state=0)[0].shape == (50, 4)
    assert in_type(model.reorder([2, 0, 1]))
    theirs = model.to_sklearn()
    assert theirs.covariance_type == free
    np.testing.assert_allclose(theirs.score_samples(rows), model.score_samples(rows), rtol=1e-10)
    unfitted = GaussianMixture(2, covariance_type=kind).to_sklearn()
    assert unfitted.covariance_type == free


def test_given_covariances_must_obey(kind: Any, rows: Rows, rng: np.random.Generator) -> None:
    model = fitted(kind, rows)
    arrays = [getattr(model, name) for name in NAMES]
    again = GaussianMixture.from_parameters(*arrays, covariance_type=kind)
    assert again.score(rows) == pytest.approx(model.score(rows), rel=1e-12)
    single = [array.astype(np.float32) for array in arrays]
    GaussianMixture.from_parameters(*single, covariance_type=kind)
    wrong = arrays[2].copy()
    root = rng.normal(size=(4, 4))
    wrong[0] += root @ root.T if wrong.ndim == 3 else np.array([1.0, 0.0, 0.0, 4.0])
    with pytest.raises(ValueError, match=rf"not of covariance_type='{kind}'.*which takes all"):
        GaussianMixture.from_parameters(*arrays[:2], wrong, covariance_type=kind)


def test_few_rows_and_equal_ones(kind: Any, rng: np.random.Generator) -> None:
    """Fewer rows than features, and rows that are the same: the restriction holds all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for X in (
            rng.normal(size=(6, 8)) + np.repeat([0.0, 9.0], 3)[:, None],
            np.repeat(rng.normal(size=(4, 3)), 10, axis=0),
            rng.normal(size=(30, 70)),
        ):
            model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
            assert in_type(model, 1e-4)
            assert np.isfinite(model.score(X))


def test_one_feature(kind: Any, rng: np.random.Generator) -> None:
    """One variance for all, or one each: mclust's E and V."""
    X = np.concatenate([rng.normal(0, 1, (200, 1)), rng.normal(6, 2, (300, 1))])
    model = GaussianMixture(2, covariance_type=kind, random_state=0, tol=1e-8).fit(X)
    same = "tied" if kind[0] == "E" else "full"
    free = GaussianMixture(2, covariance_type=same, random_state=0, tol=1e-8).fit(X)  # type: ignore[arg-type]
    assert model.n_parameters == free.n_parameters
    assert model.score(X) == pytest.approx(free.score(X), abs=1e-4)


def test_a_component_that_is_lost_is_moved_within_the_restriction(kind: Any, rows: Rows) -> None:
    far = np.concatenate([rows[:2], [[1e5, 0.0, 0.0, 0.0]]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fitted(kind, rows, means_init=far, max_iter=200)
        raised = GaussianMixture(3, covariance_type=kind, means_init=far, on_collapse="raise")
        with pytest.raises(IllDefinedCovarianceError):
            raised.fit(rows)
    assert model.repairs_[0].component == 2
    assert in_type(model)


def test_a_singular_covariance_without_a_ridge_is_named(kind: Any, rows: Rows) -> None:
    flat = rows.copy()
    flat[:, 3] = 1.0
    with pytest.raises(IllDefinedCovarianceError, match=r"component|reg_covar"):
        fitted(kind, flat, reg_covar=0.0)


def test_select_tries_all_fourteen(rng: np.random.Generator) -> None:
    X = np.concatenate([rng.normal(0, 1, (150, 2)), rng.normal(5, 1, (150, 2))])
    chosen = fastgmm.select(X, [1, 2], "mclust", random_state=0, n_init=2)
    assert tuple(dict.fromkeys(one.covariance_type for one in chosen.table)) == MCLUST_TYPES
    assert chosen.best[:2] == ("EII", 2)
    assert chosen.model.covariance_type == "EII"
    some = fastgmm.select(X, 2, ["full", "VEE", "EEI"], random_state=0, n_init=2)
    assert [one.covariance_type for one in some.table] == ["full", "VEE", "EEI"]
    column = fastgmm.select(X[:, :1], [1, 2], ["mclust"], random_state=0, n_init=2)
    assert {one.covariance_type for one in column.table} == {"EII", "VII"}
    with pytest.raises(InvalidParameterError, match="'VEE'"):
        fastgmm.select(X, 2, ["mclusts"])


def test_many_fits_and_the_bootstrap(kind: Any, rows: Rows) -> None:
    groups = {"a": rows[:300], "b": rows[300:]}
    found = fastgmm.fit_many(groups, 2, covariance_type=kind, random_state=0)
    alone = GaussianMixture(2, covariance_type=kind, random_state=0).fit(rows[300:])
    assert bits_of(found["b"]) == bits_of(alone)
    assert found["b"].covariance_type == kind
    named = fastgmm.fit_many({"a": rows}, 2, covariance_type="VVV", random_state=0)
    assert named["a"].covariance_type == "VVV"
    replicates = fastgmm.bootstrap(alone, rows[300:], n_bootstrap=3, random_state=0)
    assert replicates.means.shape == (3, 2, 4)


def test_a_posterior_refuses_what_has_no_conjugate_prior(kind: Any, rows: Rows) -> None:
    with pytest.raises(InvalidParameterError, match=r"no conjugate prior\. Got"):
        fastgmm.BayesianGaussianMixture(n_components=2, covariance_type=kind).fit(rows)
    named = fastgmm.BayesianGaussianMixture(n_components=2, covariance_type="EEE", random_state=0)
    ours = fastgmm.BayesianGaussianMixture(n_components=2, covariance_type="tied", random_state=0)
    assert bits_of(named.fit(rows)) == bits_of(ours.fit(rows))


def test_unknown_statistics_are_refused(rows: Rows) -> None:
    statistics = fitted("VEE", rows).e_step(rows)
    with pytest.raises(ValueError, match="VEE components"):
        fitted("full", rows).m_step(statistics)
    with pytest.raises(ValueError, match="there is no covariance type 'XYZ'"):
        replace(statistics, covariance_type="XYZ").to_bytes()  # type: ignore[arg-type]
