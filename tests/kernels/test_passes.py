"""The walk over the blocks: the last one may be short, and sums are added to what is there."""

import numpy as np
import pytest

from fastgmm.data.labels import bits_of
from fastgmm.kernels import reference
from kernel_cases import (
    COVARIANCE_TYPES,
    DTYPES,
    empty_sums,
    make_mixture,
    make_rows,
    scores_of,
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_number_of_rows_does_not_matter(build, covariance_type, dtype):
    """A last block of a few rows takes narrower tiles, with the scratch of the blocks before it."""
    counts = [*range(1, 20), *range(250, 262), *range(505, 520), 600]
    for d in (1, 5, 6, 7, 17):
        arguments = make_mixture(covariance_type, 5, d, d, dtype)
        packed = build.modules[np.dtype(dtype)].PackedMixture(*arguments)
        rows = make_rows(arguments, counts[-1], d, dtype)
        whole = scores_of(packed, rows)["log_density"]
        for n in counts:
            part = scores_of(packed, rows[:n])["log_density"]
            np.testing.assert_allclose(part, whole[:n], rtol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_sums_are_added_to_what_is_there(build, covariance_type):
    for d in (2, 6, 17):
        arguments = make_mixture(covariance_type, 3, d, d, "float64")
        rows = make_rows(arguments, 100, d, "float64")
        packed = build.modules[np.dtype("float64")].PackedMixture(*arguments)
        once, twice = empty_sums(arguments), empty_sums(arguments)
        for sums, times in ((once, 1), (twice, 2)):
            for _ in range(times):
                packed.expectation(rows, None, None, np.zeros(3), *sums)
        for one, other in zip(once, twice, strict=True):
            assert np.array_equal(2 * one, other)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_log_likelihood_is_the_sum_of_the_log_densities(build, dtype):
    """One logarithm stands for eight rows, in whole vectors; the last rows have their own."""
    for k, d in ((1, 2), (2, 1), (7, 4), (40, 3), (5, 9)):
        arguments = make_mixture("full", k, d, k, dtype)
        packed = build.modules[np.dtype(dtype)].PackedMixture(*arguments)
        rows = make_rows(arguments, 600, d, dtype)
        for n in (*range(1, 18), 63, 64, 65, 129, 255, 257, 600):
            of_rows = np.empty(n, dtype)
            likelihoods = [
                packed.expectation(
                    rows[:n], weight, None, np.zeros(k), *empty_sums(arguments), log_density=out
                )
                for weight, out in ((None, None), (None, of_rows), (np.ones(n), None))
            ]
            assert likelihoods[0] == likelihoods[1]
            wanted = of_rows.astype(np.float64).sum()
            np.testing.assert_allclose(likelihoods, wanted, rtol=8 * np.finfo(dtype).eps)


def test_a_row_without_density_makes_the_log_likelihood_infinite(build):
    for dtype, far in (("float64", 1e200), ("float32", 1e30)):
        for d in (2, 6):
            arguments = make_mixture("full", 3, d, 0, dtype)
            rows = make_rows(arguments, 40, d, dtype)
            packed = build.modules[np.dtype(dtype)].PackedMixture(*arguments)
            for row in (3, 39):
                lost = rows.copy()
                lost[row] = far
                assert packed.log_density(lost, out := np.empty(40, dtype)) is None
                assert out[row] == -np.inf
                found = packed.expectation(lost, None, None, np.ones(3), *empty_sums(arguments))
                assert found == -np.inf


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_rows_of_some_components(build, covariance_type, dtype):
    """Bits say of which; 64 components are one word, and blocks begin and end anywhere."""
    rng = np.random.default_rng(0)
    for k, d, n in ((1, 2, 9), (3, 1, 40), (5, 3, 300), (7, 6, 700), (64, 3, 33), (70, 9, 130)):
        arguments = make_mixture(covariance_type, k, d, k, dtype)
        packed = build.modules[np.dtype(dtype)].PackedMixture(*arguments)
        rows = make_rows(arguments, n, d, dtype)
        sets = rng.random((n, k)) < 0.4
        sets[np.arange(n), rng.integers(k, size=n)] = True
        words = bits_of(sets)
        for weight in (None, rng.exponential(size=n)):
            sums, wanted = empty_sums(arguments), empty_sums(arguments)
            density, expected = np.empty(n, dtype), np.empty(n)
            one = packed.expectation(
                rows, weight, None, np.zeros(k), *sums, log_density=density, allowed=words
            )
            other = reference.PackedMixture(*arguments).expectation(
                rows, weight, None, np.zeros(k), *wanted, log_density=expected, allowed=words
            )
            rtol = 1e-10 if dtype == "float64" else 2e-3
            np.testing.assert_allclose(density, expected, rtol=rtol, atol=rtol)
            assert one == pytest.approx(other, rel=rtol)
            for found, sure in zip(sums, wanted, strict=True):
                np.testing.assert_allclose(
                    found, sure, rtol=rtol, atol=rtol * max(1.0, np.abs(sure).max())
                )
        every = bits_of(np.ones((n, k), bool))
        plain, same = empty_sums(arguments), empty_sums(arguments)
        assert packed.expectation(rows, None, None, np.zeros(k), *plain) == packed.expectation(
            rows, None, None, np.zeros(k), *same, allowed=every
        )
        assert all((a == b).all() for a, b in zip(plain, same, strict=True))
        with pytest.raises(ValueError, match=r"^allowed: expected"):
            packed.expectation(rows, None, None, np.zeros(k), *plain, allowed=words[:-1])
