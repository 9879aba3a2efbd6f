# A fit starts from Ward's agglomerative clustering of a few thousand points, by the nearest-neighbour chain (Murtagh
# 1983).

cdef void merge_cost(
    const real *centers, Py_ssize_t stride, Py_ssize_t n_features, const real *sizes, Py_ssize_t n_active,
    Py_ssize_t which, real *cost
) noexcept nogil:
    """cost[i] = rise of the within-cluster sum of squares if cluster i and `which` were merged.

    Strips of clusters in registers over the features; stride is a multiple of a strip.
    """
    cdef Py_ssize_t i, j, v
    cdef vec total[TILE_VECS]
    cdef vec d, size
    cdef vec own = vset(sizes[which])
    for i from 0 <= i < n_active by STRIP:
        for v in range(TILE_VECS):
            total[v] = vset(0.0)
        for j in range(n_features):
            for v in range(TILE_VECS):
                d = vload(centers + j * stride + i + v * LANES) - vset(centers[j * stride + which])
                total[v] = total[v] + d * d
        for v in range(TILE_VECS):
            size = vload(sizes + i + v * LANES)
            vstore(cost + i + v * LANES, total[v] * (size * own / (size + own)))


cdef Py_ssize_t cheapest(real *cost, Py_ssize_t n_active, Py_ssize_t which, Py_ssize_t preferred) noexcept nogil:
    """The first cluster of the lowest cost that is not `which`; the preferred one wins ties."""
    cdef Py_ssize_t i
    cdef Py_ssize_t best = preferred
    cdef vec lowest
    cost[which] = -LOWEST
    for i from n_active <= i < (n_active + LANES - 1) // LANES * LANES:
        cost[i] = -LOWEST
    lowest = vset(cost[preferred])
    for i from 0 <= i < n_active by LANES:
        if vmask(vgreater(lowest, vload(cost + i))):
            while not cost[i] < cost[best]:
                i += 1
            for i in range(i, min(i // LANES * LANES + LANES, n_active)):
                if cost[i] < cost[best]:
                    best = i
            lowest = vset(cost[best])
            i = i // LANES * LANES
    return best


cdef void ward_chain(
    real *centers, Py_ssize_t n_points, Py_ssize_t stride, Py_ssize_t n_features, real *sizes, real *cost,
    int64_t *names, int64_t *slots, int64_t *chain, int64_t *merged, double *heights
) noexcept nogil:
    """merged (n_points - 1, 2) = names of the clusters merged, heights their costs.

    A merged cluster keeps the smaller name.  Active clusters fill the slots 0 .. n_active - 1; names and slots
    translate.
    """
    cdef Py_ssize_t n_active = n_points
    cdef Py_ssize_t length = 0
    cdef Py_ssize_t step = 0
    cdef Py_ssize_t i, j, a, b, best
    cdef real total
    for i in range(n_points):
        names[i] = i
        slots[i] = i
    while n_active > 1:
        if length == 0:
            chain[0] = names[0]
            length = 1
        a = slots[chain[length - 1]]
        merge_cost(centers, stride, n_features, sizes, n_active, a, cost)
        # The previous link wins ties, so that the chain ends.
        best = slots[chain[length - 2]] if length > 1 else (1 if a == 0 else 0)
        best = cheapest(cost, n_active, a, best)
        if length == 1 or names[best] != chain[length - 2]:
            chain[length] = names[best]
            length += 1
            continue
        b = best
        length -= 2
        merged[2 * step] = min(names[a], names[b])
        merged[2 * step + 1] = max(names[a], names[b])
        heights[step] = cost[b]
        step += 1
        total = sizes[a] + sizes[b]
        for j in range(n_features):
            centers[j * stride + a] = (
                sizes[a] * centers[j * stride + a] + sizes[b] * centers[j * stride + b]) / total
        sizes[a] = total
        names[a] = min(names[a], names[b])
        slots[names[a]] = a
        n_active -= 1
        if b != n_active:                    # the last active cluster takes the free slot
            for j in range(n_features):
                centers[j * stride + b] = centers[j * stride + n_active]
            sizes[b] = sizes[n_active]
            names[b] = names[n_active]
            slots[names[b]] = b


def ward(points, weight, merged, heights):
    """All merges of Ward's method, unsorted.

    Parameters
    ----------
    points : float64 array (n, D)
    weight : float64 array (n,)
        How often each point counts.
    merged : int64 array (n - 1, 2), out
        Names of the clusters merged; a cluster is named after its smallest point.
    heights : float64 array (n - 1,), out
        The rise of the within-cluster sum of squares.
    """
    check_sizes("points", points.shape, 2)
    cdef Py_ssize_t n_points = points.shape[0]
    cdef Py_ssize_t n_features = points.shape[1]
    cdef Py_ssize_t i, j
    cdef Borrowed points_loan = borrow(points, sizeof(double), n_points * n_features, False, "points")
    cdef Borrowed weight_loan = borrow(weight, sizeof(double), n_points, False, "weight")
    cdef Borrowed merged_loan = borrow(merged, sizeof(int64_t), 2 * (n_points - 1), True, "merged")
    cdef Borrowed heights_loan = borrow(heights, sizeof(double), n_points - 1, True, "heights")
    cdef Py_ssize_t stride = round_up(n_points, STRIP)
    cdef Memory memory = Memory(8 * (stride * (n_features + 2) + 3 * n_points + 1) + 6 * CACHE_LINE)
    memset(memory.begin, 0, 8 * stride * (n_features + 2))
    cdef Cutter cut = Cutter(memory)
    cdef real *centers = cut.reals(stride * n_features)
    cdef real *sizes = cut.reals(stride)
    cdef real *cost = cut.reals(stride)
    cdef int64_t *names = <int64_t *> cut.bytes(8 * n_points)
    cdef int64_t *slots = <int64_t *> cut.bytes(8 * n_points)
    cdef int64_t *chain = <int64_t *> cut.bytes(8 * (n_points + 1))
    with nogil:
        for i in range(n_points):
            sizes[i] = <real> (<const double *> weight_loan.view.buf)[i]
            for j in range(n_features):
                centers[j * stride + i] = <real> (
                    (<const double *> points_loan.view.buf)[i * n_features + j])
        ward_chain(
            centers, n_points, stride, n_features, sizes, cost, names, slots, chain,
            <int64_t *> merged_loan.view.buf, <double *> heights_loan.view.buf)
