"""What a picture shows: a mixture in some of its features, and the rows that go with it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgmm.covariance.types import model_of
from fastgmm.errors import not_fitted_error
from fastgmm.tables.columns import Column, positions
from fastgmm.tables.containers import array_of
from fastgmm.typing import FloatArray
from fastgmm.validation import feature_names_of
from fastgmm.values import dataclass

MOST_POINTS = 20_000
"""More points than this make a picture slower and not clearer."""

MATRICES = 3
"""Covariances with so many axes are a matrix for each component."""
MOST_FEATURES = 10
"""The panels of a grid of more features than this are too small to read."""


USUAL = 0.001
"""Rows between this quantile and its like at the other end are usual."""
FAR = 1.0
"""Rows that lie beyond the usual ones by this times the distance of those from each other are not
shown but counted: one error in the data would make a line of all clusters."""
LEAST = 0.005
"""Lighter components may lie where rows are not shown."""


@dataclass(frozen=True)
class Shown:
    """What a picture shows: K components in F of the features, and n rows or none.

    Attributes
    ----------
    names : list of str
        The names of the F features.
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, F)
    covariances : ndarray of shape (K, F, F)
        In full, whatever the covariance type.
    rows : ndarray of shape (n, F), or None
    row_weights : ndarray of shape (n,), or None
    points : ndarray of shape (at most 20,000, F), or None
        The rows to draw one by one.
    labels : ndarray of int, or None
        The component of each point.
    whole : ndarray of shape (at most 20,000, D), or None
        The points in all features.
    """

    names: list[str]
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    rows: FloatArray | None = None
    row_weights: FloatArray | None = None
    points: FloatArray | None = None
    labels: NDArray[np.int64] | None = None
    whole: NDArray[Any] | None = None

    @property
    def spread(self) -> FloatArray:
        """Standard deviations, of shape (K, F)."""
        return np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))

    def limits(self, deviations: float) -> FloatArray:
        """The ends of each feature's axis.

        Parameters
        ----------
        deviations : float
            How far around the means to look: at least 3 where there are no rows, and where there
            are, not far beyond the last of them.  Rows far from all others and from the components
            do not count: they would squeeze the rest.

        Returns
        -------
        ndarray of shape (F, 2)
        """
        reach = (deviations if self.rows is not None else max(deviations, 3.0)) * self.spread
        low, high = (self.means - reach).min(axis=0), (self.means + reach).max(axis=0)
        if self.rows is not None:
            first, last = self._ends_of_rows()
            # A constant column has no length that an ellipse could exceed.
            room = np.where(last > first, 0.15 * (last - first), np.inf)
            low = np.minimum(first, np.maximum(low, first - room))
            high = np.maximum(last, np.minimum(high, last + room))
        margin = 0.04 * (high - low)
        margin[margin == 0] = 1.0
        return np.column_stack([low - margin, high + margin])

    def _ends_of_rows(self) -> tuple[FloatArray, FloatArray]:
        """Between which values rows are shown, (F,) each: all rows, or all but a few far ones."""
        assert self.rows is not None
        first, last = self.rows.min(axis=0), self.rows.max(axis=0)
        low, high = np.quantile(self.rows, [USUAL, 1.0 - USUAL], axis=0)
        heavy = self.weights >= min(LEAST, float(self.weights.max()))
        reach = 2.0 * self.spread[heavy]
        low = np.minimum(low, np.maximum(first, (self.means[heavy] - reach).min(axis=0)))
        high = np.maximum(high, np.minimum(last, (self.means[heavy] + reach).max(axis=0)))
        room = FAR * (high - low)
        near = (self.rows >= low - room) & (self.rows <= high + room)
        near |= room == 0.0  # a column of one value, but for a few, has no measure of far
        return (
            np.where(near, self.rows, np.inf).min(axis=0),
            np.where(near, self.rows, -np.inf).max(axis=0),
        )

    def beyond(self, limits: FloatArray) -> NDArray[np.intp]:
        """(F, 2): how many rows lie below and above the limits of each feature."""
        if self.rows is None:
            return np.zeros((len(self.names), 2), dtype=np.intp)
        outside = [self.rows < limits[:, 0], self.rows > limits[:, 1]]
        return np.stack([np.count_nonzero(one, axis=0) for one in outside], axis=1)


def as_shown(
    model: Any,
    X: ArrayLike | None,
    features: Column | Sequence[Column] | None,
    sample_weight: ArrayLike | None = None,
) -> Shown:
    """Check what is to be drawn and bring it into one form.

    Parameters
    ----------
    model : GaussianMixture
        Fitted.
    X : array-like of shape (n_samples, n_features), or None
        Rows with all columns of the model.
    features : sequence of str or int, or None
        The features to draw; None is all.
    sample_weight : array-like of shape (n_samples,), optional
        The weights of the rows.

    Returns
    -------
    Shown

    Raises
    ------
    ValueError
        If the model is not fitted, a feature is unknown, there are too many, or the rows or
        weights do not fit.
    """
    chosen, names = chosen_features(model, X, features)
    shown = Shown(
        names,
        np.asarray(model.weights_, dtype=np.float64),
        np.asarray(model.means_, dtype=np.float64)[:, chosen],
        _covariances(model, chosen),
    )
    if X is None:
        if sample_weight is not None:
            raise ValueError("sample_weight needs the rows that it weighs; pass X too.")
        return shown
    rows = _checked_rows(X, np.shape(model.means_)[1])
    drawn = np.asarray(rows[:, chosen], dtype=np.float64)
    weights = _checked_weights(sample_weight, len(rows))
    if getattr(model, "missing", "error") == "em":
        whole = ~np.isnan(drawn).any(axis=1)  # a row without a place in the picture is left out
        rows, drawn = rows[whole], drawn[whole]
        weights = None if weights is None else weights[whole]
        if not len(rows):
            raise ValueError("no row of X has all features that are to be drawn; choose others.")
    if not np.isfinite(drawn).all():
        raise ValueError("X holds NaN or infinity; leave out or fill in those rows.")
    points = _points(len(rows))
    return Shown(
        shown.names,
        shown.weights,
        shown.means,
        shown.covariances,
        drawn,
        weights,
        drawn[points],
        _labels(model, rows[points]),
        rows[points],
    )


def chosen_features(
    model: Any, X: ArrayLike | None, features: Column | Sequence[Column] | None
) -> tuple[list[int], list[str]]:
    """The numbers and the names of the features to draw.

    Parameters
    ----------
    model : GaussianMixture
        Fitted.
    X : array-like, or None
        A frame gives names where the model has none.
    features : sequence of str or int, or None
        The choice; None is all.

    Returns
    -------
    numbers : list of int
    names : list of str

    Raises
    ------
    ValueError
        If the model is not fitted, a feature is unknown, or there are too many.
    """
    if not hasattr(model, "means_"):
        raise not_fitted_error(type(model).__name__)
    n_features = np.shape(model.means_)[1]
    known = getattr(model, "feature_names_in_", None)
    if known is None:
        known = feature_names_of(X)
    names = None if known is None or len(known) != n_features else list(known)
    if isinstance(features, str | int):
        features = [features]
    chosen = positions("The model", names, n_features, features)
    if len(chosen) > MOST_FEATURES:
        raise ValueError(
            f"A grid of {len(chosen)} features is too large to read; choose at most "
            f"{MOST_FEATURES} with features=[...]."
        )
    return chosen, [f"feature {i}" if names is None else names[i] for i in chosen]


def full_covariances(model: Any) -> FloatArray:
    """(K, D, D): the covariances of all components in all features, whatever the type."""
    return _covariances(model, range(np.shape(model.means_)[1]))


def _covariances(model: Any, chosen: Sequence[int]) -> FloatArray:
    covariances = np.asarray(model.covariances_, dtype=np.float64)
    features = np.asarray(chosen)
    # Covariances of low rank are shown written out.
    kind = model_of("full" if covariances.ndim == MATRICES else model.covariance_type)
    selected = kind.form.matrices(kind.form.selected(covariances, features), len(features))
    return kind.per_component(selected, len(model.means_))


def _checked_rows(X: ArrayLike, n_features: int) -> NDArray[Any]:
    rows = array_of(X, "X")
    if rows.ndim != 2 or rows.shape[1] != n_features or len(rows) == 0:
        raise ValueError(
            f"X must have at least one row and {n_features} columns, as the model has; "
            f"its shape is {rows.shape}."
        )
    return rows


def _checked_weights(sample_weight: ArrayLike | None, n_samples: int) -> FloatArray | None:
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), one weight for each row of X; "
            f"its shape is {weights.shape}."
        )
    return weights


def _points(n_samples: int) -> NDArray[np.intp]:
    """Choose the rows to draw as points: all, or always the same sample."""
    if n_samples <= MOST_POINTS:
        return np.arange(n_samples)
    chosen = np.random.default_rng(0).choice(n_samples, MOST_POINTS, replace=False, shuffle=False)
    return np.sort(chosen)


def _labels(model: Any, rows: NDArray[Any]) -> NDArray[np.int64]:
    with warnings.catch_warnings():
        # Rows of a frame have lost their names by now, which is no concern of the user.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(model.predict(rows), dtype=np.int64)
