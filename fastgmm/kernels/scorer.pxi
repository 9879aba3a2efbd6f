# The door for C and Cython: a table of functions that score rows without Python, with scratch of their own.
# include/fastgmm.h says what they take and give.

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from cpython.ref cimport Py_DECREF, Py_INCREF

cdef extern from "fastgmm.h":
    ctypedef struct fastgmm_scorer:
        int version
        int item_size
        Py_ssize_t n_components
        Py_ssize_t n_features
        void (*log_density)(const fastgmm_scorer *, const void *, Py_ssize_t, void *) noexcept nogil
        void (*component_log_density)(const fastgmm_scorer *, const void *, Py_ssize_t, void *) noexcept nogil
        void (*responsibilities)(const fastgmm_scorer *, const void *, Py_ssize_t, void *) noexcept nogil
        void (*labels)(const fastgmm_scorer *, const void *, Py_ssize_t, int64_t *) noexcept nogil
        const void *state
    const int FASTGMM_SCORER_VERSION
    const char *FASTGMM_SCORER_NAME


cdef struct ScorerState:
    const Mixture *mixture
    Block *strip                    # for a few rows: it stays in the first-level cache
    Block *block                    # for many
    void *owner                     # the Scorer


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Scorer:
    """Functions of a mixture for C: one object per thread, as its scratch is its own.

    Parameters
    ----------
    packed : PackedMixture
    """
    cdef fastgmm_scorer table
    cdef ScorerState state
    cdef PackedMixture packed
    cdef Scratch strip
    cdef Scratch block

    def __cinit__(self, PackedMixture packed not None):
        cdef Mixture *m = &packed.mixture
        self.packed = packed
        self.strip = packed.form.take(m, 1, False)
        self.block = packed.form.take(m, FEW_ROWS, False)
        self.state.mixture = m
        self.state.strip = &self.strip.block
        self.state.block = &self.block.block
        self.state.owner = <void *> self
        self.table.version = FASTGMM_SCORER_VERSION
        self.table.item_size = sizeof(real)
        self.table.n_components = m.n_components
        self.table.n_features = m.n_features
        self.table.log_density = scored_log_density
        self.table.component_log_density = scored_component_log_density
        self.table.responsibilities = scored_responsibilities
        self.table.labels = scored_labels
        self.table.state = &self.state

    @property
    def capsule(self):
        """The address of the table of functions; the capsule keeps this object alive."""
        capsule = PyCapsule_New(&self.table, FASTGMM_SCORER_NAME, release)
        Py_INCREF(self)
        return capsule


cdef void release(object capsule) noexcept:
    """Let go of the Scorer that a capsule has kept alive."""
    cdef fastgmm_scorer *table = <fastgmm_scorer *> PyCapsule_GetPointer(capsule, FASTGMM_SCORER_NAME)
    Py_DECREF(<object> (<const ScorerState *> table.state).owner)


cdef void scored(
    const fastgmm_scorer *scorer, const void *rows, Py_ssize_t n_rows, int wanted, void *out
) noexcept nogil:
    """out = what is wanted of rows (n, D), by the scratch of the scorer."""
    cdef const ScorerState *state = <const ScorerState *> scorer.state
    cdef Block *block = state.strip if n_rows <= STRIP else state.block
    score_rows(state.mixture, <const real *> rows, n_rows, wanted, out, block)


cdef void scored_log_density(
    const fastgmm_scorer *scorer, const void *rows, Py_ssize_t n_rows, void *out
) noexcept nogil:
    scored(scorer, rows, n_rows, WEIGHTED_LOG_DENSITY, out)


cdef void scored_component_log_density(
    const fastgmm_scorer *scorer, const void *rows, Py_ssize_t n_rows, void *out
) noexcept nogil:
    scored(scorer, rows, n_rows, COMPONENT_LOG_DENSITY, out)


cdef void scored_responsibilities(
    const fastgmm_scorer *scorer, const void *rows, Py_ssize_t n_rows, void *out
) noexcept nogil:
    scored(scorer, rows, n_rows, RESPONSIBILITIES, out)


cdef void scored_labels(
    const fastgmm_scorer *scorer, const void *rows, Py_ssize_t n_rows, int64_t *out
) noexcept nogil:
    scored(scorer, rows, n_rows, LABELS, out)
