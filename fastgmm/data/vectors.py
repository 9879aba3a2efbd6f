"""Inner products without BLAS, whose threads cost more than they save and add in their own order.

OpenBLAS shares an inner product of more than 10,000 numbers among its threads.  Where other work
keeps the processors busy, one of 10,240 numbers took 2 to 18 ms of processor time in place of
8 us, in each iteration of a fit of 10,000 x 32.
"""

import numpy as np

from fastgmm.typing import FloatArray


def inner(left: FloatArray, right: FloatArray) -> float:
    """The sum of the products of two arrays' numbers, of any one shape."""
    return float(np.einsum("i,i->", left.ravel(), right.ravel()))


def length(vector: FloatArray) -> float:
    """The square root of the sum of an array's squares."""
    return float(np.sqrt(inner(vector, vector)))
