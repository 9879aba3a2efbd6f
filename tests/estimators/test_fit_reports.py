"""What a fit says, warns of and leaves behind."""

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.exceptions
import sklearn.mixture

from fastgmm import GaussianMixture
from fastgmm.errors import ConvergenceWarning
from support import assert_same_model, correlated_mixture

quiet = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
ARRAYS = ("weights_", "means_", "covariances_", "precisions_")


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
    given = {
        "n_components": 2,
        "weights_init": [0.25, 0.75],
        "means_init": X[:2],
        "precisions_init": np.stack([np.eye(3)] * 2),
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


@pytest.mark.parametrize("max_iter", [5, 500])
def test_verbose(max_iter: int, capsys: pytest.CaptureFixture[str]) -> None:
    """What scikit-learn prints, but for the times."""
    rng = np.random.default_rng(0)
    rows = correlated_mixture(4, 3, rng, separation=1.5).sample(400, rng)[0]
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
            # The changes agree to the digits that scikit-learn prints, and the lower bound does.
            for mark in ("ll change", "lower bound"):
                told = [
                    [float(line.split(mark)[1].rstrip(".")) for line in lines if mark in line]
                    for lines in (ours, theirs)
                ]
                assert told[0] == pytest.approx(told[1], abs=1.1e-5)
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
