"""What covariances share, by the kernels of every build, against the reference."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference, sharing

FLOAT64 = np.dtype("float64")
SHAPES = ((1, 1), (1, 4), (2, 1), (3, 2), (9, 5), (8, 16), (17, 7), (5, 33))


def covariances_of(shape, seed):
    """Return correlated covariances (K, D, D), and weights (K,)."""
    (k, d), rng = shape, np.random.default_rng(seed)
    rows = rng.normal(size=(k, d, 2 * d + 2)) * rng.uniform(0.2, 3.0, (k, 1, 1))
    return rows @ rows.transpose(0, 2, 1) / (2 * d), rng.uniform(10.0, 90.0, k)


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.mark.parametrize("seed", range(3))
def test_a_shape(build, shape, seed):
    covariances, weights = covariances_of(shape, seed)
    variances = np.array(np.einsum("kjj->kj", covariances))
    found, wanted = np.ones(shape[1]), np.ones(shape[1])
    scales, expected = np.empty((2, shape[0]))
    n = build.modules[FLOAT64].share_shape(variances, weights, 500, 1e-13, found, scales)
    sharing.share_shape(variances, weights, 500, 1e-13, wanted, expected)
    assert n < 200
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    np.testing.assert_allclose(scales, expected, rtol=1e-11)
    assert np.log(found).sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_a_matrix(build, shape, seed):
    covariances, weights = covariances_of(shape, seed)
    scales, expected = np.ones((2, shape[0]))
    found, wanted = np.empty((2, shape[1], shape[1]))
    n = build.modules[FLOAT64].share_matrix(covariances, weights, 500, 1e-13, scales, found)
    sharing.share_matrix(covariances, weights, 500, 1e-13, expected, wanted)
    assert 0 < n < 200
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11 * np.abs(wanted).max())
    np.testing.assert_allclose(scales, expected, rtol=1e-10)
    assert np.linalg.slogdet(found)[1] == pytest.approx(0.0, abs=1e-10)


def test_a_component_without_variance_has_no_say(build):
    covariances, weights = covariances_of((3, 4), 0)
    covariances[1] = 0.0
    module, others = build.modules[FLOAT64], [0, 2]
    scales, shared, alone = np.array([1.0, 0.0, 1.0]), np.empty((4, 4)), np.empty((4, 4))
    assert module.share_matrix(covariances, weights, 500, 1e-13, scales, shared) > 0
    assert scales[1] == 0.0
    module.share_matrix(
        np.array(covariances[others]), weights[others].copy(), 500, 1e-13, np.ones(2), alone
    )
    np.testing.assert_allclose(shared, alone, rtol=1e-9)
    variances, shape = np.array(np.einsum("kjj->kj", covariances)), np.ones(4)
    module.share_shape(variances, weights, 500, 1e-13, shape, scales)
    assert scales[1] == 0.0
    assert np.isfinite(shape).all()
    covariances[:] = np.ones((4, 4))
    assert module.share_matrix(covariances, weights, 9, 1e-13, np.ones(3), shared) == -1
    assert sharing.share_matrix(covariances, weights, 9, 1e-13, np.ones(3), alone) == -1


@pytest.mark.parametrize("equal_volumes", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_axes(build, shape, seed, equal_volumes):
    """A few sweeps are those of the reference, rotation by rotation."""
    covariances, weights = covariances_of(shape, seed)
    k, d = shape
    axes, wanted = np.eye(d), np.eye(d)
    found, expected = np.empty((2, k, d))
    arguments = covariances, weights, equal_volumes, 4, 1e-13
    n = build.modules[FLOAT64].share_directions(*arguments, axes, found)
    assert n == sharing.share_directions(*arguments, wanted, expected)
    np.testing.assert_allclose(axes, wanted, atol=1e-8)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    np.testing.assert_allclose(axes @ axes.T, np.eye(d), atol=1e-12)
    rotated = np.einsum("ij,kjl,il->ki", axes, covariances, axes)
    np.testing.assert_allclose(found, rotated, rtol=1e-10)


@pytest.mark.parametrize("equal_volumes", [False, True])
def test_axes_that_are_there_are_found(build, equal_volumes):
    rng = np.random.default_rng(0)
    for k, d in ((2, 2), (3, 5), (8, 16)):
        truth = np.linalg.qr(rng.normal(size=(d, d)))[0]
        variances = np.exp(rng.normal(size=(k, d)))
        covariances = np.ascontiguousarray((truth * variances[:, None]) @ truth.T)
        axes, found = np.eye(d), np.empty((k, d))
        build.modules[FLOAT64].share_directions(
            covariances, np.ones(k), equal_volumes, 100, 1e-14, axes, found
        )
        overlap = np.abs(axes @ truth)
        np.testing.assert_allclose(np.sort(overlap, axis=1)[:, -1], 1.0, atol=1e-9)
        np.testing.assert_allclose(found, variances[:, overlap.argmax(axis=1)], rtol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_own_axes(build, shape, seed):
    covariances, _ = covariances_of(shape, seed)
    axes, variances = np.empty(covariances.shape), np.empty(shape)
    n = build.modules[FLOAT64].own_directions(covariances, 40, 1e-15, axes, variances)
    assert n < 15
    expected, vectors = np.empty(shape), np.empty(covariances.shape)
    reference.own_directions(covariances, 40, 1e-15, vectors, expected)
    np.testing.assert_allclose(np.sort(variances, axis=1), expected, rtol=1e-11)
    again = (axes * variances[:, None]) @ axes.transpose(0, 2, 1)
    np.testing.assert_allclose(again, covariances, atol=1e-13 * np.abs(covariances).max())
    whole = axes @ axes.transpose(0, 2, 1)
    np.testing.assert_allclose(whole, np.broadcast_to(np.eye(shape[1]), whole.shape), atol=1e-13)


def test_own_axes_of_matrices_that_are_singular_or_have_equal_eigenvalues(build):
    ones = np.ones((4, 4))
    covariances = np.array([np.eye(4), ones, 0.0 * ones, np.diag([1.0, 1.0, 2.0, 1e-12])])
    axes, variances = np.empty((4, 4, 4)), np.empty((4, 4))
    build.modules[FLOAT64].own_directions(covariances, 40, 1e-15, axes, variances)
    again = (axes * variances[:, None]) @ axes.transpose(0, 2, 1)
    np.testing.assert_allclose(again, covariances, atol=1e-14)
    np.testing.assert_allclose(np.sort(variances[1]), [0.0, 0.0, 0.0, 4.0], atol=1e-14)


@pytest.mark.parametrize("argument", range(4))
def test_wrong_sizes_are_refused(build, argument):
    covariances, weights = covariances_of((3, 4), 0)
    module = build.modules[FLOAT64]
    arrays = [covariances, weights, np.eye(4), np.empty((3, 4))]
    arrays[argument] = np.ones(5)
    with pytest.raises((ValueError, IndexError), match=r"expected|range"):
        module.share_directions(*arrays[:2], False, 3, 1e-9, *arrays[2:])
