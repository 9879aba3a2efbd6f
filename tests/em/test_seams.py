"""A seam: rows of a few components only.

It is a toy that is written here, in a few lines, and used through the package as it is.
Families of one's own are in test_families.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from fastgmm.data.extent import Extent
from fastgmm.data.parts import COMPLETE, Part, RowKind
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Regularization
from fastgmm.em.stopping import Stopping
from fastgmm.fits.fit import fit
from fastgmm.fits.plan import Plan, Settings
from fastgmm.mixture.constants import Constants
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.points import Start
from support import correlated_mixture, in_shape_of, matrices_of

DTYPES = (np.float32, np.float64)
SUMS = ("component_weight", "first_moment", "second_moment", "log_likelihood")


def log_gaussians(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    """Return the log densities of rows (n, D) under each component, (n, K)."""
    matrices = matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)
    pairs = zip(mixture.means, matrices, strict=True)
    return np.array([multivariate_normal(*pair).logpdf(rows) for pair in pairs]).T


def sums_of(joint: np.ndarray, rows: np.ndarray, weight: np.ndarray, about: Any, kind: str) -> Any:
    """Return the sums of `SUMS` by their definition, from log weights times densities (n, K)."""
    density = logsumexp(joint, axis=1)
    shares = weight[:, None] * np.exp(joint - density[:, None])
    apart = rows[:, None, :] - about
    second = np.einsum("nk,nki,nkj->kij", shares, apart, apart)
    if kind == "spherical":
        second = np.trace(second, axis1=1, axis2=2)
    second = in_shape_of(kind, second) if kind in ("full", "diag") else second
    return shares.sum(0), np.einsum("nk,nki->ki", shares, apart), second, weight @ density


def assert_sums(got: SufficientStatistics, expected: Any, rtol: float) -> None:
    for name, sums in zip(SUMS, expected, strict=True):
        atol = rtol * np.abs(sums).max()
        np.testing.assert_allclose(getattr(got, name), sums, rtol=rtol, atol=atol, err_msg=name)


def same_bytes(one: Any, other: Any, names: tuple[str, ...]) -> bool:
    return all(
        np.asarray(getattr(one, name)).tobytes() == np.asarray(getattr(other, name)).tobytes()
        for name in names
    )


def plan_of(kind: Any, start: dict[str, Any], **changes: Any) -> Plan:
    """Return the plan of a fit that begins with given parameters, or by Ward's trees."""
    settings = Settings(
        Stopping(changes.pop("tol", 0.0), None, False, changes.pop("max_iter", 30)),
        Regularizing(1e-6, None, kind, 3),
        acceleration="lbfgs",
    )
    return Plan(Start("ward", 3, kind, **start), settings, seed=0, **changes)


def never_falls(bounds: list[float], rounding: float = 1e-12) -> bool:
    return bool((np.diff(bounds) > -rounding * np.abs(bounds[0])).all())


# ---------------------------------------------------------------- kinds of rows


@dataclass(frozen=True)
class Allowed:
    """Rows that may come from some of the components only."""

    components: tuple[int, ...]

    def constants(self, mixture: Mixture) -> Constants:
        log_weights = np.full(mixture.n_components, -np.inf)
        chosen = list(self.components)
        log_weights[chosen] = mixture.constants.log_weights[chosen]
        return replace(mixture.constants, log_weights=log_weights)

    def lift(
        self, statistics: SufficientStatistics, mixture: Mixture, reference: np.ndarray
    ) -> SufficientStatistics:
        return statistics


class Mixed:
    """Data of parts of several kinds."""

    names, resident, together, gapped = None, None, None, False

    def __init__(self, parts: list[Part], n_threads: int | None = None) -> None:
        self.parts, self.n_threads = parts, n_threads
        self.n_features, self.dtype = parts[0].rows.shape[1], parts[0].rows.dtype

    @property
    def extent(self) -> Extent:
        add = lambda known, part: known.plus(len(part.rows), part.sample_weight)  # noqa: E731
        return reduce(add, self.parts, Extent())

    def go_on(self, extent: Extent) -> None:
        pass

    def sample(self, seed: int, size: int) -> Sample:
        rows = np.concatenate([part.rows for part in self.parts])
        weight = np.concatenate([part.sample_weight for part in self.parts])
        return RowData(rows, weight).sample(seed, size)

    def pass_over(self, make: Callable[[], Any]) -> Any:
        accumulator = make()
        for part in self.parts:
            accumulator.add(part)
        return accumulator.statistics()


KINDS: tuple[RowKind, ...] = (COMPLETE, Allowed((0,)), Allowed((0, 2)), COMPLETE, Allowed((0,)))


def mixed(
    rng: np.random.Generator, dtype: Any, n: int = 300, off: float = 0.0
) -> tuple[Mixture, list[Part]]:
    """Return a mixture some way off its rows, and the rows in parts of the five kinds above."""
    truth = correlated_mixture(3, 3, rng)
    parts = []
    for kind in KINDS:
        allowed = kind.components if isinstance(kind, Allowed) else (0, 1, 2)
        rows, labels = truth.sample(8 * n, rng)
        rows = np.ascontiguousarray(rows[np.isin(labels, allowed)][:n])
        parts.append(Part(rows.astype(dtype), rng.exponential(size=n), kind))
    return Mixture.from_covariances(
        truth.weights, truth.means + off, truth.covariances, "full"
    ), parts


def joint_of(mixture: Mixture, parts: list[Part]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log weights times densities (n, K), -inf where not allowed; rows; their weights."""
    blocks = []
    for part in parts:
        joint = np.log(mixture.weights) + log_gaussians(mixture, part.rows.astype(np.float64))
        if isinstance(part.kind, Allowed):
            joint[:, [k for k in range(3) if k not in part.kind.components]] = -np.inf
        blocks.append(joint)
    rows = np.concatenate([part.rows.astype(np.float64) for part in parts])
    return np.concatenate(blocks), rows, np.concatenate([part.sample_weight for part in parts])


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_some_components(dtype: Any, rng: np.random.Generator) -> None:
    mixture, parts = mixed(rng, dtype, off=0.3)
    got = expectation(mixture, Mixed(parts))
    expected = sums_of(*joint_of(mixture, parts), got.reference, "full")
    assert_sums(got, expected, 1e-11 if dtype is np.float64 else 1e-4)
    assert got.n_samples == 1500
    assert got.weight == pytest.approx(sum(part.sample_weight.sum() for part in parts))
    plain = expectation(mixture, RowData(parts[0].rows, parts[0].sample_weight))  # as before
    assert same_bytes(expectation(mixture, Mixed(parts[:1])), plain, SUMS)


def test_rows_of_some_components_far_from_all_means(rng: np.random.Generator) -> None:
    """Sums that are taken again about the new means are still those of each kind."""
    mixture, parts = mixed(rng, np.float64, off=1e6)
    got = expectation(mixture, Mixed(parts))
    assert np.abs(got.reference[got.component_weight > 1.0]).max() < 100.0
    held, _, second, log_likelihood = sums_of(*joint_of(mixture, parts), got.reference, "full")
    np.testing.assert_allclose(got.component_weight, held, rtol=1e-9)
    np.testing.assert_allclose(got.second_moment, second, rtol=1e-9, atol=1e-6)
    assert got.log_likelihood == pytest.approx(log_likelihood, rel=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_do_not_show_in_kinds(dtype: Any, rng: np.random.Generator) -> None:
    mixture, parts = mixed(rng, dtype, n=20_000)
    one, three = (expectation(mixture, Mixed(parts, n_threads)) for n_threads in (1, 3))
    assert same_bytes(one, three, SUMS)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_fit_of_rows_of_some_components(dtype: Any, rng: np.random.Generator) -> None:
    """Iteration by iteration it is EM by the definition."""
    begin, parts = mixed(rng, dtype, off=0.3)
    given = {
        "weights": begin.weights,
        "means": begin.means,
        "precisions": np.linalg.inv(begin.covariances),
    }
    plan = plan_of("full", given, max_iter=6)
    found = [fit(Mixed(parts, n_threads), plan).run for n_threads in (1, 3)]
    names = ("weights", "means", "covariances")
    assert same_bytes(found[0].mixture, found[1].mixture, names)
    expected, rtol = begin, 1e-9 if dtype is np.float64 else 1e-3
    for bound in found[0].lower_bounds:
        joint, rows, weight = joint_of(expected, parts)
        held, first, second, log_likelihood = sums_of(joint, rows, weight, expected.means, "full")
        assert bound == pytest.approx(log_likelihood / weight.sum(), rel=rtol)
        of = replace(expectation(expected, Mixed(parts)), reference=expected.means)
        of = replace(of, component_weight=held, first_moment=first, second_moment=second)
        expected = maximization(of, Regularization.of(1e-6))
    for name in names:
        np.testing.assert_allclose(
            getattr(found[0].mixture, name), getattr(expected, name), rtol=rtol, atol=rtol
        )
    started = fit(Mixed(parts), plan_of("full", {"means": begin.means})).run  # the rest of a sample
    assert never_falls(started.lower_bounds, 1e-12 if dtype is np.float64 else 1e-6)
