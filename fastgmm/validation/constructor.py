"""Parameters of the constructor: one table of what each may be, and the seed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from fastgmm.errors import InvalidParameterError
from fastgmm.typing import ACCELERATIONS, COVARIANCE_TYPES, INIT_PARAMS, ON_COLLAPSE


class Constraint(NamedTuple):
    """What one parameter may be: a test, and the words for it.

    Attributes
    ----------
    holds : callable
        Whether a value passes.
    description : str
        What the sentence of an error calls such values.
    listed : bool
        Whether that sentence mentions them.
    """

    holds: Callable[[Any], bool]
    description: str
    listed: bool = True


def _integer(least: int, most: int | None = None) -> Constraint:
    def holds(value: Any) -> bool:
        return isinstance(value, Integral) and least <= int(value) <= (most or np.inf)

    end = "inf)" if most is None else f"{most}]"
    return Constraint(holds, f"an int in the range [{least}, {end}")


def _real(least: float) -> Constraint:
    def holds(value: Any) -> bool:
        return isinstance(value, Real) and least <= float(value) < np.inf

    return Constraint(holds, f"a float in the range [{least}, inf)")


def _positive_real() -> Constraint:
    def holds(value: Any) -> bool:
        return isinstance(value, Real) and 0.0 < float(value) < np.inf

    return Constraint(holds, "a float in the range (0.0, inf)")


def _exponent() -> Constraint:
    def holds(value: Any) -> bool:
        return isinstance(value, Real) and 0.0 < float(value) <= 1.0

    return Constraint(holds, "a float in the range (0.0, 1.0]")


def _text(options: tuple[str, ...]) -> Constraint:
    def holds(value: Any) -> bool:
        return isinstance(value, str) and value in options

    return Constraint(holds, f"a str among {{{', '.join(map(repr, options))}}}")


def _prior() -> Constraint:
    names = ("mean", "shrinkage", "dof", "scale")
    return Constraint(
        lambda value: all(hasattr(value, name) for name in names) and not isinstance(value, type),
        "a fastgmm.NormalInverseWishart",
    )


def _instance(name: str, find: Callable[[], type | tuple[()]]) -> Constraint:
    return Constraint(lambda value: isinstance(value, find()), f"an instance of {name!r}")


def _of_random(name: str) -> type | tuple[()]:
    """A class of numpy.random, which takes 10 ms and 4 MB to load: nothing while nobody has."""
    found: type | tuple[()] = getattr(sys.modules.get("numpy.random"), name, ())
    return found


def _is_array_like(value: Any) -> bool:
    # Text is a scalar to NumPy, and a sparse matrix is none.
    if np.isscalar(value) or hasattr(value, "tocsr"):
        return False
    return any(hasattr(value, name) for name in ("__len__", "shape", "__array__"))


_NONE = Constraint(lambda value: value is None, "None")
"""This holds for None alone."""
_ARRAY_LIKE = Constraint(_is_array_like, "an array-like")
"""This holds for whatever NumPy may make an array of; the values are checked later."""
_BOOLEAN = (_instance("bool", lambda: bool), _instance("numpy.bool", lambda: np.bool_))
"""One of these holds for True and False of Python and of NumPy."""

CONSTRAINTS: dict[str, tuple[Constraint, ...]] = {
    "n_components": (_integer(1),),
    "covariance_type": (_text(COVARIANCE_TYPES),),
    "tol": (_real(0.0),),
    # scikit-learn's sentence stays what it is, as callers may compare it.
    "reg_covar": (_real(0.0), _text(("auto",))._replace(listed=False)),
    "max_iter": (_integer(0),),
    "n_init": (_integer(1),),
    "init_params": (_text(INIT_PARAMS),),
    "weights_init": (_ARRAY_LIKE, _NONE),
    "means_init": (_ARRAY_LIKE, _NONE),
    "precisions_init": (_ARRAY_LIKE, _NONE),
    "random_state": (
        _integer(0, 2**32 - 1),
        _instance("numpy.random.mtrand.RandomState", lambda: _of_random("RandomState")),
        _instance("numpy.random.Generator", lambda: _of_random("Generator")),
        _NONE,
    ),
    "warm_start": _BOOLEAN,
    "verbose": (_integer(0), *_BOOLEAN),
    "verbose_interval": (_integer(1),),
    "n_threads": (_integer(1), _NONE),
    "half_life": (_positive_real(), _NONE),
    "learning_exponent": (_exponent(),),
    "gap_tol": (_positive_real(), _text(("auto",)), _NONE),
    "acceleration": (_text(ACCELERATIONS), _NONE),
    "on_collapse": (_text(ON_COLLAPSE),),
    "prior": (_prior(), _NONE),
}
"""Each parameter may be what one of its constraints allows. Types, ranges and words are those of
scikit-learn 1.9.1, a largest seed of 2**32 - 1 included, for all parameters that it has."""


def check_parameters(params: Mapping[str, Any]) -> None:
    """Check the types and ranges of constructor parameters.

    Parameters
    ----------
    params : mapping of str to object
        Some or all of the constructor's parameters.

    Raises
    ------
    InvalidParameterError
        For the first one that is wrong.

    Examples
    --------
    >>> check_parameters({"n_components": 2, "tol": -1})
    Traceback (most recent call last):
    fastgmm.errors.InvalidParameterError: The 'tol' parameter of GaussianMixture must be a ...
    """
    for name, value in params.items():
        one_for_all = (
            name == "precisions_init" and params.get("covariance_type") == "tied_spherical"
        )
        if one_for_all and isinstance(value, Real):
            continue
        constraints = CONSTRAINTS[name]
        if not any(constraint.holds(value) for constraint in constraints):
            *most, last = (c.description for c in constraints if c.listed)
            wanted = f"{', '.join(most)} or {last}" if most else last
            raise InvalidParameterError(
                f"The {name!r} parameter of GaussianMixture must be {wanted}. Got {value!r} "
                "instead."
            )


def as_generator(random_state: Any) -> np.random.Generator:
    """The source of random numbers that `random_state` stands for.

    Parameters
    ----------
    random_state : None, int, numpy.random.RandomState or numpy.random.Generator
        None draws fresh entropy, an int always gives the same numbers, the other two continue
        where they are and move on.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    InvalidParameterError
        For anything else.

    Examples
    --------
    >>> bool(as_generator(0).integers(100) == as_generator(0).integers(100))
    True
    """
    check_parameters({"random_state": random_state})
    if isinstance(random_state, np.random.RandomState):
        # From NumPy 2.2 on, default_rng does the same itself: both generators share one state.
        return np.random.Generator(random_state._bit_generator)
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(None if random_state is None else int(random_state))
