"""Tables of results: CSV for a spreadsheet, and the same as JSON beside it for programs."""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path
from typing import Any, Iterable, Sequence

from .files import complete_or_absent, write_text

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet takes for a formula."""

DIGITS = 10
"""Significant digits of a number; what is beyond is rounding of the computer."""


def write_table(output: str | os.PathLike, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as CSV, and beside it under the same name a ``.json`` with one object a row; each whole or not.

    Args:
        output: path of the CSV file.
        columns: names.
        rows: as many values each as there are columns: text, numbers, truth values or ``None``. A number that is not
            finite is no number: an empty cell, ``null`` in JSON. Texts come from layers of other people, and a
            spreadsheet would compute those that begin as a formula does: in the CSV they begin with an apostrophe.

    Raises:
        OutputNotWritable: a file cannot be written.
    """
    plain = [[_plain(value) for value in row] for row in rows]
    with complete_or_absent(output) as temporary, \
            open(temporary, "w", newline="", encoding="utf-8", errors="replace") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows([[_cell(cell) for cell in row] for row in plain])
    write_text(json_beside(output), json.dumps([dict(zip(columns, row)) for row in plain], indent=1,
                                               ensure_ascii=False) + "\n")


def with_region(columns: Sequence[str], rows: Iterable[Sequence[Any]], region: str
                ) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows with the region in front, so that tables of several regions can be put together.

    Args:
        columns: names.
        rows: values.
        region: its name; nothing is added when it is empty.
    """
    if not region:
        return list(columns), [list(row) for row in rows]
    return ["region", *columns], [[region, *row] for row in rows]


def json_beside(output: str | os.PathLike) -> Path:
    """Return the path of the JSON file beside a table: its name with ``.json`` for ``.csv``, or else behind it."""
    path = Path(output)
    # Only that ending is taken off: what follows the dot of "run 1.2" is no ending, and "t.json" is the table itself.
    return path.with_suffix(".json") if path.suffix.lower() == ".csv" else path.with_name(f"{path.name}.json")


def _cell(cell: Any) -> Any:
    """Return a cell of a CSV that no spreadsheet computes and that stays in its row; numbers may begin with a sign."""
    if not isinstance(cell, str):
        return cell
    formula = cell.startswith(_FORMULA)
    # Python's own writer quotes one kind of line break only.
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    try:
        float(cell)
    except ValueError:
        return f"'{cell}" if formula else cell
    return cell


def _plain(value: Any) -> Any:
    """Return a value as both formats write it."""
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    # The largest number there is has no room above it to be rounded into.
    return rounded if math.isfinite(rounded) else value
