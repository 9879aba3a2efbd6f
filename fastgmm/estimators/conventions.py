"""scikit-learn's conventions for estimators, without scikit-learn: parameters, repr, tags."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, Self


@cache
def _defaults_of(constructor: Callable[..., None]) -> dict[str, Any]:
    """Names and defaults of its parameters; to look them up takes a tenth of a small fit."""
    parameters = inspect.signature(constructor).parameters.values()
    return {p.name: p.default for p in parameters if p.name != "self"}


class Estimator:
    """Get and set the constructor's parameters as pipelines, grid searches and ``clone`` expect."""

    @classmethod
    def _parameter_defaults(cls) -> dict[str, Any]:
        return _defaults_of(cls.__init__)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor.

        Parameters
        ----------
        deep : bool, default=True
            There are no nested estimators: either value gives the same.

        Returns
        -------
        dict
            Name -> value.
        """
        return {name: getattr(self, name) for name in sorted(self._parameter_defaults())}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the constructor.

        Parameters
        ----------
        **params : object
            Name -> value.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a name is not one of the constructor's; nothing is set then.
        """
        valid = self._parameter_defaults()
        for name in params:
            if name not in valid:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"Valid parameters are: {sorted(valid)!r}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = []
        for name, default in self._parameter_defaults().items():
            value = getattr(self, name)
            if value is not default and repr(value) != repr(default):
                changed.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so that it is loaded already.
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="density_estimator",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(two_d_array=True, allow_nan=False),
            transformer_tags=None,
            regressor_tags=None,
            classifier_tags=None,
        )
