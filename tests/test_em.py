"""The loop: what it maximises, when it stops, what it reports, and how it goes on."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.exceptions
import sklearn.mixture

from fastgmm import GaussianMixture
from fastgmm.em import Iteration
from fastgmm.errors import ConvergenceWarning

quiet = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
ARRAYS = ("weights_", "means_", "covariances_", "precisions_")
INITS = ("ward", "kmeans", "k-means++", "random", "random_from_data")


@pytest.fixture
def rows(rng: np.random.Generator, make_mixture: Callable[..., Any]) -> np.ndarray:
    """Return rows of overlapping components, over which EM takes its time."""
    X: np.ndarray = make_mixture(4, 3, rng, separation=1.5).sample(400, rng)[0]
    return X


def assert_same_model(one: GaussianMixture, other: GaussianMixture) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


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
        3, covariance_type=covariance_type, random_state=0, tol=tol, max_iter=2000
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

    model = GaussianMixture(
        3, random_state=0, n_init=2, max_iter=2, init_params="random_from_data"
    )
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
    generator = np.random.default_rng(5)
    singles = [GaussianMixture(4, random_state=generator, **kwargs).fit(rows) for _ in range(6)]
    bounds = [single.lower_bound_ for single in singles]
    assert len(set(bounds)) == 6
    model = GaussianMixture(4, random_state=5, n_init=6, **kwargs).fit(rows)
    best = singles[int(np.argmax(bounds))]
    assert model.lower_bound_ == best.lower_bound_ == max(bounds)
    assert model.lower_bounds_ == best.lower_bounds_
    assert model.n_iter_ == best.n_iter_
    assert model.converged_ == best.converged_
    assert_same_model(model, best)


@quiet
@pytest.mark.parametrize("init_params", INITS)
def test_no_two_starts_are_the_same(init_params: str, rows: np.ndarray) -> None:
    """Else all but the first of `n_init` are wasted."""
    first: dict[int, float] = {}
    GaussianMixture(5, init_params=init_params, n_init=6, random_state=0, max_iter=1).fit(
        rows, callback=lambda i: first.setdefault(i.init, i.lower_bound) and None
    )
    assert list(first) == list(range(6))
    assert len(set(first.values())) > 1


# ---------------------------------------------------------------- warm start


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
    params = {"warm_start": True, "max_iter": 300, "covariance_type": "diag"}
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
    X = rows[:, : change.pop("n_features", 3)]
    model.set_params(**change)
    with pytest.raises(ValueError, match="set warm_start=False"):
        model.fit(X)
    np.testing.assert_array_equal(model.score_samples(rows), before)


# ---------------------------------------------------------------- no iteration


def test_max_iter_0(covariance_type: str, rows: np.ndarray, make_mixture: Any) -> None:
    mixture = make_mixture(3, 3, np.random.default_rng(2))
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


# ---------------------------------------------------------------- what is said


def test_convergence_warning(rows: np.ndarray) -> None:
    model = GaussianMixture(3, random_state=0, max_iter=2, tol=1e-9)
    for fit in (model.fit, model.fit_predict):
        with pytest.warns(ConvergenceWarning, match="did not converge") as caught:
            fit(rows)
            line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert caught[0].lineno == line
        assert issubclass(caught[0].category, sklearn.exceptions.ConvergenceWarning)
        assert "max_iter" in str(caught[0].message)
        assert "tol=1e-09" in str(caught[0].message)
    assert not model.converged_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(max_iter=3000, tol=1e-4).fit(rows)
    assert model.converged_


def test_only_the_best_start_must_converge(rows: np.ndarray) -> None:
    model = GaussianMixture(
        3, init_params="random_from_data", n_init=8, random_state=0, max_iter=14, tol=1e-3
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(rows)
    assert len(caught) == (not model.converged_)


def theirs_and_ours(
    X: np.ndarray, capsys: pytest.CaptureFixture[str], **kwargs: Any
) -> tuple[list[str], list[str]]:
    start = sklearn.mixture.GaussianMixture(2, random_state=0, max_iter=1).fit(X)
    given = {
        "n_components": 2,
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
        **kwargs,
    }
    printed = []
    for kind in (sklearn.mixture.GaussianMixture, GaussianMixture):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind(**given).fit(X)
        captured = capsys.readouterr()
        assert captured.err == ""
        printed.append(captured.out.splitlines())
    return printed[0], printed[1]


@quiet
@pytest.mark.parametrize("max_iter", [5, 500])
def test_verbose(max_iter: int, rows: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    """What scikit-learn prints, but for the times."""
    for verbose, interval in ((0, 1), (1, 1), (1, 2), (1, 10), (True, 3), (2, 2)):
        theirs, ours = theirs_and_ours(
            rows,
            capsys,
            verbose=verbose,
            verbose_interval=interval,
            max_iter=max_iter,
            tol=1e-5,
            n_init=2,
        )
        assert [line.split("time lapse")[0].split("\t")[0] for line in ours] == [
            line.split("time lapse")[0].split("\t")[0] for line in theirs
        ]
        assert bool(ours) == bool(verbose)
        if verbose == 2:
            # The changes agree, and so does the lower bound at the end.
            for mark in ("ll change", "lower bound"):
                assert [line.split(mark)[1] for line in ours if mark in line] == [
                    line.split(mark)[1] for line in theirs if mark in line
                ]
            assert sum("lower bound" in line for line in ours) == 2
            assert all("time lapse" in line for line in ours if "Iteration" in line)


@quiet
def test_verbose_of_a_callback_that_stops(
    rows: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    model = GaussianMixture(2, random_state=0, tol=0.0, verbose=1, verbose_interval=1)
    model.fit(rows, callback=lambda iteration: iteration.n_iter == 2)
    assert capsys.readouterr().out.splitlines() == [
        "Initialization 0",
        "  Iteration 1",
        "  Iteration 2",
        "Initialization stopped by the callback.",
    ]


# ---------------------------------------------------------------- the rest of fit


@quiet
def test_fit_predict(covariance_type: str, rows: np.ndarray) -> None:
    kwargs = {"covariance_type": covariance_type, "random_state": 0, "max_iter": 4}
    model = GaussianMixture(3, **kwargs)
    labels = model.fit_predict(rows, sample_weight=np.linspace(0.0, 1.0, len(rows)))
    other = GaussianMixture(3, **kwargs)
    assert other.fit(rows, sample_weight=np.linspace(0.0, 1.0, len(rows))) is other
    assert_same_model(model, other)
    np.testing.assert_array_equal(labels, other.predict(rows))
    assert labels.dtype == np.int64


@quiet
def test_y_is_ignored(rows: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0, max_iter=3)
    expected = model.fit(rows).means_
    for y in (np.zeros(3), "anything", rows):
        np.testing.assert_array_equal(model.fit(rows, y).means_, expected)
    assert model.score(rows, np.zeros(3)) == model.score(rows)


@quiet
def test_shown_arrays_are_the_users_own(covariance_type: str, rows: np.ndarray) -> None:
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0, max_iter=2)
    before = model.fit(rows).score_samples(rows)
    for name in (*ARRAYS, "precisions_cholesky_"):
        getattr(model, name)[...] = np.nan
    np.testing.assert_array_equal(model.score_samples(rows), before)
