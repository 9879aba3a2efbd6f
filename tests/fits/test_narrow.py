"""Fits of few rows are done in the span of their rows: what comes out is the same."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.data.rows import RowData
from fastgmm.data.span import Span
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.em.relocation import Relocation
from fastgmm.em.run import Iteration, Run
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.estimators.model_file import CheckpointFile
from fastgmm.estimators.planning import plan_of
from fastgmm.fits import narrow
from fastgmm.fits.narrow import narrowed, stays_in_span
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.mixture import Mixture

SEEDS = range(4)
SIZES = ((30, 64, 2), (26, 90, 3), (45, 130, 1), (40, 100, 4))
"""Rows, features and components, by the seed."""


@dataclass
class Drawn:
    """What a start may ask for."""

    sample: Any = None
    n_threads: int | None = 1
    seed: int = 0
    span: Span | None = None


def rows_of(seed: int, dtype: type = np.float64) -> np.ndarray:
    """Clusters of correlated columns in various units, far from zero."""
    n, d, k = SIZES[seed]
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) / np.sqrt(d)
    centers = 1.5 * generator.normal(size=(k, d))
    rows = mixed + centers[generator.integers(k, size=n)] + 3.0
    return (rows * np.exp(generator.normal(size=d))).astype(dtype)


def model_of(seed: int, **params: Any) -> GaussianMixture:
    return GaussianMixture(SIZES[seed][2], random_state=seed, n_threads=1, **params)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that fits with all features."""

    def fitted(model: GaussianMixture, *args: Any, **kwargs: Any) -> GaussianMixture:
        with monkeypatch.context() as patch:
            patch.setattr(narrow, "MOST_ROWS", 0.0)
            return model.fit(*args, **kwargs)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield fitted


def same(one: GaussianMixture, other: GaussianMixture, tolerance: float = 1e-9) -> None:
    """Assert that two models are the same but for rounding."""
    assert one.lower_bound_ == pytest.approx(other.lower_bound_, rel=tolerance)
    scales = np.sqrt(np.diagonal(np.atleast_3d(other.covariances_.T).T, 0, -2, -1)).max(axis=0)
    assert np.allclose(one.weights_, other.weights_, rtol=tolerance)
    assert (np.abs(one.means_ - other.means_) <= 10 * tolerance * scales).all()
    off = np.abs(one.covariances_ - other.covariances_) / scales[:, None] / scales
    assert off.max() < tolerance


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "tied": {"covariance_type": "tied"},
    "k-means": {"init_params": "kmeans"},
    "k-means++": {"init_params": "k-means++"},
    "random": {"init_params": "random"},
    "random rows": {"init_params": "random_from_data"},
    "own units": {"reg_covar": "auto"},
    "own units, tied": {"reg_covar": "auto", "covariance_type": "tied"},
    "large ridge": {"reg_covar": 0.03},
    "steps": {"acceleration": "lbfgs", "tol": 1e-9, "reg_covar": 0.3},
    "no iteration": {"max_iter": 0},
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", CASES)
def test_the_fit_is_that_of_all_features(case: str, seed: int, whole: Any) -> None:
    X, params = rows_of(seed), CASES[case]
    same(model_of(seed, **params).fit(X), whole(model_of(seed, **params), X))


@pytest.mark.parametrize("seed", SEEDS)
def test_weights_of_rows_count(seed: int, whole: Any) -> None:
    X = rows_of(seed)
    weight = np.random.default_rng(seed + 10).integers(0, 4, size=len(X)).astype(np.float64)
    same(
        model_of(seed).fit(X, sample_weight=weight),
        whole(model_of(seed), X, sample_weight=weight),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_float32_rows_lose_less(seed: int, whole: Any) -> None:
    """Sums of their coordinates are in float64, and the model is of float32 rows all the same."""
    X = rows_of(seed, np.float32)
    found, other = model_of(seed).fit(X), whole(model_of(seed), X)
    assert found.means_.dtype == np.float32
    same(found, other, 2e-4)
    exact = whole(model_of(seed), X.astype(np.float64))
    assert np.allclose(found.means_, exact.means_, rtol=1e-6)
    assert np.allclose(found.covariances_, exact.covariances_, rtol=1e-4, atol=1e-7)


@pytest.mark.filterwarnings("ignore:Component")
@pytest.mark.parametrize("params", [{}, {"n_init": 3}, {"covariance_type": "tied"}])
def test_the_bits_are_those_of_batches_threads_and_callbacks(params: dict[str, Any]) -> None:
    X = rows_of(1)
    found = model_of(1, **params).fit(X)
    assert found.n_iter_ > 1
    others = [
        model_of(1, **params).fit_batches([X[:10], X[10:]]),
        model_of(1, **params).set_params(n_threads=2).fit(X),
        model_of(1, **params).fit(X, callback=lambda iteration: False),
    ]
    for other in others:
        for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
            assert np.array_equal(getattr(found, name), getattr(other, name)), name
        assert found.lower_bounds_ == other.lower_bounds_
        assert found.initializations_ == other.initializations_


@pytest.mark.filterwarnings("ignore:Component")
def test_who_looks_on_sees_the_bounds_of_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    X, seen = rows_of(2), []
    model = model_of(2, verbose=2).fit(X, callback=lambda one: seen.append(one.lower_bound))
    assert seen == list(model.lower_bounds_)
    assert model.lower_bound_ == pytest.approx(model.score(X), rel=1e-9)
    assert f"lower bound {model.lower_bound_:.5f}" in capsys.readouterr().out
    chosen = [one for one in model.initializations_ if one.chosen]
    assert [one.lower_bound for one in chosen] == [model.lower_bound_]


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_lost_component_goes_where_it_would_go(seed: int) -> None:
    """To rows that are near in units of their columns, which differ."""
    X = rows_of(seed)
    asked, k = plan(seed, reg_covar=0.1), SIZES[seed][2]
    data = RowData(X)
    sample = data.sample(0, 1000)
    ridge = asked.settings.regularizing.without_rows(X.shape[1])
    found = narrowed(data, asked, Hooks(), Drawn(sample), ridge)
    assert found is not None
    # The last one is lost.
    shares = np.eye(k)[np.random.default_rng(seed).integers(k - 1, size=len(X))]
    mixtures = []
    for rows, regularization in ((X, ridge), (found.span.rows, found.within)):
        about = Mixture.from_covariances(
            np.full(k, 1 / k), rows[:k], np.eye(rows.shape[1])[None].repeat(k, 0), "full"
        )
        sums = expectation(about, RowData(rows), given=lambda part, i, j: shares[i:j])
        mixtures.append(maximization(sums, regularization))
    of_rows, within = mixtures
    places = [
        Relocation(drawn, 1.0, 1).place(mixture, k - 1)
        for drawn, mixture in ((sample, of_rows), (found.sample, within))
    ]
    one, other = (place.mixture() for place in places if place is not None)
    assert places[0].gain == pytest.approx(places[1].gain, rel=1e-9)
    other = found.run(Run(other, 0.0)).mixture
    assert np.allclose(one.means, other.means, rtol=1e-9, atol=1e-9)
    assert np.allclose(one.covariances, other.covariances, rtol=1e-8, atol=1e-9)
    assert np.array_equal(one.weights, other.weights)


# ------------------------------------------------------------------ from a given mixture


def given(seed: int, *, tied: bool = False, far: float = 0.0) -> dict[str, Any]:
    """Parameters to begin with that are outside of the span."""
    (_, d, k), generator = SIZES[seed], np.random.default_rng(seed + 100)
    mixed = generator.normal(size=(k, d, d)) / np.sqrt(d)
    precisions = mixed @ mixed.transpose(0, 2, 1) + np.eye(d)
    means = rows_of(seed)[:k] + generator.normal(size=(k, d))
    means[0] += far
    return {
        "weights_init": np.full(k, 1.0 / k),
        "means_init": means,
        "precisions_init": precisions[0] if tied else precisions,
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("case", ["plain", "own units", "large ridge", "steps", "no iteration"])
def test_a_given_mixture_enters_the_span(case: str, tied: bool, seed: int, whole: Any) -> None:
    X, kind = rows_of(seed), "tied" if tied else "full"
    params = {**CASES[case], **given(seed, tied=tied), "covariance_type": kind}
    found, other = model_of(seed, **params).fit(X), whole(model_of(seed, **params), X)
    if case == "no iteration":
        assert np.array_equal(found.means_, other.means_)
    else:
        same(found, other)
    assert found.repairs_ == other.repairs_


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_what_holds_nothing_stays_where_it_was(seed: int, whole: Any) -> None:
    """Outside of the span, where its rows would never lead it."""
    X, params = rows_of(seed), {**given(seed, far=1e4), "on_collapse": "warn"}
    found, other = model_of(seed, **params).fit(X), whole(model_of(seed, **params), X)
    assert found.weights_[0] == 0.0
    assert np.array_equal(found.means_[0], params["means_init"][0])
    same(found, other)


@pytest.mark.filterwarnings("ignore:reg_covar")
@pytest.mark.parametrize("seed", SEEDS)
def test_bits_from_a_given_mixture(seed: int) -> None:
    X, params = rows_of(seed), {**given(seed), "reg_covar": 0.1}
    weight = np.random.default_rng(seed).integers(1, 3, size=len(X)).astype(np.float64)
    found = model_of(seed, **params).fit(X, sample_weight=weight)
    parts = [(X[:10], weight[:10]), (X[10:], weight[10:])]
    for other in (
        model_of(seed, **params).fit_batches(parts),
        model_of(seed, **params).set_params(n_threads=2).fit(X, sample_weight=weight),
        model_of(seed, **params).fit(X, sample_weight=weight, callback=lambda iteration: None),
    ):
        assert np.array_equal(found.means_, other.means_)
        assert np.array_equal(found.covariances_, other.covariances_)
        assert found.lower_bounds_ == other.lower_bounds_


@pytest.mark.filterwarnings("ignore:Component")
def test_no_random_numbers_are_drawn_for_a_given_mixture() -> None:
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    GaussianMixture(2, random_state=generator, **given(0)).fit(rows_of(0))
    assert generator.bit_generator.state == before


@pytest.mark.parametrize("away", [0.0, 0.01, 1.0])
def test_what_holds_next_to_nothing(away: float) -> None:
    """Its mean stays, which is no mean of rows: near the span, the fit goes the long way."""
    X, params = rows_of(0), given(0)
    data, started = RowData(X), plan(**params)
    outside = np.linalg.qr(np.vstack([X - X.mean(axis=0), np.ones((1, 64))]).T)[0][:, -1]
    means = np.stack([X.mean(axis=0), X.mean(axis=0) + away * outside])
    regularization = started.settings.regularizing.without_rows(64)
    shares = np.empty((len(X), 2))
    for precision in np.geomspace(1e-3, 1e3, 1000):
        precisions = np.array([0.001, precision])[:, None, None] * np.eye(64)
        start = replace(started.start, means=means, precisions=precisions)
        mixture = Mixture.from_precisions(np.full(2, 0.5), means, precisions, "full")
        if 0.0 < responsibilities(mixture, X, shares)[:, 1].max() < 1e-17:
            break
    else:
        raise AssertionError("no precision leaves it next to nothing")
    asked = replace(started, start=start)
    found = narrowed(data, asked, Hooks(), Drawn(), regularization)
    assert (found is None) == (away == 0.01)
    if found is not None and found.entrance is not None:
        assert (found.entrance.component_weight[1] > 0.0) == (away == 0.0)
        assert np.array_equal(found.entrance.second_moment[1], np.zeros((30, 30)))


def test_a_collapse_is_raised() -> None:
    X = rows_of(0)
    with pytest.raises(IllDefinedCovarianceError, match="component"):
        model_of(0, on_collapse="raise", init_params="random_from_data").fit(X)


def test_a_later_fit_goes_on_from_the_end(whole: Any) -> None:
    """It begins with all features, and knows the rows again."""
    X = rows_of(3)
    params = {"warm_start": True, "reg_covar": 0.3, "init_params": "random", "tol": 1e-12}
    model = model_of(3, max_iter=4, **params).fit(X)
    passed = model._state.trail
    assert passed is not None
    model.fit(X)
    trail = model._state.trail
    assert trail is not None
    assert trail.lower_bounds[: len(passed.lower_bounds)] == passed.lower_bounds
    same(model, whole(model_of(3, max_iter=8, **params), X), 1e-7)


# ------------------------------------------------------------------ where it is not done


def plan(seed: int = 0, **params: Any) -> Plan:
    return plan_of(model_of(seed, **params)._params(), SIZES[seed][1])


@pytest.mark.filterwarnings("ignore:Component")
def test_what_leaves_the_span() -> None:
    X, nobody = rows_of(0), Hooks()
    k = SIZES[0][2]
    data, plain = RowData(X), plan()
    assert stays_in_span(data, plain, nobody)
    assert stays_in_span(data, plan(covariance_type="tied"), nobody)
    assert not stays_in_span(data, plan(covariance_type="diag"), nobody)
    assert not stays_in_span(data, plan(prior=NormalInverseWishart()), nobody)
    assert not stays_in_span(data, plan(means_init=X[:k]), nobody)
    state = model_of(0).fit(X)._state
    assert stays_in_span(data, replace(plain, warm=state.mixture), nobody)
    assert not stays_in_span(data, replace(plain, warm=state.mixture, trail=state.trail), nobody)
    kept = Hooks(checkpoint=CheckpointFile("nowhere", {}))
    assert not stays_in_span(data, plain, kept)
    assert stays_in_span(data, plain, Hooks(after_pass=lambda run: None))
    many = RowData(np.repeat(X, 2, axis=0))
    assert not stays_in_span(many, plain, nobody)
    assert not stays_in_span(RowData(X[:10, :30]), plain, nobody)
    assert not stays_in_span(RowData(X, gapped=True), plain, nobody)


def test_what_has_no_span() -> None:
    X, nobody = rows_of(0), Hooks()
    data = RowData(X)
    sample = data.sample(0, 1000)
    uneven = np.linspace(1.0, 2.0, X.shape[1])

    def found(plan: Plan, ridge: Any, sample: Any = sample) -> Any:
        regularization = plan.settings.regularizing.without_rows(X.shape[1])
        regularization = replace(regularization, reg_covar=np.asarray(ridge))
        return narrowed(data, plan, nobody, Drawn(sample), regularization)

    assert found(plan(), 1e-6) is not None
    assert found(plan(), 1e-6).span is found(plan(), 1e-6).span  # made once
    assert found(plan(), 0.0) is None
    assert found(plan(), uneven) is not None
    assert found(plan(init_params="kmeans"), uneven) is None
    assert found(plan(init_params="kmeans"), 1e-6) is not None
    assert found(plan(), 1e-6, data.sample(0, 10)) is None  # not all rows


def test_a_checkpoint_keeps_the_runs_of_the_rows(tmp_path: Path, whole: Any) -> None:
    X = rows_of(1)
    kept = model_of(1).fit_batches([X], checkpoint=tmp_path / "fit.ckpt")
    same(kept, model_of(1).fit(X), 1e-9)
    assert np.array_equal(kept.means_, whole(model_of(1), X).means_)


def test_what_a_failed_fit_leaves_is_of_the_rows(whole: Any) -> None:
    X = rows_of(3)

    def fails(iteration: Iteration) -> None:
        if iteration.n_iter == 2:
            raise KeyError

    model = model_of(3, reg_covar=0.3, init_params="random")
    with pytest.raises(KeyError):
        model.fit_batches([X], callback=fails)
    same(model, whole(model_of(3, reg_covar=0.3, init_params="random", max_iter=1), X))
