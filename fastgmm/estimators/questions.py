"""What a fitted mixture answers about some of its columns, and with fewer components."""

from collections.abc import Sequence
from typing import Any, Literal, Self, overload

import numpy as np

from fastgmm.covariance.types import n_factors_of, without_factors
from fastgmm.estimators.measures import Measures
from fastgmm.estimators.state import State
from fastgmm.limits.room import check_result
from fastgmm.limits.scalars import as_flag
from fastgmm.mixture.mixture import Mixture
from fastgmm.tables.columns import Column
from fastgmm.typing import SAME_TYPES, ArrayLike, RandomStateLike, Rows
from fastgmm.validation import as_generator, as_rows, as_table, check_feature_names
from fastgmm.validation.questions import (
    as_columns,
    as_count,
    as_others,
    as_values,
    check_width,
)


class Questions(Measures):
    """What a fitted mixture answers; columns are called by name or by number, counted from 0."""

    def _written_out(self, method: str) -> tuple[Mixture, np.ndarray | None]:
        """The mixture and the names of its features; of low rank the covariances are matrices."""
        mixture, names = self._gaussians(method)
        return mixture.dense, names

    def _answer(self, mixture: Mixture, names: np.ndarray | None) -> Self:
        """A model of its own of another mixture, with the parameters of this one.

        Initial parameters are those of other components or columns, and are left out, as is what
        is frozen of them.
        """
        model = object.__new__(type(self))
        own, kind = model.__dict__, mixture.covariance_type
        if SAME_TYPES.get(self.__dict__["covariance_type"]) == kind:
            kind = self.__dict__["covariance_type"]  # of two names it is the user's
        own.update(self.__dict__)
        own.update(
            n_components=mixture.n_components,
            covariance_type=without_factors(kind),
            n_factors=n_factors_of(mixture.covariance_type),
            weights_init=None,
            means_init=None,
            precisions_init=None,
            frozen=(),
            _state=State(mixture, names=names),
        )
        return model

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
        mixture, names = self._gaussians("marginal")
        chosen = np.array(as_columns(columns, names, mixture.n_features))
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import conditioning

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
        mixture, names = self._written_out("conditional")
        known = as_columns(columns, names, mixture.n_features)
        left = as_others(known, mixture.n_features, "no other is left to be told of")
        row = as_values(values, len(known))
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import conditioning

        found = conditioning.conditional(conditioning.cut_of(mixture, known, left), row)
        return self._answer(found, None if names is None else names[list(left)])

    @overload
    def regress(
        self,
        X: ArrayLike,
        columns: "Column | Sequence[Column]",
        *,
        return_cov: Literal[False] = False,
    ) -> Rows: ...

    @overload
    def regress(
        self, X: ArrayLike, columns: "Column | Sequence[Column]", *, return_cov: Literal[True]
    ) -> tuple[Rows, Rows]: ...

    def regress(
        self, X: ArrayLike, columns: "Column | Sequence[Column]", *, return_cov: bool = False
    ) -> Rows | tuple[Rows, Rows]:
        """The expectation of some columns given all others, row by row.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features - n_asked)
            Rows of the other columns, in their order.  With ``missing="em"`` NaN is a gap, and what
            was observed tells; a row without any value is told the mixture's own moments.
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
        mixture, names = self._written_out("regress")
        return_cov = as_flag(return_cov, "return_cov")
        asked = as_columns(columns, names, mixture.n_features)
        others = as_others(asked, mixture.n_features, "none is left to tell of them")
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import conditioning

        cut = conditioning.cut_of(mixture, others, asked)
        names = None if names is None else names[list(others)]
        table = as_table(X)
        check_width(table, len(others))
        rows, gaps = self._rows(table, cut.given, names, "regress")
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture.regression import regression, regression_with_gaps

        n_asked = len(asked)
        check_result((len(rows), n_asked, 1 + n_asked if return_cov else 1), rows.dtype)
        settings: dict[str, Any] = {"return_cov": return_cov, "n_threads": self._threads()}
        if gaps:
            found = regression_with_gaps(mixture, asked, others, rows, **settings)
        else:
            found = regression(cut, rows, **settings)
        means, covariances = found
        results = [array for array in (means, covariances) if array is not None]
        for array in results:
            if not np.isfinite(array).all():
                row = int(np.nonzero(~np.isfinite(array))[0][0])
                raise ValueError(
                    f"X[{row}] lies so far out that what it tells overflows {rows.dtype}: leave "
                    "out such rows, or scale the columns"
                )
        return means if covariances is None else (means, covariances)

    # ------------------------------------------------------------------ gaps

    def impute(self, X: ArrayLike, *, random_state: RandomStateLike = None) -> Rows:
        """The rows with what is missing, NaN, filled in.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; `missing` need not be "em" to fill them.
        random_state : int, numpy.random.Generator, numpy.random.RandomState or None
            None fills in conditional means: the best guess of each value, but with too little
            spread among them.  A seed draws from the conditional distribution instead, as multiple
            imputation wants (Rubin 1987): call it with several seeds, and compare the results.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            A copy; float32 for float32 rows, else float64.

        Raises
        ------
        ValueError
            When the rows are not valid but for gaps.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [1.0], [[2.0, 5.0]], [[[1.0, 0.5], [0.5, 4.0]]]
        ... )
        >>> model.impute([[4.0, float("nan")], [float("nan")] * 2])
        array([[4., 6.],
               [2., 5.]])
        """
        mixture, names = self._written_out("impute")
        table = as_table(X)
        check_feature_names(table, names)
        n_threads = self._threads()
        rows = as_rows(
            table,
            n_features=mixture.n_features,
            method="impute",
            n_threads=n_threads,
            gaps=True,
        )
        # A copy, and the number of the pattern of each row with what it is found by.
        check_result((len(rows), mixture.n_features + 3), np.float64)
        generator = None if random_state is None else as_generator(random_state)
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture.imputation import imputed

        return imputed(mixture, rows, n_threads, generator)

    # ------------------------------------------------------------------ fewer components

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
        mixture, names = self._written_out("merge_components")
        count = as_count(n_components, "n_components", 1, mixture.n_components)
        # What a question needs is loaded with the first of them.
        from fastgmm.mixture import merging

        return self._answer(merging.merged(mixture, count), names)
