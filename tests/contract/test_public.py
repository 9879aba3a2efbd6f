"""What `import fastgmm` shows: the public list, and names that moves inside the package keep."""

import importlib
import inspect
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture

MODULES = ("errors", "plot", "sources", "typing")


def test_dir_is_the_public_list() -> None:
    assert dir(fastgmm) == sorted(fastgmm.__all__)
    for module in (fastgmm.plot, fastgmm.sources, fastgmm.errors, fastgmm.typing):
        assert dir(module) == sorted(module.__all__)
    assert all(hasattr(fastgmm, name) for name in fastgmm.__all__)


@pytest.mark.parametrize("name", [n for n in fastgmm.__all__ if n not in (*MODULES, "__version__")])
def test_public_objects_name_the_public_place(name: str) -> None:
    value = getattr(fastgmm, name)
    assert value.__module__ == "fastgmm"
    assert pickle.loads(pickle.dumps(value)) is value


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_there_when_asked_for(name: str) -> None:
    code = f"import fastgmm; print(fastgmm.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"fastgmm.{name}"


def test_plot_and_sources_are_loaded_when_asked_for() -> None:
    code = "import sys, fastgmm; print([n for n in sys.modules if 'plot' in n or 'sources' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fastgmm' has no attribute 'gmm'"):
        importlib.import_module("fastgmm").gmm  # noqa: B018


def test_results_of_a_fit_are_public() -> None:
    seen: list[Any] = []
    model = GaussianMixture(2, random_state=0).fit(np.arange(12.0)[:, None], callback=seen.append)
    shown = [seen[0], model.initializations_[0], model.snapshot()]
    shown.append(GaussianMixture(random_state=0).partial_fit(np.eye(2)).stream_)
    for value in shown:
        assert inspect.getmodule(type(value)) is fastgmm
        assert getattr(fastgmm, type(value).__name__) is type(value)


def test_help_begins_with_a_signature_that_can_be_read():
    """Aliases of types stand in it by their names, not written out."""
    for kind in (
        fastgmm.GaussianMixture,
        fastgmm.BayesianGaussianMixture,
        fastgmm.GaussianMixtureClassifier,
        fastgmm.GaussianMixtureRegressor,
        fastgmm.select,
    ):
        signature = str(inspect.signature(kind))
        assert len(signature) < 1200
        assert "numpy._typing" not in signature
        assert "Union[" not in signature
