"""Bounds carried from pass to pass: what is skipped changes the sums by rounding only."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import fastgmm
from fastgmm import kernels
from fastgmm.data.rows import RowData
from fastgmm.em import bounds
from fastgmm.em.e_step import carried_bounds, expectation
from fastgmm.em.m_step import maximization
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture

RUNNABLE = [name for name in kernels.BUILT if name in kernels.SUPPORTED]
DTYPES = ["float32", "float64"]


def clusters(seed, n, k, d, spread, dtype="float64"):
    """Rows of correlated clusters, and parameters near the truth."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(k, d)) * spread
    roots = np.eye(d) + rng.normal(size=(k, d, d)) * 0.7 / np.sqrt(d)
    labels = rng.integers(k, size=n)
    rows = means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d)))
    start = Mixture.from_covariances(
        np.full(k, 1.0 / k),
        means + 0.1 * rng.normal(size=(k, d)),
        roots @ roots.transpose(0, 2, 1) * 1.1,
        "full",
    )
    return np.ascontiguousarray(rows, dtype), start


@pytest.fixture(autouse=True)
def few_features(monkeypatch):
    """Carry bounds for fewer features than they pay for."""
    monkeypatch.setattr(bounds, "FEWEST_FEATURES", 16)


@pytest.fixture
def use_build(monkeypatch):
    """Let the library compute with another build."""

    def use(name):
        build = kernels.Build(name)
        monkeypatch.setattr(
            kernels,
            "packed_mixtures",
            {dtype: module.PackedMixture for dtype, module in build.modules.items()},
        )
        monkeypatch.setattr(
            kernels,
            "bounds_strides",
            {dtype: module.bounds_stride for dtype, module in build.modules.items()},
        )

    return use


def computed_shares(carried, monkeypatch):
    """A list that gets the shares of every pass."""
    seen = []
    end = carried.end
    monkeypatch.setattr(carried, "end", lambda *shares: (seen.append(shares), end(*shares)))
    return seen


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RUNNABLE)
@pytest.mark.parametrize("spread", [4.0, 60.0])  # about one shift, and not
def test_skipping_changes_rounding_only(use_build, monkeypatch, name, dtype, weighted, spread):
    use_build(name)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for d, n in ((16, 700), (18, 2500), (17, 513), (33, 300)):
        rows, parameters = clusters(d, n, 4, d, spread, dtype)
        weight = np.random.default_rng(d).exponential(size=n) if weighted else None
        carried = carried_bounds(rows, "full", 4)
        seen = computed_shares(carried, monkeypatch)
        for _ in range(5):
            ours = expectation(parameters, RowData(rows, weight), bounds=carried)
            full = expectation(parameters, RowData(rows, weight))
            np.testing.assert_allclose(ours.log_likelihood, full.log_likelihood, rtol=tolerance)
            np.testing.assert_allclose(ours.component_weight, full.component_weight, rtol=tolerance)
            for one, other in (
                (ours.first_moment, full.first_moment),
                (ours.second_moment, full.second_moment),
            ):
                atol = tolerance * np.abs(full.second_moment).max()
                np.testing.assert_allclose(one, other, rtol=0, atol=atol)
            parameters = maximization(full, Regularization.of(1e-6))
        assert seen[1][1] == 1.0
        assert seen[4][1] < 0.5


def test_components_that_jump_are_found_again():
    """Bounds of one pass, and then two means that have changed places."""
    rows, parameters = clusters(0, 1000, 8, 16, 5.0)
    carried = carried_bounds(rows, "full", 8)
    for _ in range(3):
        expectation(parameters, RowData(rows), bounds=carried)
    turned = replace(parameters, means=parameters.means[[1, 0, *range(2, 8)]])
    for of_pass in (turned, turned, parameters):
        ours = expectation(of_pass, RowData(rows), bounds=carried)
        full = expectation(of_pass, RowData(rows))
        np.testing.assert_allclose(ours.log_likelihood, full.log_likelihood, rtol=1e-13)
        np.testing.assert_allclose(ours.component_weight, full.component_weight, rtol=1e-13)


def test_a_rare_row_keeps_its_component():
    """A component under one row's weight, and a row of little weight, lose nothing."""
    rows, parameters = clusters(1, 800, 3, 16, 30.0)
    weight = np.ones(800)
    weight[::7] = 1e-9
    weights = np.array([1.0 - 2e-12, 1e-12, 1e-12])
    parameters = replace(parameters, weights=weights)
    carried = carried_bounds(rows, "full", 3)
    for _ in range(4):
        ours = expectation(parameters, RowData(rows, weight), bounds=carried)
        full = expectation(parameters, RowData(rows, weight))
        np.testing.assert_allclose(ours.component_weight, full.component_weight, rtol=1e-12)
        np.testing.assert_allclose(ours.second_moment, full.second_moment, rtol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_limits_hold(seed):
    """smin and smax by singular values."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 30))
    old = np.tril(rng.normal(size=(d, d))) * 0.3 + np.eye(d) * rng.uniform(1, 3, size=d)
    new = old + np.tril(rng.normal(size=(d, d))) * 10.0 ** rng.uniform(-9, 0)
    new.flat[:: d + 1] = np.abs(np.diagonal(new)) + 0.1
    inverse, moved = np.linalg.inv(new), rng.normal(size=d)
    shrink, grow, distance = bounds._change(inverse, moved, old)
    values = np.linalg.svd(inverse @ old, compute_uv=False)
    assert shrink <= values[-1] * (1 + 1e-12)
    assert grow >= values[0] * (1 - 1e-12)
    np.testing.assert_allclose(distance, np.linalg.norm(inverse @ moved))


def test_limits_of_what_overflows():
    huge = np.full((3, 3), 1e300)
    assert bounds._change(huge, np.zeros(3), huge) == (0.0, np.inf, np.inf)


def test_where_bounds_are_not_carried(monkeypatch):
    """Heavy overlap, few features, other covariances, and more memory than the rows take."""
    for n_components, d, spread, kind in (
        (4, 16, 0.0, "full"),
        (4, 12, 9.0, "full"),
        (40, 16, 9.0, "full"),
        (4, 16, 9.0, "diag"),
    ):
        rows, parameters = clusters(2, 500, n_components, d, spread)
        if kind == "diag":
            parameters = Mixture.from_covariances(
                parameters.weights, parameters.means, np.ones((n_components, d)), kind
            )
        carried = carried_bounds(rows, kind, n_components)
        for _ in range(3):
            expectation(parameters, RowData(rows), bounds=carried)
        assert carried._carried is None


def test_bounds_that_do_not_pay_are_dropped_for_a_while():
    assert not carried_bounds(np.zeros((127, 16)), "full", 2).possible
    carried = carried_bounds(np.zeros((128, 16)), "full", 2)
    _, parameters = clusters(0, 1, 2, 16, 3.0)
    history = []
    for _ in range(14):
        informed = carried.begin(parameters.constants) is not None
        history.append(informed)
        carried.end(0.1, 1.0)
    assert history[:3] == [False, True, True]  # nothing; noted; used, in vain
    assert not any(history[3:5])
    assert any(history[5:8])
    assert sum(history) < 9


def test_same_bits_on_any_number_of_threads():
    rows, parameters = clusters(3, 9000, 4, 40, 2.0)
    found = []
    for n_threads in (1, 2, 5):
        carried = carried_bounds(rows, "full", 4)
        for _ in range(4):
            data = RowData(rows, n_threads=n_threads)
            statistics = expectation(parameters, data, bounds=carried)
        found.append(statistics.second_moment.tobytes())
    assert found[0] == found[1] == found[2]


SCRIPT = """
import numpy as np, fastgmm
rng = np.random.default_rng(0)
X = rng.normal(size=(6000, 40)) + 5 * rng.integers(3, size=(6000, 1))
model = fastgmm.GaussianMixture(3, random_state=0, tol=1e-9, max_iter=8).fit(X)
print(fastgmm.show_config()["skip"])
print(model.lower_bound_.hex(), model.covariances_.sum().hex())
"""


def run_with(value):
    environment = {**os.environ, "FASTGMM_SKIP": value}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_switch():
    """FASTGMM_SKIP=off computes and sums every pair; the results are the same to rounding."""
    numbers = {}
    for value in ("on", "off"):
        lines = run_with(value).stdout.splitlines()
        assert lines[-2] == value
        numbers[value] = [float.fromhex(number) for number in lines[-1].split()]
    np.testing.assert_allclose(numbers["on"], numbers["off"], rtol=1e-12)
    wrong = run_with("no")
    assert wrong.returncode != 0
    assert "FASTGMM_SKIP must be 'on' or 'off', got 'no'" in wrong.stderr


def test_fit_carries_bounds(monkeypatch):
    """Passes of a fit on separated clusters compute few pairs."""
    seen = []
    end = bounds.CarriedBounds.end
    monkeypatch.setattr(
        bounds.CarriedBounds,
        "end",
        lambda self, *shares: (seen.append(shares), end(self, *shares)),
    )
    rows, _ = clusters(5, 6000, 6, 40, 4.0)
    fastgmm.GaussianMixture(6, random_state=0, tol=1e-13, max_iter=8).fit(rows)
    assert len(seen) >= 3
    assert seen[-1][1] < 0.4
    del seen[:]
    fastgmm.GaussianMixture(6, random_state=0, tol=1e-13, max_iter=8).fit(rows[:1000])
    assert not seen  # one block
