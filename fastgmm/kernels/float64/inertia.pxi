# How many eigenvalues of a symmetric matrix are negative is told by the pivots of one factorisation, as long as their
# rounding is small: D^3 / 3 operations, where singular values take some 20 times as long.

cdef Py_ssize_t negative_directions(
    double *upper, const double *matrix, Py_ssize_t n, const double *bounds, double *scratch, double *error
) noexcept nogil:
    """The number of negative eigenvalues of a symmetric matrix; upper, out: a factor of it.

    By Sylvester's law of inertia they are as many as the negative numbers on the diagonal of J in U^T J U = matrix,
    where U has rows of the root of the absolute pivots.  error, out: at most so large a share of the `bounds` (n) on
    the diagonal would change the number if it were added there; infinite where a pivot vanishes.  What rounds are the
    products of U with itself, which without an exchange of rows may be larger than the matrix; n roundings of either
    sign add up to some root of n.  Scratch: 2 n numbers beyond factor_scratch.
    """
    cdef Py_ssize_t j, c
    cdef Py_ssize_t n_negative = 0
    cdef double largest = 0.0
    cdef double *signs = scratch
    cdef double *sizes = scratch + n
    error[0] = INFINITY
    if not cholesky(upper, matrix, n, 0.0, signs, scratch + 2 * n):
        return 0
    memset(sizes, 0, n * sizeof(double))
    for j in range(n):
        n_negative += signs[j] < 0.0
        for c in range(j, n):
            sizes[c] += upper[j * n + c] * upper[j * n + c]
    for c in range(n):
        largest = max(largest, sizes[c] / bounds[c])
    error[0] = 4.0 * sqrt(<double> n) * 2.220446049250313e-16 * largest
    return n_negative


def directions_below(Py_ssize_t n_features, covariances, bounds, counts, errors):
    """In how many directions v is v^T covariance v < v^T diag(bounds) v: a count for each matrix.

    Parameters
    ----------
    n_features : int
    covariances : float64 array (M, D, D)
    bounds : float64 array (D,)
        Positive numbers.
    counts : int64 array (M,), in and out
        Of a matrix that has a number below zero here the count is made.
    errors : float64 array (M,), out where a count is made
        Bounds that differ by at most this share could have another count; infinite where none was found.
    """
    cdef Py_ssize_t n = n_features
    cdef Py_ssize_t n_matrices = counts.size
    cdef Py_ssize_t k, j
    check_sizes("counts and features", (n_matrices, n), 2)
    cdef Borrowed covariance_loan = borrow(covariances, sizeof(double), n_matrices * n * n, False, "covariances")
    cdef Borrowed bounds_loan = borrow(bounds, sizeof(double), n, False, "bounds")
    cdef Borrowed counts_loan = borrow(counts, sizeof(int64_t), n_matrices, True, "counts")
    cdef Borrowed errors_loan = borrow(errors, sizeof(double), n_matrices, True, "errors")
    cdef Memory memory = Memory(sizeof(double) * (2 * n * n + 2 * n + factor_scratch(n)))
    cdef double *shifted = <double *> memory.begin
    cdef const double *bound = <const double *> bounds_loan.view.buf
    cdef int64_t *count = <int64_t *> counts_loan.view.buf
    with nogil:
        for k in range(n_matrices):
            if count[k] >= 0:
                continue
            memcpy(shifted, <const double *> covariance_loan.view.buf + k * n * n, n * n * sizeof(double))
            for j in range(n):
                shifted[j * n + j] -= bound[j]
            count[k] = negative_directions(
                shifted + n * n, shifted, n, bound, shifted + 2 * n * n, <double *> errors_loan.view.buf + k)
