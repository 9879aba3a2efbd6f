"""EM itself: E-step, M-step, the loop, its end, steps ahead of it, collapse, regularisation."""

from fastgmm.em.run import Iteration

__all__ = ["Iteration"]  # where pickles of 0.1.0 look for it
