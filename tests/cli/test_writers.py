"""Writers of results: kept columns before the numbers, in each form."""

import io

import numpy as np
import pyarrow
import pytest

from fastgmm.cli import writers
from fastgmm.cli.writers import Csv, Field, Form, Json, Npy

FIELDS = [Field("number", ["number"])]
KEPT = pyarrow.table({"id": ["a", "b,c", "d"]})
FORM = Form(None, kept=("id",))


def test_text_with_columns_that_are_kept(monkeypatch):
    monkeypatch.setattr(writers, "LINES_AT_ONCE", 2)
    sink = io.BytesIO()
    writer = Csv(sink, ["number"], FORM)
    writer.write([np.array([1.5, 1e-300])], np.array([True, False, True]), KEPT)
    assert sink.getvalue() == b'id,number\na,1.5\n"b,c",\nd,1e-300\n'


def test_numbers_are_those_without_columns_that_are_kept(rng):
    """The text of a number does not depend on what stands beside it."""
    values = np.concatenate([rng.normal(size=50), 10.0 ** rng.integers(-300, 300, 50), [-0.0, 7]])
    alone, beside = io.BytesIO(), io.BytesIO()
    Csv(alone, ["number"], Form(None)).write([values])
    kept = pyarrow.table({"id": [""] * len(values)})
    Csv(beside, ["number"], FORM).write([values], None, kept)
    lines = alone.getvalue().decode().splitlines()[1:]
    assert beside.getvalue().decode().splitlines()[1:] == [f",{line}" for line in lines]


def test_json_with_columns_that_are_kept():
    stream = io.StringIO()
    Json(stream, FIELDS, FORM).write([np.array([1, 2])], np.array([True, False, True]), KEPT)
    assert stream.getvalue().splitlines() == [
        '{"id": "a", "number": 1}',
        '{"id": "b,c", "number": null}',
        '{"id": "d", "number": 2}',
    ]


def test_an_array_has_no_text():
    with pytest.raises(ValueError, match=r"^--keep is for text, and x\.npy holds numbers alone: "):
        Npy(io.BytesIO(), 1, FORM._replace(path="x.npy"))
