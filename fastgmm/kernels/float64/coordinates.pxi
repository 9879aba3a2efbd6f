# The coordinates in which trees are grown, and rows of them: features one after the other, each with a stride.

cdef enum:
    COLUMN                      # each column in its deviation, or all in one
    BETWEEN                     # the geometric mean of both
    WHITE                       # not correlated
    RANKS                       # from 0 to 1

cdef enum:
    # What there is in place of a tree.
    OVERFLOWS = -1
    NO_TREE = -2

cdef dict UNITS = {"column": COLUMN, "between": BETWEEN, "white": WHITE, "ranks": RANKS}
cdef double LEAST_VARIANCE = 1e-6       # whitening takes no direction for narrower than this share of the mean variance

cdef struct Space:
    int units
    Py_ssize_t n_features
    Py_ssize_t n_points         # RANKS: that it was made of
    double *center              # n_features
    double *scale               # n_features; RANKS: of the column
    double *turn                # WHITE: n_features^2, L^-1; RANKS: n_features x n_points, sorted, and shares, see below


cdef inline Py_ssize_t turn_size(int units, Py_ssize_t n_features, Py_ssize_t n_points) noexcept nogil:
    """Numbers of a turn: RANKS has the share of the points before each of n_points + 1 after the sorted ones."""
    if units == WHITE:
        return n_features * n_features
    return n_features * (2 * n_points + 1) if units == RANKS else 0


cdef Py_ssize_t column_moments(
    const double *points, const double *weight, Py_ssize_t n, Py_ssize_t d, double *mean, double *deviation
) noexcept nogil:
    """Weighted means and deviations; returns how many columns vary.

    A deviation that is the rounding of a constant is 0.  Returns -1 where means or variances may overflow: among
    infinite distances none is the least.
    """
    cdef Py_ssize_t i, j
    cdef Py_ssize_t n_varying = 0
    cdef double total = 0.0
    cdef double off, largest, least, most
    memset(mean, 0, d * sizeof(double))
    memset(deviation, 0, d * sizeof(double))
    for i in range(n):
        total += weight[i]
    for i in range(n):
        for j in range(d):
            mean[j] = mean[j] + weight[i] * points[i * d + j]
    for j in range(d):
        if not fabs(mean[j]) < INFINITY:
            return -1
        mean[j] = mean[j] / total
    for i in range(n):
        for j in range(d):
            off = points[i * d + j] - mean[j]
            deviation[j] = deviation[j] + weight[i] * off * off
    for j in range(d):
        least = INFINITY
        most = -INFINITY
        for i in range(n):
            least = min(least, points[i * d + j])
            most = max(most, points[i * d + j])
        largest = max(-least, most)
        if not total * (most - least) * (most - least) < INFINITY:
            return -1
        deviation[j] = sqrt(deviation[j] / total)
        if not deviation[j] > 64 * 2.220446049250313e-16 * largest:
            deviation[j] = 0.0
        n_varying += deviation[j] > 0.0
    return n_varying


cdef void take_scale(double *scale, Py_ssize_t d, bint one_scale, bint between) noexcept nogil:
    """In: deviations.  Out: units of the columns; a constant one gets the largest, or 1."""
    cdef Py_ssize_t j
    cdef double largest = 0.0
    cdef double common = 0.0
    for j in range(d):
        largest = max(largest, scale[j])
        common += scale[j] * scale[j]
    common = sqrt(common / d)
    if not largest > 0.0:
        largest = 1.0
        common = 1.0
    for j in range(d):
        if one_scale:
            scale[j] = common
        else:
            scale[j] = scale[j] if scale[j] > 0.0 else largest
            if between:
                scale[j] = sqrt(scale[j] * common)


cdef void map_rows(
    const Space *space, const double *rows, Py_ssize_t n, double *out, Py_ssize_t stride, double *scratch
) noexcept nogil:
    """out (n_features x stride) = the coordinates of rows (n, n_features); scratch: n_features."""
    cdef Py_ssize_t d = space.n_features
    cdef Py_ssize_t i, j, other
    cdef double total
    if space.units == RANKS:
        for j in range(d):
            for i in range(n):
                out[j * stride + i] = rank_of(space, j, rows[i * d + j])
        return
    for i in range(n):
        for j in range(d):
            scratch[j] = (rows[i * d + j] - space.center[j]) / space.scale[j]
        for j in range(d):
            total = scratch[j]
            if space.units == WHITE:
                total = 0.0
                for other in range(j + 1):
                    total += space.turn[j * d + other] * scratch[other]
            out[j * stride + i] = total


cdef inline double rank_of(const Space *space, Py_ssize_t column, double value) noexcept nogil:
    """The middle rank of a number among those of its column."""
    cdef Py_ssize_t n = space.n_points
    cdef const double *ordered = space.turn + column * n
    cdef const double *shares = space.turn + space.n_features * n + column * (n + 1)
    cdef Py_ssize_t first = count_below(ordered, n, value)
    cdef Py_ssize_t end = first
    # Most often none or one is equal.
    if end < n and ordered[end] == value:
        end += 1
        if end < n and ordered[end] == value:
            end += count_not_above(ordered + end, n - end, value)
    return (shares[first] + shares[end]) / 2.0


cdef inline Py_ssize_t count_below(const double *ordered, Py_ssize_t n, double value) noexcept nogil:
    """How many of n ascending numbers are below a value: without a branch, so that searches overlap."""
    cdef Py_ssize_t begin = 0
    cdef Py_ssize_t half
    while n > 1:
        half = n // 2
        begin += half if ordered[begin + half - 1] < value else 0
        n -= half
    return begin + (1 if n == 1 and ordered[begin] < value else 0)


cdef inline Py_ssize_t count_not_above(const double *ordered, Py_ssize_t n, double value) noexcept nogil:
    """How many of n ascending numbers are not above a value."""
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = n
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low


cdef void make_ranks(
    Space *space, const double *points, const double *weight, double *out, Py_ssize_t stride, int64_t *order,
    void *scratch
) noexcept nogil:
    """The turn of ranks, and the coordinates of the points, n_features x stride: as `map_rows` would find them."""
    cdef Py_ssize_t n = space.n_points
    cdef Py_ssize_t d = space.n_features
    cdef Py_ssize_t i, j, first, end
    cdef double *column = <double *> scratch
    cdef double *ordered
    cdef double *shares
    for j in range(d):
        ordered = space.turn + j * n
        shares = space.turn + d * n + j * (n + 1)
        for i in range(n):
            column[i] = points[i * d + j]
        sort_order(column, n, DIGITS, order, column + n)
        shares[0] = 0.0
        for i in range(n):
            ordered[i] = column[order[i]]
            shares[i + 1] = shares[i] + weight[order[i]]
        for i in range(1, n + 1):
            shares[i] = shares[i] / shares[n] if i < n else 1.0
        first = 0
        while first < n:
            end = first + 1
            while end < n and ordered[end] == ordered[first]:
                end += 1
            for i in range(first, end):
                out[j * stride + order[i]] = (shares[first] + shares[end]) / 2.0
            first = end


cdef void make_whitening(
    Space *space, const double *coordinates, Py_ssize_t stride, const double *weight, double *scratch
) noexcept nogil:
    """turn = L^-1 of the covariance of scaled rows, with a ridge; scratch: 2 d^2 + n + factor_scratch(d)."""
    cdef Model model = model_of(MATRIX, True, 1, space.n_features)
    cdef Py_ssize_t n = space.n_points
    cdef Py_ssize_t d = space.n_features
    cdef Py_ssize_t i, j, other
    cdef double total = 0.0
    cdef double ridge = 0.0
    cdef double *covariance = scratch
    cdef double *factor = covariance + d * d
    cdef double *weighted = factor + d * d
    for i in range(n):
        total += weight[i]
    for j in range(d):
        for i in range(n):
            weighted[i] = weight[i] * coordinates[j * stride + i]
        for other in range(j + 1):
            covariance[j * d + other] = sum_of_products(weighted, coordinates + other * stride, n) / total
            covariance[other * d + j] = covariance[j * d + other]
        ridge += covariance[j * d + j]
    ridge = LEAST_VARIANCE * max(ridge / d, LEAST_VARIANCE)
    for j in range(d):
        covariance[j * d + j] = covariance[j * d + j] + ridge
    # The ridge is far above rounding: there is a factor.
    factor_all(&model, covariance, 0.0, factor, space.turn, weighted + n)


cdef Py_ssize_t grow_scratch(Py_ssize_t n, Py_ssize_t d) noexcept nogil:
    """Bytes of scratch of `grow_tree`."""
    return 8 * (2 * d * d + 2 * n + d + factor_scratch(d)) + sorting_scratch(n)


cdef Py_ssize_t grow_tree(
    Space *space, bint one_scale, const double *points, const double *weight, WardScratch *s, int64_t *merged,
    double *heights, void *scratch
) noexcept nogil:
    """The tree of points in coordinates that are made of them, which `space` gets; see `grow`.

    Returns the number of columns that vary; OVERFLOWS where sums or squares of the points do, and NO_TREE where squares
    of distances are no finite numbers.
    """
    cdef Py_ssize_t n = space.n_points
    cdef Py_ssize_t d = space.n_features
    cdef Py_ssize_t n_varying = column_moments(points, weight, n, d, space.center, space.scale)
    if n_varying < 0:
        return OVERFLOWS
    take_scale(space.scale, d, one_scale, space.units == BETWEEN)
    if space.units == RANKS:
        make_ranks(space, points, weight, s.clusters.columns, s.clusters.stride, s.order, scratch)
    if space.units == WHITE:
        space.units = COLUMN
        map_rows(space, points, n, s.clusters.columns, s.clusters.stride, <double *> scratch)
        make_whitening(space, s.clusters.columns, s.clusters.stride, weight, <double *> scratch)
        space.units = WHITE
    if space.units != RANKS:
        map_rows(space, points, n, s.clusters.columns, s.clusters.stride, <double *> scratch)
    return n_varying if ward_merges(s, weight, n, merged, heights) else NO_TREE


def grow(str units, bint one_scale, rows, weight, center, scale, turn, merged, heights):
    """Ward's tree of rows in coordinates that are made of them; returns the number of columns that vary.

    Returns -1, and makes no tree, where sums or squares of the rows overflow.

    Parameters
    ----------
    units : {"column", "between", "white", "ranks"}
    one_scale : bool
        Whether all columns have one unit.
    rows : float64 array (n, D)
    weight : float64 array (n,)
    center, scale : float64 arrays (D,), out
        Means and units of the columns.
    turn : float64 array, out
        Of D^2 numbers for "white", of D (2 n + 1) for "ranks", of none else: what maps rows beside these.
    merged, heights : arrays, out
        As `ward` writes them.
    """
    check_sizes("rows", rows.shape, 2)
    if units not in UNITS:
        raise ValueError(f"units: expected one of {', '.join(UNITS)}, got {units!r}")
    cdef Py_ssize_t n = rows.shape[0]
    cdef Py_ssize_t d = rows.shape[1]
    cdef Py_ssize_t n_varying
    cdef Space space
    space.units = UNITS[units]
    space.n_features = d
    space.n_points = n
    cdef Borrowed rows_loan = borrow(rows, sizeof(double), n * d, False, "rows")
    cdef Borrowed weight_loan = borrow(weight, sizeof(double), n, False, "weight")
    cdef Borrowed center_loan = borrow(center, sizeof(double), d, True, "center")
    cdef Borrowed scale_loan = borrow(scale, sizeof(double), d, True, "scale")
    cdef Borrowed turn_loan = borrow(turn, sizeof(double), turn_size(space.units, d, n), True, "turn")
    cdef Borrowed merged_loan = borrow(merged, sizeof(int64_t), 2 * (n - 1), True, "merged")
    cdef Borrowed heights_loan = borrow(heights, sizeof(double), n - 1, True, "heights")
    cdef WardScratch s
    cdef Memory memory = Memory(lay_out_ward(&s, n, d, None) + grow_scratch(n, d))
    cdef void *scratch = memory.begin + lay_out_ward(&s, n, d, memory)
    space.center = <double *> center_loan.view.buf
    space.scale = <double *> scale_loan.view.buf
    space.turn = <double *> turn_loan.view.buf
    with nogil:
        n_varying = grow_tree(
            &space, one_scale, <const double *> rows_loan.view.buf, <const double *> weight_loan.view.buf, &s,
            <int64_t *> merged_loan.view.buf, <double *> heights_loan.view.buf, scratch)
    if n_varying == NO_TREE:
        raise merges_error()
    return n_varying
