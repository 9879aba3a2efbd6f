# The kernels, one source for every instruction set and both dtypes: each _<set>_<dtype>.pyx includes this file and is compiled with its own flags.

include "vector_math.pxi"
include "density.pxi"
include "moments.pxi"
include "packed.pxi"
include "factorization.pxi"
include "clustering.pxi"
