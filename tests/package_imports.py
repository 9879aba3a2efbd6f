"""The imports of the package's files, read without running them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[1] / "fastgmm"


class Import(NamedTuple):
    """One imported module, where it stands, and whether it runs when its file is imported."""

    file: str
    line: int
    target: str  # dotted, as deep as it names a module
    names: tuple[str, ...]  # what is taken from it; nothing of a plain import
    at_import: bool


def _statements(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield every import with whether importing the file executes it."""
    pending: list[tuple[ast.AST, bool]] = [(tree, True)]
    while pending:
        node, at_import = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_import
        inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        type_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        executed = at_import and not inside_function and not type_only
        pending.extend((child, executed) for child in ast.iter_child_nodes(node))


def _is_module(root: Path, dotted: str) -> bool:
    path = root.joinpath(*dotted.split(".")[1:])
    return path.is_dir() or any(path.with_suffix(end).is_file() for end in (".py", ".pyx"))


def _targets(
    node: ast.Import | ast.ImportFrom, package: str, root: Path
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the modules that an import in a file of ``package`` reaches, and the names it takes."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, ()) for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parents = package.split(".")
        base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [node.module])])
    for alias in node.names:
        # `from fastgmm.em import loop` reaches a module, `from fastgmm.em import f` the folder.
        inside = base.split(".")[0] == "fastgmm" and _is_module(root, f"{base}.{alias.name}")
        yield (f"{base}.{alias.name}", ()) if inside else (base, (alias.name,))


def imports_of(root: Path) -> list[Import]:
    """Return the imports of all Python files of the package whose directory is ``root``."""
    found = []
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        package = ".".join(["fastgmm", *relative.parts[:-1]])
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for node, at_import in _statements(tree):
            for target, names in _targets(node, package, root):
                file = relative.as_posix()
                found.append(Import(file, node.lineno, target, names, at_import))
    return found


def inner_imports(root: Path) -> list[tuple[Import, str, str]]:
    """Return the imports of the package itself, each with the places of its file and its target."""
    return [
        (item, place_of(item.file), (item.target.split(".")[1:] or ["__init__"])[0])
        for item in imports_of(root)
        if item.target.split(".")[0] == "fastgmm"
    ]


def place_of(file: str) -> str:
    """Return the file's name in ROWS: its folder's, or its own."""
    return file.split("/")[0].removesuffix(".py")
