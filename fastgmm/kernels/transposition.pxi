# Rows become columns: a few features by code that the compiler takes apart itself, many by squares of LANES rows and
# features in registers.

cdef inline void transpose_rows(
    const real *rows, Py_ssize_t n_rows, const real *origin, const int n_features, real *columns, Py_ssize_t stride
) noexcept nogil:
    """transpose for a constant n_features: the compiler knows how to take the rows apart."""
    cdef Py_ssize_t i, j
    for i in range(n_rows):
        for j in range(FEW_FEATURES):
            if j < n_features:
                columns[j * stride + i] = rows[i * n_features + j] - origin[j]


cdef inline void transpose_square(
    const real *rows, Py_ssize_t n_features, const real *origin, Py_ssize_t n_columns, real *columns, Py_ssize_t stride
) noexcept nogil:
    """LANES rows of LANES features; n_columns of them are stored."""
    cdef Py_ssize_t i
    cdef vec square[LANES]
    for i in range(LANES):
        square[i] = vload(rows + i * n_features)
    vtranspose(square)
    for i in range(LANES):
        if i < n_columns:
            vstore(columns + i * stride, square[i] - vset(origin[i]))


cdef Py_ssize_t transpose_squares(
    const real *rows, Py_ssize_t n_rows, const real *origin, Py_ssize_t n_features, real *columns, Py_ssize_t stride
) noexcept nogil:
    """transpose, a square at a time, as far as the rows can be read in whole vectors; returns how many were done."""
    cdef Py_ssize_t j
    cdef Py_ssize_t i = 0
    while (i + LANES - 1) * n_features + max(n_features, LANES) <= n_rows * n_features:
        if n_features < LANES:
            transpose_square(rows + i * n_features, n_features, origin, n_features, columns + i, stride)
        for j from 0 <= j <= n_features - LANES by LANES:
            transpose_square(rows + i * n_features + j, n_features, origin + j, LANES, columns + j * stride + i, stride)
        if n_features > LANES and n_features % LANES:           # once more what the square before has done
            j = n_features - LANES
            transpose_square(rows + i * n_features + j, n_features, origin + j, LANES, columns + j * stride + i, stride)
        i += LANES
    return i


cdef void transpose(
    const real *rows, Py_ssize_t n_rows, const real *origin, Py_ssize_t n_features, real *columns, Py_ssize_t stride,
    Py_ssize_t n_lanes
) noexcept nogil:
    """rows (n_rows, n_features), in -> columns minus the origin, out; the lanes past n_rows repeat the last row."""
    cdef Py_ssize_t i, j
    cdef Py_ssize_t n_done = n_rows
    if n_features == 1:
        transpose_rows(rows, n_rows, origin, 1, columns, stride)
    elif n_features == 2:
        transpose_rows(rows, n_rows, origin, 2, columns, stride)
    elif n_features == 3:
        transpose_rows(rows, n_rows, origin, 3, columns, stride)
    else:
        n_done = transpose_squares(rows, n_rows, origin, n_features, columns, stride)
    for i in range(n_done, n_rows):
        for j in range(n_features):
            columns[j * stride + i] = rows[i * n_features + j] - origin[j]
    for j in range(n_features):
        for i in range(n_rows, n_lanes):
            columns[j * stride + i] = columns[j * stride + n_rows - 1]
