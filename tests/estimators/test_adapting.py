"""`adapt` and `fisher_vectors` of the estimator: rows, statistics, gaps, what is refused."""

from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from support import error_of, known_model

PARTS = ("weights", "means", "covariances")
ARRAYS = ("weights_", "means_", "covariances_")
Rng = np.random.Generator


def differs(one: GaussianMixture, other: GaussianMixture) -> float:
    return max(float(np.abs(getattr(one, a) - getattr(other, a)).max()) for a in ARRAYS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_and_what_is_known_of_them(covariance_type: Any, dtype: Any, rng: Rng) -> None:
    model, rows = known_model(covariance_type, rng)
    rows = (rows + 0.5).astype(dtype)
    weight = rng.exponential(size=len(rows))
    one = model.adapt(rows, parts=PARTS, sample_weight=weight)
    batches = zip(np.array_split(rows, 4), np.array_split(weight, 4), strict=True)
    total = fastgmm.SufficientStatistics.total(
        model.e_step(some, sample_weight=of) for some, of in batches
    )
    assert differs(one, model.adapt(total, parts=PARTS)) < (1e-12 if dtype is np.float64 else 1e-5)
    assert (
        differs(one, model.set_params(n_threads=3).adapt(rows, parts=PARTS, sample_weight=weight))
        == 0.0
    )
    assert one.n_iter_ == 1
    assert one.lower_bound_ == pytest.approx(model.score(rows, sample_weight=weight), rel=1e-5)
    assert one.n_parameters == model.n_parameters
    assert one.is_fitted
    assert differs(one, model) > 0.0
    means = model.adapt(rows)
    np.testing.assert_array_equal(means.weights_, model.weights_)
    np.testing.assert_array_equal(means.covariances_, model.covariances_)


def test_one_step_is_that_of_the_model(covariance_type: Any, rng: Rng) -> None:
    model, rows = known_model(covariance_type, rng, reg_covar=1e-3)
    one = model.adapt(rows, relevance=0, parts=PARTS)
    same = model.adapt(rows, relevance=np.inf, parts=PARTS)
    assert differs(same, model) == 0.0
    model.m_step(model.e_step(rows))
    assert differs(one, model) < 1e-14


def test_more_iterations_climb_to_a_posterior_mode(covariance_type: Any, rng: Rng) -> None:
    """The rows that components stand for stay those of the model."""
    model, rows = known_model(covariance_type, rng, reg_covar=0.0)
    rows = rows + 0.5
    thrice = model.adapt(rows, n_iter=3)
    again = model
    for _ in range(3):
        held = again.e_step(rows).component_weight[:, None]
        step = again.adapt(rows, relevance=0)
        alpha = held / (held + 16.0)
        means = alpha * step.means_ + (1.0 - alpha) * model.means_
        again = GaussianMixture.from_parameters(
            model.weights_, means, model.covariances_, covariance_type=covariance_type
        )
    np.testing.assert_allclose(thrice.means_, again.means_, rtol=1e-11, atol=1e-12)
    assert thrice.n_iter_ == 3
    bounds = thrice.lower_bounds_
    assert bounds[0] < bounds[1] < bounds[2]


def test_gaps(rng: Rng) -> None:
    """A row of which nothing was observed says nothing of means; complete rows are as ever."""
    model, rows = known_model("full", rng, missing="em")
    gapped = rows.copy()
    gapped[rng.random(rows.shape) < 0.3] = np.nan
    found = model.adapt(gapped, parts=PARTS)
    assert np.isfinite(found.covariances_).all()
    assert found.score(gapped) > model.score(gapped)
    vectors = model.fisher_vectors([gapped, rows])
    assert np.isfinite(vectors).all()
    expected = model.fisher_vectors(model.e_step(gapped))
    np.testing.assert_allclose(vectors[:1], expected, atol=1e-12)
    np.testing.assert_array_equal(vectors[1:], model.fisher_vectors(rows))


def test_groups_in_every_shape(covariance_type: Any, rng: Rng) -> None:
    model, _ = known_model(covariance_type, rng)
    groups = [rng.normal(size=(n, 4)) for n in (30, 1, 17, 2)]
    labels = np.repeat([3, 5, 8, 9], [30, 1, 17, 2])
    rows, order = np.concatenate(groups), rng.permutation(50)
    expected = model.fisher_vectors(groups)
    assert expected.shape[0] == 4
    np.testing.assert_allclose((expected**2).sum(axis=1), 1.0, rtol=1e-12)
    for given in (
        model.fisher_vectors(iter(groups)),
        model.fisher_vectors(tuple(group.tolist() for group in groups)),
        model.fisher_vectors(rows, labels),
        model.set_params(n_threads=3).fisher_vectors(groups),
        np.concatenate([model.fisher_vectors(group) for group in groups]),
        model.fisher_vectors([model.e_step(group) for group in groups]),
    ):
        np.testing.assert_allclose(given, expected, rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(
        model.fisher_vectors(rows[order], labels[order]), expected, atol=1e-7
    )
    same = model.fisher_vectors(np.stack([groups[0], groups[0]]))
    np.testing.assert_array_equal(same[0], same[1])
    plain = model.fisher_vectors(groups[0], parts=PARTS, improved=False)
    of_each = [model.fisher_vectors(groups[0], parts=part, improved=False) for part in PARTS]
    np.testing.assert_array_equal(np.concatenate(of_each, axis=1), plain)
    single = model.fisher_vectors([group.astype(np.float32) for group in groups])
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-2)


def test_no_number_depends_on_the_threads(covariance_type: Any, rng: Rng) -> None:
    model, _ = known_model(covariance_type, rng)
    groups = [rng.normal(size=(n, 4)) for n in rng.integers(1, 400, size=60)]
    groups.append(rng.normal(size=(600_000, 4)))  # which all threads share
    one, three = (
        model.set_params(n_threads=n).fisher_vectors(groups, improved=False) for n in (1, 3)
    )
    np.testing.assert_array_equal(one, three)


def test_the_vectors_of_scikit_image(rng: Rng) -> None:
    feature = pytest.importorskip("skimage.feature")
    model, _ = known_model("diag", rng, 5, 4)
    theirs, (k, d) = model.to_sklearn(), (5, 4)
    signs = np.ones(k + 2 * k * d)
    signs[k + k * d :] = -1.0  # theirs points down where variances are too large
    for n in (1, 40, 500):
        rows = rng.normal(size=(n, d))
        for improved in (False, True):
            found = model.fisher_vectors(rows, parts=PARTS, improved=improved)[0]
            expected = feature.fisher_vector(rows, theirs, improved=improved)
            # A root magnifies the rounding of what is nearly zero.
            atol = 1e-7 if improved else 1e-12
            np.testing.assert_allclose(found, expected * signs, rtol=1e-9, atol=atol)


def test_what_is_refused(rng: Rng) -> None:
    model, rows = known_model("full", rng)
    statistics = model.e_step(rows)
    other, _ = known_model("diag", rng)
    for call, words in [
        (lambda: model.adapt(rows, relevance=-1.0), "relevance must be a number of rows"),
        (lambda: model.adapt(rows, relevance=np.nan), "relevance"),
        (lambda: model.adapt(rows, parts=()), "the parts of adapt must be some of"),
        (lambda: model.adapt(rows, parts="mean"), "got 'mean'"),
        (lambda: model.adapt(rows, n_iter=0), "n_iter must be an integer of at least 1"),
        (lambda: model.adapt(statistics, n_iter=2), "pass the rows"),
        (lambda: model.adapt(statistics, sample_weight=np.ones(60)), "pass the rows"),
        (lambda: model.adapt(other.e_step(rows)), "diag"),
        (lambda: model.adapt(0.0 * statistics), "no weight"),
        (lambda: model.adapt(rows[:, :2]), "features"),
        (lambda: model.fisher_vectors([rows, rows[:, :2]]), "group 1 of fisher_vectors"),
        (lambda: model.fisher_vectors([rows[:0]]), "group 0 of fisher_vectors"),
        (lambda: model.fisher_vectors(iter([])), "there is no group"),
        (lambda: model.fisher_vectors([0.0 * statistics]), "no weight"),
        (lambda: model.fisher_vectors(rows, [1, 2]), "labels must have the shape"),
        (lambda: model.fisher_vectors(rows, parts=3), "the parts of fisher_vectors"),
        (lambda: model.fisher_vectors([rows * np.nan]), "NaN"),
    ]:
        error = error_of(call)
        assert isinstance(error, ValueError), error
        assert words in str(error), str(error)
    assert "not fitted" in str(error_of(GaussianMixture().adapt, rows))
    assert "not fitted" in str(error_of(GaussianMixture().fisher_vectors, rows))


def test_what_the_adapted_model_is(rng: Rng) -> None:
    """A model of its own, with the parameters of this one."""
    model, rows = known_model("full", rng)
    own = {"means_init": model.means_, "frozen": ["means"], "warm_start": True, "max_iter": 3}
    model.set_params(**own)
    speaker = model.adapt(rows)
    assert speaker is not model
    assert (speaker.max_iter, speaker.frozen, speaker.means_init) == (3, (), None)
    assert np.abs(speaker.means_ - model.means_).max() > 0.0
    free = 3 * 4 + 2 + 3 * 10
    assert speaker.n_parameters == free
