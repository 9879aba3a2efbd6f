# A stretch is some iterations of plain EM over one block of rows, without Python in between.  It does what the loop
# does, with the same functions in the same order, so that the bits are the same.  It ends before an iteration in which
# something may happen that the loop has to decide: a covariance that is not positive definite, a component that may
# have collapsed, numbers beyond the dtype.

cdef enum:
    # What Stretch.run ends before, in Python's hands from there.
    NOTHING
    EVENT
    OTHER_FORM

cdef struct Slot:
    # The parameters of one mixture, float64; shapes as in Model.
    double *weights
    double *means
    double *covariances
    double *factors
    double *inverses


cdef class Stretch:
    """Iterations of EM over the same rows, and the mixtures that they lead through.

    Parameters
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
        That of the packed mixture.
    form : {"matrix", "diagonal", "scalar"}
    tied : bool
    n_components : int
    rows : array (n, D) of the kernels' dtype
    sample_weight : float64 array (n,) or None
    ridge : float64 array (D,) or (1,)
    limits : float64 array (8,)
        The weight of all rows; the lightest weight that counts; the share of that up to which responsibilities are
        left out, negative for none; the weight under which a component is lost; the share of a variance from which
        the ridge is all of it; the tolerance of pivots; the share of a variance that rounding may move; the largest
        number of the dtype.
    n_slots : int
        The most iterations of one run.
    """
    cdef PackedMixture packed
    cdef Model model
    cdef Memory memory
    cdef Borrowed rows_loan
    cdef Borrowed weight_loan
    cdef Borrowed ridge_loan
    cdef Scratch scratch
    cdef Py_ssize_t n_rows
    cdef Py_ssize_t n_slots
    cdef Py_ssize_t slot_size       # doubles
    cdef Py_ssize_t second_size     # doubles that the kernels sum
    cdef double limits[8]
    cdef double *slots
    cdef double *log_weights
    cdef double *log_determinants
    cdef double *component_weight
    cdef double *first
    cdef double *second
    cdef double *divisor
    cdef double *reference
    cdef double *step
    cdef double *scratch_of_factors

    def __init__(
        self, str covariance_type, str form, bint tied, Py_ssize_t n_components, rows, sample_weight, ridge, limits,
        Py_ssize_t n_slots
    ):
        check_sizes("rows", rows.shape, 2)
        check_sizes("n_components and n_slots", (n_components, n_slots), 2)
        cdef Py_ssize_t n_features = rows.shape[1]
        self.n_rows = rows.shape[0]
        self.n_slots = n_slots
        self.model = model_of(FORMS[form], tied, n_components, n_features)
        self.rows_loan = borrow_rows(rows, sizeof(real), n_features, "rows")
        if sample_weight is not None:
            self.weight_loan = borrow(sample_weight, sizeof(double), self.n_rows, False, "sample_weight")
        self.model.n_ridge = 1 if ridge.size == 1 else n_features
        self.ridge_loan = borrow(ridge, sizeof(double), self.model.n_ridge, False, "ridge")
        self.model.ridge = <const double *> self.ridge_loan.view.buf
        cdef Borrowed limits_loan = borrow(limits, sizeof(double), 8, False, "limits")
        memcpy(self.limits, limits_loan.view.buf, 8 * sizeof(double))
        cdef Py_ssize_t n_factors = self.model.n_covariances if covariance_type == "tied" else n_components
        self.packed = PackedMixture(
            covariance_type, zeros((n_components,)), zeros((n_components, n_features)),
            zeros((n_factors, self.model.size)), zeros((n_components,)))
        cdef Mixture *m = &self.packed.mixture
        self.second_size = n_components * n_features * n_features
        if m.shape == TIED:
            self.second_size = n_features * n_features
        elif m.shape != FULL:
            self.second_size = n_components * (n_features if m.shape == DIAG else 1)
        self.memory = Memory(self._lay_out(None))
        self._lay_out(self.memory)

    cdef Py_ssize_t _lay_out(self, Memory memory):
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t d = self.model.n_features
        cdef Cutter cut = Cutter(memory)
        self.slot_size = k + k * d + 3 * self.model.n_covariances * self.model.size
        self.slots = cut.doubles((self.n_slots + 1) * self.slot_size)
        self.log_weights = cut.doubles(k)
        self.log_determinants = cut.doubles(k)
        self.component_weight = cut.doubles(k)
        self.first = cut.doubles(k * d)
        self.second = cut.doubles(self.second_size)
        self.divisor = cut.doubles(k)
        self.reference = cut.doubles(k * d)
        self.step = cut.doubles(k * d)
        self.scratch_of_factors = cut.doubles(factor_scratch(d) if self.model.form == MATRIX else 0)
        return cut.size

    cdef Slot _slot(self, Py_ssize_t index) noexcept nogil:
        cdef Slot slot
        cdef Py_ssize_t n_numbers = self.model.n_covariances * self.model.size
        slot.weights = self.slots + index * self.slot_size
        slot.means = slot.weights + self.model.n_components
        slot.covariances = slot.means + self.model.n_components * self.model.n_features
        slot.factors = slot.covariances + n_numbers
        slot.inverses = slot.factors + n_numbers
        return slot

    def run(self, weights, means, factors, inverses, lower_bounds):
        """Iterate from a mixture; returns the number of iterations done, at most that of `lower_bounds`.

        Parameters
        ----------
        weights, means, factors, inverses : float64 arrays
            The mixture to begin with, in the shapes of `fastgmm.mixture.mixture.Mixture`.
        lower_bounds : float64 array (at most n_slots,), out
            The mean log-likelihood per row of the mixture that each iteration began with, nats.
        """
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t n_means = k * self.model.n_features
        cdef Py_ssize_t n_numbers = self.model.n_covariances * self.model.size
        cdef Py_ssize_t n = min(self.n_slots, len(lower_bounds))
        cdef Slot slot = self._slot(0)
        cdef Borrowed weights_loan = borrow(weights, sizeof(double), k, False, "weights")
        cdef Borrowed means_loan = borrow(means, sizeof(double), n_means, False, "means")
        cdef Borrowed factors_loan = borrow(factors, sizeof(double), n_numbers, False, "factors")
        cdef Borrowed inverses_loan = borrow(inverses, sizeof(double), n_numbers, False, "inverses")
        cdef Borrowed bounds_loan = borrow(lower_bounds, sizeof(double), len(lower_bounds), True, "lower_bounds")
        cdef Py_ssize_t done = 0
        cdef int ended = OTHER_FORM
        memcpy(slot.weights, weights_loan.view.buf, k * sizeof(double))
        memcpy(slot.means, means_loan.view.buf, n_means * sizeof(double))
        memcpy(slot.factors, factors_loan.view.buf, n_numbers * sizeof(double))
        memcpy(slot.inverses, inverses_loan.view.buf, n_numbers * sizeof(double))
        self._read(slot)
        while ended == OTHER_FORM:
            self.packed.form = last_form.of(&self.packed.mixture)
            self.scratch = self.packed.form.take(&self.packed.mixture, self.n_rows, True)
            with nogil:
                done += self._run(done, n, <double *> bounds_loan.view.buf, &ended)
            self.packed.form.put(self.scratch)
            self.scratch = None
        return done

    def mixture(self, Py_ssize_t index, weights, means, covariances, factors, inverses):
        """Copy the mixture after so many iterations of the last run, at least one, to float64 arrays, out."""
        if not 1 <= index <= self.n_slots:
            raise ValueError(f"index must be between 1 and {self.n_slots}, got {index}")
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t n_means = k * self.model.n_features
        cdef Py_ssize_t n_numbers = self.model.n_covariances * self.model.size
        cdef Slot slot = self._slot(index)
        copy_doubles(slot.weights, k, weights, "weights")
        copy_doubles(slot.means, n_means, means, "means")
        copy_doubles(slot.covariances, n_numbers, covariances, "covariances")
        copy_doubles(slot.factors, n_numbers, factors, "factors")
        copy_doubles(slot.inverses, n_numbers, inverses, "inverses")

    cdef void _read(self, Slot slot) noexcept nogil:
        """Pack the mixture of a slot."""
        cdef Py_ssize_t k
        for k in range(self.model.n_components):
            self.log_weights[k] = natural_log(slot.weights[k])
        log_determinants_of(&self.model, slot.factors, self.log_determinants)
        self.packed._pack(
            self.log_weights, slot.means, slot.inverses, self.log_determinants,
            self.model.tied and self.packed.mixture.shape != TIED)

    cdef Py_ssize_t _run(self, Py_ssize_t begin, Py_ssize_t n, double *lower_bounds, int *ended) noexcept nogil:
        """Iterations from `begin`, whose mixture is packed, to n at most; returns how many were done."""
        cdef Py_ssize_t i
        for i in range(begin, n):
            if i > begin:
                self._read(self._slot(i))
                if not self.packed.form.fits(&self.packed.mixture):
                    ended[0] = OTHER_FORM
                    return i - begin
            lower_bounds[i] = self._e_step(self._slot(i)) / self.limits[0]
            if not fabs(lower_bounds[i]) < INFINITY or self._lost() or not self._m_step(self._slot(i + 1)):
                ended[0] = EVENT
                return i - begin
        ended[0] = NOTHING
        return n - begin

    cdef double _e_step(self, Slot slot) noexcept nogil:
        """The sums of all rows under the packed mixture; returns the log-likelihood."""
        cdef Mixture *m = &self.packed.mixture
        cdef Block *block = &self.scratch.block
        cdef Py_ssize_t k, j
        cdef double log_likelihood
        cdef const double *weight = NULL
        if self.weight_loan is not None:
            weight = <const double *> self.weight_loan.view.buf
        for k in range(m.n_components):
            block.thresholds[k] = <real> (self.limits[2] * min(self.limits[1], slot.weights[k] * self.limits[0]))
            if self.limits[2] < 0.0:
                block.thresholds[k] = -1
            for j in range(m.n_features):
                self.reference[k * m.n_features + j] = <double> m.means[k * m.width + j]
        log_likelihood = sum_rows(
            m, <const real *> self.rows_loan.view.buf, self.n_rows, weight, NULL, NULL, NULL, self.scratch)
        if by_products(m):
            move_products(m, &block.sums)
        memset(self.first, 0, m.n_components * m.n_features * sizeof(double))
        memset(self.second, 0, self.second_size * sizeof(double))
        for k in range(m.n_components):
            self.component_weight[k] = 0.0 + block.sums.component_weight[k]
        unpack_second(m, &block.sums, self.second)
        unpack_first(m, &block.sums, self.first)
        if self.model.tied and m.shape != TIED:
            for k in range(1, m.n_components):
                for j in range(self.model.size):
                    self.second[j] = self.second[j] + self.second[k * self.model.size + j]
        return log_likelihood

    cdef bint _lost(self) noexcept nogil:
        """Whether a component holds less than a row."""
        cdef Py_ssize_t k
        for k in range(self.model.n_components):
            if not self.component_weight[k] >= self.limits[3]:
                return True
        return False

    cdef bint _m_step(self, Slot slot) noexcept nogil:
        """The mixture of the sums; False where the loop has to look at it."""
        cdef Model *model = &self.model
        cdef Moments sums
        cdef Py_ssize_t k, j, i
        cdef Py_ssize_t d = model.n_features
        cdef double total = 0.0
        for k in range(model.n_components):
            total += self.component_weight[k]
        for k in range(model.n_components):
            self.divisor[k] = self.component_weight[k]
            slot.weights[k] = self.component_weight[k] / total
            for j in range(d):
                i = k * d + j
                slot.means[i] = self.reference[i] + self.first[i] / self.component_weight[k]
        if model.tied:
            self.divisor[0] = total
        if model.form == SCALAR:
            for k in range(model.n_covariances):
                self.divisor[k] *= d
        if self._cancels():
            return False
        sums.first = self.first
        sums.second = self.second
        sums.mean_weight = self.component_weight
        sums.divisor = self.divisor
        covariances_of(model, &sums, self.step, slot.covariances)
        if factor_all(
                model, slot.covariances, self.limits[5], slot.factors, slot.inverses, self.scratch_of_factors) >= 0:
            return False
        return in_range(model, slot.covariances, slot.inverses, self.limits[7]) and not (
            model.n_components > 1 and not model.tied and may_be_flat(model, slot.inverses, 0.5 * self.limits[4]))

    cdef bint _cancels(self) noexcept nogil:
        """Whether the means have moved so far that rounding may show in a variance: by half of what counts."""
        cdef Model *model = &self.model
        cdef Py_ssize_t k, j, c, i
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t n_variances = 1 if model.form == SCALAR else d
        cdef Py_ssize_t diagonal = d + 1 if model.form == MATRIX else 1
        cdef double step, taken_off, variance, moved
        cdef double smallest = model.ridge[0]
        for j in range(model.n_ridge):
            smallest = min(smallest, model.ridge[j])
        for c in range(model.n_covariances):
            for j in range(n_variances):
                taken_off = 0.0
                for k in range(0 if model.tied else c, model.n_components if model.tied else c + 1):
                    moved = 0.0
                    for i in range(d if model.form == SCALAR else 1):
                        step = self.first[k * d + j + i] / self.component_weight[k]
                        moved += step * step
                    taken_off += moved * self.component_weight[k]
                taken_off /= self.divisor[c]
                variance = max(self.second[c * model.size + j * diagonal] / self.divisor[c] - taken_off, 0.0)
                if not 2.220446049250313e-16 * taken_off <= 0.5 * self.limits[6] * (variance + smallest):
                    return True
        return False


cdef bint in_range(
    const Model *model, const double *covariances, const double *inverses, double largest
) noexcept nogil:
    """Whether covariances and precisions have a number in the dtype of the rows."""
    cdef Py_ssize_t i
    cdef bint inside = True
    for i in range(model.n_covariances * model.size):
        inside &= fabs(covariances[i]) <= largest and inverses[i] * inverses[i] <= largest
    return inside


cdef bint may_be_flat(const Model *model, const double *inverses, double share) noexcept nogil:
    """Whether the ridge may be more than twice this share of the variance of some component in some direction."""
    cdef Py_ssize_t k, i, j
    cdef double ridge, total
    for k in range(model.n_covariances):
        total = 0.0
        for i in range(model.size):
            j = i % model.n_features
            ridge = model.ridge[j if model.n_ridge > 1 else 0]
            total += inverses[k * model.size + i] * inverses[k * model.size + i] * ridge
        if not total <= share:
            return True
    return False


cdef int copy_doubles(const double *source, Py_ssize_t n, out, str name) except -1:
    cdef Borrowed loan = borrow(out, sizeof(double), n, True, name)
    memcpy(loan.view.buf, source, n * sizeof(double))
    return 0


cdef zeros(tuple shape):
    """A float64 buffer of zeros."""
    cdef Py_ssize_t size
    cdef Py_ssize_t n_bytes = sizeof(double)
    for size in shape:
        n_bytes *= size
    return memoryview(bytearray(n_bytes)).cast("d", shape)
