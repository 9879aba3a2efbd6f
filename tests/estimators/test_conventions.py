"""Parameters of the constructor as scikit-learn's tools expect them, of a class of one's own."""

from typing import Any

import numpy as np
import pytest

from fastgmm.estimators.conventions import Estimator


class Toy(Estimator):
    def __init__(self, size: int = 1, name: str | None = None, *, start: Any = (0, 1)) -> None:
        self.size, self.name, self.start = size, name, start


def test_parameters_are_those_of_the_constructor() -> None:
    toy = Toy(3, start=[2])
    toy.fitted_ = 1  # type: ignore[attr-defined]
    assert toy.get_params() == toy.get_params(deep=False) == {"name": None, "size": 3, "start": [2]}
    assert list(toy.get_params()) == ["name", "size", "start"]


def test_setting_them() -> None:
    toy = Toy()
    assert toy.set_params(size=5, name="x") is toy
    assert (toy.size, toy.name, toy.start) == (5, "x", (0, 1))
    assert toy.set_params() is toy
    sentence = (
        r"^Invalid parameter 'nothing' for estimator Toy\(size=5, name='x'\)\. "
        r"Valid parameters are: \['name', 'size', 'start'\]\.$"
    )
    with pytest.raises(ValueError, match=sentence):
        toy.set_params(size=6, nothing=1)
    assert toy.size == 5  # nothing was set


@pytest.mark.parametrize(
    ("toy", "expected"),
    [
        (Toy(), "Toy()"),
        (Toy(1, None, start=(0, 1)), "Toy()"),
        (Toy(2, "a"), "Toy(size=2, name='a')"),
        (Toy(start=np.zeros(2)), "Toy(start=array([0., 0.]))"),
        (Toy(True), "Toy(size=True)"),
    ],
)
def test_the_repr_shows_what_is_not_the_default(toy: Toy, expected: str) -> None:
    assert repr(toy) == expected


def test_tags_are_those_of_a_density_estimator() -> None:
    tags = Toy().__sklearn_tags__()
    assert tags.estimator_type == "density_estimator"
    assert (tags.input_tags.two_d_array, tags.input_tags.allow_nan) == (True, False)
    assert not tags.target_tags.required
    assert (tags.transformer_tags, tags.classifier_tags, tags.regressor_tags) == (None, None, None)
