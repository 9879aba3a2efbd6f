# A fit starts from Ward's agglomerative clustering of a few thousand points, by the nearest-neighbour chain (Murtagh
# 1983).  The cost of a merge is d^2 s t / (s + t) = d^2 / (1 / s + 1 / t), of which costs are compared by
# cross-multiplication: a division per pair took more time than all else together.

cdef enum:
    AT_ONCE = 4                 # blocks that are looked at together

cdef struct Nearest:
    Py_ssize_t slot             # -1: none so far
    double square               # its squared distance
    double divisor              # the sum of both lightnesses: the cost is square over divisor


cdef inline void look_at(
    const Clusters *c, const Py_ssize_t *blocks, int n, double lightness, Nearest *best
) noexcept nogil:
    """Compare the clusters of n blocks, 1 or AT_ONCE, with the best so far; the earlier of equal ones stays."""
    cdef Py_ssize_t j
    cdef int lane, v
    cdef unsigned int better
    cdef double squares[LANES]
    cdef double divisors[LANES]
    cdef vec total[AT_ONCE]
    cdef const double *center[AT_ONCE]
    cdef vec own, difference, divisor
    for v in range(n):
        total[v] = vset(0.0)
        center[v] = c.centers + blocks[v] * LANES
    for j in range(c.n_features):
        own = vset(c.own[j])
        for v in range(n):
            difference = vload(center[v] + j * c.stride) - own
            total[v] = total[v] + difference * difference
    for v in range(n):
        divisor = vload(c.lightness + blocks[v] * LANES) + vset(lightness)
        better = vmask_greater(vset(best.square) * divisor, total[v] * vset(best.divisor))
        if better == 0:
            continue
        vstore(squares, total[v])
        vstore(divisors, divisor)
        while better:
            lane = lowest_bit(better)
            better &= better - 1
            if best.square * divisors[lane] > squares[lane] * best.divisor:
                best.square = squares[lane]
                best.divisor = divisors[lane]
                best.slot = blocks[v] * LANES + lane


cdef inline unsigned int near_blocks(
    const Clusters *c, Py_ssize_t first, const double *place, double lightness, const Nearest *best
) noexcept nogil:
    """Which of LANES blocks, as bits, may hold a cluster that costs less than the best so far."""
    cdef Py_ssize_t which, i
    cdef vec gap
    cdef vec squared = vset(0.0)
    for which in range(c.n_directions):
        i = which * c.block_stride + first
        gap = vmax(vload(c.lowest + i) - vset(place[which]), vset(place[which]) - vload(c.highest + i))
        gap = vmax(gap, vset(0.0))
        squared = squared + gap * gap
    return vmask_greater(
        vset(best.square) * (vload(c.lightest + first) + vset(lightness)), squared * vset(best.divisor))


cdef Nearest nearest_cluster(Clusters *c, Py_ssize_t which, Py_ssize_t preferred) noexcept nogil:
    """The cluster that costs least to merge with `which`; the preferred one, if it is not -1, wins ties."""
    cdef Nearest best
    cdef Py_ssize_t j, first, block
    cdef Py_ssize_t blocks[LANES + AT_ONCE]
    cdef double place[DIRECTIONS]
    cdef Py_ssize_t own_block = which // LANES
    cdef Py_ssize_t n_blocks = c.n_slots // LANES
    cdef unsigned int near
    cdef int n_near, i
    cdef double lightness = c.lightness[which]
    cdef double difference
    best.slot = preferred
    best.square = INFINITY
    best.divisor = 1.0
    for j in range(c.n_directions):
        place[j] = c.places[j * c.stride + which]
    for j in range(c.n_features):
        c.own[j] = c.centers[j * c.stride + which]
    if preferred >= 0:
        best.square = 0.0
        for j in range(c.n_features):
            difference = c.centers[j * c.stride + preferred] - c.own[j]
            best.square += difference * difference
        best.divisor = c.lightness[preferred] + lightness
    c.centers[which] = INFINITY
    look_at(c, &own_block, 1, lightness, &best)
    for first from 0 <= first < n_blocks by LANES:
        near = near_blocks(c, first, place, lightness, &best)
        n_near = 0
        while near:
            block = first + lowest_bit(near)
            near &= near - 1
            if block != own_block:
                blocks[n_near] = block
                n_near += 1
        i = 0
        while i + 1 < n_near:
            # One of the last is looked at again, in place of blocks that there are not: that costs less than one alone.
            for j in range(n_near, i + AT_ONCE):
                blocks[j] = blocks[n_near - 1]
            look_at(c, blocks + i, AT_ONCE, lightness, &best)
            i += AT_ONCE
        if i < n_near:
            look_at(c, blocks + i, 1, lightness, &best)
    c.centers[which] = c.own[0]
    return best


cdef double merge_slots(Clusters *c, Py_ssize_t one, Py_ssize_t other) noexcept nogil:
    """Merge two clusters, which keep the smaller name; returns the rise of the within-cluster sum of squares."""
    cdef Py_ssize_t j, which, block
    cdef double size = c.sizes[one]
    cdef double total = size + c.sizes[other]
    cdef double share = c.sizes[other] / total
    cdef double height = 0.0
    cdef double difference
    for j in range(c.n_features):
        difference = c.centers[j * c.stride + other] - c.centers[j * c.stride + one]
        height += difference * difference
        c.own[j] = (
            size * c.centers[j * c.stride + one] + c.sizes[other] * c.centers[j * c.stride + other]) / total
    # The larger of both is nearer to where they are together.
    if size < c.sizes[other]:
        one, other = other, one
    for j in range(c.n_features):
        c.centers[j * c.stride + one] = c.own[j]
    c.centers[other] = INFINITY
    # 1 / (s + t) of 1 / s and 1 / t
    c.lightness[one] = c.lightness[one] * (c.lightness[other] / (c.lightness[one] + c.lightness[other]))
    c.sizes[one] = total
    c.names[one] = min(c.names[one], c.names[other])
    c.slots[c.names[one]] = one
    take_place(c, one, c.own, 1)
    for which in range(c.n_directions):
        block = which * c.block_stride + one // LANES
        c.lowest[block] = min(c.lowest[block], c.places[which * c.stride + one])
        c.highest[block] = max(c.highest[block], c.places[which * c.stride + one])
    return size * share * height


cdef void ward_chain(
    Clusters *c, Py_ssize_t n_points, int64_t *chain, char *linked, int64_t *merged, double *heights, int64_t *order,
    double *spare, void *scratch
) noexcept nogil:
    """merged (n_points - 1, 2) = names of the clusters merged, heights their costs, in the order of the chain."""
    cdef Py_ssize_t n_active = n_points
    cdef Py_ssize_t length = 0
    cdef Py_ssize_t step = 0
    cdef Py_ssize_t a, b, previous
    while n_active > 1:
        if length == 0:
            chain[0] = 0                     # the smallest name of all is always left
            length = 1
            linked[0] = True
        a = c.slots[chain[length - 1]]
        previous = c.slots[chain[length - 2]] if length > 1 else -1
        b = nearest_cluster(c, a, previous).slot
        # Only rounding can make an earlier link of the chain the nearest: what is as near is merged.
        if b != previous and not linked[c.names[b]]:
            chain[length] = c.names[b]
            linked[chain[length]] = True
            length += 1
            continue
        length -= 2
        linked[chain[length]] = False
        linked[chain[length + 1]] = False
        merged[2 * step] = min(chain[length], chain[length + 1])
        merged[2 * step + 1] = max(chain[length], chain[length + 1])
        heights[step] = merge_slots(c, a, previous)
        step += 1
        n_active -= 1
        if 2 * n_active <= c.n_slots and c.n_slots > FEWEST_SLOTS:
            arrange(c, n_active, order, spare, scratch)


cdef struct WardScratch:
    Clusters clusters
    int64_t *chain
    char *linked
    int64_t *order
    double *spare
    void *sorting


cdef Py_ssize_t lay_out_ward(WardScratch *s, Py_ssize_t n, Py_ssize_t d, Memory memory):
    """Cut the memory of `ward_merges`; without one, count."""
    cdef Cutter cut = Cutter(memory)
    cdef Clusters *c = &s.clusters
    c.n_features = d
    c.n_directions = min(d, DIRECTIONS)
    c.stride = round_up(n, LANES)
    c.block_stride = round_up(c.stride // LANES, LANES)
    c.centers = cut.doubles(d * c.stride)
    c.lightness = cut.doubles(c.stride)
    c.sizes = cut.doubles(c.stride)
    c.places = cut.doubles(DIRECTIONS * c.stride)
    c.names = <int64_t *> cut.bytes(8 * c.stride)
    c.slots = <int64_t *> cut.bytes(8 * n)
    c.lowest = cut.doubles(DIRECTIONS * c.block_stride)
    c.highest = cut.doubles(DIRECTIONS * c.block_stride)
    c.lightest = cut.doubles(c.block_stride)
    c.own = cut.doubles(d)
    c.directions = cut.doubles(DIRECTIONS * d)
    s.chain = <int64_t *> cut.bytes(8 * (n + 1))
    s.linked = <char *> cut.bytes(n)
    s.order = <int64_t *> cut.bytes(8 * n)
    s.spare = cut.doubles(2 * n)
    s.sorting = cut.bytes(8 * (5 * n + 1) + sorting_scratch(n))
    return cut.size


cdef void ward_merges(
    WardScratch *s, const double *weight, Py_ssize_t n, int64_t *merged, double *heights
) noexcept nogil:
    """All merges of the points that stand in the slots, the cheapest first; names are those of smallest points."""
    cdef Clusters *c = &s.clusters
    cdef Py_ssize_t d = c.n_features
    cdef Py_ssize_t i, j
    cdef double largest = 0.0
    cdef int64_t *unsorted = <int64_t *> s.spare
    for i in range(n):
        largest = max(largest, weight[i])
    for j in range(d):
        for i in range(n, c.stride):
            c.centers[j * c.stride + i] = INFINITY if j == 0 else 0.0
    for j in range(c.n_directions):
        find_direction(c, n, j, s.spare)
    c.n_slots = c.stride
    c.n_sorted = n
    for i in range(n):
        c.sizes[i] = weight[i]
        c.lightness[i] = min(largest / weight[i], LIGHTEST)
        c.names[i] = i
        take_place(c, i, c.centers + i, c.stride)
        s.linked[i] = False
    arrange(c, n, s.order, s.spare, s.sorting)
    ward_chain(c, n, s.chain, s.linked, merged, heights, s.order, s.spare, s.sorting)
    sort_order(heights, n - 1, DIGITS, s.order, s.sorting)
    permute(heights, n - 1, s.order, s.spare)
    memcpy(unsorted, merged, 16 * (n - 1))
    for i in range(n - 1):
        merged[2 * i] = unsorted[2 * s.order[i]]
        merged[2 * i + 1] = unsorted[2 * s.order[i] + 1]


def ward(points, weight, merged, heights):
    """All merges of Ward's method, the cheapest first.

    Parameters
    ----------
    points : float64 array (n, D)
    weight : float64 array (n,)
        How often each point counts, more than 0.
    merged : int64 array (n - 1, 2), out
        Names of the clusters merged; a cluster is named after its smallest point.
    heights : float64 array (n - 1,), out
        The rise of the within-cluster sum of squares.
    """
    check_sizes("points", points.shape, 2)
    cdef Py_ssize_t n = points.shape[0]
    cdef Py_ssize_t d = points.shape[1]
    cdef Borrowed points_loan = borrow(points, sizeof(double), n * d, False, "points")
    cdef Borrowed weight_loan = borrow(weight, sizeof(double), n, False, "weight")
    cdef Borrowed merged_loan = borrow(merged, sizeof(int64_t), 2 * (n - 1), True, "merged")
    cdef Borrowed heights_loan = borrow(heights, sizeof(double), n - 1, True, "heights")
    cdef WardScratch s
    cdef Memory memory = Memory(lay_out_ward(&s, n, d, None))
    lay_out_ward(&s, n, d, memory)
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(n):
            for j in range(d):
                s.clusters.centers[j * s.clusters.stride + i] = (<const double *> points_loan.view.buf)[i * d + j]
        ward_merges(
            &s, <const double *> weight_loan.view.buf, n, <int64_t *> merged_loan.view.buf,
            <double *> heights_loan.view.buf)
