"""What users are told when a fit has ended: that it did not converge, and what is wrong with it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.em.collapse import FLOOR_SHARE, Repair, at_floor
from fastgmm.em.regularization import Regularization
from fastgmm.em.run import Run
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
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray
from fastgmm.validation.gaps import warn_of_apart

if TYPE_CHECKING:
    from fastgmm.fits.fit import Fit

MOST_NAMED = 10
"""A warning names at most this many components, or columns of one."""
LEAST_SHARE = 0.001
"""Whoever thinks of a share of noise gives one between this and 1."""
FILLED = 0.1
"""A volume is too small for noise below this times what rows fill that are as wide."""
MOST_TOLD = 3
"""Of so many components it says what is wrong with each; of others, how many there are."""


def warn_of(found: "Fit", params: Any, names: np.ndarray | None) -> None:
    """Warn of all that is wrong with the result of a fit.

    `params` are the parameters of the constructor as attributes; `names` (D,) those of the columns,
    if they have any.
    """
    run = found.run
    assert run.mixture is not None
    warn_of_apart(found.apart, names)
    whole = None if run.trail is None else run.trail.moments.variances
    of_volume = warn_of_volume(params.noise, run.mixture, whole)
    too_large = warn_of_ridge(run.mixture, run.regularization, found.n_rows, names, whole)
    repairs = run.repairs
    if too_large:
        # What is held at the floor of such a ridge is none of the components' fault.
        repairs = tuple(one for one in repairs if one.action == "moved")
    free = _estimated(params, run.mixture.n_components)
    text = collapse_text(run.mixture, run.regularization, repairs, found.n_rows, names, free)
    if text and (repairs or not too_large):
        # Components that denser noise has left without rows are none too many.
        remedy = "" if of_volume else " Use fewer components, a larger reg_covar or a prior."
        warn_user(f"{text}{remedy}", CollapseWarning)
    if not (run.converged or run.stopped) and params.max_iter > 0:
        text = convergence_warning_text(_how_it_ended(run, params))
        warn_user(text, convergence_warning_class())


def warn_of_volume(noise: Any, mixture: Mixture, whole: FloatArray | None) -> bool:
    """Warn where the volume of noise looks like a share of the rows, and is none that they fill.

    It returns whether it is so; `whole` are the variances of all rows, where they are known.
    """
    if noise is None or isinstance(noise, str) or not LEAST_SHARE <= noise < 1.0 or whole is None:
        return False
    # A box in which rows are uniform has sides of sqrt(12) deviations.
    n_repeats = mixture.n_features // len(whole)
    with np.errstate(over="ignore", divide="ignore"):
        filled = float(np.exp(0.5 * n_repeats * np.log(12.0 * whole).sum()))
    small = bool(noise < FILLED * filled)
    if small:
        warn_user(
            f"noise={noise:g} is the volume over which noise is spread, and no share of the rows, "
            f"which fill a volume of some {filled:.3g}: noise is denser than they are. Pass "
            "noise='uniform', the volume of a box around the rows; the share of noise is estimated "
            "(noise_weight_)."
        )
    return small


def _estimated(params: Any, n_components: int) -> np.ndarray | None:
    """(K,): which covariances are estimated; None where all are."""
    if not params.frozen:
        return None
    # What frozen parts need is loaded with the first of them.
    from fastgmm.estimators.frozen_parts import frozen_mask

    return ~frozen_mask(params, "covariances", n_components)


def warn_of_ridge(
    mixture: Mixture,
    regularization: Regularization,
    n_rows: float,
    names: np.ndarray | None,
    whole: FloatArray | None = None,
) -> bool:
    """Warn where `reg_covar` is large beside the variance of a column; returns whether it is.

    `whole`, (D,) or (1,), are the variances of all rows; by default those of the mixture.
    """
    found = swamped(mixture, regularization, n_rows, whole)
    if found is None:
        return False
    column = "the columns" if found.column < 0 else f"column {_name(found.column, names)}"
    where = "in all rows" if found.component < 0 else f"within component {found.component}"
    warn_user(
        f"reg_covar adds {found.ridge:.3g} to each variance, and that of {column} {where} is "
        f"{found.variance:.3g}: the ridge decides much of the fit. Pass "
        "reg_covar='auto', which follows the units of the columns, or a smaller number."
    )
    return True


def collapse_text(
    mixture: Mixture,
    regularization: Regularization,
    repairs: tuple[Repair, ...],
    n_rows: float,
    names: np.ndarray | None,
    estimated: np.ndarray | None = None,
) -> str:
    """What has collapsed, or nearly, in sentences; empty where nothing has.

    Only covariances that are `estimated` (K,) need rows and volume; None: all are.
    """
    few = too_few_rows(mixture, regularization, n_rows)
    sound = not repairs and estimated is None and not few.any()
    if sound and not at_floor(mixture, regularization).any():
        return ""  # so most fits end
    estimated = np.ones(mixture.n_components, dtype=bool) if estimated is None else estimated
    sentences = []
    if repairs:
        sentences.append(f"Components collapsed during the fit: {_repaired(repairs)}.")
    flat = {one.component for one in repairs if one.action == "held"}
    others = estimated.copy()
    others[list(flat)] = False
    flat |= set(np.flatnonzero(at_floor(mixture, regularization, asked=others)).tolist())
    told = [of_columns(mixture, regularization, k, names) for k in sorted(flat)]
    of_flat = [sentence for one in told for sentence in one]
    sentences += of_flat[:MOST_TOLD]
    if len(of_flat) > MOST_TOLD:
        sentences.append(f"So it is with {len(of_flat) - MOST_TOLD} more.")
    few = np.flatnonzero(few & estimated)
    if len(few):
        sentences.append(_on_few_rows(few.tolist(), mixture, n_rows))
    return " ".join(sentences)


def _on_few_rows(few: list[int], mixture: Mixture, n_rows: float) -> str:
    """Which components end on fewer rows than they need."""
    rows = [f"{mixture.weights[k] * n_rows:.3g}" for k in few]
    words = [f"{n} {'row' if n == '1' else 'rows'}" for n in rows]
    why = "the likelihood has no bound but reg_covar there."
    if len(few) == 1:
        needed = f"its covariance needs {rows_needed(mixture)}"
        return f"Component {few[0]} ends on {words[0]}, and {needed}: {why}"
    told = [f"{k} on {word}" for k, word in zip(few, words, strict=True)][:MOST_TOLD]
    more = f" and {len(few) - MOST_TOLD} more" if len(few) > MOST_TOLD else ""
    needed = f"a covariance needs {rows_needed(mixture)}"
    return f"Components end on few rows, {', '.join(told)}{more}, and {needed}: {why}"


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


def of_columns(
    mixture: Mixture,
    regularization: Regularization,
    k: int,
    names: np.ndarray | None,
    share: float = FLOOR_SHARE,
) -> list[str]:
    """A sentence that names the columns which are constant within a component, if any are.

    They are where the ridge is at least this share of the variance, and not in all rows.
    """
    varies = mixture.means.min(axis=0) < mixture.means.max(axis=0)
    found = constant_columns(mixture, regularization, k, share)
    constant = [j for j in found if varies[j]]
    if not constant or mixture.weights[k] == 0.0:
        return []
    # The mean of equal values is one of them, but for rounding that is far under the ridge.
    unseen = 1e-3 * np.sqrt(np.broadcast_to(regularization.reg_covar, mixture.n_features))
    values = np.where(np.abs(mixture.means[k]) < unseen, 0.0, mixture.means[k])
    listed = ", ".join(f"{_name(j, names)} ({values[j]:.4g})" for j in constant[:MOST_NAMED])
    several = "s" if len(constant) > 1 else ""
    how = f"{'are' if several else 'is'}{' nearly' if share < FLOOR_SHARE else ''} constant"
    return [f"Column{several} {listed} {how} within component {k}."]


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
    # What can be done is said before, in scikit-learn's words.
    return (
        f"{after} the distance of the log-likelihood to its limit {where}, and {rule}, "
        f"max_iter={params.max_iter}."
    )
