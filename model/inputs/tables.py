"""Short lists and tables that users type: comma-separated text or the rows of a Processing matrix."""

from __future__ import annotations

import math
from typing import Any, Sequence

from ..errors import ParameterInvalid


def read_numbers(value: str | Sequence[Any] | None, name: str, minimum: float = -math.inf,
                 maximum: float = math.inf) -> list[float]:
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


def read_pairs(value: str | Sequence[Any] | None, name: str, minimum: float = -math.inf,
               maximum: float = math.inf) -> dict[str, float]:
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
        raise ParameterInvalid(f"{name} has {len(entries)} entries, but it takes rows of two: a name and a number. "
                               "Add the entry that is missing, or take out the one too many.")
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


def _wanted(minimum: float, maximum: float) -> str:
    """Return in words which numbers are right."""
    if math.isinf(maximum):
        return "a finite number" if math.isinf(minimum) else f"a number from {minimum:g} up"
    return f"a number from {minimum:g} to {maximum:g}"


def _number(entry: Any, name: str, minimum: float, maximum: float) -> float:
    try:
        number = float(str(entry).strip())
    except ValueError:
        raise ParameterInvalid(f'{name} should hold numbers, but one entry is "{entry}". Write a number there, with a '
                               "point for decimals and a comma between entries.") from None
    if not math.isfinite(number) or not minimum <= number <= maximum:
        raise ParameterInvalid(f"{name} holds {entry}. Write {_wanted(minimum, maximum)} there.")
    return number
