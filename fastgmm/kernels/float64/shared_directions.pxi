# Covariances that share their principal axes have them by rotations in one plane of two axes after the other, as
# Jacobi's method has those of one matrix (Flury and Gautschi 1986).  The objective in a plane is a sum of logarithms of
# a product of two variances; it is below the sum of those products in shares that touches it where the plane stands
# (a logarithm, and a root, is below its tangent), and of that sum the best angle is known in closed form.  So no
# rotation makes the likelihood less.  Components are in the lanes: all are turned by the same angle.

from libc.math cimport atan2, cos, pow, sin

cdef void turn(double *one, double *other, double cosine, double sine, Py_ssize_t n) noexcept nogil:
    """(one, other) = (cosine one + sine other, cosine other - sine one), n numbers each."""
    cdef Py_ssize_t k
    cdef double x, y
    for k in range(n):
        x = one[k]
        y = other[k]
        one[k] = cosine * x + sine * y
        other[k] = cosine * y - sine * x


cdef double *entry(double *rotated, Py_ssize_t i, Py_ssize_t j, Py_ssize_t d, Py_ssize_t k) noexcept nogil:
    """The numbers of all components at row i and column j: only the upper triangle is in use."""
    return rotated + (min(i, j) * d + max(i, j)) * k


cdef void turn_plane(
    double *rotated, double *axes, Py_ssize_t i, Py_ssize_t j, Py_ssize_t d, Py_ssize_t n_components, double angle
) noexcept nogil:
    """All matrices and the axes turned in the plane of axes i and j."""
    cdef Py_ssize_t k, m
    cdef double cosine = cos(angle)
    cdef double sine = sin(angle)
    cdef double *first = entry(rotated, i, i, d, n_components)
    cdef double *last = entry(rotated, j, j, d, n_components)
    cdef double *both = entry(rotated, i, j, d, n_components)
    cdef double p, q, r
    for k in range(n_components):
        p = first[k]
        q = both[k]
        r = last[k]
        first[k] = cosine * (cosine * p + sine * q) + sine * (cosine * q + sine * r)
        last[k] = cosine * (cosine * r - sine * q) - sine * (cosine * q - sine * p)
        both[k] = cosine * (cosine * q - sine * p) + sine * (cosine * r - sine * q)
    for m in range(d):
        if m != i and m != j:
            turn(entry(rotated, i, m, d, n_components), entry(rotated, j, m, d, n_components), cosine, sine, n_components)
    turn(axes + i * d, axes + j * d, cosine, sine, d)


cdef double best_angle(
    const double *p, const double *r, const double *q, const double *held, Py_ssize_t n_components, double *angle
) noexcept nogil:
    """The angle, out, by which a plane is turned; returns by how much the objective falls, or more.

    p and r: variances of the two axes, q: their covariances, held: the shares of the logarithms.
    """
    cdef Py_ssize_t k
    cdef double half, share, length
    cdef double across = 0.0
    cdef double along = 0.0
    for k in range(n_components):
        if not p[k] * r[k] > 0.0:
            continue                                        # no volume is left, whatever the angle
        half = 0.5 * (p[k] - r[k])
        share = held[k] / (p[k] * r[k])
        across += 2.0 * share * half * q[k]
        along += share * (half * half - q[k] * q[k])
    length = hypot(across, along)
    angle[0] = 0.25 * atan2(across, along)
    return across * across / (length + along) if along > 0.0 else length - along


cdef Py_ssize_t common_directions(
    double *rotated, const double *weights, bint equal_volumes, Py_ssize_t n_components, Py_ssize_t d, Py_ssize_t most,
    double tolerance, double *axes, double *held
) noexcept nogil:
    """Sweeps over all planes; returns their number.  held: scratch of K numbers."""
    cdef Py_ssize_t sweep, i, j, k
    cdef double angle, gain, fall, total, before
    cdef double *p
    cdef double *r
    for sweep in range(most):
        total = 0.0
        for k in range(n_components):
            held[k] = weights[k]
            if equal_volumes:
                gain = 0.0
                for i in range(d):
                    before = rotated[(i * d + i) * n_components + k]
                    gain += natural_log(before) if before > 0.0 else -INFINITY
                held[k] = weights[k] * natural_exp(gain / d)
            total += held[k]
        fall = 0.0
        for i in range(d):
            p = entry(rotated, i, i, d, n_components)
            for j in range(i + 1, d):
                r = entry(rotated, j, j, d, n_components)
                gain = best_angle(p, r, entry(rotated, i, j, d, n_components), held, n_components, &angle)
                fall += gain
                if not gain > 1e-3 * tolerance * total:
                    continue
                if equal_volumes:
                    for k in range(n_components):
                        held[k] = held[k] / pow(p[k] * r[k], 1.0 / d) if p[k] * r[k] > 0.0 else 0.0
                turn_plane(rotated, axes, i, j, d, n_components, angle)
                if equal_volumes:
                    for k in range(n_components):
                        held[k] = held[k] * pow(p[k] * r[k], 1.0 / d) if p[k] * r[k] > 0.0 else 0.0
        if not fall > tolerance * total:
            return sweep + 1
    return most


def share_directions(rotated, weights, bint equal_volumes, Py_ssize_t most, double tolerance, axes):
    """The axes that maximise the likelihood of covariances that share them; returns the number of sweeps.

    Parameters
    ----------
    rotated : float64 array (D, D, K), in and out
        Covariances without a restriction, in the axes that are the first guess; then in those that were found.  Only
        its upper triangle is read and written; its diagonal is the variances.
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
    """
    check_sizes("features and components", rotated.shape[1:], 2)
    cdef Py_ssize_t d = rotated.shape[1]
    cdef Py_ssize_t k = rotated.shape[2]
    cdef Borrowed rotated_loan = borrow(rotated, sizeof(double), d * d * k, True, "rotated")
    cdef Borrowed weight_loan = borrow(weights, sizeof(double), k, False, "weights")
    cdef Borrowed axes_loan = borrow(axes, sizeof(double), d * d, True, "axes")
    cdef Memory memory = Memory(sizeof(double) * k)
    cdef Py_ssize_t n
    with nogil:
        n = common_directions(
            <double *> rotated_loan.view.buf, <const double *> weight_loan.view.buf, equal_volumes, k, d, most,
            tolerance, <double *> axes_loan.view.buf, <double *> memory.begin)
    return n
