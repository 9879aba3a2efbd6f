# What all components share is summed over the rows, times the responsibilities: first moments, squares of features
# (DIAG), and products of features (FULL with means near each other).  This is a matrix product, with the features in
# the lanes.

cdef inline void product_tile(
    const real *r, Py_ssize_t stride, const int *which, const real *rows, Py_ssize_t width, Py_ssize_t n_rows,
    const int n_k, const int n_j, double *out, Py_ssize_t out_stride
) noexcept nogil:
    """out[which[k], j ...] += sum over rows of r[which[k]] rows[j ...], n_k components and n_j vectors.

    Both are constants at the call.
    """
    cdef Py_ssize_t p, k, v
    cdef vec acc[SCATTER_ROWS][SCATTER_VECS]
    cdef vec x[SCATTER_VECS]
    cdef vec a
    cdef const real *of_component[SCATTER_ROWS]
    for k in range(SCATTER_ROWS):
        if k < n_k:
            of_component[k] = r + which[k] * stride
        for v in range(SCATTER_VECS):
            acc[k][v] = vset(0.0)
    for p in range(n_rows):
        for v in range(SCATTER_VECS):
            if v < n_j:
                x[v] = vload(rows + p * width + v * LANES)
        for k in range(SCATTER_ROWS):
            if k < n_k:
                a = vset(of_component[k][p])
                for v in range(SCATTER_VECS):
                    if v < n_j:
                        acc[k][v] = acc[k][v] + a * x[v]
    for k in range(SCATTER_ROWS):
        if k < n_k:
            for v in range(SCATTER_VECS):
                if v < n_j:
                    vadd(out + which[k] * out_stride + v * LANES, acc[k][v])


cdef inline void product_rows(
    const real *r, Py_ssize_t stride, const int *which, const real *rows, Py_ssize_t width, Py_ssize_t n_columns,
    Py_ssize_t n_rows, const int n_k, double *out, Py_ssize_t out_stride
) noexcept nogil:
    cdef Py_ssize_t j = 0
    while j + SCATTER_VECS * LANES <= n_columns:
        product_tile(r, stride, which, rows + j, width, n_rows, n_k, SCATTER_VECS, out + j, out_stride)
        j += SCATTER_VECS * LANES
    if j + 2 * LANES == n_columns and SCATTER_VECS > 2:
        product_tile(r, stride, which, rows + j, width, n_rows, n_k, 2, out + j, out_stride)
    elif j + LANES == n_columns:
        product_tile(r, stride, which, rows + j, width, n_rows, n_k, 1, out + j, out_stride)


cdef void product(
    const real *r, Py_ssize_t stride, const int *which, Py_ssize_t n_which, const real *rows, Py_ssize_t width,
    Py_ssize_t n_columns, Py_ssize_t n_rows, double *out, Py_ssize_t out_stride
) noexcept nogil:
    """out (., out_stride) += r rows for the components listed in `which`.

    r (., stride) has the rows in the lanes, rows are (n_rows, width); n_columns of them, a multiple of LANES.
    """
    cdef Py_ssize_t k = 0
    while k + SCATTER_ROWS <= n_which:
        product_rows(r, stride, which + k, rows, width, n_columns, n_rows, SCATTER_ROWS, out, out_stride)
        k += SCATTER_ROWS
    if SCATTER_ROWS > 4 and k + 4 <= n_which:
        product_rows(r, stride, which + k, rows, width, n_columns, n_rows, 4, out, out_stride)
        k += 4
    if k + 2 <= n_which:
        product_rows(r, stride, which + k, rows, width, n_columns, n_rows, 2, out, out_stride)
        k += 2
    if k < n_which:
        product_rows(r, stride, which + k, rows, width, n_columns, n_rows, 1, out, out_stride)


# These functions say which vector and lane holds x_i x_j.  Features are cut into blocks of LANES.  The pairs within a
# whole block are the block times itself rotated by 0 .. LANES / 2; one feature times an earlier block is a broadcast
# times a vector, and so are all pairs of the features past the last whole block.  The features themselves come last.

cdef inline Py_ssize_t rotations_begin(Py_ssize_t block) noexcept nogil:
    return block * (LANES // 2 + 1) + LANES * (block * (block - 1) // 2)


cdef inline Py_ssize_t broadcasts_begin(Py_ssize_t block, Py_ssize_t n_features) noexcept nogil:
    return rotations_begin(block) + (LANES // 2 + 1 if block < n_features // LANES else 0)


cdef inline Py_ssize_t features_begin(Py_ssize_t n_features) noexcept nogil:
    cdef Py_ssize_t n_whole = n_features // LANES
    return rotations_begin(n_whole) + n_features % LANES * (n_whole + 1)


cdef inline Py_ssize_t count_products(Py_ssize_t n_features) noexcept nogil:
    """Vectors of products."""
    return features_begin(n_features) + (n_features + LANES - 1) // LANES


cdef inline Py_ssize_t pair_position(Py_ssize_t i, Py_ssize_t j, Py_ssize_t n_features) noexcept nogil:
    """Where x_i x_j, i >= j, is."""
    cdef Py_ssize_t block = i // LANES
    if block == j // LANES and block < n_features // LANES:
        if i - j <= LANES // 2:
            return (rotations_begin(block) + i - j) * LANES + j % LANES
        return (rotations_begin(block) + LANES - (i - j)) * LANES + i % LANES
    cdef Py_ssize_t n_block = min(LANES, n_features - block * LANES)
    return (broadcasts_begin(block, n_features) + j // LANES * n_block + i % LANES) * LANES + j % LANES


cdef void list_products(Py_ssize_t n_features, int *left, int *right, int *rotated) noexcept nogil:
    """The operands of each vector of products, as places in the output of double_rows."""
    cdef Py_ssize_t block, v, i, n_block
    cdef Py_ssize_t q = 0
    cdef Py_ssize_t n_blocks = (n_features + LANES - 1) // LANES
    cdef int size = PRODUCT_ROWS * 2 * LANES
    for block in range(n_blocks):
        n_block = min(LANES, n_features - block * LANES)
        if n_block == LANES:
            for v in range(LANES // 2 + 1):
                left[q], right[q], rotated[q] = <int> block * size, <int> (block * size + v), True
                q += 1
        for v in range(block if n_block == LANES else block + 1):
            for i in range(n_block):
                left[q], right[q], rotated[q] = <int> (block * size + i), <int> v * size, False
                q += 1
    for v in range(n_blocks):
        left[q], right[q], rotated[q] = <int> n_blocks * size, <int> v * size, False
        q += 1


cdef inline Py_ssize_t doubled_size(Py_ssize_t n_features) noexcept nogil:
    """Numbers that double_rows writes, and as many ones as a block has numbers."""
    return (round_up(n_features, LANES) + LANES) * 2 * PRODUCT_ROWS


cdef void double_rows(
    const real *rows, Py_ssize_t width, Py_ssize_t n_rows, const real *shift, Py_ssize_t n_features, real *out
) noexcept nogil:
    """out, block by block of features: (PRODUCT_ROWS, 2 LANES), the block minus the shift twice.

    A load can so start at any feature of the block and take the others in turn.
    """
    cdef Py_ssize_t p, j
    cdef vec x
    for j from 0 <= j < n_features by LANES:
        for p in range(n_rows):
            # No product may be inf, so that a row of weight 0 drops out.
            x = vmax(vset(-ROOT_LARGEST), vmin(vset(ROOT_LARGEST), vload(rows + p * width + j) - vload(shift + j)))
            vstore(out + p * 2 * LANES, x)
            vstore(out + p * 2 * LANES + LANES, x)
        out += PRODUCT_ROWS * 2 * LANES


cdef void make_products(
    const real *doubled, Py_ssize_t n_rows, const int *left, const int *right, const int *rotated, Py_ssize_t n_vectors,
    real *panel
) noexcept nogil:
    """panel (n_rows, n_vectors) = these vectors of products; three broadcast ones in one walk, as most are."""
    cdef Py_ssize_t q, p, at
    cdef Py_ssize_t stride = n_vectors * LANES
    cdef const real *a
    cdef const real *b
    cdef const real *a1
    cdef const real *b1
    cdef const real *a2
    cdef const real *b2
    if n_vectors == 3 and not (rotated[0] or rotated[1] or rotated[2]):
        a, a1, a2 = doubled + left[0], doubled + left[1], doubled + left[2]
        b, b1, b2 = doubled + right[0], doubled + right[1], doubled + right[2]
        for p in range(n_rows):
            at = p * 2 * LANES
            vstore(panel, vset(a[at]) * vload(b + at))
            vstore(panel + LANES, vset(a1[at]) * vload(b1 + at))
            vstore(panel + 2 * LANES, vset(a2[at]) * vload(b2 + at))
            panel += 3 * LANES
        return
    for q in range(n_vectors):
        a = doubled + left[q]
        b = doubled + right[q]
        if rotated[q]:
            for p in range(n_rows):
                vstore(panel + q * LANES + p * stride, vload(a + p * 2 * LANES) * vload(b + p * 2 * LANES))
        else:
            for p in range(n_rows):
                vstore(panel + q * LANES + p * stride, vset(a[p * 2 * LANES]) * vload(b + p * 2 * LANES))


cdef void sum_products(
    const real *r, Py_ssize_t stride, const int *which, Py_ssize_t n_which, const real *rows, Py_ssize_t width,
    Py_ssize_t n_rows, const real *shift, Py_ssize_t n_features, const int *left, const int *right, const int *rotated,
    Py_ssize_t n_vectors, real *doubled, real *panel, double *out
) noexcept nogil:
    """out[k], n_vectors of products of features, += sum over the rows of r_k products for the listed components.

    The products are made once for all components: some rows and some vectors of them at a time, so that they stay in
    the first-level cache.  panel is scratch of (PRODUCT_ROWS, PRODUCT_VECS) vectors.
    """
    cdef Py_ssize_t begin, first, n, n_columns
    for begin from 0 <= begin < n_rows by PRODUCT_ROWS:
        n = min(PRODUCT_ROWS, n_rows - begin)
        double_rows(rows + begin * width, width, n, shift, n_features, doubled)
        for first from 0 <= first < n_vectors by PRODUCT_VECS:
            n_columns = min(PRODUCT_VECS, n_vectors - first)
            make_products(
                doubled, n, left + first, right + first, rotated + first, n_columns, panel)
            n_columns = n_columns * LANES
            product(
                r + begin, stride, which, n_which, panel, n_columns, n_columns, n, out + first * LANES,
                n_vectors * LANES)
