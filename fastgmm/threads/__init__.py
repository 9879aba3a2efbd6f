"""How many threads there are, and how they share work."""

from fastgmm.threads.blocks import (
    AHEAD,
    FEWEST_ROWS,
    MOST_ROWS,
    Result,
    fold_blocks,
    rows_per_block,
    run_blocks,
    threads_used,
)
from fastgmm.threads.helpers import Cancelled, Flag
from fastgmm.threads.many import as_they_come, as_they_end
from fastgmm.threads.processors import at_most, available_threads, free_threads

__all__ = [
    "AHEAD",
    "FEWEST_ROWS",
    "MOST_ROWS",
    "Cancelled",
    "Flag",
    "Result",
    "as_they_come",
    "as_they_end",
    "at_most",
    "available_threads",
    "fold_blocks",
    "free_threads",
    "rows_per_block",
    "run_blocks",
    "threads_used",
]
