# The E-step of one block has the rows in the lanes.  The block is transposed once, with column j at
# columns + j * stride, and serves all components.

cdef inline bint about_origin(const Mixture *m) noexcept nogil:
    """The columns are about the shift, so that whitening a row and subtracting the whitened mean are one operation."""
    return m.shape == FULL and m.near and m.n_features > FEW_FEATURES


# A strip is n_vecs vectors of rows: TILE_VECS, or 1 for a block of so few rows.  `n_vecs` is a constant wherever it is
# an argument.

cdef inline void subtract_strip(
    const real *columns, Py_ssize_t stride, const real *mean, Py_ssize_t n_features, const int n_vecs, real *out
) noexcept nogil:
    """out (n_features, strip) = one strip of the columns minus the mean."""
    cdef Py_ssize_t j, v
    cdef vec m
    for j in range(n_features):
        m = vset(mean[j])
        for v in range(TILE_VECS):
            if v < n_vecs:
                vstore(out + (j * n_vecs + v) * LANES, vload(columns + j * stride + v * LANES) - m)


cdef inline void whiten_tile(
    const real *x0, Py_ssize_t stride, const real *packed, Py_ssize_t first, const real *bias, const int n_vecs,
    vec acc[TILE_ROWS][TILE_VECS]
) noexcept nogil:
    """acc = TILE_ROWS rows of L^-1 times a strip (padded, stride), minus the bias of these rows (NULL: none).

    `first` is the index of the first of these rows.
    """
    cdef Py_ssize_t j, i, v
    cdef vec x[TILE_VECS]
    cdef vec coefficient
    for i in range(TILE_ROWS):
        coefficient = vset(-bias[first + i] if bias != NULL else 0.0)
        for v in range(TILE_VECS):
            acc[i][v] = coefficient
    for j in range(first):
        for v in range(TILE_VECS):
            if v < n_vecs:
                x[v] = vload(x0 + j * stride + v * LANES)
        for i in range(TILE_ROWS):
            coefficient = vset(packed[j * TILE_ROWS + i])
            for v in range(TILE_VECS):
                if v < n_vecs:
                    acc[i][v] = acc[i][v] + coefficient * x[v]
    packed += first * TILE_ROWS
    x0 += first * stride
    for j in range(TILE_ROWS):
        for v in range(TILE_VECS):
            if v < n_vecs:
                x[v] = vload(x0 + j * stride + v * LANES)
        for i in range(TILE_ROWS):
            if i >= j:
                coefficient = vset(packed[j * TILE_ROWS + i])
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        acc[i][v] = acc[i][v] + coefficient * x[v]


cdef inline void whiten_squared(
    const real *x, Py_ssize_t stride, const real *packed, Py_ssize_t padded, const real *bias, const int n_vecs,
    real *out
) noexcept nogil:
    """out (strip,) = |L^-1 x - bias|^2 of a strip (padded, stride) of x; bias (padded,) or NULL."""
    cdef Py_ssize_t first, i, v
    cdef vec acc[TILE_ROWS][TILE_VECS]
    cdef vec total[TILE_VECS]
    for v in range(TILE_VECS):
        total[v] = vset(0.0)
    for first from 0 <= first < padded by TILE_ROWS:
        whiten_tile(x, stride, packed, first, bias, n_vecs, acc)
        packed += (first + TILE_ROWS) * TILE_ROWS
        for i in range(TILE_ROWS):
            for v in range(TILE_VECS):
                if v < n_vecs:
                    total[v] = total[v] + acc[i][v] * acc[i][v]
    for v in range(TILE_VECS):
        if v < n_vecs:
            vstore(out + v * LANES, total[v])


cdef inline void whiten(
    const real *differences, const real *packed, Py_ssize_t padded, const int n_vecs, real *out
) noexcept nogil:
    """out (padded, strip) = L^-1 d of the strip of differences (padded, strip)."""
    cdef Py_ssize_t first, i, v
    cdef vec acc[TILE_ROWS][TILE_VECS]
    for first from 0 <= first < padded by TILE_ROWS:
        whiten_tile(differences, n_vecs * LANES, packed, first, NULL, n_vecs, acc)
        packed += (first + TILE_ROWS) * TILE_ROWS
        for i in range(TILE_ROWS):
            for v in range(TILE_VECS):
                if v < n_vecs:
                    vstore(out + ((first + i) * n_vecs + v) * LANES, acc[i][v])


cdef inline void distance_tile(
    const real *columns, Py_ssize_t stride, const real *means, const real *scales, Py_ssize_t width,
    Py_ssize_t n_features, const int count, const bint scaled, const int n_vecs, real *out, Py_ssize_t out_stride
) noexcept nogil:
    """out[i] (strip,) = sum of squared (scaled) differences to `count` <= TILE_ROWS means, a strip at a time.

    `count` and `scaled` are constants where this is called, so that the accumulators stay in registers.
    """
    cdef Py_ssize_t i, j, v
    cdef vec acc[TILE_ROWS][TILE_VECS]
    cdef vec x[TILE_VECS]
    cdef vec mean, scale, difference
    for i in range(TILE_ROWS):
        for v in range(TILE_VECS):
            acc[i][v] = vset(0.0)
    for j in range(n_features):
        for v in range(TILE_VECS):
            if v < n_vecs:
                x[v] = vload(columns + j * stride + v * LANES)
        for i in range(TILE_ROWS):
            if i < count:
                mean = vset(means[i * width + j])
                scale = vset(scales[i * width + j]) if scaled else mean
                for v in range(TILE_VECS):
                    if v < n_vecs:
                        difference = x[v] - mean
                        if scaled:
                            difference = difference * scale
                        acc[i][v] = acc[i][v] + difference * difference
    for i in range(TILE_ROWS):
        if i < count:
            for v in range(TILE_VECS):
                if v < n_vecs:
                    vstore(out + i * out_stride + v * LANES, acc[i][v])


cdef inline void squared_distances(
    const real *columns, Py_ssize_t stride, const real *means, const real *scales, Py_ssize_t width,
    Py_ssize_t n_components, Py_ssize_t n_features, const bint scaled, const int n_vecs, real *out,
    Py_ssize_t out_stride
) noexcept nogil:
    """out (n_components, out_stride), one strip of it = squared distances to the means (n_components, width), each
    difference times its component's scale (n_components, width) if `scaled`."""
    cdef Py_ssize_t k = 0
    while k + TILE_ROWS <= n_components:
        distance_tile(
            columns, stride, means + k * width, scales + k * width, width, n_features, TILE_ROWS, scaled, n_vecs,
            out + k * out_stride, out_stride)
        k += TILE_ROWS
    while k < n_components:
        distance_tile(
            columns, stride, means + k * width, scales + k * width, width, n_features, 1, scaled, n_vecs,
            out + k * out_stride, out_stride)
        k += 1


cdef inline void few_features(
    const Mixture *mixture, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_features, real *out
) noexcept nogil:
    """mahalanobis of FULL for a constant n_features <= FEW_FEATURES: a row's differences never leave the registers."""
    cdef Py_ssize_t k, b, i, j
    cdef vec d[FEW_FEATURES]
    cdef vec whitened, total
    cdef const real *mean
    cdef const real *inverse
    for k in range(mixture.n_components):
        mean = mixture.means + k * mixture.width
        inverse = mixture.inverses + k * FEW_FEATURES * FEW_FEATURES
        for b from 0 <= b < n_lanes by LANES:
            total = vset(0.0)
            for i in range(FEW_FEATURES):
                if i < n_features:
                    d[i] = vload(columns + i * stride + b) - vset(mean[i])
                    whitened = vset(inverse[i * FEW_FEATURES]) * d[0]
                    for j in range(1, FEW_FEATURES):
                        if j <= i:
                            whitened = whitened + vset(inverse[i * FEW_FEATURES + j]) * d[j]
                    total = total + whitened * whitened
            vstore(out + k * stride + b, total * vset(4.0))     # of halves of L^-1


cdef inline void component_strips(
    const Mixture *mixture, Py_ssize_t k, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_vecs,
    real *differences, real *out
) noexcept nogil:
    """FULL, TIED: out (n_lanes,) = the squared Mahalanobis distances to component k, strip by strip."""
    cdef Py_ssize_t b
    cdef Py_ssize_t n_features = mixture.n_features
    cdef const real *factor = mixture.factors + (k * mixture.factor_size if mixture.shape == FULL else 0)
    # The body stands where it does for full strips.  This width needs fewer of the zeros before it.
    cdef Py_ssize_t n_padding = mixture.padded - n_features
    cdef real *body = differences + n_padding * STRIP
    if about_origin(mixture):
        columns -= n_padding * stride
        for b from 0 <= b < n_lanes by n_vecs * LANES:
            whiten_squared(
                columns + b, stride, factor, mixture.padded, mixture.whitened_means + k * mixture.padded, n_vecs,
                out + b)
        return
    for b from 0 <= b < n_lanes by n_vecs * LANES:
        subtract_strip(columns + b, stride, mixture.means + k * mixture.width, n_features, n_vecs, body)
        whiten_squared(
            body - n_padding * n_vecs * LANES, n_vecs * LANES, factor, mixture.padded, NULL, n_vecs, out + b)


cdef void component_distances(
    const Mixture *mixture, Py_ssize_t k, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, real *differences,
    real *out
) noexcept nogil:
    """component_strips for n_lanes a multiple of STRIP, or LANES."""
    if n_lanes == LANES:
        component_strips(mixture, k, columns, stride, n_lanes, 1, differences, out)
    else:
        component_strips(mixture, k, columns, stride, n_lanes, TILE_VECS, differences, out)


cdef inline void mahalanobis_strips(
    const Mixture *mixture, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, const int n_vecs,
    real *differences, real *whitened, real *out
) noexcept nogil:
    """mahalanobis of TIED with means near each other, DIAG and SPHERICAL: all components of a strip at once."""
    cdef Py_ssize_t b
    cdef Py_ssize_t n_features = mixture.n_features
    cdef Py_ssize_t n_padding = mixture.padded - n_features
    cdef real *body = differences + n_padding * STRIP
    differences = body - n_padding * n_vecs * LANES
    for b from 0 <= b < n_lanes by n_vecs * LANES:
        if mixture.shape == TIED:
            subtract_strip(columns + b, stride, mixture.shift, n_features, n_vecs, body)
            whiten(differences, mixture.factors, mixture.padded, n_vecs, whitened)
            squared_distances(
                whitened, n_vecs * LANES, mixture.whitened_means, mixture.whitened_means, mixture.padded,
                mixture.n_components, mixture.padded, False, n_vecs, out + b, stride)
        elif mixture.shape == DIAG:
            squared_distances(
                columns + b, stride, mixture.means, mixture.factors, mixture.width, mixture.n_components, n_features,
                True, n_vecs, out + b, stride)
        else:
            squared_distances(
                columns + b, stride, mixture.means, mixture.means, mixture.width, mixture.n_components, n_features,
                False, n_vecs, out + b, stride)


cdef void mahalanobis(
    const Mixture *mixture, const real *columns, Py_ssize_t stride, Py_ssize_t n_lanes, real *differences,
    real *whitened, real *out
) noexcept nogil:
    """out (n_components, stride) = squared Mahalanobis distances (SPHERICAL: squared Euclidean distances).

    n_lanes is a multiple of STRIP, or LANES.  `differences` and `whitened` are scratch of (padded, STRIP); the padding
    rows of `differences` hold zeros.  In LOW_RANK `whitened` is an output: see low_rank_distances.
    """
    cdef Py_ssize_t k
    if mixture.shape == FULL and mixture.n_features <= FEW_FEATURES:
        if mixture.n_features == 1:
            few_features(mixture, columns, stride, n_lanes, 1, out)
        elif mixture.n_features == 2:
            few_features(mixture, columns, stride, n_lanes, 2, out)
        elif mixture.n_features == 3:
            few_features(mixture, columns, stride, n_lanes, 3, out)
        else:
            few_features(mixture, columns, stride, n_lanes, 4, out)
    elif mixture.shape == FULL or (mixture.shape == TIED and not mixture.near):
        for k in range(mixture.n_components):
            component_distances(mixture, k, columns, stride, n_lanes, differences, out + k * stride)
    elif mixture.shape == LOW_RANK:
        low_rank_distances(mixture, columns, stride, n_lanes, differences, whitened, out)
    elif n_lanes == LANES:
        mahalanobis_strips(mixture, columns, stride, n_lanes, 1, differences, whitened, out)
    else:
        mahalanobis_strips(mixture, columns, stride, n_lanes, TILE_VECS, differences, whitened, out)


cdef inline vec half_log_density(const Mixture *m, Py_ssize_t k, const real *distance) noexcept nogil:
    """Half of the log density at a vector of squared distances, in nats; LOWEST instead of -inf.

    Where all densities underflow, -inf - -inf would be NaN.
    """
    return vmax(vset(LOWEST), vset(m.half_scales[k]) + vset(m.quarters[k]) * vload(distance))


cdef void half_log_densities(
    const Mixture *m, const real *distances, Py_ssize_t stride, Py_ssize_t n_lanes, real *out, real *top
) noexcept nogil:
    """out (n_components, stride) = half of the log densities, top (n_lanes,) = the largest of each row.

    `out` may be `distances`, squared ones.
    """
    cdef Py_ssize_t k, b
    cdef vec largest, density
    for b from 0 <= b < n_lanes by LANES:
        largest = vset(m.half_background)
        for k in range(m.n_components):
            density = half_log_density(m, k, distances + k * stride + b)
            vstore(out + k * stride + b, density)
            largest = vmax(largest, density)
        vstore(top + b, largest)


cdef inline void normalize_all(
    Py_ssize_t n_components, real background, const bint alone, Py_ssize_t stride, Py_ssize_t n_lanes, const real *top,
    real *densities, real *total, real *scale
) noexcept nogil:
    """normalize; `alone`, a constant: there is no background."""
    cdef Py_ssize_t k, b
    cdef vec largest, sum_of_squares, e
    for b from 0 <= b < n_lanes by LANES:
        largest = vload(top + b)
        sum_of_squares = vset(0.0)
        if not alone:
            e = exp_nonpositive(vset(background) - largest)
            sum_of_squares = e * e
        for k in range(n_components):
            e = exp_nonpositive(vload(densities + k * stride + b) - largest)
            vstore(densities + k * stride + b, e)
            sum_of_squares = sum_of_squares + e * e
        vstore(total + b, sum_of_squares)
        vstore(scale + b, vset(1.0) / sum_of_squares)


cdef void normalize(
    Py_ssize_t n_components, real background, Py_ssize_t stride, Py_ssize_t n_lanes, const real *top, real *densities,
    real *total, real *scale
) noexcept nogil:
    """densities: half of a log density l -> e = exp((l - max l) / 2); the background is half of one, too, or LOWEST.

    Per row, total = the sum of e^2, that of the background included, and scale = 1 / total, whose division goes on
    beside the next exponentials.  Half the exponent keeps the range of the sums: what underflows in e is negligible in
    e^2.
    """
    cdef Py_ssize_t b
    if background > LOWEST:
        normalize_all(n_components, background, False, stride, n_lanes, top, densities, total, scale)
        return
    if n_components > 1:
        normalize_all(n_components, background, True, stride, n_lanes, top, densities, total, scale)
        return
    for b from 0 <= b < n_lanes by LANES:
        vstore(densities + b, vset(1.0))
        vstore(total + b, vset(1.0))
        vstore(scale + b, vset(1.0))


cdef inline void log_totals(Py_ssize_t n_lanes, real *top, const real *total) noexcept nogil:
    """top: half of the largest log density of a row -> the row's log density."""
    cdef Py_ssize_t b
    for b from 0 <= b < n_lanes by LANES:
        # Where all densities underflow, this is -inf: twice LOWEST.
        vstore(top + b, vload(top + b) * vset(2.0) + log_positive(vload(total + b)))
