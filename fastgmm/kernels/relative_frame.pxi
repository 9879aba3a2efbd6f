# The relative frame: coordinates about a mixture, the base, in its own units; `em/relative_frame.py` says which.  A
# vector of coordinates has the log weights, that of a background last, the means component by component, and what
# describes the covariances: of each matrix the lower triangle row by row.
#
# Sums have one product per addend, so that a compiler which fuses the two makes the same bits wherever it does.

from libc.float cimport DBL_MIN
from libc.math cimport exp as natural_exp
from libc.math cimport rint

cdef struct Slot:
    # The parameters of one mixture, float64; shapes as in Model.
    double *weights             # n_weights
    double *means
    double *covariances
    double *factors
    double *inverses


cdef struct Evidence:
    # The sums of an E-step, with the share of a prior in `sums`.
    const double *reference         # n_components x n_features
    const double *component_weight  # n_weights, of the rows alone
    Moments sums


cdef struct Frame:
    Py_ssize_t n            # coordinates
    double least_scale
    double *scale           # n: the roots of the information that complete rows have; 0 where all stays as it is
    double *first           # n_components x n_features
    double *shift           # n_components x n_features
    double *matrices        # MATRIX: three of n_features rows at panel_stride
    double *factoring       # see factor_scratch


cdef inline Py_ssize_t coordinates_of_covariance(const Model *model) noexcept nogil:
    return model.size if model.form != MATRIX else triangle(model.n_features, 0)


cdef inline Py_ssize_t count_coordinates(const Model *model) noexcept nogil:
    return model.n_weights + model.n_components * model.n_features + (
        model.n_covariances * coordinates_of_covariance(model))


cdef lay_out_frame(Frame *frame, const Model *model, Cutter cut):
    cdef Py_ssize_t d = model.n_features
    frame.n = count_coordinates(model)
    frame.scale = cut.doubles(frame.n)
    frame.first = cut.doubles(model.n_components * d)
    frame.shift = cut.doubles(model.n_components * d)
    frame.matrices = cut.doubles(3 * d * panel_stride(d) if model.form == MATRIX else 0)
    frame.factoring = cut.doubles(factor_scratch(d) if model.form == MATRIX else 0)


cdef void find_scales(Frame *frame, const Model *model, const double *weights) noexcept nogil:
    """frame.scale at a base of these weights."""
    cdef Py_ssize_t k, c, i, j
    cdef Py_ssize_t d = model.n_features
    cdef double *out = frame.scale
    cdef double *means = out + model.n_weights
    cdef double root, both
    for k in range(model.n_weights):
        root = sqrt(weights[k])
        root = root if root > frame.least_scale else 0.0
        out[k] = root
        for j in range(d if k < model.n_components else 0):
            means[k * d + j] = root
    out = means + model.n_components * d
    for c in range(model.n_covariances):
        root = 1.0 if model.tied else frame.scale[c]
        # A logarithm of a deviation is told of twice, as both factors of L L^T have it.
        both = root * sqrt(2.0 * d if model.form == SCALAR else 2.0)
        if model.form == MATRIX:
            for i in range(d):
                for j in range(i):
                    out[j] = root
                out[i] = both
                out += i + 1
        else:
            for j in range(model.size):
                out[j] = both
            out += model.size


cdef void transpose_lower(const double *lower, Py_ssize_t n, double *out) noexcept nogil:
    """out = L^T at panel_stride, with zeros under the diagonal."""
    cdef Py_ssize_t i, j
    cdef Py_ssize_t stride = panel_stride(n)
    memset(out, 0, n * stride * sizeof(double))
    for i in range(n):
        for j in range(i + 1):
            out[j * stride + i] = lower[i * n + j]


cdef void whiten_both(const double *inverse, Py_ssize_t n, double *matrices) noexcept nogil:
    """matrices[0] = lower triangle of L^-1 S L^-T; in: S, symmetric, at panel_stride.  The other two are scratch."""
    cdef Py_ssize_t stride = panel_stride(n)
    cdef double *second = matrices
    cdef double *transposed = second + n * stride
    cdef double *product = transposed + n * stride
    cdef Py_ssize_t begin, end
    transpose_lower(inverse, n, transposed)
    memset(product, 0, n * stride * sizeof(double))
    for begin from 0 <= begin < n by PANEL:
        end = min(begin + PANEL, n)
        subtract_panels(
            product + begin, stride, second, transposed + begin, stride, end, n, end - begin, False)
    memset(second, 0, n * stride * sizeof(double))
    for begin from 0 <= begin < n by PANEL:
        end = min(begin + PANEL, n)
        subtract_panels(
            second + begin * stride, stride, transposed + begin, product, stride, end, end - begin, end, False)


cdef void times_lower(const double *left, const double *right, Py_ssize_t n, double *matrices) noexcept nogil:
    """matrices[0] = minus the product of two lower triangles; the others are scratch."""
    cdef Py_ssize_t stride = panel_stride(n)
    cdef double *transposed = matrices + n * stride
    cdef double *copy = transposed + n * stride
    cdef Py_ssize_t begin, end, i
    transpose_lower(left, n, transposed)
    memset(matrices, 0, n * stride * sizeof(double))
    for i in range(n):
        memcpy(copy + i * stride, right + i * n, n * sizeof(double))
    for begin from 0 <= begin < n by PANEL:
        end = min(begin + PANEL, n)
        subtract_panels(
            matrices + begin * stride, stride, transposed + begin, copy, stride, end, end - begin, end, False)


cdef void squares_of_products(const double *lower, double *covariance, Py_ssize_t n, double *matrices) noexcept nogil:
    """covariance = L E E^T L^T; in: the lower triangle E in matrices[0], at panel_stride."""
    cdef Py_ssize_t stride = panel_stride(n)
    cdef double *inside = matrices
    cdef double *transposed = inside + n * stride
    cdef double *product = transposed + n * stride
    cdef Py_ssize_t begin, end, i, j
    # (L E)^T = E^T L^T, upper triangular
    transpose_lower(lower, n, transposed)
    memset(product, 0, n * stride * sizeof(double))
    subtract_panels(product, stride, inside, transposed, stride, n, n, n, True)
    for i in range(n):
        for j in range(i):
            product[i * stride + j] = 0.0
    memset(covariance, 0, n * n * sizeof(double))
    for begin from 0 <= begin < n by PANEL:
        end = min(begin + PANEL, n)
        subtract_panels(covariance + begin * n, n, product + begin, product, stride, end, end - begin, end, False)
    for i in range(n):
        for j in range(i + 1):
            covariance[i * n + j] = -covariance[i * n + j]
            covariance[j * n + i] = covariance[i * n + j]


cdef void times_vector(
    const Model *model, const double *factor, const double *vector, double *out
) noexcept nogil:
    """out = L v of one component."""
    cdef Py_ssize_t i, j
    cdef double total
    if model.form != MATRIX:
        for i in range(model.n_features):
            out[i] = factor[0 if model.form == SCALAR else i] * vector[i]
        return
    for i in range(model.n_features):
        total = 0.0
        for j in range(i + 1):
            total += factor[i * model.n_features + j] * vector[j]
        out[i] = total


cdef void gradient_of_covariance(
    Frame *frame, const Model *model, const double *inverse, const double *second, double divisor,
    Py_ssize_t begin, Py_ssize_t end, double *out
) noexcept nogil:
    """out = derivatives by the coordinates of a covariance that components begin .. end - 1 share.

    They are those of L^-1 (second + divisor ridge) L^-T - divisor, where `second` is moved from the reference to the
    means: frame.shift is the difference, and frame.first the sum of the first moments about both.
    """
    cdef Py_ssize_t k, i, j
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t stride = panel_stride(d)
    cdef double *matrix = frame.matrices
    cdef const double *shift
    cdef const double *both
    cdef double moved, ridge
    if model.form == MATRIX:
        for i in range(d):
            memcpy(matrix + i * stride, second + i * d, d * sizeof(double))
        for k in range(begin, end):
            shift = frame.shift + k * d
            both = frame.first + k * d
            for i in range(d):
                for j in range(d):
                    matrix[i * stride + j] = matrix[i * stride + j] + 0.5 * shift[i] * both[j]
                for j in range(d):
                    matrix[i * stride + j] = matrix[i * stride + j] + 0.5 * shift[j] * both[i]
        for i in range(d):
            matrix[i * stride + i] = matrix[i * stride + i] + divisor * model.ridge[i if model.n_ridge > 1 else 0]
        whiten_both(inverse, d, matrix)
        for i in range(d):
            memcpy(out, matrix + i * stride, (i + 1) * sizeof(double))
            out[i] = out[i] - divisor
            out += i + 1
        return
    for i in range(model.size):
        moved = second[i]
        for k in range(begin, end):
            if model.form == DIAGONAL:
                moved += frame.shift[k * d + i] * frame.first[k * d + i]
            else:
                for j in range(d):
                    moved += frame.shift[k * d + j] * frame.first[k * d + j]
        ridge = model.ridge[i if model.n_ridge > 1 else 0]
        moved += divisor * ridge
        moved *= inverse[i] * inverse[i]
        out[i] = moved - divisor


cdef void gradient_at(
    Frame *frame, const Model *model, const Slot *base, const Evidence *evidence, double grid, double *out
) noexcept nogil:
    """out = gradient of the mean log density and log priors at the base, in multiples of the grid if there is one.

    frame.scale must be that of the base.
    """
    cdef const Moments *sums = &evidence.sums
    cdef Py_ssize_t k, j, i
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t n_spread = coordinates_of_covariance(model)
    cdef double total = 0.0
    cdef double *means = out + model.n_weights
    cdef double *spread = means + model.n_components * d
    cdef double shift
    for k in range(model.n_weights):
        total += evidence.component_weight[k]
    for k in range(model.n_weights):
        out[k] = evidence.component_weight[k] - total * base.weights[k]
    for k in range(model.n_components):
        for j in range(d):
            i = k * d + j
            shift = evidence.reference[i] - base.means[i]
            frame.shift[i] = shift
            frame.first[i] = sums.first[i] + sums.mean_weight[k] * shift
        times_vector(model, base.inverses + (0 if model.tied else k * model.size), frame.first + k * d, means + k * d)
        for j in range(d):
            frame.first[k * d + j] = frame.first[k * d + j] + sums.first[k * d + j]
    for k in range(model.n_covariances):
        gradient_of_covariance(
            frame, model, base.inverses + k * model.size, sums.second + k * model.size, sums.divisor[k],
            k, model.n_components if model.tied else k + 1, spread + k * n_spread)
    for i in range(frame.n):
        out[i] = out[i] * (1.0 / frame.scale[i]) / total if frame.scale[i] > 0.0 else 0.0
    round_to(grid, frame.n, out)


cdef void coordinates_at(
    Frame *frame, const Model *model, const Slot *base, const Slot *other, double grid, double *out
) noexcept nogil:
    """out = coordinates of another mixture about the base, as in gradient_at."""
    cdef Py_ssize_t k, i, j
    cdef Py_ssize_t d = model.n_features
    cdef double *means = out + model.n_weights
    cdef double *spread = means + model.n_components * d
    for k in range(model.n_weights):
        out[k] = 0.0
        if base.weights[k] > 0.0 and other.weights[k] > 0.0:
            out[k] = natural_log(other.weights[k] / base.weights[k])
    for k in range(model.n_components):
        for j in range(d):
            frame.shift[j] = other.means[k * d + j] - base.means[k * d + j]
        times_vector(model, base.inverses + (0 if model.tied else k * model.size), frame.shift, means + k * d)
    if model.form != MATRIX:
        for i in range(model.n_covariances * model.size):
            spread[i] = natural_log(base.inverses[i] * other.factors[i])
    else:
        for k in range(model.n_covariances):
            times_lower(base.inverses + k * model.size, other.factors + k * model.size, d, frame.matrices)
            for i in range(d):
                for j in range(i):
                    spread[j] = -frame.matrices[i * panel_stride(d) + j]
                spread[i] = natural_log(-frame.matrices[i * panel_stride(d) + i])
                spread += i + 1
    for i in range(frame.n):
        out[i] = out[i] * frame.scale[i] if frame.scale[i] > 0.0 else 0.0
    round_to(grid, frame.n, out)


cdef inline void round_to(double grid, Py_ssize_t n, double *out) noexcept nogil:
    cdef Py_ssize_t i
    if grid > 0.0:
        for i in range(n):
            out[i] = rint(out[i] / grid) * grid


cdef bint mixture_at(
    Frame *frame, const Model *model, const Slot *base, const double *step, const Slot *out
) noexcept nogil:
    """out = the mixture at coordinates about the base; False where a covariance is not positive definite."""
    cdef Py_ssize_t k, i, j
    cdef Py_ssize_t d = model.n_features
    cdef Py_ssize_t stride = panel_stride(d)
    cdef const double *scale = frame.scale
    cdef double largest = -INFINITY
    cdef double total = 0.0
    cdef double *row
    for k in range(model.n_weights):
        out.weights[k] = step[k] / scale[k] if scale[k] > 0.0 else 0.0
        largest = max(largest, out.weights[k])
    for k in range(model.n_weights):
        out.weights[k] = base.weights[k] * natural_exp(out.weights[k] - largest)
        total += out.weights[k]
    step += model.n_weights
    scale += model.n_weights
    for k in range(model.n_weights):
        out.weights[k] = out.weights[k] / total
    for k in range(model.n_components):
        for j in range(d):
            frame.shift[j] = step[j] / scale[j] if scale[j] > 0.0 else 0.0
        times_vector(
            model, base.factors + (0 if model.tied else k * model.size), frame.shift, out.means + k * d)
        for j in range(d):
            out.means[k * d + j] = base.means[k * d + j] + out.means[k * d + j]
        step += d
        scale += d
    for k in range(model.n_covariances):
        if model.form == MATRIX:
            for i in range(d):
                row = frame.matrices + i * stride
                memset(row, 0, stride * sizeof(double))
                for j in range(i + 1):
                    row[j] = step[j] / scale[j] if scale[j] > 0.0 else 0.0
                row[i] = natural_exp(row[i])
                step += i + 1
                scale += i + 1
            squares_of_products(
                base.factors + k * model.size, out.covariances + k * model.size, d, frame.matrices)
        else:
            for i in range(k * model.size, (k + 1) * model.size):
                total = base.factors[i] * natural_exp(step[0] / scale[0] if scale[0] > 0.0 else 0.0)
                out.covariances[i] = total * total
                step += 1
                scale += 1
    return factor_all(model, out.covariances, 0.0, out.factors, out.inverses, frame.factoring) < 0


cdef double largest_move(const Frame *frame, const double *step) noexcept nogil:
    """The largest change that a step makes of a log weight, a mean in deviations, or a factor."""
    cdef Py_ssize_t i
    cdef double largest = 0.0
    for i in range(frame.n):
        if frame.scale[i] > 0.0:
            largest = max(largest, fabs(step[i] / frame.scale[i]))
    return largest


cdef double ridge_penalty(const Model *model, const double *inverses, const double *held) noexcept nogil:
    """The log density of the prior that the ridge is beside the weights `held`, nats."""
    cdef Py_ssize_t c, i, j
    cdef double trace, root
    cdef double penalty = 0.0
    for c in range(model.n_covariances):
        trace = 0.0
        for i in range(model.size):
            j = i % model.n_features
            root = inverses[c * model.size + i]
            trace += root * root * model.ridge[j if model.n_ridge > 1 else 0]
        penalty += held[c] * trace
    return -0.5 * penalty
