# E-step of one block: rows in the lanes.  The block is transposed once, column j at columns + j * stride, and serves all components.

cdef struct Mixture:
    int shape                   # FULL, TIED, DIAG or SPHERICAL
    Py_ssize_t n_components
    Py_ssize_t n_features
    Py_ssize_t width            # n_features rounded up to LANES and TILE_ROWS: the stride of the means
    Py_ssize_t padded           # n_features rounded up to TILE_ROWS; the padding comes first
    real *means                 # n_components x width
    real *shift                 # width: the middle of the means
    real *centered_means        # n_components x width: means minus the shift
    bint near                   # DIAG, TIED: no mean is more than NEAR deviations from the shift
    real *factors               # FULL, TIED: packed L^-1, see pack_factor; DIAG: n_components x width; SPHERICAL: n_components
    Py_ssize_t factor_size      # numbers per packed factor
    real *inverses              # FULL with n_features <= FEW_FEATURES: L^-1 row by row, n_components x FEW_FEATURES^2
    real *whitened_means        # TIED: n_components x padded, L^-1 (mean - shift)
    real *log_norms             # - log det L - D/2 log 2 pi
    real *log_scales            # log weight + log_norm


cdef void transpose(
    const real *rows, Py_ssize_t n_rows, Py_ssize_t n_features, real *columns, Py_ssize_t stride
) noexcept nogil:
    """rows (n_rows, n_features), in -> columns, out; lanes up to a multiple of STRIP repeat the last row."""
    cdef Py_ssize_t i, j
    cdef Py_ssize_t end = (n_rows + STRIP - 1) // STRIP * STRIP
    for i in range(n_rows):
        for j in range(n_features):
            columns[j * stride + i] = rows[i * n_features + j]
    for j in range(n_features):
        for i in range(n_rows, end):
            columns[j * stride + i] = columns[j * stride + n_rows - 1]


cdef void subtract_strip(
    const real *columns, Py_ssize_t stride, const real *mean, Py_ssize_t n_features, real *out
) noexcept nogil:
    """out (n_features, STRIP) = one strip of the columns minus the mean."""
    cdef Py_ssize_t j, v
    cdef vec m
    for j in range(n_features):
        m = vset(mean[j])
        for v in range(TILE_VECS):
            vstore(out + (j * TILE_VECS + v) * LANES, vload(columns + j * stride + v * LANES) - m)


cdef inline void whiten_tile(
    const real *differences, const real *packed, Py_ssize_t first, vec acc[TILE_ROWS][TILE_VECS]
) noexcept nogil:
    """acc = TILE_ROWS rows of L^-1 times a strip; `first` is the index of the first of these rows."""
    cdef Py_ssize_t j, i, v
    cdef vec x[TILE_VECS]
    cdef vec coefficient
    for i in range(TILE_ROWS):
        for v in range(TILE_VECS):
            acc[i][v] = vset(0.0)
    for j in range(first):
        for v in range(TILE_VECS):
            x[v] = vload(differences + (j * TILE_VECS + v) * LANES)
        for i in range(TILE_ROWS):
            coefficient = vset(packed[j * TILE_ROWS + i])
            for v in range(TILE_VECS):
                acc[i][v] = acc[i][v] + coefficient * x[v]
    packed += first * TILE_ROWS
    differences += first * STRIP
    for j in range(TILE_ROWS):
        for v in range(TILE_VECS):
            x[v] = vload(differences + (j * TILE_VECS + v) * LANES)
        for i in range(TILE_ROWS):
            if i >= j:
                coefficient = vset(packed[j * TILE_ROWS + i])
                for v in range(TILE_VECS):
                    acc[i][v] = acc[i][v] + coefficient * x[v]


cdef void whiten_squared(const real *differences, const real *packed, Py_ssize_t padded, real *out) noexcept nogil:
    """out (STRIP,) = |L^-1 d|^2 of the strip of differences (padded, STRIP)."""
    cdef Py_ssize_t first, i, v
    cdef vec acc[TILE_ROWS][TILE_VECS]
    cdef vec total[TILE_VECS]
    for v in range(TILE_VECS):
        total[v] = vset(0.0)
    for first from 0 <= first < padded by TILE_ROWS:
        whiten_tile(differences, packed, first, acc)
        packed += (first + TILE_ROWS) * TILE_ROWS
        for i in range(TILE_ROWS):
            for v in range(TILE_VECS):
                total[v] = total[v] + acc[i][v] * acc[i][v]
    for v in range(TILE_VECS):
        vstore(out + v * LANES, total[v])


cdef void whiten(const real *differences, const real *packed, Py_ssize_t padded, real *out) noexcept nogil:
    """out (padded, STRIP) = L^-1 d of the strip of differences (padded, STRIP)."""
    cdef Py_ssize_t first, i, v
    cdef vec acc[TILE_ROWS][TILE_VECS]
    for first from 0 <= first < padded by TILE_ROWS:
        whiten_tile(differences, packed, first, acc)
        packed += (first + TILE_ROWS) * TILE_ROWS
        for i in range(TILE_ROWS):
            for v in range(TILE_VECS):
                vstore(out + ((first + i) * TILE_VECS + v) * LANES, acc[i][v])


cdef inline void distance_tile(
    const real *columns, Py_ssize_t stride, const real *means, const real *scales, Py_ssize_t width, Py_ssize_t n_features,
    const int count, const bint scaled, real *out, Py_ssize_t out_stride
) noexcept nogil:
    """out[i] (STRIP,) = sum of squared (scaled) differences to `count` <= TILE_ROWS means, a strip at a time.

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
            x[v] = vload(columns + j * stride + v * LANES)
        for i in range(TILE_ROWS):
            if i < count:
                mean = vset(means[i * width + j])
                scale = vset(scales[i * width + j]) if scaled else mean
                for v in range(TILE_VECS):
                    difference = x[v] - mean
                    if scaled:
                        difference = difference * scale
                    acc[i][v] = acc[i][v] + difference * difference
    for i in range(TILE_ROWS):
        if i < count:
            for v in range(TILE_VECS):
                vstore(out + i * out_stride + v * LANES, acc[i][v])


cdef void squared_distances(
    const real *columns, Py_ssize_t stride, const real *means, Py_ssize_t width, Py_ssize_t n_components,
    Py_ssize_t n_features, real *out, Py_ssize_t out_stride
) noexcept nogil:
    """out (n_components, out_stride), one strip of it = squared Euclidean distances to the means (n_components, width)."""
    cdef Py_ssize_t k = 0
    while k + TILE_ROWS <= n_components:
        distance_tile(
            columns, stride, means + k * width, means, width, n_features, TILE_ROWS, False, out + k * out_stride, out_stride)
        k += TILE_ROWS
    while k < n_components:
        distance_tile(
            columns, stride, means + k * width, means, width, n_features, 1, False, out + k * out_stride, out_stride)
        k += 1


cdef void scaled_distances(
    const real *columns, Py_ssize_t stride, const real *means, const real *scales, Py_ssize_t width,
    Py_ssize_t n_components, Py_ssize_t n_features, real *out, Py_ssize_t out_stride
) noexcept nogil:
    """As squared_distances, each difference times its component's scale (n_components, width)."""
    cdef Py_ssize_t k = 0
    while k + TILE_ROWS <= n_components:
        distance_tile(
            columns, stride, means + k * width, scales + k * width, width, n_features, TILE_ROWS, True, out + k * out_stride,
            out_stride)
        k += TILE_ROWS
    while k < n_components:
        distance_tile(
            columns, stride, means + k * width, scales + k * width, width, n_features, 1, True, out + k * out_stride,
            out_stride)
        k += 1


cdef inline void few_features(
    const Mixture *mixture, const real *columns, Py_ssize_t stride, Py_ssize_t n_strips, const int n_features, real *out
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
        for b from 0 <= b < n_strips * STRIP by LANES:
            total = vset(0.0)
            for i in range(FEW_FEATURES):
                if i < n_features:
                    d[i] = vload(columns + i * stride + b) - vset(mean[i])
                    whitened = vset(inverse[i * FEW_FEATURES]) * d[0]
                    for j in range(1, FEW_FEATURES):
                        if j <= i:
                            whitened = whitened + vset(inverse[i * FEW_FEATURES + j]) * d[j]
                    total = total + whitened * whitened
            vstore(out + k * stride + b, total)


cdef void mahalanobis(
    const Mixture *mixture, const real *columns, Py_ssize_t stride, Py_ssize_t n_strips, real *differences, real *whitened,
    real *out
) noexcept nogil:
    """out (n_components, stride) = squared Mahalanobis distances (SPHERICAL: squared Euclidean distances).

    `differences` and `whitened` are scratch of (padded, STRIP); the padding rows of `differences` hold zeros.
    """
    cdef Py_ssize_t k, s
    cdef Py_ssize_t n_features = mixture.n_features
    cdef const real *factor
    cdef real *body = differences + (mixture.padded - n_features) * STRIP
    if mixture.shape == FULL and n_features <= FEW_FEATURES:
        if n_features == 1:
            few_features(mixture, columns, stride, n_strips, 1, out)
        elif n_features == 2:
            few_features(mixture, columns, stride, n_strips, 2, out)
        elif n_features == 3:
            few_features(mixture, columns, stride, n_strips, 3, out)
        else:
            few_features(mixture, columns, stride, n_strips, 4, out)
        return
    if mixture.shape == FULL or (mixture.shape == TIED and not mixture.near):
        for k in range(mixture.n_components):
            factor = mixture.factors + (k * mixture.factor_size if mixture.shape == FULL else 0)
            for s in range(n_strips):
                subtract_strip(columns + s * STRIP, stride, mixture.means + k * mixture.width, n_features, body)
                whiten_squared(differences, factor, mixture.padded, out + k * stride + s * STRIP)
        return
    for s in range(n_strips):
        if mixture.shape == TIED:
            subtract_strip(columns + s * STRIP, stride, mixture.shift, n_features, body)
            whiten(differences, mixture.factors, mixture.padded, whitened)
            squared_distances(
                whitened, STRIP, mixture.whitened_means, mixture.padded, mixture.n_components, mixture.padded,
                out + s * STRIP, stride)
        elif mixture.shape == DIAG:
            scaled_distances(
                columns + s * STRIP, stride, mixture.means, mixture.factors, mixture.width, mixture.n_components, n_features,
                out + s * STRIP, stride)
        else:
            squared_distances(
                columns + s * STRIP, stride, mixture.means, mixture.width, mixture.n_components, n_features,
                out + s * STRIP, stride)


cdef void log_densities(
    const Mixture *mixture, const real *log_scales, const real *columns, Py_ssize_t stride, Py_ssize_t n_strips,
    real *differences, real *whitened, real *distances, real *out
) noexcept nogil:
    """out (n_components, stride) = log_scale_k - half the squared Mahalanobis distance, in nats.

    `distances` receives what mahalanobis gives; it may be `out`.
    """
    cdef Py_ssize_t k, b
    cdef vec scale, half
    mahalanobis(mixture, columns, stride, n_strips, differences, whitened, distances)
    for k in range(mixture.n_components):
        scale = vset(log_scales[k])
        half = vset(-0.5)
        if mixture.shape == SPHERICAL:
            half = vset(-0.5 * mixture.factors[k] * mixture.factors[k])
        for b from 0 <= b < n_strips * STRIP by LANES:
            # LOWEST instead of -inf: where all densities underflow, -inf - -inf would be NaN
            vstore(out + k * stride + b, vmax(vset(LOWEST), scale + half * vload(distances + k * stride + b)))


cdef void normalize(
    real *log_density, Py_ssize_t n_components, Py_ssize_t stride, Py_ssize_t n_strips, real *log_total, real *total
) noexcept nogil:
    """In: log densities (n_components, stride).  Out: in their place e = exp((l - max l) / 2), per row
    total = sum of e^2 and log_total = max l + log total.

    Half the exponent, because the M-step wants the root of the responsibility, e / sqrt(total): a scatter
    matrix is then the product of one panel with itself.
    """
    cdef Py_ssize_t k, b
    cdef vec top, sum_of_squares, e
    for b from 0 <= b < n_strips * STRIP by LANES:
        top = vload(log_density + b)
        for k in range(1, n_components):
            top = vmax(top, vload(log_density + k * stride + b))
        sum_of_squares = vset(0.0)
        for k in range(n_components):
            e = exp_nonpositive((vload(log_density + k * stride + b) - top) * vset(0.5))
            vstore(log_density + k * stride + b, e)
            sum_of_squares = sum_of_squares + e * e
        vstore(total + b, sum_of_squares)
        vstore(log_total + b, top * vset(2.0) * vset(0.5) + log_positive(sum_of_squares))   # LOWEST becomes -inf
