"""Our estimators are scikit-learn's, whoever imports it and when; without it they work as well."""

import subprocess
import sys

import pytest
from sklearn.base import BaseEstimator, DensityMixin, RegressorMixin, is_regressor

import fastgmm
from fastgmm import GaussianMixture, GaussianMixtureRegressor

AFTERWARDS = """
import sys
import fastgmm

class Mine(fastgmm.GaussianMixture):
    def partial_fit(self, X, y=None, *, sample_weight=None, seen_at=None):
        return super().partial_fit(X, sample_weight=sample_weight)

model, bases = fastgmm.GaussianMixture(2), fastgmm.GaussianMixture.__mro__
assert "sklearn" not in sys.modules
{imports}
from sklearn.base import BaseEstimator, DensityMixin, RegressorMixin
for kind in (BaseEstimator, DensityMixin):
    assert isinstance(model, kind) and issubclass(Mine, kind)
assert fastgmm.GaussianMixture.__mro__[: len(bases) - 1] == bases[:-1], "ours come first"
assert isinstance(fastgmm.GaussianMixtureRegressor(), RegressorMixin)
import sklearn
sklearn.set_config(enable_metadata_routing=True)
asked = Mine().set_partial_fit_request(seen_at=True).get_metadata_routing()
assert asked.partial_fit.requests == {{"sample_weight": None, "seen_at": True}}, asked
asked = model.set_fit_request(sample_weight="weight").get_metadata_routing()
assert asked.fit.requests["sample_weight"] == "weight"
print(len(model._repr_html_()) > 1000)
"""
BEFORE = """
import sklearn.linear_model
import fastgmm
from sklearn.base import BaseEstimator
print(isinstance(fastgmm.GaussianMixture(), BaseEstimator))
"""
IN_A_THREAD = """import threading
thread = threading.Thread(target=__import__, args=("sklearn.mixture",))
thread.start()
thread.join()"""
WITHOUT = """
import sys
sys.modules["sklearn"] = None
import fastgmm
model = fastgmm.GaussianMixture().fit([[0.0], [1.0], [3.0]])
new = fastgmm.GaussianMixture()
assert new._repr_mimebundle_() == {"text/plain": "GaussianMixture()"}
assert not hasattr(new, "_repr_html_")
assert "converged in" in model._repr_html_()
print(all(one.__module__ != "sklearn.base" for one in fastgmm.GaussianMixture.__mro__))
"""


def outcome(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("imports", ["import sklearn", "import sklearn.pipeline", IN_A_THREAD])
def test_scikit_learn_may_be_imported_afterwards(imports: str) -> None:
    assert outcome(AFTERWARDS.format(imports=imports)) == "True\n"


def test_scikit_learn_may_be_imported_before() -> None:
    assert outcome(BEFORE) == "True\n"


def test_without_scikit_learn() -> None:
    assert outcome(WITHOUT) == "True\n"


def test_both_kinds_here() -> None:
    assert issubclass(GaussianMixture, BaseEstimator)
    assert issubclass(GaussianMixture, DensityMixin)
    assert issubclass(GaussianMixtureRegressor, BaseEstimator)
    assert issubclass(GaussianMixtureRegressor, RegressorMixin)
    assert is_regressor(GaussianMixtureRegressor())
    assert not is_regressor(GaussianMixture())


def test_what_both_have_is_ours() -> None:
    for kind in (GaussianMixture, GaussianMixtureRegressor):
        for name in ("get_params", "set_params", "__repr__", "__sklearn_tags__"):
            assert getattr(kind, name).__module__.startswith("fastgmm"), name
    assert not isinstance(fastgmm.NormalInverseWishart(), BaseEstimator)
