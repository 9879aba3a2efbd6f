"""Pictures as files, written without pyplot and without a display.

Nothing is imported from matplotlib before a picture is asked for.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastgmm.archive.replacement import replace_file
from fastgmm.errors import missing_package_error
from fastgmm.limits.scalars import as_path, clipped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
"""Pictures of pixels have this resolution, so that a panel of a grid has sharp letters."""


def import_matplotlib() -> None:
    """Find out before any work whether there is a matplotlib.

    Raises
    ------
    ImportError
        If it is not installed; the sentence says how to install it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_package_error("Pictures need", "matplotlib", "plot") from error


def check_picture_name(path: str | os.PathLike[str]) -> None:
    """Refuse a file name that `save_mixture` could not write, before any work is done.

    Parameters
    ----------
    path : str or path
        The name of the picture.

    Raises
    ------
    ValueError
        If matplotlib does not write the format.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> check_picture_name("fits.png")
    >>> check_picture_name("fits.doc")
    Traceback (most recent call last):
    ValueError: The picture fits.doc must end in one of ...
    """
    import_matplotlib()
    path = as_path(path, "path")
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in known:
        raise ValueError(f"The picture {clipped(path)} must end in one of .{', .'.join(known)}.")


@contextlib.contextmanager
def picture_file(path: str | os.PathLike[str]) -> Iterator[Figure]:
    """Lend a figure and write it to a file when all is drawn; after an error nothing is written.

    The picture takes the place of an old one in one step, as a model does.

    Parameters
    ----------
    path : str or path
        The name of the picture.

    Yields
    ------
    Figure
        An empty one, with room for legends beside the axes.

    Raises
    ------
    ValueError, ImportError
        As `check_picture_name`.
    """
    check_picture_name(path)
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    yield figure
    drawn = io.BytesIO()
    figure.savefig(drawn, format=Path(as_path(path, "path")).suffix[1:].lower(), dpi=DOTS_PER_INCH)
    replace_file(path, drawn.getvalue())
