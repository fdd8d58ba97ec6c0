"""Numbers written as text: decimal commas, thousands separators, units and marks for missing values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import FieldUnusable
from .texts import REPLACEMENT, clean_label, is_no_value, join_names, shorten

_A_YEAR = r"(?:\s*(?:/|per|pro|par)?\s*(?:a|y|yr|year|jahr|an|annum|年)(?:\s*(?:-|\^-)1)?|\s*p\.?\s?a\.?)?"
UNITS = {
    "mm": rf"(?i)(?:mm|millimet(?:er|re)s?|毫米){_A_YEAR}",
    "cm": rf"(?i)(?:cm|centimet(?:er|re)s?){_A_YEAR}",
    "in": rf"(?i)(?:in\.?|inch(?:es)?|\"|″){_A_YEAR}",
    "K": r"K|kelvins?",
    "°F": r"(?i)(?:°|º|deg\.?|degrees?)?\s*f(?:ahrenheit)?|℉",
    "°C": r"(?i)(?:°|º|deg\.?|degrees?)?\s*c(?:elsius)?|℃|摄氏度|度",
    "days": r"(?i)d|days?|天|日",
    "m": rf"(?i)(?:m|met(?:er|re)s?|米){_A_YEAR}",
    "m²": r"(?i)m2|m²|m\^2|sq\.?\s?m|qm|square met(?:er|re)s?|平方米",
    "1/mm": r"(?i)(?:1\s*)?/\s*mm|mm\s*(?:-|\^-)1",
}
"""Regular expression of what may follow a number, by the unit that the number should have."""
_MISSING = frozenset(("?", "??", "..", "...", "…", "/", "\\", "missing", "unknown", "no value"))
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2032": "'", "\u2212": "-", "\u2013": "-"})
_NUMBER = re.compile(r"([+-]?)\s*([0-9.,](?:[0-9.,' ]*[0-9.,])?)(e[+-]?[0-9]{1,3})?\s*((?![0-9.,+'\s-]).*)?", re.I)
_GROUPED = re.compile(r"[1-9]\d{0,2}([, '])\d{3}(?:\1\d{3})*(?:\.\d*)?|[1-9]\d?(?:,\d\d)+,\d{3}(?:\.\d*)?")
_PLAIN = re.compile(r"\d+\.?\d*|\.\d+")
_SWAPPED = str.maketrans(".,", ",.")


@dataclass
class WrittenNumber:
    """The number in a text: with a decimal point and with a decimal comma, ``None`` where it cannot be read so."""

    with_point: float | None
    with_comma: float | None
    unit: str = ""  # what follows the number

    @property
    def is_ambiguous(self) -> bool:
        """Whether both readings give a number, and not the same one."""
        return None not in (self.with_point, self.with_comma) and self.with_point != self.with_comma


@dataclass
class NumberColumn:
    """The values of a field."""

    values: list[float]  # NaN where there is none
    notes: list[str] = field(default_factory=list)  # how text was read, for the log
    warnings: list[str] = field(default_factory=list)  # what counts as missing


def parse_number(text: str) -> WrittenNumber | None:
    """Return the number in a text; ``None`` if there is none, or more than one."""
    text = clean_label(text).translate(_APOSTROPHES)
    first, _, rest = text.partition(" ")
    if rest[:1].isdigit() and any(re.fullmatch(unit, rest) for unit in UNITS.values()):
        # The unit begins with a digit, which is no part of the number.
        number = parse_number(first)
        return None if number is None or number.unit else WrittenNumber(number.with_point, number.with_comma, rest)
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    sign, digits, exponent, unit = found.groups()
    point = _number_of(digits, sign, exponent or "")
    comma = _number_of(digits.translate(_SWAPPED), sign, exponent or "")
    return None if point is None and comma is None else WrittenNumber(point, comma, (unit or "").strip())


def _number_of(digits: str, sign: str, exponent: str) -> float | None:
    """Return the number with ``.`` as decimal mark and other marks between groups of three digits."""
    if not _PLAIN.fullmatch(digits) and not _GROUPED.fullmatch(digits):
        return None
    number = float(sign + re.sub("[, ']", "", digits) + exponent)
    return number if math.isfinite(number) else None


def is_missing(text: str) -> bool:
    """Whether a text stands for a missing number: NA, a dash, a question mark."""
    text = clean_label(text).casefold()
    return text in _MISSING or text == "na" or (is_no_value(text) and not text[-1].isdigit())


def read_column(values: Sequence[Any], where: str, unit: str = "") -> NumberColumn:
    """Return the numbers of a field, ``None`` and blank text as NaN.

    Whether a comma is a decimal mark or stands between thousands is taken from the whole field; a field that leaves it
    open is refused.

    Args:
        values: one per feature.
        where: the field and its layer, at the beginning of a sentence.
        unit: unit of the numbers, a key of :data:`UNITS`; empty for numbers without a unit.

    Raises:
        FieldUnusable: a value is no number, may be one of two numbers, or has another unit.
    """
    column = NumberColumn([math.nan] * len(values))
    texts: dict[str, list[int]] = {}
    for index, value in enumerate(values):
        if isinstance(value, str):
            if value.strip():
                texts.setdefault(value, []).append(index)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            column.values[index] = float(value)
        elif value is not None:
            texts.setdefault(str(value), []).append(index)
    missing = {text: len(found) for text, found in texts.items() if is_missing(text)}
    numbers = {text: parse_number(text) for text in texts if text not in missing}
    _require_numbers(numbers, texts, where, unit)
    chosen = _choose_readings({text: number for text, number in numbers.items() if number}, texts, where)
    for text, number in chosen.items():
        for index in texts[text]:
            column.values[index] = number
    if missing:
        marks = join_names([f'"{shorten(text)}" ({number})' for text, number in missing.items()])
        column.warnings.append(f"{where} holds marks that are no numbers: {marks}. They count as missing.")
    unusual = [text for text, number in chosen.items() if not _is_as_written(text, number)]
    if unusual:
        examples = join_names([f'"{shorten(text)}" as {chosen[text]:.10g}' for text in unusual], 2)
        column.notes.append(f"{where} holds text, which is read as numbers: {examples}.")
    return column


def _is_as_written(text: str, number: float) -> bool:
    try:
        return float(text) == number
    except ValueError:
        return False


def _require_numbers(
    numbers: dict[str, WrittenNumber | None], texts: dict[str, list[int]], where: str, unit: str
) -> None:
    """Raise for text that is no number, and for a number with another unit."""
    wrong = [text for text, number in numbers.items() if number is None]
    if wrong:
        count = sum(len(texts[text]) for text in wrong)
        also = f", and {count - 1:,} more values are no numbers" if count > 1 else ""
        found = f'feature {texts[wrong[0]][0] + 1} has "{shorten(wrong[0])}"{also}'
        encoding = " or set the right encoding of the layer" if any(REPLACEMENT in text for text in wrong) else ""
        raise FieldUnusable(
            f"{where} should hold numbers, but {found}. Choose another field, or fix the value{encoding}."
        )
    taken = UNITS.get(unit)
    other = [
        text for text, one in numbers.items() if one and one.unit and not (taken and re.fullmatch(taken, one.unit))
    ]
    if other:
        count = sum(len(texts[text]) for text in other)
        wanted = f"numbers in {unit}" if unit else "numbers without a unit"
        found = f'feature {texts[other[0]][0] + 1} has "{shorten(other[0])}" ({count:,} such values)'
        raise FieldUnusable(f"{where} should hold {wanted}, but {found}. Convert the values, or choose another field.")


def _choose_readings(numbers: dict[str, WrittenNumber], texts: dict[str, list[int]], where: str) -> dict[str, float]:
    """Return the number of each text, with decimal points or commas as the other values of the field show."""
    points = any(one.with_comma is None for one in numbers.values())
    commas = any(one.with_point is None for one in numbers.values())
    chosen: dict[str, float] = {}
    unclear = []
    for text, one in numbers.items():
        has_comma = "," in clean_label(text)
        if one.is_ambiguous and ((points and commas) or (has_comma and not points and not commas)):
            unclear.append(text)
        use_comma = one.with_point is None or (one.is_ambiguous and commas)
        number = one.with_comma if use_comma else one.with_point
        chosen[text] = math.nan if number is None else number
    if unclear:
        one, count = numbers[unclear[0]], sum(len(texts[text]) for text in unclear)
        raise FieldUnusable(
            f'{where} has "{shorten(unclear[0])}" in feature {texts[unclear[0]][0] + 1}, which may be '
            f"{one.with_point:.10g} or {one.with_comma:.10g} ({count:,} such values). Write the numbers with a point "
            "for decimals and nothing between thousands, or choose another field."
        )
    return chosen


def read_number(text: str, unit: str = "") -> float:
    """Return a single number written as text, as in a table that the user fills in.

    Raises:
        ValueError: it is no number, may be one of two numbers, or has another unit.
    """
    number = parse_number(text)
    try:
        _require_numbers({text: number}, {text: [0]}, "The entry", unit)
        return _choose_readings({text: number}, {text: [0]}, "The entry")[text] if number else math.nan
    except FieldUnusable as error:
        raise ValueError(str(error)) from None
