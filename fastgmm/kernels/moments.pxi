# M-step of one block: sums of r, r d and r d d^T with d = x - reference mean, added into float64 once per block.
#
# Full covariances take one of three arrangements of the same sums: all in registers for up to FEW_FEATURES; with the rows in the lanes for few
# features, where a vector of features would be mostly padding; and with the features in the lanes for many, where the
# accumulators are the matrix itself.  The last two see only the live rows of a component: root responsibility over the threshold.
# The other types need sums of r x and r x^2 only, which are products of two panels.

cdef struct Sums:
    # `width` is that of the mixture, so that whole vectors can be added; triangle(i, j) with i >= j counts the lower triangle row by row
    double *component_weight    # n_components
    double *first               # n_components x width; about the reference, or about the shift: see about_shift
    double *second              # DIAG: n_components x width; SPHERICAL: n_components; by rows: n_features x width per component, lower triangles;
                                # else triangle(n_features, 0) x LANES per component (one for TIED), not yet summed over the lanes
    Py_ssize_t second_size      # numbers per component
    double *overlap             # pooled TIED: triangle(n_components, 0) x LANES, sum of r_k r_l / sum r


cdef struct Block:
    # one block of rows on its way through a pass; all but the sums is scratch
    Py_ssize_t n_rows
    Py_ssize_t n_lanes          # n_rows rounded up to STRIP; LANES for so few
    Py_ssize_t stride           # of everything with rows in the lanes
    real *columns               # n_features x stride
    real *differences           # padded x STRIP, the padding rows zero
    real *whitened              # padded x STRIP
    real *distances             # n_components x stride: squared, if keeps_distances
    real *density               # n_components x stride: log densities, e of normalize, then r or its root: see uses_roots
    real *log_total             # stride
    real *total                 # stride
    real *rows                  # capacity x width: the rows, about_shift: minus the shift
    real *squares               # DIAG about_shift: capacity x width, squares of these
    real *panel                 # the rows of one component
    Py_ssize_t column_size      # of a panel by rows: numbers per column of LANES features
    int *every                  # 0, 1, 2, ...
    int *live                   # stride
    real *live_root             # stride
    real *thresholds            # n_components, of r or its root
    Sums sums


cdef inline Py_ssize_t triangle(Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    return i * (i + 1) // 2 + j


cdef inline bint pooled(const Mixture *m) noexcept nogil:
    """TIED with one rank-1 update per row: pays while K^2 / 2 products for the overlaps are fewer than K D^2 / 2."""
    return m.shape == TIED and m.n_features > FEW_FEATURES and m.n_components <= m.n_features * m.n_features


cdef inline bint about_shift(const Mixture *m) noexcept nogil:
    """First (and diagonal second) moments are summed about one shift for all components and moved to the references afterwards."""
    return m.shape == SPHERICAL or pooled(m) or (m.shape == DIAG and m.near)


cdef inline bint uses_roots(const Mixture *m) noexcept nogil:
    """sum_live: a scatter matrix is the product of one panel with itself."""
    if m.shape == DIAG:
        return not m.near
    return m.n_features > FEW_FEATURES and (m.shape == FULL or (m.shape == TIED and not pooled(m)))


cdef inline bint by_rows(const Mixture *m) noexcept nogil:
    """Scatter matrices with the features in the lanes."""
    return uses_roots(m) and m.shape != DIAG and m.n_features >= FEATURES_IN_LANES


cdef Py_ssize_t live_rows(
    const real *root, Py_ssize_t n_rows, real threshold, int eighths, int *live, real *live_root, double *weight
) noexcept nogil:
    """Number of rows above the threshold; adds their sum of squares to the weight.

    Where they are at most so many eighths of all, their indices and roots are listed, padded with zero roots to whole vectors; else
    all rows count as live.
    """
    cdef Py_ssize_t b, i
    cdef Py_ssize_t n_live = 0
    cdef unsigned int rest
    cdef vec x
    cdef vec total = vset(0.0)
    cdef ivec above = vgreater(total, total)
    for b from 0 <= b < n_rows by LANES:
        x = vload(root + b)
        total = total + x * x
        above = above + vgreater(x, vset(threshold))
    weight[0] += vsum(total)
    if 8 * vcount(above) > eighths * n_rows:
        return n_rows
    for b from 0 <= b < n_rows by LANES:
        rest = vmask(vgreater(vload(root + b), vset(threshold)))
        while rest:
            i = b + lowest_bit(rest)
            live[n_live] = <int> i
            live_root[n_live] = root[i]
            n_live += 1
            rest = rest & (rest - 1)
    vstore(live_root + n_live, vset(0.0))
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
    const int *live, Py_ssize_t n_live, bint all_live, real *panel
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
    const real *panel, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_i, const bint diagonal,
    double *out
) noexcept nogil:
    """out[triangle(i0 + i, j0 + j)], a vector each, += the products panel[i0 + i] panel[j0 + j], n_i x SQUARE_TILE of them.

    On the diagonal n_i x n_i with i >= j.  `n_i` and `diagonal` are constants at the call.
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
                add_vector(out + triangle(i0 + i, j0 + j) * LANES, acc[i][j])


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


cdef inline void few_moments(
    const real *columns, Py_ssize_t stride, const real *mean, const real *r, Py_ssize_t n_lanes, const int n_features,
    double *weight, double *first, double *second
) noexcept nogil:
    """All sums of one component for a constant n_features <= FEW_FEATURES, in registers; second as in square_tile."""
    cdef Py_ssize_t b, i, j
    cdef vec d[FEW_FEATURES]
    cdef vec sums[FEW_FEATURES]
    cdef vec products[FEW_FEATURES][FEW_FEATURES]
    cdef vec x, w
    cdef vec total = vset(0.0)
    for i in range(FEW_FEATURES):
        sums[i] = total
        for j in range(FEW_FEATURES):
            products[i][j] = total
    for b from 0 <= b < n_lanes by LANES:
        x = vload(r + b)
        total = total + x
        for i in range(FEW_FEATURES):
            if i < n_features:
                d[i] = vload(columns + i * stride + b) - vset(mean[i])
                w = x * d[i]
                sums[i] = sums[i] + w
                for j in range(FEW_FEATURES):
                    if j <= i:
                        products[i][j] = products[i][j] + w * d[j]
    weight[0] += vsum(total)
    for i in range(FEW_FEATURES):
        if i < n_features:
            first[i] += vsum(sums[i])
            for j in range(FEW_FEATURES):
                if j <= i:
                    add_vector(second + triangle(i, j) * LANES, products[i][j])


cdef void sum_few(const Mixture *m, Block *block) noexcept nogil:
    cdef Py_ssize_t k
    cdef Py_ssize_t n = block.n_lanes
    cdef double *weight
    cdef double *first
    cdef double *second
    cdef const real *mean
    cdef const real *r
    for k in range(m.n_components):
        weight = block.sums.component_weight + k
        first = block.sums.first + k * m.width
        second = block.sums.second + (k * block.sums.second_size if m.shape == FULL else 0)
        mean = m.means + k * m.width
        r = block.density + k * block.stride
        if m.n_features == 1:
            few_moments(block.columns, block.stride, mean, r, n, 1, weight, first, second)
        elif m.n_features == 2:
            few_moments(block.columns, block.stride, mean, r, n, 2, weight, first, second)
        elif m.n_features == 3:
            few_moments(block.columns, block.stride, mean, r, n, 3, weight, first, second)
        else:
            few_moments(block.columns, block.stride, mean, r, n, 4, weight, first, second)


cdef inline void product_tile(
    const real *r, Py_ssize_t stride, const real *rows, Py_ssize_t width, Py_ssize_t n_rows, const int n_k, const int n_j,
    double *out
) noexcept nogil:
    """out[k, j ...] += sum over rows of r[k] rows[j ...], n_k components and n_j vectors (constants at the call)."""
    cdef Py_ssize_t p, k, v
    cdef vec acc[SCATTER_ROWS][SCATTER_VECS]
    cdef vec x[SCATTER_VECS]
    cdef vec a
    for k in range(SCATTER_ROWS):
        for v in range(SCATTER_VECS):
            acc[k][v] = vset(0.0)
    for p in range(n_rows):
        for v in range(SCATTER_VECS):
            if v < n_j:
                x[v] = vload(rows + p * width + v * LANES)
        for k in range(SCATTER_ROWS):
            if k < n_k:
                a = vset(r[k * stride + p])
                for v in range(SCATTER_VECS):
                    if v < n_j:
                        acc[k][v] = acc[k][v] + a * x[v]
    for k in range(SCATTER_ROWS):
        if k < n_k:
            for v in range(SCATTER_VECS):
                if v < n_j:
                    add_vector(out + k * width + v * LANES, acc[k][v])


cdef inline void product_rows(
    const real *r, Py_ssize_t stride, const real *rows, Py_ssize_t width, Py_ssize_t n_rows, const int n_k, double *out
) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j + SCATTER_VECS * LANES <= width:
        product_tile(r, stride, rows + j, width, n_rows, n_k, SCATTER_VECS, out + j)
        j += SCATTER_VECS * LANES
    if j + 2 * LANES == width and SCATTER_VECS > 2:
        product_tile(r, stride, rows + j, width, n_rows, n_k, 2, out + j)
    elif j + LANES == width:
        product_tile(r, stride, rows + j, width, n_rows, n_k, 1, out + j)


cdef void product(
    const real *r, Py_ssize_t stride, Py_ssize_t n_components, const real *rows, Py_ssize_t width, Py_ssize_t n_rows, double *out
) noexcept nogil:
    """out (n_components, width) += r rows of r (n_components, stride) and the rows (n_rows, width)."""
    cdef Py_ssize_t k = 0
    while k + SCATTER_ROWS <= n_components:
        product_rows(r + k * stride, stride, rows, width, n_rows, SCATTER_ROWS, out + k * width)
        k += SCATTER_ROWS
    while k + 2 <= n_components:
        product_rows(r + k * stride, stride, rows, width, n_rows, 2, out + k * width)
        k += 2
    if k < n_components:
        product_rows(r + k * stride, stride, rows, width, n_rows, 1, out + k * width)


cdef double weighted_sum(const real *r, const real *x, Py_ssize_t n_lanes) noexcept nogil:
    """Sum of r x; of r where x is NULL.  An x of inf counts as the largest number, so that it may have the weight 0."""
    cdef Py_ssize_t b
    cdef vec total = vset(0.0)
    for b from 0 <= b < n_lanes by LANES:
        total = total + (vload(r + b) * vmin(vset(-LOWEST), vload(x + b)) if x != NULL else vload(r + b))
    return vsum(total)


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


cdef void expected_means(const Mixture *m, Block *block) noexcept nogil:
    """panel (n_features, stride) = sqrt(s) (x - c) with s = sum_k r_k and c = sum_k r_k mean_k / s; density = r_k / sqrt(s).

    Also log_total = s, total = 1 / sqrt(s), with 0 for s = 0.
    """
    cdef Py_ssize_t b, k, j, i, v, first
    cdef Py_ssize_t n = block.n_lanes
    cdef Py_ssize_t stride = block.stride
    cdef vec acc[TILE_ROWS][TILE_VECS]
    cdef vec x[TILE_VECS]
    cdef vec s, root, inverse, coefficient
    for b from 0 <= b < n by LANES:
        s = vset(0.0)
        for k in range(m.n_components):
            s = s + vload(block.density + k * stride + b)
        vstore(block.log_total + b, s)
        # a row of no weight divides 0 by the smallest number instead of by 0
        vstore(block.total + b, vset(1.0) / vsqrt(vmax(vset(SMALLEST), s)))
    for b from 0 <= b < n by STRIP:
        for first from 0 <= first < m.n_features by TILE_ROWS:
            for i in range(TILE_ROWS):
                for v in range(TILE_VECS):
                    acc[i][v] = vset(0.0)
            for k in range(m.n_components):
                for v in range(TILE_VECS):
                    x[v] = vload(block.density + k * stride + b + v * LANES)
                for i in range(TILE_ROWS):
                    coefficient = vset(m.centered_means[k * m.width + first + i])
                    for v in range(TILE_VECS):
                        acc[i][v] = acc[i][v] + coefficient * x[v]
            for i in range(TILE_ROWS):
                j = first + i
                if j < m.n_features:
                    for v in range(TILE_VECS):
                        inverse = vload(block.total + b + v * LANES)
                        root = vload(block.log_total + b + v * LANES) * inverse
                        vstore(
                            block.panel + j * stride + b + v * LANES,
                            (vload(block.columns + j * stride + b + v * LANES) - vset(m.shift[j])) * root
                            - acc[i][v] * inverse)
    for k in range(m.n_components):
        for b from 0 <= b < n by LANES:
            vstore(block.density + k * stride + b, vload(block.density + k * stride + b) * vload(block.total + b))


cdef void sum_pooled(const Mixture *m, Block *block) noexcept nogil:
    """The pooled scatter of TIED with one rank-1 update per row instead of one per row and component.

    With r_k the responsibilities of a row (times its sample weight), s = sum_k r_k and c = sum_k r_k m_k / s,
      sum_k r_k (x - m_k)(x - m_k)^T = s (x - c)(x - c)^T + 1/2 sum_kl r_k r_l / s (m_k - m_l)(m_k - m_l)^T :
    all terms are positive, so nothing cancels however far apart the clusters are.
    """
    cdef Py_ssize_t n = block.n_lanes
    expected_means(m, block)
    square_scatter(block.panel, block.stride, n, m.n_features, block.sums.second)
    square_scatter(block.density, block.stride, n, m.n_components, block.sums.overlap)


cdef void sum_about_shift(const Mixture *m, Block *block) noexcept nogil:
    """SPHERICAL, DIAG with means near each other, pooled TIED: sums of r, r (x - shift), and r times squares."""
    cdef Py_ssize_t k
    cdef Py_ssize_t n = block.n_lanes
    cdef Py_ssize_t stride = block.stride
    product(block.density, stride, m.n_components, block.rows, m.width, block.n_rows, block.sums.first)
    for k in range(m.n_components):
        block.sums.component_weight[k] += weighted_sum(block.density + k * stride, NULL, n)
        if m.shape == SPHERICAL:
            block.sums.second[k] += weighted_sum(block.density + k * stride, block.distances + k * stride, n)
    if m.shape == DIAG:
        product(block.density, stride, m.n_components, block.squares, m.width, block.n_rows, block.sums.second)
    elif m.shape == TIED:
        sum_pooled(m, block)


cdef void sum_live(const Mixture *m, Block *block) noexcept nogil:
    """FULL, TIED of many components, DIAG with means far apart: component by component, the live rows only."""
    cdef Py_ssize_t k, n_live, n_lanes
    cdef Py_ssize_t stride = block.stride
    # picking rows out of columns costs more than picking whole rows
    cdef int eighths = 6 if by_rows(m) or m.shape == DIAG else 1
    cdef bint all_live
    cdef const real *mean
    cdef const real *root
    cdef const int *live
    cdef double *first
    cdef double *second
    for k in range(m.n_components):
        mean = m.means + k * m.width
        root = block.density + k * stride
        first = block.sums.first + k * m.width
        second = block.sums.second + (0 if m.shape == TIED else k * block.sums.second_size)
        n_live = live_rows(
            root, block.n_rows, block.thresholds[k], eighths, block.live, block.live_root, block.sums.component_weight + k)
        all_live = n_live == block.n_rows
        live = block.every if all_live else block.live
        root = root if all_live else block.live_root
        if n_live == 0:
            continue
        if m.shape == DIAG:
            diagonal_moments(block.rows, m.width, mean, live, root, n_live, first, second)
        elif by_rows(m):
            build_panel(block.rows, m.width, mean, live, root, n_live, block.panel, block.column_size, first)
            scatter(block.panel, n_live, block.column_size, m.n_features, second, m.width)
        else:
            n_lanes = (n_live + LANES - 1) // LANES * LANES
            build_columns_panel(
                block.columns, stride, mean, m.n_features, root, n_lanes, live, n_live, all_live, block.panel)
            column_sums(block.panel, stride, n_lanes, m.n_features, root, first)
            square_scatter(block.panel, stride, n_lanes, m.n_features, second)


cdef void accumulate(const Mixture *m, Block *block) noexcept nogil:
    """Add one block, whose density holds r or its root, to the sums."""
    if about_shift(m):
        sum_about_shift(m, block)
    elif uses_roots(m):
        sum_live(m, block)
    else:
        sum_few(m, block)
