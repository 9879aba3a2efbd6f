"""The site of the documentation: what its scripts make of the pages."""

import importlib.util
import re
from pathlib import Path

import pytest

import fastgmm

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def loaded(path: Path):
    """A script of the project as a module."""
    spec = importlib.util.spec_from_file_location(f"site_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = loaded(DOCS / "_site" / "pages.py")
pictures = loaded(DOCS / "_site" / "pictures.py")
reference = loaded(DOCS / "_site" / "reference.py")
site_links = loaded(ROOT / "ci" / "site_links.py")
WRITTEN = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md"))


def test_links_lead_to_pages_or_to_the_code_host():
    text = "[a](numerics.md#sums) [b](../benchmarks/README.md) [c](../ci/run) [d](https://x.org) "
    text += "[e](#f)\n```\n[a](kept.md)\n\n```\n"
    moved = pages.with_links(text, "docs/fits.md")
    assert moved.splitlines()[0] == (
        "[a](numerics.md#sums) [b](benchmarks/index.md) "
        f"[c]({pages.HOST}/ci/run) [d](https://x.org) [e](#f)"
    )
    assert moved.splitlines()[1:] == ["```", "[a](kept.md)", "```"]
    assert pages.with_links("[a](../fits.md)", "docs/how/end.md") == "[a](../fits.md)"
    assert pages.with_links("[a](docs/fits.md)", "CONTRIBUTING.md") == "[a](fits.md)"


def test_every_page_is_on_the_site():
    places = pages.pages_of(ROOT)
    assert set(WRITTEN) - {"README.md"} <= set(places)
    assert {"contributing.md", "data_files.md", "benchmarks/index.md"} <= set(places)
    listed = re.findall(r"^([\w/]+)$", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(f"{name}.md" for name in listed) == sorted(set(places) - {"index.md"})


def test_every_page_is_listed_for_code_hosts():
    linked = set(re.findall(r"\]\(([\w/]+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    assert linked == set(WRITTEN) - {"README.md"}


def test_the_reference_has_every_public_name():
    names, modules = reference.names_of((DOCS / "api.md").read_text("utf-8"))
    assert sorted([*names, *modules, "__version__"]) == sorted(fastgmm.__all__)
    made = reference.reference("| `load` | Read. |\n| `fastgmm.plot` | Pictures. |\n")
    assert "autofunction:: fastgmm.load" in made["api/load.md"]
    assert "autofunction:: plot_mixture" in made["api/plot.md"]
    assert made["api.md"].startswith("| [`load`](api/load.md) | Read. |")


PAGE = """
```python
>>> from matplotlib.figure import Figure
>>> figure = Figure()
>>> text = figure.text(0.5, 0.5, "x", color="black")
>>> figure.savefig("letter.png")

```

<!-- picture: letter.png One
letter. -->
"""


def test_pictures_are_drawn_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "drawn"
    made.mkdir()
    text = pictures.with_pictures(PAGE, "how/end.md", made)
    names = ["how-end-letter-light.png", "how-end-letter-dark.png"]
    assert re.findall(r"figure\} \.\./drawn/(\S+)", text) == names
    assert text.count(":alt: One letter.\n") == 2
    light, dark = (made / name for name in names)
    assert light.read_bytes()[:4] == dark.read_bytes()[:4] == b"\x89PNG"
    assert light.read_bytes() != dark.read_bytes()
    with pytest.raises(ValueError, match=r"picture other\.png"):
        pictures.with_pictures(PAGE.replace("picture: letter", "picture: other"), "a.md", made)


def test_colours_in_the_dark():
    red, green, blue, alpha = pictures.in_the_dark("black")
    assert red == green == blue > 0.9
    assert alpha == 1.0
    assert max(pictures.in_the_dark("white")[:3]) < 0.1
    blue_in_the_dark = pictures.in_the_dark("#0072B2")
    assert sum(blue_in_the_dark[:3]) > sum((0.0, 0x72 / 255, 0xB2 / 255))


@pytest.mark.parametrize("page", WRITTEN)
def test_pictures_that_a_page_asks_for_are_saved_before(page):
    text = (DOCS / page).read_text("utf-8")
    for wanted in pictures.WANTED.finditer(text):
        saved = [block for block in pictures.BLOCK.finditer(text) if f'"{wanted[1]}"' in block[1]]
        assert saved
        assert saved[0].end() < wanted.start()
    assert text.count("<!-- picture:") == len(pictures.WANTED.findall(text))


def test_formulas_become_mathml():
    pytest.importorskip("latex2mathml")
    pytest.importorskip("docutils")
    mathml = loaded(DOCS / "_site" / "mathml.py")
    assert mathml.mathml(r"\log x", "inline").startswith("<math")
    assert "mspace" in mathml.mathml(r"\log x", "block")


def test_dead_links_are_found(tmp_path):
    (tmp_path / "b.html").write_text('<p id="here">')
    text = '<a href="b.html#here"><a href="b.html#there"><a href="c.html"><a href="https://x.org">'
    page = site_links.Page(text)
    found = {tmp_path / "a.html": page, tmp_path / "b.html": site_links.Page('<p id="here">')}
    assert site_links.dead_links(found) == [
        "a.html: b.html#there names no place of b.html",
        "a.html: c.html leads to no file",
    ]
    assert site_links.other_sites(found) == {"https://x.org": 1}


def test_the_readme_is_short_and_its_picture_can_be_made(tmp_path):
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120
    picture = tmp_path / "front.png"
    loaded(DOCS / "pictures" / "front.py").main(str(picture))
    assert picture.read_bytes()[:24] == (DOCS / "pictures" / "front.png").read_bytes()[:24]
