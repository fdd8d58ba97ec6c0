"""Short lists and tables that users type, and tables of results as CSV and JSON."""

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
from .texts import shorten
from .written_numbers import parse_number, read_number


def read_numbers(
    value: str | Sequence[Any] | None, name: str, minimum: float = -math.inf, maximum: float = math.inf
) -> list[float]:
    """Read ``"30, 20, 20"`` or a sequence; raises ParameterInvalid for what is no finite number within the bounds."""
    return [_number(entry, name, minimum, maximum) for entry in _entries(value)]


def read_texts(value: str | Sequence[Any] | None) -> list[str]:
    """Read a list of texts, white space around them removed; an empty list for empty text or ``None``."""
    return [str(entry).strip() for entry in _entries(value)]


def read_pairs(
    value: str | Sequence[Any] | None, name: str, minimum: float = -math.inf, maximum: float = math.inf, unit: str = ""
) -> dict[str, float]:
    """Read a table of a text and a number column: ``"giant, 600, large, 500"``, a flat list, or rows of two.

    Returns the numbers by text, stripped, in the order given. Raises ParameterInvalid if the entries of the parameter
    ``name`` are not pairs, a number is no number within the bounds, or a text occurs twice.

    ``unit`` is that of the numbers, a key of ``written_numbers.UNITS``, and may stand behind them.
    """
    entries = _entries(value, in_pairs=True)
    if len(entries) % 2:
        raise ParameterInvalid(
            f"{name} has {len(entries)} entries, but it takes rows of two: a name and a number. "
            "Add the missing entry, or remove the extra one."
        )
    pairs: dict[str, float] = {}
    for key, number in zip(entries[::2], entries[1::2]):
        text = str(key).strip()
        if not text and str(number).strip() == "":
            continue
        if text in pairs:
            raise ParameterInvalid(f'{name} lists "{text}" twice. Keep one of the rows.')
        pairs[text] = _number(number, f'{name}, row "{text}"', minimum, maximum, unit)
    return pairs


def _entries(value: str | Sequence[Any] | None, in_pairs: bool = False) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str):
        return _split(value, in_pairs) if value.strip() else []
    flat: list[Any] = []
    for entry in value:
        flat.extend(entry) if isinstance(entry, (list, tuple)) else flat.append(entry)
    return flat


def _split(text: str, in_pairs: bool) -> list[str]:
    """Return the entries of text between commas or semicolons; a comma between semicolons may be a decimal one.

    In a table of pairs a comma in every part separates the two, as in ``10,60; 20,50``.
    """
    parts = [part.strip() for part in text.split(";")]
    written = [parse_number(part) for part in parts if "," in part]
    are_rows = in_pairs and len(written) == len(parts)
    if len(parts) > 1 and written and not are_rows and all(one and one.with_point is None for one in written):
        return parts
    return [entry.strip() for part in parts for entry in part.split(",")]


def _number(entry: Any, name: str, minimum: float, maximum: float, unit: str = "") -> float:
    text = str(entry).strip()
    try:
        number = float(text)
    except ValueError:
        try:
            number = read_number(text, unit)
        except ValueError:
            wanted = f"in {unit}, " if unit else ""
            raise ParameterInvalid(
                f'{name} should hold numbers, but one entry is "{shorten(entry)}". Write a number there, {wanted}with '
                "a point for decimals and a comma between entries."
            ) from None
    if not math.isfinite(number) or not minimum <= number <= maximum:
        allowed = f"a number from {minimum:g} to {maximum:g}"
        if math.isinf(maximum):
            allowed = "a finite number" if math.isinf(minimum) else f"a number from {minimum:g} up"
        raise ParameterInvalid(f"{name} holds {shorten(entry)}. Write {allowed} there.")
    return number


_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a text begins that a spreadsheet takes for a formula
DIGITS = 10  # significant digits of a number; what is beyond is rounding of the computer


def write_table(output: str | os.PathLike, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as CSV and, beside it under the same name, as ``.json`` with one object per row; each atomically.

    Cells are text, numbers, truth values or ``None``. A number that is not finite becomes an empty cell and ``null`` in
    JSON. Texts come from untrusted layers, and a spreadsheet would evaluate those that look like a formula: in the CSV
    they begin with an apostrophe. Raises OutputNotWritable.
    """
    plain = [[_json_value(value) for value in row] for row in rows]
    with atomic_output(output) as part, open(part, "w", newline="", encoding="utf-8", errors="replace") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows([[_csv_cell(cell) for cell in row] for row in plain])
    content = json.dumps([dict(zip(columns, row)) for row in plain], indent=1, ensure_ascii=False)
    write_text(json_sibling(output), f"{content}\n")


def prepend_region(columns: Sequence[str], rows: Iterable[Sequence[Any]], region: str) -> tuple[list[str], list[list]]:
    """Return columns and rows with a region column in front, unless the region is empty."""
    column, cell = (["region"], [region]) if region else ([], [])
    return [*column, *columns], [[*cell, *row] for row in rows]


def json_sibling(output: str | os.PathLike) -> Path:
    """Return the path of the JSON file beside a table: ``.json`` replaces ``.csv``, and is appended otherwise."""
    path = Path(output)
    # Only .csv is replaced: what follows the dot of "run 1.2" is no suffix, and "t.json" is the table itself.
    return path.with_suffix(".json") if path.suffix.lower() == ".csv" else path.with_name(f"{path.name}.json")


def _csv_cell(cell: Any) -> Any:
    """Return a CSV cell that no spreadsheet evaluates and that stays in its row; numbers may begin with a sign."""
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
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    # Rounding the largest float up would make it infinite.
    return rounded if math.isfinite(rounded) else value
