# The rules by which a run of EM ends or is accelerated: `em/stopping.py` and `em/acceleration.py` say what they are.
# Bounds are the lower bounds of a run in nats per row, the latest last.

cdef enum:
    NEVER                   # when L-BFGS begins
    WHERE_A_LIMIT_IS_WANTED
    WHERE_SLOW

cdef double SETTLED = 1e6       # a fall so many times smaller than the rise before is the rounding of the end

cdef struct Rules:
    # All are doubles, in this order, so that the caller can hand them over in one array.
    double tol
    double gap_tol          # negative for none
    double both             # a flag, as are those that say "whether"
    double tolerance        # `Stopping.tolerance`
    double target           # `Stopping.target`
    double heeds_noise      # whether noise ends a run
    double rounding         # the share of a bound that is rounding
    double safety
    double rise
    double recent
    double window           # `NOISE_WINDOW`
    double turns            # `NOISE_TURNS`
    double noise_rounding
    double acceleration     # NEVER, WHERE_A_LIMIT_IS_WANTED or WHERE_SLOW
    double first_passes
    double largest_gain
    double least_slow_rate
    double most_slow_rate
    double fewest_passes
    double least_fall


cdef double aitken(const Rules *rules, const double *bounds, Py_ssize_t n) noexcept nogil:
    """Aitken's prediction of the distance to the limit; inf where the last changes allow none."""
    cdef double sign, before, last, rate, first
    if n < 3:
        return INFINITY
    sign = 1.0 if bounds[n - 1] > bounds[n - 2] else -1.0
    before = sign * (bounds[n - 2] - bounds[n - 3])
    last = sign * (bounds[n - 1] - bounds[n - 2])
    if not (0.0 < last < before and before < INFINITY):
        return INFINITY
    rate = last / before
    first = sign * (bounds[n - 3] - bounds[n - 4]) if n > 3 else 0.0
    if first > 0.0:
        rate += rules.rise * max(0.0, rate - before / first)
    return last * rate / (1.0 - rate) if rate < 1.0 else INFINITY


cdef double predicted_gap(const Rules *rules, const double *bounds, Py_ssize_t n) noexcept nogil:
    cdef double change[4]
    cdef double total = 0.0
    cdef double last
    cdef bint rises, falls
    cdef Py_ssize_t i
    cdef Py_ssize_t n_changes
    if n > 5:
        bounds += n - 5
        n = 5
    n_changes = n - 1
    if n_changes < 1:
        return INFINITY
    for i in range(n_changes):
        change[i] = bounds[i + 1] - bounds[i]
    if fabs(change[n_changes - 1]) <= rules.rounding * fabs(bounds[n - 1]):
        return 0.0
    last = change[n_changes - 1]
    if n_changes > 1 and last < 0.0 and -SETTLED * last < change[n_changes - 2] < INFINITY:
        return -last
    if n_changes > 3:
        rises = falls = True
        for i in range(n_changes - 3, n_changes):
            rises &= change[i] > 0.0
            falls &= change[i] < 0.0
        if not (rises or falls):
            for i in range(n_changes):
                total += fabs(change[i])
            return total
    last = aitken(rules, bounds, n)
    if n_changes > 1 and fabs(change[n_changes - 1]) * 200 < fabs(change[n_changes - 2]):
        return last
    return max(last, aitken(rules, bounds, n - 1))


cdef double predicted_passes(const Rules *rules, const double *bounds, Py_ssize_t n) noexcept nogil:
    cdef double gap = predicted_gap(rules, bounds, n)
    cdef double rate
    if gap <= rules.target:
        return 0.0
    if not gap < INFINITY:
        return INFINITY
    rate = (bounds[n - 1] - bounds[n - 2]) / (bounds[n - 2] - bounds[n - 3])
    if not 0.0 < rate < 1.0:
        return INFINITY
    return natural_log(max(rules.target, DBL_MIN) / gap) / natural_log(rate)


cdef double recent_gain(const Rules *rules, const double *bounds, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t recent = <Py_ssize_t> rules.recent
    return fabs(bounds[n - 1] - bounds[n - 1 - recent]) if n > recent else INFINITY


cdef double noise_of(const Rules *rules, const double *bounds, Py_ssize_t n) noexcept nogil:
    """How far the last bounds go up and down where they no longer rise, else 0."""
    cdef Py_ssize_t window = <Py_ssize_t> rules.window
    cdef Py_ssize_t i
    cdef Py_ssize_t n_turns = 0
    cdef Py_ssize_t n_better = 0
    cdef const double *last = bounds + n - window
    cdef const double *earlier = last - window
    cdef double best, least, before
    if rules.heeds_noise == 0.0 or n < 2 * window:
        return 0.0
    best = least = last[0]
    before = earlier[0]
    for i in range(1, window):
        best = max(best, last[i])
        least = min(least, last[i])
        before = max(before, earlier[i])
    if best > before:
        return 0.0
    for i in range(2, window):
        n_turns += (last[i] > last[i - 1]) != (last[i - 1] > last[i - 2])
    # The last bound is one of the best quarter where fewer than that are better.
    for i in range(window):
        n_better += last[i] > last[window - 1]
    if n_turns < rules.turns or n_better >= window // 4:
        return 0.0
    return best - least


cdef bint is_slow(const Rules *rules, const double *bounds, Py_ssize_t n) noexcept nogil:
    """Whether L-BFGS begins."""
    cdef Py_ssize_t i
    cdef double before, after
    if rules.acceleration == NEVER or n < rules.first_passes or n < 4:
        return False
    if rules.acceleration == WHERE_A_LIMIT_IS_WANTED and rules.target == 0.0:
        return False
    for i in range(n - 2, n):
        before = bounds[i - 1] - bounds[i - 2]
        after = bounds[i] - bounds[i - 1]
        if not (after > rules.least_slow_rate * before and after < rules.most_slow_rate * before):
            return False
    if bounds[n - 1] - bounds[n - 2] > rules.largest_gain:
        return False
    return predicted_passes(rules, bounds, n) >= rules.fewest_passes


cdef bint is_met(const Rules *rules, double change, double gap, double rounding) noexcept nogil:
    """`Stopping.met`."""
    if rules.gap_tol >= 0.0:
        return gap < rules.gap_tol
    if rules.both == 0.0:
        return fabs(change) < rules.tol
    return gap < rules.safety * rules.tol and (fabs(change) < rules.tol or fabs(change) <= rounding)


cdef bint is_settled(const Rules *rules, double noise, double rounding) noexcept nogil:
    """`Stopping.settled`."""
    return noise < max(rules.tolerance, rules.noise_rounding * rounding)
