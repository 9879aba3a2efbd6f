"""What a fitted mixture measures: distances, regions of its rows, divergences of other mixtures."""

from typing import Any

import numpy as np

from fastgmm.estimators.drawing import check_sample
from fastgmm.estimators.factored import Factored
from fastgmm.estimators.scoring import Scoring
from fastgmm.limits.room import check_result
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ArrayLike, FloatArray, Rows
from fastgmm.validation import as_generator
from fastgmm.validation.questions import as_count, as_level


class Measures(Factored):
    """What a fitted mixture measures; an estimator and a snapshot inherit it."""

    def _seeded(self, random_state: Any) -> "np.random.Generator":
        return as_generator(self.random_state if random_state is None else random_state)

    # ------------------------------------------------------------------ distances and regions

    def mahalanobis(self, X: ArrayLike) -> Rows:
        """Distances of rows to the means, in deviations of each component.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            sqrt((x - mean_k)^T covariance_k^-1 (x - mean_k)); inf where its square overflows.  Of a
            row with gaps (``missing="em"``) in the columns that were observed: its square has so
            many degrees of freedom, and is 0 where there are none.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[2.0]], [[[4.0]]])
        >>> model.mahalanobis([[2.0], [8.0]]).ravel()
        array([0., 3.])
        """
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "mahalanobis")
        check_result((len(rows), mixture.n_components), rows.dtype)
        out = np.empty((len(rows), mixture.n_components), rows.dtype)
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import distance

        measure = distance.mahalanobis_with_gaps if gaps else distance.mahalanobis
        return measure(mixture, rows, out, self._threads())

    def density_region(
        self, level: float, *, n_samples: int = 100_000, random_state: Any = None
    ) -> float:
        """The log density above which the mixture has this share of its rows.

        Where `score_samples` is at least this, lies the smallest region that holds the share: the
        region of highest density (Hyndman 1996).  It is one of complete rows: rows of which only
        some columns were observed have the region of ``marginal(columns)``.

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
        mixture, _ = self._gaussians("density_region")
        share = as_level(level)
        count = as_count(n_samples, "n_samples", 1)
        check_sample(count, mixture.n_features)
        generator = self._seeded(random_state)
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import region

        return region.density_threshold(mixture, share, count, generator, self._threads())

    def covariance_decomposition(self) -> "tuple[FloatArray, FloatArray, FloatArray]":
        """Each covariance as its volume times a shape along axes, which types may make equal.

        Returns
        -------
        volumes : ndarray of shape (n_components,)
            The D-th roots of the determinants.
        shapes : ndarray of shape (n_components, n_features)
            Variances over the volume; their product is 1.
        axes : ndarray of shape (n_components, n_features, n_features)
            Orthogonal, in columns: ``volumes[k] * axes[k] @ np.diag(shapes[k]) @ axes[k].T`` is the
            covariance.  Those of diagonals are the features; components that share their axes have
            them in one order, and others the largest variance first.

        Examples
        --------
        >>> import fastgmm
        >>> means, variances = [[0.0, 0.0], [5.0, 5.0]], [[4.0, 1.0], [8.0, 2.0]]
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [0.5, 0.5], means, variances, covariance_type="VEI"
        ... )
        >>> volumes, shapes, axes = model.covariance_decomposition()
        >>> volumes, shapes
        (array([2., 4.]), array([[2. , 0.5],
               [2. , 0.5]]))
        """
        mixture, _ = self._fitted()
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import decomposition

        return decomposition.decomposition(mixture)

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
        check_sample(count, mixture.n_features, shuffle=True)  # the scores of both take room
        generator = self._seeded(random_state)
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import divergence

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
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import divergence

        return divergence.divergence_bound(*self._both(other))

    def _both(self, other: Any) -> tuple[Mixture, Mixture]:
        """The mixtures of this model and of another one, if it is of the same columns."""
        if not isinstance(other, Scoring):
            raise TypeError(
                "other must be a fitted GaussianMixture or a Snapshot of one, "
                f"got {type(other).__name__}"
            )
        (mixture, names) = self._gaussians("a divergence")
        (theirs, their_names) = other._gaussians("a divergence")
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
