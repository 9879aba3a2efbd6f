"""What users are told when a fit has ended: that it did not converge, and what is wrong with it."""

from typing import Any

import numpy as np

from fastgmm.em.collapse import Repair
from fastgmm.em.loop import Run
from fastgmm.em.regularization import Regularization
from fastgmm.em.soundness import (
    constant_columns,
    rows_needed,
    swamped,
    too_few_rows,
)
from fastgmm.errors import (
    CollapseWarning,
    convergence_warning_class,
    convergence_warning_text,
    warn_user,
)
from fastgmm.fits.fit import Fit
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray

MOST_NAMED = 10
"""A warning names at most this many components, or columns of one."""


def warn_of(found: Fit, params: Any, names: np.ndarray | None) -> None:
    """Warn of all that is wrong with the result of a fit.

    `params` are the parameters of the constructor as attributes; `names` (D,) those of the columns,
    if they have any.
    """
    run, moments = found.run, None if found.run.trail is None else found.run.trail.moments
    assert run.mixture is not None
    if text := collapse_text(run, found.n_rows, names):
        warn_user(text, CollapseWarning)
    whole = None if moments is None else moments.variances
    warn_of_ridge(run.mixture, run.regularization, found.n_rows, names, whole)
    if not (run.converged or run.stopped) and params.max_iter > 0:
        text = convergence_warning_text(_how_it_ended(run, params))
        warn_user(text, convergence_warning_class())


def warn_of_ridge(
    mixture: Mixture,
    regularization: Regularization,
    n_rows: float,
    names: np.ndarray | None,
    whole: FloatArray | None = None,
) -> None:
    """Warn where `reg_covar` is large beside the variance of a column, within a component or all.

    `whole`, (D,) or (1,), are the variances of all rows; by default those of the mixture.
    """
    found = swamped(mixture, regularization, n_rows, whole)
    if found is None:
        return
    column = "the columns" if found.column < 0 else f"column {_name(found.column, names)}"
    where = "in all rows" if found.component < 0 else f"within component {found.component}"
    warn_user(
        f"reg_covar adds {found.ridge:.3g} to each variance, and that of {column} {where} is "
        f"{found.variance:.3g}: the ridge decides much of the fit. Pass "
        "reg_covar='auto', which follows the units of the columns, or a smaller number."
    )


def collapse_text(run: Run, n_rows: float, names: np.ndarray | None) -> str:
    """What a warning says of components that have collapsed, or nearly; empty where none has."""
    mixture, sentences = run.mixture, []
    assert mixture is not None
    if run.repairs:
        sentences.append(f"Components collapsed during the fit: {_repaired(run.repairs)}.")
    held = {one.component for one in run.repairs if one.action == "held"}
    for k in sorted(held)[:MOST_NAMED]:
        sentences += _of_columns(mixture, run.regularization, k, names)
    few = too_few_rows(mixture, run.regularization, n_rows)
    unsaid = [k for k in np.flatnonzero(few).tolist() if k not in held]
    for k in unsaid[:MOST_NAMED]:
        rows = mixture.weights[k] * n_rows
        sentences.append(
            f"Component {k} ends on {rows:.3g} rows, and its covariance needs "
            f"{rows_needed(mixture)}: the likelihood has no bound but reg_covar there."
        )
    if not sentences:
        return ""
    return f"{' '.join(sentences)} Use fewer components, a larger reg_covar or a prior."


def _repaired(repairs: tuple[Repair, ...]) -> str:
    """What was done about which components."""
    parts = []
    for action, words in (
        ("moved", "moved to where the model explained the rows worst"),
        ("held", "held (at the floor that reg_covar sets, or with less than a row)"),
    ):
        found = sorted({r.component for r in repairs if r.action == action})
        if found:
            listed = ", ".join(map(str, found[:MOST_NAMED]))
            listed += ", ..." if len(found) > MOST_NAMED else ""
            parts.append(f"{'component' if len(found) == 1 else 'components'} {listed} {words}")
    return f"{'; '.join(parts)} (repairs_ lists what happened)"


def _of_columns(
    mixture: Mixture, regularization: Regularization, k: int, names: np.ndarray | None
) -> list[str]:
    """A sentence that names the columns which are constant within a component, if any are."""
    # A column that is constant in all rows is no sign of a collapse.
    varies = mixture.means.min(axis=0) < mixture.means.max(axis=0)
    constant = [j for j in constant_columns(mixture, regularization, k) if varies[j]]
    if not constant or mixture.weights[k] == 0.0:
        return []
    listed = ", ".join(
        f"{_name(j, names)} ({mixture.means[k, j]:.4g})" for j in constant[:MOST_NAMED]
    )
    one = len(constant) == 1
    return [
        f"{'Column' if one else 'Columns'} {listed} {'is' if one else 'are'} constant within "
        f"component {k}."
    ]


def _name(column: int, names: np.ndarray | None) -> str:
    return str(column) if names is None else repr(str(names[column]))


def _how_it_ended(run: Run, params: Any) -> str:
    """How far a fit that did not converge is from its limit, and what can be done."""
    by_gap = params.gap_tol is not None and params.gap_tol != "auto"
    name, asked = ("gap_tol", params.gap_tol) if by_gap else ("tol", params.tol)
    rule, after = f"{name}={asked:g}", f"After {run.n_iter} iterations"
    assert run.mixture is not None
    if run.noise > 0.0:
        single = run.mixture.dtype == np.float32
        kind, float64 = ("float32", "pass the rows as float64, ") if single else ("float64", "")
        return (
            f"{after} the log-likelihood went up and down by {run.noise:.1e} nats per row and rose "
            f"no more, and {rule}: {kind} is too coarse for these rows, whose columns depend on "
            f"each other too nearly; {float64}standardise the columns, leave one out, or use a "
            "larger reg_covar."
        )
    if asked == 0.0:
        return f"{rule} asks for max_iter iterations, and all {run.n_iter} were done."
    where = "cannot be foretold yet"
    if np.isfinite(run.gap):
        where = f"is predicted to be {run.gap:.1e} nats per row"
    return (
        f"{after} the distance of the log-likelihood to its limit {where}, and {rule}; raise "
        f"max_iter (now {params.max_iter}) or {name}, or try another init_params."
    )
