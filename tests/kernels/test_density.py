"""The E-step against the NumPy reference: every build, both dtypes and all covariance types."""

from functools import cache

import numpy as np
import pytest

from fastgmm.kernels import reference
from kernel_cases import (
    COVARIANCE_TYPES,
    DTYPES,
    FEATURES,
    make_mixture,
    make_rows,
    scores_of,
    sums_of,
)


@cache
def reference_scores(covariance_type, k, n, d, dtype):
    """The slow side, once for all builds."""
    arguments = make_mixture(covariance_type, k, d, 100 * d + k, dtype)
    rows = make_rows(arguments, n, d, dtype)
    return arguments, rows, scores_of(reference.PackedMixture(*arguments), rows.astype(np.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_scores_equal_the_reference(build, covariance_type, dtype):
    tolerance = 1e-13 if dtype == "float64" else 2e-5
    for d in FEATURES:
        for k, n in ((1, 1), (2, 37), (5, 300)):
            arguments, rows, wanted = reference_scores(covariance_type, k, n, d, dtype)
            found = scores_of(build.modules[np.dtype(dtype)].PackedMixture(*arguments), rows)
            for name in ("log_density", "component_log_density"):
                np.testing.assert_allclose(
                    found[name], wanted[name], rtol=tolerance, atol=tolerance * 20
                )
            np.testing.assert_allclose(
                found["responsibilities"], wanted["responsibilities"], rtol=0, atol=20 * tolerance
            )
            np.testing.assert_allclose(
                found["responsibilities"].sum(axis=1), 1, rtol=4 * np.finfo(dtype).eps * k
            )
            top = np.sort(wanted["responsibilities"], axis=1)
            clear = np.ones(n, bool) if k == 1 else top[:, -1] - top[:, -2] > 1e-3
            assert np.array_equal(found["labels"][clear], wanted["labels"][clear])


def test_underflow_of_all_components(build):
    """Rows whose densities all underflow get -inf and finite responsibilities."""
    for dtype, far in (("float64", 1e200), ("float32", 1e30)):
        arguments = make_mixture("full", 3, 2, 0, dtype)
        found = scores_of(
            build.modules[np.dtype(dtype)].PackedMixture(*arguments), np.full((5, 2), far, dtype)
        )
        assert np.all(found["log_density"] == -np.inf)
        assert np.all(np.isfinite(found["responsibilities"]))


def test_a_component_of_weight_zero(build):
    kind, log_weights, *rest = make_mixture("full", 3, 2, 0, "float64")
    log_weights = np.log(np.array([0.5, 0.5, 1.0])) + np.array([0, 0, -np.inf])
    rows = make_rows((kind, log_weights, *rest), 50, 0, "float64")
    found = scores_of(
        build.modules[np.dtype("float64")].PackedMixture(kind, log_weights, *rest), rows
    )
    assert np.all(found["responsibilities"][:, 2] == 0)
    assert np.all(np.isfinite(found["log_density"]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_background_equals_the_reference(build, covariance_type, dtype):
    """Scores and sums, with one component and several, and of rows far from all of them."""
    tolerance = 1e-13 if dtype == "float64" else 2e-5
    for d in (1, 2, 3, 4, 5, 8, 17, 33):
        for k in (1, 5):
            arguments = (*make_mixture(covariance_type, k, d, d + k, dtype), -2.0 * d)
            rows = make_rows(arguments, 300, d, dtype)
            rows[::3] += np.random.default_rng(d).normal(size=(100, d)).astype(dtype) * 4
            rows[7] = 1e15
            module = build.modules[np.dtype(dtype)]
            packed, plain = module.PackedMixture(*arguments), reference.PackedMixture(*arguments)
            found, wanted = scores_of(packed, rows), scores_of(plain, rows.astype(np.float64))
            np.testing.assert_allclose(
                found["log_density"], wanted["log_density"], rtol=tolerance, atol=tolerance * 20
            )
            np.testing.assert_allclose(
                found["responsibilities"], wanted["responsibilities"], rtol=0, atol=20 * tolerance
            )
            odds = wanted["responsibilities"]
            top = np.sort(np.column_stack([odds, 1 - odds.sum(axis=1)]))
            clear = top[:, -1] - top[:, -2] > 1e-3
            assert np.array_equal(found["labels"][clear], wanted["labels"][clear])
            assert found["labels"][7] == -1
            assert found["log_density"][7] == pytest.approx(-2.0 * d, rel=1e-6)
            near = np.delete(rows, 7, axis=0)
            got = sums_of(module, arguments, near, None, None)
            for one, other in zip(
                got, sums_of(reference, arguments, near.astype(np.float64), None, None), strict=True
            ):
                scale = np.abs(other).max()
                np.testing.assert_allclose(one, other, rtol=0, atol=20 * tolerance * scale)


def test_a_background_next_to_none_changes_nothing(build):
    for dtype in DTYPES:
        arguments = make_mixture("full", 3, 2, 0, dtype)
        rows = make_rows(arguments, 100, 0, dtype)
        module = build.modules[np.dtype(dtype)]
        plain = scores_of(module.PackedMixture(*arguments), rows)
        for background in (-np.inf, -1e5 if dtype == "float64" else -1e3):
            found = scores_of(module.PackedMixture(*arguments, background), rows)
            for name, out in plain.items():
                assert np.array_equal(found[name], out), name
