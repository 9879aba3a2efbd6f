"""What is novel: rows whose density is below a threshold, given as it is or by a share."""

from __future__ import annotations

import argparse
import math
from typing import Any, NamedTuple

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.cli.models import Model, n_seen
from fastgmm.cli.report import counted
from fastgmm.cli.usage import UsageError
from fastgmm.typing import Flags


class Share(NamedTuple):
    """A share of rows, as a percentage on the command line.

    Parameters
    ----------
    part : float
        Between 0 and 1.
    text : str
        As it was written.
    """

    part: float
    text: str


def below(text: str) -> float | Share:
    """Read a log density, or a share of the rows such as 0.1%.

    Examples
    --------
    >>> below("-12.5"), below("1%").part
    (-12.5, 0.01)
    """
    number, percent, rest = text.partition("%")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if percent and not rest and 0.0 < value < 100.0:
        return Share(value / 100.0, text)
    if percent or not math.isfinite(value):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a log density such as -12.5 nor a share such as 0.1%"
        )
    return value


class Novelty:
    """Which rows are novel, and how many have been.

    Parameters
    ----------
    threshold : float
        The log density below which a row is novel.
    because : str
        Where the threshold comes from; "" where the user has given it.
    """

    def __init__(self, threshold: float, because: str = "") -> None:
        self.threshold, self._because = threshold, because
        self._n_rows = self._n_novel = 0

    def found(self, density: Any) -> Flags:
        """Which rows of these log densities are novel; they are counted."""
        novel: Flags = density < self.threshold
        self._n_rows += len(novel)
        self._n_novel += int(np.count_nonzero(novel))
        return novel

    @property
    def sentence(self) -> str:
        """What is said of them at the end."""
        verb = "is" if self._n_novel == 1 else "are"
        return (
            f"note: {self._n_novel} of {counted(self._n_rows, 'row')} {verb} novel: a log density "
            f"below {self.threshold:.6g}{self._because}."
        )


def novelty_of(arguments: argparse.Namespace, model: Model) -> Novelty | None:
    """What is novel for a model, where the user asks for it.

    Parameters
    ----------
    arguments : Namespace
        Those of `fastgmm score`.
    model : GaussianMixture or BayesianGaussianMixture
        Fitted.

    Returns
    -------
    Novelty or None

    Raises
    ------
    ValueError
        If rows that are novel are asked for and nothing says which are, or a share is given and
        the model has noise or is a posterior.
    """
    limit = arguments.below
    if limit is None:
        if arguments.novel_only:
            raise UsageError("--novel-only wants to know what is novel: add --below.")
        return None
    if not isinstance(limit, Share):
        return Novelty(limit)
    if not isinstance(model, GaussianMixture) or model.noise_weight_ > 0.0:
        what = "has noise" if model.noise_weight_ > 0.0 else "is a posterior"
        raise ValueError(
            f"{arguments.model} {what}, of which --below {limit.text} knows no share: give a log "
            "density, such as a quantile of those of usual rows."
        )
    if n_seen(model):
        threshold = model.novelty_threshold(limit.part)
        return Novelty(threshold, f", as {limit.text} of the recent rows of its stream had")
    # The seed is fixed, so that the same command finds the same rows.
    threshold = model.density_region(1.0 - limit.part, random_state=0)
    return Novelty(threshold, f", as {limit.text} of the model's own rows have")
