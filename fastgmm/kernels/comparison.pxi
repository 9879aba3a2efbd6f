# Candidates for the first mixture of a run are compared by what a few passes of EM make of them.

from cpython.exc cimport PyErr_CheckSignals

cdef struct Standing:
    # All are doubles, so that the standings of several candidates are one array of the caller.
    double left                 # passes that are wanted; out: 0, or those that are left where the loop has to do one
    double promise              # out: the mean log density then; NaN where the loop has to compute it
    double weak                 # out: 1 with a component of fewer rows than it needs, NaN where one may be flat, or 0


cdef class Comparing(Steps):
    """Passes that no rule ends and after which nothing is repaired; arguments are those of `Stretch`."""
    cdef Slot spare

    def compare(self, begins, ends, standings, double needed, double n_rows, double most_noise):
        """Do the passes that are left to each of several candidates, and see what they promise.

        Parameters
        ----------
        begins, ends : sequences of tuples of float64 arrays
            Weights, means, covariances, factors and inverse factors of each candidate, in, and of what the passes have
            made of it, out.
        standings : float64 array (n, 3), in and out
            The structs Standing.
        needed : float
            A component with fewer rows is weak.
        n_rows : float
            What all rows weigh, in rows.
        most_noise : float
            The limit of this name for these passes.
        """
        cdef double before = self.limits.most_noise
        cdef Py_ssize_t n = len(begins)
        cdef Py_ssize_t done = 0
        cdef Py_ssize_t i
        cdef Borrowed loan = borrow(standings, sizeof(double), 3 * n, True, "standings")
        cdef Standing *standing = <Standing *> loan.view.buf
        cdef Memory memory = Memory(n * sizeof(Slot))
        cdef Slot *slots = <Slot *> memory.begin
        cdef list loans = []
        if len(ends) != n:
            raise ValueError(f"ends: expected {n} mixtures, got {len(ends)}")
        for i in range(n):
            borrow_slot(&slots[i], &self.model, ends[i], loans)
            fill_slot(&slots[i], &self.model, begins[i])
        memset(self.held, 1, self.model.n_components)
        self.limits.most_noise = most_noise
        try:
            with nogil:
                for i in range(n):
                    self._go_on(&slots[i], &standing[i], &done)
                    if standing[i].left == 0.0:
                        self._look_at(&slots[i], &standing[i], needed, n_rows)
        finally:
            self.limits.most_noise = before
            self._give_scratch()

    cdef int _go_on(self, const Slot *slot, Standing *standing, Py_ssize_t *done) except -1 nogil:
        """The passes that are left, up to one that the loop has to do; done counts them."""
        while standing.left > 0.0:
            if done[0] % self.at_once == self.at_once - 1:
                with gil:
                    PyErr_CheckSignals()
            done[0] += 1
            if not fabs(self._e_step(slot)) < INFINITY or not self._m_step(&self.spare):
                return 0
            copy_slot(&self.model, &self.spare, slot)
            standing.left -= 1.0
        return 0

    cdef int _look_at(self, const Slot *slot, Standing *standing, double needed, double n_rows) except -1 nogil:
        cdef Model *model = &self.model
        cdef Py_ssize_t k
        cdef double least = INFINITY
        standing.promise = self._e_step(slot)
        if not fabs(standing.promise) < INFINITY:
            standing.promise = NAN
        for k in range(model.n_components):
            least = min(least, slot.weights[k])
        standing.weak = 0.0
        if model.n_components > 1 and least * n_rows < needed:
            standing.weak = 1.0
        elif model.n_components > 1:
            memset(self.held, 0, model.n_components)
            if may_be_flat(model, slot.inverses, 0.5 * self.limits.floor, self.held):
                standing.weak = NAN
            memset(self.held, 1, model.n_components)
        return 0


cdef void lay_out_slot(Slot *slot, const Model *model, Cutter cut):
    cdef Py_ssize_t k = model.n_components
    cdef Py_ssize_t n_numbers = model.n_covariances * model.size
    slot.weights = cut.doubles(model.n_weights)
    slot.means = cut.doubles(k * model.n_features)
    slot.covariances = cut.doubles(n_numbers)
    slot.factors = cut.doubles(n_numbers)
    slot.inverses = cut.doubles(n_numbers)


cdef void copy_slot(const Model *model, const Slot *source, const Slot *out) noexcept nogil:
    cdef Py_ssize_t k = model.n_components
    cdef Py_ssize_t n_bytes = model.n_covariances * model.size * sizeof(double)
    memcpy(out.weights, source.weights, model.n_weights * sizeof(double))
    memcpy(out.means, source.means, k * model.n_features * sizeof(double))
    memcpy(out.covariances, source.covariances, n_bytes)
    memcpy(out.factors, source.factors, n_bytes)
    memcpy(out.inverses, source.inverses, n_bytes)


cdef int borrow_slot(Slot *slot, const Model *model, arrays, list loans) except -1:
    """Take the arrays of a mixture for a slot, out; the loans must live as long as it."""
    cdef Py_ssize_t k = model.n_components
    cdef Py_ssize_t n_numbers = model.n_covariances * model.size
    weights, means, covariances, factors, inverses = arrays
    slot.weights = lent(weights, model.n_weights, "weights", loans)
    slot.means = lent(means, k * model.n_features, "means", loans)
    slot.covariances = lent(covariances, n_numbers, "covariances", loans)
    slot.factors = lent(factors, n_numbers, "factors", loans)
    slot.inverses = lent(inverses, n_numbers, "inverses", loans)
    return 0


cdef double *lent(array, Py_ssize_t n, str name, list loans) except NULL:
    cdef Borrowed loan = borrow(array, sizeof(double), n, True, name)
    loans.append(loan)
    return <double *> loan.view.buf


cdef int fill_slot(const Slot *slot, const Model *model, arrays) except -1:
    """Copy the arrays of a mixture into a slot."""
    cdef Py_ssize_t k = model.n_components
    cdef Py_ssize_t n_numbers = model.n_covariances * model.size
    weights, means, covariances, factors, inverses = arrays
    fill_doubles(weights, model.n_weights, slot.weights, "weights")
    fill_doubles(means, k * model.n_features, slot.means, "means")
    fill_doubles(covariances, n_numbers, slot.covariances, "covariances")
    fill_doubles(factors, n_numbers, slot.factors, "factors")
    fill_doubles(inverses, n_numbers, slot.inverses, "inverses")
    return 0
