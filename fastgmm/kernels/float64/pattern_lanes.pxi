# The door to patterns of few rows, which go side by side in the lanes of vectors.

@cython.final
cdef class PatternLanes:
    """Few rows each of many patterns of gaps under mixtures of one form: work space for one call at a time.

    Parameters are those of `PatternRows`.
    """
    cdef PatternRows door           # it borrows, and knows the form
    cdef Memory memory
    cdef Lanes lanes

    def __cinit__(self, str covariance_type, bint tied, Py_ssize_t n_components, Py_ssize_t n_features):
        self.door = PatternRows(covariance_type, tied, n_components, n_features)
        self.memory = Memory(self._lay_out(None))
        self._lay_out(self.memory)

    cdef Py_ssize_t _lay_out(self, Memory memory):
        cdef Lanes *g = &self.lanes
        cdef Model *model = &self.door.model
        cdef Py_ssize_t k = model.n_components
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t matrix = triangle(d, 0) if model.form == MATRIX else 0
        cdef Cutter cut = Cutter(memory)
        g.model = self.door.model
        g.eliminated = self.door.eliminated
        g.x = cut.reals(LANE_ROWS * d * LANES)
        g.mean = cut.reals(d * LANES)
        g.factor = cut.reals(max(matrix, d) * LANES)
        g.whitened = cut.reals(d * LANES)
        g.left = cut.reals(model.n_covariances * matrix * LANES)
        g.expected = cut.reals(k * LANE_ROWS * d * LANES if matrix else 0)
        g.density = cut.reals(k * LANE_ROWS * LANES)
        g.log_total = cut.reals(LANE_ROWS * LANES)
        g.total = cut.reals(LANE_ROWS * LANES)
        g.scale = cut.reals(LANE_ROWS * LANES)
        g.weight = cut.doubles(LANE_ROWS * LANES)
        g.index = <int *> cut.bytes(d * LANES * sizeof(int))
        g.is_observed = cut.reals(d * LANES)
        g.placed = cut.reals(LANE_ROWS * d * LANES)
        g.deviation = cut.reals(LANE_ROWS * d * LANES)
        g.weighted = cut.reals(LANE_ROWS * d * LANES)
        cdef Py_ssize_t n_second = (
            model.n_covariances * matrix if matrix else k * d if model.form == DIAGONAL else k)
        g.n_sums = k + k * d + n_second
        g.sums = cut.doubles(g.n_sums * LANES)
        g.first = g.sums + k * LANES
        g.second = g.first + k * d * LANES
        return cut.size

    def expectation(
        self, mixture, table, values, sample_weight, responsibilities, component_weight, first, second,
        log_density=None
    ):
        """As `PatternRows.expectation`, without thresholds: rows are float64, and none is left out."""
        self.door._borrow(mixture, table)
        self.lanes.given = self.door.given
        self.lanes.table = self.door.table
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
            log_likelihood = sum_in_lanes(
                &self.lanes, value, weight, given, density, <double *> second_loan.view.buf)
            unpack_lanes(
                &self.lanes, <double *> zeroth_loan.view.buf, <double *> first_loan.view.buf,
                <double *> second_loan.view.buf)
        self.door.loans = None
        return log_likelihood

    def score(self, mixture, table, values, str wanted, out):
        """As `PatternRows.score`; rows and results are float64."""
        self.door._borrow(mixture, table)
        self.lanes.given = self.door.given
        self.lanes.table = self.door.table
        cdef Table *t = &self.door.table
        cdef const real *value = <const real *> self.door._lend(values, sizeof(real), t.n_values, "values")
        cdef int what = WANTED[wanted]
        cdef Borrowed out_loan = borrow(
            out, sizeof(real), t.n_rows * columns_of(what, &self.door.model), True, "out")
        with nogil:
            score_in_lanes(&self.lanes, value, what, <real *> out_loan.view.buf)
        self.door.loans = None
