"""scikit-learn's conventions for estimators, without scikit-learn: parameters, repr, tags."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from fastgmm.limits.scalars import as_flag, shown

Request = bool | str | None
"""What the metadata requests of scikit-learn take: asked for or not, by another name, or an error
where it is given."""


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


def _has_parameters(value: Any) -> bool:
    """Whether a value is an estimator, or a value of ours with parameters by name."""
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
            Whether parameters that have parameters themselves, such as a prior, or an estimator in
            a subclass, give theirs as well, under the names ``parameter__theirs``.

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
        deep = as_flag(deep, "deep")
        for name in self._get_param_names():
            params[name] = value = getattr(self, name)
            if deep and _has_parameters(value):
                params |= {f"{name}__{key}": one for key, one in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the constructor.

        Parameters
        ----------
        **params : object
            Name -> value; ``parameter__theirs`` sets one of an estimator that is a parameter.  Of a
            prior, which does not change, the model gets another one.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a name is not one of the constructor's; nothing is set then.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture(2, prior=fastgmm.NormalInverseWishart())
        >>> model.set_params(prior__shrinkage=0.1, n_components=3).prior.shrinkage
        0.1
        """
        if not params:
            return self
        valid = self._get_param_names()
        nested: dict[str, dict[str, Any]] = {}
        for key in params:
            name, deeper, rest = key.partition("__")
            if name not in valid or (
                deeper and not _has_parameters(params.get(name, getattr(self, name, None)))
            ):
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"Valid parameters are: {valid!r}."
                )
            if deeper:
                nested.setdefault(name, {})[rest] = params[key]
        for name, of_theirs in nested.items():
            # An estimator returns itself, and a value that does not change returns another one.
            params[name] = params.get(name, getattr(self, name)).set_params(**of_theirs)
        for key, value in params.items():
            if "__" not in key:
                setattr(self, key, value)
        return self

    def __repr__(self) -> str:
        changed = []
        for name, default in defaults_of(type(self).__init__).items():
            value = getattr(self, name, default)
            if value is not default and shown(value) != shown(default):
                changed.append(f"{name}={shown(value)}")
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """What a notebook shows: scikit-learn's diagram where that is installed, else the text."""
        try:
            # Only notebooks ask, and what they show takes the second that the import takes.
            from sklearn.base import BaseEstimator
        except ImportError:
            return {"text/plain": repr(self)}
        shown: dict[str, str] = BaseEstimator._repr_mimebundle_(self, **kwargs)
        return shown

    @property
    def _repr_html_(self) -> Callable[[], str]:
        """What shows the diagram, for programs that know no bundles; an AttributeError if none."""
        try:
            from sklearn.base import BaseEstimator
        except ImportError:
            raise AttributeError("_repr_html_ needs scikit-learn: install it") from None
        show: Callable[[], str] = BaseEstimator._repr_html_.fget(self)
        return show

    if TYPE_CHECKING:
        # With scikit-learn loaded its class BaseEstimator has these.

        def get_metadata_routing(self) -> Any:
            """Which metadata the methods ask for."""

        def set_fit_request(self, **metadata: Request) -> Self:
            """Say which metadata `fit` asks for."""

        def set_partial_fit_request(self, **metadata: Request) -> Self:
            """Say which metadata `partial_fit` asks for, where there is one."""

        def set_score_request(self, **metadata: Request) -> Self:
            """Say which metadata `score` asks for."""

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so that it is loaded already.
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="density_estimator",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(two_d_array=True, allow_nan=self._allows_nan()),
            transformer_tags=None,
            regressor_tags=None,
            classifier_tags=None,
        )

    def _allows_nan(self) -> bool:
        """Whether rows may have gaps, as the parameters stand."""
        return getattr(self, "missing", "error") == "em"
