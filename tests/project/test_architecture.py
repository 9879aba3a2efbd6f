"""The imports of the package point one way, from users' modules up to the kernels."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "fastgmm"

# A module may import from the layers above its own only: two modules of one layer do not know each
# other. A package (kernels, validation) is one entry: what happens inside it is its own business.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"version"}),
    frozenset({"errors"}),
    frozenset({"typing"}),
    frozenset({"covariance/types"}),
    frozenset({"archive/container"}),
    frozenset({"kernels"}),
    frozenset({"covariance/factors", "starts/trees"}),
    frozenset({"mixture/mixture"}),
    frozenset({"mixture/statistics"}),
    frozenset({"em/regularization"}),
    frozenset({"covariance/estimate", "em/relative_frame"}),
    frozenset({"threads", "em/bounds"}),
    frozenset({"validation"}),
    frozenset({"em/e_step", "em/m_step"}),
    frozenset({"data/sample", "validation/batches", "em/acceleration", "em/stopping"}),
    frozenset({"em/priors", "em/collapse", "data/rows"}),
    frozenset({"starts/points"}),
    frozenset({"starts/ward"}),
    frozenset({"starts/methods"}),
    frozenset({"em/loop"}),
    frozenset({"fits/verbose"}),
    frozenset({"mixture/file", "tables/table", "config", "estimators/conventions"}),
    frozenset({"fits/checkpoint"}),
    frozenset({"fits/fit"}),
    frozenset({"fits/online"}),
    frozenset({"sources", "plot/shown", "estimators/scoring", "validation/compression"}),
    frozenset({"estimators/streaming"}),
    frozenset({"estimators/model_file"}),
    frozenset({"estimators/gaussian_mixture", "plot/parts", "cli/report", "cli/terminal"}),
    frozenset({"plot/mixture", "cli/stream"}),
    frozenset({"estimators/selection"}),
    frozenset({"cli/fit"}),
    frozenset({"cli/main"}),
    frozenset({"__init__"}),
    frozenset({"__main__"}),
)
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}
ALLOWED_AT_MODULE_LEVEL = frozenset({"numpy", "fastgmm"})


class Import(NamedTuple):
    """One imported module, where it stands, and whether it runs when its file is imported."""

    file: str
    line: int
    target: str
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


def _targets(node: ast.Import | ast.ImportFrom, package: str, modules: set[str]) -> list[str]:
    """Return the absolute dotted names that an import in a file of ``package`` reaches."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level == 0:
        base = node.module or ""
    else:
        parents = package.split(".")
        base = ".".join(parents[: len(parents) - node.level + 1])
        base = f"{base}.{node.module}" if node.module else base
    if base != "fastgmm":
        return [base]
    # `from fastgmm import errors` reaches a module, `from fastgmm import load` the package itself.
    return [f"fastgmm.{alias.name}" if alias.name in modules else "fastgmm" for alias in node.names]


def imports_of(root: Path) -> list[Import]:
    """Return the imports of all Python files of the package whose directory is ``root``."""
    modules = {path.stem for path in root.iterdir() if path.is_dir() or path.suffix == ".py"}
    found = []
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        package = ".".join(["fastgmm", *relative.parts[:-1]])
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for node, at_import in _statements(tree):
            for target in _targets(node, package, modules):
                found.append(Import(relative.as_posix(), node.lineno, target, at_import))
    return found


def _module_of(file: str) -> str:
    """Return the file's entry in LAYERS: its own, or that of its folder."""
    path = file.removesuffix(".py")
    return path if path in LEVEL else path.split("/")[0]


def wrong_arrows(root: Path) -> list[str]:
    """Return a sentence for every import in the package that points to no higher layer."""
    sentences = []
    for item in imports_of(root):
        if item.target.split(".")[0] != "fastgmm":
            continue
        source = _module_of(item.file)
        target = _module_of("/".join([*item.target.split(".")[1:]]) or "__init__")
        for name in (source, target):
            if name not in LEVEL:
                sentences.append(f"{item.file}:{item.line}: {name} has no place in LAYERS")
        same_package = source == target and "/" in item.file
        if {source, target} <= LEVEL.keys() and not same_package and LEVEL[target] >= LEVEL[source]:
            sentences.append(f"{item.file}:{item.line}: {source} must not import {target}")
    return sentences


def foreign_imports(root: Path) -> list[str]:
    """Return a sentence for every third-party package that importing fastgmm would load."""
    known = ALLOWED_AT_MODULE_LEVEL | sys.stdlib_module_names
    return [
        f"{item.file}:{item.line}: {item.target} is imported at module level"
        for item in imports_of(root)
        if item.at_import and item.target.split(".")[0] not in known
    ]


def foreign_cimports(root: Path) -> list[str]:
    """Return a sentence for every Cython file that leaves the kernels, libc and NumPy."""
    pattern = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\b|c?import\s+([\w.]+))", re.MULTILINE)
    allowed = {"libc", "cython", "cpython", "numpy"} | sys.stdlib_module_names
    sentences = []
    for path in sorted(p for p in root.rglob("*.p[yx]*") if p.suffix in {".pyx", ".pxi", ".pxd"}):
        for match in pattern.finditer(path.read_text(encoding="utf-8")):
            target = match[1] or match[2]
            inside = target.startswith(("fastgmm.kernels", "."))
            if not inside and target.split(".")[0] not in allowed:
                sentences.append(f"{path.relative_to(root).as_posix()}: {target}")
    return sentences


def test_every_module_has_a_layer() -> None:
    modules = {_module_of(path.relative_to(PACKAGE).as_posix()) for path in PACKAGE.rglob("*.py")}
    assert modules, f"no Python files under {PACKAGE}"
    assert modules <= LEVEL.keys()


def test_imports_point_to_higher_layers_only() -> None:
    assert wrong_arrows(PACKAGE) == []


def test_only_numpy_is_imported_at_module_level() -> None:
    assert foreign_imports(PACKAGE) == []


def test_kernels_depend_on_nothing_else() -> None:
    assert foreign_cimports(PACKAGE) == []


WRONG_TREES = {
    "a later layer": (
        "covariance.py",
        "from fastgmm.em.loop import fit\n",
        "covariance must not import em",
    ),
    "relative": ("covariance.py", "from .em import fit\n", "covariance must not import em"),
    "relative module": ("covariance.py", "from . import em\n", "covariance must not import em"),
    "plain import": (
        "parallel.py",
        "import fastgmm.em.loop as em\n",
        "parallel must not import em",
    ),
    "inside a function": (
        "em.py",
        "def f():\n    from fastgmm.estimators.gaussian_mixture import GaussianMixture\n",
        "em must not import estimator",
    ),
    "for types only": (
        "em.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fastgmm import estimator\n",
        "em must not import estimator",
    ),
    "same layer": (
        "expectation.py",
        "from fastgmm.em.m_step import maximization\n",
        "expectation must not import maximization",
    ),
    "the package": (
        "em.py",
        "from fastgmm import GaussianMixture\n",
        "em must not import __init__",
    ),
    "from a subpackage": (
        "kernels/__init__.py",
        "from fastgmm.mixture.mixture import Mixture\n",
        "kernels must not import parameters",
    ),
    "relative from a subpackage": (
        "kernels/reference.py",
        "from ..parameters import Mixture\n",
        "kernels must not import parameters",
    ),
    "unknown module": ("helpers.py", "import fastgmm.errors\n", "helpers has no place in LAYERS"),
}


def _made_up_tree(root: Path, file: str, text: str) -> Path:
    """Write a package whose imports are right, then put ``text`` into one of its files."""
    (root / "kernels").mkdir(parents=True)
    top = min(LAYERS[0])
    for name in LEVEL.keys() - {"kernels"}:
        body = "import numpy as np\n" + (f"from fastgmm import {top}\n" if LEVEL[name] else "")
        (root / f"{name}.py").parent.mkdir(exist_ok=True)
        (root / f"{name}.py").write_text(body, encoding="utf-8")
    (root / "kernels" / "__init__.py").write_text(
        "from . import reference\nfrom fastgmm.kernels.reference import f\n", encoding="utf-8"
    )
    reference = f"from fastgmm.{top} import f\n"
    (root / "kernels" / "reference.py").write_text(reference, encoding="utf-8")
    if file:
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")
    return root


def test_right_tree_has_no_wrong_arrow(tmp_path: Path) -> None:
    root = _made_up_tree(tmp_path / "fastgmm", "", "")
    assert wrong_arrows(root) == []
    assert foreign_imports(root) == []


@pytest.mark.parametrize(("file", "text", "sentence"), WRONG_TREES.values(), ids=WRONG_TREES.keys())
def test_wrong_arrow_is_found(tmp_path: Path, file: str, text: str, sentence: str) -> None:
    root = _made_up_tree(tmp_path / "fastgmm", file, text)
    found = wrong_arrows(root)
    assert len(found) == 1
    assert found[0].endswith(sentence)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("import scipy.special\n", 1),
        ("try:\n    import pandas\nexcept ImportError:\n    pandas = None\n", 1),
        ("class A:\n    from sklearn.base import BaseEstimator\n", 1),
        ("def f():\n    import matplotlib.pyplot as plt\n", 0),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n", 0),
        ("import numpy.typing as npt\nimport concurrent.futures\n", 0),
    ],
)
def test_foreign_import_is_found(tmp_path: Path, text: str, count: int) -> None:
    root = _made_up_tree(tmp_path / "fastgmm", "em.py", text)
    assert len(foreign_imports(root)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("from libc.math cimport sqrt\ncimport cython\nfrom fastgmm.kernels._tile cimport f\n", 0),
        ("from scipy.linalg.cython_blas cimport dgemm\n", 1),
        ("cimport fastgmm.mixture.mixture\n", 1),
    ],
)
def test_foreign_cimport_is_found(tmp_path: Path, text: str, count: int) -> None:
    root = _made_up_tree(tmp_path / "fastgmm", "kernels/_x86_64_f64.pyx", text)
    assert len(foreign_cimports(root)) == count
