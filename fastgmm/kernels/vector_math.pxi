# exp and log of a vector have no branches.  Their coefficients are minimax fits (Remez, 50 digits) of the remainders
# named beside them.

cdef extern from "simd.h" nogil:
    ctypedef double real        # float or double: FASTGMM_FLOAT32 decides
    ctypedef double vec         # LANES numbers
    ctypedef long long ivec     # LANES integers of the same size
    ctypedef double dvec        # DOUBLES numbers of float64
    ctypedef float fvec         # FLOATS numbers of float32
    enum:
        LANES
        DOUBLES
        FLOATS
        STRIP
        FEW_FEATURES
        TILE_ROWS
        TILE_VECS
        FEW_VECS
        MORE_VECS
        SCATTER_ROWS
        FACTOR_ROWS
        MOST_FACTOR_ROWS
        FACTOR_VECS
        LOWER_ROWS
        SCATTER_VECS
        SQUARE_TILE
        MANTISSA_BITS
        FEATURES_IN_LANES
        PRODUCT_ROWS
        PRODUCT_VECS
    real LOWEST
    real SMALLEST
    real ROOT_LARGEST
    real REAL_SQRT(real x)
    vec vload(const real *p)
    void vstore(real *p, vec x)
    vec vload_float(const float *p)
    void vstore_float(float *p, vec x)
    void vadd(double *out, vec x)
    vec vset(real x)
    dvec dload(const double *p)
    void dstore(double *p, dvec x)
    dvec dset(double x)
    vec vmax(vec a, vec b)
    vec vmin(vec a, vec b)
    void vtranspose(vec *square)
    vec vgather(const real *numbers, const int *first, const int *second)
    vec vsqrt(vec a)
    vec vscale(vec x, vec shifted)
    vec vsplit(vec x, vec *exponent)
    ivec vgreater(vec a, vec b)
    vec vkeep(vec x, ivec mask)
    unsigned int vmask(ivec mask)
    int lanes_of(unsigned int set)
    void vpick(vec x, unsigned int set, real *out)
    void pick_lanes(unsigned int set, int first, int *out)
    unsigned int vmask_greater(vec a, vec b)
    fvec fset(float x)
    fvec fload(const float *p)
    void fstore(float *p, fvec x)
    float fleast(fvec a, fvec b)
    unsigned int fmask_less(fvec a, fvec b)
    int lowest_bit(unsigned int set)
    Py_ssize_t vcount(ivec mask)
    real vsum(vec x)


@cython.linetrace(False)       # tracing would return an int where the vector is
@cython.profile(False)
cdef inline vec exp_nonpositive(vec x) noexcept nogil:
    """e^x for x <= 0, at most 1 ulp off; 0 below -300 (float32: -40).

    The responsibilities are squares of these numbers.  Further down they, and then their products with differences,
    would be subnormal, and each subnormal result costs some hundred cycles.
    """
    cdef vec shifted, n, r, q
    cdef ivec kept = vgreater(x, vset(-300.0 if MANTISSA_BITS == 52 else -40.0))
    if MANTISSA_BITS == 52:
        shifted = x * vset(1.442695040888963407) + vset(6755399441055744.0)     # n = round(x / ln 2)
        n = shifted - vset(6755399441055744.0)
        r = x - n * vset(0.6931471803691238)                                    # ln 2 in two parts
        r = r - n * vset(1.9082149292705877e-10)
        q = vset(2.5110019588463083559e-8) * r + vset(2.763263889981842325e-7)  # (e^r - 1 - r) / r^2
        q = q * r + vset(2.7557242422331847174e-6)
        q = q * r + vset(0.000024801487371263859416)
        q = q * r + vset(0.00019841269886508249868)
        q = q * r + vset(0.001388888894778018615)
        q = q * r + vset(0.0083333333333222383964)
        q = q * r + vset(0.04166666666652212798)
        q = q * r + vset(0.16666666666666674494)
        q = q * r + vset(0.50000000000000102116)
    else:
        shifted = x * vset(1.442695040888963407) + vset(12582912.0)
        n = shifted - vset(12582912.0)
        r = x - n * vset(0.693115234375)
        r = r - n * vset(3.1946183e-05)
        q = vset(0.00138146086802) * r + vset(0.00836870993146)
        q = q * r + vset(0.041668387449)
        q = q * r + vset(0.16666520689)
        q = q * r + vset(0.499999934514)
    return vkeep(vscale(vset(1.0) + (r + r * r * q), shifted), kept)


@cython.linetrace(False)
@cython.profile(False)
cdef inline vec log_positive(vec x) noexcept nogil:
    """ln x for positive normal x, at most 2 ulp off: 2 atanh(s) + n ln 2 with s = (m - 1) / (m + 1)."""
    cdef vec n, m, s, z, q
    m = vsplit(x, &n)
    s = (m - vset(1.0)) / (m + vset(1.0))
    z = s * s
    if MANTISSA_BITS == 52:
        q = vset(0.1479595517900284545) * z + vset(0.15314049994733964121)      # (2 atanh(s) / s - 2) / s^2
        q = q * z + vset(0.1818356434874812727)
        q = q * z + vset(0.22222198572718300485)
        q = q * z + vset(0.28571428742392718524)
        q = q * z + vset(0.39999999999414650672)
        q = q * z + vset(0.6666666666666734418)
        q = s * vset(2.0) + (s * z * q + n * vset(1.9082149292705877e-10))
        return n * vset(0.6931471803691238) + q
    q = vset(0.298717289537) * z + vset(0.39977541536)
    q = q * z + vset(0.666667763819)
    q = s * vset(2.0) + (s * z * q + n * vset(3.1946183e-05))
    return n * vset(0.693115234375) + q


def exp(numbers, out):
    """out = e^numbers as the kernels compute it (arguments up to 0); for tests of its error."""
    _map_vectors(numbers, out, True)


def log(numbers, out):
    """out = ln numbers as the kernels compute it (positive normal arguments); for tests of its error."""
    _map_vectors(numbers, out, False)


cdef _map_vectors(numbers, out, bint exponential):
    """out = e^numbers or ln numbers; whole vectors are read and written."""
    cdef Py_ssize_t n = len(numbers)
    cdef Py_ssize_t i
    cdef Borrowed source = borrow(numbers, sizeof(real), round_up(n, LANES), False, "numbers")
    cdef Borrowed target = borrow(out, sizeof(real), n, True, "out")
    cdef vec x
    for i from 0 <= i < n by LANES:
        x = vload(<const real *> source.view.buf + i)
        vstore(<real *> target.view.buf + i, exp_nonpositive(x) if exponential else log_positive(x))
