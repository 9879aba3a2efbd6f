# Products of small matrices that the relative frame needs: rows at `panel_stride`, PANEL of them at a time, by tiles in
# registers.  What is not a whole tile goes by single vectors and numbers, so that nothing is padded.

cdef enum:
    PANEL = 32                  # rows; PANEL x 128 numbers fill 32 KB

cdef inline void subtract_panel_tile(
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


cdef inline void subtract_panel_rows(
    double *out, Py_ssize_t out_stride, const double *left, const double *right, Py_ssize_t stride, Py_ssize_t n_inner,
    Py_ssize_t n_columns, int n_rows
) noexcept nogil:
    """out -= left^T right, of n_rows rows."""
    cdef Py_ssize_t c = 0
    cdef Py_ssize_t i, j
    cdef double total
    while c + TILE_VECS * DOUBLES <= n_columns:
        subtract_panel_tile(out + c, out_stride, left, right + c, stride, n_inner, n_rows, TILE_VECS)
        c += TILE_VECS * DOUBLES
    while c + DOUBLES <= n_columns:
        subtract_panel_tile(out + c, out_stride, left, right + c, stride, n_inner, n_rows, 1)
        c += DOUBLES
    while c < n_columns:
        for i in range(n_rows):
            total = 0.0
            for j in range(n_inner):
                total += left[j * stride + i] * right[j * stride + c]
            out[i * out_stride + c] = out[i * out_stride + c] - total
        c += 1


cdef void subtract_panels(
    double *out, Py_ssize_t out_stride, const double *left, const double *right, Py_ssize_t stride, Py_ssize_t n_inner,
    Py_ssize_t n_rows, Py_ssize_t n_columns, bint upper
) noexcept nogil:
    """out -= left^T right; with `upper` what is below the diagonal of `out` may be anything afterwards."""
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t first
    while i + TILE_ROWS <= n_rows:
        first = i if upper else 0
        subtract_panel_rows(
            out + i * out_stride + first, out_stride, left + i, right + first, stride, n_inner, n_columns - first,
            TILE_ROWS)
        i += TILE_ROWS
    while i < n_rows:
        first = i if upper else 0
        subtract_panel_rows(
            out + i * out_stride + first, out_stride, left + i, right + first, stride, n_inner, n_columns - first, 1)
        i += 1


cdef inline Py_ssize_t panel_stride(Py_ssize_t n) noexcept nogil:
    """Rows of a packed panel do not share cache sets, as they are an odd number of cache lines apart."""
    return 8 * ((n + 7) // 8 | 1)
