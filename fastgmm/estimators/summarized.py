"""What a fitted mixture shows of itself: a summary as text, and HTML in notebooks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.estimators.conventions import Estimator
from fastgmm.estimators.reported import Reported
from fastgmm.limits.scalars import shown
from fastgmm.typing import ArrayLike, CovarianceType

if TYPE_CHECKING:
    from fastgmm.mixture.statistics import SufficientStatistics
    from fastgmm.summaries.facts import Facts

BOUND = "lower bound per row"
"""What the last iteration began with: only rows tell what its step has made of it."""
WIDTH = 100
"""A summary has lines of at most so many letters, unless another width is asked for."""


class Summarized(Reported, Estimator):
    """`summary`, and what a notebook shows; estimators of mixtures inherit them."""

    covariance_type: CovarianceType
    _of_all_rows = False
    """Whether `lower_bound_` is that of all rows together."""

    if TYPE_CHECKING:
        e_step: Callable[..., SufficientStatistics]

    def summary(
        self,
        X: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        width: int = WIDTH,
    ) -> str:
        """The fitted mixture in a few lines: what it is, its components, and how the fit ended.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features), optional
            Rows, mostly those of the fit: the summary then has their log-likelihood, BIC and AIC,
            which take one pass over them.
        sample_weight, labels
            As in `fit`; they go with `X`.
        width : int, default=100
            The longest line; components that do not fit side by side follow underneath.

        Returns
        -------
        str
            The weight of each component, and its mean and deviation in each column.  Without rows
            the lower bound is `lower_bound_`: the log-likelihood that the last iteration began
            with.  Its step has raised it since, by less than `tol` where the fit has converged, and
            what the rows have then is in the summary with rows alone.

        Raises
        ------
        NotFittedError
            When there is no mixture yet.
        ValueError
            When rows are not valid, or weights or labels come without them.

        Examples
        --------
        >>> import fastgmm
        >>> X = [[1.0], [2.0], [3.0], [11.0], [12.0], [14.0]]
        >>> model = fastgmm.GaussianMixture(2, random_state=0).fit(X).reorder([1, 0])
        >>> print(model.summary(X))
        2 components, full covariance, fitted to 6 rows of 1 column
        <BLANKLINE>
        component                     0                    1
        weight                   0.5000               0.5000
                        mean  deviation      mean  deviation
        x0           12.3333     1.2472    2.0000     0.8165
        <BLANKLINE>
        log-likelihood per row  -2.121178
        BIC                     34.413
        AIC                     35.454
        iterations              3
        converged               yes
        """
        # A summary is asked for by few, and what makes it is loaded with the first of them.
        from fastgmm.summaries.components import summary_text

        if X is None and not (sample_weight is None and labels is None):
            raise ValueError("sample_weight and labels go with the rows that they are of: pass X.")
        if not isinstance(width, Integral) or isinstance(width, np.timedelta64) or width < 1:
            raise ValueError(f"width is a number of letters, 1 or more, got {shown(width)}.")
        facts = self._facts()
        if X is not None:
            known = {} if labels is None else {"labels": labels}
            if known and "labels" not in signature(self.e_step).parameters:
                raise ValueError(f"{type(self).__name__} takes no labels: leave them out.")
            mixture, data = self._weighed(X, sample_weight, "summary")
            criteria = self._criteria_of(mixture, data)
            if known:
                of_labels = self.e_step(X, sample_weight=sample_weight, **known)
                criteria = replace(criteria, log_likelihood=of_labels.log_likelihood)
            of_row = criteria.log_likelihood / data.extent.weight
            found = {
                "log-likelihood per row": f"{of_row:.6f}",
                "BIC": f"{criteria.bic:.3f}",
                "AIC": f"{criteria.aic:.3f}",
            }
            # Without a prior it takes the place of that before the last step, nearly the same.
            differs = getattr(self, "prior", None) is not None
            others = {n: one for n, one in facts.numbers.items() if differs or n != BOUND}
            facts = replace(facts, n_rows=float(data.extent.n_samples), numbers=found | others)
        return summary_text(facts, int(width))

    def _facts(self) -> Facts:
        from fastgmm.summaries.facts import Facts, deviations_of, names_of

        mixture, names = self._fitted()
        state, report, noise = self._state, self._report(), self.noise_weight_
        assert state is not None
        end, numbers = "", {}
        if report.n_iter:
            bound = "lower bound of all rows" if self._of_all_rows else BOUND
            n, updates = report.n_iter, state.learner is not None
            what = f"{n} {'update' if updates else 'iteration'}{'' if n == 1 else 's'}"
            numbers = {bound: f"{report.lower_bound:.{3 if self._of_all_rows else 6}f}"}
            if updates:
                end = f"learned in {what}"
                numbers["updates"] = str(n)
            else:
                end = f"converged in {what}" if report.converged else f"not converged after {what}"
                numbers |= {"iterations": str(n), "converged": "yes" if report.converged else "no"}
        return Facts(
            str(self.covariance_type),
            mixture.weights,
            mixture.means,
            deviations_of(mixture),
            names_of(names, mixture.n_features),
            (noise, self.noise_volume_) if noise > 0.0 else None,
            state.seen if state.learner is None or state.seen else state.learner.n_samples,
            end,
            numbers,
            state.learner.n_samples if state.learner is not None and state.seen else 0,
        )

    # ------------------------------------------------------------------ notebooks

    def _shows_html(self) -> bool:
        """Whether a notebook shows the fitted mixture; scikit-learn's setting may forbid it."""
        config = getattr(sys.modules.get("sklearn"), "get_config", None)
        text_only = config is not None and config()["display"] == "text"
        return bool(self.is_fitted) and not text_only

    def _html(self) -> str:
        from fastgmm.summaries.html import summary_html

        return summary_html(type(self).__name__, self._facts(), repr(self))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """What a notebook shows: the components of a fitted mixture, else what estimators show."""
        if not self._shows_html():
            return super()._repr_mimebundle_(**kwargs)
        return {"text/plain": repr(self), "text/html": self._html()}

    @property
    def _repr_html_(self) -> Callable[[], str]:
        """The same, for programs that know no bundles."""
        return self._html if self._shows_html() else super()._repr_html_
