"""The tests mirror the folders: a source file's tests stand in the test file of its name."""

import ast
from pathlib import Path

import pytest

from package_imports import PACKAGE

TESTS = Path(__file__).resolve().parents[1]

COVERED_ELSEWHERE = {
    "__init__.py": "contract/test_public.py, which looks at the public names from outside",
    "kernels/__init__.py": "project/test_import.py, which imports every build in a new process",
    "covariance/forms.py": "covariance/test_matrix.py, and those of the two other forms: all three "
    "are tested against what the protocol says",
    "covariance/model.py": "covariance/test_types.py, which looks at each of the six models",
    "plot/__init__.py": "contract/test_public.py, which looks at what dir() shows",
    "sources/__init__.py": "contract/test_public.py, which looks at what dir() shows",
    "typing.py": "contract/test_public.py, which looks at what dir() shows",
}
"""These source files have functions and no test file of their name: where their tests are."""


def computes(file: Path) -> bool:
    """Whether a source file defines a function: constants and lists of names need no test."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))


def place_of_tests(file: str) -> str:
    """Return where the tests of a source file belong: `em/loop.py` -> `em/test_loop.py`."""
    folder, _, name = file.rpartition("/")
    return f"{folder}/test_{name}".lstrip("/")


def without_tests(package: Path, tests: Path, elsewhere: dict[str, str]) -> list[str]:
    """Return a sentence for every source file that computes and has no tests."""
    sentences = []
    for path in sorted(package.rglob("*.py")):
        file = path.relative_to(package).as_posix()
        if file not in elsewhere and not (tests / place_of_tests(file)).exists() and computes(path):
            sentences.append(f"{file} has no tests in {place_of_tests(file)}")
    return sentences


def stale(package: Path, tests: Path, elsewhere: dict[str, str]) -> list[str]:
    """Return a sentence for every entry that names a file which is not there."""
    sentences = []
    for file, reason in elsewhere.items():
        place = reason.replace(":", ",").split(",")[0]
        missing = [file] if not (package / file).exists() else []
        missing += [place] if not (tests / place).exists() else []
        sentences += [f"there is no {name}" for name in missing]
    return sentences


def test_every_file_that_computes_has_a_test_of_its_name() -> None:
    assert not (found := without_tests(PACKAGE, TESTS, COVERED_ELSEWHERE)), "\n".join(found)


def test_what_is_covered_elsewhere_is_there() -> None:
    assert not (found := stale(PACKAGE, TESTS, COVERED_ELSEWHERE)), "\n".join(found)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Return a package and its tests, where nothing is missing."""
    package, tests = tmp_path / "fastgmm", tmp_path / "tests"
    files = {
        package / "version.py": "__version__ = '1'\n",
        package / "threads.py": "def f(): ...\n",
        package / "em/__init__.py": "from fastgmm.em.loop import A\n",
        package / "em/loop.py": "class A:\n    def f(self): ...\n",
        package / "kernels/inner/a.py": "def f(): ...\n",
        tests / "test_threads.py": "",
        tests / "em/test_loop.py": "",
        tests / "kernels/inner/test_a.py": "",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package, tests


def test_nothing_is_missing(trees: tuple[Path, Path]) -> None:
    assert without_tests(*trees, {}) == stale(*trees, {"threads.py": "em/test_loop.py"}) == []


@pytest.mark.parametrize("file", ["threads.py", "em/loop.py", "kernels/inner/a.py"])
def test_a_file_without_tests_is_found(trees: tuple[Path, Path], file: str) -> None:
    package, tests = trees
    (tests / place_of_tests(file)).unlink()
    (tests / "em/test_other.py").write_text("", encoding="utf-8")
    sentence = f"{file} has no tests in {place_of_tests(file)}"
    assert without_tests(package, tests, {}) == [sentence]
    assert without_tests(package, tests, {file: "em/test_other.py, by way of the loop"}) == []


def test_entries_that_name_nothing_are_found(trees: tuple[Path, Path]) -> None:
    entries = {"em/gone.py": "em/test_loop.py, as part of it", "em/loop.py": "em/test_gone.py"}
    assert stale(*trees, entries) == ["there is no em/gone.py", "there is no em/test_gone.py"]
