"""The pictures of the pages: the examples that draw them are run, and what they save is shown.

A page asks for a picture by a comment, which a code host does not show, after the example that
saves it:

    <!-- picture: geyser.png The two kinds of eruption. -->

Every picture is there twice, on white and on black: pages are read in the light and in the dark.
"""

from __future__ import annotations

import colorsys
import contextlib
import doctest
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WANTED = re.compile(r"^<!-- picture: ([\w-]+\.png) (.*?) -->$", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SIZE = (5.6, 3.7)
"""Inches: letters of ten points can still be read where the picture is as wide as a phone."""

GREY = 0.1
"""A colour whose channels differ by less than this is a grey."""

LEAST_LIGHTNESS = 0.58
"""Darker colours than this would be lost on black."""


def in_the_dark(colour: Any) -> tuple[float, ...]:
    """The colour that takes the place of one on black: greys turn around, dark colours lighten.

    Parameters
    ----------
    colour : color
        Whatever matplotlib takes for one.
    """
    from matplotlib.colors import to_rgba

    red, green, blue, alpha = to_rgba(colour)
    if max(red, green, blue) - min(red, green, blue) < GREY:
        grey = 0.92 - 0.84 * (red + green + blue) / 3
        return grey, grey, grey, alpha
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    return *colorsys.hls_to_rgb(hue, max(lightness, LEAST_LIGHTNESS), saturation), alpha


def darken(figure: Any) -> None:
    """Give all parts of a figure the colours that they have on black."""
    names = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
    for artist in figure.findobj():
        # All are looked at before one is set: the edge of a marker may follow its line's colour.
        changes = [(name, getattr(artist, f"get_{name}", None)) for name in names]
        found = [(name, getter()) for name, getter in changes if getter is not None]
        for name, colour in found:
            if isinstance(colour, str) and colour in ("none", "auto"):
                continue
            many = getattr(colour, "ndim", 1) == 2
            setter = getattr(artist, f"set_{name}")
            setter([in_the_dark(one) for one in colour] if many else in_the_dark(colour))
        for effect in artist.get_path_effects() or ():
            if "foreground" in getattr(effect, "_gc", {}):
                effect._gc["foreground"] = in_the_dark(effect._gc["foreground"])


@contextlib.contextmanager
def saved_twice() -> Iterator[list[bytes]]:
    """Save each figure that is saved on black as well, and lend the list of these pictures."""
    import matplotlib
    from matplotlib.figure import Figure

    plain = Figure.savefig
    pictures: list[bytes] = []

    def savefig(figure: Any, *args: Any, **settings: Any) -> None:
        plain(figure, *args, **settings)
        darken(figure)
        drawn = io.BytesIO()
        plain(figure, drawn, format="png", dpi=settings.get("dpi", 150), transparent=True)
        pictures.append(drawn.getvalue())

    Figure.savefig = savefig  # type: ignore[method-assign]
    try:
        with matplotlib.rc_context({"figure.figsize": SIZE, "savefig.dpi": 150}):
            yield pictures
    finally:
        Figure.savefig = plain  # type: ignore[method-assign]


def draw(text: str, page: str) -> dict[str, tuple[bytes, bytes]]:
    """Run the examples of a page in the working directory and return its pictures by name.

    Parameters
    ----------
    text : str
        The page.
    page : str
        Its name, for the traceback of an example that fails.
    """
    namespace: dict[str, Any] = {}
    found: dict[str, tuple[bytes, bytes]] = {}
    with saved_twice() as dark, contextlib.redirect_stdout(io.StringIO()):
        for block in BLOCK.finditer(text):
            for example in doctest.DocTestParser().get_examples(block[1]):
                seen = len(dark)
                # The tests compare the results; here only pictures count.
                exec(compile(example.source, page, "single"), namespace)
                if len(dark) > seen:
                    name = re.findall(r"[\w-]+\.png", example.source)[-1]
                    found[name] = (Path(name).read_bytes(), dark[-1])
    return found


def with_pictures(text: str, page: str, pictures: Path) -> str:
    """The text of a page with its pictures in place of the comments.

    Parameters
    ----------
    text : str
        The page.
    page : str
        Its place on the site.
    pictures : Path
        Where pictures are written.

    Raises
    ------
    ValueError
        If no example saves a picture that the page asks for.
    """
    if not WANTED.search(text):
        return text
    drawn = draw(text, page)
    stem = page.removesuffix(".md").replace("/", "-")
    up = os.path.relpath(pictures.name, os.path.dirname(page) or ".")

    def shown(match: re.Match[str]) -> str:
        name, caption = match[1], " ".join(match[2].split())
        if name not in drawn:
            raise ValueError(f"{page} asks for the picture {name}, which no example saves.")
        figures = []
        for theme, picture in zip(("light", "dark"), drawn[name], strict=True):
            file = f"{stem}-{name.removesuffix('.png')}-{theme}.png"
            (pictures / file).write_bytes(picture)
            options = f":alt: {caption}\n:figclass: only-{theme}"
            figures.append(f"```{{figure}} {up}/{file}\n{options}\n\n{caption}\n```\n")
        return "\n".join(figures)

    return WANTED.sub(shown, text)
