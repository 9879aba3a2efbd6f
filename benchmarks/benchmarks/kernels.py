"""The kernels alone, of every instruction set that runs here, no Python in between.

Times are those of the one thread on its processor, not of the wall: what else runs does not count.
"""

import time

import numpy as np

from benchmarks import common
from fastgmm import kernels

INSTRUCTION_SETS = [name for name in kernels.SUPPORTED if name != "portable"]
"""Those of this processor: the same for every commit, whatever that builds."""
DTYPES = ["float64", "float32"]
ROWS = 4096
"""Rows per call: what one block of a pass holds, more or less."""
SHAPES = {
    "full": ["full-2-8", "full-8-10", "full-16-16", "full-64-32", "full-128-16"],
    "tied": ["tied-8-10", "tied-16-16"],
    "diag": ["diag-8-10", "diag-32-64"],
    "spherical": ["spherical-8-10", "spherical-16-16"],
}
DATA = [name for names in SHAPES.values() for name in names]
"""Covariance type, D and K are in the names of the recipes."""

KernelArguments = tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def kernel_arguments(name: str, n_components: int | None = None) -> KernelArguments:
    """Return what a PackedMixture is made of: the start of a recipe, or some of its components."""
    kind, start = common.RECIPES[name].covariance_type, common.start(name)
    chosen = slice(n_components)
    weights = start.weights[chosen] / start.weights[chosen].sum()
    covariances = start.covariances if kind == "tied" else start.covariances[chosen]
    means = np.ascontiguousarray(start.means[chosen])
    # Written with NumPy alone: the benchmark runs over versions whose modules have other names.
    if kind in ("full", "tied"):
        factors = np.linalg.cholesky(covariances)
        inverses = np.ascontiguousarray(np.tril(np.linalg.inv(factors)))
        determinants = np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    else:
        inverses = 1.0 / np.sqrt(covariances)
        count = 1 if kind == "diag" else means.shape[1]
        determinants = -count * np.log(inverses.reshape(len(weights), -1)).sum(axis=-1)
    return kind, np.log(weights), means, inverses, np.full(len(weights), determinants)


def empty_sums(arguments: KernelArguments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the kernels write the sums of r, r d and r d d^T."""
    kind, (k, d) = arguments[0], arguments[2].shape
    second = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[kind]
    return np.zeros(k), np.zeros((k, d)), np.zeros(second)


class Kernels:
    """One call with `ROWS` rows, everything live."""

    timer = time.thread_time
    params = (INSTRUCTION_SETS, DTYPES, DATA)
    param_names = ("instruction_set", "dtype", "data")

    def setup(self, instruction_set: str, dtype: str, data: str) -> None:
        if instruction_set not in kernels.BUILT:
            raise NotImplementedError(f"{instruction_set} is not built here")
        module = kernels.Build(instruction_set).modules[np.dtype(dtype)]
        arguments = kernel_arguments(data)
        self.packed = module.PackedMixture(*arguments)
        self.rows = common.rows(data, ROWS, dtype)
        self.out = np.empty(len(self.rows), dtype)
        self.thresholds = np.zeros(len(arguments[2]))
        self.sums = empty_sums(arguments)

    def time_log_density(self, instruction_set: str, dtype: str, data: str) -> None:
        self.packed.log_density(self.rows, self.out)

    def time_expectation(self, instruction_set: str, dtype: str, data: str) -> None:
        self.packed.expectation(self.rows, None, None, self.thresholds, *self.sums)


class Factorization:
    """Cholesky factors and their inverses: once per iteration."""

    params = (["full-16-16", "full-64-32", "full-128-16"],)
    param_names = ("data",)
    timer = time.thread_time

    def setup(self, data: str) -> None:
        self.covariances = np.ascontiguousarray(common.start(data).covariances)
        self.factors, self.inverses = np.empty_like(self.covariances), self.covariances.copy()

    def time_factorize(self, data: str) -> None:
        k, d = self.covariances.shape[:2]
        kernels.factorize("matrix", k, d, self.covariances, self.factors, self.inverses, 0.0)


class Exponential:
    """exp and log per number."""

    timer = time.thread_time
    params = (INSTRUCTION_SETS, DTYPES)
    param_names = ("instruction_set", "dtype")
    numbers = 4096

    def setup(self, instruction_set: str, dtype: str) -> None:
        if instruction_set not in kernels.BUILT:
            raise NotImplementedError(f"{instruction_set} is not built here")
        self.module = kernels.Build(instruction_set).modules[np.dtype(dtype)]
        self.exponents = np.linspace(-30.0, 0.0, self.numbers).astype(dtype)
        self.positives = np.linspace(1.0, 30.0, self.numbers).astype(dtype)
        self.out = np.empty(self.numbers, dtype)

    def time_exp(self, instruction_set: str, dtype: str) -> None:
        self.module.exp(self.exponents, self.out)

    def time_log(self, instruction_set: str, dtype: str) -> None:
        self.module.log(self.positives, self.out)
