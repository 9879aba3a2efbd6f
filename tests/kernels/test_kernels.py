"""Every build that this processor runs against the NumPy reference.

Both dtypes and all covariance types.
"""

from functools import cache

import mpmath
import numpy as np
import pytest

from fastgmm import kernels
from fastgmm.kernels import reference

RUNNABLE = [name for name in kernels.BUILT if name in kernels.SUPPORTED]
DTYPES = ["float32", "float64"]
COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]
# around the tiles (3, 4, 8), the lanes (2 to 16) and twice the lanes, where the M-step changes its
# arrangement
FEATURES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 23, 31, 32, 33, 40]


@pytest.fixture(params=RUNNABLE)
def build(request):
    return kernels.Build(request.param)


def make_mixture(covariance_type, n_components, n_features, seed, dtype, spread=3.0):
    """Correlated covariances: arguments of a PackedMixture whose means the dtype holds exactly."""
    rng = np.random.default_rng(seed)
    k, d = n_components, n_features
    means = (rng.normal(size=(k, d)) * spread).astype(dtype).astype(np.float64)
    root = rng.normal(size=(k, d, d)) * 0.7 / np.sqrt(d) + np.eye(d)
    if covariance_type in ("full", "tied"):
        factors = np.linalg.cholesky(root @ root.transpose(0, 2, 1))
        inverses = np.tril(np.linalg.inv(factors))
        determinants = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        if covariance_type == "tied":
            inverses, determinants = inverses[0].copy(), np.repeat(determinants[0], k)
    else:
        deviations = np.exp(rng.normal(size=(k, d) if covariance_type == "diag" else k) * 0.4)
        inverses = 1 / deviations
        logs = np.log(deviations)
        determinants = logs.sum(axis=1) if covariance_type == "diag" else d * logs
    return covariance_type, np.log(rng.dirichlet(np.full(k, 3.0))), means, inverses, determinants


def make_rows(arguments, n, seed, dtype):
    rng = np.random.default_rng(seed)
    means = arguments[2]
    rows = means[rng.integers(len(means), size=n)] + rng.normal(size=(n, means.shape[1]))
    return rows.astype(dtype)


def empty_sums(arguments):
    k, d = arguments[2].shape
    second = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[arguments[0]]
    return np.zeros(k), np.zeros((k, d)), np.zeros(second)


def scores_of(packed, rows):
    n, k, dtype = len(rows), packed.n_components, rows.dtype
    found = {
        "log_density": np.empty(n, dtype),
        "component_log_density": np.empty((n, k), dtype),
        "responsibilities": np.empty((n, k), dtype),
        "labels": np.empty(n, np.int64),
    }
    for name, out in found.items():
        getattr(packed, name)(rows, out)
    return found


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


@cache
def reference_sums(covariance_type, k, n, d, dtype, spread, weighted):
    arguments = make_mixture(covariance_type, k, d, 100 * d + k, dtype, spread)
    rows = make_rows(arguments, n, d, dtype)
    weight = (
        np.random.default_rng(d).exponential(size=n) * (np.arange(n) % 5 > 0) if weighted else None
    )
    return (
        arguments,
        rows,
        weight,
        None,
        sums_of(reference, arguments, rows.astype(np.float64), weight, None),
    )


def sums_of(module, arguments, rows, weight, given):
    thresholds = np.full(len(arguments[2]), 2.0**-53 if given is None else 0.0)
    sums = empty_sums(arguments)
    return (
        module.PackedMixture(*arguments).expectation(rows, weight, given, thresholds, *sums),
        *sums,
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_sums_equal_the_reference(build, covariance_type, dtype, weighted):
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    for d in FEATURES:
        for k, n, spread in ((1, 40, 1.0), (2, 255, 1.0), (9, 515, 0.1), (9, 259, 4.0)):
            case = reference_sums(covariance_type, k, n, d, dtype, spread, weighted)
            check_sums(build.modules[np.dtype(dtype)], *case, tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_sums_of_given_responsibilities(build, covariance_type, dtype):
    """Rows of the given responsibilities need not sum to 1."""
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    for d in (1, 3, 8, 17, 33):
        arguments = make_mixture(covariance_type, 5, d, d, dtype)
        rng = np.random.default_rng(d)
        rows = make_rows(arguments, 400, d, dtype)
        given = (rng.random((400, 5)) * (rng.random((400, 5)) < 0.5)).astype(dtype)
        for weight in (None, rng.random(400)):
            wanted = sums_of(reference, arguments, rows.astype(np.float64), weight, given)
            check_sums(
                build.modules[np.dtype(dtype)], arguments, rows, weight, given, wanted, tolerance
            )


def check_sums(module, arguments, rows, weight, given, wanted, tolerance):
    found = sums_of(module, arguments, rows, weight, given)
    np.testing.assert_allclose(found[0], wanted[0], rtol=tolerance)
    scale = np.abs(rows - rows.mean(axis=0)).max() + np.abs(arguments[2]).max()
    for order in (1, 2, 3):
        atol = tolerance * len(rows) * scale ** (order - 1)
        np.testing.assert_allclose(found[order], wanted[order], rtol=0, atol=atol)
    if arguments[0] in ("full", "tied"):
        assert np.array_equal(found[3], np.swapaxes(found[3], -1, -2))


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


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_far_clusters_lose_nothing(build, covariance_type):
    """Second moments of clusters 1e6 deviations apart: of differences, not of sums of squares."""
    rng = np.random.default_rng(0)
    for d in (1, 2, 7, 20):
        arguments = make_mixture(covariance_type, 4, d, d, "float64", spread=1e6)
        rows = make_rows(arguments, 500, d, "float64")
        found, wanted = empty_sums(arguments), empty_sums(arguments)
        given = np.eye(4)[np.abs(rows[:, None] - arguments[2]).sum(axis=2).argmin(axis=1)]
        given[:, 0] += rng.random(500) * 1e-20
        for module, out in ((build.modules[np.dtype("float64")], found), (reference, wanted)):
            module.PackedMixture(*arguments).expectation(rows, None, given, np.zeros(4), *out)
        np.testing.assert_allclose(
            found[2], wanted[2], rtol=1e-9, atol=1e-9 * np.abs(wanted[2]).max()
        )


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
def test_exp_and_log_within_two_ulp(build, dtype):
    module = build.modules[np.dtype(dtype)]
    lowest = -300.0 if dtype == "float64" else -40.0
    rng = np.random.default_rng(0)
    exponents = np.concatenate(
        [rng.uniform(lowest, 0, 1500), -rng.exponential(size=1492), -np.geomspace(1e-300, 1, 48)]
    )
    exponents = np.concatenate([exponents, np.zeros(8), -np.log(2) * (np.arange(24) + 0.5)]).astype(
        dtype
    )
    positives = np.concatenate(
        [rng.uniform(0.5, 2, 1536), rng.uniform(1, 100, 768), 2.0 ** rng.uniform(-99, 99, 768)]
    )
    for function, exact, numbers in (
        (module.exp, mpmath.exp, exponents),
        (module.log, mpmath.log, positives.astype(dtype)),
    ):
        out = np.empty_like(numbers)
        function(numbers, out)
        with mpmath.workdps(50):
            wanted = [exact(mpmath.mpf(float(x))) for x in numbers]
            spacing = np.spacing(np.abs(np.array(wanted, dtype=np.float64)).astype(dtype)).astype(
                np.float64
            )
            ulp = [
                abs(float((mpmath.mpf(float(o)) - w) / s))
                for o, w, s in zip(out, wanted, spacing, strict=True)
            ]
        assert max(ulp) <= 2
    below = np.repeat([-np.inf, np.finfo(dtype).min, lowest * 1.01, lowest], 16).astype(dtype)
    module.exp(below, below)
    assert np.all(below == 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_finite(build, dtype):
    module = build.modules[np.dtype(dtype)]
    for n in range(1, 70):
        rows = np.ones((n, 1), dtype)
        assert module.all_finite(rows)
        rows[n // 2] = np.finfo(dtype).max
        assert module.all_finite(rows)
        for bad in (np.nan, np.inf, -np.inf):
            rows[n // 2] = bad
            assert not module.all_finite(rows)


def test_factorize(build):
    for seed, d in enumerate((1, 2, 5, 17, 40)):
        rng = np.random.default_rng(seed)
        root = rng.normal(size=(4, d, d)) + 2 * np.eye(d)
        covariances = root @ root.transpose(0, 2, 1)
        found, wanted = np.empty((2, 4, d, d)), np.empty((2, 4, d, d))
        assert build.modules[np.dtype("float64")].factorize(covariances, *found, 0.0) == -1
        assert reference.factorize(covariances, *wanted, 0.0) == -1
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
        assert np.all(np.triu(found, 1) == 0)


@pytest.mark.parametrize(
    "bad",
    [
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0, 2.0], [2.0, 1.0]],
        [[np.nan, 0.0], [0.0, 1.0]],
        [[0.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.0], [0.0, np.inf]],
    ],
)
def test_factorize_names_the_first_that_is_not_positive_definite(build, bad):
    covariances = np.array([np.eye(2), bad, np.eye(2)])
    out = np.empty((2, 3, 2, 2))
    assert build.modules[np.dtype("float64")].factorize(covariances, *out, 0.0) == 1


def test_ward(build):
    for seed, (n, d) in enumerate([(2, 1), (3, 2), (30, 2), (40, 5)]):
        rng = np.random.default_rng(seed)
        points, weight = rng.normal(size=(n, d)), rng.integers(1, 5, size=n).astype(np.float64)
        found, wanted = (
            (np.empty((n - 1, 2), np.int64), np.empty(n - 1)),
            (np.empty((n - 1, 2), np.int64), np.empty(n - 1)),
        )
        build.modules[np.dtype("float64")].ward(points, weight, *found)
        reference.ward(points, weight, *wanted)
        order = np.argsort(found[1], kind="stable")
        np.testing.assert_allclose(found[1][order], wanted[1], rtol=1e-12)
        assert np.array_equal(found[0][order], wanted[0])


def test_ward_ends_on_equal_points(build):
    merged, heights = np.empty((49, 2), np.int64), np.empty(49)
    build.modules[np.dtype("float64")].ward(
        np.repeat([[1.0], [2.0]], 25, axis=0), np.ones(50), merged, heights
    )
    assert np.count_nonzero(heights) == 1


def test_wrong_buffers_are_refused(build):
    packed = build.modules[np.dtype("float64")].PackedMixture(
        *make_mixture("full", 2, 3, 0, "float64")
    )
    with pytest.raises(ValueError, match="out: expected 5 items"):
        packed.log_density(np.zeros((5, 3)), np.empty(4))
    with pytest.raises(ValueError, match="rows: expected 15 items of 8 bytes"):
        packed.log_density(np.zeros((5, 3), np.float32), np.empty(5))
    read_only = np.empty(5)
    read_only.flags.writeable = False
    with pytest.raises((BufferError, ValueError), match=r"read-only|not writable|contiguous"):
        packed.log_density(np.zeros((5, 3)), read_only)


def test_builds_are_chosen_by_name():
    with pytest.raises(ValueError, match="'sse9' is not among those built here"):
        kernels.Build("sse9")
    for name in kernels.BUILT:
        if name not in kernels.SUPPORTED:
            with pytest.raises(ValueError, match="does not run"):
                kernels.Build(name)


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0, 8.0, 16.0, 100.0])
def test_second_moments_in_every_direction(build, spread):
    """However far the means are from their middle: errors in units of the covariance itself."""
    for d in (6, 9, 17):
        arguments = make_mixture("full", 3, d, d, "float64", spread)
        means, inverses = arguments[2], arguments[3]
        rng = np.random.default_rng(d)
        rows = make_rows(arguments, 600, d, "float64")
        given = rng.dirichlet(np.ones(3) * 0.2, size=600)  # most pairs matter
        sums = empty_sums(arguments)
        packed = build.modules[np.dtype("float64")].PackedMixture(*arguments)
        packed.expectation(rows, None, given, np.zeros(3), *sums)
        for k in range(3):
            difference = rows.astype(np.longdouble) - means[k]
            wanted = (given[:, k, None] * difference).T @ difference
            own = inverses[k] @ wanted.astype(np.float64) @ inverses[k].T
            error = inverses[k] @ (sums[2][k] - wanted).astype(np.float64) @ inverses[k].T
            assert np.abs(error).max() < 1e-13 * np.abs(own).max()
