from fastgmm.kernels.reference import *
from fastgmm.kernels.reference_online import *
from fastgmm.kernels.reference_patterns import *
from fastgmm.kernels.reference_stretch import *
