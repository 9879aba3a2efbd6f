"""The modules that pickles of 0.1.0 name: what they find there, and nothing else."""

import importlib
import sys

import pytest

import fastgmm
from fastgmm.archive.pickles import INTERNAL, PUBLIC, OldModule, Record, install


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in PUBLIC.items() for n in names])
def test_public_names_are_those_of_today(module: str, name: str) -> None:
    old = importlib.import_module(f"fastgmm.{module}")
    assert getattr(old, name) is getattr(fastgmm, name)
    assert name in fastgmm.__all__


@pytest.mark.parametrize(
    ("module", "name"), [(m, n) for m, names in INTERNAL.items() for n in names]
)
def test_internal_names_are_records(module: str, name: str) -> None:
    assert getattr(importlib.import_module(f"fastgmm.{module}"), name) is Record


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("estimator", "Snapshot"),  # known to another module
        ("online", "GaussianMixture"),
        ("estimator", "load"),  # public, and never pickled from there
        ("parameters", "nothing"),
    ],
)
def test_there_is_nothing_else(module: str, name: str) -> None:
    old = importlib.import_module(f"fastgmm.{module}")
    with pytest.raises(AttributeError, match=f"'fastgmm.{module}' has no attribute '{name}'"):
        getattr(old, name)


def test_a_module_that_is_there_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: OldModule(name) for name in ("house.estimator", "house.online")}
    for module in (*PUBLIC, *INTERNAL):
        monkeypatch.delitem(sys.modules, f"house.{module}", raising=False)
    for name, module in known.items():
        monkeypatch.setitem(sys.modules, name, module)
    before = set(sys.modules)
    install("house")
    try:
        assert all(sys.modules[name] is module for name, module in known.items())
        assert {f"house.{module}" for module in (*PUBLIC, *INTERNAL)} <= set(sys.modules)
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]


def test_the_module_that_became_a_folder() -> None:
    assert importlib.import_module("fastgmm.em").Iteration is fastgmm.Iteration
