"""A fit of rows on MPI ranks: each has its own rows, and each pass is one reduce of statistics.

Run ``mpiexec -n 2 python examples/on_mpi.py``; it needs ``pip install mpi4py``.
"""

from typing import Any

import numpy as np
from mpi4py import MPI

import fastgmm
from fastgmm import GaussianMixture, SufficientStatistics


def fit(rows: np.ndarray, n_components: int, comm: MPI.Comm, **params: Any) -> GaussianMixture:
    """Fit a mixture to the rows of all ranks, which call this together; rank 0 leads the fit."""

    def one_pass(model: GaussianMixture) -> SufficientStatistics:
        return comm.reduce(comm.bcast(model).e_step(rows))

    drawn = np.random.default_rng(comm.rank).permutation(len(rows))[: 20_000 // comm.size]
    parts, fitted = comm.gather(rows[drawn]), None
    if comm.rank == 0:
        sample, given = np.concatenate(parts), {"random_state": 0, **params}
        try:
            fitted = fastgmm.fit_with(one_pass, sample, n_components, **given)
        finally:
            comm.bcast(None)  # the others wait for the next pass
    else:
        while (model := comm.bcast(None)) is not None:
            comm.reduce(model.e_step(rows))
    return comm.bcast(fitted)


if __name__ == "__main__":
    rng = np.random.default_rng(MPI.COMM_WORLD.rank)
    rows = rng.normal(size=(50_000, 2)) + 9 * rng.integers(2, size=(50_000, 1))
    model = fit(rows, n_components=2, comm=MPI.COMM_WORLD)
    print(f"{model.n_passes_} passes; means {sorted(model.means_[:, 0].round(1).tolist())}")
