"""What a fit reports is the same of both classes that fit mixtures."""

from typing import Any

import numpy as np
import pytest

import fastgmm

NAMES = ("converged_", "n_iter_", "n_passes_", "lower_bound_", "lower_bounds_", "gap_")


@pytest.mark.parametrize("kind", [fastgmm.GaussianMixture, fastgmm.BayesianGaussianMixture])
def test_the_report_of_a_fit(kind: Any, rows: np.ndarray) -> None:
    model = kind(n_components=2, random_state=0)
    for name in (*NAMES, "initializations_"):
        assert not hasattr(model, name)
    model.fit(rows)
    assert model.lower_bounds_[-1] == model.lower_bound_
    assert len(model.lower_bounds_) == model.n_iter_ <= model.n_passes_
    assert model.initializations_[0].chosen
    for name in (*NAMES, "initializations_"):
        with pytest.raises(AttributeError, match="read-only"):
            setattr(model, name, 0)
