"""The fourteen models beside mclust's me(), whose numbers a command has written.

`Rscript tests/contract/fourteen_peers.R > tests/contract/fourteen_peers.json`, with mclust 6.0.0,
makes them anew.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import MCLUST_TYPES

HERE = Path(__file__).resolve()
KNOWN: dict[str, Any] = json.loads(
    HERE.with_name("fourteen_peers.json").read_text(encoding="utf-8")
)
SETS = ("iris", "banknote", "diabetes")
NOTHING = Regularization()


def rows_of(name: str) -> np.ndarray:
    return np.array(KNOWN[name]["rows"], dtype=np.float64)


def of_classes(name: str, kind: str) -> tuple[RowData, SufficientStatistics]:
    """Return the rows of a data set and their statistics under their classes."""
    rows, labels = rows_of(name), np.array(KNOWN[name]["labels"])
    given = np.eye(labels.max() + 1)[labels]
    means = np.array([rows[labels == k].mean(axis=0) for k in range(given.shape[1])])
    model, (k, d) = model_of(kind), means.shape
    one = np.eye(d) if model.form.ndim == 2 else np.ones(())
    covariances = np.array(np.broadcast_to(one, model.shape(k, d)))
    begin = Mixture.from_covariances(np.full(k, 1.0 / k), means, covariances, model.name)
    data = RowData(rows, None, 1)
    return data, expectation(begin, data, given=lambda part, begin, end: given[begin:end])


def iterated(name: str, kind: str) -> list[float]:
    """Return the log-likelihoods of EM from the classes to where it no longer rises."""
    data, statistics = of_classes(name, kind)
    mixture, bounds = MAXIMUM_LIKELIHOOD.maximize(statistics, NOTHING), [-np.inf]
    for _ in range(1000):
        statistics = expectation(mixture, data)
        bounds.append(statistics.log_likelihood)
        if bounds[-1] - bounds[-2] < 1e-14 * abs(bounds[-1]):
            break
        mixture = MAXIMUM_LIKELIHOOD.maximize(statistics, NOTHING, mixture)
    return bounds[1:]


@pytest.mark.parametrize("kind", MCLUST_TYPES)
@pytest.mark.parametrize("name", SETS)
def test_em_ends_where_mclust_ends_and_never_falls(name: str, kind: str) -> None:
    bounds = iterated(name, kind)
    assert (np.diff(bounds) > -1e-12 * abs(bounds[-1])).all()
    theirs = KNOWN[name]["log_likelihood"][kind]
    if kind == "VVE":
        assert bounds[-1] > theirs + 0.1
    else:
        assert bounds[-1] == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("kind", MCLUST_TYPES)
@pytest.mark.parametrize("name", SETS)
def test_parameters_are_counted_as_by_mclust(name: str, kind: Any) -> None:
    d, k = len(KNOWN[name]["rows"][0]), len(set(KNOWN[name]["labels"]))
    free = MAXIMUM_LIKELIHOOD.n_parameters(kind, k, d)
    assert free == KNOWN[name]["n_parameters"][kind]


def test_vve_ends_at_the_maxima_that_are_known() -> None:
    """mclust's are -215.2409, -754.7034 and -2330.8072."""
    found = [iterated(name, "VVE")[-1] for name in SETS]
    np.testing.assert_allclose(found, [-214.053208, -754.498157, -2327.783916], atol=1e-6)


def objective(mixture: Mixture, statistics: SufficientStatistics) -> float:
    """What an M-step makes as small as it can, of covariances about the means of the rows."""
    step = statistics.first_moment
    scatter = statistics.second_moment - np.einsum(
        "ki,kj->kij", step, step / statistics.component_weight[:, None]
    )
    logs = np.linalg.slogdet(mixture.covariances)[1]
    traces = np.einsum("kij,kij->", np.linalg.inv(mixture.covariances), scatter)
    return float(statistics.component_weight @ logs + traces)


@pytest.mark.parametrize("name", SETS)
def test_the_m_step_of_vve_is_better_than_mclusts_at_mclusts_own_end(name: str) -> None:
    theirs = KNOWN[name]["VVE"]
    arrays = (np.array(theirs[key]) for key in ("weights", "means", "covariances"))
    mixture = Mixture.from_covariances(*arrays, "VVE")
    rows = RowData(rows_of(name), None, 1)
    statistics = expectation(mixture, rows)
    assert statistics.log_likelihood == pytest.approx(KNOWN[name]["log_likelihood"]["VVE"], 1e-9)
    ours = MAXIMUM_LIKELIHOOD.maximize(statistics, NOTHING)
    assert objective(ours, statistics) < objective(mixture, statistics) - 0.3
    warm = MAXIMUM_LIKELIHOOD.maximize(statistics, NOTHING, mixture)
    assert objective(warm, statistics) < objective(mixture, statistics)
