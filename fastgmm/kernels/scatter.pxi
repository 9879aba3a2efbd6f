# The tiles of the M-step sum products of two panels over the rows of a block, in registers, and add them into float64
# once per block.
#
# The same scatter matrix is summed in two arrangements: with the features in the lanes (scatter), where the
# accumulators are the matrix itself, and with the rows in the lanes (square_scatter), where a vector of features would
# be mostly padding.

cdef inline void panel_group(
    const real *rows, Py_ssize_t stride, const real *mean, const int *live, const real *live_root, Py_ssize_t n_live,
    const int count, real *panel, Py_ssize_t column_size, double *first
) noexcept nogil:
    """panel = root (x - mean) for `count` vectors of features, out; first += sum of root^2 (x - mean)."""
    cdef Py_ssize_t p, v
    cdef vec m[4]
    cdef vec sums[2][4]
    cdef vec root, u
    cdef const real *row
    for v in range(4):
        sums[0][v] = vset(0.0)
        sums[1][v] = vset(0.0)
        if v < count:
            m[v] = vload(mean + v * LANES)
    for p in range(0, n_live - 1, 2):            # two rows at once give each sum two chains of additions
        row = rows + live[p] * stride
        root = vset(live_root[p])
        for v in range(4):
            if v < count:
                u = root * (vload(row + v * LANES) - m[v])
                vstore(panel + v * column_size + p * LANES, u)
                sums[0][v] = sums[0][v] + root * u
        row = rows + live[p + 1] * stride
        root = vset(live_root[p + 1])
        for v in range(4):
            if v < count:
                u = root * (vload(row + v * LANES) - m[v])
                vstore(panel + v * column_size + (p + 1) * LANES, u)
                sums[1][v] = sums[1][v] + root * u
    if n_live % 2:
        p = n_live - 1
        row = rows + live[p] * stride
        root = vset(live_root[p])
        for v in range(4):
            if v < count:
                u = root * (vload(row + v * LANES) - m[v])
                vstore(panel + v * column_size + p * LANES, u)
                sums[0][v] = sums[0][v] + root * u
    for v in range(4):
        if v < count:
            vadd(first + v * LANES, sums[0][v] + sums[1][v])


cdef void build_panel(
    const real *rows, Py_ssize_t stride, const real *mean, Py_ssize_t width, const int *live, const real *live_root,
    Py_ssize_t n_live, real *panel, Py_ssize_t column_size, double *first
) noexcept nogil:
    """The panel of the live rows, one column of LANES features after the other, a vector per row.

    `scatter` reads it in sequence.
    """
    cdef Py_ssize_t j = 0
    while j + 4 * LANES <= width:
        panel_group(
            rows + j, stride, mean + j, live, live_root, n_live, 4,
            panel + j // LANES * column_size, column_size, first + j)
        j += 4 * LANES
    while j + 2 * LANES <= width:
        panel_group(
            rows + j, stride, mean + j, live, live_root, n_live, 2,
            panel + j // LANES * column_size, column_size, first + j)
        j += 2 * LANES
    if j < width:
        panel_group(
            rows + j, stride, mean + j, live, live_root, n_live, 1,
            panel + j // LANES * column_size, column_size, first + j)


cdef inline Py_ssize_t lower_row(Py_ssize_t i) noexcept nogil:
    """Where row i of a lower triangle begins whose rows are rounded up to LOWER_ROWS."""
    cdef Py_ssize_t block = i // LOWER_ROWS
    return LOWER_ROWS * (LOWER_ROWS * (block * (block + 1) // 2) + i % LOWER_ROWS * (block + 1))


cdef inline void scatter_tile(
    const real *panel, Py_ssize_t n_rows, Py_ssize_t column_size, Py_ssize_t i0, Py_ssize_t j0, const int n_i,
    const int n_j, double *out
) noexcept nogil:
    """out, row i0 + i at lower_row, [j0 ...] += sum over rows of panel[i0 + i] panel[j0 ...].

    n_i rows of n_j vectors (constants at the call).
    """
    cdef Py_ssize_t p, i, v
    cdef vec acc[SCATTER_ROWS][SCATTER_VECS]
    cdef vec x[SCATTER_VECS]
    cdef vec a
    cdef const real *left = panel + i0 // LANES * column_size + i0 % LANES
    cdef const real *right = panel + j0 // LANES * column_size
    for i in range(SCATTER_ROWS):
        for v in range(SCATTER_VECS):
            acc[i][v] = vset(0.0)
    for p in range(n_rows):
        for v in range(SCATTER_VECS):
            if v < n_j:
                x[v] = vload(right + v * column_size + p * LANES)
        for i in range(SCATTER_ROWS):
            if i < n_i:
                a = vset(left[i // LANES * column_size + p * LANES + i % LANES])
                for v in range(SCATTER_VECS):
                    if v < n_j:
                        acc[i][v] = acc[i][v] + a * x[v]
    for i in range(SCATTER_ROWS):
        if i < n_i:
            for v in range(SCATTER_VECS):
                if v < n_j:
                    vadd(out + lower_row(i0 + i) + j0 + v * LANES, acc[i][v])


cdef inline void scatter_rows(
    const real *panel, Py_ssize_t n_rows, Py_ssize_t column_size, Py_ssize_t i0, const int n_i, double *out
) noexcept nogil:
    """Rows i0 .. i0 + n_i of the scatter matrix, up to the vector that holds the diagonal."""
    cdef Py_ssize_t j = 0
    cdef Py_ssize_t end = (i0 + n_i + LANES - 1) // LANES * LANES
    while j + SCATTER_VECS * LANES <= end:
        scatter_tile(panel, n_rows, column_size, i0, j, n_i, SCATTER_VECS, out)
        j += SCATTER_VECS * LANES
    if j + 2 * LANES == end and SCATTER_VECS > 2:
        scatter_tile(panel, n_rows, column_size, i0, j, n_i, 2, out)
    elif j + LANES == end:
        scatter_tile(panel, n_rows, column_size, i0, j, n_i, 1, out)


cdef void scatter(
    const real *panel, Py_ssize_t n_rows, Py_ssize_t column_size, Py_ssize_t n_features, double *out
) noexcept nogil:
    """out, a lower triangle of whole vectors, += sum over the rows of the panel of u u^T."""
    cdef Py_ssize_t i = 0
    while i + SCATTER_ROWS <= n_features:
        scatter_rows(panel, n_rows, column_size, i, SCATTER_ROWS, out)
        i += SCATTER_ROWS
    while i + 2 <= n_features:
        scatter_rows(panel, n_rows, column_size, i, 2, out)
        i += 2
    if i < n_features:
        scatter_rows(panel, n_rows, column_size, i, 1, out)


cdef void build_columns_panel(
    const real *columns, Py_ssize_t stride, const real *mean, Py_ssize_t n_features, const real *root,
    Py_ssize_t n_lanes, const int *live, Py_ssize_t n_live, bint all_live, real *panel
) noexcept nogil:
    """panel (n_features, stride) = root (x - mean), rows in the lanes: all of the block, or the live ones packed."""
    cdef Py_ssize_t j, p
    cdef vec m
    cdef real mean_j
    for j in range(n_features):
        if all_live:
            m = vset(mean[j])
            for p from 0 <= p < n_lanes by LANES:
                vstore(panel + j * stride + p, vload(root + p) * (vload(columns + j * stride + p) - m))
        else:
            mean_j = mean[j]
            for p in range(n_live):
                panel[j * stride + p] = root[p] * (columns[j * stride + live[p]] - mean_j)
            for p in range(n_live, n_lanes):
                panel[j * stride + p] = 0


cdef inline void square_tile(
    const real *panel, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_i,
    const bint diagonal, double *out
) noexcept nogil:
    """out[triangle(i0 + i, j0 + j)], a vector each, += the products panel[i0 + i] panel[j0 + j].

    n_i x SQUARE_TILE of them; on the diagonal n_i x n_i with i >= j.  `n_i` and `diagonal` are constants at the call.
    """
    cdef Py_ssize_t p, i, j
    cdef vec acc[SQUARE_TILE][SQUARE_TILE]
    cdef vec x[SQUARE_TILE]
    cdef vec y
    for i in range(SQUARE_TILE):
        x[i] = vset(0.0)
        for j in range(SQUARE_TILE):
            acc[i][j] = vset(0.0)
    for p from 0 <= p < n_lanes by LANES:
        for j in range(SQUARE_TILE):
            if j < n_i or not diagonal:
                x[j] = vload(panel + (j0 + j) * stride + p)
        for i in range(SQUARE_TILE):
            if i < n_i:
                y = x[i] if diagonal else vload(panel + (i0 + i) * stride + p)
                for j in range(SQUARE_TILE):
                    if i >= j or not diagonal:
                        acc[i][j] = acc[i][j] + y * x[j]
    for i in range(SQUARE_TILE):
        for j in range(SQUARE_TILE):
            if i < n_i and (i >= j or not diagonal):
                vadd(out + triangle(i0 + i, j0 + j) * LANES, acc[i][j])


cdef inline void square_rows(
    const real *panel, Py_ssize_t i0, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_i, double *out
) noexcept nogil:
    cdef Py_ssize_t j
    for j from 0 <= j < i0 by SQUARE_TILE:
        square_tile(panel, i0, j, stride, n_lanes, n_i, False, out)
    square_tile(panel, i0, i0, stride, n_lanes, n_i, True, out)


cdef void square_scatter(
    const real *panel, Py_ssize_t stride, Py_ssize_t n_lanes, Py_ssize_t n_features, double *out
) noexcept nogil:
    """out, lower triangle of vectors, += panel panel^T of the panel (n_features, stride), rows in the lanes."""
    cdef Py_ssize_t i = 0
    while i + SQUARE_TILE <= n_features:
        square_rows(panel, i, stride, n_lanes, SQUARE_TILE, out)
        i += SQUARE_TILE
    if SQUARE_TILE > 3 and i + 3 == n_features:
        square_rows(panel, i, stride, n_lanes, 3, out)
    elif i + 2 == n_features:
        square_rows(panel, i, stride, n_lanes, 2, out)
    elif i + 1 == n_features:
        square_rows(panel, i, stride, n_lanes, 1, out)


cdef void column_sums(
    const real *panel, Py_ssize_t stride, Py_ssize_t n_lanes, Py_ssize_t n_features, const real *root, double *first
) noexcept nogil:
    """first[j] += sum over lanes of root panel[j]."""
    cdef Py_ssize_t j, p
    cdef vec even, odd
    for j in range(n_features):
        even = vset(0.0)
        odd = vset(0.0)
        for p from 0 <= p < n_lanes - LANES by 2 * LANES:
            even = even + vload(root + p) * vload(panel + j * stride + p)
            odd = odd + vload(root + p + LANES) * vload(panel + j * stride + p + LANES)
        if n_lanes // LANES % 2:
            even = even + vload(root + n_lanes - LANES) * vload(panel + j * stride + n_lanes - LANES)
        first[j] += vsum(even + odd)


cdef inline void diagonal_group(
    const real *rows, Py_ssize_t stride, const real *mean, const int *live, const real *live_r, Py_ssize_t n_live,
    const int count, double *first, double *second
) noexcept nogil:
    """first += sum of r (x - mean), second += sum of r (x - mean)^2 for `count` vectors of features."""
    cdef Py_ssize_t p, v
    cdef vec m[4]
    cdef vec sums[4]
    cdef vec squares[4]
    cdef vec r, d, w
    cdef const real *row
    for v in range(4):
        sums[v] = vset(0.0)
        squares[v] = vset(0.0)
        if v < count:
            m[v] = vload(mean + v * LANES)
    for p in range(n_live):
        row = rows + live[p] * stride
        r = vset(live_r[p])
        for v in range(4):
            if v < count:
                d = vload(row + v * LANES) - m[v]
                w = r * d
                sums[v] = sums[v] + w
                squares[v] = squares[v] + w * d
    for v in range(4):
        if v < count:
            vadd(first + v * LANES, sums[v])
            vadd(second + v * LANES, squares[v])


cdef void diagonal_moments(
    const real *rows, Py_ssize_t stride, const real *mean, const int *live, const real *live_r, Py_ssize_t n_live,
    double *first, double *second
) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j + 4 * LANES <= stride:
        diagonal_group(rows + j, stride, mean + j, live, live_r, n_live, 4, first + j, second + j)
        j += 4 * LANES
    while j + 2 * LANES <= stride:
        diagonal_group(rows + j, stride, mean + j, live, live_r, n_live, 2, first + j, second + j)
        j += 2 * LANES
    if j < stride:
        diagonal_group(rows + j, stride, mean + j, live, live_r, n_live, 1, first + j, second + j)
