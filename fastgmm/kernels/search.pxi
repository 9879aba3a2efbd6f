# L-BFGS in the relative frame: `em/acceleration.py` says what it is and why.  A Search is where it is, what it has
# learned and what it tries next.  Its vectors belong to whoever keeps it; they change hands by their pointers.

cdef enum:
    MEMORY = 10             # pairs that are remembered

cdef struct Pace:
    # The constants of em/acceleration.py of these names, in this order.
    double first_radius
    double shrink
    double grow
    double largest_move
    double armijo
    double poor
    double good
    double curvature
    double most_failures
    double least_scale


cdef struct Search:
    Py_ssize_t n                    # coordinates
    double grid                     # vectors are rounded to multiples of it
    double weight                   # of all rows
    Py_ssize_t n_pairs
    double *steps[MEMORY + 1]       # the oldest first; the last one is room for the next
    double *changes[MEMORY + 1]
    bint begun                      # the three vectors have been found
    double *gradient
    double *step                    # what is tried: `tried` or `em_step`
    double *em_step
    double *tried
    double *fresh                   # room for a gradient
    double *held                    # n_covariances
    double radius
    double value
    double gap
    Py_ssize_t failures
    bint falls


cdef lay_out_search(Search *search, const Model *model, Cutter cut):
    cdef Py_ssize_t i
    search.n = count_coordinates(model)
    for i in range(MEMORY + 1):
        search.steps[i] = cut.doubles(search.n)
        search.changes[i] = cut.doubles(search.n)
    search.gradient = cut.doubles(search.n)
    search.em_step = cut.doubles(search.n)
    search.tried = cut.doubles(search.n)
    search.fresh = cut.doubles(search.n)
    search.held = cut.doubles(model.n_covariances)


cdef void begin_search(Search *search, const Pace *pace) noexcept nogil:
    search.n_pairs = search.failures = 0
    search.begun = search.falls = False
    search.radius = pace.first_radius
    search.value = -INFINITY
    search.gap = INFINITY


cdef double dot(const double *left, const double *right, Py_ssize_t n) noexcept nogil:
    """Eight sums side by side, so that the processor need not wait for one."""
    cdef double total[8]
    cdef Py_ssize_t i
    cdef Py_ssize_t begin = 0
    for i in range(8):
        total[i] = 0.0
    while begin + 8 <= n:
        for i in range(8):
            total[i] += left[begin + i] * right[begin + i]
        begin += 8
    for i in range(begin, n):
        total[0] += left[i] * right[i]
    return ((total[0] + total[1]) + (total[2] + total[3])) + ((total[4] + total[5]) + (total[6] + total[7]))


cdef void add_multiple(double factor, const double *vector, Py_ssize_t n, double *out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = out[i] + factor * vector[i]


cdef bint learn(Search *search, const Pace *pace, const double *gradient) noexcept nogil:
    """Remember the step and the change of the gradient to this one; False where they tell of no curvature."""
    cdef Py_ssize_t i
    cdef Py_ssize_t n = search.n
    cdef double *step = search.steps[MEMORY]
    cdef double *change = search.changes[MEMORY]
    memcpy(step, search.step, n * sizeof(double))
    for i in range(n):
        change[i] = search.gradient[i] - gradient[i]
    if not dot(step, change, n) > pace.curvature * sqrt(dot(step, step, n)) * sqrt(dot(change, change, n)):
        return False
    if search.n_pairs < MEMORY:
        search.steps[MEMORY] = search.steps[search.n_pairs]
        search.changes[MEMORY] = search.changes[search.n_pairs]
        search.n_pairs += 1
    else:
        search.steps[MEMORY] = search.steps[0]
        search.changes[MEMORY] = search.changes[0]
        for i in range(MEMORY - 1):
            search.steps[i] = search.steps[i + 1]
            search.changes[i] = search.changes[i + 1]
    search.steps[search.n_pairs - 1] = step
    search.changes[search.n_pairs - 1] = change
    return True


cdef void direction_of(const Search *search, double *out) noexcept nogil:
    """out = the L-BFGS direction, by the two loops of Nocedal and Wright 2006, algorithm 7.4; in: the gradient."""
    cdef Py_ssize_t i
    cdef Py_ssize_t n = search.n
    cdef double shares[MEMORY]
    cdef double products[MEMORY]
    cdef double scale
    for i in range(search.n_pairs - 1, -1, -1):
        products[i] = dot(search.steps[i], search.changes[i], n)
        shares[i] = dot(search.steps[i], out, n) / products[i]
        add_multiple(-shares[i], search.changes[i], n, out)
    i = search.n_pairs - 1
    scale = products[i] / dot(search.changes[i], search.changes[i], n)
    for i in range(n):
        out[i] = out[i] * scale
    for i in range(search.n_pairs):
        add_multiple(shares[i] - dot(search.changes[i], out, n) / products[i], search.steps[i], n, out)


cdef double objective(
    const Search *search, const Model *model, const double *inverses, double lower_bound
) noexcept nogil:
    """The mean log density and log prior per row, with the ridge as one more prior."""
    return lower_bound + ridge_penalty(model, inverses, search.held) / search.weight


cdef bint propose(
    Search *search, Frame *frame, const Model *model, const Pace *pace, const Slot *base, const Evidence *evidence,
    double lower_bound, const Slot *em, const Slot *ahead
) noexcept nogil:
    """ahead = the mixture to try next, from an accepted one, its sums and EM's step; False where that is EM's."""
    cdef double *passed
    cdef Py_ssize_t i
    cdef double length, share
    memcpy(search.held, evidence.sums.divisor, model.n_covariances * sizeof(double))
    search.value = objective(search, model, base.inverses, lower_bound)
    find_scales(frame, model, base.weights)
    gradient_at(frame, model, base, evidence, search.grid, search.fresh)
    if search.begun:
        learn(search, pace, search.fresh)
    search.begun = True
    passed = search.gradient
    search.gradient = search.fresh
    search.fresh = passed
    coordinates_at(frame, model, base, em, search.grid, search.em_step)
    if search.n_pairs == 0:
        search.step = search.em_step
        search.gap = INFINITY
        return False
    search.step = search.tried
    memcpy(search.step, search.gradient, search.n * sizeof(double))
    direction_of(search, search.step)
    search.gap = 0.5 * dot(search.gradient, search.step, search.n)
    length = sqrt(dot(search.step, search.step, search.n))
    share = min(1.0, search.radius / max(length, DBL_MIN))
    share = min(share, pace.largest_move / max(largest_move(frame, search.step), DBL_MIN))
    for i in range(search.n):
        search.step[i] = search.step[i] * share
    if mixture_at(frame, model, base, search.step, ahead):
        return True
    search.radius = min(search.radius, length) * pace.shrink
    search.step = search.em_step
    return False


cdef bint accepts(
    Search *search, const Model *model, const Pace *pace, const double *inverses, double lower_bound
) noexcept nogil:
    """Whether the step that was tried has climbed enough; the trust radius follows the gain."""
    cdef double slope = dot(search.gradient, search.step, search.n)
    cdef double length = sqrt(dot(search.step, search.step, search.n))
    cdef double gain = objective(search, model, inverses, lower_bound) - search.value
    if not gain > pace.poor * slope:
        search.radius = length * pace.shrink
    elif gain > pace.good * slope:
        search.radius = max(search.radius, length * pace.grow)
    return gain >= pace.armijo * slope and slope > 0.0


cdef bint reject(
    Search *search, Frame *frame, const Model *model, const Pace *pace, const Slot *failed, const Evidence *evidence
) noexcept nogil:
    """Take EM's step in place of the failed one, which still tells of the curvature: returns whether it has.

    Without evidence, which may be NULL, it does not.
    """
    cdef bint learned = False
    if evidence != NULL:
        find_scales(frame, model, failed.weights)
        gradient_at(frame, model, failed, evidence, search.grid, search.fresh)
        learned = learn(search, pace, search.fresh)
    search.step = search.em_step
    search.failures += 1
    return learned
