"""Fitted mixtures on a terminal."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from fastgmm.cli.models import Model


def print_summary(model: Model, X: Any = None, **known: Any) -> None:
    """Print the summary of a model, as wide as the terminal.

    Parameters
    ----------
    model : GaussianMixture or BayesianGaussianMixture
        Fitted.
    X : Table, optional
        The rows of the fit, of which the summary then says how well they are explained.
    **known : object
        The weights and labels of these rows.
    """
    print(model.summary(X, **known, width=shutil.get_terminal_size((100, 24)).columns))


def column_names_of(model: Model) -> list[str]:
    """The names of the columns; without a header they are called x0, x1, ..."""
    names = getattr(model, "feature_names_in_", None)
    return [f"x{i}" for i in range(np.shape(model.means_)[1])] if names is None else list(names)


def counted(number: int, what: str) -> str:
    """A number and a noun: "1 row", "2 rows"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
