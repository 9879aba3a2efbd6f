# Cholesky factors and their inverses are computed once per M-step, in K D^3 / 3 operations: float64 costs little there,
# whatever the rows.

cdef bint cholesky(double *upper, Py_ssize_t n, double tolerance) noexcept nogil:
    """In: a symmetric matrix (upper triangle read).  Out: U with U^T U = matrix, in the upper triangle.

    False if a pivot is not above `tolerance` times its diagonal element.
    """
    cdef Py_ssize_t i, j, c
    cdef double pivot, factor, diagonal
    for j in range(n):
        diagonal = upper[j * n + j]
        for i in range(j):
            diagonal += upper[i * n + j] * upper[i * n + j]
        pivot = upper[j * n + j]
        if not pivot > tolerance * diagonal or pivot == INFINITY:
            return False
        pivot = sqrt(pivot)
        for c in range(j, n):
            upper[j * n + c] = upper[j * n + c] / pivot
        for i in range(j + 1, n):
            factor = upper[j * n + i]
            for c in range(i, n):
                upper[i * n + c] = upper[i * n + c] - factor * upper[j * n + c]
    return True


cdef void invert_transposed(const double *upper, Py_ssize_t n, double *inverse) noexcept nogil:
    """inverse = L^-1 with L = U^T, by forward substitution, whole rows at a time."""
    cdef Py_ssize_t i, j, c
    cdef double factor
    for i in range(n):
        for c in range(n):
            inverse[i * n + c] = 0.0
        for j in range(i):
            factor = upper[j * n + i]
            for c in range(j + 1):
                inverse[i * n + c] = inverse[i * n + c] - factor * inverse[j * n + c]
        factor = upper[i * n + i]
        for c in range(i):
            inverse[i * n + c] = inverse[i * n + c] / factor
        inverse[i * n + i] = 1.0 / factor


def factorize(covariances, factors, inverses, double tolerance):
    """L and L^-1 of each covariance; returns the index of the first that is not positive definite, or -1.

    Parameters
    ----------
    covariances : float64 array (K, D, D)
    factors, inverses : float64 arrays (K, D, D), out
        Lower triangular; unspecified from the returned index on.
    tolerance : float
        Pivots up to this times their diagonal element count as zero.
    """
    check_sizes("covariances", covariances.shape, 3)
    if covariances.shape[1] != covariances.shape[2]:
        raise ValueError(f"covariances: expected square matrices, got the shape {tuple(covariances.shape)}")
    cdef Py_ssize_t n_matrices = covariances.shape[0]
    cdef Py_ssize_t n = covariances.shape[1]
    cdef Py_ssize_t k, i, j
    cdef Py_ssize_t failed = -1
    cdef Borrowed covariance_loan = borrow(covariances, sizeof(double), n_matrices * n * n, False, "covariances")
    cdef Borrowed factor_loan = borrow(factors, sizeof(double), n_matrices * n * n, True, "factors")
    cdef Borrowed inverse_loan = borrow(inverses, sizeof(double), n_matrices * n * n, True, "inverses")
    cdef double *factor = <double *> factor_loan.view.buf
    with nogil:
        memcpy(factor, covariance_loan.view.buf, n_matrices * n * n * sizeof(double))
        for k in range(n_matrices):
            if not cholesky(factor, n, tolerance):
                failed = k
                break
            invert_transposed(factor, n, <double *> inverse_loan.view.buf + k * n * n)
            for i in range(n):
                for j in range(i):
                    factor[i * n + j] = factor[j * n + i]
                    factor[j * n + i] = 0.0
            factor += n * n
    return failed
