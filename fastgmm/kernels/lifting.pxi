# Sums over observed columns, lifted to all columns: the formulas are in mixture/gaps.py.  It is done once per pattern
# and component, so that rows of a pattern cost what rows of so many columns cost.

cdef void lift_products(
    const Gap *gap, double weight, const double *slopes, const double *left, const double *second, double *cross,
    double *out
) noexcept nogil:
    """out (n_features^2), its lower triangle += [S, S A^T; A S, A S A^T + weight C] of second moments S.

    `cross` is scratch of n_missing x n_observed numbers.
    """
    cdef Py_ssize_t n = gap.n_features
    cdef Py_ssize_t p = gap.n_observed
    cdef Py_ssize_t m = n - p
    cdef Py_ssize_t i, j, before
    cdef const int *columns = gap.columns
    cdef double *row
    for i in range(p):
        row = out + columns[i] * n
        for j in range(i + 1):
            row[columns[j]] = row[columns[j]] + second[i * p + j]
    multiply(slopes, second, m, p, p, cross)
    for i in range(m):
        row = out + columns[p + i] * n
        before = columns[p + i] - i                 # so many of the observed columns are before this one
        for j in range(before):
            row[columns[j]] = row[columns[j]] + cross[i * p + j]
        for j in range(before, p):
            out[columns[j] * n + columns[p + i]] = out[columns[j] * n + columns[p + i]] + cross[i * p + j]
        for j in range(i + 1):
            row[columns[p + j]] = row[columns[p + j]] + (
                dot(cross + i * p, slopes + j * p, p) + weight * left[i * m + j])


cdef inline void add_lower(double *out, Py_ssize_t n, Py_ssize_t i, Py_ssize_t j, double x) noexcept nogil:
    """Add to the number of the lower triangle where two columns meet."""
    if i < j:
        out[j * n + i] = out[j * n + i] + x
    else:
        out[i * n + j] = out[i * n + j] + x


cdef bint expected_offsets(
    const Gap *gap, const double *mean, const double *reference, const double *slopes, double *off
) noexcept nogil:
    """off (n_missing): what a component expects of the missing columns of a row whose observed ones lie at the
    reference, minus the reference.  Whether one is not zero.  `slopes` may be NULL."""
    cdef Py_ssize_t p = gap.n_observed
    cdef Py_ssize_t i, j
    cdef bint moved = False
    for i in range(gap.n_features - p):
        off[i] = mean[gap.columns[p + i]] - reference[gap.columns[p + i]]
        for j in range(p if slopes != NULL else 0):
            off[i] = off[i] + slopes[i * p + j] * (reference[gap.columns[j]] - mean[gap.columns[j]])
        moved |= off[i] != 0.0
    return moved


cdef void add_expected(
    const Gap *gap, const double *mean, const double *slopes, const double *off, double share, double *out
) noexcept nogil:
    """out (n_missing) += share times what a component expects of a row's missing columns; slopes may be NULL.

    `off` (n_observed) is the row's distance from the mean.
    """
    cdef Py_ssize_t i
    cdef Py_ssize_t p = gap.n_observed
    cdef double total
    for i in range(gap.n_features - p):
        total = mean[gap.columns[p + i]]
        if slopes != NULL:
            total += dot(slopes + i * p, off, p)
        out[i] = out[i] + share * total


cdef void lift_first(
    const Gap *gap, double weight, const double *slopes, const double *off, const double *first, double *sloped,
    double *out
) noexcept nogil:
    """out (n_features) += first moments s and A s + weight off; sloped (n_missing, out) = A s; slopes may be NULL."""
    cdef Py_ssize_t p = gap.n_observed
    cdef Py_ssize_t i
    for i in range(p):
        out[gap.columns[i]] += first[i]
    for i in range(gap.n_features - p):
        sloped[i] = dot(slopes + i * p, first, p) if slopes != NULL else 0.0
        out[gap.columns[p + i]] += sloped[i] + weight * off[i]


cdef void lift_offsets(
    const Gap *gap, double weight, const double *off, const double *first, const double *sloped, double *out
) noexcept nogil:
    """out (n_features^2), its lower triangle += what offsets of the missing columns add to lift_products."""
    cdef Py_ssize_t n = gap.n_features
    cdef Py_ssize_t p = gap.n_observed
    cdef Py_ssize_t i, j
    cdef const int *columns = gap.columns
    for i in range(n - p):
        for j in range(p):
            add_lower(out, n, columns[p + i], columns[j], off[i] * first[j])
        for j in range(i + 1):
            add_lower(
                out, n, columns[p + i], columns[p + j],
                weight * off[i] * off[j] + sloped[i] * off[j] + off[i] * sloped[j])


cdef void mirror_lower(double *matrix, Py_ssize_t n) noexcept nogil:
    """The upper triangle becomes the lower one, columns of eight at a time: eight lines are written at once."""
    cdef Py_ssize_t i, j, first
    for first from 0 <= first < n by 8:
        for i in range(first, n):
            for j in range(first, min(first + 8, i)):
                matrix[j * n + i] = matrix[i * n + j]


cdef void lift_variances(
    const Model *model, const Gap *gap, Py_ssize_t k, double weight, const double *off, const double *left,
    const double *second, double *out
) noexcept nogil:
    """DIAGONAL, SCALAR: second moments of component k; `left`, `second` and `out` are those of all components."""
    cdef Py_ssize_t j
    cdef Py_ssize_t d = gap.n_features
    cdef Py_ssize_t p = gap.n_observed
    cdef Py_ssize_t c = 0 if model.tied else k
    cdef double squares = 0.0
    if model.form == SCALAR:
        for j in range(d - p):
            squares += off[j] * off[j]
        out[k] += second[k] + weight * ((d - p) * left[c] + squares)
        return
    for j in range(p):
        out[k * d + gap.columns[j]] += second[k * p + j]
    for j in range(d - p):
        out[k * d + gap.columns[p + j]] += weight * (left[c * (d - p) + j] + off[j] * off[j])


cdef void write_matrix(const Mixture *m, const Sums *sums, Py_ssize_t k, double *out) noexcept nogil:
    """out = FULL, TIED: second moments of one component, once overlaps have been added."""
    cdef Py_ssize_t i, j, first
    cdef Py_ssize_t n = m.n_features
    cdef const double *row
    if not by_rows(m):
        memset(out, 0, n * n * sizeof(double))
        sum_lanes(sums.second + k * sums.second_size, n, out)
        return
    for first from 0 <= first < n by 8:                 # see `mirror`
        for i in range(first, n):
            row = sums.second + k * sums.second_size + lower_row(i)
            for j in range(first, min(first + 8, i + 1)):
                out[i * n + j] = row[j]
                out[j * n + i] = row[j]
