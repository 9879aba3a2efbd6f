"""Warm starts: a fit goes on where the last one was."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.mixture
from sklearn.base import clone

import fastgmm
from fastgmm import GaussianMixture
from support import assert_same_model

quiet = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")


@quiet
def test_warm_start_goes_on_where_it_was(covariance_type: str, rows: np.ndarray) -> None:
    kwargs = {"covariance_type": covariance_type, "random_state": 0, "tol": 0.0}
    at_once = GaussianMixture(3, max_iter=9, **kwargs).fit(rows)
    model = GaussianMixture(3, max_iter=3, warm_start=True, **kwargs)
    bounds: list[float] = []
    for _ in range(3):
        bounds += model.fit(rows).lower_bounds_
        assert model.n_iter_ == 3
    assert bounds == at_once.lower_bounds_
    assert_same_model(model, at_once)
    # Without it, a fit begins anew.
    again = model.set_params(warm_start=False, max_iter=9).fit(rows)
    assert_same_model(again, at_once)


def test_warm_start_of_a_fit_that_has_converged(rows: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0, warm_start=True, max_iter=500).fit(rows)
    theirs = sklearn.mixture.GaussianMixture(
        2,
        warm_start=True,
        max_iter=500,
        weights_init=model.weights_,
        means_init=model.means_,
        precisions_init=model.precisions_,
    )
    theirs.fit(rows).fit(rows)
    model.fit(rows)
    assert model.converged_
    assert model.n_iter_ == theirs.n_iter_ == 1


@quiet
def test_warm_start_has_one_start_and_no_randomness(rows: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    model = GaussianMixture(
        3, random_state=generator, n_init=4, warm_start=True, max_iter=2, tol=0.0
    ).fit(rows)
    state = generator.bit_generator.state
    inits: set[int] = set()
    model.fit(rows, callback=lambda i: inits.add(i.init))
    assert inits == {0}
    assert generator.bit_generator.state == state


def test_warm_start_from_parameters(rows: np.ndarray) -> None:
    plain = {"gap_tol": None, "acceleration": None}
    params = {"warm_start": True, "max_iter": 300, "covariance_type": "diag", **plain}
    start = ([0.3, 0.7], rows[:2], np.ones((2, 3)))
    model = GaussianMixture.from_parameters(*start, **params).fit(rows)
    weights, means, precisions = start
    expected = GaussianMixture(
        2,
        covariance_type="diag",
        max_iter=300,
        weights_init=weights,
        means_init=means,
        precisions_init=precisions,
    ).fit(rows)
    assert model.lower_bounds_ == expected.lower_bounds_
    assert_same_model(model, expected)


@quiet
@pytest.mark.parametrize(
    "change", [{"n_components": 4}, {"covariance_type": "tied"}, {"n_features": 2}]
)
def test_warm_start_of_another_shape_is_refused(change: dict[str, Any], rows: np.ndarray) -> None:
    model = GaussianMixture(3, random_state=0, warm_start=True, max_iter=2).fit(rows)
    before = model.score_samples(rows)
    X = rows[:, : change.get("n_features", 3)]
    model.set_params(**{name: change[name] for name in change if name != "n_features"})
    with pytest.raises(ValueError, match="set warm_start=False"):
        model.fit(X)
    np.testing.assert_array_equal(model.score_samples(rows), before)


def chained(model: GaussianMixture, rows: np.ndarray, most: int = 300) -> int:
    """The number of fits until one has converged."""
    for n_fits in range(1, most):
        if model.fit(rows).converged_:
            return n_fits
    return most


@quiet
@pytest.mark.parametrize("params", [{}, {"gap_tol": None}, {"gap_tol": 1e-5}], ids=str)
@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_a_chain_of_fits_ends_as_one_does(
    max_iter: int, params: dict[str, Any], covariance_type: str, rows: np.ndarray
) -> None:
    settings = {"covariance_type": covariance_type, "random_state": 0, "acceleration": None}
    at_once = GaussianMixture(3, max_iter=500, **settings, **params).fit(rows)
    model = GaussianMixture(3, max_iter=max_iter, warm_start=True, **settings, **params)
    assert chained(model, rows) == -(-at_once.n_iter_ // max_iter)
    assert_same_model(model, at_once)
    assert model.gap_ == at_once.gap_


@quiet
def test_a_chain_goes_on_after_whatever_made_the_model(rows: np.ndarray, tmp_path: Path) -> None:
    """A file, a pickle, batches and a checkpoint hand on the history as the estimator does."""
    params = {"random_state": 0, "acceleration": None, "warm_start": True}
    at_once = GaussianMixture(3, max_iter=500, **params).fit(rows)
    first = GaussianMixture(3, max_iter=at_once.n_iter_ - 1, **params)
    checkpointed = clone(first).fit_batches([rows], checkpoint=tmp_path / "checkpoint")
    first.fit(rows).save(tmp_path / "model")
    batched = clone(first).fit_batches(np.array_split(rows, 3))
    for model in (
        first,
        batched,
        checkpointed,
        fastgmm.load(tmp_path / "model"),
        fastgmm.load(tmp_path / "checkpoint"),
        pickle.loads(pickle.dumps(first)),
    ):
        assert not model.converged_
        model.set_params(max_iter=1)
        again = copy.deepcopy(model)
        assert model.fit(rows).converged_
        assert again.fit_batches([rows]).converged_


@quiet
def test_a_history_of_other_rows_is_dropped(rows: np.ndarray) -> None:
    """Of rows, of weights and of a regularisation: nothing has converged after one iteration."""
    params = {"random_state": 0, "max_iter": 500, "warm_start": True, "acceleration": None}
    fitted = GaussianMixture(3, **params).fit(rows)
    assert fitted.converged_
    standardised = (rows[::-1] ** 3 - (rows**3).mean(axis=0)) / (rows**3).std(axis=0)
    known = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    weight = np.ones(len(rows))
    weight[::2] = 2.0
    of_known = GaussianMixture(3, **params).fit(known)
    for model, X, given in (
        (fitted, rows, {}),
        (fitted, rows + 1e-3, {}),
        (fitted, rows[:-1], {}),
        (fitted, rows, {"sample_weight": weight}),
        (of_known, standardised, {}),  # of the same moments
    ):
        again = copy.deepcopy(model).set_params(max_iter=1).fit(X, **given)
        assert again.converged_ is (X is rows and not given)
    again = copy.deepcopy(fitted).set_params(max_iter=1, reg_covar=1e-3).fit(rows)
    assert not again.converged_
