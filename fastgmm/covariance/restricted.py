"""Covariance models that are restricted: their covariances have volume, shape or axes in common.

A covariance is its volume, the D-th root of its determinant, times a shape of determinant 1 along
some axes (Banfield and Raftery 1993; Celeux and Govaert 1995).  The three letters of a name, those
of mclust, say of volume, shape and axes in this order whether they are equal in all components (E)
or vary (V); I stands for axes that are those of the features.  The six models in which covariances
are free or the same have names of their own; here are the other eight.

Each has a rule that makes of the covariances that would be without the restriction those that are
most likely with it.  The ridge is added before: it keeps what it is, a variance that every row has
on top, and the restriction holds to rounding.
"""

from collections.abc import Callable

import numpy as np

from fastgmm.covariance.estimate import PIVOT_ROUNDING, Augmented, sample_covariances
from fastgmm.covariance.forms import Form
from fastgmm.covariance.model import CovarianceModel
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.typing import FloatArray

Rule = Callable[[FloatArray, FloatArray, FloatArray | None], FloatArray]
"""A function rule(covariances, weights, previous) returns restricted covariances, (K, ...).

Where there is no maximum, because a component has no volume, it returns its covariance as it is,
from which the Cholesky factor tells which one that was."""
HELD = 1e-13
"""Where rounding loses the ridge, all variances are raised by this times D times the largest of
their component."""
AGREEMENT = 1e-5
"""Covariances that a user gives are of a model if the rule changes none by more than this share."""


def restricted(
    name: str,
    form: Form,
    rule: Rule,
    n_parameters: Callable[[int, int], int],
    rows: int | None = None,
    warm: bool = False,
) -> CovarianceModel:
    """The model of a rule.

    Parameters
    ----------
    name : str
    form : Form
        That of the covariances and of the sums.
    rule : callable
    n_parameters : callable
        As in `CovarianceModel`.
    rows : int, optional
        As in `CovarianceModel`.
    warm : bool
        Whether the rule iterates, and begins where it is told.
    """

    def estimate(
        sums: Augmented, ridge: FloatArray, previous: FloatArray | None = None
    ) -> FloatArray:
        free, weights = sample_covariances(form, False, sums, ridge), sums.covariance_weight
        if not np.isfinite(free).all():
            return free  # what is wrong with them is said where they are factored
        with np.errstate(divide="ignore", invalid="ignore"):
            found = rule(free, weights, previous)
            if np.all(ridge > 0.0) and not _has_factors(form, found):
                found = rule(_raised(form, free), weights, previous)
        return found

    return CovarianceModel(
        name,
        form,
        False,
        form,
        estimate,
        n_parameters,
        restrict=rule,
        needs_previous=warm,
        rows=rows,
        free_type=form.kernel,
    )


def agrees(model: CovarianceModel, covariances: FloatArray) -> bool:
    """Whether covariances (K, ...), positive definite, obey the restriction of a model."""
    if model.restrict is None:
        return True
    d = covariances.shape[1]
    found = model.restrict(covariances, np.ones(len(covariances)), covariances)
    deviations = np.sqrt(model.form.diagonals(covariances, d))
    if model.form.ndim == 1:
        allowed = deviations**2
    else:
        allowed = deviations[:, :, None] * deviations[:, None, :]
    return bool((np.abs(found - covariances) <= AGREEMENT * allowed).all())


def with_volume(covariances: FloatArray, volumes: FloatArray, weights: FloatArray) -> FloatArray:
    """Covariances (K, ...) of these volumes (K,), scaled to the mean one.

    It maximises the likelihood for whatever shapes and axes there are.
    """
    mean = (weights @ volumes) / weights.sum()
    scale = np.divide(mean, volumes, out=np.ones(len(volumes)), where=volumes > 0.0)
    return np.asarray(covariances * scale.reshape(-1, *(1,) * (covariances.ndim - 1)))


def geometric_means(variances: FloatArray) -> FloatArray:
    """(K,): the geometric means of variances (K, D), zero where one of them is not positive."""
    return np.asarray(np.exp(np.log(np.maximum(variances, 0.0)).mean(axis=1)))


def along(axes: FloatArray, variances: FloatArray) -> FloatArray:
    """(K, D, D): the covariances that have these variances (K, D) along the columns of axes.

    The axes are (D, D), those of all, or (K, D, D).
    """
    products = (axes * variances[:, None, :]) @ np.swapaxes(axes, -1, -2)
    return np.asarray((products + np.swapaxes(products, -1, -2)) / 2)


def _has_factors(form: Form, covariances: FloatArray) -> bool:
    try:
        form.factor(covariances, PIVOT_ROUNDING)
    except IllDefinedCovarianceError:
        return False
    return True


def _raised(form: Form, covariances: FloatArray) -> FloatArray:
    """The covariances with a ridge that rounding cannot lose."""
    raised = np.array(covariances)
    diagonals = form.diagonals(raised, raised.shape[1])
    diagonals += HELD * raised.shape[1] * diagonals.max(axis=1, keepdims=True)
    return raised
