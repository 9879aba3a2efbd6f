"""What is said when a fit has ended: once, of the right column, component and remedy."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.em.collapse import Repair
from fastgmm.em.regularization import Regularization
from fastgmm.errors import CollapseWarning
from fastgmm.estimators.endings import collapse_text, of_columns
from fastgmm.mixture.mixture import Mixture

RIDGE = Regularization.of(1e-6)
NAMES = np.array(["lat", "lon"], dtype=object)


def said(fit: Callable[[], object]) -> list[tuple[type, str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    return [(one.category, str(one.message)) for one in caught]


def two_clusters(rng: np.random.Generator, unit: float = 1.0) -> np.ndarray:
    return unit * np.r_[rng.normal(0, 1, (600, 2)), rng.normal(8, 1, (600, 2))]


@pytest.fixture
def mixture() -> Mixture:
    """A component that is constant in its second column, and one of two rows in a thousand."""
    covariances = np.stack([np.eye(2)] * 13)
    covariances[1] = np.diag([2.0, 1.001e-6])
    weights = np.full(13, 0.998 / 12)
    weights[2] = 0.002
    means = np.arange(26.0).reshape(13, 2)
    return Mixture.from_covariances(weights, means, covariances, "full")


def test_what_has_collapsed_is_named(mixture: Mixture) -> None:
    text = collapse_text(mixture, RIDGE, (), 1000.0, NAMES)
    assert "Column 'lon' (3) is constant within component 1." in text
    assert "Component 2 ends on 2 rows, and its covariance needs 3:" in text
    assert "Column 1 (3) is constant" in collapse_text(mixture, RIDGE, (), 1000.0, None)
    assert collapse_text(mixture, Regularization.of(1e-12), (), 1e5, NAMES) == ""
    assert of_columns(mixture, Regularization.of(6e-7), 1, NAMES) == []
    (nearly,) = of_columns(mixture, Regularization.of(6e-7), 1, NAMES, 0.5)
    assert nearly == "Column 'lon' (3) is nearly constant within component 1."


def test_repairs_are_summed_up_in_one_line(mixture: Mixture) -> None:
    many = [Repair(1, k, "weight", "moved") for k in range(13)]
    repairs = (*many, Repair(2, 1, "covariance", "held"))
    text = collapse_text(mixture, RIDGE, repairs, 1000.0, NAMES)
    assert "components 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... moved" in text
    assert "component 1 held" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "fit",
    [
        lambda model, X: model.fit(X),
        lambda model, X: model.fit_batches([X[:700], X[700:]]),
        lambda model, X: model.partial_fit(X).partial_fit(X),
        lambda model, X: fastgmm.select(X, [1, 2], "full", n_init=1, random_state=0),
    ],
    ids=["fit", "fit_batches", "partial_fit", "select"],
)
def test_a_ridge_that_is_too_large_is_said_once(fit: Any, rng: np.random.Generator) -> None:
    rows = two_clusters(rng)
    rows[:, 0] *= 1e-4
    table = pandas.DataFrame(rows, columns=NAMES)
    (one,) = said(lambda: fit(GaussianMixture(2, random_state=0), table))
    assert one[0] is UserWarning
    assert one[1].startswith("reg_covar adds 1e-06 to each variance, and that of column 'lat' in")
    assert said(lambda: fit(GaussianMixture(2, random_state=0), two_clusters(rng))) == []


def test_few_rows_are_said_in_one_warning(rng: np.random.Generator) -> None:
    """Of their number in rows, be they weighted or not; not with a prior."""
    few = np.array([[9.0, 9.1, 9.2], [9.5, 9.0, 8.8]])
    rows, means = np.r_[rng.normal(size=(60, 3)), few], np.array([np.zeros(3), few.mean(axis=0)])
    start = {"means_init": means, "precisions_init": np.stack([np.eye(3)] * 2)}
    for given in ({}, {"sample_weight": np.ones(62)}, {"sample_weight": np.full(62, 0.25)}):
        (one,) = said(lambda given=given: GaussianMixture(2, **start).fit(rows, **given))
        assert one[0] is CollapseWarning
        assert "ends on 2 rows, and its covariance needs 4" in one[1]
        assert one[1].endswith("Use fewer components, a larger reg_covar or a prior.")
    prior = fastgmm.NormalInverseWishart()
    assert said(lambda: GaussianMixture(2, prior=prior, **start).fit(rows)) == []


def test_the_users_own_m_step_says_nothing(rng: np.random.Generator) -> None:
    rows = two_clusters(rng, 1e-4)
    model = GaussianMixture(2, reg_covar="auto", random_state=0).fit(rows)
    model.set_params(reg_covar=1e-6)
    assert said(lambda: model.m_step(model.e_step(rows))) == []


def test_many_that_have_collapsed_are_counted() -> None:
    covariances = np.stack([np.diag([2.0, 1.001e-6])] * 13)
    means = np.arange(26.0).reshape(13, 2)
    weights = np.r_[np.full(5, 0.002), np.full(8, 0.99 / 8)]
    mixture = Mixture.from_covariances(weights, means, np.r_[covariances[:12], [np.eye(2)]], "full")
    text = collapse_text(mixture, RIDGE, (), 1000.0, NAMES)
    assert text.count("is constant within") == 3
    assert "So it is with 9 more." in text
    assert "on few rows, 0 on 2 rows, 1 on 2 rows, 2 on 2 rows and 2 more, and a cov" in text
    assert len(text) < 400


def test_a_volume_of_noise_that_was_meant_as_a_share(rng: np.random.Generator) -> None:
    rows = two_clusters(rng)
    (one, *_) = said(lambda: GaussianMixture(2, noise=0.1, random_state=0).fit(rows))
    assert one[0] is UserWarning
    assert one[1].startswith("noise=0.1 is the volume over which noise is spread, and no share of")
    assert "noise='uniform'" in one[1]
    caught = said(lambda: GaussianMixture(4, noise=0.01, random_state=0).fit(rows))
    assert not any("Use fewer components" in text for _, text in caught)
    for noise, unit in (("uniform", 1.0), (200.0, 1.0), (0.1, 0.03), (1e-4, 1e-3), (None, 1.0)):
        model = GaussianMixture(2, noise=noise, random_state=0, reg_covar=0.0)
        assert said(lambda model=model, unit=unit: model.fit(unit * rows)) == []


def test_numbers_of_volume_where_one_variance_is_known(rng: np.random.Generator) -> None:
    rows = two_clusters(rng)
    model = GaussianMixture(2, covariance_type="spherical", noise=0.1, random_state=0)
    assert any("noise=0.1 is the volume" in text for _, text in said(lambda: model.fit(rows)))
