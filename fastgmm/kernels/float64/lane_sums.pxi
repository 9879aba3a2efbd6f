# The sums of patterns of few rows, a pattern in each lane.  They are in the order of all columns, so that rows with
# different gaps are added as they are, and the lanes when the call ends.

cdef double sum_in_lanes(
    Lanes *g, const real *values, const double *weight, const real *given, real *log_density, double *second
) noexcept nogil:
    """The sums in lanes; where covariances are no matrices, what gaps leave of them is added to `second`."""
    cdef Py_ssize_t piece = 0
    cdef Py_ssize_t taken = 0           # rows of that piece
    cdef double log_likelihood = 0.0
    memset(g.sums, 0, g.n_sums * LANES * sizeof(double))
    while fill_lanes(g, values, &piece, &taken):
        weigh_lanes(g, weight)
        evaluate_lanes(g, True, True)
        if given == NULL:
            normalize_lanes(g)
            log_totals(g.n_rows * LANES, g.log_total, g.total)
            log_likelihood += weighted_log_likelihood(
                g.log_total, g.n_rows * LANES, g.weight)
            if log_density != NULL:
                hand_out(g, g.log_total, 1, 0, log_density)
        share_lanes(g, given)
        accumulate_lanes(g, second)
    return log_likelihood


cdef void share_lanes(Lanes *g, const real *given) noexcept nogil:
    """density: e, or anything where responsibilities are given -> r times the weight of the row."""
    cdef Py_ssize_t b, k, i
    cdef Py_ssize_t n = g.n_rows * LANES
    cdef Py_ssize_t n_components = g.model.n_components
    cdef vec e
    for k in range(n_components):
        if given == NULL:
            for b from 0 <= b < n by LANES:
                e = vload(g.density + k * n + b)
                vstore(g.density + k * n + b, e * e * vload(g.scale + b) * vload(g.weight + b))
            continue
        for b in range(g.n_rows):
            for i in range(LANES):
                g.density[k * n + b * LANES + i] = g.weight[b * LANES + i] * (
                    given[(g.row[i] + b) * n_components + k] if b < g.count[i] else 0.0)


cdef void accumulate_lanes(Lanes *g, double *second) noexcept nogil:
    """Add the rows to the sums, expected where they have gaps."""
    cdef const Model *model = &g.model
    cdef Py_ssize_t k, b
    cdef real share[LANES]
    cdef vec total
    for k in range(model.n_components):
        total = vset(0.0)
        for b in range(g.n_rows):
            total = total + vload(g.density + (k * g.n_rows + b) * LANES)
        vstore(share, total)
        vadd(g.sums + k * LANES, total)
        deviate_lanes(g, k)
        add_lane_products(g, k)
        add_what_is_left(g, k, share, second)


cdef void deviate_lanes(Lanes *g, Py_ssize_t k) noexcept nogil:
    """deviation = rows minus the reference in the order of all columns, with what is expected in the gaps; weighted
    = r times it."""
    cdef Py_ssize_t d = g.model.n_features
    cdef Py_ssize_t p = g.n_observed
    cdef Py_ssize_t b, j, lane, column
    cdef const double *mean = g.given.means + k * d
    cdef const double *reference = g.given.reference + k * d
    cdef bint follows = g.model.form == MATRIX
    cdef real *out
    cdef vec x, r
    for b in range(g.n_rows):
        out = g.deviation + b * d * LANES
        for j in range(d):
            vstore(out + j * LANES, vload(g.is_observed + j * LANES) * (
                vload(g.placed + (b * d + j) * LANES) - vset(reference[j])))
        for j in range(d - p):
            for lane in range(LANES):
                column = g.columns[lane][p + j]
                out[column * LANES + lane] = mean[column] - reference[column] + (
                    g.expected[((k * LANE_ROWS + b) * d + j) * LANES + lane] if follows else 0.0)
        r = vload(g.density + (k * g.n_rows + b) * LANES)
        for j in range(d):
            x = r * vload(out + j * LANES)
            vstore(g.weighted + (b * d + j) * LANES, x)
            vadd(g.first + (k * d + j) * LANES, x)


cdef void add_lane_products(Lanes *g, Py_ssize_t k) noexcept nogil:
    cdef const Model *model = &g.model
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t b, i, j
    cdef const real *right
    cdef const real *left
    cdef double *out = g.second
    cdef vec total
    if model.form == MATRIX:
        out += 0 if model.tied else k * triangle(d, 0) * LANES
        for i in range(d):
            for j in range(i + 1):
                total = vload(out)
                for b in range(g.n_rows):
                    left = g.weighted + b * d * LANES
                    right = g.deviation + b * d * LANES
                    total = total + vload(left + i * LANES) * vload(right + j * LANES)
                vstore(out, total)
                out += LANES
        return
    out += k * (d if model.form == DIAGONAL else 1) * LANES
    for b in range(g.n_rows):
        left = g.weighted + b * d * LANES
        right = g.deviation + b * d * LANES
        for i in range(d):
            vadd(out + (i if model.form == DIAGONAL else 0) * LANES, vload(left + i * LANES) * vload(
                right + i * LANES))


cdef void add_what_is_left(Lanes *g, Py_ssize_t k, const real *share, double *second) noexcept nogil:
    """second += r C, summed over the rows of each lane."""
    cdef const Model *model = &g.model
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t p = g.n_observed
    cdef Py_ssize_t c = 0 if model.tied else k
    cdef Py_ssize_t i, j, lane
    cdef const int *columns
    cdef const real *left = g.left + c * triangle(d, 0) * LANES
    cdef double *out = g.second + c * triangle(d, 0) * LANES
    for lane in range(g.n_used):
        columns = g.columns[lane] + p
        if model.form == SCALAR:
            second[k] += share[lane] * (d - p) * g.given.covariances[c]
            continue
        for i in range(d - p):
            if model.form == DIAGONAL:
                second[k * d + columns[i]] += share[lane] * g.given.covariances[c * d + columns[i]]
                continue
            for j in range(i + 1):
                out[triangle(columns[i], columns[j]) * LANES + lane] += share[lane] * left[
                    triangle(i, j) * LANES + lane]


cdef void unpack_lanes(Lanes *g, double *component_weight, double *first, double *second) noexcept nogil:
    """Add the lanes to the sums of the caller."""
    cdef const Model *model = &g.model
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t k, i, j
    cdef const double *lanes = g.second
    for k in range(model.n_components):
        component_weight[k] += sum_of_lanes(g.sums + k * LANES)
    for k in range(model.n_components * d):
        first[k] += sum_of_lanes(g.first + k * LANES)
    if model.form != MATRIX:
        for k in range(model.n_components * model.size):
            second[k] += sum_of_lanes(lanes + k * LANES)
        return
    for k in range(model.n_covariances):
        for i in range(d):
            for j in range(i + 1):
                second[i * d + j] += sum_of_lanes(lanes)
                lanes += LANES
        mirror_lower(second, d)
        second += d * d
