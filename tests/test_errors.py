"""The exceptions, their sentences, and how they meet scikit-learn's."""

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.exceptions
from sklearn.mixture import GaussianMixture as Peer

from fastgmm import errors

BASES = {
    errors.NotFittedError: (ValueError, AttributeError),
    errors.InvalidParameterError: (ValueError, TypeError),
    errors.IllDefinedCovarianceError: (ValueError,),
    errors.DataRangeError: (ValueError,),
    errors.NotEnoughMemoryError: (MemoryError,),
    errors.ClusterError: (ConnectionError,),
    errors.FileFormatError: (ValueError,),
    errors.CollapseWarning: (UserWarning,),
    errors.ConvergenceWarning: (UserWarning,),
}


def run(code: str, stdin: bytes = b"") -> str:
    """Run code in a process of its own, where nobody has imported scikit-learn."""
    process = subprocess.run(
        [sys.executable, "-P", "-c", code], input=stdin, capture_output=True, timeout=120
    )
    assert process.returncode == 0, process.stderr.decode()
    return process.stdout.decode().strip()


@pytest.mark.parametrize("kind", BASES)
def test_bases(kind: type[Exception]) -> None:
    assert all(issubclass(kind, base) for base in BASES[kind])
    assert kind.__doc__


def test_every_class_has_its_bases_checked() -> None:
    public = {value for value in vars(errors).values() if isinstance(value, type)}
    assert {kind for kind in public if issubclass(kind, Exception)} == BASES.keys()


def test_not_fitted_has_the_words_of_scikit_learn() -> None:
    with pytest.raises(sklearn.exceptions.NotFittedError) as theirs:
        Peer().predict([[0.0]])
    with pytest.raises(sklearn.exceptions.NotFittedError) as ours:
        raise errors.not_fitted_error()
    assert isinstance(ours.value, errors.NotFittedError)
    assert str(ours.value) == str(theirs.value)
    assert str(errors.not_fitted_error("Mine")) == str(theirs.value).replace(
        "GaussianMixture", "Mine"
    )
    told = str(errors.not_fitted_error(reason="Too few rows have come"))
    assert told == f"{theirs.value} Too few rows have come."


def test_convergence_warning_obeys_both_filters() -> None:
    for category in (sklearn.exceptions.ConvergenceWarning, errors.ConvergenceWarning):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", category)
            warnings.warn("not yet", errors.convergence_warning_class(), stacklevel=1)
            with pytest.raises(UserWarning, match="other"):
                warnings.warn("other", UserWarning, stacklevel=1)


def test_joined_classes_are_made_once() -> None:
    assert errors.convergence_warning_class() is errors.convergence_warning_class()
    assert type(errors.not_fitted_error()) is type(errors.not_fitted_error())
    assert repr(errors.not_fitted_error("M")).startswith('NotFittedError("This M instance')


@pytest.mark.parametrize(
    "error", [errors.not_fitted_error(), errors.convergence_warning_class()("no", 3)]
)
def test_joined_errors_survive_copy_and_pickle(error: Exception) -> None:
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is type(error)
        assert again.args == error.args


def test_pickled_error_arrives_where_scikit_learn_is_not_loaded() -> None:
    code = (
        "import pickle, sys; e = pickle.load(sys.stdin.buffer);"
        "print(type(e).__mro__[1].__name__, 'sklearn' in sys.modules, e)"
    )
    assert run(code, pickle.dumps(errors.not_fitted_error("M"))).startswith(
        "ValueError False This M instance"
    )


def test_scikit_learn_is_joined_only_if_loaded() -> None:
    code = (
        "import sys; from fastgmm import errors as e;"
        "plain = type(e.not_fitted_error()) is e.NotFittedError;"
        "plain &= e.convergence_warning_class() is e.ConvergenceWarning;"
        "print(plain, 'sklearn' in sys.modules);"
        "import sklearn.exceptions as s;"
        "print(isinstance(e.not_fitted_error(), s.NotFittedError));"
        "print(issubclass(e.convergence_warning_class(), s.ConvergenceWarning))"
    )
    assert run(code).split() == ["True", "False", "True", "True"]


@pytest.mark.parametrize("single_precision", [False, True])
@pytest.mark.parametrize("component", [None, 4])
def test_ill_defined_covariance(component: int | None, single_precision: bool) -> None:
    dtype = np.float32 if single_precision else np.float64
    same_rows = np.ones((9, 2), dtype=dtype)
    with pytest.raises(ValueError, match="ill-defined") as theirs:
        Peer(1, reg_covar=0.0).fit(same_rows)
    ours = errors.ill_defined_covariance_error(component, single_precision=single_precision)
    assert isinstance(ours, errors.IllDefinedCovarianceError)
    opening = (
        "Fitting the mixture model failed because some components have ill-defined "
        "empirical covariance"
    )
    assert str(theirs.value).startswith(opening)
    assert str(ours).startswith(opening)
    assert ("component 4" if component else "all components share") in str(ours)
    assert ("float64" in str(ours)) is single_precision
    assert "reg_covar" in str(ours)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_out_of_range_are_told_what_helps(dtype: type[np.floating]) -> None:
    sentence = str(errors.data_range_error(np.dtype(dtype)))
    assert f"overflow {np.dtype(dtype)}:" in sentence
    assert "rescale the columns" in sentence
    assert ("float64" in sentence.split(":")[1]) is (dtype is np.float32)


def test_the_component_is_an_attribute() -> None:
    assert errors.ill_defined_covariance_error(4).component == 4
    assert errors.ill_defined_covariance_error().component is None
    assert errors.IllDefinedCovarianceError("other").component is None


def test_warnings_point_at_the_caller_of_the_package() -> None:
    inside: dict[str, Any] = {"__name__": "fastgmm.deep.inside", "warn": errors.warn_user}
    exec("def outer(): inner()\ndef inner(): warn('so', FutureWarning)", inside)
    with pytest.warns(FutureWarning, match="so") as caught:
        inside["outer"]()
    with pytest.warns(UserWarning, match="here") as direct:
        errors.warn_user("here")
    assert caught[0].filename == direct[0].filename == __file__


def test_what_is_missing_can_be_installed_without_an_index_of_fastgmm() -> None:
    sentence = errors.missing_package_text("A bar needs", "tqdm", "cli")
    assert sentence == "A bar needs tqdm: pip install tqdm, which is in fastgmm's extra 'cli'."
    error = errors.missing_package_error("A bar needs", "tqdm", "cli")
    assert (type(error), str(error)) == (ImportError, sentence)
