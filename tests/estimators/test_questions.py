"""Questions to a fitted model: what comes back, names of columns, and what is refused."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from fastgmm import GaussianMixture, errors
from support import correlated_mixture, known_model, matrices_of

NAMES = ["length", "width", "depth", "mass"]


@pytest.fixture
def model(covariance_type: Any, rng: np.random.Generator) -> GaussianMixture:
    fitted: GaussianMixture = known_model(covariance_type, rng)[0]
    return fitted


@pytest.fixture
def named(rng: np.random.Generator) -> GaussianMixture:
    rows = known_model("full", rng)[1]
    return GaussianMixture(2, random_state=0).fit(pd.DataFrame(rows, columns=NAMES))


# ---------------------------------------------------------------- some of the columns


@pytest.mark.parametrize("columns", [[2], [3, 0], [1, 2, 3, 0]])
def test_marginal_has_scipys_density(
    columns: list[int], covariance_type: str, model: GaussianMixture, rng: np.random.Generator
) -> None:
    part = model.marginal(columns)
    rows = 2.0 * rng.standard_normal((30, len(columns)))
    matrices = matrices_of(covariance_type, model.covariances_, model.means_)
    logs = [
        np.log(w) + multivariate_normal(m[columns], S[np.ix_(columns, columns)]).logpdf(rows)
        for w, m, S in zip(model.weights_, model.means_, matrices, strict=True)
    ]
    np.testing.assert_allclose(part.score_samples(rows), logsumexp(logs, axis=0), rtol=1e-11)


def test_density_is_that_of_the_known_times_that_of_the_rest(
    model: GaussianMixture, rng: np.random.Generator
) -> None:
    for row in rng.standard_normal((5, 4)):
        rest = model.conditional([3, 1], row[[3, 1]]).score_samples(row[None, [0, 2]])
        known = model.marginal([3, 1]).score_samples(row[None, [3, 1]])
        np.testing.assert_allclose(known + rest, model.score_samples(row[None]), rtol=1e-11)


def test_answers_are_models_of_their_own(covariance_type: str, model: GaussianMixture) -> None:
    model.set_params(tol=0.5, random_state=7, means_init=model.means_, weights_init=[1 / 3] * 3)
    before = model.means_
    for part in (model.marginal([0, 1]), model.conditional(0, 1.0), model.merge_components(2)):
        assert type(part) is GaussianMixture
        assert (part.tol, part.random_state) == (0.5, 7)
        assert part.means_init is None
        assert part.weights_init is None
        assert part.n_components == len(part.weights_)
        assert part.covariance_type == covariance_type
        assert part.sample(20)[0].shape == (20, part.n_features_in_)
        again = pickle.loads(pickle.dumps(part))
        np.testing.assert_array_equal(again.covariances_, part.covariances_)
        part.fit(part.sample(100)[0])
    np.testing.assert_array_equal(model.means_, before)


def test_answers_can_be_saved(model: GaussianMixture, tmp_path: Any) -> None:
    from fastgmm import load

    part = model.conditional([1], [0.5])
    part.save(tmp_path / "part.gmm")
    found = load(tmp_path / "part.gmm")
    np.testing.assert_array_equal(found.weights_, part.weights_)
    np.testing.assert_array_equal(found.covariances_, part.covariances_)


def test_a_subclass_answers_with_its_own_kind(rng: np.random.Generator) -> None:
    class Named(GaussianMixture):
        def __init__(self, title: str = "", n_components: int = 1) -> None:
            super().__init__(n_components)
            self.title = title

    part = Named("petals", 2).fit(rng.standard_normal((50, 3))).marginal([0, 2])
    assert isinstance(part, Named)
    assert (part.title, part.n_features_in_) == ("petals", 2)


def test_columns_by_name(named: GaussianMixture) -> None:
    part = named.marginal(["mass", "width"])
    assert part.feature_names_in_.tolist() == ["mass", "width"]
    np.testing.assert_array_equal(part.means_, named.means_[:, [3, 1]])
    np.testing.assert_array_equal(named.marginal("mass").means_, named.means_[:, [3]])
    left = named.conditional("width", 0.25)
    assert left.feature_names_in_.tolist() == ["length", "depth", "mass"]
    np.testing.assert_array_equal(left.means_, named.conditional([1], [0.25]).means_)
    assert named.merge_components(1).feature_names_in_.tolist() == NAMES
    frame = pd.DataFrame(np.ones((3, 2)), columns=["length", "depth"])
    means = named.regress(frame, ["mass", "width"])
    np.testing.assert_array_equal(means[0], means[2])
    swapped = pd.DataFrame(np.ones((3, 2)), columns=["depth", "length"])
    with pytest.raises(ValueError, match="The feature names should match"):
        named.regress(swapped, ["mass", "width"])


@pytest.mark.parametrize("columns", [(0, 2), np.array([0, 2]), range(0, 3, 2), {0: 1, 2: 1}])
def test_columns_may_come_in_any_container(columns: Any, model: GaussianMixture) -> None:
    np.testing.assert_array_equal(model.marginal(columns).means_, model.means_[:, [0, 2]])


def test_one_component_and_one_column(covariance_type: Any, rng: np.random.Generator) -> None:
    model, _ = known_model(covariance_type, rng, 1, 1)
    np.testing.assert_array_equal(model.marginal(0).means_, model.means_)
    assert model.merge_components(1).means_ == model.means_
    for call in (lambda: model.conditional(0, 1.0), lambda: model.regress([[1.0]], 0)):
        with pytest.raises(ValueError, match=r"^columns holds the only column of the model, and "):
            call()
    wide, _ = known_model(covariance_type, rng, 1, 3)
    assert wide.conditional([2], [1.0]).weights_.tolist() == [1.0]


def test_float32_models_answer_in_float32(covariance_type: Any, rng: np.random.Generator) -> None:
    truth = correlated_mixture(3, 4, rng)
    rows = truth.sample(200, rng)[0].astype(np.float32)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
    for part in (model.marginal([0, 1]), model.conditional(0, 1.0), model.merge_components(2)):
        assert part.means_.dtype == part.covariances_.dtype == np.float32
        assert part.sample(3)[0].dtype == np.float32
    means, covariances = model.regress(rows[:, 1:], 0, return_cov=True)
    assert means.dtype == covariances.dtype == np.float32
    assert model.regress(rows[:, 1:].astype(float), 0).dtype == np.float64


@pytest.mark.parametrize(
    ("columns", "values", "kind", "sentence"),
    [
        ([], [], ValueError, "No column of The model is chosen; choose at least one."),
        ([0, 0], [1, 1], ValueError, "Column 0 of The model is chosen twice."),
        (4, 1, ValueError, "The model has no column number 4; the numbers are 0 to 3."),
        (-1, 1, ValueError, "The model has no column number -1; the numbers are 0 to 3."),
        ("a", 1, ValueError, "The model has no column names, so 'a' is not one; choose by number"),
        (None, 1, TypeError, "columns must be names or numbers of features, such as [0, 2], got"),
        (1.0, 1, TypeError, "columns must be names or numbers of features, such as [0, 2], got"),
        ([True, False], [1], TypeError, "columns must be names or numbers of features, such as"),
        ([0, 1, 2, 3], [1] * 4, ValueError, "columns holds all 4 columns of the model, and no"),
        ([0, 1], [1], ValueError, "values must hold one number for each of the 2 columns, got"),
        ([0, 1], 1.0, ValueError, "values must hold one number for each of the 2 columns, got"),
        ([0], [[1]], ValueError, "Found array with dim 2, while dim <= 1 is required for values"),
        ([0, 1], [1, np.nan], ValueError, "Input contains NaN. The first is values[1]: drop or"),
        ([0], np.array([np.inf]), ValueError, "Input contains infinity or a value too large for"),
        ([0], ["one"], ValueError, "could not convert string to float: 'one'"),
    ],
)  # fmt: skip
def test_wrong_columns_and_values(
    columns: Any, values: Any, kind: type, sentence: str, rng: np.random.Generator
) -> None:
    model, _ = known_model("full", rng)
    with pytest.raises(kind) as caught:
        model.conditional(columns, values)
    assert sentence in str(caught.value)
    if np.size(values) == np.size(columns) == 0 or "values" in sentence:
        return
    if "string" not in sentence and "infinity" not in sentence and "all 4" not in sentence:
        for call in (model.marginal, lambda c: model.regress([[1.0]], c)):
            with pytest.raises(kind):
                call(columns)


# ---------------------------------------------------------------- regression


def test_regression_of_one_row_is_the_mean_of_the_conditional_mixture(
    model: GaussianMixture, rng: np.random.Generator
) -> None:
    X = rng.standard_normal((4, 2))
    means, covariances = model.regress(X, [2, 1], return_cov=True)
    assert means.shape == (4, 2)
    assert covariances.shape == (4, 2, 2)
    for x, mean, covariance in zip(X, means, covariances, strict=True):
        left = model.conditional([0, 3], x)  # columns 1 and 2
        rows = left.sample(40_000, random_state=0)[0][:, ::-1]
        assert (np.abs(rows.mean(axis=0) - mean) < 0.05 * np.sqrt(np.diag(covariance))).all()
        scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        assert (np.abs(np.cov(rows.T) - covariance) < 0.05 * scale).all()


def test_regression_refuses_other_rows(model: GaussianMixture) -> None:
    for X in (np.ones((2, 4)), pd.DataFrame(np.ones((2, 4)), columns=NAMES), [[1.0] * 4]):
        with pytest.raises(ValueError, match=r"^X has 4 columns, but regress takes the 3 of the "):
            model.regress(X, 0)
    for X in ([1.0, 2.0, 3.0], np.ones((1, 1, 3))):
        with pytest.raises(ValueError, match=r"Expected 2D array|Found array with dim 3"):
            model.regress(X, 0)
    with pytest.raises(ValueError, match="columns holds all 4 columns of the model, and none is"):
        model.regress(np.ones((2, 0)), [0, 1, 2, 3])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.regress([[1.0, np.nan, 1.0]], 0)


def test_rows_far_out_are_regressed_or_refused(rng: np.random.Generator) -> None:
    model, _ = known_model("full", rng)
    far = np.array([[1e3, 0.0, 0.0], [1e30, -1e30, 1e30], [-1e100, 1e100, 0.0]])
    means, covariances = model.regress(far, 0, return_cov=True)
    assert np.isfinite(means).all()
    assert np.isfinite(covariances[0]).all()
    S = np.array([[[1.0, 100.0], [100.0, 20000.0]]])
    steep = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], S)
    with pytest.raises(ValueError, match=r"^X\[1\] lies so far out that what it tells overflows"):
        steep.regress([[1.0], [1e307]], 1)
    with pytest.raises(ValueError, match=r"overflows float32: leave out such rows"):
        steep.regress(np.array([[1.0], [1e37]], dtype=np.float32), 1)


# ---------------------------------------------------------------- fewer components


@pytest.mark.parametrize("n_components", [0, 4, 1.5, True, None, "2"])
def test_merging_to_what_cannot_be(n_components: Any, model: GaussianMixture) -> None:
    with pytest.raises(ValueError, match=r"^n_components must be an integer from 1 to 3, got"):
        model.merge_components(n_components)


def test_merging_to_all_components_changes_nothing(model: GaussianMixture) -> None:
    same = model.merge_components(3)
    for name in ("weights_", "means_"):
        np.testing.assert_array_equal(getattr(same, name), getattr(model, name))
    np.testing.assert_allclose(same.covariances_, model.covariances_, rtol=1e-15)


# ---------------------------------------------------------------- whoever is asked


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.marginal(0),
        lambda model: model.conditional(0, 1.0),
        lambda model: model.regress([[1.0]], 0),
        lambda model: model.merge_components(1),
    ],
)
def test_a_model_without_a_fit_is_asked_in_vain(ask: Any) -> None:
    with pytest.raises(errors.NotFittedError, match="not fitted yet"):
        ask(GaussianMixture())


def test_a_stream_is_asked_after_its_first_rows(rng: np.random.Generator) -> None:
    model = GaussianMixture(2, random_state=0)
    model.partial_fit(rng.standard_normal((500, 2)) + 8.0 * rng.integers(2, size=(500, 1)))
    part = model.marginal(1)
    assert not hasattr(part, "stream_")
    assert part.n_features_in_ == 1
    assert model.conditional(0, 8.0).means_.shape == (2, 1)
    assert model.stream_.n_samples == 500
