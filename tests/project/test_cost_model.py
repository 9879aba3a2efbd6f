"""The cost of a fit grows as its arithmetic does: counts, which are the same on every machine.

No time is measured: `benchmarks/cost_model.py` does that.  Python's part of an iteration does not
depend on the number of rows, features or components, nothing is decomposed where nothing has
collapsed, and what is predicted of work does not jump at the thresholds of the rules.
"""

import itertools
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import fastgmm
from fastgmm.covariance.types import model_of
from fastgmm.mixture.mixture import n_parameters
from fastgmm.starts.comparison import effort
from fastgmm.threads import FEWEST_ROWS, MOST_ROWS, rows_per_block

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from benchmarks import common

PACKAGE = str(Path(fastgmm.__file__).parent)
DECOMPOSITIONS = frozenset(
    {"cholesky", "det", "eig", "eigh", "eigvalsh", "inv", "lstsq", "pinv", "qr", "slogdet", "svd"}
    | {"solve"}
)
"""The functions of `numpy.linalg` that cost D^3 for each matrix."""
IN_A_STRETCH = 20.0
"""An iteration in a stretch has at most so many calls of Python functions of the package."""
IN_THE_LOOP = 120.0
"""An iteration of the loop, over one block of rows, has at most so many."""
PER_BLOCK = 3.0
"""Each further block of rows adds at most so many."""
PER_HELD = 55.0
"""Each component that has collapsed adds at most so many."""
DECOMPOSED = 0.0
"""For each component that has collapsed, at most so many matrices are decomposed by NumPy."""
SIZES = [(100, 2, 3), (9000, 2, 3), (40_000, 2, 3), (1000, 2, 60), (2000, 16, 3), (9000, 8, 64)]
"""Rows, features, components: within one block of rows and beyond it."""
MORE = 8
MOST = 1.5
"""What is predicted grows at most by this factor more than sizes do."""


class Counts(Counter[str]):
    """The calls of the package's functions, and of NumPy's decompositions, while it is entered."""

    def __enter__(self) -> "Counts":
        self._before = sys.getprofile()
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _note(self, frame: object, event: str, arg: object) -> None:
        if event != "call":
            return
        code = frame.f_code  # type: ignore[attr-defined]
        if code.co_filename.startswith(PACKAGE):
            self["calls"] += 1
        elif code.co_name in DECOMPOSITIONS and code.co_filename.endswith("_linalg.py"):
            self["decompositions"] += 1


def per_iteration(
    size: tuple[int, int, int], covariance_type: str = "full", callback: Callable | None = None
) -> Counts:
    """The counts of an iteration: the difference of two fits from the same start, over `MORE`."""
    n, d, k = size
    rows, start = common.sized_rows(n, d, k), common.sized_start(d, k)
    precisions = {
        "full": np.array(start.precisions),
        "tied": start.precisions[0],
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }
    found = []
    for n_iter in (2, 2, 2 + MORE):  # the first fit imports
        model = fastgmm.GaussianMixture(
            k,
            covariance_type=covariance_type,
            tol=0.0,
            max_iter=n_iter,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=precisions[covariance_type],
            random_state=0,
            n_threads=1,
        )
        with Counts() as counts, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(rows, callback=callback)
        assert model.n_iter_ == n_iter
        found.append(counts)
    _, few, many = found
    return Counts({name: (many[name] - few[name]) / MORE for name in few | many})


# ------------------------------------------------------------------ an iteration


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_python_does_the_same_for_any_size(covariance_type: str) -> None:
    for size in SIZES:
        counts = per_iteration(size, covariance_type)
        n, d, k = size
        n_blocks = -(-n // rows_per_block(k, d))
        assert counts["calls"] <= IN_THE_LOOP + PER_BLOCK * n_blocks, size
        assert counts["decompositions"] == 0, size


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_few_rows_have_next_to_no_python(covariance_type: str) -> None:
    """For any number of rows of one block, and of components, as long as nobody looks on."""
    for n, k in ((100, 3), (1000, 3), (9000, 3), (1000, 60)):
        counts = per_iteration((n, 2, k), covariance_type)
        assert counts["calls"] <= IN_A_STRETCH, (n, k)
    watched = per_iteration((1000, 2, 3), covariance_type, callback=lambda seen: None)
    assert watched["calls"] <= IN_A_STRETCH


@pytest.mark.parametrize("size", [(4, 16, 2), (16, 16, 8), (64, 16, 32), (160, 16, 8)])
def test_components_that_are_held_cost_little_each(size: tuple[int, int, int]) -> None:
    """Two rows for each component, or twenty, in 16 dimensions."""
    counts = per_iteration(size)
    assert counts["calls"] <= IN_THE_LOOP + PER_HELD * size[2]
    assert counts["decompositions"] <= 2 + DECOMPOSED * size[2]


def test_a_decomposition_is_counted() -> None:
    """That the counts above can be other than zero."""
    with Counts() as counts:
        np.linalg.svd(np.eye(2))
        np.linalg.cholesky(np.eye(2))
    assert counts == {"decompositions": 2}


# ------------------------------------------------------------------ a whole fit


def test_a_fit_has_as_many_calls_whatever_its_sizes() -> None:
    """Of two iterations from a given start: the checks, the plan, the report."""
    found = []
    for n, d, k in ((100, 2, 3), (9000, 2, 3), (100, 30, 3)):
        rows, start = common.sized_rows(n, d, k), common.sized_start(d, k)
        model = fastgmm.GaussianMixture(
            k, tol=0.0, max_iter=1, means_init=start.means, weights_init=start.weights,
            precisions_init=np.ones((k, d)), covariance_type="diag", n_threads=1,
        )  # fmt: skip
        for _ in range(2):
            with Counts() as counts, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(rows)
        found.append(counts["calls"])
    assert max(found) <= 1.05 * min(found)


# ------------------------------------------------------------------ predictions


def steps(first: int, last: int, factor: float) -> Iterable[int]:
    """Integers that grow by a factor, or by one."""
    while first < last:
        yield first
        first = max(first + 1, round(first * factor))


def test_blocks_are_enough_work_and_not_much_more() -> None:
    """Between a half and all of some 2^25 multiply-adds, but for the limits of their rows."""
    for d, k in itertools.product(steps(1, 600, 1.2), steps(1, 600, 1.2)):
        rows = rows_per_block(k, d)
        assert FEWEST_ROWS <= rows <= MOST_ROWS
        if FEWEST_ROWS < rows < MOST_ROWS:
            assert 1 << 23 <= rows * k * d * (d + 8) <= 1 << 25
        assert rows_per_block(k + 1, d) <= rows
        assert rows_per_block(k, d + 1) <= rows


def lines(covariance_type: str) -> Iterator[list[tuple[int, int, int]]]:
    """Lines of sizes: of rows, of features, of components."""
    for d, k in ((2, 3), (8, 10), (32, 10), (8, 50)):
        yield [(n, d, k) for n in steps(200, 500_000, 1.1)]
    for n in (2000, 20_000, 200_000):
        yield [(n, d, 8) for d in steps(2, 300, 1.1)]
        yield [(n, 4, k) for k in steps(2, 300, 1.1)]


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_the_comparison_of_starts_grows_with_sizes(covariance_type: str) -> None:
    """Its multiply-adds, of which there are so many for each row, component and parameter."""
    model = model_of(covariance_type)
    for line in lines(covariance_type):
        last: tuple[float, float] | None = None
        for n, d, k in line:
            free = n_parameters(covariance_type, k, d)
            start = SimpleNamespace(covariance_type=covariance_type, n_components=k)
            sample = SimpleNamespace(rows=np.empty((0, d)))
            data = SimpleNamespace(n_counted=n, start=start, sample=sample)
            rows, n_passes = effort(data)
            of_row = k * model.form.row_cost(d)
            work = float(min(rows, n) * (n_passes + 1) * of_row)
            if last is not None:
                explained = max(of_row * free / last[1], n / last[2])
                assert work / last[0] <= MOST * explained, (n, d, k)
            last = work, float(of_row * free), n
