"""Texts and numbers of a printed map of zones, for the layout that QGIS draws."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..outputs.run_record import scarp_version
from ..zones.schemes import zone_colours
from .page import interval_text, subset_phrase
from .validation import ZONE_COLUMNS, ValidationReportInput, zone_cells

MAX_WARNINGS = 3
_MAX_WARNING_LENGTH = 260


@dataclass(frozen=True)
class MapSheet:
    """A map on one sheet."""

    title: str
    subtitle: str
    raster: str  # zone raster, or susceptibility map to be cut at the breaks
    breaks: Sequence[float]  # upper bounds of all zones but the last; empty when the raster holds zone numbers
    names: Mapping[int, str]  # zone names by number, from the least susceptible on
    colours: Mapping[int, tuple[int, int, int, int]]  # red, green, blue and alpha by zone
    hillshade: str | None  # grey raster to multiply the colours with
    points: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]  # label, fill colour and coordinates by kind
    table: Sequence[Sequence[str]]  # zones with headings, the most susceptible zone first
    notes: str
    source: str
    suffix: str  # of the layer's name in the legend: the verdict not to use it, or nothing


def validation_sheet(
    susceptibility: str | os.PathLike,
    zones: str | os.PathLike | None,
    hillshade: str | None,
    content: ValidationReportInput,
) -> MapSheet:
    """Return the sheet of a validation; stable points are not drawn.

    ``zones`` is the path of the zone raster, ``None`` for zones that were cut here.
    """
    main, zones_of_map = content.main, content.data.layers.zones
    table = [[heading for _, heading in ZONE_COLUMNS], *(zone_cells(row, 1) for row in reversed(main.zones))]
    kinds = []
    for outcome, label, colour in (("hit", "found", "#1f2933"), ("miss", "missed", "#ffffff")):
        places = [(point.x, point.y) for point in content.points if point.outcome == outcome]
        if places:
            kinds.append((f"Landslide {label}, {len(places):,}", colour, places))
    unseen, tested, scope_name = content.unseen, "", subset_phrase(main.scope.name)
    if unseen is not None and unseen is not main:
        interval = f" ({interval_text(unseen.auc)})" if unseen.auc.has_interval else ""
        tested = f"AUC on land not seen {unseen.auc.value:.3f}{interval}. Table: "
        scope_name = scope_name.lower()
    return MapSheet(
        f"{content.quantity.capitalize()}{content.verdict.suffix}",
        f"Map: {content.map_name}. Landslides: {content.landslide_name}. {tested}{scope_name}.",
        str(susceptibility if zones is None else zones),
        list(zones_of_map.breaks) if zones is None else [],
        dict(zones_of_map.names),
        zone_colours(len(zones_of_map.names)),
        hillshade,
        kinds,
        table,
        _notes(content),
        f"Scarp {scarp_version()}, {time.strftime('%Y-%m-%d')}.",
        content.verdict.suffix,
    )


def _notes(content: ValidationReportInput) -> str:
    warnings = [text for text in content.data.warning_log.warnings if text != content.verdict.text]
    lines = [
        content.verdict.text,
        *content.sentences(),
        "Ratio: share of the landslides divided by share of the area; 1 is as many landslides as by chance. "
        f"{content.meaning}",
    ]
    for text in warnings[:MAX_WARNINGS]:
        long = len(text) > _MAX_WARNING_LENGTH
        lines.append(f"{text[:_MAX_WARNING_LENGTH].rpartition(' ')[0]} …" if long else text)
    if len(warnings) > MAX_WARNINGS:
        lines.append(f"{len(warnings) - MAX_WARNINGS} more warnings are in the report.")
    return "\n".join(lines)
