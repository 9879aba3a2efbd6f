# Arrays on loan from the caller, and the scratch memory of a pass: one allocation, cut into pieces.

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
            f"{name}: expected {n_items} items of {item_size} bytes, "
            f"got {loan.view.len} bytes in items of {loan.view.itemsize}")
    return loan


cdef class Memory:
    """One aligned allocation, freed with the object."""
    cdef char *base
    cdef char *begin

    def __cinit__(self, Py_ssize_t size):
        self.base = <char *> malloc(size + CACHE_LINE)
        if self.base == NULL:
            raise MemoryError(f"the kernels need {size} bytes of scratch memory")
        self.begin = self.base + (CACHE_LINE - <uintptr_t> self.base % CACHE_LINE) % CACHE_LINE

    def __dealloc__(self):
        free(self.base)


cdef class Cutter:
    """Cuts a Memory into pieces on cache lines; without one it counts."""
    cdef char *begin
    cdef Py_ssize_t size

    def __cinit__(self, Memory memory):
        self.begin = memory.begin if memory is not None else NULL

    cdef void *bytes(self, Py_ssize_t n):
        cdef void *piece = self.begin + self.size if self.begin != NULL else NULL
        self.size += round_up(n, CACHE_LINE)
        return piece

    cdef real *reals(self, Py_ssize_t n):
        return <real *> self.bytes(n * sizeof(real))


cdef class Scratch:
    """A Block and its memory: for scores, or with what sums need too."""
    cdef Memory memory
    cdef Py_ssize_t capacity        # rows per block
    cdef bint for_sums
    cdef Block block
    cdef Py_ssize_t sums_size       # bytes; all sums are one piece, zeroed at once

    def __cinit__(self, PackedMixture packed, Py_ssize_t capacity, bint for_sums):
        cdef const Mixture *m = &packed.mixture
        cdef Block *block = &self.block
        cdef Py_ssize_t n_padding
        self.capacity = capacity
        self.for_sums = for_sums
        block.stride = capacity + LANES         # one vector more than a power of two: columns do not share cache sets
        self.memory = Memory(self._lay_out(m, None))
        self._lay_out(m, self.memory)
        memset(block.differences, 0, m.padded * STRIP * sizeof(real))
        n_padding = (m.padded - m.n_features) * block.stride
        memset(block.columns - n_padding, 0, n_padding * sizeof(real))
        if for_sums:
            memset(block.gathered - n_padding, 0, n_padding * sizeof(real))
            memset(block.rows, 0, capacity * m.width * sizeof(real))
            for b in range(max(block.stride, m.n_components)):
                block.every[b] = <int> b
            if by_products(m):
                for b in range(doubled_size(m.n_features)):
                    block.doubled[b] = 1
                list_products(m.n_features, block.left, block.right, block.rotated)

    cdef Py_ssize_t _lay_out(self, const Mixture *m, Memory memory):
        """Give every pointer of the block its piece of the memory; with None, only count the bytes."""
        cdef Block *block = &self.block
        cdef Py_ssize_t k = m.n_components
        cdef Py_ssize_t stride = block.stride
        cdef Py_ssize_t by_row = self.capacity * m.width
        cdef Cutter cut = Cutter(memory)
        block.columns = cut.reals(m.padded * stride) + (m.padded - m.n_features) * stride
        block.differences = cut.reals(m.padded * STRIP)
        block.whitened = cut.reals(m.padded * STRIP)
        block.density = cut.reals(k * stride)
        block.distances = cut.reals(k * stride) if self.for_sums and m.shape == SPHERICAL else block.density
        block.log_total = cut.reals(stride)
        block.total = cut.reals(stride)
        if not self.for_sums:
            return cut.size
        block.gathered = block.columns
        if m.shape == FULL:
            block.gathered = cut.reals(m.padded * stride) + (m.padded - m.n_features) * stride
        block.rows = cut.reals(by_row)
        block.squares = cut.reals(by_row if m.shape == DIAG and m.near else 0)
        cdef Py_ssize_t n_panel = max(by_row, m.n_features * stride)
        block.sums.n_products = 0
        if by_products(m):
            block.sums.n_products = count_products(m.n_features)
            block.doubled = cut.reals(doubled_size(m.n_features))
            block.left = <int *> cut.bytes(block.sums.n_products * sizeof(int))
            block.right = <int *> cut.bytes(block.sums.n_products * sizeof(int))
            block.rotated = <int *> cut.bytes(block.sums.n_products * sizeof(int))
            n_panel = max(n_panel, PRODUCT_ROWS * PRODUCT_VECS * LANES)
        block.panel = cut.reals(n_panel)
        block.column_size = self.capacity * LANES
        block.live_r = cut.reals(stride + LANES)
        block.thresholds = cut.reals(k)
        block.live = <int *> cut.bytes((stride + STRIP) * sizeof(int))
        block.dense = <int *> cut.bytes(k * sizeof(int))
        block.every = <int *> cut.bytes(max(stride, k) * sizeof(int))
        cdef Py_ssize_t n_matrices = k if m.shape == FULL else 1
        block.sums.second_size = triangle(m.n_features, 0) * LANES
        if m.shape == DIAG or m.shape == SPHERICAL:
            n_matrices = k
            block.sums.second_size = m.width if m.shape == DIAG else 1
        elif by_rows(m):
            block.sums.second_size = lower_row(m.n_features)
        cdef Py_ssize_t n_overlap = triangle(k, 0) * LANES if pooled(m) else 0
        self.sums_size = sizeof(double) * (
            k + k * m.width + n_matrices * block.sums.second_size + n_overlap
            + k * (1 + block.sums.n_products * LANES))
        block.sums.component_weight = <double *> cut.bytes(self.sums_size)
        block.sums.first = block.sums.component_weight + k
        block.sums.second = block.sums.first + k * m.width
        block.sums.overlap = block.sums.second + n_matrices * block.sums.second_size
        block.sums.dense_weight = block.sums.overlap + n_overlap
        block.sums.products = block.sums.dense_weight + k
        return cut.size
