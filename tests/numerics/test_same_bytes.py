"""The digests of `same_bytes` are what they were, on every build and number of threads."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from fastgmm import kernels


def _same_bytes() -> ModuleType:
    path = Path(__file__).with_name("same_bytes.py")
    spec = importlib.util.spec_from_file_location("same_bytes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


same_bytes = _same_bytes()
RUNNABLE = [name for name in kernels.BUILT if name in kernels.SUPPORTED]


@pytest.fixture(scope="module", params=RUNNABLE)
def build(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    """The name of a build and its digests with one thread."""
    return request.param, same_bytes.in_process(request.param, 1)


def test_results_are_what_they_were(build: tuple[str, dict[str, str]]) -> None:
    """A change of results is kept with `same_bytes.py --write`, and has a reason in its commit.

    On processors and versions of NumPy for which nothing is kept, the names must agree.
    """
    name, found = build
    kept = same_bytes.kept_digests(name)
    if kept is None:
        known = [d for of_build in same_bytes.everything_kept().values() for d in of_build.values()]
        assert all(one.keys() == found.keys() for one in known)
    else:
        assert same_bytes.differences(found, kept) == []


def test_threads_change_no_byte(build: tuple[str, dict[str, str]]) -> None:
    name, found = build
    assert same_bytes.differences(same_bytes.in_process(name, 3), found) == []


def test_a_difference_is_seen() -> None:
    found = {"fit": same_bytes.digest([1.0]), "scores": same_bytes.digest([2.0])}
    kept = {"fit": same_bytes.digest([1.0 + 2**-52]), "stream": found["scores"]}
    assert same_bytes.differences(found, kept) == ["fit", "scores", "stream"]
    assert same_bytes.digest([1.0]) != same_bytes.digest([[1.0]])
