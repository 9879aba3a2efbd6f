"""Parameters that the user gives: every message, scikit-learn beside."""

from typing import Any

import numpy as np
import pytest
import sklearn.mixture

from fastgmm import validation
from support import error_of, in_shape_of

HALF = [0.5, 0.5]
EYES = np.stack([np.eye(3)] * 2)
LOPSIDED = EYES + np.triu(np.full((3, 3), 0.1), 1)
INDEFINITE = EYES - 2.0
BAD_INITIAL: dict[str, tuple[str, str, Any, str]] = {
    "weights shape": ("full", "weights", [1.0], "The parameter 'weights' should have the shape of"),
    "weights 2-D": ("full", "weights", [HALF], "The parameter 'weights' should have the shape of"),
    "weights 3-D": ("full", "weights", [[HALF]], "Found array with dim 3, while dim <= 2 is requ"),
    "weights 0-D": ("full", "weights", np.array(1.0), "Input should have at least 1 dimension"),
    "weights empty": ("full", "weights", [], "Found array with 0 sample(s) (shape=(0,)) while a"),
    "weights range": (
        "full",
        "weights",
        [1.5, -0.5],
        "The parameter 'weights' should be in the range [0, 1], but got max value ",
    ),
    "weights sum": (
        "full",
        "weights",
        [0.5, 0.4],
        "The parameter 'weights' should be normalized, but got sum(weights) = 0.90000",
    ),
    "weights NaN": ("full", "weights", [0.5, np.nan], "Input contains NaN."),
    "weights text": ("full", "weights", ["a", "b"], "could not convert string to float"),
    "weights ragged": ("full", "weights", [0.5, [0.5]], "setting an array element with a sequence"),
    "means shape": (
        "full",
        "means",
        np.ones((3, 2)),
        "The parameter 'means' should have the shape",
    ),
    "means 1-D": ("full", "means", np.ones(6), "The parameter 'means' should have the shape of (2"),
    "means 3-D": ("full", "means", np.ones((1, 2, 3)), "Found array with dim 3, while dim <= 2"),
    "means inf": (
        "full",
        "means",
        np.full((2, 3), np.inf),
        "Input contains infinity or a value too large for dtype('float64').",
    ),
    "means complex": ("full", "means", np.ones((2, 3)) + 1j, "Complex data not supported"),
    "full shape": (
        "full",
        "precisions",
        np.eye(3),
        "The parameter 'full precision' should have the shape of (2, 3, 3), but got (3, 3)",
    ),
    "tied shape": (
        "tied",
        "precisions",
        np.eye(2),
        "The parameter 'tied precision' should have the shape of (3, 3), but got (2, 2)",
    ),
    "tied 3-D": ("tied", "precisions", EYES, "Found array with dim 3, while dim <= 2 is required"),
    "diag shape": (
        "diag",
        "precisions",
        np.ones((3, 2)),
        "The parameter 'diag precision' should have the shape of (2, 3), but got (3, 2)",
    ),
    "spherical shape": (
        "spherical",
        "precisions",
        np.ones((2, 1)),
        "The parameter 'spherical precision' should have the shape of (2,), but got (2, 1)",
    ),
    "full lopsided": (
        "full",
        "precisions",
        LOPSIDED,
        "'full precision' should be symmetric, positive-definite",
    ),
    "tied lopsided": (
        "tied",
        "precisions",
        LOPSIDED[0],
        "'tied precision' should be symmetric, positive-definite",
    ),
    "full indefinite": (
        "full",
        "precisions",
        INDEFINITE,
        "'full precision' should be symmetric, positive-definite",
    ),
    "tied indefinite": (
        "tied",
        "precisions",
        INDEFINITE[0],
        "'tied precision' should be symmetric, positive-definite",
    ),
    "diag zero": ("diag", "precisions", np.eye(3)[:2], "'diag precision' should be positive"),
    "spherical negative": (
        "spherical",
        "precisions",
        [1.0, -1.0],
        "'spherical precision' should be positive",
    ),
    "full NaN": ("full", "precisions", np.full((2, 3, 3), np.nan), "Input contains NaN."),
}


# What scikit-learn does not know.
BAD_TIED: dict[str, tuple[str, Any, str]] = {
    "diag shape": (
        "tied_diag",
        np.ones(2),
        "The parameter 'tied_diag precision' should have the shape of (3,), but got (2,)",
    ),
    "diag per component": (
        "tied_diag",
        np.ones((2, 3)),
        "The parameter 'tied_diag precision' should have the shape of (3,), but got (2, 3)",
    ),
    "diag 3-D": ("tied_diag", EYES, "Found array with dim 3, while dim <= 2 is required"),
    "diag zero": ("tied_diag", [1.0, 0.0, 1.0], "'tied_diag precision' should be positive"),
    "diag NaN": ("tied_diag", [1.0, np.nan, 1.0], "Input contains NaN."),
    "diag text": ("tied_diag", ["a", "b", "c"], "could not convert string to float"),
    "spherical 1-D": (
        "tied_spherical",
        [1.0],
        "The parameter 'tied_spherical precision' should have the shape of (), but got (1,)",
    ),
    "spherical per component": (
        "tied_spherical",
        np.ones(2),
        "The parameter 'tied_spherical precision' should have the shape of (), but got (2,)",
    ),
    "spherical 3-D": ("tied_spherical", EYES, "Found array with dim 3, while dim <= 2 is requ"),
    "spherical zero": ("tied_spherical", 0.0, "'tied_spherical precision' should be positive"),
    "spherical negative": (
        "tied_spherical",
        np.array(-1.0),
        "'tied_spherical precision' should be positive, but the smallest is -1.",
    ),
    "spherical NaN": ("tied_spherical", np.nan, "Input contains NaN."),
    "spherical inf": ("tied_spherical", np.inf, "Input contains infinity"),
    "spherical text": ("tied_spherical", "a", "could not convert string to float"),
    "spherical complex": ("tied_spherical", 1j, "Complex data not supported"),
}


def check_initial(covariance_type: str, name: str, value: Any) -> np.ndarray:
    if name == "weights":
        return validation.check_weights_init(value, 2)
    if name == "means":
        return validation.check_means_init(value, 2, 3)
    return validation.check_precisions_init(value, covariance_type, 2, 3)


@pytest.mark.parametrize("name", BAD_INITIAL)
def test_bad_initial_parameters(name: str) -> None:
    covariance_type, parameter, value, opening = BAD_INITIAL[name]
    peer = sklearn.mixture.GaussianMixture(
        2, covariance_type=covariance_type, **{f"{parameter}_init": value}
    )
    expected = error_of(peer.fit, np.random.default_rng(0).normal(size=(9, 3)))
    error = error_of(check_initial, covariance_type, parameter, value)
    assert type(error) is type(expected)
    assert str(expected).startswith(opening)
    assert str(error).startswith(opening)


@pytest.mark.parametrize("name", BAD_TIED)
def test_bad_tied_diagonals_and_variances(name: str) -> None:
    covariance_type, value, opening = BAD_TIED[name]
    error = error_of(validation.check_precisions_init, value, covariance_type, 2, 3)
    assert type(error) is ValueError
    assert str(error).startswith(opening)
    error = error_of(validation.check_covariances, value, covariance_type, 2, 3)
    assert type(error) is ValueError
    assert str(error).startswith(opening.replace("precision", "covariance"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
def test_good_initial_parameters(dtype: type, covariance_type: str) -> None:
    given = {
        "weights": np.array([1, 0], dtype=dtype),
        "means": np.arange(6).reshape(2, 3).astype(dtype),
        "precisions": in_shape_of(covariance_type, EYES).astype(dtype),
    }
    for name, value in given.items():
        made = check_initial(covariance_type, name, value)
        assert made.dtype == np.float64
        # K matrices may be large, and a fit only reads them
        assert np.shares_memory(made, value) == (name == "precisions" and dtype is np.float64)
        np.testing.assert_array_equal(made, value)
        np.testing.assert_array_equal(check_initial(covariance_type, name, value.tolist()), value)


def test_tolerance_of_the_sum_of_weights_follows_the_dtype() -> None:
    nearly = np.array([0.5, 0.5 + 4e-7])
    assert "normalized" in str(error_of(validation.check_weights_init, nearly, 2))
    validation.check_weights_init(nearly.astype(np.float32), 2)


def test_means_may_decide_their_own_shape() -> None:
    assert validation.check_means_init([[1, 2, 3]], None).shape == (1, 3)
    assert validation.check_means_init([[1, 2, 3]], 1).shape == (1, 3)
    message = str(error_of(validation.check_means_init, [1, 2, 3], None))
    assert "the shape of (n_components, n_features), but got (3,)" in message
    message = str(error_of(validation.check_means_init, [[1, 2, 3]], 2))
    assert "the shape of (2, n_features), but got (1, 3)" in message


@pytest.mark.parametrize(
    "name", [name for name in BAD_INITIAL if BAD_INITIAL[name][1] == "precisions"]
)
def test_bad_covariances(name: str) -> None:
    covariance_type, _, value, opening = BAD_INITIAL[name]
    error = error_of(validation.check_covariances, value, covariance_type, 2, 3)
    assert type(error) is ValueError
    assert str(error).startswith(opening.replace("precision", "covariance"))


def test_message_names_the_matrix() -> None:
    second = np.stack([np.eye(3), -np.eye(3)])
    message = str(error_of(validation.check_covariances, second, "full", 2, 3))
    assert message.endswith("but the smallest eigenvalue of covariances[1] is -1.")
    message = str(error_of(validation.check_precisions_init, -np.eye(3), "tied", 2, 3))
    assert message.endswith("but the smallest eigenvalue of precisions is -1.")
    message = str(error_of(validation.check_covariances, LOPSIDED, "full", 2, 3))
    assert message.endswith("but covariances[0] differs from its transpose by 0.1.")


@pytest.mark.parametrize("eigenvalue", [0.0, -1.0])
def test_singular_matrices_are_refused(eigenvalue: float) -> None:
    singular = np.diag([1.0, eigenvalue])
    message = str(error_of(validation.check_covariances, singular, "tied", 1, 2))
    assert message.startswith("'tied covariance' should be symmetric, positive-definite")


def test_good_covariances() -> None:
    np.testing.assert_array_equal(validation.check_covariances(EYES, "full", 2, 3), EYES)
    np.testing.assert_array_equal(validation.check_covariances([4], "spherical", 1, 3), [4.0])
    tied = validation.check_covariances((4, 5, 6), "tied_diag", 2, 3)
    np.testing.assert_array_equal(tied, [4.0, 5.0, 6.0])
    one = validation.check_covariances(4, "tied_spherical", 2, 3)
    assert (type(one), one.shape, one.dtype, one[()]) == (np.ndarray, (), np.float64, 4.0)
