"""Log densities and responsibilities against arithmetic of 50 digits."""

from typing import Any

import mpmath
import numpy as np
import pytest

from fastgmm import GaussianMixture
from support import correlated_mixture, in_shape_of, matrices_of

DIGITS = 50
# Around the multiples of the registers' 4, 8 and 16 lanes.
DIMENSIONS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33)
FEW_ULP = 6.0


class Exact:
    """N(mean, covariance) with the float64 parameters taken as exact."""

    def __init__(self, mean: np.ndarray, covariance: np.ndarray) -> None:
        self.mean = [mpmath.mpf(float(value)) for value in mean]
        self.factor = mpmath.cholesky(mpmath.matrix(covariance.tolist()))
        diagonal = [self.factor[i, i] for i in range(len(mean))]
        self.log_determinant = 2 * sum(mpmath.log(value) for value in diagonal)

    def log_density(self, row: np.ndarray) -> tuple[Any, float]:
        """Return the log density, and the sum of the magnitudes of the terms that make it."""
        whitened: list[Any] = []
        for i, value in enumerate(row):
            rest = mpmath.mpf(float(value)) - self.mean[i]
            for j, earlier in enumerate(whitened):
                rest -= self.factor[i, j] * earlier
            whitened.append(rest / self.factor[i, i])
        squared = sum(value * value for value in whitened)
        constant = len(row) * mpmath.log(2 * mpmath.pi)
        magnitude = (constant + abs(self.log_determinant) + squared) / 2
        return -(constant + self.log_determinant + squared) / 2, float(magnitude)


def worst_ulp(
    model: GaussianMixture,
    X: np.ndarray,
    components: np.ndarray | None = None,
) -> tuple[float, float]:
    """
    Compare with exact arithmetic.

    Returns the worst errors of `component_log_density` and of `score_samples` in units of the
    rows' eps times the magnitude of the terms. With `components` (n,), only that component's
    density of each row is looked at.
    """
    eps = float(np.finfo(X.dtype).eps)
    means, covariances = (a.astype(np.float64) for a in (model.means_, model.covariances_))
    full = matrices_of(model.covariance_type, covariances, means)
    by_component, scores = model.component_log_density(X), model.score_samples(X)
    worst_component = worst_score = 0.0
    with mpmath.workdps(DIGITS):
        exact = [Exact(*parameters) for parameters in zip(means, full, strict=True)]
        log_weights = [mpmath.log(mpmath.mpf(float(w))) for w in model.weights_]
        for i, row in enumerate(X):
            logs, magnitudes = zip(*(e.log_density(row) for e in exact), strict=True)
            for k in range(len(exact)) if components is None else [components[i]]:
                error = float(abs(mpmath.mpf(float(by_component[i, k])) - logs[k]))
                worst_component = max(worst_component, error / (eps * magnitudes[k]))
            joint = [w + log for w, log in zip(log_weights, logs, strict=True)]
            best = int(np.argmax([float(value) for value in joint]))
            total = joint[best] + mpmath.log(sum(mpmath.exp(v - joint[best]) for v in joint))
            error = float(abs(mpmath.mpf(float(scores[i])) - total))
            size = magnitudes[best] + abs(float(log_weights[best])) + 1.0
            worst_score = max(worst_score, error / (eps * size))
    return worst_component, worst_score


def correlated(n_features: int, condition: float, rng: np.random.Generator) -> np.ndarray:
    """Return a covariance with no axis among its eigenvectors, eigenvalues 1 .. 1/condition."""
    axes, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    covariance = (axes * np.geomspace(1.0, 1.0 / condition, n_features)) @ axes.T
    return (covariance + covariance.T) / 2.0


@pytest.mark.parametrize("n_features", DIMENSIONS)
def test_well_conditioned(n_features: int, covariance_type: str) -> None:
    rng = np.random.default_rng([n_features, 5])
    mixture = correlated_mixture(3, n_features, rng, separation=1.0)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    X, _ = mixture.sample(8, rng)
    X[0] = mixture.means[0]
    X[1] += 30.0
    by_component, score = worst_ulp(model, X)
    assert by_component < FEW_ULP
    assert score < FEW_ULP


@pytest.mark.parametrize("n_features", [1, 2, 5, 8, 17, 33])
def test_well_conditioned_float32(n_features: int, covariance_type: str) -> None:
    rng = np.random.default_rng([n_features, 6])
    mixture = correlated_mixture(3, n_features, rng, separation=1.0)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means.astype(np.float32),  # what float32 rows are compared with
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    X = mixture.sample(8, rng)[0].astype(np.float32)
    assert model.component_log_density(X).dtype == np.float32
    by_component, score = worst_ulp(model, X)
    assert by_component < FEW_ULP
    assert score < FEW_ULP


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12])
@pytest.mark.parametrize("n_features", [2, 3, 8, 17, 33])
def test_error_is_bounded_by_the_condition_number(n_features: int, condition: float) -> None:
    rng = np.random.default_rng([n_features, int(np.log10(condition))])
    covariance = correlated(n_features, condition, rng)
    mean = 3.0 * rng.standard_normal(n_features)
    X = rng.multivariate_normal(mean, covariance, 6, method="eigh")
    X[0] = mean
    for covariance_type, shaped in (("full", covariance[None]), ("tied", covariance)):
        model = GaussianMixture.from_parameters(
            [1.0], [mean], shaped, covariance_type=covariance_type
        )
        by_component, _ = worst_ulp(model, X)
        # Measured: 0.06 of the condition number at most.
        assert by_component < FEW_ULP + 0.5 * condition


def test_scales_of_the_features_cost_nothing(covariance_type: str) -> None:
    # A condition number of 1e24 from the units alone: Cholesky factors do not mind.
    rng = np.random.default_rng(8)
    covariance = correlated(4, 16.0, rng)
    units = np.array([1e-6, 1.0, 1e6, 1e3])
    if covariance_type.endswith("spherical"):
        units[:] = 1e-6
    scaled = covariance * units[:, None] * units
    variances = np.diagonal(scaled)
    shaped = {
        "full": scaled[None],
        "tied": scaled,
        "diag": variances[None],
        "spherical": variances[:1],
        "tied_diag": variances,
        "tied_spherical": variances[0],
    }[covariance_type]
    model = GaussianMixture.from_parameters(
        [1.0], np.zeros((1, 4)), shaped, covariance_type=covariance_type
    )
    by_component, score = worst_ulp(model, rng.standard_normal((8, 4)) * units)
    assert by_component < FEW_ULP
    assert score < FEW_ULP


@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("distance", [1e2, 1e4, 1e6, 1e8])
def test_means_far_apart(
    distance: float,
    offset: float,
    covariance_type: str,
) -> None:
    """Each row near the mean of its own component, where no digit need be lost."""
    rng = np.random.default_rng([int(distance), int(offset), 1])
    mixture = correlated_mixture(4, 5, rng)
    means = offset + distance * rng.standard_normal((4, 5))
    model = GaussianMixture.from_parameters(
        mixture.weights,
        means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    labels = np.repeat(np.arange(4), 3)
    X = means[labels] + rng.standard_normal((12, 5))
    by_component, score = worst_ulp(model, X, labels)
    assert by_component < FEW_ULP
    assert score < FEW_ULP


@pytest.mark.parametrize("distance", [1e2, 1e4])
def test_means_far_apart_float32(distance: float, covariance_type: str) -> None:
    rng = np.random.default_rng(int(distance))
    mixture = correlated_mixture(4, 5, rng)
    means = (distance * rng.standard_normal((4, 5))).astype(np.float32)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    labels = np.repeat(np.arange(4), 3)
    X = (means[labels] + rng.standard_normal((12, 5))).astype(np.float32)
    by_component, score = worst_ulp(model, X, labels)
    assert by_component < FEW_ULP
    assert score < FEW_ULP


@pytest.mark.parametrize("distance", [1e3, 1e5, 1e7])
def test_far_tails(distance: float, covariance_type: str) -> None:
    """Rows far from every mean: a log density of -1e13 is as exact as one of -1."""
    rng = np.random.default_rng(int(distance))
    mixture = correlated_mixture(3, 4, rng)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    by_component, score = worst_ulp(model, distance * rng.standard_normal((6, 4)))
    assert by_component < FEW_ULP
    assert score < FEW_ULP


@pytest.mark.parametrize("n_features", [1, 2, 6, 17])
def test_given_precisions(
    n_features: int,
    covariance_type: str,
) -> None:
    """`precisions_init` means the inverse of the covariance, and is factored as well as it."""
    rng = np.random.default_rng([n_features, 9])
    mixture = correlated_mixture(2, n_features, rng, separation=1.0)
    precisions = mixture.precisions_as(covariance_type)
    X, _ = mixture.sample(max(6, n_features), rng)
    model = GaussianMixture(
        2,
        covariance_type=covariance_type,
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=precisions,
        max_iter=0,
    ).fit(X)
    full = matrices_of(covariance_type, precisions, mixture.means)
    got = model.component_log_density(X)
    with mpmath.workdps(DIGITS):
        for k in range(2):
            precision = mpmath.matrix(full[k].tolist())
            log_determinant = mpmath.log(mpmath.det(precision))
            constant = n_features * mpmath.log(2 * mpmath.pi)
            for i, row in enumerate(X):
                pairs = zip(row, mixture.means[k], strict=True)
                d = mpmath.matrix([mpmath.mpf(float(a)) - mpmath.mpf(float(b)) for a, b in pairs])
                squared = (d.T * precision * d)[0]
                exact = (log_determinant - constant - squared) / 2
                size = float(constant + abs(log_determinant) + squared) / 2
                # The condition number is 16 at most.
                assert abs(float(got[i, k] - exact)) < 16.0 * 2.0**-52 * size


def test_responsibilities(
    covariance_type: str,
) -> None:
    """A few ulp each, down to 1e-250: what is below e^-600 counts as zero."""
    rng = np.random.default_rng(4)
    mixture = correlated_mixture(4, 3, rng, separation=6.0)
    covariances = mixture.covariances_as(covariance_type)
    model = GaussianMixture.from_parameters(
        mixture.weights, mixture.means, covariances, covariance_type=covariance_type
    )
    X = np.concatenate([mixture.sample(20, rng)[0], mixture.means.mean(axis=0)[None]])
    got = model.predict_proba(X)
    np.testing.assert_allclose(got.sum(axis=1), 1.0, rtol=0.0, atol=4 * 2.0**-52)
    np.testing.assert_array_equal(model.predict(X), got.argmax(axis=1))
    full = matrices_of(covariance_type, covariances, mixture.means)
    seen: set[int] = set()
    with mpmath.workdps(DIGITS):
        exact = [Exact(*parameters) for parameters in zip(mixture.means, full, strict=True)]
        for i, row in enumerate(X):
            logs, magnitudes = zip(*(e.log_density(row) for e in exact), strict=True)
            terms = [
                mpmath.mpf(float(w)) * mpmath.exp(log)
                for w, log in zip(mixture.weights, logs, strict=True)
            ]
            for k, term in enumerate(terms):
                expected = term / sum(terms)
                if expected < 1e-250:
                    assert got[i, k] < 1e-249
                    continue
                error = float(abs(mpmath.mpf(float(got[i, k])) - expected) / expected)
                # The error of a log density is the relative error of a density.
                assert error < FEW_ULP * 2.0**-52 * (2.0 + max(magnitudes))
                seen.add(int(mpmath.log10(expected) // 10))
    assert len(seen) > 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_of_equal_components_is_the_label(dtype: type[np.floating]) -> None:
    model = GaussianMixture.from_parameters(
        np.full(4, 0.25), [[9.0], [0.0], [0.0], [9.0]], np.ones(4), covariance_type="spherical"
    )
    X = np.array([[0.0], [9.0], [0.5]] * 30, dtype=dtype)
    assert model.predict(X).tolist() == [1, 0, 1] * 30
    np.testing.assert_allclose(model.predict_proba(X)[0], [0.0, 0.5, 0.5, 0.0], atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_every_density_underflows(dtype: type[np.floating], covariance_type: str) -> None:
    """No NaN where all components are too far for a number: -inf, and responsibilities."""
    ones = in_shape_of(covariance_type, np.stack([np.eye(2)] * 2))
    model = GaussianMixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], ones, covariance_type=covariance_type
    )
    far = np.sqrt(np.finfo(dtype).max) * 4
    X = np.array([[far, 0.0], [0.0, 0.0]], dtype=dtype)
    assert model.score_samples(X)[0] == -np.inf
    assert np.isfinite(model.score_samples(X)[1])
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-6)
    assert model.predict(X)[0] in (0, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tied_covariance_is_the_same_one_for_each_component(
    dtype: type[np.floating], twins: tuple[GaussianMixture, GaussianMixture, np.ndarray]
) -> None:
    tied, untied, X = twins
    X = X.astype(dtype)
    for method in ("score_samples", "predict_proba", "component_log_density", "predict"):
        got, expected = getattr(tied, method)(X), getattr(untied, method)(X)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == expected.dtype


def test_one_number_is_a_tied_variance(rng: np.random.Generator) -> None:
    """All that "tied_spherical" takes: a float, a scalar or an array without dimensions."""
    X, means = rng.normal(size=(20, 3)), rng.normal(size=(2, 3))
    squared = ((X[:, None] - means) ** 2).sum(axis=2)
    expected = -0.5 * (squared / 2.25 + 3.0 * np.log(2.0 * np.pi * 2.25))
    for variance in (2.25, np.float64(2.25), np.float32(2.25), np.array(2.25)):
        model = GaussianMixture.from_parameters(
            [0.5, 0.5], means, variance, covariance_type="tied_spherical"
        )
        np.testing.assert_allclose(model.component_log_density(X), expected, rtol=1e-14)
        for name, value in (("covariances_", 2.25), ("precisions_", 1 / 2.25)):
            assert type(getattr(model, name)) is np.ndarray
            assert getattr(model, name).shape == ()
            assert getattr(model, name) == pytest.approx(value, rel=1e-15)
        assert model.precisions_cholesky_ == pytest.approx(1 / 1.5, rel=1e-15)
    whole = GaussianMixture.from_parameters([0.5, 0.5], means, 4, covariance_type="tied_spherical")
    assert whole.covariances_ == 4.0
    assert whole.covariances_.dtype == np.float64
