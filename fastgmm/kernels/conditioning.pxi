# Gaussians cut into columns that are observed and columns that are missing: the formulas are in
# mixture/conditioning.py.  All of it is float64 whatever the rows, and is done once per pattern and component.

cdef enum:
    PIVOTS = 4


cdef inline Py_ssize_t elimination_stride(Py_ssize_t n) noexcept nogil:
    """Numbers per row that `eliminate` works on: whole vectors of a matrix and of its inverse factor."""
    return round_up(2 * n, DOUBLES) + DOUBLES


cdef void begin_elimination(
    const double *covariance, Py_ssize_t width, const int *columns, Py_ssize_t n, Py_ssize_t p, double *rows
) noexcept nogil:
    """rows (n, elimination_stride(n)): the upper triangle of these rows and columns, and beside it p ones, diagonal."""
    cdef Py_ssize_t i, j
    cdef Py_ssize_t stride = elimination_stride(n)
    cdef const double *row
    for i in range(n):
        row = covariance + columns[i] * width
        for j in range(i // DOUBLES * DOUBLES, i):
            rows[j] = 0.0
        for j in range(i, n):
            rows[j] = row[columns[j]]
        memset(rows + n, 0, (stride - n) * sizeof(double))
        if i < p:
            rows[n + i] = 1.0
        rows += stride


cdef inline void subtract_pivots(
    double *out, const double *pivots, Py_ssize_t stride, Py_ssize_t n_pivots, Py_ssize_t column, const int n_rows,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """out, n_rows of it, -= up to PIVOTS rows times what these have in the columns from `column` on."""
    cdef dvec factor[PIVOTS][2]
    cdef const double *row[PIVOTS]
    cdef dvec total[2]
    cdef dvec x
    cdef Py_ssize_t c
    cdef int i, b
    for b in range(PIVOTS):
        row[b] = pivots + (b if b < n_pivots else 0) * stride
        for i in range(n_rows):
            factor[b][i] = dset(row[b][column + i] if b < n_pivots else 0.0)
    for c from begin // DOUBLES * DOUBLES <= c < end by DOUBLES:
        for i in range(n_rows):
            total[i] = dload(out + i * stride + c)
        for b in range(PIVOTS):
            x = dload(row[b] + c)
            for i in range(n_rows):
                total[i] = total[i] - factor[b][i] * x
        for i in range(n_rows):
            dstore(out + i * stride + c, total[i])


cdef bint eliminate(
    double *rows, Py_ssize_t stride, Py_ssize_t n, Py_ssize_t first, Py_ssize_t last, Py_ssize_t n_beside
) noexcept nogil:
    """Steps first .. last of Cholesky's method on n rows, also in so many of the columns beside the matrix.

    Rows become those of U with U^T U = matrix, and beside them L^-1; PIVOTS of them at a time, so that a row is loaded
    and stored once for all of them.  False if a pivot is not a positive number.  What is to the left of the diagonal,
    and in the last vector, may be anything.
    """
    cdef Py_ssize_t begin, stop, end, i, b, c
    cdef double *row
    cdef const double *pivots
    cdef double factor
    for begin from first <= begin < last by PIVOTS:
        stop = min(begin + <Py_ssize_t> PIVOTS, last)
        end = n + min(stop, n_beside)
        pivots = rows + begin * stride
        for i in range(begin, stop):
            row = rows + i * stride
            for b in range(begin, i):
                factor = rows[b * stride + i]
                for c in range(i, end):
                    row[c] = row[c] - factor * rows[b * stride + c]
            if not 0.0 < row[i] < INFINITY:
                return False
            factor = 1.0 / sqrt(row[i])
            for c in range(i, end):
                row[c] = row[c] * factor
        i = stop
        while i + 2 <= n:
            subtract_pivots(rows + i * stride, pivots, stride, stop - begin, i, 2, i, end)
            i += 2
        if i < n:
            subtract_pivots(rows + i * stride, pivots, stride, stop - begin, i, 1, i, end)
    return True


cdef void rotate_root(
    const double *root, Py_ssize_t width, const int *columns, Py_ssize_t n, double *upper, double *scratch
) noexcept nogil:
    """upper (n, n): U with U^T U = R R^T of these rows R of a root of `width` columns; scratch: n x width.

    Cholesky's method loses what a nearly singular covariance has least of; rotations of its root do not.
    """
    cdef Py_ssize_t i, j, r
    cdef double one, other, length
    for i in range(n):
        memcpy(scratch + i * width, root + columns[i] * width, width * sizeof(double))
    for i in range(n):
        for j in range(i + 1, width):
            one = scratch[i * width + i]
            other = scratch[i * width + j]
            if other == 0.0:
                continue
            length = hypot(one, other)
            one = one / length
            other = other / length
            for r in range(i, n):
                length = scratch[r * width + i]
                scratch[r * width + i] = one * length + other * scratch[r * width + j]
                scratch[r * width + j] = one * scratch[r * width + j] - other * length
        one = -1.0 if scratch[i * width + i] < 0.0 else 1.0
        for r in range(i, n):
            upper[i * n + r] = one * scratch[r * width + i]


cdef double cut_matrix(
    const Gap *gap, const double *covariance, const double *root, bint with_rest, double *rows, double *scratch,
    double *inverse, double *slopes, double *left
) noexcept nogil:
    """L^-1 of the observed columns and, `with_rest`, A and C of the missing ones; returns log det L of the former.

    `rows` is scratch of n_features times elimination_stride numbers, and `scratch` as factor_scratch says.
    """
    cdef Py_ssize_t p = gap.n_observed
    cdef Py_ssize_t n = gap.n_features if with_rest else p
    cdef Py_ssize_t stride = elimination_stride(n)
    cdef Py_ssize_t i, j
    cdef double total = 0.0
    begin_elimination(covariance, gap.n_features, gap.columns, n, p, rows)
    if not eliminate(rows, stride, n, 0, p, p):
        return cut_rotated(gap, root, n, rows, scratch, inverse, slopes, left)
    for i in range(p):
        total += natural_log(rows[i * stride + i])
        memcpy(inverse + i * p, rows + i * stride + n, (i + 1) * sizeof(double))
        memset(inverse + i * p + i + 1, 0, (p - i - 1) * sizeof(double))
    for i in range(n - p):                              # what is beside the rows left is -L_mo L_oo^-1
        for j in range(p):
            slopes[i * p + j] = -rows[(p + i) * stride + n + j]
    if not eliminate(rows, stride, n, p, n, 0):
        return cut_rotated(gap, root, n, rows, scratch, inverse, slopes, left)
    if with_rest:
        leave(rows, stride, n, p, left)
    return total


cdef void leave(const double *upper, Py_ssize_t stride, Py_ssize_t n, Py_ssize_t p, double *left) noexcept nogil:
    """left = C = L_mm L_mm^T: a square, so that nothing cancels."""
    cdef Py_ssize_t i, j, c
    cdef double factor
    memset(left, 0, (n - p) * (n - p) * sizeof(double))
    for j in range(p, n):
        for i in range(j, n):
            factor = upper[j * stride + i]
            for c in range(j, n):
                left[(i - p) * (n - p) + c - p] = (
                    left[(i - p) * (n - p) + c - p] + factor * upper[j * stride + c])


cdef double cut_rotated(
    const Gap *gap, const double *root, Py_ssize_t n, double *rows, double *scratch, double *inverse, double *slopes,
    double *left
) noexcept nogil:
    """cut_matrix of a covariance that is not positive definite as it is rounded."""
    cdef Py_ssize_t p = gap.n_observed
    cdef Py_ssize_t i, j
    cdef double *upper = rows
    cdef double *other = rows + gap.n_features * gap.n_features
    cdef double total = 0.0
    rotate_root(root, gap.n_features, gap.columns, n, upper, other)
    for i in range(p):
        total += natural_log(upper[i * n + i])
        memcpy(other + i * p + i, upper + i * n + i, (p - i) * sizeof(double))
    invert_transposed(other, p, inverse, scratch)
    for i in range(n - p):                              # A = L_mo L_oo^-1
        for j in range(p):
            other[i * p + j] = upper[j * n + p + i]
    if n > p:
        multiply(other, inverse, n - p, p, p, slopes)
        leave(upper, n, n, p, left)
    return total


cdef inline void multiply_tile(
    const double *left, const double *right, Py_ssize_t n_inner, Py_ssize_t n_columns, const int n_rows,
    const int n_vecs, double *out
) noexcept nogil:
    """out = left (n_rows, n_inner) times right, of n_vecs vectors; the numbers of both are constants."""
    cdef dvec total[TILE_ROWS][TILE_VECS]
    cdef dvec x[TILE_VECS]
    cdef dvec factor
    cdef Py_ssize_t j
    cdef int i, v
    for i in range(TILE_ROWS):
        for v in range(TILE_VECS):
            total[i][v] = dset(0.0)
    for j in range(n_inner):
        for v in range(TILE_VECS):
            if v < n_vecs:
                x[v] = dload(right + j * n_columns + v * DOUBLES)
        for i in range(TILE_ROWS):
            if i < n_rows:
                factor = dset(left[i * n_inner + j])
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        total[i][v] = total[i][v] + factor * x[v]
    for i in range(TILE_ROWS):
        for v in range(TILE_VECS):
            if i < n_rows and v < n_vecs:
                dstore(out + i * n_columns + v * DOUBLES, total[i][v])


cdef inline void multiply_rows(
    const double *left, const double *right, Py_ssize_t n_inner, Py_ssize_t n_columns, const int n_rows, double *out
) noexcept nogil:
    """out (n_rows, n_columns) = left times right; n_rows is a constant."""
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t i, j
    cdef double total
    while c + TILE_VECS * DOUBLES <= n_columns:
        multiply_tile(left, right + c, n_inner, n_columns, n_rows, TILE_VECS, out + c)
        c += TILE_VECS * DOUBLES
    while c + DOUBLES <= n_columns:
        multiply_tile(left, right + c, n_inner, n_columns, n_rows, 1, out + c)
        c += DOUBLES
    while c < n_columns:
        for i in range(n_rows):
            total = 0.0
            for j in range(n_inner):
                total += left[i * n_inner + j] * right[j * n_columns + c]
            out[i * n_columns + c] = total
        c += 1


cdef void multiply(
    const double *left, const double *right, Py_ssize_t n_rows, Py_ssize_t n_inner, Py_ssize_t n_columns, double *out
) noexcept nogil:
    """out (n_rows, n_columns) = left (n_rows, n_inner) times right."""
    cdef Py_ssize_t i = 0
    while i + TILE_ROWS <= n_rows:
        multiply_rows(left + i * n_inner, right, n_inner, n_columns, TILE_ROWS, out + i * n_columns)
        i += TILE_ROWS
    while i < n_rows:
        multiply_rows(left + i * n_inner, right, n_inner, n_columns, 1, out + i * n_columns)
        i += 1


cdef void cut_mixture(
    const Model *model, const Given *given, const Gap *gap, bint with_rest, double *rows, double *scratch, Cut *cut
) noexcept nogil:
    """The cut of each component; `with_rest`, `rows` and `scratch` as for cut_matrix."""
    cdef Py_ssize_t k
    cdef Py_ssize_t d = gap.n_features
    cdef Py_ssize_t p = gap.n_observed
    for k in range(model.n_covariances):
        if model.form == MATRIX:
            cut.log_determinants[k] = cut_matrix(
                gap, given.covariances + k * d * d, given.factors + k * d * d, with_rest, rows, scratch,
                cut.inverses + k * p * p, cut.slopes + k * (d - p) * p, cut.left + k * (d - p) * (d - p))
        else:
            cut.log_determinants[k] = cut_variances(model, given, gap, k, cut)
    for k in range(model.n_covariances, model.n_components):
        cut.log_determinants[k] = cut.log_determinants[0]


cdef double cut_variances(
    const Model *model, const Given *given, const Gap *gap, Py_ssize_t k, Cut *cut
) noexcept nogil:
    """DIAGONAL, SCALAR: no column follows another; returns log det L of the observed ones."""
    cdef Py_ssize_t j, c
    cdef Py_ssize_t d = gap.n_features
    cdef Py_ssize_t p = gap.n_observed
    cdef double total = 0.0
    if model.form == SCALAR:
        cut.inverses[k] = given.inverses[k]
        cut.left[k] = given.covariances[k]
        return p * natural_log(given.factors[k])
    for j in range(d):
        c = k * d + gap.columns[j]
        if j < p:
            cut.inverses[k * p + j] = given.inverses[c]
            total += natural_log(given.factors[c])
        else:
            cut.left[k * (d - p) + j - p] = given.covariances[c]
    return total
