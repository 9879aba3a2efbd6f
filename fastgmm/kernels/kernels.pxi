# The kernels, one source for every instruction set and both dtypes: each _<set>_<dtype>.pyx includes this file and is
# compiled with its own flags.

cimport cython
from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_WRITABLE, PyObject_GetBuffer, PyBuffer_Release
from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef enum:
    FULL
    TIED
    DIAG
    SPHERICAL

cdef enum:
    CACHE_LINE = 64
    FEW_ROWS = 1024             # that may be looked through with the GIL held: microseconds
    BLOCK_BYTES = 2048          # of one column: 256 rows of 16 columns in float64 fill 32 KB, the first-level cache
    # Squares summed about the shift lose (distance in deviations)^2 eps: under so many, 1e-12 (float32: 2e-6) at the
    # most
    NEAR_FLOAT64 = 64
    NEAR_FLOAT32 = 4
    # The same for whole covariances and in every direction: per feature, the mean distance in deviations given the
    # other features
    NEAR_FULL_FLOAT64 = 8
    NEAR_FULL_FLOAT32 = 1
    # First moments about the shift, and the pooled scatter, lose distance eps: 1e-12 of a deviation (float32: 4e-6)
    CENTRAL_FLOAT64 = 4096
    CENTRAL_FLOAT32 = 64
    # A row whitened about the shift, TIED, loses distance eps: a few units in the last place
    NEAR_WHITENED = 16

cdef enum:
    WEIGHTED_LOG_DENSITY
    COMPONENT_LOG_DENSITY
    RESPONSIBILITIES
    LABELS


cdef Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


include "vector_math.pxi"
include "density.pxi"
include "scatter.pxi"
include "products.pxi"
include "moments.pxi"
include "bounds.pxi"
include "passes.pxi"
include "memory.pxi"
include "packed.pxi"
include "factorization.pxi"
include "clustering.pxi"
