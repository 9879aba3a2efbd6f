"""Thousands of random CSV are read alike in every way, and as by pandas."""

import gzip
import io

import numpy as np
import pandas
import pytest

from fastgmm.sources import batches, read_table, streams
from random_csv import random_csv

EACH = 300
"""This many are read in each part of the test."""


def another_way(case, path, seed):
    """Read a CSV in batches, from a pipe or compressed, which one by its number."""
    options = {"gaps": "keep"} | case.options
    way = seed % 4
    if way == 0:
        return np.concatenate(list(batches(path, **options)))
    if way == 1:
        return read_table(io.BytesIO(case.text), **options).rows
    packed = way == 3
    pipe = io.BytesIO(gzip.compress(case.text, 1) if packed else case.text)
    return np.concatenate(list(batches(pipe, **options)))


def of_pandas(case):
    options = case.options
    return pandas.read_csv(
        io.BytesIO(case.text),
        sep=options["delimiter"],
        decimal=options["decimal"],
        comment=options["comment"],
        na_values=options["gap_marks"],
        header=0 if options["header"] else None,
        index_col=False,
        skipinitialspace=True,
    )


@pytest.mark.parametrize("part", range(4))
def test_every_way_of_reading_gives_the_numbers(tmp_path, monkeypatch, part):
    path = tmp_path / "x.csv"
    for seed in range(part * EACH, (part + 1) * EACH):
        case = random_csv(seed)
        path.write_bytes(case.text)
        monkeypatch.setattr(streams, "READ_BYTES", 7 if seed % 64 < 4 else 10**6)
        table = read_table(path, gaps="keep", **case.options)
        frame = of_pandas(case)
        for rows in (table.rows, another_way(case, path, seed), frame.to_numpy(dtype=float)):
            np.testing.assert_array_equal(rows, case.rows, f"seed {seed}")
        assert table.columns == case.names, seed
        assert case.names is None or case.names == tuple(frame.columns), seed
