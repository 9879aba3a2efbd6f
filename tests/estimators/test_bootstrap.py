"""Standard errors and intervals by the bootstrap, against theory and against mclust.

mclust's numbers are those of R 4.2.2 with mclust 6.0.0, after

    library(mclust); set.seed(1)
    fit <- Mclust(X, G = 2, modelNames = "VVV")
    summary(MclustBootstrap(fit, nboot = 2000, type = "bs"), what = "se")
    summary(MclustBootstrap(fit, nboot = 2000, type = "bs"), what = "ci", conf.level = 0.9)

where X is faithful, or the first four columns of iris, as a matrix, and the type is "bs", "pb" or
"wlbs". The component of the larger mean comes first for faithful, the smaller one for iris.
"""

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, bootstrap
from fastgmm.errors import CollapseWarning, InvalidParameterError
from support import correlated_mixture

DATA = Path(__file__).parent.parent.parent / "data"
# weight, means, and the diagonals of the covariances
ERRORS_OF_FAITHFUL = {
    "nonparametric": (
        0.0288779,
        [[0.0327514, 0.461881], [0.0291907, 0.602399]],
        [[0.0199842, 4.474060], [0.01438, 4.29641]],
    ),
    "parametric": (
        0.0286676,
        [[0.0317660, 0.449822], [0.0268139, 0.590785]],
        [[0.0179449, 3.731750], [0.00988193, 4.932950]],
    ),
    "weighted": (
        0.0283683,
        [[0.0326138, 0.470897], [0.0296821, 0.598969]],
        [[0.0203543, 4.395120], [0.0144325, 4.324660]],
    ),
}
INTERVALS_OF_FAITHFUL = {
    "nonparametric": (
        [[4.23532, 79.1887], [4.34184, 80.7034]],
        [[1.98787, 53.4636], [2.08312, 55.4498]],
    ),
    "parametric": (
        [[4.23595, 79.2593], [4.34114, 80.7109]],
        [[1.99250, 53.5483], [2.08158, 55.4578]],
    ),
    "weighted": (
        [[4.23347, 79.1681], [4.33976, 80.6845]],
        [[1.98740, 53.4934], [2.08493, 55.4700]],
    ),
}
ERRORS_OF_IRIS = {
    "nonparametric": (
        0.0376463,
        [
            [0.0506463, 0.0530994, 0.0247146, 0.0147577],
            [0.0648934, 0.0325787, 0.0803079, 0.0414308],
        ],
        [
            [0.0223825, 0.0328141, 0.00711939, 0.00278288],
            [0.0600575, 0.0167107, 0.0879157, 0.0176554],
        ],
    ),
    "parametric": (
        0.0390319,
        [
            [0.0491278, 0.0530151, 0.0242227, 0.0147445],
            [0.0675220, 0.0338083, 0.0846687, 0.0435437],
        ],
        [
            [0.0235928, 0.0286270, 0.00583894, 0.00223811],
            [0.0629790, 0.0158006, 0.0954409, 0.0245389],
        ],
    ),
    "weighted": (
        0.037117,
        [
            [0.0492103, 0.0506998, 0.0237924, 0.0147427],
            [0.0688134, 0.0337030, 0.0845674, 0.0431320],
        ],
        [
            [0.0210608, 0.0324339, 0.00666828, 0.00277828],
            [0.0592433, 0.0165942, 0.0868028, 0.0178725],
        ],
    ),
}
REPLICATES = 600
"""The errors of so many have a Monte Carlo error of some 3 per cent, mclust's one of 1.6."""


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    """Return rows of two clusters that lie apart, so that no component collapses."""
    return correlated_mixture(2, 3, rng, separation=6.0).sample(200, rng)[0]


def of_faithful() -> tuple[GaussianMixture, np.ndarray]:
    X = np.loadtxt(DATA / "faithful.csv", delimiter=",", skiprows=1)
    model = GaussianMixture(2, random_state=0, gap_tol=1e-9).fit(X)
    return model.reorder(np.argsort(-model.means_[:, 0])), X


def of_iris() -> tuple[GaussianMixture, np.ndarray]:
    X = pytest.importorskip("sklearn.datasets").load_iris().data
    model = GaussianMixture(2, random_state=0, gap_tol=1e-9).fit(X)
    return model.reorder(np.argsort(model.means_[:, 0])), X


@pytest.mark.parametrize("kind", ERRORS_OF_FAITHFUL)
@pytest.mark.parametrize("name", ["faithful", "iris"])
def test_errors_are_those_of_mclust(name: str, kind: Any) -> None:
    model, X = of_faithful() if name == "faithful" else of_iris()
    expected = (ERRORS_OF_FAITHFUL if name == "faithful" else ERRORS_OF_IRIS)[kind]
    found = bootstrap(model, X, REPLICATES, kind=kind, random_state=0)
    assert (len(found), found.n_left_out) == (REPLICATES, 0)
    weight, means, variances = expected
    errors = found.standard_errors
    np.testing.assert_allclose(errors.weights, [weight, weight], rtol=0.12)
    np.testing.assert_allclose(errors.means, means, rtol=0.12)
    diagonals = np.diagonal(errors.covariances, axis1=1, axis2=2)
    np.testing.assert_allclose(diagonals, variances, rtol=0.15)


@pytest.mark.parametrize("kind", INTERVALS_OF_FAITHFUL)
def test_intervals_are_those_of_mclust(kind: Any) -> None:
    model, X = of_faithful()
    found = bootstrap(model, X, REPLICATES, kind=kind, random_state=1)
    low, high = found.interval(0.9).means
    for k, (lower, upper) in enumerate(INTERVALS_OF_FAITHFUL[kind]):
        tolerance = 0.35 * found.standard_errors.means[k]
        assert (np.abs(low[k] - lower) < tolerance).all()
        assert (np.abs(high[k] - upper) < tolerance).all()


@pytest.mark.parametrize("kind", ["nonparametric", "parametric", "weighted"])
def test_one_component_has_known_errors(
    kind: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    """The mean has the error of a mean, for every shape of the covariance."""
    X = correlated_mixture(1, 2, rng).sample(300, rng)[0]
    model = GaussianMixture(covariance_type=covariance_type, tol=1e-6).fit(X)
    found = bootstrap(model, X, 150, kind=kind, random_state=0)
    if kind == "parametric":
        variance = np.broadcast_to(np.diagonal(np.atleast_2d(np.cov(X.T))), 2)
        if covariance_type.endswith("spherical"):
            variance = np.full(2, variance.mean())
    else:
        variance = X.var(axis=0)
    np.testing.assert_allclose(found.standard_errors.means[0], np.sqrt(variance / 300), rtol=0.25)
    assert found.standard_errors.weights.tolist() == [0.0]
    assert found.standard_errors.covariances.shape == model.covariances_.shape
    assert found.interval().covariances.shape == (2, *model.covariances_.shape)


@pytest.mark.parametrize("kind", ["nonparametric", "parametric", "weighted"])
def test_no_number_depends_on_the_threads(kind: Any, rows: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(rows)
    one, three = (
        bootstrap(model, rows, 40, kind=kind, random_state=5, n_threads=n) for n in (1, 3)
    )
    for name in ("weights", "means", "covariances"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
    # The first replicates are the same, however many there are.
    fewer = bootstrap(model, rows, 7, kind=kind, random_state=5)
    np.testing.assert_array_equal(fewer.means, one.means[:7])
    assert (bootstrap(model, rows, 7, kind=kind, random_state=6).means != fewer.means).all()


def test_components_keep_their_numbers(rng: np.random.Generator) -> None:
    known = correlated_mixture(4, 2, rng, separation=6.0)
    X = known.sample(500, rng)[0]
    model = GaussianMixture(4, random_state=0).fit(X)
    found = bootstrap(model, X, 60, random_state=0)
    away = np.median(np.abs(found.means - model.means_), axis=0)
    apart = min(np.abs(model.means_[i] - model.means_[j]).max() for i in range(4) for j in range(i))
    assert away.max() < 0.3 * apart


def test_what_is_not_fitted_is_fitted_first(rows: np.ndarray) -> None:
    settings = GaussianMixture(2, random_state=0)
    found = bootstrap(settings, rows, 20, random_state=0)
    assert not settings.is_fitted
    fitted = GaussianMixture(2, random_state=0).fit(rows)
    np.testing.assert_array_equal(found.model.means_, fitted.means_)
    expected = bootstrap(fitted, rows, 20, random_state=0)
    np.testing.assert_array_equal(found.means, expected.means)


def test_arithmetic_of_errors_and_intervals(rows: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(rows)
    found = bootstrap(model, rows, 30, random_state=0)
    np.testing.assert_allclose(found.standard_errors.means, found.means.std(axis=0, ddof=1))
    low, high = found.interval(0.8).weights
    np.testing.assert_allclose(low, np.quantile(found.weights, 0.1, axis=0))
    np.testing.assert_allclose(high, np.quantile(found.weights, 0.9, axis=0))
    for level in (0.0, 1.0, True, -1.0):
        with pytest.raises(ValueError, match="level must be a number between 0 and 1"):
            found.interval(level)
    text = str(found)
    assert text.startswith("nonparametric bootstrap, 30 replicates: estimate (standard error)")
    assert text.count("component ") == 2


def test_replicates_that_collapse_are_left_out(rng: np.random.Generator) -> None:
    """Of a cluster of five rows a replicate may have two."""
    X = np.concatenate([rng.normal(size=(60, 2)), 40.0 + rng.normal(size=(5, 2))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(2, random_state=0).fit(X)
    with pytest.warns(CollapseWarning, match=r"of 100 replicates are left out") as caught:
        found = bootstrap(model, X, 100, random_state=0)
    assert caught[0].filename == __file__
    assert 0 < found.n_left_out < 100
    assert len(found) == 100 - found.n_left_out == len(found.means)
    assert f"{found.n_left_out} replicates left out" in str(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weighted = bootstrap(model, X, 100, kind="weighted", random_state=0)
    assert weighted.n_left_out < found.n_left_out


def test_if_all_collapse_it_is_an_error(rng: np.random.Generator) -> None:
    X = np.concatenate([rng.normal(size=(60, 2)), np.full((5, 2), 40.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(2, random_state=0).fit(X)
        with pytest.raises(ValueError, match="collapsed in 10 of 10 replicates"):
            bootstrap(model, X, 10)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"kind": "jackknife"}, ValueError, "kind must be one of"),
        ({"n_bootstrap": 1}, ValueError, "n_bootstrap must be an integer of at least 2, got 1"),
        ({"n_bootstrap": 2.5}, ValueError, "n_bootstrap must be an integer"),
        ({"n_threads": 0}, InvalidParameterError, "n_threads"),
        ({"callback": 1}, TypeError, "callback"),
    ],
)
def test_wrong_arguments(
    arguments: dict[str, Any], kind: type, message: str, rows: np.ndarray
) -> None:
    model = GaussianMixture(2, random_state=0).fit(rows)
    with pytest.raises(kind, match=message):
        bootstrap(model, rows, **arguments)
    with pytest.raises(ValueError, match="expecting 3"):
        bootstrap(model, rows[:, :2], 5)


def test_the_callback_counts_and_may_end_it(rows: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(rows)
    seen: list[int] = []
    bootstrap(model, rows, 50, random_state=0, callback=seen.append, n_threads=2)
    assert seen == sorted(seen)
    assert seen[-1] == 50

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        bootstrap(model, rows, 100_000, callback=stop, n_threads=2)
    assert threading.active_count() == before
