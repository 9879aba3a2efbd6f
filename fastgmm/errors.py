"""Exceptions and warnings, and the long sentences that go with them.

Every class derives from the built-in that scikit-learn uses for the same mistake. Code that
catches scikit-learn's own ``NotFittedError``, or filters its ``ConvergenceWarning``, expects
those very classes, so once the user has imported scikit-learn what is raised is a subclass of
both. This module never imports scikit-learn itself.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from typing import Any

__all__ = [
    "ClusterError",
    "CollapseWarning",
    "ConvergenceWarning",
    "DataRangeError",
    "FileFormatError",
    "IllDefinedCovarianceError",
    "InvalidParameterError",
    "NotEnoughMemoryError",
    "NotFittedError",
    "convergence_warning_class",
    "convergence_warning_text",
    "data_range_error",
    "ill_defined_covariance_error",
    "missing_package_error",
    "missing_package_text",
    "not_enough_memory_error",
    "not_fitted_error",
    "warn_user",
]


def __dir__() -> list[str]:
    return sorted(__all__)


class NotFittedError(ValueError, AttributeError):
    """A method that needs a fitted model was called before ``fit``."""


class InvalidParameterError(ValueError, TypeError):
    """A constructor parameter has the wrong type or is out of range."""


class IllDefinedCovarianceError(ValueError):
    """A covariance is not positive definite, so the mixture has no density.

    Attributes
    ----------
    component : int or None
        Whose covariance it is; None where all share it or it is not known.
    """

    component: int | None = None


class DataRangeError(ValueError):
    """Squares of the rows' numbers are too large or too small for their dtype."""


class NotEnoughMemoryError(MemoryError):
    """A fit takes more memory than can be had, and was refused before anything was allocated.

    Attributes
    ----------
    needed, available : int
        The bytes that the fit takes beside its rows, as counted beforehand, and those there are.
    """

    needed: int = 0
    available: int = 0


class ClusterError(ConnectionError):
    """A cluster has lost the rows that lie on it, or its scheduler, and a fit cannot go on."""


class FileFormatError(ValueError):
    """A file is not a model file, is damaged, or comes from a newer version.

    Attributes
    ----------
    kind : str
        What a whole file holds where something else was asked for, such as "posterior"; else "".
    """

    kind = ""


class CollapseWarning(UserWarning):
    """Components collapsed during a fit, and were moved or held."""


class ConvergenceWarning(UserWarning):
    """EM stopped at ``max_iter`` before the change fell under ``tol``."""


def not_fitted_error(estimator: str = "GaussianMixture", reason: str = "") -> NotFittedError:
    """Build the error for a model that is used before it is fitted.

    Parameters
    ----------
    estimator : str, default="GaussianMixture"
        Name of the class, for the message.
    reason : str, default=""
        Why, where it was not for want of a call: one more sentence, without its full stop.

    Returns
    -------
    NotFittedError
        Also an instance of scikit-learn's class if the user has imported scikit-learn.

    Examples
    --------
    >>> raise not_fitted_error()
    Traceback (most recent call last):
    fastgmm.errors.NotFittedError: This GaussianMixture instance is not fitted yet. Call 'fit' ...
    """
    # The sentence is scikit-learn's, so that code which looks at the text works with both.
    message = (
        f"This {estimator} instance is not fitted yet. Call 'fit' with appropriate arguments "
        "before using this estimator."
    )
    if reason:
        message = f"{message} {reason}."
    error: NotFittedError = _shared_class(NotFittedError)(message)
    return error


def convergence_warning_class() -> type[ConvergenceWarning]:
    """The class with which to warn that EM has not converged.

    Returns
    -------
    type
        `ConvergenceWarning`; a subclass of it and of scikit-learn's class if the user has
        imported scikit-learn, so that filters on either work.

    Examples
    --------
    >>> issubclass(convergence_warning_class(), ConvergenceWarning)
    True
    """
    return _shared_class(ConvergenceWarning)


def convergence_warning_text(found: str) -> str:
    """What a warning says of a fit that has not converged.

    Parameters
    ----------
    found : str
        How the fit ended, in whole sentences.

    Returns
    -------
    str
        It opens with scikit-learn's sentences, by which filters know it.

    Examples
    --------
    >>> convergence_warning_text("It took 3 iterations.")
    'Best performing initialization did not converge. Try ... data. It took 3 iterations.'
    """
    return (
        "Best performing initialization did not converge. Try different init parameters, or "
        f"increase max_iter, tol, or check for degenerate data. {found}"
    )


def missing_package_text(what: str, package: str, extra: str) -> str:
    """What is said where a package is missing that an extra of fastgmm has.

    Parameters
    ----------
    what : str
        What cannot be done without it.
    package : str
        Its name, by which pip finds it wherever fastgmm itself has come from.
    extra : str

    Returns
    -------
    str

    Examples
    --------
    >>> missing_package_text("Pictures need", "matplotlib", "plot")
    "Pictures need matplotlib: pip install matplotlib, which is in fastgmm's extra 'plot'."
    """
    return f"{what} {package}: pip install {package}, which is in fastgmm's extra {extra!r}."


def missing_package_error(what: str, package: str, extra: str) -> ImportError:
    """Build the error for a missing package; the arguments are those of `missing_package_text`."""
    return ImportError(missing_package_text(what, package, extra))


def ill_defined_covariance_error(
    component: int | None = None, *, single_precision: bool = False
) -> IllDefinedCovarianceError:
    """Build the error for a covariance that has no Cholesky factor.

    Parameters
    ----------
    component : int, optional
        The component whose covariance it is; None for the one that all share ("tied").
    single_precision : bool, default=False
        Whether the rows are float32, for which float64 is one more remedy.

    Returns
    -------
    IllDefinedCovarianceError
        Its message opens with scikit-learn's words for the same failure.

    Examples
    --------
    >>> print(ill_defined_covariance_error(2))
    Fitting the mixture model failed because some components have ill-defined empirical
    covariance (for instance caused by singleton or collapsed samples). Try to ... input data.
    The covariance of component 2 is not positive definite: use ... or columns of similar scale.
    """
    whose = "that all components share" if component is None else f"of component {component}"
    theirs = " The numerical accuracy can also be improved by passing float64 data instead of"
    error = IllDefinedCovarianceError(
        "Fitting the mixture model failed because some components have ill-defined empirical "
        "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
        "number of components, increase reg_covar, or scale the input data."
        f"{theirs + ' float32.' if single_precision else ''} The covariance {whose} is not "
        "positive definite: use fewer components, a larger reg_covar, a prior, or columns of "
        "similar scale."
    )
    error.component = component
    return error


def not_enough_memory_error(
    needed: int, available: int, remedy: str, what: str = ""
) -> NotEnoughMemoryError:
    """Build the error for what takes more memory than there is.

    Parameters
    ----------
    needed, available : int
        Bytes.
    remedy : str
        What takes less, without a full stop.
    what : str, optional
        What it is that takes so much; a fit, beside its rows, where nothing is said.

    Returns
    -------
    NotEnoughMemoryError

    Examples
    --------
    >>> print(not_enough_memory_error(2 * 10**12, 8 * 10**9, "fewer components take less"))
    This fit takes some 2,000.0 GB (2,000,000,000,000 bytes) beside its rows, and 8.0 GB can be had:
    fewer components take less.
    """
    begin = f"{what or 'This fit'} takes some {readable(needed)}"
    error = NotEnoughMemoryError(
        f"{begin} ({_counted(needed)} bytes){'' if what else ' beside its rows'}, and "
        f"{readable(available)} can be had: {remedy}."
    )
    error.needed, error.available = needed, available
    return error


def _counted(n_bytes: int) -> str:
    return f"{n_bytes:,}" if n_bytes < 10**30 else "more than 10^30"


def readable(n_bytes: int) -> str:
    """The number of bytes in GB or MB, which are powers of ten."""
    if n_bytes >= 1e24:
        return "more than 10^15 GB"  # which a float may not hold
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.0f} MB"


def data_range_error(dtype: Any) -> DataRangeError:
    """Build the error for rows whose variances or their inverses overflow.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the rows.

    Returns
    -------
    DataRangeError
    """
    remedy = "rescale the columns"
    if str(dtype) == "float32":
        remedy = f"pass them as float64 or {remedy}"
    return DataRangeError(
        f"The variances of these rows, or their inverses, overflow {dtype}: {remedy} "
        "(reg_covar is in the squared units of the data; 'auto' follows them)."
    )


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's own code that called the package, however deep this is.

    Parameters
    ----------
    message : str
        What happened and what to do.
    category : type, default=UserWarning
        The class of the warning.
    """
    package = __name__.partition(".")[0]
    frame, level = sys._getframe(1), 2
    # What runs under exec() may have globals without a name.
    while (
        frame.f_back is not None
        and str(frame.f_globals.get("__name__")).partition(".")[0] == package
    ):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _shared_class(ours: type[Any]) -> type[Any]:
    """Join `ours` with scikit-learn's class of the same name, if that has been imported."""
    theirs = getattr(sys.modules.get("sklearn.exceptions"), ours.__name__, None)
    if theirs is None:
        return ours
    return _joined_class(ours, theirs)  # type: ignore[arg-type]  # mypy: a class does have a hash


@cache
def _joined_class(ours: type[Any], theirs: type[Any]) -> type[Any]:
    # Pickle finds a class by its name, and this one has none of its own to be found by: what
    # travels to another process is our class, joined again there if scikit-learn is loaded.
    return type(
        ours.__name__,
        (ours, theirs),
        {
            "__module__": ours.__module__,
            "__doc__": ours.__doc__,
            "__reduce__": lambda self: (_unpickled, (ours, self.args)),
        },
    )


def _unpickled(ours: type[Any], args: tuple[Any, ...]) -> Any:
    return _shared_class(ours)(*args)
