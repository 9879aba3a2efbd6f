# A fit starts from Ward's agglomerative clustering of a few thousand points, by the nearest-neighbour chain (Murtagh
# 1983).  The cost of a merge is d^2 s t / (s + t) = d^2 / (1 / s + 1 / t), of which costs are compared by
# cross-multiplication: a division per pair took more time than all else together.  Of a search most is done in float32,
# a block at a time: what might be the nearest by that is looked at in float64, and that alone decides.

from libc.math cimport frexp, ldexp

cdef enum:
    TRIED = 1 << 10             # T of a limit
    FEATURES_AT_ONCE = 8        # between two looks whether a block is too far away
    MOST_EXPONENT = 1000        # of the unit, which is a number then: extents may be subnormal

cdef struct Nearest:
    Py_ssize_t slot             # -1: none so far
    double square               # its squared distance
    double divisor              # the sum of both lightnesses: the cost is square over divisor

cdef struct Limit:
    # A squared distance in float32 that is not less than cost * (sum of both lightnesses) + slack is not that of the
    # nearest.  With M = 1 in the unit of rough numbers and u = 2^-24, each of d differences is wrong by 2 u at the most
    # and by u of itself: for a distance t the rough one is at most t (1 + u) + e, e = 2 u sqrt(d), and its square at
    # most t^2 (1 + 1 / T) + e^2 (1 + T) for any T, but for d + 4 roundings of u.
    float cost                  # a little more than that of the best
    float constant              # cost * own lightness + slack
    float lightness             # its own
    float slack                 # e^2 (1 + T)
    float growth                # 1 + 4 / T + ...


cdef inline void lower(Limit *limit, float cost) noexcept nogil:
    limit.cost = max(cost * limit.growth, <float> 1e-37)        # infinite times zero would be no number
    limit.constant = limit.cost * limit.lightness + limit.slack


cdef inline Limit first_limit(const Clusters *c, double lightness) noexcept nogil:
    cdef Limit limit
    limit.lightness = <float> lightness
    limit.slack = <float> (TRIED * 1.7e-14 * c.n_features)
    limit.growth = <float> (1.0 + 4.0 / TRIED + c.n_features * 2.4e-7)
    lower(&limit, <float> INFINITY)
    return limit


cdef inline void compare_exactly(
    const Clusters *c, const double *own, double lightness, Py_ssize_t slot, Nearest *best
) noexcept nogil:
    """Compare a cluster with the best so far; the earlier of equal ones stays."""
    cdef Py_ssize_t j
    cdef double square = 0.0
    cdef double divisor = c.lightness[slot] + lightness
    cdef const double *center = c.centers + slot * c.n_features
    cdef double difference
    for j in range(c.n_features):
        difference = center[j] - own[j]
        square += difference * difference
    if best.square * divisor > square * best.divisor:
        best.square = square
        best.divisor = divisor
        best.slot = slot


cdef inline unsigned int below(
    const float *lightness, const fvec *squares, const Limit *limit, unsigned int *masks
) noexcept nogil:
    """masks, out: which of a block may be nearer than the best, as bits; returns 0 where none is."""
    cdef int v
    cdef unsigned int found = 0
    for v in range(BLOCK_VECS):
        masks[v] = fmask_less(squares[v], fload(lightness + v * FLOATS) * fset(limit.cost) + fset(limit.constant))
        found |= masks[v]
    return found


cdef inline float least_cost(const float *lightness, const fvec *squares, float own) noexcept nogil:
    """The rough cost of the cheapest cluster of a block."""
    cdef int v
    cdef fvec costs[BLOCK_VECS]
    for v in range(BLOCK_VECS):
        costs[v] = squares[v] / (fload(lightness + v * FLOATS) + fset(own))
    return min(fleast(costs[0], costs[1]), fleast(costs[2], costs[3]))


cdef inline void look_at(
    const Clusters *c, Py_ssize_t which, Py_ssize_t block, Limit *limit, Nearest *best
) noexcept nogil:
    """Compare the clusters of a block with the best so far, which is nearest to `which`.

    A part of a squared distance is not more than all of it, rounded as they are: after some features all may be too
    far away already.
    """
    cdef Py_ssize_t begin, j
    cdef int v
    cdef float least
    cdef unsigned int near = 0
    cdef unsigned int masks[BLOCK_VECS]
    cdef fvec squares[BLOCK_VECS]
    cdef fvec own, difference
    cdef const float *centers = c.rough_centers + block * BLOCK * c.n_features
    cdef const float *lightness = c.rough_lightness + block * BLOCK
    for v in range(BLOCK_VECS):
        squares[v] = fset(0.0)
    for begin from 0 <= begin < c.n_features by FEATURES_AT_ONCE:
        for j in range(begin, min(begin + FEATURES_AT_ONCE, c.n_features)):
            own = fset(c.rough_own[j])
            for v in range(BLOCK_VECS):
                difference = fload(centers + j * BLOCK + v * FLOATS) - own
                squares[v] = squares[v] + difference * difference
        near = below(lightness, squares, limit, masks)
        if near == 0:
            return
    if near & (near - 1):
        # The limit falls to the least of several before any is looked at in float64: most often one or two are left.
        least = least_cost(lightness, squares, limit.lightness) + limit.slack / limit.lightness
        if least * limit.growth < limit.cost:
            lower(limit, least)
            below(lightness, squares, limit, masks)
    for v in range(BLOCK_VECS):
        while masks[v]:
            compare_exactly(
                c, c.centers + which * c.n_features, c.lightness[which],
                block * BLOCK + v * FLOATS + lowest_bit(masks[v]), best)
            masks[v] &= masks[v] - 1
    least = <float> (best.square / best.divisor * c.unit * c.unit)
    if least * limit.growth < limit.cost:
        lower(limit, least)


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
    cdef Limit limit
    cdef Py_ssize_t j, first, block
    cdef double place[DIRECTIONS]
    cdef const double *own = c.centers + which * c.n_features
    cdef Py_ssize_t own_block = which // BLOCK
    cdef Py_ssize_t n_blocks = c.n_slots // BLOCK
    cdef unsigned int near
    cdef double lightness = c.lightness[which]
    best.slot = -1
    best.square = INFINITY
    best.divisor = 1.0
    for j in range(c.n_directions):
        place[j] = c.places[j * c.stride + which]
    for j in range(c.n_features):
        c.rough_own[j] = <float> (own[j] * c.unit)
    rough_center(c, which)[0] = INFINITY     # it is not its own neighbour
    limit = first_limit(c, lightness)
    if preferred >= 0:
        compare_exactly(c, own, lightness, preferred, &best)
        lower(&limit, <float> (best.square / best.divisor * c.unit * c.unit))
    look_at(c, which, own_block, &limit, &best)
    for first from 0 <= first < n_blocks by LANES:
        near = near_blocks(c, first, place, lightness, &best)
        while near:
            block = first + lowest_bit(near)
            near &= near - 1
            if block != own_block:
                look_at(c, which, block, &limit, &best)
    rough_center(c, which)[0] = c.rough_own[0]
    return best


cdef double merge_slots(Clusters *c, Py_ssize_t one, Py_ssize_t other) noexcept nogil:
    """Merge two clusters, which keep the smaller name; returns the rise of the within-cluster sum of squares."""
    cdef Py_ssize_t j, which, block
    cdef double *center = c.centers + one * c.n_features
    cdef double *removed = c.centers + other * c.n_features
    cdef double size = c.sizes[one]
    cdef double total = size + c.sizes[other]
    cdef double share = c.sizes[other] / total
    cdef double height = 0.0
    cdef double difference
    for j in range(c.n_features):
        difference = removed[j] - center[j]
        height += difference * difference
        center[j] = (size * center[j] + c.sizes[other] * removed[j]) / total
    # The larger of both is nearer to where they are together.
    if size < c.sizes[other]:
        one, other = other, one
        memcpy(removed, center, c.n_features * sizeof(double))
    rough_center(c, other)[0] = INFINITY
    # 1 / (s + t) of 1 / s and 1 / t
    c.lightness[one] = c.lightness[one] * (c.lightness[other] / (c.lightness[one] + c.lightness[other]))
    c.sizes[one] = total
    c.names[one] = min(c.names[one], c.names[other])
    c.slots[c.names[one]] = one
    take_rough(c, one)
    take_place(c, one)
    for which in range(c.n_directions):
        block = which * c.block_stride + one // BLOCK
        c.lowest[block] = min(c.lowest[block], c.places[which * c.stride + one])
        c.highest[block] = max(c.highest[block], c.places[which * c.stride + one])
    return size * share * height


cdef bint ward_chain(
    Clusters *c, Py_ssize_t n_points, int64_t *chain, char *linked, int64_t *merged, double *heights, int64_t *order,
    double *spare, void *scratch
) noexcept nogil:
    """merged (n_points - 1, 2) = names of the clusters merged, heights their costs, in the order of the chain.

    Returns False where no cluster has a nearest one, as squares of distances are no finite numbers.
    """
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
        if b < 0:
            return False
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
        if 2 * n_active <= c.n_slots and c.n_slots > BLOCK:
            arrange(c, n_active, order, spare, scratch)
    return True


cdef struct WardScratch:
    Clusters clusters
    int64_t *chain
    char *linked
    int64_t *order
    double *spare
    void *sorting


cdef void stride_of_ward(Clusters *c, Py_ssize_t n) noexcept nogil:
    """Expect n points, where there is memory for as many or more."""
    c.stride = round_up(n, BLOCK)
    c.block_stride = round_up(c.stride // BLOCK, LANES)


cdef Py_ssize_t lay_out_ward(WardScratch *s, Py_ssize_t n, Py_ssize_t d, Memory memory):
    """Cut the memory of `ward_merges`; without one, count."""
    cdef Cutter cut = Cutter(memory)
    cdef Clusters *c = &s.clusters
    c.n_features = d
    c.n_directions = min(d, DIRECTIONS)
    stride_of_ward(c, n)
    c.columns = cut.doubles(d * c.stride)
    c.centers = cut.doubles(d * c.stride)
    c.rough_centers = <float *> cut.bytes(d * c.stride * sizeof(float))
    c.rough_lightness = <float *> cut.bytes(c.stride * sizeof(float))
    c.rough_own = <float *> cut.bytes(d * sizeof(float))
    c.lightness = cut.doubles(c.stride)
    c.sizes = cut.doubles(c.stride)
    c.places = cut.doubles(DIRECTIONS * c.stride)
    c.names = <int64_t *> cut.bytes(8 * c.stride)
    c.slots = <int64_t *> cut.bytes(8 * n)
    c.lowest = cut.doubles(DIRECTIONS * c.block_stride)
    c.highest = cut.doubles(DIRECTIONS * c.block_stride)
    c.lightest = cut.doubles(c.block_stride)
    c.directions = cut.doubles(DIRECTIONS * d)
    s.chain = <int64_t *> cut.bytes(8 * (n + 1))
    s.linked = <char *> cut.bytes(n)
    s.order = <int64_t *> cut.bytes(8 * n)
    s.spare = cut.doubles(2 * n)
    s.sorting = cut.bytes(8 * (5 * n + 1) + sorting_scratch(n))
    return cut.size


cdef bint ward_merges(
    WardScratch *s, const double *weight, Py_ssize_t n, int64_t *merged, double *heights
) noexcept nogil:
    """All merges of the points that stand in the slots, the cheapest first; names are those of smallest points.

    Returns False where there are none, as for `ward_chain`.
    """
    cdef Clusters *c = &s.clusters
    cdef Py_ssize_t d = c.n_features
    cdef Py_ssize_t i, j
    cdef double largest = 0.0
    cdef double extent = 0.0
    cdef int exponent
    cdef int64_t *unsorted = <int64_t *> s.spare
    for i in range(n):
        largest = max(largest, weight[i])
    for j in range(d):
        for i in range(n):
            if not 4.0 * d * c.columns[j * c.stride + i] * c.columns[j * c.stride + i] < INFINITY:
                return False
            extent = max(extent, fabs(c.columns[j * c.stride + i]))
            c.centers[i * d + j] = c.columns[j * c.stride + i]
    frexp(extent, &exponent)
    c.unit = ldexp(1.0, min(-exponent, MOST_EXPONENT))
    for j in range(c.n_directions):
        find_direction(c, n, j, s.spare)
    c.n_slots = n
    c.n_sorted = n
    for i in range(n):
        c.sizes[i] = weight[i]
        c.lightness[i] = min(largest / weight[i], LIGHTEST)
        c.names[i] = i
        take_rough(c, i)
        take_place(c, i)
        s.linked[i] = False
    arrange(c, n, s.order, s.spare, s.sorting)
    if not ward_chain(c, n, s.chain, s.linked, merged, heights, s.order, s.spare, s.sorting):
        return False
    sort_order(heights, n - 1, DIGITS, s.order, s.sorting)
    permute(heights, n - 1, s.order, s.spare)
    memcpy(unsorted, merged, 16 * (n - 1))
    for i in range(n - 1):
        merged[2 * i] = unsorted[2 * s.order[i]]
        merged[2 * i + 1] = unsorted[2 * s.order[i] + 1]
    return True


cdef merges_error():
    return ValueError("points: the squares of their distances are not finite numbers; scale the columns")


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
    cdef bint merged_all
    with nogil:
        for i in range(n):
            for j in range(d):
                s.clusters.columns[j * s.clusters.stride + i] = (<const double *> points_loan.view.buf)[i * d + j]
        merged_all = ward_merges(
            &s, <const double *> weight_loan.view.buf, n, <int64_t *> merged_loan.view.buf,
            <double *> heights_loan.view.buf)
    if not merged_all:
        raise merges_error()
