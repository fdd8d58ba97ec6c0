"""Tables of results: CSV for a spreadsheet, and the same as JSON beside it for programs."""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path
from typing import Any, Iterable, Sequence

from .files import complete_or_absent, write_text

DIGITS = 10
"""Significant digits of a number; what is beyond is rounding of the computer."""


def write_table(output: str | os.PathLike, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as CSV, and beside it under the same name a ``.json`` with one object a row; each whole or not.

    Args:
        output: path of the CSV file.
        columns: names.
        rows: as many values each as there are columns: text, numbers, truth values or ``None``. A number that is not
            finite is no number: an empty cell, ``null`` in JSON.

    Raises:
        OutputNotWritable: a file cannot be written.
    """
    plain = [[_plain(value) for value in row] for row in rows]
    with complete_or_absent(output) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows(plain)
    write_text(json_beside(output), json.dumps([dict(zip(columns, row)) for row in plain], indent=1,
                                               ensure_ascii=False) + "\n")


def json_beside(output: str | os.PathLike) -> Path:
    """Return the path of the JSON file beside a table."""
    return Path(output).with_suffix(".json")


def _plain(value: Any) -> Any:
    """Return a value as both formats write it."""
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
