# This is the door: Python objects are outside, pointers inside.  A PackedMixture holds the parameters in the order in
# which the kernels read them; its methods borrow the caller's arrays, release the GIL and walk the rows block by block.
# They allocate scratch, never results.

cdef dict SHAPES = {"full": FULL, "tied": TIED, "diag": DIAG, "spherical": SPHERICAL, "low_rank": LOW_RANK}


cdef class PackedMixture:
    """Parameters of a mixture as the kernels read them; immutable.

    Parameters
    ----------
    covariance_type : {"full", "tied", "diag", "spherical", "low_rank"}
    log_weights : float64 array (K,)
    means : float64 array (K, D)
    inverse_factors : float64 array
        L^-1 of the covariances' Cholesky factors: (K, D, D), (D, D), (K, D) or (K,); (K, D + q, q + 1) of q factors:
        see low_rank.pxi.
    log_determinants : float64 array (K,)
        log det L per component, in nats; tied repeats one.
    background : float
        The log of a density that every row has beside those of the components, in nats; -inf for none.
    """
    cdef Mixture mixture
    cdef Memory memory
    cdef Py_ssize_t n_factors
    cdef Form form                  # it keeps the scratch for the next call
    cdef readonly Py_ssize_t n_components
    cdef readonly Py_ssize_t n_features
    cdef readonly str covariance_type

    # No object is without its sizes, whoever makes it: __init__ could be left out, or called twice.
    def __cinit__(
        self, str covariance_type, log_weights, means, inverse_factors, log_determinants, double background=-INFINITY
    ):
        cdef Mixture *m = &self.mixture
        if covariance_type not in SHAPES:
            raise ValueError(f"covariance_type: expected one of {', '.join(SHAPES)}, got {covariance_type!r}")
        check_sizes("means", means.shape, 2)
        cdef Py_ssize_t n_components = means.shape[0]
        cdef Py_ssize_t n_features = means.shape[1]
        self.covariance_type = covariance_type
        self.n_components = m.n_components = n_components
        self.n_features = m.n_features = n_features
        m.shape = SHAPES[covariance_type]
        m.width = round_up(round_up(n_features, LANES), TILE_ROWS)
        m.padded = round_up(n_features, TILE_ROWS)
        self.n_factors = 1 if m.shape == TIED else n_components
        m.factor_size = m.padded * (m.padded + TILE_ROWS) // 2
        if m.shape == DIAG:
            m.factor_size = m.width
        elif m.shape == SPHERICAL:
            m.factor_size = 1
        elif m.shape == LOW_RANK:
            check_sizes("inverse_factors", inverse_factors.shape, 3)
            m.rank = inverse_factors.shape[2] - 1
            m.width = round_up(n_features, factor_columns(m))
            m.factor_size = low_rank_size(m)
        cdef Borrowed weights_loan = borrow(log_weights, sizeof(double), n_components, False, "log_weights")
        cdef Borrowed means_loan = borrow(means, sizeof(double), n_components * n_features, False, "means")
        cdef Borrowed factors_loan = borrow(
            inverse_factors, sizeof(double), self.n_factors * given_size(m), False, "inverse_factors")
        cdef Borrowed determinants_loan = borrow(
            log_determinants, sizeof(double), n_components, False, "log_determinants")
        self.memory = Memory(self._lay_out(None))
        memset(self.memory.begin, 0, self._lay_out(self.memory))
        self._pack(
            <const double *> weights_loan.view.buf, <const double *> means_loan.view.buf,
            <const double *> factors_loan.view.buf, <const double *> determinants_loan.view.buf, False)
        self._set_background(background)
        self.form = last_form.of(m)

    cdef void _pack(
        self, const double *log_weights, const double *means, const double *inverse, const double *log_determinants,
        bint repeated
    ) noexcept nogil:
        """Take the parameters of a mixture of this shape; `repeated`: one inverse factor stands for all of K."""
        cdef Mixture *m = &self.mixture
        cdef Py_ssize_t k
        cdef double norm
        self._pack_means(means)
        self._pack_factors(inverse, repeated)
        for k in range(m.n_components):
            norm = -log_determinants[k] - 0.9189385332046727417803297 * m.n_features
            m.log_norms[k] = <real> norm
            m.half_scales[k] = <real> (0.5 * (norm + log_weights[k]))
            m.quarters[k] = -0.25 * (m.factors[k] * m.factors[k] if m.shape == SPHERICAL else 1)

    cdef void _set_background(self, double background) noexcept nogil:
        self.mixture.half_background = <real> max(<double> LOWEST, 0.5 * background)

    cdef Py_ssize_t _lay_out(self, Memory memory):
        cdef Mixture *m = &self.mixture
        cdef Cutter cut = Cutter(memory)
        m.means = cut.reals(m.n_components * m.width)
        m.shift = cut.reals(m.width)
        m.centered_means = cut.reals(m.n_components * m.width)
        m.factors = cut.reals(self.n_factors * m.factor_size)
        m.inverses = cut.reals(m.n_components * FEW_FEATURES * FEW_FEATURES if m.n_features <= FEW_FEATURES else 0)
        m.origin = cut.reals(m.width)
        m.whitened_means = cut.reals(m.n_components * m.padded if m.shape == TIED or m.shape == FULL else 0)
        m.log_norms = cut.reals(m.n_components)
        m.half_scales = cut.reals(m.n_components)
        m.quarters = cut.reals(m.n_components)
        return cut.size

    cdef void _pack_means(self, const double *means) noexcept nogil:
        """The means, their middle (the shift), and the means about it: exact differences of rounded means."""
        cdef Mixture *m = &self.mixture
        cdef Py_ssize_t k, j
        cdef double total
        for j in range(m.n_features):
            total = 0.0
            for k in range(m.n_components):
                m.means[k * m.width + j] = <real> means[k * m.n_features + j]
                total += m.means[k * m.width + j] / <double> m.n_components
            m.shift[j] = <real> total
            for k in range(m.n_components):
                m.centered_means[k * m.width + j] = m.means[k * m.width + j] - m.shift[j]

    cdef void _pack_factors(self, const double *inverse, bint repeated) noexcept nogil:
        cdef Mixture *m = &self.mixture
        cdef Py_ssize_t k, i, j
        cdef Py_ssize_t n = m.n_features
        cdef double largest
        cdef double limit = NEAR_FLOAT64 if MANTISSA_BITS == 52 else NEAR_FLOAT32
        cdef double limit_full = NEAR_FULL_FLOAT64 if MANTISSA_BITS == 52 else NEAR_FULL_FLOAT32
        cdef double limit_low_rank = NEAR_LOW_RANK_FLOAT64 if MANTISSA_BITS == 52 else NEAR_LOW_RANK_FLOAT32
        cdef double limit_central = CENTRAL_FLOAT64 if MANTISSA_BITS == 52 else CENTRAL_FLOAT32
        m.near = m.central = True
        for k in range(self.n_factors):
            if m.shape == DIAG or m.shape == SPHERICAL:
                for j in range(given_size(m)):
                    m.factors[k * m.factor_size + j] = <real> inverse[j]
                    if fabs(m.centered_means[k * m.width + j] * inverse[j]) > limit:
                        m.near = False
                for j in range(m.n_features if m.shape == SPHERICAL else 0):
                    if not fabs(m.centered_means[k * m.width + j] * inverse[0]) <= limit_central:
                        m.central = False
            elif m.shape == LOW_RANK:
                if not pack_low_rank(inverse, n, m.rank, m.width, m.factors + k * m.factor_size) <= limit_low_rank:
                    m.near = False
            else:
                pack_factor(inverse, m.n_features, m.padded, m.factors + k * m.factor_size)
                if m.shape == FULL and spread_from_shift(
                        inverse, m.centered_means + k * m.width, n) > limit_full * n:
                    m.near = False
                for i in range(k, k + 1 if m.shape == FULL else m.n_components):
                    largest = whiten_mean(
                        inverse, m.centered_means + i * m.width, n, m.whitened_means + i * m.padded + m.padded - n)
                    if m.shape == TIED and largest > NEAR_WHITENED:
                        m.near = False
                    if m.shape == TIED and not largest <= limit_central:
                        m.central = False
            if few(m):
                self._pack_inverse(k, inverse)
            if not repeated:
                inverse += given_size(m)
        if about_origin(m):
            memcpy(m.origin, m.shift, m.width * sizeof(real))
        else:
            memset(m.origin, 0, m.width * sizeof(real))

    cdef void _pack_inverse(self, Py_ssize_t k, const double *inverse) noexcept nogil:
        """Half of L^-1 of one component, so that a fourth of the squared distance is the sum of the squares."""
        cdef Mixture *m = &self.mixture
        cdef Py_ssize_t i, j
        cdef real *out = m.inverses + k * FEW_FEATURES * FEW_FEATURES
        for i in range(m.n_features):
            if m.shape == DIAG:
                out[i * FEW_FEATURES + i] = <real> (0.5 * inverse[i])
                continue
            for j in range(m.n_features):
                out[i * FEW_FEATURES + j] = <real> (0.5 * inverse[i * m.n_features + j])

    cdef _score(self, rows, out, int wanted, Py_ssize_t n_out, Py_ssize_t item_size):
        cdef Borrowed rows_loan = borrow_rows(rows, sizeof(real), self.n_features, "rows")
        cdef Py_ssize_t n_rows = rows_loan.view.shape[0]
        cdef Borrowed out_loan = borrow(out, item_size, n_rows * n_out, True, "out")
        cdef Scratch scratch = self.form.take(&self.mixture, n_rows, False)
        with nogil:
            score_rows(
                &self.mixture, <const real *> rows_loan.view.buf, n_rows, wanted, out_loan.view.buf, &scratch.block)
        self.form.put(scratch)

    def takes(self, rows):
        """Whether the methods take an array of this dtype as it is: a few finite rows of D numbers, in C order."""
        cdef Borrowed loan = Borrowed.__new__(Borrowed)
        try:
            PyObject_GetBuffer(rows, &loan.view, PyBUF_C_CONTIGUOUS)
        except (BufferError, ValueError):           # NumPy raises the second for another order
            return False
        loan.held = True
        cdef Py_ssize_t n_numbers = loan.view.len // <Py_ssize_t> sizeof(real)
        return (
            loan.view.ndim == 2 and loan.view.shape[1] == self.n_features and 0 < loan.view.shape[0] <= FEW_ROWS
            and loan.view.itemsize == sizeof(real) and <uintptr_t> loan.view.buf % sizeof(real) == 0
            and finite_numbers(<const real *> loan.view.buf, n_numbers))

    def log_density(self, rows, out):
        """out (n,) = log sum_k weight_k N(x | mean_k, covariance_k), nats; rows (n, D)."""
        self._score(rows, out, WEIGHTED_LOG_DENSITY, 1, sizeof(real))

    def log_density_of_one(self, row):
        """The log density of one row (D,), nats; None of an array that is not finite, C-ordered or of this dtype."""
        cdef Borrowed loan = Borrowed.__new__(Borrowed)
        cdef real value
        try:
            PyObject_GetBuffer(row, &loan.view, PyBUF_C_CONTIGUOUS)
        except (BufferError, ValueError):
            return None
        loan.held = True
        if (loan.view.ndim != 1 or loan.view.shape[0] != self.n_features or loan.view.itemsize != sizeof(real)
                or <uintptr_t> loan.view.buf % sizeof(real) != 0
                or not finite_numbers(<const real *> loan.view.buf, self.n_features)):
            return None
        cdef Scratch scratch = self.form.take(&self.mixture, 1, False)
        score_rows(&self.mixture, <const real *> loan.view.buf, 1, WEIGHTED_LOG_DENSITY, &value, &scratch.block)
        self.form.put(scratch)
        return value

    def component_log_density(self, rows, out):
        """out (n, K) = log N(x | mean_k, covariance_k), nats."""
        self._score(rows, out, COMPONENT_LOG_DENSITY, self.n_components, sizeof(real))

    def responsibilities(self, rows, out):
        """out (n, K) = posterior probabilities of the components."""
        self._score(rows, out, RESPONSIBILITIES, self.n_components, sizeof(real))

    def labels(self, rows, out):
        """out (n,) int64 = the most probable component, the first of equals."""
        self._score(rows, out, LABELS, 1, sizeof(int64_t))

    def expectation(
        self, rows, sample_weight, responsibilities, thresholds, component_weight, first, second, bounds=None,
        counts=None, log_density=None, allowed=None
    ):
        """Add the weighted sums of one batch; returns the log-likelihood (weighted sum over the rows, nats).

        Parameters
        ----------
        rows : array (n, D) of the kernels' dtype
        sample_weight : float64 array (n,) or None
        responsibilities : array (n, K) of the kernels' dtype, or None
            Given responsibilities in place of those of this mixture; the log-likelihood is then 0.
        thresholds : float64 array (K,)
            Pairs whose responsibility (times weight) is not above it are left out.
        component_weight, first, second : float64 arrays, in and out
            (K,), (K, D) and (K, D, D) / (D, D) / (K, D) / (K,) / (K, D + q, q + 1), about the means as this dtype
            rounds them.
        bounds : tuple of arrays, optional
            Full covariances: float32 (K, bounds_stride(n)), in and out, and float64 (4, K): see Bounds.
        counts : int64 array (2,), out, optional
            Pairs above the thresholds, where the sums were taken by live rows, and pairs whose density was computed.
        log_density : array (n,) of the kernels' dtype, out, optional
            The rows' log densities, nats.
        allowed : uint64 array (n, W), optional
            Bits of the components that each row may be of, for `forbid`; given responsibilities do not ask.
        """
        cdef Mixture *m = &self.mixture
        cdef Py_ssize_t k, j
        cdef Borrowed rows_loan = borrow_rows(rows, sizeof(real), m.n_features, "rows")
        cdef Py_ssize_t n_rows = rows_loan.view.shape[0]
        cdef Borrowed weight_loan, given_loan
        cdef const double *weight = NULL
        cdef const real *given = NULL
        if sample_weight is not None:
            weight_loan = borrow(sample_weight, sizeof(double), n_rows, False, "sample_weight")
            weight = <const double *> weight_loan.view.buf
        if responsibilities is not None:
            given_loan = borrow(responsibilities, sizeof(real), n_rows * m.n_components, False, "responsibilities")
            given = <const real *> given_loan.view.buf
        cdef Py_ssize_t second_items = {
            FULL: m.n_components * m.n_features * m.n_features, TIED: m.n_features * m.n_features,
            DIAG: m.n_components * m.n_features, SPHERICAL: m.n_components,
            LOW_RANK: m.n_components * given_size(m)}[m.shape]
        cdef Borrowed thresholds_loan = borrow(thresholds, sizeof(double), m.n_components, False, "thresholds")
        cdef Borrowed zeroth_loan = borrow(component_weight, sizeof(double), m.n_components, True, "component_weight")
        cdef Borrowed first_loan = borrow(first, sizeof(double), m.n_components * m.n_features, True, "first")
        cdef Borrowed second_loan = borrow(second, sizeof(double), second_items, True, "second")
        cdef Scratch scratch = self.form.take(m, n_rows, True)
        cdef double log_likelihood
        cdef Bounds carried
        cdef Bounds *before = NULL
        cdef Borrowed carried_loan, limits_loan, counts_loan, log_density_loan, allowed_loan
        cdef real *log_density_out = NULL
        cdef const uint64_t *bits = NULL
        if allowed is not None:
            allowed_loan = borrow(allowed, sizeof(uint64_t), n_rows * words_of(m.n_components), False, "allowed")
            bits = <const uint64_t *> allowed_loan.view.buf
        if log_density is not None:
            log_density_loan = borrow(log_density, sizeof(real), n_rows, True, "log_density")
            log_density_out = <real *> log_density_loan.view.buf
        if bounds is not None:
            carried.stride = bounds_stride(n_rows)
            carried_loan = borrow(bounds[0], sizeof(float), m.n_components * carried.stride, True, "bounds[0]")
            limits_loan = borrow(bounds[1], sizeof(double), 4 * m.n_components, False, "bounds[1]")
            carried.carried = <float *> carried_loan.view.buf
            carried.shrink = <const double *> limits_loan.view.buf
            carried.grow = carried.shrink + m.n_components
            carried.moved = carried.grow + m.n_components
            carried.cut = carried.moved + m.n_components
            carried.n_computed = 0
            before = &carried
        for k in range(m.n_components):
            scratch.block.thresholds[k] = <real> (<const double *> thresholds_loan.view.buf)[k]
        with nogil:
            log_likelihood = sum_rows(
                m, <const real *> rows_loan.view.buf, n_rows, weight, given, bits, before, log_density_out, scratch)
            if by_products(m):
                move_products(m, &scratch.block.sums)
            for k in range(m.n_components):
                (<double *> zeroth_loan.view.buf)[k] += scratch.block.sums.component_weight[k]
            unpack_second(m, &scratch.block.sums, <double *> second_loan.view.buf)
            unpack_first(m, &scratch.block.sums, <double *> first_loan.view.buf)
        if counts is not None:
            counts_loan = borrow(counts, sizeof(int64_t), 2, True, "counts")
            (<int64_t *> counts_loan.view.buf)[0] = scratch.block.n_live
            (<int64_t *> counts_loan.view.buf)[1] = (
                n_rows * m.n_components if before == NULL else carried.n_computed)
        self.form.put(scratch)
        return log_likelihood


def all_finite(rows):
    """True if no number of the array (C-contiguous, of the kernels' dtype) is NaN or infinite."""
    cdef Borrowed loan = borrow(rows, sizeof(real), rows.size, False, "rows")
    cdef bint finite
    with nogil:
        finite = finite_numbers(<const real *> loan.view.buf, loan.view.len // <Py_ssize_t> sizeof(real))
    return finite


cdef bint finite_numbers(const real *numbers, Py_ssize_t n) noexcept nogil:
    """0 * x is 0 for a finite x and NaN otherwise."""
    cdef Py_ssize_t i = 0
    cdef vec a = vset(0.0)
    cdef vec b = vset(0.0)
    cdef real rest = 0
    while i + 2 * LANES <= n:
        a = a + vload(numbers + i) * vset(0.0)
        b = b + vload(numbers + i + LANES) * vset(0.0)
        i += 2 * LANES
    rest = vsum(a + b)
    while i < n:
        rest = rest + numbers[i] * 0
        i += 1
    return rest == 0
