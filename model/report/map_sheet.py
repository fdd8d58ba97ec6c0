"""Texts and numbers of a printed map of zones, for the layout that QGIS draws."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..languages import translated
from ..outputs.run_record import scarp_version
from ..parameter_names import for_report
from ..zones.schemes import zone_colours
from .charts import shorten
from .maps import rings_of
from .page import interval_text, subset_phrase
from .settings import DocumentDetails
from .validation import ZONE_COLUMNS, ValidationReportInput, region_geometries, zone_cells

Ring = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class MapSheet:
    """A map on one sheet."""

    title: str
    kind: str  # what the map shows, where the title is that of an office; else empty
    subtitle: str
    raster: str  # zone raster, or susceptibility map to be cut at the breaks
    breaks: Sequence[float]  # upper bounds of all zones but the last; empty when the raster holds zone numbers
    names: Mapping[int, str]  # zone names by number, from the least susceptible on
    colours: Mapping[int, tuple[int, int, int, int]]  # red, green, blue and alpha by zone
    hillshade: str | None  # grey raster to multiply the colours with
    points: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]  # label, fill colour and coordinates by kind
    regions: Sequence[tuple[str, Sequence[Ring]]]  # names and rings in the coordinates of the raster
    table: Sequence[Sequence[str]]  # zones with headings, the most susceptible zone first
    notes: Sequence[str]  # what must stand there
    more_notes: Sequence[str]  # what may be left out, the most important first
    source: str
    suffix: str  # of the layer's name in the legend: the verdict not to use it, or nothing
    details: DocumentDetails  # of the office that hands the map on


def validation_sheet(
    susceptibility: str | os.PathLike,
    zones: str | os.PathLike | None,
    hillshade: str | None,
    content: ValidationReportInput,
    details: DocumentDetails,
) -> MapSheet:
    """Return the sheet of a validation; stable points are not drawn.

    ``zones`` is the path of the zone raster, ``None`` for zones that were cut here.
    """
    main, zones_of_map = content.main, content.data.layers.zones
    table = [[heading for _, heading in ZONE_COLUMNS], *(zone_cells(row, 1) for row in reversed(main.zones))]
    table = [list(map(translated, row)) for row in table]
    kinds = []
    for outcome, label, colour in (("hit", "Landslide found", "#1f2933"), ("miss", "Landslide missed", "#ffffff")):
        places = [(point.x, point.y) for point in content.points if point.outcome == outcome]
        if places:
            kinds.append((translated(f"{label}, {len(places):,}"), colour, places))
    unseen, tested, scope_name = content.unseen, "", subset_phrase(main.scope.name)
    if unseen is not None and unseen is not main:
        interval = f" ({interval_text(unseen.auc)})" if unseen.auc.has_interval else ""
        tested = f"AUC on land not seen {unseen.auc.value:.3f}{interval}. Table: "
        scope_name = scope_name.lower()
    quantity = translated(f"{content.quantity.capitalize()}{content.verdict.suffix}")
    return MapSheet(
        details.title or quantity,
        quantity if details.title else "",
        translated(f"Map: {content.map_name}. Landslides: {content.landslide_name}. {tested}{scope_name}."),
        str(susceptibility if zones is None else zones),
        list(zones_of_map.breaks) if zones is None else [],
        {zone: translated(name) for zone, name in zones_of_map.names.items()},
        zone_colours(len(zones_of_map.names)),
        hillshade,
        kinds,
        _regions(content),
        table,
        *_notes(content, details),
        f"Scarp {scarp_version()}, {time.strftime('%Y-%m-%d')}.",
        translated(content.verdict.suffix),
        details,
    )


def _regions(content: ValidationReportInput) -> list[tuple[str, list[list[tuple[float, float]]]]]:
    return [
        (shorten(name), [[(float(x), float(y)) for x, y in ring] for ring in rings_of(geometries)])
        for name, geometries in region_geometries(content)
    ]


def _notes(content: ValidationReportInput, details: DocumentDetails) -> tuple[list[str], list[str]]:
    """Return what must stand on the sheet, and what may if there is room."""
    words = {"Purpose": details.purpose, "Limits": details.limits, "Data": details.sources}
    told = {name: f"{name}: {' '.join(text.split())}" for name, text in words.items() if text}
    must = [content.verdict.text, *(told[name] for name in ("Purpose", "Limits") if name in told), *content.sentences()]
    must += [content.choice] if content.choice else []
    meaning = (
        "Ratio: share of the landslides divided by share of the area; 1 is as many landslides as by chance. "
        f"{content.meaning}"
    )
    warnings = [text for text in content.data.warning_log.warnings if text != content.verdict.text]
    more = [meaning, *([told["Data"]] if "Data" in told else []), *warnings]
    return list(map(for_report, must)), list(map(for_report, more))
