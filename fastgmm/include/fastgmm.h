/* Score rows from C, C++ or Cython without Python: a table of functions of one mixture.

   Snapshot.scorer() makes an object whose `capsule` holds the address of such a table:

       fastgmm_scorer *scorer = PyCapsule_GetPointer(capsule, FASTGMM_SCORER_NAME);
       scorer->log_density(scorer, rows, n, out);

   The functions need no GIL and allocate nothing.  A table has scratch of its own: one thread uses it at a time.  The
   object must be kept alive as long as the table is used. */

#ifndef FASTGMM_H
#define FASTGMM_H

#include <stddef.h>
#include <stdint.h>

#define FASTGMM_SCORER_NAME "fastgmm.scorer"
#define FASTGMM_SCORER_VERSION 1

typedef struct fastgmm_scorer fastgmm_scorer;

struct fastgmm_scorer {
    int version;            /* FASTGMM_SCORER_VERSION of the library that made the table */
    int item_size;          /* 8: rows and results are double; 4: they are float */
    ptrdiff_t n_components; /* K */
    ptrdiff_t n_features;   /* D */
    /* Of n rows (n x D, in C order, finite; in) each function writes to its last argument (out). */
    void (*log_density)(const fastgmm_scorer *, const void *rows, ptrdiff_t n, void *out);           /* n, nats */
    void (*component_log_density)(const fastgmm_scorer *, const void *rows, ptrdiff_t n, void *out); /* n x K, nats */
    void (*responsibilities)(const fastgmm_scorer *, const void *rows, ptrdiff_t n, void *out);      /* n x K */
    void (*labels)(const fastgmm_scorer *, const void *rows, ptrdiff_t n, int64_t *out);             /* n */
    const void *state;      /* the library's own */
};

#endif
