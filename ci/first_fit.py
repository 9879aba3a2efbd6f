"""What an installation must be able to do: import, say its version, fit, score, save and load."""

import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

import fastgmm


def main() -> None:
    """Fit 100 rows of two clusters, and compare what comes out with what went in."""
    try:
        assert fastgmm.__version__ == version("fastgmm"), "the metadata name another version"
    except PackageNotFoundError:
        print("run from a tree, which has no metadata")
    rows = np.random.default_rng(0).normal(size=(100, 2))
    rows[:40] += 8.0
    model = fastgmm.GaussianMixture(2, random_state=0).fit(rows)
    assert np.allclose(sorted(model.weights_), [0.4, 0.6], atol=1e-3), model.weights_
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.gmm")
        again = fastgmm.load(Path(folder) / "model.gmm")
    assert (again.score_samples(rows) == model.score_samples(rows)).all()
    print("fitted 100 rows with", fastgmm.__file__)


if __name__ == "__main__":
    main()
