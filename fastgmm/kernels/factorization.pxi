# Cholesky factors and their inverses are computed once per M-step, in 2 K D^3 / 3 operations: float64 costs little
# there, whatever the rows.  Matrices are cut into panels of rows, so that most of the work is products of tiles in
# registers.

cdef enum:
    PANEL = 32                  # rows; PANEL x 128 numbers fill 32 KB

cdef inline void subtract_tile(
    double *out, Py_ssize_t out_stride, const double *left, const double *right, Py_ssize_t stride, Py_ssize_t n_inner,
    int n_rows, int n_vecs
) noexcept nogil:
    """out -= left^T right, of n_rows x n_vecs vectors: both factors have n_inner rows."""
    cdef dvec total[TILE_ROWS][TILE_VECS]
    cdef dvec x[TILE_VECS]
    cdef dvec factor
    cdef Py_ssize_t j
    cdef int i, v
    for i in range(n_rows):
        for v in range(n_vecs):
            total[i][v] = dset(0.0)
    for j in range(n_inner):
        for v in range(n_vecs):
            x[v] = dload(right + j * stride + v * DOUBLES)
        for i in range(n_rows):
            factor = dset(left[j * stride + i])
            for v in range(n_vecs):
                total[i][v] = total[i][v] + factor * x[v]
    for i in range(n_rows):
        for v in range(n_vecs):
            dstore(out + i * out_stride + v * DOUBLES, dload(out + i * out_stride + v * DOUBLES) - total[i][v])


cdef inline void subtract_rows(
    double *out, Py_ssize_t out_stride, const double *left, const double *right, Py_ssize_t stride, Py_ssize_t n_inner,
    Py_ssize_t n_columns, int n_rows
) noexcept nogil:
    """out -= left^T right, of n_rows rows."""
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t i, j
    cdef double total
    while c + TILE_VECS * DOUBLES <= n_columns:
        subtract_tile(out + c, out_stride, left, right + c, stride, n_inner, n_rows, TILE_VECS)
        c += TILE_VECS * DOUBLES
    while c + DOUBLES <= n_columns:
        subtract_tile(out + c, out_stride, left, right + c, stride, n_inner, n_rows, 1)
        c += DOUBLES
    while c < n_columns:
        for i in range(n_rows):
            total = 0.0
            for j in range(n_inner):
                total += left[j * stride + i] * right[j * stride + c]
            out[i * out_stride + c] = out[i * out_stride + c] - total
        c += 1


cdef void subtract_products(
    double *out, Py_ssize_t out_stride, const double *left, const double *right, Py_ssize_t stride, Py_ssize_t n_inner,
    Py_ssize_t n_rows, Py_ssize_t n_columns, bint upper
) noexcept nogil:
    """out -= left^T right; with `upper` what is below the diagonal of `out` may be anything afterwards."""
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t first
    while i + TILE_ROWS <= n_rows:
        first = i if upper else 0
        subtract_rows(
            out + i * out_stride + first, out_stride, left + i, right + first, stride, n_inner, n_columns - first,
            TILE_ROWS)
        i += TILE_ROWS
    while i < n_rows:
        first = i if upper else 0
        subtract_rows(
            out + i * out_stride + first, out_stride, left + i, right + first, stride, n_inner, n_columns - first, 1)
        i += 1


cdef inline Py_ssize_t panel_stride(Py_ssize_t n) noexcept nogil:
    """Rows of a packed panel do not share cache sets, as they are an odd number of cache lines apart."""
    return 8 * ((n + 7) // 8 | 1)


cdef inline Py_ssize_t factor_scratch(Py_ssize_t n) noexcept nogil:
    """Numbers of scratch that a factor and its inverse take: two panels."""
    return 0 if n <= PANEL else 2 * PANEL * panel_stride(n)


cdef void pack_panel(
    const double *rows, Py_ssize_t n, Py_ssize_t n_rows, Py_ssize_t begin, Py_ssize_t end, double *panel
) noexcept nogil:
    """panel = columns begin .. end of some rows of a matrix."""
    cdef Py_ssize_t j
    for j in range(n_rows):
        memcpy(panel + j * panel_stride(n), rows + j * n + begin, (end - begin) * sizeof(double))


cdef bint cholesky(
    double *upper, const double *matrix, Py_ssize_t n, double tolerance, double *scratch
) noexcept nogil:
    """In: a symmetric matrix, and it again in `upper`.  Out: U with U^T U = matrix, in the upper triangle of `upper`.

    False if a pivot is not above `tolerance` times its diagonal element.
    """
    cdef Py_ssize_t begin, end, i, j, c
    cdef double pivot, factor
    for begin from 0 <= begin < n by PANEL:
        end = min(begin + PANEL, n)
        for j in range(begin, end):
            pivot = upper[j * n + j]
            if not pivot > tolerance * matrix[j * n + j] or pivot == INFINITY:
                return False
            pivot = sqrt(pivot)
            for c in range(j, n):
                upper[j * n + c] = upper[j * n + c] / pivot
            for i in range(j + 1, end):
                factor = upper[j * n + i]
                for c in range(i, n):
                    upper[i * n + c] = upper[i * n + c] - factor * upper[j * n + c]
        if end < n:
            pack_panel(upper + begin * n, n, end - begin, end, n, scratch)
            subtract_products(
                upper + end * n + end, n, scratch, scratch, panel_stride(n), end - begin, n - end, n - end, True)
    return True


cdef void invert_transposed(const double *upper, Py_ssize_t n, double *inverse, double *scratch) noexcept nogil:
    """inverse = L^-1 with L = U^T, by forward substitution, whole rows at a time."""
    cdef Py_ssize_t begin, end, inner, i, j, c
    cdef double factor
    cdef double *left = scratch
    cdef double *right = scratch + PANEL * panel_stride(n)
    memset(inverse, 0, n * n * sizeof(double))
    for begin from 0 <= begin < n by PANEL:
        end = min(begin + PANEL, n)
        for inner from 0 <= inner < begin by PANEL:
            pack_panel(upper + inner * n, n, PANEL, begin, end, left)
            pack_panel(inverse + inner * n, n, PANEL, 0, inner + PANEL, right)
            subtract_products(
                inverse + begin * n, n, left, right, panel_stride(n), PANEL, end - begin, inner + PANEL, False)
        for i in range(begin, end):
            for j in range(begin, i):
                factor = upper[j * n + i]
                for c in range(j + 1):
                    inverse[i * n + c] = inverse[i * n + c] - factor * inverse[j * n + c]
            factor = upper[i * n + i]
            for c in range(i):
                inverse[i * n + c] = inverse[i * n + c] / factor
            inverse[i * n + i] = 1.0 / factor
