# Covariances that differ in volume alone have their common part by a fixed point: the scales of all components, given
# what they share, and what they share, given the scales (Celeux and Govaert 1995, models VEI, VEV and VEE).  Both
# halves maximise the likelihood, so that it never falls.

cdef double renew(double *scale, double value) noexcept nogil:
    """scale = value; returns by which share it has changed."""
    cdef double change = fabs(value - scale[0]) / value if value > 0.0 else 0.0
    scale[0] = value
    return change


cdef void normalize_shape(double *shape, Py_ssize_t n) noexcept nogil:
    """shape times a number, so that the product of its n elements is one."""
    cdef Py_ssize_t j
    cdef double total = 0.0
    for j in range(n):
        total += natural_log(shape[j])
    total = natural_exp(total / n)
    for j in range(n):
        shape[j] = shape[j] / total


cdef Py_ssize_t common_shape(
    const double *variances, const double *weights, Py_ssize_t n_components, Py_ssize_t n_features, Py_ssize_t most,
    double tolerance, double *shape, double *scales
) noexcept nogil:
    """Alternate between scales (K), out, and the shape (D), in and out; returns the number of iterations.

    A component without any variance has the scale 0, and no say.
    """
    cdef Py_ssize_t i, k, j
    cdef double total, change, largest
    for k in range(n_components):
        scales[k] = 0.0
    for i in range(most):
        largest = 0.0
        for k in range(n_components):
            total = 0.0
            for j in range(n_features):
                total += variances[k * n_features + j] / shape[j]
            change = renew(scales + k, total / n_features)
            largest = max(largest, change)
        if not largest > tolerance:
            return i
        for j in range(n_features):
            shape[j] = 0.0
        for k in range(n_components):
            if not scales[k] > 0.0:
                continue
            total = weights[k] / scales[k]
            for j in range(n_features):
                shape[j] = shape[j] + total * variances[k * n_features + j]
        normalize_shape(shape, n_features)
    return most


cdef Py_ssize_t common_matrix(
    const double *covariances, const double *weights, Py_ssize_t n_components, Py_ssize_t n_features, Py_ssize_t most,
    double tolerance, double *scales, double *shared, double *scratch
) noexcept nogil:
    """Alternate between a matrix (D, D) of determinant 1, out, and scales (K), in and out; returns the number of
    iterations, or -1 where that matrix is singular.

    scratch: 2 D^2 numbers beyond factor_scratch.
    """
    cdef Py_ssize_t i, k, a
    cdef Py_ssize_t n = n_features
    cdef Py_ssize_t size = n * n
    cdef Model model = model_of(MATRIX, False, 1, n)
    cdef double *factor = scratch
    cdef double *inverse = scratch + size
    cdef double total, largest, share
    for i in range(most):
        memset(shared, 0, size * sizeof(double))
        for k in range(n_components):
            if not scales[k] > 0.0:
                continue
            share = weights[k] / scales[k]
            for a in range(size):
                shared[a] = shared[a] + share * covariances[k * size + a]
        if factor_all(&model, shared, 0.0, factor, inverse, scratch + 2 * size) >= 0:
            return -1
        log_determinants_of(&model, factor, &total)
        total = natural_exp(2.0 * total / n)
        for a in range(size):
            shared[a] = shared[a] / total
        precision_of(inverse, n, factor)
        largest = 0.0
        for k in range(n_components):
            share = 0.0
            for a in range(size):
                share += factor[a] * covariances[k * size + a]
            share = renew(scales + k, share * total / n)
            largest = max(largest, share)
        if not largest > tolerance:
            return i + 1
    return most


cdef void precision_of(const double *inverse, Py_ssize_t n, double *out) noexcept nogil:
    """out = L^-T L^-1 of L^-1 (D, D), lower triangular."""
    cdef Py_ssize_t i, a, b
    cdef double left
    memset(out, 0, n * n * sizeof(double))
    for i in range(n):
        for a in range(i + 1):
            left = inverse[i * n + a]
            for b in range(i + 1):
                out[a * n + b] = out[a * n + b] + left * inverse[i * n + b]


def share_shape(variances, weights, Py_ssize_t most, double tolerance, shape, scales):
    """Variances (K, D) as scale times shape: those that maximise the likelihood; returns the number of iterations.

    Parameters
    ----------
    variances : float64 array (K, D)
        Variances without a restriction.
    weights : float64 array (K,)
        The weights of the rows that they are of.
    most : int
        At most so many iterations.
    tolerance : float
        No scale has changed by a larger share in the last of them.
    shape : float64 array (D,), in and out
        Positive numbers to begin with; the product of those that come out is 1.
    scales : float64 array (K,), out
    """
    check_sizes("components and features", variances.shape, 2)
    cdef Py_ssize_t k = variances.shape[0]
    cdef Py_ssize_t d = variances.shape[1]
    cdef Borrowed variance_loan = borrow(variances, sizeof(double), k * d, False, "variances")
    cdef Borrowed weight_loan = borrow(weights, sizeof(double), k, False, "weights")
    cdef Borrowed shape_loan = borrow(shape, sizeof(double), d, True, "shape")
    cdef Borrowed scale_loan = borrow(scales, sizeof(double), k, True, "scales")
    cdef Py_ssize_t n
    with nogil:
        n = common_shape(
            <const double *> variance_loan.view.buf, <const double *> weight_loan.view.buf, k, d, most, tolerance,
            <double *> shape_loan.view.buf, <double *> scale_loan.view.buf)
    return n


def share_matrix(covariances, weights, Py_ssize_t most, double tolerance, scales, shared):
    """Covariances (K, D, D) as scale times one matrix: those that maximise the likelihood.

    Parameters
    ----------
    covariances : float64 array (K, D, D)
        Covariances without a restriction.
    weights : float64 array (K,)
        The weights of the rows that they are of.
    most : int
        At most so many iterations.
    tolerance : float
        No scale has changed by a larger share in the last of them.
    scales : float64 array (K,), in and out
        Of a component with a scale of zero nothing is asked to begin with.
    shared : float64 array (D, D), out
        Its determinant is 1.

    Returns
    -------
    int
        The number of iterations; -1 where the matrix is singular.
    """
    check_sizes("components and features", covariances.shape[:2], 2)
    cdef Py_ssize_t k = covariances.shape[0]
    cdef Py_ssize_t d = covariances.shape[1]
    cdef Borrowed covariance_loan = borrow(covariances, sizeof(double), k * d * d, False, "covariances")
    cdef Borrowed weight_loan = borrow(weights, sizeof(double), k, False, "weights")
    cdef Borrowed scale_loan = borrow(scales, sizeof(double), k, True, "scales")
    cdef Borrowed shared_loan = borrow(shared, sizeof(double), d * d, True, "shared")
    cdef Memory memory = Memory(sizeof(double) * (2 * d * d + factor_scratch(d)))
    cdef Py_ssize_t n
    with nogil:
        n = common_matrix(
            <const double *> covariance_loan.view.buf, <const double *> weight_loan.view.buf, k, d, most, tolerance,
            <double *> scale_loan.view.buf, <double *> shared_loan.view.buf, <double *> memory.begin)
    return n
