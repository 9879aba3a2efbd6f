"""The examples in the documentation run, and its links lead somewhere."""

import doctest
import importlib
import pkgutil
import re
import shutil
from pathlib import Path

import pytest

import fastgmm

ROOT = Path(__file__).resolve().parents[2]
# The Python blocks of PAGES are run; the code in data/README.md is shown without prompts.
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md")])
TEXTS = sorted(
    [
        *PAGES,
        ROOT / "CHANGELOG.md",
        ROOT / "SECURITY.md",
        *(ROOT / "benchmarks").glob("*.md"),
        *(ROOT / "data").glob("*.md"),
    ]
)
LONGEST_LINE = 100
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fastgmm.__path__, "fastgmm.")
    # __main__ runs the command when imported; a build may be for another processor than this one.
    if module.name != "fastgmm.__main__" and not module.name.startswith("fastgmm.kernels.builds.")
)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that holds the shipped data, where examples may write files."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    return tmp_path


@pytest.mark.parametrize("name", ["fastgmm", *MODULES])
@pytest.mark.usefixtures("elsewhere")
def test_doctests(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert result.failed == 0


def test_public_names_have_examples() -> None:
    """Every public class and function shows how it is used."""
    finder = doctest.DocTestFinder(exclude_empty=False)
    missing = []
    for name in fastgmm.__all__:
        value = getattr(fastgmm, name)
        if callable(value) and not any(test.examples for test in finder.find(value, name)):
            missing.append(name)
    assert missing == []


def python_blocks(text: str) -> list[tuple[int, str]]:
    """Return the line and the content of every Python block of a Markdown text."""
    pattern = re.compile(r"^```(?:python|pycon|py)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [(text[: m.start(1)].count("\n"), m[1]) for m in pattern.finditer(text)]


def run_blocks(page: Path, text: str) -> doctest.TestResults:
    """Run the Python blocks of a page one after the other in one namespace, as a reader would."""
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    parser = doctest.DocTestParser()
    namespace: dict[str, object] = {}
    for line, block in python_blocks(text):
        assert ">>> " in block, f"{page.name}:{line + 1}: a block without a prompt is not checked"
        test = parser.get_doctest(block, namespace, page.name, str(page), line)
        # run() clears the test's copy of the namespace: the names are carried on by hand.
        runner.run(test, clear_globs=False)
        namespace = test.globs
    return runner.summarize(verbose=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
@pytest.mark.usefixtures("elsewhere")
def test_examples_in_pages(page: Path) -> None:
    assert run_blocks(page, page.read_text(encoding="utf-8")).failed == 0


def test_readme_has_python_examples() -> None:
    assert len(python_blocks((ROOT / "README.md").read_text(encoding="utf-8"))) >= 3


def test_wrong_example_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "```python\n>>> x = 2\n```\n\n```python\n>>> x + 1\n4\n```\n"
    assert run_blocks(tmp_path / "page.md", text).failed == 1
    assert "Got:\n    3" in capsys.readouterr().out


def broken_links(page: Path, text: str) -> list[str]:
    """Return the links of a page to files or headings that do not exist."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        known = file.exists()
        if known and anchor:
            known = anchor in headings(file.read_text(encoding="utf-8"))
        if not known:
            broken.append(target)
    return broken


def headings(text: str) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+\s+(.+?)\s*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", TEXTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "# One title\n[a](page.md) [b](missing.md) [c](#one-title) [d](page.md#two) [e](https://example.org/x)\n"
    page.write_text(text, encoding="utf-8")
    assert broken_links(page, text) == ["missing.md", "page.md#two"]


def long_lines(text: str) -> list[int]:
    """Return the numbers of the prose lines that are too long for a difference to be read.

    Code and tables cannot be broken, and neither can the target of a link: it does not count.
    """
    found = []
    in_code = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith("|"):
            shown = re.sub(r"\]\([^)\s]*\)|<https?:[^>\s]*>", "]", line)
            if len(shown) > LONGEST_LINE:
                found.append(number)
    return found


@pytest.mark.parametrize("page", TEXTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_lines_can_be_read(page: Path) -> None:
    assert long_lines(page.read_text(encoding="utf-8")) == []


def test_long_line_is_found() -> None:
    longest, longer = "w" * LONGEST_LINE, "w" * (LONGEST_LINE + 1)
    code, table = f"```sh\n{longer}\n```", f"| {longer} |"
    link = f"[{longest[2:]}](https://example.org/{longer})"
    assert long_lines("\n".join([longest, code, table, link])) == []
    assert long_lines("\n".join([code, longer, table, f"- {longest}"])) == [4, 6]


def rooms_of(text: str) -> set[str]:
    """Return the folders and loose modules in the first table of the map."""
    return set(re.findall(r"^\| [1-9] \| `(\w+)/?` \|", text, flags=re.MULTILINE))


def test_map_shows_every_room() -> None:
    package = ROOT / "fastgmm"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    modules = {path.stem for path in package.glob("*.py")}
    assert rooms_of((ROOT / "docs" / "architecture.md").read_text("utf-8")) == rooms | modules


def missing_files(text: str) -> list[str]:
    """Return the source files that a text names in code and that the project does not have."""
    named = re.findall(r"`((?:\w+/)*\w+\.(?:py|pyx|pxi))`", text)
    places = (ROOT, ROOT / "fastgmm", ROOT / "fastgmm" / "kernels")
    return sorted({name for name in named if not any((at / name).is_file() for at in places)})


def test_map_names_files_that_exist() -> None:
    assert missing_files((ROOT / "docs" / "architecture.md").read_text("utf-8")) == []


def test_missing_file_is_found() -> None:
    text = "`em/loop.py`, `packed.pxi`, `tests/conftest.py`, `em/<name>.py`, `em/missing.py`"
    assert missing_files(text) == ["em/missing.py"]
