"""What stands on a printed map of zones: texts and numbers for the layout that QGIS draws."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..outputs.atomic import scarp_version
from ..validation.measures import ScopeResult
from ..zones.schemes import zone_colours
from .page import interval_text, percent, ratio_text, subset_phrase

COLUMNS = ("Zone", "Landslides", "Share", "Area, km²", "Share", "Ratio", "95 % interval")
MOST_WARNINGS = 3
_MAX_WARNING_LENGTH = 260


@dataclass(frozen=True)
class MapSheet:
    """A map on one sheet."""

    title: str
    subtitle: str
    raster: str
    """Zone raster, or susceptibility map to be cut at ``breaks``."""
    breaks: Sequence[float]
    """Upper bounds of all zones but the last; empty when ``raster`` holds zone numbers."""
    names: Mapping[int, str]
    """Zone names by number, from the least susceptible on."""
    colours: Mapping[int, tuple[int, int, int, int]]
    """Red, green, blue and alpha by zone."""
    hillshade: str | None
    """Grey relief to multiply the colours with."""
    points: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]
    """Label, fill colour and map coordinates of each kind of point."""
    table: Sequence[Sequence[str]]
    """Zone table with its headings, the most susceptible zone first."""
    notes: str
    source: str


def validation_sheet(
    susceptibility: str | os.PathLike,
    zones: str | os.PathLike | None,
    hillshade: str | None,
    landslides: str,
    main: ScopeResult,
    names: Mapping[int, str],
    breaks: Sequence[float],
    points: Sequence[tuple[float, float, str]],
    threshold: float,
    warnings: Sequence[str],
) -> MapSheet:
    """Return the sheet of a validation.

    Args:
        susceptibility: path of the map.
        zones: path of the zone raster, ``None`` for zones by ``breaks``.
        hillshade: path of the relief, if there is one.
        landslides: name of the inventory.
        main: the result of the chosen part of the map.
        names: zone names by number.
        breaks: breaks of the zones that were cut here.
        points: map coordinates and outcome of each point; stable points are not drawn.
        threshold: susceptibility from which on a point is called landslide.
        warnings: of the run.
    """
    table = [list(COLUMNS)]
    for row in reversed(main.zones):
        table.append(
            [
                row.name,
                f"{row.landslides:,}",
                percent(row.landslide_share.value, 1),
                f"{row.area_km2:,.1f}",
                percent(row.area_share, 1),
                ratio_text(row.frequency_ratio.value),
                interval_text(row.frequency_ratio, 2),
            ]
        )
    kinds = [
        (f"Landslide found, {_number(points, 'hit')}", "#1f2933", _places(points, "hit")),
        (f"Landslide missed, {_number(points, 'miss')}", "#ffffff", _places(points, "miss")),
    ]
    name = os.path.basename(str(susceptibility))
    return MapSheet(
        "Relative landslide susceptibility",
        f"Map: {name}. Landslides: {landslides}. {subset_phrase(main.scope.name)}.",
        str(susceptibility if zones is None else zones),
        list(breaks) if zones is None else [],
        dict(names),
        zone_colours(len(names)),
        hillshade,
        [kind for kind in kinds if kind[2]],
        table,
        _notes(main, threshold, warnings),
        f"Scarp {scarp_version()}, {time.strftime('%Y-%m-%d')}.",
    )


def _notes(main: ScopeResult, threshold: float, warnings: Sequence[str]) -> str:
    auc, recall = main.auc, main.measures["recall"]
    interval = f" (95 % interval {interval_text(auc)})" if auc.has_interval else ""
    lines = [
        "Ratio: share of the landslides divided by share of the area; 1 is as many landslides as by chance. "
        "Susceptibility orders places; it is no probability of a landslide.",
        f"AUC {auc.value:.3f}{interval}. Recall at {threshold:g}: {recall.value:.3f}. "
        f"{main.landslides:,} landslides against {main.stable:,} stable points.",
    ]
    lines += [_truncated(text) for text in warnings[:MOST_WARNINGS]]
    if len(warnings) > MOST_WARNINGS:
        lines.append(f"{len(warnings) - MOST_WARNINGS} more warnings are in the report.")
    return "\n".join(lines)


def _truncated(text: str) -> str:
    return text if len(text) <= _MAX_WARNING_LENGTH else f"{text[:_MAX_WARNING_LENGTH].rpartition(' ')[0]} …"


def _places(points: Sequence[tuple[float, float, str]], outcome: str) -> list[tuple[float, float]]:
    return [(x, y) for x, y, found in points if found == outcome]


def _number(points: Sequence[tuple[float, float, str]], outcome: str) -> str:
    return f"{len(_places(points, outcome)):,}"
