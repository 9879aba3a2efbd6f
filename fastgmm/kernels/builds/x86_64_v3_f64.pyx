include "../float64/kernels.pxi"
