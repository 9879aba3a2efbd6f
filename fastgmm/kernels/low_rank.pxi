# LOW_RANK: covariances Lam Lam^T + Psi of q factors, Psi diagonal (Ghahramani and Hinton 1996).  By Woodbury's identity
# a distance takes q + 2 multiply-adds per feature and the sums q + 2 more, where a matrix takes D.
#
# With M = I + Lam^T Psi^-1 Lam = R R^T, T = R^-1 Lam^T Psi^-1, u = Psi^-1/2 (x - mean) and y = T (x - mean), which is
# (T Psi^1/2) u:
#   distance = |u|^2 - |y|^2                                          where the factors do not outweigh the noise much
#            = |u - (T Psi^1/2)^T y|^2 + |R^-T y|^2                   always, for q more multiply-adds per feature
# The factors of a row have the expectation R^-T y, and an error of y changes the second form by its square only.
#
# The caller gives (n_features + q, q + 1) numbers per component: beside the rows of T^T the roots of 1 / Psi, and below
# R^-1, whose last column has the lengths of the rows of R.

cdef inline Py_ssize_t rows_of_tile(Py_ssize_t rank) noexcept nogil:
    """Rows of T in a tile, so that all tiles are about as large: FACTOR_ROWS of whole strips, or more of fewer rows."""
    cdef Py_ssize_t n_tiles = (rank + MOST_FACTOR_ROWS - 1) // MOST_FACTOR_ROWS
    return FACTOR_ROWS if rank <= FACTOR_ROWS else (rank + n_tiles - 1) // n_tiles


cdef inline Py_ssize_t factor_columns(const Mixture *m) noexcept nogil:
    """Features that the sums take at a time: the rows of a block are stored as panels of so many columns."""
    return LANES * (SCATTER_VECS if m.rank <= FACTOR_ROWS else FACTOR_VECS)


cdef inline Py_ssize_t low_rank_size(const Mixture *m) noexcept nogil:
    """Numbers per packed component: roots of 1 / Psi, T Psi^1/2, R^-1, and the least share of |u|^2 in a distance."""
    return m.width + m.rank * m.n_features + m.rank * m.rank + 1


cdef double pack_low_rank(
    const double *inverse, Py_ssize_t n_features, Py_ssize_t rank, Py_ssize_t width, real *out
) noexcept nogil:
    """One component in the order of project_tile; returns how many times |u|^2 is its distance, on average.

    T Psi^1/2 is stored by tiles of rows_of_tile rows, column by column.
    """
    cdef Py_ssize_t i, j, first, count
    cdef double squares = 0.0
    cdef const double *below = inverse + n_features * (rank + 1)
    for j in range(n_features):
        out[j] = <real> inverse[j * (rank + 1) + rank]
    out += width
    for first from 0 <= first < rank by rows_of_tile(rank):
        count = min(rows_of_tile(rank), rank - first)
        for j in range(n_features):
            for i in range(count):
                out[0] = <real> (inverse[j * (rank + 1) + first + i] / inverse[j * (rank + 1) + rank])
                out += 1
    for i in range(rank):
        for j in range(rank):
            out[0] = <real> below[i * (rank + 1) + j]
            out += 1
        squares += below[i * (rank + 1) + rank] * below[i * (rank + 1) + rank] - 1.0
    # The eigenvalues of M are one and more, so that none is larger than this.
    out[0] = <real> (1.0 / (1.0 + max(0.0, squares)))
    return 1.0 + squares / n_features


cdef inline void project_tile(
    const real *columns, Py_ssize_t stride, const real *mean, const real *scale, const real *packed,
    Py_ssize_t n_features, const int count, const bint first, const int n_vecs, real *kept, real *scores,
    Py_ssize_t score_stride, vec *total, vec *explained
) noexcept nogil:
    """scores (count, score_stride) = rows of T Psi^1/2 times u for n_vecs vectors of rows; explained += their squares.

    The first tile adds |u|^2 to the total, and writes u to `kept` (n_features, strip) unless that is NULL.  `count`,
    `first` and `n_vecs` are constants at the call.
    """
    cdef Py_ssize_t i, j, v
    cdef vec acc[MOST_FACTOR_ROWS][TILE_VECS]
    cdef vec squares[TILE_VECS]
    cdef vec u[TILE_VECS]
    cdef vec coefficient, middle
    for v in range(TILE_VECS):
        squares[v] = vset(0.0)
        for i in range(MOST_FACTOR_ROWS):
            acc[i][v] = vset(0.0)
    for j in range(n_features):
        middle = vset(mean[j])
        coefficient = vset(scale[j])
        for v in range(TILE_VECS):
            if v < n_vecs:
                u[v] = (vload(columns + j * stride + v * LANES) - middle) * coefficient
                if first:
                    squares[v] = squares[v] + u[v] * u[v]
        if first and kept != NULL:
            for v in range(TILE_VECS):
                if v < n_vecs:
                    vstore(kept + j * STRIP + v * LANES, u[v])
        for i in range(MOST_FACTOR_ROWS):
            if i < count:
                coefficient = vset(packed[j * count + i])
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        acc[i][v] = acc[i][v] + coefficient * u[v]
    for v in range(TILE_VECS):
        if v < n_vecs:
            total[v] = total[v] + squares[v]
            for i in range(MOST_FACTOR_ROWS):
                if i < count:
                    vstore(scores + i * score_stride + v * LANES, acc[i][v])
                    explained[v] = explained[v] + acc[i][v] * acc[i][v]


cdef inline void project(
    const real *columns, Py_ssize_t stride, const real *mean, const real *scale, const real *packed,
    Py_ssize_t n_features, Py_ssize_t count, const bint first, const int n_vecs, real *kept, real *scores,
    Py_ssize_t score_stride, vec *total, vec *explained
) noexcept nogil:
    """project_tile with `count` as a constant: up to FACTOR_ROWS of all vectors, or up to twice as many of fewer."""
    if count == 1:
        project_tile(
            columns, stride, mean, scale, packed, n_features, 1, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 2:
        project_tile(
            columns, stride, mean, scale, packed, n_features, 2, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 3:
        project_tile(
            columns, stride, mean, scale, packed, n_features, 3, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 4 and (FACTOR_ROWS >= 4 or n_vecs <= FACTOR_VECS):
        project_tile(
            columns, stride, mean, scale, packed, n_features, 4, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 5 and (FACTOR_ROWS >= 5 or n_vecs <= FACTOR_VECS):
        project_tile(
            columns, stride, mean, scale, packed, n_features, 5, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 6 and (FACTOR_ROWS >= 6 or n_vecs <= FACTOR_VECS):
        project_tile(
            columns, stride, mean, scale, packed, n_features, 6, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 7 and (FACTOR_ROWS >= 7 or n_vecs <= FACTOR_VECS):
        project_tile(
            columns, stride, mean, scale, packed, n_features, 7, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 8 and (FACTOR_ROWS >= 8 or n_vecs <= FACTOR_VECS):
        project_tile(
            columns, stride, mean, scale, packed, n_features, 8, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 9 and (FACTOR_ROWS >= 9 or n_vecs <= FACTOR_VECS):
        project_tile(
            columns, stride, mean, scale, packed, n_features, 9, first, n_vecs, kept, scores, score_stride, total,
            explained)
    elif count == 10 and (FACTOR_ROWS >= 10 or n_vecs <= FACTOR_VECS):
        project_tile(
            columns, stride, mean, scale, packed, n_features, 10, first, n_vecs, kept, scores, score_stride, total,
            explained)


cdef inline void residuals(
    const real *kept, const real *packed, const real *inverse_root, Py_ssize_t n_features, Py_ssize_t rank,
    Py_ssize_t tile_rows, const int n_vecs, const real *scores, Py_ssize_t score_stride, vec total[TILE_VECS]
) noexcept nogil:
    """total = |u - (T Psi^1/2)^T y|^2 + |R^-T y|^2 of a strip: nothing cancels."""
    cdef Py_ssize_t i, j, v, first, begin, count, other
    cdef vec rest[TILE_ROWS][TILE_VECS]
    cdef vec y[TILE_VECS]
    cdef vec coefficient
    cdef const real *tile
    for v in range(TILE_VECS):
        total[v] = vset(0.0)
    for j from 0 <= j < n_features by TILE_ROWS:
        for i in range(TILE_ROWS):
            for v in range(TILE_VECS):
                if v < n_vecs:
                    # The last tile takes the last features again, and counts them once.
                    rest[i][v] = vload(kept + min(j + i, n_features - 1) * STRIP + v * LANES)
        for first in range(rank):
            begin = first // tile_rows * tile_rows
            count = min(tile_rows, rank - begin)
            tile = packed + begin * n_features + first - begin
            for v in range(TILE_VECS):
                if v < n_vecs:
                    y[v] = vload(scores + first * score_stride + v * LANES)
            for i in range(TILE_ROWS):
                coefficient = vset(tile[min(j + i, n_features - 1) * count])
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        rest[i][v] = rest[i][v] - coefficient * y[v]
        for i in range(TILE_ROWS):
            if j + i < n_features:
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        total[v] = total[v] + rest[i][v] * rest[i][v]
    for i in range(rank):
        for v in range(TILE_VECS):
            if v < n_vecs:
                y[v] = vset(0.0)
                for other in range(i, rank):
                    coefficient = vset(inverse_root[other * rank + i])
                    y[v] = y[v] + coefficient * vload(scores + other * score_stride + v * LANES)
                total[v] = total[v] + y[v] * y[v]


cdef inline void low_rank_vectors(
    const Mixture *m, Py_ssize_t k, const real *columns, Py_ssize_t stride, const int n_vecs, real *kept, real *scores,
    real *out
) noexcept nogil:
    """out = the squared distances of n_vecs vectors of rows to component k, scores (rank, stride) = y."""
    cdef Py_ssize_t v, first, count
    cdef Py_ssize_t n = m.n_features
    cdef Py_ssize_t tile_rows = rows_of_tile(m.rank)
    cdef const real *mean = m.means + k * m.width
    cdef const real *scale = m.factors + k * m.factor_size
    cdef const real *packed = scale + m.width
    cdef const real *inverse_root = packed + m.rank * n
    cdef vec total[TILE_VECS]
    cdef vec explained[TILE_VECS]
    cdef vec least = vset(inverse_root[m.rank * m.rank])
    for v in range(TILE_VECS):
        total[v] = vset(0.0)
        explained[v] = vset(0.0)
    if m.near:
        kept = NULL
    for first from 0 <= first < m.rank by tile_rows:
        count = min(tile_rows, m.rank - first)
        if first == 0:
            project(
                columns, stride, mean, scale, packed, n, count, True, n_vecs, kept, scores, stride, total, explained)
        else:
            project(
                columns, stride, mean, scale, packed + first * n, n, count, False, n_vecs, kept,
                scores + first * stride, stride, total, explained)
    if not m.near:
        residuals(kept, packed, inverse_root, n, m.rank, tile_rows, n_vecs, scores, stride, total)
    for v in range(TILE_VECS):
        if v < n_vecs:
            # Beyond the range of numbers the distance is infinite, and no NaN.
            if m.near:
                explained[v] = vmin(explained[v], vset(-0.5 * LOWEST))
                total[v] = vmax(total[v] - explained[v], total[v] * least)
            vstore(out + v * LANES, vmin(total[v], vset(INFINITY)))


cdef inline void low_rank_strips(
    const Mixture *m, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_vecs, real *kept,
    real *scores, real *out
) noexcept nogil:
    """mahalanobis of LOW_RANK: all components of some vectors at once, so that these stay in the caches."""
    cdef Py_ssize_t b, k
    for b from 0 <= b < n_lanes by n_vecs * LANES:
        for k in range(m.n_components):
            low_rank_vectors(
                m, k, columns + b, stride, n_vecs, kept, scores + k * m.rank * stride + b, out + k * stride + b)


cdef void low_rank_distances(
    const Mixture *m, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, real *differences, real *scores,
    real *out
) noexcept nogil:
    """mahalanobis of LOW_RANK; scores (n_components x rank, stride), out, are y of each component."""
    if n_lanes == LANES:
        low_rank_strips(m, columns, stride, n_lanes, 1, differences, scores, out)
    elif m.rank <= FACTOR_ROWS:
        low_rank_strips(m, columns, stride, n_lanes, TILE_VECS, differences, scores, out)
    else:
        low_rank_strips(m, columns, stride, n_lanes, FACTOR_VECS, differences, scores, out)
