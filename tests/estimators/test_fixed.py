"""Fitted attributes refuse to be changed, in words that say what to do instead."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.estimators.fixed import FixedList, fixed_copy, with_fixed_attributes

ARRAYS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
LISTS = ("lower_bounds_", "repairs_", "initializations_")


@pytest.fixture
def model(covariance_type: Any) -> GaussianMixture:
    rows = np.random.default_rng(0).normal(size=(300, 2)) @ [[2.0, 1.0], [0.0, 0.5]]
    rows[150:] += 6.0
    return GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_only(model: GaussianMixture, name: str) -> None:
    shown = getattr(model, name)
    with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
        shown[...] = 99.0
    own = shown.copy()
    own[...] = 99.0
    # Whoever insists changes a copy of the own.
    shown.flags.writeable = True
    shown[...] = 99.0
    assert not (getattr(model, name) == 99.0).any()


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_read_only(model: GaussianMixture, name: str) -> None:
    shown = getattr(model, name)
    assert isinstance(shown, list)
    before = list(shown)
    for change in (
        lambda: shown.append(1),
        lambda: shown.extend([1]),
        lambda: shown.insert(0, 1),
        lambda: shown.__setitem__(0, 1),
        lambda: shown.__delitem__(0),
        lambda: shown.__iadd__([1]),
        lambda: shown.__imul__(2),
        *(shown.pop, shown.clear, shown.sort, shown.reverse),
    ):
        with pytest.raises(TypeError, match="this list is read-only"):
            change()
    assert shown == getattr(model, name) == before


def test_other_arrays_are_read_only(model: GaussianMixture) -> None:
    rows = np.random.default_rng(0).normal(size=(3000, 2))
    statistics = model.e_step(rows)
    stream = GaussianMixture(random_state=0).partial_fit(rows).partial_fit(rows).stream_
    shown = {
        "reference": statistics.reference,
        "component_weight": statistics.component_weight,
        "first_moment": statistics.first_moment,
        "second_moment": statistics.second_moment,
        "means": statistics.means,
        "sum": (statistics + statistics).first_moment,
        "seen": stream.seen,
        "log_density": stream.log_density,
        "snapshot": model.snapshot().means_,
    }
    for name, array in shown.items():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 99.0
        assert not (array == 99.0).any(), name


def test_names_are_read_only() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    model = GaussianMixture(random_state=0).fit(frame)
    with pytest.raises(ValueError, match="read-only"):
        model.feature_names_in_[0] = "c"
    assert model.feature_names_in_.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    "name",
    [
        *ARRAYS,
        *LISTS,
        *("converged_", "n_iter_", "n_passes_", "lower_bound_", "gap_", "n_features_in_"),
        *("feature_names_in_", "n_samples_seen_", "stream_", "n_parameters", "is_fitted"),
    ],
)
def test_setting_names_what_to_do(name: str) -> None:
    class Mine(GaussianMixture):
        pass

    for model in (GaussianMixture(), Mine.from_parameters([1.0], [[0.0]], [[[1.0]]])):
        kind = type(model).__name__
        sentence = (
            f"^{name} of a {kind} is read-only: make a model of known parameters by "
            r"from_parameters\(weights, means, covariances\), or .* by reorder\(order\)$"
        )
        with pytest.raises(AttributeError, match=sentence):
            setattr(model, name, 1)


def test_the_documentation_of_a_property_stays() -> None:
    @with_fixed_attributes
    class Thing:
        @property
        def size_(self) -> int:
            """The size."""
            return 3

        @property
        def free_(self) -> int:
            """Free to set."""
            return 3

        @free_.setter
        def free_(self, value: int) -> None:
            self.was_set = value

    assert Thing.size_.__doc__ == "The size."
    assert Thing().size_ == 3
    thing = Thing()
    thing.free_ = 4
    assert thing.was_set == 4


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_of_a_list_are_plain(copied: Any) -> None:
    again = copied(FixedList([1.0, 2.0]))
    assert type(again) is list
    assert again == [1.0, 2.0]
    again.append(3.0)


def test_fixed_copy_leaves_the_array() -> None:
    array = np.arange(4.0).reshape(2, 2).T
    shown = fixed_copy(array, np.float32)
    assert shown.dtype == np.float32
    assert shown.flags.c_contiguous
    assert array.flags.writeable
