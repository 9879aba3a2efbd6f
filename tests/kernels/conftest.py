"""Every build that this processor runs."""

import pytest

from fastgmm import kernels

RUNNABLE = [name for name in kernels.BUILT if name in kernels.SUPPORTED]


@pytest.fixture(params=RUNNABLE)
def build(request):
    return kernels.Build(request.param)
