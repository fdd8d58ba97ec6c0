"""The report of a validation: measures with their intervals, zones, curves and maps, and what to be careful with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..comparison.textbook_baselines import Baselines
from ..exposure.count import Exposure
from ..outputs.run_record import versions
from ..progress import Progress
from ..validation.map_layers import RegionMap
from ..validation.measures import PointFeature, ScopeResult
from ..validation.preparation import ValidationData
from ..validation.settings import ALL, REGION_PREFIX, no_test_text
from ..validation.verdict import Verdict
from ..validation.zone_table import ZoneRow, insignificant_increases, non_monotonic_pairs
from ..zones.raster import assign_zones
from ..zones.schemes import zone_colours
from . import charts, maps
from .exposure import add_exposure
from .maps import MAX_SIDE, Bounds, MapImage, Relief, add_hillshade, clip_to_geometries, read_map
from .overview import add_overview
from .page import (
    HELD_OUT,
    MISSING,
    Page,
    blocks_text,
    css_colour,
    interval_sentence,
    interval_text,
    percent,
    ratio_text,
    scope_title,
    short_scope_title,
    subset_phrase,
)

MAX_REGIONS = 12
REGION_MAX_SIDE = 520  # cells along the longer side of a region's map, half a page wide


@dataclass
class ValidationReportInput:
    """What a validation report is made of."""

    map_name: str
    landslide_name: str
    data: ValidationData
    results: Sequence[ScopeResult]
    main: ScopeResult
    points: Sequence[PointFeature]
    settings: Mapping[str, object]
    inputs: Mapping[str, Any]  # inputs as the run record describes them, by parameter
    verdict: Verdict
    relief: Relief | None = None
    is_probability: bool = False  # the map is one of a calibrated model
    zone_areas_m2: Mapping[str, Mapping[int, float]] = field(default_factory=dict)  # by scope and zone
    seen: str = ""  # what is wrong with the numbers of a map whose model all landslides trained
    baselines: Baselines = field(default_factory=Baselines)  # rules without a model that were judged beside the map
    exposure: Exposure | None = None  # what lies in the zones, of layers that were given
    choice: str = ""  # among which kinds the model of the map was chosen and why, in sentences

    @property
    def quantity(self) -> str:
        """What the map shows, in the middle of a sentence."""
        return "landslide probability" if self.is_probability else "relative landslide susceptibility"

    @property
    def meaning(self) -> str:
        """What a value of the map means, as a sentence."""
        if self.is_probability:
            return (
                "Values are the share of cells like this one that were landslide cells where the model was trained, "
                "with the label radii used there; no probability per year."
            )
        return "Susceptibility ranks places; it is not the probability of a landslide."

    @property
    def unit(self) -> str:
        """What one landslide point of the numbers is."""
        counts = self.data.landslides.counts
        return "landslide cells" if counts.candidate_cells > counts.features else "landslides"

    @property
    def unseen(self) -> ScopeResult | None:
        """The result of the test windows, which the reader sees first; ``None`` without any."""
        return next((result for result in self.results if result.scope.name == "test"), None)

    @property
    def held_out(self) -> str:
        """That no place is judged by a model that has seen it, as a sentence; empty where that is not so."""
        return HELD_OUT if self.data.layers.held_out else ""

    @property
    def fit(self) -> str:
        """The fit of the map beside the numbers of values out of fold, as a sentence; empty where there are none."""
        if self.main.auc_fit is None:
            return ""
        return (
            f"The map itself, whose model all landslides trained, has an AUC of {self.main.auc_fit:.3f} on the same "
            "places: a fit, not a test."
        )

    def sentences(self) -> list[str]:
        """Return the main numbers as sentences, those of land not seen first."""
        if self.seen:
            return [f"A fit, not a test: {self.main.sentence()}"]
        if self.held_out:
            told = " ".join(filter(None, (self.main.sentence(), self.held_out, self.fit)))
            return [f"Land not seen in training: {told}"]
        unseen = self.unseen
        if unseen is None or unseen is self.main:
            return [self.main.sentence()]
        fit = f"{subset_phrase(self.main.scope.name)}, training land included: {self.main.sentence()}"
        return [f"Land not seen in training (test windows): {unseen.sentence()}", fit]

    def rule_sentences(self) -> list[str]:
        """Return how far the map is ahead of each of the rules, as sentences."""
        found = []
        for one in self.baselines.found:
            rule = self.main.rules[one.key]
            interval = f" ({interval_text(rule.difference)})" if rule.difference.has_interval else ""
            found.append(
                f"{one.title} has an AUC of {rule.auc.value:.3f} at the same cells; the map is ahead by "
                f"{rule.difference.value:+.3f}{interval}."
            )
        return found

    def split(self) -> tuple[list[ScopeResult], list[ScopeResult]]:
        """Return the results of map and subsets, and those of regions."""
        regions = [result for result in self.results if result.scope.name.startswith(REGION_PREFIX)]
        return [result for result in self.results if result not in regions], regions


def validation_page(content: ValidationReportInput, progress: Progress) -> Page:
    """Return the report."""
    subset = subset_phrase(content.main.scope.name)
    out_of_fold = content.inputs.get("OUT_OF_FOLD", {}).get("source")
    judged_by = f" Out-of-fold map: {os.path.basename(out_of_fold)}." if out_of_fold else ""
    subtitle = f"Map: {content.map_name}.{judged_by} Landslides: {content.landslide_name}. {subset}."
    title, warnings = f"Validation of a map of {content.quantity}", content.data.warning_log.warnings
    page = Page(title, subtitle, progress, warnings)
    # In an order that fills printed pages: tables, which may be divided, stand between the large figures.
    parts = _add_summary, _add_rules, _add_used_points, _add_subsets, _add_zones, _add_curves, _add_confusion, _add_map
    with charts.style():
        for add in (add_overview, *parts, _add_calibration, _add_regions, _add_exposure, _add_method):
            add(page, content)
    page.settings("Settings of this run", {k: str(v) for k, v in content.settings.items() if v is not None})
    _add_record(page, content.inputs)
    return page


def _add_exposure(page: Page, content: ValidationReportInput) -> None:
    if content.exposure is not None:
        add_exposure(page, content.exposure)


def _add_summary(page: Page, content: ValidationReportInput) -> None:
    unseen = content.unseen
    main = content.main if unseen is None else unseen
    recall, kappa, first = main.measures["recall"], main.measures["kappa"], main.first_draw
    top = main.zones[-2:] if len(main.zones) >= 4 else main.zones[-1:]
    name = f"{len(top)} highest zones" if len(top) > 1 else "highest zone"
    landslides, area = sum(row.landslide_share.value for row in top), np.nansum([row.area_share for row in top])
    auc_text = (
        "Chance that a landslide has a higher susceptibility than a place without one, anywhere on the map: 0.5 is a "
        "coin toss, 1 is perfect."
    )
    recall_text = f"Share of the landslides on cells with a susceptibility of {content.main.threshold:g} or more."
    kappa_text = "Agreement of map and points beyond chance: 0 is none, 1 is full."
    measures = (("AUC", main.auc, auc_text), ("Recall", recall, recall_text), ("Kappa", kappa, kappa_text))
    numbers = [(title, f"{one.value:.3f}", f"{interval_sentence(one)}{meaning}") for title, one, meaning in measures]
    in_top = f"of the landslides, on {percent(float(area), 0)} of the area."
    title, level, reasons = content.verdict.card()
    if content.seen:
        # The whole text stands above, among the warnings.
        reasons, numbers[0] = f"{reasons} {content.seen.split('. ')[0]}.", ("AUC, a fit", *numbers[0][1:])
    elif content.held_out:
        numbers[0] = ("AUC on land not seen", *numbers[0][1:])
    page.key_numbers([(title, level, reasons), *numbers, (f"In the {name}", percent(landslides, 0), in_top)])
    where = "" if unseen is None else "In the test windows, which the model did not learn from: "
    finds = "the out-of-fold map finds" if content.fit else "the map finds"
    text = (
        f"{where}at a susceptibility of {main.threshold:g} {finds} {first.hits:,.0f} of {main.landslides:,} "
        f"{content.unit} and gives a false alarm at {first.false_alarms:,.0f} of {main.stable:,} stable points."
    )
    text = text[0].upper() + text[1:]
    small = []
    if main is not content.main:
        whole = content.main
        interval = f" ({interval_text(whole.auc)})" if whole.auc.has_interval else ""
        small = [
            f"{subset_phrase(whole.scope.name)}, training land included: AUC {whole.auc.value:.3f}{interval} from "
            f"{whole.landslides:,} {content.unit}. That is a fit, not a test. The tables and curves below state the "
            "part of the map that they are of."
        ]
    held_out = [one for one in (content.held_out, content.fit) if one]
    choice = [content.choice] if content.choice else []
    page.text("In short", *held_out, text, blocks_text(main), _stable_text(content, main), *small, *choice)


def _stable_text(content: ValidationReportInput, main: ScopeResult) -> str:
    """Return the AUC against stable points, and what it flatters."""
    interval = ""
    if main.auc_stable.has_interval:
        interval = f" ({interval_text(main.auc_stable)})"
    if not main.drawn:
        return (
            f"Against the given stable points the AUC is {main.auc_stable.value:.3f}{interval}. It depends on how they "
            "were chosen: points far from landslides, or on flat land, flatter the map."
        )
    return (
        f"Against stable points at least {content.data.options.metres:,.0f} m away from every landslide the AUC is "
        f"{main.auc_stable.value:.3f}{interval}. That flatters the map: it leaves out the land next to landslides, "
        "which is the hardest to tell from them. Quote the first number."
    )


def _add_used_points(page: Page, content: ValidationReportInput) -> None:
    main, data = content.main, content.data
    samples = {"Landslides": data.landslides, "Stable points": data.stable}
    counts = {name: sample.counts for name, sample in samples.items() if sample is not None}
    rows = [
        [name, one.features, one.off_map, one.on_nodata, one.duplicates + one.thinned, one.used]
        for name, one in counts.items()
    ]
    if data.drawn:
        source = (
            f"Stable points were drawn at random, {main.stable:,} at a time and {main.repeats:,} times over, "
            f"from all cells of the tested part of the map that are at least {data.options.metres:g} m away from "
            "every landslide; larger cells have a larger chance. Recall, kappa and the other measures at the threshold "
            "need them. The farther from landslides, the easier that test: compare these measures only between runs "
            "with the same distance. The AUC needs no stable points."
        )
    else:
        source = (
            f"Stable points are the {main.stable:,} that were given. Precision, accuracy, F1 and kappa depend "
            "on how many there are beside the landslides; recall does not. The AUC needs no stable points."
        )
    columns = ["", "In the layer", "Off the map", "Without a value", "In an occupied cell", "Cells used"]
    page.table("Points that were used", columns, rows, source)


def _scope_cells(result: ScopeResult) -> list[object]:
    return [
        result.landslides,
        result.independent_blocks,
        f"{result.auc.value:.3f}",
        interval_text(result.auc),
        *(f"{result.measures[name].value:.3f}" for name in ("recall", "kappa")),
        ratio_text(result.zones[-1].frequency_ratio.value),
    ]


SCOPE_COLUMNS = ["Landslides", "Independent blocks", "AUC", "95 % interval", "Recall", "Kappa", "Top ratio"]


def _add_rules(page: Page, content: ValidationReportInput) -> None:
    if not content.main.rules:
        if content.baselines.missing:
            page.text("Beside rules of a textbook", *content.baselines.missing)
        return
    rows = []
    for one in content.baselines.found:
        for result in (result for result in _unseen_first(content) if one.key in result.rules):
            found = result.rules[one.key]
            auc = f"{found.auc.value:.3f}", interval_text(found.auc)
            ahead = f"{found.difference.value:+.3f}", interval_text(found.difference)
            rows.append([one.title, scope_title(result.scope.name), *auc, *ahead])
    assumed = " ".join([*(one.source for one in content.baselines.found), *content.baselines.missing])
    page.table(
        "Beside rules of a textbook",
        ["Rule", "Part of the map", "AUC", "95 % interval", "Map ahead by", "95 % interval"],
        rows,
        f"Rules that need no landslides, judged at the same cells and in the same resamples as the map. {assumed}",
    )


def _add_subsets(page: Page, content: ValidationReportInput) -> None:
    counts = content.data.subset_counts()
    if not counts:
        return
    total = content.results[0].landslides
    page.table(
        "Fit or test",
        ["Part of the map", *SCOPE_COLUMNS],
        [[scope_title(result.scope.name), *_scope_cells(result)] for result in _unseen_first(content)],
        f"{counts['train']:,} of {total:,} landslides lie in training windows, where the map shows what the model was "
        "trained on. Only the test windows show how it performs on new ground. Stable points are drawn within the same "
        f"windows. {total - sum(counts.values()):,} landslides lie in no window. A landslide in overlapping windows "
        "counts as training if one of them is a training window. Top ratio: frequency ratio of the highest zone.",
    )


def _unseen_first(content: ValidationReportInput) -> list[ScopeResult]:
    """Return the results of map and subsets: test windows, other windows, then all of the map."""
    order = ("test", "validation", "train")
    results = content.split()[0]
    return sorted(results, key=lambda one: order.index(one.scope.name) if one.scope.name in order else len(order))


ZONE_COLUMNS = (
    *(("Zone", "Zone"), ("Landslides", "Landslides"), ("Share of landslides", "Share"), ("Area, km²", "Area, km²")),
    *(("Share of area", "Share"), ("Frequency ratio", "Ratio"), ("95 % interval", "95 % interval")),
)
"""Headings of the table of zones, in the report and, shorter, on the map sheet; :func:`zone_cells` gives the cells."""


def zone_cells(row: ZoneRow, digits: int) -> list[str]:
    """Return the cells of a zone in table 4 of the paper, its shares with ``digits``."""
    shares = percent(row.landslide_share.value, digits), percent(row.area_share, digits)
    ratio = ratio_text(row.frequency_ratio.value), interval_text(row.frequency_ratio, 2)
    return [row.name, f"{row.landslides:,}", shares[0], f"{row.area_km2:,.1f}", shares[1], *ratio]


def _add_zones(page: Page, content: ValidationReportInput) -> None:
    zones, breaks = content.main.zones, content.data.layers.zones.breaks
    colours = [css_colour(colour) for zone, colour in zone_colours(len(zones)).items() if zone]
    made, limits = "Zones are those of the given zone raster.", ", ".join(f"{limit:.4g}" for limit in breaks)
    if content.fit:
        made = f"Zones are those of the values out of fold, at the breaks of the zones of the map: {limits}."
    elif breaks:
        made = f"Zones were cut here by area, as no zone raster was given; breaks at {limits}."
    meaning = "Frequency ratio = share of landslides ÷ share of area; 1 is as many landslides as by chance."
    interval = "The area is known and the landslides are a sample, hence the interval (from resampled blocks of land)."
    page.table(
        "Landslides by zone",
        [heading for heading, _ in ZONE_COLUMNS],
        [zone_cells(row, 2) for row in zones],
        f"{meaning} {_ratio_assessment(content.main)} {made} {interval}",
        colours,
    )
    page.figure("", charts.zone_chart(zones, colours))


def _ratio_assessment(main: ScopeResult) -> str:
    wrong, unsure = (
        " and ".join(f"from {low} to {high}" for low, high in pairs)
        for pairs in (non_monotonic_pairs(main.zones), insignificant_increases(main.zones))
    )
    if wrong:
        return f"The ratio should rise from zone to zone, but does not {wrong}."
    rises = "The ratio rises from zone to zone, as it should"
    if not main.testable:
        return f"{rises}. {no_test_text(main.independent_blocks)}"
    if unsure:
        return (
            f"{rises}; but with so few independent blocks the rise {unsure} may be chance (one-sided test over "
            "resampled blocks, 5 %)."
        )
    return f"{rises}, and by more than chance would make (one-sided test over resampled blocks, 5 %)."


def _add_curves(page: Page, content: ValidationReportInput) -> None:
    main, windows = content.main, content.data.subset_counts()
    chosen = [main, *(result for result in content.split()[0] if result is not main)][:4]
    names = [short_scope_title(one.scope.name) for one in chosen]
    if content.seen or content.held_out:
        names = [f"{'success' if content.seen else 'prediction'} rate, {name}" for name in names]
    elif windows:
        kinds = {"training": "success rate, ", ALL: ""}
        names = [f"{kinds.get(name, 'prediction rate, ')}{name}" for name in names]
    rocs = [(f"{name}, AUC {one.auc.value:.3f}", one.roc) for name, one in zip(names, chosen)]
    page.figure(
        "How well the map separates landslides from other land",
        charts.curve_chart(rocs, "Other land, share of its area", "Landslides found"),
        "ROC curve against all other mapped land by area, buffers included: a lower threshold finds more landslides "
        "and marks more land. The nearer to the upper left corner, the better; the dashed diagonal is chance. It is "
        "the success-rate curve of landslides that the model learned from and the prediction-rate curve of others, but "
        f"for the landslides' own cells; with these, the area under it is {main.success_rate_auc.value:.3f}. Band "
        "95 %, from resampled blocks of land.",
        half=True,
    )
    curves = [(f"{name}, AUC {one.auc_stable.value:.3f}", one.roc_stable) for name, one in zip(names, chosen)]
    page.figure(
        "",
        charts.curve_chart(curves, "False alarms, share of stable points", "Landslides found"),
        "The same against stable points, as in the paper. They lie away from landslides, so this curve flatters the "
        "map.",
        half=True,
    )


def _add_calibration(page: Page, content: ValidationReportInput) -> None:
    main = content.main
    chance = main.landslides / (main.landslides + main.stable)
    curves = [(f"average precision {main.average_precision.value:.3f}", main.precision)]
    page.figure(
        "Precision and calibration",
        charts.curve_chart(curves, "Recall, share of landslides found", "Precision", chance, "lower left"),
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
        f"{main.calibration.ece:.3f} (mean distance from the diagonal). At the true share of landslide cells on the "
        f"map, {percent(main.landslide_share, 3)} of the area, the average precision is {main.map_precision:.3g} (a "
        f"map without skill has {main.landslide_share:.3g}) and the Brier score {main.map_calibration.brier:.3f}. "
        f"{content.meaning} The share of landslides among the test points was chosen and not observed, so the diagonal "
        "of these points is not that of the land; at the true share a landslide counts as one cell here.",
    )
    share, curve = main.landslide_share, main.map_curve
    curves = [(f"average precision {main.map_precision:.3g}", curve)]
    # At a recall of few per cent the precision is that of a handful of cells.
    top = min(1.0, 1.1 * max(2 * share, float(np.max(curve.y[curve.x >= 0.05]))))
    page.figure(
        "At the true share of landslide cells",
        charts.curve_chart(curves, "Recall, share of landslides found", "Precision", share, "upper right", top),
        f"Share of landslide cells among the land at or above a threshold. The dashed line is a map without skill, "
        f"{percent(share, 3)}: the share of landslide cells in the mapped area.",
        half=True,
    )
    page.figure(
        "",
        charts.calibration_chart(main.map_calibration, "cells"),
        "Share of landslide cells by susceptibility, by area. A useful map rises; the dashed diagonal is for maps of "
        "probabilities.",
        half=True,
    )


def _add_confusion(page: Page, content: ValidationReportInput) -> None:
    main, first = content.main, content.main.first_draw
    page.table(
        f"Confusion matrix at a threshold of {content.main.threshold:g}",
        ["Map", "Landslides", "Stable points"],
        [
            ["landslide", f"{first.hits:,.0f} found", f"{first.false_alarms:,.0f} false alarms"],
            ["stable", f"{first.misses:,.0f} missed", f"{first.correct_rejections:,.0f} correct"],
        ],
        "Counts of the first draw, the one in the point layer." if main.drawn else "",
    )
    texts = {
        "recall": ("Recall", "Share of the landslides that were found."),
        "kappa": ("Kappa", "Agreement of map and points beyond chance."),
        "accuracy": ("Accuracy", "Share of all points classified correctly."),
        "precision": ("Precision", "Share of landslides among the points classified as landslide."),
        "f1": ("F1 score", "Harmonic mean of precision and recall."),
        "specificity": ("Specificity", "Share of the stable points classified as stable."),
    }
    measures = main.measures
    rows = [
        [title, f"{measures[name].value:.3f}", interval_text(measures[name]), text]
        for name, (title, text) in texts.items()
    ]
    best = f"{main.youden_threshold:.3g}"
    rows.append(["Best threshold", best, MISSING, "Where recall plus specificity is largest (Youden 1950)."])
    ratio = f"here {main.landslides:,} to {main.stable:,}."
    if main.landslides == main.stable:
        ratio = "here one to one; on the map, stable ground is far more common."
    means = "Means over the draws. " if main.drawn else ""
    page.table(
        "",
        ["Measure", "Value", "95 % interval", "Meaning"],
        rows,
        f"{means}Kappa, accuracy, precision and F1 depend on the ratio of landslides to stable points, {ratio}",
    )


def _add_map(page: Page, content: ValidationReportInput) -> None:
    relief, groups = content.relief, _landslide_groups(content.points, counted=True)
    outlines = {
        name: maps.rings_of(geometries) for name, geometries in region_geometries(content)[:MAX_REGIONS] if geometries
    }
    drawn, total = sum(len(group.drawn) for group in groups), sum(len(group.xy) for group in groups)
    caption = (
        "Zones of susceptibility. A landslide counts as found where the susceptibility is "
        f"{content.main.threshold:g} or more."
    )
    if drawn < total:
        caption += f" {drawn:,} of the {total:,} {content.unit} are drawn."
    if relief is not None:
        caption += f" Relief from {os.path.basename(relief.path)}."
    if content.fit:
        caption += " The map is the one to use; whether a landslide is found is told by the values out of fold."
    figure = maps.zone_map(_zone_image(content), content.data.layers.zones.names, groups, outlines)
    page.figure("The map and the landslides", figure, caption)


def _zone_image(content: ValidationReportInput, bounds: Bounds | None = None, max_side: int = MAX_SIDE) -> MapImage:
    """Return zone numbers at the size of a page, of all of the map or of the part within bounds."""
    layers, zones = content.data.layers, content.data.layers.zones
    if zones.dataset is not None:
        image = read_map(zones.dataset, layers.grid, True, bounds, max_side)
    else:
        image = read_map(layers.dataset, layers.grid, False, bounds, max_side)
        image = replace(image, cells=assign_zones(image.cells, zones.breaks).astype(np.float32))
    return add_hillshade(image, content.relief, layers.grid.crs)


def region_geometries(content: ValidationReportInput) -> list[tuple[str, list[dict]]]:
    """Return name and GeoJSON geometries of each region that has numbers."""
    regions = content.data.layers.regions
    if not isinstance(regions, RegionMap):
        return []
    return [
        (result.scope.name[len(REGION_PREFIX) :], regions.geometries(result.scope.region or 0))
        for result in content.split()[1]
    ]


def _landslide_groups(points: Sequence[PointFeature], counted: bool = False) -> list[maps.PointGroup]:
    hits, misses = (
        np.array([[point.x, point.y] for point in points if point.outcome == outcome]).reshape(-1, 2)
        for outcome in ("hit", "miss")
    )
    labels = (f"found ({len(hits):,})", f"missed ({len(misses):,})") if counted else ("found", "missed")
    return [
        maps.PointGroup(labels[0], hits, charts.INK, "white"),
        maps.PointGroup(labels[1], misses, "white", charts.INK),
    ]


def _add_regions(page: Page, content: ValidationReportInput) -> None:
    regions = content.split()[1]
    if not regions:
        return
    values = [result.auc.value for result in regions]
    worst = regions[int(np.argmin(values))]
    unseen, fit = content.unseen, ""
    shown = [*([] if unseen is None else [unseen]), *regions]
    if unseen is not None and unseen is not content.main:
        fit = "The regions hold training land too: their numbers are a fit, that of the test windows a test. "
    page.table(
        "Region by region",
        ["Region", "Area, km²", *SCOPE_COLUMNS],
        [[scope_title(result.scope.name), f"{result.area_km2:,.1f}", *_scope_cells(result)] for result in shown],
        f"{fit}Mean AUC of the regions {np.mean(values):.3f}; lowest {worst.auc.value:.3f} in "
        f"{scope_title(worst.scope.name)}. Stable points are drawn within the region. Top ratio: frequency "
        "ratio of the highest zone; zones are those of the whole map.",
    )
    for result, (name, geometries) in zip(regions[:MAX_REGIONS], region_geometries(content)):
        page.figure("", _region_figure(content, result, name, geometries))
    if len(regions) > MAX_REGIONS:
        page.text("", f"The first {MAX_REGIONS} of {len(regions)} regions are drawn; the table has all.")


def _region_figure(
    content: ValidationReportInput, result: ScopeResult, name: str, geometries: Sequence[dict]
) -> Figure:
    rings = maps.rings_of(geometries)
    corners = np.concatenate(rings)
    bounds = (*corners.min(axis=0), *corners.max(axis=0))
    zones = clip_to_geometries(_zone_image(content, bounds, REGION_MAX_SIDE), geometries)
    inside = [one for one in content.points if one.kind == "landslide" and name in one.region.split("; ")]
    figure = charts.new_figure(2.3)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.25, 1)})
    maps.draw_zones(left, zones, len(content.main.zones), ticks=2)
    maps.draw_outline(left, rings)
    for group in _landslide_groups(inside):
        maps.draw_points(left, group, 0.6)
    maps.draw_scale_bar(left, zones)
    left.set_title(charts.escape_mathtext(charts.shorten(name, 44)))
    charts.draw_diagonal(right)
    charts.draw_curves(right, [(f"AUC {result.auc.value:.3f}", result.roc)])
    right.set(xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], xlabel="False alarms", ylabel="Landslides found", aspect="equal")
    return figure


def _add_method(page: Page, content: ValidationReportInput) -> None:
    main = content.main
    drawn = " and the stable points drawn anew" if main.drawn else ""
    luck = ""
    if main.drawn:
        draws = interval_text(main.auc_draws, 4)
        luck = f" Against stable points {main.auc_stable.value:.4f}; by the luck of the draw alone {draws}."
    paragraphs = [
        "A cell of the map counts once, however many landslides are in it.",
        f"Intervals named 95 % come from {main.repeats:,} repeats. In each, blocks of land are drawn with replacement, "
        f"landslides and other land together{drawn} (block bootstrap); the interval is that of Student's t over the "
        f"effective number of blocks. {blocks_text(main)}",
        f"AUC {main.auc.value:.4f}: {interval_text(main.auc, 4)}; if landslides were independent (DeLong) "
        f"{interval_text(main.auc_delong, 4)}.{luck}",
        "No interval accounts for landslides that were never mapped, or mapped only near roads.",
    ]
    if main.repeats < 20:
        paragraphs.insert(2, "With fewer than 20 repeats no interval is taken from them; set REPEATS to 200.")
    page.text("How the numbers were computed", *paragraphs)


def _add_record(page: Page, inputs: Mapping[str, Any]) -> None:
    rows = []
    listed = [(name, one) for name, value in inputs.items() for one in (value if isinstance(value, list) else [value])]
    for name, value in listed:
        checksum = value.get("sha256")
        source = os.path.basename(str(value["source"]).partition("|")[0])
        rows.append([name, source, value.get("bytes"), f"{checksum[:16]}…" if checksum else MISSING])
    made = ", ".join(f"{name} {version}" for name, version in versions().items() if name != "platform")
    page.table("Run record", ["Input", "File or layer", "Bytes", "SHA-256"], rows, f"Made with {made}.")
