"""The buffer radius of a landslide, from the size that the inventory records.

Inventories spell sizes in many ways. Words and Chinese terms have one meaning and are matched here; numeric codes do
not (1 is the largest in some inventories and the smallest in others), so the user must list them.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ParameterInvalid
from ..progress import Progress
from ..texts import clean_label, is_date, join_names, shorten
from ..written_numbers import parse_number

UNRECORDED = "unrecorded"
"""Row of the radius table for landslides without a size, or with one that the table does not list."""
DEFAULT_RADII: dict[str, float] = {"giant": 600.0, "large": 500.0, "medium": 400.0, "small": 300.0, UNRECORDED: 300.0}
"""Buffer radius in metres by landslide size, as in the paper (section 3.1.2)."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "giant": ("giant", "gigantic", "huge", "very large", "extra large", "super large", "xl", "特大", "超大", "巨"),
    "large": ("large", "big", "l", "大"),
    "medium": ("medium", "moderate", "middle", "mid", "m", "中"),
    "small": ("small", "little", "minor", "s", "小"),
    UNRECORDED: tuple(
        f"{UNRECORDED}|unknown|not recorded|none|null|nan|na|n/a|missing|unclassified||未记录|未知|不详|无".split("|")
    ),
}
"""Spellings of each size, as :func:`normalise` returns them."""
_SYNONYM_GROUP = {spelling: group for group, spellings in SYNONYMS.items() for spelling in spellings}
_IGNORED_WORDS = {"landslide", "landslides", "slide", "scale", "size", "sized"}
_MAX_CODES = 12  # a field with more codes that the table does not list holds measures


@dataclass(frozen=True)
class RadiusAssignment:
    """The radius of each landslide, and the row of the table that it comes from."""

    radius: list[float]  # metres, one per landslide
    counts: dict[str, int]  # landslides by row of the table, in the table's order; unused rows have 0
    metres: dict[str, float]  # radius by row of the table


def assign_radii(
    values: Sequence[Any] | None,
    count: int,
    radii: Mapping[str, float],
    field: str,
    progress: Progress,
    automatic: bool = False,
) -> RadiusAssignment:
    """Assign every landslide its radius.

    A value (``None`` for an inventory without sizes) is looked up in ``radii``, metres by size, by its text (case,
    white space and a trailing ``.0`` are ignored), then by its synonyms. Other values use the row ``unrecorded``, with
    a warning. ``field`` is the name of the field, for messages. With ``automatic`` the table is not the user's: codes
    then count as no size, with a warning.

    Raises:
        ParameterInvalid: the table is empty or has a negative radius, or the field holds numeric codes that the table
            does not list.
    """
    table, rows = _read_table(radii)
    if values is None:
        values = [None] * count
    found = [_match_row(value, table) for value in values]
    unlisted = {str(value).strip() for value, row in zip(values, found) if row is None}
    codes = sorted({normalise(value) for value in unlisted if _is_code(value)}, key=float)
    # With thousands separators or units they are measures too.
    measures = [*codes, *sorted(value for value in unlisted if not _is_code(value) and parse_number(value))]
    if len(measures) > _MAX_CODES:
        raise ParameterInvalid(
            f'The field "{field}" looks like a measure rather than a size class: it holds {len(measures):,} different '
            f"numbers that RADII does not list ({join_names(measures)}). Choose the field with the size in words or "
            "codes, or leave SCALE_FIELD empty. A field with the area in m² can be given as AREA_FIELD."
        )
    if codes and automatic:
        progress.warn(
            f'The field "{field}" holds the codes {join_names(codes)}, whose meaning is not known: landslides with a '
            "code count as those without a size. AREA_FIELD or a row of RADII for each code says how large they are."
        )
        found = [UNRECORDED if row is None and _is_code(value) else row for value, row in zip(values, found)]
    elif codes:
        raise ParameterInvalid(
            f'The field "{field}" holds the codes {join_names(codes)}, and RADII does not say how many metres each is. '
            "Codes have no common order: 1 is the largest landslide in some inventories and the smallest in others. "
            f'Add a row for each to RADII, for example "{codes[0]}, 300".'
        )
    if len(unlisted) > 1 and all(map(is_date, unlisted)):
        raise ParameterInvalid(
            f'The field "{field}" looks like a date rather than a size: {join_names(sorted(unlisted))}. Choose the '
            "field with the size in words or codes, or leave SCALE_FIELD empty."
        )
    fallback = table.get(UNRECORDED, "")
    if None in found or any(row == UNRECORDED and UNRECORDED not in rows for row in found):
        fallback = _fallback(values, found, rows, field, progress, automatic)
    names = [fallback if row is None or row not in rows else row for row in found]
    counted = Counter(names)
    return RadiusAssignment([rows[name] for name in names], {name: counted.get(name, 0) for name in rows}, dict(rows))


def normalise(value: Any) -> str:
    """Return a recorded size as comparable text: ``2.0`` as ``"2"``, ``"Large-scale "`` as ``"large"``."""
    text = "" if value is None else re.sub(r"^(-?[0-9]+),0*$", r"\1", clean_label(str(value)))
    with contextlib.suppress(ValueError):
        size = float(text)
        return "" if math.isnan(size) else f"{size:g}"
    text = text.casefold().replace("滑坡", "").strip()
    words = [word for word in re.split(r"[\s_\-]+", text) if word not in _IGNORED_WORDS]
    text = " ".join(words)
    return text[:-1] if text.endswith("型") else text


def _is_code(value: Any) -> bool:
    return re.fullmatch(r"-?[0-9.]+(e[+-]?[0-9]+)?", normalise(value)) is not None


def _read_table(radii: Mapping[str, float]) -> tuple[dict[str, str], dict[str, float]]:
    """Return the row name by normalised spelling, and the metres by row name."""
    if not radii:
        raise ParameterInvalid('RADII is empty. Give at least one row, for example "unrecorded, 300".')
    table: dict[str, str] = {}
    rows: dict[str, float] = {}
    for name, metres in radii.items():
        if not 0 <= float(metres) < float("inf"):
            raise ParameterInvalid(f'RADII gives {metres} metres for "{name}". A radius is a number from 0 up.')
        row = UNRECORDED if _SYNONYM_GROUP.get(normalise(name)) == UNRECORDED else str(name)
        if row in rows or normalise(name) in table:
            raise ParameterInvalid(f'RADII lists "{name}" twice, under two spellings. Keep one of the rows.')
        table[normalise(name)] = row
        rows[row] = float(metres)
    for spelling, row in list(table.items()):
        for synonym in SYNONYMS.get(_SYNONYM_GROUP.get(spelling, ""), ()):
            table.setdefault(synonym, row)
    return table, rows


def _match_row(value: Any, table: Mapping[str, str]) -> str | None:
    text = normalise(value)
    if text in table:
        return table[text]
    return UNRECORDED if _SYNONYM_GROUP.get(text) == UNRECORDED else None


def _fallback(
    values: Sequence[Any],
    found: Sequence[str | None],
    rows: Mapping[str, float],
    field: str,
    progress: Progress,
    automatic: bool,
) -> str:
    """Return the row for landslides whose size is not in the table, and warn about it."""
    row = UNRECORDED if UNRECORDED in rows else min(rows, key=lambda name: rows[name])
    unknown = Counter(str(value) for value, name in zip(values, found) if name is None)
    if unknown:
        listed = join_names([f'"{shorten(value)}" ({times})' for value, times in unknown.most_common()])
        sizes = f'{sum(unknown.values())} landslides have a size in "{field}" that'
        if automatic:
            progress.warn(f"{sizes} is not known: {listed}. They count as those without a size.")
        else:
            rule = f'They get the {rows[row]:g} m of "{row}". Add rows to RADII if that is wrong.'
            progress.warn(f"{sizes} RADII does not list: {listed}. {rule}")
    without = sum(name == UNRECORDED for name in found)
    if without and row != UNRECORDED:
        unrecorded = f'{without} landslides have no size and RADII has no row "{UNRECORDED}"'
        progress.warn(f'{unrecorded}: they get the smallest radius, {rows[row]:g} m of "{row}".')
    return row
