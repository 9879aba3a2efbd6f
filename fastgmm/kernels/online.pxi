# A step of online EM in one call: the sums of a batch, what is known moved to the same references, both in their
# shares, and the mixture of them.  What makes the next sums leaves the last ones as they are, so that whoever reads
# them meanwhile sees no change.

cdef enum:
    # What a step has come to.
    STEPPED
    FAR
    UNDECIDED

cdef double LOG_TWO_PI = 1.8378770664093454836
# A component of no weight has no rows either.
cdef double LEAST_EXPECTED = -1e6
# Weights of components under the first (among the rows of a batch) and the second (in the mixture) count as these.
cdef double LEAST_PART = 1e-300
cdef double LEAST_MIXED = 1e-6

cdef struct Batch:
    # the sums of a batch, and scratch; shapes as in Model
    double weight               # of all rows
    double log_likelihood
    double *component_weight    # n_components
    double *first               # n_components x n_features
    double *second              # as the kernels sum
    Py_ssize_t second_size
    double *shift               # n_components x n_features: from the references of the batch to those that are known
    double *moved               # n_components x n_features: first moments that are known, about those of the batch
    double *change              # size: what the shift adds to one second moment
    double *step                # n_components x n_features
    double *divisor             # n_components
    double *scratch_of_factors


cdef struct StepLimits:
    double lightest             # the lightest weight of a row that counts
    double negligible           # the share of it up to which responsibilities are left out, negative for none
    double share                # of the batch in what is known then
    double depth                # no row may lie further under the density at the best mean, nats
    double least_weight         # of a component in what is known
    double tolerance            # of pivots
    double largest              # number of the dtype


@cython.final
cdef class OnlineSums:
    """The sums of a stream, of weight 1, and the mixture of them: one block of float64 numbers, read only.

    Its parts, one after the other: component weights (K,); reference points and first moments (K, D); second moments
    in the shape of the covariances; weights, log weights and log determinants (K,); means (K, D); covariances, factors
    and inverses of these.

    Parameters
    ----------
    form : {"matrix", "diagonal", "scalar"}
    tied : bool
    n_components, n_features : int
    numbers : float64 array, optional
        The block; None: it holds no numbers yet.
    """
    cdef Model model
    cdef Memory memory
    cdef Py_ssize_t n_numbers
    cdef Py_ssize_t shape[1]
    cdef Py_ssize_t strides[1]
    cdef str form
    cdef double *component_weight
    cdef double *reference
    cdef double *first
    cdef double *second
    cdef double *weights
    cdef double *log_weights
    cdef double *log_determinants
    cdef double *means
    cdef double *covariances
    cdef double *factors
    cdef double *inverses
    # What the step that made them has found: see `stepped`.
    cdef readonly int outcome
    cdef readonly double log_likelihood
    cdef readonly double least
    cdef readonly double top
    cdef readonly double expected
    cdef readonly double entropy

    def __cinit__(self, str form, bint tied, Py_ssize_t n_components, Py_ssize_t n_features, numbers=None):
        if form not in FORMS:
            raise ValueError(f"form: expected one of {', '.join(FORMS)}, got {form!r}")
        check_sizes("components and features", (n_components, n_features), 2)
        self.form = form
        self.model = model_of(FORMS[form], tied, n_components, n_features)
        self._cut(NULL)
        self.memory = Memory(self.n_numbers * sizeof(double))
        self._cut(<double *> self.memory.begin)
        self.shape[0] = self.n_numbers
        self.strides[0] = sizeof(double)
        if numbers is not None:
            copy_into(numbers, self.n_numbers, <double *> self.memory.begin, "numbers")

    cdef void _cut(self, double *begin) noexcept nogil:
        """Give every pointer its piece; the number of all."""
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t n_means = k * self.model.n_features
        cdef Py_ssize_t n = self.model.n_covariances * self.model.size
        self.n_numbers = 4 * k + 3 * n_means + 4 * n
        if begin == NULL:
            return
        self.component_weight = begin
        self.reference = self.component_weight + k
        self.first = self.reference + n_means
        self.second = self.first + n_means
        self.weights = self.second + n
        self.log_weights = self.weights + k
        self.log_determinants = self.log_weights + k
        self.means = self.log_determinants + k
        self.covariances = self.means + n_means
        self.factors = self.covariances + n
        self.inverses = self.factors + n

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        if flags & PyBUF_WRITABLE:
            raise BufferError("the sums of a stream are read only")
        buffer.buf = self.memory.begin
        buffer.obj = self
        buffer.len = self.n_numbers * sizeof(double)
        buffer.itemsize = sizeof(double)
        buffer.readonly = True
        buffer.ndim = 1
        buffer.format = NULL
        if flags & PyBUF_FORMAT:
            buffer.format = "d"
        buffer.shape = self.shape
        buffer.strides = self.strides
        buffer.suboffsets = NULL
        buffer.internal = NULL

    def stepped(self, PackedMixture packed, ridge, rows, sample_weight, tuple limits, log_density):
        """The sums after a batch, whose `outcome` says whether they hold numbers: 0 if so.

        It is 1 where some row lies too far away, and 2 where covariances are not positive definite or beyond the
        dtype, or the log-likelihood is no number: of these the step has to be done otherwise.

        Parameters
        ----------
        packed : PackedMixture
            The mixture of these sums.
        ridge : float64 array (D,) or (1,)
        rows : array (n, D) of the kernels' dtype
        sample_weight : float64 array (n,) or None
        limits : tuple of 8 floats
            The weight of all rows, and what StepLimits says.
        log_density : array (n,) of the kernels' dtype, out
            The rows' log densities before the step, nats.

        Returns
        -------
        OnlineSums
            Of the batch they tell the `log_likelihood`; the `least` log density of a row, and the `top`, that at the
            best mean; what the components lead to expect of the log-likelihood (`expected`); and the relative
            `entropy` of the weights that components have in the batch, nats.
        """
        cdef Model model = self.model
        if not is_of(&model, &packed.mixture):
            raise ValueError("packed: expected a mixture of the form and the sizes of the sums")
        cdef Borrowed rows_loan = borrow_rows(rows, sizeof(real), model.n_features, "rows")
        cdef Py_ssize_t n_rows = rows_loan.view.shape[0]
        cdef Borrowed weight_loan
        cdef const double *weight = NULL
        if sample_weight is not None:
            weight_loan = borrow(sample_weight, sizeof(double), n_rows, False, "sample_weight")
            weight = <const double *> weight_loan.view.buf
        model.n_ridge = 1 if ridge.size == 1 else model.n_features
        cdef Borrowed ridge_loan = borrow(ridge, sizeof(double), model.n_ridge, False, "ridge")
        model.ridge = <const double *> ridge_loan.view.buf
        cdef Borrowed density_loan = borrow(log_density, sizeof(real), n_rows, True, "log_density")
        cdef real *density = <real *> density_loan.view.buf
        cdef StepLimits of
        cdef Batch batch
        (batch.weight, of.lightest, of.negligible, of.share, of.depth, of.least_weight, of.tolerance,
         of.largest) = limits
        batch.second_size = second_numbers(&packed.mixture)
        cdef Memory memory = Memory(lay_out_batch(&model, &batch, NULL))
        lay_out_batch(&model, &batch, memory.begin)
        cdef OnlineSums made = OnlineSums.__new__(
            OnlineSums, self.form, model.tied, model.n_components, model.n_features)
        cdef Scratch scratch = packed.form.take(&packed.mixture, n_rows, True)
        with nogil:
            self._sum_batch(packed, <const real *> rows_loan.view.buf, n_rows, weight, &of, &batch, density, scratch)
            made._tell(self, &batch, density, n_rows)
            made._follow(self, &model, &batch, &of)
        packed.form.put(scratch)
        return made

    cdef void _sum_batch(
        self, PackedMixture packed, const real *rows, Py_ssize_t n_rows, const double *weight, const StepLimits *of,
        Batch *batch, real *density, Scratch scratch
    ) noexcept nogil:
        """The E-step of a batch, as EStep and PackedMixture.expectation do it."""
        cdef Mixture *m = &packed.mixture
        cdef Py_ssize_t k, j
        for k in range(m.n_components):
            scratch.block.thresholds[k] = <real> (of.negligible * min(of.lightest, self.weights[k] * batch.weight))
            if of.negligible < 0.0:
                scratch.block.thresholds[k] = -1
        batch.log_likelihood = sum_rows(m, rows, n_rows, weight, NULL, NULL, NULL, density, scratch)
        if by_products(m):
            move_products(m, &scratch.block.sums)
        memset(batch.first, 0, m.n_components * m.n_features * sizeof(double))
        memset(batch.second, 0, batch.second_size * sizeof(double))
        for k in range(m.n_components):
            batch.component_weight[k] = scratch.block.sums.component_weight[k]
        unpack_second(m, &scratch.block.sums, batch.second)
        unpack_first(m, &scratch.block.sums, batch.first)
        if self.model.tied and m.shape != TIED:
            for k in range(1, m.n_components):
                for j in range(self.model.size):
                    batch.second[j] = batch.second[j] + batch.second[k * self.model.size + j]
        for k in range(m.n_components):
            for j in range(m.n_features):
                batch.shift[k * m.n_features + j] = <double> m.means[k * m.width + j]   # the references, until _follow

    cdef void _tell(self, OnlineSums known, const Batch *batch, const real *density, Py_ssize_t n_rows) noexcept nogil:
        """What the log densities and the weights of the components say of a batch."""
        cdef Py_ssize_t k
        cdef double own, part
        cdef double d = self.model.n_features
        self.log_likelihood = batch.log_likelihood
        self.least = least_number(density, n_rows)
        self.top = -INFINITY
        self.expected = 0.0
        self.entropy = 0.0
        for k in range(self.model.n_components):
            own = known.log_weights[k] - known.log_determinants[k]
            self.top = max(self.top, own)
            self.expected += batch.component_weight[k] * max(own - 0.5 * d * (1.0 + LOG_TWO_PI), LEAST_EXPECTED)
            part = batch.component_weight[k] / batch.weight
            self.entropy += part * natural_log(max(part, LEAST_PART) / max(known.weights[k], LEAST_MIXED))
        self.top -= 0.5 * d * LOG_TWO_PI

    cdef void _follow(self, OnlineSums known, const Model *model, Batch *batch, const StepLimits *of) noexcept nogil:
        """Both sums in their shares, and the mixture of them."""
        cdef Py_ssize_t k, i
        if not self.least >= self.top - of.depth:
            self.outcome = FAR
            return
        self.outcome = UNDECIDED
        if not fabs(batch.log_likelihood) < INFINITY:
            return
        for k in range(model.n_components):
            if not known.component_weight[k] >= of.least_weight:
                return
        for i in range(model.n_components * model.n_features):
            self.reference[i] = batch.shift[i]
            batch.shift[i] = known.reference[i] - self.reference[i]
        self._blend(known, batch, of.share)
        if self._maximize(model, batch, of):
            self.outcome = STEPPED

    cdef void _blend(self, OnlineSums known, Batch *batch, double share) noexcept nogil:
        """Sums of weight 1: what is known, about the references of the batch, and the batch, in their shares."""
        cdef const Model *model = &self.model
        cdef Py_ssize_t k, j, i, c
        cdef Py_ssize_t d = model.n_features
        cdef double rest = 1.0 - share
        cdef double gain = share / batch.weight
        for k in range(model.n_components):
            self.component_weight[k] = rest * known.component_weight[k] + gain * batch.component_weight[k]
            for j in range(d):
                i = k * d + j
                batch.moved[i] = known.first[i] + known.component_weight[k] * batch.shift[i]
                self.first[i] = rest * batch.moved[i] + gain * batch.first[i]
        for c in range(model.n_covariances):
            memset(batch.change, 0, model.size * sizeof(double))
            for k in range(0 if model.tied else c, model.n_components if model.tied else c + 1):
                add_change(model, known.first + k * d, batch.shift + k * d, batch.moved + k * d, batch.change)
            blend_second(
                model, known.second + c * model.size, batch.change, batch.second + c * model.size, rest, gain,
                self.second + c * model.size)

    cdef bint _maximize(self, const Model *model, Batch *batch, const StepLimits *of) noexcept nogil:
        """The mixture of the sums; False where it has none."""
        cdef Moments sums
        cdef Py_ssize_t k, j, i
        cdef Py_ssize_t d = model.n_features
        cdef double total = 0.0
        for k in range(model.n_components):
            total += self.component_weight[k]
        for k in range(model.n_components):
            batch.divisor[k] = self.component_weight[k]
            self.weights[k] = self.component_weight[k] / total
            self.log_weights[k] = natural_log(self.weights[k])
            for j in range(d):
                i = k * d + j
                self.means[i] = self.reference[i] + self.first[i] / self.component_weight[k]
        if model.tied:
            batch.divisor[0] = total
        if model.form == SCALAR:
            for k in range(model.n_covariances):
                batch.divisor[k] *= d
        sums.first = self.first
        sums.second = self.second
        sums.mean_weight = self.component_weight
        sums.divisor = batch.divisor
        covariances_of(model, &sums, batch.step, self.covariances)
        if factor_all(
                model, self.covariances, of.tolerance, self.factors, self.inverses, batch.scratch_of_factors) >= 0:
            return False
        log_determinants_of(model, self.factors, self.log_determinants)
        return in_range(model, self.covariances, self.inverses, of.largest)


cdef inline bint is_of(const Model *model, const Mixture *m) noexcept nogil:
    """Whether a packed mixture is of a model."""
    cdef int shape = DIAG if model.form == DIAGONAL else SPHERICAL
    if model.form == MATRIX:
        shape = TIED if model.tied else FULL
    return m.shape == shape and m.n_components == model.n_components and m.n_features == model.n_features


cdef inline Py_ssize_t second_numbers(const Mixture *m) noexcept nogil:
    """The numbers of second moments that the kernels sum."""
    cdef Py_ssize_t size = m.n_features * m.n_features if m.shape == FULL or m.shape == TIED else (
        m.n_features if m.shape == DIAG else 1)
    return size if m.shape == TIED else m.n_components * size


cdef Py_ssize_t lay_out_batch(const Model *model, Batch *batch, char *begin) noexcept nogil:
    """Give every pointer of a batch its piece of the memory; with NULL, only count the bytes."""
    cdef Py_ssize_t k = model.n_components
    cdef Py_ssize_t n_means = k * model.n_features
    cdef Py_ssize_t n_scratch = factor_scratch(model.n_features) if model.form == MATRIX else 0
    if begin != NULL:
        batch.component_weight = <double *> begin
        batch.divisor = batch.component_weight + k
        batch.first = batch.divisor + k
        batch.shift = batch.first + n_means
        batch.moved = batch.shift + n_means
        batch.step = batch.moved + n_means
        batch.second = batch.step + n_means
        batch.change = batch.second + batch.second_size
        batch.scratch_of_factors = batch.change + model.size
    return (2 * k + 4 * n_means + batch.second_size + model.size + n_scratch) * sizeof(double)


cdef double least_number(const real *numbers, Py_ssize_t n) noexcept nogil:
    """The least of them; NaN if one is."""
    cdef Py_ssize_t i
    cdef real least = <real> INFINITY
    cdef real rest = 0
    for i in range(n):
        least = min(least, numbers[i])
        rest = rest + (numbers[i] - numbers[i])         # NaN of what is not finite
    return <double> least if rest == 0 else -INFINITY


cdef void add_change(
    const Model *model, const double *first, const double *shift, const double *moved, double *out
) noexcept nogil:
    """out += f s^T + s m^T, of a matrix the lower triangle of its symmetric part: see SufficientStatistics.about."""
    cdef Py_ssize_t i, j
    cdef Py_ssize_t n = model.n_features
    if model.form == MATRIX:
        for i in range(n):
            for j in range(i + 1):
                out[i * n + j] += 0.5 * (
                    (first[i] * shift[j] + shift[i] * moved[j]) + (first[j] * shift[i] + shift[j] * moved[i]))
    elif model.form == DIAGONAL:
        for j in range(n):
            out[j] += first[j] * shift[j] + shift[j] * moved[j]
    else:
        for j in range(n):
            out[0] += first[j] * shift[j] + shift[j] * moved[j]


cdef void blend_second(
    const Model *model, const double *known, const double *change, const double *batch, double rest, double gain,
    double *out
) noexcept nogil:
    """out = rest (known + change) + gain batch; of matrices the lower triangles count."""
    cdef Py_ssize_t i, j
    cdef Py_ssize_t n = model.n_features
    if model.form == MATRIX:
        for i in range(n):
            for j in range(i + 1):
                out[i * n + j] = rest * (known[i * n + j] + change[i * n + j]) + gain * batch[i * n + j]
                out[j * n + i] = out[i * n + j]
    else:
        for j in range(model.size):
            out[j] = rest * (known[j] + change[j]) + gain * batch[j]


cdef int copy_into(array, Py_ssize_t n, double *out, str name) except -1:
    cdef Borrowed loan = borrow(array, sizeof(double), n, False, name)
    memcpy(out, loan.view.buf, n * sizeof(double))
    return 0
