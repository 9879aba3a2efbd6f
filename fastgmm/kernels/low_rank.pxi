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

cdef inline Py_ssize_t low_rank_width(Py_ssize_t n_features) noexcept nogil:
    """The stride of means and rows: whole cache lines, an odd number where long rows would share cache sets."""
    cdef Py_ssize_t line = CACHE_LINE // <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t n_lines = (n_features + line - 1) // line
    return line * (n_lines | 1 if n_lines >= 16 else n_lines)


cdef inline Py_ssize_t low_rank_size(const Mixture *m) noexcept nogil:
    """Numbers per packed component: roots of 1 / Psi, T Psi^1/2, R^-1, and the least share of |u|^2 in a distance."""
    return m.width + m.rank * m.n_features + m.rank * m.rank + 1


cdef double pack_low_rank(
    const double *inverse, Py_ssize_t n_features, Py_ssize_t rank, Py_ssize_t width, real *out
) noexcept nogil:
    """One component in the order of project_tile; returns how many times |u|^2 is its distance, on average.

    T Psi^1/2 is stored by tiles of FACTOR_ROWS rows, column by column.
    """
    cdef Py_ssize_t i, j, first, count
    cdef double squares = 0.0
    cdef const double *below = inverse + n_features * (rank + 1)
    for j in range(n_features):
        out[j] = <real> inverse[j * (rank + 1) + rank]
    out += width
    for first from 0 <= first < rank by FACTOR_ROWS:
        count = min(<Py_ssize_t> FACTOR_ROWS, rank - first)
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
    Py_ssize_t n_features, const int count, const bint first, bint kept, const int n_vecs, real *differences,
    real *scores, Py_ssize_t score_stride, vec total[TILE_VECS], vec explained[TILE_VECS]
) noexcept nogil:
    """scores (count, score_stride) = rows of T Psi^1/2 times u for one strip; explained += their squares.

    The first tile makes u of the columns, and adds |u|^2 to the total; where `kept`, it keeps u in `differences`
    (n_features, strip), from where later tiles take it.
    """
    cdef Py_ssize_t i, j, v
    cdef vec acc[FACTOR_ROWS][TILE_VECS]
    cdef vec squares[TILE_VECS]
    cdef vec u[TILE_VECS]
    cdef vec coefficient, middle
    for v in range(TILE_VECS):
        squares[v] = vset(0.0)
        for i in range(FACTOR_ROWS):
            acc[i][v] = vset(0.0)
    for j in range(n_features):
        if first:
            middle = vset(mean[j])
            coefficient = vset(scale[j])
            for v in range(TILE_VECS):
                if v < n_vecs:
                    u[v] = (vload(columns + j * stride + v * LANES) - middle) * coefficient
                    squares[v] = squares[v] + u[v] * u[v]
            if kept:
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        vstore(differences + (j * n_vecs + v) * LANES, u[v])
        else:
            for v in range(TILE_VECS):
                if v < n_vecs:
                    u[v] = vload(differences + (j * n_vecs + v) * LANES)
        for i in range(FACTOR_ROWS):
            if i < count:
                coefficient = vset(packed[j * count + i])
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        acc[i][v] = acc[i][v] + coefficient * u[v]
    for v in range(TILE_VECS):
        if v < n_vecs:
            total[v] = total[v] + squares[v]
            for i in range(FACTOR_ROWS):
                if i < count:
                    vstore(scores + i * score_stride + v * LANES, acc[i][v])
                    explained[v] = explained[v] + acc[i][v] * acc[i][v]


cdef inline void project(
    const real *columns, Py_ssize_t stride, const real *mean, const real *scale, const real *packed,
    Py_ssize_t n_features, Py_ssize_t count, const bint first, bint kept, const int n_vecs, real *differences,
    real *scores, Py_ssize_t score_stride, vec total[TILE_VECS], vec explained[TILE_VECS]
) noexcept nogil:
    """project_tile with `count` as a constant."""
    if count == 1:
        project_tile(
            columns, stride, mean, scale, packed, n_features, 1, first, kept, n_vecs, differences, scores, score_stride,
            total, explained)
    elif count == 2:
        project_tile(
            columns, stride, mean, scale, packed, n_features, 2, first, kept, n_vecs, differences, scores, score_stride,
            total, explained)
    elif count == 3:
        project_tile(
            columns, stride, mean, scale, packed, n_features, 3, first, kept, n_vecs, differences, scores, score_stride,
            total, explained)
    elif FACTOR_ROWS > 3 and count == 4:
        project_tile(
            columns, stride, mean, scale, packed, n_features, 4, first, kept, n_vecs, differences, scores, score_stride,
            total, explained)
    elif FACTOR_ROWS > 3:
        project_tile(
            columns, stride, mean, scale, packed, n_features, FACTOR_ROWS, first, kept, n_vecs, differences, scores,
            score_stride, total, explained)


cdef inline void residuals(
    const real *differences, const real *packed, const real *inverse_root, Py_ssize_t n_features, Py_ssize_t rank,
    const int n_vecs, const real *scores, Py_ssize_t score_stride, vec total[TILE_VECS]
) noexcept nogil:
    """total = |u - (T Psi^1/2)^T y|^2 + |R^-T y|^2 of a strip: nothing cancels."""
    cdef Py_ssize_t i, j, v, first, count, other
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
                    rest[i][v] = vload(differences + (min(j + i, n_features - 1) * n_vecs + v) * LANES)
        for first in range(rank):
            tile = packed + first // FACTOR_ROWS * FACTOR_ROWS * n_features
            count = min(<Py_ssize_t> FACTOR_ROWS, rank - first // FACTOR_ROWS * FACTOR_ROWS)
            tile += first % FACTOR_ROWS
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


cdef inline void low_rank_strips(
    const Mixture *m, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_vecs, real *differences,
    real *scores, real *out
) noexcept nogil:
    """mahalanobis of LOW_RANK: all components of a strip at once, which so stays in the second-level cache."""
    cdef Py_ssize_t b, k, v, first, count
    cdef Py_ssize_t n = m.n_features
    cdef bint kept = m.rank > FACTOR_ROWS or not m.near
    cdef const real *scale
    cdef const real *packed
    cdef const real *inverse_root
    cdef real *of_component
    cdef vec total[TILE_VECS]
    cdef vec explained[TILE_VECS]
    cdef vec least
    for b from 0 <= b < n_lanes by n_vecs * LANES:
        for k in range(m.n_components):
            scale = m.factors + k * m.factor_size
            packed = scale + m.width
            inverse_root = packed + m.rank * n
            of_component = scores + k * m.rank * stride + b
            for v in range(TILE_VECS):
                total[v] = vset(0.0)
                explained[v] = vset(0.0)
            for first from 0 <= first < m.rank by FACTOR_ROWS:
                count = min(<Py_ssize_t> FACTOR_ROWS, m.rank - first)
                if first == 0:
                    project(
                        columns + b, stride, m.means + k * m.width, scale, packed, n, count, True, kept, n_vecs,
                        differences, of_component, stride, total, explained)
                else:
                    project(
                        columns + b, stride, m.means + k * m.width, scale, packed + first * n, n, count, False, kept,
                        n_vecs, differences, of_component + first * stride, stride, total, explained)
            if not m.near:
                residuals(differences, packed, inverse_root, n, m.rank, n_vecs, of_component, stride, total)
            least = vset(inverse_root[m.rank * m.rank])
            for v in range(TILE_VECS):
                if v < n_vecs:
                    # Beyond the range of numbers the distance is infinite, and no NaN.
                    if m.near:
                        explained[v] = vmin(explained[v], vset(-0.5 * LOWEST))
                        total[v] = vmax(total[v] - explained[v], total[v] * least)
                    total[v] = vmin(total[v], vset(INFINITY))
                    vstore(out + k * stride + b + v * LANES, total[v])


cdef void low_rank_distances(
    const Mixture *m, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, real *differences, real *scores,
    real *out
) noexcept nogil:
    """mahalanobis of LOW_RANK; scores (n_components x rank, stride), out, are y of each component."""
    if n_lanes == LANES:
        low_rank_strips(m, columns, stride, n_lanes, 1, differences, scores, out)
    else:
        low_rank_strips(m, columns, stride, n_lanes, TILE_VECS, differences, scores, out)


cdef inline void factor_tile(
    const real *weighted, Py_ssize_t stride, const real *rows, Py_ssize_t width, const real *mean, const int *live,
    Py_ssize_t n_live, const int n_i, const int n_j, double *out
) noexcept nogil:
    """out (n_i, width), n_j vectors of it, += sum over the live rows of weighted[i] (x - mean)."""
    cdef Py_ssize_t p, i, v
    cdef vec acc[FACTOR_ROWS][SCATTER_VECS]
    cdef vec middle[SCATTER_VECS]
    cdef vec d[SCATTER_VECS]
    cdef vec y
    cdef const real *row
    for v in range(SCATTER_VECS):
        if v < n_j:
            middle[v] = vload(mean + v * LANES)
        for i in range(FACTOR_ROWS):
            acc[i][v] = vset(0.0)
    for p in range(n_live):
        row = rows + live[p] * width
        for v in range(SCATTER_VECS):
            if v < n_j:
                d[v] = vload(row + v * LANES) - middle[v]
        for i in range(FACTOR_ROWS):
            if i < n_i:
                y = vset(weighted[i * stride + p])
                for v in range(SCATTER_VECS):
                    if v < n_j:
                        acc[i][v] = acc[i][v] + y * d[v]
    for i in range(FACTOR_ROWS):
        if i < n_i:
            for v in range(SCATTER_VECS):
                if v < n_j:
                    vadd(out + i * width + v * LANES, acc[i][v])


cdef inline void factor_columns(
    const real *weighted, Py_ssize_t stride, const real *rows, Py_ssize_t width, const real *mean, const int *live,
    Py_ssize_t n_live, Py_ssize_t n_i, const int n_j, double *out
) noexcept nogil:
    """factor_tile with n_i as a constant."""
    if n_i == 1:
        factor_tile(weighted, stride, rows, width, mean, live, n_live, 1, n_j, out)
    elif n_i == 2:
        factor_tile(weighted, stride, rows, width, mean, live, n_live, 2, n_j, out)
    elif n_i == 3:
        factor_tile(weighted, stride, rows, width, mean, live, n_live, 3, n_j, out)
    elif FACTOR_ROWS > 3 and n_i == 4:
        factor_tile(weighted, stride, rows, width, mean, live, n_live, 4, n_j, out)
    elif FACTOR_ROWS > 3:
        factor_tile(weighted, stride, rows, width, mean, live, n_live, FACTOR_ROWS, n_j, out)


cdef void factor_products(
    const real *weighted, Py_ssize_t stride, Py_ssize_t rank, const real *rows, Py_ssize_t width, Py_ssize_t n_features,
    const real *mean, const int *live, Py_ssize_t n_live, double *out
) noexcept nogil:
    """out (rank, width) += sum over the live rows of weighted (x - mean): a few columns of the rows at a time."""
    cdef Py_ssize_t j = 0
    cdef Py_ssize_t first, n_i, end
    cdef Py_ssize_t n_columns = round_up(n_features, LANES)
    while j < n_columns:
        end = min(j + SCATTER_VECS * LANES, n_columns)
        for first from 0 <= first < rank by FACTOR_ROWS:
            n_i = min(<Py_ssize_t> FACTOR_ROWS, rank - first)
            if end - j == SCATTER_VECS * LANES:
                factor_columns(
                    weighted + first * stride, stride, rows + j, width, mean + j, live, n_live, n_i, SCATTER_VECS,
                    out + first * width + j)
            elif end - j == 2 * LANES:
                factor_columns(
                    weighted + first * stride, stride, rows + j, width, mean + j, live, n_live, n_i, 2,
                    out + first * width + j)
            else:
                factor_columns(
                    weighted + first * stride, stride, rows + j, width, mean + j, live, n_live, n_i, 1,
                    out + first * width + j)
        j = end


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
    cdef Py_ssize_t k, n_live
    cdef Py_ssize_t stride = block.stride
    cdef double weight
    cdef bint all_live
    cdef const int *live
    cdef const real *r
    cdef const real *mean
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
        second = block.sums.second + k * block.sums.second_size
        diagonal_moments(
            block.rows, m.width, mean, live, r, n_live, block.sums.first + k * m.width, second + m.rank * m.width)
        weigh_scores(
            block.whitened + k * m.rank * stride, stride, m.rank, r, live, n_live, all_live, block.panel)
        factor_products(
            block.panel, stride, m.rank, block.rows, m.width, m.n_features, mean, live, n_live, second)


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
