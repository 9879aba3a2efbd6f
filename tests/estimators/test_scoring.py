"""What a fitted mixture says about rows, against NumPy, and the short way of few rows."""

from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from fastgmm import GaussianMixture
from support import COVARIANCE_TYPES, correlated_mixture, matrices_of

K, D, N = 3, 4, 500


def model_of(
    covariance_type: Any, rng: np.random.Generator
) -> tuple[GaussianMixture, np.ndarray, np.ndarray]:
    """Return a model, rows, and the log densities (n, K) of its components by SciPy."""
    truth = correlated_mixture(K, D, rng, separation=1.0)
    covariances = truth.covariances_as(covariance_type)
    model = GaussianMixture.from_parameters(
        truth.weights, truth.means, covariances, covariance_type=covariance_type
    )
    rows = truth.sample(N, rng)[0]
    matrices = matrices_of(covariance_type, covariances, truth.means)
    pairs = zip(truth.means, matrices, strict=True)
    return model, rows, np.array([multivariate_normal(*pair).logpdf(rows) for pair in pairs]).T


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_densities_and_responsibilities(
    dtype: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    model, rows, densities = model_of(covariance_type, rng)
    joint = densities + np.log(model.weights_)
    expected = logsumexp(joint, axis=1)
    rtol = 1e-11 if dtype is np.float64 else 2e-4
    rows = rows.astype(dtype)
    answers = (
        (model.component_log_density(rows), densities),
        (model.score_samples(rows), expected),
        (model.predict_proba(rows), np.exp(joint - expected[:, None])),
    )
    for got, wanted in answers:
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1.0, rtol=1e-6)
    labels = model.predict(rows)
    assert labels.dtype == np.int64
    clear = np.diff(np.sort(joint, axis=1)[:, -2:], axis=1)[:, 0] > 1e-3
    np.testing.assert_array_equal(labels[clear], joint.argmax(axis=1)[clear])


def test_score_is_the_weighted_mean(covariance_type: Any, rng: np.random.Generator) -> None:
    model, rows, densities = model_of(covariance_type, rng)
    expected = logsumexp(densities + np.log(model.weights_), axis=1)
    weight = rng.exponential(size=N)
    assert model.score(rows) == pytest.approx(expected.mean(), rel=1e-12)
    weighted = model.score(rows, sample_weight=weight)
    assert weighted == pytest.approx(np.average(expected, weights=weight), rel=1e-12)


def test_any_number_of_rows_says_the_same(covariance_type: Any, rng: np.random.Generator) -> None:
    """One row has a way of its own, many go to threads; rows that are not good are converted."""
    model, rows, _ = model_of(covariance_type, rng)
    whole = model.score_samples(rows)
    alone = np.concatenate([model.score_samples(rows[i : i + 1]) for i in range(N)])
    np.testing.assert_allclose(alone, whole, rtol=1e-13)
    many = np.tile(rows, (40, 1))
    np.testing.assert_allclose(model.score_samples(many), np.tile(whole, 40), rtol=1e-13)
    for other in (rows.tolist(), np.asfortranarray(rows), rows[::-1][::-1], rows.astype(">f8")):
        np.testing.assert_allclose(model.score_samples(other), whole, rtol=1e-13)


def test_the_first_of_equals_is_the_label() -> None:
    model = GaussianMixture.from_parameters([0.25, 0.5, 0.25], [[0.0], [9.0], [0.0]], [[[1.0]]] * 3)
    assert model.predict([[0.0], [9.0]]).tolist() == [0, 1]


@pytest.mark.parametrize("method", ["score_samples", "predict_proba"])
def test_out_is_filled_and_returned(method: str, rng: np.random.Generator) -> None:
    model, rows, _ = model_of("full", rng)
    expected = getattr(model, method)(rows)
    out = np.full_like(expected, np.nan)
    assert getattr(model, method)(rows, out=out) is out
    assert out.tobytes() == expected.tobytes()
    with pytest.raises(TypeError, match=r"^'out' has dtype float32, but the result is float64"):
        getattr(model, method)(rows, out=out.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attributes_have_the_dtype_of_the_fit(
    dtype: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    rows = model_of(covariance_type, rng)[1].astype(dtype)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        shown = getattr(model, name)
        assert shown.dtype == dtype
        assert shown.flags.c_contiguous
    assert model.n_features_in_ == D
    with pytest.raises(AttributeError, match="the rows of its fit had no names"):
        _ = model.feature_names_in_
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["predict_proba", "score_samples"])
def test_out_must_not_lie_in_the_memory_of_the_rows(
    method: str, dtype: Any, rng: np.random.Generator
) -> None:
    model, rows, _ = model_of("full", rng)
    buffer = np.zeros(2 * (len(rows) + 9) * D, dtype)
    for n in (1, 7, len(rows)):
        given = buffer[: n * D].reshape(n, D)
        given[...] = rows[:n]
        expected = getattr(model, method)(given)
        for begin in (0, 1, n * D - 1):
            out = buffer[begin : begin + expected.size].reshape(expected.shape)
            before = buffer.copy()
            with pytest.raises(ValueError, match="lies in the memory of the rows"):
                getattr(model, method)(given, out=out)
            np.testing.assert_array_equal(buffer, before)
        out = buffer[n * D : n * D + expected.size].reshape(expected.shape)
        assert getattr(model, method)(given, out=out).tobytes() == expected.tobytes()


@pytest.mark.parametrize("n_threads", [-1, 0, 1.5, "2", np.array(2)])
def test_scores_check_the_number_of_threads(n_threads: Any, rng: np.random.Generator) -> None:
    model, rows, _ = model_of("full", rng)
    model.n_threads = n_threads
    for method in ("predict", "predict_proba", "score", "score_samples", "bic", "aic", "icl"):
        with pytest.raises(ValueError, match="The 'n_threads' parameter of GaussianMixture must"):
            getattr(model, method)(rows)
    for method in (model.snapshot, lambda: model.e_step(rows), lambda: model.partial_fit(rows)):
        with pytest.raises(ValueError, match="The 'n_threads' parameter of GaussianMixture must"):
            method()


def test_the_number_of_parameters_has_scikit_learns_name_too(rng: np.random.Generator) -> None:
    model, _, _ = model_of("full", rng)
    assert model._n_parameters() == model.n_parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_one_row_is_scored_as_several(kind: str, dtype: Any, rng: np.random.Generator) -> None:
    truth = correlated_mixture(3, 4, rng)
    covariances = truth.covariances_as(kind)
    model = GaussianMixture.from_parameters(
        truth.weights, truth.means, covariances, covariance_type=kind
    )
    rows = truth.sample(20, rng)[0].astype(dtype)
    expected = model.score_samples(rows)
    for scorer in (model, model.snapshot()):
        assert [scorer.score_one(row) for row in rows] == expected.tolist()
        # Rows that are no such array go the way of several.
        strided = np.repeat(rows[0], 2)[::2]
        assert scorer.score_one(strided) == expected[0]
        assert scorer.score_one(rows[0].tolist()) == pytest.approx(float(expected[0]), rel=1e-5)


def test_what_is_not_one_row_is_refused() -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], [np.eye(2)])
    for given, sentence in (
        (np.zeros((1, 2)), r"takes one row of 2 numbers, got an array of the shape \(1, 2\)"),
        (np.zeros(3), "X has 3 features"),
        (np.array([0.0, np.nan]), "contains NaN"),
        (np.array([0.0, np.inf]), "contains infinity"),
        (["a", "b"], "text"),
    ):
        with pytest.raises(ValueError, match=sentence):
            model.score_one(given)
    gapped = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], [np.eye(2)], missing="em")
    assert gapped.score_one(np.array([0.0, np.nan])) == pytest.approx(-0.5 * np.log(2 * np.pi))
