# The doors to the relative frame, to L-BFGS in it, and to the rules of the end, for loops over more than one block.

@cython.final
cdef class RelativeFrame:
    """Coordinates about mixtures of one shape, and L-BFGS in them.

    Mixtures are tuples of float64 arrays: weights, means, covariances, factors and inverse factors.  Sums are tuples of
    float64 arrays: the reference, the weights of the components, and first moments, second moments and the divisors of
    both, (K,) and (K,) or (1,) if tied, with the share of a prior.  After these comes the grid to whose multiples
    vectors made of them are rounded, or 0.

    Parameters
    ----------
    form : {"matrix", "diagonal", "scalar"}
    tied : bool
    n_components, n_features : int
    ridge : float64 array (D,) or (1,)
    pace : float64 array
        The numbers of the struct Pace.
    background : bool
        Whether weights have one more number, that of a background, at their end.
    """
    cdef Model model
    cdef Pace pace
    cdef Frame frame
    cdef Memory memory
    cdef Borrowed ridge_loan
    cdef list loans                 # of one call

    def __cinit__(
        self, str form, bint tied, Py_ssize_t n_components, Py_ssize_t n_features, ridge, pace, bint background=False
    ):
        self.model = asked_model(form, tied, n_components, n_features)
        self.model.n_weights += background
        self.model.n_ridge = 1 if ridge.size == 1 else n_features
        self.ridge_loan = borrow(ridge, sizeof(double), self.model.n_ridge, False, "ridge")
        self.model.ridge = <const double *> self.ridge_loan.view.buf
        read_doubles(pace, sizeof(Pace), &self.pace, "pace")
        self.frame.least_scale = self.pace.least_scale
        cdef Cutter count = Cutter(None)
        lay_out_frame(&self.frame, &self.model, count)
        self.memory = Memory(count.size)
        lay_out_frame(&self.frame, &self.model, Cutter(self.memory))
        self.loans = []

    @property
    def n_coordinates(self):
        """The length of a vector of coordinates."""
        return self.frame.n

    cdef double *_lent(self, array, Py_ssize_t n, bint writable, str name) except NULL:
        cdef Borrowed loan = borrow(array, sizeof(double), n, writable, name)
        self.loans.append(loan)
        return <double *> loan.view.buf

    cdef Slot _mixture(self, arrays, bint writable) except *:
        cdef Slot slot
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t n_numbers = self.model.n_covariances * self.model.size
        weights, means, covariances, factors, inverses = arrays
        slot.weights = self._lent(weights, self.model.n_weights, writable, "weights")
        slot.means = self._lent(means, k * self.model.n_features, writable, "means")
        slot.covariances = self._lent(covariances, n_numbers, writable, "covariances")
        slot.factors = self._lent(factors, n_numbers, writable, "factors")
        slot.inverses = self._lent(inverses, n_numbers, writable, "inverses")
        return slot

    cdef Evidence _evidence(self, arrays) except *:
        cdef Evidence evidence
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t d = self.model.n_features
        reference, component_weight, first, second, mean_weight, divisor = arrays[:6]
        evidence.reference = self._lent(reference, k * d, False, "reference")
        evidence.component_weight = self._lent(component_weight, self.model.n_weights, False, "component_weight")
        evidence.sums.first = self._lent(first, k * d, False, "first")
        evidence.sums.second = self._lent(second, self.model.n_covariances * self.model.size, False, "second")
        evidence.sums.mean_weight = self._lent(mean_weight, k, False, "mean_weight")
        evidence.sums.divisor = self._lent(divisor, self.model.n_covariances, False, "divisor")
        return evidence

    cdef Search _search(self, value, room, bint begun) except *:
        """The search as it is, with room for what it learns: the arrays of `room`, out."""
        cdef Search search
        cdef Py_ssize_t n = self.frame.n
        cdef Py_ssize_t i
        steps, changes = value.steps, value.changes
        search.n = n
        search.weight = value.weight
        search.n_pairs = len(steps)
        if search.n_pairs > MEMORY or search.n_pairs != len(changes):
            raise ValueError(f"a search knows at most {MEMORY} pairs")
        for i in range(search.n_pairs):
            search.steps[i] = self._lent(steps[i], n, False, "steps")
            search.changes[i] = self._lent(changes[i], n, False, "changes")
        search.begun = value.has_tried
        if begun and not search.begun:
            raise ValueError("a search has no step before it has proposed one")
        if search.begun:
            search.gradient = self._lent(value.gradient, n, False, "gradient")
            search.step = self._lent(value.step, n, False, "step")
            search.held = self._lent(value.held, self.model.n_covariances, False, "held")
        search.radius = value.radius
        search.value = value.value
        search.gap = value.gap
        search.failures = value.failures
        search.falls = value.falls
        if room is not None:
            step, change, fresh, em_step, tried, held = room
            search.steps[MEMORY] = self._lent(step, n, True, "step")
            search.changes[MEMORY] = self._lent(change, n, True, "change")
            search.fresh = self._lent(fresh, n, True, "fresh")
            search.em_step = self._lent(em_step, n, True, "em_step")
            search.tried = self._lent(tried, n, True, "tried")
            search.held = self._lent(held, self.model.n_covariances, True, "held")
        return search

    def gradient(self, base, sums, out):
        """out (n_coordinates,) = the gradient at the base per unit of weight."""
        cdef Slot slot
        cdef Evidence evidence
        cdef double *vector
        cdef double grid = sums[6]
        try:
            slot = self._mixture(base, False)
            evidence = self._evidence(sums)
            vector = self._lent(out, self.frame.n, True, "out")
            with nogil:
                find_scales(&self.frame, &self.model, slot.weights)
                gradient_at(&self.frame, &self.model, &slot, &evidence, grid, vector)
        finally:
            self.loans.clear()

    def coordinates(self, base, other, double grid, out):
        """out (n_coordinates,) = the coordinates of another mixture about the base, rounded to a grid or not: 0."""
        cdef Slot slot, there
        cdef double *vector
        try:
            slot = self._mixture(base, False)
            there = self._mixture(other, False)
            vector = self._lent(out, self.frame.n, True, "out")
            with nogil:
                find_scales(&self.frame, &self.model, slot.weights)
                coordinates_at(&self.frame, &self.model, &slot, &there, grid, vector)
        finally:
            self.loans.clear()

    def mixture_at(self, base, step, out):
        """out = the mixture at coordinates about the base; False where a covariance is not positive definite."""
        cdef Slot slot, there
        cdef double *vector
        cdef bint found
        try:
            slot = self._mixture(base, False)
            there = self._mixture(out, True)
            vector = self._lent(step, self.frame.n, False, "step")
            with nogil:
                find_scales(&self.frame, &self.model, slot.weights)
                found = mixture_at(&self.frame, &self.model, &slot, vector, &there)
        finally:
            self.loans.clear()
        return found

    def largest_move(self, weights, step):
        """The largest change of a coordinate in its own unit that a step makes about a base of these weights."""
        cdef double *of_base
        cdef double *vector
        try:
            of_base = self._lent(weights, self.model.n_weights, False, "weights")
            vector = self._lent(step, self.frame.n, False, "step")
            find_scales(&self.frame, &self.model, of_base)
            return largest_move(&self.frame, vector)
        finally:
            self.loans.clear()

    def propose(self, search, base, sums, double lower_bound, em, ahead, room):
        """The next mixture to try, from an accepted one, its sums, its lower bound and EM's step from there.

        Parameters
        ----------
        search : object
            With the attributes of `fastgmm.em.acceleration.Search`.
        base, em : mixtures
        sums : sums of an E-step under the base
        ahead : mixture, out
        room : tuple of float64 arrays, out
            A pair for the search to learn, the gradient, EM's step, the step that is tried, the weights that it holds.

        Returns
        -------
        tuple
            Whether there is a mixture ahead, whether the pair was learned, the radius, the value and the gap.
        """
        cdef Slot slot, step, there
        cdef Evidence evidence
        cdef Search state
        cdef Py_ssize_t n_before
        cdef double *oldest
        cdef bint found, learned
        try:
            slot = self._mixture(base, False)
            step = self._mixture(em, False)
            there = self._mixture(ahead, True)
            evidence = self._evidence(sums)
            state = self._search(search, room, False)
            state.grid = sums[6]
            oldest = state.steps[MEMORY]
            with nogil:
                found = propose(
                    &state, &self.frame, &self.model, &self.pace, &slot, &evidence, lower_bound, &step, &there)
        finally:
            self.loans.clear()
        learned = state.steps[MEMORY] != oldest
        return found, learned, state.radius, state.value, state.gap

    def accepts(self, search, inverses, double lower_bound):
        """Whether the step that was tried, to a mixture of these inverse factors, is good, and the trust radius."""
        cdef Search state
        cdef double *of_tried
        cdef bint accepted
        try:
            state = self._search(search, None, True)
            of_tried = self._lent(inverses, self.model.n_covariances * self.model.size, False, "inverses")
            with nogil:
                accepted = accepts(&state, &self.model, &self.pace, of_tried, lower_bound)
        finally:
            self.loans.clear()
        return accepted, state.radius

    def reject(self, search, failed, sums, room):
        """Learn from the mixture of a failed step and its sums; returns whether a pair was, as in `propose`."""
        cdef Slot slot
        cdef Evidence evidence
        cdef Search state
        cdef bint learned
        try:
            slot = self._mixture(failed, False)
            evidence = self._evidence(sums)
            state = self._search(search, room, True)
            state.grid = sums[6]
            with nogil:
                learned = reject(&state, &self.frame, &self.model, &self.pace, &slot, &evidence)
        finally:
            self.loans.clear()
        return learned

    def objective(self, search, inverses, double lower_bound):
        """The lower bound and the density of the ridge as a prior, nats per row."""
        cdef Search state
        cdef double *of_mixture
        try:
            state = self._search(search, None, False)
            state.held = self._lent(search.held, self.model.n_covariances, False, "held")
            of_mixture = self._lent(inverses, self.model.n_covariances * self.model.size, False, "inverses")
            return objective(&state, &self.model, of_mixture, lower_bound)
        finally:
            self.loans.clear()


def foretold(rules, trace):
    """What the lower bounds of a run foretell.

    Parameters
    ----------
    rules : float64 array
        The numbers of the struct Rules.
    trace : float64 array (n,)
        The last bounds, nats per row.

    Returns
    -------
    tuple
        The distance to the limit and the noise in nats per row, the number of passes that are left, and whether L-BFGS
        is to begin.
    """
    cdef Rules numbers
    read_doubles(rules, sizeof(Rules), &numbers, "rules")
    cdef Py_ssize_t n = len(trace)
    cdef Borrowed loan = borrow(trace, sizeof(double), n, False, "trace")
    cdef const double *bounds = <const double *> loan.view.buf
    return (
        predicted_gap(&numbers, bounds, n), noise_of(&numbers, bounds, n), predicted_passes(&numbers, bounds, n),
        is_slow(&numbers, bounds, n))


def moments_of_rows(kind, reference, component_weight, first, second, mean, variances):
    """The mean and the variances of all rows, of the sums of an E-step.

    Parameters
    ----------
    kind : tuple
        The form in which second moments are summed, and whether over the components.
    reference, component_weight, first, second : float64 arrays
        The sums, as in `estimate`.
    mean, variances : float64 arrays (D,), out; variances (1,) of "scalar"
    """
    cdef Py_ssize_t k = reference.shape[0]
    cdef Py_ssize_t d = reference.shape[1]
    cdef Model model = asked_model(kind[0], kind[1], k, d)
    cdef Py_ssize_t n_variances = 1 if model.form == SCALAR else d
    cdef Borrowed reference_loan = borrow(reference, sizeof(double), k * d, False, "reference")
    cdef Borrowed weight_loan = borrow(component_weight, sizeof(double), k, False, "component_weight")
    cdef Borrowed first_loan = borrow(first, sizeof(double), k * d, False, "first")
    cdef Borrowed second_loan = borrow(second, sizeof(double), model.n_covariances * model.size, False, "second")
    cdef Borrowed mean_loan = borrow(mean, sizeof(double), d, True, "mean")
    cdef Borrowed variances_loan = borrow(variances, sizeof(double), n_variances, True, "variances")
    row_moments(
        &model, <const double *> reference_loan.view.buf, <const double *> weight_loan.view.buf,
        <const double *> first_loan.view.buf, <const double *> second_loan.view.buf, <double *> mean_loan.view.buf,
        <double *> variances_loan.view.buf)


def largest_inflation(Py_ssize_t n_covariances, Py_ssize_t n_features, covariances, inverses):
    """The largest trace over covariances, matrices, of the inverse times the diagonal."""
    cdef Model model = asked_model("matrix", False, n_covariances, n_features)
    cdef Py_ssize_t n = model.n_covariances * model.size
    cdef Borrowed covariance_loan = borrow(covariances, sizeof(double), n, False, "covariances")
    cdef Borrowed inverse_loan = borrow(inverses, sizeof(double), n, False, "inverses")
    return inflation(&model, <const double *> covariance_loan.view.buf, <const double *> inverse_loan.view.buf)
