# The mixture of rows that have labels: what an M-step makes of responsibilities that are 0 or 1, with covariances that
# are pulled to the pooled one.

cdef enum:
    SUMMED_ROWS = 32             # rows whose squares are summed in registers

cdef inline Py_ssize_t panel_width(Py_ssize_t d) noexcept nogil:
    return round_up(d, DOUBLES)


cdef inline Py_ssize_t scatter_scratch(Py_ssize_t d) noexcept nogil:
    """Numbers of scratch of `scatter_of_label`: a panel, and a matrix of whole vectors."""
    return (SUMMED_ROWS + d) * panel_width(d)


cdef void add_panel(const double *panel, Py_ssize_t n, Py_ssize_t d, double *sums) noexcept nogil:
    """sums (d x panel_width) += the lower triangle of panel^T panel, in whole vectors; panel: n x panel_width."""
    cdef Py_ssize_t width = panel_width(d)
    cdef Py_ssize_t i, c, r
    cdef dvec one, other, x
    for i from 0 <= i < d - 1 by 2:
        for c from 0 <= c < i + 2 by DOUBLES:
            one = dset(0.0)
            other = dset(0.0)
            for r in range(n):
                x = dload(panel + r * width + c)
                one = one + dset(panel[r * width + i]) * x
                other = other + dset(panel[r * width + i + 1]) * x
            dstore(sums + i * width + c, dload(sums + i * width + c) + one)
            dstore(sums + (i + 1) * width + c, dload(sums + (i + 1) * width + c) + other)
    if d % 2:
        i = d - 1
        for c from 0 <= c < d by DOUBLES:
            one = dset(0.0)
            for r in range(n):
                one = one + dset(panel[r * width + i]) * dload(panel + r * width + c)
            dstore(sums + i * width + c, dload(sums + i * width + c) + one)


cdef void scatter_of_label(
    const double *rows, const double *weight, const int64_t *order, Py_ssize_t n, Py_ssize_t d, const double *mean,
    int form, double *second, double *scratch
) noexcept nogil:
    """second = sum of w (x - mean)(x - mean)^T over some rows, in a form; scratch: see scatter_scratch."""
    cdef Py_ssize_t i, j, begin, end
    cdef Py_ssize_t width = panel_width(d)
    cdef double *sums = scratch + SUMMED_ROWS * width
    cdef double root, off
    if form == MATRIX:
        memset(scratch, 0, scatter_scratch(d) * sizeof(double))
    else:
        memset(second, 0, (d if form == DIAGONAL else 1) * sizeof(double))
    for begin from 0 <= begin < n by SUMMED_ROWS:
        end = min(begin + SUMMED_ROWS, n)
        for i in range(begin, end):
            root = sqrt(weight[order[i]])
            for j in range(d):
                off = root * (rows[order[i] * d + j] - mean[j])
                if form == MATRIX:
                    scratch[(i - begin) * width + j] = off
                elif form == DIAGONAL:
                    second[j] = second[j] + off * off
                else:
                    second[0] = second[0] + off * off
        if form == MATRIX:
            add_panel(scratch, end - begin, d, sums)
    if form == MATRIX:
        for i in range(d):
            for j in range(i + 1):
                second[i * d + j] = sums[i * width + j]
                second[j * d + i] = sums[i * width + j]


cdef void sort_labels(
    const int64_t *labels, Py_ssize_t n, Py_ssize_t k, int64_t *order, int64_t *begins
) noexcept nogil:
    """order (n,) = the rows label by label, begins (k + 1,) = where each label begins."""
    cdef Py_ssize_t i
    memset(begins, 0, (k + 1) * sizeof(int64_t))
    for i in range(n):
        begins[labels[i] + 1] += 1
    for i in range(k):
        begins[i + 1] += begins[i]
    for i in range(n):
        order[begins[labels[i]]] = i
        begins[labels[i]] += 1
    for i in range(k, 0, -1):
        begins[i] = begins[i - 1]
    begins[0] = 0


cdef void shrink(const Model *model, double pseudo, const double *held, double *second, double *pooled) noexcept nogil:
    """Pull the moments of each component to the pooled covariance, which has the weight `pseudo`."""
    cdef Py_ssize_t k, i
    cdef Py_ssize_t size = model.size
    cdef double total = 0.0
    memset(pooled, 0, size * sizeof(double))
    for k in range(model.n_components):
        total += held[k]
        for i in range(size):
            pooled[i] = pooled[i] + second[k * size + i]
    for i in range(size):
        pooled[i] = pooled[i] / total
    for k in range(model.n_components):
        for i in range(size):
            second[k * size + i] = (second[k * size + i] + pseudo * pooled[i]) * (held[k] / (held[k] + pseudo))


cdef void labelled_moments(
    const Model *model, const double *rows, const double *weight, const int64_t *labels, Py_ssize_t n, double pseudo,
    double *means, double *held, double *second, int64_t *order, int64_t *begins, double *scratch
) noexcept nogil:
    """Means (a label without rows keeps its own), weights and shrunk second moments; tied: their sum alone.

    order: n, begins: n_components + 1, scratch: one covariance and scatter_scratch.
    """
    cdef Py_ssize_t k, i
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t size = model.size
    cdef double *one = second
    cdef double *panel = scratch + size
    centers_of_labels(rows, weight, labels, n, d, model.n_components, means, held, begins)
    sort_labels(labels, n, model.n_components, order, begins)
    for k in range(model.n_components):
        one = scratch if model.tied else second + k * size
        if model.tied and k == 0:
            memset(second, 0, size * sizeof(double))
        scatter_of_label(
            rows, weight, order + begins[k], begins[k + 1] - begins[k], d, means + k * d, model.form, one, panel)
        if model.tied:
            for i in range(size):
                second[i] = second[i] + one[i]
    if not model.tied:
        shrink(model, pseudo, held, second, scratch)


cdef bint mixture_of_moments(
    const Model *model, const double *held, const double *second, double tolerance, double largest, double *weights,
    double *covariances, double *factors, double *inverses, double *spare, double *scratch
) noexcept nogil:
    """What an M-step makes of second moments about the means; False where it is of no use.

    spare: 2 n_components n_features + n_components numbers; scratch: see factor_scratch.
    """
    cdef Py_ssize_t k = model.n_components
    cdef Py_ssize_t i
    cdef double total = 0.0
    cdef double *step = spare + k * model.n_features
    cdef double *divisor = step + k * model.n_features
    cdef Moments sums
    for i in range(k):
        total += held[i]
    for i in range(k):
        weights[i] = held[i] / total
        divisor[i] = max(held[i], SMALLEST)
    sums.first = spare
    sums.second = second
    sums.mean_weight = divisor
    sums.divisor = divisor
    memset(spare, 0, k * model.n_features * sizeof(double))
    if model.tied:
        divisor[0] = total
    if model.form == SCALAR:
        for i in range(model.n_covariances):
            divisor[i] *= model.n_features
    covariances_of(model, &sums, step, covariances)
    if factor_all(model, covariances, tolerance, factors, inverses, scratch) >= 0:
        return False
    return in_range(model, covariances, inverses, largest)


cdef Py_ssize_t labelled_scratch(const Model *model, Py_ssize_t n) noexcept nogil:
    """Numbers of scratch of `mixture_of_labels`."""
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t k = model.n_components
    cdef Py_ssize_t n_factor = factor_scratch(d) if model.form == MATRIX else 0
    return n + k + 1 + 2 * k * d + k + model.size + max(n_factor, scatter_scratch(d))


cdef bint mixture_of_labels(
    const Model *model, const double *rows, const double *weight, const int64_t *labels, Py_ssize_t n, double pseudo,
    double tolerance, double largest, double *held, double *second, const Slot *out, void *scratch
) noexcept nogil:
    """The mixture of labelled rows, False where it is of no use: see `labelled_mixture`."""
    cdef Py_ssize_t k = model.n_components
    cdef int64_t *order = <int64_t *> scratch
    cdef int64_t *begins = order + n
    cdef double *spare = <double *> (begins + k + 1)
    cdef double *rest = spare + 2 * k * model.n_features + k
    labelled_moments(model, rows, weight, labels, n, pseudo, out.means, held, second, order, begins, rest)
    return mixture_of_moments(
        model, held, second, tolerance, largest, out.weights, out.covariances, out.factors, out.inverses, spare, rest)


def labelled_mixture(
    str form, bint tied, rows, weight, labels, double pseudo, ridge, double tolerance, double largest, held, weights,
    means, second, covariances, factors, inverses
):
    """The mixture of labelled rows; False where its covariances have no factors, or no numbers of the dtype.

    Parameters
    ----------
    form : {"matrix", "diagonal", "scalar"}
    tied : bool
    rows, weight : float64 arrays (n, D), (n,)
    labels : int64 array (n,)
        The component of each row, 0 to K - 1.
    pseudo : float
        The weight of the pooled covariance in each component.
    ridge : float64 array (D,) or (1,)
    tolerance : float
        As in `factorize`.
    largest : float
        The largest number of the dtype.
    held, weights : float64 arrays (K,), out
        The weight of the rows of each component, and its share in all.
    means : float64 array (K, D)
        Out; a component without rows keeps what stands here.
    second, covariances, factors, inverses : float64 arrays of one shape, out
        Second moments about the means, pulled to the pooled ones, and the mixture; unspecified where False.
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
    cdef Borrowed labels_loan = borrow(labels, sizeof(int64_t), n, False, "labels")
    model.n_ridge = 1 if ridge.size == 1 else d
    cdef Borrowed ridge_loan = borrow(ridge, sizeof(double), model.n_ridge, False, "ridge")
    cdef Borrowed held_loan = borrow(held, sizeof(double), k, True, "held")
    cdef Borrowed weights_loan = borrow(weights, sizeof(double), k, True, "weights")
    cdef Borrowed means_loan = borrow(means, sizeof(double), k * d, True, "means")
    cdef Borrowed second_loan = borrow(second, sizeof(double), n_numbers, True, "second")
    cdef Borrowed covariances_loan = borrow(covariances, sizeof(double), n_numbers, True, "covariances")
    cdef Borrowed factors_loan = borrow(factors, sizeof(double), n_numbers, True, "factors")
    cdef Borrowed inverses_loan = borrow(inverses, sizeof(double), n_numbers, True, "inverses")
    check_labels(<const int64_t *> labels_loan.view.buf, n, k)
    cdef Memory memory = Memory(8 * labelled_scratch(&model, n))
    cdef Slot out
    cdef bint good
    model.ridge = <const double *> ridge_loan.view.buf
    out.weights = <double *> weights_loan.view.buf
    out.means = <double *> means_loan.view.buf
    out.covariances = <double *> covariances_loan.view.buf
    out.factors = <double *> factors_loan.view.buf
    out.inverses = <double *> inverses_loan.view.buf
    with nogil:
        good = mixture_of_labels(
            &model, <const double *> rows_loan.view.buf, <const double *> weight_loan.view.buf,
            <const int64_t *> labels_loan.view.buf, n, pseudo, tolerance, largest, <double *> held_loan.view.buf,
            <double *> second_loan.view.buf, &out, memory.begin)
    return good
