"""Data to rows of finite numbers: whole files at once, or data of any length in batches.

Nothing else in the package knows of files: errors name the source, the line or row and the column
here.
"""

from fastgmm.sources.arrivals import stream
from fastgmm.sources.files import ENDINGS, column_names, read_table
from fastgmm.sources.formats import FORMATS
from fastgmm.sources.reader import batches
from fastgmm.sources.walk import Batches
from fastgmm.tables.table import Table

TABLE_ENDINGS: tuple[str, ...] = ENDINGS
"""The names of the files that `read_table` reads end in one of these."""

__all__ = [
    "FORMATS",
    "TABLE_ENDINGS",
    "Batches",
    "Table",
    "batches",
    "column_names",
    "read_table",
    "stream",
]


def __dir__() -> list[str]:
    return sorted(__all__)
