"""One model per group: the bits of single fits, what is refused, and what is said of all."""

import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture, NormalInverseWishart, fit_many
from fastgmm.errors import (
    CollapseWarning,
    ConvergenceWarning,
    IllDefinedCovarianceError,
    InvalidParameterError,
)
from support import correlated_mixture

ATTRIBUTES = (
    *("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"),
    *("lower_bound_", "lower_bounds_", "n_iter_", "n_passes_", "gap_", "converged_"),
    *("repairs_", "initializations_", "n_features_in_", "n_parameters"),
)


def groups_of(rng: np.random.Generator, n: int = 12, d: int = 3) -> list[np.ndarray]:
    """Return groups of different lengths, some float32, of two correlated clusters each."""
    groups = []
    for i in range(n):
        rows = correlated_mixture(2, d, rng, separation=4.0).sample(60 + 17 * i, rng)[0]
        groups.append(rows.astype(np.float32) if i % 3 == 1 else rows)
    return groups


def assert_same(found: GaussianMixture, single: GaussianMixture) -> None:
    for name in ATTRIBUTES:
        ours, theirs = getattr(found, name), getattr(single, name)
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None)
    assert found.get_params() == single.get_params()


# ---------------------------------------------------------------- the bits of single fits


@pytest.mark.parametrize("n_threads", [1, 3])
def test_models_are_those_of_single_fits(
    n_threads: int, covariance_type: Any, rng: np.random.Generator
) -> None:
    groups, params = groups_of(rng), {"covariance_type": covariance_type, "random_state": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fit_many(iter(groups), 2, n_threads=n_threads, **params)
        singles = [GaussianMixture(2, n_threads=n_threads, **params).fit(X) for X in groups]
    assert found.labels == tuple(range(12))
    for i, single in enumerate(singles):
        assert_same(found.models[i], single)
        for name in ("weights_", "means_", "covariances_"):
            own = getattr(found, name)[i].astype(single.means_.dtype)  # some rows are float32
            np.testing.assert_array_equal(own, getattr(single, name))
        assert found.lower_bound_[i] == single.lower_bound_
        assert (found.n_iter_[i], found.converged_[i]) == (single.n_iter_, single.converged_)
        X = groups[i]
        np.testing.assert_array_equal(found.models[i].score_samples(X), single.score_samples(X))


@pytest.mark.parametrize(
    "params",
    [
        {"n_init": 3},
        {"n_init": 2, "init_params": "kmeans"},
        {"init_params": "random_from_data", "max_iter": 5},
        {"max_iter": 0},
        {"reg_covar": "auto"},
        {"prior": NormalInverseWishart()},
        {"means_init": [[0.0] * 3, [3.0] * 3, [6.0] * 3]},
        {"tol": 1e-6, "acceleration": "lbfgs"},
        {"on_collapse": "warn", "reg_covar": 1e-3},
    ],
    ids=str,
)
def test_every_parameter_means_what_it_does_in_a_single_fit(
    params: dict[str, Any], rng: np.random.Generator
) -> None:
    groups = groups_of(rng, 8)
    groups[5][:30] = 2.0  # a component without volume
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fit_many(groups, 3, random_state=1, **params)
        for i, X in enumerate(groups):
            assert_same(found.models[i], GaussianMixture(3, random_state=1, **params).fit(X))


def test_weights_are_those_of_single_fits(rng: np.random.Generator) -> None:
    groups = groups_of(rng, 6)
    weights = [rng.exponential(size=len(X)) * (rng.random(len(X)) < 0.9) for X in groups]
    weights[3] = weights[3] * 1e-3
    found = fit_many(groups, 2, sample_weight=weights, random_state=1)
    for i, (X, weight) in enumerate(zip(groups, weights, strict=True)):
        single = GaussianMixture(2, random_state=1).fit(X, sample_weight=weight)
        assert_same(found.models[i], single)


def test_rows_with_labels(rng: np.random.Generator) -> None:
    X = np.concatenate(groups_of(rng, 5)).astype(np.float64)
    labels = rng.choice(["x", "y", "z"], len(X))
    weight = rng.exponential(size=len(X))
    found = fit_many(X, 2, labels=labels, sample_weight=weight, random_state=1)
    assert found.labels == ("x", "y", "z")
    for label in found.labels:
        chosen = labels == label
        single = GaussianMixture(2, random_state=1).fit(X[chosen], sample_weight=weight[chosen])
        assert_same(found[label], single)


def test_frames_give_the_models_their_names(rng: np.random.Generator) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(np.concatenate(groups_of(rng, 3)), columns=["a", "b", "c"])
    labels = pd.Series(rng.choice(["u", "v"], len(frame)), dtype="category")
    found = fit_many(frame, 2, labels=labels, random_state=0)
    for label in ("u", "v"):
        single = GaussianMixture(2, random_state=0).fit(frame[labels == label])
        assert_same(found[label], single)
        assert found[label].feature_names_in_.tolist() == ["a", "b", "c"]
    by_group = fit_many(
        {key: part for key, part in frame.groupby(labels, observed=True)}, 2, random_state=0
    )
    np.testing.assert_array_equal(by_group.means_, found.means_)


def test_a_model_goes_on_as_a_single_one_does(rng: np.random.Generator) -> None:
    """The trail of the fit is kept: a warm start ends after as many iterations."""
    groups = groups_of(rng, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fit_many(groups, 3, random_state=0, max_iter=4, warm_start=True, tol=1e-8)
        for i, X in enumerate(groups):
            single = GaussianMixture(3, random_state=0, max_iter=4, warm_start=True, tol=1e-8)
            single.fit(X)
            many = found.models[i]
            for model in (single, many):
                model.set_params(max_iter=300).fit(X)
            assert_same(many, single)


def test_large_groups_are_fitted_by_all_threads(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    from fastgmm.fits import side_by_side

    groups = groups_of(rng, 4)
    expected = fit_many(groups, 2, random_state=0)
    monkeypatch.setattr(side_by_side, "LARGE", 100)
    monkeypatch.setattr(side_by_side, "WATCHED", 100)
    found = fit_many(groups, 2, random_state=0, n_threads=3)
    np.testing.assert_array_equal(found.covariances_, expected.covariances_)
    np.testing.assert_array_equal(found.n_iter_, expected.n_iter_)


@pytest.mark.parametrize("kind", ["none", "generator", "state"])
def test_a_drawn_seed_can_be_used_again(kind: str, rng: np.random.Generator) -> None:
    groups = groups_of(rng, 3)
    random_state: Any = None
    if kind == "generator":
        random_state = np.random.default_rng(5)
    elif kind == "state":
        random_state = np.random.RandomState(5)
    found = fit_many(groups, 2, init_params="random_from_data", random_state=random_state)
    for X, model in zip(groups, found.models, strict=True):
        assert type(model.random_state) is int
        again = GaussianMixture(2, init_params="random_from_data", random_state=model.random_state)
        assert_same(model, again.fit(X))


# ---------------------------------------------------------------- what fails


def ill_groups(rng: np.random.Generator) -> list[np.ndarray]:
    """Return seven groups, of which 2 has NaN, 4 too few rows and 5 a singular covariance."""
    groups = [X.astype(np.float64) for X in groups_of(rng, 7)]
    groups[2][3, 1] = np.nan
    groups[4] = groups[4][:1]
    groups[5][:, 2] = 3.0
    return groups


@pytest.mark.parametrize("n_threads", [1, 3])
def test_the_first_group_that_fails_ends_the_call(n_threads: int, rng: np.random.Generator) -> None:
    groups = ill_groups(rng)
    with pytest.raises(
        ValueError, match=r"group 2 cannot be fitted: Input X contains NaN"
    ) as caught:
        fit_many(groups, 2, n_threads=n_threads, reg_covar=0.0)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(ValueError, match="group 'few' cannot be fitted: Found array with 1 sample"):
        fit_many({"good": groups[0], "few": groups[4]}, 2, n_threads=n_threads)
    with pytest.raises(IllDefinedCovarianceError, match="group 1 cannot be fitted") as ill:
        fit_many([groups[0], groups[5]], 2, reg_covar=0.0, n_threads=n_threads)
    assert ill.value.component in (0, 1)
    labels = np.repeat(["a", "b"], [len(groups[0]), len(groups[2])])
    with pytest.raises(
        ValueError, match=r"group 'b' cannot be fitted: Input X contains NaN. .*3, 1"
    ):
        fit_many(np.concatenate([groups[0], groups[2]]), 2, labels=labels)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_what_fails_is_kept_with_its_reason(n_threads: int, rng: np.random.Generator) -> None:
    groups = ill_groups(rng)
    found = fit_many(
        iter(groups), 2, n_threads=n_threads, on_error="return", random_state=0, reg_covar=0.0
    )
    assert list(found.failures) == [2, 4, 5]
    assert "NaN" in found.failures[2]
    assert "minimum of 2" in found.failures[4]
    assert "not positive definite" in found.failures[5]
    for i, X in enumerate(groups):
        failed = i in found.failures
        assert found.models[i].is_fitted == (not failed)
        arrays = (found.weights_, found.means_, found.covariances_, found.lower_bound_)
        assert [np.isnan(array[i]).all() for array in arrays] == [failed] * 4
        assert [np.isnan(array[i]).any() for array in arrays] == [failed] * 4
        if failed:
            assert (found.n_iter_[i], found.converged_[i]) == (0, False)
        else:
            single = GaussianMixture(2, n_threads=n_threads, random_state=0, reg_covar=0.0).fit(X)
            assert_same(found.models[i], single)


def test_if_all_fail_it_is_an_error(rng: np.random.Generator) -> None:
    groups = [np.full((5, 2), np.nan)] * 40
    with pytest.raises(ValueError, match="none of the 40 groups could be fitted; the first, 0,"):
        fit_many(groups, 2, on_error="return")
    with pytest.raises(ValueError, match="there is no group"):
        fit_many([])


def test_a_failure_in_a_chunk_of_failures(rng: np.random.Generator) -> None:
    """Whole chunks may fail, before and after those that do not."""
    bad = np.full((5, 3), np.nan)
    good = groups_of(rng, 2)
    found = fit_many([bad] * 100 + good + [bad] * 100, 2, on_error="return", random_state=0)
    assert len(found) == 202
    assert len(found.failures) == 200
    np.testing.assert_array_equal(found.means_[100], fit_many(good, 2, random_state=0).means_[0])
    assert_same(found.models[101], GaussianMixture(2, random_state=0).fit(good[1]))


@pytest.mark.parametrize(
    ("params", "kind", "message"),
    [
        ({"n_components": 0}, InvalidParameterError, "'n_components' parameter"),
        ({"tol": -1}, InvalidParameterError, "'tol' parameter"),
        ({"n_threads": 0}, InvalidParameterError, "'n_threads' parameter"),
        ({"components": 2}, TypeError, "components is no parameter of GaussianMixture"),
        ({"on_error": "ignore"}, ValueError, "on_error must be one of"),
        ({"callback": 5}, TypeError, "callback must be a function"),
        ({"means_init": [[0.0]]}, ValueError, "means"),
    ],
)
def test_wrong_parameters_are_refused(
    params: dict[str, Any], kind: type, message: str, rng: np.random.Generator
) -> None:
    with pytest.raises(kind, match=message):
        fit_many(groups_of(rng, 2), **params)


# ---------------------------------------------------------------- warnings


def warned(groups: list[np.ndarray], *args: Any, **params: Any) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_many(groups, *args, random_state=0, **params)
    return caught


def test_one_warning_of_all_that_collapsed(rng: np.random.Generator) -> None:
    groups = [X.astype(np.float64) for X in groups_of(rng, 9)]
    for i in (2, 5, 6):
        groups[i][:30] = 50.0
    (one,) = warned(groups, 3)
    assert one.category is CollapseWarning
    assert "3 of 9 groups have components that have collapsed" in str(one.message)
    assert "Of group 2: " in str(one.message)
    assert one.filename == __file__
    assert not warned([groups[0], groups[1]], 2)


def test_one_warning_of_all_that_did_not_converge(rng: np.random.Generator) -> None:
    (one,) = warned(groups_of(rng, 5), 2, max_iter=1)
    assert issubclass(one.category, ConvergenceWarning)
    assert "5 of 5 groups" in str(one.message)
    assert not warned(groups_of(rng, 5), 2, max_iter=0)


def test_one_warning_of_too_large_a_ridge(rng: np.random.Generator) -> None:
    groups = groups_of(rng, 6)
    for i in (1, 4):
        groups[i] = groups[i].astype(np.float64) * 1e-4
    (one,) = warned(groups, 2)
    assert one.category is UserWarning
    assert "2 of 6 groups: in group 1 it adds 1e-06" in str(one.message)
    assert not warned(groups, 2, reg_covar="auto")


def test_groups_that_fail_are_not_warned_of(rng: np.random.Generator) -> None:
    groups = ill_groups(rng)
    assert not warned([groups[i] for i in (0, 1, 2, 3, 4)], 2, on_error="return")


# ---------------------------------------------------------------- callbacks, iterators, threads


@pytest.mark.parametrize("n_threads", [1, 3])
def test_the_callback_sees_each_group_in_order(n_threads: int, rng: np.random.Generator) -> None:
    seen: list[fastgmm.GroupFit] = []
    groups = ill_groups(rng) * 10
    found = fit_many(
        groups, 2, callback=seen.append, n_threads=n_threads, on_error="return", reg_covar=0.0
    )
    assert [one.number for one in seen] == list(range(70))
    for one in seen:
        i = one.number
        assert one.label == i
        assert (one.n_iter, one.converged) == (found.n_iter_[i], found.converged_[i])
        assert one.failure == found.failures.get(i, "")
        assert one.lower_bound == (-np.inf if one.failure else found.lower_bound_[i])


@pytest.mark.parametrize("n_threads", [1, 3])
def test_what_the_callback_raises_ends_the_call(n_threads: int, rng: np.random.Generator) -> None:
    taken: list[int] = []
    X = groups_of(rng, 1)[0]

    def groups() -> Iterator[np.ndarray]:
        for i in range(100_000):
            taken.append(i)
            yield X

    def stop(one: fastgmm.GroupFit) -> None:
        if one.number == 3:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        fit_many(groups(), callback=stop, n_threads=n_threads)
    assert threading.active_count() == before
    assert len(taken) < 1000


def test_groups_of_an_iterator_are_let_go(rng: np.random.Generator) -> None:
    """The rows are in memory only while they are worked on."""
    import gc
    import weakref

    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def groups() -> Iterator[np.ndarray]:
        nonlocal most
        for _ in range(150):
            rows = rng.normal(size=(2000, 3))
            alive.append(weakref.ref(rows))
            most = max(most, sum(one() is not None for one in alive))
            yield rows
            del rows

    fit_many(groups(), n_threads=2)
    gc.collect()
    assert most < 120
    assert all(one() is None for one in alive)


def test_the_result_is_small(rng: np.random.Generator) -> None:
    """No object is kept for a group with nothing of its own."""
    found = fit_many([rng.normal(size=(30, 2)) for _ in range(300)], random_state=0)
    assert not found._stack.extras
    assert not found._stack.failures
