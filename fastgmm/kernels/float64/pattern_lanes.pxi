# Patterns of few rows: a pattern in each lane, all of the same number of observed columns, so that every loop is one of
# vectors.  Each lane has its columns in an order of its own, the observed ones first, for the factor and the
# distances; what is summed is in the order of all columns, and the lanes are added when the call ends.

cdef enum:
    LANE_ROWS = 8               # of a pattern; more rows take several lanes, each with the same factor


cdef struct Lanes:
    # the rows on their way, "of the lane" meaning in the order of its columns
    Py_ssize_t n_observed
    Py_ssize_t n_used           # lanes; the others repeat the first one, without weight
    Py_ssize_t n_rows           # of the lane that has most
    const int *columns[LANES]
    Py_ssize_t row[LANES]       # the first one's number among those of the call
    Py_ssize_t count[LANES]
    const real *values[LANES]


@cython.final
cdef class PatternLanes:
    """Few rows each of many patterns of gaps under mixtures of one form: work space for one call at a time.

    Parameters are those of `PatternRows`.
    """
    cdef PatternRows door           # it borrows, and knows the form
    cdef Memory memory
    cdef Lanes lanes
    cdef Gap gap
    # vectors, of the lane:
    cdef real *x                # LANE_ROWS x D: what was observed
    cdef real *mean             # D
    cdef real *factor           # MATRIX: lower triangle by triangle(i, j), see _factor; else D: 1 / deviation
    cdef real *whitened         # D
    cdef real *left             # n_covariances x lower triangle: C
    cdef real *expected         # K x LANE_ROWS x D: deviations of the missing columns from the means
    cdef real *density          # K x LANE_ROWS, and these LANE_ROWS each: see Block
    cdef real *log_total
    cdef real *total
    cdef real *scale
    cdef double *weight
    cdef int *index             # D x LANES: the columns of each lane
    # vectors, in the order of all columns:
    cdef real *is_observed      # D: 1 or 0
    cdef real *placed           # LANE_ROWS x D: what was observed, or 0
    cdef real *deviation        # LANE_ROWS x D
    cdef real *weighted         # LANE_ROWS x D
    cdef double *sums           # K
    cdef double *first          # K x D
    cdef double *second         # as `left`, or K x D, or K
    cdef Py_ssize_t n_sums

    def __cinit__(self, str covariance_type, bint tied, Py_ssize_t n_components, Py_ssize_t n_features):
        self.door = PatternRows(covariance_type, tied, n_components, n_features)
        self.memory = Memory(self._lay_out(None))
        self._lay_out(self.memory)

    cdef Py_ssize_t _lay_out(self, Memory memory):
        cdef Model *model = &self.door.model
        cdef Py_ssize_t k = model.n_components
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t matrix = triangle(d, 0) if model.form == MATRIX else 0
        cdef Cutter cut = Cutter(memory)
        self.x = cut.reals(LANE_ROWS * d * LANES)
        self.mean = cut.reals(d * LANES)
        self.factor = cut.reals(max(matrix, d) * LANES)
        self.whitened = cut.reals(d * LANES)
        self.left = cut.reals(model.n_covariances * matrix * LANES)
        self.expected = cut.reals(k * LANE_ROWS * d * LANES if matrix else 0)
        self.density = cut.reals(k * LANE_ROWS * LANES)
        self.log_total = cut.reals(LANE_ROWS * LANES)
        self.total = cut.reals(LANE_ROWS * LANES)
        self.scale = cut.reals(LANE_ROWS * LANES)
        self.weight = cut.doubles(LANE_ROWS * LANES)
        self.index = <int *> cut.bytes(d * LANES * sizeof(int))
        self.is_observed = cut.reals(d * LANES)
        self.placed = cut.reals(LANE_ROWS * d * LANES)
        self.deviation = cut.reals(LANE_ROWS * d * LANES)
        self.weighted = cut.reals(LANE_ROWS * d * LANES)
        cdef Py_ssize_t n_second = (
            model.n_covariances * matrix if matrix else k * d if model.form == DIAGONAL else k)
        self.n_sums = k + k * d + n_second
        self.sums = cut.doubles(self.n_sums * LANES)
        self.first = self.sums + k * LANES
        self.second = self.first + k * d * LANES
        return cut.size

    def expectation(
        self, mixture, table, values, sample_weight, responsibilities, component_weight, first, second,
        log_density=None
    ):
        """As `PatternRows.expectation`, without thresholds: rows are float64, and none is left out."""
        self.door._borrow(mixture, table)
        cdef Table *t = &self.door.table
        cdef Model *model = &self.door.model
        cdef Py_ssize_t k = model.n_components
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t n_second = model.size if model.tied and model.form == MATRIX else k * model.size
        cdef const real *value = <const real *> self.door._lend(values, sizeof(real), t.n_values, "values")
        cdef const double *weight = NULL
        cdef const real *given = NULL
        cdef real *density = NULL
        cdef Borrowed zeroth_loan = borrow(component_weight, sizeof(double), k, True, "component_weight")
        cdef Borrowed first_loan = borrow(first, sizeof(double), k * d, True, "first")
        cdef Borrowed second_loan = borrow(second, sizeof(double), n_second, True, "second")
        cdef Borrowed density_loan
        cdef double log_likelihood
        if sample_weight is not None:
            weight = <const double *> self.door._lend(sample_weight, sizeof(double), t.n_rows, "sample_weight")
        if responsibilities is not None:
            given = <const real *> self.door._lend(
                responsibilities, sizeof(real), t.n_rows * k, "responsibilities")
        if log_density is not None:
            density_loan = borrow(log_density, sizeof(real), t.n_rows, True, "log_density")
            density = <real *> density_loan.view.buf
        with nogil:
            log_likelihood = self._sum(value, weight, given, density, <double *> second_loan.view.buf)
            self._unpack(
                <double *> zeroth_loan.view.buf, <double *> first_loan.view.buf, <double *> second_loan.view.buf)
        self.door.loans = None
        return log_likelihood

    cdef double _sum(
        self, const real *values, const double *weight, const real *given, real *log_density, double *second
    ) noexcept nogil:
        """The sums in lanes; where covariances are no matrices, what gaps leave of them is added to `second`."""
        cdef Py_ssize_t piece = 0
        cdef Py_ssize_t taken = 0           # rows of that piece
        cdef double log_likelihood = 0.0
        memset(self.sums, 0, self.n_sums * LANES * sizeof(double))
        while self._fill(values, &piece, &taken):
            self._weigh(weight)
            self._evaluate(True, True)
            if given == NULL:
                self._normalize()
                log_totals(self.lanes.n_rows * LANES, self.log_total, self.total)
                log_likelihood += weighted_log_likelihood(
                    self.log_total, self.lanes.n_rows * LANES, self.weight)
                if log_density != NULL:
                    self._hand_out(self.log_total, 1, 0, log_density)
            self._share(given)
            self._accumulate(second)
        return log_likelihood

    cdef bint _fill(self, const real *values, Py_ssize_t *piece, Py_ssize_t *taken) noexcept nogil:
        """Take the next pieces, of the same number of columns, as far as there are lanes; whether there was one."""
        cdef Table *t = &self.door.table
        cdef Lanes *lanes = &self.lanes
        cdef Py_ssize_t pattern, begin, end, p, i, j, b
        cdef Py_ssize_t d = self.door.model.n_features
        lanes.n_used = 0
        lanes.n_rows = 0
        while piece[0] < t.n_pieces and lanes.n_used < LANES:
            pattern = t.pieces[3 * piece[0]]
            p = t.observed[pattern]
            if lanes.n_used and p != lanes.n_observed:
                break
            begin = t.pieces[3 * piece[0] + 1] + taken[0]
            end = min(begin + LANE_ROWS, t.pieces[3 * piece[0] + 2])
            lanes.n_observed = p
            lanes.columns[lanes.n_used] = t.columns + pattern * d
            lanes.row[lanes.n_used] = begin - t.first_row
            lanes.count[lanes.n_used] = end - begin
            lanes.values[lanes.n_used] = values + t.values[pattern] - t.first_value + p * (begin - t.rows[pattern])
            lanes.n_rows = max(lanes.n_rows, end - begin)
            lanes.n_used += 1
            taken[0] += end - begin
            if end == t.pieces[3 * piece[0] + 2]:
                piece[0] += 1
                taken[0] = 0
        if lanes.n_used == 0:
            return False
        for i in range(lanes.n_used, LANES):
            lanes.columns[i] = lanes.columns[0]
            lanes.values[i] = lanes.values[0]
            lanes.count[i] = 0
        memset(self.is_observed, 0, d * LANES * sizeof(real))
        memset(self.placed, 0, lanes.n_rows * d * LANES * sizeof(real))
        for i in range(LANES):
            for j in range(d):
                self.index[j * LANES + i] = lanes.columns[i][j]
            for j in range(lanes.n_observed):
                self.is_observed[lanes.columns[i][j] * LANES + i] = 1.0
                for b in range(lanes.n_rows):       # a lane of fewer rows repeats its first one, without weight
                    self.x[(b * d + j) * LANES + i] = lanes.values[i][
                        (b if b < lanes.count[i] else 0) * lanes.n_observed + j]
                    self.placed[(b * d + lanes.columns[i][j]) * LANES + i] = self.x[(b * d + j) * LANES + i]
        return True

    cdef void _weigh(self, const double *weight) noexcept nogil:
        cdef Lanes *lanes = &self.lanes
        cdef Py_ssize_t i, b
        for b in range(lanes.n_rows):
            for i in range(LANES):
                self.weight[b * LANES + i] = 0.0
                if b < lanes.count[i]:
                    self.weight[b * LANES + i] = weight[lanes.row[i] + b] if weight != NULL else 1.0

    cdef void _evaluate(self, bint with_rest, bint with_weights) noexcept nogil:
        """density = half of the log densities, `with_weights` of the components or without; `with_rest` also what is
        expected of the missing columns."""
        cdef Model *model = &self.door.model
        cdef Py_ssize_t c, k
        cdef Py_ssize_t p = self.lanes.n_observed
        cdef Py_ssize_t n = model.n_features if with_rest and model.form == MATRIX else p
        cdef real norm[LANES]
        for c in range(model.n_covariances):
            if model.form == MATRIX:
                self._factor(c, n)
                if n > p:
                    self._leave(c, n)
            else:
                self._select(c)
            vstore(norm, self._norm(c))
            for k in range(c, model.n_components if model.tied else c + 1):
                self._whiten(k, n, norm, 0.5 * self.door.given.log_weights[k] if with_weights else 0.0)

    cdef void _factor(self, Py_ssize_t c, Py_ssize_t n) noexcept nogil:
        """factor = L of L diag(d) L^T in the first n columns of each lane, without its ones; 1 / d on the diagonal.

        Without roots the chain from pivot to pivot is half as long as Cholesky's.
        """
        cdef Py_ssize_t i, j, other
        cdef real *f = self.factor
        cdef real *column = self.whitened
        cdef real *row
        cdef vec pivot, x
        cdef unsigned int every = vmask_greater(vset(1.0), vset(0.0))
        cdef unsigned int sound = every
        self._gather(c, n)
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
                    self._rotate(c, n, i)

    cdef void _gather(self, Py_ssize_t c, Py_ssize_t n) noexcept nogil:
        """factor = the lower triangle of a covariance, in the first n columns of each lane."""
        cdef Py_ssize_t i, j, lane
        cdef Py_ssize_t d = self.door.model.n_features
        cdef const double *covariance = self.door.given.covariances + c * d * d
        cdef real *out = self.factor
        cdef int row[LANES]
        for i in range(n):
            for lane in range(LANES):
                row[lane] = self.index[i * LANES + lane] * <int> d
            for j in range(i + 1):
                vstore(out, vgather(covariance, row, self.index + j * LANES))
                out += LANES

    cdef void _rotate(self, Py_ssize_t c, Py_ssize_t n, Py_ssize_t lane) noexcept nogil:
        """The factor of one lane, whose covariance is not positive definite as it is rounded."""
        cdef Py_ssize_t i, j
        cdef Py_ssize_t d = self.door.model.n_features
        cdef double *upper = self.door.eliminated
        rotate_root(
            self.door.given.factors + c * d * d, d, self.lanes.columns[lane], n, upper, upper + d * d)
        for i in range(n):
            for j in range(i):
                self.factor[triangle(i, j) * LANES + lane] = upper[j * n + i] / upper[j * n + j]
            self.factor[triangle(i, i) * LANES + lane] = 1.0 / (upper[i * n + i] * upper[i * n + i])

    cdef void _leave(self, Py_ssize_t c, Py_ssize_t n) noexcept nogil:
        """left = C = L_mm diag(d_m) L_mm^T of each lane: a sum of squares, so that nothing cancels."""
        cdef Py_ssize_t i, j, other
        cdef Py_ssize_t p = self.lanes.n_observed
        cdef const real *f = self.factor
        cdef real *out = self.left + c * triangle(n, 0) * LANES
        cdef real *pivots = self.whitened
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

    cdef void _select(self, Py_ssize_t c) noexcept nogil:
        """DIAGONAL, SCALAR: factor = 1 / deviation of the observed columns of each lane."""
        cdef Py_ssize_t j, lane
        cdef Py_ssize_t d = self.door.model.n_features
        cdef bint one = self.door.model.form == SCALAR
        for j in range(self.lanes.n_observed):
            for lane in range(LANES):
                self.factor[j * LANES + lane] = self.door.given.inverses[
                    c if one else c * d + self.lanes.columns[lane][j]]

    cdef vec _norm(self, Py_ssize_t c) noexcept nogil:
        """Half of the log density at the mean of each lane."""
        cdef Py_ssize_t j
        cdef Py_ssize_t p = self.lanes.n_observed
        cdef bint squares = self.door.model.form == MATRIX
        cdef vec total = vset(0.0)
        for j in range(p):
            total = total + log_positive(vload(self.factor + (triangle(j, j) if squares else j) * LANES))
        return (vset(0.25) if squares else vset(0.5)) * total - vset(0.5 * 0.9189385332046727417803297 * p)

    cdef void _whiten(self, Py_ssize_t k, Py_ssize_t n, const real *norm, double half_weight) noexcept nogil:
        """One component: density = half of the log density, and what it expects of the columns from p to n."""
        cdef Py_ssize_t b, i, j, lane
        cdef Py_ssize_t d = self.door.model.n_features
        cdef Py_ssize_t p = self.lanes.n_observed
        cdef const double *mean = self.door.given.means + k * d
        cdef real *y = self.whitened
        cdef const real *f = self.factor
        cdef const real *x
        cdef vec total, squares
        cdef vec half = vload(norm) + vset(half_weight)
        for j in range(p):
            for lane in range(LANES):
                self.mean[j * LANES + lane] = mean[self.lanes.columns[lane][j]]
        for b in range(self.lanes.n_rows):
            x = self.x + b * d * LANES
            squares = vset(0.0)
            for i in range(p):
                total = vload(x + i * LANES) - vload(self.mean + i * LANES)
                if self.door.model.form == MATRIX:
                    for j in range(i):
                        total = total - vload(f + triangle(i, j) * LANES) * vload(y + j * LANES)
                    vstore(y + i * LANES, total)
                    squares = squares + total * total * vload(f + triangle(i, i) * LANES)
                else:
                    total = total * vload(f + i * LANES)
                    squares = squares + total * total
            vstore(self.density + (k * self.lanes.n_rows + b) * LANES, vmax(
                vset(LOWEST), half - vset(0.25) * squares))
            for i in range(p, n):
                total = vset(0.0)
                for j in range(p):
                    total = total + vload(f + triangle(i, j) * LANES) * vload(y + j * LANES)
                vstore(self.expected + ((k * LANE_ROWS + b) * d + i - p) * LANES, total)

    cdef void _normalize(self) noexcept nogil:
        """density: half of a log density -> e; see Block."""
        cdef Py_ssize_t b, k
        cdef Py_ssize_t n = self.lanes.n_rows * LANES
        cdef vec top
        for b from 0 <= b < n by LANES:
            top = vset(LOWEST)
            for k in range(self.door.model.n_components):
                top = vmax(top, vload(self.density + k * n + b))
            vstore(self.log_total + b, top)
        normalize(self.door.model.n_components, n, n, self.log_total, self.density, self.total, self.scale)

    cdef void _share(self, const real *given) noexcept nogil:
        """density: e, or anything where responsibilities are given -> r times the weight of the row."""
        cdef Lanes *lanes = &self.lanes
        cdef Py_ssize_t b, k, i
        cdef Py_ssize_t n = lanes.n_rows * LANES
        cdef Py_ssize_t n_components = self.door.model.n_components
        cdef vec e
        for k in range(n_components):
            if given == NULL:
                for b from 0 <= b < n by LANES:
                    e = vload(self.density + k * n + b)
                    vstore(self.density + k * n + b, e * e * vload(self.scale + b) * vload(self.weight + b))
                continue
            for b in range(lanes.n_rows):
                for i in range(LANES):
                    self.density[k * n + b * LANES + i] = self.weight[b * LANES + i] * (
                        given[(lanes.row[i] + b) * n_components + k] if b < lanes.count[i] else 0.0)

    cdef void _accumulate(self, double *second) noexcept nogil:
        """Add the rows to the sums, expected where they have gaps."""
        cdef Model *model = &self.door.model
        cdef Py_ssize_t k, b
        cdef real share[LANES]
        cdef vec total
        for k in range(model.n_components):
            total = vset(0.0)
            for b in range(self.lanes.n_rows):
                total = total + vload(self.density + (k * self.lanes.n_rows + b) * LANES)
            vstore(share, total)
            vadd(self.sums + k * LANES, total)
            self._deviate(k)
            self._add_products(k)
            self._add_left(k, share, second)

    cdef void _deviate(self, Py_ssize_t k) noexcept nogil:
        """deviation = rows minus the reference in the order of all columns, with what is expected in the gaps; weighted
        = r times it."""
        cdef Lanes *lanes = &self.lanes
        cdef Py_ssize_t d = self.door.model.n_features
        cdef Py_ssize_t p = lanes.n_observed
        cdef Py_ssize_t b, j, lane, column
        cdef const double *mean = self.door.given.means + k * d
        cdef const double *reference = self.door.given.reference + k * d
        cdef bint follows = self.door.model.form == MATRIX
        cdef real *out
        cdef vec x, r
        for b in range(lanes.n_rows):
            out = self.deviation + b * d * LANES
            for j in range(d):
                vstore(out + j * LANES, vload(self.is_observed + j * LANES) * (
                    vload(self.placed + (b * d + j) * LANES) - vset(reference[j])))
            for j in range(d - p):
                for lane in range(LANES):
                    column = lanes.columns[lane][p + j]
                    out[column * LANES + lane] = mean[column] - reference[column] + (
                        self.expected[((k * LANE_ROWS + b) * d + j) * LANES + lane] if follows else 0.0)
            r = vload(self.density + (k * lanes.n_rows + b) * LANES)
            for j in range(d):
                x = r * vload(out + j * LANES)
                vstore(self.weighted + (b * d + j) * LANES, x)
                vadd(self.first + (k * d + j) * LANES, x)

    cdef void _add_products(self, Py_ssize_t k) noexcept nogil:
        cdef Model *model = &self.door.model
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t b, i, j
        cdef const real *right
        cdef const real *left
        cdef double *out = self.second
        cdef vec total
        if model.form == MATRIX:
            out += 0 if model.tied else k * triangle(d, 0) * LANES
            for i in range(d):
                for j in range(i + 1):
                    total = vload(out)
                    for b in range(self.lanes.n_rows):
                        left = self.weighted + b * d * LANES
                        right = self.deviation + b * d * LANES
                        total = total + vload(left + i * LANES) * vload(right + j * LANES)
                    vstore(out, total)
                    out += LANES
            return
        out += k * (d if model.form == DIAGONAL else 1) * LANES
        for b in range(self.lanes.n_rows):
            left = self.weighted + b * d * LANES
            right = self.deviation + b * d * LANES
            for i in range(d):
                vadd(out + (i if model.form == DIAGONAL else 0) * LANES, vload(left + i * LANES) * vload(
                    right + i * LANES))

    cdef void _add_left(self, Py_ssize_t k, const real *share, double *second) noexcept nogil:
        """second += r C, summed over the rows of each lane."""
        cdef Model *model = &self.door.model
        cdef Lanes *lanes = &self.lanes
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t p = lanes.n_observed
        cdef Py_ssize_t c = 0 if model.tied else k
        cdef Py_ssize_t i, j, lane
        cdef const int *columns
        cdef const real *left = self.left + c * triangle(d, 0) * LANES
        cdef double *out = self.second + c * triangle(d, 0) * LANES
        for lane in range(lanes.n_used):
            columns = lanes.columns[lane] + p
            if model.form == SCALAR:
                second[k] += share[lane] * (d - p) * self.door.given.covariances[c]
                continue
            for i in range(d - p):
                if model.form == DIAGONAL:
                    second[k * d + columns[i]] += share[lane] * self.door.given.covariances[c * d + columns[i]]
                    continue
                for j in range(i + 1):
                    out[triangle(columns[i], columns[j]) * LANES + lane] += share[lane] * left[triangle(i, j) * LANES + lane]

    cdef void _unpack(self, double *component_weight, double *first, double *second) noexcept nogil:
        """Add the lanes to the sums of the caller."""
        cdef Model *model = &self.door.model
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t k, i, j
        cdef const double *lanes = self.second
        for k in range(model.n_components):
            component_weight[k] += sum_of_lanes(self.sums + k * LANES)
        for k in range(model.n_components * d):
            first[k] += sum_of_lanes(self.first + k * LANES)
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

    cdef void _hand_out(
        self, const real *of_rows, Py_ssize_t n_columns, Py_ssize_t column, real *out
    ) noexcept nogil:
        """Put a number of each row into its column of out (n, n_columns)."""
        cdef Lanes *lanes = &self.lanes
        cdef Py_ssize_t i, b
        for i in range(lanes.n_used):
            for b in range(lanes.count[i]):
                out[(lanes.row[i] + b) * n_columns + column] = of_rows[b * LANES + i]

    def score(self, mixture, table, values, str wanted, out):
        """As `PatternRows.score`; rows and results are float64."""
        self.door._borrow(mixture, table)
        cdef Table *t = &self.door.table
        cdef const real *value = <const real *> self.door._lend(values, sizeof(real), t.n_values, "values")
        cdef int what = WANTED[wanted]
        cdef Borrowed out_loan = borrow(
            out, sizeof(real), t.n_rows * columns_of(what, &self.door.model), True, "out")
        with nogil:
            self._score(value, what, <real *> out_loan.view.buf)
        self.door.loans = None

    cdef void _score(self, const real *values, int wanted, real *out) noexcept nogil:
        cdef Py_ssize_t piece = 0
        cdef Py_ssize_t taken = 0
        cdef Py_ssize_t k, b, n
        cdef Py_ssize_t n_components = self.door.model.n_components
        cdef vec e
        while self._fill(values, &piece, &taken):
            self._evaluate(wanted == EXPECTED, wanted != COMPONENT_LOG_DENSITY)
            n = self.lanes.n_rows * LANES
            if wanted == COMPONENT_LOG_DENSITY:
                for k in range(n_components):
                    for b from 0 <= b < n by LANES:
                        e = vload(self.density + k * n + b)
                        vstore(self.log_total + b, e + e)
                    self._hand_out(self.log_total, n_components, k, out)
                continue
            if wanted == LABELS:
                self._label()
                self._hand_out(self.log_total, 1, 0, out)
                continue
            self._normalize()
            if wanted == EXPECTED:
                self._expect(out)
                continue
            if wanted == WEIGHTED_LOG_DENSITY:
                log_totals(n, self.log_total, self.total)
                self._hand_out(self.log_total, 1, 0, out)
                continue
            for k in range(n_components):
                for b from 0 <= b < n by LANES:
                    e = vload(self.density + k * n + b)
                    vstore(self.log_total + b, e * e * vload(self.scale + b))
                self._hand_out(self.log_total, n_components, k, out)

    cdef void _label(self) noexcept nogil:
        """log_total = the component of the largest density of each row, the first of equals."""
        cdef Py_ssize_t b, k
        cdef Py_ssize_t n = self.lanes.n_rows * LANES
        cdef vec density, top, label
        cdef ivec larger
        for b from 0 <= b < n by LANES:
            top = vload(self.density + b)
            label = vset(0.0)
            for k in range(1, self.door.model.n_components):
                density = vload(self.density + k * n + b)
                larger = vgreater(density, top)
                label = vkeep(vset(<real> k), larger) + vkeep(label, ~larger)
                top = vmax(top, density)
            vstore(self.log_total + b, label)

    cdef void _expect(self, real *out) noexcept nogil:
        """Put conditional means into the missing columns of out (n, D)."""
        cdef Lanes *lanes = &self.lanes
        cdef Py_ssize_t d = self.door.model.n_features
        cdef Py_ssize_t p = lanes.n_observed
        cdef Py_ssize_t i, b, j, k, column
        cdef bint follows = self.door.model.form == MATRIX
        cdef double total, expected, share
        for i in range(lanes.n_used):
            for b in range(lanes.count[i]):
                for j in range(d - p):
                    column = lanes.columns[i][p + j]
                    total = 0.0
                    for k in range(self.door.model.n_components):
                        share = self.density[(k * lanes.n_rows + b) * LANES + i]
                        share = share * share * self.scale[b * LANES + i]
                        expected = self.door.given.means[k * d + column]
                        if follows:
                            expected += self.expected[((k * LANE_ROWS + b) * d + j) * LANES + i]
                        total += share * expected
                    out[(lanes.row[i] + b) * d + column] = total
