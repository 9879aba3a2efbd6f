"""BIC, AIC and ICL are the formulas of their papers."""

import dataclasses
import math

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.mixture.criteria import Criteria


def test_the_formulas():
    criteria = Criteria(log_likelihood=-123.25, certainty=-4.5, n_parameters=7, weight=60.0)
    assert criteria.bic == pytest.approx(246.5 + 7 * math.log(60.0), rel=1e-15)
    assert criteria.aic == 246.5 + 14.0
    assert criteria.icl == pytest.approx(criteria.bic + 9.0, rel=1e-15)


def test_a_certain_classification_costs_nothing():
    criteria = Criteria(log_likelihood=-10.0, certainty=0.0, n_parameters=3, weight=20)
    assert criteria.icl == criteria.bic


def test_an_unknown_certainty_has_no_icl():
    criteria = Criteria(log_likelihood=-10.0, certainty=math.nan, n_parameters=3, weight=20)
    assert math.isnan(criteria.icl)
    assert math.isfinite(criteria.bic)
    assert math.isfinite(criteria.aic)


def test_they_do_not_change():
    criteria = Criteria(-10.0, 3, 20.0, -1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        criteria.weight = 1.0
    assert criteria == Criteria(-10.0, 3, 20.0, -1.0)


def test_the_criteria_of_a_model_are_these(rng, covariance_type):
    rows = rng.normal(size=(80, 2))
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
    log_likelihood = float(np.sum(model.score_samples(rows)))
    certainty = float(np.log(model.predict_proba(rows).max(axis=1)).sum())
    criteria = Criteria(log_likelihood, model.n_parameters, len(rows), certainty)
    assert model.bic(rows) == criteria.bic
    assert model.aic(rows) == criteria.aic
    assert model.icl(rows) == pytest.approx(criteria.icl, rel=1e-13)
