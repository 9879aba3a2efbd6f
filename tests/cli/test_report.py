"""Models as text: the table of components, and that of a criterion."""

import numpy as np

from fastgmm import Candidate, GaussianMixture
from fastgmm.cli.report import (
    column_names_of,
    component_table,
    counted,
    criterion_table,
    standard_deviations,
)
from support import correlated_mixture, matrices_of


def test_deviations_of_every_type(rng, covariance_type):
    mixture = correlated_mixture(3, 4, rng)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    precisions = matrices_of(covariance_type, model.precisions_, model.means_)
    expected = np.sqrt(np.diagonal(np.linalg.inv(precisions), axis1=1, axis2=2))
    np.testing.assert_allclose(standard_deviations(model), expected, rtol=1e-10)


def table_of(means, deviations, names, width=100, weights=None):
    means, deviations = np.array(means, float), np.array(deviations, float)
    weights = np.full(len(means), 1 / len(means)) if weights is None else weights
    model = GaussianMixture.from_parameters(
        weights, means, deviations**2, covariance_type="diag", reg_covar=0
    )
    return component_table(model, names, width).splitlines()


def test_decimals_follow_the_deviations():
    lines = table_of(
        [[1e8, 1234.5678, 0.1, 0.0, 5e11]], [[1.0, 0.25, 2e-5, 1e-9, 1.0]], list("abcde")
    )
    assert [line.split() for line in lines[3:]] == [
        ["a", "100000000.000", "1.000"],
        ["b", "1234.5678", "0.2500"],
        ["c", "1.00000e-01", "2.00000e-05"],
        ["d", "0.00000e+00", "1.00000e-09"],
        ["e", "5.00000e+11", "1.00000e+00"],
    ]
    assert table_of([[123456.7]], [[54321.0]], ["a"])[3].split() == ["a", "123457", "54321"]


def test_many_components_stay_within_the_width():
    for width in (40, 80, 133):
        lines = table_of(np.arange(20.0).reshape(10, 2), np.ones((10, 2)), ["a", "b"], width)
        assert max(map(len, lines)) <= width
        numbers = [line.split()[1:] for line in lines if line.startswith("component")]
        assert [number for line in numbers for number in line] == [str(k) for k in range(10)]
        assert all(len(line) == len(lines[3]) for line in lines[3:5])
    assert len(table_of([[0.0], [1.0]], [[1.0], [1.0]], ["a"], width=1)) == 4 + 1 + 4


def test_long_names_are_cut_and_small_weights_are_shown():
    name = "a name\nof far too many characters"
    lines = table_of([[0.0], [1.0]], [[1.0], [1.0]], [name], weights=[1 - 1e-5, 1e-5])
    assert lines[1].split() == ["weight", "1.0000", "1.0e-05"]
    assert lines[3].startswith("a name of far too many ch...  ")


def test_the_table_of_a_criterion_has_dashes_and_marks():
    table = [
        Candidate("full", 1, 30.0, 31.0, 29.0, -9.0, 5, True, 3),
        Candidate("full", 2, 10.0, 11.0, 9.0, -1.0, 9, True, 3, n_collapsed=1),
        Candidate("diag", 1, 20.5, 21.0, 19.0, -5.0, 3, True, 3),
        Candidate("diag", 2, *[np.inf] * 3, -np.inf, 0, False, 0, failure="too few rows"),
    ]
    head, one, two = criterion_table(table, "bic").splitlines()
    assert head.split() == ["components", "full", "diag"]
    assert one.split() == ["1", "30.00", "20.50*"]
    assert two.split() == ["2", "10.00!", "-"]


def test_names_and_numbers_of_things():
    assert (counted(1, "row"), counted(2, "row"), counted(0, "row")) == (
        "1 row",
        "2 rows",
        "0 rows",
    )
    model = GaussianMixture.from_parameters([1.0], [[0.0, 1.0]], [np.eye(2)])
    assert column_names_of(model) == ["x0", "x1"]
