"""Hostile data sets: finite, valid parameters or an error that names the cause, in bounded time.

Each data set is fitted with every type of covariance, in an interpreter of its own per chunk, so
that a crash or a hang in compiled code is the failure of one data set with its name.

    FASTGMM_HOSTILE=1000 pytest -q tests/numerics/test_hostile.py    # all of them, not only 100
    python -P tests/numerics/test_hostile.py 37 38                   # what becomes of number 37
"""

import faulthandler
import inspect
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.errors import InvalidParameterError
from fastgmm.typing import COVARIANCE_TYPES, INIT_PARAMS
from fastgmm.validation.constructor import CONSTRAINTS

N_SETS = int(os.environ.get("FASTGMM_HOSTILE", "100"))
CHUNK = 25
PATIENCE = 60
"""Seconds for the fits of one data set, which take a few hundredths."""
BATCH_ROWS = 7
Generator = np.random.Generator
Made = tuple[np.ndarray, np.ndarray | None, int]
"""Rows, sample weights or None, number of components."""

# ---------------------------------------------------------------------------- data sets


def blobs(rng: Generator, n: int, d: int) -> np.ndarray:
    """A few correlated clusters: what the hostile rows are made from."""
    centers = 5.0 * rng.normal(size=(rng.integers(1, 5), d))
    noise = rng.normal(size=(n, d)) @ (rng.normal(size=(d, d)) / np.sqrt(d))
    rows: np.ndarray = centers[rng.integers(len(centers), size=n)] + noise
    return rows


def decades(rng: Generator, least: float, most: float, size: Any = None) -> Any:
    return 10.0 ** rng.uniform(least, most, size)


def constant_columns(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    values = rng.choice([0.0, 0.1, 1 / 3, -7.0, 1e8 + 0.1, -1e-5 / 3], size=d)
    return np.where(rng.random(d) < 0.5, values, blobs(rng, n, d))


def duplicate_columns(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    return blobs(rng, n, d)[:, rng.integers(1 + d // 2, size=d)]


def few_distinct_rows(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    distinct = blobs(rng, int(rng.integers(1, max(2, k))), d)
    return distinct[rng.integers(len(distinct), size=n)]


def far_outlier(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    rows = blobs(rng, n, d)
    rows[rng.integers(n)] *= decades(rng, 3, 16)
    return rows


def mostly_identical(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    rows = blobs(rng, n, d)
    return np.where(rng.random((n, 1)) < 0.95, rows[0], rows)


def collinear(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    rank = int(rng.integers(1, 3))
    return blobs(rng, n, rank) @ rng.integers(-9, 10, size=(rank, d)) / 3.0


def offset(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    spread = decades(rng, -9, 0)
    return decades(rng, 3, 12) * rng.normal(size=d) + spread * blobs(rng, n, d)


def mixed_scales(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    return blobs(rng, n, d) * rng.choice([1e-8, 1.0, 1e8], size=d)


def wildly_mixed_scales(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    return blobs(rng, n, d) * rng.choice([1e-100, 1e-30, 1e30, 1e100], size=d)


def clusters_of_mixed_scales(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    return blobs(rng, n, d) * rng.choice([1e-12, 1.0, 1e12], size=(n, 1))


def geometric(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    """Each row farther out than all before it together."""
    exponents = np.linspace(0.0, rng.uniform(3.0, 120.0), n)
    return rng.choice([-1.0, 1.0], size=d) * 10.0 ** exponents[:, np.newaxis]


def one_row_and_another(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    rows = np.tile(blobs(rng, 1, d), (n, 1))
    rows[rng.integers(n)] += decades(rng, -8, 8)
    return rows


def signed_zeros(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    rows = rng.choice([0.0, -0.0], size=(n, d))
    rows[0, 0] = rng.choice([0.0, -0.0, 1.0])
    return rows


def an_ulp_apart(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    return rng.choice([1.0, -1e6, 0.1], size=d) * (1.0 + 2.0**-52 * rng.integers(0, 4, (n, d)))


def numbers_of_another_kind(rng: Generator, n: int, d: int, k: int) -> np.ndarray:
    kind = rng.choice(["int8", "uint16", "int64", "float16", "bool"])
    return np.clip(np.abs(9.0 * blobs(rng, n, d)), 0, 127).astype(kind)


FAMILIES: dict[str, Callable[[Generator, int, int, int], np.ndarray]] = {
    "constant columns": constant_columns,
    "duplicate columns": duplicate_columns,
    "fewer distinct rows than components": few_distinct_rows,
    "one far outlier": far_outlier,
    "scale of 1e-150": lambda rng, n, d, k: 1e-150 * blobs(rng, n, d),
    "scale of 1e150": lambda rng, n, d, k: 1e150 * blobs(rng, n, d),
    "some scale": lambda rng, n, d, k: decades(rng, -140, 140) * blobs(rng, n, d),
    "two rows": lambda rng, n, d, k: blobs(rng, n, d),
    "as many components as rows": lambda rng, n, d, k: blobs(rng, n, d),
    "small integers": lambda rng, n, d, k: rng.integers(0, 4, size=(n, d)),
    "large integers": lambda rng, n, d, k: rng.integers(-(2**60), 2**60, size=(n, d)),
    "95 % identical rows": mostly_identical,
    "collinear columns": collinear,
    "more columns than rows": lambda rng, n, d, k: blobs(rng, n, d),
    "an offset and a tiny spread": offset,
    "scales of 1e-8 and 1e8": mixed_scales,
    "scales of 1e-100 and 1e100": wildly_mixed_scales,
    "clusters of other scales": clusters_of_mixed_scales,
    "heavy tails": lambda rng, n, d, k: rng.standard_cauchy(size=(n, d)),
    "geometric": geometric,
    "all rows identical": lambda rng, n, d, k: np.tile(blobs(rng, 1, d), (n, 1)),
    "one row and another": one_row_and_another,
    "subnormal": lambda rng, n, d, k: 5e-324 * rng.integers(-9, 1000, size=(n, d)),
    "nearly subnormal": lambda rng, n, d, k: decades(rng, -312, -300) * blobs(rng, n, d),
    "nearly infinite": lambda rng, n, d, k: decades(rng, 290, 306.5) * blobs(rng, n, d),
    "zeros of both signs": signed_zeros,
    "binary": lambda rng, n, d, k: rng.integers(0, 2, size=(n, d)).astype(float),
    "an ulp apart": an_ulp_apart,
    "numbers of another kind": numbers_of_another_kind,
    "float32, scale of 1e30": lambda rng, n, d, k: (1e30 * blobs(rng, n, d)).astype(np.float32),
    "float32, scale of 1e-30": lambda rng, n, d, k: (1e-30 * blobs(rng, n, d)).astype(np.float32),
    "float32, some scale": lambda rng, n, d, k: (decades(rng, -44, 36) * blobs(rng, n, d)).astype(
        np.float32
    ),
    "float32, an offset": lambda rng, n, d, k: (
        decades(rng, 2, 7) + decades(rng, -3, 0) * blobs(rng, n, d)
    ).astype(np.float32),
}
WEIGHTS: dict[str, Callable[[Generator, int], np.ndarray]] = {
    "weights with zeros": lambda rng, n: np.where(rng.random(n) < 0.5, 0.0, rng.random(n)),
    "weights of 0 and 1e12": lambda rng, n: 1e12 * rng.integers(0, 2, size=n),
    "weights of 1e-12": lambda rng, n: 1e-12 * (1.0 + rng.random(n)),
    "weights of 1 and 1e-12": lambda rng, n: rng.choice([1.0, 1e-12], size=n),
    "weights of 1e-12 to 1e12": lambda rng, n: decades(rng, -12, 12, n),
    "weights of 1e-300 to 1e300": lambda rng, n: decades(rng, -300, 300, n),
    "one weight of all": lambda rng, n: np.r_[1e12, np.ones(n - 1)],
}
HARMLESS, HARMLESS_FLOAT32 = 1e120, 1e15
"""Up to here the squares of numbers, and sums of them, are far from the largest of their dtype."""


def hostile(index: int) -> tuple[str, np.ndarray, np.ndarray | None, int]:
    """Description, rows, sample weights or None, and number of components of a data set."""
    rng = np.random.default_rng([index, 0])
    name = list(FAMILIES)[index % len(FAMILIES)]
    n, d = int(decades(rng, 0.31, 2.48)), int(decades(rng, 0.0, 1.11))
    k = int(rng.integers(1, 11))
    if rng.random() < 0.05:
        n, d = 8 * n, d + 16  # several blocks, and bounds carried from pass to pass
    if name == "two rows":
        n = 2
    elif name == "as many components as rows":
        n = k = max(2, k)
    elif name == "more columns than rows":
        n = int(rng.integers(2, 9))
        d = n + int(rng.integers(1, 5))
    k = min(k, n)
    rows = FAMILIES[name](rng, n, d, k)
    if rows.dtype == np.float64 and np.abs(rows).max() < 1e37 and rng.random() < 0.15:
        name, rows = f"{name}, float32", rows.astype(np.float32)
    weight = None
    if rng.random() < 0.3:
        kind = list(WEIGHTS)[rng.integers(len(WEIGHTS))]
        weight = WEIGHTS[kind](rng, n)
        weight[rng.integers(n)] = 1.0  # never all zero
        name = f"{name}, {kind}"
    return f"{name}: {n} x {rows.shape[1]}, {k} components", rows, weight, k


# ---------------------------------------------------------------------------- ways to fit

# What is varied from one data set to the next.  Parameters that the constructor lacks, and values
# that it does not accept, are left out; give new parameters their line here.
OPTIONS: dict[str, tuple[Any, ...]] = {
    "init_params": INIT_PARAMS,
    "reg_covar": (1e-6, 1e-6, 1e-6, 1e-6, 0.0, "auto"),
    "n_init": (1, 1, 1, 3),
    "tol": (1e-3, 1e-3, 1e-6, 0.0),
    "max_iter": (100, 100, 100, 1, 0),
    "acceleration": ("auto", "auto", "lbfgs", None),
    "gap_tol": ("auto", "auto", None, 1e-3, 1e-9),
    "on_collapse": ("repair", "repair", "repair", "warn", "raise"),
    "prior": (None, None, None, NormalInverseWishart()),
}


def accepted_values(name: str) -> tuple[Any, ...]:
    if name not in inspect.signature(GaussianMixture).parameters:
        return ()
    return tuple(v for v in OPTIONS[name] if any(c.holds(v) for c in CONSTRAINTS[name]))


def options(index: int) -> dict[str, Any]:
    """Parameters of the constructor; each with a stream of its own, so that more may follow."""
    chosen = {}
    for name in OPTIONS:
        if values := accepted_values(name):
            rng = np.random.default_rng([index, crc32(name.encode())])
            chosen[name] = values[rng.integers(len(values))]
    return chosen


def in_batches(index: int) -> bool:
    return bool(np.random.default_rng([index, 1]).random() < 0.3)


def fit(model: GaussianMixture, index: int, X: np.ndarray, weight: np.ndarray | None) -> None:
    if not in_batches(index):
        model.fit(X, sample_weight=weight)
        return
    cuts = range(0, len(X), BATCH_ROWS)
    if weight is None:
        model.fit_batches([X[i : i + BATCH_ROWS] for i in cuts])
    else:
        model.fit_batches([(X[i : i + BATCH_ROWS], weight[i : i + BATCH_ROWS]) for i in cuts])


# ---------------------------------------------------------------------------- what is checked

CAUSES = ("covariance", "rows", "n_samples", "weight", "finite", "scale", "overflow", "integer")
OF_RANGE = ("overflow", "float64", "range", "too large", "too far", "rescale")


def faults_of_error(
    error: Exception, X: np.ndarray, weight: np.ndarray | None, chosen: dict[str, Any]
) -> Iterator[str]:
    message = f"{type(error).__name__}: {error}"
    clear = (
        isinstance(error, ValueError)
        and not isinstance(error, InvalidParameterError | np.linalg.LinAlgError)
        and len(str(error)) > 20
        and "\n" not in str(error)
        and any(word in str(error) for word in CAUSES)
    )
    if not clear:
        yield f"no clear error: {message}"
    elif "which float64 would round" in str(error):
        return  # integers of so many digits are refused
    elif chosen["on_collapse"] == "raise" and "collapsed" in str(error):
        return
    elif chosen["reg_covar"] != 0 and "n_samples" not in str(error):
        # regularised covariances are never singular: what is left is the range of the numbers, and
        # what was asked for
        if not squares_overflow(X, weight):
            yield f"an error in spite of reg_covar: {message}"
        elif not any(word in str(error) for word in OF_RANGE):
            yield f"numbers out of range, but the error is {message}"


def squares_overflow(X: np.ndarray, weight: np.ndarray | None) -> bool:
    """Whether squares of the rows, with their weights, come near the largest number or 0."""
    largest = np.abs(X.astype(np.float64)).max()
    if largest < (1e-17 if X.dtype == np.float32 else 1e-140):
        return True
    heaviest = 1.0 if weight is None else max(1.0, weight.max())
    limit = HARMLESS_FLOAT32 if X.dtype == np.float32 else HARMLESS
    return bool(largest > limit or heaviest > HARMLESS)


def faults_of_model(
    model: GaussianMixture, X: np.ndarray, weight: np.ndarray | None
) -> Iterator[str]:
    k, d = model.n_components, X.shape[1]
    single = X.dtype == np.float32

    weights = model.weights_
    if not (weights.shape == (k,) and (weights >= 0).all() and abs(weights.sum() - 1.0) < 1e-6):
        yield f"weights_ {weights}"

    counted = X.astype(np.float64) if weight is None else X[weight > 0].astype(np.float64)
    low, high = counted.min(axis=0), counted.max(axis=0)
    slack = slack_of_means(low, high, len(X), weight, np.dtype(np.float32 if single else float))
    means = model.means_
    if not (means.shape == (k, d) and np.isfinite(means).all()):
        yield f"means_ {means}"
    elif not ((low - slack <= means) & (means <= high + slack)).all():
        excess = np.maximum(low - means, means - high) / np.maximum(high - low, 5e-324)
        yield f"means_ outside the rows by {excess.max():.2g} of their range"

    square = model.covariance_type in ("full", "tied")
    covariances, roots = model.covariances_, model.precisions_cholesky_
    if not np.isfinite(covariances).all():
        yield "covariances_ not finite"
    elif square and not np.array_equal(covariances, np.swapaxes(covariances, -1, -2)):
        yield "covariances_ not symmetric"
    if not (diagonal(covariances, square) > 0).all():
        yield "covariances_ not positive"
    if not np.isfinite(roots).all():
        yield "precisions_cholesky_ not finite"
    elif not (diagonal(roots, square) > 0).all():
        yield "precisions_cholesky_ not positive"
    if not np.isfinite(model.precisions_).all():
        yield "precisions_ not finite"

    density = model.score_samples(X)
    if np.isnan(density).any() or (density == np.inf).any():
        yield f"score_samples {density[~np.isfinite(density)][:3]}"
    elif not np.isfinite(density if weight is None else density[weight > 0]).all():
        yield "score_samples -inf for a row of the fit"
    odds = model.predict_proba(X)
    if not ((odds >= 0).all() and np.allclose(odds.sum(axis=1), 1.0, rtol=0.0, atol=1e-5)):
        yield f"predict_proba sums to {odds.sum(axis=1)[:3]}"
    labels = model.predict(X)
    if not ((labels >= 0) & (labels < k)).all():
        yield f"predict {labels}"

    if not np.isfinite(model.lower_bounds_).all():
        yield f"lower_bounds_ {np.unique(model.lower_bounds_)}"
    if not model.n_iter_ <= model.max_iter:
        yield f"n_iter_ {model.n_iter_}"
    drawn = model.sample(3)[0]
    if not (drawn.shape == (3, d) and np.isfinite(drawn).all()):
        yield f"sample {drawn}"


def slack_of_means(
    low: np.ndarray, high: np.ndarray, n: int, weight: np.ndarray | None, dtype: np.dtype
) -> np.ndarray:
    """Rounding of a sum of n numbers, and what is lost where weights times numbers underflow."""
    info = np.finfo(dtype)
    relative = 8 * float(info.eps) + n * float(np.finfo(np.float64).eps)
    with np.errstate(over="ignore"):
        ratio = 1.0 if weight is None else weight.max() / weight[weight > 0].min()
        slack: np.ndarray = 1e-6 * (high - low) + float(info.tiny) * ratio
        return slack + relative * np.maximum(abs(low), abs(high))


def diagonal(matrices: np.ndarray, square: bool) -> np.ndarray:
    return np.diagonal(matrices, axis1=-2, axis2=-1) if square else np.asarray(matrices)


def outcome(index: int, covariance_type: str) -> tuple[list[str], str]:
    """What is wrong with one fit, and how it ended."""
    _, X, weight, k = hostile(index)
    chosen = options(index)
    model = GaussianMixture(
        k, covariance_type=covariance_type, random_state=index, n_threads=1, **chosen
    )
    try:
        fit(model, index, X, weight)
    except Exception as error:
        return list(faults_of_error(error, X, weight, chosen)), f"{error}"
    return list(faults_of_model(model, X, weight)), f"{model.n_iter_} iterations"


def work(begin: int, end: int) -> None:
    """Fit the data sets; a line before each, and one for each fault."""
    warnings.simplefilter("ignore")
    for index in range(begin, end):
        print(f"begin {index}", flush=True)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        for covariance_type in COVARIANCE_TYPES:
            found, ending = outcome(index, covariance_type)
            for fault in found:
                print(f"fault {index} {covariance_type}: {fault}".replace("\n", " "), flush=True)
            if os.environ.get("FASTGMM_HOSTILE_VERBOSE"):
                print(f"ended {index} {covariance_type}: {ending}", flush=True)
        faulthandler.cancel_dump_traceback_later()


def faults_of_chunk(begin: int, end: int) -> Iterator[str]:
    """Run workers until all sets have been seen: after a crash with the set that follows."""
    while begin < end:
        worker = subprocess.run(
            [sys.executable, "-P", "-X", "faulthandler", __file__, str(begin), str(end)],
            capture_output=True,
            text=True,
            timeout=PATIENCE * (end - begin),
        )
        lines = worker.stdout.splitlines()
        yield from (line.removeprefix("fault ") for line in lines if line.startswith("fault "))
        if worker.returncode == 0:
            return
        begun = [int(line.split()[1]) for line in lines if line.startswith("begin ")]
        last = begun[-1] if begun else begin
        yield f"{last}: the process ended with {worker.returncode}: {worker.stderr[-2000:]}"
        begin = last + 1


def number(fault: str) -> int:
    return int(fault.replace(":", " ").split()[0])


def report(faults: list[str]) -> str:
    """The faults under what is fitted, one data set after the other."""
    lines = []
    for index, of_one in groupby(faults, number):
        way = ", fit_batches" if in_batches(index) else ""
        lines += [f"{hostile(index)[0]}; {options(index)}{way}", *(f"    {f}" for f in of_one)]
    return "\n".join(lines)


# ---------------------------------------------------------------------------- tests


@pytest.mark.parametrize("begin", range(0, N_SETS, CHUNK))
def test_fits_end_with_valid_parameters_or_a_clear_error(begin: int) -> None:
    faults = list(faults_of_chunk(begin, min(begin + CHUNK, N_SETS)))
    if faults:
        pytest.fail(report(faults), pytrace=False)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(("dtype", "far"), [(np.float32, 1e7), (np.float64, 1e14)])
def test_a_far_row_does_not_blur_the_others(
    covariance_type: str, dtype: type[np.floating], far: float
) -> None:
    X = np.random.default_rng(0).normal(size=(20, 6)).astype(dtype)
    X[-1] *= far
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    mean = model.means_[model.weights_.argmax()]
    np.testing.assert_allclose(mean, X[:-1].mean(axis=0, dtype=np.float64), rtol=0.0, atol=1e-5)


def test_every_data_set_is_another_and_the_same_again() -> None:
    seen = set()
    for index in range(3 * len(FAMILIES)):
        description, X, weight, k = hostile(index)
        again = hostile(index)
        assert description == again[0]
        np.testing.assert_array_equal(X, again[1])
        np.testing.assert_array_equal(weight, again[2])
        assert X.ndim == 2
        assert len(X) >= max(2, k)
        assert np.isfinite(X).all()
        assert weight is None or weight.sum() > 0
        seen.add((X.tobytes(), str(X.dtype), k, str(options(index)), in_batches(index)))
    assert len(seen) == 3 * len(FAMILIES)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_that_there_is_is_varied(name: str) -> None:
    """A parameter of the constructor that OPTIONS names has two values there that it accepts."""
    if name in inspect.signature(GaussianMixture).parameters:
        assert len(set(accepted_values(name))) >= 2


if __name__ == "__main__":
    work(int(sys.argv[1]), int(sys.argv[2]))
