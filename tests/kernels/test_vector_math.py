"""exp and log of the kernels against 50 digits."""

import mpmath
import numpy as np
import pytest

from kernel_cases import DTYPES


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_and_log_within_two_ulp(build, dtype):
    module = build.modules[np.dtype(dtype)]
    lowest = -300.0 if dtype == "float64" else -40.0
    rng = np.random.default_rng(0)
    exponents = np.concatenate(
        [rng.uniform(lowest, 0, 1500), -rng.exponential(size=1492), -np.geomspace(1e-300, 1, 48)]
    )
    exponents = np.concatenate([exponents, np.zeros(8), -np.log(2) * (np.arange(24) + 0.5)]).astype(
        dtype
    )
    positives = np.concatenate(
        [rng.uniform(0.5, 2, 1536), rng.uniform(1, 100, 768), 2.0 ** rng.uniform(-99, 99, 768)]
    )
    for function, exact, numbers in (
        (module.exp, mpmath.exp, exponents),
        (module.log, mpmath.log, positives.astype(dtype)),
    ):
        out = np.empty_like(numbers)
        function(numbers, out)
        with mpmath.workdps(50):
            wanted = [exact(mpmath.mpf(float(x))) for x in numbers]
            spacing = np.spacing(np.abs(np.array(wanted, dtype=np.float64)).astype(dtype)).astype(
                np.float64
            )
            ulp = [
                abs(float((mpmath.mpf(float(o)) - w) / s))
                for o, w, s in zip(out, wanted, spacing, strict=True)
            ]
        assert max(ulp) <= 2
    below = np.repeat([-np.inf, np.finfo(dtype).min, lowest * 1.01, lowest], 16).astype(dtype)
    module.exp(below, below)
    assert np.all(below == 0)
