# The arrays of the caller are borrowed for the length of a call: a raw buffer costs a tenth of a typed memoryview.
# Whatever the caller says of an array is compared with its buffer here, before a pointer is followed.

cdef enum:
    # Fewer items than 2 to this power have bytes that can be counted: it is 58 where pointers have 64 bits.
    MOST_BITS = 8 * sizeof(Py_ssize_t) - 6


cdef class Borrowed:
    """A C-contiguous array on loan for the length of a call."""
    cdef Py_buffer view
    cdef bint held

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef Borrowed borrow(array, Py_ssize_t item_size, Py_ssize_t n_items, bint writable, str name):
    """A loan of n_items items, fewer than 2^MOST_BITS so that their bytes can be counted; sizes are powers of two.

    An array without items may lie anywhere.
    """
    cdef Borrowed loan = Borrowed.__new__(Borrowed)
    PyObject_GetBuffer(array, &loan.view, PyBUF_C_CONTIGUOUS | (PyBUF_WRITABLE if writable else 0))
    loan.held = True
    if loan.view.itemsize != item_size or n_items >> MOST_BITS or loan.view.len != n_items * item_size:
        raise ValueError(
            f"{name}: expected {n_items} items of {item_size} bytes, "
            f"got {loan.view.len} bytes in items of {loan.view.itemsize}")
    if loan.view.len and <uintptr_t> loan.view.buf & <uintptr_t> (item_size - 1):
        raise ValueError(f"{name}: expected items on addresses that are multiples of {item_size} bytes")
    return loan


cdef Borrowed borrow_rows(array, Py_ssize_t item_size, Py_ssize_t n_columns, str name):
    """A loan of a table (n, n_columns): `loan.view.shape[0]` is its number of rows."""
    cdef Borrowed loan = Borrowed.__new__(Borrowed)
    PyObject_GetBuffer(array, &loan.view, PyBUF_C_CONTIGUOUS)
    loan.held = True
    if loan.view.ndim != 2 or loan.view.shape[1] != n_columns or loan.view.itemsize != item_size:
        raise ValueError(
            f"{name}: expected rows of {n_columns} items of {item_size} bytes, "
            f"got {loan.view.ndim} dimensions, {loan.view.len} bytes in items of {loan.view.itemsize}")
    if loan.view.len and <uintptr_t> loan.view.buf & <uintptr_t> (item_size - 1):
        raise ValueError(f"{name}: expected items on addresses that are multiples of {item_size} bytes")
    return loan


cdef check_sizes(str name, shape, int n_dimensions):
    """Refuse a shape of other dimensions, without numbers, or with more than an int can count."""
    cdef Py_ssize_t size
    if len(shape) != n_dimensions:
        raise ValueError(f"{name}: expected {n_dimensions} dimensions, got the shape {tuple(shape)}")
    for size in shape:
        if not 0 < size < 1 << 31:
            raise ValueError(f"{name}: expected sizes from 1 to 2^31 - 1, got the shape {tuple(shape)}")
