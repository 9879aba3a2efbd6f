"""Rows with gaps: passes by the number of patterns, scores, imputation and grouping.

    python -m benchmarks.gaps

from the folder above prints the table of speeds: of a pass over rows with gaps, relative to one
over the same rows without.  Times are those of the one thread on its processor.
"""

import time

import numpy as np

from benchmarks import common
from fastgmm import GaussianMixture

SHARE = 0.2
"""So many of the cells are missing."""
CASES = {
    # recipe, rows, patterns
    "full-16-16, 12 patterns": ("full-16-16", 100_000, 12),
    "full-16-16, 300 rows each": ("full-16-16", 100_000, 333),
    "full-16-16, 30 rows each": ("full-16-16", 30_000, 1000),
    "full-64-32, 500 rows each": ("full-64-32", 25_000, 50),
    "full-8-10, each row its own": ("full-8-10", 254, 254),
    "full-8-10, 80 rows each": ("full-8-10", 20_000, 254),
    "tied-16-16, 300 rows each": ("tied-16-16", 100_000, 333),
    "diag-32-64, 300 rows each": ("diag-32-64", 30_000, 100),
    "spherical-16-16, 300 rows each": ("spherical-16-16", 100_000, 333),
}


def patterns(n_features: int, count: int) -> np.ndarray:
    """Return (count, D): what is missing in each of so many patterns, all different.

    Bits of the raw stream, so that they are the same with every NumPy.
    """
    stream = np.random.PCG64(np.random.SeedSequence((n_features, 211)))
    limit, found, seen = int(SHARE * 2**64), list[np.ndarray](), set[bytes]()
    if count >= 2**n_features - 2:
        return np.array(
            [[bool(bits >> j & 1) for j in range(n_features)] for bits in range(1, count + 1)]
        )
    while len(found) < count:
        missing = stream.random_raw(n_features) < limit
        if missing.any() and not missing.all() and missing.tobytes() not in seen:
            seen.add(missing.tobytes())
            found.append(missing)
    return np.array(found)


def gapped(name: str, n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of a recipe, and the same with gaps of so many patterns in turn."""
    rows = common.rows(name, n)
    missing = patterns(rows.shape[1], count)
    with_gaps = rows.copy()
    with_gaps[missing[np.arange(len(rows)) % len(missing)]] = np.nan
    return rows, with_gaps


def known_model(name: str) -> GaussianMixture:
    """Return a model with the parameters that a recipe starts with."""
    start = common.start(name)
    return GaussianMixture.from_parameters(
        start.weights,
        start.means,
        start.covariances,
        covariance_type=common.RECIPES[name].covariance_type,
        missing="em",
        n_threads=1,
    )


class Passes:
    """An E-step, grouping included, and scores."""

    params = (list(CASES), ["e_step", "score_samples", "impute"])
    param_names = ("case", "method")
    timer = time.thread_time

    def setup(self, case: str, method: str) -> None:
        name, n, count = CASES[case]
        _, self.rows = gapped(name, n, count)
        self.call = getattr(known_model(name), method)

    def time_call(self, case: str, method: str) -> None:
        self.call(self.rows)


class Fits:
    """Ten iterations: what grouping costs once shows little."""

    params = (list(CASES), [False, True])
    param_names = ("case", "gaps")
    timer = time.thread_time

    def setup(self, case: str, gaps: bool) -> None:
        name, n, count = CASES[case]
        self.rows, start = gapped(name, n, count)[int(gaps)], common.start(name)
        self.model = GaussianMixture(
            len(start.weights),
            covariance_type=common.RECIPES[name].covariance_type,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=start.precisions,
            missing="em",
            acceleration=None,
            max_iter=10,
            tol=0.0,
            n_threads=1,
        )

    def time_fit(self, case: str, gaps: bool) -> None:
        self.model.fit(self.rows)


def pass_times(case: str, repeats: int = 7) -> tuple[float, float, float]:
    """Return the least times of a pass without and with gaps and of grouping, in milliseconds."""
    from fastgmm.data.rows import RowData
    from fastgmm.em.e_step import expectation

    name, n, count = CASES[case]
    rows, with_gaps = gapped(name, n, count)
    model = known_model(name)
    mixture = model._fitted()[0]
    complete, data = RowData(rows, None, 1), RowData(with_gaps, None, 1, gapped=True)
    begin = time.thread_time()
    expectation(mixture, data)
    first, times = time.thread_time() - begin, ([], [])
    for _ in range(repeats):
        for of, one in zip(times, (complete, data), strict=True):
            begin = time.thread_time()
            expectation(mixture, one)
            of.append(time.thread_time() - begin)
    without, with_them = (1e3 * min(of) for of in times)
    return without, with_them, 1e3 * first - with_them


def main() -> None:
    """Print the table."""
    print(f"{'':32} {'without':>9} {'with':>9} {'speed':>6} {'grouping':>9}")
    for case in CASES:
        without, with_gaps, grouping = pass_times(case)
        speed = without / with_gaps
        print(f"{case:32} {without:6.2f} ms {with_gaps:6.2f} ms {speed:6.2f} {grouping:6.2f} ms")


if __name__ == "__main__":
    main()
