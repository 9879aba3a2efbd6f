"""What waits for another package's import is called once, and after the module's own code."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from fastgmm.after_import import after_import

NAME = "waited_for_by_a_test"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that nobody has imported yet."""
    monkeypatch.syspath_prepend(tmp_path)
    file, finders = tmp_path / f"{NAME}.py", list(sys.meta_path)
    file.write_text("value = 1\n")
    importlib.invalidate_caches()
    yield file
    sys.modules.pop(NAME, None)
    sys.meta_path[:] = finders


def test_it_is_called_once_and_after_the_modules_own_code(file: Path) -> None:
    before, found = list(sys.meta_path), list[tuple[ModuleType, int]]()
    after_import(NAME, lambda module: found.append((module, module.value)))
    assert not found
    module = importlib.import_module(NAME)
    assert found == [(module, 1)]
    assert sys.meta_path == before, "no finder is left behind"
    loader = module.__loader__
    assert "exec_module" not in vars(loader), "the loader is what it was"
    importlib.reload(module)
    assert len(found) == 1


def test_a_module_that_is_loaded_is_not_waited_for(file: Path) -> None:
    module, before = importlib.import_module(NAME), list(sys.meta_path)
    found: list[ModuleType] = []
    after_import(NAME, found.append)
    assert found == [module]
    assert sys.meta_path == before


def test_several_may_wait_for_one_module(file: Path) -> None:
    found: list[str] = []
    for name in ("first", "second", "third"):
        after_import(NAME, lambda module, name=name: found.append(name))
    importlib.import_module(NAME)
    assert sorted(found) == ["first", "second", "third"]


def test_a_failed_import_is_waited_for_again(file: Path) -> None:
    file.write_text("1 / 0\n")
    found: list[ModuleType] = []
    after_import(NAME, found.append)
    with pytest.raises(ZeroDivisionError):
        importlib.import_module(NAME)
    assert not found
    file.write_text("value = 2  # and now it works\n")
    importlib.invalidate_caches()
    assert found == [importlib.import_module(NAME)]


def test_other_modules_are_none_of_its_business(file: Path) -> None:
    found: list[ModuleType] = []
    after_import(NAME, found.append)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{NAME}_2")
    assert importlib.util.find_spec(NAME) is not None, "to look for a module does not load it"
    assert not found
