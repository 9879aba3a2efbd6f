"""EM with plain files between its steps: accumulate, add, update.

Each step could run on another machine: they share nothing but files.
"""

import tempfile
from pathlib import Path

import numpy as np

import fastgmm
from fastgmm import GaussianMixture, SufficientStatistics


def accumulate(model_file: Path, rows: np.ndarray, statistics_file: Path) -> None:
    """E-step of some rows under the model in a file."""
    statistics_file.write_bytes(fastgmm.load(model_file).e_step(rows).to_bytes())


def add(statistics_files: list[Path], total_file: Path) -> None:
    """Add statistics; sums of sums may be added again."""
    total = sum(SufficientStatistics.from_bytes(path.read_bytes()) for path in statistics_files)
    total_file.write_bytes(total.to_bytes())


def update(model_file: Path, total_file: Path) -> float:
    """M-step; the model in the file is replaced.  Returns the log-likelihood per row."""
    total = SufficientStatistics.from_bytes(total_file.read_bytes())
    fastgmm.load(model_file).m_step(total).save(model_file)
    return total.log_likelihood / total.weight


def main() -> None:
    """Fit three files of rows."""
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(1000, 2)) + 6.0 * rng.integers(2, size=(1000, 1)) for _ in range(3)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model_file = folder / "model.gmm"
        GaussianMixture(2, random_state=0).fit(parts[0]).save(model_file)
        for _ in range(10):
            files = [folder / f"statistics-{i}" for i in range(len(parts))]
            for rows, file in zip(parts, files, strict=True):
                accumulate(model_file, rows, file)
            add(files, folder / "total")
            log_likelihood = update(model_file, folder / "total")
        whole = GaussianMixture(2, random_state=0, tol=1e-9).fit(np.concatenate(parts))
        score = whole.score(np.concatenate(parts))
    print(f"log-likelihood per row    {log_likelihood:.6f}")
    print(f"of a fit in one go        {score:.6f}")


if __name__ == "__main__":
    main()
