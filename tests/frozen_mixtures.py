"""Families that keep some parts of a mixture of three components."""

from itertools import combinations

import numpy as np

from fastgmm.em.frozen import Frozen
from fastgmm.em.kept import Kept
from fastgmm.mixture.mixture import Mixture

PARTS = ("weights", "means", "covariances")
CHOICES = [chosen for n in (1, 2, 3) for chosen in combinations(PARTS, n)]
NONE, ALL = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)
SOME = np.array([True, False, True])


def family_of(mixture: Mixture, masks: dict[str, np.ndarray]) -> Frozen:
    """The family that keeps these parts of a mixture."""
    flags = [masks.get(part, NONE) for part in PARTS]
    spreads = mixture.covariances, mixture.factors, mixture.inverse_factors
    given = mixture.weights, mixture.means, spreads
    values = [one if mask.any() else None for mask, one in zip(flags, given, strict=True)]
    return Frozen(Kept(*flags, *values))


def masks_of(chosen: tuple[str, ...], mask: np.ndarray, kind: str) -> dict[str, np.ndarray]:
    """The same mask for each of the parts; what all share is kept for all."""
    tied = kind.startswith("tied")
    return {part: ALL if tied and part == "covariances" else mask for part in chosen}
