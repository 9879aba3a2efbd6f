# Rows with gaps, many patterns in one call: for each, the mixture is cut, the marginal one packed, its rows scored or
# summed by the kernels of complete rows, and the sums lifted to all columns.  Work space is kept from call to call.

@cython.final
cdef class PatternRows:
    """Rows of many patterns of gaps under mixtures of one form: work space for one call at a time.

    Parameters
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
        As for PackedMixture.
    tied : bool
        Whether the mixtures have one covariance for all components.
    n_components, n_features : int
    """
    cdef str covariance_type
    cdef Model model
    cdef Memory memory
    cdef dict known                 # packed mixtures by the number of columns, and scratch by the form
    cdef PackedMixture packed       # those in use
    cdef Scratch scratch
    cdef list loans
    cdef Given given
    cdef Table table
    cdef Cut cut
    cdef double *eliminated
    cdef double *factoring
    cdef double *means              # K x p
    cdef double *weight             # of the rows of a pattern: K, K x p, and p^2 of one covariance, K x p or K
    cdef double *first
    cdef double *second
    cdef double *cross
    cdef double *off
    cdef double *sloped
    cdef real *shares               # EXPECTED_ROWS x K

    def __cinit__(self, str covariance_type, bint tied, Py_ssize_t n_components, Py_ssize_t n_features):
        if covariance_type not in SHAPES:
            raise ValueError(f"covariance_type: expected one of {', '.join(SHAPES)}, got {covariance_type!r}")
        check_sizes("components and features", (n_components, n_features), 2)
        cdef int shape = SHAPES[covariance_type]
        if (shape == FULL and tied) or (shape == TIED and not tied):
            raise ValueError(f"tied: {covariance_type!r} says whether covariances are tied, got {tied}")
        cdef int form = SCALAR if shape == SPHERICAL else DIAGONAL if shape == DIAG else MATRIX
        self.covariance_type = covariance_type
        self.model = model_of(form, tied, n_components, n_features)
        self.known = {}
        self.memory = Memory(self._lay_out(None))
        self._lay_out(self.memory)

    cdef Py_ssize_t _lay_out(self, Memory memory):
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t d = self.model.n_features
        cdef Py_ssize_t matrices = self.model.n_covariances if self.model.form == MATRIX else 0
        cdef Py_ssize_t square = d * d if matrices else 0
        cdef Cutter cut = Cutter(memory)
        self.cut.inverses = cut.doubles(self.model.n_covariances * self.model.size)
        self.cut.left = cut.doubles(self.model.n_covariances * self.model.size)
        self.cut.slopes = cut.doubles(matrices * (d // 2) * (d - d // 2))    # the largest product of p and d - p
        self.cut.log_determinants = cut.doubles(k)
        self.eliminated = cut.doubles(d * elimination_stride(d) if matrices else 0)
        self.factoring = cut.doubles(factor_scratch(d) if matrices else 0)
        self.means = cut.doubles(k * d)
        self.weight = cut.doubles(k)
        self.first = cut.doubles(k * d)
        self.second = cut.doubles(max(square, k * d))
        self.cross = cut.doubles(square)
        self.off = cut.doubles(d)
        self.sloped = cut.doubles(d)
        self.shares = cut.reals(EXPECTED_ROWS * k)
        return cut.size

    cdef int _borrow(self, mixture, table) except -1:
        """Take the caller's arrays for the length of a call; see `expectation`."""
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t d = self.model.n_features
        cdef Py_ssize_t size = self.model.n_covariances * self.model.size
        cdef Table *t = &self.table
        log_weights, means, covariances, factors, inverses, reference = mixture
        pieces, columns, observed, rows, values, first_row, n_rows, first_value, n_values = table
        self.loans = []
        self.given.log_weights = <const double *> self._lend(log_weights, sizeof(double), k, "log_weights")
        self.given.means = <const double *> self._lend(means, sizeof(double), k * d, "means")
        self.given.covariances = <const double *> self._lend(covariances, sizeof(double), size, "covariances")
        self.given.factors = <const double *> self._lend(factors, sizeof(double), size, "factors")
        self.given.inverses = <const double *> self._lend(inverses, sizeof(double), size, "inverse_factors")
        self.given.reference = <const double *> self._lend(reference, sizeof(double), k * d, "reference")
        t.n_pieces = len(pieces)
        t.n_patterns = len(observed)
        t.pieces = <const int64_t *> self._lend(pieces, sizeof(int64_t), 3 * t.n_pieces, "pieces")
        t.columns = <const int *> self._lend(columns, sizeof(int), t.n_patterns * d, "columns")
        t.observed = <const int64_t *> self._lend(observed, sizeof(int64_t), t.n_patterns, "observed")
        t.rows = <const int64_t *> self._lend(rows, sizeof(int64_t), t.n_patterns + 1, "rows")
        t.values = <const int64_t *> self._lend(values, sizeof(int64_t), t.n_patterns + 1, "values")
        t.first_row = first_row
        t.n_rows = n_rows
        t.first_value = first_value
        t.n_values = n_values
        return check_table(t, d)

    cdef void *_lend(self, array, Py_ssize_t item_size, Py_ssize_t n_items, str name) except? NULL:
        cdef Borrowed loan = borrow(array, item_size, n_items, False, name)
        self.loans.append(loan)
        return loan.view.buf

    cdef int _take_packed(self, Py_ssize_t p) except -1:
        """Have a mixture of p columns to pack into."""
        self.packed = self.known.get(p)
        if self.packed is None:
            k = self.model.n_components
            size = p * p if self.model.form == MATRIX else p if self.model.form == DIAGONAL else 1
            n_factors = 1 if self.covariance_type == "tied" else k
            self.packed = self.known[p] = PackedMixture(
                self.covariance_type, zeros((k,)), zeros((k, p)), zeros((n_factors * size,)), zeros((k,)))
        return 0

    cdef int _take_scratch(self, bint for_sums) except -1:
        """Have scratch of the form of the packed mixture."""
        cdef Mixture *m = &self.packed.mixture
        key = m.n_features, m.near, m.central, for_sums
        self.scratch = self.known.get(key)
        if self.scratch is None:
            self.scratch = Scratch.__new__(Scratch)
            self.scratch._prepare(m, rows_of_block(m) // STRIP * STRIP, for_sums)
            self.known[key] = self.scratch
        return 0

    def expectation(
        self, mixture, table, values, sample_weight, responsibilities, thresholds, component_weight, first, second,
        log_density=None
    ):
        """Add the weighted sums of rows with gaps, lifted to all columns; returns the log-likelihood.

        Parameters
        ----------
        mixture : tuple of float64 arrays
            Log weights (K,); means (K, D); covariances, their factors and inverse factors, in the form of the
            covariances; the reference (K, D), which is rounded to the kernels' dtype.
        table : tuple
            pieces int64 (m, 3): a pattern, and from which row to which; columns int32 (P, D): of each pattern the
            observed columns and then the missing ones, ascending; observed int64 (P,): the number of the first, at
            least 1; rows, values int64 (P + 1,): where rows and values of each pattern begin; first_row, n_rows,
            first_value, n_values: the part of them that comes with this call.
        values : array (n_values,) of the kernels' dtype
            What was observed, pattern by pattern and row by row.
        sample_weight, responsibilities, thresholds, component_weight, first, second, log_density
            As for `PackedMixture.expectation`; those of rows have n_rows of them.  Second moments that are matrices
            are symmetric before and after.
        """
        self._borrow(mixture, table)
        cdef Table *t = &self.table
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t d = self.model.n_features
        cdef Py_ssize_t n_second = self.model.size if self.covariance_type == "tied" else k * self.model.size
        cdef const real *value = <const real *> self._lend(values, sizeof(real), t.n_values, "values")
        cdef const double *limits = <const double *> self._lend(thresholds, sizeof(double), k, "thresholds")
        cdef const double *weight = NULL
        cdef const real *given = NULL
        cdef real *density = NULL
        cdef Borrowed zeroth_loan = borrow(component_weight, sizeof(double), k, True, "component_weight")
        cdef Borrowed first_loan = borrow(first, sizeof(double), k * d, True, "first")
        cdef Borrowed second_loan = borrow(second, sizeof(double), n_second, True, "second")
        cdef Borrowed density_loan
        if sample_weight is not None:
            weight = <const double *> self._lend(sample_weight, sizeof(double), t.n_rows, "sample_weight")
        if responsibilities is not None:
            given = <const real *> self._lend(responsibilities, sizeof(real), t.n_rows * k, "responsibilities")
        if log_density is not None:
            density_loan = borrow(log_density, sizeof(real), t.n_rows, True, "log_density")
            density = <real *> density_loan.view.buf
        with nogil:
            log_likelihood = self._sum(
                value, weight, given, limits, density, <double *> zeroth_loan.view.buf,
                <double *> first_loan.view.buf, <double *> second_loan.view.buf)
        self.loans = None
        return log_likelihood

    cdef double _sum(
        self, const real *values, const double *weight, const real *given, const double *thresholds, real *density,
        double *component_weight, double *first, double *second
    ) except? -1 nogil:
        cdef Table *t = &self.table
        cdef Mixture *m
        cdef Gap gap
        cdef Py_ssize_t u, k, row
        cdef Py_ssize_t d = self.model.n_features
        cdef const real *of_piece
        cdef double log_likelihood = 0.0
        for u in range(t.n_pieces):
            gap = gap_of(t, t.pieces[3 * u], d)
            row = t.pieces[3 * u + 1] - t.first_row
            of_piece = values + first_value_of(t, u)
            if gap.n_observed == 0:
                cut_mixture(&self.model, &self.given, &gap, True, self.eliminated, self.factoring, &self.cut)
                memset(self.second, 0, self.model.n_components * sizeof(double))
                sum_nothing(
                    &self.given, self.model.n_components, t.pieces[3 * u + 2] - t.pieces[3 * u + 1],
                    weight + row if weight != NULL else NULL,
                    given + row * self.model.n_components if given != NULL else NULL,
                    density + row if density != NULL else NULL, self.weight)
                self._lift(&gap, component_weight, first, second)
                continue
            self._pack(&gap, True, True)
            m = &self.packed.mixture
            for k in range(m.n_components):
                self.scratch.block.thresholds[k] = <real> thresholds[k]
            log_likelihood += sum_rows(
                m, of_piece, t.pieces[3 * u + 2] - t.pieces[3 * u + 1], weight + row if weight != NULL else NULL,
                given + row * m.n_components if given != NULL else NULL, NULL, NULL,
                density + row if density != NULL else NULL, self.scratch)
            self._unpack()
            self._lift(&gap, component_weight, first, second)
        if self.model.form == MATRIX:
            for k in range(self.model.n_covariances):
                mirror_lower(second + k * d * d, d)
        return log_likelihood

    cdef int _pack(self, const Gap *gap, bint with_rest, bint for_sums) except -1 nogil:
        """Cut the mixture and pack its marginal one, about the reference."""
        cdef Model *model = &self.model
        cdef Mixture *m
        cdef Py_ssize_t k, j
        cdef Py_ssize_t p = gap.n_observed
        if self.packed is None or self.packed.n_features != p:
            with gil:
                self._take_packed(p)
        m = &self.packed.mixture
        cut_mixture(model, &self.given, gap, with_rest, self.eliminated, self.factoring, &self.cut)
        for k in range(model.n_components):
            for j in range(p):
                self.means[k * p + j] = self.given.reference[k * model.n_features + gap.columns[j]]
        self.packed._pack(
            self.given.log_weights, self.means, self.cut.inverses, self.cut.log_determinants,
            model.tied and m.shape != TIED)
        with gil:
            self._take_scratch(for_sums)
        return 0

    cdef void _unpack(self) noexcept nogil:
        """The sums of the scratch, as `PackedMixture.expectation` gives them; of matrices `_lift` unpacks its own."""
        cdef Mixture *m = &self.packed.mixture
        cdef Sums *sums = &self.scratch.block.sums
        cdef Py_ssize_t k
        if by_products(m):
            move_products(m, sums)
        for k in range(m.n_components):
            self.weight[k] = sums.component_weight[k]
        memset(self.first, 0, m.n_components * m.n_features * sizeof(double))
        unpack_first(m, sums, self.first)
        if self.model.form != MATRIX:
            memset(self.second, 0, m.n_components * given_size(m) * sizeof(double))
            unpack_second(m, sums, self.second)
        elif pooled(m):
            add_overlaps(m, sums)

    cdef void _lift(self, const Gap *gap, double *component_weight, double *first, double *second) noexcept nogil:
        """Add the sums of the observed columns, lifted, to those of all columns."""
        cdef Py_ssize_t k
        cdef Py_ssize_t d = gap.n_features
        cdef Py_ssize_t p = gap.n_observed
        cdef Py_ssize_t c = 0
        cdef double total = 0.0
        cdef const double *slopes
        cdef bint moved
        for k in range(self.model.n_components):
            c = k if not self.model.tied else 0
            slopes = self.cut.slopes + c * (d - p) * p if self.model.form == MATRIX else NULL
            moved = expected_offsets(gap, self.given.means + k * d, self._rounded(k), slopes, self.off)
            component_weight[k] += self.weight[k]
            total += self.weight[k]
            lift_first(
                gap, self.weight[k], slopes, self.off, self.first + k * p, self.sloped, first + k * d)
            if self.model.form != MATRIX:
                lift_variances(
                    &self.model, gap, k, self.weight[k], self.off, self.cut.left, self.second, second)
                continue
            if moved:
                lift_offsets(gap, self.weight[k], self.off, self.first + k * p, self.sloped, second + c * d * d)
            if not self.model.tied:
                self._lift_matrix(gap, k, self.weight[k], second + k * d * d)
        if self.model.tied and self.model.form == MATRIX:
            self._lift_matrix(gap, 0, total, second)

    cdef void _lift_matrix(self, const Gap *gap, Py_ssize_t c, double weight, double *out) noexcept nogil:
        """Second moments of one covariance, in cache from the sums to the result."""
        cdef Py_ssize_t p = gap.n_observed
        cdef Py_ssize_t m = gap.n_features - p
        if p:
            write_matrix(&self.packed.mixture, &self.scratch.block.sums, c, self.second)
        lift_products(
            gap, weight, self.cut.slopes + c * m * p, self.cut.left + c * m * m, self.second, self.cross, out)

    cdef const double *_rounded(self, Py_ssize_t k) noexcept nogil:
        """(D,): the reference of a component, as the kernels have subtracted it."""
        cdef Py_ssize_t j
        cdef Py_ssize_t d = self.model.n_features
        cdef double *rounded = self.means               # they are packed already
        for j in range(d):
            rounded[j] = <double> <real> self.given.reference[k * d + j]
        return rounded

    def score(self, mixture, table, values, str wanted, out):
        """Scores of rows with gaps, by the columns that were observed of each; of nothing the density is 1.

        Parameters
        ----------
        mixture, table, values
            As for `expectation`; the reference stands for the means.
        wanted : {"log_density", "component_log_density", "responsibilities", "labels", "expected"}
            The last are the conditional means of the missing columns, and leave the others of `out` alone.
        out : array (n_rows,), (n_rows, K) or (n_rows, D) of the kernels' dtype, or int64 for labels; out
        """
        self._borrow(mixture, table)
        cdef int what = WANTED[wanted]
        cdef Table *t = &self.table
        cdef const real *value = <const real *> self._lend(values, sizeof(real), t.n_values, "values")
        cdef Py_ssize_t n_out = columns_of(what, &self.model)
        cdef Py_ssize_t item_size = sizeof(int64_t) if what == LABELS else sizeof(real)
        cdef Borrowed out_loan = borrow(out, item_size, t.n_rows * n_out, True, "out")
        with nogil:
            self._score(value, what, n_out * item_size, <char *> out_loan.view.buf)
        self.loans = None

    def peaks(self, mixture, table, out):
        """The log density of each component at its mean, in the observed columns of each piece; of nothing it is 0.

        Parameters
        ----------
        mixture, table
            As for `expectation`.
        out : float64 array (m, K), out
            Nats.
        """
        self._borrow(mixture, table)
        cdef Py_ssize_t n_components = self.model.n_components
        cdef Borrowed loan = borrow(out, sizeof(double), self.table.n_pieces * n_components, True, "out")
        cdef double *peak = <double *> loan.view.buf
        cdef Gap gap
        cdef Py_ssize_t u, k
        for u in range(self.table.n_pieces):
            gap = gap_of(&self.table, self.table.pieces[3 * u], self.model.n_features)
            memset(peak, 0, n_components * sizeof(double))
            if gap.n_observed:
                with nogil:
                    cut_mixture(&self.model, &self.given, &gap, False, self.eliminated, self.factoring, &self.cut)
                for k in range(n_components):
                    peak[k] = -self.cut.log_determinants[k] - 0.9189385332046727417803297 * gap.n_observed
            peak += n_components
        self.loans = None

    cdef int _score(self, const real *values, int wanted, Py_ssize_t row_size, char *out) except -1 nogil:
        cdef Table *t = &self.table
        cdef Gap gap
        cdef Py_ssize_t u, n_rows
        cdef char *of_piece
        for u in range(t.n_pieces):
            gap = gap_of(t, t.pieces[3 * u], self.model.n_features)
            n_rows = t.pieces[3 * u + 2] - t.pieces[3 * u + 1]
            of_piece = out + (t.pieces[3 * u + 1] - t.first_row) * row_size
            if wanted == EXPECTED:
                self._expect(&gap, values + first_value_of(t, u), n_rows, <real *> of_piece)
                continue
            if gap.n_observed == 0:
                score_nothing(&self.given, self.model.n_components, n_rows, wanted, of_piece)
                continue
            self._pack(&gap, False, False)
            score_rows(
                &self.packed.mixture, values + first_value_of(t, u), n_rows, wanted, of_piece, &self.scratch.block)
        return 0

    cdef int _expect(self, const Gap *gap, const real *rows, Py_ssize_t n_rows, real *out) except -1 nogil:
        """Conditional means of the missing columns: sum_k r_k (mean_m + A (x_o - mean_o))."""
        cdef Py_ssize_t begin, b, k, i, j, n_taken
        cdef Py_ssize_t p = gap.n_observed
        cdef Py_ssize_t d = gap.n_features
        cdef Py_ssize_t n_components = self.model.n_components
        cdef const double *slopes
        cdef double *off = self.first
        cdef double *mean = self.off
        if p:
            self._pack(gap, True, False)
        for begin from 0 <= begin < n_rows by EXPECTED_ROWS:
            n_taken = min(<Py_ssize_t> EXPECTED_ROWS, n_rows - begin)
            if p:
                score_rows(
                    &self.packed.mixture, rows + begin * p, n_taken, RESPONSIBILITIES, self.shares, &self.scratch.block)
            else:
                score_nothing(&self.given, self.model.n_components, n_taken, RESPONSIBILITIES, self.shares)
            for b in range(n_taken):
                memset(mean, 0, (d - p) * sizeof(double))
                for k in range(n_components):
                    for j in range(p):
                        off[j] = <double> rows[(begin + b) * p + j] - self.given.means[k * d + gap.columns[j]]
                    slopes = self.cut.slopes + (0 if self.model.tied else k) * (d - p) * p
                    add_expected(
                        gap, self.given.means + k * d, slopes if self.model.form == MATRIX else NULL, off,
                        self.shares[b * n_components + k], mean)
                for i in range(d - p):
                    out[(begin + b) * d + gap.columns[p + i]] = <real> mean[i]
        return 0
