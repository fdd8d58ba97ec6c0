"""The maps of a validation report: all of it with the landslides, and each region beside its ROC curve."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..validation.points import PointFeature
from ..validation.scopes import REGION_PREFIX
from .maps import PointGroup, zone_map
from .page import Page
from .region_figures import region_figures
from .validation_input import ReportInput
from .wording import interval_text, ratio_text, scope_title

HIT = PointGroup("found", np.empty((0, 2)), "o", "#1f2933", "white")
MISS = PointGroup("missed", np.empty((0, 2)), "o", "white", "#1f2933")


def add_map(page: Page, content: ReportInput) -> None:
    """Add the map of zones with the landslides on it."""
    hits = [point for point in content.points if point.outcome == "hit"]
    misses = [point for point in content.points if point.outcome == "miss"]
    groups = [PointGroup(f"{group.label}, {len(points):,}", _xy(points), group.marker, group.face, group.edge)
              for group, points in ((HIT, hits), (MISS, misses))]
    outlines = {view.name: view.rings for view in content.regions.values()}
    drawn = sum(len(group.drawn) for group in groups)
    page.figure("The map and the landslides", zone_map(content.zones, content.zone_names, groups, outlines),
                f"Zones of susceptibility. A landslide counts as found where the susceptibility is "
                f"{content.threshold:g} or more."
                + (f" {drawn:,} of the {len(hits) + len(misses):,} {content.unit} are drawn."
                   if drawn < len(hits) + len(misses) else "")
                + (f" Relief from {content.relief}." if content.relief else ""))


def add_regions(page: Page, content: ReportInput) -> None:
    """Add a table of the regions, and map and ROC curve of each; nothing without regions."""
    regions = [result for result in content.results if result.scope.name.startswith(REGION_PREFIX)]
    if not regions:
        return
    rows = [[scope_title(result.scope.name), f"{result.area_km2:,.1f}", result.landslides, f"{result.auc.value:.3f}",
             interval_text(result.auc), *(f"{result.measures[name].value:.3f}" for name in ("recall", "kappa")),
             ratio_text(result.zones[-1].frequency_ratio.value)] for result in regions]
    values = [result.auc.value for result in regions]
    worst = regions[int(np.argmin(values))]
    page.table("Region by region", ["Region", "Area, km²", "Landslides", "AUC", "95 % interval", "Recall", "Kappa",
                                    "Top ratio"], rows,
               f"Mean AUC of the regions {np.mean(values):.3f}; lowest {worst.auc.value:.3f} in "
               f"{scope_title(worst.scope.name)}. Stable points are drawn within the region. Top ratio: frequency "
               "ratio of the highest zone; zones are those of the whole map.")
    shown = [(result, content.regions[result.scope.name]) for result in regions
             if result.scope.name in content.regions]
    groups = {view.name: _region_points(content.points, view.name) for _, view in shown}
    for figure in region_figures([(view.name, view.zones, view.rings, groups[view.name], result.roc, result.auc.value)
                                  for result, view in shown], len(content.zone_names)):
        page.figure("", figure)
    if len(shown) < len(regions):
        page.text("", f"The first {len(shown)} of {len(regions)} regions are drawn; the table has all.")


def _region_points(points: Sequence[PointFeature], name: str) -> list[PointGroup]:
    inside = [point for point in points if point.kind == "landslide" and name in point.region.split("; ")]
    return [PointGroup(group.label, _xy([point for point in inside if point.outcome == outcome]), group.marker,
                       group.face, group.edge) for group, outcome in ((HIT, "hit"), (MISS, "miss"))]


def _xy(points: Sequence[PointFeature]) -> np.ndarray:
    return np.array([[point.x, point.y] for point in points]).reshape(-1, 2)
