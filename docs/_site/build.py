"""Build the site: python docs/_site/build.py SCRATCH writes it to SCRATCH/html.

SCRATCH/source holds the pages as Sphinx reads them. Warnings are errors.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

from pages import pages_of, with_links
from reference import reference
from sphinx.cmd.build import main as sphinx

from pictures import with_pictures

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def assemble(source: Path) -> None:
    """Write all pages, pictures and settings of the site into an empty folder."""
    pictures = source / "drawn"
    pictures.mkdir(parents=True)
    shutil.copytree(HERE / "static", source / "static")
    shutil.copytree(ROOT / "docs" / "pictures", source / "pictures")
    workplace = source.parent / "examples"
    shutil.copytree(ROOT / "data", workplace / "data", dirs_exist_ok=True)
    for place, file in pages_of(ROOT).items():
        text = with_links((ROOT / file).read_text(encoding="utf-8"), file)
        with contextlib.chdir(workplace):
            text = with_pictures(text, place, pictures)
        write(source / place, text)
    for place, text in reference((source / "api.md").read_text(encoding="utf-8")).items():
        write(source / place, text)


def write(path: Path, text: str) -> None:
    """Write a page, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main(scratch: Path) -> int:
    """Assemble the pages and call Sphinx."""
    os.environ["MPLBACKEND"] = "agg"
    source = scratch / "source"
    shutil.rmtree(source, ignore_errors=True)
    assemble(source)
    words = ["-W", "--keep-going", "-n", "-q", "-b", "html", "-c", str(HERE)]
    return sphinx([*words, str(source), str(scratch / "html")])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
