"""What `select` gives: the best model of a grid, and the table of all, as text and as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fastgmm.estimators.candidate import Candidate
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.typing import Criterion

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Selection(NamedTuple):
    """The best model of a grid, and the table of all.

    Parameters
    ----------
    model : GaussianMixture
        The fitted model of the lowest criterion, among those where nothing has collapsed if there
        are any.
    table : list of Candidate
        In the order of the grid; ``pandas.DataFrame(table)`` makes a frame of it.
    criterion : {"bic", "icl", "aic"}

    Examples
    --------
    >>> import fastgmm
    >>> X = [[0.0], [0.1], [0.3], [4.0], [4.4], [4.5]]
    >>> model, table, criterion = fastgmm.select(X, [1, 2], "tied", random_state=0)
    >>> len(model.weights_), len(table), criterion
    (2, 2, 'bic')
    """

    model: GaussianMixture
    table: list[Candidate]
    criterion: Criterion

    @property
    def best(self) -> Candidate:
        """The row of the table whose model was chosen."""
        return min(self.table, key=lambda one: one.rank(self.criterion))

    def summary(self) -> str:
        """The criterion of all fits as a table, with marks for the best and for collapsed ones.

        Returns
        -------
        str

        Examples
        --------
        >>> import fastgmm
        >>> X = [[0.0], [0.1], [0.3], [4.0], [4.4], [4.5]]
        >>> print(fastgmm.select(X, [1, 2], "tied", random_state=0).summary())
        BIC, lower is better; * the best of the fits
        <BLANKLINE>
        components           tied
                 1          29.46
                 2          11.69*
        """
        # Only who looks at a choice takes the time of this import.
        from fastgmm.summaries.criteria import selection_text

        return selection_text(self.table, self.criterion)

    def __repr__(self) -> str:
        """The summary: with all fields, the fits of a grid would fill a screen."""
        return self.summary()

    def _repr_html_(self) -> str:
        """What a notebook shows: the table, in the colours of the page."""
        # Only notebooks ask.
        from fastgmm.summaries.html import selection_html

        return selection_html(self.table, self.criterion)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the criterion over the number of components, a line per covariance type.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new pyplot figure by default.

        Returns
        -------
        Axes
        """
        # Only a picture takes the time of this import.
        from fastgmm.plot import plot_criterion

        return plot_criterion(self.table, self.criterion, ax=ax)
