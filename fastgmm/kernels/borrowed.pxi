# The arrays of the caller are borrowed for the length of a call: a raw buffer costs a tenth of a typed memoryview.

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
