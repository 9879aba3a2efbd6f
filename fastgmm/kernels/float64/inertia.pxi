# How many eigenvalues of a symmetric matrix are negative is told by the pivots of one factorisation, as long as their
# rounding is small: D^3 / 3 operations, where singular values take some 20 times as long.

cdef Py_ssize_t negative_directions(
    double *upper, Py_ssize_t n, const double *bounds, double *scratch, double *error
) noexcept nogil:
    """The number of negative eigenvalues of a symmetric matrix, of which the upper triangle is used up.

    By Sylvester's law of inertia they are as many as the negative numbers on the diagonal of J in U^T J U = matrix,
    where U has rows of the root of the absolute pivots.  error, out: at most so large a share of the `bounds` (n) on
    the diagonal would change the number if it were added there; infinite where a pivot vanishes.  What rounds are the
    products of U with itself, which without an exchange of rows may be larger than the matrix; n roundings of either
    sign add up to some root of n.  Scratch: n numbers beyond factor_scratch.
    """
    cdef Py_ssize_t begin, end, i, j, c
    cdef Py_ssize_t n_negative = 0
    cdef double pivot, root, factor
    cdef double largest = 0.0
    cdef double *sizes = scratch
    cdef double *left = scratch + n
    cdef double *right = left + PANEL * panel_stride(n)
    error[0] = INFINITY
    memset(sizes, 0, n * sizeof(double))
    for begin from 0 <= begin < n by PANEL:
        end = min(begin + PANEL, n)
        for j in range(begin, end):
            pivot = upper[j * n + j]
            if not 0.0 < fabs(pivot) < INFINITY:
                return 0
            n_negative += pivot < 0.0
            root = sqrt(fabs(pivot))
            for c in range(j, n):
                upper[j * n + c] = upper[j * n + c] / root
                sizes[c] += upper[j * n + c] * upper[j * n + c]
            for i in range(j + 1, end):
                factor = upper[j * n + i] if pivot > 0.0 else -upper[j * n + i]
                for c in range(i, n):
                    upper[i * n + c] = upper[i * n + c] - factor * upper[j * n + c]
        if end < n:
            pack_panel(upper + begin * n, n, end - begin, end, n, right)
            memcpy(left, right, (end - begin) * panel_stride(n) * sizeof(double))
            for j in range(begin, end):
                if upper[j * n + j] < 0.0:              # it has the sign of the pivot
                    for c in range(n - end):
                        left[(j - begin) * panel_stride(n) + c] = -left[(j - begin) * panel_stride(n) + c]
            subtract_products(
                upper + end * n + end, n, left, right, panel_stride(n), end - begin, n - end, n - end, True)
    for i in range(n):
        largest = max(largest, sizes[i] / bounds[i])
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
    cdef Memory memory = Memory(sizeof(double) * (n * n + n + factor_scratch(n)))
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
                shifted, n, bound, shifted + n * n, <double *> errors_loan.view.buf + k)
