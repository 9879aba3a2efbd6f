# Ward's agglomerative clustering of a few thousand points by the nearest-neighbour chain (Murtagh 1983), for the start
# of a fit.

cdef void merge_cost(
    const double *centers, Py_ssize_t stride, Py_ssize_t n_features, const double *sizes, Py_ssize_t n_active,
    Py_ssize_t which, double *cost
) noexcept nogil:
    """cost[i] = rise of the within-cluster sum of squares if cluster i and `which` were merged."""
    cdef Py_ssize_t i, j
    cdef double center
    for i in range(n_active):
        cost[i] = 0.0
    for j in range(n_features):
        center = centers[j * stride + which]
        for i in range(n_active):
            cost[i] = cost[i] + (centers[j * stride + i] - center) * (centers[j * stride + i] - center)
    for i in range(n_active):
        cost[i] = cost[i] * (sizes[i] * sizes[which] / (sizes[i] + sizes[which]))


cdef void ward_chain(
    double *centers, Py_ssize_t n_points, Py_ssize_t n_features, double *sizes, double *cost, int64_t *names,
    int64_t *slots, int64_t *chain, int64_t *merged, double *heights
) noexcept nogil:
    """merged (n_points - 1, 2) = names of the clusters merged, heights their costs.

    A merged cluster keeps the smaller name.  Active clusters fill the slots 0 .. n_active - 1; names and slots
    translate.
    """
    cdef Py_ssize_t n_active = n_points
    cdef Py_ssize_t length = 0
    cdef Py_ssize_t step = 0
    cdef Py_ssize_t i, j, a, b, best
    cdef double total
    for i in range(n_points):
        names[i] = i
        slots[i] = i
    while n_active > 1:
        if length == 0:
            chain[0] = names[0]
            length = 1
        a = slots[chain[length - 1]]
        merge_cost(centers, n_points, n_features, sizes, n_active, a, cost)
        # the previous link wins ties, so that the chain ends
        best = slots[chain[length - 2]] if length > 1 else (1 if a == 0 else 0)
        for i in range(n_active):
            if i != a and cost[i] < cost[best]:
                best = i
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
            centers[j * n_points + a] = (
                sizes[a] * centers[j * n_points + a] + sizes[b] * centers[j * n_points + b]) / total
        sizes[a] = total
        names[a] = min(names[a], names[b])
        slots[names[a]] = a
        n_active -= 1
        if b != n_active:                    # the last active cluster takes the free slot
            for j in range(n_features):
                centers[j * n_points + b] = centers[j * n_points + n_active]
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
    cdef Py_ssize_t n_points = len(points)
    cdef Py_ssize_t n_features = points.shape[1]
    cdef Py_ssize_t i, j
    cdef Borrowed points_loan = borrow(points, sizeof(double), n_points * n_features, False, "points")
    cdef Borrowed weight_loan = borrow(weight, sizeof(double), n_points, False, "weight")
    cdef Borrowed merged_loan = borrow(merged, sizeof(int64_t), 2 * (n_points - 1), True, "merged")
    cdef Borrowed heights_loan = borrow(heights, sizeof(double), n_points - 1, True, "heights")
    cdef Memory memory = Memory(8 * (n_points * (n_features + 5) + 1) + 6 * CACHE_LINE)
    cdef Cutter cut = Cutter(memory)
    cdef double *centers = <double *> cut.bytes(8 * n_points * n_features)
    cdef double *sizes = <double *> cut.bytes(8 * n_points)
    cdef double *cost = <double *> cut.bytes(8 * n_points)
    cdef int64_t *names = <int64_t *> cut.bytes(8 * n_points)
    cdef int64_t *slots = <int64_t *> cut.bytes(8 * n_points)
    cdef int64_t *chain = <int64_t *> cut.bytes(8 * (n_points + 1))
    with nogil:
        for i in range(n_points):
            sizes[i] = (<const double *> weight_loan.view.buf)[i]
            for j in range(n_features):
                centers[j * n_points + i] = (<const double *> points_loan.view.buf)[i * n_features + j]
        ward_chain(
            centers, n_points, n_features, sizes, cost, names, slots, chain,
            <int64_t *> merged_loan.view.buf, <double *> heights_loan.view.buf)
