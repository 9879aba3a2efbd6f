"""What the user asks of regularisation, and its numbers for one data set."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.data.sample import Sample, weight_of_row
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.lazy import lazy
from fastgmm.limits.scalars import shown
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.moments import total_covariance
from fastgmm.typing import ArrayLike, CovarianceType, FloatArray
from fastgmm.values import dataclass

AUTO_RIDGE = 1e-6
"""The ridge of ``reg_covar="auto"`` is this share of each column's variance."""
LARGEST = 1e300
"""No variance is taken to be larger than this, or smaller than its inverse."""


@dataclass(frozen=True, eq=False)
class NormalInverseWishart:
    """A weak prior on means and covariances, for maximum a posteriori estimates.

    The mean of each component is normal around `mean` with the component's covariance over
    `shrinkage`, and the covariance inverse Wishart (inverse gamma for diagonals and single
    variances) with `dof` degrees of freedom and the scale `scale` (Fraley and Raftery 2007).  It
    keeps covariances away from zero where components have few rows.  The defaults are those of
    mclust's `priorControl`.

    Parameters
    ----------
    mean : array_like of shape (n_features,), optional
        By default the mean of the rows.
    shrinkage : float, default=0.01
        Rows that `mean` counts for in each component; 0 leaves the means alone.
    dof : float, optional
        By default n_features + 2.
    scale : array_like, optional
        (n_features, n_features) for "full" and "tied", one number for the other types, or one per
        feature for "diag" and "tied_diag".  By default the covariance of the rows, or the mean of
        its diagonal, over n_components ** (2 / n_features).

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> X = np.random.default_rng(0).normal(size=(12, 5))
    >>> prior = fastgmm.NormalInverseWishart()
    >>> model = fastgmm.GaussianMixture(2, prior=prior, random_state=0).fit(X)
    >>> bool(np.linalg.eigvalsh(model.covariances_).min() > 0.01)
    True
    """

    mean: ArrayLike | None = None
    shrinkage: float = 0.01
    dof: float | None = None
    scale: ArrayLike | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NormalInverseWishart) and self.facts() == other.facts()

    def __hash__(self) -> int:
        return hash(repr(self.facts()))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, as they were given, by which a grid search finds ``prior__shrinkage``.

        Parameters
        ----------
        deep : bool, default=True
            Not used: none of them has parameters.

        Returns
        -------
        dict
            Name -> value.
        """
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def set_params(self, **params: Any) -> "NormalInverseWishart":
        """Another prior with some parameters changed: this one stays as it is.

        Parameters
        ----------
        **params : object
            Name -> value.

        Returns
        -------
        NormalInverseWishart

        Raises
        ------
        ValueError
            When a name is not one of the parameters.

        Examples
        --------
        >>> import fastgmm
        >>> fastgmm.NormalInverseWishart().set_params(shrinkage=1.0).shrinkage
        1.0
        """
        valid = sorted(self.get_params())
        for name in params:
            if name not in valid:
                raise ValueError(
                    f"Invalid parameter {name!r} for {self!r}. Valid parameters are: {valid!r}."
                )
        return replace(self, **params)

    def facts(self) -> dict[str, Any]:
        """The numbers of the prior as JSON values, for comparison and for files."""

        def plain(value: Any) -> Any:
            return None if value is None else np.asarray(value, dtype=np.float64).tolist()

        return {name: plain(getattr(self, name)) for name in ("mean", "shrinkage", "dof", "scale")}


@dataclass(frozen=True)
class Regularizing:
    """What the constructor says of regularisation, before any row is known.

    Parameters
    ----------
    reg_covar : float or "auto"
    prior : NormalInverseWishart, optional
    covariance_type : str
    n_components : int
        The number of components of the mixture.
    row_weight : float
        The weight of one row: sample weights are counts, unless they are less than one on average.
    """

    reg_covar: float | str
    prior: NormalInverseWishart | None
    covariance_type: CovarianceType
    n_components: int
    row_weight: float = 1.0

    @property
    def needs_rows(self) -> bool:
        """Whether the numbers depend on the rows."""
        prior = self.prior
        return self.reg_covar == "auto" or (
            prior is not None and (prior.mean is None or prior.scale is None)
        )

    def of_rows(self, sample: Callable[[], Sample], n_features: int) -> Regularization:
        """The regularisation for rows, of which a sample is made only if one is needed."""
        return self.of_sample(sample()) if self.needs_rows else self.without_rows(n_features)

    def of_sample(self, sample: Sample) -> Regularization:
        """The regularisation for the rows of which these are a sample."""
        rows = sample.rows[np.sort(sample.order)].astype(np.float64)
        weight, counted = np.ones(len(rows)), float(len(rows))
        if sample.weight is not None:
            weight = sample.weight[np.sort(sample.order)]
            counted = float(weight.sum()) / weight_of_row(weight)
            weight = weight / weight.max()
        mean = np.average(rows, axis=0, weights=weight)
        covariance = _scatter(rows - mean, weight)
        # As with `var` in R, the divisor is one row less than there are.
        unbiased = counted / (counted - 1.0) if counted > 1.0 else 1.0
        return self.of_moments(mean, covariance, unbiased)

    def of_moments(
        self, mean: FloatArray, covariance: FloatArray, unbiased: float = 1.0
    ) -> Regularization:
        """The regularisation for rows of this mean (D,) and covariance (D, D).

        `unbiased` is by how much the covariance must be multiplied to be unbiased.
        """
        ridge = np.asarray(self.reg_covar if self.reg_covar != "auto" else 0.0, dtype=np.float64)
        if self.reg_covar == "auto":
            ridge = AUTO_RIDGE * _variances(mean, covariance)
            if model_of(self.covariance_type).form.isotropic:
                ridge = np.full(len(mean), _mean_variance(ridge, mean, covariance))
        prior = None
        if self.prior is not None:
            prior = self._resolved(self.prior, mean, covariance * unbiased)
        return Regularization(ridge, prior)

    def without_rows(self, n_features: int) -> Regularization:
        """The regularisation where it does not depend on the rows."""
        if self.prior is None:
            return self._ridge_alone
        return self.of_moments(np.zeros(n_features), np.zeros((n_features, n_features)))

    @lazy
    def _ridge_alone(self) -> Regularization:
        return Regularization(np.asarray(self.reg_covar, dtype=np.float64))

    def of_mixture(self, mixture: Mixture) -> Regularization:
        """The regularisation for rows of which nothing is known but a mixture."""
        return self.of_moments(mixture.weights @ mixture.means, total_covariance(mixture))

    def _resolved(
        self, prior: NormalInverseWishart, mean: FloatArray, covariance: FloatArray
    ) -> Prior:
        form, d = model_of(self.covariance_type).form, len(mean)
        if prior.mean is not None:
            mean = _checked(prior.mean, (d,), "mean")
        shrunk = _regular(covariance) / self.n_components ** (2.0 / d)
        if prior.scale is None:
            scale = form.prior_scale(shrunk)
        else:
            scale = np.asarray(prior.scale, dtype=np.float64)
            if not form.takes_prior_scale(scale.shape, d):
                scale = _checked(scale, form.shape(d), "scale")
        scale = form.symmetric(scale)
        dof = d + 2.0 if prior.dof is None else float(prior.dof)
        return Prior(mean, float(prior.shrinkage), dof, scale, self.row_weight)


def check_prior(prior: NormalInverseWishart) -> None:
    """Raise ValueError where a number of the prior cannot be one."""
    shrinkage, dof = _number(prior.shrinkage), _number(prior.dof)
    if not 0.0 <= shrinkage < np.inf:
        raise ValueError(
            f"the prior's shrinkage must be a number >= 0, got {shown(prior.shrinkage)}."
        )
    if prior.dof is not None and not 0.0 < dof < np.inf:
        raise ValueError(f"the prior's dof must be a positive number, got {shown(prior.dof)}.")
    for name in ("mean", "scale"):
        value = getattr(prior, name)
        if value is not None and not np.isfinite(_numbers(value)).all():
            raise ValueError(f"the prior's {name} must be finite numbers, got {shown(value)}.")
    if prior.scale is not None and not _is_scale(_numbers(prior.scale)):
        raise ValueError(
            "the prior's scale must be positive numbers, or a positive definite matrix."
        )


def _is_scale(scale: FloatArray) -> bool:
    if scale.ndim < 2:
        return bool((scale > 0).all())
    square = scale.ndim == 2 and scale.shape[0] == scale.shape[1]
    return square and np.allclose(scale, scale.T) and bool((np.linalg.eigvalsh(scale) > 0).all())


def _number(value: Any) -> float:
    number = _numbers(value)
    return float(number) if number.ndim == 0 else np.nan


def _numbers(value: Any) -> FloatArray:
    """The value as float64 numbers; NaN where it is none."""
    try:
        array = np.asarray(value)
        # NumPy would read text and dates as numbers.
        return array.astype(np.float64) if array.dtype.kind in "biufO" else np.asarray(np.nan)
    except (TypeError, ValueError, OverflowError):
        return np.asarray(np.nan)


def _checked(value: ArrayLike, shape: tuple[int, ...], name: str) -> FloatArray:
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(
            f"the prior's {name} must have the shape {shape} for these rows, got {array.shape}."
        )
    return array


def _scatter(rows: FloatArray, weight: FloatArray) -> FloatArray:
    scale = np.abs(rows).max(axis=0, initial=0.0)
    unit = rows / np.where(scale > 0.0, scale, 1.0)  # float64 has no squares of 1e200
    with np.errstate(over="ignore"):
        scatter: FloatArray = (
            (unit * (weight / weight.sum())[:, None]).T @ unit * scale[:, None] * scale
        )
    return np.clip(scatter, -LARGEST, LARGEST)


def _regular(covariance: FloatArray) -> FloatArray:
    """The covariance; its diagonal if it is singular, as that of no more rows than features."""
    deviations = np.sqrt(np.diagonal(covariance))
    varying = deviations > 0.0
    unit = deviations[varying]
    correlations = covariance[np.ix_(varying, varying)] / unit[:, None] / unit
    if np.linalg.matrix_rank(correlations, hermitian=True) < len(unit):
        return np.diag(np.diagonal(covariance))
    return covariance


def _mean_variance(ridge: FloatArray, mean: FloatArray, covariance: FloatArray) -> float:
    """The mean ridge with constant columns counted as 0; their own mean if all are constant.

    A variance that all columns share cannot treat them apart.
    """
    constant = _constant(mean, covariance)
    return float(ridge.mean() if constant.all() else np.where(constant, 0.0, ridge).mean())


def _constant(mean: FloatArray, covariance: FloatArray) -> np.ndarray:
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.diagonal(covariance) <= (64 * np.finfo(np.float64).eps * mean) ** 2)


def _variances(mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """(D,): variances of the columns.

    A constant column, which tells no rows apart, gets the square of its own value.
    """
    variances = np.diagonal(covariance)
    with np.errstate(over="ignore", under="ignore"):
        instead = np.where(mean != 0.0, np.clip(mean**2, 1.0 / LARGEST, LARGEST), 1.0)
    return np.where(_constant(mean, covariance), instead, np.maximum(variances, 1.0 / LARGEST))
