"""Many fits as arrays: every number comes back, whatever is rare about a fit, and however cut."""

import warnings
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.estimators.many import Fits, checked_parameters
from fastgmm.estimators.stack import ORDINARY, Fitted, Stack
from support import correlated_mixture


def fits_of(n: int, rng: np.random.Generator, **params: Any) -> list[Fitted | Exception]:
    """Return fits of n data sets, each third of which has failed."""
    checked = checked_parameters({"n_components": 2, "random_state": 0, **params})
    fits, found = Fits(checked), list[Fitted | Exception]()
    for i in range(n):
        rows = correlated_mixture(2, 2, rng).sample(40 + i, rng)[0]
        rows[: 10 * (i % 2)] = 30.0  # a component without volume, in every other one
        failed = ValueError(f"the {i}th")
        found.append(failed if i % 3 == 2 else fits.one(RowData(rows), None))
    return found


PARAMS = [{}, {"reg_covar": "auto"}, {"n_init": 2, "covariance_type": "tied"}, {"max_iter": 0}]


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("cut", [1, 2, 3, 11])
def test_states_come_back_however_the_fits_are_cut(
    cut: int, params: dict[str, Any], rng: np.random.Generator
) -> None:
    found = fits_of(11, rng, **params)
    stack = Stack.joined(Stack.of(found[i : i + cut]) for i in range(0, 11, cut))
    assert isinstance(stack, Stack)
    assert len(stack) == 11
    assert {i: str(error) for i, error in stack.failures.items()} == {
        2: "the 2th",
        5: "the 5th",
        8: "the 8th",
    }
    kind = params.get("covariance_type", "full")
    for i, one in enumerate(found):
        if isinstance(one, Exception):
            assert np.isnan(stack.numbers.means[i]).all()
            assert stack.numbers.n_iter[i] == 0
            continue
        run, state = one.fit.run, stack.state(i, kind, None)
        assert run.mixture is not None
        assert state.mixture is not None
        for name in ("weights", "means", "covariances", "factors", "inverse_factors"):
            ours, theirs = getattr(state.mixture, name), getattr(run.mixture, name)
            np.testing.assert_array_equal(ours, theirs)
        report = state.report
        assert report.initializations == one.fit.initializations
        assert (report.repairs, report.lower_bounds) == (run.repairs, tuple(run.lower_bounds))
        assert (report.n_iter, report.n_passes, report.gap) == (run.n_iter, run.n_passes, run.gap)
        assert state.regularization is not None
        own = run.regularization
        np.testing.assert_array_equal(state.regularization.reg_covar, own.reg_covar)
        assert (state.trail is None) == (run.trail is None)
        if state.trail is not None:
            assert run.passed is not None
            assert state.trail.lower_bounds == run.passed.lower_bounds
            ours, theirs = state.trail.moments, run.passed.moments
            np.testing.assert_array_equal(ours.variances, theirs.variances)
            assert (ours.n_samples, ours.weight) == (theirs.n_samples, theirs.weight)


def test_only_what_is_rare_is_an_object(rng: np.random.Generator) -> None:
    found = [one for one in fits_of(9, rng) if isinstance(one, Fitted)]
    stack = Stack.of(found)
    assert isinstance(stack, Stack)
    repaired = {i for i, one in enumerate(found) if one.fit.run.repairs}
    assert repaired
    assert len(repaired) < len(found)
    assert set(stack.extras) == repaired
    assert ORDINARY not in stack.extras.values()


def test_failures_alone_are_no_stack() -> None:
    errors: list[Fitted | Exception] = [ValueError("a"), ValueError("b")]
    assert Stack.of(errors) == {0: errors[0], 1: errors[1]}
    joined = Stack.joined([Stack.of(errors), Stack.of(errors[:1])])
    assert isinstance(joined, dict)
    assert list(joined) == [0, 1, 2]


def test_a_model_of_a_state_is_that_of_a_fit(rng: np.random.Generator) -> None:
    rows = correlated_mixture(2, 2, rng).sample(60, rng)[0].astype(np.float32)
    fits = Fits(checked_parameters({"n_components": 2, "random_state": 4}))
    stack = Stack.of([fits.one(RowData(rows), None)])
    assert isinstance(stack, Stack)
    single = GaussianMixture(2, random_state=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        single.fit(rows)
    mixture = stack.mixture(0, "full")
    assert mixture.dtype == np.float32
    np.testing.assert_array_equal(mixture.means.astype(np.float32), single.means_)
