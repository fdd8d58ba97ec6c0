"""What is exposed, for reports: by zone, and in the most susceptible zones of each region."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..exposure.count import ExposedLayer, Exposure
from ..exposure.settings import LINES, POINTS
from ..texts import shorten
from ..zones.schemes import zone_colours
from . import charts
from .page import MISSING, Page, css_colour, percent

MAX_COLUMNS = 4  # layers in one table of regions
METHOD = (
    "Roads and other lines are cut exactly at the borders of zones, and so are areas. A building or other polygon "
    "counts once, in the zone of its largest part. Metres are those on the ground. Zones are those of the map itself."
)


def exposure_sentence(exposure: Exposure, zones: slice, where: str) -> str:
    """Return what of each layer lies in some zones, as a sentence."""
    parts = []
    for layer in exposure.layers:
        unit = " km" if layer.geometry == LINES else ""
        parts.append(f"{_amount(layer, 0, zones)} of {_amount(layer)}{unit} of {shorten(layer.name)}")
    listed = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
    return f"In {where} lie {listed}."


def add_exposed_regions(page: Page, exposure: Exposure, regions: Sequence[str], zones: slice, where: str) -> None:
    """Add how much of each layer lies in some zones, for each of the regions by its name and the whole map.

    ``regions`` are the names that the page has, that of the whole map last.
    """
    numbers = {name: number for number, name in enumerate(exposure.regions[1:], 1)}
    order = [*(numbers[name] for name in regions[:-1]), 0]
    for first in range(0, len(exposure.layers), MAX_COLUMNS):
        layers = exposure.layers[first : first + MAX_COLUMNS]
        rows = [
            [name, *(f"{_amount(layer, region, zones)} of {_amount(layer, region)}" for layer in layers)]
            for name, region in zip(regions, order)
        ]
        columns = ["Region" if len(order) > 1 else "", *(f"{shorten(layer.name)}, {_unit(layer)}" for layer in layers)]
        page.table("", columns, rows, f"Exposed: what lies in {where}, of all in the region." if not first else "")


def add_exposure(page: Page, exposure: Exposure) -> None:
    """Add how much of each layer lies in each zone of the map."""
    names = list(exposure.zones.values())
    zones = list(reversed(exposure.zones))
    unzoned = any(
        layer.total("number", zones=slice(1)) + layer.total("size", zones=slice(1)) for layer in exposure.layers
    )
    rows = []
    for layer in exposure.layers:
        shown = [*zones, *([0] if unzoned else [])]
        cells = [_cell(layer, slice(zone, zone + 1)) for zone in shown]
        rows.append([f"{shorten(layer.name)}, {_unit(layer)}", *cells, _amount(layer)])
        if layer.geometry not in (POINTS, LINES):
            areas = [f"{layer.total('size', zones=slice(zone, zone + 1)) / 1e4:,.1f}" for zone in shown]
            rows.append([f"{shorten(layer.name)}, ha", *areas, f"{layer.total('size') / 1e4:,.1f}"])
    columns = ["", *(exposure.zones[zone] for zone in zones), *(["no zone"] if unzoned else []), "all"]
    page.table("Exposure by zone", columns, rows, " ".join([METHOD, *exposure.warnings]))
    shown_layers = [layer for layer in exposure.layers if float(layer.measure[0, :, 1:].sum())]
    shares = [[_share(layer, slice(zone, zone + 1)) for zone in exposure.zones] for layer in shown_layers]
    if shares:
        colours = [css_colour(colour) for zone, colour in zone_colours(len(names)).items() if zone]
        figure = charts.share_chart([layer.name for layer in shown_layers], shares, names, colours)
        page.figure(
            "", figure, "Share of each zone in what is exposed: number of points, length of lines, area of polygons."
        )


def _unit(layer: ExposedLayer) -> str:
    return "km" if layer.geometry == LINES else "number"


def _amount(layer: ExposedLayer, region: int = 0, zones: slice = slice(None)) -> str:
    """Return a number, or kilometres of lines; :func:`_unit` names what it is."""
    if layer.geometry == LINES:
        return f"{layer.total('size', region, zones) / 1000:,.1f}"
    return f"{layer.total('number', region, zones):,.0f}"


def _cell(layer: ExposedLayer, zones: slice) -> str:
    of = "size" if layer.geometry == LINES else "number"
    total = layer.total(of)
    return f"{_amount(layer, 0, zones)} ({percent(layer.total(of, 0, zones) / total, 0) if total else MISSING})"


def _share(layer: ExposedLayer, zones: slice) -> float:
    inside = float(layer.measure[0, :, 1:].sum())
    return float(layer.measure[0, :, zones].sum()) / inside if inside else math.nan
