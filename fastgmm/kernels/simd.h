/* One vector type for the kernels: `vec` holds LANES numbers of type `real`.
 *
 * GCC's and clang's vector extension gives +, - and * on it (and contracts a*b+c to one FMA); what the
 * extension lacks is below.  Any other compiler gets LANES = 1 and plain scalars: slow, and right.
 * FASTGMM_FLOAT32 chooses the element type; the instruction set comes from the compiler's own flags.
 */
#ifndef FASTGMM_SIMD_H
#define FASTGMM_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef FASTGMM_FLOAT32
typedef float real;
typedef int32_t bits;
#define MANTISSA_BITS 23
#define REAL_SQRT sqrtf
#define LOWEST (-3.402823466e+38f)
#define SMALLEST 1.1754943508222875e-38f
#define ROOT_LARGEST 1.8446743e+19f
#else
typedef double real;
typedef int64_t bits;
#define MANTISSA_BITS 52
#define REAL_SQRT sqrt
#define LOWEST (-1.7976931348623157e+308)
#define SMALLEST 2.2250738585072014e-308
#define ROOT_LARGEST 1.3407807929942595e+154
#endif

/* Registers: 32 with AVX-512 and NEON, 16 with AVX2 and SSE2.  A tile of the whitening holds
 * TILE_ROWS x TILE_VECS accumulators, TILE_VECS inputs and one coefficient; a tile of the scatter
 * SCATTER_ROWS x SCATTER_VECS, or SQUARE_TILE x SQUARE_TILE where the rows are in the lanes.  One more than fits spills and is several times slower. */
#if defined(__GNUC__)
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef bits ivec __attribute__((vector_size(VECTOR_BYTES)));
/* Loads and stores go through an unaligned type that may alias: memcpy makes AVX2 code 50 times slower. */
typedef real vec_unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
#else
#define VECTOR_BYTES sizeof(real)
typedef real vec;
typedef bits ivec;
typedef real vec_unaligned;
#endif

#ifndef TILE_ROWS
#if defined(__AVX512F__)
#define TILE_ROWS 4
#define TILE_VECS 4
#elif defined(__AVX__)
#define TILE_ROWS 4
#define TILE_VECS 3
#elif defined(__aarch64__)
#define TILE_ROWS 4
#define TILE_VECS 4
#else
#define TILE_ROWS 4
#define TILE_VECS 2
#endif
#endif

#ifndef FEW_VECS
#define FEW_VECS TILE_VECS
#define MORE_VECS 2
#endif

#ifndef SCATTER_ROWS
#if defined(__AVX512F__) || defined(__aarch64__)
#define SCATTER_ROWS 8
#define SCATTER_VECS 3
#define SQUARE_TILE 4
#else
#define SCATTER_ROWS 4
#define SCATTER_VECS 3
#define SQUARE_TILE 3
#endif
#endif

/* Rows are projected on factors by tiles: up to FACTOR_ROWS factors of TILE_VECS vectors, beside which the squares have a
 * register for each vector, or up to MOST_FACTOR_ROWS of FACTOR_VECS. */
#ifndef FACTOR_ROWS
#define MOST_FACTOR_ROWS 10
#if defined(__AVX512F__) || defined(__aarch64__)
#define FACTOR_ROWS 4
#define FACTOR_VECS 2
#elif defined(__AVX__)
#define FACTOR_ROWS 3
#define FACTOR_VECS 1
#else
#define FACTOR_ROWS 5
#define FACTOR_VECS 1
#endif
#endif

/* From how many features on the features, not the rows, are put in the lanes of the M-step. */
#define FEATURES_IN_LANES LANES

/* Products of features that are made for so many rows at a time, so many vectors per row, before all
 * components take them: 12 KB, which the first-level cache holds. */
#ifndef PRODUCT_ROWS
#define PRODUCT_ROWS 64
#define PRODUCT_VECS SCATTER_VECS
#endif

enum {
    FEW_FEATURES = 4,           /* up to here all of a component fits in registers */
    LANES = VECTOR_BYTES / sizeof(real),
    STRIP = TILE_VECS * (VECTOR_BYTES / sizeof(real)),
    /* rows of a lower triangle that are stored with equal length: a tile of the scatter writes whole rows */
    LOWER_ROWS = SCATTER_ROWS > LANES ? SCATTER_ROWS : LANES,
};

/* The tiles are written once with their sizes as arguments and become straight-line code only where they are inlined with
 * constants; the compiler's own judgement leaves them as loops over memory, at a quarter of the speed. */
#if defined(__GNUC__)
#undef CYTHON_INLINE
#define CYTHON_INLINE inline __attribute__((always_inline))
#endif

static inline vec vload(const real *p) { return *(const vec_unaligned *)p; }
static inline void vstore(real *p, vec x) { *(vec_unaligned *)p = x; }

/* The same to and from single precision, whatever `real` is. */
#if defined(__GNUC__) && !defined(FASTGMM_FLOAT32)
typedef float singles __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef float singles_unaligned __attribute__((vector_size(VECTOR_BYTES / 2), aligned(4), may_alias));
static inline vec vload_float(const float *p) { return __builtin_convertvector(*(const singles_unaligned *)p, vec); }
static inline void vstore_float(float *p, vec x) { *(singles_unaligned *)p = __builtin_convertvector(x, singles); }
#elif defined(__GNUC__)
static inline vec vload_float(const float *p) { return vload(p); }
static inline void vstore_float(float *p, vec x) { vstore(p, x); }
#else
static inline vec vload_float(const float *p) { return *p; }
static inline void vstore_float(float *p, vec x) { *p = (float)x; }
#endif

/* out += x, LANES numbers of float64. */
static inline void vadd(double *out, vec x)
{
#if defined(__GNUC__) && !defined(FASTGMM_FLOAT32)
    *(vec_unaligned *)out += x;
#elif defined(__GNUC__)
    typedef double wide __attribute__((vector_size(2 * VECTOR_BYTES)));
    typedef double wide_unaligned __attribute__((vector_size(2 * VECTOR_BYTES), aligned(8), may_alias));
    *(wide_unaligned *)out += __builtin_convertvector(x, wide);
#else
    *out += x;
#endif
}

static inline vec vset(real x)
{
#if defined(__GNUC__)
    return x - (vec){0};
#else
    return x;
#endif
}

/* DOUBLES numbers of float64, whatever `real` is. */
#if defined(__GNUC__)
enum { DOUBLES = VECTOR_BYTES / 8 };
typedef double dvec __attribute__((vector_size(VECTOR_BYTES)));
typedef double dvec_unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
static inline dvec dset(double x) { return x - (dvec){0}; }
#else
enum { DOUBLES = 1 };
typedef double dvec;
typedef double dvec_unaligned;
static inline dvec dset(double x) { return x; }
#endif
static inline dvec dload(const double *p) { return *(const dvec_unaligned *)p; }
static inline void dstore(double *p, dvec x) { *(dvec_unaligned *)p = x; }

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#if defined(__AVX512F__) && defined(FASTGMM_FLOAT32)
#define INTRINSIC(name) _mm512_##name##_ps
#elif defined(__AVX512F__)
#define INTRINSIC(name) _mm512_##name##_pd
#elif defined(__AVX__) && defined(FASTGMM_FLOAT32)
#define INTRINSIC(name) _mm256_##name##_ps
#elif defined(__AVX__)
#define INTRINSIC(name) _mm256_##name##_pd
#elif defined(FASTGMM_FLOAT32)
#define INTRINSIC(name) _mm_##name##_ps
#else
#define INTRINSIC(name) _mm_##name##_pd
#endif
static inline vec vmax(vec a, vec b) { return INTRINSIC(max)(a, b); }
static inline vec vsqrt(vec a) { return INTRINSIC(sqrt)(a); }
#elif defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>
#ifdef FASTGMM_FLOAT32
static inline vec vmax(vec a, vec b) { return (vec)vmaxnmq_f32((float32x4_t)a, (float32x4_t)b); }
static inline vec vsqrt(vec a) { return (vec)vsqrtq_f32((float32x4_t)a); }
#else
static inline vec vmax(vec a, vec b) { return (vec)vmaxnmq_f64((float64x2_t)a, (float64x2_t)b); }
static inline vec vsqrt(vec a) { return (vec)vsqrtq_f64((float64x2_t)a); }
#endif
#else
static inline vec vmax(vec a, vec b)
{
    real x[LANES], y[LANES];
    vstore(x, a);
    vstore(y, b);
    for (int i = 0; i < LANES; i++) x[i] = x[i] > y[i] ? x[i] : y[i];
    return vload(x);
}
static inline vec vsqrt(vec a)
{
    real x[LANES];
    vstore(x, a);
    for (int i = 0; i < LANES; i++) x[i] = REAL_SQRT(x[i]);
    return vload(x);
}
#endif

static inline vec vmin(vec a, vec b) { return -vmax(-a, -b); }

static inline ivec vbits(vec x) { ivec i; memcpy(&i, &x, sizeof i); return i; }
static inline vec vreal(ivec i) { vec x; memcpy(&x, &i, sizeof x); return x; }

/* x * 2^n, where the low mantissa bits of `shifted` = n + 1.5 * 2^MANTISSA_BITS hold the integer n and the
 * result is a normal number: an addition to the exponent field. */
static inline vec vscale(vec x, vec shifted) { return vreal(vbits(x) + (vbits(shifted) << MANTISSA_BITS)); }

/* A positive normal x as m * 2^n with m in [sqrt(1/2), sqrt(2)): returns m, n in *exponent. */
static inline vec vsplit(vec x, vec *exponent)
{
    /* bits of sqrt(1/2): subtracting them makes the exponent field round at sqrt(2) */
#ifdef FASTGMM_FLOAT32
    const bits root_half = 0x3f3504f3;
    const real magic = 12582912.0f;             /* 1.5 * 2^23 */
#else
    const bits root_half = 0x3fe6a09e667f3bcd;
    const real magic = 6755399441055744.0;      /* 1.5 * 2^52 */
#endif
    ivec shifted = vbits(x) - root_half;
    ivec n = shifted >> MANTISSA_BITS;
    *exponent = vreal(n + vbits(vset(magic))) - magic;
    return vreal(vbits(x) - (n << MANTISSA_BITS));
}

/* -1 in the lanes where a > b, 0 elsewhere. */
static inline ivec vgreater(vec a, vec b)
{
#if defined(__GNUC__)
    return (ivec)(a > b);
#else
    return -(ivec)(a > b);
#endif
}

/* x where the mask is set, 0 elsewhere. */
static inline vec vkeep(vec x, ivec mask) { return vreal(vbits(x) & mask); }

/* Such a mask as the bits of an integer, lane 0 the lowest. */
static inline unsigned vmask(ivec mask)
{
#if defined(__x86_64__) && defined(__AVX512F__) && defined(FASTGMM_FLOAT32)
    return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__x86_64__) && defined(__AVX512F__)
    return _mm512_movepi64_mask((__m512i)mask);
#elif defined(__x86_64__) && defined(__GNUC__)
    return (unsigned)INTRINSIC(movemask)((vec)mask);
#else
    bits n[LANES];
    unsigned set = 0;
    memcpy(n, &mask, sizeof n);
    for (int i = 0; i < LANES; i++) set |= (unsigned)(n[i] & 1) << i;
    return set;
#endif
}

/* Which lanes of a are greater than those of b, as bits: with AVX-512 in one instruction. */
static inline unsigned vmask_greater(vec a, vec b)
{
#if defined(__x86_64__) && defined(__AVX512F__) && defined(FASTGMM_FLOAT32)
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
#elif defined(__x86_64__) && defined(__AVX512F__)
    return _mm512_cmp_pd_mask(a, b, _CMP_GT_OQ);
#else
    return vmask(vgreater(a, b));
#endif
}

/* Index of the lowest bit of a number that is not 0. */
static inline int lowest_bit(unsigned set)
{
#if defined(__GNUC__)
    return __builtin_ctz(set);
#else
    int i = 0;
    while (!(set >> i & 1)) i++;
    return i;
#endif
}

/* How many lanes of a sum of such masks: minus the sum. */
static inline ptrdiff_t vcount(ivec mask)
{
    bits n[LANES];
    ptrdiff_t total = 0;
    memcpy(n, &mask, sizeof n);
    for (int i = 0; i < LANES; i++) total -= (ptrdiff_t)n[i];
    return total;
}

static inline real vsum(vec a)
{
    real x[LANES];
    vstore(x, a);
    for (int step = LANES / 2; step; step /= 2)
        for (int i = 0; i < step; i++) x[i] += x[i + step];
    return x[0];
}

/* FLOATS numbers of single precision, whatever `real` is: for what is only looked at roughly. */
#if defined(__GNUC__)
enum { FLOATS = VECTOR_BYTES / 4 };
typedef float fvec __attribute__((vector_size(VECTOR_BYTES)));
typedef float fvec_unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
static inline fvec fset(float x) { return x - (fvec){0}; }
#else
enum { FLOATS = 1 };
typedef float fvec;
typedef float fvec_unaligned;
static inline fvec fset(float x) { return x; }
#endif
static inline fvec fload(const float *p) { return *(const fvec_unaligned *)p; }
static inline void fstore(float *p, fvec x) { *(fvec_unaligned *)p = x; }

/* The least of all lanes of two vectors, none of which is NaN. */
static inline float fleast(fvec a, fvec b)
{
#if defined(__x86_64__) && defined(__AVX512F__)
    return _mm512_reduce_min_ps(_mm512_min_ps(a, b));
#elif defined(__x86_64__) && defined(__GNUC__)
#if defined(__AVX__)
    __m256 c = _mm256_min_ps(a, b);
    __m128 x = _mm_min_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
#else
    __m128 x = _mm_min_ps(a, b);
#endif
    x = _mm_min_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_min_ss(x, _mm_shuffle_ps(x, x, 1)));
#else
    float x[2 * FLOATS];
    memcpy(x, &a, sizeof a);
    memcpy(x + FLOATS, &b, sizeof b);
    for (int i = 1; i < 2 * FLOATS; i++) x[0] = x[i] < x[0] ? x[i] : x[0];
    return x[0];
#endif
}

/* Which lanes of a are less than those of b, as bits, lane 0 the lowest. */
static inline unsigned fmask_less(fvec a, fvec b)
{
#if defined(__x86_64__) && defined(__AVX512F__)
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
#elif defined(__x86_64__) && defined(__AVX__)
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
#elif defined(__x86_64__) && defined(__GNUC__)
    return (unsigned)_mm_movemask_ps(_mm_cmplt_ps(a, b));
#else
    float x[FLOATS], y[FLOATS];
    unsigned set = 0;
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    for (int i = 0; i < FLOATS; i++) set |= (unsigned)(x[i] < y[i]) << i;
    return set;
#endif
}

#include "lanes.h"

#endif
