"""The bytes of fits, scores, streams, checkpoints, starts and selections, as digests.

A change of the code that means to change no result leaves every digest as it is.  Digests depend on
the instruction set of the kernels, and on the LAPACK and the C library that NumPy calls: each set
is kept under the name of the first and a fingerprint of the second.

    python tests/numerics/same_bytes.py             # compare with what is kept; lists what differs
    python tests/numerics/same_bytes.py --write     # keep what this processor gives
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fastgmm
from fastgmm import GaussianMixture, NormalInverseWishart

KEPT = Path(__file__).with_name("digests.json")
TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
DTYPES = (np.float64, np.float32)
STARTS = ("ward", "kmeans", "k-means++", "random", "random_from_data")


def digest(*arrays: Any) -> str:
    """Sixteen digits for the dtypes, shapes and bytes of arrays."""
    found = hashlib.sha256()
    for given in arrays:
        array = np.ascontiguousarray(given)
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:16]


def fingerprint() -> str:
    """Of what NumPy's linear algebra and elementary functions give here."""
    rng = np.random.default_rng(1)
    parts: list[np.ndarray] = []
    for n in (2, 3, 5, 8, 16, 24, 33):
        a = rng.standard_normal((n, n))
        spd = a @ a.T + n * np.eye(n)
        parts += [a @ a, spd, np.linalg.eigvalsh(spd), np.linalg.svd(a, compute_uv=False)]
        parts += [np.linalg.cholesky(spd), np.linalg.inv(a), np.einsum("ij,jk->ik", a, spd)]
    x = rng.uniform(0.001, 30.0, 1000)
    parts += [np.exp(-x), np.log(x), np.log1p(x), x**0.8, x.sum(), np.tensordot(x, x, 1)]
    long = rng.standard_normal((3000, 8))
    parts += [long.T @ long, long.mean(axis=0), rng.dirichlet(np.ones(4)), rng.integers(9, size=9)]
    return digest(*parts)


def rows_of(seed: int, n: int, d: int, k: int, spread: float = 3.0) -> np.ndarray:
    """Rows (n, d) of a correlated mixture of k components."""
    rng = np.random.default_rng(seed)
    means = spread * rng.standard_normal((k, d))
    factors = rng.standard_normal((k, d, d)) / np.sqrt(d) + 0.3 * np.eye(d)
    labels = rng.integers(k, size=n)
    return means[labels] + np.einsum("nij,nj->ni", factors[labels], rng.standard_normal((n, d)))


def of_model(model: Any) -> str:
    """Of the parameters of a fitted model and of the way to them."""
    return digest(
        model.weights_,
        model.means_,
        model.covariances_,
        model.precisions_,
        model.precisions_cholesky_,
        np.array(model.lower_bounds_, dtype=np.float64),
        np.array([model.lower_bound_, model.n_iter_, model.n_passes_, model.gap_]),
        np.array([(r.n_iter, r.component) for r in model.repairs_], dtype=np.int64),
        np.array([one.lower_bound for one in model.initializations_], dtype=np.float64),
    )


def of_scores(model: Any, rows: np.ndarray) -> str:
    """Of what a model says of rows."""
    sample, labels = model.sample(50, random_state=3)
    return digest(
        model.score_samples(rows),
        model.component_log_density(rows),
        model.predict_proba(rows),
        model.predict(rows),
        np.array([model.score(rows), model.bic(rows), model.aic(rows), model.icl(rows)]),
        sample,
        labels,
        *(model.score_samples(rows[i : i + 1]) for i in range(3)),
    )


def of_statistics(statistics: Any) -> str:
    """Of sufficient statistics."""
    return digest(
        statistics.reference,
        statistics.component_weight,
        statistics.first_moment,
        statistics.second_moment,
        np.array([statistics.n_samples, statistics.weight, statistics.log_likelihood]),
    )


Case = Callable[[int], str]


def cases() -> Iterator[tuple[str, Case]]:
    """Names, and functions of the number of threads that give a digest."""
    for kind in TYPES:
        for dtype in DTYPES:
            yield from _cases_of(kind, np.dtype(dtype))
        for start in STARTS:
            yield f"start {kind} {start}", _start(kind, start)
        yield f"selection {kind}", _selection(kind)
        yield f"checkpoint {kind}", _checkpoint(kind)
        yield f"repair {kind}", _repair(kind)
    for d, k, n in ((2, 3, 1000), (4, 2, 700), (16, 16, 6000), (24, 5, 5000), (33, 3, 900)):
        yield f"sizes {d} {k}", _size(d, k, n)
    yield "compress", lambda _: digest(*fastgmm.compress(np.round(rows_of(8, 3000, 2, 2), 1)))


def _cases_of(kind: str, dtype: np.dtype) -> Iterator[tuple[str, Case]]:
    rows = rows_of(1, 9000, 3, 4, 2.0).astype(dtype)
    weight = np.random.default_rng(2).integers(0, 3, len(rows)).astype(np.float64)
    name = f"{kind} {dtype.name}"

    def model(threads: int, **given: Any) -> GaussianMixture:
        return GaussianMixture(4, covariance_type=kind, random_state=5, n_threads=threads, **given)  # type: ignore[arg-type]

    def stream(threads: int) -> str:
        learned = model(threads, half_life=3000.0)
        for part in np.split(rows, [10, 500, 2000, 2001, 5000, 8000]):
            learned.partial_fit(part)
        of = learned.stream_
        return of_model(learned) + digest(
            np.array([of.n_samples, of.weight, of.mean, of.deviation]), of.seen, of.log_density
        )

    def follow(threads: int) -> str:
        learned = model(threads).fit(rows[:3000], sample_weight=weight[:3000])
        learned.partial_fit(rows[3000:], sample_weight=weight[3000:])
        return of_model(learned)

    def steps(threads: int) -> str:
        fitted = model(threads, max_iter=3).fit(rows)
        together = fitted.e_step(rows[:4000], sample_weight=weight[:4000]) + fitted.e_step(
            rows[4000:], sample_weight=weight[4000:]
        )
        return of_statistics(together) + of_model(fitted.m_step(together))

    yield f"fit {name}", lambda t: of_model(model(t).fit(rows))
    yield f"fit weighted {name}", lambda t: of_model(model(t).fit(rows, sample_weight=weight))
    yield f"fit plain {name}", lambda t: of_model(model(t, acceleration=None).fit(rows))
    yield f"fit slow {name}", lambda t: of_model(model(t, gap_tol=1e-6, max_iter=60).fit(rows))
    yield f"fit auto {name}", lambda t: of_model(model(t, reg_covar="auto", n_init=3).fit(rows))
    yield (
        f"fit prior {name}",
        lambda t: of_model(model(t, prior=NormalInverseWishart()).fit(rows[:2000])),
    )
    yield f"batches {name}", lambda t: of_model(model(t).fit_batches(np.array_split(rows, 5)))
    yield f"scores {name}", lambda t: of_scores(model(t).fit(rows), rows)
    yield f"steps {name}", steps
    yield f"stream {name}", stream
    yield f"stream after fit {name}", follow


def _start(kind: str, method: str) -> Case:
    rows = rows_of(3, 4000, 2, 5)

    def case(threads: int) -> str:
        model = GaussianMixture(
            5, covariance_type=kind, init_params=method, max_iter=0, random_state=1,
            n_threads=threads,
        )  # type: ignore[arg-type]  # fmt: skip
        short = model.set_params(max_iter=4, n_init=2).fit(rows)
        return of_model(short) + of_model(model.set_params(max_iter=0, n_init=1).fit(rows))

    return case


def _selection(kind: str) -> Case:
    rows = rows_of(4, 600, 2, 3)

    def case(threads: int) -> str:
        chosen = fastgmm.select(rows, range(1, 5), kind, random_state=0, n_threads=threads)
        numbers = [(c.bic, c.icl, c.aic, c.log_likelihood, c.n_passes) for c in chosen.table]
        return digest(np.array(numbers)) + of_model(chosen.model)

    return case


def _checkpoint(kind: str) -> Case:
    rows = rows_of(5, 5000, 3, 4, 1.5)

    def case(threads: int) -> str:
        given: dict[str, Any] = {"covariance_type": kind, "random_state": 0, "n_threads": threads}
        parts = np.array_split(rows, 3)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "fit.gmm")

            def stop(iteration: Any) -> None:
                if iteration.n_iter == 14:
                    raise KeyboardInterrupt

            stopped = GaussianMixture(4, gap_tol=1e-7, **given)
            with contextlib.suppress(KeyboardInterrupt):
                stopped.fit_batches(parts, callback=stop, checkpoint=path)
            first = of_model(fastgmm.load(path))
            resumed = GaussianMixture(4, gap_tol=1e-7, **given).fit_batches(parts, checkpoint=path)
            return first + of_model(resumed) + of_model(fastgmm.load(path))

    return case


def _repair(kind: str) -> Case:
    rng = np.random.default_rng(6)
    rows = np.concatenate([rng.standard_normal((200, 2)), np.zeros((30, 2)), [[50.0, 50.0]] * 3])

    def case(threads: int) -> str:
        model = GaussianMixture(6, covariance_type=kind, random_state=2, n_threads=threads)  # type: ignore[arg-type]
        means = np.concatenate([rng_means(), [[900.0, 900.0]]])
        far = GaussianMixture(
            6, covariance_type=kind, random_state=2, n_threads=threads, means_init=means
        )  # type: ignore[arg-type]
        return of_model(model.fit(rows)) + of_model(far.fit(rows))

    def rng_means() -> np.ndarray:
        return np.random.default_rng(7).standard_normal((5, 2))

    return case


def _size(d: int, k: int, n: int) -> Case:
    rows = rows_of(d, n, d, k, 1.0)
    clear = rows_of(d + 100, n, d, k, 9.0)

    def case(threads: int) -> str:
        model = GaussianMixture(k, random_state=0, n_threads=threads, max_iter=25)
        found = of_model(model.fit(rows)) + of_scores(model, rows[:2500])
        return found + of_model(model.fit(clear)) + of_model(model.fit(clear.astype(np.float32)))

    return case


def digests(threads: int) -> dict[str, str]:
    """All of them, by name, computed in this process."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, case in cases():
            text = case(threads)
            found[name] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def kept_digests(instruction_set: str) -> dict[str, str] | None:
    """What is kept for a build and for this NumPy; None where nothing is."""
    return everything_kept().get(instruction_set, {}).get(fingerprint())


def everything_kept() -> dict[str, dict[str, dict[str, str]]]:
    """Instruction set -> fingerprint -> name -> digest."""
    kept: dict[str, dict[str, dict[str, str]]] = {}
    if KEPT.exists():
        kept = json.loads(KEPT.read_text())
    return kept


def differences(found: dict[str, str], kept: dict[str, str]) -> list[str]:
    """Names whose digests differ, or that one of the two lacks."""
    return sorted(name for name in found | kept if found.get(name) != kept.get(name))


def in_process(instruction_set: str, threads: int) -> dict[str, str]:
    """The digests of a build, from an interpreter of its own."""
    words = [sys.executable, str(Path(__file__).resolve()), "--print", str(threads)]
    environment = os.environ | {"FASTGMM_ISA": instruction_set}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main(words: list[str]) -> int:
    """Print, write or compare."""
    if words[:1] == ["--print"]:
        print(json.dumps(digests(int(words[1]))))
        return 0
    from fastgmm import kernels

    failed = 0
    for name in (name for name in kernels.BUILT if name in kernels.SUPPORTED):
        found = in_process(name, 1)
        for threads in (2, 3):
            if other := differences(in_process(name, threads), found):
                print(f"{name}: {threads} threads differ from one in {', '.join(other)}")
                failed = 1
        kept = kept_digests(name)
        if words[:1] == ["--write"]:
            everything = everything_kept()
            everything.setdefault(name, {})[fingerprint()] = found
            KEPT.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n")
            print(f"{name}: {len(found)} digests kept")
        elif kept is None:
            print(f"{name}: nothing is kept for this NumPy ({fingerprint()})")
        else:
            changed = differences(found, kept)
            failed |= bool(changed)
            print(f"{name}: {len(changed)} of {len(found)} differ", *changed, sep="\n  ")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
