# What the sums of an E-step say of all rows together: this tells data sets apart, and columns of small units.

cdef void row_moments_of(
    const Model *model, const double *reference, const double *weight, const double *first, const double *second,
    double *mean, double *variances
) noexcept nogil:
    """mean (D,) and variances (D,) of all rows, one variance for SCALAR; sums of r, r d and r d d^T about reference."""
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t n_variances = 1 if model.form == SCALAR else d
    cdef Py_ssize_t diagonal = d + 1 if model.form == MATRIX else 1
    cdef double share = 1.0 / d if model.form == SCALAR else 1.0
    cdef double total = 0.0
    cdef double off
    cdef Py_ssize_t k, j, i, c
    for k in range(model.n_components):
        total += weight[k]
    for j in range(d):
        mean[j] = 0.0
        for k in range(model.n_components):
            i = k * d + j
            mean[j] += weight[k] * (reference[i] + first[i] / max(weight[k], 2.2250738585072014e-308))
        mean[j] /= total
    memset(variances, 0, n_variances * sizeof(double))
    for c in range(model.n_covariances):
        for j in range(n_variances):
            variances[j] += second[c * model.size + j * diagonal] * share
    # sum r (d + s)^2 = sum r d^2 + s (2 sum r d + s sum r), of which all three are exact
    for k in range(model.n_components):
        for j in range(d):
            off = reference[k * d + j] - mean[j]
            variances[0 if model.form == SCALAR else j] += share * (off * (2.0 * first[k * d + j] + off * weight[k]))
    for j in range(n_variances):
        variances[j] = max(variances[j] / total, 0.0)


def row_moments(str form, bint tied, reference, weight, first, second, mean, variances):
    """Mean and variances of all rows, from the sums about a reference.

    Parameters
    ----------
    form : {"matrix", "diagonal", "scalar"}
    tied : bool
    reference, first : float64 arrays (K, D)
        Points, and the sums of r d about them.
    weight : float64 array (K,)
        Sums of r.
    second : float64 array (K, D, D), (K, D) or (K,); without the K if tied
        Sums of r d d^T.
    mean : float64 array (D,), out
    variances : float64 array (D,), or (1,) for "scalar", out
    """
    cdef Py_ssize_t k = reference.shape[0]
    cdef Py_ssize_t d = reference.shape[1]
    cdef Model model = asked_model(form, tied, k, d)
    cdef Borrowed reference_loan = borrow(reference, sizeof(double), k * d, False, "reference")
    cdef Borrowed weight_loan = borrow(weight, sizeof(double), k, False, "weight")
    cdef Borrowed first_loan = borrow(first, sizeof(double), k * d, False, "first")
    cdef Borrowed second_loan = borrow(
        second, sizeof(double), model.n_covariances * model.size, False, "second")
    cdef Borrowed mean_loan = borrow(mean, sizeof(double), d, True, "mean")
    cdef Borrowed variance_loan = borrow(
        variances, sizeof(double), 1 if model.form == SCALAR else d, True, "variances")
    with nogil:
        row_moments_of(
            &model, <const double *> reference_loan.view.buf, <const double *> weight_loan.view.buf,
            <const double *> first_loan.view.buf, <const double *> second_loan.view.buf,
            <double *> mean_loan.view.buf, <double *> variance_loan.view.buf)
