"""A fit of rows in Ray: one task per block and pass; the blocks stay in the object store.

Run ``python examples/on_ray.py``; it needs ``pip install ray``.
"""

from typing import Any

import numpy as np
import ray

import fastgmm
from fastgmm import GaussianMixture, SufficientStatistics


@ray.remote
def e_step(model: GaussianMixture, rows: np.ndarray) -> SufficientStatistics:
    """The statistics of one block, where that lies."""
    return model.e_step(rows)


def fit(
    blocks: list[ray.ObjectRef], sample: np.ndarray, n_components: int, **params: Any
) -> GaussianMixture:
    """Fit a mixture to blocks of rows, from a random sample of them, as `fastgmm.fit_with` does."""

    def one_pass(model: GaussianMixture) -> SufficientStatistics:
        sent = ray.put(model)
        return SufficientStatistics.total(ray.get([e_step.remote(sent, rows) for rows in blocks]))

    return fastgmm.fit_with(one_pass, sample, n_components, **{"random_state": 0, **params})


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100_000, 2)) + 9 * rng.integers(2, size=(100_000, 1))
    blocks = [ray.put(block) for block in np.array_split(rows, 8)]
    model = fit(blocks, rows[:10_000], n_components=2)
    print(f"{model.n_passes_} passes; means {sorted(model.means_[:, 0].round(1).tolist())}")
