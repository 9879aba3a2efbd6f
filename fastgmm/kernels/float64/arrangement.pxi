# The clusters of Ward's method stand in blocks of a few vectors of float32, near ones in one block: sorted along the
# longest direction, cut into slabs, and these sorted along the second one.  A block whose places in these two
# directions are too far away is left out of a search.

cdef enum:
    DIRECTIONS = 2
    DIRECTION_STEPS = 4         # of the power method, for the longest directions
    BLOCK_VECS = 4              # vectors of float32 in a block
    BLOCK = BLOCK_VECS * FLOATS     # slots of a block
    PLACE_DIGITS = 4            # of a place are sorted by: it need not be sorted to the last bit

cdef struct Clusters:
    # Those that are left, in slots.  A slot that is left empty is infinitely far away.
    Py_ssize_t n_features
    Py_ssize_t n_directions     # DIRECTIONS, or 1 of one feature
    Py_ssize_t stride           # slots at the beginning, a multiple of BLOCK
    Py_ssize_t n_slots          # slots now, a multiple of BLOCK
    Py_ssize_t n_sorted         # clusters when they were sorted last
    Py_ssize_t block_stride     # blocks at the beginning, a multiple of LANES
    double unit                 # a power of two: no number of the centers is more than 1 in it
    double *columns             # n_features x stride: the points, in no order; where they go next, when they are sorted
    double *centers             # stride x n_features
    float *rough_centers        # stride / BLOCK x n_features x BLOCK: the centers in this unit
    float *rough_lightness      # stride
    float *rough_own            # n_features: that of the rough centers which is searched from
    double *lightness           # stride: the largest size over the own, at most LIGHTEST
    double *sizes               # stride
    double *places              # DIRECTIONS x stride
    int64_t *names              # stride: the smallest point of each cluster
    int64_t *slots              # n_points: the slot of each name
    double *lowest              # DIRECTIONS x block_stride: the least place in a block, or less; padding: infinity
    double *highest             # DIRECTIONS x block_stride: the greatest place, or more
    double *lightest            # block_stride: the greatest lightness, or more
    double *directions          # DIRECTIONS x n_features

cdef double LIGHTEST = 1e30     # a cluster that is lighter counts as this one: such numbers are float32, too


cdef double sum_of_products(const double *left, const double *right, Py_ssize_t n) noexcept nogil:
    cdef dvec total = dset(0.0)
    cdef double lanes[DOUBLES]
    cdef double rest = 0.0
    cdef Py_ssize_t i = 0
    while i + DOUBLES <= n:
        total = total + dload(left + i) * dload(right + i)
        i += DOUBLES
    dstore(lanes, total)
    while i < n:
        rest += left[i] * right[i]
        i += 1
    for i in range(DOUBLES):
        rest += lanes[i]
    return rest


cdef void normalize_direction(double *direction, Py_ssize_t n) noexcept nogil:
    """A little under length one, so that no gap along it is more than the distance because of rounding."""
    cdef double length = sqrt(sum_of_products(direction, direction, n))
    cdef Py_ssize_t j
    for j in range(n):
        direction[j] = direction[j] / ((1.0 + 1e-12) * length) if 0.0 < length < INFINITY else 0.0


cdef void find_direction(Clusters *c, Py_ssize_t n, Py_ssize_t which, double *scratch) noexcept nogil:
    """Some steps of the power method, at right angles to the direction before; scratch: n numbers."""
    cdef Py_ssize_t d = c.n_features
    cdef Py_ssize_t i, j, step
    cdef double *direction = c.directions + which * d
    cdef double along
    for j in range(d):
        direction[j] = 1.0 if (j + which) % 2 == 0 else 0.5
    for step in range(DIRECTION_STEPS + 1):
        if which > 0:
            along = sum_of_products(direction, c.directions, d)
            for j in range(d):
                direction[j] = direction[j] - along * c.directions[j]
        normalize_direction(direction, d)
        if step == DIRECTION_STEPS or d <= DIRECTIONS:
            return
        memset(scratch, 0, n * sizeof(double))
        for j in range(d):
            for i in range(n):
                scratch[i] = scratch[i] + direction[j] * c.columns[j * c.stride + i]
        along = 0.0
        for i in range(n):
            along += scratch[i]
        for i in range(n):
            scratch[i] = scratch[i] - along / n
        for j in range(d):
            direction[j] = sum_of_products(scratch, c.columns + j * c.stride, n)


cdef inline void take_place(Clusters *c, Py_ssize_t slot) noexcept nogil:
    cdef Py_ssize_t which, j
    cdef double place
    for which in range(c.n_directions):
        place = 0.0
        for j in range(c.n_features):
            place += c.directions[which * c.n_features + j] * c.centers[slot * c.n_features + j]
        c.places[which * c.stride + slot] = place


cdef inline float *rough_center(const Clusters *c, Py_ssize_t slot) noexcept nogil:
    """Its features are BLOCK apart: a search reads block by block, in one go."""
    return c.rough_centers + slot // BLOCK * BLOCK * c.n_features + slot % BLOCK


cdef inline void take_rough(Clusters *c, Py_ssize_t slot) noexcept nogil:
    cdef float *rough = rough_center(c, slot)
    cdef Py_ssize_t j
    for j in range(c.n_features):
        rough[j * BLOCK] = <float> (c.centers[slot * c.n_features + j] * c.unit)
    c.rough_lightness[slot] = <float> c.lightness[slot]


cdef void permute(double *numbers, Py_ssize_t n, const int64_t *order, double *spare) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        spare[i] = numbers[order[i]]
    memcpy(numbers, spare, n * sizeof(double))


cdef void list_active(const Clusters *c, int64_t *order) noexcept nogil:
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t i
    for i in range(c.n_slots):
        if rough_center(c, i)[0] < INFINITY:
            order[n] = i
            n += 1


cdef void list_by_places(Clusters *c, Py_ssize_t n, int64_t *order, void *scratch) noexcept nogil:
    """order, in: the slots in use; out: by slabs along the first direction, these along the second."""
    cdef double *place = <double *> scratch
    cdef int64_t *ranks = <int64_t *> (place + n)
    cdef int64_t *slots = ranks + n
    cdef int64_t *slab = slots + n
    cdef int64_t *begins = slab + n
    cdef void *rest = <void *> (begins + n + 1)
    cdef Py_ssize_t i
    cdef Py_ssize_t per_slab = BLOCK
    memcpy(slots, order, 8 * n)
    for i in range(n):
        place[i] = c.places[slots[i]]
    sort_order(place, n, PLACE_DIGITS, ranks, rest)
    if c.n_directions == 1:
        for i in range(n):
            order[i] = slots[ranks[i]]
        return
    while per_slab * per_slab < BLOCK * n:
        per_slab += BLOCK
    for i in range(n):
        slab[ranks[i]] = i // per_slab
    for i in range(n):
        place[i] = c.places[c.stride + slots[i]]
    sort_order(place, n, PLACE_DIGITS, ranks, rest)
    for i in range((n - 1) // per_slab + 1):
        begins[i] = i * per_slab
    for i in range(n):
        order[begins[slab[ranks[i]]]] = slots[ranks[i]]
        begins[slab[ranks[i]]] += 1


cdef void bound_blocks(Clusters *c, Py_ssize_t n_active) noexcept nogil:
    cdef Py_ssize_t b, i, which
    cdef double *low
    cdef double *high
    for b in range(round_up(c.n_slots // BLOCK, LANES)):
        c.lightest[b] = 0.0
        for i in range(b * BLOCK, min(b * BLOCK + BLOCK, n_active)):
            c.lightest[b] = max(c.lightest[b], c.lightness[i])
        for which in range(c.n_directions):
            low = c.lowest + which * c.block_stride + b
            high = c.highest + which * c.block_stride + b
            low[0] = INFINITY
            high[0] = INFINITY if b * BLOCK >= n_active else -INFINITY
            for i in range(b * BLOCK, min(b * BLOCK + BLOCK, n_active)):
                low[0] = min(low[0], c.places[which * c.stride + i])
                high[0] = max(high[0], c.places[which * c.stride + i])


cdef void arrange(Clusters *c, Py_ssize_t n_active, int64_t *order, double *spare, void *scratch) noexcept nogil:
    """Fill the first slots with the clusters that are left; sort them again where they are far fewer."""
    cdef Py_ssize_t d = c.n_features
    cdef Py_ssize_t i, j
    cdef int64_t *spare_names = <int64_t *> spare
    list_active(c, order)
    if 4 * n_active <= c.n_sorted or n_active == c.n_sorted:
        list_by_places(c, n_active, order, scratch)
        c.n_sorted = n_active
    c.n_slots = round_up(n_active, BLOCK)
    for i in range(n_active):
        memcpy(c.columns + i * d, c.centers + order[i] * d, d * sizeof(double))
    c.columns, c.centers = c.centers, c.columns
    for j in range(c.n_directions):
        permute(c.places + j * c.stride, n_active, order, spare)
    permute(c.lightness, n_active, order, spare)
    permute(c.sizes, n_active, order, spare)
    for i in range(n_active):
        spare_names[i] = c.names[order[i]]
    memcpy(c.names, spare_names, 8 * n_active)
    for i in range(n_active):
        c.slots[c.names[i]] = i
    for i in range(n_active, c.n_slots):
        c.lightness[i] = 1.0
        memset(c.centers + i * d, 0, d * sizeof(double))
    for i in range(c.n_slots):
        take_rough(c, i)
    for i in range(n_active, c.n_slots):
        rough_center(c, i)[0] = INFINITY
    bound_blocks(c, n_active)
