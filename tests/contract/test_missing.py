"""`missing="em"`: rows with gaps in fits, batches and scores."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris

import fastgmm
from fastgmm.typing import COVARIANCE_TYPES

IRIS = load_iris().data


def with_gaps(rows: np.ndarray, share: float = 0.2, seed: int = 0) -> np.ndarray:
    gapped = rows.copy()
    gapped[np.random.default_rng(seed).random(rows.shape) < share] = np.nan
    return gapped


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_without_a_gap_the_bits_are_those_of_the_default(kind: str) -> None:
    one, other = (
        fastgmm.GaussianMixture(3, covariance_type=kind, random_state=0, missing=missing).fit(IRIS)
        for missing in ("error", "em")
    )
    assert np.array_equal(one.means_, other.means_)
    assert np.array_equal(one.covariances_, other.covariances_)
    assert np.array_equal(one.score_samples(IRIS), other.score_samples(IRIS))
    assert np.array_equal(one.predict_proba(IRIS), other.predict_proba(IRIS))


@pytest.mark.parametrize("together", [1, 3000, 1 << 24])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_batches_give_what_rows_in_memory_give(
    monkeypatch: pytest.MonkeyPatch, kind: str, dtype: type, together: int
) -> None:
    """Whether each batch is grouped by pattern alone, or some or all of them together."""
    monkeypatch.setattr("fastgmm.data.batches.GATHERED_BYTES", together)
    rows = with_gaps(IRIS).astype(dtype)
    model = fastgmm.GaussianMixture(3, covariance_type=kind, random_state=0, missing="em")
    whole = model.fit(rows)
    means, bound = whole.means_, whole.lower_bound_
    cut = model.fit_batches([rows[:11], rows[11:90], rows[90:]])
    tolerance = 1e-9 if dtype is np.float64 else 1e-4
    np.testing.assert_allclose(cut.means_, means, rtol=tolerance)
    assert abs(cut.lower_bound_ - bound) < tolerance


@pytest.mark.filterwarnings("ignore:Best performing")
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_the_likelihood_does_not_fall(kind: str) -> None:
    rows = with_gaps(IRIS, 0.3, 4)
    model = fastgmm.GaussianMixture(
        3,
        covariance_type=kind,
        random_state=0,
        missing="em",
        acceleration=None,
        reg_covar=0.0,
        max_iter=40,
        gap_tol=1e-12,
    )
    bounds = np.array(model.fit(rows).lower_bounds_)
    assert (np.diff(bounds) > -1e-12 * np.abs(bounds[:-1])).all()


def test_scores_are_those_of_the_observed_columns() -> None:
    model = fastgmm.GaussianMixture(3, random_state=0, missing="em").fit(with_gaps(IRIS))
    rows = IRIS[:6].copy()
    rows[:, 2] = np.nan
    part = model.marginal([0, 1, 3])
    seen = rows[:, [0, 1, 3]]
    np.testing.assert_allclose(model.score_samples(rows), part.score_samples(seen), rtol=1e-13)
    np.testing.assert_allclose(model.predict_proba(rows), part.predict_proba(seen), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(rows), part.predict(seen))
    np.testing.assert_allclose(
        model.component_log_density(rows), part.component_log_density(seen), rtol=1e-13
    )
    nothing = np.full((1, 4), np.nan)
    assert model.score_samples(nothing)[0] == pytest.approx(0.0, abs=1e-15)
    np.testing.assert_allclose(model.predict_proba(nothing)[0], model.weights_, rtol=1e-14)
    assert model.score(rows) == pytest.approx(model.score_samples(rows).mean(), rel=1e-14)
    for criterion in ("bic", "aic", "icl"):
        assert np.isfinite(getattr(model, criterion)(rows))


def test_snapshots_pickles_and_files_keep_the_setting(tmp_path) -> None:
    rows = with_gaps(IRIS)
    model = fastgmm.GaussianMixture(2, random_state=0, missing="em").fit(rows)
    path = tmp_path / "model.gmm"
    model.save(path)
    scores = model.score_samples(rows)
    for other in (
        model.snapshot(),
        pickle.loads(pickle.dumps(model)),
        pickle.loads(pickle.dumps(model.snapshot())),
        fastgmm.load(path),
    ):
        assert np.array_equal(other.score_samples(rows), scores)


def test_statistics_of_parts_add_up() -> None:
    rows = with_gaps(IRIS)
    model = fastgmm.GaussianMixture(2, random_state=0, missing="em").fit(rows)
    whole = model.e_step(rows)
    total = model.e_step(rows[:60]) + model.e_step(rows[60:])
    np.testing.assert_allclose(total.second_moment, whole.second_moment, rtol=1e-11)
    before = model.score(rows)
    assert model.m_step(whole).score(rows) >= before - 1e-12


def test_what_is_never_observed_is_said() -> None:
    rows = with_gaps(IRIS)
    model = fastgmm.GaussianMixture(2, random_state=0, missing="em")
    empty = rows.copy()
    empty[:, 1] = np.nan
    with pytest.raises(ValueError, match="no value in column 1"):
        model.fit(empty)
    apart = rows.copy()
    apart[:75, 0], apart[75:, 1] = np.nan, np.nan
    with pytest.warns(UserWarning, match="both columns 0 and 1"):
        model.fit(apart)
    with pytest.warns(UserWarning, match="both columns 0 and 1"):
        model.fit_batches([apart[:50], apart[50:]])
    infinite = rows.copy()
    infinite[3, 2] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*X\[3, 2\]"):
        model.fit(infinite)


def test_the_default_refuses_gaps() -> None:
    rows = with_gaps(IRIS)
    with pytest.raises(ValueError, match="contains NaN"):
        fastgmm.GaussianMixture(2).fit(rows)
    model = fastgmm.GaussianMixture(2, random_state=0).fit(IRIS)
    for method in ("score_samples", "predict", "predict_proba", "score", "e_step"):
        with pytest.raises(ValueError, match="contains NaN"):
            getattr(model, method)(rows)


def test_results_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(0)
    rows = with_gaps(rng.normal(size=(30_000, 3)) + 4.0 * rng.integers(2, size=(30_000, 1)))
    one, two = (
        fastgmm.GaussianMixture(2, random_state=0, missing="em", n_threads=n).fit(rows)
        for n in (1, 2)
    )
    assert np.array_equal(one.means_, two.means_)
    assert np.array_equal(one.covariances_, two.covariances_)
