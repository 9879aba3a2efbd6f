# A stretch is a part of a run of EM over one block of rows, without Python in between: plain iterations, L-BFGS steps
# ahead of them, and the rules of the end.  It does what the loop does, with the same functions in the same order, so
# that the bits are the same.  It ends before an iteration in which something may happen that the loop has to decide: a
# covariance that is not positive definite, a component that may have collapsed, numbers beyond the dtype.

cdef enum:
    # How an iteration of a stretch has ended.
    GOES_ON
    ENDED               # by a rule: it has converged, or is in its noise
    EVENT               # not done: the loop has to decide
    N_SLOTS = 4         # the mixture, the one ahead of it, EM's step from one of them, and what is ahead of that
    NOWHERE = -1        # the slot of no mixture
    HISTORY = 24        # no rule looks at more lower bounds
    N_BOUNDS = 256      # at most so many iterations come before the caller takes their bounds


cdef class Stretch(Comparing):
    """Iterations of EM over the same rows, and the mixture and the search that they lead to.

    Parameters
    ----------
    kind : tuple
        The covariance type of the packed mixture, "full", "tied", "diag" or "spherical"; the form of covariances,
        "matrix", "diagonal" or "scalar"; whether all components share one.
    n_components : int
    rows : array (n, D) of the kernels' dtype
    sample_weight : float64 array (n,) or None
    ridge : float64 array (D,) or (1,)
    limits, rules, pace : float64 arrays
        The numbers of the structs Limits, Rules and Pace.
    grid : float
        Gradients and EM's steps are rounded to multiples of it.
    at_once : int
        After this many iterations it is seen whether the user wants to interrupt.
    log_volume : float
        Minus the log density of a background, whose weight is then the last one; NaN for none.
    """
    cdef Rules rules
    cdef Pace pace
    cdef Search search
    cdef Frame frame
    cdef Slot slots[N_SLOTS]
    cdef int mixture_at
    cdef int ahead_at
    cdef readonly bint searching
    cdef double *bounds             # HISTORY + N_BOUNDS
    cdef Py_ssize_t n_bounds
    cdef Py_ssize_t n_history       # bounds from before this call of `run`
    cdef double *mean               # n_features: that of all rows, and their variances; from the first iteration
    cdef double *variances
    cdef bint begins                # no iteration has come before
    cdef bint has_moments
    cdef readonly Py_ssize_t n_passes
    cdef readonly double gap
    cdef readonly double noise
    cdef readonly bint converged

    # No object is without its memory: __init__ could be left out, or called twice.
    def __cinit__(
        self, kind, Py_ssize_t n_components, rows, sample_weight, ridge, limits, rules, pace, double grid,
        Py_ssize_t at_once, double log_volume=NAN
    ):
        self._set_up(kind, n_components, rows, sample_weight, ridge, limits, at_once)
        self._take_background(log_volume)
        read_doubles(rules, sizeof(Rules), &self.rules, "rules")
        read_doubles(pace, sizeof(Pace), &self.pace, "pace")
        self.memory = Memory(self._lay_out(None))
        self._lay_out(self.memory)
        memset(self.held, 0, n_components)
        self.frame.least_scale = self.pace.least_scale
        self.search.grid = grid
        self.mixture_at = self.ahead_at = NOWHERE

    cdef Py_ssize_t _lay_out(self, Memory memory):
        cdef Py_ssize_t d = self.model.n_features
        cdef Cutter cut = Cutter(memory)
        cdef int i
        for i in range(N_SLOTS):
            lay_out_slot(&self.slots[i], &self.model, cut)
        self.spare = self.slots[0]
        self._lay_out_steps(cut)
        self.bounds = cut.doubles(HISTORY + N_BOUNDS)
        self.mean = cut.doubles(d)
        self.variances = cut.doubles(d)
        if self.rules.acceleration != NEVER:
            lay_out_frame(&self.frame, &self.model, cut)
            lay_out_search(&self.search, &self.model, cut)
        return cut.size

    def begin(self, mixture, ahead, search, trace):
        """Take a run as it is before an iteration.

        Parameters
        ----------
        mixture, ahead : tuple of float64 arrays; None for no mixture ahead
            Weights, means, covariances, factors and inverse factors.
        search : object or None
            With the attributes of `fastgmm.em.acceleration.Search`.
        trace : sequence of float
            The last lower bounds; those that no rule looks at may be left out.
        """
        cdef Py_ssize_t n = len(trace)
        cdef Py_ssize_t n_known = min(n, HISTORY)
        cdef Py_ssize_t i
        fill_slot(&self.slots[0], &self.model, mixture)
        self._begin()
        if ahead is not None:
            self.ahead_at = 1
            fill_slot(&self.slots[1], &self.model, ahead)
        for i in range(n_known):
            self.bounds[i] = trace[n - n_known + i]
        self.n_history = self.n_bounds = n_known
        self.begins = n == 0
        self.searching = search is not None
        if self.searching:
            if self.rules.acceleration == NEVER:
                raise ValueError("a stretch without acceleration goes on with no search")
            read_search(search, &self.search, &self.model)

    def hold(self, held):
        """Take it for known which components, uint8 array (K,), have collapsed and stay as they are."""
        cdef Borrowed loan = borrow(held, 1, self.model.n_components, False, "held")
        memcpy(self.held, loan.view.buf, self.model.n_components)

    def run(self, Py_ssize_t n):
        """Do up to n iterations; returns the bounds that they began with, and whether an event ended them.

        It returns after N_BOUNDS at the latest, and may be called again.
        """
        cdef Py_ssize_t i
        cdef int ended = GOES_ON
        if self.mixture_at == NOWHERE:
            raise ValueError("a stretch begins with a mixture")
        self._forget()
        n = self.n_history + min(n, N_BOUNDS)
        try:
            while ended == GOES_ON and self.n_bounds < n:
                with nogil:
                    for i in range(min(self.at_once, n - self.n_bounds)):
                        ended = self._iterate()
                        if ended != GOES_ON:
                            break
                PyErr_CheckSignals()
        finally:
            self._give_scratch()
        return [self.bounds[i] for i in range(self.n_history, self.n_bounds)], ended == EVENT

    def mixture(self, bint ahead, arrays):
        """Copy the mixture, or the one ahead, to float64 arrays, out, as `begin` takes them; False if there is none."""
        cdef int at = self.ahead_at if ahead else self.mixture_at
        if at == NOWHERE:
            return False
        cdef Slot slot = self.slots[at]
        cdef Py_ssize_t k = self.model.n_components
        cdef Py_ssize_t n_numbers = self.model.n_covariances * self.model.size
        weights, means, covariances, factors, inverses = arrays
        copy_doubles(slot.weights, self.model.n_weights, weights, "weights")
        copy_doubles(slot.means, k * self.model.n_features, means, "means")
        copy_doubles(slot.covariances, n_numbers, covariances, "covariances")
        copy_doubles(slot.factors, n_numbers, factors, "factors")
        copy_doubles(slot.inverses, n_numbers, inverses, "inverses")
        return True

    def moments(self, mean, variances):
        """Copy the moments of the rows to float64 arrays, out; False unless a run has begun here.

        Means are (D,), and variances (D,), or (1,) where all features share one.
        """
        if not self.has_moments:
            return False
        copy_doubles(self.mean, self.model.n_features, mean, "mean")
        copy_doubles(
            self.variances, 1 if self.model.form == SCALAR else self.model.n_features, variances, "variances")
        return True

    @property
    def is_ahead(self):
        """Whether there is a mixture ahead."""
        return self.ahead_at != NOWHERE

    @property
    def n_coordinates(self):
        """The number of coordinates of a search."""
        return count_coordinates(&self.model)

    def search_state(self, vectors, held):
        """What the search has come to, None without one; its vectors go to arrays, out.

        Parameters
        ----------
        vectors : float64 array (2 MEMORY + 3, n_coordinates), out
            Steps, changes, the gradient, EM's step, and the step that was tried, one after the other.
        held : float64 array (K,), or (1,) if tied, out

        Returns
        -------
        tuple
            The number of pairs, whether the step is EM's, the radius, the value, the gap, the number of failures, and
            whether it falls.
        """
        cdef Search *search = &self.search
        cdef Py_ssize_t i, n
        if not self.searching:
            return None
        n = search.n
        cdef Borrowed loan = borrow(vectors, sizeof(double), (2 * MEMORY + 3) * n, True, "vectors")
        cdef double *out = <double *> loan.view.buf
        for i in range(search.n_pairs):
            memcpy(out + i * n, search.steps[i], n * sizeof(double))
            memcpy(out + (search.n_pairs + i) * n, search.changes[i], n * sizeof(double))
        out += 2 * search.n_pairs * n
        memcpy(out, search.gradient, n * sizeof(double))
        memcpy(out + n, search.em_step, n * sizeof(double))
        memcpy(out + 2 * n, search.tried, n * sizeof(double))
        copy_doubles(search.held, self.model.n_covariances, held, "held")
        return (
            search.n_pairs, search.step == search.em_step, search.radius, search.value, search.gap, search.failures,
            bool(search.falls))

    cdef void _forget(self) noexcept nogil:
        """Keep only the bounds that some rule looks at."""
        cdef Py_ssize_t begin = max(self.n_bounds - HISTORY, 0)
        cdef Py_ssize_t i
        for i in range(self.n_bounds - begin):
            self.bounds[i] = self.bounds[begin + i]
        self.n_history = self.n_bounds = self.n_bounds - begin

    cdef void _begin(self) noexcept nogil:
        """Begin a run with the mixture of the first slot."""
        self.search.weight = self.limits.weight
        self.mixture_at = 0
        self.ahead_at = NOWHERE
        self.n_history = self.n_bounds = 0
        self.begins = True
        self.has_moments = self.searching = self.converged = False
        self.n_passes = 0
        self.gap = INFINITY
        self.noise = 0.0

    cdef int _iterate(self) except -1 nogil:
        """One iteration; where it has to be left to the loop everything is as before."""
        cdef Search before = self.search
        cdef bint searching = self.searching
        cdef int ended = self._iteration()
        if ended == EVENT:
            self.search = before
            self.searching = searching
        return ended

    cdef int _iteration(self) except -1 nogil:
        cdef Search *search = &self.search
        cdef int candidate = self.mixture_at if self.ahead_at == NOWHERE else self.ahead_at
        cdef int step = self._free_slot(NOWHERE)
        cdef int ahead = NOWHERE
        cdef Py_ssize_t n_passes = 1
        cdef Evidence evidence
        cdef double bound = self._e_step(&self.slots[candidate])
        cdef double rounding, gap
        if not fabs(bound) < INFINITY:
            return EVENT
        if self.searching and self.ahead_at != NOWHERE:
            if self._climbs(bound):
                search.failures = 0
            else:
                evidence = self._evidence()
                reject(search, &self.frame, &self.model, &self.pace, &self.slots[candidate], &evidence)
                candidate = self.mixture_at
                bound = self._e_step(&self.slots[candidate])
                if not fabs(bound) < INFINITY:
                    return EVENT
                search.falls |= self._falls(bound)
                n_passes = 2
        self.bounds[self.n_bounds] = bound
        rounding = self.rules.rounding * fabs(bound)
        if (not self.searching or search.failures >= self.pace.most_failures) and self._in_noise(rounding):
            self._accept(candidate, NOWHERE, n_passes)
            self.searching = False
            return ENDED
        if not self.searching and is_slow(&self.rules, self.bounds, self.n_bounds + 1):
            begin_search(search, &self.pace)
            self.searching = True
        if not self._m_step(&self.slots[step]):
            return EVENT
        gap = predicted_gap(&self.rules, self.bounds, self.n_bounds + 1)
        if self.searching and search.failures < self.pace.most_failures:
            evidence = self._evidence()
            ahead = self._free_slot(step)
            if not propose(
                    search, &self.frame, &self.model, &self.pace, &self.slots[candidate], &evidence, bound,
                    &self.slots[step], &self.slots[ahead]):
                ahead = NOWHERE
            if search.n_pairs > 0:
                gap = max(search.gap, recent_gain(&self.rules, self.bounds, self.n_bounds + 1))
        self._accept(step, ahead, n_passes)
        self.gap = gap
        self.converged = is_met(&self.rules, self._change(), gap, rounding)
        return ENDED if self.converged else GOES_ON

    cdef int _free_slot(self, int taken) noexcept nogil:
        cdef int i = 0
        while i == self.mixture_at or i == self.ahead_at or i == taken:
            i += 1
        return i

    cdef bint _climbs(self, double bound) noexcept nogil:
        """Whether the mixture ahead is accepted."""
        cdef Search *search = &self.search
        cdef bint accepted = accepts(
            search, &self.model, &self.pace, self.slots[self.ahead_at].inverses, bound)
        return accepted and (search.falls or not self._falls(bound))

    cdef bint _falls(self, double bound) noexcept nogil:
        cdef double last = self.bounds[self.n_bounds - 1]
        return not last - bound <= self.rules.least_fall * fabs(last)

    cdef double _change(self) noexcept nogil:
        if self.n_bounds < 2:
            return INFINITY
        return self.bounds[self.n_bounds - 1] - self.bounds[self.n_bounds - 2]

    cdef bint _in_noise(self, double rounding) noexcept nogil:
        """Whether the bounds with that of this iteration end the run by their noise, of which note is taken."""
        cdef double noise = noise_of(&self.rules, self.bounds, self.n_bounds + 1)
        if not noise > 0.0:
            return False
        self.noise = noise
        self.converged = is_settled(&self.rules, noise, rounding)
        self.gap = 0.0 if noise <= self.rules.noise_rounding * rounding else noise
        return True

    cdef void _accept(self, int mixture, int ahead, Py_ssize_t n_passes) noexcept nogil:
        """End an iteration, which leads to this mixture and to one ahead."""
        if self.begins:
            row_moments(
                &self.model, self.reference, self.component_weight, self.first, self.second, self.mean,
                self.variances)
            self.begins = False
            self.has_moments = True
        self.mixture_at = mixture
        self.ahead_at = ahead
        self.n_passes += n_passes
        self.n_bounds += 1


cdef read_search(value, Search *search, const Model *model):
    """Copy a search, an object with the attributes of `Search`, into memory."""
    cdef Py_ssize_t i
    cdef Py_ssize_t n = search.n
    steps, changes = value.steps, value.changes
    if len(steps) > MEMORY or len(steps) != len(changes):
        raise ValueError(f"a search knows at most {MEMORY} pairs")
    search.n_pairs = len(steps)
    for i in range(search.n_pairs):
        fill_doubles(steps[i], n, search.steps[i], "steps")
        fill_doubles(changes[i], n, search.changes[i], "changes")
    gradient, step, em_step = value.gradient, value.step, value.em_step
    search.begun = gradient is not None and step is not None
    if search.begun:
        fill_doubles(gradient, n, search.gradient, "gradient")
        fill_doubles(em_step, n, search.em_step, "em_step")
        fill_doubles(step, n, search.tried, "step")
        fill_doubles(value.held, model.n_covariances, search.held, "held")
    search.step = search.em_step if step is em_step else search.tried
    search.radius = value.radius
    search.value = value.value
    search.gap = value.gap
    search.failures = value.failures
    search.falls = value.falls
