"""Data to rows of finite numbers: whole files at once, or data of any length in batches.

Behind this layer nothing knows of files: errors name the source, the line or row and the column
here.
"""

from fastgmm.sources.files import column_names, read_table
from fastgmm.sources.reader import Batches, batches

__all__ = ["Batches", "batches", "column_names", "read_table"]
