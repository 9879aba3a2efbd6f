"""The extent of data: number and weights of all rows, as they must be known before a pass."""

import math

import numpy as np

from fastgmm.values import dataclass


@dataclass(frozen=True)
class Extent:
    """What must be known of all rows before a pass over them.

    Parameters
    ----------
    n_samples : int
        The number of rows.
    n_counted : int
        The number of rows of positive weight.
    weight : float
        The sum of the sample weights.
    lightest, heaviest : float
        The smallest positive sample weight, at most 1, and the largest; both are 1 without sample
        weights.
    """

    n_samples: int = 0
    n_counted: int = 0
    weight: float = 0.0
    lightest: float = 1.0
    heaviest: float = 0.0

    @classmethod
    def of(cls, n_samples: int, sample_weight: np.ndarray | None) -> "Extent":
        """The extent of one batch: `plus` says what of."""
        if sample_weight is None and n_samples:
            return cls(n_samples, n_samples, float(n_samples), 1.0, 1.0)
        return cls().plus(n_samples, sample_weight)

    def plus(self, n_samples: int, sample_weight: np.ndarray | None) -> "Extent":
        """The extent with one more batch, of `n_samples` rows and their weights (n,) or None."""
        if sample_weight is None:
            return Extent(
                self.n_samples + n_samples,
                self.n_counted + n_samples,
                self.weight + n_samples,
                self.lightest,
                max(self.heaviest, 1.0 if n_samples else 0.0),
            )
        return Extent(
            self.n_samples + n_samples,
            self.n_counted + int(np.count_nonzero(sample_weight)),
            self.weight + float(sample_weight.sum()),
            float(sample_weight.min(initial=self.lightest, where=sample_weight > 0)),
            float(sample_weight.max(initial=self.heaviest)),
        )

    def joined(self, following: "Extent") -> "Extent":
        """The extent of these rows and of others."""
        return Extent(
            self.n_samples + following.n_samples,
            self.n_counted + following.n_counted,
            self.weight + following.weight,
            min(self.lightest, following.lightest),
            max(self.heaviest, following.heaviest),
        )

    @property
    def in_rows(self) -> float:
        """What all rows weigh, in rows: their weight, or their number where they are lighter."""
        return max(self.weight, float(self.n_counted))

    @property
    def exponent(self) -> int:
        """The largest weight over 2 to the power of this is near 1; 0 where it is near enough.

        Weights may be of any unit: the kernels multiply by them in the dtype of the rows, and
        float32 ends at 1e38.
        """
        exponent = math.frexp(self.heaviest)[1]
        return exponent if abs(exponent) > 32 else 0
