"""Parameters of the constructor as scikit-learn's tools expect them, of a class of one's own."""

from typing import Any

import numpy as np
import pytest
from sklearn import config_context

from fastgmm import GaussianMixture, NormalInverseWishart
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


def test_tags_allow_gaps_where_the_parameters_do() -> None:
    for model in (GaussianMixture(missing="em"), GaussianMixture()):
        tags = model.__sklearn_tags__()
        assert tags.input_tags.allow_nan is (model.missing == "em")


class Outer(Estimator):
    def __init__(self, inner: Any = None, size: int = 1) -> None:
        self.inner, self.size = inner, size


def test_parameters_of_a_parameter_that_is_an_estimator() -> None:
    toy = Toy(3)
    outer = Outer(toy)
    assert outer.get_params()["inner__size"] == 3
    assert "inner__size" not in outer.get_params(deep=False)
    assert outer.set_params(inner__size=4, size=2).inner is toy
    assert (toy.size, outer.size) == (4, 2)
    outer.set_params(inner=Toy(7), inner__name="new")
    assert (outer.inner.size, outer.inner.name, toy.name) == (7, "new", None)


def test_parameters_of_a_prior_which_does_not_change() -> None:
    prior = NormalInverseWishart(dof=9.0)
    model = GaussianMixture(2, prior=prior)
    assert model.get_params()["prior__dof"] == 9.0
    model.set_params(prior__shrinkage=0.5, tol=0.25)
    assert model.prior == NormalInverseWishart(shrinkage=0.5, dof=9.0)
    assert (model.tol, prior.shrinkage) == (0.25, 0.01)
    with pytest.raises(ValueError, match=r"^Invalid parameter 'colour' for NormalInverseWishart\("):
        model.set_params(tol=1.0, prior__colour=1.0)
    assert model.tol == 0.25  # nothing was set
    with pytest.raises(ValueError, match=r"^Invalid parameter 'prior' for estimator Gaussian"):
        GaussianMixture().set_params(prior__shrinkage=1.0)


def test_a_notebook_gets_scikit_learns_diagram() -> None:
    model = GaussianMixture(3, prior=NormalInverseWishart())
    bundle = model._repr_mimebundle_()
    assert bundle["text/plain"] == repr(model)
    for html in (bundle["text/html"], model._repr_html_()):
        assert "<style>" in html
        assert "GaussianMixture" in html
        assert "not fitted" in html.lower()
    with config_context(display="text"):
        assert model._repr_mimebundle_() == {"text/plain": repr(model)}
        assert not hasattr(model, "_repr_html_")
