"""Random CSV of many dialects, with the numbers that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GAPS = ("", "NA", "NaN", "null", "N/A", "n/a", "NULL", "nan", "None", "<NA>")
"""Fields that pandas and this package take for a missing number."""
ENDS = ("\n", "\n", "\r\n", "\r")
"""The ends of lines, the common one twice."""


@dataclass
class RandomCsv:
    """A CSV and what it holds."""

    text: bytes
    rows: np.ndarray
    names: tuple[str, ...] | None
    options: dict[str, object]


def random_csv(seed: int) -> RandomCsv:
    """Make the CSV of this number, the same on every machine."""
    rng = np.random.default_rng([7, seed])
    delimiter = str(rng.choice([",", ",", ";", "\t", "|"]))
    decimal = "," if delimiter != "," and rng.random() < 0.4 else "."
    comment = "#" if rng.random() < 0.3 else None
    marks = ("-999", "x/y") if rng.random() < 0.3 else ()
    n_rows, n_columns = int(rng.integers(1, 9)), int(rng.integers(1, 6))
    named = bool(rng.random() < 0.7)
    rows = np.full((n_rows, n_columns), np.nan)
    fields = [["" for _ in range(n_columns)] for _ in range(n_rows)]
    for i in range(n_rows):
        for j in range(n_columns):
            gap = rng.random() < 0.15
            if gap:
                field = str(rng.choice([*GAPS, *marks]))
                if j == 0 and not field:
                    # A line of one empty field is blank, and pandas loses an empty first field
                    # where lines end with CR.
                    field = "NA"
            else:
                field, rows[i, j] = number(rng)
            fields[i][j] = styled(rng, field.replace(".", decimal), gap=gap)
    names = tuple(name(rng, j) for j in range(n_columns)) if named else None
    records = [[quoted(one) for one in names]] if names else []
    lines = [delimiter.join(record) for record in [*records, *fields]]
    end = str(rng.choice(ENDS))
    parts = []
    for line in lines:
        # pandas takes a comment that follows a quotation mark for a part of the field.
        if comment and rng.random() < 0.3 and not line.endswith('"'):
            parts.append(line + str(rng.choice(["#", "# two; words, and more"])))
        else:
            parts.append(line)
        if rng.random() < 0.1:
            parts.append("")
        if comment and rng.random() < 0.1:
            parts.append("# a line")
    if rng.random() < 0.1:
        parts.insert(0, "")
    text = end.join(parts) + (end if rng.random() < 0.7 else "")
    mark = "\ufeff" if rng.random() < 0.1 else ""
    options = {
        "delimiter": delimiter,
        "decimal": decimal,
        "comment": comment,
        "gap_marks": list(marks),
        "header": named,
    }
    return RandomCsv((mark + text).encode(), rows, names, options)


def number(rng: np.random.Generator) -> tuple[str, float]:
    """A number as text, and as Python reads it."""
    value = float(rng.normal() * 10.0 ** rng.integers(-5, 6))
    style = str(rng.choice(["", ".3f", "+.2e", ".0f", ".6g", ".1E"]))
    text = f"{value:{style}}" if style else repr(value)
    return text, float(text)


def styled(rng: np.random.Generator, field: str, *, gap: bool) -> str:
    """A field in quotation marks or between blanks, now and then."""
    style = rng.random()
    if style < 0.1:
        return quoted(field, always=True)
    # pandas takes blanks around a gap for a part of it.
    return f" {field}" if style < 0.2 and not gap else field


def name(rng: np.random.Generator, j: int) -> str:
    """A name, which may need quotation marks."""
    return str(rng.choice(["x", "a b", "a, b", "c;d", "e\tf", 'g "h"', "\u00e9"])) + f"_{j}"


def quoted(field: str, *, always: bool = False) -> str:
    """A field in quotation marks where it needs them."""
    needs = always or any(mark in field for mark in ',;\t|"#')
    return '"' + field.replace('"', '""') + '"' if needs else field
