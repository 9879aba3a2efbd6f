"""Components that collapse: moved, held or refused, each of it recorded and said once."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.em.collapse import MOVES, Repair, Repairer
from fastgmm.errors import CollapseWarning, ConvergenceWarning, IllDefinedCovarianceError
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
UNTIED = ("full", "diag", "spherical")
POLICIES = ("repair", "warn", "raise")
ARRAYS = ("weights_", "means_", "covariances_")
Rng = np.random.Generator


def collapses(model: GaussianMixture, fit: Callable[[], object]) -> list[str]:
    """Fit, and the texts of the warnings about components."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    assert all(issubclass(w.category, CollapseWarning | ConvergenceWarning) for w in caught)
    assert np.isfinite(model.lower_bounds_).all()
    steps = [repair.n_iter for repair in model.repairs_]
    assert steps == sorted(steps)
    return [str(w.message) for w in caught if issubclass(w.category, CollapseWarning)]


@pytest.fixture
def lost(rng: Rng, covariance_type: str) -> Any:
    """Rows of three clusters; component 1 begins between two of them and 2 far from all."""
    mixture = correlated_mixture(3, 2, rng, separation=10.0)
    means = mixture.means.copy()
    means[1], means[2] = (means[1] + means[2]) / 2, 1e4
    params = {"covariance_type": covariance_type, "means_init": means, "random_state": 0}
    return mixture.sample(200, rng)[0], {**params, "tol": 1e-6, "max_iter": 500}


def with_point(rng: Rng, variance: float) -> np.ndarray:
    """Two clusters and, far away, 20 rows whose covariance is this variance times the identity."""
    rows, _ = correlated_mixture(2, 2, rng, separation=4.0).sample(60, rng)
    noise = rng.normal(size=(20, 2))
    noise -= noise.mean(axis=0)
    noise = noise @ np.linalg.inv(np.linalg.cholesky(noise.T @ noise / 20)).T
    return np.r_[rows, rows.max(axis=0) + 8.0 + np.sqrt(variance) * noise]


def test_a_component_without_rows_goes_where_they_are_explained_worst(lost: Any) -> None:
    X, params = lost
    moved = GaussianMixture(3, **params)
    (text,) = collapses(moved, lambda: moved.fit(X))
    assert "component 2 moved" in text
    assert "repairs_" in text
    assert moved.repairs_[-1].action == "moved"
    assert {(r.component, r.reason) for r in moved.repairs_} == {(2, "weight")}
    assert (moved.weights_ * len(X) > 1.0).all()
    assert np.diff(moved.lower_bounds_).min() > -1e-6
    held = GaussianMixture(3, on_collapse="warn", **params)
    (text,) = collapses(held, lambda: held.fit(X))
    assert "component 2 held" in text
    assert "moved" not in text
    assert held.repairs_ == [Repair(1, 2, "weight", "held")]
    assert held.weights_[2] * len(X) < 1.0
    assert moved.lower_bound_ > held.lower_bound_ + 0.02


def test_only_a_move_that_gains_is_made(covariance_type: str) -> None:
    """Beside a component at its maximum, EM itself adds nothing to what the move does."""
    actions = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = correlated_mixture(1, 2, rng).sample(100, rng)[0]
        one = GaussianMixture(covariance_type=covariance_type, tol=1e-12).fit(X)
        model = GaussianMixture(2, covariance_type=covariance_type, max_iter=2)
        model.weights_init = [1.0 - 1e-9, 1e-9]
        model.means_init = np.r_[one.means_, [[1e4, 1e4]]]
        tied = covariance_type.startswith("tied")
        model.precisions_init = one.precisions_ if tied else np.repeat(one.precisions_, 2, axis=0)
        collapses(model, lambda model=model, X=X: model.fit(X))
        actions.append(model.repairs_[0].action)
        (change,) = np.diff(model.lower_bounds_)
        assert change > 1e-7 if actions[-1] == "moved" else abs(change) < 1e-7
    assert set(actions) == {"moved", "held"}


def test_it_comes_to_an_end(lost: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A component that every move loses again is left alone after some."""
    X, params = lost
    monkeypatch.setattr(Repairer, "_relocated", lambda self, parameters, k, must_gain: parameters)
    model = GaussianMixture(3, **params)
    assert len(collapses(model, lambda: model.fit(X))) == 1
    assert [r.action for r in model.repairs_] == ["moved"] * MOVES + ["held"]
    assert model.converged_
    monkeypatch.undo()
    few = np.repeat([[0.0, 0.1], [1.0, 0.3]], 15, axis=0)
    model = GaussianMixture(6, covariance_type=params["covariance_type"], random_state=0)
    collapses(model, lambda: model.fit(few))
    done = [(r.component, r.action) for r in model.repairs_]
    assert all(done.count(one) <= (MOVES if one[1] == "moved" else 1) for one in done)


@pytest.mark.parametrize("weighted", [False, True])
def test_batches_are_repaired_alike(lost: Any, weighted: bool, rng: Rng) -> None:
    X, params = lost
    weight = rng.uniform(0.5, 2.0, len(X)) if weighted else np.ones(len(X))
    whole, cut = GaussianMixture(3, **params), GaussianMixture(3, **params)
    texts = collapses(whole, lambda: whole.fit(X, sample_weight=weight if weighted else None))
    pieces = [(X[i : i + 13], weight[i : i + 13]) for i in range(0, 200, 13)]
    batches = pieces if weighted else [rows for rows, _ in pieces]
    assert collapses(cut, lambda: cut.fit_batches(batches)) == texts
    assert len(texts) == 1
    assert cut.repairs_ == whole.repairs_
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(cut, name), getattr(whole, name), rtol=1e-6, atol=1e-9)


def test_the_unit_of_weights_is_a_row(lost: Any) -> None:
    X, params = lost
    params["acceleration"] = None
    plain, light = GaussianMixture(3, **params), GaussianMixture(3, **params)
    collapses(plain, lambda: plain.fit(X))
    collapses(light, lambda: light.fit(X, sample_weight=np.full(len(X), 2.0**-20)))
    assert light.repairs_ == plain.repairs_
    np.testing.assert_allclose(light.means_, plain.means_, rtol=1e-7)


def test_rows_that_hardly_count_call_no_component(lost: Any, rng: Rng) -> None:
    X, params = lost
    few = X.max(axis=0) + 60.0 + rng.normal(size=(15, 2))
    weight = np.r_[np.ones(len(X)), np.full(15, 1e-7)]
    models = {name: GaussianMixture(3, on_collapse=name, **params) for name in POLICIES[:2]}
    for model in models.values():
        collapses(model, lambda model=model: model.fit(np.r_[X, few], sample_weight=weight))
    assert models["repair"].lower_bound_ > models["warn"].lower_bound_ + 0.02


def test_acceleration_takes_over_after_a_move(covariance_type: str, rng: Rng) -> None:
    mixture = correlated_mixture(4, 3, rng, separation=2.5)
    X = mixture.sample(600, rng)[0]
    params = {"covariance_type": covariance_type, "tol": 1e-7, "max_iter": 2000}
    params["means_init"] = np.r_[mixture.means[:3], [[1e4] * 3]]
    fast, plain = (GaussianMixture(4, acceleration=name, **params) for name in ("lbfgs", None))
    for model in (fast, plain):
        assert len(collapses(model, lambda model=model: model.fit(X))) == 1
        assert model.repairs_ == [Repair(1, 3, "weight", "moved")]
        assert np.diff(model.lower_bounds_).min() > -1e-10
    assert fast.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-6)
    assert fast.n_passes_ < plain.n_passes_


@pytest.mark.parametrize(("share", "collapsed"), [(1e-4, True), (0.1, False), (0.0, True)])
@pytest.mark.parametrize("reg_covar", [1e-6, "auto"])
def test_a_covariance_of_the_ridge_alone_is_held(
    share: float, collapsed: bool, reg_covar: Any, covariance_type: str, rng: Rng
) -> None:
    """`share` is the variance of the rows over the ridge; tied covariances have other rows, too."""
    X = with_point(rng, 1.0)
    ridge = 1e-6 if reg_covar == 1e-6 else float((1e-6 * X.var(axis=0)).min())
    X[60:] = X[60:].mean(axis=0) + np.sqrt(share * ridge) * (X[60:] - X[60:].mean(axis=0))
    params = {"covariance_type": covariance_type, "reg_covar": reg_covar, "random_state": 0}
    model, warned = (GaussianMixture(3, on_collapse=name, **params) for name in POLICIES[:2])
    texts = collapses(model, lambda: model.fit(X))
    assert collapses(warned, lambda: warned.fit(X)) == texts
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(model, name), getattr(warned, name))
    k = int(model.predict(X[-1:])[0])
    np.testing.assert_allclose(model.means_[k], X[60:].mean(axis=0), rtol=1e-3)
    if covariance_type not in UNTIED or not collapsed:
        assert (texts, model.repairs_) == ([], [])
        return
    assert len(texts) == 1
    assert f"component {k} held" in texts[0]
    assert model.repairs_ == [Repair(1, k, "covariance", "held")]
    raising = GaussianMixture(3, on_collapse="raise", **params)
    with pytest.raises(IllDefinedCovarianceError, match=f"component {k} has no extent"):
        raising.fit(X)


@pytest.mark.parametrize("tilt", [0.0, 0.7])
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_one_direction_without_extent_is_enough(
    tilt: float, covariance_type: str, rng: Rng
) -> None:
    X = correlated_mixture(2, 2, rng, separation=4.0).sample(60, rng)[0]
    X = np.r_[X, X.max(axis=0) + 20.0 + rng.normal(size=(30, 1)) * [1.0, tilt]]
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    texts = collapses(model, lambda: model.fit(X))
    k = int(model.predict(X[-1:])[0])
    flat = tilt == 0.0 or covariance_type == "full"
    assert len(texts) == flat
    assert model.repairs_ == [Repair(1, k, "covariance", "held")] * flat


@pytest.mark.parametrize("value", [0.0, 5.0])
@pytest.mark.parametrize("reg_covar", [1e-6, "auto"])
def test_a_column_that_is_constant_for_all_is_no_collapse(
    value: float, reg_covar: Any, covariance_type: str, rng: Rng
) -> None:
    X = np.c_[correlated_mixture(2, 2, rng, separation=8.0).sample(80, rng)[0], np.full(80, value)]
    for name in POLICIES:
        params = {"covariance_type": covariance_type, "reg_covar": reg_covar}
        model = GaussianMixture(2, on_collapse=name, **params)
        assert collapses(model, lambda model=model: model.fit(X)) == []
        assert model.repairs_ == []


@pytest.mark.parametrize("covariance_type", UNTIED)
def test_without_a_ridge_a_singular_component_is_moved(covariance_type: str, rng: Rng) -> None:
    """It begins on one row, with a covariance that reaches no other."""
    mixture = correlated_mixture(3, 2, rng, separation=8.0)
    X = mixture.sample(120, rng)[0]
    precisions = mixture.precisions_as(covariance_type)
    precisions[2] *= 1e8
    params = {"covariance_type": covariance_type, "weights_init": [0.4, 0.3, 0.3]}
    params |= {"means_init": np.r_[mixture.means[:2], X[7:8]], "precisions_init": precisions}
    params["reg_covar"] = 0.0
    model = GaussianMixture(3, **params)
    (text,) = collapses(model, lambda: model.fit(X))
    assert "component 2 moved" in text
    assert model.repairs_[0] == Repair(1, 2, "covariance", "moved")
    assert (model.weights_ * len(X) > 1.0).all()
    for name in POLICIES[1:]:
        with pytest.raises(IllDefinedCovarianceError, match="component 2") as caught:
            GaussianMixture(3, on_collapse=name, **params).fit(X)
        assert caught.value.component == 2


@pytest.mark.parametrize("covariance_type", ["diag", "full", "spherical"])
@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_without_a_ridge_gaps_hide_no_collapse(covariance_type: str, seed: int) -> None:
    """Few rows with gaps: variances fall by a share in each pass, and are never zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(14, 3))
    X[rng.random(X.shape) < 0.3] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    model = GaussianMixture(
        3, covariance_type=covariance_type, reg_covar=0.0, missing="em", random_state=seed
    )
    model.set_params(max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        try:
            least = model.fit(X).covariances_.min()
        except IllDefinedCovarianceError as error:
            least = 1.0 if error.component is not None else 0.0
    assert least > 1e-6 or covariance_type == "full"


@pytest.mark.parametrize("on_collapse", POLICIES)
def test_one_component_cannot_be_moved(on_collapse: str, covariance_type: str) -> None:
    X = np.full((20, 2), 3.0)
    params = {"covariance_type": covariance_type, "on_collapse": on_collapse}
    with pytest.raises(IllDefinedCovarianceError, match="not positive definite"):
        GaussianMixture(reg_covar=0.0, **params).fit(X)
    model = GaussianMixture(**params)
    assert collapses(model, lambda: model.fit(X)) == []


def test_what_is_refused_changes_nothing(lost: Any) -> None:
    X, params = lost
    model = GaussianMixture(3, on_collapse="raise", **params)
    match = "collapsed: component 2 holds the weight 0, less than one row"
    with pytest.raises(IllDefinedCovarianceError, match=match):
        model.fit(X)
    assert not [name for name in vars(model) if name.endswith("_")]
    model.set_params(means_init=None).fit(X)
    before = dict(vars(model), means_init=params["means_init"])
    with pytest.raises(IllDefinedCovarianceError, match=match):
        model.set_params(means_init=params["means_init"]).fit(X)
    assert vars(model) == before


def test_the_error_has_the_component(lost: Any) -> None:
    X, params = lost
    with pytest.raises(IllDefinedCovarianceError) as caught:
        GaussianMixture(3, on_collapse="raise", **params).fit(X)
    assert caught.value.component == 2
    if params["covariance_type"] in UNTIED:
        X = with_point(np.random.default_rng(0), 1e-10)
        model = GaussianMixture(3, on_collapse="raise", **params | {"means_init": None})
        with pytest.raises(IllDefinedCovarianceError) as caught:
            model.fit(X)
        assert f"component {caught.value.component} has" in str(caught.value)


def test_nothing_is_done_to_healthy_components(covariance_type: str, rng: Rng) -> None:
    X = correlated_mixture(3, 3, rng, separation=4.0).sample(300, rng)[0]
    bounds = []
    for name in POLICIES:
        model = GaussianMixture(3, covariance_type=covariance_type, on_collapse=name)
        assert collapses(model, lambda model=model: model.fit(X)) == []
        assert model.repairs_ == []
        bounds.append(model.lower_bounds_)
    assert bounds == bounds[:1] * 3


def test_records_are_kept_and_summed_up(lost: Any, tmp_path: Any) -> None:
    X, params = lost
    model = GaussianMixture(3, **params)
    collapses(model, lambda: model.fit(X))
    model.save(tmp_path / "model.gmm")
    assert fastgmm.load(tmp_path / "model.gmm").repairs_ == model.repairs_


def test_a_move_gains_with_the_log_density_of_the_prior() -> None:
    """A component that only the prior holds is not moved to where the prior loses more."""
    prior = fastgmm.NormalInverseWishart
    for k, d, seed, n, given in ((3, 3, 1, 400, prior()), (4, 3, 0, 600, prior(None, 5.0, 20.0))):
        rng = np.random.default_rng(seed)
        rows = correlated_mixture(k, d, rng, separation=1.0).sample(n, rng)[0]
        for covariance_type in UNTIED:
            model = GaussianMixture(
                k, covariance_type=covariance_type, prior=given, tol=0.0, max_iter=150,
                random_state=0, acceleration=None,
            )  # fmt: skip
            collapses(model, lambda model=model, rows=rows: model.fit(rows))
            assert np.diff(model.lower_bounds_).min() > -1e-12


def test_what_a_move_has_not_helped_is_looked_at_less_and_less(
    lost: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 1, 2, 4, ... iterations, from the one on in which it was held."""
    X, params = lost
    tried: list[int] = []
    model = GaussianMixture(3, **{**params, "tol": 0.0, "max_iter": 40, "acceleration": None})
    monkeypatch.setattr(Repairer, "_relocated", lambda self, *args: tried.append(args[1]))
    collapses(model, lambda: model.fit(X))
    assert [r.action for r in model.repairs_] == ["held"]
    since = 40 - model.repairs_[0].n_iter
    assert len(tried) == 1 + since.bit_length()
    assert set(tried) == {2}


@pytest.mark.parametrize("seed", range(4))
def test_few_rows_of_many_features_are_held_at_once(seed: int) -> None:
    """Components that span fewer directions than all rows do, and one that spans as many."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 80)) + np.repeat(20.0 * rng.normal(size=(2, 80)), 15, axis=0)
    model = GaussianMixture(2, random_state=0, max_iter=5)
    collapses(model, lambda: model.fit(X))
    assert [(r.component, r.action) for r in model.repairs_] == [(0, "held"), (1, "held")]
    alone = GaussianMixture(1, random_state=0)
    collapses(alone, lambda: alone.fit(X))
    assert alone.repairs_ == []
