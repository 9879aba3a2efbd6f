"""A name with a leading underscore is used in its own folder only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from package_imports import PACKAGE, inner_imports, place_of

WITH_A_NAME = frozenset({"getattr", "hasattr", "setattr", "delattr"})
NAMED_TUPLE = frozenset({"_replace", "_asdict", "_fields", "_make", "_field_defaults"})
"""These names of named tuples are public: the underscore keeps them apart from the fields."""


def _is_private(name: str) -> bool:
    dunder = name.startswith("__") and name.endswith("__")
    return name.startswith("_") and name.strip("_") != "" and not dunder and name not in NAMED_TUPLE


def _makes(tree: ast.Module) -> set[str]:
    """Return the names that a file makes: its functions, classes, variables and attributes."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            names |= {node.attr} if own else set()
    return names


def _looks_at(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every private attribute that a file touches."""
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in WITH_A_NAME:
            name = next((str(a.value) for a in node.args[1:2] if isinstance(a, ast.Constant)), "")
        if _is_private(name):
            yield node.lineno, name


def foreign_private_names(root: Path) -> list[str]:
    """Return a sentence for every private name that belongs to another folder.

    An import tells whose the name is. An attribute belongs to another folder when a file there
    makes an attribute, a function or a module of that name, and no file of the own folder does.
    """
    sentences = []
    for item, source, target in inner_imports(root):
        path = [*item.target.split(".")[1:], *item.names]
        if source != target and any(map(_is_private, path)):
            sentences.append(f"{item.file}:{item.line}: {'.'.join(path)} is private to {target}")
    makes: dict[str, set[str]] = {}
    trees = {}
    for path in sorted(root.rglob("*.py*")):
        file = path.relative_to(root).as_posix()
        makes.setdefault(place_of(file), set()).add(path.stem)
        if path.suffix == ".py":
            trees[file] = ast.parse(path.read_text(encoding="utf-8"))
            makes[place_of(file)] |= _makes(trees[file])
    for file, tree in trees.items():
        for line, name in _looks_at(tree):
            owners = sorted(place for place, names in makes.items() if name in names)
            if owners and place_of(file) not in owners:
                sentences.append(f"{file}:{line}: {name} is private to {', '.join(owners)}")
    return sorted(set(sentences))


def test_private_names_stay_in_their_folder() -> None:
    assert not (found := foreign_private_names(PACKAGE)), "\n".join(found)


def _write(root: Path, files: dict[str, str]) -> Path:
    for file, text in files.items():
        (root / file).parent.mkdir(exist_ok=True, parents=True)
        (root / file).write_text(text, encoding="utf-8")
    return root


PRIVATE = {
    "a name": ("from fastgmm.em.loop import _step\n", "em.loop._step is private to em"),
    "a name by a new name": ("from fastgmm.em.loop import _f as f\n", "em.loop._f is private"),
    "a module": ("from fastgmm.kernels import _detect\n", "kernels._detect is private to kernels"),
    "inside a module": ("import fastgmm.kernels._detect\n", "kernels._detect is private"),
    "of a module": ("from fastgmm.em import loop\nloop._step()\n", "_step is private to em"),
    "of a value": ("def f(model):\n    return model._state\n", "_state is private to em"),
    "set": ("def f(model):\n    model._state = 1\n", "_state is private to em"),
    "by name": ("def f(m):\n    return hasattr(m, '_state')\n", "_state is private to em"),
    "inherited": (
        "from fastgmm.em.loop import A\nclass B(A):\n    def f(self):\n        self._step()\n",
        "_step is private to em",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), PRIVATE.values(), ids=PRIVATE)
def test_private_name_of_another_folder_is_found(tmp_path: Path, text: str, sentence: str) -> None:
    files = {
        "em/loop.py": "class A:\n    def _step(self):\n        self._state = _f\n\n_f = 0\n",
        "kernels/_detect.pyx": "",
        "fits/lower.py": text,
        "fits/upper.py": "from fastgmm.fits import lower\nlower._own()\n",
    }
    found = foreign_private_names(_write(tmp_path / "fastgmm", files))
    assert len(found) == 1
    assert found[0].startswith("fits/lower.py:")
    assert sentence in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys._getframe()\n",
        "def f(row):\n    return row._replace(x=1), row.__dict__, row._own\n",
        "class A:\n    def f(self):\n        self._state = 0\n",
        "from fastgmm.em import lower as _lower\n_lower.f()\n",
    ],
)
def test_what_is_no_private_name_of_another_folder(tmp_path: Path, text: str) -> None:
    files = {
        "em/loop.py": "class A:\n    def f(self):\n        self._own = self._state = 0\n",
        "fits/lower.py": "def _own(): ...\n",
        "fits/upper.py": text,
    }
    assert foreign_private_names(_write(tmp_path / "fastgmm", files)) == []
