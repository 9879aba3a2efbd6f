"""What a fitted mixture becomes for other rows: adapted to them, or compared with them."""

from collections.abc import Iterable
from typing import Any, Self

from fastgmm.covariance.types import without_factors
from fastgmm.em.e_step import expectation
from fastgmm.em.regularization import Regularization
from fastgmm.estimators.questions import Questions
from fastgmm.estimators.state import Report, State
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.mixture.statistics import check as check_statistics
from fastgmm.typing import ArrayLike, Part, Rows
from fastgmm.validation.factors import check_no_factors
from fastgmm.validation.parts import as_parts, as_relevance
from fastgmm.validation.questions import as_count


class Adapting(Questions):
    """What a fitted mixture becomes for other rows; the estimator inherits it."""

    def _regularization(self) -> Regularization:
        raise NotImplementedError

    def adapt(
        self,
        X: "ArrayLike | SufficientStatistics",
        *,
        relevance: float = 16.0,
        parts: "Part | Iterable[Part]" = ("means",),
        sample_weight: ArrayLike | None = None,
        n_iter: int = 1,
    ) -> Self:
        """A new model, adapted to some rows by the rule of maximum a posteriori.

        A component that holds n of the rows goes the share alpha = n / (n + relevance) of the way
        to them: means to alpha E[x] + (1 - alpha) mean, variances and weights by the formulas of
        Reynolds, Quatieri and Dunn (2000), for all covariance types.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features), or SufficientStatistics
            Rows, or what `e_step` of this model says of them: statistics of batches add, and
            those of a speaker serve as often as they are wanted.
        relevance : float, default=16
            For how many rows of its own each component stands.  0 is one step of EM, infinity the
            model itself.
        parts : collection of {"weights", "means", "covariances"}, default=("means",)
            What is adapted.  The rest stays as it is, to the last bit; covariances are then about
            the means that stay.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts.
        n_iter : int, default=1
            How often the rows are passed over, each time with what the last pass has made; the
            rows that components stand for stay those of this model.

        Returns
        -------
        GaussianMixture
            Fitted, with the parameters of this model, but for those of a start and `frozen`.

        Raises
        ------
        ValueError
            When rows are not valid, or statistics are not of such a model.

        Notes
        -----
        This is Kaldi's ``gmm-adapt-map`` (``--mean-tau``, ``--weight-tau``) and bob's
        ``MAP_GMMTrainer`` (``relevance_factor``); the model is the universal background model.
        `reg_covar` is part of each covariance, as after any M-step, and `prior` has no say: the
        model is the prior.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> background = fastgmm.GaussianMixture.from_parameters(
        ...     [0.5, 0.5], [[0.0], [10.0]], [[[1.0]], [[1.0]]]
        ... )
        >>> speaker = background.adapt([[2.0]] * 16, relevance=16)
        >>> speaker.means_.ravel()
        array([ 1., 10.])
        """
        mixture, names = self._gaussians("adapt")
        asked = as_relevance(relevance), as_parts(parts, "adapt"), self._regularization()
        n_iter = as_count(n_iter, "n_iter", 1)
        # What adaptation needs is loaded with the first of them.
        from fastgmm.em.adaptation import adapted

        if isinstance(X, SufficientStatistics):
            check_statistics(X, mixture.covariance_type, mixture.means.shape, "adapt")
            if n_iter > 1 or sample_weight is not None:
                raise ValueError(
                    "adapt has statistics in place of rows, which have their weights already and "
                    "serve for one iteration: pass the rows"
                )
            if not X.weight > 0.0:
                raise ValueError("the statistics hold no weight: add those of at least one row")
            found, seen = adapted(mixture, X, *asked), X.weight
            bounds = [X.log_likelihood / seen]
        else:
            mixture, data = self._weighed(X, sample_weight, "adapt")
            found, seen, bounds = mixture, data.extent.weight, []
            for _ in range(n_iter):
                statistics = expectation(found, data, reg_covar=asked[2].reg_covar)
                bounds.append(statistics.log_likelihood / statistics.weight)
                found = adapted(mixture, statistics, *asked)
        report = Report(False, n_iter, n_iter, bounds[-1], tuple(bounds))
        model = self._answer(found, names)
        model._state = State(found, asked[2], report, names, seen)
        return model

    def fisher_vectors(
        self,
        X: Any,
        groups: ArrayLike | None = None,
        *,
        parts: "Part | Iterable[Part]" = ("means", "covariances"),
        improved: bool = True,
    ) -> Rows:
        """One vector per group of rows: how they would like to change the mixture.

        The gradient of the mean log-likelihood of a group, in units of the information that rows
        have of each parameter (Perronnin, Sanchez and Mensink 2010).  A linear classifier of
        such vectors compares images, recordings or patients by the rows that they consist of.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features), or iterable
            The rows of all groups; or an iterable of the rows of each group, or of what `e_step`
            says of them.  One table without `groups` is one group.
        groups : array_like of shape (n_samples,), optional
            The label of the group of each row.
        parts : collection of {"weights", "means", "covariances"}, default=("means", "covariances")
            Which gradients make the vector, in this order whatever that of the names.
        improved : bool, default=True
            Whether each number becomes its signed root, and then each vector gets length 1.

        Returns
        -------
        ndarray of shape (n_groups, length)
            The groups in the order of the iterable, or of their sorted labels.  Of weights there
            are K numbers, of means K D, component by component, and of covariances as many as a
            covariance type has parameters; float32 where all rows are.

        Raises
        ------
        ValueError
            When the rows of a group are not valid, or there is no group.

        Notes
        -----
        For "diag" they are equations 16 to 18 of Sanchez et al. (2013): of a mean the sums of
        r (x - mean) / deviation, of a deviation those of r ((x - mean)^2 / variance - 1) / sqrt(2),
        over n sqrt(weight).  Full matrices have y = L^-1 (x - mean) in place of the quotient: of
        the means r y, and of the covariances the lower triangle of r (y y^T - I), row by row, whose
        diagonal is divided by sqrt(2).  What components share has one gradient, without the weight.
        scikit-image's `fisher_vector` has the weights' part always, and the sign of the
        covariances' reversed.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [1.0], [[0.0]], [[2.0]], covariance_type="diag"
        ... )
        >>> model.fisher_vectors([[1.0], [3.0], [2.0]], [7, 7, 9], improved=False).round(3)
        array([[1.414, 1.061],
               [1.414, 0.707]])
        """
        mixture, names = self._gaussians("fisher_vectors")
        check_no_factors(without_factors(mixture.covariance_type), "Fisher vectors")
        chosen = as_parts(parts, "fisher_vectors")
        # What these vectors need is loaded with the first of them.
        from fastgmm.estimators.fisher import groups_of, vectors_of

        def taken(table: Any) -> tuple[Rows, bool]:
            return self._rows(table, mixture, names, "fisher_vectors")

        given = groups_of(X, groups, mixture, taken)
        return vectors_of(mixture, given, chosen, improved, self._threads())
