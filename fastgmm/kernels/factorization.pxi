# Cholesky factors and their inverses are computed once per M-step, in 2 K D^3 / 3 operations: float64 costs little
# there, whatever the rows.  Both go by blocks of rows, from which the products of all rows above are taken off first:
# tiles in registers, whose factors are packed as they are read.  A block stays in the second-level cache from the first
# product to the last, and is written once.

cdef enum:
    PLAIN_ROWS = 32               # up to so many, plain loops over whole rows are as fast as tiles
    BLOCK_ROWS = 64             # a multiple of OWN_ROWS
    OWN_ROWS = 8                # a multiple of TILE_ROWS: so many rows of a block go by whole rows among themselves
    INNER_ROWS = 128            # rows of products that a packed strip has: INNER_ROWS x 32 numbers fill 32 KB

cdef extern from *:
    """
    enum { STRIP_COLUMNS = TILE_VECS * DOUBLES };
    """
    enum:
        STRIP_COLUMNS


cdef inline void subtract_tile(
    double *out, Py_ssize_t out_stride, const double *left, const double *right, Py_ssize_t right_stride,
    Py_ssize_t n_inner
) noexcept nogil:
    """out -= left^T right, of TILE_ROWS x TILE_VECS vectors; left: n_inner x TILE_ROWS."""
    cdef dvec total[TILE_ROWS][TILE_VECS]
    cdef dvec x[TILE_VECS]
    cdef dvec factor
    cdef Py_ssize_t j
    cdef int i, v
    for i in range(TILE_ROWS):
        for v in range(TILE_VECS):
            total[i][v] = dset(0.0)
    for j in range(n_inner):
        for v in range(TILE_VECS):
            x[v] = dload(right + j * right_stride + v * DOUBLES)
        for i in range(TILE_ROWS):
            factor = dset(left[j * TILE_ROWS + i])
            for v in range(TILE_VECS):
                total[i][v] = total[i][v] + factor * x[v]
    for i in range(TILE_ROWS):
        for v in range(TILE_VECS):
            dstore(out + i * out_stride + v * DOUBLES, dload(out + i * out_stride + v * DOUBLES) - total[i][v])


cdef inline Py_ssize_t block_stride(Py_ssize_t n) noexcept nogil:
    """Rows of a block are whole strips, and an odd number of cache lines apart so as not to share cache sets."""
    return 8 * (((n + STRIP_COLUMNS - 1) // STRIP_COLUMNS * STRIP_COLUMNS + 7) // 8 | 1)


cdef inline Py_ssize_t factor_scratch(Py_ssize_t n) noexcept nogil:
    """Numbers of scratch that a factor and its inverse take: a block, and what is packed."""
    return 0 if n <= PLAIN_ROWS else BLOCK_ROWS * block_stride(n) + INNER_ROWS * (BLOCK_ROWS + STRIP_COLUMNS)


cdef void pack_left(
    const double *rows, Py_ssize_t stride, Py_ssize_t n_inner, Py_ssize_t n_columns, const double *signs, double *out
) noexcept nogil:
    """out = n_columns of n_inner rows, TILE_ROWS of them at a time, with zeros behind; each row times its sign."""
    cdef Py_ssize_t first, j, i
    for first from 0 <= first < n_columns by TILE_ROWS:
        for j in range(n_inner):
            if first + TILE_ROWS <= n_columns:
                memcpy(out, rows + j * stride + first, TILE_ROWS * sizeof(double))
            else:
                for i in range(TILE_ROWS):
                    out[i] = rows[j * stride + first + i] if first + i < n_columns else 0.0
            if signs != NULL and signs[j] < 0.0:
                for i in range(TILE_ROWS):
                    out[i] = -out[i]
            out += TILE_ROWS


cdef void subtract_products(
    double *block, Py_ssize_t n_rows, const double *left, const double *right, Py_ssize_t n, Py_ssize_t n_inner,
    Py_ssize_t n_columns, const double *signs, double *packed
) noexcept nogil:
    """block -= left^T right: the first n_columns of n_rows rows.

    Left and right are in matrices of n columns, and have n_inner rows, of which those of left are taken times their
    signs (NULL: 1).  `packed`: scratch.
    """
    cdef Py_ssize_t begin, n_some, c, j, i, width, v
    cdef double *strip = packed + INNER_ROWS * BLOCK_ROWS
    cdef Py_ssize_t stride = block_stride(n)
    for begin from 0 <= begin < n_inner by INNER_ROWS:
        n_some = min(<Py_ssize_t> INNER_ROWS, n_inner - begin)
        pack_left(left + begin * n, n, n_some, n_rows, signs + begin if signs != NULL else NULL, packed)
        for c from 0 <= c < n_columns by STRIP_COLUMNS:
            width = min(<Py_ssize_t> STRIP_COLUMNS, n_columns - c)
            for j in range(n_some):
                if width == STRIP_COLUMNS:
                    for v in range(TILE_VECS):
                        dstore(
                            strip + j * STRIP_COLUMNS + v * DOUBLES,
                            dload(right + (begin + j) * n + c + v * DOUBLES))
                else:
                    for i in range(STRIP_COLUMNS):
                        strip[j * STRIP_COLUMNS + i] = right[(begin + j) * n + c + i] if i < width else 0.0
            for i from 0 <= i < n_rows by TILE_ROWS:
                subtract_tile(
                    block + i * stride + c, stride, packed + i * n_some, strip, STRIP_COLUMNS, n_some)


cdef void subtract_own(
    double *block, Py_ssize_t stride, Py_ssize_t first, Py_ssize_t begin, Py_ssize_t n_columns, const double *left,
    Py_ssize_t left_stride, Py_ssize_t n_own, const double *signs, double *packed
) noexcept nogil:
    """Rows first .. first + n_own of a block -= left^T times the `first` rows before them, columns begin .. n_columns.

    Left has `first` rows, of which the columns are n_own.
    """
    cdef Py_ssize_t c, i
    begin = begin // STRIP_COLUMNS * STRIP_COLUMNS
    pack_left(left, left_stride, first, n_own, signs, packed)
    for c from begin <= c < n_columns by STRIP_COLUMNS:
        for i from 0 <= i < n_own by TILE_ROWS:
            subtract_tile(block + (first + i) * stride + c, stride, packed + i * first, block + c, stride, first)


cdef bint cholesky(
    double *upper, const double *matrix, Py_ssize_t n, double tolerance, double *signs, double *scratch
) noexcept nogil:
    """In: a symmetric matrix.  Out: U with U^T U = matrix, in the upper triangle of `upper`; the rest is unspecified.

    False if a pivot is not above `tolerance` times its diagonal element.  With `signs` (n), out, U^T J U = matrix with
    the signs on the diagonal of J, and False is for pivots of zero or beyond all numbers; U has the signs on its
    diagonal, too.
    """
    cdef Py_ssize_t begin, end, i, c
    cdef Py_ssize_t stride = block_stride(n)
    cdef double *packed = scratch + BLOCK_ROWS * stride
    if n <= PLAIN_ROWS:
        for i in range(n):
            memcpy(upper + i * n + i, matrix + i * n + i, (n - i) * sizeof(double))
        return factor_rows(upper, n, 0, n, n, matrix, n, tolerance, signs)
    for begin from 0 <= begin < n by BLOCK_ROWS:
        end = min(begin + BLOCK_ROWS, n)
        for i in range(BLOCK_ROWS):
            c = n - begin if begin + i < end else 0
            memcpy(scratch + i * stride, matrix + (begin + i) * n + begin, c * sizeof(double))
            memset(scratch + i * stride + c, 0, (stride - c) * sizeof(double))
        subtract_products(
            scratch, end - begin, upper + begin, upper + begin, n, begin, n - begin, signs, packed)
        for i from 0 <= i < end - begin by OWN_ROWS:
            c = min(<Py_ssize_t> OWN_ROWS, end - begin - i)
            if i:
                subtract_own(
                    scratch, stride, i, i, n - begin, scratch + i, stride, c, signs + begin if signs != NULL else NULL,
                    packed)
            if not factor_rows(
                    scratch, stride, i, i + c, n - begin, matrix + begin * n + begin, n, tolerance,
                    signs + begin if signs != NULL else NULL):
                return False
        for i in range(end - begin):
            memcpy(upper + (begin + i) * n + begin + i, scratch + i * stride + i, (n - begin - i) * sizeof(double))
    return True


cdef bint factor_rows(
    double *rows, Py_ssize_t stride, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t n_columns, const double *matrix,
    Py_ssize_t n, double tolerance, double *signs
) noexcept nogil:
    """Rows begin .. end of U, from which the products of those before are taken off; see cholesky."""
    cdef Py_ssize_t i, j, c
    cdef double pivot, factor, root
    for j in range(begin, end):
        pivot = rows[j * stride + j]
        if signs != NULL:
            signs[j] = -1.0 if pivot < 0.0 else 1.0
            if not 0.0 < fabs(pivot) < INFINITY:
                return False
        elif not pivot > tolerance * matrix[j * n + j] or pivot == INFINITY:
            return False
        root = sqrt(fabs(pivot))
        for c in range(j, n_columns):
            rows[j * stride + c] = rows[j * stride + c] / root
        for i in range(j + 1, end):
            factor = rows[j * stride + i] if pivot > 0.0 else -rows[j * stride + i]
            for c in range(i, n_columns):
                rows[i * stride + c] = rows[i * stride + c] - factor * rows[j * stride + c]
    return True


cdef void invert_transposed(const double *upper, Py_ssize_t n, double *inverse, double *scratch) noexcept nogil:
    """inverse = L^-1 with L = U^T, by forward substitution, whole rows at a time."""
    cdef Py_ssize_t begin, end, inner, last, i, c
    cdef Py_ssize_t stride = block_stride(n)
    cdef double *packed = scratch + BLOCK_ROWS * stride
    if n <= PLAIN_ROWS:
        memset(inverse, 0, n * n * sizeof(double))
        invert_rows(upper, n, 0, 0, n, inverse, n)
        return
    for begin from 0 <= begin < n by BLOCK_ROWS:
        end = min(begin + BLOCK_ROWS, n)
        memset(scratch, 0, BLOCK_ROWS * stride * sizeof(double))
        for inner from 0 <= inner < begin by INNER_ROWS:
            last = min(inner + INNER_ROWS, begin)
            subtract_products(
                scratch, end - begin, upper + inner * n + begin, inverse + inner * n, n, last - inner, last, NULL,
                packed)
        for i from 0 <= i < end - begin by OWN_ROWS:
            c = min(<Py_ssize_t> OWN_ROWS, end - begin - i)
            if i:
                subtract_own(
                    scratch, stride, i, 0, begin + i, upper + begin * n + begin + i, n, c, NULL, packed)
            invert_rows(upper + begin * n + begin, n, begin, i, i + c, scratch, stride)
        for i in range(end - begin):
            memcpy(inverse + (begin + i) * n, scratch + i * stride, (begin + i + 1) * sizeof(double))
            memset(inverse + (begin + i) * n + begin + i + 1, 0, (n - begin - i - 1) * sizeof(double))


cdef void invert_rows(
    const double *upper, Py_ssize_t n, Py_ssize_t n_before, Py_ssize_t begin, Py_ssize_t end, double *rows,
    Py_ssize_t stride
) noexcept nogil:
    """Rows begin .. end of a block of L^-1, from which the products of those before are taken off.

    n_before columns are before those of the block, whose part of U is `upper`.
    """
    cdef Py_ssize_t i, j, c
    cdef double factor
    for i in range(begin, end):
        for j in range(begin, i):
            factor = upper[j * n + i]
            for c in range(n_before + j + 1):
                rows[i * stride + c] = rows[i * stride + c] - factor * rows[j * stride + c]
        factor = upper[i * n + i]
        for c in range(n_before + i):
            rows[i * stride + c] = rows[i * stride + c] / factor
        rows[i * stride + n_before + i] = 1.0 / factor


cdef void transpose_in_place(double *matrix, Py_ssize_t n) noexcept nogil:
    """The lower triangle becomes the upper one, and the upper one zero; columns of eight at a time: whole lines."""
    cdef Py_ssize_t first, i, j
    for first from 0 <= first < n by 8:
        for i in range(first, n):
            for j in range(first, min(first + 8, i)):
                matrix[i * n + j] = matrix[j * n + i]
                matrix[j * n + i] = 0.0
