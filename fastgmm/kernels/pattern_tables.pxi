# Rows with gaps as the kernels are given them: a table of patterns, and the mixture as its own arrays have it.

from libc.math cimport exp as natural_exp

cdef enum:
    EXPECTED = 4                # after the scores of rows without gaps: WEIGHTED_LOG_DENSITY to LABELS
    EXPECTED_ROWS = 32

cdef dict WANTED = {
    "log_density": WEIGHTED_LOG_DENSITY, "component_log_density": COMPONENT_LOG_DENSITY,
    "responsibilities": RESPONSIBILITIES, "labels": LABELS, "expected": EXPECTED}

cdef struct Given:
    # the mixture, as its own arrays have it
    const double *log_weights   # K
    const double *means         # K x D
    const double *covariances   # (K or 1) x their size, as are
    const double *factors
    const double *inverses
    const double *reference     # K x D: the points that sums are about


cdef struct Table:
    # rows by pattern, each pattern's observed values row by row
    Py_ssize_t n_pieces
    const int64_t *pieces       # n_pieces x 3: a pattern, and the rows from .. to of it
    Py_ssize_t n_patterns
    const int *columns          # n_patterns x D: see Gap
    const int64_t *observed     # n_patterns: how many columns
    const int64_t *rows         # n_patterns + 1: where the rows of each begin
    const int64_t *values       # n_patterns + 1: where the values of each begin
    Py_ssize_t first_row        # what of rows and values comes with the call
    Py_ssize_t n_rows
    Py_ssize_t first_value
    Py_ssize_t n_values


cdef struct Gap:
    const int *columns          # n_features: those observed, ascending, then those missing, ascending
    Py_ssize_t n_features
    Py_ssize_t n_observed


cdef struct Cut:
    # of each covariance that the kernels know: n_covariances
    double *inverses            # n_observed^2 each: L^-1 of the observed columns; DIAGONAL: n_observed, SCALAR: 1
    double *slopes              # n_missing x n_observed each: A; MATRIX only
    double *left                # n_missing^2 each: C; DIAGONAL: n_missing, SCALAR: 1
    double *log_determinants    # n_components: log det L of the observed columns


cdef inline Py_ssize_t columns_of(int wanted, const Model *model) noexcept nogil:
    """Numbers per row of these scores."""
    if wanted == WEIGHTED_LOG_DENSITY or wanted == LABELS:
        return 1
    return model.n_features if wanted == EXPECTED else model.n_components


cdef inline Gap gap_of(const Table *t, Py_ssize_t pattern, Py_ssize_t n_features) noexcept nogil:
    cdef Gap gap
    gap.columns = t.columns + pattern * n_features
    gap.n_features = n_features
    gap.n_observed = t.observed[pattern]
    return gap


cdef inline Py_ssize_t first_value_of(const Table *t, Py_ssize_t piece) noexcept nogil:
    """Where the values of a piece begin among those that came with the call."""
    cdef Py_ssize_t pattern = t.pieces[3 * piece]
    return t.values[pattern] - t.first_value + t.observed[pattern] * (t.pieces[3 * piece + 1] - t.rows[pattern])


cdef void score_nothing(
    const Given *given, Py_ssize_t n_components, Py_ssize_t n_rows, int wanted, void *out
) noexcept nogil:
    """Scores of rows of which nothing was observed: the density is 1, and they come from a component by its weight."""
    cdef Py_ssize_t i, k
    cdef Py_ssize_t top = 0
    for k in range(n_components):
        if given.log_weights[k] > given.log_weights[top]:
            top = k
    for i in range(n_rows):
        if wanted == LABELS:
            (<int64_t *> out)[i] = top
        elif wanted == WEIGHTED_LOG_DENSITY:
            (<real *> out)[i] = 0
        for k in range(n_components if wanted == RESPONSIBILITIES or wanted == COMPONENT_LOG_DENSITY else 0):
            (<real *> out)[i * n_components + k] = 0 if wanted == COMPONENT_LOG_DENSITY else <real> natural_exp(
                given.log_weights[k])


cdef void sum_nothing(
    const Given *given, Py_ssize_t n_components, Py_ssize_t n_rows, const double *weight, const real *responsibilities,
    real *density, double *component_weight
) noexcept nogil:
    """The same as sums: component_weight (K, out), and density (n_rows, out) or NULL."""
    cdef Py_ssize_t i, k
    cdef double count
    memset(component_weight, 0, n_components * sizeof(double))
    for i in range(n_rows):
        count = weight[i] if weight != NULL else 1.0
        for k in range(n_components):
            component_weight[k] += count * (
                <double> responsibilities[i * n_components + k] if responsibilities != NULL
                else natural_exp(given.log_weights[k]))
        if density != NULL:
            density[i] = 0


cdef int check_table(const Table *t, Py_ssize_t n_features) except -1:
    """Refuse a table by which a kernel would read beyond the arrays that came with the call."""
    cdef Py_ssize_t u, j, pattern, first, last
    for u in range(t.n_pieces):
        pattern = t.pieces[3 * u]
        if not 0 <= pattern < t.n_patterns or not 0 <= t.observed[pattern] <= n_features:
            raise ValueError(f"pieces: there is no pattern {pattern} of {n_features} columns")
        for j in range(n_features):
            if not 0 <= t.columns[pattern * n_features + j] < n_features:
                raise ValueError(f"columns: pattern {pattern} has columns beyond {n_features}")
            # That there are so many observed columns before a missing one depends on this order.
            if j > 0 and j != t.observed[pattern] and (
                    t.columns[pattern * n_features + j - 1] >= t.columns[pattern * n_features + j]):
                raise ValueError(f"columns: those of pattern {pattern} do not ascend")
        first = t.pieces[3 * u + 1]
        last = t.pieces[3 * u + 2]
        if not t.first_row <= first <= last <= t.first_row + t.n_rows or first < t.rows[pattern]:
            raise ValueError(f"pieces: rows {first} to {last} are not among those given")
        first = t.values[pattern] - t.first_value + (first - t.rows[pattern]) * t.observed[pattern]
        last = first + (last - t.pieces[3 * u + 1]) * t.observed[pattern]
        if not 0 <= first <= last <= t.n_values:
            raise ValueError(f"pieces: values {first} to {last} are not among those given")
    return 0
