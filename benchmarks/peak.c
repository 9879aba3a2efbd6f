/* The processor's own peak: independent chains of x = x * a + b in registers, nothing else.
 *
 * Compiled by roofline.py with BYTES, CHAINS and REAL for each instruction set, with the flags of the kernels. Where the
 * instruction set has an FMA the compiler makes one of each line; the baseline multiplies and adds.
 */

typedef REAL vec __attribute__((vector_size(BYTES)));

#define STEP(i) x[i] = x[i] * a + b;

/* Returns a number that depends on every chain, so that none is removed; 2 * CHAINS * BYTES / sizeof(REAL) operations
 * per round. The factor below 1 keeps the numbers normal. */
double peak(long rounds, double factor, double term)
{
    vec x[CHAINS];
    const vec a = (vec){0} + (REAL)factor;
    const vec b = (vec){0} + (REAL)term;
    for (int i = 0; i < CHAINS; i++) x[i] = b * (REAL)i;
    for (long n = 0; n < rounds; n++) {
#pragma GCC unroll 32
        for (int i = 0; i < CHAINS; i++) STEP(i)
    }
    vec total = x[0];
    for (int i = 1; i < CHAINS; i++) total += x[i];
    double sum = 0.0;
    for (unsigned j = 0; j < BYTES / sizeof(REAL); j++) sum += total[j];
    return sum;
}
