# Whole fits over few rows, several data sets in one call, without Python in between: the start, and the run from it.

cdef struct Ended:
    # What a fit has come to; all are doubles, so that those of several fits are one array of the caller.
    double done                 # 0: the caller has to do it all again, and nothing else is said
    double n_iter
    double n_passes
    double converged
    double lower_bound
    double gap
    double noise


cdef struct Weighed:
    # What is known of the rows of a data set; doubles for the same reason.
    double weight               # of all rows
    double lightest             # at most 1
    double row_weight           # of one row: 1, or less where rows weigh less on average
    double unit                 # a row of this weight counts once
    double weight_in_rows


cdef struct DataSet:
    const double *rows          # n x D
    const double *weight        # n, or NULL where rows count once
    Py_ssize_t n


cdef class SmallFits(SmallStarts):
    """Fits of data sets of as many columns by the same rules, one after the other.

    Parameters
    ----------
    kind, n_components, ridge, limits, rules, pace, grid, at_once
        As in `Stretch`; limits are those of one row.
    n_features, most_rows : int
        The number of columns, and the most rows of a data set.
    starting : float64 array
        The numbers of the struct Starting.
    max_iter : int
        A run ends after so many iterations.
    """
    cdef Py_ssize_t max_iter

    def __cinit__(
        self, kind, Py_ssize_t n_components, Py_ssize_t n_features, Py_ssize_t most_rows, ridge, limits, rules, pace,
        double grid, Py_ssize_t at_once, starting, Py_ssize_t max_iter
    ):
        check_sizes("n_features, most_rows and max_iter", (n_features, most_rows, max_iter), 3)
        self.stretch = Stretch(
            kind, n_components, zeros((1, n_features)), None, ridge, limits, rules, pace, grid, at_once)
        read_doubles(starting, sizeof(Starting), &self.starting, "starting")
        self.most_rows = most_rows
        self.max_iter = max_iter
        self.memory = Memory(self._lay_out_starts(None))
        self._lay_out_starts(self.memory)
        self._lay_out_trees()

    def fit(self, data_sets, weights_of_rows, weighed, mixtures, ends, moments, bounds):
        """Fit each of m data sets; what is left undone is unspecified but for `done`.

        Parameters
        ----------
        data_sets : sequence of float64 arrays (n, D)
            n is from K + 1 to `most_rows`.
        weights_of_rows : sequence of float64 arrays (n,), or None where rows count once
            All are more than 0.
        weighed : float64 array (m, 5)
            The structs Weighed.
        mixtures : tuple of float64 arrays, out
            Weights, means, covariances, factors and inverse factors, each with one more axis, the first, of m.
        ends : float64 array (m, 7), out
            The structs Ended.
        moments : tuple of float64 arrays (m, D), (m, D) or (m, 1), out
            Means and variances of all rows, as `Stretch.moments` writes them.
        bounds : float64 array (m, max_iter), out
            The lower bounds that iterations have begun with.
        """
        cdef Model *model = &self.stretch.model
        cdef Py_ssize_t m = len(data_sets)
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t n_variances = 1 if model.form == SCALAR else d
        cdef Py_ssize_t i
        cdef list loans = []
        cdef Slot out
        weights, means, covariances, factors, inverses = mixtures
        row_means, row_variances = moments
        out.weights = lent(weights, m * model.n_components, "weights", loans)
        out.means = lent(means, m * model.n_components * d, "means", loans)
        out.covariances = lent(covariances, m * model.n_covariances * model.size, "covariances", loans)
        out.factors = lent(factors, m * model.n_covariances * model.size, "factors", loans)
        out.inverses = lent(inverses, m * model.n_covariances * model.size, "inverses", loans)
        cdef Ended *ended = <Ended *> lent(ends, 7 * m, "ends", loans)
        cdef double *mean = lent(row_means, m * d, "the means of rows", loans)
        cdef double *variances = lent(row_variances, m * n_variances, "the variances of rows", loans)
        cdef double *own_bounds = lent(bounds, m * self.max_iter, "bounds", loans)
        cdef Borrowed loan = borrow(weighed, sizeof(double), 5 * m, False, "weighed")
        cdef const Weighed *known = <const Weighed *> loan.view.buf
        cdef Memory memory = Memory(m * sizeof(DataSet))
        cdef DataSet *data = <DataSet *> memory.begin
        if len(weights_of_rows) != m:
            raise ValueError(f"weights_of_rows: expected {m} of them, got {len(weights_of_rows)}")
        for i in range(m):
            self._borrow(&data[i], data_sets[i], weights_of_rows[i], loans)
        try:
            with nogil:
                for i in range(m):
                    self._take(&data[i], &known[i])
                    ended[i].done = self._fit(&ended[i], own_bounds + i * self.max_iter)
                    if ended[i].done:
                        self._write(&out, i)
                        memcpy(mean + i * d, self.stretch.mean, d * sizeof(double))
                        memcpy(variances + i * n_variances, self.stretch.variances, n_variances * sizeof(double))
        finally:
            self.stretch._give_scratch()

    cdef int _borrow(self, DataSet *data, rows, weight, list loans) except -1:
        """Take a data set's arrays; the loans must live as long as it."""
        cdef Py_ssize_t k = self.stretch.model.n_components
        cdef Borrowed loan = borrow_rows(rows, sizeof(double), self.stretch.model.n_features, "rows")
        loans.append(loan)
        data.rows = <const double *> loan.view.buf
        data.weight = NULL
        data.n = loan.view.shape[0]
        if not k < data.n <= self.most_rows:
            raise ValueError(f"rows: expected {k + 1} to {self.most_rows} of them, got {data.n}")
        if weight is not None:
            loan = borrow(weight, sizeof(double), data.n, False, "the weights of rows")
            loans.append(loan)
            data.weight = <const double *> loan.view.buf
        return 0

    cdef void _take(self, const DataSet *data, const Weighed *known) noexcept nogil:
        cdef Limits *limits = &self.stretch.limits
        cdef Py_ssize_t i
        self.rows = self.stretch.rows = data.rows
        self.stretch.weight = data.weight
        self.n_rows = self.stretch.n_rows = data.n
        limits.weight = known.weight
        limits.lightest = known.lightest
        limits.row_weight = known.row_weight
        self.weight_in_rows = known.weight_in_rows
        for i in range(data.n):
            self.counts[i] = 1.0
            if data.weight != NULL:
                self.counts[i] = max(data.weight[i] / known.unit, 2.2250738585072014e-308)

    cdef int _fit(self, Ended *ended, double *bounds) except -1 nogil:
        """One fit; returns 0 to give up."""
        cdef const Candidate *begun
        cdef int best
        cdef int state = GOES_ON
        cdef Py_ssize_t n_iter = 0
        if not self._make():
            return 0
        best = self._compare()
        if best < 0:
            return 0
        begun = &self.candidates[best]
        copy_slot(
            &self.stretch.model, &begun.made if begun.n_passes == 0 or begun.weak else &begun.reached,
            &self.stretch.slots[0])
        self.stretch._begin()
        memset(self.stretch.held, 0, self.stretch.model.n_components)
        while state == GOES_ON and n_iter < self.max_iter:
            if self.stretch.n_bounds == HISTORY + N_BOUNDS:
                self.stretch._forget()
            state = self.stretch._iterate()
            if state == EVENT:
                return 0
            bounds[n_iter] = self.stretch.bounds[self.stretch.n_bounds - 1]
            n_iter += 1
            if n_iter % self.stretch.at_once == 0:
                with gil:
                    PyErr_CheckSignals()
        ended.n_iter = n_iter
        ended.n_passes = self.stretch.n_passes
        ended.converged = self.stretch.converged
        ended.lower_bound = bounds[n_iter - 1]
        ended.gap = self.stretch.gap
        ended.noise = self.stretch.noise
        return 1

    cdef void _write(self, const Slot *out, Py_ssize_t i) noexcept nogil:
        """Write the mixture of the run to its places among those of several fits."""
        cdef const Model *model = &self.stretch.model
        cdef Py_ssize_t k = model.n_components
        cdef Py_ssize_t n_numbers = model.n_covariances * model.size
        cdef Slot own
        own.weights = out.weights + i * model.n_weights
        own.means = out.means + i * k * model.n_features
        own.covariances = out.covariances + i * n_numbers
        own.factors = out.factors + i * n_numbers
        own.inverses = out.inverses + i * n_numbers
        copy_slot(model, &self.stretch.slots[self.stretch.mixture_at], &own)
