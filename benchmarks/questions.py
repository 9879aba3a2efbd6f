"""Time questions to a mixture: one row at a time, many rows; and gmr, where it is installed.

    python benchmarks/questions.py

Each figure is the least of many runs, in microseconds; fastgmm's are of one thread.
"""

import time
from collections.abc import Callable

import numpy as np

import fastgmm


def least(call: Callable[[], object], seconds: float = 1.0) -> float:
    """Return the time of the quickest of the calls that fit into some seconds, in microseconds."""
    best, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return 1e6 * best


def mixture(k: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights, means and covariances with a condition of some tens."""
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(k, d, 2 * d))
    return np.full(k, 1 / k), rng.normal(size=(k, d)), roots @ np.swapaxes(roots, 1, 2) / d


def main() -> None:
    """Print a line per question."""
    weights, means, covariances = mixture(8, 8)
    model = fastgmm.GaussianMixture.from_parameters(weights, means, covariances, n_threads=1)
    rng = np.random.default_rng(1)
    row, rows = rng.normal(size=4), rng.normal(size=(100_000, 4))
    known, asked = [0, 1, 2, 3], [4, 5, 6, 7]
    fresh = [
        fastgmm.GaussianMixture.from_parameters(weights, means, covariances) for _ in range(500)
    ]
    print("8 full components in 8 columns, 4 of them known")
    print(f"  score_samples of one row      {least(lambda: model.score_samples(means[:1])):10.2f}")
    print(f"  conditional, first            {min(_once(fresh, known, row)):10.2f}")
    print(f"  conditional, again            {least(lambda: model.conditional(known, row)):10.2f}")
    print(f"  regress of one row            {least(lambda: model.regress(row[None], asked)):10.2f}")
    print(f"  regress of 100,000 rows       {least(lambda: model.regress(rows, asked)):10.0f}")
    spread = least(lambda: model.regress(rows, asked, return_cov=True))
    print(f"  with covariances              {spread:10.0f}")
    try:
        from gmr import GMM  # it is in no list of requirements
    except ImportError:
        print("gmr is not installed")
        return
    peer, few = GMM(8, weights, means, covariances), rows[:1000]
    print(f"  gmr: condition                {least(lambda: peer.condition(known, row)):10.2f}")
    every = least(lambda: peer.predict(np.array(known), few))
    print(f"  gmr: predict of 1,000 rows    {every:10.0f}")


def _once(models: list[fastgmm.GaussianMixture], known: list[int], row: np.ndarray) -> list[float]:
    """Return the times of first questions, one per model, in microseconds."""
    times = []
    for model in models:
        begin = time.perf_counter()
        model.conditional(known, row)
        times.append(1e6 * (time.perf_counter() - begin))
    return times


if __name__ == "__main__":
    main()
