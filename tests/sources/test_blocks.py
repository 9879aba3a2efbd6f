"""Blocks of any size become the same batches, in bounded memory."""

import os
import subprocess
import sys

import numpy as np
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import ipc, parquet

from fastgmm.sources import batches, streams
from source_support import FILES, FRAMES, PATIENCE, arrow_table, source_of, write_arrow


@pytest.mark.parametrize("kind", [*FILES, *FRAMES])
def test_blocks_are_joined_and_cut(tmp_path, rng, monkeypatch, kind):
    """As above where a block is smaller than a batch: what a file of gigabytes looks like."""
    monkeypatch.setattr("fastgmm.sources.blocks.FEWEST_NUMBERS", 8)
    monkeypatch.setattr("fastgmm.sources.blocks.MOST_NUMBERS", 40)
    monkeypatch.setattr(streams, "READ_BYTES", 501)
    rows = rng.normal(size=(257, 4))
    source = source_of(tmp_path, kind, rows)
    for batch_rows in (1, 10, 23, 256, 257, 1000):
        found = list(batches(source, batch_rows=batch_rows))
        assert [len(batch) for batch in found[:-1]] == [batch_rows] * (256 // batch_rows)
        np.testing.assert_array_equal(np.concatenate(found), rows)


PEAK = """
import sys
from fastgmm.sources import batches

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))

small, large = sys.argv[1:]
options = dict(batch_rows=4096)
for rows in batches(small, **options):  # imports, and the pools of pyarrow
    pass
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins anew
before = status("VmRSS")
n_rows = sum(len(rows) for rows in batches(large, **options))
print(n_rows, status("VmHWM") - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="Linux counts the peak")
@pytest.mark.parametrize("kind", ["npy", "fortran", "parquet", "arrow", "one batch", "csv"])
def test_memory_is_bounded(tmp_path, kind):
    """96 MiB of rows, in one row group or record batch where the file has such."""
    rows = np.random.default_rng(0).integers(100, size=(1_572_864, 8)).astype(np.float64)
    paths = []
    for name, part in (("small", rows[:5000]), ("large", rows)):
        path = tmp_path / f"{name}.{kind}"
        table = arrow_table(part, tuple("abcdefgh"))
        if kind in ("npy", "fortran"):
            path = path.with_suffix(".npy")
            np.save(path, part if kind == "npy" else np.asfortranarray(part))
        elif kind == "parquet":
            # Without a dictionary and compression, of which a row group would be a small part.
            options = {"use_dictionary": False, "compression": "none"}
            parquet.write_table(table, path, row_group_size=len(part), **options)
        elif kind == "csv":
            arrow_csv.write_csv(table, path)
        else:
            path = path.with_suffix(".arrow")
            write_arrow(ipc.new_file, table, path, 10_000 if kind == "arrow" else len(part))
        paths.append(str(path))
    run = subprocess.run(
        [sys.executable, "-P", "-c", PEAK, *paths],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    n_rows, kibibytes = map(int, run.stdout.split())
    assert n_rows == len(rows)
    assert kibibytes < 48 * 1024
