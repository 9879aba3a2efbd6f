# Clusters of different shapes want the likelihood itself as the criterion of merging (Murtagh and Raftery 1984; Fraley
# 1998).  The price of a cluster takes a determinant: LANES merges with one cluster are priced at a time.

cdef double LEAST_SHARE = 1e-9   # a cluster gets this share of the points' mean variance on top of its own
cdef double TRACE_SHARE = 1e-13  # and at least this share of its trace, which a factorization needs

cdef struct Merging:
    int form                    # MATRIX, or the diagonal of it
    Py_ssize_t n_features
    Py_ssize_t n_clusters
    Py_ssize_t stride           # n_clusters, a multiple of LANES
    Py_ssize_t size             # numbers per scatter: a lower triangle or a diagonal
    double pseudo               # the rows for which the pooled covariance counts
    double floor
    double *weight              # stride
    double *means               # n_features x stride
    double *scatters            # size x stride
    double *own                 # stride: the price of each cluster
    double *pooled              # size
    double *costs               # n_clusters x stride: of merging one with a later one; infinity where that is no pair
    Py_ssize_t *cheapest        # n_clusters: the later cluster that costs least
    char *alive                 # stride
    double *lanes               # (size + n_features) x LANES: scratch


@cython.linetrace(False)
@cython.profile(False)
cdef inline vec log_volumes(const Merging *m, double *scatter) noexcept nogil:
    """Log determinants of LANES covariances in the form, with the floor on their diagonals; overwritten."""
    cdef Py_ssize_t d = m.n_features
    cdef Py_ssize_t i, j, c
    cdef vec total = vset(0.0)
    cdef vec trace = vset(0.0)
    cdef vec floor, pivot, inverse, factor
    cdef double *row
    if m.form == SCALAR:
        for i in range(d):
            trace = trace + vload(scatter + i * LANES)
        return vset(<double> d) * log_positive(trace * vset(1.0 / d) + vset(m.floor))
    if m.form == DIAGONAL:
        for i in range(d):
            total = total + log_positive(vload(scatter + i * LANES) + vset(m.floor))
        return total
    for i in range(d):
        trace = trace + vload(scatter + (i * (i + 3) // 2) * LANES)
    floor = vmax(vset(m.floor), trace * vset(TRACE_SHARE))
    for i in range(d):
        row = scatter + (i * (i + 3) // 2) * LANES
        vstore(row, vload(row) + floor)
    for j in range(d):
        # No pivot is below the smallest eigenvalue, which is not below the floor.
        pivot = vmax(vload(scatter + (j * (j + 3) // 2) * LANES), floor)
        total = total + log_positive(pivot)
        inverse = vset(1.0) / pivot
        for i in range(j + 1, d):
            row = scatter + (i * (i + 1) // 2) * LANES
            factor = vload(row + j * LANES) * inverse
            for c in range(j + 1, i + 1):
                # Column j keeps what the rows below have there: it is divided as it is used.
                vstore(
                    row + c * LANES,
                    vload(row + c * LANES) - factor * vload(scatter + (c * (c + 1) // 2 + j) * LANES))
    return total


@cython.linetrace(False)
@cython.profile(False)
cdef inline vec price_of(const Merging *m, vec weight, double *scatter) noexcept nogil:
    """-2 log of the classification likelihood of LANES clusters, but for a constant; scatters are overwritten."""
    cdef Py_ssize_t i
    cdef vec inverse = vset(1.0) / (weight + vset(m.pseudo))
    for i in range(m.size):
        vstore(scatter + i * LANES, (vload(scatter + i * LANES) + vset(m.pseudo * m.pooled[i])) * inverse)
    return weight * (log_volumes(m, scatter) - vset(2.0) * log_positive(weight))


cdef void own_prices(Merging *m) noexcept nogil:
    cdef Py_ssize_t i, begin
    for begin from 0 <= begin < m.n_clusters by LANES:
        for i in range(m.size):
            vstore(m.lanes + i * LANES, vload(m.scatters + i * m.stride + begin))
        vstore(m.own + begin, price_of(m, vload(m.weight + begin), m.lanes))


cdef void costs_with(Merging *m, Py_ssize_t one, Py_ssize_t first, double *costs) noexcept nogil:
    """costs (stride,), out: of merging one cluster with each, from `first` on; first is a multiple of LANES."""
    cdef Py_ssize_t begin, i, j, at
    cdef Py_ssize_t d = m.n_features
    cdef double *off = m.lanes + m.size * LANES
    cdef vec weight, share, own, both
    for begin from first <= begin < m.n_clusters by LANES:
        weight = vload(m.weight + begin) + vset(m.weight[one])
        share = vload(m.weight + begin) * vset(m.weight[one]) / weight
        for i in range(d):
            vstore(off + i * LANES, vload(m.means + i * m.stride + begin) - vset(m.means[i * m.stride + one]))
        at = 0
        for i in range(d):
            own = vload(off + i * LANES) * share
            for j in range(i if m.form != MATRIX else 0, i + 1):
                both = vload(m.scatters + at * m.stride + begin) + vset(m.scatters[at * m.stride + one])
                vstore(m.lanes + at * LANES, both + own * vload(off + j * LANES))
                at += 1
        vstore(
            costs + begin,
            price_of(m, weight, m.lanes) - vset(m.own[one]) - vload(m.own + begin))


cdef void find_cheapest(Merging *m, Py_ssize_t one) noexcept nogil:
    cdef Py_ssize_t j
    cdef Py_ssize_t best = -1
    cdef const double *costs = m.costs + one * m.stride
    for j in range(one + 1, m.n_clusters):
        if costs[j] < INFINITY and (best < 0 or costs[j] < costs[best]):
            best = j
    m.cheapest[one] = best


cdef void take_over(Merging *m, Py_ssize_t one, Py_ssize_t other) noexcept nogil:
    """The first of two clusters becomes both."""
    cdef Py_ssize_t i, j, at
    cdef Py_ssize_t d = m.n_features
    cdef double weight = m.weight[one] + m.weight[other]
    cdef double share = m.weight[other] / weight
    cdef double product = m.weight[one] * share
    cdef double *off = m.lanes
    for i in range(d):
        off[i] = m.means[i * m.stride + other] - m.means[i * m.stride + one]
    at = 0
    for i in range(d):
        for j in range(i if m.form != MATRIX else 0, i + 1):
            m.scatters[at * m.stride + one] += m.scatters[at * m.stride + other] + product * off[i] * off[j]
            at += 1
        m.means[i * m.stride + one] += share * off[i]
    m.weight[one] = weight
    m.alive[other] = False


cdef void price_again(Merging *m, Py_ssize_t one) noexcept nogil:
    cdef Py_ssize_t i
    cdef double prices[LANES]
    for i in range(m.size):
        vstore(m.lanes + i * LANES, vset(m.scatters[i * m.stride + one]))
    vstore(prices, price_of(m, vset(m.weight[one]), m.lanes))
    m.own[one] = prices[0]


cdef void merge_all(Merging *m, double *row, int64_t *merged) noexcept nogil:
    """merged (n_clusters - 1, 2), out: the cheapest pair each time, the smaller name first; row: scratch (stride,)."""
    cdef Py_ssize_t i, j, step, one, other
    own_prices(m)
    for i in range(m.n_clusters):
        m.alive[i] = True
        costs_with(m, i, (i + 1) // LANES * LANES, m.costs + i * m.stride)
        find_cheapest(m, i)
    for step in range(m.n_clusters - 1):
        one = -1
        for i in range(m.n_clusters):
            if m.alive[i] and m.cheapest[i] >= 0 and (
                    one < 0
                    or m.costs[i * m.stride + m.cheapest[i]] < m.costs[one * m.stride + m.cheapest[one]]):
                one = i
        other = m.cheapest[one]
        merged[2 * step] = one
        merged[2 * step + 1] = other
        take_over(m, one, other)
        price_again(m, one)
        costs_with(m, one, 0, row)
        for j in range(m.n_clusters):
            m.costs[min(j, other) * m.stride + max(j, other)] = INFINITY
            if m.alive[j] and j != one:
                m.costs[min(j, one) * m.stride + max(j, one)] = row[j]
        for i in range(other):
            if m.alive[i] and (i == one or m.cheapest[i] == one or m.cheapest[i] == other):
                find_cheapest(m, i)
            elif m.alive[i] and i < one and row[i] < m.costs[i * m.stride + m.cheapest[i]]:
                m.cheapest[i] = one


cdef void sum_clusters(
    Merging *m, const double *rows, const double *weight, const double *center, const double *scale,
    const int64_t *labels, Py_ssize_t n, int64_t *order, int64_t *begins, double *scratch
) noexcept nogil:
    """Weights, means and scatters of the labelled rows in units of `scale`; scratch: d^2 + d + scatter_scratch(d)."""
    cdef Py_ssize_t d = m.n_features
    cdef Py_ssize_t k, i, j, at
    cdef double *second = scratch
    cdef double *mean = second + d * d
    cdef double *panel = mean + d
    cdef double unit
    sort_labels(labels, n, m.n_clusters, order, begins)
    memset(m.pooled, 0, m.size * sizeof(double))
    for k in range(m.n_clusters):
        m.weight[k] = 0.0
        memset(mean, 0, d * sizeof(double))
        for i in range(begins[k], begins[k + 1]):
            m.weight[k] += weight[order[i]]
            for j in range(d):
                mean[j] = mean[j] + weight[order[i]] * (rows[order[i] * d + j] - center[j])
        for j in range(d):
            mean[j] = mean[j] / m.weight[k]
            m.means[j * m.stride + k] = mean[j] / scale[j]
            mean[j] = mean[j] + center[j]
        scatter_of_label(
            rows, weight, order + begins[k], begins[k + 1] - begins[k], d, mean,
            MATRIX if m.form == MATRIX else DIAGONAL, second, panel)
        at = 0
        for i in range(d):
            for j in range(i if m.form != MATRIX else 0, i + 1):
                unit = second[i * d + j] if m.form == MATRIX else second[i]
                unit = unit / scale[i] / scale[j]
                m.scatters[at * m.stride + k] = unit
                m.pooled[at] = m.pooled[at] + unit
                at += 1
    for k in range(m.n_clusters, m.stride):
        m.weight[k] = 1.0
        for j in range(d):
            m.means[j * m.stride + k] = 0.0
        for i in range(m.size):
            m.scatters[i * m.stride + k] = 0.0


cdef void take_floor(Merging *m) noexcept nogil:
    """The pooled covariance, the floor, and for how many rows the first of them counts."""
    cdef Py_ssize_t d = m.n_features
    cdef Py_ssize_t k, j
    cdef double total = 0.0
    cdef double mean_spread = 0.0
    cdef double middle, spread
    for k in range(m.n_clusters):
        total += m.weight[k]
    for j in range(m.size):
        m.pooled[j] = m.pooled[j] / total
    for j in range(d):
        middle = 0.0
        for k in range(m.n_clusters):
            middle += m.weight[k] * m.means[j * m.stride + k]
        middle /= total
        # Points that coincide leave no variance within clusters: that between them is the scale.
        spread = 0.0
        for k in range(m.n_clusters):
            spread += m.weight[k] * (m.means[j * m.stride + k] - middle) * (m.means[j * m.stride + k] - middle)
        m.lanes[j] = spread / total + m.pooled[j * (j + 3) // 2 if m.form == MATRIX else j]
        mean_spread += m.lanes[j] / d
    m.floor = max(LEAST_SHARE * mean_spread, SMALLEST)
    m.pseudo = 1.0
    for j in range(d):
        m.pseudo += m.lanes[j] > m.floor


cdef Py_ssize_t lay_out_merging(Merging *m, Memory memory):
    cdef Cutter cut = Cutter(memory)
    cdef Py_ssize_t d = m.n_features
    m.stride = round_up(m.n_clusters, LANES)
    m.size = d * (d + 1) // 2 if m.form == MATRIX else d
    m.weight = cut.doubles(m.stride)
    m.means = cut.doubles(d * m.stride)
    m.scatters = cut.doubles(m.size * m.stride)
    m.own = cut.doubles(m.stride)
    m.pooled = cut.doubles(m.size)
    m.costs = cut.doubles(m.n_clusters * m.stride)
    m.cheapest = <Py_ssize_t *> cut.bytes(m.n_clusters * sizeof(Py_ssize_t))
    m.alive = <char *> cut.bytes(m.stride)
    m.lanes = cut.doubles((m.size + d) * LANES)
    return cut.size


cdef Py_ssize_t merge_scratch(Py_ssize_t n, Py_ssize_t n_clusters, Py_ssize_t d) noexcept nogil:
    """Bytes of scratch of `merge_labelled`."""
    return 8 * (n + n_clusters + 1 + round_up(n_clusters, LANES) + d * d + d + scatter_scratch(d))


cdef void merge_labelled(
    Merging *m, const double *rows, const double *weight, const double *center, const double *scale,
    const int64_t *labels, Py_ssize_t n, int64_t *merged, void *scratch
) noexcept nogil:
    """The merges of the clusters of labelled rows: see `merge_by_likelihood`."""
    cdef int64_t *order = <int64_t *> scratch
    cdef int64_t *begins = order + n
    cdef double *row = <double *> (begins + m.n_clusters + 1)
    sum_clusters(m, rows, weight, center, scale, labels, n, order, begins, row + m.stride)
    take_floor(m)
    merge_all(m, row, merged)


def merge_by_likelihood(str form, rows, weight, center, scale, labels, merged):
    """The pairs of clusters that are merged in turn: each time the pair that costs the likelihood least.

    Parameters
    ----------
    form : {"matrix", "diagonal", "scalar"}
        Of the covariances, which are pulled to the pooled one by as many rows as span them.
    rows, weight : float64 arrays (n, D), (n,)
    center, scale : float64 arrays (D,)
        Rows are taken about the center, in units of the scale.
    labels : int64 array (n,)
        The clusters to begin with, 0 to M - 1, each with a row.
    merged : int64 array (M - 1, 2), out
        Names of the clusters merged, the smaller first, which both have then.
    """
    check_sizes("rows", rows.shape, 2)
    cdef Py_ssize_t n = rows.shape[0]
    cdef Py_ssize_t d = rows.shape[1]
    cdef Py_ssize_t n_clusters = len(merged) + 1
    if form not in FORMS:
        raise ValueError(f"form: expected one of {', '.join(FORMS)}, got {form!r}")
    cdef Borrowed rows_loan = borrow(rows, sizeof(double), n * d, False, "rows")
    cdef Borrowed weight_loan = borrow(weight, sizeof(double), n, False, "weight")
    cdef Borrowed center_loan = borrow(center, sizeof(double), d, False, "center")
    cdef Borrowed scale_loan = borrow(scale, sizeof(double), d, False, "scale")
    cdef Borrowed labels_loan = borrow(labels, sizeof(int64_t), n, False, "labels")
    cdef Borrowed merged_loan = borrow(merged, sizeof(int64_t), 2 * (n_clusters - 1), True, "merged")
    check_labels(<const int64_t *> labels_loan.view.buf, n, n_clusters)
    cdef Merging m
    m.form = FORMS[form]
    m.n_features = d
    m.n_clusters = n_clusters
    cdef Memory memory = Memory(lay_out_merging(&m, None) + merge_scratch(n, n_clusters, d))
    cdef void *scratch = memory.begin + lay_out_merging(&m, memory)
    with nogil:
        merge_labelled(
            &m, <const double *> rows_loan.view.buf, <const double *> weight_loan.view.buf,
            <const double *> center_loan.view.buf, <const double *> scale_loan.view.buf,
            <const int64_t *> labels_loan.view.buf, n, <int64_t *> merged_loan.view.buf, scratch)
