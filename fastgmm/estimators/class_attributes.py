"""What a classifier knows, and the attributes that tell it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastgmm.errors import not_fitted_error
from fastgmm.estimators.fixed import fixed_copy
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.typing import ArrayLike, FloatArray, Names
from fastgmm.validation.classes import as_priors
from fastgmm.values import dataclass

PerClass = Mapping[Any, Any]
"""A value for each class, by its label."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What a classifier knows.

    Parameters
    ----------
    classes : ndarray of shape (C,)
    models : tuple of GaussianMixture or None
        That of each class; None where no row of it has come.
    weight : ndarray of shape (C,)
        The weight of the rows of each class.
    n_features : int
    names : ndarray of shape (D,), optional
    """

    classes: np.ndarray
    models: tuple[GaussianMixture | None, ...]
    weight: FloatArray
    n_features: int
    names: np.ndarray | None

    @property
    def known(self) -> list[tuple[int, GaussianMixture]]:
        """The classes of which rows have come, by number, with their mixtures."""
        return [(i, model) for i, model in enumerate(self.models) if model is not None]


class ClassAttributes:
    """The fitted attributes of a classifier, read from what it has learned."""

    priors: ArrayLike | PerClass | None
    _learned: Learned | None = None

    def _found(self) -> Learned:
        if self._learned is None:
            raise not_fitted_error(type(self).__name__)
        return self._learned

    @property
    def classes_(self) -> np.ndarray:
        """The classes, sorted."""
        return fixed_copy(self._found().classes)

    @property
    def priors_(self) -> FloatArray:
        """The probability of each class: as given, or as frequent as in the rows."""
        learned = self._found()
        given = as_priors(self.priors, learned.classes, type(self).__name__)
        held = learned.weight / learned.weight.sum()
        return fixed_copy(held if given is None else given)

    @property
    def mixtures_(self) -> dict[Any, GaussianMixture]:
        """The mixture of each class."""
        learned = self._found()
        labels = learned.classes.tolist()
        return {labels[i]: model for i, model in learned.known}

    @property
    def n_parameters(self) -> int:
        """The number of free parameters of all mixtures."""
        return sum(model.n_parameters for _, model in self._found().known)

    @property
    def n_features_in_(self) -> int:
        """The number of features."""
        return self._found().n_features

    @property
    def feature_names_in_(self) -> Names:
        """The names of the features; an AttributeError where the rows had none."""
        names = self._found().names
        if names is None:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute 'feature_names_in_': "
                "the rows of its fit had no names"
            )
        return fixed_copy(names)

    @property
    def n_iter_(self) -> int:
        """The most iterations that a class has taken."""
        return max(model.n_iter_ for _, model in self._found().known)

    @property
    def is_fitted(self) -> bool:
        """Whether there is something to predict with."""
        return self._learned is not None

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted
