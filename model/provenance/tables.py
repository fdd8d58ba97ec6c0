"""Two tables row by row."""

from __future__ import annotations

import csv
import os
from itertools import zip_longest

from ..errors import InputCorrupt
from .difference import Difference

_SHOWN = 3
"""Rows that are named."""


def compare_tables(then: str | os.PathLike, now: str | os.PathLike) -> Difference:
    """Return which rows of two CSV tables differ.

    Raises:
        InputCorrupt: one of them cannot be read.
    """
    before, after = _rows(then), _rows(now)
    differing = [(number, first, second) for number, (first, second) in enumerate(zip_longest(before, after))
                 if first != second]
    if not differing:
        return Difference(True, "the same in every row")
    if len(before) != len(after):
        lines = f"{max(len(before) - 1, 0):,} rows then, {max(len(after) - 1, 0):,} now; "
    else:
        lines = ""
    heads = before[0] if before else []
    shown = "; ".join(_in_words(number, first or [], second or [], heads)
                      for number, first, second in differing[:_SHOWN])
    more = f"; and {len(differing) - _SHOWN:,} more" if len(differing) > _SHOWN else ""
    return Difference(False, f"{lines}{len(differing):,} rows differ: {shown}{more}")


def _rows(path: str | os.PathLike) -> list[list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            return list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputCorrupt(f"The table {path} cannot be read: {error}. Make it again.") from error


def _in_words(number: int, before: list[str], after: list[str], heads: list[str]) -> str:
    if number == 0:
        return "other columns"
    if not before or not after:
        return f"row {number} is {'new' if after else 'gone'}"
    cells = [f"{heads[place] if place < len(heads) else place + 1}: {first} then, {second} now"
             for place, (first, second) in enumerate(zip_longest(before, after, fillvalue="")) if first != second]
    return f"row {number} ({', '.join(cells[:2])}{', …' if len(cells) > 2 else ''})"
