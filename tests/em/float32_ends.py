"""Do fits of float32 rows end as those of the same rows in float64 do, however ill the condition?

Run as ``python tests/em/float32_ends.py 200``: it fits so many data sets, of condition 1 to 1e12,
in both dtypes and prints those of float32 that take more than 1.5 times the passes, or end lower.
"""

import sys
import warnings
from typing import NamedTuple

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.typing import COVARIANCE_TYPES, CovarianceType

MOST = 1.5
"""A fit of float32 rows takes at most this many times the passes of one of float64 rows."""
SPARE = 5
"""And so many more: a few passes are the luck of the trace where there are few in all."""


class Case(NamedTuple):
    """A data set, and with what it is fitted."""

    rows: np.ndarray
    n_components: int
    covariance_type: CovarianceType
    condition: float


def case_of(seed: int) -> Case:
    """Rows of a mixture whose covariances have one condition, each rotated in its own way."""
    rng = np.random.default_rng(seed)
    d, n = int(rng.integers(2, 9)), int(rng.integers(200, 5001))
    k, n_clusters = rng.integers(1, 6, size=2).tolist()
    condition = 10.0 ** rng.uniform(0.0, 12.0)
    deviations = condition ** (-0.5 * np.linspace(0.0, 1.0, d))
    means = rng.normal(scale=rng.uniform(0.5, 4.0), size=(n_clusters, d))
    rows = np.empty((n, d))
    for i, of in enumerate(np.array_split(np.arange(n), n_clusters)):
        rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
        rows[of] = means[i] + rng.normal(size=(len(of), d)) * deviations @ rotation.T
    kind = COVARIANCE_TYPES[seed % len(COVARIANCE_TYPES)]
    return Case(rows.astype(np.float32), k, kind, condition)


class Ends(NamedTuple):
    """How the fits of both dtypes ended: whether by their rule, passes and lower bounds."""

    converged: tuple[bool, bool]
    n_passes: tuple[int, int]
    lower_bounds: tuple[float, float]
    coarse: tuple[bool, bool]

    @property
    def good(self) -> bool:
        """Whether the fit of float32 rows ended in time, or said that it cannot."""
        single, double = self.n_passes
        in_time = single <= MOST * double + SPARE
        return (self.converged[0] and in_time) or self.coarse[0] or not any(self.converged)


def ends_of(case: Case) -> Ends:
    """Fit the rows as they are and in float64, with the default settings."""
    found = []
    for rows in (case.rows, case.rows.astype(np.float64)):
        model = GaussianMixture(
            case.n_components, covariance_type=case.covariance_type, random_state=0
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(rows)
        coarse = any("too coarse" in str(one.message) for one in caught)
        found.append((model.converged_, model.n_passes_, model.lower_bound_, coarse))
    return Ends(*zip(*found, strict=True))


if __name__ == "__main__":
    cases = [case_of(seed) for seed in range(int(sys.argv[1]))]
    n_good = n_coarse = n_not = 0
    shares = []
    for seed, case in enumerate(cases):
        ends = ends_of(case)
        n_good += ends.good
        n_coarse += ends.coarse[0]
        n_not += not ends.converged[0]
        shares.append(ends.n_passes[0] / ends.n_passes[1])
        if not ends.good or not all(ends.converged):
            kind, k, shape = case.covariance_type, case.n_components, case.rows.shape
            print(f"seed {seed}: {kind} {k}, {shape}, condition {case.condition:.1e}: {ends}")
    print(
        f"{n_good} of {len(cases)} good, {n_not} not converged, {n_coarse} too coarse; passes of "
        f"float32 over those of float64: mean {np.mean(shares):.3f}, largest {max(shares):.2f}, "
        f"over {MOST} in {sum(share > MOST for share in shares)}"
    )
