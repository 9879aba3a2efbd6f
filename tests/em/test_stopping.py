"""When a fit ends: the predicted distance to the limit, the three rules, what is said of them."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import sklearn.mixture

from fastgmm import GaussianMixture, kernels
from fastgmm.em.stopping import (
    NOISE_WINDOW,
    ROUNDING,
    Stopping,
    noise_of,
    numbers_of,
    predicted_gap,
    predicted_passes,
)
from fastgmm.errors import CollapseWarning, ConvergenceWarning
from support import correlated_mixture

quiet = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)


@pytest.fixture
def pair(rng: np.random.Generator) -> np.ndarray:
    """Return rows of two components that overlap, and that 2000 rows tell apart."""
    X: np.ndarray = correlated_mixture(2, 2, rng, separation=1.0).sample(2000, rng)[0]
    return X


def to_the_limit(n_components: int, X: np.ndarray, **params: Any) -> GaussianMixture:
    """Iterate EM until nothing changes."""
    settings = {"tol": 1e-14, "gap_tol": None, "acceleration": None, "max_iter": 20_000}
    return GaussianMixture(n_components, random_state=0, **settings, **params).fit(X)


def trace_of(gains: Iterable[float], limit: float = -3.0) -> np.ndarray:
    """Lower bounds that rise by these gains, the last of which ends at the limit."""
    given = np.array(list(gains))
    left: np.ndarray = np.append(np.cumsum(given[::-1])[::-1], 0.0)
    return limit - left


def predictions(bounds: np.ndarray) -> np.ndarray:
    return np.array([predicted_gap(bounds[: i + 1], DOUBLE) for i in range(len(bounds))])


# ---------------------------------------------------------------- the prediction


@pytest.mark.parametrize("gap_tol", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99, 0.999])
def test_a_geometric_series_ends_at_gap_tol(rate: float, gap_tol: float) -> None:
    """And but a few terms after it could have: the prediction is exact here."""
    bounds = trace_of((1 - rate) * rate ** np.arange(np.log(1e-12) / np.log(rate)))
    stopping = Stopping(tol=1e3, gap_tol=gap_tol, both=False, max_iter=10**5)
    gaps = predictions(bounds)
    ended = next(i for i in range(1, len(gaps)) if stopping.met(bounds[i] - bounds[i - 1], gaps[i]))
    left = bounds[-1] - bounds[ended]
    assert gap_tol * rate**4 < left < gap_tol * 1.001


@pytest.mark.parametrize(("first", "second", "share"), [(0.5, 0.9, 0.1), (0.7, 0.95, 0.1)])
def test_a_rate_that_rises(first: float, second: float, share: float) -> None:
    """A slow direction comes out from behind a fast one: half of the distance is seen all along."""
    i = np.arange(1500)
    bounds = trace_of(first**i + share * second**i)
    left = bounds[-1] - bounds
    left = left[left > 1e-7]
    gaps = predictions(bounds[: len(left)])
    assert (gaps[4:] >= 0.5 * left[4:]).all()
    # Aitken's formula as such does not see it, so that the rise is what is tested
    gains = np.diff(bounds[: len(left)])
    naive = gains[1:] / (gains[:-1] / gains[1:] - 1.0)
    assert (naive[2:] < 0.4 * left[4:]).any()


def test_what_cannot_be_foretold() -> None:
    for bounds in (
        [-3.0],
        [-3.0, -2.0],
        [-3.0, -2.0, -1.5],  # one rate, and nothing to compare it with
        [-9.0, -8.0, -6.0, -3.0],  # gains that grow
        [-9.0, -8.0, -7.0, -6.0],  # or stay
        [-9.0, -6.0, -5.0, -5.5],  # a fall
        [-9.0, -np.inf, -6.0, -5.0],
    ):
        assert predicted_gap(bounds, DOUBLE) == np.inf, bounds
        assert predicted_passes(bounds, 1e-3, DOUBLE) == np.inf, bounds


def test_a_tiny_fall_after_a_jump_is_the_end() -> None:
    """Of few rows in many dimensions the first iteration finds all, and the rest is rounding."""
    for before in ([], [5000.0], [4990.0, 5000.0, 5001.0]):
        assert predicted_gap([*before, 5154.0, 5549.0, 5549.0 - 1e-8], DOUBLE) < 2e-8
        assert predicted_gap([*before, 5154.0, 5549.0, 5549.0 - 1e-2], DOUBLE) > 1e-3


def test_the_larger_of_two_predictions() -> None:
    """A single small gain ends nothing, but for one that is 200 times smaller."""
    before = -np.cumsum([1.0, 1.0, 0.9, 0.81, 0.729])[::-1]
    gain = before[-1] - before[-2]
    for share, expected in ((0.01, 6.0), (0.004, 0.0)):
        bounds = [*before, before[-1] + share * gain]
        gap = predicted_gap([b - 3.0 for b in bounds], DOUBLE)
        assert gap > expected if expected else gap < 1e-4


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
def test_a_change_by_rounding_is_none(dtype: np.dtype) -> None:
    for level in (-4.0, 4e3):
        for sign in (1, -1):
            change = sign * ROUNDING[dtype] * abs(level)
            assert predicted_gap([level - 0.9 * change, level], dtype) == 0.0
            assert predicted_gap([level - 1.5 * change, level], dtype) == np.inf
    assert ROUNDING[SINGLE] > 1e3 * ROUNDING[DOUBLE]


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
def test_predicted_passes(rate: float) -> None:
    bounds = trace_of((1 - rate) * rate ** np.arange(np.log(1e-14) / np.log(rate)))
    for seen in (6, 12):
        n_passes = predicted_passes(bounds[:seen], 1e-6, DOUBLE)
        needed = np.argmax(bounds[-1] - bounds < 1e-6) - (seen - 1)
        assert abs(n_passes - needed) <= 1.01
    assert predicted_passes(bounds[:6], 1.0, DOUBLE) == 0.0


def test_half_of_the_true_distance(seed: int, covariance_type: str, rows: np.ndarray) -> None:
    """Of EM over rows, once its rate of convergence has settled."""
    params = {"covariance_type": covariance_type, "init_params": "random_from_data"}
    trace = np.array(to_the_limit(3, rows, **params).lower_bounds_)
    left, gaps = trace[-1] - trace, predictions(trace)
    reached = int(np.argmax(left < 1e-8))
    gains = np.diff(trace[: reached + 1])
    slowness = 1.0 - gains[1:] / gains[:-1]  # from the third bound on
    # settled: from here on the rate leaves the distance within a factor of 1.5
    lowest = np.minimum.accumulate(slowness[::-1])[::-1]
    unsettled = np.flatnonzero((slowness > 1.5 * lowest) | (slowness <= 0.0))
    first = 4 if len(unsettled) == 0 else unsettled[-1] + 4
    assert reached - first >= 8
    assert (gaps[first:reached] >= 0.5 * left[first:reached]).all()
    settled = slice((first + reached) // 2, reached)
    assert (gaps[settled] <= 3.0 * left[settled]).all()


# ---------------------------------------------------------------- the three rules


def test_the_rules() -> None:
    """What each makes of the change and of the distance."""
    scikit_learn = Stopping(tol=1e-3, gap_tol=None, both=False, max_iter=1)
    number = Stopping(tol=1e-3, gap_tol=1e-2, both=False, max_iter=1)
    auto = Stopping(tol=1e-3, gap_tol=None, both=True, max_iter=1)
    for change, gap, expected in (
        (9e-4, np.inf, (True, False, False)),
        (-9e-4, np.inf, (True, False, False)),
        (1e-3, 0.0, (False, True, False)),
        (9e-4, 9e-5, (True, True, True)),
        (9e-4, 2e-4, (True, True, False)),
        (1.0, 9e-3, (False, True, False)),
        (np.inf, 1e-2, (False, False, False)),
    ):
        met = tuple(rule.met(change, gap) for rule in (scikit_learn, number, auto))
        assert met == expected, (change, gap)
    assert [rule.target for rule in (scikit_learn, number, auto)] == [1e-3, 1e-2, 1e-4]


@pytest.mark.parametrize(
    ("rule", "tol"),
    [(None, 1e-2), (None, 1e-4), ("auto", 1e-2), ("auto", 1e-4), (1e-3, 1e-4), (1e-6, 1e-2)],
)
def test_a_fit_ends_by_its_rule(
    rule: float | str | None, tol: float, covariance_type: str, rows: np.ndarray
) -> None:
    """Where it is met first, as the trace tells."""
    model = GaussianMixture(
        3,
        covariance_type=covariance_type,
        random_state=0,
        tol=tol,
        gap_tol=rule,
        acceleration=None,
        max_iter=5000,
    ).fit(rows)
    trace = np.array(model.lower_bounds_)
    changes, gaps = np.append(np.inf, np.abs(np.diff(trace))), predictions(trace)
    met = {None: changes < tol, "auto": (changes < tol) & (gaps < tol / 10)}.get(rule)
    if met is None:
        met = gaps < rule
    assert met.tolist() == [False] * (len(trace) - 1) + [True]
    assert model.converged_
    assert model.gap_ == gaps[-1]


@pytest.mark.parametrize("acceleration", [None, "lbfgs"])
def test_a_number_decides_alone(acceleration: Any, covariance_type: str, rows: np.ndarray) -> None:
    params = {"covariance_type": covariance_type, "gap_tol": 1e-5, "acceleration": acceleration}
    models = [
        GaussianMixture(3, random_state=0, tol=tol, max_iter=2000, **params).fit(rows)
        for tol in (0.0, 1e-3, 10.0)
    ]
    assert models[0].lower_bounds_ == models[1].lower_bounds_ == models[2].lower_bounds_
    assert all(model.converged_ and model.gap_ < 1e-5 for model in models)


@pytest.mark.parametrize("init_params", ["random"])
def test_two_components_that_overlap(pair: np.ndarray, init_params: str) -> None:
    """scikit-learn's rule ends a few iterations after the start, where EM has hardly begun."""
    params = {"init_params": init_params}
    limit = to_the_limit(2, pair, **params).lower_bound_
    start = GaussianMixture(2, random_state=0, max_iter=0, **params).fit(pair)
    theirs = sklearn.mixture.GaussianMixture(
        2,
        weights_init=start.weights_,
        means_init=start.means_,
        precisions_init=start.precisions_,
    ).fit(pair)
    as_theirs = GaussianMixture(2, random_state=0, gap_tol=None, acceleration=None, **params)
    assert as_theirs.fit(pair).n_iter_ == theirs.n_iter_ <= 8
    assert as_theirs.lower_bound_ == pytest.approx(theirs.lower_bound_, abs=1e-9)
    assert as_theirs.converged_
    assert as_theirs.lower_bound_ < limit - 2e-3
    plain = GaussianMixture(2, random_state=0, acceleration=None, max_iter=1000, **params)
    for model in (plain, GaussianMixture(2, random_state=0, **params)):
        assert model.fit(pair).converged_
        assert limit - 1e-3 < model.lower_bound_ < limit + 1e-9


def test_the_default_ends_within_tol(covariance_type: str, rows: np.ndarray) -> None:
    """Of EM's limit, where the change alone ends farther off."""
    params = {"covariance_type": covariance_type, "random_state": 0, "max_iter": 3000}
    limit = to_the_limit(3, rows, covariance_type=covariance_type).lower_bound_
    for tol in (1e-3, 1e-5):
        by_change = GaussianMixture(3, tol=tol, gap_tol=None, acceleration=None, **params)
        farther = limit - by_change.fit(rows).lower_bound_
        for acceleration in (None, "auto"):
            model = GaussianMixture(3, tol=tol, acceleration=acceleration, **params).fit(rows)
            assert abs(model.lower_bound_ - limit) < min(tol, farther)


@pytest.mark.parametrize("acceleration", [None, "lbfgs"])
def test_float32_rows_end(acceleration: Any, covariance_type: str, rows: np.ndarray) -> None:
    """Far under what float32 resolves: a change by rounding is the end."""
    params = {"covariance_type": covariance_type, "gap_tol": 1e-10, "acceleration": acceleration}
    model = GaussianMixture(3, random_state=0, max_iter=3000, **params)
    model.fit(rows.astype(np.float32))
    assert model.converged_
    assert model.gap_ < 1e-10
    assert model.n_iter_ < 3000


# ---------------------------------------------------------------- what is said


def test_the_warning_says_how_far_it_is(rows: np.ndarray) -> None:
    params = {"random_state": 0, "acceleration": None, "max_iter": 12}
    for settings, rule in (
        ({"tol": 1e-9}, "tol=1e-09"),
        ({"tol": 1e-9, "gap_tol": None}, "tol=1e-09"),
        ({"tol": 1e-1, "gap_tol": 2e-9}, "gap_tol=2e-09"),
    ):
        model = GaussianMixture(3, **params, **settings)
        with pytest.warns(ConvergenceWarning) as caught:
            model.fit(rows)
        (warning,) = caught
        text = str(warning.message)
        assert "did not converge. Try different init parameters, or increase max_iter" in text
        assert "After 12 iterations the distance" in text
        assert f"is predicted to be {model.gap_:.1e} nats per row, and {rule}," in text
        assert text.endswith(f"{rule}, max_iter=12.")
        assert text.count("increase max_iter") == 1
        assert not model.converged_
        assert model.gap_ == predictions(np.array(model.lower_bounds_))[-1]
    with pytest.warns(ConvergenceWarning, match=r"its limit cannot be foretold yet, and tol="):
        GaussianMixture(3, **params | {"max_iter": 2}, tol=1e-9).fit(rows)


@quiet
@pytest.mark.parametrize("acceleration", [None, "auto"])
def test_lower_bounds_are_the_whole_trace(
    acceleration: Any, covariance_type: str, rows: np.ndarray
) -> None:
    """Of accepted iterations only, whatever the rule and the number of iterations."""
    params = {"covariance_type": covariance_type, "acceleration": acceleration, "random_state": 0}
    params["init_params"] = "random_from_data"
    seen: list[float] = []
    model = GaussianMixture(3, tol=1e-7, max_iter=2000, **params)
    model.fit(rows, callback=lambda i: seen.append(i.lower_bound))
    assert seen == model.lower_bounds_
    assert model.lower_bound_ == seen[-1]
    assert model.n_iter_ == len(seen) > 12
    for max_iter in (1, 9, 12, model.n_iter_ - 1):
        cut = GaussianMixture(3, tol=1e-7, max_iter=max_iter, **params).fit(rows)
        assert cut.lower_bounds_ == seen[:max_iter]
        assert not cut.converged_


# ---------------------------------------------------------------- where nothing is left to gain


@quiet
def test_single_precision_ends_however_small_tol_is(rows: np.ndarray) -> None:
    """Changes under the rounding of float32 are none; scikit-learn's rule knows nothing of that."""
    params = {"tol": 1e-12, "max_iter": 2000, "random_state": 0, "acceleration": None}
    model = GaussianMixture(3, **params).fit(rows.astype(np.float32))
    assert model.converged_
    assert model.n_iter_ < 1000
    limit = to_the_limit(3, rows).lower_bound_
    assert model.lower_bound_ == pytest.approx(limit, abs=1e-5)


def test_falls_are_a_geometric_series_too() -> None:
    """A large ridge lets EM's bound fall: its limit is below, and as far as for gains."""
    bounds = trace_of(0.1 * 0.9 ** np.arange(200))
    rising, falling = predictions(bounds), predictions(-bounds)
    np.testing.assert_array_equal(rising, falling)


def test_changes_up_and_down_are_noise() -> None:
    """The distance is what the last four come to, be it rounding or more."""
    for size in (1e-12, 1e-3):
        bounds = -3.0 + size * np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
        assert predicted_gap(bounds, DOUBLE) == pytest.approx(4 * size, rel=1e-2)
    bounds = np.array([-3.0, -2.0, -1.5, -1.2, -1.2001])
    assert predicted_gap(bounds, DOUBLE) > 1.0


def ups_and_downs(size: float, seed: int, n: int = 40) -> np.ndarray:
    """Lower bounds that rise to -3 and then go up and down by chance."""
    rng = np.random.default_rng(seed)
    return np.append(trace_of(0.5 ** np.arange(20)), -3.0 + size * rng.uniform(-1.0, 1.0, n))


@pytest.mark.parametrize("size", [1e-12, 1e-5, 1e-1])
def test_what_no_longer_rises_has_reached_its_noise(size: float) -> None:
    """The noise is found soon, is as large as it is, and the end is one of the best bounds."""
    for seed in range(20):
        bounds = ups_and_downs(size, seed, 200)
        ended = next(i for i in range(len(bounds)) if noise_of(bounds[: i + 1].tolist()) > 0.0)
        noise = noise_of(bounds[: ended + 1].tolist())
        last = bounds[ended - NOISE_WINDOW + 1 : ended + 1]
        assert size < noise <= 2.0 * size
        assert (last > bounds[ended]).sum() < NOISE_WINDOW // 4
        assert ended < 20 + 8 * NOISE_WINDOW


def test_what_rises_or_falls_steadily_is_no_noise() -> None:
    rising = trace_of(0.1 * 0.9 ** np.arange(100))
    bent = np.append(rising[:60], rising[59] - np.cumsum(0.01 * 0.9 ** np.arange(40)))
    jagged = rising + 1e-4 * (-1.0) ** np.arange(len(rising))
    for bounds in (rising, -rising, bent, jagged[:50]):
        assert all(noise_of(bounds[:i].tolist()) == 0.0 for i in range(len(bounds)))
    assert noise_of(np.full(60, -3.0).tolist()) == 0.0


def test_who_asks_for_iterations_gets_them() -> None:
    """The noise ends no fit of scikit-learn's rule, and none with a tolerance of zero."""
    bounds = ups_and_downs(1e-2, 0, 200).tolist()
    ended = next(i for i in range(len(bounds)) if noise_of(bounds[:i]) > 0.0)
    for stopping, ends in (
        (Stopping(1e-3, None, True, 100), True),
        (Stopping(1e-3, 1e-5, False, 100), True),
        (Stopping(1e-3, None, False, 100), False),
        (Stopping(0.0, None, True, 100), False),
        (Stopping(1e-3, 0.0, False, 100), False),
    ):
        last = np.array(bounds[:ended][-2 * NOISE_WINDOW :])
        assert (kernels.foretold(numbers_of(stopping, DOUBLE), last)[1] > 0.0) is ends
        assert stopping.heeds_noise is ends
    auto, number = Stopping(1e-3, None, True, 100), Stopping(1e-3, 1e-5, False, 100)
    assert auto.settled(9e-4, 1e-12)
    assert not number.settled(9e-4, 1e-12)
    assert number.settled(7e-4, 1e-4)  # no more than rounding


def badly_conditioned(n_features: int, seed: int) -> np.ndarray:
    """Rows of a cloud with a condition of 1e16, in large units."""
    rng = np.random.default_rng(seed)
    deviations = 1e4 * 1e16 ** (-0.5 * np.linspace(0.0, 1.0, n_features))
    rotation = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    rows: np.ndarray = rng.normal(size=(1000, n_features)) * deviations @ rotation.T
    return rows


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_fits_end_in_their_noise(dtype: Any) -> None:
    """Also float64 is too coarse here: the warning says so, and does not ask for iterations."""
    n_noisy = 0
    for seed in range(8):
        rows = badly_conditioned(3, seed).astype(dtype)
        model = GaussianMixture(3, random_state=0, max_iter=400)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(rows)
        assert model.n_iter_ < 400
        text = " ".join(str(one.message) for one in caught)
        if not model.converged_:
            n_noisy += 1
            assert "is too coarse for these rows" in text
            assert ("pass the rows as float64" in text) is (dtype is np.float32)
            assert "max_iter=" not in text
            assert model.lower_bound_ >= np.sort(model.lower_bounds_[-NOISE_WINDOW:])[-3]
    assert n_noisy > 0


def test_a_tolerance_of_zero_is_a_number_of_iterations(rows: np.ndarray) -> None:
    with pytest.warns(ConvergenceWarning, match="tol=0 asks for max_iter iterations, and all 30"):
        model = GaussianMixture(2, random_state=0, max_iter=30, tol=0.0).fit(rows)
    assert model.n_iter_ == 30


@quiet
@pytest.mark.parametrize(("n", "d", "k"), [(30, 8, 5), (10, 5, 3), (20, 30, 3)])
def test_badly_conditioned_fits_end(n: int, d: int, k: int) -> None:
    """Rounding is more than usual there, and changes its sign from iteration to iteration."""
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=(n, d))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CollapseWarning)
            assert GaussianMixture(k, random_state=0, n_init=5).fit(X).converged_


@quiet
def test_a_large_ridge_ends_where_em_stays(rows: np.ndarray) -> None:
    """The bound falls on the way there; steps that let it fall are taken once EM's own do.

    EM may end where its bound is highest, at changes up and down, as well.
    """
    params = {"reg_covar": 0.05, "random_state": 0, "max_iter": 3000, "gap_tol": 1e-7}
    for covariance_type in ("full", "tied", "diag", "spherical"):
        params["covariance_type"] = covariance_type
        em, model = (
            GaussianMixture(4, acceleration=a, **params).fit(rows) for a in (None, "lbfgs")
        )
        assert em.converged_
        assert model.converged_
        # Beside a ridge EM may leave a plateau, after hundreds of passes, that steps end on.
        assert model.n_passes_ < 600
        assert model.lower_bound_ == pytest.approx(em.lower_bound_, abs=0.05)
