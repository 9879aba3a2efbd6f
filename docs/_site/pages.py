"""The pages of the site, put together from those that a code host shows.

The same files are read in both places. On the site some that lie outside of `docs/` are pages too,
links to source files lead to the code host, and pictures stand where the pages ask for them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

HOST = "https://github.com/fastgmm/fastgmm/blob/HEAD"
"""The code host shows the files of the project that are no pages at these addresses."""

MOVED = {
    "README.md": "index.md",
    "docs/README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "data/README.md": "data_files.md",
}
"""Files of the project that are pages of the site under another name."""

LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def place_of(file: str) -> str | None:
    """Where the site has a file of the project; None where it has none.

    Parameters
    ----------
    file : str
        Its path from the root of the project.
    """
    if file in MOVED:
        return MOVED[file]
    if file.startswith("docs/"):
        return file.removeprefix("docs/")
    if file.startswith("benchmarks/") and file.endswith(".md") and file.count("/") == 1:
        return "benchmarks/index.md" if file.endswith("/README.md") else file
    return None


def with_links(text: str, file: str) -> str:
    """The text of a page, with its links as they are on the site.

    Parameters
    ----------
    text : str
        Markdown; what stands in fences stays as it is, but for a blank line at its end.
    file : str
        The page's path from the root of the project.
    """
    here = place_of(file) or file

    def changed(match: re.Match[str]) -> str:
        target = match[1]
        path, hash_mark, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", target):
            return target
        meant = os.path.normpath(os.path.join(os.path.dirname(file), path))
        place = place_of(meant)
        if place is None:
            return f"{HOST}/{meant}{hash_mark}{anchor}"
        return os.path.relpath(place, os.path.dirname(here) or ".") + hash_mark + anchor

    parts, end = [], 0
    for fence in FENCED.finditer(text):
        # The blank line that ends an example for doctest would be an empty one of its box.
        code = fence[0].replace("\n\n```", "\n```")
        parts += [LINK.sub(changed, text[end : fence.start()]), code]
        end = fence.end()
    return "".join([*parts, LINK.sub(changed, text[end:])])


def pages_of(root: Path) -> dict[str, str]:
    """Return the file of each page of the site: where it lies in the project, by its place.

    Parameters
    ----------
    root : Path
        The root of the project.
    """
    files = [*root.glob("docs/**/*.md"), *root.glob("benchmarks/*.md")]
    named = [file.relative_to(root).as_posix() for file in files]
    named += ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md"]
    # The list of pages that a code host shows is the side bar of the site.
    return {place_of(file) or file: file for file in named if file != "docs/README.md"}
