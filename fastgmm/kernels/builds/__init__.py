"""One module per instruction set and dtype, each a line that includes the kernels.

The compiled modules land here.  ``fastgmm.kernels`` imports those of the chosen instruction set.
"""
