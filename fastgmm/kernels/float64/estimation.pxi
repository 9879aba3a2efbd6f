# The doors to the small half of EM, which works on parameters.

cdef Model asked_model(str form, bint tied, Py_ssize_t n_components, Py_ssize_t n_features) except *:
    if form not in FORMS:
        raise ValueError(f"form: expected one of {', '.join(FORMS)}, got {form!r}")
    check_sizes("components and features", (n_components, n_features), 2)
    return model_of(FORMS[form], tied, n_components, n_features)


def estimate(str form, bint tied, first, second, mean_weight, divisor, ridge, covariances):
    """Covariances of sums about a reference, with the ridge on their diagonals.

    Parameters
    ----------
    form : {"matrix", "diagonal", "scalar"}
    tied : bool
    first : float64 array (K, D)
        Sums of r d.
    second : float64 array
        Sums of r d d^T, in the shape of the covariances.
    mean_weight, divisor : float64 arrays (K,); divisor (1,) if tied
        What the first and the second moments are divided by.
    ridge : float64 array (D,) or (1,)
    covariances : float64 array (K, D, D), (K, D) or (K,), out; without the K if tied
    """
    cdef Py_ssize_t n_components = len(mean_weight)
    cdef Py_ssize_t n_features = first.shape[1]
    cdef Model model = asked_model(form, tied, n_components, n_features)
    cdef Py_ssize_t n_numbers = model.n_covariances * model.size
    cdef Borrowed first_loan = borrow(first, sizeof(double), n_components * n_features, False, "first")
    cdef Borrowed second_loan = borrow(second, sizeof(double), n_numbers, False, "second")
    cdef Borrowed weight_loan = borrow(mean_weight, sizeof(double), n_components, False, "mean_weight")
    cdef Borrowed divisor_loan = borrow(divisor, sizeof(double), model.n_covariances, False, "divisor")
    model.n_ridge = ridge.size
    if model.n_ridge != 1:
        model.n_ridge = n_features
    cdef Borrowed ridge_loan = borrow(ridge, sizeof(double), model.n_ridge, False, "ridge")
    cdef Borrowed out_loan = borrow(covariances, sizeof(double), n_numbers, True, "covariances")
    cdef Memory memory = Memory(sizeof(double) * n_components * n_features)
    cdef Moments sums
    sums.first = <const double *> first_loan.view.buf
    sums.second = <const double *> second_loan.view.buf
    sums.mean_weight = <const double *> weight_loan.view.buf
    sums.divisor = <const double *> divisor_loan.view.buf
    model.ridge = <const double *> ridge_loan.view.buf
    with nogil:
        covariances_of(&model, &sums, <double *> memory.begin, <double *> out_loan.view.buf)


def factorize(
    str form, Py_ssize_t n_covariances, Py_ssize_t n_features, covariances, factors, inverses, double tolerance
):
    """L and L^-1 of each covariance; returns the index of the first that is not positive definite, or -1.

    Parameters
    ----------
    form : {"matrix", "diagonal", "scalar"}
    n_covariances, n_features : int
    covariances : float64 array (M, D, D), (M, D) or (M,)
    factors, inverses : float64 arrays of that shape, out
        Lower triangular, or deviations; unspecified from the returned index on.
    tolerance : float
        Pivots of a matrix up to this times D times their diagonal element count as zero.
    """
    cdef Model model = asked_model(form, False, n_covariances, n_features)
    cdef Py_ssize_t n_numbers = model.n_covariances * model.size
    cdef Py_ssize_t failed
    cdef Borrowed covariance_loan = borrow(covariances, sizeof(double), n_numbers, False, "covariances")
    cdef Borrowed factor_loan = borrow(factors, sizeof(double), n_numbers, True, "factors")
    cdef Borrowed inverse_loan = borrow(inverses, sizeof(double), n_numbers, True, "inverses")
    cdef Memory memory = Memory(sizeof(double) * (factor_scratch(n_features) if model.form == MATRIX else 0))
    with nogil:
        failed = factor_all(
            &model, <const double *> covariance_loan.view.buf, tolerance, <double *> factor_loan.view.buf,
            <double *> inverse_loan.view.buf, <double *> memory.begin)
    return failed


def log_determinants(str form, Py_ssize_t n_features, factors, out):
    """out (M,) = log det L of each factor, nats; factors as `factorize` gives them."""
    cdef Model model = asked_model(form, False, out.size, n_features)
    cdef Borrowed factor_loan = borrow(factors, sizeof(double), model.n_covariances * model.size, False, "factors")
    cdef Borrowed out_loan = borrow(out, sizeof(double), model.n_covariances, True, "out")
    with nogil:
        log_determinants_of(&model, <const double *> factor_loan.view.buf, <double *> out_loan.view.buf)


def log_weights(weights, out):
    """out (K,) = logarithms of weights (K,); -inf of a weight of zero."""
    cdef Py_ssize_t n = len(weights)
    cdef Py_ssize_t k
    cdef Borrowed weight_loan = borrow(weights, sizeof(double), n, False, "weights")
    cdef Borrowed out_loan = borrow(out, sizeof(double), n, True, "out")
    for k in range(n):
        (<double *> out_loan.view.buf)[k] = natural_log((<const double *> weight_loan.view.buf)[k])
