"""A fit counts its memory beforehand, and is refused where there is not enough."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.data.rows import RowData
from fastgmm.em.acceleration import LEAST_MEMORY, MEMORY, pairs_kept
from fastgmm.errors import NotEnoughMemoryError
from fastgmm.estimators.planning import plan_of
from fastgmm.fits import needs
from fastgmm.fits.needs import bytes_needed, check_memory
from fastgmm.fits.plan import Plan

LINUX = sys.platform == "linux"
ROOT = Path(__file__).resolve().parents[2]


class Sized:
    """Rows that are not there: only their sizes are asked for."""

    def __init__(self, n: int, d: int, dtype: type = np.float64) -> None:
        self.shape, self.nbytes = (n, d), n * d * np.dtype(dtype).itemsize
        self.dtype = np.dtype(dtype)

    def __len__(self) -> int:
        return self.shape[0]


def counted(n: int, d: int, n_threads: int = 1, **params: object) -> int:
    """The bytes of a fit of n rows of d features."""
    return bytes_needed(plan(d, **params), RowData(Sized(n, d), n_threads=n_threads))  # type: ignore[arg-type]


def plan(d: int = 2, **params: object) -> Plan:
    return plan_of(GaussianMixture(**params)._params(), d)


def test_what_is_counted_grows_with_sizes() -> None:
    for kind, power in (("full", 2), ("diag", 1), ("spherical", 1)):
        sizes = {"covariance_type": kind, "max_iter": 1}
        one, more = (counted(1000, 400, n_components=k, **sizes) for k in (500, 1000))
        assert 1.8 < more / one < 2.2
        wide = counted(1600, 800, n_components=500, **sizes)
        assert 0.85 * 2**power < wide / one < 1.15 * 2**power


def test_what_is_counted_of_a_large_fit() -> None:
    """D 2,000, K 5,000: 160 GB for each array of covariances, of which there are ten or so."""
    needed = counted(100_000, 2000, n_components=5000, acceleration=None)
    assert 10 * 160e9 < needed < 14 * 160e9


def test_threads_steps_and_starts_take_their_part() -> None:
    sizes = {"n_components": 50, "acceleration": None, "init_params": "random_from_data"}
    alone = counted(100_000, 100, **sizes)
    assert counted(100_000, 100, 4, **sizes) > alone
    assert counted(100, 100, 4, **sizes) == counted(100, 100, **sizes)  # one block
    assert counted(100_000, 100, **{**sizes, "acceleration": "lbfgs"}) > 1.2 * alone
    assert counted(100_000, 100, **{**sizes, "acceleration": "auto"}) > 1.2 * alone
    assert counted(100_000, 100, **{**sizes, "acceleration": "auto", "tol": 0.0}) == alone
    assert counted(100_000, 100, **{**sizes, "init_params": "ward"}) > alone
    assert counted(100_000, 100, n_init=3, **sizes) > alone


@pytest.mark.parametrize("length", [1, 1000, 6_710_886, 6_710_887, 13_421_772, 10**9])
def test_pairs_of_long_vectors_are_fewer(length: int) -> None:
    pairs = pairs_kept(length)
    assert LEAST_MEMORY <= pairs <= MEMORY
    assert pairs == LEAST_MEMORY or 16 * length * pairs <= 1 << 30


PEAK = """
import ctypes, sys, warnings
import numpy as np
import fastgmm
from fastgmm.data.rows import RowData
from fastgmm.estimators.planning import plan_of
from fastgmm.fits.needs import bytes_needed
from benchmarks import common
from benchmarks.memory import peak_above
warnings.simplefilter("ignore")
n, d, k = (int(one) for one in sys.argv[1:4])
params = {"tol": 1e-9, "random_state": 0, **eval(sys.argv[4])}
rows = common.sized_rows(n, d, k, params.pop("separation", 6.0))
fastgmm.GaussianMixture(2).fit(rows[:50, :2].copy())
model = fastgmm.GaussianMixture(k, **params)
ctypes.CDLL(None).malloc_trim(0)
peak = peak_above(lambda: model.fit(rows))
needed = bytes_needed(plan_of(model._params(), d), RowData(rows, n_threads=params["n_threads"]))
print(needed / 1e6, peak)
"""
FITS = {
    "full": (6000, 64, 50, {"max_iter": 3}),
    "threads": (6000, 64, 50, {"max_iter": 3, "n_threads": 2}),
    "steps": (6000, 64, 50, {"max_iter": 30, "acceleration": "lbfgs", "separation": 1.5}),
    "starts": (6000, 64, 50, {"max_iter": 2, "n_init": 3, "init_params": "ward"}),
    "wide": (3000, 600, 3, {"max_iter": 2}),
    "in the span": (400, 1000, 3, {"max_iter": 2, "init_params": "ward"}),
    "tied": (3000, 700, 2, {"max_iter": 2, "covariance_type": "tied"}),
    "diag": (20_000, 64, 200, {"max_iter": 2, "covariance_type": "diag", "init_params": "ward"}),
}
"""Rows, features, components and parameters."""


@pytest.mark.skipif(not LINUX, reason="other systems do not tell the peak")
@pytest.mark.parametrize("case", FITS)
def test_what_is_counted_is_near_the_peak(case: str) -> None:
    """Of the resident memory of a process of its own, within a third."""
    *sizes, params = FITS[case]
    given = {"init_params": "random_from_data", "n_threads": 1, "acceleration": None} | params
    words = [sys.executable, "-c", PEAK, *map(str, sizes), repr(given)]
    path = os.pathsep.join([*sys.path, str(ROOT / "benchmarks")])
    environment = {**os.environ, "PYTHONPATH": path}
    found = subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment)
    assert found.returncode == 0, found.stderr
    needed, peak = (float(one) for one in found.stdout.split())
    print(needed, peak)
    assert 0.75 < needed / peak < 1.35, (needed, peak)


# ------------------------------------------------------------------ refused


def test_a_fit_that_cannot_be_had_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is allocated: rows that are not there cannot be touched."""
    data = RowData(Sized(100_000, 2000))  # type: ignore[arg-type]
    monkeypatch.setattr(needs, "bytes_available", lambda: 64 * 10**9)
    large = plan(n_components=5000)
    with pytest.raises(NotEnoughMemoryError, match=r"fewer components, or .*'diag'") as caught:
        check_memory(large, data)
    assert caught.value.needed == bytes_needed(large, data)
    assert caught.value.available == 64 * 10**9
    assert f"{caught.value.needed:,} bytes" in str(caught.value)
    assert "and 64.0 GB can be had" in str(caught.value)
    with pytest.raises(MemoryError, match="fewer components take less"):
        check_memory(plan(n_components=10**8, covariance_type="spherical"), data)


def test_a_fit_that_can_do_without_steps_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = RowData(Sized(50_000, 200))  # type: ignore[arg-type]
    steps = plan(n_components=100)
    plain = replace(steps, settings=replace(steps.settings, acceleration=None))
    monkeypatch.setattr(needs, "bytes_available", lambda: bytes_needed(plain, data) + 1)
    with pytest.raises(NotEnoughMemoryError, match="acceleration=None takes"):
        check_memory(steps, data)
    check_memory(plain, data)


def test_small_fits_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> int:
        raise AssertionError

    monkeypatch.setattr(needs, "bytes_available", asked)
    check_memory(plan(n_components=3), RowData(np.zeros((100, 2))))


def test_where_nothing_is_known_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "bytes_available", lambda: None)
    check_memory(plan(n_components=5000), RowData(Sized(100_000, 2000)))  # type: ignore[arg-type]


def test_a_refused_fit_leaves_the_model_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    model = GaussianMixture(2, random_state=0).fit(rows)
    before = model.means_.copy()
    monkeypatch.setattr(needs, "SMALL", 0)
    monkeypatch.setattr(needs, "bytes_available", lambda: 1000)
    for refused in (lambda: model.fit(rows), lambda: model.fit_batches([rows])):
        with pytest.raises(NotEnoughMemoryError):
            refused()
        assert np.array_equal(model.means_, before)


CHILD = """
import resource, sys
import numpy as np
import fastgmm
rows = np.zeros((400, 300)); rows[:, 0] = np.arange(400)
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), -1))
try:
    fastgmm.GaussianMixture(200, random_state=0, n_threads=1).fit(rows)
except fastgmm.errors.NotEnoughMemoryError as error:
    print(error)
"""


@pytest.mark.skipif(not LINUX, reason="RLIMIT_AS is not kept everywhere")
def test_the_limit_of_a_process_is_seen() -> None:
    """1 GB of addresses, where a fit of 200 x 300 x 300 takes 1.6 GB and more."""
    found = subprocess.run(
        [sys.executable, "-c", CHILD, str(10**9)], capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stderr
    assert re.match(r"This fit takes some [\d.]+ GB \([\d,]+ bytes\) beside its rows", found.stdout)
