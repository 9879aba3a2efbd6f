"""Parameters of the constructor and seeds: every message, scikit-learn beside."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn.mixture

from fastgmm import NormalInverseWishart, validation
from fastgmm.errors import InvalidParameterError
from fastgmm.validation.constructor import CONSTRAINTS, check_parameters
from support import error_of

ROWS = np.random.default_rng(5).normal(size=(12, 2))

BAD_PARAMETERS: dict[str, tuple[Any, ...]] = {
    "n_components": (0, -1, 1.5, "2", None, [2]),
    "covariance_type": ("round", None, 3, ["full"]),
    "tol": (-1, -1e-9, np.inf, np.nan, "small", None),
    "reg_covar": (-1e-6, np.inf, np.nan, "0", None),
    "max_iter": (-1, 1.0, None, np.inf),
    "n_init": (0, 2.0, None),
    "init_params": ("best", None, 1, ["kmeans"]),
    "weights_init": (0.5, "uniform", b"x", np.float64(1), scipy.sparse.csr_array([[1.0]])),
    "means_init": (1, "a"),
    "precisions_init": (1.0, "a"),
    "random_state": (-1, 2**32, 1.5, "seed", np.random),
    "warm_start": (0, 1, "yes", None),
    "verbose": (-1, 1.5, "loud", None),
    "verbose_interval": (0, -1, 1.5, None),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
)
def test_bad_parameters(name: str, value: Any) -> None:
    expected = error_of(sklearn.mixture.GaussianMixture(**{name: value}).fit, ROWS)
    error = error_of(validation.check_parameters, {"n_components": 1, name: value})
    assert type(error) is InvalidParameterError
    assert type(expected).__name__ == "InvalidParameterError"
    # Ours may list more choices, and scikit-learn lists those of a text in any order.
    opening = re.split(r"\{| or |, an instance of 'numpy.random", str(expected))[0]
    assert opening.startswith(f"The {name!r} parameter of GaussianMixture must be ")
    assert str(error).startswith(opening)
    assert str(error).endswith(f"Got {value!r} instead.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gap_tol", 0.0),
        ("gap_tol", "tol"),
        ("acceleration", "squarem"),
        ("acceleration", True),
        ("on_collapse", None),
        ("missing", "drop"),
        ("missing", None),
        ("missing", ["em"]),
        ("noise", "gaussian"),
        ("noise", 0.0),
        ("noise", np.inf),
        ("frozen", None),
        ("frozen", ("mean",)),
        ("frozen", {"means": [0, 1]}),
        ("prior", "weak"),
        ("prior", NormalInverseWishart),
        ("half_life", 0),
        ("n_factors", 0),
        ("n_factors", 1.5),
    ],
)
def test_bad_parameters_of_our_own(name: str, value: Any) -> None:
    sentence = f"The {name!r} parameter of GaussianMixture must be "
    with pytest.raises(InvalidParameterError, match=re.escape(sentence)):
        validation.check_parameters({name: value})


@pytest.mark.parametrize("value", [0, -1, 1.5, "all"])
def test_bad_n_threads(value: Any) -> None:
    sentence = f"an int in the range [1, inf) or None. Got {value!r} instead."
    with pytest.raises(InvalidParameterError, match=re.escape(sentence)):
        validation.check_parameters({"n_threads": value})


def test_sentence_lists_all_choices() -> None:
    with pytest.raises(InvalidParameterError, match=re.escape("among {'ward', 'kmeans', 'k-mea")):
        validation.check_parameters({"init_params": "x"})
    with pytest.raises(InvalidParameterError, match=r"numpy\.random\.Generator' or None\. Got"):
        validation.check_parameters({"random_state": "x"})


def test_good_parameters() -> None:
    good: dict[str, tuple[Any, ...]] = {
        "n_components": (1, np.int64(3), True),
        "covariance_type": (
            "full",
            "tied",
            "diag",
            "spherical",
            "tied_diag",
            "tied_spherical",
            "low_rank",
            "low_rank_spherical",
        ),
        "tol": (0, 0.0, 1e-3, np.float32(1)),
        "reg_covar": (0, 1e-6, "auto"),
        "max_iter": (0, 100),
        "n_init": (1, 7),
        "init_params": ("ward", "kmeans", "k-means++", "random", "random_from_data"),
        "weights_init": (None, [0.5, 0.5], np.ones(1), pd.Series([1.0])),
        "means_init": (None, [[0.0]]),
        "precisions_init": (None, np.ones(1)),
        "random_state": (
            None,
            0,
            2**32 - 1,
            np.uint8(3),
            np.random.RandomState(0),
            np.random.default_rng(0),
        ),
        "warm_start": (True, False, np.True_),
        "verbose": (0, 1, 2, True, np.False_),
        "verbose_interval": (1, 10),
        "n_threads": (None, 1, 64),
        "half_life": (None, 1, 0.5, np.float32(3.0)),
        "learning_exponent": (0.6, 1, 1.0),
        "gap_tol": (None, "auto", 1e-6, 1),
        "acceleration": (None, "auto", "lbfgs"),
        "on_collapse": ("repair", "warn", "raise"),
        "prior": (None, NormalInverseWishart()),
        "missing": ("error", "em"),
        "noise": (None, "uniform", 2, 0.5),
        "frozen": ((), "means", ["weights"], {"covariances"}, {"means": np.array([True, False])}),
        "n_factors": (None, 1, np.int64(3)),
        "weight_concentration_prior_type": ("dirichlet_process", "dirichlet_distribution"),
        "weight_concentration_prior": (None, 0.1, 2),
        "mean_precision_prior": (None, 0.1),
        "mean_prior": (None, [0.0, 1.0]),
        "degrees_of_freedom_prior": (None, 2.5),
        "covariance_prior": (None, 1.0, np.eye(2)),
        "prune": (True, False, np.True_),
    }
    assert good.keys() == CONSTRAINTS.keys()
    for name, values in good.items():
        for value in values:
            validation.check_parameters({name: value})


def test_generators(seed: int) -> None:
    draw = np.random.Generator.random
    assert draw(validation.as_generator(seed)) == draw(np.random.default_rng(seed))
    assert draw(validation.as_generator(None)) != draw(validation.as_generator(None))
    generator = np.random.default_rng(seed)
    assert validation.as_generator(generator) is generator
    state, same = (np.random.RandomState(seed) for _ in range(2))
    first = draw(validation.as_generator(state))
    assert first == draw(validation.as_generator(same))
    assert draw(validation.as_generator(state)) != first, "the RandomState moves on"
    with pytest.raises(InvalidParameterError, match="'random_state'"):
        validation.as_generator("seed")


def test_what_has_passed_once_is_known_by_its_type():
    assert check_parameters({"warm_start": True, "n_components": 1, "tol": 1})["tol"] == 1.0
    for name, value in (("warm_start", 1), ("n_components", 1.0), ("n_components", None)):
        with pytest.raises(InvalidParameterError, match=name):
            check_parameters({name: value})
    assert type(check_parameters({"tol": 1})["tol"]) is float


@pytest.mark.parametrize(
    ("params", "end"),
    [
        ({"reg_covar": "Auto"}, "Got 'Auto' instead. Did you mean 'auto'?"),
        ({"reg_covar": "small"}, "Got 'small' instead. The word 'auto' is allowed as well."),
        ({"gap_tol": "AUTO"}, "Did you mean 'auto'?"),
        ({"covariance_type": "vvv"}, "Did you mean 'VVV'?"),
        ({"init_params": "KMeans"}, "Did you mean 'kmeans'?"),
        ({"noise": "Uniform"}, "Did you mean 'uniform'?"),
        ({"init_params": "best"}, "Got 'best' instead."),
    ],
)
def test_the_word_that_was_meant_is_named(params: dict[str, str], end: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        check_parameters(params)
    assert str(caught.value).endswith(end)
