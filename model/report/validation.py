"""What a validation report is made of.
The maps of a validation report: zones of all of the map, and of each region alone.
Map and ROC curve of each region side by side, as in the paper's figures 13 to 17.
The maps of a validation report: all of it with the landslides, and each region beside its ROC curve.
Zones, calls and curves of a validation report.
The report of a validation: what was found, how sure it is, and what to be careful with.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import rasterio
from matplotlib.figure import Figure

from ..outputs.atomic import versions
from ..progress import Progress
from ..validation.map_layers import MapLayers
from ..validation.measures import ScopeResult, insignificant_increases, non_monotonic_pairs
from ..validation.metrics import Curve
from ..validation.sampling import PointFeature, SampleCounts
from ..validation.scopes import ALL, REGION_PREFIX
from ..zones.raster import assign_zones
from ..zones.schemes import zone_colours
from . import charts
from .charts import SOFT, draw_curves, escape_mathtext, new_figure, shorten, style
from .hillshade import Relief, compute_hillshade
from .maps import (
    MAX_SIDE,
    MapImage,
    PointGroup,
    clip_to_geometries,
    draw_outline,
    draw_points,
    draw_scale_bar,
    draw_zones,
    read_map,
    rings_of,
    zone_map,
)
from .page import (
    MISSING,
    Page,
    css_colour,
    interval_sentence,
    interval_text,
    percent,
    ratio_text,
    scope_title,
    short_scope_title,
    subset_phrase,
)


@dataclass
class RegionView:
    """A region's share of the report."""

    name: str
    """Name of the region alone."""
    zones: MapImage
    rings: list[np.ndarray]


@dataclass
class ValidationReportInput:
    """What a validation report is made of."""

    map_name: str
    landslide_name: str
    landslides: SampleCounts
    stable: SampleCounts | None
    """Counts of the given stable points, ``None`` when they were drawn."""
    zones: MapImage
    zone_names: Mapping[int, str]
    breaks: Sequence[float]
    """Breaks of zones by area shares; empty when a zone raster was given."""
    results: Sequence[ScopeResult]
    main: ScopeResult
    points: Sequence[PointFeature]
    threshold: float
    distance: float
    warnings: Sequence[str]
    settings: Mapping[str, object]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Inputs as the run record describes them, by parameter."""
    relief: str = ""
    """Name of what the relief under the maps comes from; empty without relief."""
    regions: Mapping[str, RegionView] = field(default_factory=dict)
    """Regions to draw, by the name of their scope."""
    subset_counts: Mapping[str, int] = field(default_factory=dict)
    """Landslides by subset; empty without windows."""

    @property
    def unit(self) -> str:
        """What one landslide point of the numbers is."""
        return "landslide cells" if self.landslides.places > self.landslides.features else "landslides"


MAX_REGIONS = 12
REGION_MAX_SIDE = 520
"""Cells along the longer side of a region's map, half a page wide."""


def zone_image(
    dataset: rasterio.DatasetReader,
    zones: rasterio.DatasetReader | None,
    layers: MapLayers,
    bounds: tuple[float, float, float, float] | None = None,
    relief: Relief | None = None,
    max_side: int = MAX_SIDE,
) -> MapImage:
    """Return zone numbers at the size of a page, with the relief if it is known.

    Args:
        dataset: the open susceptibility map.
        zones: the open zone raster, or ``None`` for zones by breaks.
        layers: the map.
        bounds: left, bottom, right, top of the part to draw; all of it by default.
        relief: where the shape of the ground is known from.
        longest: cells along the longer side.
    """
    if zones is not None:
        image = read_map(zones, layers.grid, True, bounds, max_side)
    else:
        image = read_map(dataset, layers.grid, False, bounds, max_side)
        image = replace(image, cells=assign_zones(image.cells, layers.zones.breaks).astype(np.float32))
    if relief is None:
        return image
    return replace(
        image,
        shade=compute_hillshade(
            relief, layers.grid.crs, image.bounds, image.cells.shape, image.metres_east, image.metres_north
        ),
    )


def region_views(
    results: Sequence[ScopeResult],
    dataset: rasterio.DatasetReader,
    zones: rasterio.DatasetReader | None,
    layers: MapLayers,
    relief: Relief | None = None,
) -> dict[str, RegionView]:
    """Return what is drawn of the regions, by the name of their scope: the first ones, if there are very many."""
    views = {}
    for result in results:
        scope = result.scope
        if scope.region is not None and layers.regions is not None and len(views) < MAX_REGIONS:
            geometries = layers.regions.geometries(scope.region)
            rings = rings_of(geometries)
            corners = np.concatenate(rings)
            left, bottom, right, top = (*corners.min(axis=0), *corners.max(axis=0))
            image = zone_image(dataset, zones, layers, (left, bottom, right, top), relief, REGION_MAX_SIDE)
            views[scope.name] = RegionView(
                scope.name[len(REGION_PREFIX) :], clip_to_geometries(image, geometries), rings
            )
    return views


Region = tuple[str, MapImage, Sequence[np.ndarray], Sequence[PointGroup], Curve, float]
"""Name, zones, outline, landslides, ROC curve and AUC."""


def region_figures(regions: Sequence[Region], zone_count: int) -> Iterator[Figure]:
    """Draw map and ROC curve of each region, one figure a region.

    Args:
        regions: what to draw.
        zone_count: how many zones there are.
    """
    for name, zones, rings, groups, curve, auc in regions:
        figure = new_figure(2.3)
        left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.25, 1)})
        draw_zones(left, zones, zone_count)
        draw_outline(left, rings)
        for group in groups:
            draw_points(left, group, 1.2)
        draw_scale_bar(left, zones)
        left.set_title(escape_mathtext(shorten(name, 44)))
        right.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
        draw_curves(right, [(f"AUC {auc:.3f}", curve)])
        right.set_xticks([0, 0.5, 1])
        right.set_yticks([0, 0.5, 1])
        right.set_xlabel("False alarms")
        right.set_ylabel("Landslides found")
        right.set_aspect("equal")
        yield figure


HIT = PointGroup("found", np.empty((0, 2)), "o", "#1f2933", "white")
MISS = PointGroup("missed", np.empty((0, 2)), "o", "white", "#1f2933")


def add_map(page: Page, content: ValidationReportInput) -> None:
    """Add the map of zones with the landslides on it."""
    hits = [point for point in content.points if point.outcome == "hit"]
    misses = [point for point in content.points if point.outcome == "miss"]
    groups = [
        PointGroup(f"{group.label}, {len(points):,}", _xy(points), group.marker, group.face, group.edge)
        for group, points in ((HIT, hits), (MISS, misses))
    ]
    outlines = {view.name: view.rings for view in content.regions.values()}
    drawn = sum(len(group.drawn) for group in groups)
    page.figure(
        "The map and the landslides",
        zone_map(content.zones, content.zone_names, groups, outlines),
        f"Zones of susceptibility. A landslide counts as found where the susceptibility is "
        f"{content.threshold:g} or more."
        + (
            f" {drawn:,} of the {len(hits) + len(misses):,} {content.unit} are drawn."
            if drawn < len(hits) + len(misses)
            else ""
        )
        + (f" Relief from {content.relief}." if content.relief else ""),
    )


def add_regions(page: Page, content: ValidationReportInput) -> None:
    """Add a table of the regions, and map and ROC curve of each; nothing without regions."""
    regions = [result for result in content.results if result.scope.name.startswith(REGION_PREFIX)]
    if not regions:
        return
    rows = [
        [
            scope_title(result.scope.name),
            f"{result.area_km2:,.1f}",
            result.landslides,
            f"{result.auc.value:.3f}",
            interval_text(result.auc),
            *(f"{result.measures[name].value:.3f}" for name in ("recall", "kappa")),
            ratio_text(result.zones[-1].frequency_ratio.value),
        ]
        for result in regions
    ]
    values = [result.auc.value for result in regions]
    worst = regions[int(np.argmin(values))]
    page.table(
        "Region by region",
        ["Region", "Area, km²", "Landslides", "AUC", "95 % interval", "Recall", "Kappa", "Top ratio"],
        rows,
        f"Mean AUC of the regions {np.mean(values):.3f}; lowest {worst.auc.value:.3f} in "
        f"{scope_title(worst.scope.name)}. Stable points are drawn within the region. Top ratio: frequency "
        "ratio of the highest zone; zones are those of the whole map.",
    )
    shown = [(result, content.regions[result.scope.name]) for result in regions if result.scope.name in content.regions]
    groups = {view.name: _region_points(content.points, view.name) for _, view in shown}
    for figure in region_figures(
        [
            (view.name, view.zones, view.rings, groups[view.name], result.roc, result.auc.value)
            for result, view in shown
        ],
        len(content.zone_names),
    ):
        page.figure("", figure)
    if len(shown) < len(regions):
        page.text("", f"The first {len(shown)} of {len(regions)} regions are drawn; the table has all.")


def _region_points(points: Sequence[PointFeature], name: str) -> list[PointGroup]:
    inside = [point for point in points if point.kind == "landslide" and name in point.region.split("; ")]
    return [
        PointGroup(
            group.label,
            _xy([point for point in inside if point.outcome == outcome]),
            group.marker,
            group.face,
            group.edge,
        )
        for group, outcome in ((HIT, "hit"), (MISS, "miss"))
    ]


def _xy(points: Sequence[PointFeature]) -> np.ndarray:
    return np.array([[point.x, point.y] for point in points]).reshape(-1, 2)


def add_zones(page: Page, content: ValidationReportInput) -> None:
    """Add table 4 of the paper with intervals, what is to be said of it, and its picture."""
    main = content.main
    colours = [css_colour(colour) for zone, colour in zone_colours(len(main.zones)).items() if zone]
    rows = [
        [
            row.name,
            row.landslides,
            percent(row.landslide_share.value),
            f"{row.area_km2:,.1f}",
            percent(row.area_share),
            ratio_text(row.frequency_ratio.value),
            interval_text(row.frequency_ratio, 2),
        ]
        for row in main.zones
    ]
    verdict = _verdict(main)
    made = (
        "Zones were cut here by area, as no zone raster was given; breaks at "
        + ", ".join(f"{limit:.4g}" for limit in content.breaks)
        + "."
        if content.breaks
        else "Zones are those of the given zone raster."
    )
    page.table(
        "Landslides by zone",
        ["Zone", "Landslides", "Share of landslides", "Area, km²", "Share of area", "Frequency ratio", "95 % interval"],
        rows,
        f"Frequency ratio = share of landslides ÷ share of area; 1 is as many landslides as by chance. "
        f"{verdict} {made} The area is known and the landslides are a sample, hence the interval (Wilson).",
        colours,
    )
    page.figure("", charts.zone_chart(main.zones, colours))


def _verdict(main: ScopeResult) -> str:
    wrong, unsure = non_monotonic_pairs(main.zones), insignificant_increases(main.zones)
    if wrong:
        return "The ratio should rise from zone to zone, but does not from " + _pairs(wrong) + "."
    if unsure:
        return (
            f"The ratio rises from zone to zone, as it should; but with so few landslides the rise from "
            f"{_pairs(unsure)} may be chance (one-sided binomial test, 5 %)."
        )
    return "The ratio rises from zone to zone, as it should, and by more than chance would make (binomial test, 5 %)."


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return " and from ".join(f"{low} to {high}" for low, high in pairs)


def add_confusion(page: Page, content: ValidationReportInput) -> None:
    """Add table 5 of the paper, and the measures that follow from it."""
    main, first = content.main, content.main.first
    page.table(
        f"Calls at a threshold of {content.threshold:g}",
        ["Map says", "Landslides", "Stable points"],
        [
            ["landslide", f"{first.hits:,.0f} found", f"{first.false_alarms:,.0f} false alarms"],
            ["stable", f"{first.misses:,.0f} missed", f"{first.correct_rejections:,.0f} recognised"],
        ],
        "Counts of the first draw, the one in the point layer." if main.drawn else "",
    )
    texts = {
        "recall": "Share of the landslides that were found.",
        "kappa": "Agreement of map and points beyond chance.",
        "accuracy": "Share of all points called right.",
        "precision": "Share of landslides among the points called landslide.",
        "f1": "Harmonic mean of precision and recall.",
        "specificity": "Share of the stable points that were recognised.",
    }
    names = {"f1": "F1 score"}
    rows: list[list[object]] = [
        [
            names.get(name, name.capitalize()),
            f"{main.measures[name].value:.3f}",
            interval_text(main.measures[name]),
            text,
        ]
        for name, text in texts.items()
    ]
    rows.append(
        [
            "Best threshold",
            f"{main.youden_threshold:.3g}",
            MISSING,
            "Where recall plus specificity is largest (Youden 1950).",
        ]
    )
    page.table(
        "",
        ["Measure", "Value", "95 % interval", "What it says"],
        rows,
        ("Means over the draws. " if main.drawn else "")
        + "Kappa, accuracy, precision and F1 depend on the ratio of landslides to stable points, "
        + (
            "here one to one; on the map, stable ground is far more common."
            if main.landslides == main.stable
            else f"here {main.landslides:,} to {main.stable:,}."
        ),
    )


def add_curves(page: Page, content: ValidationReportInput) -> None:
    """Add the ROC curve, and success-rate and prediction-rate curves."""
    main = content.main
    others = [
        result for result in content.results if result is not main and not result.scope.name.startswith(REGION_PREFIX)
    ]
    chosen = [main, *others][:4]
    page.figure(
        "How well the map tells landslides from stable ground",
        charts.roc_chart(
            [(f"{short_scope_title(item.scope.name)}, AUC {item.auc.value:.3f}", item.roc) for item in chosen]
        ),
        "ROC curve: lowering the bar finds more landslides and gives more false alarms. The nearer to the upper left "
        "corner, the better; the dashed diagonal is chance. Mean over the draws, band 95 %.",
        half=True,
    )
    page.figure(
        "",
        charts.success_chart(
            [(f"{_rate_of(item, content)} {item.success_rate_auc.value:.3f}", item.success) for item in chosen]
        ),
        f"{_rate_name(content)}: share of the landslides caught in the most susceptible part of the area, buffers "
        "included. It needs no stable points. The number is the area under the curve.",
        half=True,
    )


def add_more_curves(page: Page, content: ValidationReportInput) -> None:
    """Add precision over recall, and the calibration."""
    main = content.main
    chance = main.landslides / (main.landslides + main.stable)
    page.figure(
        "Precision and calibration",
        charts.precision_chart([(f"average precision {main.average_precision.value:.3f}", main.precision)], chance),
        f"Precision over recall. The dashed line is a map without skill, {percent(chance, 0)}: the share of landslides "
        "among the points.",
        half=True,
    )
    page.figure(
        "",
        charts.calibration_chart(main.calibration),
        "Share of landslides by susceptibility. On the diagonal the number could be read as a probability "
        "among these points.",
        half=True,
    )
    page.text(
        "",
        f"Brier score {main.brier.value:.3f} (mean squared error, 0 is best), expected calibration error "
        f"{main.calibration.ece:.3f} (mean distance from the diagonal). Susceptibility is relative: it "
        "orders places. The share of landslides among the test points was chosen and not observed, so a "
        "susceptibility of 0.7 does not mean that 7 of 10 such places will slide.",
    )


def _rate_name(content: ValidationReportInput) -> str:
    if not content.subset_counts:
        return "Success-rate curve (prediction-rate curve if the model has not seen these landslides)"
    return (
        "Success-rate curve of the landslides that the model learned from, prediction-rate curve of those that it "
        "has not seen"
    )


def _rate_of(item: ScopeResult, content: ValidationReportInput) -> str:
    """Return the name of a curve in the legend: what it shows depends on whether the model has seen the landslides."""
    name = item.scope.name
    if not content.subset_counts or name == ALL:
        return short_scope_title(name)
    return f"{'success' if name == 'train' else 'prediction'} rate, {short_scope_title(name)}"


def validation_page(content: ValidationReportInput, progress: Progress) -> Page:
    """Make the report.

    Args:
        content: what it says.
        progress: asked whether to stop.

    Raises:
        Cancelled: by the user.
    """
    main = content.main
    page = Page(
        "Validation of a map of relative landslide susceptibility",
        f"Map: {content.map_name}. Landslides: {content.landslide_name}. {subset_phrase(main.scope.name)}.",
        progress,
    )
    for text in content.warnings:
        page.warning(text)
    with style():
        _summary(page, content)
        _used_points(page, content)
        _subsets(page, content)
        add_zones(page, content)
        add_curves(page, content)
        add_map(page, content)
        add_confusion(page, content)
        add_more_curves(page, content)
        add_regions(page, content)
    _method(page, content)
    page.settings("Settings of this run", content.settings)
    _record(page, content.inputs)
    return page


def _summary(page: Page, content: ValidationReportInput) -> None:
    main, first = content.main, content.main.first
    name, landslides, area = _top_zones(main)
    recall, kappa = main.measures["recall"], main.measures["kappa"]
    page.key_numbers(
        [
            (
                "AUC",
                f"{main.auc.value:.3f}",
                f"{interval_sentence(main.auc)}Chance that a landslide has a higher susceptibility than a stable point: 0.5 is a "
                "coin toss, 1 is perfect.",
            ),
            (
                "Recall",
                f"{recall.value:.3f}",
                f"{interval_sentence(recall)}Share of the landslides on cells with a "
                f"susceptibility of {content.threshold:g} or more.",
            ),
            (
                "Kappa",
                f"{kappa.value:.3f}",
                f"{interval_sentence(kappa)}Agreement of map and points beyond chance: 0 is none, 1 is full.",
            ),
            (f"In the {name}", percent(landslides, 0), f"of the landslides, on {percent(area, 0)} of the area."),
        ]
    )
    sentences = [
        f"At a susceptibility of {content.threshold:g} the map finds {first.hits:,.0f} of {main.landslides:,} "
        f"{content.unit} and gives a false alarm at {first.false_alarms:,.0f} of {main.stable:,} stable "
        "points."
    ]
    test = next((result for result in content.results if result.scope.name == "test"), None)
    if test is not None and test is not main:
        sentences.append(
            f"In the test windows, which the model did not learn from, it finds {test.first.hits:,.0f} of "
            f"{test.landslides:,} {content.unit}; the AUC there is {test.auc.value:.3f}"
            + (f" ({interval_text(test.auc)})." if test.auc.has_interval else ".")
        )
    page.text("In short", " ".join(sentences))


def _used_points(page: Page, content: ValidationReportInput) -> None:
    main = content.main
    rows: list[list[object]] = []
    for name, counts in (("Landslides", content.landslides), ("Stable points", content.stable)):
        if counts is not None:
            spare = counts.duplicates + counts.thinned
            rows.append(
                [
                    name,
                    counts.features,
                    counts.off_map,
                    counts.on_nodata,
                    spare,
                    counts.places - counts.on_nodata - spare,
                ]
            )
    if content.stable is None:
        source = (
            f"Stable points were drawn at random, {main.stable:,} at a time and {main.repeats:,} times over, "
            f"from all cells of the tested part of the map that are at least {content.distance:g} m away from "
            "every landslide; larger cells have a larger chance. The farther from landslides, the easier the "
            "test: compare AUC values only between runs with the same distance."
        )
    else:
        source = (
            f"Stable points are the {main.stable:,} that were given. Precision, accuracy, F1 and kappa depend "
            "on how many there are beside the landslides; AUC and recall do not."
        )
    page.table(
        "Points that were used",
        ["", "In the layer", "Off the map", "Without a value", "In an occupied cell", "Cells used"],
        rows,
        source,
    )


def _subsets(page: Page, content: ValidationReportInput) -> None:
    if not content.subset_counts:
        return
    rows = []
    for result in content.results:
        if not result.scope.name.startswith(REGION_PREFIX):
            rows.append(
                [
                    scope_title(result.scope.name),
                    result.landslides,
                    f"{result.auc.value:.3f}",
                    interval_text(result.auc),
                    f"{result.measures['recall'].value:.3f}",
                    f"{result.measures['kappa'].value:.3f}",
                    ratio_text(result.zones[-1].frequency_ratio.value),
                ]
            )
    inside = sum(content.subset_counts.values())
    total = content.results[0].landslides
    page.table(
        "Fit or test",
        ["Part of the map", "Landslides", "AUC", "95 % interval", "Recall", "Kappa", "Top ratio"],
        rows,
        f"{content.subset_counts.get('train', 0):,} of {total:,} landslides lie in training windows, where the "
        "map shows what the model was taught. Only the test windows show how it does on new ground. Stable "
        f"points are drawn within the same windows. {total - inside:,} landslides lie in no window. A landslide "
        "in overlapping windows counts as training if one of them is a training window. Top ratio: frequency "
        "ratio of the highest zone.",
    )


def _method(page: Page, content: ValidationReportInput) -> None:
    main = content.main
    paragraphs = [
        "A cell of the map counts once, however many landslides are in it.",
        (
            f"Intervals named 95 % come from {main.repeats:,} repeats. In each, the stable points are drawn anew and the "
            "landslides resampled with replacement (bootstrap): the interval shows what another inventory of the same "
            "size could have given. Recall and the zone table have Wilson's interval of a share."
            if main.drawn
            else f"Intervals named 95 % come from {main.repeats:,} repeats, in each of which landslides and stable points are "
            "resampled with replacement (bootstrap). Recall and the zone table have Wilson's interval of a share."
        ),
        f"AUC {main.auc.value:.4f}: bootstrap {interval_text(main.auc, 4)}; in closed form for one draw (DeLong) "
        f"{interval_text(main.auc_delong, 4)}"
        + (
            f"; by the luck of the draw of stable points alone {interval_text(main.auc_draws, 4)}."
            if main.drawn
            else "."
        ),
        "No interval knows about landslides that were never mapped, or mapped only near roads.",
    ]
    if main.repeats < 20:
        paragraphs.insert(2, "With fewer than 20 repeats no interval is taken from them; set REPEATS to 200.")
    page.text("How the numbers were made", *paragraphs)


def _record(page: Page, inputs: Mapping[str, Any]) -> None:
    """Add the inputs with size and checksum, and the versions, as the run record has them."""
    rows = []
    for name, value in inputs.items():
        checksum = value.get("sha256")
        rows.append(
            [
                name,
                os.path.basename(str(value["source"]).partition("|")[0]),
                value.get("bytes"),
                f"{checksum[:16]}…" if checksum else MISSING,
            ]
        )
    page.table(
        "Run record",
        ["Input", "File or layer", "Bytes", "SHA-256"],
        rows,
        "Made with "
        + ", ".join(f"{name} {version}" for name, version in versions().items() if name != "platform")
        + ".",
    )


def _top_zones(main: ScopeResult) -> tuple[str, float, float]:
    """Return a name, the share of landslides and the share of area of the highest zones: two of five, else one."""
    rows = main.zones[-2:] if len(main.zones) >= 4 else main.zones[-1:]
    name = f"{len(rows)} highest zones" if len(rows) > 1 else "highest zone"
    return name, sum(row.landslide_share.value for row in rows), float(np.nansum([row.area_share for row in rows]))
