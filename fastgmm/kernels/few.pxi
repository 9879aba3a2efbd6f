# Up to FEW_FEATURES all of a component fits in registers: one file for its densities and its sums.  No distance is
# stored between the columns and the log densities, and the sums stay in lanes until the pass ends.

cdef inline bint few(const Mixture *m) noexcept nogil:
    """All of a component fits in registers, densities and sums."""
    return m.n_features <= FEW_FEATURES and (m.shape == FULL or m.shape == DIAG)


cdef inline void few_strip(
    const Mixture *m, const real *columns, Py_ssize_t stride, const int n_features, const bint diagonal,
    const int n_vecs, real *out, real *top
) noexcept nogil:
    """half_log_densities of one strip; all but the pointers and the stride are constants."""
    cdef Py_ssize_t k, i, j, v
    cdef vec d[FEW_FEATURES][TILE_VECS]
    cdef vec total[TILE_VECS]
    cdef vec largest[TILE_VECS]
    cdef vec coefficient, whitened
    cdef const real *inverse
    for v in range(TILE_VECS):
        largest[v] = vset(m.half_background)
    for k in range(m.n_components):
        inverse = m.inverses + k * FEW_FEATURES * FEW_FEATURES
        for v in range(TILE_VECS):
            total[v] = vset(m.half_scales[k])
        for i in range(FEW_FEATURES):
            if i < n_features:
                coefficient = vset(m.means[k * m.width + i])
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        d[i][v] = vload(columns + i * stride + v * LANES) - coefficient
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        whitened = vset(inverse[i * FEW_FEATURES + i]) * d[i][v]
                        for j in range(FEW_FEATURES):
                            if j < i and not diagonal:
                                whitened = whitened + vset(inverse[i * FEW_FEATURES + j]) * d[j][v]
                        total[v] = total[v] - whitened * whitened
        for v in range(TILE_VECS):
            if v < n_vecs:
                total[v] = vmax(vset(LOWEST), total[v])
                largest[v] = vmax(largest[v], total[v])
                vstore(out + k * stride + v * LANES, total[v])
    for v in range(TILE_VECS):
        if v < n_vecs:
            vstore(top + v * LANES, largest[v])


cdef inline void few_strips(
    const Mixture *m, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_features,
    const bint diagonal, real *out, real *top
) noexcept nogil:
    cdef Py_ssize_t b
    if n_lanes == LANES:
        few_strip(m, columns, stride, n_features, diagonal, 1, out, top)
        return
    for b from 0 <= b < n_lanes by (FEW_VECS if n_features <= 2 else MORE_VECS) * LANES:
        few_strip(
            m, columns + b, stride, n_features, diagonal, FEW_VECS if n_features <= 2 else MORE_VECS, out + b, top + b)


cdef void few_log_densities(
    const Mixture *m, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, real *out, real *top
) noexcept nogil:
    """half_log_densities where `few`, from the columns: no distance is stored in between."""
    if m.n_features == 1:
        few_strips(m, columns, stride, n_lanes, 1, True, out, top)
    elif m.shape == DIAG and m.n_features == 2:
        few_strips(m, columns, stride, n_lanes, 2, True, out, top)
    elif m.shape == DIAG and m.n_features == 3:
        few_strips(m, columns, stride, n_lanes, 3, True, out, top)
    elif m.shape == DIAG:
        few_strips(m, columns, stride, n_lanes, 4, True, out, top)
    elif m.n_features == 2:
        few_strips(m, columns, stride, n_lanes, 2, False, out, top)
    elif m.n_features == 3:
        few_strips(m, columns, stride, n_lanes, 3, False, out, top)
    else:
        few_strips(m, columns, stride, n_lanes, 4, False, out, top)


cdef inline bint few_sums(const Mixture *m) noexcept nogil:
    """All sums of a component stay in registers over a block, and in lanes over a pass."""
    return m.n_features <= FEW_FEATURES and m.shape != SPHERICAL and m.shape != LOW_RANK


cdef inline Py_ssize_t triangle(Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    return i * (i + 1) // 2 + j


cdef inline void few_moments(
    const Block *block, const real *mean, const real *e, const int n_features, const bint diagonal, double *lanes,
    double *second
) noexcept nogil:
    """Add all sums of one component, with r = e^2 scale and a constant n_features.

    A vector each of r and of the first moments to `lanes`; second moments as in square_tile, DIAG: a vector each.
    """
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
    for b from 0 <= b < block.n_lanes by LANES:
        x = vload(e + b)
        x = x * x * vload(block.scale + b)
        total = total + x
        for i in range(FEW_FEATURES):
            if i < n_features:
                d[i] = vload(block.columns + i * block.stride + b) - vset(mean[i])
                w = x * d[i]
                sums[i] = sums[i] + w
                for j in range(FEW_FEATURES):
                    if j == i or (j < i and not diagonal):
                        products[i][j] = products[i][j] + w * d[j]
    vadd(lanes, total)
    for i in range(FEW_FEATURES):
        if i < n_features:
            vadd(lanes + (1 + i) * LANES, sums[i])
            for j in range(FEW_FEATURES):
                if j == i or (j < i and not diagonal):
                    vadd(second + (i if diagonal else triangle(i, j)) * LANES, products[i][j])


cdef void sum_few(const Mixture *m, Block *block) noexcept nogil:
    cdef Py_ssize_t k
    cdef double *lanes
    cdef double *second
    cdef const real *mean
    cdef const real *e
    for k in range(m.n_components):
        lanes = block.sums.lanes + k * (1 + m.n_features) * LANES
        second = block.sums.second + (0 if m.shape == TIED else k * block.sums.second_size)
        mean = m.means + k * m.width
        e = block.density + k * block.stride
        if m.n_features == 1:
            few_moments(block, mean, e, 1, True, lanes, second)
        elif m.shape == DIAG and m.n_features == 2:
            few_moments(block, mean, e, 2, True, lanes, second)
        elif m.shape == DIAG and m.n_features == 3:
            few_moments(block, mean, e, 3, True, lanes, second)
        elif m.shape == DIAG:
            few_moments(block, mean, e, 4, True, lanes, second)
        elif m.n_features == 2:
            few_moments(block, mean, e, 2, False, lanes, second)
        elif m.n_features == 3:
            few_moments(block, mean, e, 3, False, lanes, second)
        else:
            few_moments(block, mean, e, 4, False, lanes, second)


cdef double sum_of_lanes(const double *lanes) noexcept nogil:
    cdef Py_ssize_t v
    cdef double total = 0.0
    for v in range(LANES):
        total += lanes[v]
    return total


cdef void add_lanes(const Mixture *m, Sums *sums) noexcept nogil:
    """At the end of a pass of sum_few, add the lanes: of r, of the first moments, and of DIAG's second."""
    cdef Py_ssize_t k, j
    cdef const double *lanes = sums.lanes
    for k in range(m.n_components):
        sums.component_weight[k] += sum_of_lanes(lanes)
        lanes += LANES
        for j in range(m.n_features):
            sums.first[k * m.width + j] += sum_of_lanes(lanes)
            lanes += LANES
