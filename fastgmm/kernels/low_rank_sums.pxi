# The M-step of LOW_RANK sums r, r d, r d^2 and r d y^T, with d = x - mean and the y that the distances have left.  The
# features are in the lanes, and the rows of a block stand in panels of a few columns, which are read in sequence: a row
# of many features is as long as a page, and a column of it would be in another page for each row.

cdef inline void factor_tile(
    const real *weighted, Py_ssize_t stride, const real *panel, Py_ssize_t columns, const real *mean, const int *live,
    Py_ssize_t n_live, const int n_i, const int n_j, double *out, Py_ssize_t width
) noexcept nogil:
    """out (n_i, width), n_j vectors of it, += sum over the live rows of weighted[i] (x - mean).

    The rows are those of a panel (., columns).  `n_i` and `n_j` are constants at the call.
    """
    cdef Py_ssize_t p, i, v
    cdef vec acc[MOST_FACTOR_ROWS][SCATTER_VECS]
    cdef vec middle[SCATTER_VECS]
    cdef vec d[SCATTER_VECS]
    cdef vec y
    cdef const real *row
    for v in range(SCATTER_VECS):
        if v < n_j:
            middle[v] = vload(mean + v * LANES)
        for i in range(MOST_FACTOR_ROWS):
            acc[i][v] = vset(0.0)
    for p in range(n_live):
        row = panel + live[p] * columns
        for v in range(SCATTER_VECS):
            if v < n_j:
                d[v] = vload(row + v * LANES) - middle[v]
        for i in range(MOST_FACTOR_ROWS):
            if i < n_i:
                y = vset(weighted[i * stride + p])
                for v in range(SCATTER_VECS):
                    if v < n_j:
                        acc[i][v] = acc[i][v] + y * d[v]
    for i in range(MOST_FACTOR_ROWS):
        if i < n_i:
            for v in range(SCATTER_VECS):
                if v < n_j:
                    vadd(out + i * width + v * LANES, acc[i][v])


cdef inline void factor_tiles(
    const real *weighted, Py_ssize_t stride, const real *panel, Py_ssize_t columns, const real *mean, const int *live,
    Py_ssize_t n_live, Py_ssize_t n_i, const int n_j, double *out, Py_ssize_t width
) noexcept nogil:
    """factor_tile with n_i as a constant."""
    if n_i == 1:
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 1, n_j, out, width)
    elif n_i == 2:
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 2, n_j, out, width)
    elif n_i == 3:
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 3, n_j, out, width)
    elif n_i == 4 and (FACTOR_ROWS >= 4 or n_j <= FACTOR_VECS):
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 4, n_j, out, width)
    elif n_i == 5 and (FACTOR_ROWS >= 5 or n_j <= FACTOR_VECS):
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 5, n_j, out, width)
    elif n_i == 6 and (FACTOR_ROWS >= 6 or n_j <= FACTOR_VECS):
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 6, n_j, out, width)
    elif n_i == 7 and (FACTOR_ROWS >= 7 or n_j <= FACTOR_VECS):
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 7, n_j, out, width)
    elif n_i == 8 and (FACTOR_ROWS >= 8 or n_j <= FACTOR_VECS):
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 8, n_j, out, width)
    elif n_i == 9 and (FACTOR_ROWS >= 9 or n_j <= FACTOR_VECS):
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 9, n_j, out, width)
    elif n_i == 10 and (FACTOR_ROWS >= 10 or n_j <= FACTOR_VECS):
        factor_tile(weighted, stride, panel, columns, mean, live, n_live, 10, n_j, out, width)


cdef inline void panel_sums(
    const Mixture *m, const real *weighted, Py_ssize_t stride, const real *panel, const real *mean, const int *live,
    const real *r, Py_ssize_t n_live, const int n_j, double *first, double *second
) noexcept nogil:
    """The sums of one component over one panel, n_j vectors of it: r d, r d^2 and r d y^T."""
    cdef Py_ssize_t begin
    cdef Py_ssize_t columns = factor_columns(m)
    cdef Py_ssize_t tile_rows = rows_of_tile(m.rank)
    diagonal_group(panel, columns, mean, live, r, n_live, n_j, first, second + m.rank * m.width)
    for begin from 0 <= begin < m.rank by tile_rows:
        factor_tiles(
            weighted + begin * stride, stride, panel, columns, mean, live, n_live, min(tile_rows, m.rank - begin), n_j,
            second + begin * m.width, m.width)


cdef void weigh_scores(
    const real *scores, Py_ssize_t stride, Py_ssize_t rank, const real *r, const int *live, Py_ssize_t n_live,
    bint all_live, real *out
) noexcept nogil:
    """out (rank, stride) = r y of the live rows; a y that is beyond the range of numbers may have the weight 0."""
    cdef Py_ssize_t i, p
    cdef vec y
    for i in range(rank):
        if all_live:
            for p from 0 <= p < n_live by LANES:
                y = vmin(vload(scores + i * stride + p), vset(ROOT_LARGEST))
                vstore(out + i * stride + p, vload(r + p) * vmax(y, vset(-ROOT_LARGEST)))
        else:
            for p in range(n_live):
                out[i * stride + p] = r[p] * scores[i * stride + live[p]]


cdef void sum_low_rank(const Mixture *m, Block *block) noexcept nogil:
    """LOW_RANK: sums of r, r d, r d^2 and r d y^T of each component, of its live rows."""
    cdef Py_ssize_t k, j, n_live
    cdef Py_ssize_t stride = block.stride
    cdef Py_ssize_t columns = factor_columns(m)
    cdef Py_ssize_t capacity = stride - LANES       # rows per block
    cdef double weight
    cdef bint all_live
    cdef const int *live
    cdef const real *r
    cdef const real *mean
    cdef const real *panel
    cdef double *first
    cdef double *second
    for k in range(m.n_components):
        n_live = live_rows(
            block.density + k * stride, block.n_rows, block.thresholds[k], 6, block.live, block.live_r, &weight,
            &block.n_live)
        block.sums.component_weight[k] += weight
        if n_live == 0:
            continue
        all_live = n_live == block.n_rows
        live = block.every if all_live else block.live
        r = block.density + k * stride if all_live else block.live_r
        mean = m.means + k * m.width
        first = block.sums.first + k * m.width
        second = block.sums.second + k * block.sums.second_size
        weigh_scores(
            block.whitened + k * m.rank * stride, stride, m.rank, r, live, n_live, all_live, block.panel)
        for j from 0 <= j < m.n_features by columns:
            panel = block.rows + j * capacity
            if m.n_features - j > (SCATTER_VECS - 1) * LANES and columns == SCATTER_VECS * LANES:
                panel_sums(
                    m, block.panel, stride, panel, mean + j, live, r, n_live, SCATTER_VECS, first + j, second + j)
            elif m.n_features - j > LANES and columns > LANES:
                panel_sums(m, block.panel, stride, panel, mean + j, live, r, n_live, 2, first + j, second + j)
            else:
                panel_sums(m, block.panel, stride, panel, mean + j, live, r, n_live, 1, first + j, second + j)


cdef void arrange_panels(const Mixture *m, const real *rows, Block *block) noexcept nogil:
    """The rows as panels of factor_columns columns, each of which is read in sequence; the padding stays zero."""
    cdef Py_ssize_t b, j
    cdef Py_ssize_t columns = factor_columns(m)
    cdef Py_ssize_t capacity = block.stride - LANES
    for j from 0 <= j < m.n_features by columns:
        for b in range(block.n_rows):
            memcpy(
                block.rows + j * capacity + b * columns, rows + b * m.n_features + j,
                min(columns, m.n_features - j) * sizeof(real))


cdef void unpack_low_rank(const Mixture *m, const Sums *sums, double *out) noexcept nogil:
    """out (n_components, n_features + rank, rank + 1) += sums of r d y^T beside those of r d^2; below stays."""
    cdef Py_ssize_t k, i, j
    cdef const double *second
    for k in range(m.n_components):
        second = sums.second + k * sums.second_size
        for j in range(m.n_features):
            for i in range(m.rank + 1):
                out[j * (m.rank + 1) + i] += second[i * m.width + j]
        out += (m.n_features + m.rank) * (m.rank + 1)
