"""The pace of a stream: how fast old rows are forgotten, and how many rows make a batch."""

import math

from fastgmm.values import dataclass

FEWEST_BATCH_ROWS = 64
"""An own batch has at least this many rows, where the half-life allows it."""
MOST_BATCH_ROWS = 4096
"""An own batch has at most this many rows."""
BATCH_SHARE = 8
"""An own batch is one part in this many of the rows seen: an M-step costs as much as some hundred
rows, and a step late in a stream is small in any case."""
RESTLESS_SHARE = 64
"""An own batch is one part in this many of the rows seen while the stream brings what it has not
brought before, as sorted rows do: what waits at the end should be little."""
LEAST_HORIZON = 1024.0
"""A look costs as much as some ten thousand rows, however fast a stream forgets."""

FEWEST_PROBED = 1024
"""Own batches of at least this many rows are looked at before they are full."""
PROBED_PARTS = 2
"""Some rows of each of so many parts of a batch are looked at when the part is there."""
PROBED_SHARE = 32
"""A batch of less than one part in this many of the rows seen may wait unseen."""


@dataclass(frozen=True)
class Pace:
    """How fast old rows are forgotten.

    Parameters
    ----------
    half_life : float, optional
        The weight of newer rows after which a row counts for half; None: it never fades by age.
    learning_exponent : float
        The share of a batch is its share in the weight of all rows seen to the power of this.
    """

    half_life: float | None
    learning_exponent: float

    def share(self, batch: float, seen: float, restless: bool = False) -> float:
        """The share that a batch of the weight `batch` gets after rows of the weight `seen`.

        While the stream is restless that is the share of its weight: rows that come in an order
        would count the more the later they come.
        """
        share: float = batch / (seen + batch)
        if not restless:
            share **= self.learning_exponent
        if self.half_life is not None:
            share = max(share, -math.expm1(-math.log(2.0) * batch / self.half_life))
        return share

    def horizon(self, seen: float) -> float:
        """The weight of the rows that count; or, for the cost of looks, of a thousand."""
        return seen if self.half_life is None else min(seen, max(self.half_life, LEAST_HORIZON))

    def remembered(self, seen: float) -> float:
        """The weight that the rows count for which are not forgotten yet."""
        return seen if self.half_life is None else min(seen, self.half_life / math.log(2.0))

    def forgets(self, seen: float) -> bool:
        """Whether some of the rows that were seen count for little."""
        return self.half_life is not None and seen > self.half_life

    def batch_rows(self, seen: float, restless: bool = False) -> int:
        """The number of rows of the next own batch, after rows of the weight `seen`."""
        part = RESTLESS_SHARE if restless else BATCH_SHARE
        n = min(max(FEWEST_BATCH_ROWS, seen / part), MOST_BATCH_ROWS)
        if self.half_life is not None:
            n = max(1.0, min(n, self.half_life / 4))
        return 1 << int(math.log2(n))

    def next_stop(self, wanted: int, probed: int, seen: float) -> int:
        """The number of waiting rows with which the batch is full, or some are to be looked at.

        The batch is to have `wanted` rows, of which the first `probed` were looked at.
        """
        if wanted < FEWEST_PROBED or PROBED_SHARE * wanted < seen:
            return wanted
        return min(wanted, probed + wanted // PROBED_PARTS)
