"""The screens find every group that a single fit would warn of, and name the first."""

import warnings
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, NormalInverseWishart, fit_many
from fastgmm.errors import CollapseWarning, ConvergenceWarning
from support import correlated_mixture

KINDS = (CollapseWarning, ConvergenceWarning, UserWarning)


def kinds_of(caught: list[warnings.WarningMessage]) -> list[type]:
    """Return which of the three kinds of warnings these are."""
    return [next(kind for kind in KINDS if issubclass(one.category, kind)) for one in caught]


@pytest.mark.parametrize(
    "params",
    [{}, {"reg_covar": "auto"}, {"reg_covar": 1e-2}, {"prior": NormalInverseWishart()}],
    ids=str,
)
def test_as_many_groups_as_single_fits_warn_of(
    params: dict[str, Any], covariance_type: Any, rng: np.random.Generator
) -> None:
    """Groups of few rows, of equal ones, of small units, and good ones."""
    groups = []
    for i in range(12):
        rows = correlated_mixture(3, 3, rng).sample(int(rng.integers(12, 80)), rng)[0]
        if i % 4 == 1:
            rows[: len(rows) // 3] = 7.0
        elif i % 4 == 2:
            rows = rows * 10.0 ** -rng.integers(1, 5)
        elif i % 4 == 3:
            rows[:, 1] = rng.integers(2, size=len(rows))
        groups.append(rows)
    params = {"covariance_type": covariance_type, "random_state": 0, "max_iter": 30, **params}
    expected: dict[type, list[int]] = {kind: [] for kind in KINDS}
    for i, rows in enumerate(groups):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            GaussianMixture(3, **params).fit(rows)
        for kind in kinds_of(caught):
            expected[kind].append(i)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_many(groups, 3, **params)
    found = dict(zip(kinds_of(caught), (str(one.message) for one in caught), strict=True))
    assert set(found) == {kind for kind, which in expected.items() if which}
    for kind, text in found.items():
        which = expected[kind]
        assert f"{len(which)} of 12 groups" in text, (text, which)
        first = {UserWarning: f"in group {which[0]}", CollapseWarning: f"Of group {which[0]}:"}
        assert first.get(kind, f"the first is {which[0]},") in text


def test_columns_have_their_names(rng: np.random.Generator) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rng.normal(size=(80, 2)), columns=["volts", "amps"])
    frame["volts"] *= 1e-4
    with pytest.warns(UserWarning, match="column 'volts' in all rows"):
        fit_many(frame, labels=["a"] * 40 + ["b"] * 40)
