# The small half of EM: sums become covariances, and these become factors.  It is float64 whatever the rows, and counts
# in K D^3 / 3 operations.  A form says how a covariance is stored.

from libc.math cimport log as natural_log

cdef enum:
    MATRIX                      # D x D
    DIAGONAL                    # D
    SCALAR                      # 1

cdef dict FORMS = {"matrix": MATRIX, "diagonal": DIAGONAL, "scalar": SCALAR}

cdef struct Model:
    int form
    bint tied                   # one covariance for all components
    Py_ssize_t n_components
    Py_ssize_t n_weights        # n_components, or one more: the weight of the background stands last
    Py_ssize_t n_features
    Py_ssize_t n_covariances    # 1 if tied, else n_components
    Py_ssize_t size             # numbers per covariance
    const double *ridge         # 1 number, or n_features
    Py_ssize_t n_ridge


cdef struct Moments:
    # about the reference: sums of r d and of r d d^T in the form of the covariances, and what each is divided by
    const double *first         # n_components x n_features
    const double *second        # n_covariances x size
    const double *mean_weight   # n_components
    const double *divisor       # n_covariances


cdef Model model_of(int form, bint tied, Py_ssize_t n_components, Py_ssize_t n_features) noexcept nogil:
    cdef Model model
    model.form = form
    model.tied = tied
    model.n_components = model.n_weights = n_components
    model.n_features = n_features
    model.n_covariances = 1 if tied else n_components
    model.size = n_features * n_features if form == MATRIX else n_features if form == DIAGONAL else 1
    model.ridge = NULL
    model.n_ridge = 0
    return model


cdef void steps(const Model *model, const Moments *sums, double *out) noexcept nogil:
    """out = root of weight times (new mean - reference), n_components x n_features."""
    cdef Py_ssize_t k, j
    cdef double root
    for k in range(model.n_components):
        root = sqrt(sums.mean_weight[k])
        for j in range(model.n_features):
            out[k * model.n_features + j] = root * (sums.first[k * model.n_features + j] / sums.mean_weight[k])


cdef void scatter_of_steps(const Model *model, const double *step, Py_ssize_t n_steps, double *out) noexcept nogil:
    """out = sum of s s^T over the steps, in the form of one covariance: of a matrix both triangles."""
    cdef Py_ssize_t k, i, j
    cdef Py_ssize_t n = model.n_features
    cdef double own
    for i in range(model.size):
        out[i] = 0.0
    for k in range(n_steps):
        for i in range(n):
            own = step[k * n + i]
            if model.form == MATRIX:
                for j in range(n):
                    out[i * n + j] = out[i * n + j] + own * step[k * n + j]
            elif model.form == DIAGONAL:
                out[i] = out[i] + own * own
            else:
                out[0] = out[0] + own * own


cdef void covariances_of(const Model *model, const Moments *sums, double *step, double *out) noexcept nogil:
    """out = (second - sum of s s^T) / divisor, with the ridge on the diagonal; step: scratch of n_components D.

    The steps s are small because the reference is the last mean, and so is what they take off.
    """
    cdef Py_ssize_t k, i, j, first
    cdef Py_ssize_t n = model.n_features
    cdef Py_ssize_t n_steps = model.n_components if model.tied else 1
    cdef double *covariance = out
    cdef const double *second = sums.second
    cdef double mean_ridge = 0.0
    cdef double both
    for j in range(model.n_ridge):
        mean_ridge += model.ridge[j]
    mean_ridge /= model.n_ridge
    steps(model, sums, step)
    for k in range(model.n_covariances):
        if model.form == MATRIX and n_steps == 1:
            for i in range(n):                              # row by row: products round as those of many steps
                for j in range(n):
                    covariance[i * n + j] = step[k * n + i] * step[k * n + j]
                for j in range(n):
                    covariance[i * n + j] = (second[i * n + j] - covariance[i * n + j]) / sums.divisor[k]
        else:
            scatter_of_steps(model, step + k * n, n_steps, covariance)
            for i in range(model.size):
                covariance[i] = (second[i] - covariance[i]) / sums.divisor[k]
        if model.form == MATRIX:
            for first from 0 <= first < n by 8:             # columns of eight at a time: whole lines
                for i in range(first, n):
                    for j in range(first, min(first + 8, i)):
                        both = (covariance[i * n + j] + covariance[j * n + i]) / 2
                        covariance[i * n + j] = both
                        covariance[j * n + i] = both
            for i in range(n):
                covariance[i * n + i] += model.ridge[i if model.n_ridge > 1 else 0]
        else:
            for i in range(model.size):
                # What rounding has left below zero counts as zero; a NaN stays one.
                if covariance[i] < 0.0:
                    covariance[i] = 0.0
                covariance[i] += mean_ridge if model.form == SCALAR else model.ridge[i if model.n_ridge > 1 else 0]
        covariance += model.size
        second += model.size


cdef Py_ssize_t factor_all(
    const Model *model, const double *covariances, double tolerance, double *factors, double *inverses, double *scratch
) noexcept nogil:
    """L and L^-1 of each covariance; returns the index of the first that is not positive definite, or -1.

    Pivots of a matrix up to `tolerance` times D times their diagonal element count as zero.  For `scratch` see
    factor_scratch.
    """
    cdef Py_ssize_t k, i
    cdef Py_ssize_t n = model.n_features
    cdef double *factor = factors
    cdef double *inverse = inverses
    if model.form != MATRIX:
        for i in range(model.n_covariances * model.size):
            if not covariances[i] > 0.0 or covariances[i] == INFINITY:
                return i // model.size
            factors[i] = sqrt(covariances[i])
            inverses[i] = 1.0 / factors[i]
        return -1
    for k in range(model.n_covariances):
        if not cholesky(factor, covariances + k * model.size, n, tolerance * n, NULL, scratch):
            return k
        invert_transposed(factor, n, inverse, scratch)
        transpose_in_place(factor, n)
        factor += model.size
        inverse += model.size
    return -1


cdef void log_determinants_of(const Model *model, const double *factors, double *out) noexcept nogil:
    """out = log det L of each component, n_components; a tied one is repeated."""
    cdef Py_ssize_t k, j
    cdef Py_ssize_t step = model.n_features + 1 if model.form == MATRIX else 1
    cdef double total
    for k in range(model.n_covariances):
        total = 0.0
        if model.form == SCALAR:
            total = model.n_features * natural_log(factors[k])
        else:
            for j in range(model.n_features):
                total += natural_log(factors[k * model.size + j * step])
        out[k] = total
    for k in range(model.n_covariances, model.n_components):
        out[k] = out[0]
