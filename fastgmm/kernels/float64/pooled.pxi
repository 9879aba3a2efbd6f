# A mixture of equal weights around given centres; each has the covariance of all rows about their nearest ones.

cdef enum:
    ASSIGNED_AT_ONCE = 512      # rows, a multiple of STRIP or not: they stay in the cache

cdef void assign_rows(
    const double *rows, Py_ssize_t n, Py_ssize_t d, const double *centers, Py_ssize_t k, double unit, int64_t *labels,
    double *places, double *mapped
) noexcept nogil:
    """labels (n,) = the nearest centres, with distances in a unit; places: d x n of some rows, mapped: d x k."""
    cdef Py_ssize_t stride = round_up(ASSIGNED_AT_ONCE, STRIP)
    cdef Py_ssize_t begin, i, j, n_rows
    for i in range(k):
        for j in range(d):
            mapped[j * k + i] = (centers[i * d + j] - centers[j]) / unit
    memset(places, 0, d * stride * sizeof(double))
    for begin from 0 <= begin < n by ASSIGNED_AT_ONCE:
        n_rows = min(n - begin, ASSIGNED_AT_ONCE)
        for i in range(n_rows):
            for j in range(d):
                places[j * stride + i] = (rows[(begin + i) * d + j] - centers[j]) / unit
        nearest_centers(places, n_rows, stride, d, mapped, k, k, labels + begin)


cdef void pooled_moments(
    const Model *model, const double *rows, const double *weight, Py_ssize_t n, const double *centers,
    const int64_t *labels, int64_t *order, int64_t *begins, double *second, double *scratch
) noexcept nogil:
    """second = the moments of each row about its own centre: of all rows if tied, else of each component a share.

    order: n, begins: n_components + 1, scratch: one covariance and scatter_scratch.
    """
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t size = model.size
    cdef Py_ssize_t k, i
    sort_labels(labels, n, model.n_components, order, begins)
    memset(second, 0, size * sizeof(double))
    for k in range(model.n_components):
        scatter_of_label(
            rows, weight, order + begins[k], begins[k + 1] - begins[k], d, centers + k * d, model.form, scratch,
            scratch + size)
        for i in range(size):
            second[i] = second[i] + scratch[i]
    if model.tied:
        return
    for i in range(size):
        second[i] = second[i] / model.n_components
    for k in range(1, model.n_components):
        memcpy(second + k * size, second, size * sizeof(double))


def pooled_mixture(
    str form, bint tied, rows, weight, means, double unit, ridge, double tolerance, double largest, held, weights,
    second, covariances, factors, inverses
):
    """The mixture around given means; False where its covariance has no factor, or no numbers of the dtype.

    Parameters
    ----------
    form, tied, rows, weight, ridge, tolerance, largest, held, weights, second, covariances, factors, inverses
        As in `labelled_mixture`; all components hold the same, and their moments are those of all rows.
    means : float64 array (K, D)
    unit : float
        Distances to the means are compared in this unit.
    """
    check_sizes("rows", rows.shape, 2)
    check_sizes("means", means.shape, 2)
    cdef Py_ssize_t n = rows.shape[0]
    cdef Py_ssize_t d = rows.shape[1]
    cdef Py_ssize_t k = means.shape[0]
    cdef Model model = asked_model(form, tied, k, d)
    cdef Py_ssize_t n_numbers = model.n_covariances * model.size
    cdef Borrowed rows_loan = borrow(rows, sizeof(double), n * d, False, "rows")
    cdef Borrowed weight_loan = borrow(weight, sizeof(double), n, False, "weight")
    cdef Borrowed means_loan = borrow(means, sizeof(double), k * d, False, "means")
    model.n_ridge = 1 if ridge.size == 1 else d
    cdef Borrowed ridge_loan = borrow(ridge, sizeof(double), model.n_ridge, False, "ridge")
    cdef Borrowed held_loan = borrow(held, sizeof(double), k, True, "held")
    cdef Borrowed weights_loan = borrow(weights, sizeof(double), k, True, "weights")
    cdef Borrowed second_loan = borrow(second, sizeof(double), n_numbers, True, "second")
    cdef Borrowed covariances_loan = borrow(covariances, sizeof(double), n_numbers, True, "covariances")
    cdef Borrowed factors_loan = borrow(factors, sizeof(double), n_numbers, True, "factors")
    cdef Borrowed inverses_loan = borrow(inverses, sizeof(double), n_numbers, True, "inverses")
    cdef Py_ssize_t stride = round_up(ASSIGNED_AT_ONCE, STRIP)
    cdef Py_ssize_t n_factor = factor_scratch(d) if model.form == MATRIX else 0
    cdef Py_ssize_t n_scratch = model.size + max(n_factor, scatter_scratch(d))
    cdef Memory memory = Memory(8 * (2 * n + k + 1 + d * (stride + k) + 2 * k * d + k + n_scratch))
    cdef int64_t *labels = <int64_t *> memory.begin
    cdef int64_t *order = labels + n
    cdef int64_t *begins = order + n
    cdef double *places = <double *> (begins + k + 1)
    cdef double *mapped = places + d * stride
    cdef double *spare = mapped + d * k
    cdef double *scratch = spare + 2 * k * d + k
    cdef const double *all_rows = <const double *> rows_loan.view.buf
    cdef const double *counts = <const double *> weight_loan.view.buf
    cdef const double *centers = <const double *> means_loan.view.buf
    cdef double *own = <double *> held_loan.view.buf
    cdef double total = 0.0
    cdef Py_ssize_t i
    cdef bint good
    model.ridge = <const double *> ridge_loan.view.buf
    with nogil:
        for i in range(n):
            total += counts[i]
        assign_rows(all_rows, n, d, centers, k, unit, labels, places, mapped)
        pooled_moments(
            &model, all_rows, counts, n, centers, labels, order, begins, <double *> second_loan.view.buf, scratch)
        for i in range(k):
            own[i] = total / k
        good = mixture_of_moments(
            &model, own, <const double *> second_loan.view.buf, tolerance, largest,
            <double *> weights_loan.view.buf, <double *> covariances_loan.view.buf,
            <double *> factors_loan.view.buf, <double *> inverses_loan.view.buf, spare, scratch)
    return good
