"""Which candidates each start of a fit makes: starts differ in kind, not in the draw of rows alone.

What misleads one kind rarely misleads another: far rows, columns that go together, clusters of
different shapes.
"""

from typing import Literal

import numpy as np

from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.centers import around_rows
from fastgmm.starts.points import StartRows
from fastgmm.starts.trees import Units
from fastgmm.starts.ward import candidates_in, sound, ward_candidates

Kind = Units | Literal["random"]
"""What a start is made of."""

KINDS: tuple[Kind, ...] = ("ranks", "white", "random", "column")
"""What further starts are made of, in turns: trees in three kinds of coordinates, and drawn rows.
The first start is of the kind "column"."""
COMPARED_KINDS: tuple[Kind, ...] = ("ranks", "column", "white", "column")
"""The same where a few passes decide which start runs: drawn rows want more passes than that, and
the tree of other rows has most often the highest promise."""
DRAWN = 4
"""A start of drawn rows draws this many times."""


def candidates(data: StartRows, kinds: tuple[Kind, ...] = KINDS) -> list[Mixture]:
    """The candidates of one start, of which there is at least one.

    After the first start, the kinds take turns.

    Raises
    ------
    IllDefinedCovarianceError
        When the covariances of a candidate are singular and nothing regularises them.
    """
    index = data.start.index
    kind: Kind = "column" if index == 0 else kinds[(index - 1) % len(kinds)]
    if kind == "random":
        return _drawn(data)
    if kind == "column":
        return ward_candidates(data)
    return candidates_in(data, kind) or ward_candidates(data)


def _drawn(data: StartRows) -> list[Mixture]:
    """Components of equal weight and covariance around rows that were drawn."""
    generator = np.random.default_rng([data.seed, data.start.index])
    return sound([lambda: [around_rows(data.within, data.start, generator)]] * DRAWN)
