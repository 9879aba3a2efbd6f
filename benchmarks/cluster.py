"""Fits on a dask cluster of this machine: speed beside one process, killed workers, memory.

``python benchmarks/cluster.py --only speed kill --rows 10000000`` prints what docs/cluster.md says.
``--only spark`` puts pyspark.ml's own mixture beside the recipe of examples/on_spark.py, ``--only
ray`` and ``--only mpi`` put theirs beside passes in one process.
"""

import argparse
import importlib.util
import os
import resource
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import fastgmm

K, D = 8, 8
CHUNK = 500_000
EXAMPLES = Path(__file__).parent.parent / "examples"
MIB = 2**20


def block(number: int, n: int) -> np.ndarray:
    """Rows of eight overlapping clusters, the same for each number."""
    centres = np.random.default_rng(99).normal(size=(K, D)) * 1.5
    rng = np.random.default_rng(number)
    rows: np.ndarray = rng.normal(size=(n, D)) + centres[rng.integers(K, size=n)]
    return rows


def start_of(rows: np.ndarray) -> dict[str, Any]:
    """A start that each fit begins at, so that all of them take the same way."""
    first = fastgmm.GaussianMixture(K, random_state=0, max_iter=1, tol=0.0).fit(rows)
    return {
        "weights_init": first.weights_,
        "means_init": first.means_,
        "precisions_init": first.precisions_,
        "tol": 0.0,
        "acceleration": None,
    }


def per_iteration(
    fit: Callable[[int], object], few: int = 2, many: int = 12, repeats: int = 5
) -> float:
    """Seconds per iteration: what longer fits take more than shorter ones, the median of some."""
    found = []
    for _ in range(repeats):
        times = []
        for n in (few, many):
            begin = time.perf_counter()
            fit(n)
            times.append(time.perf_counter() - begin)
        found.append((times[1] - times[0]) / (many - few))
    return statistics.median(found)


def _alone(numbers: list[int], start: dict[str, Any]) -> float:
    """On a worker: seconds per iteration of a fit of these blocks in this process, one thread."""
    import warnings

    warnings.simplefilter("ignore")
    rows = np.concatenate([block(i, CHUNK) for i in numbers])
    return per_iteration(
        lambda n: fastgmm.GaussianMixture(K, n_threads=1, max_iter=n, **start).fit(rows)
    )


def spread(n_rows: int) -> Any:
    """The rows as a dask array, each chunk of which is made on a worker."""
    from dask import array, delayed

    made = delayed(block)
    return array.concatenate(
        [
            array.from_delayed(made(i, CHUNK), (CHUNK, D), dtype=np.float64)
            for i in range(n_rows // CHUNK)
        ]
    )


def client_of(n_workers: int) -> Any:
    """A client of a new cluster of processes with one thread each."""
    from distributed import Client, LocalCluster

    return Client(
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            memory_limit="6GiB",
            silence_logs=50,
        )
    )


def speed(n_rows: int) -> None:
    """Iterations on two workers, beside two processes that each fit half of the rows alone."""
    from distributed import wait

    start = start_of(block(0, 20_000))
    with client_of(2) as client:
        workers = sorted(client.scheduler_info()["workers"])
        halves = np.array_split(range(n_rows // CHUNK), 2)
        before = peak()
        alone = client.gather(
            [
                client.submit(_alone, half.tolist(), start, workers=[one], pure=False)
                for half, one in zip(halves, workers, strict=True)
            ]
        )
        rows = spread(n_rows).persist()
        wait(rows)
        together = per_iteration(
            lambda n: fastgmm.GaussianMixture(K, max_iter=n, **start).fit(rows)
        )
        # Two processes that fit halves side by side go at n / 2 / time each.
        sum_of_speeds = sum(n_rows / 2 / one for one in alone)
        print(f"{n_rows} x {D}, K {K}, two workers of one thread:")
        print(f"  alone, each with half: {alone[0]:.3f} and {alone[1]:.3f} s per iteration")
        print(f"  the cluster: {together:.3f} s per iteration")
        print(f"  share of the sum of their speeds: {n_rows / together / sum_of_speeds:.2f}")
        print(f"  peak memory of the client: {peak() / MIB:.0f} MB ({before / MIB:.0f} before)")
        client.cluster.close()


def peak() -> int:
    """The largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def kill(n_rows: int, tries: int = 10) -> None:
    """Kill a worker in the middle of a fit, again and again; the parameters must be the same."""
    start, equal, dead = start_of(block(0, 20_000)), 0, 0
    undisturbed = None
    for attempt in range(tries + 1):
        with client_of(2) as client:
            rows = spread(n_rows).persist()

            def shoot(iteration: fastgmm.Iteration, client: Any = client, i: int = attempt) -> None:
                nonlocal dead
                if i and iteration.n_iter == 1 + i % 7:
                    pids = client.run(os.getpid)
                    os.kill(pids[sorted(pids)[i % 2]], signal.SIGKILL)
                    dead += 1

            begin = time.perf_counter()
            model = fastgmm.GaussianMixture(K, max_iter=8, **start).fit(rows, callback=shoot)
            took = time.perf_counter() - begin
            client.cluster.close()
        undisturbed = undisturbed or model
        same = np.array_equal(model.means_, undisturbed.means_)
        equal += bool(attempt and same)
        print(
            f"  try {attempt}: {took:.1f} s, {'same' if same else 'OTHER'} parameters", flush=True
        )
    print(f"{dead} workers killed; {equal} of {tries} fits ended with the same parameters")


def example(name: str) -> ModuleType:
    """An example as a module, without what it does as a script."""
    described = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


class Passes:
    """A callback that notes when iterations end."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def __call__(self, iteration: fastgmm.Iteration) -> None:
        """Note this one."""
        self.ends.append(time.perf_counter())

    def seconds(self) -> float:
        """The median of what a pass takes."""
        return float(np.median(np.diff(self.ends)))


FEW = {"tol": 0.0, "gap_tol": None, "acceleration": None, "max_iter": 12}
"""So many plain iterations."""


def in_process(parts: list[np.ndarray], n_threads: int) -> float:
    """Seconds per pass over parts in this process."""
    passes = Passes()
    fastgmm.fit_with(
        lambda model: fastgmm.SufficientStatistics.total(
            model.set_params(n_threads=n_threads).e_step(part) for part in parts
        ),
        parts[0][:20_000],
        K,
        random_state=0,
        callback=passes,
        **FEW,
    )
    return passes.seconds()


def on_ray(n_rows: int) -> None:
    """A pass of the recipe on two workers of Ray beside a pass in this process."""
    import ray

    parts = [block(i, n_rows // 8) for i in range(8)]
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    passes = Passes()
    example("on_ray").fit(
        [ray.put(part) for part in parts], parts[0][:20_000], K, callback=passes, **FEW
    )
    ray.shutdown()
    here = [in_process(parts, n) for n in (1, 2)]
    print(f"{n_rows} rows x {D}, K {K}: Ray, two workers {passes.seconds() * 1e3:.1f} ms a pass")
    one, two = (took * 1e3 for took in here)
    print(f"  in this process {one:.1f} ms with one thread, {two:.1f} with two")


def on_mpi(n_rows: int) -> None:
    """The same with MPI; run it by ``mpiexec -n 2 python benchmarks/cluster.py --only mpi``."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    parts = [block(i, n_rows // 8) for i in range(8)]
    own = np.concatenate(parts[comm.rank :: comm.size])
    passes = Passes()
    example("on_mpi").fit(own, K, comm, callback=passes, **FEW)
    if comm.rank == 0:
        here = in_process(parts, 1)
        print(
            f"{n_rows} rows x {D}, K {K}: {comm.size} ranks {passes.seconds() * 1e3:.1f} ms a pass"
        )
        print(f"  in one process with one thread {here * 1e3:.1f} ms")


def spark(n_rows: int) -> None:
    """Iterations of pyspark.ml's mixture beside passes of the recipe, on local[2]."""
    from pyspark.ml.clustering import GaussianMixture as Theirs
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import array

    recipe = example("on_spark")
    builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", "8g")
    session = builder.config("spark.ui.enabled", False).getOrCreate()
    import pyarrow as pa

    rows = np.concatenate([block(i, n_rows // 8) for i in range(8)])
    names = [f"x{j}" for j in range(D)]
    frame = session.createDataFrame(pa.table(list(rows.T), names)).repartition(8).cache()
    vectors = frame.select(array_to_vector(array(*names)).alias("features")).cache()
    print(f"{frame.count()} = {vectors.count()} rows x {D}, K {K}, local[2]")
    theirs = per_iteration(
        lambda n: Theirs(k=K, seed=1, tol=0.0, maxIter=n).fit(vectors), 2, 6, repeats=2
    )
    passes = Passes()
    recipe.fit(frame, K, callback=passes)
    ours = passes.seconds()
    model = fastgmm.GaussianMixture(K, random_state=0).fit(rows[:20_000])
    begin = time.perf_counter()
    for _ in range(3):
        model.e_step(rows)
    here = (time.perf_counter() - begin) / 3
    print(
        f"  pyspark.ml {theirs:.2f} s per iteration; the recipe {ours:.2f} ({theirs / ours:.1f}x)"
    )
    print(
        f"  an E-step of the same rows in this process: {here:.3f} s; Arrow and jobs are the rest"
    )
    session.stop()


def cost(n_rows: int) -> None:
    """The model of docs/cluster.md: its numbers by measuring, and checked where they were not made.

    Seconds per pass = rows / (speed x workers) + a + b x workers + bytes / rate.
    """
    start = start_of(block(0, 20_000))
    latency = {}
    for n_workers in (1, 2, 4, 8):
        with client_of(n_workers) as client:
            rows = tiny(n_workers).persist()
            latency[n_workers] = per_iteration(
                lambda n, rows=rows: fastgmm.GaussianMixture(K, max_iter=n, **start).fit(rows),
                2,
                22,
            )
            client.cluster.close()
        print(f"  {n_workers} workers, no rows to speak of: {latency[n_workers] * 1e3:.1f} ms")
    b, a = np.polyfit(list(latency), list(latency.values()), 1)
    print(f"  a = {a * 1e3:.1f} ms, b = {b * 1e3:.2f} ms per worker")
    with client_of(2) as client:
        for d, k in ((8, 8), (32, 32), (64, 64)):
            mixture = wide(d, k)
            rows = tiny(2, d).persist()
            took = per_iteration(lambda n, m=mixture, x=rows: again(m, x, n), 2, 12)
            size = 2 * 8 * k * (3 * d * d + d + 1) + 2 * 8 * k * (d * d + d + 1)
            rate = size / max(took - latency[2], 1e-9)
            print(f"  {d} features, K {k}: {size / MIB:.2f} MB per pass of two workers, ", end="")
            print(f"{took * 1e3:.1f} ms; {rate / MIB:.0f} MB/s")
        measured = {}
        for n in (n_rows // 4, n_rows // 2, n_rows):
            rows = spread(n).persist()
            measured[n] = per_iteration(
                lambda i, x=rows: fastgmm.GaussianMixture(K, max_iter=i, **start).fit(x)
            )
        client.cluster.close()
    n = n_rows // 2
    speed_of_one = n / 2 / (measured[n] - a - 2 * b)
    print(f"  speed of a worker {speed_of_one / 1e6:.1f} million rows per second, from {n} rows")
    for n, took in measured.items():
        told = n / 2 / speed_of_one + a + 2 * b
        print(f"  {n} rows, two workers: {took:.3f} s measured, {told:.3f} s by the model")
    for n, w in ((10**8, 10), (10**9, 10), (10**9, 100), (10**9, 1000)):
        print(f"  {n:.0e} rows, {w} workers: {n / w / speed_of_one + a + b * w:.2f} s by the model")


def tiny(n_workers: int, n_features: int = D) -> Any:
    """A chunk of a thousand rows for each worker."""
    from dask import array

    rows = np.random.default_rng(0).normal(size=(1000 * n_workers, n_features))
    return array.from_array(rows, chunks=(1000, n_features))


def wide(n_features: int, n_components: int) -> dict[str, Any]:
    """A start of many parameters: standard Gaussians around random means."""
    return {
        "n_components": n_components,
        "weights_init": np.full(n_components, 1 / n_components),
        "means_init": np.random.default_rng(1).normal(size=(n_components, n_features)),
        "precisions_init": np.tile(np.eye(n_features), (n_components, 1, 1)),
        "reg_covar": 1.0,
        "tol": 0.0,
        "acceleration": None,
    }


def again(start: dict[str, Any], rows: Any, n: int) -> None:
    """A fit of so many iterations."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fastgmm.GaussianMixture(max_iter=n, **start).fit(rows)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=["speed", "kill"])
    parser.add_argument("--rows", type=int, default=10_000_000)
    asked = parser.parse_args()
    run = {"speed": speed, "kill": kill, "cost": cost, "spark": spark}
    run |= {"ray": on_ray, "mpi": on_mpi}
    for name in asked.only:
        run[name](asked.rows)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import cluster  # workers import the functions by this module's name

    cluster.main()
