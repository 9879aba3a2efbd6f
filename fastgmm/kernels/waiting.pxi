# Rows of a stream wait for their batch: most calls bring a few, which are looked through and copied, and that is all.

def take_rows(rows, room, Py_ssize_t begin, Py_ssize_t end):
    """Copy rows to `room` from row `begin` on; returns their number, or 0 where they are not taken as they are.

    They are taken if they are a few finite rows in C order, of the dtype and the width of the room, that end before
    row `end`, which the room may have or not.

    Parameters
    ----------
    rows : array (n, D) of the kernels' dtype
    room : array (m, D) of the kernels' dtype, out from row `begin` on
    begin, end : int
    """
    cdef Borrowed loan = Borrowed.__new__(Borrowed)
    cdef Borrowed room_loan = Borrowed.__new__(Borrowed)
    cdef real *out
    cdef Py_ssize_t n, d
    try:
        PyObject_GetBuffer(rows, &loan.view, PyBUF_C_CONTIGUOUS)
    except (BufferError, ValueError):               # NumPy raises the second for another order
        return 0
    loan.held = True
    PyObject_GetBuffer(room, &room_loan.view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
    room_loan.held = True
    if room_loan.view.ndim != 2 or room_loan.view.itemsize != sizeof(real) or begin < 0:
        raise ValueError("room: expected rows of the kernels' dtype, and no row before the first")
    d = room_loan.view.shape[1]
    if loan.view.ndim != 2 or loan.view.shape[1] != d or loan.view.itemsize != sizeof(real):
        return 0
    n = loan.view.shape[0]
    if not 0 < n <= FEW_ROWS or begin + n >= end or begin + n > room_loan.view.shape[0]:
        return 0
    if <uintptr_t> loan.view.buf % sizeof(real) or <uintptr_t> room_loan.view.buf % sizeof(real):
        return 0
    out = <real *> room_loan.view.buf + begin * d
    memcpy(out, loan.view.buf, n * d * sizeof(real))
    return n if finite_numbers(out, n * d) else 0
