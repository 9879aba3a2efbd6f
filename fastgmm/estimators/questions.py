"""What a fitted mixture answers beside scores: other mixtures, regression, distances, regions."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from fastgmm.estimators.scoring import Scoring
from fastgmm.estimators.state import State
from fastgmm.mixture import conditioning, distance, divergence, merging, region
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.regression import regression
from fastgmm.tables.columns import Column
from fastgmm.typing import ArrayLike
from fastgmm.validation import as_generator, as_table
from fastgmm.validation.questions import (
    as_columns,
    as_count,
    as_level,
    as_others,
    as_values,
    check_width,
)


class Questions(Scoring):
    """What a fitted mixture answers; columns are called by name or by number, counted from 0."""

    def _answer(self, mixture: Mixture, names: np.ndarray | None) -> Self:
        """A model of its own of another mixture, with the parameters of this one.

        Initial parameters are those of other components or columns, and are left out.
        """
        model = object.__new__(type(self))
        own = model.__dict__
        own.update(self.__dict__)
        own.update(
            n_components=mixture.n_components,
            covariance_type=mixture.covariance_type,
            weights_init=None,
            means_init=None,
            precisions_init=None,
            _state=State(mixture, names=names),
        )
        return model

    def _seeded(self, random_state: Any) -> "np.random.Generator":
        return as_generator(self.random_state if random_state is None else random_state)

    # ------------------------------------------------------------------ some of the columns

    def marginal(self, columns: "Column | Sequence[Column]") -> Self:
        """The mixture of some of the columns, whatever the others are.

        Parameters
        ----------
        columns : str, int or sequence of those
            Which, by name or number, in the order that the new model has them.

        Returns
        -------
        GaussianMixture
            Fitted, with the parameters of this model, those of a start left out.

        Raises
        ------
        ValueError
            When a column is unknown or chosen twice, or none is chosen.
        TypeError
            When one is neither a name nor a number.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [1.0], [[2.0, 5.0]], [[[1.0, 0.5], [0.5, 4.0]]]
        ... )
        >>> model.marginal(1).covariances_
        array([[[4.]]])
        """
        mixture, names = self._fitted()
        chosen = np.array(as_columns(columns, names, mixture.n_features))
        part = conditioning.marginal(mixture, chosen)
        return self._answer(part, None if names is None else names[chosen])

    def conditional(self, columns: "Column | Sequence[Column]", values: ArrayLike) -> Self:
        """The mixture of all other columns where these have known values.

        Parameters
        ----------
        columns : str, int or sequence of those
            The known columns, by name or number.
        values : array_like of shape (n_known,), or a number for one column
            Their values, in the order of `columns`.

        Returns
        -------
        GaussianMixture
            Fitted, of the other columns in their order.  A component's weight is its responsibility
            for the values.  The next question about the same columns takes a part of the time.

        Raises
        ------
        ValueError
            When a column is unknown or chosen twice, none or all are chosen, a value is NaN or
            inf, there are more or fewer values than columns, or means overflow.
        TypeError
            When a column is neither a name nor a number.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [1.0], [[2.0, 5.0]], [[[1.0, 0.5], [0.5, 4.0]]]
        ... )
        >>> left = model.conditional(0, 4.0)
        >>> left.means_, left.covariances_
        (array([[6.]]), array([[[3.75]]]))
        """
        mixture, names = self._fitted()
        known = as_columns(columns, names, mixture.n_features)
        left = as_others(known, mixture.n_features, "no other is left to be told of")
        row = as_values(values, len(known))
        found = conditioning.conditional(conditioning.cut_of(mixture, known, left), row)
        return self._answer(found, None if names is None else names[list(left)])

    def regress(
        self, X: ArrayLike, columns: "Column | Sequence[Column]", *, return_cov: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """The expectation of some columns given all others, row by row.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features - n_asked)
            Rows of the other columns, in their order.
        columns : str, int or sequence of those
            The columns that are asked for, by name or number.
        return_cov : bool, default=False
            Whether to return the covariances as well, those of the components and those of the
            components' means together.

        Returns
        -------
        means : ndarray of shape (n_samples, n_asked)
            In the order of `columns`; float32 for float32 rows, else float64.
        covariances : ndarray of shape (n_samples, n_asked, n_asked)
            Only where `return_cov` is true.

        Raises
        ------
        ValueError
            When a column is unknown or chosen twice, none or all are chosen, `X` is not such rows,
            or results overflow.
        TypeError
            When a column is neither a name nor a number.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [1.0], [[2.0, 5.0]], [[[1.0, 0.5], [0.5, 4.0]]]
        ... )
        >>> model.regress([[2.0], [4.0]], columns=[1]).ravel()
        array([5., 6.])
        """
        mixture, names = self._fitted()
        asked = as_columns(columns, names, mixture.n_features)
        others = as_others(asked, mixture.n_features, "none is left to tell of them")
        cut = conditioning.cut_of(mixture, others, asked)
        names = None if names is None else names[list(others)]
        table = as_table(X)
        check_width(table, len(others))
        rows = self._rows(table, cut.given, names, "regress")
        means, covariances = regression(
            cut, rows, return_cov=bool(return_cov), n_threads=self._threads()
        )
        results = [array for array in (means, covariances) if array is not None]
        for array in results:
            if not np.isfinite(array).all():
                row = int(np.nonzero(~np.isfinite(array))[0][0])
                raise ValueError(
                    f"X[{row}] lies so far out that what it tells overflows {rows.dtype}: leave "
                    "out such rows, or scale the columns"
                )
        return means if covariances is None else (means, covariances)

    # ------------------------------------------------------------------ distances and regions

    def mahalanobis(self, X: ArrayLike) -> np.ndarray:
        """Distances of rows to the means, in deviations of each component.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            sqrt((x - mean_k)^T covariance_k^-1 (x - mean_k)); inf where its square overflows.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[2.0]], [[[4.0]]])
        >>> model.mahalanobis([[2.0], [8.0]]).ravel()
        array([0., 3.])
        """
        mixture, names = self._fitted()
        rows = self._rows(X, mixture, names, "mahalanobis")
        out = np.empty((len(rows), mixture.n_components), rows.dtype)
        return distance.mahalanobis(mixture, rows, out, self._threads())

    def density_region(
        self, level: float, *, n_samples: int = 100_000, random_state: Any = None
    ) -> float:
        """The log density above which the mixture has this share of its rows.

        Where `score_samples` is at least this, lies the smallest region that holds the share: the
        region of highest density (Hyndman 1996).

        Parameters
        ----------
        level : float
            The share, between 0 and 1.
        n_samples : int, default=100_000
            How many rows of the mixture's own are drawn to find it.  The share is met within a
            standard error of sqrt(level (1 - level) / n_samples).
        random_state : int, numpy.random.Generator, numpy.random.RandomState or None
            Seed of the draw; None takes the constructor's `random_state`.

        Returns
        -------
        float
            Nats.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1, or `n_samples` is not an integer of at least 1.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> threshold = model.density_region(0.95, random_state=0)
        >>> (model.score_samples([[1.9], [2.1]]) >= threshold).tolist()
        [True, False]
        """
        mixture, _ = self._fitted()
        share = as_level(level)
        count = as_count(n_samples, "n_samples", 1)
        generator = self._seeded(random_state)
        return region.density_threshold(mixture, share, count, generator, self._threads())

    # ------------------------------------------------------------------ other mixtures

    def kl_divergence(
        self, other: Scoring, *, n_samples: int = 10_000, random_state: Any = None
    ) -> tuple[float, float]:
        """The Kullback-Leibler divergence of this mixture from another one, by own samples.

        Parameters
        ----------
        other : GaussianMixture or Snapshot
            Fitted, of the same columns; covariance type and number of components may differ.
        n_samples : int, default=10_000
            How many rows of this mixture are drawn.
        random_state : int, numpy.random.Generator, numpy.random.RandomState or None
            Seed of the draw; None takes the constructor's `random_state`.

        Returns
        -------
        value : float
            The mean of log p(x) - log q(x) over the rows, in nats; noise may make it negative.
        standard_error : float
            Of the value.

        Raises
        ------
        TypeError
            When `other` is no such model.
        ValueError
            When it has other columns, or `n_samples` is not an integer of at least 2.

        Examples
        --------
        >>> import fastgmm
        >>> p, q = (
        ...     fastgmm.GaussianMixture.from_parameters([1.0], [[mean]], [[[1.0]]])
        ...     for mean in (0.0, 1.0)
        ... )
        >>> value, error = p.kl_divergence(q, random_state=0)
        >>> abs(value - 0.5) < 3 * error
        True
        >>> p.kl_divergence(p, random_state=0)
        (0.0, 0.0)
        """
        mixture, theirs = self._both(other)
        count = as_count(n_samples, "n_samples", 2)
        generator = self._seeded(random_state)
        return divergence.sampled_divergence(mixture, theirs, count, generator, self._threads())

    def kl_divergence_bound(self, other: Scoring) -> float:
        """An upper bound of the Kullback-Leibler divergence of this mixture from another one.

        The variational bound of Hershey and Olsen (2007), which takes no samples.  Of two single
        Gaussians it is the divergence itself.

        Parameters
        ----------
        other : GaussianMixture or Snapshot
            Fitted, of the same columns.

        Returns
        -------
        float
            Nats; at least zero.

        Raises
        ------
        TypeError, ValueError
            As `kl_divergence`.

        Examples
        --------
        >>> import fastgmm
        >>> p, q = (
        ...     fastgmm.GaussianMixture.from_parameters([1.0], [[mean]], [[[1.0]]])
        ...     for mean in (0.0, 1.0)
        ... )
        >>> p.kl_divergence_bound(q)
        0.5
        """
        return divergence.divergence_bound(*self._both(other))

    def _both(self, other: Any) -> tuple[Mixture, Mixture]:
        """The mixtures of this model and of another one, if it is of the same columns."""
        if not isinstance(other, Scoring):
            raise TypeError(
                "other must be a fitted GaussianMixture or a Snapshot of one, "
                f"got {type(other).__name__}"
            )
        (mixture, names), (theirs, their_names) = self._fitted(), other._fitted()
        if mixture.n_features != theirs.n_features:
            raise ValueError(
                f"other must have the {mixture.n_features} columns of this model, and it has "
                f"{theirs.n_features}: compare marginal mixtures of columns that both have"
            )
        if names is not None and their_names is not None and (names != their_names).any():
            j = int(np.argmax(names != their_names))
            raise ValueError(
                f"other must have the columns of this model, and its column {j} is "
                f"{their_names[j]!r}, not {names[j]!r}: bring both into one order by marginal()"
            )
        return mixture, theirs

    def merge_components(self, n_components: int) -> Self:
        """A model of fewer components, each with the moments of those that it was made of.

        Pair by pair, those components are merged whose merge costs least by the bound of Runnalls
        (2007), so that weights, overall mean and, as far as the covariance type can hold it, the
        overall covariance stay.  Diagonal types keep the variances, spherical ones their mean.  The
        one covariance of tied types becomes the mean, by weight, of what each component would
        need, which keeps the overall covariance, too.

        Parameters
        ----------
        n_components : int
            How many are to be left.

        Returns
        -------
        GaussianMixture
            Fitted, with the parameters of this model, those of a start left out.  A component
            stands where the first of its parts stood.

        Raises
        ------
        ValueError
            When `n_components` is not an integer from 1 to the number that there are.
        DataRangeError
            When squares of distances between means overflow.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [0.25, 0.5, 0.25], [[-1.0], [9.0], [1.0]], [[[1.0]], [[1.0]], [[1.0]]]
        ... )
        >>> fewer = model.merge_components(2)
        >>> fewer.weights_, fewer.means_.ravel(), fewer.covariances_.ravel()
        (array([0.5, 0.5]), array([0., 9.]), array([2., 1.]))
        """
        mixture, names = self._fitted()
        count = as_count(n_components, "n_components", 1, mixture.n_components)
        return self._answer(merging.merged(mixture, count), names)
