# M-step of one block: sums of r, r d and r d d^T with d = x - reference mean, added into float64.
#
# Two arrangements of the same scatter sum: with the features in the lanes (a row of the panel is a row of data; no sums over
# lanes, accumulators are the matrix itself) for many features, and with the rows in the lanes for few, where a
# vector of features would be mostly padding.  Both see only the live rows of a component: root responsibility over the threshold.

cdef struct Sums:
    # `width` is that of the mixture, so that whole vectors can be added; second and overlap: lower triangles
    double *component_weight    # n_components
    double *first               # n_components x width
    double *second              # FULL: n_components x n_features x width; TIED: n_features x width; else n_components x width
    double *overlap             # TIED, where overlap_pays: n_components x overlap_width, sum of r_k r_l / sum r
    Py_ssize_t overlap_width    # n_components rounded up to LANES
    double *unused              # width: second moments that nobody wants


cdef Py_ssize_t live_rows(
    const real *root, Py_ssize_t n_rows, real threshold, int *live, real *live_root, double *weight
) noexcept nogil:
    """Indices and root responsibilities of the rows above the threshold, out; returns their number, adds their sum of squares."""
    cdef Py_ssize_t b
    cdef Py_ssize_t n_live = 0
    cdef double total = 0.0
    for b in range(n_rows):
        live[n_live] = <int> b
        live_root[n_live] = root[b]
        n_live += root[b] > threshold
    for b in range(n_live):
        total += <double> live_root[b] * <double> live_root[b]
    weight[0] += total
    return n_live


cdef inline void add_vector(double *out, vec x) noexcept nogil:
    cdef real numbers[LANES]
    cdef Py_ssize_t i
    vstore(numbers, x)
    for i in range(LANES):
        out[i] = out[i] + numbers[i]


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
    for p in range(0, n_live - 1, 2):            # two rows at once: two chains of additions per sum
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
            add_vector(first + v * LANES, sums[0][v] + sums[1][v])


cdef void build_panel(
    const real *rows, Py_ssize_t stride, const real *mean, const int *live, const real *live_root, Py_ssize_t n_live,
    real *panel, Py_ssize_t column_size, double *first
) noexcept nogil:
    """The panel of the live rows, one column of LANES features after the other, a vector per row: what `scatter` reads in sequence."""
    cdef Py_ssize_t j = 0
    while j + 4 * LANES <= stride:
        panel_group(
            rows + j, stride, mean + j, live, live_root, n_live, 4, panel + j // LANES * column_size, column_size, first + j)
        j += 4 * LANES
    while j + 2 * LANES <= stride:
        panel_group(
            rows + j, stride, mean + j, live, live_root, n_live, 2, panel + j // LANES * column_size, column_size, first + j)
        j += 2 * LANES
    if j < stride:
        panel_group(
            rows + j, stride, mean + j, live, live_root, n_live, 1, panel + j // LANES * column_size, column_size, first + j)


cdef inline void scatter_tile(
    const real *panel, Py_ssize_t n_rows, Py_ssize_t column_size, Py_ssize_t i0, Py_ssize_t j0, const int n_i, const int n_j,
    double *out, Py_ssize_t out_stride
) noexcept nogil:
    """out[i0 + i, j0 ...] += sum over rows of panel[i0 + i] panel[j0 ...], n_i rows of n_j vectors (constants at the call)."""
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
                    add_vector(out + (i0 + i) * out_stride + j0 + v * LANES, acc[i][v])


cdef inline void scatter_rows(
    const real *panel, Py_ssize_t n_rows, Py_ssize_t column_size, Py_ssize_t i0, const int n_i, double *out, Py_ssize_t out_stride
) noexcept nogil:
    """Rows i0 .. i0 + n_i of the scatter matrix, up to the vector that holds the diagonal."""
    cdef Py_ssize_t j = 0
    cdef Py_ssize_t end = (i0 + n_i + LANES - 1) // LANES * LANES
    while j + SCATTER_VECS * LANES <= end:
        scatter_tile(panel, n_rows, column_size, i0, j, n_i, SCATTER_VECS, out, out_stride)
        j += SCATTER_VECS * LANES
    if j + 2 * LANES == end and SCATTER_VECS > 2:
        scatter_tile(panel, n_rows, column_size, i0, j, n_i, 2, out, out_stride)
    elif j + LANES == end:
        scatter_tile(panel, n_rows, column_size, i0, j, n_i, 1, out, out_stride)


cdef void scatter(
    const real *panel, Py_ssize_t n_rows, Py_ssize_t column_size, Py_ssize_t n_features, double *out, Py_ssize_t out_stride
) noexcept nogil:
    """out (n_features, out_stride), lower triangle, += sum over the rows of the panel of u u^T."""
    cdef Py_ssize_t i = 0
    while i + SCATTER_ROWS <= n_features:
        scatter_rows(panel, n_rows, column_size, i, SCATTER_ROWS, out, out_stride)
        i += SCATTER_ROWS
    while i + 2 <= n_features:
        scatter_rows(panel, n_rows, column_size, i, 2, out, out_stride)
        i += 2
    if i < n_features:
        scatter_rows(panel, n_rows, column_size, i, 1, out, out_stride)


cdef void build_columns_panel(
    const real *columns, Py_ssize_t stride, const real *mean, Py_ssize_t n_features, const real *root, Py_ssize_t n_lanes,
    const int *live, const real *live_root, Py_ssize_t n_live, bint dense, real *panel
) noexcept nogil:
    """panel (n_features, stride) = root (x - mean), rows in the lanes; dense: all rows of the block, else the live ones, packed."""
    cdef Py_ssize_t j, p
    cdef vec m
    cdef real mean_j
    for j in range(n_features):
        if dense:
            m = vset(mean[j])
            for p from 0 <= p < n_lanes by LANES:
                vstore(panel + j * stride + p, vload(root + p) * (vload(columns + j * stride + p) - m))
        else:
            mean_j = mean[j]
            for p in range(n_live):
                panel[j * stride + p] = live_root[p] * (columns[j * stride + live[p]] - mean_j)
            for p in range(n_live, n_lanes):
                panel[j * stride + p] = 0


cdef inline void square_tile(
    const real *a, const real *b, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_a, const int n_b, const bint diagonal,
    double *out, Py_ssize_t out_stride
) noexcept nogil:
    """out[i, j] += sum over lanes of a[i] b[j], n_a x n_b of them; on the diagonal i >= j only (constants at the call)."""
    cdef Py_ssize_t p, i, j
    cdef vec acc[SQUARE_TILE][SQUARE_TILE]
    cdef vec x[SQUARE_TILE]
    cdef vec y
    for i in range(SQUARE_TILE):
        for j in range(SQUARE_TILE):
            acc[i][j] = vset(0.0)
    for p from 0 <= p < n_lanes by LANES:
        for j in range(SQUARE_TILE):
            if j < n_b:
                x[j] = vload(b + j * stride + p)
        for i in range(SQUARE_TILE):
            if i < n_a:
                y = x[i] if diagonal else vload(a + i * stride + p)
                for j in range(SQUARE_TILE):
                    if j < n_b and (i >= j or not diagonal):
                        acc[i][j] = acc[i][j] + y * x[j]
    for i in range(SQUARE_TILE):
        for j in range(SQUARE_TILE):
            if i < n_a and j < n_b and (i >= j or not diagonal):
                out[i * out_stride + j] += vsum(acc[i][j])


cdef inline void square_rows(
    const real *panel, Py_ssize_t i0, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_i, double *out, Py_ssize_t out_stride
) noexcept nogil:
    cdef Py_ssize_t j
    for j from 0 <= j < i0 by SQUARE_TILE:
        square_tile(
            panel + i0 * stride, panel + j * stride, stride, n_lanes, n_i, SQUARE_TILE, False,
            out + i0 * out_stride + j, out_stride)
    square_tile(
        panel + i0 * stride, panel + i0 * stride, stride, n_lanes, n_i, n_i, True, out + i0 * out_stride + i0, out_stride)


cdef void square_scatter(
    const real *panel, Py_ssize_t stride, Py_ssize_t n_lanes, Py_ssize_t n_features, double *out, Py_ssize_t out_stride
) noexcept nogil:
    """out (n_features, out_stride), lower triangle, += panel panel^T of the panel (n_features, stride), rows in the lanes."""
    cdef Py_ssize_t i = 0
    while i + SQUARE_TILE <= n_features:
        square_rows(panel, i, stride, n_lanes, SQUARE_TILE, out, out_stride)
        i += SQUARE_TILE
    if SQUARE_TILE > 3 and i + 3 == n_features:
        square_rows(panel, i, stride, n_lanes, 3, out, out_stride)
    elif i + 2 == n_features:
        square_rows(panel, i, stride, n_lanes, 2, out, out_stride)
    elif i + 1 == n_features:
        square_rows(panel, i, stride, n_lanes, 1, out, out_stride)


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
    const real *rows, Py_ssize_t stride, const real *mean, const int *live, const real *live_root, Py_ssize_t n_live,
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
        r = vset(live_root[p] * live_root[p])
        for v in range(4):
            if v < count:
                d = vload(row + v * LANES) - m[v]
                w = r * d
                sums[v] = sums[v] + w
                squares[v] = squares[v] + w * d
    for v in range(4):
        if v < count:
            add_vector(first + v * LANES, sums[v])
            add_vector(second + v * LANES, squares[v])


cdef void diagonal_moments(
    const real *rows, Py_ssize_t stride, const real *mean, const int *live, const real *live_root, Py_ssize_t n_live,
    double *first, double *second
) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j + 4 * LANES <= stride:
        diagonal_group(rows + j, stride, mean + j, live, live_root, n_live, 4, first + j, second + j)
        j += 4 * LANES
    while j + 2 * LANES <= stride:
        diagonal_group(rows + j, stride, mean + j, live, live_root, n_live, 2, first + j, second + j)
        j += 2 * LANES
    if j < stride:
        diagonal_group(rows + j, stride, mean + j, live, live_root, n_live, 1, first + j, second + j)


cdef inline bint overlap_pays(Py_ssize_t n_components, Py_ssize_t n_features) noexcept nogil:
    """TIED: K^2 / 2 products per row for the overlaps against K D^2 / 2 for a scatter per component."""
    return n_components <= n_features * n_features


cdef inline Py_ssize_t panel_index(Py_ssize_t row, Py_ssize_t feature, Py_ssize_t column_size) noexcept nogil:
    return feature // LANES * column_size + row * LANES + feature % LANES


cdef void mixture_scatter(
    const Mixture *mixture, const real *rows, const real *root, Py_ssize_t stride, Py_ssize_t n_rows,
    real *mixture_mean, real *root_rows, real *panel, Py_ssize_t column_size, Sums *sums
) noexcept nogil:
    """The pooled scatter of TIED with one rank-1 update per row instead of one per row and component.

    With r_k the responsibilities of a row (times its sample weight), s = sum_k r_k and c = sum_k r_k m_k / s,
      sum_k r_k (x - m_k)(x - m_k)^T = s (x - c)(x - c)^T + 1/2 sum_kl r_k r_l / s (m_k - m_l)(m_k - m_l)^T :
    all terms are positive, so nothing cancels however far apart the clusters are.
    """
    cdef Py_ssize_t b, k, j
    cdef Py_ssize_t width = mixture.width
    cdef Py_ssize_t n_components = mixture.n_components
    cdef real total, weight, scale
    for b in range(n_rows):
        total = 0
        for k in range(n_components):
            total += root[k * stride + b] * root[k * stride + b]
        scale = REAL_SQRT(total)
        for j in range(width):
            mixture_mean[j] = 0
        for k in range(n_components):
            weight = root[k * stride + b] * root[k * stride + b]
            root_rows[panel_index(b, k, column_size)] = weight / scale if total > 0 else 0
            if weight > 0:
                weight = weight / total
                for j in range(width):
                    mixture_mean[j] = mixture_mean[j] + weight * mixture.means[k * width + j]
        for k in range(n_components, sums.overlap_width):
            root_rows[panel_index(b, k, column_size)] = 0
        for j in range(width):
            panel[panel_index(b, j, column_size)] = scale * (rows[b * width + j] - mixture_mean[j])
    scatter(panel, n_rows, column_size, mixture.n_features, sums.second, width)
    scatter(root_rows, n_rows, column_size, n_components, sums.overlap, sums.overlap_width)


cdef void accumulate(
    const Mixture *mixture, const real *rows, const real *columns, const real *root, Py_ssize_t stride, Py_ssize_t n_rows,
    const real *thresholds, int *live, real *live_root, real *panel, Py_ssize_t column_size, real *root_rows,
    real *mixture_mean, Sums *sums
) noexcept nogil:
    """Add one block to the sums.

    rows (n_rows, width) and columns (n_features, stride) are the block, root (n_components, stride) the roots of the responsibilities times
    sample weights, zero past n_rows; the rest is scratch.
    """
    cdef Py_ssize_t b, k, n_live, n_lanes
    cdef Py_ssize_t width = mixture.width
    cdef Py_ssize_t n_features = mixture.n_features
    cdef bint by_rows = n_features >= FEATURES_IN_LANES
    cdef bint dense
    cdef bint pooled = mixture.shape == TIED and overlap_pays(mixture.n_components, n_features)
    cdef double *second
    for k in range(mixture.n_components):
        n_live = live_rows(root + k * stride, n_rows, thresholds[k], live, live_root, sums.component_weight + k)
        if n_live == 0:
            continue
        if mixture.shape == DIAG or mixture.shape == SPHERICAL or pooled:
            second = sums.second + k * width
            if pooled:                       # only the first moments are wanted
                second = sums.unused
            diagonal_moments(
                rows, width, mixture.means + k * width, live, live_root, n_live, sums.first + k * width, second)
            continue
        second = sums.second
        if mixture.shape == FULL:
            second = sums.second + k * n_features * width
        if by_rows:
            build_panel(
                rows, width, mixture.means + k * width, live, live_root, n_live, panel, column_size,
                sums.first + k * width)
            scatter(panel, n_live, column_size, n_features, second, width)
            continue
        dense = 4 * n_live > 3 * n_rows
        n_lanes = ((n_rows if dense else n_live) + LANES - 1) // LANES * LANES
        if not dense:
            for b in range(n_live, n_lanes):
                live_root[b] = 0
        build_columns_panel(
            columns, stride, mixture.means + k * width, n_features, root + k * stride, n_lanes, live, live_root, n_live,
            dense, panel)
        column_sums(
            panel, stride, n_lanes, n_features, root + k * stride if dense else live_root, sums.first + k * width)
        square_scatter(panel, stride, n_lanes, n_features, second, width)
    if pooled:
        mixture_scatter(mixture, rows, root, stride, n_rows, mixture_mean, root_rows, panel, column_size, sums)
