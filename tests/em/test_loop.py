"""The loop: what it maximises, when it stops, what a callback sees, and which start is kept."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats

from fastgmm import GaussianMixture
from fastgmm.em.run import Iteration
from fastgmm.errors import ConvergenceWarning
from support import assert_same_model, correlated_mixture, in_shape_of, matrices_of

quiet = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
INITS = ("ward", "kmeans", "k-means++", "random", "random_from_data")


# ---------------------------------------------------------------- the likelihood


@quiet
@pytest.mark.parametrize("init_params", INITS)
def test_the_log_likelihood_never_falls(
    init_params: str, covariance_type: str, rows: np.ndarray, rng: np.random.Generator
) -> None:
    weight = rng.uniform(0.1, 2.0, len(rows))
    for given in (None, weight):
        model = GaussianMixture(
            3,
            covariance_type=covariance_type,
            init_params=init_params,
            random_state=1,
            reg_covar=0.0,
            tol=0.0,
            max_iter=60,
        ).fit(rows, sample_weight=given)
        bounds = np.array(model.lower_bounds_)
        assert len(bounds) == 60
        assert (np.diff(bounds) >= -1e-12 * np.abs(bounds[1:])).all()
        # and goes on rising after the last one that was measured
        final = np.average(model.score_samples(rows), weights=given)
        assert final >= bounds[-1] - 1e-12 * abs(bounds[-1])
        assert bounds[-1] > bounds[0]


def plain_em(
    X: np.ndarray,
    weight: np.ndarray,
    parameters: tuple[np.ndarray, np.ndarray, np.ndarray],
    shaped: Callable[[np.ndarray, np.ndarray], np.ndarray],
    n_iter: int,
) -> tuple[list[float], np.ndarray, np.ndarray, np.ndarray]:
    """
    Iterate as the books have it, on covariance matrices (K, D, D).

    `shaped` makes of them, and of the components' weights, those of a covariance type.
    """
    weights, means, matrices = parameters
    bounds = []
    for _ in range(n_iter):
        joint = np.column_stack(
            [
                np.log(w) + scipy.stats.multivariate_normal(mean, matrix).logpdf(X)
                for w, mean, matrix in zip(weights, means, matrices, strict=True)
            ]
        )
        log_density = scipy.special.logsumexp(joint, axis=1)
        bounds.append(float(np.average(log_density, weights=weight)))
        r = weight[:, None] * np.exp(joint - log_density[:, None])
        held = r.sum(axis=0)
        weights, means = held / held.sum(), r.T @ X / held[:, None]
        d = X[:, None] - means
        scatter = np.einsum("nk,nki,nkj->kij", r, d, d) / held[:, None, None]
        matrices = shaped(scatter, weights)
    return bounds, weights, means, matrices


@quiet
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 3), (4, 1), (3, 2), (5, 6), (2, 17)])
def test_em_of_the_books(
    n_components: int,
    n_features: int,
    weighted: bool,
    covariance_type: str,
) -> None:
    rng = np.random.default_rng([n_components, n_features])
    mixture = correlated_mixture(n_components, n_features, rng, separation=1.5)
    X, _ = mixture.sample(400, rng)
    weight = rng.uniform(0.0, 3.0, len(X)) if weighted else np.ones(len(X))
    weights, means = np.full(n_components, 1 / n_components), mixture.means + 0.5
    covariances = mixture.covariances_as(covariance_type)

    def shaped(matrices: np.ndarray, weights: np.ndarray) -> np.ndarray:
        covariances = in_shape_of(covariance_type, matrices, weights)
        return matrices_of(covariance_type, covariances, means) + 0.01 * np.eye(n_features)

    start = weights, means, matrices_of(covariance_type, covariances, means)
    *expected, matrices = plain_em(X, weight, start, shaped, 12)
    model = GaussianMixture.from_parameters(
        weights,
        means,
        covariances,
        covariance_type=covariance_type,
        warm_start=True,
        reg_covar=0.01,
        max_iter=12,
        tol=0.0,
    ).fit(X, sample_weight=weight if weighted else None)
    for name, value in zip(("lower_bounds_", "weights_", "means_"), expected, strict=True):
        np.testing.assert_allclose(getattr(model, name), value, rtol=1e-9, atol=1e-9)
    assert model.covariances_.shape == covariances.shape
    got = matrices_of(covariance_type, model.covariances_, means)
    np.testing.assert_allclose(got, matrices, rtol=1e-9, atol=1e-9)


@quiet
@pytest.mark.parametrize("kind", [float, int, np.float64, np.float32, np.asarray])
def test_one_number_is_the_precision_of_tied_spherical(
    kind: Callable[[float], Any],
) -> None:
    """As in `from_parameters`; NumPy makes such scalars, as of `model.precisions_ / 2`."""
    rows = np.random.default_rng(0).normal(size=(200, 2))
    kwargs = {"covariance_type": "tied_spherical", "max_iter": 3, "tol": 0.0, "random_state": 0}
    expected = GaussianMixture(3, precisions_init=np.full((), 2.0), **kwargs).fit(rows)
    model = GaussianMixture(3, precisions_init=kind(2), **kwargs).fit(rows)
    assert_same_model(model, expected)


@quiet
def test_lower_bounds(covariance_type: str, rows: np.ndarray) -> None:
    """Each is the mean log density under the parameters that its iteration began with."""
    kwargs = {"covariance_type": covariance_type, "random_state": 0, "tol": 0.0}
    model = GaussianMixture(3, max_iter=6, **kwargs).fit(rows)
    assert model.n_iter_ == len(model.lower_bounds_) == 6
    assert isinstance(model.lower_bounds_, list)
    assert all(type(bound) is float for bound in model.lower_bounds_)
    assert model.lower_bound_ == model.lower_bounds_[-1]
    for n_iter in range(6):
        before = GaussianMixture(3, max_iter=n_iter, **kwargs).fit(rows)
        assert before.score(rows) == pytest.approx(model.lower_bounds_[n_iter], rel=1e-13)
        assert before.lower_bounds_ == model.lower_bounds_[:n_iter]


@pytest.mark.parametrize("tol", [1e-1, 1e-2, 1e-3, 1e-5])
def test_stops_when_the_change_falls_under_tol(
    tol: float, covariance_type: str, rows: np.ndarray
) -> None:
    model = GaussianMixture(
        3,
        covariance_type=covariance_type,
        random_state=0,
        tol=tol,
        max_iter=2000,
        gap_tol=None,
        acceleration=None,
    ).fit(rows)
    changes = np.abs(np.diff(model.lower_bounds_))
    assert model.converged_
    assert changes[-1] < tol
    assert (changes[:-1] >= tol).all()


@quiet
def test_regularisation_is_added_to_the_diagonal(covariance_type: str, rows: np.ndarray) -> None:
    kwargs = {"covariance_type": covariance_type, "random_state": 0, "max_iter": 1}
    given = GaussianMixture(2, **{**kwargs, "max_iter": 0}).fit(rows)
    kwargs |= {"weights_init": given.weights_, "means_init": given.means_}
    kwargs["precisions_init"] = given.precisions_
    without = GaussianMixture(2, reg_covar=0.0, **kwargs).fit(rows).covariances_
    for reg_covar in (1e-6, 0.25, 1e3):
        got = GaussianMixture(2, reg_covar=reg_covar, **kwargs).fit(rows).covariances_
        added = reg_covar * (np.eye(3) if covariance_type in ("full", "tied") else 1.0)
        np.testing.assert_allclose(got, without + added, rtol=1e-13, atol=1e-13)


# ---------------------------------------------------------------- callbacks


def test_callback_sees_each_iteration(covariance_type: str, rows: np.ndarray) -> None:
    seen: list[Iteration] = []
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, max_iter=500)
    model.fit(rows, callback=seen.append)
    assert [i.n_iter for i in seen] == list(range(1, model.n_iter_ + 1))
    assert [i.lower_bound for i in seen] == model.lower_bounds_
    assert seen[0].change == np.inf
    np.testing.assert_array_equal([i.change for i in seen[1:]], np.diff(model.lower_bounds_))
    assert {i.init for i in seen} == {0}
    with pytest.raises(AttributeError):
        seen[0].n_iter = 3  # type: ignore[misc]


@pytest.mark.parametrize("stop", [True, np.bool_(True)])
def test_callback_stops(stop: Any, rows: np.ndarray) -> None:
    seen: list[int] = []

    def callback(iteration: Iteration) -> Any:
        seen.append(iteration.n_iter)
        return stop if iteration.n_iter == 3 else not stop

    model = GaussianMixture(3, random_state=0, tol=0.0, max_iter=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who stops it knows that it has not converged
        model.fit(rows, callback=callback)
    assert seen == [1, 2, 3]
    assert model.n_iter_ == len(model.lower_bounds_) == 3
    assert not model.converged_
    with pytest.warns(ConvergenceWarning):
        expected = GaussianMixture(3, random_state=0, tol=0.0, max_iter=3).fit(rows)
    assert_same_model(model, expected)


@quiet
@pytest.mark.parametrize("value", [None, False, np.bool_(False), 0, "", [], 0.0])
def test_callback_that_does_not_stop(value: Any, rows: np.ndarray) -> None:
    model = GaussianMixture(3, random_state=0, tol=0.0, max_iter=5)
    assert model.fit(rows, callback=lambda iteration: value).n_iter_ == 5


@quiet
def test_callback_stops_the_later_starts_too(rows: np.ndarray) -> None:
    seen: list[tuple[int, int]] = []

    def callback(iteration: Iteration) -> bool:
        seen.append((iteration.init, iteration.n_iter))
        return seen[-1] == (1, 2)

    model = GaussianMixture(
        3, random_state=0, n_init=5, max_iter=3, tol=0.0, init_params="random_from_data"
    ).fit(rows, callback=callback)
    assert seen == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]
    assert model.n_iter_ in (2, 3)


@quiet
def test_error_in_a_callback_changes_nothing(rows: np.ndarray) -> None:
    def callback(iteration: Iteration) -> None:
        if iteration.init == 1:
            raise KeyError("mine")

    kwargs = {"random_state": 0, "n_init": 3, "init_params": "random_from_data", "max_iter": 2}
    model = GaussianMixture(3, **kwargs)
    with pytest.raises(KeyError, match="mine"):
        model.fit(rows, callback=callback)
    assert not [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
    model.fit(rows)
    before, bounds = model.score_samples(rows), model.lower_bounds_
    with pytest.raises(KeyError, match="mine"):
        model.fit(rows + 1.0, callback=callback)
    np.testing.assert_array_equal(model.score_samples(rows), before)
    assert model.lower_bounds_ == bounds


@quiet
def test_errors_of_a_callback_are_its_own(rows: np.ndarray) -> None:
    """Even one that EM itself raises: it is not a start that degenerated."""
    ones = np.ones((4, 1))
    other = GaussianMixture.from_parameters([1.0], [[1.0]], [[[1.0]]], reg_covar=0.0)

    def callback(iteration: Iteration) -> None:
        if iteration.init == 0:
            other.m_step(other.e_step(ones))  # a singular covariance, of the user's own model

    model = GaussianMixture(3, random_state=0, n_init=2, max_iter=2, init_params="random_from_data")
    with pytest.raises(ValueError, match="ill-defined"):
        model.fit(rows, callback=callback)


# ---------------------------------------------------------------- starts


@quiet
def test_n_init_keeps_the_best(covariance_type: str, rows: np.ndarray) -> None:
    kwargs = {
        "covariance_type": covariance_type,
        "init_params": "random_from_data",
        "max_iter": 15,
        "tol": 1e-6,
    }
    bounds: dict[int, list[float]] = {}
    model = GaussianMixture(4, random_state=5, n_init=6, **kwargs).fit(
        rows, callback=lambda i: bounds.setdefault(i.init, []).append(i.lower_bound)
    )
    assert len({trace[-1] for trace in bounds.values()}) == 6
    best = max(bounds.values(), key=lambda trace: trace[-1])
    assert model.lower_bound_ == best[-1]
    assert model.lower_bounds_ == best
    assert model.n_iter_ == len(best)
    # the first of several starts is the only one of a single start
    single = GaussianMixture(4, random_state=5, **kwargs).fit(rows)
    assert single.lower_bounds_ == bounds[0]
    if best is bounds[0]:
        assert_same_model(model, single)


@quiet
@pytest.mark.parametrize("init_params", INITS)
def test_no_two_starts_are_the_same(init_params: str, rows: np.ndarray) -> None:
    """Else all but the first of `n_init` are wasted."""
    model = GaussianMixture(5, init_params=init_params, n_init=6, random_state=0, max_iter=1)
    reached = model.fit(rows).initializations_
    assert [one.index for one in reached] == list(range(6))
    assert len({one.lower_bound for one in reached}) > 1
    assert sum(one.chosen for one in reached) == 1


# ---------------------------------------------------------------- no iteration


def test_max_iter_0(covariance_type: str, rows: np.ndarray) -> None:
    mixture = correlated_mixture(3, 3, np.random.default_rng(2))
    precisions = mixture.precisions_as(covariance_type)
    model = GaussianMixture(
        3,
        covariance_type=covariance_type,
        max_iter=0,
        n_init=3,
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=precisions,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(rows, callback=lambda iteration: pytest.fail("no iteration, no call"))
    np.testing.assert_array_equal(model.weights_, mixture.weights)
    np.testing.assert_array_equal(model.means_, mixture.means)
    np.testing.assert_allclose(model.precisions_, precisions, rtol=1e-12, atol=1e-13)
    expected = mixture.covariances_as(covariance_type)
    np.testing.assert_allclose(model.covariances_, expected, rtol=1e-12, atol=1e-12)
    assert model.n_iter_ == 0
    assert model.lower_bounds_ == []
    assert model.lower_bound_ == -np.inf
    assert not model.converged_
