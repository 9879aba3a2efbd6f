"""From the parameters of `BayesianGaussianMixture` to the plan of a fit, and how it ended."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from fastgmm.data.passes import Data
from fastgmm.em.posterior_priors import PriorWishes
from fastgmm.em.run import Run
from fastgmm.em.variational import VariationalBayes
from fastgmm.errors import convergence_warning_class, convergence_warning_text, warn_user
from fastgmm.estimators.planning import plan_of
from fastgmm.estimators.state import State
from fastgmm.fits.fit import Fit, fit
from fastgmm.fits.plan import Hooks, Plan, Settings
from fastgmm.mixture.posterior import Posterior
from fastgmm.starts.points import sample_size
from fastgmm.validation import as_generator, check_enough_rows

NOT_PARAMETERS: dict[str, Any] = {
    "gap_tol": None,
    "on_collapse": "warn",
    "prior": None,
    "weights_init": None,
    "means_init": None,
    "precisions_init": None,
    "missing": "error",
    "noise": None,
    "frozen": (),
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
    old = None if state is None else state.mixture
    of_plan = params
    if params.prune and params.warm_start and old is not None:
        # What was dropped stays so.
        of_plan = SimpleNamespace(**vars(params) | {"n_components": old.n_components})
    plan = plan_of(of_plan, data.n_features, state)
    seed = int(as_generator(params.random_state).integers(2**63))
    sample = data.sample(seed, sample_size(plan.start, data.n_features))
    check_enough_rows(data.extent.n_counted, params.n_components)
    with np.errstate(over="ignore", invalid="ignore"):
        prior = wishes_of(params).of(data, sample.rows.mean(axis=0, dtype=np.float64))
    family = VariationalBayes(prior)
    return replace(
        plan, settings=settings_of(plan, params), seed=seed, sample=sample, family=family
    )


def wishes_of(params: Any) -> PriorWishes:
    """What the constructor says of the prior."""
    return PriorWishes(
        params.weight_concentration_prior_type,
        params.weight_concentration_prior,
        params.mean_precision_prior,
        params.mean_prior,
        params.degrees_of_freedom_prior,
        params.covariance_prior,
        params.covariance_type,
        params.n_components,
    )


def settings_of(plan: Plan, params: Any) -> Settings:
    """The settings of a plan, with the rule of the end that accelerated fits have."""
    stopping = plan.settings.stopping
    if params.acceleration is not None and params.tol > 0.0:
        # One change says little where steps are long and short in turns.
        stopping = replace(stopping, gap_tol=params.tol)
    return replace(plan.settings, stopping=stopping)


def pruned_fit(found: Fit, data: Data, plan: Plan, hooks: Hooks) -> Fit:
    """The fit that goes on without the components that hold less than one row, until all do."""
    extent = data.extent
    least = min(1.0, extent.weight / max(extent.n_counted, 1))
    while True:
        run = found.run
        assert isinstance(run.mixture, Posterior)
        kept = run.mixture.without_empty(least)
        if kept is run.mixture:
            return found
        k, stopping = kept.n_components, plan.settings.stopping
        rest = max(stopping.max_iter - run.n_iter, 0)
        if rest == 0 or run.stopped:
            return replace(found, run=replace(run, mixture=kept, trail=None))
        settings = replace(plan.settings, stopping=replace(stopping, max_iter=rest))
        start = replace(plan.start, n_components=k)
        again = fit(
            data, replace(plan, settings=settings, start=start, warm=kept, trail=None), hooks
        )
        plan = replace(plan, settings=settings)
        after = again.run
        after = replace(
            after, n_iter=run.n_iter + after.n_iter, n_passes=run.n_passes + after.n_passes
        )
        found = replace(found, run=after)


def warn_of_posterior(run: Run, params: Any) -> None:
    """Warn of a run that has not converged."""
    if run.converged or run.stopped or params.max_iter == 0:
        return
    bounds = run.lower_bounds
    change = bounds[-1] - bounds[-2] if len(bounds) > 1 else np.inf
    text = convergence_warning_text(
        f"After {run.n_iter} iterations the lower bound of all rows changed by {change:.1e} nats, "
        f"and tol={params.tol:g}, max_iter={params.max_iter}."
    )
    warn_user(text, convergence_warning_class())
