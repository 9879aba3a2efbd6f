"""The digests of `same_bytes` are what they were, on every build and number of threads."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
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


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, str]]:
    """The digests of each build with three threads; all builds are run side by side."""
    with ThreadPoolExecutor(len(RUNNABLE)) as pool:
        digests = pool.map(same_bytes.in_process, RUNNABLE, [3] * len(RUNNABLE))
        return dict(zip(RUNNABLE, digests, strict=True))


@pytest.mark.parametrize("name", RUNNABLE)
def test_results_are_what_they_were(name: str, found: dict[str, dict[str, str]]) -> None:
    """A change of results is kept with `same_bytes.py --write`, and has a reason in its commit.

    What is kept was made by one thread, so that three threads must give the same bytes too.  On
    processors and versions of NumPy for which nothing is kept, one thread is run here, and the
    names must be those that are kept elsewhere.
    """
    kept = same_bytes.kept_digests(name)
    if kept is None:
        kept = same_bytes.in_process(name, 1)
        known = [d for of_build in same_bytes.everything_kept().values() for d in of_build.values()]
        assert all(one.keys() == kept.keys() for one in known)
    assert same_bytes.differences(found[name], kept) == []


def test_a_difference_is_seen() -> None:
    found = {"fit": same_bytes.digest([1.0]), "scores": same_bytes.digest([2.0])}
    kept = {"fit": same_bytes.digest([1.0 + 2**-52]), "stream": found["scores"]}
    assert same_bytes.differences(found, kept) == ["fit", "scores", "stream"]
    assert same_bytes.digest([1.0]) != same_bytes.digest([[1.0]])
