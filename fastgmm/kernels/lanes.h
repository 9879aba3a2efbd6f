/* What moves numbers between lanes: the transposition of a square, and picking the lanes of a mask.
 * simd.h includes this file; nothing else does.
 */
#ifndef FASTGMM_LANES_H
#define FASTGMM_LANES_H

/* A square of LANES vectors is transposed by exchanging blocks: of 1 lane, then of 2, 4 and 8.  Of a pair of vectors
 * `step` apart, VFIRST takes the even blocks of both, VSECOND the odd ones. */
#if defined(__clang__)
#define VSHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif defined(__GNUC__)
#define VSHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif
#if defined(__GNUC__)
static inline vec vblock(vec a, vec b, int step, int odd)
{
    enum { L = LANES };
#if defined(FASTGMM_FLOAT32) && VECTOR_BYTES == 64
    if (step == 8 && !odd) return VSHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    if (step == 8) return VSHUFFLE(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    if (step == 4 && !odd) return VSHUFFLE(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    if (step == 4) return VSHUFFLE(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    if (step == 2 && !odd) return VSHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    if (step == 2) return VSHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    if (!odd) return VSHUFFLE(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    return VSHUFFLE(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#elif VECTOR_BYTES == 64 || (defined(FASTGMM_FLOAT32) && VECTOR_BYTES == 32)
    if (step == 4 && !odd) return VSHUFFLE(a, b, 0, 1, 2, 3, L, L + 1, L + 2, L + 3);
    if (step == 4) return VSHUFFLE(a, b, 4, 5, 6, 7, L + 4, L + 5, L + 6, L + 7);
    if (step == 2 && !odd) return VSHUFFLE(a, b, 0, 1, L, L + 1, 4, 5, L + 4, L + 5);
    if (step == 2) return VSHUFFLE(a, b, 2, 3, L + 2, L + 3, 6, 7, L + 6, L + 7);
    if (!odd) return VSHUFFLE(a, b, 0, L, 2, L + 2, 4, L + 4, 6, L + 6);
    return VSHUFFLE(a, b, 1, L + 1, 3, L + 3, 5, L + 5, 7, L + 7);
#elif VECTOR_BYTES == 32 || defined(FASTGMM_FLOAT32)
    if (step == 2 && !odd) return VSHUFFLE(a, b, 0, 1, L, L + 1);
    if (step == 2) return VSHUFFLE(a, b, 2, 3, L + 2, L + 3);
    if (!odd) return VSHUFFLE(a, b, 0, L, 2, L + 2);
    return VSHUFFLE(a, b, 1, L + 1, 3, L + 3);
#else
    if (!odd) return VSHUFFLE(a, b, 0, L);
    return VSHUFFLE(a, b, 1, L + 1);
#endif
}
static inline __attribute__((always_inline)) void vtranspose(vec t[LANES])
{
#pragma GCC unroll 4
    for (int step = 1; step < LANES; step *= 2)
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            if (!(i & step)) {
                vec a = t[i], b = t[i + step];
                t[i] = vblock(a, b, step, 0);
                t[i + step] = vblock(a, b, step, 1);
            }
}
#else
static inline void vtranspose(vec t[LANES]) { (void)t; }
#endif

/* The numbers of the set lanes, in order, and first + lane for each of them. Whole vectors are written, of which the
 * first `lanes_of(set)` numbers count. */
static inline int lanes_of(unsigned set)
{
#if defined(__GNUC__)
    return __builtin_popcount(set);
#else
    int n = 0;
    for (; set; set &= set - 1) n++;
    return n;
#endif
}
#if defined(__x86_64__) && defined(__AVX512F__) && defined(FASTGMM_FLOAT32)
static inline void vpick(vec x, unsigned set, real *out) { vstore(out, _mm512_maskz_compress_ps((__mmask16)set, x)); }
static inline void pick_lanes(unsigned set, int first, int *out)
{
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i picked = _mm512_maskz_compress_epi32((__mmask16)set, lanes);
    _mm512_storeu_si512(out, _mm512_add_epi32(picked, _mm512_set1_epi32(first)));
}
#elif defined(__x86_64__) && defined(__AVX512F__)
static inline void vpick(vec x, unsigned set, real *out) { vstore(out, _mm512_maskz_compress_pd((__mmask8)set, x)); }
static inline void pick_lanes(unsigned set, int first, int *out)
{
    __m256i picked = _mm256_maskz_compress_epi32((__mmask8)set, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    _mm256_storeu_si256((__m256i *)out, _mm256_add_epi32(picked, _mm256_set1_epi32(first)));
}
#elif defined(__AVX__) && !defined(FASTGMM_FLOAT32)
/* The set lanes of a vector of four, by mask. */
static const int8_t picked_lanes[16][4] = {
    {0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {2, 0, 0, 0}, {0, 2, 0, 0}, {1, 2, 0, 0}, {0, 1, 2, 0},
    {3, 0, 0, 0}, {0, 3, 0, 0}, {1, 3, 0, 0}, {0, 1, 3, 0}, {2, 3, 0, 0}, {0, 2, 3, 0}, {1, 2, 3, 0}, {0, 1, 2, 3}};
static inline void vpick(vec x, unsigned set, real *out)
{
    real numbers[LANES];
    vstore(numbers, x);
    for (int i = 0; i < LANES; i++) out[i] = numbers[picked_lanes[set][i]];
}
static inline void pick_lanes(unsigned set, int first, int *out)
{
    for (int i = 0; i < LANES; i++) out[i] = first + picked_lanes[set][i];
}
#else
static inline void vpick(vec x, unsigned set, real *out)
{
    real numbers[LANES];
    vstore(numbers, x);
    for (; set; set &= set - 1) *out++ = numbers[lowest_bit(set)];
}
static inline void pick_lanes(unsigned set, int first, int *out)
{
    for (; set; set &= set - 1) *out++ = first + lowest_bit(set);
}
#endif

/* The numbers at first[i] + second[i].  GCC would store them one by one and load what it has just stored. */
static inline vec vgather(const real *numbers, const int *first, const int *second)
{
#if defined(__x86_64__) && defined(__AVX512F__) && !defined(FASTGMM_FLOAT32)
    __m256i index = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)first),
                                     _mm256_loadu_si256((const __m256i *)second));
    return (vec)_mm512_i32gather_pd(index, numbers, 8);
#else
    real picked[LANES];
    for (int i = 0; i < LANES; i++) picked[i] = numbers[first[i] + second[i]];
    return vload(picked);
#endif
}

#endif
