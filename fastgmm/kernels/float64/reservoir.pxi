# Which rows of a stream may enter its sample: most have random numbers that are too large, and are not looked at again.

from libc.stdint cimport uint32_t

cdef enum:
    BITS_AT_ONCE = 64

cdef inline uint32_t mixed_bits(uint32_t number) noexcept nogil:
    """32 random bits of a number: it times the golden ratio, mixed by a step of MurmurHash3."""
    cdef uint32_t bits = number * <uint32_t> 0x9E3779B1
    bits = (bits ^ (bits >> 15)) * <uint32_t> 0x85EBCA6B
    return bits ^ (bits >> 13)


cdef Py_ssize_t list_small(
    uint32_t number, Py_ssize_t n, Py_ssize_t first, Py_ssize_t step, uint32_t limit, int64_t *index, uint32_t *bits
) noexcept nogil:
    """index, bits = those of every so many of n rows whose bits are at most `limit`; returns their number."""
    cdef uint32_t of_rows[BITS_AT_ONCE]
    cdef uint32_t least
    cdef Py_ssize_t begin, i
    cdef Py_ssize_t found = 0
    cdef Py_ssize_t n_asked = (n - first + step - 1) // step if first < n else 0
    cdef Py_ssize_t n_part
    for begin from 0 <= begin < n_asked by BITS_AT_ONCE:
        n_part = min(BITS_AT_ONCE, n_asked - begin)
        least = <uint32_t> 0xFFFFFFFF
        for i in range(n_part):
            of_rows[i] = mixed_bits(number + <uint32_t> (first + (begin + i) * step))
            least = min(least, of_rows[i])
        if least > limit:
            continue
        for i in range(n_part):
            if of_rows[i] <= limit:
                index[found] = first + (begin + i) * step
                bits[found] = of_rows[i]
                found += 1
    return found


def small_bits(uint32_t number, Py_ssize_t n, Py_ssize_t first, Py_ssize_t step, uint32_t limit, index, bits):
    """The rows, every so many of n, that have small random numbers; returns how many there are.

    Parameters
    ----------
    number : int
        The number of the first of the n rows, modulo 2^32.
    n, first, step : int
        The rows `first`, `first + step`, ... of the n are looked at.
    limit : int
        The largest number that is small.
    index : int64 array, out
        Those rows; it has room for all that are looked at.
    bits : uint32 array, out
        Their random numbers, of 32 bits; likewise.
    """
    if n < 0 or first < 0 or step < 1:
        raise ValueError(f"expected n and first of 0 or more, and steps of 1 or more, got {n}, {first} and {step}")
    cdef Py_ssize_t n_asked = (n - first + step - 1) // step if first < n else 0
    cdef Borrowed index_loan = borrow(index, sizeof(int64_t), n_asked, True, "index")
    cdef Borrowed bits_loan = borrow(bits, sizeof(uint32_t), n_asked, True, "bits")
    return list_small(
        number, n, first, step, limit, <int64_t *> index_loan.view.buf, <uint32_t *> bits_loan.view.buf)
