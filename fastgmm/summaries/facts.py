"""What a summary says of a fitted mixture, as a value, and the lines that all summaries share."""

from __future__ import annotations

import numpy as np

from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass


@dataclass(frozen=True, eq=False)
class Facts:
    """What a summary says of a fitted mixture.

    Parameters
    ----------
    covariance_type : str
    weights : ndarray of shape (K,)
    means, deviations : ndarray of shape (K, D)
        Of each component in each column.
    names : list of str
        Those of the columns.
    noise : tuple of float, optional
        Weight and volume of noise, where there is some.
    n_rows : float, optional
        The number, or the weight, of the rows of the fit, or of a stream without a fit before it,
        where it is known.
    end : str
        How the fit ended, such as "converged in 5 iterations"; empty where there was none.
    numbers : dict of str to str
        What else is known of the fit, by name.
    learned : int
        The number of rows of a stream that went on from the fit.
    """

    covariance_type: str
    weights: FloatArray
    means: FloatArray
    deviations: FloatArray
    names: list[str]
    noise: tuple[float, float] | None
    n_rows: float | None
    end: str
    numbers: dict[str, str]
    learned: int = 0

    @property
    def head(self) -> str:
        """The first line of a text."""
        n_columns = counted(self.means.shape[1], "column")
        fitted = f"fitted to {rows_text(self.n_rows)}{self._then} of" if self.n_rows else "of"
        what = counted(len(self.weights), "component")
        return f"{what}, {self.covariance_type} covariance, {fitted} {n_columns}"

    @property
    def _then(self) -> str:
        return f", then to {self.learned} of a stream," if self.learned else ""

    @property
    def status(self) -> str:
        """The line under a title, with what was fitted and how that ended."""
        parts = [counted(len(self.weights), "component")]
        parts += [rows_text(self.n_rows)] if self.n_rows else []
        parts += [f"{self.learned} of a stream"] if self.learned else []
        parts += [self.end] if self.end else []
        return f"{'fitted' if self.end else 'given'}: {', '.join(parts)}"


def names_of(names: np.ndarray | None, n_features: int) -> list[str]:
    """The names of the columns; without any they are called x0, x1, ..."""
    return [f"x{i}" for i in range(n_features)] if names is None else [str(one) for one in names]


def deviations_of(mixture: Mixture) -> FloatArray:
    """The deviation of each component in each column, (K, D)."""
    form = mixture.covariance_model.form
    variances = form.diagonals(mixture.covariances, mixture.n_features)
    # What all components or all columns share is repeated.
    return np.broadcast_to(np.sqrt(variances), mixture.means.shape)


def counted(number: int, what: str) -> str:
    """A number and a noun.

    Examples
    --------
    >>> counted(1, "row"), counted(2, "row"), counted(10000, "row")
    ('1 row', '2 rows', '10000 rows')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def rows_text(n_rows: float) -> str:
    """How many rows there are, or what they weigh together.

    Examples
    --------
    >>> rows_text(342.0), rows_text(12.5)
    ('342 rows', 'rows that weigh 12.5')
    """
    whole = float(n_rows).is_integer()
    return counted(int(n_rows), "row") if whole else f"rows that weigh {n_rows:g}"
