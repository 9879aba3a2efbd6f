# cython: language_level=3
"""Which instruction sets this processor and its operating system run.

Built for the baseline, imported before any other build.
"""

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <cpuid.h>
    static int extended_state(unsigned mask)
    {
        unsigned a, b, c, d;
        if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
        __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
        return (a & mask) == mask;
    }
    /* The psABI's levels: registers that the operating system saves, then every feature of the level. */
    static int runs_v3(void)
    {
        unsigned a, b, c, d;
        const unsigned basic = bit_FMA | bit_MOVBE | bit_AVX | bit_F16C | bit_SSE4_2 | bit_POPCNT | bit_SSSE3;
        if (!extended_state(0x6) || !__get_cpuid(1, &a, &b, &c, &d) || (c & basic) != basic) return 0;
        if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c & bit_ABM)) return 0;
        if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
        return (b & (bit_AVX2 | bit_BMI | bit_BMI2)) == (bit_AVX2 | bit_BMI | bit_BMI2);
    }
    static int runs_v4(void)
    {
        unsigned a, b, c, d;
        const unsigned wide = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
        if (!runs_v3() || !extended_state(0xe6) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
        return (b & wide) == wide;
    }
    #define RUNS_X86_64 1
    #elif defined(_M_X64) || defined(__x86_64__)
    #define RUNS_X86_64 1
    static int runs_v3(void) { return 0; }
    static int runs_v4(void) { return 0; }
    #else
    #define RUNS_X86_64 0
    static int runs_v3(void) { return 0; }
    static int runs_v4(void) { return 0; }
    #endif
    #if defined(__aarch64__) || defined(_M_ARM64)
    #define RUNS_NEON 1
    #else
    #define RUNS_NEON 0
    #endif
    """
    int RUNS_X86_64
    int RUNS_NEON
    int runs_v3()
    int runs_v4()


def supported():
    """Names of the instruction sets that run here, the widest first."""
    names = []
    if runs_v4():
        names.append("x86-64-v4")
    if runs_v3():
        names.append("x86-64-v3")
    if RUNS_X86_64:
        names.append("x86-64")
    if RUNS_NEON:
        names.append("neon")
    return tuple(names)
