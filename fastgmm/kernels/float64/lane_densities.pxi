# Patterns of few rows: a pattern in each lane, all of the same number of observed columns, so that every loop is one of
# vectors.  Each lane has its columns in an order of its own, the observed ones first, for the factor and the
# distances; what is summed is in the order of all columns, and the lanes are added when the call ends.

cdef enum:
    LANE_ROWS = 8               # of a pattern; more rows take several lanes, each with the same factor


cdef struct Lanes:
    # Rows on their way, a pattern in each lane; "of the lane" means in the order of its columns.  D is the number of
    # all columns.  Arrays of numbers have LANES of them for each.
    Model model
    Given given
    Table table
    double *eliminated          # scratch of PatternRows
    Py_ssize_t n_observed
    Py_ssize_t n_used           # lanes; the others repeat the first one, without weight
    Py_ssize_t n_rows           # of the lane that has most
    const int *columns[LANES]
    Py_ssize_t row[LANES]       # the first one's number among those of the call
    Py_ssize_t count[LANES]
    const real *values[LANES]
    int *index                  # D: the columns of the lane
    real *x                     # LANE_ROWS x D: what was observed, of the lane
    real *mean                  # D, of the lane
    real *factor                # of the lane: MATRIX: see factor_lanes; else D: 1 / deviation
    real *whitened              # D, of the lane
    real *left                  # n_covariances x lower triangle, of the lane: C
    real *expected              # K x LANE_ROWS x D, of the lane: deviations of the missing columns from the means
    real *density               # K x LANE_ROWS, and LANE_ROWS each: see Block
    real *log_total
    real *total
    real *scale
    double *weight
    # in the order of all columns:
    real *is_observed           # D: 1 or 0
    real *placed                # LANE_ROWS x D: what was observed, or 0
    real *deviation             # LANE_ROWS x D
    real *weighted              # LANE_ROWS x D: r times it
    double *sums                # K
    double *first               # K x D
    double *second              # n_covariances x lower triangle, K x D, or K
    Py_ssize_t n_sums


cdef bint fill_lanes(Lanes *g, const real *values, Py_ssize_t *piece, Py_ssize_t *taken) noexcept nogil:
    """Take the next pieces, of the same number of columns, as far as there are lanes; whether there was one."""
    cdef const Table *t = &g.table
    cdef Py_ssize_t pattern, begin, end, p, i, j, b
    cdef Py_ssize_t d = g.model.n_features
    g.n_used = 0
    g.n_rows = 0
    while piece[0] < t.n_pieces and g.n_used < LANES:
        pattern = t.pieces[3 * piece[0]]
        p = t.observed[pattern]
        if g.n_used and p != g.n_observed:
            break
        begin = t.pieces[3 * piece[0] + 1] + taken[0]
        end = min(begin + LANE_ROWS, t.pieces[3 * piece[0] + 2])
        g.n_observed = p
        g.columns[g.n_used] = t.columns + pattern * d
        g.row[g.n_used] = begin - t.first_row
        g.count[g.n_used] = end - begin
        g.values[g.n_used] = values + t.values[pattern] - t.first_value + p * (begin - t.rows[pattern])
        g.n_rows = max(g.n_rows, end - begin)
        g.n_used += 1
        taken[0] += end - begin
        if end == t.pieces[3 * piece[0] + 2]:
            piece[0] += 1
            taken[0] = 0
    if g.n_used == 0:
        return False
    for i in range(g.n_used, LANES):
        g.columns[i] = g.columns[0]
        g.values[i] = g.values[0]
        g.count[i] = 0
    memset(g.is_observed, 0, d * LANES * sizeof(real))
    memset(g.placed, 0, g.n_rows * d * LANES * sizeof(real))
    for i in range(LANES):
        for j in range(d):
            g.index[j * LANES + i] = g.columns[i][j]
        for j in range(g.n_observed):
            g.is_observed[g.columns[i][j] * LANES + i] = 1.0
            for b in range(g.n_rows):       # a lane of fewer rows repeats its first one, without weight
                g.x[(b * d + j) * LANES + i] = g.values[i][
                    (b if b < g.count[i] else 0) * g.n_observed + j]
                g.placed[(b * d + g.columns[i][j]) * LANES + i] = g.x[(b * d + j) * LANES + i]
    return True


cdef void weigh_lanes(Lanes *g, const double *weight) noexcept nogil:
    cdef Py_ssize_t i, b
    for b in range(g.n_rows):
        for i in range(LANES):
            g.weight[b * LANES + i] = 0.0
            if b < g.count[i]:
                g.weight[b * LANES + i] = weight[g.row[i] + b] if weight != NULL else 1.0


cdef void evaluate_lanes(Lanes *g, bint with_rest, bint with_weights) noexcept nogil:
    """density = half of the log densities, `with_weights` of the components or without; `with_rest` also what is
    expected of the missing columns."""
    cdef const Model *model = &g.model
    cdef Py_ssize_t c, k
    cdef Py_ssize_t p = g.n_observed
    cdef Py_ssize_t n = model.n_features if with_rest and model.form == MATRIX else p
    cdef real norm[LANES]
    for c in range(model.n_covariances):
        if model.form == MATRIX:
            factor_lanes(g, c, n)
            if n > p:
                leave_lanes(g, c, n)
        else:
            select_lanes(g, c)
        vstore(norm, norm_of_lanes(g, c))
        for k in range(c, model.n_components if model.tied else c + 1):
            whiten_lanes(g, k, n, norm, 0.5 * g.given.log_weights[k] if with_weights else 0.0)


cdef void factor_lanes(Lanes *g, Py_ssize_t c, Py_ssize_t n) noexcept nogil:
    """factor = L of L diag(d) L^T in the first n columns of each lane, without its ones; 1 / d on the diagonal.

    Without roots the chain from pivot to pivot is half as long as Cholesky's.
    """
    cdef Py_ssize_t i, j, other
    cdef real *f = g.factor
    cdef real *column = g.whitened
    cdef real *row
    cdef vec pivot, x
    cdef unsigned int every = vmask_greater(vset(1.0), vset(0.0))
    cdef unsigned int sound = every
    gather_lanes(g, c, n)
    for j in range(n):
        row = f + triangle(j, j) * LANES
        x = vload(row)
        sound = sound & vmask_greater(x, vset(0.0))
        pivot = vset(1.0) / x
        vstore(row, pivot)
        for i in range(j + 1, n):
            row += i * LANES
            x = vload(row)
            vstore(column + i * LANES, x)           # before it is divided by the pivot
            x = x * pivot
            vstore(row, x)
            for other in range(j + 1, i + 1):
                vstore(row + (other - j) * LANES, vload(row + (other - j) * LANES) - x * vload(
                    column + other * LANES))
    if sound != every:
        for i in range(LANES):
            if not sound >> i & 1:
                rotate_lane(g, c, n, i)


cdef void gather_lanes(Lanes *g, Py_ssize_t c, Py_ssize_t n) noexcept nogil:
    """factor = the lower triangle of a covariance, in the first n columns of each lane."""
    cdef Py_ssize_t i, j, lane
    cdef Py_ssize_t d = g.model.n_features
    cdef const double *covariance = g.given.covariances + c * d * d
    cdef real *out = g.factor
    cdef int row[LANES]
    for i in range(n):
        for lane in range(LANES):
            row[lane] = g.index[i * LANES + lane] * <int> d
        for j in range(i + 1):
            vstore(out, vgather(covariance, row, g.index + j * LANES))
            out += LANES


cdef void rotate_lane(Lanes *g, Py_ssize_t c, Py_ssize_t n, Py_ssize_t lane) noexcept nogil:
    """The factor of one lane, whose covariance is not positive definite as it is rounded."""
    cdef Py_ssize_t i, j
    cdef Py_ssize_t d = g.model.n_features
    cdef double *upper = g.eliminated
    rotate_root(
        g.given.factors + c * d * d, d, g.columns[lane], n, upper, upper + d * d)
    for i in range(n):
        for j in range(i):
            g.factor[triangle(i, j) * LANES + lane] = upper[j * n + i] / upper[j * n + j]
        g.factor[triangle(i, i) * LANES + lane] = 1.0 / (upper[i * n + i] * upper[i * n + i])


cdef void leave_lanes(Lanes *g, Py_ssize_t c, Py_ssize_t n) noexcept nogil:
    """left = C = L_mm diag(d_m) L_mm^T of each lane: a sum of squares, so that nothing cancels."""
    cdef Py_ssize_t i, j, other
    cdef Py_ssize_t p = g.n_observed
    cdef const real *f = g.factor
    cdef real *out = g.left + c * triangle(n, 0) * LANES
    cdef real *pivots = g.whitened
    cdef vec x
    for j in range(p, n):
        vstore(pivots + j * LANES, vset(1.0) / vload(f + triangle(j, j) * LANES))
    for i in range(p, n):
        for j in range(p, i + 1):
            x = vload(pivots + j * LANES) * (vset(1.0) if i == j else vload(f + triangle(i, j) * LANES))
            for other in range(p, j):
                x = x + vload(f + triangle(i, other) * LANES) * (
                    vload(f + triangle(j, other) * LANES) * vload(pivots + other * LANES))
            vstore(out, x)
            out += LANES


cdef void select_lanes(Lanes *g, Py_ssize_t c) noexcept nogil:
    """DIAGONAL, SCALAR: factor = 1 / deviation of the observed columns of each lane."""
    cdef Py_ssize_t j, lane
    cdef Py_ssize_t d = g.model.n_features
    cdef bint one = g.model.form == SCALAR
    for j in range(g.n_observed):
        for lane in range(LANES):
            g.factor[j * LANES + lane] = g.given.inverses[
                c if one else c * d + g.columns[lane][j]]


cdef vec norm_of_lanes(Lanes *g, Py_ssize_t c) noexcept nogil:
    """Half of the log density at the mean of each lane."""
    cdef Py_ssize_t j
    cdef Py_ssize_t p = g.n_observed
    cdef bint squares = g.model.form == MATRIX
    cdef vec total = vset(0.0)
    for j in range(p):
        total = total + log_positive(vload(g.factor + (triangle(j, j) if squares else j) * LANES))
    return (vset(0.25) if squares else vset(0.5)) * total - vset(0.5 * 0.9189385332046727417803297 * p)


cdef void whiten_lanes(Lanes *g, Py_ssize_t k, Py_ssize_t n, const real *norm, double half_weight) noexcept nogil:
    """One component: density = half of the log density, and what it expects of the columns from p to n."""
    cdef Py_ssize_t b, i, j, lane
    cdef Py_ssize_t d = g.model.n_features
    cdef Py_ssize_t p = g.n_observed
    cdef const double *mean = g.given.means + k * d
    cdef real *y = g.whitened
    cdef const real *f = g.factor
    cdef const real *x
    cdef vec total, squares
    cdef vec half = vload(norm) + vset(half_weight)
    for j in range(p):
        for lane in range(LANES):
            g.mean[j * LANES + lane] = mean[g.columns[lane][j]]
    for b in range(g.n_rows):
        x = g.x + b * d * LANES
        squares = vset(0.0)
        for i in range(p):
            total = vload(x + i * LANES) - vload(g.mean + i * LANES)
            if g.model.form == MATRIX:
                for j in range(i):
                    total = total - vload(f + triangle(i, j) * LANES) * vload(y + j * LANES)
                vstore(y + i * LANES, total)
                squares = squares + total * total * vload(f + triangle(i, i) * LANES)
            else:
                total = total * vload(f + i * LANES)
                squares = squares + total * total
        vstore(g.density + (k * g.n_rows + b) * LANES, vmax(
            vset(LOWEST), half - vset(0.25) * squares))
        for i in range(p, n):
            total = vset(0.0)
            for j in range(p):
                total = total + vload(f + triangle(i, j) * LANES) * vload(y + j * LANES)
            vstore(g.expected + ((k * LANE_ROWS + b) * d + i - p) * LANES, total)


cdef void normalize_lanes(Lanes *g) noexcept nogil:
    """density: half of a log density -> e; see Block."""
    cdef Py_ssize_t b, k
    cdef Py_ssize_t n = g.n_rows * LANES
    cdef vec top
    for b from 0 <= b < n by LANES:
        top = vset(LOWEST)
        for k in range(g.model.n_components):
            top = vmax(top, vload(g.density + k * n + b))
        vstore(g.log_total + b, top)
    normalize(g.model.n_components, LOWEST, n, n, g.log_total, g.density, g.total, g.scale)


cdef void label_lanes(Lanes *g) noexcept nogil:
    """log_total = the component of the largest density of each row, the first of equals."""
    cdef Py_ssize_t b, k
    cdef Py_ssize_t n = g.n_rows * LANES
    cdef vec density, top, label
    cdef ivec larger
    for b from 0 <= b < n by LANES:
        top = vload(g.density + b)
        label = vset(0.0)
        for k in range(1, g.model.n_components):
            density = vload(g.density + k * n + b)
            larger = vgreater(density, top)
            label = vkeep(vset(<real> k), larger) + vkeep(label, ~larger)
            top = vmax(top, density)
        vstore(g.log_total + b, label)


cdef void hand_out(
    Lanes *g, const real *of_rows, Py_ssize_t n_columns, Py_ssize_t column, real *out
) noexcept nogil:
    """Put a number of each row into its column of out (n, n_columns)."""
    cdef Py_ssize_t i, b
    for i in range(g.n_used):
        for b in range(g.count[i]):
            out[(g.row[i] + b) * n_columns + column] = of_rows[b * LANES + i]


cdef void score_in_lanes(Lanes *g, const real *values, int wanted, real *out) noexcept nogil:
    cdef Py_ssize_t piece = 0
    cdef Py_ssize_t taken = 0
    cdef Py_ssize_t k, b, n
    cdef Py_ssize_t n_components = g.model.n_components
    cdef vec e
    while fill_lanes(g, values, &piece, &taken):
        evaluate_lanes(g, wanted == EXPECTED, wanted != COMPONENT_LOG_DENSITY)
        n = g.n_rows * LANES
        if wanted == COMPONENT_LOG_DENSITY:
            for k in range(n_components):
                for b from 0 <= b < n by LANES:
                    e = vload(g.density + k * n + b)
                    vstore(g.log_total + b, e + e)
                hand_out(g, g.log_total, n_components, k, out)
            continue
        if wanted == LABELS:
            label_lanes(g)
            hand_out(g, g.log_total, 1, 0, out)
            continue
        normalize_lanes(g)
        if wanted == EXPECTED:
            expect_lanes(g, out)
            continue
        if wanted == WEIGHTED_LOG_DENSITY:
            log_totals(n, g.log_total, g.total)
            hand_out(g, g.log_total, 1, 0, out)
            continue
        for k in range(n_components):
            for b from 0 <= b < n by LANES:
                e = vload(g.density + k * n + b)
                vstore(g.log_total + b, e * e * vload(g.scale + b))
            hand_out(g, g.log_total, n_components, k, out)


cdef void expect_lanes(Lanes *g, real *out) noexcept nogil:
    """Put conditional means into the missing columns of out (n, D)."""
    cdef Py_ssize_t d = g.model.n_features
    cdef Py_ssize_t p = g.n_observed
    cdef Py_ssize_t i, b, j, k, column
    cdef bint follows = g.model.form == MATRIX
    cdef double total, expected, share
    for i in range(g.n_used):
        for b in range(g.count[i]):
            for j in range(d - p):
                column = g.columns[i][p + j]
                total = 0.0
                for k in range(g.model.n_components):
                    share = g.density[(k * g.n_rows + b) * LANES + i]
                    share = share * share * g.scale[b * LANES + i]
                    expected = g.given.means[k * d + column]
                    if follows:
                        expected += g.expected[((k * LANE_ROWS + b) * d + j) * LANES + i]
                    total += share * expected
                out[(g.row[i] + b) * d + column] = total
