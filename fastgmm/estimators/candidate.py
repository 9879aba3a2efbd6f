"""One fit of a grid, as a row of the table: its criteria, and whether they mean anything."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastgmm.covariance.types import without_factors
from fastgmm.data.rows import RowData
from fastgmm.em.collapse import at_floor
from fastgmm.em.regularization import Regularization
from fastgmm.em.soundness import NEARLY, Looked, looked_at, nearly_singular, unbounded, without_axes
from fastgmm.estimators.endings import MOST_NAMED, collapse_text, of_columns
from fastgmm.estimators.state import State
from fastgmm.mixture.criteria import Criteria, check_criterion, classified
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import CovarianceType, Criterion

if TYPE_CHECKING:
    from fastgmm.data.partitions import PartitionData


class Candidate(NamedTuple):
    """One fit of the grid; what could not be fitted has infinite criteria and a reason.

    Parameters
    ----------
    covariance_type : str
    n_components : int
    bic, icl, aic : float
        Lower is better.
    log_likelihood : float
        Of all rows, in nats.
    n_parameters : int
        Free parameters.
    converged : bool
        Whether the fit met its rule within `max_iter` iterations.
    n_passes : int
        Passes over the rows.
    failure : str
        Empty where the fit has ended well.
    n_collapsed : int
        Components whose covariance is at the floor that `reg_covar` sets: the likelihood of such a
        fit has no bound without it, and its criteria mean nothing.
    n_unbounded : int
        These, and components that have collapsed in all but name: on fewer rows than a covariance
        or its own axes need, with `reg_covar` for more than half of the variance in some direction,
        or with a variance of less than 1.5e-8 of its largest, as in mclust.
    collapse : str
        What has collapsed, in whole sentences; empty where nothing has.

    Examples
    --------
    >>> import fastgmm
    >>> X = [[0.0], [0.1], [0.3], [4.0], [4.4], [4.5]]
    >>> one = fastgmm.select(X, 2, "tied", random_state=0).table[0]
    >>> one.covariance_type, one.n_components, one.n_parameters, round(one.bic, 2)
    ('tied', 2, 4, 11.69)
    """

    covariance_type: CovarianceType
    n_components: int
    bic: float
    icl: float
    aic: float
    log_likelihood: float
    n_parameters: int
    converged: bool
    n_passes: int
    failure: str = ""
    n_collapsed: int = 0
    n_unbounded: int = 0
    collapse: str = ""

    @property
    def sound(self) -> bool:
        """Whether the fit has ended well, and no component has collapsed in it, or nearly."""
        return not self.failure and self.n_collapsed == self.n_unbounded == 0

    def summary(self) -> str:
        """What the fit has come to, a line for each number.

        Returns
        -------
        str
        """
        # Only who looks at a fit takes the time of this import.
        from fastgmm.summaries.components import pairs_text

        return f"{self._title()}\n\n{pairs_text(self._numbers())}"

    def _title(self) -> str:
        of = "component" if self.n_components == 1 else "components"
        return f"{self.n_components} {of}, {self.covariance_type} covariance"

    def _numbers(self) -> dict[str, str]:
        if self.failure:
            return {"failure": self.failure}
        found = {name.upper(): f"{getattr(self, name):.3f}" for name in ("bic", "icl", "aic")}
        found |= {
            "log-likelihood": f"{self.log_likelihood:.3f}",
            "free parameters": str(self.n_parameters),
            "passes": str(self.n_passes),
            "converged": "yes" if self.converged else "no",
        }
        return found | ({"collapsed": self.collapse} if self.collapse else {})

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        # Only notebooks ask.
        from fastgmm.summaries.html import pairs_html

        return pairs_html(self._title(), self._numbers())

    def rank(self, criterion: Criterion) -> tuple[bool, bool, float]:
        """What the best of a table has least of: failure, then collapse, then the criterion."""
        check_criterion(criterion)
        return bool(self.failure), not self.sound, getattr(self, criterion)


def failed_candidate(covariance_type: CovarianceType, n_components: int, failure: str) -> Candidate:
    """The row of a fit that has ended with an error."""
    nothing = (np.inf, np.inf, np.inf, -np.inf, 0, False, 0)
    return Candidate(covariance_type, n_components, *nothing, failure=failure)


def candidate_of(state: State, data: RowData | PartitionData) -> Candidate:
    """The row of a fit of these rows."""
    mixture, regularization = state.mixture, state.regularization
    assert mixture is not None
    assert regularization is not None
    what = partial(classified, mixture, n_threads=data.n_threads, gaps=data.gapped)
    log_likelihood, certainty, n_rows = data.summed(what).tolist()
    free = mixture.n_parameters
    criteria = Criteria(log_likelihood, free, n_rows, certainty)
    looked = looked_at(mixture, data, regularization)
    n_unbounded = int(np.count_nonzero(looked.unbounded(regularization, n_rows)))
    return Candidate(
        without_factors(mixture.covariance_type),
        mixture.n_components,
        criteria.bic,
        criteria.icl,
        criteria.aic,
        log_likelihood,
        free,
        state.report.converged,
        state.report.n_passes,
        n_collapsed=int(np.count_nonzero(at_floor(looked.own, regularization))),
        n_unbounded=n_unbounded,
        collapse=_collapse(looked, regularization, n_rows, data.names) if n_unbounded else "",
    )


def _collapse(
    looked: Looked,
    regularization: Regularization,
    n_rows: float,
    names: np.ndarray | None,
) -> str:
    """What has collapsed, or nearly, in whole sentences."""
    mixture = looked.own
    if text := collapse_text(mixture, regularization, (), n_rows, names):
        return text
    singular = nearly_singular(mixture, regularization)
    turned = without_axes(mixture, regularization, n_rows)
    flat = unbounded(mixture, regularization, n_rows)
    if looked.decided.any() and not flat.any():
        return (
            "What the covariances have in common is flat in some direction: with a smaller "
            "reg_covar it would be flatter by as much."
        )
    which = np.flatnonzero(flat).tolist()[:MOST_NAMED]
    sentences = [
        sentence
        for k in which
        for sentence in of_columns(mixture, regularization, k, names, NEARLY)
        or [_turned(k, mixture, n_rows) if turned[k] else _flat(k, singular[k])]
    ]
    return " ".join(sentences)


def _flat(component: int, singular: bool) -> str:
    """How a component is flat in a direction that is none of the columns."""
    if singular:
        return (
            f"The covariance of component {component} is singular but for rounding: a variance is "
            "next to nothing beside its largest."
        )
    return f"reg_covar is most of the variance of component {component} in some direction."


def _turned(component: int, mixture: Mixture, n_rows: float) -> str:
    """How few rows a component has for its axes."""
    rows = f"{mixture.weights[component] * n_rows:.3g}"
    return (
        f"Component {component} ends on {rows} {'row' if rows == '1' else 'rows'}, and axes of its "
        f"own need {mixture.n_features + 1}: along some of them its rows do not vary."
    )
