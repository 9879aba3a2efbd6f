# Inverse factors and means become what the kernels read.

cdef void pack_factor(const double *inverse, Py_ssize_t n_features, Py_ssize_t padded, real *out) noexcept nogil:
    """out = L^-1 in the order of whiten_tile: per tile of rows, column by column; zeros where the padding is."""
    cdef Py_ssize_t pad = padded - n_features
    cdef Py_ssize_t first, j, i, row, column
    for first from 0 <= first < padded by TILE_ROWS:
        for j in range(first + TILE_ROWS):
            for i in range(TILE_ROWS):
                row = first + i - pad
                column = j - pad
                out[0] = <real> inverse[row * n_features + column] if 0 <= column <= row else 0
                out += 1


cdef double spread_from_shift(
    const double *inverse, const real *centered_mean, Py_ssize_t n_features
) noexcept nogil:
    """Sum over the features of |mean - shift| in deviations given the other features: a column of L^-1 each."""
    cdef Py_ssize_t i, j, first, end
    cdef double total = 0.0
    cdef double squares[8]                  # a cache line of columns at a time
    for first from 0 <= first < n_features by 8:
        memset(squares, 0, sizeof(squares))
        for i in range(first, n_features):
            end = min(i + 1, min(first + 8, n_features))
            for j in range(first, end):
                squares[j - first] += inverse[i * n_features + j] * inverse[i * n_features + j]
        for j in range(first, min(first + 8, n_features)):
            total += sqrt(squares[j - first]) * fabs(<double> centered_mean[j])
    return total


cdef double whiten_mean(const double *inverse, const real *mean, Py_ssize_t n_features, real *out) noexcept nogil:
    """out = L^-1 mean; returns the largest of its numbers."""
    cdef Py_ssize_t i, j
    cdef double total
    cdef double largest = 0.0
    for i in range(n_features):
        total = 0.0
        for j in range(i + 1):
            total += inverse[i * n_features + j] * <double> mean[j]
        out[i] = <real> total
        largest = max(largest, fabs(total))
    return largest


cdef inline Py_ssize_t given_size(const Mixture *m) noexcept nogil:
    """The numbers with which the caller gives an inverse factor."""
    if m.shape == LOW_RANK:
        return (m.n_features + m.rank) * (m.rank + 1)
    return m.n_features * m.n_features if m.shape == FULL or m.shape == TIED else (
        m.n_features if m.shape == DIAG else 1)
