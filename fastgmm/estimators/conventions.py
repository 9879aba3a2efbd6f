"""scikit-learn's conventions for estimators, without scikit-learn: parameters, repr, tags."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Self


@cache
def defaults_of(constructor: Callable[..., None]) -> Mapping[str, Any]:
    """Names and defaults of the parameters that a constructor lists by name.

    To look them up takes a tenth of a small fit.
    """
    varying = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(constructor).parameters.values()
    listed = {p.name: p.default for p in parameters if p.name != "self" and p.kind not in varying}
    return MappingProxyType(listed)


@cache
def _takes_varargs(constructor: Callable[..., None]) -> bool:
    parameters = inspect.signature(constructor).parameters.values()
    return any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "get_params") and not isinstance(value, type)


class Estimator:
    """Get and set the constructor's parameters as pipelines, grid searches and ``clone`` expect.

    A subclass may have other parameters: they are those that its own constructor lists by name.
    """

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """The names of the constructor's parameters."""
        if _takes_varargs(cls.__init__):
            # The sentence is scikit-learn's, words and spaces.
            raise RuntimeError(
                "scikit-learn estimators should always specify their parameters in the signature "
                f"of their __init__ (no varargs). {cls} with constructor "
                f"{inspect.signature(cls.__init__)} doesn't  follow this convention."
            )
        return sorted(defaults_of(cls.__init__))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor.

        Parameters
        ----------
        deep : bool, default=True
            Whether parameters that are estimators themselves, as those of a subclass may be, give
            theirs as well, under the names ``parameter__theirs``.

        Returns
        -------
        dict
            Name -> value, as it was given.

        Raises
        ------
        RuntimeError
            When the constructor of a subclass takes ``*args``, as in scikit-learn.
        """
        params: dict[str, Any] = {}
        for name in self._get_param_names():
            params[name] = value = getattr(self, name)
            if deep and _is_estimator(value):
                params |= {f"{name}__{key}": one for key, one in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the constructor.

        Parameters
        ----------
        **params : object
            Name -> value; ``parameter__theirs`` sets one of an estimator that is a parameter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a name is not one of the constructor's; nothing is set then.
        """
        if not params:
            return self
        valid = self._get_param_names()
        nested: dict[str, dict[str, Any]] = {}
        for key in params:
            name, deeper, rest = key.partition("__")
            if name not in valid or (
                deeper and not _is_estimator(params.get(name, getattr(self, name, None)))
            ):
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"Valid parameters are: {valid!r}."
                )
            if deeper:
                nested.setdefault(name, {})[rest] = params[key]
        for key in params:
            if "__" not in key:
                setattr(self, key, params[key])
        for name, of_theirs in nested.items():
            getattr(self, name).set_params(**of_theirs)
        return self

    def __repr__(self) -> str:
        changed = []
        for name, default in defaults_of(type(self).__init__).items():
            value = getattr(self, name, default)
            if value is not default and repr(value) != repr(default):
                changed.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so that it is loaded already.
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="density_estimator",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(
                two_d_array=True, allow_nan=getattr(self, "missing", "error") == "em"
            ),
            transformer_tags=None,
            regressor_tags=None,
            classifier_tags=None,
        )
