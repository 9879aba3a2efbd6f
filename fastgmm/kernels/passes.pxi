# The rows are walked over block by block: for scores, or for the fused pass of densities, responsibilities and sums,
# which ends with the sums in the caller's arrays.

cdef void score_rows(
    const Mixture *m, const real *rows, Py_ssize_t n_rows, int wanted, void *out, Block *block
) noexcept nogil:
    cdef Py_ssize_t begin, b, k
    cdef Py_ssize_t n_components = m.n_components
    cdef Py_ssize_t stride = block.stride
    cdef Py_ssize_t capacity = stride - LANES       # rows per block
    cdef real *result = <real *> out
    cdef real *row_out
    cdef real scale
    for begin from 0 <= begin < n_rows by capacity:
        load_block(m, rows + begin * m.n_features, min(capacity, n_rows - begin), block)
        if wanted == WEIGHTED_LOG_DENSITY or wanted == RESPONSIBILITIES:
            densities(m, block)
        else:
            mahalanobis(m, block.columns, stride, block.n_lanes, block.differences, block.whitened, block.distances)
        if wanted == LABELS:
            first_largest(m, block, <int64_t *> out + begin)
            continue
        if wanted == COMPONENT_LOG_DENSITY:
            for b in range(block.n_rows):
                row_out = result + (begin + b) * n_components
                for k in range(n_components):
                    row_out[k] = m.log_norms[k] + 2 * m.quarters[k] * block.distances[k * stride + b]
            continue
        normalize(
            n_components, m.half_background, stride, block.n_lanes, block.log_total, block.density, block.total,
            block.scale)
        if wanted == WEIGHTED_LOG_DENSITY:
            log_totals(block.n_lanes, block.log_total, block.total)
            memcpy(result + begin, block.log_total, block.n_rows * sizeof(real))
            continue
        for b in range(block.n_rows):
            row_out = result + (begin + b) * n_components
            scale = block.scale[b]
            for k in range(n_components):
                row_out[k] = block.density[k * stride + b] * block.density[k * stride + b] * scale


cdef inline void load_block(const Mixture *m, const real *rows, Py_ssize_t n_rows, Block *block) noexcept nogil:
    block.n_rows = n_rows
    block.n_lanes = LANES if n_rows <= LANES else round_up(n_rows, STRIP)
    transpose(rows, n_rows, m.origin, m.n_features, block.columns, block.stride, block.n_lanes)


cdef inline void densities(const Mixture *m, Block *block) noexcept nogil:
    """density = half of the log densities, log_total = the largest of each row."""
    if few(m):
        few_log_densities(m, block.columns, block.stride, block.n_lanes, block.density, block.log_total)
        return
    mahalanobis(m, block.columns, block.stride, block.n_lanes, block.differences, block.whitened, block.distances)
    half_log_densities(m, block.distances, block.stride, block.n_lanes, block.density, block.log_total)


cdef void first_largest(const Mixture *m, Block *block, int64_t *out) noexcept nogil:
    """out (n_rows,) = the component of the largest density, the first of equals; -1 where the background is larger."""
    cdef Py_ssize_t b, i, k
    cdef bint alone = m.half_background == LOWEST
    cdef vec density, top, label
    cdef ivec larger
    cdef real labels[LANES]
    for b from 0 <= b < block.n_rows by LANES:
        top = half_log_density(m, 0, block.distances + b)
        label = vset(0.0)
        if not alone:
            larger = vgreater(vset(m.half_background), top)
            label = vkeep(vset(-1.0), larger)
            top = vmax(vset(m.half_background), top)
        for k in range(1, m.n_components):
            density = half_log_density(m, k, block.distances + k * block.stride + b)
            larger = vgreater(density, top)
            label = vkeep(vset(<real> k), larger) + vkeep(label, ~larger)
            top = vmax(top, density)
        vstore(labels, label)
        for i in range(min(LANES, block.n_rows - b)):
            out[b + i] = <int64_t> labels[i]


cdef double sum_rows(
    const Mixture *m, const real *rows, Py_ssize_t n_rows, const double *weight, const real *given,
    const uint64_t *allowed, Bounds *bounds, real *log_density, Scratch scratch
) noexcept nogil:
    """The fused pass: densities, responsibilities and sums of each block while it is in the cache.

    weight, given, allowed, bounds and log_density (out) may be NULL.
    """
    cdef Block *block = &scratch.block
    cdef Py_ssize_t begin
    cdef double log_likelihood = 0.0
    # The products of a component are zeroed with its first dense block: clear clusters have none.
    memset(
        block.sums.component_weight, 0,
        scratch.sums_size - m.n_components * block.sums.n_products * LANES * sizeof(double))
    block.n_live = 0
    for begin from 0 <= begin < n_rows by scratch.capacity:
        load_block(m, rows + begin * m.n_features, min(scratch.capacity, n_rows - begin), block)
        if given == NULL:
            if bounds == NULL:
                densities(m, block)
            else:
                bounded_distances(m, block, bounds, begin)
                half_log_densities(m, block.distances, block.stride, block.n_lanes, block.density, block.log_total)
            if allowed != NULL:
                forbid(m, allowed + begin * words_of(m.n_components), block)
            normalize(
                m.n_components, m.half_background, block.stride, block.n_lanes, block.log_total, block.density,
                block.total, block.scale)
            if weight == NULL:
                log_likelihood += block_log_likelihood(block)
            if weight != NULL or log_density != NULL:
                log_totals(block.n_lanes, block.log_total, block.total)
            if weight != NULL:
                log_likelihood += weighted_log_likelihood(block.log_total, block.n_rows, weight + begin)
            if log_density != NULL:
                memcpy(log_density + begin, block.log_total, block.n_rows * sizeof(real))
        else:
            take_responsibilities(m, given + begin * m.n_components, block)
        weigh(m, weight + begin if weight != NULL else NULL, block)
        arrange_rows(m, rows + begin * m.n_features, block)
        accumulate(m, block)
    if few_sums(m):
        add_lanes(m, &block.sums)
    return log_likelihood


cdef inline Py_ssize_t words_of(Py_ssize_t n_components) noexcept nogil:
    """The number of words with a bit for each component."""
    return (n_components + 63) // 64


cdef void forbid(const Mixture *m, const uint64_t *allowed, Block *block) noexcept nogil:
    """density = -inf where the bit of a component is not set, log_total = the largest of those that are left.

    allowed (n_rows, words): component k has bit k % 64 of word k // 64.
    """
    cdef Py_ssize_t n_words = words_of(m.n_components)
    cdef Py_ssize_t k, b
    cdef uint64_t bit
    cdef const uint64_t *words
    cdef real *density
    cdef real *top = block.log_total
    for b in range(block.n_rows):
        top[b] = -INFINITY
    for k in range(m.n_components):
        bit, words, density = (<uint64_t> 1) << (k & 63), allowed + (k >> 6), block.density + k * block.stride
        if n_words == 1:        # a stride that the compiler knows lets it use vectors
            for b in range(block.n_rows):
                density[b] = density[b] if words[b] & bit else <real> -INFINITY
        else:
            for b in range(block.n_rows):
                density[b] = density[b] if words[b * n_words] & bit else <real> -INFINITY
        for b in range(block.n_rows):
            top[b] = density[b] if density[b] > top[b] else top[b]


cdef void take_responsibilities(const Mixture *m, const real *given, Block *block) noexcept nogil:
    """Given responsibilities in the place of computed ones: e = their root, total = 1."""
    cdef Py_ssize_t b, k
    if m.shape == SPHERICAL or m.shape == LOW_RANK:
        mahalanobis(m, block.columns, block.stride, block.n_lanes, block.differences, block.whitened, block.distances)
    for k in range(m.n_components):
        for b in range(block.n_rows):
            block.density[k * block.stride + b] = REAL_SQRT(given[b * m.n_components + k])
        for b in range(block.n_rows, block.n_lanes):
            block.density[k * block.stride + b] = 0
    for b in range(block.n_rows):
        block.scale[b] = 1


cdef void weigh(const Mixture *m, const double *weight, Block *block) noexcept nogil:
    """scale: 1 / total -> weight / total, zero past the last row; density: e -> r, which `few_moments` does itself."""
    cdef Py_ssize_t b, k
    cdef Py_ssize_t n = block.n_lanes
    cdef real *density
    cdef real *scale = block.scale
    cdef vec e
    for b in range(block.n_rows if weight != NULL else 0):
        scale[b] = <real> weight[b] * scale[b]
    for b in range(block.n_rows, n):
        scale[b] = 0
    for k in range(0 if few_sums(m) else m.n_components):
        density = block.density + k * block.stride
        for b from 0 <= b < n by LANES:
            e = vload(density + b)
            vstore(density + b, e * e * vload(scale + b))


cdef void arrange_rows(const Mixture *m, const real *rows, Block *block) noexcept nogil:
    """The rows row by row at the stride of whole vectors, where the M-step wants them so."""
    cdef Py_ssize_t b, j
    cdef Py_ssize_t width = m.width
    if about_shift(m):
        for b in range(block.n_rows):
            for j in range(m.n_features):
                block.rows[b * width + j] = rows[b * m.n_features + j] - m.shift[j]
        if m.shape == DIAG:
            for b in range(block.n_rows * width):
                # The square is at most the largest number, since 0, the weight of a row, times inf would be NaN.
                block.squares[b] = min(block.rows[b] * block.rows[b], -LOWEST)
    elif m.shape == LOW_RANK:
        arrange_panels(m, rows, block)
    elif by_rows(m) or by_products(m) or (m.shape == DIAG and not few(m)):
        for b in range(block.n_rows):
            memcpy(block.rows + b * width, rows + b * m.n_features, m.n_features * sizeof(real))


cdef double block_log_likelihood(const Block *block) noexcept nogil:
    """The sum of the log densities, from the largest of each row and the totals.

    A logarithm of a product stands for eight: each of the totals is between 1 and the number of components.
    """
    cdef Py_ssize_t b, end
    cdef Py_ssize_t n_whole = block.n_rows // LANES * LANES
    cdef double sums[LANES]
    cdef real rest[LANES]
    cdef double log_likelihood = 0.0
    cdef vec product_of_totals, tops
    memset(sums, 0, sizeof(sums))
    b = 0
    while b < n_whole:
        end = min(b + 8 * LANES, n_whole)
        tops = vset(0.0)
        product_of_totals = vset(1.0)
        while b < end:
            tops = tops + vload(block.log_total + b) * vset(2.0)    # -inf where all densities underflow
            product_of_totals = product_of_totals * vload(block.total + b)
            b += LANES
        vadd(sums, tops + log_positive(product_of_totals))
    for b in range(LANES):
        log_likelihood += sums[b]
    if n_whole < block.n_rows:
        vstore(rest, vload(block.log_total + n_whole) * vset(2.0) + log_positive(vload(block.total + n_whole)))
        for b in range(block.n_rows - n_whole):
            log_likelihood += rest[b]
    return log_likelihood


cdef double weighted_log_likelihood(const real *log_total, Py_ssize_t n_rows, const double *weight) noexcept nogil:
    cdef Py_ssize_t b
    cdef double total = 0.0
    for b in range(n_rows):
        if weight[b] > 0:                    # the log density of a row of no weight may be -inf
            total += weight[b] * log_total[b]
    return total


cdef void move_products(const Mixture *m, Sums *sums) noexcept nogil:
    """Add the sums by products, moved from the shift to the references, to the others."""
    cdef Py_ssize_t k, i, j, lane, end
    cdef Py_ssize_t n = m.n_features
    cdef const double *pairs
    cdef const double *middle
    cdef const real *mean
    cdef double *second
    cdef double d, moved
    for k in range(m.n_components):
        if sums.dense_weight[k] == 0:
            continue
        pairs = sums.products + k * sums.n_products * LANES
        middle = pairs + features_begin(n) * LANES
        mean = m.means + k * m.width
        sums.component_weight[k] += sums.dense_weight[k]
        for i in range(n):
            d = <double> mean[i] - <double> m.shift[i]
            moved = middle[i] - sums.dense_weight[k] * d
            sums.first[k * m.width + i] += moved
            second = sums.second + k * sums.second_size + (lower_row(i) if by_rows(m) else triangle(i, 0) * LANES)
            for j in range(i + 1):
                second[0] += (
                    pairs[pair_position(i, j, n)] - d * middle[j] - (<double> mean[j] - <double> m.shift[j]) * moved)
                second += 1 if by_rows(m) else LANES


cdef void unpack_first(const Mixture *m, const Sums *sums, double *out) noexcept nogil:
    """out += first moments at the stride n_features, moved from the shift to the references."""
    cdef Py_ssize_t k, j
    cdef double weight
    for k in range(m.n_components):
        weight = sums.component_weight[k] if about_shift(m) else 0.0
        for j in range(m.n_features):
            out[k * m.n_features + j] += sums.first[k * m.width + j] - weight * m.centered_means[k * m.width + j]


cdef void unpack_second(const Mixture *m, Sums *sums, double *out) noexcept nogil:
    """out += second moments in the shapes of the covariances, about the references."""
    cdef Py_ssize_t k, j
    cdef Py_ssize_t n_features = m.n_features
    cdef double mean, square
    if m.shape == SPHERICAL:
        for k in range(m.n_components):
            out[k] += sums.second[k]
    elif m.shape == LOW_RANK:
        unpack_low_rank(m, sums, out)
    elif m.shape == DIAG:
        for k in range(m.n_components):
            for j in range(n_features):
                if few(m):
                    out[k * n_features + j] += sum_of_lanes(sums.second + (k * n_features + j) * LANES)
                    continue
                square = sums.second[k * m.width + j]
                if about_shift(m):
                    mean = m.centered_means[k * m.width + j]
                    square += mean * (mean * sums.component_weight[k] - 2.0 * sums.first[k * m.width + j])
                out[k * n_features + j] += square
    else:
        if pooled(m):
            add_overlaps(m, sums)
        for k in range(m.n_components if m.shape == FULL else 1):
            unpack_matrix(m, sums, k, out + k * n_features * n_features)


cdef void unpack_matrix(const Mixture *m, const Sums *sums, Py_ssize_t k, double *out) noexcept nogil:
    """out += FULL, TIED: second moments of one component, once overlaps have been added."""
    cdef const double *second = sums.second + k * sums.second_size
    if by_rows(m):
        mirror(second, m.n_features, out)
    else:
        sum_lanes(second, m.n_features, out)


cdef void mirror(const double *lower, Py_ssize_t n, double *out) noexcept nogil:
    """out += the symmetric matrix of a lower triangle; columns of eight at a time: eight lines are written at once."""
    cdef Py_ssize_t i, j, first
    cdef const double *row
    for first from 0 <= first < n by 8:
        for i in range(first, n):
            row = lower + lower_row(i)
            for j in range(first, min(first + 8, i)):
                out[i * n + j] += row[j]
                out[j * n + i] += row[j]
            if i < first + 8:
                out[i * n + i] += row[i]


cdef void sum_lanes(const double *lower, Py_ssize_t n, double *out) noexcept nogil:
    """out += the symmetric matrix of the sums of a lower triangle of vectors."""
    cdef Py_ssize_t i, j, v
    cdef double total
    for i in range(n):
        for j in range(i + 1):
            total = 0.0
            for v in range(LANES):
                total += lower[triangle(i, j) * LANES + v]
            out[i * n + j] += total
            if j < i:
                out[j * n + i] += total


cdef void add_overlaps(const Mixture *m, Sums *sums) noexcept nogil:
    """second += 1/2 sum_kl overlap_kl (m_k - m_l)(m_k - m_l)^T, see sum_pooled."""
    cdef Py_ssize_t k, other, i, j, v
    cdef Py_ssize_t n = m.n_features
    cdef const real *a
    cdef const real *b
    cdef double weight, left
    for k in range(m.n_components):
        a = m.centered_means + k * m.width
        for other in range(k):
            b = m.centered_means + other * m.width
            weight = 0.0
            for v in range(LANES):
                weight += sums.overlap[triangle(k, other) * LANES + v]
            if weight == 0:
                continue
            for i in range(n):
                left = weight * (<double> a[i] - <double> b[i])
                for j in range(i + 1):
                    sums.second[triangle(i, j) * LANES] += left * (<double> a[j] - <double> b[j])
