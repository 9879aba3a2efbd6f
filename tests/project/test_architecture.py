"""A file imports from lower rows and from its own folder, which has no circle of imports."""

import re
import sys
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from package_imports import PACKAGE, imports_of, inner_imports, place_of

ROWS = (
    "errors typing values version | lazy limits | after_import kernels tables | threads | data",
    "archive config covariance sources",
    "mixture validation",
    "em plot summaries",
    "starts",
    "fits",
    "estimators",
    "__init__ | cli",
    "__main__",
)
"""The folders and loose modules of the package, from the ground up.

A file imports from lower rows and from its own folder only: two names of one row do not know each
other. Two rows have an order of their own: there, what stands left of a bar is below what stands
right of it. The command uses the public names only, and so stands above the file that lists them.
"""
LEVEL = {
    name: (row, part)
    for row, names in enumerate(ROWS, start=1)
    for part, group in enumerate(names.split("|"))
    for name in group.split()
}
LONGEST_CHAIN = 9
"""At most so many folders in a row import one from the other; loose modules do not count."""
ALLOWED_AT_MODULE_LEVEL = frozenset({"numpy", "fastgmm"})


def wrong_arrows(root: Path) -> list[str]:
    """Return a sentence for every import in the package that points to no lower row."""
    sentences = []
    for item, source, target in inner_imports(root):
        for name in (source, target):
            if name not in LEVEL:
                sentences.append(f"{item.file}:{item.line}: {name} has no place in ROWS")
        same_folder = source == target and "/" in item.file
        if {source, target} <= LEVEL.keys() and not same_folder and LEVEL[target] >= LEVEL[source]:
            sentences.append(f"{item.file}:{item.line}: {source} must not import {target}")
    return sorted(set(sentences))


def _cycle(arrows: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names along one cycle, the first again at the end; none when there is none."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for target in sorted(arrows.get(name, ())):
                if found := visit(target, [*path, name]):
                    return found
            done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := visit(name, []))), [])


def _file_of(root: Path, dotted: str) -> str:
    path = "/".join(dotted.split(".")[1:])
    return f"{path}/__init__.py" if (root / path).is_dir() else f"{path}.py"


def cycles(root: Path) -> list[str]:
    """Return a sentence for every folder whose files import each other in a circle."""
    arrows: dict[str, dict[str, set[str]]] = {}
    for item, source, target in inner_imports(root):
        if source == target and "/" in item.file:
            files = arrows.setdefault(source, {})
            files.setdefault(item.file, set()).add(_file_of(root, item.target))
    return [" -> ".join(found) for files in arrows.values() if (found := _cycle(files))]


def longest_chain(root: Path) -> list[str]:
    """Return the folders along the longest chain of imports, the user first."""
    arrows: dict[str, set[str]] = {}
    for _, source, target in inner_imports(root):
        if source != target:
            arrows.setdefault(source, set()).add(target)
    if found := _cycle(arrows):
        raise ValueError(f"a circle of folders has no longest chain: {' -> '.join(found)}")
    chains: dict[str, list[str]] = {}

    def chain(name: str) -> list[str]:
        if name not in chains:
            below = (chain(target) for target in sorted(arrows.get(name, ())))
            here = [name] if (root / name).is_dir() else []
            chains[name] = here + max(below, key=len, default=[])
        return chains[name]

    return max(map(chain, sorted(arrows)), key=len, default=[])


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


def test_there_are_nine_rows_and_every_name_is_in_one_of_them() -> None:
    assert len(ROWS) == 9
    names = {place_of(path.relative_to(PACKAGE).as_posix()) for path in PACKAGE.rglob("*.py")}
    assert names == LEVEL.keys(), "a new folder gets a place in ROWS, one that is gone loses it"


def test_imports_point_to_lower_rows_only() -> None:
    assert not (found := wrong_arrows(PACKAGE)), "\n".join(found)


def test_files_of_a_folder_do_not_import_in_a_circle() -> None:
    assert not (found := cycles(PACKAGE)), "\n".join(found)


def test_the_longest_chain_of_folders() -> None:
    assert len(longest_chain(PACKAGE)) <= LONGEST_CHAIN


def test_only_numpy_is_imported_at_module_level() -> None:
    assert not (found := foreign_imports(PACKAGE)), "\n".join(found)


def test_kernels_depend_on_nothing_else() -> None:
    assert not (found := foreign_cimports(PACKAGE)), "\n".join(found)


# ---------------------------------------------------------------- the checks find what is wrong

LOOSE = (
    "errors",
    "typing",
    "values",
    "version",
    "lazy",
    "threads",
    "config",
    "__init__",
    "__main__",
)


def _made_up_tree(root: Path, files: dict[str, str]) -> Path:
    """Write a package whose imports are right, then put these texts into its files."""
    right = {f"{name}.py": "import numpy as np\nfrom fastgmm import errors\n" for name in LOOSE}
    right["errors.py"] = "import numpy as np\n"
    right["typing.py"] = right["values.py"] = right["version.py"] = right["errors.py"]
    for name in LEVEL.keys() - set(LOOSE):
        right[f"{name}/__init__.py"] = f"from fastgmm.{name}.lower import f\nfrom . import lower\n"
        right[f"{name}/lower.py"] = "from ..errors import g\ndef f(): ...\n"
        upper = f"from fastgmm.{name} import lower\nfrom fastgmm.version import h\n"
        right[f"{name}/upper.py"] = upper
    for file, text in (right | files).items():
        (root / file).parent.mkdir(exist_ok=True, parents=True)
        (root / file).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return where a made-up package is written."""
    return tmp_path / "fastgmm"


def test_nothing_is_found_in_a_right_tree(root: Path) -> None:
    _made_up_tree(root, {})
    assert wrong_arrows(root) == cycles(root) == []
    assert foreign_imports(root) == []
    assert len(longest_chain(root)) == 1  # each tree imports a loose module of the ground


WRONG_ARROWS = {
    "a higher row": (
        "covariance/lower.py",
        "from fastgmm.em.loop import fit\n",
        "covariance must not import em",
    ),
    "relative": ("covariance/lower.py", "from ..em import fit\n", "covariance must not import em"),
    "relative module": ("lazy.py", "from . import em\n", "lazy must not import em"),
    "plain import": (
        "lazy.py",
        "import fastgmm.em.loop as em\n",
        "lazy must not import em",
    ),
    "inside a function": (
        "em/lower.py",
        "def f():\n    from fastgmm.estimators.gaussian_mixture import GaussianMixture\n",
        "em must not import estimators",
    ),
    "for types only": (
        "em/lower.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fastgmm import estimators\n",
        "em must not import estimators",
    ),
    "same row": (
        "mixture/lower.py",
        "from fastgmm.validation.rows import as_rows\n",
        "mixture must not import validation",
    ),
    "same part of the ground": (
        "lazy.py",
        "from fastgmm.tables import table\n",
        "lazy must not import tables",
    ),
    "up within the ground": (
        "errors.py",
        "from fastgmm import threads\n",
        "errors must not import threads",
    ),
    "the package": (
        "estimators/lower.py",
        "from fastgmm import GaussianMixture\n",
        "estimators must not import __init__",
    ),
    "a loose module itself": (
        "lazy.py",
        "import fastgmm.lazy\n",
        "lazy must not import lazy",
    ),
    "unknown module": ("helpers.py", "import fastgmm.errors\n", "helpers has no place in ROWS"),
    "unknown target": (
        "em/lower.py",
        "from fastgmm.helpers import f\n",
        "helpers has no place in ROWS",
    ),
}


@pytest.mark.parametrize(("file", "text", "sentence"), WRONG_ARROWS.values(), ids=WRONG_ARROWS)
def test_wrong_arrow_is_found(root: Path, file: str, text: str, sentence: str) -> None:
    found = wrong_arrows(_made_up_tree(root, {file: text}))
    assert len(found) == 1
    assert found[0].startswith(f"{file}:")
    assert found[0].endswith(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "from fastgmm.data import upper\n",
        "from .upper import g\n",
        "def f():\n    import fastgmm.data.upper\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .upper import g\n",
    ],
)
def test_circle_in_a_folder_is_found(root: Path, text: str) -> None:
    _made_up_tree(root, {"data/lower.py": text})
    assert wrong_arrows(root) == []
    assert cycles(root) == ["data/lower.py -> data/upper.py -> data/lower.py"]


def test_longer_circle_and_one_with_the_folder_itself_are_found(root: Path) -> None:
    files = {
        "em/a.py": "from .b import f\n",
        "em/b.py": "from .c import f\n",
        "em/c.py": "from .a import f\n",
        "fits/lower.py": "from fastgmm.fits import f\n",
    }
    assert cycles(_made_up_tree(root, files)) == [
        "em/a.py -> em/b.py -> em/c.py -> em/a.py",
        "fits/__init__.py -> fits/lower.py -> fits/__init__.py",
    ]


def test_a_chain_that_is_too_long_is_found(root: Path) -> None:
    names = ["__main__", "cli", "estimators", "fits", "starts", "em", "mixture", "covariance"]
    names += ["data", "tables", "errors"]
    files = {
        f"{name}.py" if name in LOOSE else f"{name}/middle.py": f"import fastgmm.{below}\n"
        for name, below in pairwise(names)
    }
    _made_up_tree(root, files)
    assert wrong_arrows(root) == []
    folders = [name for name in names if name not in LOOSE]
    assert longest_chain(root) == folders
    assert len(folders) >= LONGEST_CHAIN


def test_a_circle_of_folders_has_no_chain(root: Path) -> None:
    _made_up_tree(
        root, {"em/upper.py": "import fastgmm.fits", "fits/upper.py": "import fastgmm.em"}
    )
    with pytest.raises(ValueError, match="em -> fits -> em"):
        longest_chain(root)


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
def test_foreign_import_is_found(root: Path, text: str, count: int) -> None:
    assert len(foreign_imports(_made_up_tree(root, {"em/lower.py": text}))) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("from libc.math cimport sqrt\ncimport cython\nfrom fastgmm.kernels._tile cimport f\n", 0),
        ("from scipy.linalg.cython_blas cimport dgemm\n", 1),
        ("cimport fastgmm.mixture.mixture\n", 1),
    ],
)
def test_foreign_cimport_is_found(root: Path, text: str, count: int) -> None:
    _made_up_tree(root, {"kernels/_x86_64_f64.pyx": text})
    assert len(foreign_cimports(root)) == count
