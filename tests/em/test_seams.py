"""The seam of constants: a component of constant density.

It is a toy that is written here, in a few lines, and used through the package as it is.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from fastgmm.data.rows import RowData
from fastgmm.em.e_step import Passes, expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Regularization
from fastgmm.em.stopping import Stopping
from fastgmm.fits.fit import fit
from fastgmm.fits.plan import Plan, Settings
from fastgmm.mixture.constants import Constants
from fastgmm.mixture.density import log_density
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


# ---------------------------------------------------------------- constants


@dataclass(frozen=True, eq=False)
class WithNoise(Mixture):
    """A mixture whose last component has the same density, 1 / V, at every row."""

    log_volume: float = 0.0

    @cached_property
    def constants(self) -> Constants:
        plain, d = super().constants, self.n_features
        inverses, log_determinants = plain.inverse_factors.copy(), plain.log_determinants.copy()
        inverses[-1] = 0.0
        log_determinants[-1] = self.log_volume - 0.5 * d * np.log(2.0 * np.pi)
        return Constants(plain.kernel, plain.log_weights, plain.means, inverses, log_determinants)


@dataclass(frozen=True)
class NoiseFamily:
    """Gaussians and one component of constant density."""

    log_volume: float
    needs_previous = False
    accelerates = False
    collapses, sums_up, spared = True, False, None
    begun, search = MAXIMUM_LIKELIHOOD.begun, MAXIMUM_LIKELIHOOD.search

    def for_rows(self, data: Any) -> Any:
        return self

    bound, imply, n_parameters = (
        MAXIMUM_LIKELIHOOD.bound,
        MAXIMUM_LIKELIHOOD.imply,
        MAXIMUM_LIKELIHOOD.n_parameters,
    )

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Mixture:
        return with_noise(MAXIMUM_LIKELIHOOD.maximize(statistics, regularization), self.log_volume)


def with_noise(mixture: Mixture, log_volume: float) -> WithNoise:
    known = {one.name: getattr(mixture, one.name) for one in fields(Mixture)}
    return WithNoise(**known, log_volume=log_volume)


def noisy(
    kind: Any, rng: np.random.Generator, n_features: int = 3
) -> tuple[WithNoise, np.ndarray, float]:
    """Return two clusters and a box of noise around them, its rows, and the share of noise."""
    truth = correlated_mixture(2, n_features, rng)
    side = 2.0 * np.abs(truth.means).max() + 10.0
    rows = np.concatenate(
        [truth.sample(900, rng)[0], rng.uniform(-side / 2, side / 2, (600, n_features))]
    )
    covariances = np.concatenate([truth.covariances, np.eye(n_features)[None]])
    weights, means = np.array([0.3, 0.4, 0.3]), np.zeros((3, n_features))
    means[:2] = truth.means
    mixture = Mixture.from_covariances(weights, means, in_shape_of(kind, covariances), kind)
    return with_noise(mixture, n_features * np.log(side)), rows, 600 / 1500


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
@pytest.mark.parametrize("n_features", [3, 16])
def test_a_component_of_constant_density(
    n_features: int, kind: str, dtype: Any, rng: np.random.Generator
) -> None:
    mixture, rows, _ = noisy(kind, rng, n_features)
    rows, weight = rows.astype(dtype), rng.exponential(size=len(rows))
    joint = np.log(mixture.weights) + log_gaussians(mixture, rows.astype(np.float64))
    joint[:, -1] = np.log(mixture.weights[-1]) - mixture.log_volume
    rtol = 1e-11 if dtype is np.float64 else 1e-4
    data = RowData(rows, weight, 1)
    passes = Passes(data, kind, 3, np.zeros(()))
    for got in (expectation(mixture, data), passes(mixture), passes(mixture), passes(mixture)):
        about = got.reference
        assert_sums(got, sums_of(joint, rows.astype(np.float64), weight, about, kind), rtol)
    density, odds = np.empty(len(rows), dtype), np.empty((len(rows), 3), dtype)
    log_density(mixture, rows, density)
    mixture.packed(rows.dtype).responsibilities(rows, odds)
    expected = logsumexp(joint, axis=1)
    np.testing.assert_allclose(density, expected, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(odds, np.exp(joint - expected[:, None]), rtol=1e-3, atol=rtol)


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_a_fit_with_a_component_of_constant_density(kind: str, rng: np.random.Generator) -> None:
    begin, rows, share = noisy(kind, rng)
    family = NoiseFamily(begin.log_volume)
    run = fit(RowData(rows), plan_of(kind, {}, warm=begin, family=family)).run
    assert type(run.mixture) is WithNoise
    assert never_falls(run.lower_bounds)
    assert run.n_iter == 30
    assert run.mixture.weights[-1] == pytest.approx(share, abs=0.08)
