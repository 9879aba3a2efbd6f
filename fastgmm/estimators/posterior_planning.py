"""From the parameters of `BayesianGaussianMixture` to the plan of a fit, and how it ended."""

from dataclasses import replace
from typing import Any

import numpy as np

from fastgmm.data.passes import Data
from fastgmm.em.posterior_priors import PriorWishes
from fastgmm.em.run import Run
from fastgmm.em.variational import VariationalBayes
from fastgmm.errors import convergence_warning_class, convergence_warning_text, warn_user
from fastgmm.estimators.planning import plan_of
from fastgmm.estimators.state import State
from fastgmm.fits.plan import Plan
from fastgmm.starts.points import sample_size
from fastgmm.validation import as_generator, check_enough_rows

NOT_PARAMETERS: dict[str, Any] = {
    "gap_tol": None,
    "on_collapse": "warn",
    "prior": None,
    "weights_init": None,
    "means_init": None,
    "precisions_init": None,
}
"""What plans ask of `GaussianMixture` and this class has no parameter for."""


def posterior_plan(params: Any, data: Data, state: State | None) -> Plan:
    """The plan of a fit of these data, with the prior that is meant for them.

    Parameters
    ----------
    params : object
        It has the constructor's parameters as attributes, checked and plain, and `NOT_PARAMETERS`.
    data : Data
        They are walked over for a sample, and once more where the prior depends on them.
    state : State, optional
        Where a warm start goes on from.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        When a prior does not fit, or rows are fewer than components.
    """
    plan = plan_of(params, data.n_features, state)
    seed = int(as_generator(params.random_state).integers(2**63))
    sample = data.sample(seed, sample_size(plan.start, data.n_features))
    check_enough_rows(data.extent.n_counted, params.n_components)
    wishes = PriorWishes(
        params.weight_concentration_prior_type,
        params.weight_concentration_prior,
        params.mean_precision_prior,
        params.mean_prior,
        params.degrees_of_freedom_prior,
        params.covariance_prior,
        params.covariance_type,
        params.n_components,
    )
    with np.errstate(over="ignore", invalid="ignore"):
        prior = wishes.of(data, sample.rows.mean(axis=0, dtype=np.float64))
    stopping = plan.settings.stopping
    if params.acceleration is not None and params.tol > 0.0:
        # One change says little where steps are long and short in turns.
        stopping = replace(stopping, gap_tol=params.tol)
    settings = replace(plan.settings, stopping=stopping)
    family = VariationalBayes(prior)
    return replace(plan, settings=settings, seed=seed, sample=sample, family=family)


def warn_of_posterior(run: Run, params: Any) -> None:
    """Warn of a run that has not converged."""
    if run.converged or run.stopped or params.max_iter == 0:
        return
    change = run.lower_bounds[-1] - run.lower_bounds[-2] if run.n_iter > 1 else np.inf
    text = convergence_warning_text(
        f"After {run.n_iter} iterations the lower bound of all rows changed by {change:.1e} nats, "
        f"and tol={params.tol:g}; raise max_iter (now {params.max_iter}) or tol."
    )
    warn_user(text, convergence_warning_class())
