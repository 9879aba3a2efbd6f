# `cimport fastgmm`: score rows from Cython without the GIL.  docs/cython.md has an example.

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t


cdef extern from "fastgmm.h":
    const char *FASTGMM_SCORER_NAME

    ctypedef struct fastgmm_scorer:
        int version
        int item_size
        Py_ssize_t n_components
        Py_ssize_t n_features
        void (*log_density)(const fastgmm_scorer *, const void *, Py_ssize_t, void *) noexcept nogil
        void (*component_log_density)(const fastgmm_scorer *, const void *, Py_ssize_t, void *) noexcept nogil
        void (*responsibilities)(const fastgmm_scorer *, const void *, Py_ssize_t, void *) noexcept nogil
        void (*labels)(const fastgmm_scorer *, const void *, Py_ssize_t, int64_t *) noexcept nogil


cdef inline const fastgmm_scorer *scorer_of(object scorer) except NULL:
    """The table of functions of what `Snapshot.scorer()` has returned, which must be kept alive."""
    return <const fastgmm_scorer *> PyCapsule_GetPointer(scorer.capsule, FASTGMM_SCORER_NAME)
