"""The likelihood-ratio test by the bootstrap, against its definition and against mclust.

mclust's numbers are those of R 4.2.2 with mclust 6.0.0, after

    library(mclust); set.seed(1)
    r <- mclustBootstrapLRT(X, modelName = "VVV", nboot = 999, maxG = 3); cbind(r$obs, r$p.value)

where X is the first four columns of iris as a matrix, or faithful with the model EEE. mclust has
other optima for more components, and one start for each replicate, the fit of the rows.
"""

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, bootstrap_lrt
from fastgmm.errors import CollapseWarning, InvalidParameterError
from fastgmm.estimators.likelihood_ratio import LikelihoodRatio, LikelihoodRatioTests
from support import correlated_mixture

DATA = Path(__file__).parent.parent.parent / "data"
OF_MCLUST = {
    ("iris", "full"): [(331.11985, 0.001), (68.33773, 0.001)],
    ("faithful", "tied"): [(299.21997, 0.001), (27.72105, 0.001)],
}
REPLICATES = 29


@pytest.mark.parametrize(("name", "covariance_type"), OF_MCLUST)
def test_statistics_and_p_values_are_those_of_mclust(name: str, covariance_type: Any) -> None:
    if name == "faithful":
        X = np.loadtxt(DATA / "faithful.csv", delimiter=",", skiprows=1)
    else:
        X = pytest.importorskip("sklearn.datasets").load_iris().data
    found = bootstrap_lrt(
        X,
        max_components=3,
        covariance_type=covariance_type,
        n_bootstrap=REPLICATES,
        random_state=0,
    )
    expected = OF_MCLUST[name, covariance_type]
    assert [one.n_components for one in found.table] == [1, 2]
    for one, (statistic, p_value) in zip(found.table, expected, strict=True):
        assert one.statistic == pytest.approx(statistic, abs=0.1)
        # Of 999 replicates none is as high for mclust: of 29 none is, either.
        assert p_value == 0.001
        assert one.p_value == 1 / (1 + REPLICATES)
    assert found.n_components == 3


def two_clusters(rng: np.random.Generator, n: int = 120) -> np.ndarray:
    return np.concatenate([rng.normal(0.0, 1.0, (n // 2, 2)), rng.normal(7.0, 1.0, (n // 2, 2))])


def test_it_ends_with_the_first_that_does_not_reject(rng: np.random.Generator) -> None:
    X = two_clusters(rng)
    seen: list[LikelihoodRatio] = []
    found = bootstrap_lrt(X, n_bootstrap=REPLICATES, random_state=0, callback=seen.append)
    assert tuple(seen) == found.table
    assert [one.n_components for one in found.table] == list(range(1, len(found.table) + 1))
    *before, last = found.table
    assert all(one.p_value <= 0.05 for one in before)
    assert last.p_value > 0.05
    assert found.n_components == last.n_components
    assert found.table[0].p_value == 1 / 30
    assert found.level == 0.05


def test_statistics_and_p_values_are_those_of_the_definition(rng: np.random.Generator) -> None:
    X = two_clusters(rng, 80)
    found = bootstrap_lrt(
        X, 2, max_components=3, covariance_type="diag", n_bootstrap=REPLICATES, random_state=0
    )
    (one,) = found.table
    assert one.n_components == 2
    limits = {"covariance_type": "diag", "gap_tol": 1e-7, "max_iter": 2000, "n_init": 3}
    two, three = (GaussianMixture(k, random_state=0, **limits).fit(X) for k in (2, 3))
    log_likelihoods = [model.score(X) * len(X) for model in (two, three)]
    # Starts of other seeds may reach another optimum of three components.
    assert one.statistic >= -0.02
    assert one.statistic == pytest.approx(2.0 * np.subtract(*log_likelihoods[::-1]), abs=6.0)
    higher = np.count_nonzero(one.replicates >= one.statistic)
    assert one.p_value == (1 + higher) / (1 + len(one.replicates))
    assert len(one.replicates) + one.n_left_out == REPLICATES
    assert (one.replicates > -0.05).mean() > 0.9
    assert not one.replicates.flags.writeable


def test_under_the_null_p_values_are_not_small_too_often() -> None:
    """Of ten data sets from one component one has a p value up to 0.1 in the mean."""
    small = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = correlated_mixture(1, 2, rng).sample(50, rng)[0]
        one = bootstrap_lrt(
            X, max_components=2, covariance_type="tied", n_bootstrap=19, random_state=seed
        ).table[0]
        small += one.p_value <= 0.1
    assert small <= 4


def test_no_number_depends_on_the_threads(seed: int) -> None:
    X = two_clusters(np.random.default_rng(seed), 60)
    one, three = (
        bootstrap_lrt(X, 2, max_components=3, n_bootstrap=12, random_state=5, n_threads=n).table[0]
        for n in (1, 3)
    )
    assert (one.statistic, one.p_value) == (three.statistic, three.p_value)
    np.testing.assert_array_equal(one.replicates, three.replicates)


def test_more_components_than_are_asked_for_are_not_tried(rng: np.random.Generator) -> None:
    found = bootstrap_lrt(two_clusters(rng), max_components=2, n_bootstrap=19, random_state=0)
    assert len(found.table) == 1
    assert found.n_components == 2


def test_rows_that_collapse_end_the_tests(rng: np.random.Generator) -> None:
    X = np.concatenate([rng.normal(size=(60, 2)), np.full((20, 2), 9.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = bootstrap_lrt(X, n_bootstrap=19, random_state=0)
    assert np.isnan(found.table[0].p_value)
    assert found.n_components == 1
    with pytest.warns(CollapseWarning, match="in the fits of 1 or 2 components") as caught:
        bootstrap_lrt(X, n_bootstrap=19, random_state=0)
    assert caught[0].filename == __file__


def test_the_table_reads_well() -> None:
    tests = (
        LikelihoodRatio(1, 331.1199, 0.001, np.zeros(999)),
        LikelihoodRatio(2, 3.5, 0.4, np.zeros(998), 1),
    )
    assert str(LikelihoodRatioTests(tests, "full", 0.05)) == (
        "bootstrap likelihood-ratio tests, covariance_type='full'\n"
        "components   statistic   p value   replicates\n"
        "     1 / 2     331.120    0.0010          999\n"
        "     2 / 3       3.500    0.4000          998\n"
        "2 components at the level 0.05"
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"n_components": 0}, ValueError, "n_components must be an integer of at least 1"),
        ({"max_components": 1}, ValueError, "max_components must be an integer of at least 2"),
        ({"n_bootstrap": 0}, ValueError, "n_bootstrap must be an integer of at least 1"),
        ({"level": 1.5}, ValueError, "level must be a number between 0 and 1"),
        ({"covariance_type": "round"}, InvalidParameterError, "covariance_type"),
        ({"components": 3}, TypeError, "components is no parameter"),
        ({"callback": 3}, TypeError, "callback"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        bootstrap_lrt(np.eye(4), **arguments)


def test_what_the_callback_raises_ends_it(rng: np.random.Generator) -> None:
    def stop(_: LikelihoodRatio) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        bootstrap_lrt(two_clusters(rng, 40), n_bootstrap=5, callback=stop, n_threads=2)
    assert threading.active_count() == before
