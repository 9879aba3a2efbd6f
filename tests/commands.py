"""What tests of the command start, and how they read what it prints."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np

FAITHFUL = str(Path(__file__).parent.parent / "data" / "faithful.csv")


def process(*words, **options):
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "fastgmm", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def rows_of(text):
    """Return the header and the numbers of a CSV."""
    header, *lines = csv.reader(io.StringIO(text))
    return header, np.array([[float(field) for field in line] for line in lines])
