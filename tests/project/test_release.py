"""What a release is made of agrees: version, changelog, wheels, workflows, recipe, citation."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from fastgmm.version import __version__

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://github.com/fastgmm/fastgmm"
RELEASE = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)
PARTS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
PYTHON = re.compile(r"Programming Language :: Python :: (3\.\d+)")
# A clone has them, and what is installed from an sdist has not.
YAML = sorted((ROOT / ".github").rglob("*.yml"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(text("pyproject.toml"))
RECIPE = yaml.safe_load(text("packaging/conda/recipe.yaml"))
CITATION = yaml.safe_load(text("CITATION.cff"))
PYTHONS = sorted(
    (m[1] for line in PROJECT["project"]["classifiers"] if (m := PYTHON.fullmatch(line))),
    key=lambda version: int(version[2:]),
)


def test_nothing_else_lies_in_the_root() -> None:
    """What a trial has left there would be committed with the next change, and has been."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("only a clone knows what is tracked")
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    tracked = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    kept = set(re.findall(r"^include (.+)$", text("MANIFEST.in"), re.MULTILINE)[0].split())
    kept |= {".gitignore", ".pre-commit-config.yaml", "MANIFEST.in"}
    assert {name for name in tracked.split("\0") if name and "/" not in name} <= kept


# ------------------------------------------------------------------------------- the version


def disagreements(version: str, changelog: str, elsewhere: dict[str, str]) -> list[str]:
    """Return a sentence for each place that does not fit the version of the tree.

    Between two releases the version ends in ".dev0", the changelog begins with what is not
    released, and all other places name the last release.
    """
    released = RELEASE.findall(changelog)
    newest = released[0][0] if released else "none"
    found = []
    if version.endswith(".dev0"):
        base = version.removesuffix(".dev0")
        if not changelog.split("\n## ")[1].startswith("[Unreleased]"):
            found.append("the changelog does not begin with [Unreleased]")
        if tuple(map(int, base.split("."))) <= tuple(map(int, newest.split("."))):
            found.append(f"{version} is not after {newest}")
    elif version != newest:
        found.append(f"the changelog's newest release is {newest}, and the version {version}")
    if [day for _, day in released] != sorted((day for _, day in released), reverse=True):
        found.append("the releases of the changelog are not in order")
    found += [f"{name} says {named}" for name, named in elsewhere.items() if named != newest]
    return found


def test_all_places_name_one_version() -> None:
    elsewhere = {
        "CITATION.cff": CITATION["version"],
        "packaging/conda/recipe.yaml": RECIPE["context"]["version"],
    }
    assert disagreements(__version__, text("CHANGELOG.md"), elsewhere) == []
    (released_on,) = [
        day for v, day in RELEASE.findall(text("CHANGELOG.md")) if v == CITATION["version"]
    ]
    assert str(CITATION["date-released"]) == released_on


@pytest.mark.parametrize(
    ("version", "changelog", "named", "sentence"),
    [
        ("0.2.0", "# C\n\n## [0.2.0] - 2027-01-02\n", "0.2.0", None),
        ("0.3.0.dev0", "# C\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-02\n", "0.2.0", None),
        ("0.3.0", "# C\n\n## [0.2.0] - 2027-01-02\n", "0.2.0", "newest release is 0.2.0"),
        ("0.3.0.dev0", "# C\n\n## [0.2.0] - 2027-01-02\n", "0.2.0", "begin with"),
        ("0.2.0.dev0", "# C\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-02\n", "0.2.0", "not after"),
        ("0.2.0", "# C\n\n## [0.2.0] - 2027-01-02\n", "0.1.0", "elsewhere says 0.1.0"),
        (
            "0.2.0",
            "# C\n\n## [0.2.0] - 2027-01-02\n## [0.1.0] - 2028-01-02\n",
            "0.2.0",
            "not in order",
        ),
    ],
)
def test_a_version_that_was_forgotten_is_found(
    version: str, changelog: str, named: str, sentence: str | None
) -> None:
    found = disagreements(version, changelog, {"elsewhere": named})
    assert found == [] if sentence is None else sentence in " ".join(found)


def test_the_version_stands_in_one_place() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "fastgmm.version.__version__"
    }
    copies = [
        path.name
        for path in [ROOT / "setup.py", ROOT / "pyproject.toml", *(ROOT / "fastgmm").rglob("*.py")]
        if path.name != "version.py" and f'"{__version__}"' in path.read_text(encoding="utf-8")
    ]
    assert copies == []


def test_the_changelog_keeps_its_form() -> None:
    changelog = text("CHANGELOG.md")
    assert set(re.findall(r"^### (.*)$", changelog, re.MULTILINE)) <= PARTS
    headings = re.findall(r"^## \[(.*?)\]", changelog, re.MULTILINE)
    assert headings == re.findall(r"^\[(.*?)\]: http", changelog, re.MULTILINE)


# ---------------------------------------------------------------------------------- the wheels


def test_wheels_are_built_for_every_python_that_is_named() -> None:
    built = {
        re.sub(r"cp3(\d+)t?-\*", r"3.\1", name) for name in PROJECT["tool"]["cibuildwheel"]["build"]
    }
    assert built == set(PYTHONS)
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
    assert f'target-version = "py{PYTHONS[0].replace(".", "")}"' in text("pyproject.toml")


def test_threads_without_a_lock_have_wheels_if_the_classifiers_say_so() -> None:
    free = any("Free Threading" in line for line in PROJECT["project"]["classifiers"])
    newest = PYTHONS[-1].replace(".", "")
    assert free == (f"cp{newest}t-*" in PROJECT["tool"]["cibuildwheel"]["build"])


def test_what_tests_a_wheel_is_there() -> None:
    for name in re.findall(r"\{project\}/(\S+)", PROJECT["tool"]["cibuildwheel"]["test-command"]):
        assert (ROOT / name).exists(), name


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    specification = importlib.util.spec_from_file_location("sizes", ROOT / "ci/wheel_sizes.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    return module


def test_a_wheel_that_is_too_large_is_found(sizes: Any, tmp_path: Path) -> None:
    assert sizes.too_large(tmp_path) == [f"there is no wheel in {tmp_path}"]
    (tmp_path / "a.whl").write_bytes(10 * b"a")
    assert sizes.too_large(tmp_path) == []
    (tmp_path / "b.whl").write_bytes(11 * b"b")
    assert sizes.too_large(tmp_path) == ["b.whl has 11 bytes, and 10 are allowed"]


# ------------------------------------------------------------------- workflows and templates


def workflow(name: str) -> dict[str, Any]:
    path = ROOT / ".github" / "workflows" / name
    if not path.exists():
        pytest.skip("the workflows are in the repository alone")
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_workflows_and_templates_can_be_read(path: Path) -> None:
    known = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.parent.name == "workflows":
        # YAML 1.1 reads the key `on` as true.
        assert {"name", True, "permissions", "jobs"} <= set(known)
        for job in known["jobs"].values():
            assert "timeout-minutes" in job
            assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    elif path.name != "config.yml":
        assert known["name"]
        assert known["description"]
        names = [field["id"] for field in known["body"] if field["type"] != "markdown"]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_scripts_that_workflows_call_are_there(path: Path) -> None:
    named = re.findall(r"\bci/[\w.-]+", path.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_tests_run_on_every_python_that_is_named() -> None:
    matrix = workflow("test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert sorted(matrix["python"]) == sorted(PYTHONS)


def test_wheels_are_built_on_every_system_that_is_named() -> None:
    systems = workflow("wheels.yml")["jobs"]["wheels"]["strategy"]["matrix"]["system"]
    named = [line for line in PROJECT["project"]["classifiers"] if "Operating System" in line]
    for word, classifier in {"ubuntu": "Linux", "macos": "MacOS", "windows": "Windows"}.items():
        assert any(s.startswith(word) for s in systems)
        assert any(classifier in line for line in named)
    assert any(s.endswith("-arm") for s in systems)


# ----------------------------------------------------------------------- recipe and addresses


def lowest(requirements: list[Any]) -> dict[str, str]:
    """Return the lowest version of each package that a list names with one."""
    plain = [r.replace(" ", "").lower() for r in requirements if isinstance(r, str)]
    pairs = (re.fullmatch(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", one) for one in plain)
    return {pair[1]: pair[2] for pair in pairs if pair}


def test_the_recipe_needs_what_the_project_needs() -> None:
    needs = RECIPE["requirements"]
    assert lowest(needs["host"]) == lowest(PROJECT["build-system"]["requires"])
    assert lowest(needs["run"]) == lowest(PROJECT["project"]["dependencies"])
    extras = PROJECT["project"]["optional-dependencies"]
    beside = {
        name.removesuffix("-base"): version
        for name, version in lowest(needs["run_constraints"]).items()
    }
    assert beside == lowest([*extras["plot"], *extras["cli"]])
    (script,) = RECIPE["build"]["python"]["entry_points"]
    assert script.split(" = ") == list(*PROJECT["project"]["scripts"].items())


def test_all_addresses_are_of_one_repository() -> None:
    assert {"Homepage", "Documentation", "Changelog", "Issues", "Source"} <= set(
        PROJECT["project"]["urls"]
    )
    for name in (
        "pyproject.toml",
        "CITATION.cff",
        "SECURITY.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
    ):
        found = re.findall(r"https://github\.com/[\w-]+/[\w-]+", text(name))
        assert set(found) <= {ADDRESS}, name
    assert RECIPE["about"]["homepage"] == CITATION["repository-code"] == ADDRESS
    assert PROJECT["project"]["license"] == CITATION["license"] == RECIPE["about"]["license"]


def test_this_python_is_one_of_those_that_are_named() -> None:
    assert ".".join(map(str, sys.version_info[:2])) in PYTHONS
