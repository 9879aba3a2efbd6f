"""Which candidates each start of a fit makes: starts differ in kind, not in the draw of rows alone.

What misleads one kind rarely misleads another: far rows, columns that go together, clusters of
different shapes.
"""

import numpy as np

from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.centers import around_rows
from fastgmm.starts.points import StartRows
from fastgmm.starts.ward import candidates_in, sound, ward_candidates

KINDS = ("ranks", "white", "random", "column")
"""What further starts are made of, in turns: trees in three kinds of coordinates, and drawn rows.
The first start is of the kind "column"."""
DRAWN = 4
"""A start of drawn rows draws this many times."""


def candidates(data: StartRows) -> list[Mixture]:
    """The candidates of one start, of which there is at least one.

    Raises
    ------
    IllDefinedCovarianceError
        When the covariances of a candidate are singular and nothing regularises them.
    """
    kind = kind_of(data.start.index)
    if kind == "random":
        return _drawn(data)
    if kind == "column":
        return ward_candidates(data)
    return candidates_in(data, kind) or ward_candidates(data)


def kind_of(index: int) -> str:
    """The kind of a start, by its index."""
    return "column" if index == 0 else KINDS[(index - 1) % len(KINDS)]


def _drawn(data: StartRows) -> list[Mixture]:
    """Components of equal weight and covariance around rows that were drawn."""
    generator = np.random.default_rng([data.seed, data.start.index])
    return sound([lambda: [around_rows(data, data.start, generator)]] * DRAWN)
