# The kernels, one source for every instruction set and both dtypes: each builds/<set>_<dtype>.pyx includes this file
# and is compiled with its own flags.  Those of float64 include float64/kernels.pxi, which adds what is float64 only.

cimport cython
from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyObject_GetBuffer, PyBuffer_Release
from libc.math cimport INFINITY, NAN, fabs, hypot, sqrt
from libc.stdint cimport int64_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef enum:
    FULL
    TIED
    DIAG
    SPHERICAL
    LOW_RANK

cdef enum:
    CACHE_LINE = 64
    # This many rows may be looked through with the GIL held: it takes microseconds.
    FEW_ROWS = 1024
    # A block holds this many bytes of a column: 256 rows of 16 columns in float64 fill 32 KB, the first-level cache.
    BLOCK_BYTES = 2048
    # A panel by rows holds so few rows where it then stays in the first-level cache beside the sums of its component:
    # up to D = 40 in float64, 7 to 20 % of the M-step.  For more features the sums would be added to too often, and so
    # they would in float32, which has four times the rows: each addition turns them into float64.
    PANEL_ROWS = 64
    PANEL_BYTES = 32768
    # Limits on how far the means may be from the shift, in standard deviations.  Squares that are summed about the
    # shift lose distance^2 eps: within this limit that is 1e-12 at the most (float32: 2e-6).
    NEAR_FLOAT64 = 64
    NEAR_FLOAT32 = 4
    # The same limit for full covariances: the mean over the features of |mean - shift|, in standard deviations of that
    # feature conditional on the others.
    NEAR_FULL_FLOAT64 = 8
    NEAR_FULL_FLOAT32 = 1
    # First moments about the shift, and the pooled scatter, lose distance eps: within this limit that is 1e-12 of a
    # deviation at the most (float32: 4e-6).
    CENTRAL_FLOAT64 = 4096
    CENTRAL_FLOAT32 = 64
    # A distance of LOW_RANK is a difference of two sums where the first is at most this many times as large on average:
    # that loses 1e-13 of it (float32: 1e-6).  Beyond, it is summed in the way that does not cancel.
    NEAR_LOW_RANK_FLOAT64 = 512
    NEAR_LOW_RANK_FLOAT32 = 16
    # A block of LOW_RANK, as columns and as rows, stays in the second-level cache.
    LOW_RANK_BYTES = 1048576
    # A row of TIED that is whitened about the shift loses distance eps: within this limit a few units in the last
    # place.
    NEAR_WHITENED = 16

cdef enum:
    WEIGHTED_LOG_DENSITY
    COMPONENT_LOG_DENSITY
    RESPONSIBILITIES
    LABELS


cdef Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


include "vector_math.pxi"
include "structs.pxi"
include "transposition.pxi"
include "few.pxi"
include "density.pxi"
include "scatter.pxi"
include "products.pxi"
include "moments.pxi"
include "low_rank.pxi"
include "low_rank_sums.pxi"
include "bounds.pxi"
include "passes.pxi"
include "borrowed.pxi"
include "scratch.pxi"
include "packing.pxi"
include "packed.pxi"
include "scorer.pxi"
include "factorization.pxi"
include "estimation.pxi"
include "grouping.pxi"
include "pattern_tables.pxi"
include "conditioning.pxi"
include "lifting.pxi"
include "patterns.pxi"
include "rules.pxi"
include "panels.pxi"
include "relative_frame.pxi"
include "search.pxi"
include "em_steps.pxi"
include "comparison.pxi"
include "stretch.pxi"
include "online.pxi"
include "waiting.pxi"
