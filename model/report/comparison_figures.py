"""Figures of a comparison: ROC curves of all maps, their zones side by side, and where two of them differ."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..validation.curves import Curve
from ..zones.schemes import zone_colours
from .charts import HALF_WIDTH, draw_curves
from .figures import PAGE_WIDTH, RULE, SOFT, new_figure, plain, shorten
from .maps import MapImage, draw_north_arrow, draw_scale_bar, draw_zones
from .wording import css_colour

DIFFERENCE = ("#542788", "#998ec3", "#d8daeb", "#f7f7f7", "#fee0b6", "#f1a340", "#b35806")
"""Purple to orange (ColorBrewer's PuOr), which readers with any kind of colour vision can tell apart."""
TALLEST = 7.6


def roc_panel(title: str, curves: Sequence[tuple[str, Curve]]) -> Figure:
    """Draw the ROC curves of all maps on one part of the ground."""
    figure = new_figure(2.95, HALF_WIDTH)
    axes = figure.subplots()
    axes.grid(color=RULE)
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    # Several bands over each other hide the curves; the intervals stand in the table.
    bare = [(label, Curve(curve.x, curve.y, np.full_like(curve.y, np.nan), np.full_like(curve.y, np.nan)))
            for label, curve in curves]
    draw_curves(axes, bare)
    axes.get_legend().set_frame_on(True)
    axes.get_legend().get_frame().set(facecolor="white", alpha=0.8, edgecolor="none")
    axes.set_title(plain(shorten(title, 40)))
    axes.set_xlabel("False alarms, share of stable points")
    axes.set_ylabel("Landslides found")
    return figure


def zone_panels(names: Sequence[str], zones: Sequence[MapImage], labels: dict[int, str]) -> Figure:
    """Draw the zones of all maps side by side, with one legend."""
    columns = {1: 1, 2: 2, 4: 2}.get(len(zones), 3)
    rows = -(-len(zones) // columns)
    height = PAGE_WIDTH / columns * _ratio(zones[0]) + 0.2
    figure = new_figure(min(rows * height + 0.35, TALLEST))
    parts = figure.add_gridspec(rows + 1, columns, height_ratios=[*[height] * rows, 0.25])
    for number, (name, image) in enumerate(zip(names, zones)):
        axes = figure.add_subplot(parts[number // columns, number % columns])
        draw_zones(axes, image, len(labels))
        axes.set_title(plain(shorten(name, 30)), fontsize=8.5)
        axes.set_xticks([])
        axes.set_yticks([])
        if not number:
            draw_scale_bar(axes, image)
    colours = zone_colours(len(labels))
    legend = figure.add_subplot(parts[rows, :])
    legend.set_axis_off()
    legend.legend(handles=[Patch(facecolor=css_colour(colours[zone]), edgecolor=SOFT, linewidth=0.5, label=plain(name))
                           for zone, name in labels.items()], loc="center", ncol=min(len(labels), 5))
    return figure


def difference_map(image: MapImage, label: str) -> Figure:
    """Draw where the first map is higher (orange) and where the second is (purple)."""
    # The sizes are known, so map and bar are placed by hand, side by side.
    height = min(4.6 * _ratio(image), 4.4)
    width, tall = height / _ratio(image) / PAGE_WIDTH, max(height, 1.6) + 0.1
    figure = Figure(figsize=(PAGE_WIDTH, tall))
    axes = figure.add_axes([0.002, 1 - (height + 0.05) / tall, width, height / tall])
    known = np.abs(image.cells[np.isfinite(image.cells)])
    limit = float(np.quantile(known, 0.98)) if known.size else 1.0
    limit = limit if limit > 0 else 1.0
    colours, norm = LinearSegmentedColormap.from_list("difference", DIFFERENCE), Normalize(-limit, limit)
    left, bottom, right, top = image.bounds
    axes.imshow(np.ma.masked_invalid(image.cells), extent=(left, right, bottom, top), cmap=colours, norm=norm,
                interpolation="none")
    axes.set_aspect(image.metres_north / image.metres_east)
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#9aa5b1")
    draw_scale_bar(axes, image)
    draw_north_arrow(axes)
    beside = figure.add_axes([0.002 + width + 0.03, 0.06, 0.025, 0.88])
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=beside, extend="both")
    bar.set_label(plain(label))
    bar.outline.set_visible(False)
    return figure


def _ratio(image: MapImage) -> float:
    """Return height over width on the ground."""
    left, bottom, right, top = image.bounds
    return (top - bottom) * image.metres_north / ((right - left) * image.metres_east)
