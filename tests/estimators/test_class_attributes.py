"""What a classifier has learned, as attributes."""

import numpy as np
import pytest

from fastgmm import GaussianMixture, GaussianMixtureClassifier
from fastgmm.errors import NotFittedError
from fastgmm.estimators.class_attributes import Learned

ATTRIBUTES = ("classes_", "priors_", "mixtures_", "n_features_in_", "n_iter_", "n_parameters")


def test_classes_that_have_come_are_known() -> None:
    one = GaussianMixture()
    learned = Learned(np.array(["a", "b"]), (None, one), np.array([0.0, 3.0]), 2, None)
    assert learned.known == [(1, one)]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_there_are_none_before_the_fit(name: str) -> None:
    with pytest.raises(NotFittedError, match=r"^This GaussianMixtureClassifier instance is not fi"):
        getattr(GaussianMixtureClassifier(), name)


def test_arrays_are_read_only() -> None:
    X = np.random.default_rng(0).standard_normal((40, 2))
    model = GaussianMixtureClassifier(2, random_state=0).fit(X, np.arange(40) % 2)
    for name in ("classes_", "priors_"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(model, name)[0] = 1
    assert model.n_features_in_ == 2
    assert model.n_parameters == 22
    assert model.priors_.tolist() == [0.5, 0.5]
    assert model.set_params(priors=[0.9, 0.1]).priors_.tolist() == [0.9, 0.1]
