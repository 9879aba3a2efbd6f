# The M-step of one block sums r, r d and r d d^T with d = x - reference mean, and adds them into float64 once per
# block.
#
# Full covariances take one of four arrangements of the same sums.  Up to FEW_FEATURES all of them stay in registers.
# Where the means are near each other and most rows of the block are live, products of features are made once per row
# for all components.  Else each component takes its live rows, those whose responsibility is over the threshold: with
# the rows in the lanes for few features, where a vector of features would be mostly padding, and with the features in
# the lanes for many, where the accumulators are the matrix itself.  The other types need sums of r x and r x^2 only,
# which are products of two panels.

cdef inline bint pooled(const Mixture *m) noexcept nogil:
    """TIED takes one rank-1 update per row while K^2 / 2 products for the overlaps are fewer than K D^2 / 2."""
    return (
        m.shape == TIED and m.central and m.n_features > FEW_FEATURES
        and m.n_components <= m.n_features * m.n_features)


cdef inline bint about_shift(const Mixture *m) noexcept nogil:
    """First (and diagonal second) moments are summed about one shift for all components.

    They are moved to the references afterwards.
    """
    return (m.shape == SPHERICAL and m.central) or pooled(m) or (m.shape == DIAG and m.near and not few(m))


cdef inline bint by_products(const Mixture *m) noexcept nogil:
    """Second moments are summed about the shift where that costs no accuracy and registers do not hold a component."""
    return about_origin(m)


cdef inline bint by_rows(const Mixture *m) noexcept nogil:
    """Scatter matrices are summed with the features in the lanes."""
    if m.n_features <= FEW_FEATURES or pooled(m):
        return False
    return (m.shape == FULL or m.shape == TIED) and m.n_features >= FEATURES_IN_LANES


cdef Py_ssize_t live_rows(
    const real *r, Py_ssize_t n_rows, real threshold, int eighths, int *live, real *live_r, double *weight,
    Py_ssize_t *n_above
) noexcept nogil:
    """Number of rows above the threshold, added to n_above; weight = the sum of all.

    Where they are at most so many eighths of all, their indices and r are listed, padded with zeros to whole vectors;
    else all rows count as live.
    """
    cdef Py_ssize_t b
    cdef Py_ssize_t n_live = 0
    cdef unsigned int set_lanes
    cdef vec x
    cdef vec total = vset(0.0)
    cdef ivec above = vgreater(total, total)
    for b from 0 <= b < n_rows by LANES:
        x = vload(r + b)
        total = total + x
        above = above + vgreater(x, vset(threshold))
    weight[0] = vsum(total)
    n_above[0] += vcount(above)
    if 8 * vcount(above) > eighths * n_rows:
        return n_rows
    for b from 0 <= b < n_rows by LANES:
        x = vload(r + b)
        set_lanes = vmask(vgreater(x, vset(threshold)))
        pick_lanes(set_lanes, <int> b, live + n_live)
        vpick(x, set_lanes, live_r + n_live)
        n_live += lanes_of(set_lanes)
    vstore(live_r + n_live, vset(0.0))
    return n_live


cdef inline void roots(const real *r, Py_ssize_t n, real *out) noexcept nogil:
    """A scatter matrix of roots of responsibilities times differences is the product of one panel with itself."""
    cdef Py_ssize_t b
    for b from 0 <= b < n by LANES:
        vstore(out + b, vsqrt(vload(r + b)))


cdef double weighted_sum(const real *r, const real *x, Py_ssize_t n_lanes) noexcept nogil:
    """Sum of r x; of r where x is NULL.  An x of inf counts as the largest number, so that it may have the weight 0."""
    cdef Py_ssize_t b
    cdef vec total = vset(0.0)
    for b from 0 <= b < n_lanes by LANES:
        total = total + (vload(r + b) * vmin(vset(-LOWEST), vload(x + b)) if x != NULL else vload(r + b))
    return vsum(total)


cdef void expected_means(const Mixture *m, Block *block) noexcept nogil:
    """panel (n_features, stride) = sqrt(s) (x - c) with s = sum_k r_k and c = sum_k r_k mean_k / s.

    Also density = r_k / sqrt(s), log_total = s, total = 1 / sqrt(s), with 0 for s = 0.
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
        # A row of no weight divides 0 by the smallest number instead of by 0.
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


cdef void sum_far_spheres(const Mixture *m, Block *block) noexcept nogil:
    """SPHERICAL with means far apart: sums of r, r (x - mean), and r times squared distances."""
    cdef Py_ssize_t b, k, j
    cdef Py_ssize_t n = block.n_lanes
    cdef const real *r
    cdef const real *column
    cdef vec mean, total
    for k in range(m.n_components):
        r = block.density + k * block.stride
        block.sums.component_weight[k] += weighted_sum(r, NULL, n)
        block.sums.second[k] += weighted_sum(r, block.distances + k * block.stride, n)
        for j in range(m.n_features):
            column = block.columns + j * block.stride
            mean = vset(m.means[k * m.width + j])
            total = vset(0.0)
            for b from 0 <= b < n by LANES:
                total = total + vload(r + b) * (vload(column + b) - mean)
            block.sums.first[k * m.width + j] += vsum(total)


cdef void sum_about_shift(const Mixture *m, Block *block) noexcept nogil:
    """SPHERICAL, DIAG with means near each other, pooled TIED: sums of r, r (x - shift), and r times squares."""
    cdef Py_ssize_t k
    cdef Py_ssize_t n = block.n_lanes
    cdef Py_ssize_t stride = block.stride
    product(
        block.density, stride, block.every, m.n_components, block.rows, m.width, m.width, block.n_rows,
        block.sums.first, m.width)
    for k in range(m.n_components):
        block.sums.component_weight[k] += weighted_sum(block.density + k * stride, NULL, n)
        if m.shape == SPHERICAL:
            block.sums.second[k] += weighted_sum(block.density + k * stride, block.distances + k * stride, n)
    if m.shape == DIAG:
        product(
            block.density, stride, block.every, m.n_components, block.squares, m.width, m.width, block.n_rows,
            block.sums.second, m.width)
    elif m.shape == TIED:
        sum_pooled(m, block)


cdef void sum_live(const Mixture *m, Block *block) noexcept nogil:
    """FULL, TIED of many components, DIAG with means far apart: component by component, the live rows only."""
    cdef Py_ssize_t k, n_live
    cdef Py_ssize_t n_dense = 0
    cdef double weight
    # A list of the live rows pays up to this share of the block.  Picking rows out of columns costs more than picking
    # whole rows, and by products a row costs half as much.
    cdef int eighths = 4 if by_products(m) else 6 if by_rows(m) or m.shape == DIAG else 1
    if by_products(m) and not by_rows(m):
        eighths = 0
    for k in range(m.n_components):
        n_live = live_rows(
            block.density + k * block.stride, block.n_rows, block.thresholds[k], eighths, block.live, block.live_r,
            &weight, &block.n_live)
        if by_products(m) and n_live == block.n_rows:
            if block.sums.dense_weight[k] == 0:
                memset(
                    block.sums.products + k * block.sums.n_products * LANES, 0,
                    block.sums.n_products * LANES * sizeof(double))
            block.sums.dense_weight[k] += weight
            block.dense[n_dense] = <int> k
            n_dense += 1
            continue
        block.sums.component_weight[k] += weight
        if n_live:
            sum_component(m, block, k, n_live)
    if n_dense:
        sum_products(
            block.density, block.stride, block.dense, n_dense, block.rows, m.width, block.n_rows, m.shift, m.n_features,
            block.left, block.right, block.rotated, block.sums.n_products, block.doubled, block.panel,
            block.sums.products)


cdef void sum_component(const Mixture *m, Block *block, Py_ssize_t k, Py_ssize_t n_live) noexcept nogil:
    """First and second moments of one component: of all rows of the block, or of the listed ones."""
    cdef Py_ssize_t begin, n
    cdef Py_ssize_t stride = block.stride
    cdef Py_ssize_t n_lanes = round_up(n_live, LANES)
    cdef bint all_live = n_live == block.n_rows
    cdef const int *live = block.every if all_live else block.live
    cdef const real *r = block.density + k * stride if all_live else block.live_r
    cdef const real *mean = m.means + k * m.width
    cdef double *first = block.sums.first + k * m.width
    cdef double *second = block.sums.second + (0 if m.shape == TIED else k * block.sums.second_size)
    if m.shape == DIAG:
        diagonal_moments(block.rows, m.width, mean, live, r, n_live, first, second)
        return
    roots(r, n_lanes, block.live_r)
    if by_rows(m):
        for begin from 0 <= begin < n_live by block.panel_rows:
            n = min(block.panel_rows, n_live - begin)
            build_panel(
                block.rows, m.width, mean, m.width, live + begin, block.live_r + begin, n, block.panel,
                block.column_size, first)
            scatter(block.panel, n, block.column_size, m.n_features, second)
    else:
        build_columns_panel(
            block.columns, stride, m.means + k * m.width, m.n_features, block.live_r, n_lanes, live, n_live, all_live,
            block.panel)
        column_sums(block.panel, stride, n_lanes, m.n_features, block.live_r, first)
        square_scatter(block.panel, stride, n_lanes, m.n_features, second)


cdef void accumulate(const Mixture *m, Block *block) noexcept nogil:
    """Add one block, whose density holds r, to the sums."""
    if about_shift(m):
        sum_about_shift(m, block)
    elif m.shape == SPHERICAL:
        sum_far_spheres(m, block)
    elif m.shape == LOW_RANK:
        sum_low_rank(m, block)
    elif few_sums(m):
        sum_few(m, block)
    else:
        sum_live(m, block)
