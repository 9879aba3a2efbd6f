# A tree that is cut gives clusters, these have centres, and rows belong to the nearest of them.

cdef void cut_merges(const int64_t *merged, Py_ssize_t n, Py_ssize_t n_clusters, int64_t *labels) noexcept nogil:
    """labels (n,), out: 0 .. n_clusters - 1 in the order of the clusters' smallest points."""
    cdef Py_ssize_t i
    cdef int64_t n_named = 0
    for i in range(n):
        labels[i] = i
    for i in range(n - n_clusters):
        labels[merged[2 * i + 1]] = merged[2 * i]
    # Each cluster is merged once, into one of a smaller name, which has its label by then.
    for i in range(n):
        if labels[i] == i:
            labels[i] = n_named
            n_named += 1
        else:
            labels[i] = labels[labels[i]]


cdef void centers_of_labels(
    const double *rows, const double *weight, const int64_t *labels, Py_ssize_t n, Py_ssize_t d, Py_ssize_t k,
    double *centers, double *held, int64_t *first
) noexcept nogil:
    """centers (k, d) and held (k,), out: weighted means and weights; first: scratch (k,).

    A centre without a row stays.  The sums are about one row of each label, so that the mean of equal rows is that row.
    """
    cdef Py_ssize_t i, j
    cdef const double *about
    cdef double *center
    for i in range(k):
        first[i] = -1
        held[i] = 0.0
    for i in range(n):
        center = centers + labels[i] * d
        if first[labels[i]] < 0:
            first[labels[i]] = i
            memset(center, 0, d * sizeof(double))
        about = rows + first[labels[i]] * d
        held[labels[i]] += weight[i]
        for j in range(d):
            center[j] = center[j] + weight[i] * (rows[i * d + j] - about[j])
    for i in range(k):
        if first[i] >= 0:
            for j in range(d):
                centers[i * d + j] = rows[first[i] * d + j] + centers[i * d + j] / held[i]


cdef void nearest_centers(
    const double *points, Py_ssize_t n, Py_ssize_t stride, Py_ssize_t d, const double *centers,
    Py_ssize_t center_stride, Py_ssize_t k, int64_t *labels
) noexcept nogil:
    """labels (n,), out: the first of the nearest centres; points d x stride, centers d x center_stride."""
    cdef Py_ssize_t i, j, c, v
    cdef vec total[TILE_VECS]
    cdef vec lowest[TILE_VECS]
    cdef vec index[TILE_VECS]
    cdef vec difference, own
    cdef ivec nearer
    cdef double lanes[STRIP]
    for i from 0 <= i < n by STRIP:
        for v in range(TILE_VECS):
            lowest[v] = vset(INFINITY)
            index[v] = vset(0.0)
        for c in range(k):
            for v in range(TILE_VECS):
                total[v] = vset(0.0)
            for j in range(d):
                own = vset(centers[j * center_stride + c])
                for v in range(TILE_VECS):
                    difference = vload(points + j * stride + i + v * LANES) - own
                    total[v] = total[v] + difference * difference
            for v in range(TILE_VECS):
                nearer = vgreater(lowest[v], total[v])
                lowest[v] = vmin(lowest[v], total[v])
                index[v] = vmax(index[v], vkeep(vset(<double> c), nearer))
        for v in range(TILE_VECS):
            vstore(lanes + v * LANES, index[v])
        for j in range(min(STRIP, n - i)):
            labels[i + j] = <int64_t> lanes[j]


cdef Py_ssize_t clusters_scratch(Py_ssize_t n, Py_ssize_t k, Py_ssize_t d, Py_ssize_t m) noexcept nogil:
    """Numbers of scratch of `rows_to_clusters`."""
    return n + k + d + d * (round_up(m, STRIP) + k)


cdef Py_ssize_t rows_to_clusters(
    const Space *space, const double *own, const double *own_weight, const int64_t *merged, Py_ssize_t k,
    const double *rows, Py_ssize_t m, double *centers, double *held, int64_t *labels, void *scratch
) noexcept nogil:
    """Labels (m,) of rows by the k clusters of a tree of its own rows: see `assign_to_cut`."""
    cdef Py_ssize_t n = space.n_points
    cdef Py_ssize_t d = space.n_features
    cdef Py_ssize_t stride = round_up(m, STRIP)
    cdef Py_ssize_t n_found = 0
    cdef Py_ssize_t i
    cdef int64_t *own_labels = <int64_t *> scratch
    cdef int64_t *first = own_labels + n
    cdef double *one = <double *> (first + k)
    cdef double *places = one + d
    cdef double *mapped = places + d * stride
    cut_merges(merged, n, k, own_labels)
    centers_of_labels(own, own_weight, own_labels, n, d, k, centers, held, first)
    memset(places, 0, d * stride * sizeof(double))
    map_rows(space, rows, m, places, stride, one)
    map_rows(space, centers, k, mapped, k, one)
    nearest_centers(places, m, stride, d, mapped, k, k, labels)
    memset(first, 0, k * sizeof(int64_t))
    for i in range(m):
        first[labels[i]] = 1
    for i in range(k):
        n_found += first[i]
    return n_found


def cut(merged, Py_ssize_t n_clusters, labels):
    """labels (n,) int64, out: those of the points when so many clusters of a tree are left.

    Parameters
    ----------
    merged : int64 array (n - 1, 2)
        As `ward` writes them.
    n_clusters : int
        From 1 to n.
    labels : int64 array (n,), out
        0 .. n_clusters - 1, in the order of the clusters' smallest points.
    """
    cdef Py_ssize_t n = len(labels)
    if not 1 <= n_clusters <= n:
        raise ValueError(f"n_clusters: expected 1 to {n}, got {n_clusters}")
    cdef Borrowed merged_loan = borrow(merged, sizeof(int64_t), 2 * (n - 1), False, "merged")
    cdef Borrowed labels_loan = borrow(labels, sizeof(int64_t), n, True, "labels")
    check_merges(<const int64_t *> merged_loan.view.buf, n)
    cut_merges(<const int64_t *> merged_loan.view.buf, n, n_clusters, <int64_t *> labels_loan.view.buf)


cdef int check_merges(const int64_t *merged, Py_ssize_t n) except -1:
    cdef Py_ssize_t i
    for i in range(n - 1):
        if not 0 <= merged[2 * i] < merged[2 * i + 1] < n:
            raise ValueError("merged: expected pairs of names, the smaller first")
    return 0


cdef int check_labels(const int64_t *labels, Py_ssize_t n, Py_ssize_t k) except -1:
    cdef Py_ssize_t i
    for i in range(n):
        if not 0 <= labels[i] < k:
            raise ValueError(f"labels: expected 0 to {k - 1}, got {labels[i]}")
    return 0


def assign_to_cut(str units, center, scale, turn, own, own_weight, merged, centers, held, rows, labels):
    """Give rows to the clusters of a tree; returns how many clusters have got one.

    Parameters
    ----------
    units : {"column", "between", "white", "ranks"}
    center, scale, turn : float64 arrays
        The coordinates of the tree, as `grow` writes them.
    own, own_weight : float64 arrays (n, D), (n,)
        The rows of the tree.
    merged : int64 array (n - 1, 2)
    centers, held : float64 arrays (K, D), (K,), out
        The means and weights of the tree's own rows in each of K clusters.
    rows : float64 array (m, D)
    labels : int64 array (m,), out
        The cluster whose centre is the nearest in these coordinates.
    """
    check_sizes("own", own.shape, 2)
    check_sizes("rows", rows.shape, 2)
    check_sizes("centers", centers.shape, 2)
    cdef Py_ssize_t n = own.shape[0]
    cdef Py_ssize_t d = own.shape[1]
    cdef Py_ssize_t m = rows.shape[0]
    cdef Py_ssize_t k = centers.shape[0]
    cdef Py_ssize_t n_found
    cdef Space space
    if k > n:
        raise ValueError(f"centers: expected at most {n}, got {k}")
    space.units = UNITS[units]
    space.n_features = d
    space.n_points = n
    cdef Borrowed center_loan = borrow(center, sizeof(double), d, False, "center")
    cdef Borrowed scale_loan = borrow(scale, sizeof(double), d, False, "scale")
    cdef Borrowed turn_loan = borrow(turn, sizeof(double), turn_size(space.units, d, n), False, "turn")
    cdef Borrowed own_loan = borrow(own, sizeof(double), n * d, False, "own")
    cdef Borrowed weight_loan = borrow(own_weight, sizeof(double), n, False, "own_weight")
    cdef Borrowed merged_loan = borrow(merged, sizeof(int64_t), 2 * (n - 1), False, "merged")
    cdef Borrowed centers_loan = borrow(centers, sizeof(double), k * d, True, "centers")
    cdef Borrowed held_loan = borrow(held, sizeof(double), k, True, "held")
    cdef Borrowed rows_loan = borrow(rows, sizeof(double), m * d, False, "rows")
    cdef Borrowed labels_loan = borrow(labels, sizeof(int64_t), m, True, "labels")
    check_merges(<const int64_t *> merged_loan.view.buf, n)
    space.center = <double *> center_loan.view.buf
    space.scale = <double *> scale_loan.view.buf
    space.turn = <double *> turn_loan.view.buf
    cdef Memory memory = Memory(8 * clusters_scratch(n, k, d, m))
    with nogil:
        n_found = rows_to_clusters(
            &space, <const double *> own_loan.view.buf, <const double *> weight_loan.view.buf,
            <const int64_t *> merged_loan.view.buf, k, <const double *> rows_loan.view.buf, m,
            <double *> centers_loan.view.buf, <double *> held_loan.view.buf, <int64_t *> labels_loan.view.buf,
            memory.begin)
    return n_found
