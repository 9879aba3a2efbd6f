"""The E-step against its definition: responsibilities, and weighted sums of them, in NumPy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from fastgmm import GaussianMixture
from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import EStep, Passes, expectation
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from support import correlated_mixture, matrices_of

K, D, N = 3, 4, 500
SUMS = ("component_weight", "first_moment", "second_moment", "log_likelihood")


def mixture_of(covariance_type: Any, rng: np.random.Generator, off: float = 0.0) -> Mixture:
    truth = correlated_mixture(K, D, rng, separation=1.0)
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means + off, covariances, covariance_type)


def log_joint(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    """Return log of weight times density, (n, K)."""
    matrices = matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)
    densities = [
        multivariate_normal(mean, matrix).logpdf(rows)
        for mean, matrix in zip(mixture.means, matrices, strict=True)
    ]
    return np.log(mixture.weights) + np.array(densities).T


def moments(covariance_type: str, weight: np.ndarray, rows: np.ndarray, about: np.ndarray) -> Any:
    """Return the sums of weights (n, K) over rows, about points (K, D), as the type wants them."""
    apart = rows[:, None, :] - about
    second = np.einsum("nk,nki,nkj->kij", weight, apart, apart)
    if covariance_type.startswith("tied"):
        second = second.sum(axis=0)
    if covariance_type.endswith("diag"):
        second = np.diagonal(second, axis1=-2, axis2=-1)
    if covariance_type.endswith("spherical"):
        second = np.trace(second, axis1=-2, axis2=-1)
    return weight.sum(axis=0), np.einsum("nk,nkd->kd", weight, apart), second


def assert_close(got: Any, expected: Any, rtol: float) -> None:
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_those_of_the_definition(
    dtype: Any, weighted: bool, covariance_type: Any, rng: np.random.Generator
) -> None:
    mixture = mixture_of(covariance_type, rng)
    rows = (2.0 * rng.standard_normal((N, D))).astype(dtype)
    weight = rng.exponential(size=N) * (np.arange(N) % 5 > 0) if weighted else np.ones(N)
    got = expectation(mixture, RowData(rows, weight if weighted else None))
    joint = log_joint(mixture, rows.astype(np.float64))
    density = logsumexp(joint, axis=1)
    shares = weight[:, None] * np.exp(joint - density[:, None])
    expected = moments(covariance_type, shares, rows.astype(np.float64), got.reference)
    rtol = 1e-11 if dtype is np.float64 else 2e-5
    for name, sums in zip(SUMS, (*expected, weight @ density), strict=True):
        assert_close(getattr(got, name), sums, rtol)
    assert (got.n_samples, got.dtype, got.covariance_type) == (N, np.dtype(dtype), covariance_type)
    assert got.weight == pytest.approx(weight.sum(), rel=1e-14)
    # the reference is what the kernels have subtracted
    np.testing.assert_array_equal(got.reference, mixture.means.astype(dtype).astype(np.float64))


def test_log_densities_are_left_on_the_way(covariance_type: Any, rng: np.random.Generator) -> None:
    mixture, rows = mixture_of(covariance_type, rng), rng.standard_normal((N, D))
    step = EStep(mixture, Extent().plus(N, None), rows.dtype, 1)
    out = np.empty(N)
    for part in (slice(0, 200), slice(200, N)):
        step.add(Part(rows[part]), out[part])
    assert_close(out, logsumexp(log_joint(mixture, rows), axis=1), 1e-12)
    assert step.statistics().log_likelihood == pytest.approx(out.sum(), rel=1e-12)


def test_a_step_over_no_part_is_zero(covariance_type: Any, rng: np.random.Generator) -> None:
    mixture = mixture_of(covariance_type, rng)
    got = EStep(mixture, Extent(), np.dtype(np.float64), 1).statistics()
    shapes = [
        np.shape(sums) for sums in moments(covariance_type, np.ones((1, K)), *[np.ones((1, D))] * 2)
    ]
    for name, shape in zip(SUMS, (*shapes, ()), strict=True):
        assert np.shape(getattr(got, name)) == shape
        assert not np.any(getattr(got, name))
    assert (got.n_samples, got.weight) == (0, 0.0)


def test_given_responsibilities(covariance_type: Any, rng: np.random.Generator) -> None:
    """They are asked for block by block, and the mixture's own are not looked at."""
    mixture, rows = mixture_of(covariance_type, rng), rng.standard_normal((N, D))
    weight, given = rng.exponential(size=N), rng.dirichlet(np.ones(K), size=N)
    data = RowData(rows, weight)
    got = expectation(mixture, data, given=lambda part, begin, end: given[begin:end])
    expected = moments(covariance_type, weight[:, None] * given, rows, mixture.means)
    for name, sums in zip(SUMS, (*expected, 0.0), strict=True):
        assert_close(getattr(got, name), sums, 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [2.0**-80, 2.0**-33, 2.0**60, 2.0**120])
def test_the_unit_of_the_weights_is_a_factor(
    unit: float, dtype: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    """To the last bit, where it is a power of two; 2^120 is beyond the squares of float32.

    The responsibilities that are left out depend on the lightest row, up to rounding.
    """
    mixture = mixture_of(covariance_type, rng)
    rows = rng.standard_normal((N, D)).astype(dtype)
    weight = 1.0 + rng.random(N)
    one = expectation(mixture, RowData(rows, weight))
    other = expectation(mixture, RowData(rows, weight * unit))
    assert other.weight == one.weight * unit
    for name in SUMS:
        got, expected = getattr(other, name), np.multiply(getattr(one, name), unit)
        np.testing.assert_allclose(got, expected, rtol=1e-14, atol=0.0)


def exactly(mixture: Mixture, rows: np.ndarray, about: np.ndarray) -> Any:
    """Return the sums about points, of the responsibilities of float64."""
    joint = log_joint(mixture, rows)
    shares = np.exp(joint - logsumexp(joint, axis=1)[:, None])
    return moments(mixture.covariance_type, shares, rows, about)


def test_sums_about_far_means_are_taken_again(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """Rows that are 1e6 deviations from all means: about those, no digit of a variance is left."""
    rows = 1e-3 * rng.standard_normal((N, D))
    far = mixture_of(covariance_type, rng, off=1e3)
    got = expectation(far, RowData(rows))
    once = EStep(far, Extent().plus(N, None), rows.dtype, 1)
    once.add(Part(rows))
    assert once.statistics().cancels(0.0)
    assert not got.cancels(0.0)
    assert np.abs(got.reference[got.component_weight > 1.0]).max() < 1.0
    assert got.log_likelihood == once.statistics().log_likelihood
    held, first, second = exactly(far, rows, got.reference)
    assert_close(got.component_weight, held, 1e-9)
    assert_close(got.second_moment, second, 1e-9)
    np.testing.assert_allclose(got.first_moment, first, atol=1e-9 * np.abs(rows).sum())
    # a ridge beside which it does not show saves the two passes
    kept = expectation(far, RowData(rows), reg_covar=1e6)
    np.testing.assert_array_equal(kept.reference, far.means)


def test_threads_do_not_show(covariance_type: Any, rng: np.random.Generator) -> None:
    mixture = mixture_of(covariance_type, rng)
    rows, weight = rng.standard_normal((50_000, D)), rng.exponential(size=50_000)
    one, three = (expectation(mixture, RowData(rows, weight, n)) for n in (1, 3))
    for name in SUMS:
        assert (
            np.asarray(getattr(one, name)).tobytes() == np.asarray(getattr(three, name)).tobytes()
        )


def test_passes_that_carry_bounds_change_nothing(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """What is skipped could not have changed a sum by more than rounding."""
    truth = correlated_mixture(8, 3, rng, separation=20.0)
    rows = truth.sample(5000, rng)[0]
    covariances = truth.covariances_as(covariance_type)
    data = RowData(rows)
    passes = Passes(data, covariance_type, 8, np.zeros(()))
    for turn in range(4):
        means = truth.means + 0.1 * turn
        mixture = Mixture.from_covariances(truth.weights, means, covariances, covariance_type)
        got, expected = passes(mixture), expectation(mixture, data)
        for name in SUMS:
            assert_close(getattr(got, name), getattr(expected, name), 1e-13)


# ---------------------------------------------------------------- kinds of rows


class Doubled:
    """A kind whose rows come from a mixture with twice the means, and count twice."""

    def constants(self, mixture: Mixture) -> Any:
        return replace(mixture, means=2.0 * mixture.means).constants

    def lift(
        self, statistics: SufficientStatistics, mixture: Mixture, reference: np.ndarray
    ) -> SufficientStatistics:
        return statistics.scaled(2.0)


def test_kinds_are_summed_apart_and_added(covariance_type: Any, rng: np.random.Generator) -> None:
    mixture, rows = mixture_of(covariance_type, rng), rng.standard_normal((N, D))
    weight, cut, kind = rng.exponential(size=N), 180, Doubled()
    of_rows, of_doubled = slice(0, cut), slice(cut, N)
    step = EStep(mixture, Extent().plus(N, weight), rows.dtype, 1)
    for begin in range(0, N, 60):  # the kinds take turns
        part = slice(begin, begin + 60)
        others = () if begin < cut else (kind,)
        step.add(Part(rows[part], weight[part], *others))
    got = step.statistics()
    plain = expectation(mixture, RowData(rows[of_rows], weight[of_rows]))
    far = replace(mixture, means=2.0 * mixture.means)
    doubled = expectation(far, RowData(rows[of_doubled], weight[of_doubled]))
    expected = plain + doubled.scaled(2.0)
    for name in SUMS:
        assert_close(getattr(got, name), getattr(expected, name), 1e-12)
    assert (got.n_samples, got.weight) == (N, pytest.approx(weight.sum()))
    np.testing.assert_array_equal(got.reference, mixture.means)


@pytest.mark.parametrize(("most", "expected"), [(1, 1), (2, None)])
def test_what_one_thread_adds_up_is_never_given_to_two(
    monkeypatch: pytest.MonkeyPatch, most: int, expected: int | None
) -> None:
    """The number of free threads may rise between the choice of where to add and the pass."""
    given: list[int | None] = []
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    monkeypatch.setattr("fastgmm.em.e_step.threads_used", lambda *_: most)
    monkeypatch.setattr("fastgmm.em.e_step.fold_blocks", lambda *args: given.append(args[-1]))
    model.e_step(np.zeros((50_000, 1)))
    assert given == [expected]
