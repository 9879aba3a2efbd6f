"""The models of many groups of rows, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fastgmm.covariance.types import model_of
from fastgmm.estimators.fixed import fixed_copy
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.estimators.stack import Stack
from fastgmm.lazy import lazy
from fastgmm.mixture import density
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ArrayLike, CovarianceType, Flags, FloatArray, Labels, Rows
from fastgmm.validation import as_rows, as_table, check_feature_names, has_gaps
from fastgmm.validation.labels import as_labels, group_order
from fastgmm.values import dataclass


class Models(Sequence[GaussianMixture]):
    """A sequence of fitted models, each of which is made when it is asked for."""

    def __init__(self, make: Callable[[int], GaussianMixture], n: int) -> None:
        self._make, self._n = make, n

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> GaussianMixture: ...

    @overload
    def __getitem__(self, index: slice) -> list[GaussianMixture]: ...

    def __getitem__(self, index: int | slice) -> GaussianMixture | list[GaussianMixture]:
        # A range knows what numbers count from the end, and what lies beyond it.
        found = range(self._n)[index]
        return self._make(found) if isinstance(found, int) else [self._make(i) for i in found]

    def __repr__(self) -> str:
        return f"<{self._n} models, each made when it is asked for>"


@dataclass(frozen=True, eq=False)
class FittedGroups(Mapping[Hashable, GaussianMixture]):
    """One fitted mixture for each of many groups, made by `fastgmm.fit_many`.

    It is a mapping from the labels of the groups to their models.  The arrays are read-only, and
    float32 where the rows of all groups were; a group that could not be fitted has NaN in them.

    Parameters
    ----------
    labels : tuple
        The labels of the groups, in order: 0, 1, ... where none were given.
    failures : dict
        Why groups could not be fitted, by their labels; empty where all could.

    Attributes
    ----------
    models : sequence of GaussianMixture
        The models in the order of `labels`, each made when it is asked for.
    weights_ : ndarray of shape (n_groups, n_components)
    means_ : ndarray of shape (n_groups, n_components, n_features)
    covariances_ : ndarray of shape (n_groups, ...)
        What follows is the shape of `GaussianMixture.covariances_`.
    lower_bound_ : ndarray of shape (n_groups,)
        As of a single fit; that of `n_iter_` and `converged_` as well.
    n_iter_ : ndarray of int, shape (n_groups,)
    converged_ : ndarray of bool, shape (n_groups,)

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0.0, 1.0, (50, 2)), rng.normal(9.0, 2.0, (70, 2))])
    >>> found = fastgmm.fit_many(X, labels=["a"] * 50 + ["b"] * 70)
    >>> found
    <FittedGroups: 2 mixtures of 1 full component in 2 features>
    >>> found["b"].means_.round(), found.covariances_.shape
    (array([[9., 9.]]), (2, 1, 2, 2))
    >>> found.score_samples([[0.0, 0.0]] * 2, ["a", "b"]).round()
    array([ -2., -20.])
    """

    labels: tuple[Hashable, ...]
    failures: dict[Hashable, str]
    _params: dict[str, Any]
    _names: np.ndarray | None
    _stack: Stack

    # ------------------------------------------------------------------ the mapping

    def __getitem__(self, label: Hashable) -> GaussianMixture:
        """The model of the group of this label."""
        return self._model(self._places[label])

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    # Two of them are the same only where they are one.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        k, d = self._stack.numbers.means.shape[1:]
        return (
            f"<FittedGroups: {len(self)} mixtures of {k} {self._type} "
            f"component{'s' if k > 1 else ''} in {d} feature{'s' if d > 1 else ''}"
            f"{f', {len(self.failures)} failed' if self.failures else ''}>"
        )

    @property
    def models(self) -> Models:
        """The models in the order of `labels`; one of a failed group is not fitted."""
        return Models(self._model, len(self))

    def _model(self, i: int) -> GaussianMixture:
        model = GaussianMixture(**self._params)
        if i not in self._stack.failures:
            model._state = self._stack.state(i, self._type, self._names)
        return model

    @lazy
    def _places(self) -> dict[Hashable, int]:
        return {label: i for i, label in enumerate(self.labels)}

    @property
    def _type(self) -> CovarianceType:
        kind: CovarianceType = model_of(self._params["covariance_type"]).name
        return kind

    # ------------------------------------------------------------------ arrays

    @lazy
    def weights_(self) -> Rows:
        """The weights of the components of each group."""
        return self._shown(self._stack.numbers.weights)

    @lazy
    def means_(self) -> Rows:
        """The means of the components of each group."""
        return self._shown(self._stack.numbers.means)

    @lazy
    def covariances_(self) -> Rows:
        """The covariances of each group."""
        return self._shown(self._stack.numbers.covariances)

    @lazy
    def lower_bound_(self) -> FloatArray:
        """The mean log-likelihood per row that the last iteration of each fit began with."""
        return fixed_copy(self._stack.numbers.lower_bound)

    @lazy
    def converged_(self) -> Flags:
        """Whether each fit has met the rule of `tol` and `gap_tol`."""
        return fixed_copy(self._stack.numbers.converged)

    @lazy
    def n_iter_(self) -> NDArray[np.int64]:
        """The iterations of each fit."""
        return fixed_copy(self._stack.numbers.n_iter)

    def _shown(self, array: np.ndarray) -> np.ndarray:
        """What users see of an array; it stands there once, unless it is float32."""
        numbers = self._stack.numbers
        fitted = numbers.weight > 0.0
        if numbers.single[fitted].all():
            return fixed_copy(array, np.float32)
        shown = array.view()
        shown.flags.writeable = False
        return shown

    # ------------------------------------------------------------------ rows

    def score_samples(self, X: ArrayLike, labels: ArrayLike) -> Rows:
        """The log density of each row under the model of its group, in nats.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        labels : array_like of shape (n_samples,)
            The group of each row.

        Returns
        -------
        ndarray of shape (n_samples,)
            NaN for rows of groups that could not be fitted.

        Raises
        ------
        ValueError
            When a label is that of no group, or rows are not valid.
        """
        return self._by_group(X, labels, _log_density, np.nan)

    def predict(self, X: ArrayLike, labels: ArrayLike) -> Labels:
        """The most probable component of each row under the model of its group.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        labels : array_like of shape (n_samples,)
            The group of each row.

        Returns
        -------
        ndarray of int64, shape (n_samples,)
            -1 for rows of groups that could not be fitted.

        Raises
        ------
        ValueError
            When a label is that of no group, or rows are not valid.
        """
        return self._by_group(X, labels, _labels, -1)

    def _by_group(
        self,
        X: ArrayLike,
        labels: ArrayLike,
        function: Callable[[Mixture, np.ndarray, int | None, bool], np.ndarray],
        without: float,
    ) -> np.ndarray:
        """What a function says of the rows of each group under its mixture, in the rows' order."""
        opened = as_table(X)
        check_feature_names(opened, self._names)
        may = self._params["missing"] == "em"
        rows = as_rows(opened, n_features=self._stack.numbers.means.shape[2], gaps=may)
        gaps = may and has_gaps(rows)
        found, codes = as_labels(labels, len(rows))
        unknown = [label for label in found if label not in self._places]
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} is the label of no group"
                f"{f', and so are {len(unknown) - 1} more' if len(unknown) > 1 else ''}: the "
                "groups are those of `labels`."
            )
        dtype = np.dtype(np.int64) if without == -1 else rows.dtype
        out, n_threads = np.full(len(rows), without, dtype), self._params["n_threads"]
        order, ends = group_order(codes, len(found))
        for label, begin, end in zip(found, [0, *ends.tolist()], ends.tolist(), strict=False):
            i, chosen = self._places[label], order[begin:end]
            if i not in self._stack.failures:
                mixture = self._stack.mixture(i, self._type)
                out[chosen] = function(mixture, rows[chosen], n_threads, gaps)
        return out


def _log_density(
    mixture: Mixture, rows: np.ndarray, n_threads: int | None, gaps: bool
) -> np.ndarray:
    out = np.empty(len(rows), rows.dtype)
    return density.log_density(mixture, rows, out, n_threads, gaps=gaps)


def _labels(mixture: Mixture, rows: np.ndarray, n_threads: int | None, gaps: bool) -> np.ndarray:
    return density.labels(mixture, rows, n_threads, gaps=gaps)
