"""The maps in the report of a comparison: the zones of all maps side by side, and the difference of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from rasterio.enums import Resampling
from rasterio.warp import reproject

from ..comparison.agreement import compute_difference
from ..comparison.mosaic import Mosaic, Source, bounds_in
from ..grid import Grid
from ..inputs.rasters import raster_path
from ..statistics import AreaRanks
from .charts import PAGE_WIDTH, escape_mathtext, new_figure, shorten
from .maps import (
    Bounds,
    MapImage,
    add_hillshade,
    draw_cells,
    draw_frame,
    draw_north_arrow,
    draw_scale_bar,
    draw_zones,
    empty_map,
    find_relief,
    read_map,
    zone_patches,
)

if TYPE_CHECKING:
    # Not at run time: other reports draw such maps without scikit-learn, which its tests need.
    from ..comparison.paired_tests import Comparison

MAX_SIDE = 500  # cells along the longer side of a map
MAX_HEIGHT = 7.6  # inches that the maps side by side may have
DIFFERENCE = ("#542788", "#998ec3", "#d8daeb", "#f7f7f7", "#fee0b6", "#f1a340", "#b35806")
"""Purple to orange (ColorBrewer's PuOr), which readers with any kind of colour vision can tell apart."""


def comparison_images(
    comparison: Comparison, by_rank: tuple[AreaRanks, AreaRanks] | None
) -> tuple[list[MapImage], MapImage | None]:
    """Return all maps at the size of a page, on the ground of the reference.

    They are the zones of each map, by the breaks of the common ground, and the first map minus the second, ``None`` for
    one map. ``by_rank`` holds the ranks of these two where those are subtracted instead of the values.
    """
    reference = comparison.maps[comparison.reference]
    grid = reference.grid
    if len(reference.pieces) == 1:
        source = reference.pieces[0]
        frame = add_hillshade(_read(source, grid.bounds), find_relief(raster_path(source.dataset)), grid.crs)
    else:
        empty = empty_map(grid, MAX_SIDE)
        frame = replace(empty, cells=_onto(reference, grid, empty))
    values = [frame.cells if one is reference else _onto(one, grid, frame) for one in comparison.maps]
    zones = []
    for cells, ranks, of_bin in zip(values, comparison.scan.ranks, comparison.zones):
        known = np.isfinite(cells)
        zone = np.full(cells.shape, np.nan, dtype=np.float32)
        zone[known] = of_bin[ranks.index(cells[known])]
        zones.append(replace(frame, cells=zone))
    if len(values) < 2:
        return zones, None
    return zones, replace(frame, cells=compute_difference(values[0], values[1], by_rank))


def _read(source: Source, bounds: Bounds) -> MapImage:
    # Classes and undeclared nodata must not be averaged.
    whole_numbers = np.issubdtype(np.dtype(source.dataset.dtypes[0]), np.integer)
    categorical = whole_numbers or bool(source.undeclared_nodata)
    return read_map(source.dataset, source.grid, categorical, bounds, MAX_SIDE)


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
        origin = {"src_transform": own.transform, "src_crs": piece.grid.crs, "src_nodata": np.nan}
        target = {"dst_transform": frame.transform, "dst_crs": grid.crs, "dst_nodata": np.nan}
        reproject(own.cells, cells, **origin, **target, resampling=Resampling.nearest)
        result = np.where(np.isfinite(result), result, cells)
    return result


def zone_panels(names: Sequence[str], zones: Sequence[MapImage], labels: dict[int, str]) -> Figure:
    """Draw the zones of all maps side by side, with one legend."""
    columns = {1: 1, 2: 2, 4: 2}.get(len(zones), 3)
    rows = -(-len(zones) // columns)
    height = PAGE_WIDTH / columns * zones[0].height_ratio + 0.2
    figure = new_figure(min(rows * height + 0.35, MAX_HEIGHT))
    parts = figure.add_gridspec(rows + 1, columns, height_ratios=[*[height] * rows, 0.25])
    for number, (name, image) in enumerate(zip(names, zones)):
        axes = figure.add_subplot(parts[number // columns, number % columns])
        draw_zones(axes, image, len(labels))
        axes.set_title(escape_mathtext(shorten(name, 30)), fontsize=8.5)
        axes.set(xticks=[], yticks=[])
        if not number:
            draw_scale_bar(axes, image)
    legend = figure.add_subplot(parts[rows, :])
    legend.set_axis_off()
    legend.legend(handles=zone_patches(labels), loc="center", ncol=min(len(labels), 5))
    return figure


def difference_map(image: MapImage, label: str) -> Figure:
    """Draw where the first map is higher (orange) and where the second is (purple)."""
    # The sizes are known, so map and bar are placed by hand, side by side.
    height = min(4.6 * image.height_ratio, 4.4)
    width, tall = height / image.height_ratio / PAGE_WIDTH, max(height, 1.6) + 0.1
    figure = Figure(figsize=(PAGE_WIDTH, tall))
    axes = figure.add_axes([0.002, 1 - (height + 0.05) / tall, width, height / tall])
    known = np.abs(image.cells[np.isfinite(image.cells)])
    limit = float(np.quantile(known, 0.98)) if known.size else 1.0
    limit = limit if limit > 0 else 1.0
    colours, norm = LinearSegmentedColormap.from_list("difference", DIFFERENCE), Normalize(-limit, limit)
    draw_cells(axes, image, np.ma.masked_invalid(image.cells), cmap=colours, norm=norm)
    draw_frame(axes)
    axes.set(xticks=[], yticks=[])
    draw_scale_bar(axes, image)
    draw_north_arrow(axes)
    beside = figure.add_axes([0.002 + width + 0.03, 0.06, 0.025, 0.88])
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=beside, extend="both")
    bar.set_label(escape_mathtext(label))
    bar.outline.set_visible(False)
    return figure
