"""From the parameters of the constructor to the plan of a fit."""

from types import SimpleNamespace
from typing import Any

from fastgmm.covariance.types import with_factors
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, Family
from fastgmm.em.priors import Regularizing, check_prior
from fastgmm.em.regularization import Regularization
from fastgmm.em.stopping import Stopping
from fastgmm.estimators.state import State
from fastgmm.fits.pace import Pace
from fastgmm.fits.plan import Plan, Settings
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.noise import NO_GAPS
from fastgmm.starts.points import Start
from fastgmm.typing import CovarianceType
from fastgmm.validation import (
    check_factors,
    check_means_init,
    check_precisions_init,
    check_weights_init,
)

INITIAL = ("weights_init", "means_init", "precisions_init")
"""These parameters of the constructor take the place of a start's estimates."""


def plan_of(
    params: Any, n_features: int, state: State | None = None, family: Family | None = None
) -> Plan:
    """The plan of a fit of rows with so many features.

    Parameters
    ----------
    params : object
        It has the constructor's parameters as attributes, checked and plain.
    n_features : int
    state : State, optional
        Where a warm start goes on from.
    family : Family, optional
        The rule of the M-step, where it is known; else it is what the parameters say.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        When initial parameters or a prior do not fit.
    """
    if params.prior is not None:
        check_prior(params.prior)
    if params.noise is not None and params.missing == "em":
        raise ValueError(NO_GAPS)
    check_factors(params, n_features)
    warm = _warm(params, n_features, state)
    return Plan(
        start=_start(params, n_features),
        settings=_settings(params),
        random_state=params.random_state,
        warm=warm,
        trail=None if warm is None or state is None else state.trail,
        family=family or family_of(params, n_features, warm if params.frozen else None),
    )


def kind_of(params: Any) -> CovarianceType:
    """The name of the covariance model: where it has factors, their number is in it."""
    return with_factors(params.covariance_type, getattr(params, "n_factors", None))


def family_of(params: Any, n_features: int, mixture: Mixture | None = None) -> Family:
    """The rule of the M-step: what the constructor says of mixtures.

    Parameters
    ----------
    params : object
        As in `plan_of`.
    n_features : int
    mixture : Mixture, optional
        What is gone on from: it has what initial parameters do not say, and a volume of noise.

    Returns
    -------
    Family

    Raises
    ------
    ValueError
        When what is to be kept is not known, or does not fit.
    """
    if params.frozen:
        # What frozen parts need is loaded with the first of them.
        from fastgmm.estimators.frozen_parts import frozen_family

        refuse_noise(params, "a mixture with frozen parts")
        if mixture is not None and mixture.noise is not None:
            raise ValueError(
                "frozen parts go on from a mixture with noise, and know none: fit without noise"
            )
        return frozen_family(params, n_features, mixture)
    if params.noise is None and (mixture is None or mixture.noise is None):
        return MAXIMUM_LIKELIHOOD
    if mixture is not None and mixture.noise is None:
        raise ValueError(
            f"noise={params.noise!r} cannot go on from a mixture that was made without noise: fit "
            "anew, or leave noise at None"
        )
    # What noise needs is loaded with the first of it.
    from fastgmm.em.noise import family_of as noise_family

    return noise_family(params.noise, mixture)


def family_keeping(params: Any, mixture: Mixture) -> Family:
    """The same of a mixture whose parts are kept as it has them, whatever the parameters are."""
    asked = dict.fromkeys(INITIAL) | {
        "frozen": params.frozen,
        "noise": None if mixture.noise is None else params.noise,
        "n_components": mixture.n_components,
        "covariance_type": mixture.covariance_type,
    }
    return family_of(SimpleNamespace(**asked), mixture.n_features, mixture)


def refuse_noise(params: Any, what: str) -> None:
    """Raise ValueError where noise is wished for, and something knows none."""
    if params.noise is not None:
        raise ValueError(f"{what} knows no noise: leave it out")


def regularizing_of(params: Any) -> Regularizing:
    """What the constructor says of regularisation."""
    return Regularizing(params.reg_covar, params.prior, kind_of(params), params.n_components)


def regularization_of(params: Any, state: State) -> Regularization:
    """The regularisation of further steps: as the constructor says, or as the fit has made it."""
    regularizing = regularizing_of(params)
    assert state.mixture is not None
    if not regularizing.needs_rows:
        return regularizing.without_rows(state.mixture.n_features)
    return state.regularization or regularizing.of_mixture(state.mixture)


def pace_of(params: Any) -> Pace:
    """What the constructor says of streams."""
    return Pace(params.half_life, params.learning_exponent)


def _settings(params: Any) -> Settings:
    gap_tol, acceleration = params.gap_tol, params.acceleration
    if all(getattr(params, name) is not None for name in INITIAL):
        # From given parameters the fit takes scikit-learn's path, iteration by iteration.
        gap_tol = None if gap_tol == "auto" else gap_tol
        acceleration = None if acceleration == "auto" else acceleration
    number = None if isinstance(gap_tol, str) else gap_tol
    return Settings(
        stopping=Stopping(
            tol=params.tol, gap_tol=number, both=gap_tol == "auto", max_iter=params.max_iter
        ),
        regularizing=regularizing_of(params),
        acceleration=acceleration,
        on_collapse=params.on_collapse,
        verbose=params.verbose,
        verbose_interval=params.verbose_interval,
    )


def _start(params: Any, n_features: int) -> Start:
    k, kind = params.n_components, kind_of(params)
    weights = means = precisions = None
    if params.weights_init is not None:
        weights = check_weights_init(params.weights_init, k, noise=params.noise is not None)
    if params.means_init is not None:
        means = check_means_init(params.means_init, k, n_features)
    if params.precisions_init is not None:
        precisions = check_precisions_init(params.precisions_init, kind, k, n_features)
    return Start(
        method=params.init_params,
        n_components=k,
        covariance_type=kind,
        weights=weights,
        means=means,
        precisions=precisions,
        n_init=params.n_init,
        frozen=tuple(params.frozen),
    )


def _warm(params: Any, n_features: int, state: State | None) -> Mixture | None:
    """The mixture to go on from, or None for a fresh start."""
    old = None if state is None else state.mixture
    if not params.warm_start or old is None:
        return None
    shape = (params.n_components, n_features)
    if old.means.shape != shape or old.covariance_type != kind_of(params):
        raise ValueError(
            f"warm_start=True goes on from {old.n_components} {old.covariance_type} components "
            f"in {old.n_features} features, and this fit is of {shape[0]} "
            f"{kind_of(params)} components in {shape[1]}: set warm_start=False"
        )
    return old
