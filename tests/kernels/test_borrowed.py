"""Arrays of another size, dtype or kind are refused."""

import numpy as np
import pytest

from kernel_cases import make_mixture


def test_wrong_buffers_are_refused(build):
    packed = build.modules[np.dtype("float64")].PackedMixture(
        *make_mixture("full", 2, 3, 0, "float64")
    )
    with pytest.raises(ValueError, match="out: expected 5 items"):
        packed.log_density(np.zeros((5, 3)), np.empty(4))
    with pytest.raises(ValueError, match="rows: expected rows of 3 items of 8 bytes"):
        packed.log_density(np.zeros((5, 3), np.float32), np.empty(5))
    read_only = np.empty(5)
    read_only.flags.writeable = False
    with pytest.raises((BufferError, ValueError), match=r"read-only|not writable|contiguous"):
        packed.log_density(np.zeros((5, 3)), read_only)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_another_shape_are_refused(build, dtype):
    """As many numbers in another shape would be other rows; a size of zero hides one of 2^60."""
    packed = build.modules[np.dtype(dtype)].PackedMixture(*make_mixture("diag", 2, 3, 0, dtype))
    for shape in ((3, 5), (15,), (5, 3, 1), (2**59, 0), (0, 2**59)):
        with pytest.raises(ValueError, match="rows: expected rows of 3 items"):
            packed.log_density(np.empty(shape, dtype), np.empty(5, dtype))
    unaligned = np.frombuffer(bytearray(121), dtype, 15 * 8 // np.dtype(dtype).itemsize, 1)
    with pytest.raises(ValueError, match="addresses that are multiples"):
        packed.log_density(unaligned.reshape(-1, 3), np.empty(len(unaligned) // 3, dtype))
    with pytest.raises(ValueError, match="not C-contiguous"):
        packed.log_density(np.empty((5, 6), dtype)[:, ::2], np.empty(5, dtype))


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("shape", [(0, 2), (2, 0), (0, 2**60 - 1), (2**40, 0), (2,), (1, 1, 1), ()])
def test_a_mixture_of_no_size_is_refused(build, kind, shape):
    for module in build.modules.values():
        nothing = np.empty(0)
        with pytest.raises(ValueError, match="means: expected"):
            module.PackedMixture(kind, nothing, np.empty(shape), nothing, nothing)


def test_a_mixture_cannot_be_made_without_its_arrays(build):
    for dtype, module in build.modules.items():
        good = make_mixture("full", 2, 3, 0, str(dtype))
        with pytest.raises(TypeError):
            module.PackedMixture.__new__(module.PackedMixture)
        packed = module.PackedMixture(*good)
        packed.__init__(*make_mixture("full", 5, 7, 0, str(dtype)))
        assert (packed.n_components, packed.n_features) == (2, 3)
        with pytest.raises(ValueError, match="covariance_type: expected one of"):
            module.PackedMixture("covered", *good[1:])
        for at in range(1, 5):
            wrong = [*good]
            wrong[at] = wrong[at].reshape(-1)[:-1].copy() if at != 2 else wrong[at][:-1].copy()
            with pytest.raises(ValueError, match="expected"):
                module.PackedMixture(*wrong)


@pytest.mark.parametrize("shape", [(0, 2, 2), (1, 2**32, 0), (1, 0, 0), (1, 2, 3), (2, 2)])
def test_matrices_of_no_size_are_refused(build, shape):
    arrays = [np.empty(shape) for _ in range(3)]
    with pytest.raises(ValueError, match=r"(covariances|components and features): expected"):
        build.modules[np.dtype("float64")].factorize("matrix", *shape[:2], *arrays, 0.0)


@pytest.mark.parametrize("shape", [(0, 2), (2**40, 0), (2, 0), (3,)])
def test_points_of_no_size_are_refused(build, shape):
    merged, heights = np.empty((1, 2), np.int64), np.empty(1)
    with pytest.raises(ValueError, match="points: expected"):
        build.modules[np.dtype("float64")].ward(np.empty(shape), np.ones(2), merged, heights)
