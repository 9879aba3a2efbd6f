"""The choice of a model: each number of the table against its definition, and what may be asked."""

import itertools
import threading
from typing import Any

import numpy as np
import pytest

import fastgmm.estimators.selection
from fastgmm import GaussianMixture, NormalInverseWishart, select
from fastgmm.estimators.candidate import Candidate
from fastgmm.estimators.selection import Selection
from support import correlated_mixture

TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    """Return 240 rows of three correlated clusters side by side."""
    mixture = correlated_mixture(3, 2, rng)
    X, labels = mixture.sample(240, rng)
    return X - mixture.means[labels] + 9.0 * np.eye(3, 2)[labels]


def values(chosen: Selection) -> list[tuple[Any, ...]]:
    return [tuple(one) for one in chosen.table]


# ---------------------------------------------------------------- the table


def by_definition(model: GaussianMixture, X: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Recompute the criteria: p is counted, n the sum of weights, in base NumPy."""
    k, d = model.means_.shape
    spread = np.asarray(model.covariances_).size
    if model.covariance_type in ("full", "tied"):
        spread = spread // d**2 * (d * (d + 1) // 2)
    p = k - 1 + k * d + spread
    log_likelihood = float(weight @ model.score_samples(X))
    certainty = float(weight @ np.log(model.predict_proba(X).max(axis=1)))
    bic = -2.0 * log_likelihood + p * np.log(weight.sum())
    return {
        "bic": bic,
        "icl": bic - 2.0 * certainty,
        "aic": -2.0 * log_likelihood + 2.0 * p,
        "log_likelihood": log_likelihood,
        "n_parameters": p,
    }


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_components", [1, 3])
def test_the_numbers_are_those_of_the_definitions(
    n_components: int,
    weighted: bool,
    covariance_type: str,
    rows: np.ndarray,
    rng: np.random.Generator,
) -> None:
    weight = (1.5 + rng.exponential(size=240)) * (rng.random(240) < 0.8) if weighted else None
    chosen = select(
        rows, n_components, covariance_type, sample_weight=weight, random_state=0, n_init=2
    )
    (row,) = chosen.table
    counts = np.ones(len(rows)) if weight is None else weight
    for name, expected in by_definition(chosen.model, rows, counts).items():
        assert getattr(row, name) == pytest.approx(expected, rel=1e-12)
    if weight is None:
        for name in ("bic", "icl", "aic"):
            assert getattr(chosen.model, name)(rows) == pytest.approx(getattr(row, name), rel=1e-12)
    assert row == chosen.best
    assert (row.n_passes, row.converged) == (chosen.model.n_passes_, True)
    assert row.failure == ""


def test_the_table_is_in_the_order_of_the_grid(rows: np.ndarray) -> None:
    kinds, numbers = ["diag", "full", "tied_spherical"], [3, 1, 2]
    for n_threads in (1, 2):
        chosen = select(rows, numbers, kinds, n_threads=n_threads, random_state=0, n_init=1)
        assert [one[:2] for one in chosen.table] == list(itertools.product(kinds, numbers))
    model, table, criterion = chosen
    assert (model, criterion) == (chosen.model, "bic")
    for one in table:
        assert isinstance(one, Candidate)
        kinds_of_values = [str, int, *[float] * 4, int, bool, int, str, int, int, str]
        assert [type(value) for value in one] == kinds_of_values
    pd = pytest.importorskip("pandas")
    assert tuple(pd.DataFrame(table).columns) == Candidate._fields
    frame = pd.DataFrame(rows, columns=["a", "b"])
    assert select(frame, 2, "full", n_init=1).model.feature_names_in_.tolist() == ["a", "b"]


@pytest.mark.parametrize("criterion", ["bic", "icl", "aic"])
def test_the_lowest_is_chosen(criterion: Any, rows: np.ndarray) -> None:
    chosen = select(rows, range(1, 5), criterion=criterion, random_state=0, n_init=1)
    lowest = min(getattr(one, criterion) for one in chosen.table if one.n_collapsed == 0)
    model, best = chosen.model, chosen.best
    assert chosen.criterion == criterion
    assert getattr(best, criterion) == lowest
    assert getattr(model, criterion)(rows) == pytest.approx(lowest, rel=1e-12)
    assert isinstance(model, GaussianMixture)
    assert (model.covariance_type, model.n_components) == best[:2]
    np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1.0, rtol=1e-12)


def test_a_fit_is_near_its_limit(covariance_type: str, rows: np.ndarray) -> None:
    """To 0.1 in a criterion: what plain EM adds to it is less."""
    for n_components in (2, 3):
        model, (row,), _ = select(rows, n_components, covariance_type, random_state=0, n_init=1)
        model.set_params(warm_start=True, gap_tol=1e-10, max_iter=5000, acceleration=None)
        assert -1e-6 < row.bic - model.fit(rows).bic(rows) < 0.1


# ---------------------------------------------------------------- what fails


def test_what_cannot_be_fitted_has_a_reason(rng: np.random.Generator) -> None:
    """A constant column without a ridge, and more components than rows."""
    X = np.c_[rng.normal(size=(30, 1)), np.full(30, 2.0)]
    for n_threads in (1, 2):
        chosen = select(
            X, [1, 2, 31], ["full", "spherical"], reg_covar=0.0, random_state=0, n_threads=n_threads
        )
        failed = {one[:2] for one in chosen.table if one.failure}
        assert failed == {("full", 1), ("full", 2), ("full", 31), ("spherical", 31)}
        for one in chosen.table:
            numbers = (one.bic, one.icl, one.aic, -one.log_likelihood)
            assert np.isfinite(numbers).all() == (one.failure == "")
            if one.failure:
                assert numbers == (np.inf,) * 4
                assert (one.n_parameters, one.converged, one.n_passes) == (0, False, 0)
        assert "not positive definite" in chosen.table[0].failure
        assert "31" in chosen.table[2].failure
        assert chosen.best.failure == ""
        assert chosen.model.covariance_type == "spherical"


def test_if_all_fail_it_is_an_error(rng: np.random.Generator) -> None:
    X = np.c_[rng.normal(size=(30, 1)), np.full(30, 2.0)]
    with pytest.raises(ValueError, match=r"None of the fits has ended well.*not positive definite"):
        select(X, [1, 2], ["full", "diag"], reg_covar=0.0)
    with pytest.raises(ValueError, match=r"None of the fits has ended well.*31"):
        select(X, 31)


def test_what_has_collapsed_is_the_last_choice(rng: np.random.Generator) -> None:
    """Twenty equal rows are a component whose likelihood the ridge alone bounds."""
    X = np.concatenate([rng.normal(size=(100, 2)), np.full((20, 2), 9.0)])
    chosen = select(X, [1, 2], "full", random_state=0)
    one, two = chosen.table
    assert (one.n_collapsed, two.n_collapsed) == (0, 1)
    assert two.bic < one.bic
    assert chosen.best == one
    assert chosen.model.n_components == 1
    assert select(X, [2], "full", random_state=0).best.n_collapsed == 1


def test_what_has_collapsed_is_better_than_what_has_failed() -> None:
    X = np.repeat([[0.0, 0.0], [5.0, 1.0]], 10, axis=0)
    for numbers in ([2, 30], [30, 2]):  # 20 rows
        best = select(X, numbers, "full", random_state=0).best
        assert (best.n_components, best.failure) == (2, "")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (((),), "at least one number"),
        ((0,), "n_components"),
        (([1, 2.5],), "n_components"),
        ((2, "round"), "covariance_type"),
        ((2, ["full", None]), "covariance_type"),
        ((2, "full", "aicc"), "criterion"),
    ],
)
def test_what_is_no_grid(args: tuple[Any, ...], text: str, rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match=text):
        select(rows, *args)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"n_init": 0}, ValueError),
        ({"reg_covar": -1.0}, ValueError),
        ({"random_state": "x"}, ValueError),
        ({"n_starts": 3}, TypeError),
    ],
)
def test_what_is_no_parameter(params: dict[str, Any], error: Any, rows: np.ndarray) -> None:
    with pytest.raises(error, match=next(iter(params))):
        select(rows, 2, "full", **params)


def test_what_is_no_set_of_rows(rows: np.ndarray) -> None:
    for X, text in ((rows[0], "2D"), (rows[:1], "1 sample"), (rows * np.nan, "NaN")):
        with pytest.raises(ValueError, match=text):
            select(X, 1)


# ---------------------------------------------------------------- what is given


def test_weight_two_is_the_row_twice(covariance_type: str, rng: np.random.Generator) -> None:
    X = rng.normal(size=(150, 2)) + 25.0 * np.eye(3, 2)[rng.integers(3, size=150)]
    weight = rng.integers(0, 4, 150)
    args, params = ([2, 3], covariance_type), {"random_state": 0, "n_init": 3}
    weighted = select(X, *args, sample_weight=weight, **params).best
    repeated = select(np.repeat(X, weight, axis=0), *args, **params).best
    assert weighted[:2] == repeated[:2] == (covariance_type, 3)
    for name in ("bic", "icl", "aic"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), abs=0.1)


def test_any_way_to_name_the_grid(rows: np.ndarray) -> None:
    expected = values(select(rows, [2, 3], ["diag"], random_state=0, n_init=1))
    for numbers in ((2, 3), range(2, 4), np.array([2, 3]), iter([2, 3]), {2: "", 3: ""}):
        assert values(select(rows, numbers, "diag", random_state=0, n_init=1)) == expected
    for number in (2, np.int64(2)):
        one = select(rows, number, ("diag",), random_state=0, n_init=1)
        assert values(one) == expected[:1]
        assert type(one.table[0].n_components) is int


def test_all_six_types_and_one_to_nine_by_default(rng: np.random.Generator) -> None:
    chosen = select(rng.normal(size=(40, 1)), n_init=1, max_iter=1, random_state=0)
    grid = set(itertools.product(TYPES, range(1, 10)))
    assert {one[:2] for one in chosen.table} == grid
    assert len(chosen.table) == 54


def test_reproducible_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    mixture = correlated_mixture(5, 2, np.random.default_rng(0), separation=1.0)
    X = mixture.sample(150, np.random.default_rng(1))[0]

    def run(random_state: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        grid = ([4, 5], ["full", "diag"])
        return values(select(X, *grid, random_state=random_state, n_init=2, **kwargs))

    state = np.random.get_state()[1].copy()  # noqa: NPY002
    expected = run(7, n_threads=1)
    for n_threads in (2, 3, None):
        assert run(7, n_threads=n_threads) == expected
    with monkeypatch.context() as patch:  # as those of middling size
        patch.setattr(fastgmm.estimators.selection, "SIDE_BY_SIDE", (0, 1 << 40))
        assert run(7, n_threads=2) == expected
    generator = np.random.default_rng(7)
    assert run(generator) == run(np.int64(7)) == expected
    assert run(generator) != expected
    old = np.random.RandomState(7)
    first, second = run(old), run(old)
    assert first == run(np.random.RandomState(7)) != second
    run(None)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_callback_sees_each_fit_once(n_threads: int, rows: np.ndarray) -> None:
    seen: list[Candidate] = []
    chosen = select(
        rows, [1, 2, 300], ["full", "diag"], n_threads=n_threads, n_init=1, callback=seen.append
    )
    assert sorted(seen) == sorted(chosen.table)

    def stop(row: Candidate) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        select(rows, [1, 2], "full", n_threads=n_threads, n_init=1, callback=stop)


def test_float32(covariance_type: str, rows: np.ndarray) -> None:
    expected = select(rows, [1, 3], covariance_type, random_state=0, n_init=3)
    chosen = select(rows.astype(np.float32), [1, 3], covariance_type, random_state=0, n_init=3)
    assert chosen.model.means_.dtype == np.float32
    assert chosen.best[:2] == expected.best[:2]
    assert chosen.best.bic == pytest.approx(expected.best.bic, abs=0.15)


def test_parameters_are_passed_on(rows: np.ndarray) -> None:
    prior = NormalInverseWishart()
    params = {"prior": prior, "reg_covar": "auto", "n_init": 3, "max_iter": 77, "tol": 1e-5}
    model = select(rows, [2, 3], ["full", "tied"], random_state=11, n_threads=2, **params).model
    for name, value in params.items():
        assert getattr(model, name) == value
    assert (model.random_state, model.n_threads) == (11, 2)
    assert len(model.initializations_) == 3
    again = GaussianMixture(**model.get_params(deep=False)).fit(rows)
    np.testing.assert_array_equal(again.covariances_, model.covariances_)
    plain = select(rows, model.n_components, model.covariance_type, random_state=11).model
    assert model.score(rows) < plain.score(rows)
    default = select(rows, 2, "full", random_state=0).model
    assert (default.n_init, default.max_iter) == (10, 1000)
    assert default.gap_tol == pytest.approx(0.05 / len(rows))
    weighted = select(rows, 2, "full", sample_weight=np.full(240, 10.0), random_state=0).model
    assert weighted.gap_tol == pytest.approx(0.05 / 2400)


@pytest.mark.parametrize("sizes", [(0, 1 << 40), (0, 0)])
def test_what_the_callback_raises_ends_the_selection(
    sizes: tuple[int, int], rows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fits that are under way beside it end with their iteration, and no thread is left."""
    monkeypatch.setattr(fastgmm.estimators.selection, "SIDE_BY_SIDE", sizes)
    before = threading.active_count()
    seen: list[Candidate] = []

    def stop(candidate: Candidate) -> None:
        seen.append(candidate)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        select(rows, range(1, 9), random_state=0, n_threads=2, callback=stop)
    assert len(seen) == 1
    assert threading.active_count() == before


def test_one_keyword_too_many(rows: np.ndarray) -> None:
    with pytest.raises(TypeError, match="covariance_types, one or several, and no covariance_type"):
        select(rows, [1], covariance_type="full")
    with pytest.raises(TypeError, match=r"^select takes no labels, which are of one"):
        select(np.zeros((4, 1)), labels=[0, 1, -1, -1])


def test_weights_of_less_than_one_are_in_units_of_their_mean(rows: np.ndarray) -> None:
    for weight in (1.0 / len(rows), 1e-7):
        weights = np.full(len(rows), weight)
        chosen = select(rows, [1, 2], "full", sample_weight=weights, random_state=0)
        expected = select(rows, [1, 2], "full", random_state=0)
        for one, other in zip(chosen.table, expected.table, strict=True):
            assert one.bic == pytest.approx(other.bic, rel=1e-9)
