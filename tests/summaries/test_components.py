"""The components of a mixture as text."""

from dataclasses import replace

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.summaries.components import component_table, summary_text


def table_of(means, deviations, names, width=100, weights=None):
    means, deviations = np.array(means, float), np.array(deviations, float)
    weights = np.full(len(means), 1 / len(means)) if weights is None else weights
    model = GaussianMixture.from_parameters(
        weights, means, deviations**2, covariance_type="diag", reg_covar=0
    )
    facts = replace(model._facts(), names=names)
    return component_table(facts, width).splitlines()


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


def test_a_summary_is_a_line_the_table_and_what_is_known():
    model = GaussianMixture.from_parameters([0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]])
    assert summary_text(model._facts(), 80).splitlines() == [
        "2 components, full covariance, of 1 column",
        "",
        "component                   0                   1",
        "weight                 0.6000              0.4000",
        "              mean  deviation     mean  deviation",
        "x0           2.000      1.000    5.000      1.414",
    ]
    noisy = replace(model._facts(), noise=(0.125, 50.0), numbers={"a": "1", "long": "2"})
    assert summary_text(noisy, 80).splitlines()[6:] == [
        "", "noise: weight 0.1250, uniform over a volume of 50", "", "a     1", "long  2",
    ]  # fmt: skip
