# Bounds are carried from one pass to the next, for FULL only.  When L and mu become L' and mu', a Mahalanobis distance
# d becomes some d' with
#   smin(A) d - |L'^-1 (mu - mu')| <= d' <= smax(A) d + |L'^-1 (mu - mu')|,   A = L'^-1 L
# (triangle inequality).  One float32 per pair of row and component remembers d, or with a minus sign a number under it.
# A pair whose density can therefore not reach 2^-53 of the row's total is left out of the E-step; the rest are
# gathered.

cdef void lowest_totals(
    const Mixture *m, const Bounds *bounds, Py_ssize_t begin, Py_ssize_t n_rows, real *out
) noexcept nogil:
    """out = half the log density that the best of the components with a known distance has at least."""
    cdef Py_ssize_t b, k
    cdef vec d, lowest
    cdef ivec known
    for b from 0 <= b < n_rows by LANES:
        lowest = vset(m.half_background)
        for k in range(m.n_components):
            d = vload_float(bounds.carried + k * bounds.stride + begin + b)
            known = vgreater(d, vset(0.0))
            d = d * vset(<real> bounds.grow[k]) + vset(<real> bounds.moved[k])
            d = vset(m.half_scales[k]) + vset(m.quarters[k]) * d * d
            lowest = vmax(lowest, vkeep(d, known) + vkeep(vset(LOWEST), ~known))
        vstore(out + b, lowest)


cdef Py_ssize_t possible_rows(
    const Mixture *m, const Bounds *bounds, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows, const real *lowest,
    int *out
) noexcept nogil:
    """out = the rows that component k may have a share of; carried becomes minus the bound for the others."""
    cdef Py_ssize_t b
    cdef Py_ssize_t n_possible = 0
    cdef unsigned int set_lanes
    cdef vec d, least
    cdef ivec possible
    cdef float *carried = bounds.carried + k * bounds.stride + begin
    for b from 0 <= b < n_rows by LANES:
        d = vload_float(carried + b)
        least = vmax(d, -d) * vset(<real> bounds.shrink[k]) - vset(<real> bounds.moved[k])
        least = vmax(vset(0.0), least)
        d = vset(m.half_scales[k]) + vset(m.quarters[k]) * least * least
        possible = ~vgreater(vload(lowest + b) + vset(<real> bounds.cut[k]), d)
        vstore_float(carried + b, -least)
        set_lanes = vmask(possible)
        pick_lanes(set_lanes, <int> b, out + n_possible)
        n_possible += lanes_of(set_lanes)
    while n_possible and out[n_possible - 1] >= n_rows:     # the lanes past the last row are no rows
        n_possible -= 1
    return n_possible


cdef inline void gather_columns(
    const real *columns, Py_ssize_t stride, Py_ssize_t n_features, const int *rows, Py_ssize_t n_rows, real *out
) noexcept nogil:
    """out (n_features, stride) = the listed rows of the columns."""
    cdef Py_ssize_t j, p
    for j in range(n_features):
        for p in range(n_rows):
            out[j * stride + p] = columns[j * stride + rows[p]]


cdef void bounded_distances(const Mixture *m, Block *block, Bounds *bounds, Py_ssize_t begin) noexcept nogil:
    """distances = what mahalanobis gives, for the pairs that matter; a distance without a density for the others."""
    cdef Py_ssize_t k, p, b, n_possible, n_lanes
    cdef Py_ssize_t stride = block.stride
    cdef real *distances
    cdef float *carried
    lowest_totals(m, bounds, begin, block.n_rows, block.log_total)
    for k in range(m.n_components):
        distances = block.distances + k * stride
        carried = bounds.carried + k * bounds.stride + begin
        n_possible = possible_rows(m, bounds, k, begin, block.n_rows, block.log_total, block.live)
        if 8 * n_possible > 5 * block.n_rows:
            bounds.n_computed += block.n_rows
            component_distances(m, k, block.columns, stride, block.n_lanes, block.differences, distances)
            for b in range(block.n_rows):
                carried[b] = <float> REAL_SQRT(distances[b])
            continue
        bounds.n_computed += n_possible
        for b from 0 <= b < block.n_lanes by LANES:
            vstore(distances + b, vset(-0.5 * LOWEST))
        if n_possible == 0:
            continue
        n_lanes = LANES if n_possible <= LANES else round_up(n_possible, STRIP)
        for p in range(n_possible, n_lanes):
            block.live[p] = block.live[n_possible - 1]
        gather_columns(block.columns, stride, m.n_features, block.live, n_lanes, block.gathered)
        component_distances(m, k, block.gathered, stride, n_lanes, block.differences, block.panel)
        for p in range(n_possible):
            distances[block.live[p]] = block.panel[p]
            carried[block.live[p]] = <float> REAL_SQRT(block.panel[p])


cpdef Py_ssize_t bounds_stride(Py_ssize_t n_rows):
    """Numbers per component that the bounds of so many rows take: whole vectors."""
    return round_up(n_rows, STRIP) + STRIP
