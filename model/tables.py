"""Short lists and tables that users type: comma-separated text or the rows of a Processing matrix.
Tables of results: CSV for a spreadsheet, and the same as JSON beside it for programs.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .errors import ParameterInvalid
from .outputs.atomic import atomic_output, write_text


def read_numbers(
    value: str | Sequence[Any] | None, name: str, minimum: float = -math.inf, maximum: float = math.inf
) -> list[float]:
    """Read a list of numbers.

    Args:
        value: text such as ``"30, 20, 20, 20, 10"`` or a sequence of numbers or number texts.
        name: parameter name for the message.
        minimum: smallest value allowed.
        maximum: largest value allowed.

    Returns:
        The numbers; an empty list for empty text or ``None``.

    Raises:
        ParameterInvalid: an entry is not a finite number within the bounds.
    """
    return [_number(entry, name, minimum, maximum) for entry in _entries(value)]


def read_texts(value: str | Sequence[Any] | None) -> list[str]:
    """Read a list of texts, white space around them removed; an empty list for empty text or ``None``."""
    return [str(entry).strip() for entry in _entries(value)]


def read_pairs(
    value: str | Sequence[Any] | None, name: str, minimum: float = -math.inf, maximum: float = math.inf
) -> dict[str, float]:
    """Read a table of two columns, a text and a number, into a mapping.

    Args:
        value: text ``"giant, 600, large, 500"``, the flat list of a Processing matrix, or rows of two.
        name: parameter name for the message.
        minimum: smallest number allowed.
        maximum: largest number allowed.

    Returns:
        The numbers by text, in the order given, white space around the text removed.

    Raises:
        ParameterInvalid: the entries do not come in pairs, a number is no number or a text comes twice.
    """
    entries = _entries(value)
    if len(entries) % 2:
        raise ParameterInvalid(
            f"{name} has {len(entries)} entries, but it takes rows of two: a name and a number. "
            "Add the entry that is missing, or take out the one too many."
        )
    pairs: dict[str, float] = {}
    for key, number in zip(entries[::2], entries[1::2]):
        text = str(key).strip()
        if not text and str(number).strip() == "":
            continue
        if text in pairs:
            raise ParameterInvalid(f'{name} lists "{text}" twice. Keep one of the rows.')
        pairs[text] = _number(number, f'{name}, row "{text}"', minimum, maximum)
    return pairs


def _entries(value: str | Sequence[Any] | None) -> list[Any]:
    """Return the entries of text or of a possibly nested sequence, flat."""
    if value is None:
        return []
    if isinstance(value, str):
        return [entry.strip() for entry in value.replace(";", ",").split(",")] if value.strip() else []
    flat: list[Any] = []
    for entry in value:
        flat.extend(entry) if isinstance(entry, (list, tuple)) else flat.append(entry)
    return flat


def _describe_bounds(minimum: float, maximum: float) -> str:
    """Return in words which numbers are right."""
    if math.isinf(maximum):
        return "a finite number" if math.isinf(minimum) else f"a number from {minimum:g} up"
    return f"a number from {minimum:g} to {maximum:g}"


def _number(entry: Any, name: str, minimum: float, maximum: float) -> float:
    try:
        number = float(str(entry).strip())
    except ValueError:
        raise ParameterInvalid(
            f'{name} should hold numbers, but one entry is "{entry}". Write a number there, with a '
            "point for decimals and a comma between entries."
        ) from None
    if not math.isfinite(number) or not minimum <= number <= maximum:
        raise ParameterInvalid(f"{name} holds {entry}. Write {_describe_bounds(minimum, maximum)} there.")
    return number


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
    plain = [[_json_value(value) for value in row] for row in rows]
    with (
        atomic_output(output) as temporary,
        open(temporary, "w", newline="", encoding="utf-8", errors="replace") as stream,
    ):
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows([[_csv_cell(cell) for cell in row] for row in plain])
    write_text(
        json_sibling(output),
        json.dumps([dict(zip(columns, row)) for row in plain], indent=1, ensure_ascii=False) + "\n",
    )


def prepend_region(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], region: str
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


def json_sibling(output: str | os.PathLike) -> Path:
    """Return the path of the JSON file beside a table: its name with ``.json`` for ``.csv``, or else behind it."""
    path = Path(output)
    # Only that ending is taken off: what follows the dot of "run 1.2" is no ending, and "t.json" is the table itself.
    return path.with_suffix(".json") if path.suffix.lower() == ".csv" else path.with_name(f"{path.name}.json")


def _csv_cell(cell: Any) -> Any:
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


def _json_value(value: Any) -> Any:
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
