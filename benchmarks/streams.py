"""Streams: files larger than one cares to load, and online learning, on one machine.

    python benchmarks/streams.py --rows 20000000
    python benchmarks/streams.py --only online

Each measurement runs in its own process.  Private memory is the peak of RssAnon above what the
process held before: pages of a mapped file are not counted, all that is allocated is.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

K, D = 8, 8
BATCH = 65536


def make_files(folder: Path, n_rows: int) -> None:
    """Write rows of K correlated clusters as .npy and Parquet, a part at a time."""
    import pyarrow
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    means = rng.normal(size=(K, D)) * 4
    roots = np.eye(D) + rng.normal(size=(K, D, D)) * 0.4 / np.sqrt(D)
    schema = pyarrow.schema([(f"x{j}", pyarrow.float64()) for j in range(D)])
    out = np.lib.format.open_memmap(folder / "rows.npy", "w+", np.float64, (n_rows, D))
    with parquet.ParquetWriter(folder / "rows.parquet", schema, compression="snappy") as writer:
        for begin in range(0, n_rows, 1 << 19):
            labels = rng.integers(K, size=min(1 << 19, n_rows - begin))
            noise = rng.normal(size=(len(labels), D))
            part = means[labels] + np.einsum("nij,nj->ni", roots[labels], noise)
            out[begin : begin + len(part)] = part
            writer.write_table(pyarrow.table(list(part.T.copy()), schema=schema))
    out.flush()


class PrivateMemory:
    """Peak of RssAnon while it is entered, in MB above the beginning."""

    def __enter__(self) -> "PrivateMemory":
        """Begin to look, a hundred times a second."""
        self.begin = self.peak = self.now()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look a last time."""
        self.ended.set()
        self.thread.join()
        self.peak = max(self.peak, self.now()) - self.begin

    def look(self) -> None:
        """Until the end."""
        while not self.ended.wait(0.01):
            self.peak = max(self.peak, self.now())

    @staticmethod
    def now() -> float:
        """RssAnon in MB."""
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1e3
        raise OSError("/proc/self/status has no RssAnon")


def fit_of(kind: str, folder: Path, n_threads: int) -> dict[str, float]:
    """Seconds per pass, and private memory, of one way to fit the file."""
    import warnings

    import fastgmm
    from fastgmm import sources

    warnings.simplefilter("ignore")

    def model(max_iter: int) -> fastgmm.GaussianMixture:
        return fastgmm.GaussianMixture(
            K, random_state=0, tol=0, max_iter=max_iter, n_threads=n_threads
        )

    path = folder / ("rows.parquet" if "parquet" in kind else "rows.npy")
    with PrivateMemory() as memory:
        if kind == "parquet, reading alone":
            begin = time.perf_counter()
            for _ in sources.batches(path, batch_rows=BATCH):
                pass
            return {"seconds": time.perf_counter() - begin}
        if kind == "in memory":
            rows = np.load(path)

            def fit(max_iter: int) -> fastgmm.GaussianMixture:
                return model(max_iter).fit(rows)
        else:
            source = sources.batches(path, batch_rows=BATCH)

            def fit(max_iter: int) -> fastgmm.GaussianMixture:
                return model(max_iter).fit_batches(source)

        seconds = []
        for max_iter in (2, 8):
            begin = time.perf_counter()
            fitted = fit(max_iter)
            seconds.append(time.perf_counter() - begin)
    return {
        "seconds": (seconds[1] - seconds[0]) / 6,
        "MB": memory.peak,
        "log-likelihood": fitted.lower_bound_,
    }


def online_rates(peer: str) -> dict[str, float]:
    """Rows per second, or microseconds per call, of learning from batches of several sizes."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(16, 16)) * 3
    rows = means[rng.integers(16, size=400_000)] + rng.normal(size=(400_000, 16))
    found = {}
    for size in (1, 100, 256, 4096):
        learn = learner(peer, rows)
        n = min(len(rows), 4000 * size if size < 256 else 380_000)
        for begin in range(0, n // 4, size):
            learn(rows[begin : begin + size])  # warm
        # A stretch of 4096 rows has one step; looks are rare, and the median leaves them out.
        ends, calls = [time.perf_counter()], max(1, 4096 // size) if size >= 256 else 1
        for i, begin in enumerate(range(0, n, size), 1):
            learn(rows[begin : begin + size])
            if i % calls == 0:
                ends.append(time.perf_counter())
        seconds = (ends[-1] - ends[0]) / (calls * (len(ends) - 1))
        if size < 256:
            found[f"us per update of {size}"] = seconds * 1e6
        else:
            found[f"rows/s in batches of {size}"] = size / seconds
            median = float(np.median(np.diff(ends))) / calls
            found[f"rows/s in batches of {size}, looks aside"] = size / median
    return found


def other_streams() -> dict[str, float]:
    """Microseconds per call of 256 rows where the step costs more than its rows do.

    Looks, which are rare, are among what is timed; the median leaves out those calls.
    """
    import fastgmm

    rng = np.random.default_rng(0)
    found = {}
    for k, d, half_life in ((3, 2, None), (3, 2, 2000), (8, 8, 2000), (16, 16, 2000)):
        means = rng.normal(size=(k, d)) * 3
        rows = means[rng.integers(k, size=200_000)] + rng.normal(size=(200_000, d))
        model = fastgmm.GaussianMixture(k, random_state=0, n_threads=1, half_life=half_life)
        model.partial_fit(rows[:100_000])
        seconds = []
        for begin in range(100_000, 199_680, 256):
            begin_time = time.perf_counter()
            model.partial_fit(rows[begin : begin + 256])
            seconds.append(time.perf_counter() - begin_time)
        forgets = "" if half_life is None else f", half-life {half_life}"
        found[f"us per 256 x {d}, K {k}{forgets}"] = float(np.mean(seconds)) * 1e6
        found[f"us per 256 x {d}, K {k}{forgets}, median"] = float(np.median(seconds)) * 1e6
    return found


def learner(peer: str, rows: np.ndarray):
    """A function that learns from a batch; the first rows are learned from here."""
    if peer == "fastgmm":
        import fastgmm

        model = fastgmm.GaussianMixture(16, random_state=0, n_threads=1).partial_fit(rows[:20_000])
        return model.partial_fit
    if peer == "MiniBatchKMeans":
        from sklearn.cluster import MiniBatchKMeans

        clusters = MiniBatchKMeans(16, random_state=0, n_init=1).partial_fit(rows[:20_000])
        return clusters.partial_fit
    if peer == "pomegranate summarize":
        import torch
        from pomegranate.distributions import Normal
        from pomegranate.gmm import GeneralMixtureModel

        torch.set_num_threads(1)
        mixture = GeneralMixtureModel([Normal() for _ in range(16)], max_iter=2)
        mixture.fit(torch.from_numpy(rows[:20_000].astype(np.float32)))
        return lambda part: mixture.summarize(torch.from_numpy(part.astype(np.float32)))
    if peer == "tgmm":
        import torch
        from tgmm import GaussianMixture

        torch.set_num_threads(1)
        online = GaussianMixture(n_components=16, n_features=16, random_state=0, max_iter=5)
        online.fit(torch.from_numpy(rows[:20_000]))
        return lambda part: online.partial_fit(torch.from_numpy(part))
    raise ValueError(peer)


def long_stream(n_rows: int) -> dict[str, float]:
    """Private memory at a tenth and at the end of a long stream."""
    import fastgmm

    rng = np.random.default_rng(0)
    model = fastgmm.GaussianMixture(8, random_state=0, n_threads=1)
    part = rng.normal(size=(4096, 8)) + 5 * rng.integers(2, size=(4096, 1))
    held = []
    for begin in range(0, n_rows, 4096):
        model.partial_fit(part + 1e-9 * begin)
        if begin // 4096 in (n_rows // 40960, n_rows // 4096 - 1):
            held.append(PrivateMemory.now())
    return {"MB grown": held[-1] - held[0]}


def child(arguments: list[str]) -> dict[str, float]:
    """One measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"failed": float("nan"), done.stderr.strip().splitlines()[-1][:90]: 0.0}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print a table of each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", help="for the files (a temporary one)")
    parser.add_argument("--only", choices=["files", "online"])
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        part, *rest = arguments.child
        if part == "fit":
            found = fit_of(rest[0], Path(rest[1]), int(rest[2]))
        elif part == "online":
            found = online_rates(rest[0])
        elif part == "others":
            found = other_streams()
        else:
            found = long_stream(int(rest[0]))
        print(json.dumps(found))
        return
    if arguments.only != "online":
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            make_files(Path(folder), arguments.rows)
            print(f"{arguments.rows:,} x {D}, K {K}, {arguments.threads} thread(s), per pass")
            for kind in ("in memory", ".npy", "parquet", "parquet, reading alone"):
                print(kind, child(["fit", kind, folder, str(arguments.threads)]), flush=True)
    if arguments.only != "files":
        print("online, D 16, K 16, one thread")
        for peer in ("fastgmm", "MiniBatchKMeans", "pomegranate summarize", "tgmm"):
            print(peer, child(["online", peer]), flush=True)
        print("other streams", child(["others"]))
        print("memory over a stream", child(["long", "20000000"]))


if __name__ == "__main__":
    main()
