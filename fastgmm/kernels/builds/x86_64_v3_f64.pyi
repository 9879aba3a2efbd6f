from fastgmm.kernels.float64.reference import *
