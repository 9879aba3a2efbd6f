"""Few loose modules, short files, short lists of parameters."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from package_imports import PACKAGE, imports_of

LOOSE_MODULES = 9
"""At most so many modules stand in no folder."""
LINES = 400
"""A file has at most so many lines."""
LONG_FILES = frozenset({"estimators/gaussian_mixture.py"})
"""These files may have more lines: the estimator is one class, half of it the users' docstrings."""
SOURCES = frozenset({".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h"})
PARAMETERS = 6
"""A function has at most so many parameters, unless users or kernels give it its signature."""
PUBLIC = ("__init__.py", "sources/__init__.py", "plot/__init__.py")
"""What these files list in `__all__` is public."""

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def many_loose_modules(root: Path) -> list[str]:
    """Return the loose modules when there are too many."""
    names = sorted(path.name for path in root.glob("*.py"))
    return names if len(names) > LOOSE_MODULES else []


def long_files(root: Path) -> list[str]:
    """Return a sentence for every file of the package that is too long."""
    lengths = {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted(root.rglob("*"))
        if path.suffix in SOURCES
    }
    return [
        f"{file} has {length} lines"
        for file, length in lengths.items()
        if length > LINES and file not in LONG_FILES
    ]


def _functions(node: ast.AST, inside: str = "") -> Iterator[tuple[str, Function]]:
    """Yield every function below a node with its dotted name in the file."""
    for child in ast.iter_child_nodes(node):
        name = inside
        if isinstance(child, ast.ClassDef | Function):
            own = "<lambda>" if isinstance(child, ast.Lambda) else child.name
            name = f"{inside}.{own}" if inside else own
            if not isinstance(child, ast.ClassDef):
                yield name, child
        yield from _functions(child, name)


def _n_parameters(function: Function) -> int:
    """Return the number of parameters, `*rows` and `**keywords` as one each, without `self`."""
    a = function.args
    named = [*a.posonlyargs, *a.args, *a.kwonlyargs]
    own = bool(named) and named[0].arg in {"self", "cls"}
    return len(named) - own + (a.vararg is not None) + (a.kwarg is not None)


def _trees(root: Path) -> dict[str, ast.Module]:
    return {
        path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.py"))
    }


def _sources_of_names(root: Path) -> dict[str, dict[str, str]]:
    """Return, of each file, the file of the package that each name was imported from."""
    found: dict[str, dict[str, str]] = {}
    for item in imports_of(root):
        path = "/".join(item.target.split(".")[1:])
        for name in item.names:
            file = f"{path}/__init__.py" if (root / path).is_dir() else f"{path}.py"
            found.setdefault(item.file, {})[name] = file
    return found


def public_functions(root: Path) -> set[tuple[str, str]]:
    """Return file and dotted name of the functions and methods that users call.

    They are those that the public modules list, and of the classes among these the constructor and
    the methods without an underscore, inherited ones included.
    """
    trees, origins = _trees(root), _sources_of_names(root)
    listed = [
        (file, ast.literal_eval(node.value))
        for file in PUBLIC
        for node in trees[file].body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    pending = [(file, name) for file, names in listed for name in names]
    public = set()
    while pending:
        file, name = pending.pop()
        while name in origins.get(file, {}):
            file = origins[file][name]
        for node in trees[file].body if file in trees else ():
            if isinstance(node, ast.FunctionDef) and node.name == name:
                public.add((file, name))
            elif isinstance(node, ast.ClassDef) and node.name == name:
                pending.extend((file, ast.unparse(base)) for base in node.bases)
                methods = [f.name for f in node.body if isinstance(f, ast.FunctionDef)]
                shown = [m for m in methods if not m.startswith("_") or m == "__init__"]
                public |= {(file, f"{name}.{method}") for method in shown}
    return public


def long_signatures(root: Path) -> list[str]:
    """Return a sentence for every function with too many parameters that no user calls."""
    public = public_functions(root)
    return [
        f"{file}:{function.lineno}: {name} has {_n_parameters(function)} parameters"
        for file, tree in _trees(root).items()
        for name, function in _functions(tree)
        if _n_parameters(function) > PARAMETERS
        and (file, name) not in public
        and not file.startswith("kernels/")
    ]


def test_few_modules_are_loose() -> None:
    assert many_loose_modules(PACKAGE) == []


def test_no_file_is_long() -> None:
    assert not (found := long_files(PACKAGE)), "\n".join(found)


def test_no_inner_function_takes_many_parameters() -> None:
    assert not (found := long_signatures(PACKAGE)), "\n".join(found)


def test_what_users_call_is_known() -> None:
    names = {name for _, name in public_functions(PACKAGE)}
    assert {"GaussianMixture.__init__", "GaussianMixture.fit", "select", "load"} <= names
    assert {"SufficientStatistics.scaled", "batches", "plot_mixture"} <= names
    assert "score_samples" in {name.split(".")[-1] for name in names}
    assert not any(name.startswith("_") for name in names)


# ---------------------------------------------------------------- the checks find what is wrong

SEVEN = "a, b, c, d, e, f, g"


def _write(root: Path, files: dict[str, str]) -> Path:
    package = dict.fromkeys(PUBLIC, "__all__ = []\n")
    for file, text in (package | files).items():
        (root / file).parent.mkdir(exist_ok=True, parents=True)
        (root / file).write_text(text, encoding="utf-8")
    return root


def test_a_loose_module_too_many_is_found(tmp_path: Path) -> None:
    files = {f"m{i}.py": "" for i in range(LOOSE_MODULES - 1)}
    root = _write(tmp_path / "fastgmm", files | {"em/inside.py": ""})
    assert many_loose_modules(root) == []
    assert len(many_loose_modules(_write(root, {"one_more.py": ""}))) == LOOSE_MODULES + 1


@pytest.mark.parametrize("file", ["em/loop.py", "kernels/passes.pxi", "kernels/simd.h"])
def test_a_long_file_is_found(tmp_path: Path, file: str) -> None:
    long = {"estimators/gaussian_mixture.py": LINES * "\n" + "\n"}
    root = _write(tmp_path / "fastgmm", long | {file: LINES * "\n"})
    assert long_files(root) == []
    assert long_files(_write(root, {file: LINES * "\n" + "x = 1\n"})) == [f"{file} has 401 lines"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"def f({SEVEN}): ...\n", "f"),
        ("def f(a, b, c, d, e, *f, **g): ...\n", "f"),
        ("def f(a, /, b, c, d, *, e, f, g=0): ...\n", "f"),
        (f"class A:\n    def f(self, {SEVEN}): ...\n", "A.f"),
        (f"class A:\n    def __init__(self, {SEVEN}): ...\n", "A.__init__"),
        (f"def f():\n    def g({SEVEN}): ...\n", "f.g"),
        (f"f = lambda {SEVEN}: a\n", "<lambda>"),
    ],
)
def test_a_long_signature_is_found(tmp_path: Path, text: str, name: str) -> None:
    files = {"em/loop.py": text, "kernels/reference.py": text}
    found = long_signatures(_write(tmp_path / "fastgmm", files))
    assert len(found) == 1
    assert found[0].startswith("em/loop.py:")
    assert found[0].endswith(f": {name} has 7 parameters")


def test_six_parameters_are_not_too_many(tmp_path: Path) -> None:
    text = "class A:\n    def f(self, a, b, c, *d, e, **f): ...\n"
    assert long_signatures(_write(tmp_path / "fastgmm", {"em/loop.py": text})) == []


def test_users_functions_may_take_more(tmp_path: Path) -> None:
    files = {
        "fits/__init__.py": "from fastgmm.fits.a import f\n",
        "__init__.py": "from fastgmm.fits import f\nfrom fastgmm.fits.a import A, hidden\n"
        "__all__ = ['A', 'f']\n",
        "sources/__init__.py": "from fastgmm.sources.b import g\n__all__ = ['g']\n",
        "sources/b.py": f"def g({SEVEN}): ...\n",
        "fits/base.py": f"class Base:\n    def inherited(self, {SEVEN}): ...\n"
        f"    def _step(self, {SEVEN}): ...\n",
        "fits/a.py": f"from fastgmm.fits.base import Base\ndef f({SEVEN}): ...\n"
        f"def hidden({SEVEN}):\n    ...\nclass A(Base):\n    def __init__(self, {SEVEN}): ...\n"
        f"    def m(self, {SEVEN}):\n        return lambda {SEVEN}: a\n",
    }
    found = long_signatures(_write(tmp_path / "fastgmm", files))
    assert [sentence.split()[1] for sentence in found] == ["hidden", "A.m.<lambda>", "Base._step"]
