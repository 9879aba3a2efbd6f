"""The mixtures of a classifier: fits of the rows of each class, many at once, and their streams."""

from collections import defaultdict
from typing import Any

import numpy as np

from fastgmm.errors import InvalidParameterError
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.estimators.many import fit_many
from fastgmm.estimators.selection import select
from fastgmm.typing import LOW_RANK_TYPES, MCLUST
from fastgmm.validation.classes import Choices, choices_of

Weighted = tuple[np.ndarray, np.ndarray | None]
"""Rows (n, D), and their weights (n,) or None."""
Classes = tuple[np.ndarray, np.ndarray]
"""The classes (C,), and the number of each row's own (n,)."""


def class_fits(
    params: dict[str, Any], owner: str, data: Weighted, of: Classes, counted: np.ndarray
) -> list[GaussianMixture | None]:
    """The mixture of each class, in their order; None of those that do not count.

    Classes of one size are fitted side by side by `fit_many`; where BIC chooses, by `select`.

    Parameters
    ----------
    params : dict
        Those of the mixtures, among which n_components and covariance_type may be several, or by
        class.
    owner : str
        The name of the estimator, for the messages.
    data, of : tuple
        Rows and weights; classes, and the class of each row.
    counted : ndarray of int
        The numbers of the classes with rows of positive weight.
    """
    classes, _ = of
    labels = classes.tolist()
    sizes, others, n_factors = _choices(params, owner, classes)
    together: dict[tuple[Any, Any], list[int]] = defaultdict(list)
    found: dict[int, GaussianMixture] = {}
    for i in counted.tolist():
        numbers, kinds = sizes[i]
        factored = any(kind in LOW_RANK_TYPES for kind in kinds)
        one = len(numbers) == len(kinds) == 1 and MCLUST not in kinds
        if one and not factored:
            together[numbers[0], kinds[0]].append(i)
            continue
        asked = others | ({"n_factors": n_factors} if factored else {})
        rows, weight = _of_class(data, of, i)
        try:
            if one:
                model = GaussianMixture(numbers[0], covariance_type=kinds[0], **asked)
                found[i] = model.fit(rows, sample_weight=weight)
            else:
                found[i] = select(rows, numbers, kinds, sample_weight=weight, **asked).model
        except ValueError as error:
            raise type(error)(f"class {labels[i]!r} cannot be fitted: {error}") from error
    for (k, kind), numbered in together.items():
        several = {labels[i]: _of_class(data, of, i) for i in numbered}
        weights = {label: weight for label, (_, weight) in several.items()}
        groups = {label: rows for label, (rows, _) in several.items()}
        fitted = fit_many(groups, k, covariance_type=kind, sample_weight=weights, **others)
        found |= {i: fitted[labels[i]] for i in numbered}
    return [found.get(i) for i in range(len(classes))]


def learned_classes(
    params: dict[str, Any],
    owner: str,
    data: Weighted,
    of: Classes,
    before: tuple[GaussianMixture | None, ...],
) -> list[GaussianMixture | None]:
    """The mixture of each class after the next rows of a stream; what was before stays as it is."""
    classes, codes = of
    sizes, others, n_factors = _choices(params, owner, classes)
    models = list(before)
    for i in np.unique(codes).tolist():
        (numbers, kinds), model = sizes[i], models[i]
        if len(numbers) > 1 or len(kinds) > 1 or MCLUST in kinds:
            raise InvalidParameterError(
                f"{owner} chooses no n_components or covariance_type by BIC in partial_fit: give "
                "each class one."
            )
        if model is None:
            asked = others | ({"n_factors": n_factors} if kinds[0] in LOW_RANK_TYPES else {})
            model = GaussianMixture(numbers[0], covariance_type=kinds[0], **asked)
        rows, weight = _of_class(data, of, i)
        models[i] = _copied(model).partial_fit(rows, sample_weight=weight)
    return models


def _copied(model: GaussianMixture) -> GaussianMixture:
    """Another estimator in the same state, which is a value."""
    other = object.__new__(GaussianMixture)
    other.__dict__.update(model.__dict__)
    return other


def _choices(
    params: dict[str, Any], owner: str, classes: np.ndarray
) -> tuple[list[tuple[Choices, Choices]], dict[str, Any], int | None]:
    """What each class may have of the two parameters that may differ, and all other parameters.

    The number of factors stands apart, as it goes with the types of low rank alone.
    """
    others = dict(params)
    n_factors = others.pop("n_factors")
    each = [
        choices_of(name, others.pop(name), classes, owner)
        for name in ("n_components", "covariance_type")
    ]
    if n_factors is not None and not any(kind in LOW_RANK_TYPES for one in each[1] for kind in one):
        raise InvalidParameterError(
            f"{owner}'s n_factors={n_factors!r} goes with covariance types of low rank, which no "
            "class has: leave it out, or name one."
        )
    return list(zip(*each, strict=True)), others, n_factors


def _of_class(data: Weighted, of: Classes, number: int) -> Weighted:
    """The rows and weights of one class."""
    (rows, weight), chosen = data, np.flatnonzero(of[1] == number)
    return rows[chosen], None if weight is None else weight[chosen]
