# The scratch memory of a pass is one allocation, cut into pieces, and is kept for the next pass.

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

    cdef double *doubles(self, Py_ssize_t n):
        return <double *> self.bytes(n * sizeof(double))


@cython.final
@cython.no_gc                       # a chain of spares ends, so there is no cycle to collect
cdef class Scratch:
    """A Block and its memory: for scores, or with what sums need too."""
    cdef Memory memory
    cdef Scratch next               # the next one in a chain of Spares
    cdef Py_ssize_t capacity        # rows per block
    cdef bint for_sums
    cdef Block block
    cdef Py_ssize_t sums_size       # bytes; all sums are one piece, zeroed at once

    cdef _prepare(self, const Mixture *m, Py_ssize_t capacity, bint for_sums):
        cdef Block *block = &self.block
        cdef Py_ssize_t n_padding
        self.capacity = capacity
        self.for_sums = for_sums
        # Columns do not share cache sets, as they are one vector longer than a power of two.
        block.stride = capacity + LANES
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
        block.whitened = cut.reals(k * m.rank * stride if m.shape == LOW_RANK else m.padded * STRIP)
        block.density = cut.reals(k * stride)
        block.distances = cut.reals(k * stride) if self.for_sums and m.shape == SPHERICAL else block.density
        block.log_total = cut.reals(stride)
        block.total = cut.reals(stride)
        block.scale = cut.reals(stride)
        if not self.for_sums:
            return cut.size
        block.gathered = block.columns
        if m.shape == FULL:
            block.gathered = cut.reals(m.padded * stride) + (m.padded - m.n_features) * stride
        block.rows = cut.reals(by_row)
        block.squares = cut.reals(by_row if m.shape == DIAG and about_shift(m) else 0)
        cdef Py_ssize_t n_panel = max(by_row, max(m.n_features, m.rank) * stride)
        block.sums.n_products = 0
        if by_products(m):
            block.sums.n_products = count_products(m.n_features)
            block.doubled = cut.reals(doubled_size(m.n_features))
            block.left = <int *> cut.bytes(block.sums.n_products * sizeof(int))
            block.right = <int *> cut.bytes(block.sums.n_products * sizeof(int))
            block.rotated = <int *> cut.bytes(block.sums.n_products * sizeof(int))
            n_panel = max(n_panel, PRODUCT_ROWS * PRODUCT_VECS * LANES)
        block.panel = cut.reals(n_panel)
        block.panel_rows = self.capacity
        cdef Py_ssize_t n_rows = PANEL_ROWS if sizeof(real) == sizeof(double) else 4 * PANEL_ROWS
        if (n_rows * m.width + m.width * m.width // 2) * <Py_ssize_t> sizeof(real) <= PANEL_BYTES:
            block.panel_rows = min(n_rows, self.capacity)
        block.column_size = block.panel_rows * LANES
        block.live_r = cut.reals(stride + LANES)
        block.thresholds = cut.reals(k)
        block.live = <int *> cut.bytes((stride + STRIP) * sizeof(int))
        block.dense = <int *> cut.bytes(k * sizeof(int))
        block.every = <int *> cut.bytes(max(stride, k) * sizeof(int))
        cdef Py_ssize_t n_matrices = k if m.shape == FULL else 1
        block.sums.second_size = triangle(m.n_features, 0) * LANES
        if m.shape == DIAG or m.shape == SPHERICAL:
            n_matrices = k
            block.sums.second_size = 1 if m.shape == SPHERICAL else m.n_features * LANES if few(m) else m.width
        elif m.shape == LOW_RANK:
            n_matrices = k
            block.sums.second_size = (m.rank + 1) * m.width
        elif by_rows(m):
            block.sums.second_size = lower_row(m.n_features)
        cdef Py_ssize_t n_overlap = triangle(k, 0) * LANES if pooled(m) else 0
        cdef Py_ssize_t n_lanes = k * (1 + m.n_features) * LANES if few_sums(m) else 0
        self.sums_size = sizeof(double) * (
            k + k * m.width + n_matrices * block.sums.second_size + n_overlap + n_lanes
            + k * (1 + block.sums.n_products * LANES))
        block.sums.component_weight = <double *> cut.bytes(self.sums_size)
        block.sums.first = block.sums.component_weight + k
        block.sums.second = block.sums.first + k * m.width
        block.sums.overlap = block.sums.second + n_matrices * block.sums.second_size
        block.sums.lanes = block.sums.overlap + n_overlap
        block.sums.dense_weight = block.sums.lanes + n_lanes
        block.sums.products = block.sums.dense_weight + k
        return cut.size


# Scratch is kept for the next call, and from a mixture to the next of its form: EM makes one per iteration.  Several
# threads may score with one mixture, or make mixtures, at once.  Critical sections guard what they share.  Where there
# is a GIL the sections are empty and it is the guard: inside them references are moved and nothing is called that could
# release it, or suspend the section.

@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Spares:
    """Scratch of one kind that no call is using, as a chain."""
    cdef Scratch first

    cdef Scratch take(self):
        """A piece that is now the caller's alone, or None."""
        cdef Scratch scratch
        with cython.critical_section(self):
            scratch = self.first
            if scratch is not None:
                self.first = scratch.next
                scratch.next = None
        return scratch

    cdef void put(self, Scratch scratch):
        with cython.critical_section(self):
            scratch.next = self.first
            self.first = scratch


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Form:
    """All that the layout of scratch depends on, together with the spare scratch of this layout; never changed."""
    cdef int shape
    cdef Py_ssize_t n_components
    cdef Py_ssize_t n_features
    cdef Py_ssize_t rank
    cdef bint near
    cdef bint central
    cdef Spares strips              # of one strip of rows, for scores
    cdef Spares blocks              # of one block of rows, for scores
    cdef Spares sums                # of one block of rows, for sums

    cdef bint fits(self, const Mixture *m) noexcept nogil:
        return (
            self.shape == m.shape and self.n_components == m.n_components and self.n_features == m.n_features
            and self.rank == m.rank and self.near == m.near and self.central == m.central)

    cdef Scratch take(self, const Mixture *m, Py_ssize_t n_rows, bint for_sums):
        """Scratch that no other call is using: of one strip for scores of a few rows, of one block for all else."""
        cdef bint strip = n_rows <= STRIP and not for_sums
        cdef Spares spares = self.strips if strip else self.sums if for_sums else self.blocks
        cdef Scratch scratch = spares.take()
        if scratch is None:
            scratch = Scratch.__new__(Scratch)
            scratch._prepare(m, STRIP if strip else rows_of_block(m) // STRIP * STRIP, for_sums)
        return scratch

    cdef void put(self, Scratch scratch):
        if scratch.for_sums:
            self.sums.put(scratch)
        elif scratch.capacity == STRIP:
            self.strips.put(scratch)
        else:
            self.blocks.put(scratch)


cdef Py_ssize_t rows_of_block(const Mixture *m) noexcept nogil:
    """A quarter where a block is kept as columns, as rows and as squares of them: less than the first-level cache.

    LOW_RANK, whose features may be many, has fewer rows where its block would be more than the second-level cache.
    """
    if m.shape == LOW_RANK:
        return max(<Py_ssize_t> STRIP, min(BLOCK_BYTES, LOW_RANK_BYTES // (2 * m.width)) // <Py_ssize_t> sizeof(real))
    return BLOCK_BYTES // <Py_ssize_t> sizeof(real) // (4 if m.shape == DIAG and about_shift(m) else 1)


cdef Form new_form(const Mixture *m):
    cdef Form form = Form.__new__(Form)
    form.shape = m.shape
    form.n_components = m.n_components
    form.n_features = m.n_features
    form.rank = m.rank
    form.near = m.near
    form.central = m.central
    form.strips = Spares.__new__(Spares)
    form.blocks = Spares.__new__(Spares)
    form.sums = Spares.__new__(Spares)
    return form


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class LastForm:
    """The form of the mixture that was made last."""
    cdef Form form

    cdef Form of(self, const Mixture *m):
        """That form where it fits this mixture, else a new one, which is the last from now on."""
        cdef Form form
        with cython.critical_section(self):
            form = self.form
        if form is not None and form.fits(m):
            return form
        form = new_form(m)
        with cython.critical_section(self):
            self.form = form
        return form


# This object is made at import and never replaced: all that changes is what it holds.
cdef LastForm last_form = LastForm()
