"""The maps of a comparison at the size of a page, all on one grid so that they can be laid side by side.
Figures of a comparison: ROC curves of all maps, their zones side by side, and where two of them differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from rasterio.enums import Resampling
from rasterio.warp import reproject

from ..comparison.agreement import compute_difference
from ..comparison.mosaic import Mosaic
from ..comparison.sources import Source, bounds_in
from ..grid import Grid
from ..statistics.area_ranks import AreaRanks
from ..validation.metrics import Curve
from ..zones.schemes import zone_colours
from .charts import HALF_WIDTH, PAGE_WIDTH, RULE, SOFT, draw_curves, escape_mathtext, new_figure, shorten
from .hillshade import compute_hillshade, find_relief
from .maps import MapImage, draw_north_arrow, draw_scale_bar, draw_zones, read_map
from .page import css_colour

MAX_SIDE = 500
"""Cells along the longer side."""


@dataclass(frozen=True)
class ComparisonImages:
    """What is drawn."""

    zones: list[MapImage]
    """Zones of each map, by the breaks of the common ground."""
    difference: MapImage | None
    """First map minus the second; ``None`` for one map."""


def comparison_images(
    maps: Sequence[Mosaic],
    reference: int,
    ranks: Sequence[AreaRanks],
    zones: Sequence[np.ndarray],
    by_rank: tuple[AreaRanks, AreaRanks] | None,
) -> ComparisonImages:
    """Read all maps small.

    Args:
        maps: the open maps.
        reference: number of the one whose ground is drawn.
        ranks: of each map.
        zones: zone by bin of the ranks, of each map.
        by_rank: ranks of the first two maps where those are subtracted instead of the values.
    """
    grid = maps[reference].grid
    frame = _frame(maps[reference])
    relief = find_relief(maps[reference].pieces[0].dataset.name) if len(maps[reference].pieces) == 1 else None
    if relief is not None:
        frame = replace(
            frame,
            shade=compute_hillshade(
                relief, grid.crs, frame.bounds, frame.cells.shape, frame.metres_east, frame.metres_north
            ),
        )
    values = [frame.cells if one is maps[reference] else _onto(one, grid, frame) for one in maps]
    shown = []
    for cells, one, of_bin in zip(values, ranks, zones):
        known = np.isfinite(cells)
        zone = np.full(cells.shape, np.nan, dtype=np.float32)
        zone[known] = of_bin[one.index(cells[known])]
        shown.append(replace(frame, cells=zone))
    if len(maps) < 2:
        return ComparisonImages(shown, None)
    return ComparisonImages(shown, replace(frame, cells=compute_difference(values[0], values[1], by_rank)))


def _frame(one: Mosaic) -> MapImage:
    """Return a whole map small."""
    if len(one.pieces) == 1:
        return _read(one.pieces[0], one.grid.bounds)
    grid = one.grid
    factor = max(1.0, max(grid.shape) / MAX_SIDE)
    width, height = grid.spacing(grid.height // 2, 1)
    empty = np.full([max(1, round(side / factor)) for side in grid.shape], np.nan, dtype=np.float32)
    frame = MapImage(
        empty, grid.bounds, float(width[0]) / abs(grid.transform.a), float(height[0]) / abs(grid.transform.e)
    )
    return replace(frame, cells=_onto(one, grid, frame))


def _read(source: Source, bounds: tuple[float, float, float, float]) -> MapImage:
    image = read_map(source.dataset, source.grid, source.is_integer or source.has_sentinel_values, bounds, MAX_SIDE)
    return replace(image, cells=source.mask_nodata(image.cells))


def _onto(one: Mosaic, grid: Grid, frame: MapImage) -> np.ndarray:
    """Return a map's cells at the places of a frame of a grid, float32; the nearest ones, as everything is compared."""
    result = np.full(frame.cells.shape, np.nan, dtype=np.float32)
    for piece in one.pieces:
        left, bottom, right, top = bounds_in(grid, piece.grid)
        low_x, low_y, high_x, high_y = piece.grid.bounds
        left, bottom, right, top = max(left, low_x), max(bottom, low_y), min(right, high_x), min(top, high_y)
        if left >= right or bottom >= top:
            continue
        own = _read(piece, (left, bottom, right, top))
        cells = np.full(frame.cells.shape, np.nan, dtype=np.float32)
        reproject(
            own.cells,
            cells,
            src_transform=_transform(own),
            src_crs=piece.grid.crs,
            src_nodata=np.nan,
            dst_transform=_transform(frame),
            dst_crs=grid.crs,
            dst_nodata=np.nan,
            resampling=Resampling.nearest,
        )
        result = np.where(np.isfinite(result), result, cells)
    return result


def _transform(image: MapImage) -> Affine:
    left, bottom, right, top = image.bounds
    rows, columns = image.cells.shape
    return Affine((right - left) / columns, 0, left, 0, (bottom - top) / rows, top)


DIFFERENCE = ("#542788", "#998ec3", "#d8daeb", "#f7f7f7", "#fee0b6", "#f1a340", "#b35806")
"""Purple to orange (ColorBrewer's PuOr), which readers with any kind of colour vision can tell apart."""
MAX_HEIGHT = 7.6


def roc_panel(title: str, curves: Sequence[tuple[str, Curve]]) -> Figure:
    """Draw the ROC curves of all maps on one part of the ground."""
    figure = new_figure(2.95, HALF_WIDTH)
    axes = figure.subplots()
    axes.grid(color=RULE)
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    # Several bands over each other hide the curves; the intervals stand in the table.
    bare = [
        (label, Curve(curve.x, curve.y, np.full_like(curve.y, np.nan), np.full_like(curve.y, np.nan)))
        for label, curve in curves
    ]
    draw_curves(axes, bare)
    axes.get_legend().set_frame_on(True)
    axes.get_legend().get_frame().set(facecolor="white", alpha=0.8, edgecolor="none")
    axes.set_title(escape_mathtext(shorten(title, 40)))
    axes.set_xlabel("False alarms, share of stable points")
    axes.set_ylabel("Landslides found")
    return figure


def zone_panels(names: Sequence[str], zones: Sequence[MapImage], labels: dict[int, str]) -> Figure:
    """Draw the zones of all maps side by side, with one legend."""
    columns = {1: 1, 2: 2, 4: 2}.get(len(zones), 3)
    rows = -(-len(zones) // columns)
    height = PAGE_WIDTH / columns * _ratio(zones[0]) + 0.2
    figure = new_figure(min(rows * height + 0.35, MAX_HEIGHT))
    parts = figure.add_gridspec(rows + 1, columns, height_ratios=[*[height] * rows, 0.25])
    for number, (name, image) in enumerate(zip(names, zones)):
        axes = figure.add_subplot(parts[number // columns, number % columns])
        draw_zones(axes, image, len(labels))
        axes.set_title(escape_mathtext(shorten(name, 30)), fontsize=8.5)
        axes.set_xticks([])
        axes.set_yticks([])
        if not number:
            draw_scale_bar(axes, image)
    colours = zone_colours(len(labels))
    legend = figure.add_subplot(parts[rows, :])
    legend.set_axis_off()
    legend.legend(
        handles=[
            Patch(facecolor=css_colour(colours[zone]), edgecolor=SOFT, linewidth=0.5, label=escape_mathtext(name))
            for zone, name in labels.items()
        ],
        loc="center",
        ncol=min(len(labels), 5),
    )
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
    axes.imshow(
        np.ma.masked_invalid(image.cells),
        extent=(left, right, bottom, top),
        cmap=colours,
        norm=norm,
        interpolation="none",
    )
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
    bar.set_label(escape_mathtext(label))
    bar.outline.set_visible(False)
    return figure


def _ratio(image: MapImage) -> float:
    """Return height over width on the ground."""
    left, bottom, right, top = image.bounds
    return (top - bottom) * image.metres_north / ((right - left) * image.metres_east)
