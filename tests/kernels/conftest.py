"""Every build that this processor runs, or the one that FASTGMM_ISA names."""

import os

import pytest

from fastgmm import kernels

NAMED = os.environ.get("FASTGMM_ISA", "")
RUNNABLE = [name for name in kernels.BUILT if name in kernels.SUPPORTED and NAMED in ("", name)]


@pytest.fixture(params=RUNNABLE)
def build(request):
    return kernels.Build(request.param)
