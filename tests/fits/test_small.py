"""Whole fits of few rows in one call, against the same fits step by step: the same bits."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import fastgmm
from fastgmm.data.rows import RowData
from fastgmm.em.stretch import cost_of
from fastgmm.errors import CollapseWarning
from fastgmm.estimators.conventions import defaults_of
from fastgmm.estimators.planning import plan_of
from fastgmm.fits import fit as fits_fit
from fastgmm.fits import small
from fastgmm.fits.plan import Hooks
from fastgmm.fits.small import MOST_ROWS, SmallFits, is_plain, small_run
from fastgmm.starts import comparison, trees
from fastgmm.validation import check_parameters

TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
KINDS = ("clear", "near", "units", "grid", "constant", "far", "tails")


def rows_of(kind, n, d, k, seed):
    """Return rows on which starts take other ways: clear clusters, tails, other units, ties."""
    rng = np.random.default_rng(seed)
    spread = np.eye(d) + 0.5 * rng.normal(size=(d, d))
    means = rng.normal(size=(k, d)) * (6.0 if kind == "clear" else 2.0)
    rows = means[rng.integers(k, size=n)] + rng.normal(size=(n, d)) @ spread
    if kind == "units":
        rows *= 10.0 ** rng.integers(-3, 4, size=d)
    elif kind == "grid":
        rows = np.round(rows)
    elif kind == "constant":
        rows[:, 0] = 3.0
    elif kind == "far":
        rows[: max(1, n // 50)] *= 30.0
    elif kind == "tails":
        rows = rng.standard_t(2, size=(n, d))
    return rows


def plan_with(n_features=2, **params):
    given = defaults_of(fastgmm.GaussianMixture.__init__) | {"n_components": 2} | params
    return plan_of(fastgmm.GaussianMixture(**check_parameters(given)), n_features)


def told(model):
    """Return all that a fit has found, as bytes and numbers."""
    state = model._state
    mixture, trail = state.mixture, state.trail
    arrays = mixture.weights, mixture.means, mixture.covariances, mixture.factors
    moments = trail.moments
    arrays += mixture.inverse_factors, moments.mean, moments.variances
    numbers = moments.n_samples, moments.weight, trail.lower_bounds, state.seen
    return [one.tobytes() for one in arrays], numbers, vars(state.report)


def outcome(model, rows, weight=None):
    with np.errstate(all="ignore"):
        try:
            return told(model.fit(rows, sample_weight=weight))
        except ValueError as error:
            return type(error), str(error)


@pytest.fixture
def by_steps(monkeypatch):
    """Return a function after which no fit is done in one call."""

    def switch():
        monkeypatch.setattr(fits_fit, "small_run", lambda *_: None)

    return switch


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_are_those_of_the_steps(covariance_type, kind, by_steps):
    cases = []
    for seed in range(8):
        rng = np.random.default_rng([seed, KINDS.index(kind)])
        d, k = int(rng.integers(1, 10)), int(rng.integers(1, 7))
        n = int(rng.choice([9, 40, 130, 300]))
        asked = {
            "tol": float(rng.choice([1e-3, 1e-6, 0.0])),
            "max_iter": int(rng.choice([1, 7, 100])),
            "acceleration": ("auto", "lbfgs", None)[rng.integers(3)],
            "reg_covar": float(rng.choice([1e-6, 0.0, 1e-2])),
        }
        model = fastgmm.GaussianMixture(k, covariance_type=covariance_type, random_state=0)
        # Rows that count once, that count for more or less, and that are all light.
        weight = (None, rng.exponential(size=n) + 1e-3, 1e-3 * rng.uniform(size=n) + 1e-5)[seed % 3]
        cases.append((model.set_params(**asked), rows_of(kind, n, d, k, seed), weight))
    found = [outcome(*case) for case in cases]
    done = [
        small_run(RowData(rows, weight), plan_of(model._params(), rows.shape[1]), Hooks())
        for model, rows, weight in cases
    ]
    by_steps()
    for case, one in zip(cases, found, strict=True):
        assert one == outcome(*case)
    # A constant column has no variance but the ridge, which has to be looked at.
    assert any(one is not None for one in done) or kind == "constant"


@pytest.mark.filterwarnings("ignore")
def test_fits_of_many_groups_are_those_of_the_steps(by_steps):
    """Groups that the kernel can fit stand among such that it cannot: bits, errors and order."""
    groups = [rows_of(KINDS[i % 7], (9, 60, 200, 1200)[i % 4], 3, 2, i) for i in range(40)]
    groups[3] = groups[3].astype(np.float32)
    groups[5] = np.full((20, 3), np.nan)
    groups[6] = np.repeat([[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]], 30, axis=0)
    weights = [None] * 40
    rng = np.random.default_rng(0)
    for i in range(8, 20):
        weights[i] = rng.uniform(0.5, 2.0, len(groups[i])) * (0.1 if i % 2 else 1.0)
    weights[12][:5] = 0.0
    asked = {"sample_weight": weights, "random_state": 0, "on_error": "return", "reg_covar": 0.0}
    found = fastgmm.fit_many(groups, 2, **asked)
    seen = []
    other = fastgmm.fit_many(groups, 2, n_threads=2, callback=seen.append, **asked)
    by_steps()
    assert found.failures == other.failures
    assert 5 in found.failures
    assert [one.number for one in seen] == list(range(40))
    for i, rows in enumerate(groups):
        if i in found.failures:
            assert np.isnan(found.means_[i]).all()
            continue
        model = fastgmm.GaussianMixture(2, random_state=0, reg_covar=0.0)
        model.fit(rows, sample_weight=weights[i])
        assert told(found[i]) == told(model) == told(other[i])
        assert seen[i].lower_bound == model.lower_bound_


def test_only_plain_plans_are_followed():
    plan = plan_with()
    assert is_plain(plan)
    for other in (
        {"n_init": 2},
        {"init_params": "kmeans"},
        {"reg_covar": "auto"},
        {"prior": fastgmm.NormalInverseWishart()},
        {"means_init": np.zeros((2, 2))},
        {"weights_init": np.full(2, 0.5)},
        {"precisions_init": np.repeat(np.eye(2)[np.newaxis], 2, axis=0)},
        {"noise": "uniform"},
        {"covariance_type": "VEI"},
        {"covariance_type": "low_rank", "n_factors": 1},
        {"verbose": 1},
        {"max_iter": 0},
        {"max_iter": 1001},
        {"means_init": np.zeros((2, 2)), "frozen": ("means",)},
    ):
        assert not is_plain(plan_with(**other)), other
    rows = rows_of("clear", 60, 2, 2, 0)
    model = fastgmm.GaussianMixture(2, random_state=0).fit(rows)
    assert not is_plain(replace(plan, warm=model._state.mixture))


def test_only_few_plain_rows_are_taken():
    fits = SmallFits(plan_with(), 2)
    rows = rows_of("clear", MOST_ROWS, 2, 2, 0)
    assert fits.takes(RowData(rows))
    assert fits.takes(RowData(rows[:3]))
    assert not fits.takes(RowData(rows[:2]))
    assert not fits.takes(RowData(np.concatenate([rows, rows[:1]])))
    assert not fits.takes(RowData(rows.astype(np.float32)))
    weight = np.full(len(rows), 2.5)
    assert fits.takes(RowData(rows, weight))
    assert not fits.takes(RowData(rows, weight * 1e-20))
    weight[7] = 0.0
    assert not fits.takes(RowData(rows, weight))
    assert not fits.takes(RowData(rows, gapped=True))
    assert not fits.takes(RowData(rows[:, :1].copy()))
    assert not SmallFits(plan_with(n_features=64), 64).takes(RowData(np.ones((200, 64))))
    many = plan_with(n_components=200)
    assert not SmallFits(many, 20).takes(RowData(np.ones((300, 20))))


def test_whoever_looks_on_sees_each_iteration():
    rows = rows_of("near", 200, 2, 2, 1)
    model, seen = fastgmm.GaussianMixture(2, random_state=0), []
    watched = told(model.fit(rows, callback=seen.append))
    assert len(seen) == model.n_iter_
    assert watched == told(fastgmm.GaussianMixture(2, random_state=0).fit(rows))


@pytest.mark.parametrize("of", [np.random.default_rng, np.random.RandomState])
def test_a_random_state_moves_on_as_by_steps(of, by_steps):
    """What a program draws after a fit does not depend on the way that the fit has taken."""
    rows, state = rows_of("near", 200, 2, 2, 1), of(5)
    fastgmm.GaussianMixture(2, random_state=state).fit(rows)
    by_steps()
    fastgmm.GaussianMixture(2, random_state=(other := of(5))).fit(rows)
    drawn = state.normal()
    assert drawn == other.normal()
    assert drawn != of(5).normal()


def test_rows_that_stay_within_every_sample():
    """The kernel takes all rows for each tree and each comparison."""
    assert trees.TREE_ROWS == MOST_ROWS
    assert comparison.COMPARED_ROWS >= MOST_ROWS


def test_a_component_that_collapses_is_left_to_the_steps():
    """The repair is reported as ever."""
    rows = rows_of("near", 60, 2, 2, 3)
    rows = np.concatenate([rows, np.repeat([[9.0, 9.0]], 25, axis=0)])
    model = fastgmm.GaussianMixture(4, random_state=0)
    with pytest.warns(CollapseWarning):
        model.fit(rows)
    assert model.repairs_


def test_kernels_are_kept_for_fits_of_the_same_kind(monkeypatch):
    monkeypatch.setattr(small, "_KEPT", kept := [])
    rows = rows_of("clear", 60, 2, 2, 0)
    model = fastgmm.GaussianMixture(2, random_state=0)
    first = told(model.fit(rows))
    ((asked, kernel),) = kept
    assert told(model.fit(rows[:50])) == told(fastgmm.GaussianMixture(2).fit(rows[:50]))
    assert kept == [(asked, kernel)]
    assert told(model.fit(rows)) == first
    for other in (
        {"covariance_type": "diag"},
        {"n_components": 3},
        {"tol": 1e-5},
        {"reg_covar": 1e-5},
        {"max_iter": 50},
        {"acceleration": None},
        {"gap_tol": 0.1},
    ):
        fastgmm.GaussianMixture(**{"n_components": 2, "random_state": 0} | other).fit(rows)
        assert len(kept) == 1
        assert kept[0][1] is not kernel
        assert kept[0][0] != asked
        model.fit(rows)
        assert kept[0][0] == asked
    kept += [kept[0]] * 10
    model.fit(rows)
    assert len(kept) == 10


def test_fits_that_are_no_longer_wanted_are_left_undone(monkeypatch):
    """A call has data sets of some cost at most; before the next one it is seen who asks."""
    plan = plan_with(n_components=2, tol=0.0, max_iter=40)
    rows = [rows_of("near", 100 + i, 3, 2, i) for i in range(6)]
    fits, data = SmallFits(plan, 3), [RowData(one) for one in rows]
    whole = fits.of(data)
    cost = 40 * cost_of((106, 3), "full", 2)
    monkeypatch.setattr(small, "MOST_IN_CALL", 2 * cost)
    assert fits.of(data).ends.tobytes() == whole.ends.tobytes()
    asked = []

    class After:
        def is_set(self):
            asked.append(len(asked))
            return len(asked) > 2

    cut = fits.of(data, After())
    assert asked == [0, 1, 2]
    assert cut.ends[:4].tobytes() == whole.ends[:4].tobytes()
    assert cut.ends[:4, 0].all()
    assert not cut.ends[4:, 0].any()
    assert cut.run(5) is None


def test_threads_do_not_share_a_kernel():
    data = [rows_of("near", 200, 3, 2, seed) for seed in range(12)]
    alone = [told(fastgmm.GaussianMixture(2, random_state=0).fit(rows)) for rows in data]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            fits = pool.map(lambda X: fastgmm.GaussianMixture(2, random_state=0).fit(X), data)
            assert [told(one) for one in fits] == alone
