"""
The worked example: N(2, 1) with weight 0.6 and N(5, 2) with weight 0.4, at x = 3.5.

The tutorial that it comes from prints p1 = 0.107, p2 = 0.120, p = 0.112 and responsibilities of
0.571 and 0.429. Its formulas are right and its arithmetic is not: these are what they give.
"""

import math
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture

WEIGHTS, MEANS, VARIANCES, X = (0.6, 0.4), (2.0, 5.0), (1.0, 2.0), 3.5
P1, P2, P = 0.129518, 0.160733, 0.142004
R1, R2 = 0.547243, 0.452757
SHAPES = {"full": (2, 1, 1), "diag": (2, 1), "spherical": (2,)}


def by_hand() -> tuple[list[float], float, list[float]]:
    densities = [
        math.exp(-((X - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
        for mean, variance in zip(MEANS, VARIANCES, strict=True)
    ]
    joint = [weight * density for weight, density in zip(WEIGHTS, densities, strict=True)]
    return densities, sum(joint), [value / sum(joint) for value in joint]


@pytest.fixture(params=SHAPES)
def model(request: pytest.FixtureRequest) -> GaussianMixture:
    """Return the mixture; in one dimension the three types that are not tied are the same."""
    return GaussianMixture.from_parameters(
        WEIGHTS,
        np.reshape(MEANS, (2, 1)),
        np.reshape(VARIANCES, SHAPES[request.param]),
        covariance_type=request.param,
    )


def test_the_numbers_are_those_of_the_formulas() -> None:
    densities, total, responsibilities = by_hand()
    assert densities == pytest.approx([P1, P2], abs=5e-7)
    assert total == pytest.approx(P, abs=5e-7)
    assert responsibilities == pytest.approx([R1, R2], abs=5e-7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_density_and_responsibilities(model: GaussianMixture, dtype: Any) -> None:
    rows = np.array([[X]], dtype=dtype)
    densities, total, responsibilities = by_hand()
    rel = 4 * float(np.finfo(dtype).eps)
    by_component = np.exp(model.component_log_density(rows))
    np.testing.assert_allclose(by_component, [densities], rtol=rel)
    np.testing.assert_allclose(np.exp(model.score_samples(rows)), [total], rtol=rel)
    np.testing.assert_allclose(model.predict_proba(rows), [responsibilities], rtol=rel)
    assert by_component.round(6)[0].tolist() == pytest.approx([P1, P2], abs=2e-7)
    assert np.exp(model.score(rows)) == pytest.approx(P, abs=5e-7)
    assert model.predict(rows).tolist() == [0]


def test_statistics(model: GaussianMixture) -> None:
    """The row counts for each component what its responsibility says."""
    statistics = model.e_step([[X]])
    _, total, responsibilities = by_hand()
    np.testing.assert_allclose(statistics.component_weight, responsibilities, rtol=1e-15)
    assert statistics.log_likelihood == pytest.approx(math.log(total), rel=1e-15)
    differences = X - np.array(MEANS)
    first = responsibilities * differences
    np.testing.assert_allclose(statistics.first_moment.ravel(), first, rtol=1e-14)
    np.testing.assert_allclose(statistics.second_moment.ravel(), first * differences, rtol=1e-14)


def test_one_iteration(model: GaussianMixture) -> None:
    """pi_k = N_k / N, mu_k = sum r x / N_k, Sigma_k = sum r (x - mu_k)^2 / N_k."""
    x = np.array([1.0, 2.5, 3.5, 4.0, 6.5])
    means, variances = np.array(MEANS), np.array(VARIANCES)
    joint = (
        np.array(WEIGHTS)
        * np.exp(-((x[:, None] - means) ** 2) / (2 * variances))
        / np.sqrt(2 * np.pi * variances)
    )
    r = joint / joint.sum(axis=1, keepdims=True)
    n_k = r.sum(axis=0)
    new_means = r.T @ x / n_k
    new_variances = (r * (x[:, None] - new_means) ** 2).sum(axis=0) / n_k

    rows = x[:, None]
    log_likelihood = np.log(joint.sum(axis=1)).sum()
    assert model.e_step(rows).log_likelihood == pytest.approx(log_likelihood, rel=1e-14)
    model.set_params(reg_covar=0.0).m_step(model.e_step(rows))
    np.testing.assert_allclose(model.weights_, n_k / 5, rtol=1e-14)
    np.testing.assert_allclose(model.means_.ravel(), new_means, rtol=1e-14)
    np.testing.assert_allclose(model.covariances_.ravel(), new_variances, rtol=1e-13)
    assert model.score(rows) * 5 > log_likelihood


@pytest.mark.parametrize(
    ("covariance_type", "covariances"),
    [("tied", [[1.4]]), ("tied_diag", [1.4]), ("tied_spherical", 1.4)],
)
def test_tied(covariance_type: str, covariances: Any) -> None:
    """With one variance for both, 1.4 = 0.6 * 1 + 0.4 * 2."""
    model = GaussianMixture.from_parameters(
        WEIGHTS, np.reshape(MEANS, (2, 1)), covariances, covariance_type=covariance_type
    )
    # 3.5 is as far from 2 as from 5: the weights alone decide.
    np.testing.assert_allclose(model.predict_proba([[X]]), [WEIGHTS], rtol=1e-15)
    density = math.exp(-2.25 / 2.8) / math.sqrt(2.8 * math.pi)
    np.testing.assert_allclose(np.exp(model.score_samples([[X]])), [density], rtol=1e-15)
