# An E-step and an M-step over one block of rows, without Python: what the loop does, with the same functions in the
# same order, so that the bits are the same.

cdef struct Limits:
    # All are doubles, in this order, so that the caller can hand them over in one array.
    double weight           # of all rows
    double lightest         # the lightest weight that counts
    double negligible       # the share of that up to which responsibilities are left out, negative for none
    double row_weight       # a component of less is lost
    double floor            # the share of a variance from which the ridge is all of it
    double pivots           # the tolerance of pivots
    double cancellation     # the share of a variance that rounding may move
    double largest          # the largest number of the rows' dtype
    double epsilon          # the spacing of the rows' dtype at one, where their sums may be too imprecise; else 0
    double most_noise       # nats per row that rounding of the sums may move the bound by


cdef class Steps:
    """The two steps over the same rows; arguments are those of `Stretch`."""
    cdef PackedMixture packed
    cdef Model model
    cdef Memory memory
    cdef Borrowed rows_loan
    cdef Borrowed weight_loan
    cdef Borrowed ridge_loan
    cdef Scratch scratch
    cdef const real *rows           # n_rows x n_features
    cdef const double *weight       # n_rows, or NULL where each row counts once
    cdef Py_ssize_t n_rows
    cdef Py_ssize_t at_once         # after so many iterations it is seen whether the user wants to interrupt
    cdef Py_ssize_t second_size     # doubles that the kernels sum
    cdef Limits limits
    cdef double *log_weights
    cdef double *log_determinants
    cdef double log_volume          # minus the log density of a background
    cdef double *component_weight   # n_weights
    cdef double *mean_weight        # the component weights, at least LEAST_WEIGHT
    cdef char *held                 # K: whether a component is known to have collapsed, and stays so
    cdef double *first
    cdef double *second
    cdef double *divisor
    cdef double *reference
    cdef double *step
    cdef double *scratch_of_factors

    cdef _set_up(
        self, kind, Py_ssize_t n_components, rows, sample_weight, ridge, limits, Py_ssize_t at_once
    ):
        cdef str covariance_type = kind[0]
        check_sizes("rows", rows.shape, 2)
        check_sizes("n_components", (n_components,), 1)
        cdef Py_ssize_t n_features = rows.shape[1]
        self.model = model_of(FORMS[kind[1]], kind[2], n_components, n_features)
        self.take_rows(rows, sample_weight, limits, at_once)
        self.model.n_ridge = 1 if ridge.size == 1 else n_features
        self.ridge_loan = borrow(ridge, sizeof(double), self.model.n_ridge, False, "ridge")
        self.model.ridge = <const double *> self.ridge_loan.view.buf
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

    cdef void _take_background(self, double log_volume) noexcept nogil:
        """Have a background of this log volume; none if it is NaN."""
        if log_volume == log_volume:
            self.log_volume = log_volume
            self.model.n_weights = self.model.n_components + 1

    def take_rows(self, rows, sample_weight, limits, Py_ssize_t at_once):
        """Go on with other rows of as many columns; arguments are those of `Stretch`."""
        check_sizes("rows", rows.shape, 2)
        cdef Borrowed rows_loan = borrow_rows(rows, sizeof(real), self.model.n_features, "rows")
        cdef Borrowed weight_loan = None
        if sample_weight is not None:
            weight_loan = borrow(sample_weight, sizeof(double), rows_loan.view.shape[0], False, "sample_weight")
        read_doubles(limits, sizeof(Limits), &self.limits, "limits")
        self.rows_loan = rows_loan
        self.weight_loan = weight_loan
        self.rows = <const real *> rows_loan.view.buf
        self.weight = NULL
        if weight_loan is not None:
            self.weight = <const double *> weight_loan.view.buf
        self.n_rows = rows_loan.view.shape[0]
        self.at_once = max(at_once, 1)

    cdef _lay_out_steps(self, Cutter cut):
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t d = self.model.n_features
        self.log_weights = cut.doubles(k)
        self.log_determinants = cut.doubles(k)
        self.component_weight = cut.doubles(self.model.n_weights)
        self.mean_weight = cut.doubles(k)
        self.held = <char *> cut.bytes(k)
        self.first = cut.doubles(k * d)
        self.second = cut.doubles(self.second_size)
        self.divisor = cut.doubles(k)
        self.reference = cut.doubles(k * d)
        self.step = cut.doubles(k * d)
        self.scratch_of_factors = cut.doubles(factor_scratch(d) if self.model.form == MATRIX else 0)

    cdef int _change_scratch(self) except -1:
        """Take scratch of the form of the packed mixture."""
        self._give_scratch()
        self.packed.form = last_form.of(&self.packed.mixture)
        self.scratch = self.packed.form.take(&self.packed.mixture, self.n_rows, True)
        return 0

    cdef _give_scratch(self):
        if self.scratch is not None:
            self.packed.form.put(self.scratch)
        self.scratch = None

    cdef void _read(self, const Slot *slot) noexcept nogil:
        """Pack the mixture of a slot."""
        cdef Py_ssize_t k
        for k in range(self.model.n_components):
            self.log_weights[k] = natural_log(slot.weights[k])
        log_determinants_of(&self.model, slot.factors, self.log_determinants)
        self.packed._pack(
            self.log_weights, slot.means, slot.inverses, self.log_determinants,
            self.model.tied and self.packed.mixture.shape != TIED)
        if self.model.n_weights > self.model.n_components:
            self.packed._set_background(natural_log(slot.weights[self.model.n_components]) - self.log_volume)

    cdef double _e_step(self, const Slot *slot) except? -1 nogil:
        """The sums of all rows under a mixture; returns the lower bound, NaN where the loop has to look at it."""
        cdef Mixture *m = &self.packed.mixture
        cdef double log_likelihood
        if not self._precise(slot):
            return NAN
        self._read(slot)
        if self.scratch is None or not self.packed.form.fits(m):
            with gil:
                self._change_scratch()
        log_likelihood = self._sums(slot)
        self._find_divisor()
        if self._cancels():
            return NAN
        return log_likelihood / self.limits.weight

    cdef bint _precise(self, const Slot *slot) noexcept nogil:
        """Whether sums in the dtype of the rows are good enough: see `em/precision.py`."""
        cdef double share
        if self.limits.epsilon == 0.0 or self.model.form != MATRIX:
            return True
        share = self.limits.epsilon * inflation(&self.model, slot.covariances, slot.inverses)
        return not share * share > self.limits.most_noise

    cdef double _sums(self, const Slot *slot) noexcept nogil:
        """The sums of all rows under the packed mixture; returns the log-likelihood."""
        cdef Mixture *m = &self.packed.mixture
        cdef Block *block = &self.scratch.block
        cdef Py_ssize_t k, j
        cdef double log_likelihood
        cdef double held = 0.0
        cdef double least = self.limits.negligible
        for k in range(m.n_components):
            block.thresholds[k] = <real> (least * min(self.limits.lightest, slot.weights[k] * self.limits.weight))
            if least < 0.0:
                block.thresholds[k] = -1
            for j in range(m.n_features):
                self.reference[k * m.n_features + j] = <double> m.means[k * m.width + j]
        log_likelihood = sum_rows(
            m, self.rows, self.n_rows, self.weight, NULL, NULL, NULL, NULL, self.scratch)
        if by_products(m):
            move_products(m, &block.sums)
        memset(self.first, 0, m.n_components * m.n_features * sizeof(double))
        memset(self.second, 0, self.second_size * sizeof(double))
        for k in range(m.n_components):
            self.component_weight[k] = 0.0 + block.sums.component_weight[k]
            held += self.component_weight[k]
        if self.model.n_weights > m.n_components:
            self.component_weight[m.n_components] = max(0.0, self.limits.weight - held)
        unpack_second(m, &block.sums, self.second)
        unpack_first(m, &block.sums, self.first)
        if self.model.tied and m.shape != TIED:
            for k in range(1, m.n_components):
                for j in range(self.model.size):
                    self.second[j] = self.second[j] + self.second[k * self.model.size + j]
        return log_likelihood

    cdef void _find_divisor(self) noexcept nogil:
        """What the second moments are divided by."""
        cdef Py_ssize_t k
        cdef double total = 0.0
        for k in range(self.model.n_components):
            self.mean_weight[k] = max(self.component_weight[k], 2.2250738585072014e-308)
            total += self.mean_weight[k]
            self.divisor[k] = self.mean_weight[k]
        if self.model.tied:
            self.divisor[0] = total
        if self.model.form == SCALAR:
            for k in range(self.model.n_covariances):
                self.divisor[k] *= self.model.n_features

    cdef Evidence _evidence(self) noexcept nogil:
        """The sums as the gradient reads them."""
        cdef Evidence evidence
        evidence.reference = self.reference
        evidence.component_weight = self.component_weight
        evidence.sums.first = self.first
        evidence.sums.second = self.second
        evidence.sums.mean_weight = self.mean_weight
        evidence.sums.divisor = self.divisor
        return evidence

    cdef bint _m_step(self, const Slot *slot) noexcept nogil:
        """The mixture of the sums; False where the loop has to look at it."""
        cdef Model *model = &self.model
        cdef Evidence evidence = self._evidence()
        cdef Py_ssize_t k, j, i
        cdef Py_ssize_t d = model.n_features
        cdef double total = 0.0
        for k in range(model.n_components):
            if not self.component_weight[k] >= (0.0 if self.held[k] else self.limits.row_weight):
                return False
        for k in range(model.n_weights):
            total += self.component_weight[k]
        for k in range(model.n_weights):
            slot.weights[k] = self.component_weight[k] / total
        for k in range(model.n_components):
            for j in range(d):
                i = k * d + j
                slot.means[i] = self.reference[i] + self.first[i] / self.mean_weight[k]
        covariances_of(model, &evidence.sums, self.step, slot.covariances)
        if factor_all(
                model, slot.covariances, self.limits.pivots, slot.factors, slot.inverses,
                self.scratch_of_factors) >= 0:
            return False
        return in_range(model, slot.covariances, slot.inverses, self.limits.largest) and not (
            model.n_weights > 1 and not model.tied and may_be_flat(
                model, slot.inverses, 0.5 * self.limits.floor, self.held))

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
                        step = self.first[k * d + j + i] / self.mean_weight[k]
                        moved += step * step
                    taken_off += moved * self.mean_weight[k]
                taken_off /= self.divisor[c]
                variance = max(self.second[c * model.size + j * diagonal] / self.divisor[c] - taken_off, 0.0)
                if not 2.220446049250313e-16 * taken_off <= 0.5 * self.limits.cancellation * (variance + smallest):
                    return True
        return False


cdef void row_moments(
    const Model *model, const double *reference, const double *weight, const double *first, const double *second,
    double *mean, double *variances
) noexcept nogil:
    """mean (n_features,) and variances (n_features,) of all rows, of their sums; of SCALAR one mean variance."""
    cdef Py_ssize_t k, c, j
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t diagonal = d + 1 if model.form == MATRIX else 1
    cdef double total = 0.0
    cdef double off, moved, variance
    for k in range(model.n_components):
        total += weight[k]
    variances[0] = 0.0
    for j in range(d):
        mean[j] = 0.0
        for k in range(model.n_components):
            mean[j] = mean[j] + (first[k * d + j] + weight[k] * reference[k * d + j]) / total
        variance = 0.0
        for c in range(model.n_covariances if model.form != SCALAR or j == 0 else 0):
            variance += second[c * model.size + j * diagonal]
        for k in range(model.n_components):
            # sum r (d + s)^2 = sum r d^2 + s (2 sum r d + s sum r), of which all three are exact
            off = reference[k * d + j] - mean[j]
            moved = first[k * d + j] + first[k * d + j] + weight[k] * off
            variance += off * moved
        if model.form == SCALAR:
            variances[0] = variances[0] + variance / d
        else:
            variances[j] = variance
    for j in range(1 if model.form == SCALAR else d):
        variances[j] = max(variances[j] / total, 0.0)


cdef double inflation(const Model *model, const double *covariances, const double *inverses) noexcept nogil:
    """The largest trace over the covariances, matrices, of the inverse times the diagonal."""
    cdef Py_ssize_t c, i, j
    cdef Py_ssize_t d = model.n_features
    cdef double total, squares
    cdef double largest = 0.0
    for c in range(model.n_covariances):
        total = 0.0
        for j in range(d):
            squares = 0.0
            for i in range(j, d):
                squares += inverses[i * d + j] * inverses[i * d + j]
            total += squares * covariances[j * d + j]
        largest = max(largest, total)
        covariances += model.size
        inverses += model.size
    return largest


cdef bint in_range(
    const Model *model, const double *covariances, const double *inverses, double largest
) noexcept nogil:
    """Whether covariances and precisions have a number in the dtype of the rows."""
    cdef Py_ssize_t i
    cdef bint inside = True
    for i in range(model.n_covariances * model.size):
        inside &= fabs(covariances[i]) <= largest and inverses[i] * inverses[i] <= largest
    return inside


cdef bint may_be_flat(const Model *model, const double *inverses, double share, const char *held) noexcept nogil:
    """Whether the ridge may be more than twice this share of the variance of some component in some direction.

    Those that are held are not asked.
    """
    cdef Py_ssize_t k, i, j
    cdef double ridge, total
    for k in range(model.n_covariances):
        if held[k]:
            continue
        total = 0.0
        for i in range(model.size):
            j = i % model.n_features
            ridge = model.ridge[j if model.n_ridge > 1 else 0]
            total += inverses[k * model.size + i] * inverses[k * model.size + i] * ridge
        if not total <= share:
            return True
    return False


cdef int read_doubles(array, Py_ssize_t n_bytes, void *out, str name) except -1:
    """Fill a struct of doubles from an array."""
    cdef Borrowed loan = borrow(array, sizeof(double), n_bytes // <Py_ssize_t> sizeof(double), False, name)
    memcpy(out, loan.view.buf, n_bytes)
    return 0


cdef int copy_doubles(const double *source, Py_ssize_t n, out, str name) except -1:
    cdef Borrowed loan = borrow(out, sizeof(double), n, True, name)
    memcpy(loan.view.buf, source, n * sizeof(double))
    return 0


cdef int fill_doubles(array, Py_ssize_t n, double *out, str name) except -1:
    cdef Borrowed loan = borrow(array, sizeof(double), n, False, name)
    memcpy(out, loan.view.buf, n * sizeof(double))
    return 0


cdef zeros(tuple shape):
    """A float64 buffer of zeros."""
    cdef Py_ssize_t size
    cdef Py_ssize_t n_bytes = sizeof(double)
    for size in shape:
        n_bytes *= size
    return memoryview(bytearray(n_bytes)).cast("d", shape)
