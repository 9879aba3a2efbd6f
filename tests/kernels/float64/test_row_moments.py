"""Mean and variances of all rows, from sums, of every build against the reference and the rows."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference

FLOAT64 = np.dtype("float64")


@pytest.mark.parametrize("form", ["matrix", "diagonal", "scalar"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 9), (2, 33)])
def test_moments_are_those_of_the_rows(build, form, tied, shape):
    k, d = shape
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(200, d)) @ rng.normal(size=(d, d)) + 10.0 * seed
        odds = rng.dirichlet(np.ones(k), 200)
        points = rng.normal(size=(k, d)) + 10.0 * seed
        off = rows[:, None] - points
        weight, first = odds.sum(axis=0), np.einsum("nk,nkd->kd", odds, off)
        second = np.einsum("nk,nki,nkj->kij", odds, off, off)
        if form != "matrix":
            second = np.array(np.diagonal(second, axis1=1, axis2=2))
        if form == "scalar":
            second = second.sum(axis=1)
        if tied:
            second = np.asarray(second.sum(axis=0))
        n_variances = 1 if form == "scalar" else d
        found, wanted = ((np.empty(d), np.empty(n_variances)) for _ in range(2))
        sums = form, tied, points, weight, first, second
        build.modules[FLOAT64].row_moments(*sums, *found)
        reference.row_moments(*sums, *wanted)
        variances = rows.var(axis=0)
        exact = rows.mean(axis=0), variances.mean() if form == "scalar" else variances
        for one, other, third in zip(found, wanted, exact, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)
            np.testing.assert_allclose(one, third, rtol=1e-9, atol=1e-9)
