"""The models of many groups as a value: a mapping, arrays, and scores of rows with labels."""

import pickle
from typing import Any

import numpy as np
import pytest

from fastgmm import FittedGroups, GaussianMixture, fit_many
from support import correlated_mixture

LABELS = ("north", "south", "west")


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of three groups in no order, and their labels."""
    X = correlated_mixture(3, 2, rng).sample(300, rng)[0]
    return X, rng.choice(LABELS, 300)


@pytest.fixture
def found(data: tuple[np.ndarray, np.ndarray]) -> FittedGroups:
    return fit_many(data[0], 2, labels=data[1], random_state=0)


def test_it_is_a_mapping_of_labels_to_models(found: FittedGroups) -> None:
    assert list(found) == list(found.labels) == list(LABELS)
    assert len(found) == 3
    assert "south" in found
    assert "east" not in found
    assert {label: type(model) for label, model in found.items()} == dict.fromkeys(
        LABELS, GaussianMixture
    )
    np.testing.assert_array_equal(found["west"].means_, found.means_[2])
    with pytest.raises(KeyError):
        found["east"]
    assert found == found
    assert found != fit_many([[[0.0], [1.0]]])
    assert found in {found}
    assert repr(found) == "<FittedGroups: 3 mixtures of 2 full components in 2 features>"


def test_models_are_a_sequence(found: FittedGroups) -> None:
    models = found.models
    assert len(models) == len(list(models)) == 3
    np.testing.assert_array_equal(models[-1].means_, models[2].means_)
    assert [m.weights_.tolist() for m in models[1:]] == found.weights_[1:].tolist()
    with pytest.raises(IndexError):
        models[3]
    assert repr(models) == "<3 models, each made when it is asked for>"
    first = models[0]
    assert first.set_params(n_components=5) is first
    assert models[0].n_components == 2


def test_arrays_are_read_only(found: FittedGroups) -> None:
    for name in ("weights_", "means_", "covariances_", "lower_bound_", "converged_", "n_iter_"):
        array = getattr(found, name)
        assert getattr(found, name) is array
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        found.labels = ()  # type: ignore[misc]


@pytest.mark.parametrize(("kinds", "expected"), [("ff", "f4"), ("fd", "f8"), ("dd", "f8")])
def test_arrays_are_float32_where_all_rows_are(
    kinds: str, expected: str, rng: np.random.Generator
) -> None:
    groups = [rng.normal(size=(40, 2)).astype(kind) for kind in kinds]
    found = fit_many([*groups, [[1.0, np.nan]]], on_error="return")
    for name in ("weights_", "means_", "covariances_"):
        assert getattr(found, name).dtype == expected
    for kind, model in zip(kinds, found.models, strict=False):
        assert model.means_.dtype == kind


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_scored_by_their_group(
    dtype: Any, data: tuple[np.ndarray, np.ndarray], found: FittedGroups
) -> None:
    X, labels = data[0].astype(dtype), data[1]
    scores, components = found.score_samples(X, labels), found.predict(X, labels)
    assert scores.dtype == dtype
    assert components.dtype == np.int64
    for label in LABELS:
        chosen, model = labels == label, found[label]
        np.testing.assert_array_equal(scores[chosen], model.score_samples(X[chosen]))
        np.testing.assert_array_equal(components[chosen], model.predict(X[chosen]))
    some = labels != "south"
    np.testing.assert_array_equal(found.score_samples(X[some], labels[some]), scores[some])


def test_an_unknown_label_is_an_error(found: FittedGroups) -> None:
    with pytest.raises(ValueError, match="'east' is the label of no group, and so are 1 more"):
        found.score_samples(np.zeros((3, 2)), ["north", "east", "upper"])
    with pytest.raises(ValueError, match="'east' is the label of no group: "):
        found.predict(np.zeros((1, 2)), ["east"])
    with pytest.raises(ValueError, match="3 features, but GaussianMixture is expecting 2"):
        found.predict(np.zeros((1, 3)), ["north"])
    with pytest.raises(ValueError, match=r"shape \(1,\)"):
        found.predict(np.zeros((1, 2)), ["north", "west"])


def test_rows_of_a_failed_group_have_no_score(rng: np.random.Generator) -> None:
    X = rng.normal(size=(50, 2))
    found = fit_many({"good": X, "bad": X[:1]}, on_error="return")
    assert repr(found).endswith("in 2 features, 1 failed>")
    scores = found.score_samples(X[:3], ["bad", "good", "bad"])
    assert np.isnan(scores).tolist() == [True, False, True]
    assert found.predict(X[:3], ["bad", "good", "bad"]).tolist() == [-1, 0, -1]


def test_names_of_columns_are_checked(rng: np.random.Generator) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    found = fit_many(frame, labels=np.repeat([0, 1], 30))
    with pytest.raises(ValueError, match="feature names should match"):
        found.score_samples(frame[["b", "a"]], np.zeros(60, int))


def test_it_travels(found: FittedGroups, data: tuple[np.ndarray, np.ndarray]) -> None:
    again = pickle.loads(pickle.dumps(found))
    assert again.labels == found.labels
    np.testing.assert_array_equal(again.score_samples(*data), found.score_samples(*data))
    np.testing.assert_array_equal(again["west"].lower_bounds_, found["west"].lower_bounds_)
