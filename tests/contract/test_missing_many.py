"""`missing="em"`: rows with gaps where many mixtures are fitted, and what criteria count."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris

import fastgmm
from fastgmm.errors import CollapseWarning

IRIS, SPECIES = load_iris(return_X_y=True)


def with_gaps(rows: np.ndarray, share: float = 0.2, seed: int = 0, nothing: int = 0) -> np.ndarray:
    gapped = rows.copy()
    gapped[np.random.default_rng(seed).random(rows.shape) < share] = np.nan
    return np.concatenate([gapped, np.full((nothing, rows.shape[1]), np.nan)])


def apart(rows: np.ndarray) -> np.ndarray:
    """The rows, of which none has both of the columns 0 and 2."""
    found = rows.copy()
    found[::2, 0], found[1::2, 2] = np.nan, np.nan
    return found


@pytest.mark.parametrize("seed", range(3))
def test_criteria_count_rows_with_a_value(seed: int) -> None:
    rows = with_gaps(IRIS, seed=seed)
    rows = rows[~np.isnan(rows).all(axis=1)]
    more = np.concatenate([rows, np.full((40, 4), np.nan)])
    weight = np.random.default_rng(seed).exponential(size=len(more))
    model = fastgmm.GaussianMixture(2, random_state=0, missing="em").fit(rows)
    for name in ("bic", "icl", "aic"):
        criterion = getattr(model, name)
        assert criterion(more) == pytest.approx(criterion(rows), rel=1e-13)
        own = criterion(rows, sample_weight=weight[: len(rows)])
        assert criterion(more, sample_weight=weight) == pytest.approx(own, rel=1e-13)
    p, n = model.n_parameters, len(rows)
    assert model.bic(more) == pytest.approx(-2 * model.score(rows) * n + p * np.log(n), rel=1e-12)
    assert model.score(more) == pytest.approx(model.score(rows) * n / (n + 40), rel=1e-12)


def test_a_choice_has_the_criteria_of_its_models() -> None:
    rows = with_gaps(IRIS, nothing=7)
    found = fastgmm.select(
        rows, range(1, 4), ["full", "diag"], random_state=0, n_init=2, missing="em"
    )
    assert all(not one.failure for one in found.table)
    assert found.best.bic == pytest.approx(found.model.bic(rows), rel=1e-12)
    assert found.best.icl == pytest.approx(found.model.icl(rows), rel=1e-12)
    assert (found.best.covariance_type, found.best.n_components) == ("full", 2)
    single = fastgmm.GaussianMixture(
        2, random_state=0, n_init=2, max_iter=1000, gap_tol=1e-5, missing="em"
    ).fit(rows)
    assert found.best.log_likelihood > single.score(rows) * len(rows) - 0.1


def test_a_choice_without_gaps_is_that_of_the_default() -> None:
    one, other = (
        fastgmm.select(IRIS, [2, 3], ["full"], random_state=0, n_init=2, missing=missing)
        for missing in ("em", "error")
    )
    assert one.table == other.table
    assert one.model.means_.tobytes() == other.model.means_.tobytes()


def test_a_choice_names_what_was_never_observed_once() -> None:
    rows = apart(with_gaps(IRIS, 0.1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fastgmm.select(rows, [1, 2], ["full", "diag"], random_state=0, n_init=1, missing="em")
    said = [str(one.message) for one in caught if "both columns 0 and 2" in str(one.message)]
    assert len(said) == 1
    rows[:, 3] = np.nan
    with pytest.raises(ValueError, match="no value in column 3"):
        fastgmm.select(rows, [1, 2], random_state=0, missing="em")


@pytest.mark.filterwarnings("ignore::fastgmm.errors.CollapseWarning")
def test_a_group_has_the_bits_of_its_own_fit() -> None:
    rows = with_gaps(IRIS, 0.15)
    found = fastgmm.fit_many(rows, 2, labels=SPECIES, random_state=0, missing="em")
    scores, labels = found.score_samples(rows, SPECIES), found.predict(rows, SPECIES)
    for label in range(3):
        own = rows[label == SPECIES]
        single = fastgmm.GaussianMixture(2, random_state=0, missing="em").fit(own)
        assert single.means_.tobytes() == found[label].means_.tobytes()
        assert single.covariances_.tobytes() == found[label].covariances_.tobytes()
        assert np.array_equal(scores[label == SPECIES], single.score_samples(own))
        assert np.array_equal(labels[label == SPECIES], single.predict(own))
    tables = fastgmm.fit_many(
        [rows[label == SPECIES] for label in range(3)], 2, random_state=0, missing="em"
    )
    assert tables.means_.tobytes() == found.means_.tobytes()


def test_groups_name_the_first_of_them_that_lacks_something() -> None:
    rows = with_gaps(IRIS, 0.1)
    rows[SPECIES == 1] = apart(rows[SPECIES == 1])
    with pytest.warns(UserWarning, match="No row of group 1 has values of both columns 0 and 2"):
        fastgmm.fit_many(rows, labels=SPECIES, missing="em")
    rows[SPECIES == 2] = apart(rows[SPECIES == 2])
    with pytest.warns(UserWarning, match=r"of group 1 \(nor of 1 more of 3\) has values"):
        fastgmm.fit_many(rows, labels=SPECIES, missing="em")
    rows[SPECIES == 0, 1] = np.nan
    with pytest.raises(ValueError, match=r"group 0 cannot be fitted.*no value in column 1"):
        fastgmm.fit_many(rows, labels=SPECIES, missing="em")
    with pytest.warns(UserWarning, match="both columns"):
        found = fastgmm.fit_many(rows, labels=SPECIES, missing="em", on_error="return")
    assert list(found.failures) == [0]
    with pytest.raises(ValueError, match="NaN"):
        fastgmm.fit_many(rows, labels=SPECIES)


@pytest.mark.parametrize("kind", ["nonparametric", "weighted", "parametric"])
def test_gaps_make_errors_larger(kind: str) -> None:
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal(0.0, 1.0, (150, 2)), rng.normal(9.0, 1.0, (150, 2))])
    gapped = with_gaps(rows, 0.5, 2, nothing=3)
    errors = []
    for X in (rows, gapped):
        model = fastgmm.GaussianMixture(2, random_state=0, missing="em").fit(X)
        found = fastgmm.bootstrap(model, X, 60, kind=kind, random_state=0)
        errors.append(found.standard_errors.means.mean())
    # Half of the values are there, and the columns tell nothing of each other.
    assert 1.15 < errors[1] / errors[0] < 1.75


def test_a_replicate_without_a_column_is_left_out() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 2))
    rows[2:, 1] = np.nan
    model = fastgmm.GaussianMixture(1, missing="em").fit(rows)
    with pytest.warns(CollapseWarning, match="replicates are left out"):
        found = fastgmm.bootstrap(model, rows, 40, random_state=0)
    # Neither of the two values is drawn in one of e^2 replicates.
    assert 1 <= found.n_left_out < 40


def test_the_number_of_components_is_tested_with_gaps() -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0.0, 1.0, (60, 2)), rng.normal(9.0, 1.0, (60, 2))])
    gapped = with_gaps(rows, 0.3, 1)
    found = fastgmm.bootstrap_lrt(
        gapped, n_bootstrap=19, max_components=3, random_state=0, missing="em", level=0.06
    )
    assert found.n_components == 2
    assert found.table[0].p_value < 0.06
    with pytest.warns(UserWarning, match="both columns 0 and 1"):
        fastgmm.bootstrap_lrt(
            np.where([[True, False]] * 60 + [[False, True]] * 60, rows, np.nan),
            n_bootstrap=2,
            max_components=2,
            random_state=0,
            missing="em",
        )


def test_the_tag_follows_the_setting() -> None:
    for estimator in (fastgmm.GaussianMixture, fastgmm.GaussianMixtureRegressor):
        for missing in ("em", "error"):
            tags = estimator(missing=missing).__sklearn_tags__()
            assert tags.input_tags.allow_nan is (missing == "em")
