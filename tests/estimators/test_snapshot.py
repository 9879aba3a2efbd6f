"""Snapshots: what a model said at one moment, for good."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from fastgmm import GaussianMixture, Snapshot
from fastgmm.errors import NotFittedError
from support import correlated_mixture

METHODS = ("score_samples", "predict_proba", "predict", "component_log_density", "score", "bic")


def fitted(
    covariance_type: str, seed: int, dtype: type = np.float64
) -> tuple[GaussianMixture, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = correlated_mixture(3, 2, rng).sample(300, rng)[0].astype(dtype)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, n_threads=2)
    return model.fit(rows), rows


def said(scorer: GaussianMixture | Snapshot, rows: np.ndarray) -> list[bytes]:
    answers = [np.asarray(getattr(scorer, method)(rows)) for method in METHODS]
    shown = [
        getattr(scorer, name) for name in ("weights_", "means_", "covariances_", "precisions_")
    ]
    sample = scorer.sample(5, random_state=1)[0]
    return [array.dtype.str.encode() + array.tobytes() for array in (*answers, *shown, sample)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_says_what_the_model_said(covariance_type: str, dtype: type, seed: int) -> None:
    model, rows = fitted(covariance_type, seed, dtype)
    before, snapshot = said(model, rows), model.snapshot()
    assert snapshot.n_parameters == model.n_parameters
    model.fit(rows + dtype(10.0))
    assert said(model, rows) != before
    for each in (snapshot, pickle.loads(pickle.dumps(snapshot)), copy.deepcopy(snapshot)):
        assert said(each, rows) == before
        assert repr(each) == f"<Snapshot of 3 {covariance_type} components in 2 features>"
        assert each.n_threads == 2


def test_it_does_not_change(seed: int) -> None:
    snapshot, rows = fitted("full", seed)[0].snapshot(), fitted("full", seed)[1]
    before = said(snapshot, rows)
    for name in ("_state", "means_", "n_threads", "random_state", "more"):
        with pytest.raises(AttributeError, match=f"a snapshot does not change: '{name}' cannot be"):
            setattr(snapshot, name, None)
    with pytest.raises(ValueError, match="read-only"):
        snapshot.means_[:] = 0.0
    assert said(snapshot, rows) == before
    for method in ("fit", "partial_fit", "m_step", "save"):
        assert not hasattr(snapshot, method)


def test_it_knows_the_names_of_its_features() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    snapshot = GaussianMixture(1).fit(frame).snapshot()
    for each in (snapshot, pickle.loads(pickle.dumps(snapshot))):
        assert each.feature_names_in_.tolist() == ["a", "b"]
        with pytest.raises(ValueError, match="feature names"):
            each.predict(frame[["b", "a"]])


def test_there_is_none_of_a_model_that_is_not_fitted() -> None:
    with pytest.raises(NotFittedError):
        GaussianMixture().snapshot()
