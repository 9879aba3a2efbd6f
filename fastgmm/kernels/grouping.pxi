# Rows with gaps, NaN, are grouped by the pattern of what is missing: each pattern gets a number by a hash table of its
# words of bits, and then the rows are dealt out, in one walk each.

from libc.stdint cimport int32_t

cdef enum:
    WORD = 64                   # columns per word of bits
    FIRST_SLOTS = 1024


cdef inline uint64_t mixed_words(const uint64_t *words, Py_ssize_t n_words) noexcept nogil:
    """A hash of some words, by multiplication and shifts as in MurmurHash3."""
    cdef Py_ssize_t i
    cdef uint64_t hashed = 0
    for i in range(n_words):
        hashed = (hashed ^ words[i]) * 0x9E3779B97F4A7C15ULL
        hashed = hashed ^ (hashed >> 32)
    return hashed


cdef inline bint same_words(const uint64_t *one, const uint64_t *other, Py_ssize_t n_words) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n_words):
        if one[i] != other[i]:
            return False
    return True


cdef void missing_bits(const real *row, Py_ssize_t n_features, uint64_t *words) noexcept nogil:
    """words: bit j is set where column j is NaN."""
    cdef Py_ssize_t j, begin
    cdef uint64_t word
    for begin from 0 <= begin < n_features by WORD:
        word = 0
        for j in range(begin, min(begin + <Py_ssize_t> WORD, n_features)):
            word |= <uint64_t> (row[j] != row[j]) << (j - begin)
        words[begin // WORD] = word


cdef inline int32_t *slot_of(
    const uint64_t *words, Py_ssize_t n_words, const uint64_t *all_words, const int64_t *first, int32_t *slots,
    Py_ssize_t n_slots
) noexcept nogil:
    """The slot of a pattern, or the one that it may take, which holds -1."""
    cdef Py_ssize_t i = mixed_words(words, n_words) & (n_slots - 1)
    while slots[i] >= 0 and not same_words(words, all_words + first[slots[i]] * n_words, n_words):
        i = (i + 1) & (n_slots - 1)
    return slots + i


cdef Py_ssize_t number_some(
    const real *rows, Py_ssize_t begin, Py_ssize_t n, Py_ssize_t n_features, uint64_t *words, int32_t *numbers,
    int64_t *first, Py_ssize_t *n_patterns, int32_t *slots, Py_ssize_t n_slots
) noexcept nogil:
    """Number rows from `begin` on, until the table is half full; returns the first row that has no number."""
    cdef Py_ssize_t n_words = (n_features + WORD - 1) // WORD
    cdef Py_ssize_t i
    cdef int32_t *slot
    cdef uint64_t *own
    for i in range(begin, n):
        if 2 * n_patterns[0] >= n_slots:
            return i
        own = words + i * n_words
        missing_bits(rows + i * n_features, n_features, own)
        if i > begin and same_words(own, own - n_words, n_words):
            numbers[i] = numbers[i - 1]
            continue
        slot = slot_of(own, n_words, words, first, slots, n_slots)
        if slot[0] < 0:
            slot[0] = <int32_t> n_patterns[0]
            first[n_patterns[0]] = i
            n_patterns[0] += 1
        numbers[i] = slot[0]
    return n


def number_patterns(rows, words, numbers, first):
    """Number the patterns of gaps of rows in the order in which they appear; returns how many there are.

    Parameters
    ----------
    rows : array (n, D) of the kernels' dtype
        NaN is a gap.
    words : uint64 array (n, D / 64 rounded up), out
        The bits of what is missing of each row.
    numbers : int32 array (n,), out
        The number of each row's pattern.
    first : int64 array (n,), out
        The first row of each pattern; the rest is unspecified.
    """
    check_sizes("rows", rows.shape, 2)
    cdef Py_ssize_t n = rows.shape[0]
    cdef Py_ssize_t d = rows.shape[1]
    cdef Py_ssize_t n_words = (d + WORD - 1) // WORD
    cdef Borrowed rows_loan = borrow_rows(rows, sizeof(real), d, "rows")
    cdef Borrowed words_loan = borrow(words, sizeof(uint64_t), n * n_words, True, "words")
    cdef Borrowed numbers_loan = borrow(numbers, sizeof(int32_t), n, True, "numbers")
    cdef Borrowed first_loan = borrow(first, sizeof(int64_t), n, True, "first")
    cdef uint64_t *all_words = <uint64_t *> words_loan.view.buf
    cdef int64_t *firsts = <int64_t *> first_loan.view.buf
    cdef Py_ssize_t n_slots = FIRST_SLOTS
    cdef Py_ssize_t n_patterns = 0
    cdef Py_ssize_t done = 0
    cdef Py_ssize_t i
    cdef Memory slots
    while done < n:
        slots = Memory(n_slots * <Py_ssize_t> sizeof(int32_t))
        with nogil:
            memset(slots.begin, 255, n_slots * sizeof(int32_t))     # -1 each
            for i in range(n_patterns):
                slot_of(
                    all_words + firsts[i] * n_words, n_words, all_words, firsts, <int32_t *> slots.begin, n_slots
                )[0] = <int32_t> i
            done = number_some(
                <const real *> rows_loan.view.buf, done, n, d, all_words, <int32_t *> numbers_loan.view.buf, firsts,
                &n_patterns, <int32_t *> slots.begin, n_slots)
        n_slots *= 8
    return n_patterns


def deal_rows(rows, numbers, ranks, columns, observed, begins, value_begins, order, values):
    """Put what was observed of rows where it belongs, pattern by pattern.

    Parameters
    ----------
    rows : array (n, D) of the kernels' dtype
    numbers : int32 array (n,)
        The number of each row's pattern.
    ranks : int64 array (P,)
        The place of each pattern.
    columns, observed, begins, value_begins : int32 array (P, D) and int64 arrays (P,), (P + 1,), (P + 1,)
        By their places, `Patterns.columns`, `observed`, `rows` and `values`.
    order : int64 array (n,), out
    values : array (value_begins[P],) of the kernels' dtype, out
    """
    check_sizes("rows", rows.shape, 2)
    cdef Py_ssize_t n = rows.shape[0]
    cdef Py_ssize_t d = rows.shape[1]
    cdef Py_ssize_t n_patterns = len(ranks)
    cdef Borrowed rows_loan = borrow_rows(rows, sizeof(real), d, "rows")
    cdef Borrowed numbers_loan = borrow(numbers, sizeof(int32_t), n, False, "numbers")
    cdef Borrowed ranks_loan = borrow(ranks, sizeof(int64_t), n_patterns, False, "ranks")
    cdef Borrowed columns_loan = borrow(columns, sizeof(int), n_patterns * d, False, "columns")
    cdef Borrowed observed_loan = borrow(observed, sizeof(int64_t), n_patterns, False, "observed")
    cdef Borrowed begins_loan = borrow(begins, sizeof(int64_t), n_patterns + 1, False, "begins")
    cdef Borrowed value_begins_loan = borrow(value_begins, sizeof(int64_t), n_patterns + 1, False, "value_begins")
    cdef Borrowed order_loan = borrow(order, sizeof(int64_t), n, True, "order")
    cdef Borrowed values_loan = borrow(values, sizeof(real), values.size, True, "values")
    cdef Memory cursors = Memory(n_patterns * <Py_ssize_t> sizeof(int64_t))
    cdef bint fits
    with nogil:
        fits = deal(
            <const real *> rows_loan.view.buf, n, d, <const int32_t *> numbers_loan.view.buf,
            <const int64_t *> ranks_loan.view.buf, n_patterns, <const int *> columns_loan.view.buf,
            <const int64_t *> observed_loan.view.buf, <const int64_t *> begins_loan.view.buf,
            <const int64_t *> value_begins_loan.view.buf, <int64_t *> cursors.begin,
            <int64_t *> order_loan.view.buf, <real *> values_loan.view.buf,
            values_loan.view.len // <Py_ssize_t> sizeof(real))
    if not fits:
        raise ValueError("the rows do not fit into the places of their patterns")


cdef bint deal(
    const real *rows, Py_ssize_t n, Py_ssize_t d, const int32_t *numbers, const int64_t *ranks, Py_ssize_t n_patterns,
    const int *columns, const int64_t *observed, const int64_t *begins, const int64_t *value_begins, int64_t *cursors,
    int64_t *order, real *values, Py_ssize_t n_values
) noexcept nogil:
    cdef Py_ssize_t i, j, place, p, at
    cdef real *out
    memcpy(cursors, begins, n_patterns * sizeof(int64_t))
    for i in range(n):
        if not 0 <= numbers[i] < n_patterns or not 0 <= ranks[numbers[i]] < n_patterns:
            return False
        place = ranks[numbers[i]]
        p = observed[place]
        at = value_begins[place] + (cursors[place] - begins[place]) * p
        if not 0 <= cursors[place] < n or not 0 <= p <= d or not 0 <= at <= n_values - p:
            return False
        order[cursors[place]] = i
        cursors[place] += 1
        out = values + at
        for j in range(p):
            out[j] = rows[i * d + columns[place * d + j]]
    return True
