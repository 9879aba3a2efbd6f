# Numbers are sorted by their bits, eight at a time: a few thousand of them take less than a comparison each.

from libc.stdint cimport uint64_t

cdef enum:
    DIGITS = 8                  # of a float64, eight bits each
    VALUES = 256                # of a digit

cdef inline uint64_t ordered_bits(double x) noexcept nogil:
    """Bits that are in the order of the numbers; -0 and 0 are the same."""
    cdef uint64_t bits
    cdef double positive_zero = x + 0.0
    memcpy(&bits, &positive_zero, 8)
    return ~bits if bits >> 63 else bits | (<uint64_t> 1 << 63)


cdef inline Py_ssize_t sorting_scratch(Py_ssize_t n) noexcept nogil:
    """Bytes of scratch that `sort_order` takes."""
    return 8 * (3 * n + DIGITS * VALUES)


cdef void sort_order(
    const double *numbers, Py_ssize_t n, int n_digits, int64_t *order, void *scratch
) noexcept nogil:
    """order (n,), out = the indices of the numbers (n,) from the smallest on; equal ones keep their order.

    Only the first digits count.  scratch: see sorting_scratch.
    """
    cdef uint64_t *keys = <uint64_t *> scratch
    cdef uint64_t *other_keys = keys + n
    cdef int64_t *from_here = order
    cdef int64_t *to_here = <int64_t *> (other_keys + n)
    cdef int64_t *counts = to_here + n
    cdef int64_t *own
    cdef int64_t before, here
    cdef uint64_t key
    cdef Py_ssize_t i, digit
    cdef int value
    memset(counts, 0, 8 * DIGITS * VALUES)
    for i in range(n):
        key = ordered_bits(numbers[i])
        keys[i] = key
        order[i] = i
        for digit in range(DIGITS - n_digits, DIGITS):
            counts[digit * VALUES + (key >> 8 * digit & 255)] += 1
    for digit in range(DIGITS - n_digits, DIGITS):
        own = counts + digit * VALUES
        if n == 0 or own[keys[0] >> 8 * digit & 255] == n:
            continue
        before = 0
        for value in range(VALUES):
            here = own[value]
            own[value] = before
            before += here
        for i in range(n):
            value = <int> (keys[i] >> 8 * digit & 255)
            here = own[value]
            own[value] = here + 1
            other_keys[here] = keys[i]
            to_here[here] = from_here[i]
        keys, other_keys = other_keys, keys
        from_here, to_here = to_here, from_here
    if from_here != order:
        memcpy(order, from_here, 8 * n)
