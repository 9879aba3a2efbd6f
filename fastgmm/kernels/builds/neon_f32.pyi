from fastgmm.kernels.reference import *
