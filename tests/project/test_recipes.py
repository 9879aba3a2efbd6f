"""The recipes for other clusters give the fit of one process; each runs where its package is."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import fastgmm
from fastgmm import SufficientStatistics

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def recipe(name: str) -> ModuleType:
    """Import an example as a module, without running what it does as a script."""
    described = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def rows_of(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4000, 2)) + 5.0 * rng.integers(2, size=(4000, 1))


def assert_close(one: fastgmm.GaussianMixture, other: fastgmm.GaussianMixture) -> None:
    assert one.n_passes_ == other.n_passes_
    np.testing.assert_allclose(one.means_, other.means_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one.covariances_, other.covariances_, rtol=1e-9, atol=1e-9)


def fit_here(parts: list[np.ndarray], sample: object) -> fastgmm.GaussianMixture:
    """Fit with a pass over parts in this process."""
    return fastgmm.fit_with(
        lambda model: SufficientStatistics.total(model.e_step(part) for part in parts),
        sample,  # type: ignore[arg-type]
        2,
        random_state=0,
    )


def test_recipes_are_short() -> None:
    for name in ("on_mpi", "on_ray", "on_spark"):
        assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 40


def test_ray() -> None:
    ray = pytest.importorskip("ray")
    parts = [rows_of(0), rows_of(1), rows_of(2)]
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        found = recipe("on_ray").fit([ray.put(part) for part in parts], parts[0], 2)
    finally:
        ray.shutdown()
    assert_close(found, fit_here(parts, parts[0]))


def test_mpi(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    if shutil.which("mpiexec") is None:
        pytest.skip("there is no mpiexec")
    script = tmp_path / "ranks.py"
    script.write_text(
        "import sys\n"
        "from mpi4py import MPI\n"
        f"sys.path[:0] = [{str(EXAMPLES)!r}, {str(Path(__file__).parent)!r}]\n"
        "from on_mpi import fit\n"
        "from test_recipes import rows_of\n"
        "model = fit(rows_of(MPI.COMM_WORLD.rank), 2, MPI.COMM_WORLD)\n"
        "model.save(f'{MPI.COMM_WORLD.rank}.gmm')\n"
    )
    extra = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    subprocess.run(
        ["mpiexec", "-n", "2", sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | extra | {"OMPI_MCA_rmaps_base_oversubscribe": "1"},
        check=True,
        timeout=120,
    )
    parts = [rows_of(0), rows_of(1)]
    drawn = [np.random.default_rng(rank).permutation(4000)[:10_000] for rank in (0, 1)]
    sample = np.concatenate([part[one] for part, one in zip(parts, drawn, strict=True)])
    here = fit_here(parts, sample)
    for rank in (0, 1):
        assert_close(fastgmm.load(tmp_path / f"{rank}.gmm"), here)


def test_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    pyspark = pytest.importorskip("pyspark.sql")
    pandas = pytest.importorskip("pandas")
    if shutil.which("java") is None:
        pytest.skip("there is no Java runtime")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    builder = pyspark.SparkSession.builder.master("local[2]")
    spark = builder.config("spark.ui.enabled", False).getOrCreate()
    try:
        rows = pandas.DataFrame(np.concatenate([rows_of(0), rows_of(1)]), columns=["x", "y"])
        frame = spark.createDataFrame(rows).cache()
        found = recipe("on_spark").fit(frame, 2)
        sample = frame.sample(1.0, seed=0).toArrow()
        here = fit_here([frame.toArrow()], sample)
    finally:
        spark.stop()
    assert_close(found, here)
