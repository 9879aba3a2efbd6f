# Covariances that share their principal axes have them by rotations in one plane of two axes after the other, as
# Jacobi's method has those of one matrix (Flury and Gautschi 1986).  The objective in a plane is a sum of logarithms of
# a product of two variances; it is below the sum of those products in shares that touches it where the plane stands
# (a logarithm, and a root, is below its tangent), and of that sum the best angle is known in closed form.  So no
# rotation makes the likelihood less.  Components are in the lanes: all are turned by the same angle.  Where each has
# axes of its own the same loops are Jacobi's method, with an angle in each lane.

cdef struct Rotated:
    double *matrices            # d x d x width, symmetric: the upper triangle is in use
    Py_ssize_t d
    Py_ssize_t width            # components, and idle lanes that hold identities


cdef inline double *entry(const Rotated *g, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """The numbers of all components at row i and column j."""
    return g.matrices + (min(i, j) * g.d + max(i, j)) * g.width


cdef inline Py_ssize_t whole_lanes(Py_ssize_t n) noexcept nogil:
    return (n + LANES - 1) // LANES * LANES


cdef void fill_rotated(const Rotated *g, const double *covariances, Py_ssize_t n_components) noexcept nogil:
    """Matrices (K, D, D) into lanes."""
    cdef Py_ssize_t i, j, k
    cdef double *out
    for i in range(g.d):
        for j in range(i, g.d):
            out = entry(g, i, j)
            for k in range(n_components):
                out[k] = covariances[(k * g.d + i) * g.d + j]
            for k in range(n_components, g.width):
                out[k] = 1.0 if i == j else 0.0


cdef void diagonals_of(const Rotated *g, Py_ssize_t n_components, double *variances) noexcept nogil:
    """variances (K, D), out."""
    cdef Py_ssize_t i, k
    for k in range(n_components):
        for i in range(g.d):
            variances[k * g.d + i] = entry(g, i, i)[k]


@cython.linetrace(False)       # tracing would return an int where the vector is
@cython.profile(False)
cdef inline vec sign_of(vec x) noexcept nogil:
    """1, or -1 where x <= 0."""
    return vkeep(vset(2.0), vgreater(x, vset(0.0))) - vset(1.0)


cdef inline void turn_lanes(double *one, double *other, vec cosine, vec sine) noexcept nogil:
    """(one, other) = (cosine one + sine other, cosine other - sine one), LANES numbers each."""
    cdef vec x = vload(one)
    cdef vec y = vload(other)
    vstore(one, cosine * x + sine * y)
    vstore(other, cosine * y - sine * x)


cdef void turn_plane(
    const Rotated *g, Py_ssize_t i, Py_ssize_t j, Py_ssize_t lane, vec cosine, vec sine
) noexcept nogil:
    """The matrices of some lanes, turned in the plane of axes i and j."""
    cdef Py_ssize_t m
    cdef double *first = entry(g, i, i) + lane
    cdef double *last = entry(g, j, j) + lane
    cdef double *both = entry(g, i, j) + lane
    cdef vec p = vload(first)
    cdef vec q = vload(both)
    cdef vec r = vload(last)
    cdef vec left = cosine * p + sine * q
    cdef vec right = cosine * q + sine * r
    cdef vec under = cosine * r - sine * q
    vstore(first, cosine * left + sine * right)
    vstore(both, cosine * right - sine * left)
    vstore(last, cosine * under - sine * (cosine * q - sine * p))
    for m in range(g.d):
        if m != i and m != j:
            turn_lanes(entry(g, i, m) + lane, entry(g, j, m) + lane, cosine, sine)


cdef void halve(double *cosine, double *sine) noexcept nogil:
    """Cosine and sine of half an angle between -pi and pi, of those of the angle; no digits cancel."""
    cdef double half
    if cosine[0] >= 0.0:
        half = sqrt(0.5 + 0.5 * cosine[0])
        sine[0] = 0.5 * sine[0] / half
        cosine[0] = half
    else:
        half = sqrt(0.5 - 0.5 * cosine[0])
        cosine[0] = 0.5 * fabs(sine[0]) / half
        sine[0] = half if sine[0] >= 0.0 else -half


cdef double best_turn(
    const Rotated *g, Py_ssize_t i, Py_ssize_t j, const double *held, double *cosine, double *sine
) noexcept nogil:
    """Cosine and sine of the angle, out, by which a plane is turned; returns by how much the objective falls, or more.

    held: the shares of the logarithms.
    """
    cdef Py_ssize_t v
    cdef vec half, share, p, q, r, volume
    cdef vec across = vset(0.0)
    cdef vec along = vset(0.0)
    cdef double x, y, length
    for v from 0 <= v < g.width by LANES:
        p = vload(entry(g, i, i) + v)
        q = vload(entry(g, i, j) + v)
        r = vload(entry(g, j, j) + v)
        volume = p * r
        half = vset(0.5) * (p - r)
        # Where no volume is left there is none, whatever the angle.
        share = vkeep(vload(held + v) / volume, vgreater(volume, vset(0.0)))
        across = across + vset(2.0) * share * half * q
        along = along + share * (half * half - q * q)
    y = vsum(across)
    x = vsum(along)
    length = hypot(x, y)
    if not length > 0.0:
        return 0.0
    cosine[0] = x / length
    sine[0] = y / length
    halve(cosine, sine)
    halve(cosine, sine)
    return y * y / (length + x) if x > 0.0 else length - x


cdef void hold(const Rotated *g, const double *weights, bint equal_volumes, double *held) noexcept nogil:
    """held = the shares of the logarithms in the objective: weights, times volumes where these are equal."""
    cdef Py_ssize_t k, i
    cdef double logs, variance
    for k in range(g.width):
        held[k] = weights[k]
        if not equal_volumes or not weights[k] > 0.0:
            continue
        logs = 0.0
        for i in range(g.d):
            variance = entry(g, i, i)[k]
            logs += natural_log(variance) if variance > 0.0 else -INFINITY
        held[k] = weights[k] * natural_exp(logs / g.d)


cdef void hold_on(const Rotated *g, Py_ssize_t i, Py_ssize_t j, const double *before, double *held) noexcept nogil:
    """held, in and out, after a turn of a plane that had these products of variances before."""
    cdef Py_ssize_t v
    cdef vec ratio, root
    cdef vec least = vset(SMALLEST)
    for v from 0 <= v < g.width by LANES:
        ratio = vload(entry(g, i, i) + v) * vload(entry(g, j, j) + v) / vmax(vload(before + v), least)
        ratio = log_positive(vmax(ratio, least)) / vset(<real> g.d)
        root = exp_nonpositive(-vmax(ratio, -ratio))
        root = vkeep(vset(1.0) / root, vgreater(ratio, vset(0.0))) + vkeep(root, vgreater(least, ratio))
        vstore(held + v, vload(held + v) * root)


cdef Py_ssize_t common_directions(
    const Rotated *g, const double *weights, bint equal_volumes, Py_ssize_t most, double tolerance, double *axes,
    double *held
) noexcept nogil:
    """Sweeps over all planes; returns their number.  held: scratch of 2 width numbers."""
    cdef Py_ssize_t sweep, i, j, v
    cdef double gain, fall, total
    cdef double x = 0.0
    cdef double cosine = 1.0
    cdef double sine = 0.0
    cdef double *before = held + g.width
    for sweep in range(most):
        hold(g, weights, equal_volumes, held)
        total = 0.0
        for v in range(g.width):
            total += held[v]
        fall = 0.0
        for i in range(g.d):
            for j in range(i + 1, g.d):
                gain = best_turn(g, i, j, held, &cosine, &sine)
                fall += gain
                if not gain > 1e-3 * tolerance * total:
                    continue
                for v in range(g.width if equal_volumes else 0):
                    before[v] = entry(g, i, i)[v] * entry(g, j, j)[v]
                for v from 0 <= v < g.width by LANES:
                    turn_plane(g, i, j, v, vset(cosine), vset(sine))
                if equal_volumes:
                    hold_on(g, i, j, before, held)
                for v in range(g.d):
                    x = axes[i * g.d + v]
                    axes[i * g.d + v] = cosine * x + sine * axes[j * g.d + v]
                    axes[j * g.d + v] = cosine * axes[j * g.d + v] - sine * x
        if not fall > tolerance * total:
            return sweep + 1
    return most


cdef Py_ssize_t jacobi(const Rotated *g, Py_ssize_t most, double tolerance, double *axes) noexcept nogil:
    """Diagonal matrices in all lanes, and axes (D, D, width), out; returns the number of sweeps.

    The last sweep has met no covariance above the tolerance times the largest variance.
    """
    cdef Py_ssize_t sweep, i, j, m, v
    cdef bint moved
    cdef vec p, q, r, half, size, tangent, cosine
    cdef vec small = vset(SMALLEST)
    memset(axes, 0, g.d * g.d * g.width * sizeof(double))
    for i in range(g.d):
        for v in range(g.width):
            axes[(i * g.d + i) * g.width + v] = 1.0
    for sweep in range(most):
        moved = False
        for v from 0 <= v < g.width by LANES:
            size = small
            for i in range(g.d):
                size = vmax(size, vload(entry(g, i, i) + v))
            size = size * vset(tolerance)
            for i in range(g.d):
                for j in range(i + 1, g.d):
                    q = vload(entry(g, i, j) + v)
                    if vmask(vgreater(vmax(q, -q), size)) == 0:
                        continue
                    moved = True
                    p = vload(entry(g, i, i) + v)
                    r = vload(entry(g, j, j) + v)
                    half = vset(0.5) * (p - r)
                    tangent = vmax(half, -half) + vsqrt(half * half + q * q)
                    tangent = sign_of(half) * q / vmax(tangent, small)
                    cosine = vset(1.0) / vsqrt(vset(1.0) + tangent * tangent)
                    turn_plane(g, i, j, v, cosine, tangent * cosine)
                    for m in range(g.d):
                        turn_lanes(
                            axes + (i * g.d + m) * g.width + v, axes + (j * g.d + m) * g.width + v, cosine,
                            tangent * cosine)
        if not moved:
            return sweep + 1
    return most


def share_directions(
    covariances, weights, bint equal_volumes, Py_ssize_t most, double tolerance, axes, variances
):
    """The axes that maximise the likelihood of covariances that share them; returns the number of sweeps.

    Parameters
    ----------
    covariances : float64 array (K, D, D)
        Covariances without a restriction, in the axes that are the first guess.
    weights : float64 array (K,)
        The weights of the rows that they are of.
    equal_volumes : bool
        Whether the determinants are to be the same.
    most : int
        At most so many sweeps.
    tolerance : float
        What the last sweep has gained, per unit of weight, is less.
    axes : float64 array (D, D), in and out
        In its rows.
    variances : float64 array (K, D), out
        Along these axes.
    """
    check_sizes("components and features", covariances.shape[:2], 2)
    cdef Py_ssize_t k = covariances.shape[0]
    cdef Rotated g
    g.d = covariances.shape[1]
    g.width = whole_lanes(k)
    cdef Borrowed covariance_loan = borrow(covariances, sizeof(double), k * g.d * g.d, False, "covariances")
    cdef Borrowed weight_loan = borrow(weights, sizeof(double), k, False, "weights")
    cdef Borrowed axes_loan = borrow(axes, sizeof(double), g.d * g.d, True, "axes")
    cdef Borrowed variance_loan = borrow(variances, sizeof(double), k * g.d, True, "variances")
    cdef Memory memory = Memory(sizeof(double) * g.width * (g.d * g.d + 3))
    cdef double *held = <double *> memory.begin + g.d * g.d * g.width
    cdef Py_ssize_t n
    g.matrices = <double *> memory.begin
    with nogil:
        fill_rotated(&g, <const double *> covariance_loan.view.buf, k)
        memset(held, 0, 3 * g.width * sizeof(double))
        memcpy(held, weight_loan.view.buf, k * sizeof(double))
        n = common_directions(
            &g, held, equal_volumes, most, tolerance, <double *> axes_loan.view.buf, held + g.width)
        diagonals_of(&g, k, <double *> variance_loan.view.buf)
    return n


def own_directions(covariances, Py_ssize_t most, double tolerance, axes, variances):
    """Eigenvectors and eigenvalues of some matrices at a time, in no order; returns the number of sweeps.

    Parameters
    ----------
    covariances : float64 array (K, D, D)
    most : int
        At most so many sweeps.
    tolerance : float
        Covariances along the axes are at most this times the largest variance.
    axes : float64 array (K, D, D), out
        In its columns.
    variances : float64 array (K, D), out
        Along these axes.
    """
    check_sizes("components and features", covariances.shape[:2], 2)
    cdef Py_ssize_t k = covariances.shape[0]
    cdef Py_ssize_t i, m, c, n
    cdef Rotated g
    g.d = covariances.shape[1]
    g.width = whole_lanes(k)
    cdef Borrowed covariance_loan = borrow(covariances, sizeof(double), k * g.d * g.d, False, "covariances")
    cdef Borrowed axes_loan = borrow(axes, sizeof(double), k * g.d * g.d, True, "axes")
    cdef Borrowed variance_loan = borrow(variances, sizeof(double), k * g.d, True, "variances")
    cdef Memory memory = Memory(sizeof(double) * 2 * g.width * g.d * g.d)
    cdef double *found = <double *> memory.begin + g.d * g.d * g.width
    cdef double *out = <double *> axes_loan.view.buf
    g.matrices = <double *> memory.begin
    with nogil:
        fill_rotated(&g, <const double *> covariance_loan.view.buf, k)
        n = jacobi(&g, most, tolerance, found)
        diagonals_of(&g, k, <double *> variance_loan.view.buf)
        for c in range(k):
            for m in range(g.d):
                for i in range(g.d):
                    out[(c * g.d + m) * g.d + i] = found[(i * g.d + m) * g.width + c]
    return n
