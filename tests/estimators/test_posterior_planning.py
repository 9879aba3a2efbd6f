"""The plan of a fit of a posterior: its prior, its rule of the end, and its warnings."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fastgmm import BayesianGaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.em.run import Run
from fastgmm.em.variational import VariationalBayes
from fastgmm.estimators.posterior_planning import posterior_plan, warn_of_posterior


def planned(rows: np.ndarray, **params: Any) -> Any:
    model = BayesianGaussianMixture(random_state=0, **params)
    return posterior_plan(model._params(), RowData(rows), None)


def test_the_prior_is_that_of_the_rows(rows: np.ndarray) -> None:
    plan = planned(rows, n_components=4, mean_precision_prior=0.5)
    assert isinstance(plan.family, VariationalBayes)
    prior = plan.family.prior
    assert (prior.concentration, prior.mean_precision, prior.dof) == (0.25, 0.5, 3.0)
    np.testing.assert_allclose(prior.covariance, np.cov(rows.T), rtol=1e-12)
    assert plan.sample is not None
    assert plan.seed is not None


def test_the_rule_of_the_end(rows: np.ndarray) -> None:
    """Of plain steps it is scikit-learn's, and of steps ahead of them the distance to the limit."""
    assert planned(rows, acceleration=None).settings.stopping.gap_tol is None
    assert planned(rows, tol=0.0).settings.stopping.gap_tol is None
    assert planned(rows, tol=0.02).settings.stopping.gap_tol == 0.02


@pytest.mark.parametrize("n_iter", [1, 2])
def test_a_warning_says_how_far_it_came(n_iter: int, rows: np.ndarray) -> None:
    params = BayesianGaussianMixture(max_iter=n_iter)._params()
    run = Run(None, -3.0, n_iter, lower_bounds=[-5.0, -3.0][:n_iter])
    change = "2.0e\\+00" if n_iter == 2 else "inf"
    with pytest.warns(ConvergenceWarning, match=f"After {n_iter} iterations .* by {change} nats"):
        warn_of_posterior(run, params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_posterior(Run(None, -3.0, stopped=True), params)
        warn_of_posterior(Run(None, -3.0, converged=True), params)
