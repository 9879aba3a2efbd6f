# The door: Python objects outside, pointers inside.  A PackedMixture holds the parameters in the order in which the kernels read them; its methods
# borrow the caller's arrays, release the GIL and walk the rows block by block.  They allocate scratch, never results.

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_WRITABLE, PyObject_GetBuffer, PyBuffer_Release
from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef enum:
    FULL
    TIED
    DIAG
    SPHERICAL

cdef enum:
    CACHE_LINE = 64
    ROWS_PER_BLOCK = 256        # 256 rows of 16 columns in float64 fill 32 KB, the first-level cache

SHAPES = {"full": FULL, "tied": TIED, "diag": DIAG, "spherical": SPHERICAL}

cdef enum:
    WEIGHTED_LOG_DENSITY
    COMPONENT_LOG_DENSITY
    RESPONSIBILITIES
    LABELS


cdef Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


cdef class Borrowed:
    """A C-contiguous array on loan for the length of a call."""
    cdef Py_buffer view
    cdef bint held

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef Borrowed borrow(array, Py_ssize_t item_size, Py_ssize_t n_items, bint writable, str name):
    cdef Borrowed loan = Borrowed.__new__(Borrowed)
    PyObject_GetBuffer(array, &loan.view, PyBUF_C_CONTIGUOUS | (PyBUF_WRITABLE if writable else 0))
    loan.held = True
    if loan.view.itemsize != item_size or loan.view.len != n_items * item_size:
        raise ValueError(
            f"{name}: expected {n_items} items of {item_size} bytes, got {loan.view.len} bytes in items of {loan.view.itemsize}")
    return loan


cdef class Memory:
    """One aligned allocation, cut into pieces; freed with the object."""
    cdef char *base
    cdef char *next
    cdef Py_ssize_t size

    def __cinit__(self, Py_ssize_t size):
        self.base = <char *> malloc(size + CACHE_LINE)
        if self.base == NULL:
            raise MemoryError(f"the kernels need {size} bytes of scratch memory")
        self.next = self.base + (CACHE_LINE - <uintptr_t> self.base % CACHE_LINE) % CACHE_LINE
        self.size = size

    def __dealloc__(self):
        free(self.base)

    cdef void *take(self, Py_ssize_t n_items, Py_ssize_t item_size):
        cdef void *piece = self.next
        self.next += round_up(n_items * item_size, CACHE_LINE)
        return piece


cdef class Scratch:
    """What the kernels write while they walk the blocks: for scores, and the rest for statistics."""
    cdef Memory memory
    cdef Py_ssize_t capacity        # rows per block
    cdef bint for_sums
    cdef Py_ssize_t stride
    cdef real *columns              # n_features x stride
    cdef real *differences          # padded x STRIP
    cdef real *whitened             # padded x STRIP
    cdef real *log_density          # n_components x stride
    cdef real *log_total            # stride
    cdef real *total                # stride
    cdef real *rows                 # capacity x width, where the features do not fill whole vectors
    cdef real *panel                # capacity x width or n_features x stride
    cdef real *root_rows            # capacity x overlap_width
    cdef real *mixture_mean         # width
    cdef real *live_root            # stride
    cdef real *thresholds           # n_components
    cdef int *live                  # stride
    cdef Sums sums
    cdef double *sums_base          # all sums are one piece, zeroed at once
    cdef Py_ssize_t sums_size

    def __cinit__(self, PackedMixture packed, Py_ssize_t capacity, bint for_sums):
        cdef const Mixture *m = &packed.mixture
        cdef Py_ssize_t k = m.n_components
        cdef Py_ssize_t overlap_width = round_up(k, LANES) if m.shape == TIED and overlap_pays(k, m.n_features) else 0
        cdef Py_ssize_t second = k * m.width
        if m.shape == FULL:
            second = k * m.n_features * m.width
        elif m.shape == TIED:
            second = m.n_features * m.width
        self.capacity = capacity
        self.for_sums = for_sums
        self.stride = capacity + LANES          # one vector more than a power of two: columns do not share cache sets
        cdef Py_ssize_t panel = max(capacity * m.width, m.n_features * self.stride)
        self.sums_size = sizeof(double) * (k + k * m.width + second + k * overlap_width + m.width)
        cdef Py_ssize_t size = sizeof(real) * (
            (m.n_features + k + 2) * self.stride + 2 * m.padded * STRIP) + 6 * CACHE_LINE
        if for_sums:
            size += sizeof(real) * (capacity * m.width + panel + capacity * overlap_width + m.width + self.stride + k)
            size += sizeof(int) * self.stride + self.sums_size + 8 * CACHE_LINE
        self.memory = Memory(size)
        self.columns = <real *> self.memory.take(m.n_features * self.stride, sizeof(real))
        self.differences = <real *> self.memory.take(m.padded * STRIP, sizeof(real))
        self.whitened = <real *> self.memory.take(m.padded * STRIP, sizeof(real))
        self.log_density = <real *> self.memory.take(k * self.stride, sizeof(real))
        self.log_total = <real *> self.memory.take(self.stride, sizeof(real))
        self.total = <real *> self.memory.take(self.stride, sizeof(real))
        memset(self.differences, 0, m.padded * STRIP * sizeof(real))
        if not for_sums:
            return
        self.rows = <real *> self.memory.take(capacity * m.width, sizeof(real))
        self.panel = <real *> self.memory.take(panel, sizeof(real))
        self.root_rows = <real *> self.memory.take(capacity * overlap_width, sizeof(real))
        self.mixture_mean = <real *> self.memory.take(m.width, sizeof(real))
        self.live_root = <real *> self.memory.take(self.stride, sizeof(real))
        self.thresholds = <real *> self.memory.take(k, sizeof(real))
        self.live = <int *> self.memory.take(self.stride, sizeof(int))
        self.sums_base = <double *> self.memory.take(self.sums_size, 1)
        self.sums.component_weight = self.sums_base
        self.sums.first = self.sums.component_weight + k
        self.sums.second = self.sums.first + k * m.width
        self.sums.overlap = self.sums.second + second
        self.sums.overlap_width = overlap_width
        self.sums.unused = self.sums.overlap + k * overlap_width
        memset(self.rows, 0, capacity * m.width * sizeof(real))


cdef void pack_factor(const double *inverse, Py_ssize_t n_features, Py_ssize_t padded, real *out) noexcept:
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


cdef class PackedMixture:
    """Parameters of a mixture as the kernels read them; immutable.

    Parameters
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
    log_weights : float64 array (K,)
    means : float64 array (K, D)
    inverse_factors : float64 array
        L^-1 of the covariances' Cholesky factors: (K, D, D), (D, D), (K, D) or (K,).
    log_determinants : float64 array (K,)
        log det L per component, in nats; tied repeats one.
    """
    cdef Mixture mixture
    cdef Memory memory
    cdef list spare                 # scratch of full size, kept for the next call; threads take turns under the GIL
    cdef readonly Py_ssize_t n_components
    cdef readonly Py_ssize_t n_features
    cdef readonly str covariance_type

    def __init__(self, str covariance_type, log_weights, means, inverse_factors, log_determinants):
        cdef Mixture *m = &self.mixture
        cdef Py_ssize_t n_components = len(log_weights)
        cdef Py_ssize_t n_features = means.shape[1]
        self.spare = []
        self.covariance_type = covariance_type
        self.n_components = m.n_components = n_components
        self.n_features = m.n_features = n_features
        m.shape = SHAPES[covariance_type]
        m.width = round_up(n_features, LANES)
        m.padded = round_up(n_features, TILE_ROWS)
        m.factor_size = m.padded * (m.padded + TILE_ROWS) // 2
        cdef Py_ssize_t n_factors = 1 if m.shape == TIED else n_components
        cdef Py_ssize_t factor_items = {FULL: n_features * n_features, TIED: n_features * n_features, DIAG: n_features, SPHERICAL: 1}[m.shape]
        cdef Py_ssize_t packed_items = m.factor_size
        if m.shape == DIAG:
            packed_items = m.width
        elif m.shape == SPHERICAL:
            packed_items = 1
        cdef Py_ssize_t n_whitened = n_components * m.padded if m.shape == TIED else 0
        self.memory = Memory(sizeof(real) * (
            n_components * m.width + n_factors * packed_items + m.width + n_whitened + 2 * n_components) + 6 * CACHE_LINE)
        m.means = <real *> self.memory.take(n_components * m.width, sizeof(real))
        m.factors = <real *> self.memory.take(n_factors * packed_items, sizeof(real))
        m.shift = <real *> self.memory.take(m.width, sizeof(real))
        m.whitened_means = <real *> self.memory.take(n_whitened, sizeof(real))
        m.log_norms = <real *> self.memory.take(n_components, sizeof(real))
        m.log_scales = <real *> self.memory.take(n_components, sizeof(real))
        memset(m.means, 0, n_components * m.width * sizeof(real))
        memset(m.factors, 0, n_factors * packed_items * sizeof(real))

        cdef Borrowed weights_loan = borrow(log_weights, sizeof(double), n_components, False, "log_weights")
        cdef Borrowed means_loan = borrow(means, sizeof(double), n_components * n_features, False, "means")
        cdef Borrowed factors_loan = borrow(inverse_factors, sizeof(double), n_factors * factor_items, False, "inverse_factors")
        cdef Borrowed determinants_loan = borrow(log_determinants, sizeof(double), n_components, False, "log_determinants")
        cdef const double *mean = <const double *> means_loan.view.buf
        cdef const double *factor = <const double *> factors_loan.view.buf
        cdef Py_ssize_t k, j
        cdef double norm
        for k in range(n_components):
            norm = -(<const double *> determinants_loan.view.buf)[k] - 0.9189385332046727417803297 * n_features
            m.log_norms[k] = <real> norm
            m.log_scales[k] = <real> (norm + (<const double *> weights_loan.view.buf)[k])
            for j in range(n_features):
                m.means[k * m.width + j] = <real> mean[k * n_features + j]
        for k in range(n_factors):
            if m.shape == FULL or m.shape == TIED:
                pack_factor(factor + k * factor_items, n_features, m.padded, m.factors + k * packed_items)
            else:
                for j in range(factor_items):
                    m.factors[k * packed_items + j] = <real> factor[k * factor_items + j]
        if m.shape == TIED:
            self.whiten_means(factor)

    cdef void whiten_means(self, const double *inverse):
        """whitened_means = L^-1 (mean - shift) with the middle of the means as the shift: the rounding error of a
        whitened difference is then eps times the spread of the means in deviations, whatever their offset."""
        cdef Mixture *m = &self.mixture
        cdef Py_ssize_t n_features = m.n_features
        cdef Py_ssize_t pad = m.padded - n_features
        cdef Py_ssize_t k, i, j
        cdef double total
        for j in range(n_features):
            total = 0.0
            for k in range(m.n_components):
                total += m.means[k * m.width + j] / <double> m.n_components
            m.shift[j] = <real> total
        memset(m.whitened_means, 0, m.n_components * m.padded * sizeof(real))
        for k in range(m.n_components):
            for i in range(n_features):
                total = 0.0
                for j in range(i + 1):
                    total += inverse[i * n_features + j] * (<double> m.means[k * m.width + j] - <double> m.shift[j])
                m.whitened_means[k * m.padded + pad + i] = <real> total

    cdef Scratch take_scratch(self, Py_ssize_t n_rows, bint for_sums):
        cdef Py_ssize_t capacity = ROWS_PER_BLOCK // STRIP * STRIP
        cdef Scratch scratch
        if n_rows < capacity:
            return Scratch(self, round_up(n_rows, STRIP), for_sums)
        for index in range(len(self.spare)):
            scratch = <Scratch> self.spare[index]
            if scratch.for_sums or not for_sums:
                return self.spare.pop(index)
        return Scratch(self, capacity, for_sums)

    cdef void give_back(self, Scratch scratch):
        if scratch.capacity == ROWS_PER_BLOCK // STRIP * STRIP:
            self.spare.append(scratch)

    cdef _score(self, rows, out, int wanted, Py_ssize_t n_out, Py_ssize_t item_size):
        cdef Py_ssize_t n_rows = len(rows)
        cdef Borrowed rows_loan = borrow(rows, sizeof(real), n_rows * self.n_features, False, "rows")
        cdef Borrowed out_loan = borrow(out, item_size, n_rows * n_out, True, "out")
        cdef Scratch scratch = self.take_scratch(n_rows, False)
        with nogil:
            score_rows(&self.mixture, <const real *> rows_loan.view.buf, n_rows, wanted, out_loan.view.buf, scratch)
        self.give_back(scratch)

    def log_density(self, rows, out):
        """out (n,) = log sum_k weight_k N(x | mean_k, covariance_k), nats; rows (n, D)."""
        self._score(rows, out, WEIGHTED_LOG_DENSITY, 1, sizeof(real))

    def component_log_density(self, rows, out):
        """out (n, K) = log N(x | mean_k, covariance_k), nats."""
        self._score(rows, out, COMPONENT_LOG_DENSITY, self.n_components, sizeof(real))

    def responsibilities(self, rows, out):
        """out (n, K) = posterior probabilities of the components."""
        self._score(rows, out, RESPONSIBILITIES, self.n_components, sizeof(real))

    def labels(self, rows, out):
        """out (n,) int64 = the most probable component, the first of equals."""
        self._score(rows, out, LABELS, 1, sizeof(int64_t))

    def expectation(self, rows, sample_weight, responsibilities, thresholds, component_weight, first, second):
        """The weighted sums of one batch; returns the log-likelihood (weighted sum over the rows, nats).

        Parameters
        ----------
        rows : array (n, D) of the kernels' dtype
        sample_weight : float64 array (n,) or None
        responsibilities : array (n, K) of the kernels' dtype, or None
            Given responsibilities in place of those of this mixture; the log-likelihood is then 0.
        thresholds : float64 array (K,)
            Pairs whose responsibility (times weight) is not above it are left out.
        component_weight, first, second : float64 arrays, out
            (K,), (K, D) and (K, D, D) / (D, D) / (K, D) / (K,), about the means as this dtype rounds them.
        """
        cdef Mixture *m = &self.mixture
        cdef Py_ssize_t n_rows = len(rows)
        cdef Py_ssize_t k, j
        cdef Borrowed rows_loan = borrow(rows, sizeof(real), n_rows * m.n_features, False, "rows")
        cdef Borrowed weight_loan, given_loan
        cdef const double *weight = NULL
        cdef const real *given = NULL
        if sample_weight is not None:
            weight_loan = borrow(sample_weight, sizeof(double), n_rows, False, "sample_weight")
            weight = <const double *> weight_loan.view.buf
        if responsibilities is not None:
            given_loan = borrow(responsibilities, sizeof(real), n_rows * m.n_components, False, "responsibilities")
            given = <const real *> given_loan.view.buf
        cdef Py_ssize_t second_items = {
            FULL: m.n_components * m.n_features * m.n_features, TIED: m.n_features * m.n_features,
            DIAG: m.n_components * m.n_features, SPHERICAL: m.n_components}[m.shape]
        cdef Borrowed thresholds_loan = borrow(thresholds, sizeof(double), m.n_components, False, "thresholds")
        cdef Borrowed zeroth_loan = borrow(component_weight, sizeof(double), m.n_components, True, "component_weight")
        cdef Borrowed first_loan = borrow(first, sizeof(double), m.n_components * m.n_features, True, "first")
        cdef Borrowed second_loan = borrow(second, sizeof(double), second_items, True, "second")
        cdef Scratch scratch = self.take_scratch(n_rows, True)
        cdef double log_likelihood
        for k in range(m.n_components):
            scratch.thresholds[k] = <real> sqrt((<const double *> thresholds_loan.view.buf)[k])
        with nogil:
            log_likelihood = sum_rows(m, <const real *> rows_loan.view.buf, n_rows, weight, given, scratch)
            memcpy(zeroth_loan.view.buf, scratch.sums.component_weight, m.n_components * sizeof(double))
            for k in range(m.n_components):
                memcpy(
                    <double *> first_loan.view.buf + k * m.n_features, scratch.sums.first + k * m.width,
                    m.n_features * sizeof(double))
            unpack_second(m, &scratch.sums, <double *> second_loan.view.buf)
        self.give_back(scratch)
        return log_likelihood


cdef void score_rows(
    const Mixture *m, const real *rows, Py_ssize_t n_rows, int wanted, void *out, Scratch scratch
) noexcept nogil:
    cdef Py_ssize_t begin, n_block, n_strips, b, k
    cdef Py_ssize_t stride = scratch.stride
    cdef Py_ssize_t n_components = m.n_components
    cdef real *density = scratch.log_density
    cdef real *result = <real *> out
    cdef real *row_out
    cdef real scale
    for begin from 0 <= begin < n_rows by scratch.capacity:
        n_block = min(scratch.capacity, n_rows - begin)
        n_strips = (n_block + STRIP - 1) // STRIP
        transpose(rows + begin * m.n_features, n_block, m.n_features, scratch.columns, stride)
        log_densities(
            m, m.log_norms if wanted == COMPONENT_LOG_DENSITY else m.log_scales, scratch.columns, stride, n_strips,
            scratch.differences, scratch.whitened, density)
        if wanted == LABELS:
            first_largest(density, n_components, stride, n_block, <int64_t *> out + begin)
            continue
        if wanted == COMPONENT_LOG_DENSITY:
            for b in range(n_block):
                row_out = result + (begin + b) * n_components
                for k in range(n_components):
                    row_out[k] = density[k * stride + b]
            continue
        normalize(density, n_components, stride, n_strips, scratch.log_total, scratch.total)
        if wanted == WEIGHTED_LOG_DENSITY:
            memcpy(result + begin, scratch.log_total, n_block * sizeof(real))
            continue
        for b in range(n_block):
            row_out = result + (begin + b) * n_components
            scale = 1 / scratch.total[b]
            for k in range(n_components):
                row_out[k] = density[k * stride + b] * density[k * stride + b] * scale


cdef void first_largest(
    const real *density, Py_ssize_t n_components, Py_ssize_t stride, Py_ssize_t n_rows, int64_t *out
) noexcept nogil:
    cdef Py_ssize_t b, k
    cdef real best
    for b in range(n_rows):
        best = density[b]
        out[b] = 0
        for k in range(1, n_components):
            if density[k * stride + b] > best:
                best = density[k * stride + b]
                out[b] = k


cdef double sum_rows(
    const Mixture *m, const real *rows, Py_ssize_t n_rows, const double *weight, const real *given, Scratch scratch
) noexcept nogil:
    """The fused pass: densities, responsibilities and sums of each block while it is in the cache."""
    cdef Py_ssize_t begin, n_block, n_strips, b, k
    cdef Py_ssize_t stride = scratch.stride
    cdef real *root = scratch.log_density
    cdef real *scale = scratch.total
    cdef const real *block
    cdef double log_likelihood = 0.0
    memset(scratch.sums_base, 0, scratch.sums_size)
    for begin from 0 <= begin < n_rows by scratch.capacity:
        n_block = min(scratch.capacity, n_rows - begin)
        n_strips = (n_block + STRIP - 1) // STRIP
        block = rows + begin * m.n_features
        transpose(block, n_block, m.n_features, scratch.columns, stride)
        if given == NULL:
            log_densities(
                m, m.log_scales, scratch.columns, stride, n_strips, scratch.differences, scratch.whitened, root)
            normalize(root, m.n_components, stride, n_strips, scratch.log_total, scale)
            log_likelihood += block_log_likelihood(scratch.log_total, n_block, weight + begin if weight != NULL else NULL)
            for b in range(n_block):
                scale[b] = REAL_SQRT((<real> weight[begin + b] if weight != NULL else 1) / scale[b])
        else:
            for k in range(m.n_components):
                for b in range(n_block):
                    root[k * stride + b] = REAL_SQRT(given[(begin + b) * m.n_components + k])
            for b in range(n_block):
                scale[b] = REAL_SQRT(<real> weight[begin + b]) if weight != NULL else 1
        for b in range(n_block, n_strips * STRIP):
            scale[b] = 0
        for k in range(m.n_components):
            for b from 0 <= b < n_strips * STRIP by LANES:
                vstore(root + k * stride + b, vload(root + k * stride + b) * vload(scale + b))
        if m.width != m.n_features:
            for b in range(n_block):
                memcpy(scratch.rows + b * m.width, block + b * m.n_features, m.n_features * sizeof(real))
            block = scratch.rows
        accumulate(
            m, block, scratch.columns, root, stride, n_block, scratch.thresholds, scratch.live, scratch.live_root,
            scratch.panel, scratch.capacity * LANES, scratch.root_rows, scratch.mixture_mean, &scratch.sums)
    return log_likelihood


cdef double block_log_likelihood(const real *log_total, Py_ssize_t n_rows, const double *weight) noexcept nogil:
    cdef Py_ssize_t b
    cdef double total = 0.0
    for b in range(n_rows):
        if weight == NULL:
            total += log_total[b]
        elif weight[b] > 0:                  # a row of no weight may have a log density of -inf
            total += weight[b] * log_total[b]
    return total


cdef void unpack_second(const Mixture *m, const Sums *sums, double *out) noexcept nogil:
    """Lower triangles of stride `width` -> symmetric matrices; the parts of the pooled scatter put together."""
    cdef Py_ssize_t k, l, i, j
    cdef Py_ssize_t n_features = m.n_features
    cdef const double *second
    cdef double weight, total
    if m.shape == DIAG or m.shape == SPHERICAL:
        for k in range(m.n_components):
            total = 0.0
            for j in range(n_features):
                if m.shape == DIAG:
                    out[k * n_features + j] = sums.second[k * m.width + j]
                total += sums.second[k * m.width + j]
            if m.shape == SPHERICAL:
                out[k] = total
        return
    if m.shape == TIED and sums.overlap_width > 0:
        for k in range(m.n_components):
            for l in range(k):
                weight = sums.overlap[k * sums.overlap_width + l]
                if weight > 0:
                    add_pair(m.means + k * m.width, m.means + l * m.width, n_features, weight, sums.second, m.width)
    for k in range(m.n_components if m.shape == FULL else 1):
        second = sums.second + k * n_features * m.width
        for i in range(n_features):
            for j in range(i + 1):
                out[(k * n_features + i) * n_features + j] = second[i * m.width + j]
                out[(k * n_features + j) * n_features + i] = second[i * m.width + j]


cdef void add_pair(
    const real *a, const real *b, Py_ssize_t n_features, double weight, double *second, Py_ssize_t width
) noexcept nogil:
    """second += weight (a - b)(a - b)^T, lower triangle."""
    cdef Py_ssize_t i, j
    cdef double left
    for i in range(n_features):
        left = weight * (<double> a[i] - <double> b[i])
        for j in range(i + 1):
            second[i * width + j] += left * (<double> a[j] - <double> b[j])


def all_finite(rows):
    """True if no number of the array (C-contiguous, of the kernels' dtype) is NaN or infinite."""
    cdef Borrowed loan = borrow(rows, sizeof(real), rows.size, False, "rows")
    cdef bint finite
    with nogil:
        finite = finite_numbers(<const real *> loan.view.buf, loan.view.len // <Py_ssize_t> sizeof(real))
    return finite


cdef bint finite_numbers(const real *numbers, Py_ssize_t n) noexcept nogil:
    """0 * x is 0 for a finite x and NaN otherwise."""
    cdef Py_ssize_t i = 0
    cdef vec a = vset(0.0)
    cdef vec b = vset(0.0)
    cdef real rest = 0
    while i + 2 * LANES <= n:
        a = a + vload(numbers + i) * vset(0.0)
        b = b + vload(numbers + i + LANES) * vset(0.0)
        i += 2 * LANES
    rest = vsum(a + b)
    while i < n:
        rest = rest + numbers[i] * 0
        i += 1
    return rest == 0


def exp(numbers, out):
    """out = e^numbers as the kernels compute it (arguments up to 0); for tests of its error."""
    _map_vectors(numbers, out, True)


def log(numbers, out):
    """out = ln numbers as the kernels compute it (positive normal arguments); for tests of its error."""
    _map_vectors(numbers, out, False)


cdef _map_vectors(numbers, out, bint exponential):
    """A whole number of vectors is read and written."""
    cdef Py_ssize_t n = len(numbers)
    cdef Py_ssize_t i
    cdef Borrowed source = borrow(numbers, sizeof(real), round_up(n, LANES), False, "numbers")
    cdef Borrowed target = borrow(out, sizeof(real), n, True, "out")
    cdef vec x
    for i from 0 <= i < n by LANES:
        x = vload(<const real *> source.view.buf + i)
        vstore(<real *> target.view.buf + i, exp_nonpositive(x) if exponential else log_positive(x))
