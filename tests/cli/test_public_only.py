"""The command uses what every user may use: the public modules, and no private name.

There is one exception: results are written as models are, by the same code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastgmm

FOLDER = Path(fastgmm.__file__).parent / "cli"
SHARED = "fastgmm.archive.replacement"
PUBLIC = {"fastgmm", *(f"fastgmm.{name}" for name in ("errors", "plot", "sources", "typing"))}
OF_NAMED_TUPLES = {"_fields", "_asdict", "_replace"}


def faults(source: str) -> Iterator[str]:
    """Say what a file imports from private modules, and which private names it looks up."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if not is_public(one.name))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for one in node.names:
                if node.level or not is_public(module):
                    yield f"{'.' * node.level}{module}"
                elif module == "fastgmm" and one.name not in fastgmm.__all__:
                    yield f"fastgmm.{one.name}"
                elif is_private(one.name):
                    yield f"{module}.{one.name}"
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            if not own:
                yield f"{ast.unparse(node.value)}.{node.attr}"
        elif isinstance(node, ast.Constant) and is_private(node.value):
            yield repr(node.value)


def is_public(module: str) -> bool:
    """Whether the command may import a module: any but the private ones of this package."""
    if module.split(".")[0] != "fastgmm":
        return True
    return module in {*PUBLIC, SHARED} or module.startswith("fastgmm.cli")


def is_private(name: object) -> bool:
    """Whether this is a private name; those of the language and of named tuples are not."""
    if not isinstance(name, str) or not name.isidentifier():
        return False
    return name.startswith("_") and not name.startswith("__") and name not in OF_NAMED_TUPLES


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_only_public_names_are_used(path: Path) -> None:
    assert list(faults(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("from fastgmm.sources.files import ENDINGS", "fastgmm.sources.files"),
        ("import fastgmm.estimators.selection as s", "fastgmm.estimators.selection"),
        ("def f():\n    from fastgmm.tables.table import Table", "fastgmm.tables.table"),
        ("from ..tables import table", "..tables"),
        ("from fastgmm import kernels", "fastgmm.kernels"),
        ("from fastgmm.cli.progress import _Bar", "fastgmm.cli.progress._Bar"),
        ("model._learner is None", "model._learner"),
        ("hasattr(model, '_parameters')", "'_parameters'"),
    ],
)
def test_private_names_are_found(source: str, fault: str) -> None:
    assert list(faults(source)) == [fault]


@pytest.mark.parametrize(
    "source",
    [
        "import os, numpy as np, fastgmm",
        "from fastgmm import GaussianMixture, __version__",
        "from fastgmm.cli.use import score",
        "self._bar = Candidate._fields",
    ],
)
def test_public_names_are_not(source: str) -> None:
    assert list(faults(source)) == []


def test_what_the_command_takes_from_the_public_modules_is_listed() -> None:
    """What is imported from a public module stands in its ``__all__``."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in PUBLIC - {"fastgmm"}:
                module = getattr(fastgmm, node.module.partition(".")[2])
                assert {one.name for one in node.names} <= set(module.__all__)
