"""Parameters of the constructor: one table of what each may be, and the seed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from fastgmm.errors import InvalidParameterError
from fastgmm.limits.scalars import shown
from fastgmm.tables.kinds import reads_as_number
from fastgmm.typing import (
    ACCELERATIONS,
    ALL_COVARIANCE_TYPES,
    INIT_PARAMS,
    MISSING,
    ON_COLLAPSE,
    PARTS,
    SAME_TYPES,
    WEIGHTS_PRIORS,
)


def _same(value: Any) -> Any:
    return value


class Constraint(NamedTuple):
    """What one parameter may be: a test, the words for it, and the plain value.

    Attributes
    ----------
    holds : callable
        Whether a value passes.
    description : str
        What the sentence of an error calls such values.
    plain : callable
        It makes a number of Python's of one that passes, whosever number that is; what is none
        stays as it is.
    listed : bool
        Whether that sentence mentions them.
    words : tuple of str
        The words that pass, where values are words.
    """

    holds: Callable[[Any], bool]
    description: str
    plain: Callable[[Any], Any] = _same
    listed: bool = True
    words: tuple[str, ...] = ()


def _integer(least: int, most: int | None = None) -> Constraint:
    def holds(value: Any) -> bool:
        if not (type(value) is int or isinstance(value, Integral)):
            return False
        try:
            return least <= int(value) and (most is None or int(value) <= most)
        except TypeError:  # NumPy calls a time without a unit an integer
            return False

    end = "inf)" if most is None else f"{most}]"
    return Constraint(holds, f"an int in the range [{least}, {end}", int)


def _real(words: str, within: Callable[[float], bool]) -> Constraint:
    def holds(value: Any) -> bool:
        if not (type(value) is float or isinstance(value, Real)):
            return False
        try:
            return within(float(value))
        except (OverflowError, TypeError):  # it is beyond the range of a float, or a time of NumPy
            return False

    return Constraint(holds, f"a float in the range {words}", float)


def _volume() -> Constraint:
    def holds(value: Any) -> bool:
        return not isinstance(value, bool | np.bool_) and _POSITIVE.holds(value)

    return _POSITIVE._replace(holds=holds)  # True would be a volume of one


def _text(options: tuple[str, ...]) -> Constraint:
    def holds(value: Any) -> bool:
        return isinstance(value, str) and value in options

    words = f"a str among {{{', '.join(map(repr, options))}}}"
    return Constraint(holds, words, str, words=options)


def _prior() -> Constraint:
    names = ("mean", "shrinkage", "dof", "scale")

    def holds(value: Any) -> bool:
        if value is None or isinstance(value, type):
            return False
        return all(hasattr(value, name) for name in names)

    return Constraint(holds, "a fastgmm.NormalInverseWishart")


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


def _parts_of(value: Any) -> tuple[str, ...] | dict[str, Any] | None:
    """Which parts are frozen: their names, or flags for each component; None for anything else."""
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Mapping):
        if not isinstance(value, tuple | list | set | frozenset):
            return None
        if not all(isinstance(part, str) for part in value):
            return None
        value = dict.fromkeys(value, True)
    if not all(isinstance(part, str) and part in PARTS for part in value):
        return None
    flags = {part: np.asarray(value[part]) for part in PARTS if part in value}
    if any(one.dtype != np.bool_ or one.ndim > 1 for one in flags.values()):
        return None
    plain = {part: one.tolist() for part, one in flags.items() if one.any()}
    return plain if any(one is not True for one in plain.values()) else tuple(plain)


def _frozen() -> Constraint:
    words = f"a collection of {', '.join(map(repr, PARTS))}, or a dict of these to True or to flags"
    return Constraint(
        lambda value: _parts_of(value) is not None, f"{words} (one per component)", _parts_of
    )


_NONE = Constraint(lambda value: value is None, "None")
"""This holds for None alone."""
_ARRAY_LIKE = Constraint(_is_array_like, "an array-like")
"""This holds for whatever NumPy may make an array of; the values are checked later."""
_NOT_NEGATIVE = _real("[0.0, inf)", lambda number: 0.0 <= number < np.inf)
"""This holds for zero and for positive numbers."""
_POSITIVE = _real("(0.0, inf)", lambda number: 0.0 < number < np.inf)
"""This holds for positive numbers."""
_EXPONENT = _real("(0.0, 1.0]", lambda number: 0.0 < number <= 1.0)
"""This holds for positive numbers up to 1."""
_BOOLEAN = (
    _instance("bool", lambda: bool),
    _instance("numpy.bool", lambda: np.bool_)._replace(plain=bool),
)
"""One of these holds for True and False of Python and of NumPy."""

_ONE_FOR_ALL = Constraint(lambda value: isinstance(value, Real), "a float")
"""This holds for the one precision of the type "tied_spherical"."""

CONSTRAINTS: dict[str, tuple[Constraint, ...]] = {
    "n_components": (_integer(1),),
    # Of two names for the same, whatever computes knows one.
    "covariance_type": (
        _text(ALL_COVARIANCE_TYPES)._replace(plain=lambda name: SAME_TYPES.get(name, str(name))),
    ),
    "tol": (_NOT_NEGATIVE,),
    # scikit-learn's sentence stays what it is, as callers may compare it.
    "reg_covar": (_NOT_NEGATIVE, _text(("auto",))._replace(listed=False)),
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
    "half_life": (_POSITIVE, _NONE),
    "learning_exponent": (_EXPONENT,),
    "gap_tol": (_POSITIVE, _text(("auto",)), _NONE),
    "acceleration": (_text(ACCELERATIONS), _NONE),
    "on_collapse": (_text(ON_COLLAPSE),),
    "prior": (_prior(), _NONE),
    "missing": (_text(MISSING),),
    "noise": (_volume(), _text(("uniform",)), _NONE),
    "frozen": (_frozen(),),
    "n_factors": (_integer(1), _NONE),
    "weight_concentration_prior_type": (_text(WEIGHTS_PRIORS),),
    "weight_concentration_prior": (_NONE, _POSITIVE),
    "mean_precision_prior": (_NONE, _POSITIVE),
    "mean_prior": (_NONE, _ARRAY_LIKE),
    "degrees_of_freedom_prior": (_NONE, _POSITIVE),
    "covariance_prior": (_NONE, _ARRAY_LIKE, _POSITIVE),
    "prune": _BOOLEAN,
}
"""Each parameter may be what one of its constraints allows. Types, ranges and words are those of
scikit-learn 1.9.1, a largest seed of 2**32 - 1 included, for all parameters that it has."""


MOST_CHECKED = 1000
"""So many values that have passed are remembered: twenty parameters of a small fit would take as
long as a pass over its rows."""
_SCALARS = frozenset({int, float, bool, str, type(None)})
"""Values of these very types are remembered: nobody can change them."""
_CHECKED: dict[tuple[str, type, Any], Any] = {}
"""Parameters by name, type and value that have passed, and their plain values."""


def check_parameters(params: Mapping[str, Any], owner: str = "GaussianMixture") -> dict[str, Any]:
    """Check the types and ranges of constructor parameters, and make their numbers Python's.

    NumPy's integers wrap around and lack methods of Python's, and its small floats round what they
    are multiplied with: whatever reads parameters reads what is returned here.

    Parameters
    ----------
    params : mapping of str to object
        Some or all of the constructor's parameters.
    owner : str, default="GaussianMixture"
        Name of the class, for the message.

    Returns
    -------
    dict
        The same names; numbers are int, float or bool, and all else is what was given.

    Raises
    ------
    InvalidParameterError
        For the first one that is wrong.

    Examples
    --------
    >>> check_parameters({"n_components": np.int8(2), "tol": 0})
    {'n_components': 2, 'tol': 0.0}
    >>> check_parameters({"n_components": 2, "tol": -1})
    Traceback (most recent call last):
    fastgmm.errors.InvalidParameterError: The 'tol' parameter of GaussianMixture must be a ...
    """
    plain: dict[str, Any] = {}
    for name, value in params.items():
        # Most values are defaults that were checked before: the types in the key tell True from 1.
        key = (name, type(value), value) if type(value) in _SCALARS else None
        if key is not None and key in _CHECKED:
            plain[name] = _CHECKED[key]
            continue
        constraint = _constraint_of(name, value, params)
        if constraint is None:
            raise _invalid(name, value, owner)
        plain[name] = constraint.plain(value)
        if key is not None and constraint is not _ONE_FOR_ALL and len(_CHECKED) < MOST_CHECKED:
            _CHECKED[key] = plain[name]
    return plain


def plain_parameters(params: Mapping[str, Any]) -> dict[str, Any]:
    """The same as `check_parameters`, but that what is wrong stays what it is.

    An estimator whose parameters are to be checked later, by `fit`, can be copied before.
    """
    held = {name: _constraint_of(name, value, params) for name, value in params.items()}
    return {
        name: params[name] if constraint is None else constraint.plain(params[name])
        for name, constraint in held.items()
    }


def _constraint_of(name: str, value: Any, params: Mapping[str, Any]) -> Constraint | None:
    """The constraint that a value obeys; None where it obeys none."""
    for constraint in CONSTRAINTS[name]:
        if constraint.holds(value):
            return constraint
    one_for_all = "tied_spherical", "EII"
    if name == "precisions_init" and params.get("covariance_type") in one_for_all:
        return _ONE_FOR_ALL if isinstance(value, Real) else None
    return None


def _invalid(name: str, value: Any, owner: str) -> InvalidParameterError:
    *most, last = (c.description for c in CONSTRAINTS[name] if c.listed)
    wanted = f"{', '.join(most)} or {last}" if most else last
    return InvalidParameterError(
        f"The {name!r} parameter of {owner} must be {wanted}. Got {shown(value)} instead."
        f"{_nearest(name, value)}"
    )


def _nearest(name: str, value: Any) -> str:
    """The word that may have been meant, or those that scikit-learn's sentence does not list."""
    if not isinstance(value, str) or reads_as_number(value):
        return ""
    meant = [w for c in CONSTRAINTS[name] for w in c.words if w.casefold() == value.casefold()]
    if meant:
        return f" Did you mean {meant[0]!r}?"
    unlisted = [repr(w) for c in CONSTRAINTS[name] if not c.listed for w in c.words]
    return f" The word {' or '.join(unlisted)} is allowed as well." if unlisted else ""


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
    random_state = check_parameters({"random_state": random_state})["random_state"]
    if isinstance(random_state, np.random.RandomState):
        # From NumPy 2.2 on, default_rng does the same itself: both generators share one state.
        return np.random.Generator(random_state._bit_generator)
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(random_state)
