"""EM over processes: each makes the statistics of its own rows, and only those travel."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from fastgmm import GaussianMixture


def rows_of(part: int) -> np.ndarray:
    """Stand in for a file that only one worker reads: 2,000 rows of two clusters."""
    rng = np.random.default_rng(part)
    return rng.normal(size=(2000, 2)) + 6.0 * rng.integers(2, size=(2000, 1))


def work(model: GaussianMixture, part: int) -> bytes:
    """Make the E-step of one part; some kilobytes come back, whatever its length."""
    return model.e_step(rows_of(part)).to_bytes()


def main() -> None:
    """Fit with two workers, and compare with a fit of all rows here."""
    from fastgmm import SufficientStatistics

    parts = range(4)
    model = GaussianMixture(2, random_state=0).fit(rows_of(0))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for _ in range(20):
            received = pool.map(work, [model] * len(parts), parts)
            statistics = sum(SufficientStatistics.from_bytes(part) for part in received)
            model.m_step(statistics)
    everything = np.concatenate([rows_of(part) for part in parts])
    whole = GaussianMixture(2, random_state=0, tol=1e-9).fit(everything)
    print(f"rows                      {statistics.n_samples}")
    print(f"log-likelihood per row    {statistics.log_likelihood / statistics.weight:.6f}")
    print(f"of a fit in one process   {whole.score(everything):.6f}")


if __name__ == "__main__":
    main()
