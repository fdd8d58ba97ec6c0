"""Maps of a report: rasters at the size of a page, the hillshade under them, and zones, points, outlines, legend, scale
bar and north arrow drawn over it.

The hillshade is made from a DEM, or from the slope and aspect of a factor stack. The DEM is the one that the user
chose. Without one, the run records lead to it: the susceptibility map's names the factor stack, and the stack's names
the DEM.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patches import Polygon as Outline
from matplotlib.patheffects import Normal, Stroke
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.features import rasterize
from rasterio.transform import from_bounds
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window
from rasterio.windows import from_bounds as window_of

from ..errors import ScarpError
from ..factors.definitions import CATEGORICAL
from ..grid import Block, Grid
from ..inputs.bands import choose_band, open_band
from ..inputs.rasters import create_raster, north_up, open_raster, read_reduced, stored_window
from ..inputs.units import ELEVATION
from ..inputs.vectors import polygon_parts
from ..labels.buffers import interior_point
from ..outputs.run_record import input_file
from ..progress import NullProgress, Progress
from ..stack import open_stack
from ..zones.schemes import zone_colours
from .charts import INK, PAGE_WIDTH, SOFT, escape_mathtext, shorten
from .page import css_colour, round_length

Bounds = tuple[float, float, float, float]  # left, bottom, right, top in map units
MAX_SIDE = 800  # cells along the longer side of a map in a report
MAX_AVERAGED_CELLS = 40_000_000
"""A larger raster without overviews is thinned instead of averaged, which would read all of it."""


@dataclass(frozen=True)
class MapImage:
    """A raster reduced to the size of a page."""

    cells: np.ndarray  # float32, NaN where there is no data, shape (rows, columns)
    bounds: Bounds
    metres_east: float  # metres per map unit from west to east, in the middle of the map
    metres_north: float  # metres per map unit from south to north
    shade: np.ndarray | None = None  # hillshade of the same shape

    @property
    def transform(self) -> Affine:
        """From columns and rows to map coordinates."""
        rows, columns = self.cells.shape
        return from_bounds(*self.bounds, columns, rows)

    @property
    def height_ratio(self) -> float:
        """Height ÷ width on the ground."""
        left, bottom, right, top = self.bounds
        return (top - bottom) * self.metres_north / ((right - left) * self.metres_east)


def empty_map(grid: Grid, max_side: int) -> MapImage:
    """Return an image of a whole grid without data, at most ``max_side`` cells along its longer side."""
    factor = max(1.0, max(grid.shape) / max_side)
    cells = np.full([max(1, round(side / factor)) for side in grid.shape], np.nan, dtype=np.float32)
    return MapImage(cells, grid.bounds, *metres_per_unit(grid, grid.height // 2))


def read_map(
    dataset: rasterio.DatasetReader,
    grid: Grid,
    categorical: bool = False,
    bounds: Bounds | None = None,
    max_side: int = MAX_SIDE,
) -> MapImage:
    """Read a raster's first band at the size of a page, from its overviews where it has them.

    Args:
        categorical: the cells are class numbers, which must not be averaged.
        bounds: of the part to read; all of it by default.
    """
    part = _block_within(grid, bounds)
    cells = north_up(dataset, _read_reduced(dataset, stored_window(dataset, part.window), max_side, categorical))
    t = grid.block_transform(part)
    extent = t.c, t.f + t.e * part.height, t.c + t.a * part.width, t.f
    return MapImage(cells, extent, *metres_per_unit(grid, part.row + part.height // 2))


def _read_reduced(
    dataset: rasterio.DatasetReader, window: Window, max_side: int, categorical: bool = False
) -> np.ndarray:
    factor = max(1.0, max(window.height, window.width) / max_side)
    shape = max(1, round(window.height / factor)), max(1, round(window.width / factor))
    thin = categorical or (not dataset.overviews(1) and window.width * window.height > MAX_AVERAGED_CELLS)
    resampling = Resampling.nearest if thin else Resampling.average
    return read_reduced(dataset, window, shape, resampling)


def metres_per_unit(grid: Grid, row: int) -> tuple[float, float]:
    """Return metres per map unit from west to east and from south to north, at a row of a grid."""
    width, height = grid.spacing(row, 1)
    return float(width[0]) / abs(grid.transform.a), float(height[0]) / abs(grid.transform.e)


def _block_within(grid: Grid, bounds: Bounds | None) -> Block:
    if bounds is None:
        return grid.whole
    left, bottom, right, top = bounds
    t = grid.transform
    first_row = min(max(math.floor((top - t.f) / t.e), 0), grid.height - 1)
    first_column = min(max(math.floor((left - t.c) / t.a), 0), grid.width - 1)
    last_row = min(max(math.ceil((bottom - t.f) / t.e), first_row + 1), grid.height)
    last_column = min(max(math.ceil((right - t.c) / t.a), first_column + 1), grid.width)
    return Block(first_row, first_column, last_row - first_row, last_column - first_column)


def clip_to_geometries(image: MapImage, geometries: Sequence[Mapping[str, Any]]) -> MapImage:
    """Return a map without the cells whose centre is outside all of some GeoJSON geometries."""
    shapes = [(geometry, 1) for geometry in geometries]
    inside = rasterize(shapes, out_shape=image.cells.shape, fill=0, transform=image.transform, dtype=np.uint8)
    return replace(image, cells=np.where(inside == 1, image.cells, np.nan))


AZIMUTH, ZENITH = math.radians(315), math.radians(45)  # the light of cartographers: from the north-west, halfway up
FLAT = math.cos(ZENITH)  # shade of flat ground
_TARGET_SLOPE = math.tan(math.radians(35))
_MAX_EXAGGERATION = 6.0
_OVERSAMPLING = 2
"""Slope and aspect are read this much finer than the image, and their shade averaged: directions have no mean."""
_MAX_FILE_SIDE = 2400
_STEPS = 32
_OUTSIDE = 0.8  # brightness of land that the map leaves out


@dataclass(frozen=True)
class Relief:
    """Where the shape of the ground is known from."""

    path: str
    is_stack: bool  # a factor stack with slope and aspect, else a DEM


def find_relief(
    susceptibility: str | os.PathLike, dem: str | os.PathLike | None = None, progress: Progress | None = None
) -> Relief | None:
    """Return the DEM given, else the DEM or the stack that the map's run record leads to; ``None`` without either.
    Raises ``InputMissing`` if the given DEM does not exist; ``InputCorrupt`` if it cannot be opened, or is a picture.
    """
    if dem is not None:
        return Relief(choose_band(dem, "DEM", progress or NullProgress(), ELEVATION), False)
    stack = input_file(susceptibility, "STACK")
    return None if stack is None else relief_of_stack(stack)


def relief_of_stack(stack: str | os.PathLike) -> Relief | None:
    """Return the DEM that a factor stack was made from, else its own slope and aspect, ``None`` without either."""
    found = input_file(stack, "DEM")
    if found is not None:
        with contextlib.suppress(ScarpError), open_raster(found, "DEM"):
            return Relief(str(found), False)
    with contextlib.suppress(ScarpError), open_stack(stack) as opened:
        if {"slope", "aspect"} <= set(opened.names):
            return Relief(str(stack), True)
    return None


def relief_covers(relief: Relief, crs: CRS, bounds: Bounds) -> bool:
    """Whether a DEM has cells within the bounds of a map. Raises ``InputCorrupt`` if the DEM cannot be opened, or
    nothing leads from the CRS of the map to its own.
    """
    with open_raster(relief.path, "DEM") as dem:
        return _window_within(dem, crs, bounds) is not None


def compute_hillshade(relief: Relief, crs: CRS, image: MapImage) -> np.ndarray:
    """Return the hillshade of the place and size of an image with a CRS.

    It is float32 (rows, columns): the cosine of the angle of incidence (Horn 1981), 0 in self-shadow, NaN where there
    is no data. Gentle relief is exaggerated up to six times. Raises ``InputCorrupt`` if the raster cannot be read.
    """
    shape = image.cells.shape
    if relief.is_stack:
        return _hillshade_from_stack(relief.path, crs, image)
    with open_raster(relief.path, "DEM") as dem:
        height = _elevation(dem, crs, image)
    left, bottom, right, top = image.bounds
    if min(shape) < 2:
        return np.full(shape, np.nan, dtype=np.float32)
    steps = (top - bottom) * image.metres_north / shape[0], (right - left) * image.metres_east / shape[1]
    south, east = np.gradient(height.astype(np.float64), *steps)
    return _shade(np.hypot(east, south), np.arctan2(-east, south))


def add_hillshade(image: MapImage, relief: Relief | None, crs: CRS) -> MapImage:
    """Return a map with the relief under it, if there is one."""
    return image if relief is None else replace(image, shade=compute_hillshade(relief, crs, image))


def apply_hillshade(colours: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Return shaded red, green and blue (rows, columns, 3), 0 to 1; flat ground and NaN keep their colour."""
    # In steps that are hardly visible, so that the image file is a third of the size.
    beyond = np.round(np.nan_to_num(shade - FLAT, nan=0.0) * _STEPS)[..., None] / _STEPS
    return np.where(beyond < 0, colours * (1 + 0.8 * np.minimum(beyond, 0)), colours + (1 - colours) * 0.9 * beyond)


def write_hillshade(output: str | os.PathLike, susceptibility: str | os.PathLike, relief: Relief) -> None:
    """Write the hillshade of a map as a grey GeoTIFF of at most 2,400 cells a side, 1 dark to 255 bright, 0 no data.

    Land that the map leaves out is darker. Raises ``InputCorrupt`` if the relief cannot be read; ``OutputNotWritable``
    if the file cannot be written.
    """
    grid = Grid.from_file(susceptibility, "susceptibility")
    image = empty_map(grid, _MAX_FILE_SIDE)
    with open_band(susceptibility, "susceptibility", NullProgress(), "susceptibility") as dataset:
        mapped = np.isfinite(read_map(dataset, grid, max_side=_MAX_FILE_SIDE).cells)
    shade = compute_hillshade(relief, grid.crs, image)
    # A layer is multiplied with it, so flat ground is nearly white, and so is mapped ground that the relief leaves out.
    grey = np.clip(shade / 0.8, 0, 1) * 0.6 + 0.4
    grey = np.where(mapped, np.nan_to_num(grey, nan=1.0), np.nan_to_num(_OUTSIDE * grey, nan=0.0))
    rows, columns = shade.shape
    small = Grid(grid.crs, image.transform, columns, rows)
    with create_raster(output, small, "uint8", 0, ["hillshade"], overviews=None) as dataset:
        dataset.write(np.round(255 * grey).astype(np.uint8), 1)


def _shade(steepness: np.ndarray, facing: np.ndarray) -> np.ndarray:
    """Return the shade of ground that rises by ``steepness`` and faces ``facing`` (radians clockwise from north)."""
    known = steepness[np.isfinite(steepness)]
    steep = float(np.percentile(known, 95)) if known.size else 0.0
    slope = np.arctan(steepness * min(max(_TARGET_SLOPE / steep, 1.0), _MAX_EXAGGERATION) if steep > 0 else steepness)
    shade = math.cos(ZENITH) * np.cos(slope) + math.sin(ZENITH) * np.sin(slope) * np.cos(AZIMUTH - facing)
    return np.maximum(shade, 0).astype(np.float32)


def _elevation(dem: rasterio.DatasetReader, crs: CRS, image: MapImage) -> np.ndarray:
    result = np.full(image.cells.shape, np.nan, dtype=np.float32)
    window = _window_within(dem, crs, image.bounds)
    if window is None:
        return result
    cells = _read_reduced(dem, window, max(result.shape))
    scale = Affine.scale(window.width / cells.shape[1], window.height / cells.shape[0])
    source = {"src_transform": dem.window_transform(window) * scale, "src_crs": dem.crs or crs, "src_nodata": np.nan}
    target = {"dst_transform": image.transform, "dst_crs": crs, "dst_nodata": np.nan}
    reproject(cells, result, **source, **target, resampling=Resampling.bilinear)
    return result


def _hillshade_from_stack(path: str, crs: CRS, image: MapImage) -> np.ndarray:
    """Return the shade from slope in degrees and aspect, in classes or in degrees."""
    rows, columns = image.cells.shape
    with open_stack(path) as stack:
        slope, aspect = stack.factor("slope"), stack.factor("aspect")
        if stack.grid.crs != crs or stack.dataset.transform != stack.grid.transform:
            return np.full((rows, columns), np.nan, dtype=np.float32)
        place = {"window": window_of(*image.bounds, transform=stack.grid.transform), "boundless": True}
        size = {"out_shape": (2, _OVERSAMPLING * rows, _OVERSAMPLING * columns), "resampling": Resampling.nearest}
        cells = stack.dataset.read([slope.band, aspect.band], fill_value=np.nan, **place, **size)
    facing = np.radians(45 * (cells[1] - 2) if aspect.kind == CATEGORICAL else cells[1])
    flat = cells[1] < 2 if aspect.kind == CATEGORICAL else cells[1] < 0
    shade = _shade(np.where(flat, 0, np.tan(np.radians(cells[0].astype(np.float64)))), facing)
    return shade.reshape(rows, _OVERSAMPLING, columns, _OVERSAMPLING).mean(axis=(1, 3))


def _window_within(dataset: rasterio.DatasetReader, crs: CRS, bounds: Bounds) -> Window | None:
    """Return the cells of a raster within bounds and two more on every side, ``None`` when there are none."""
    if dataset.crs and dataset.crs != crs:
        bounds = transform_bounds(crs, dataset.crs, *bounds)
    left, bottom, right, top = bounds
    corners = [~dataset.transform * corner for corner in ((left, top), (right, bottom))]
    columns, rows = zip(*corners)
    first_row, first_column = max(math.floor(min(rows)) - 2, 0), max(math.floor(min(columns)) - 2, 0)
    last_row = min(math.ceil(max(rows)) + 2, dataset.height)
    last_column = min(math.ceil(max(columns)) + 2, dataset.width)
    if last_row <= first_row or last_column <= first_column:
        return None
    return Window(first_column, first_row, last_column - first_column, last_row - first_row)


OUTSIDE = "#dde1e5"  # land that a map leaves out
LEGEND, MARGIN = 1.55, 0.22  # inches for the legend beside a map, and for the coordinates around it
MOST_MARKS = 400  # that are written into a map
MAX_HEIGHT = 6.2  # inches of a map with its legend: a higher one leaves much of the page before it white
MAX_POINTS = 3000  # more points of one kind are thinned, to keep the map readable and the report small


@dataclass(frozen=True)
class PointGroup:
    """Points drawn alike."""

    label: str
    xy: np.ndarray
    face: str
    edge: str

    @property
    def drawn(self) -> np.ndarray:
        """The points that are drawn: all, or every second, third … of very many."""
        return self.xy[:: max(1, -(-len(self.xy) // MAX_POINTS))]


def zone_map(
    zones: MapImage,
    names: Mapping[int, str],
    points: Sequence[PointGroup],
    outlines: Mapping[str, Sequence[np.ndarray]] | None = None,
) -> Figure:
    """Draw zones with points, legend, scale bar and north arrow.

    Args:
        zones: zone numbers, 0 or NaN where there is none.
        names: zone names from the least susceptible on.
        outlines: rings of each region by its name, in map coordinates.
    """
    # The sizes are known, so the axes are placed by hand: coordinates left and below, legend on the right.
    width = min(PAGE_WIDTH - LEGEND - MARGIN, (MAX_HEIGHT - 2 * MARGIN) / zones.height_ratio)
    height = max(width * zones.height_ratio, 0.4)
    figure = Figure(figsize=(PAGE_WIDTH, max(height + 2 * MARGIN, 2.3)))
    tall = figure.get_figheight()
    axes = figure.add_axes([MARGIN / PAGE_WIDTH, 1 - (MARGIN + height) / tall, width / PAGE_WIDTH, height / tall])
    draw_zones(axes, zones, len(names))
    for group in points:
        draw_points(axes, group)
    for name, rings in (outlines or {}).items():
        draw_outline(axes, rings, name)
    draw_scale_bar(axes, zones)
    draw_north_arrow(axes, (1 + 0.38 / width, 0.5 / height))
    _add_legend(figure, width, 0.0, "Susceptibility", zone_patches(names)[::-1])
    markers = []
    for group in points:
        if len(group.xy):
            style = {"linestyle": "none", "marker": "o", "markeredgewidth": 0.7, "markersize": 5}
            colour = {"markerfacecolor": group.face, "markeredgecolor": group.edge}
            markers.append(Line2D([], [], label=escape_mathtext(group.label), **style, **colour))
    if markers:
        _add_legend(figure, width, 0.42 + 0.175 * len(names), "Landslides", markers)
    return figure


def zone_patches(names: Mapping[int, str]) -> list[Patch]:
    """Return the entries of a legend for zones by number."""
    colours = zone_colours(len(names))
    return [legend_patch(css_colour(colours[number]), name) for number, name in names.items()]


def legend_patch(colour: str, label: str) -> Patch:
    """Return the entry of a legend for an area of one colour."""
    return Patch(facecolor=colour, edgecolor=SOFT, linewidth=0.5, label=escape_mathtext(label))


def _add_legend(figure: Figure, width: float, down: float, title: str, handles: Sequence[Artist]) -> None:
    """Put a legend beside the map, ``down`` inches below its upper edge."""
    left, top = (MARGIN + width + 0.18) / PAGE_WIDTH, 1 - (MARGIN + down) / figure.get_figheight()
    figure.text(left, top, title, fontweight="bold", va="top", ha="left")
    place = {"loc": "upper left", "bbox_to_anchor": (left, top - 0.17 / figure.get_figheight())}
    figure.legend(handles=handles, borderaxespad=0, borderpad=0, **place)


def rings_of(geometries: Sequence[dict[str, Any]]) -> list[np.ndarray]:
    """Return the rings of GeoJSON polygons and multi-polygons, one array of shape (vertices, 2) each."""
    rings = (ring for geometry in geometries for part in polygon_parts(geometry) for ring in part)
    return [np.asarray(ring, dtype=float)[:, :2] for ring in rings]


def draw_zones(axes: Axes, zones: MapImage, count: int, ticks: int = 4) -> None:
    """Fill axes with zone colours, land that the map leaves out with grey; ``ticks`` are the most on each axis."""
    colours = zone_colours(count)
    table = np.array([colours[number] for number in range(count + 1)]) / 255
    numbers = np.nan_to_num(zones.cells, nan=0.0)
    painted = table[numbers.astype(int).clip(0, count)]
    if zones.shade is not None:
        painted[..., :3] = apply_hillshade(painted[..., :3], zones.shade)
    painted[..., 3] = numbers > 0
    draw_cells(axes, zones, painted)
    draw_frame(axes)
    axes.set_facecolor(OUTSIDE)
    axes.locator_params(axis="y", nbins=ticks)
    axes.locator_params(axis="x", nbins=int(np.clip(round(3.5 / zones.height_ratio), 1, ticks)))
    axes.tick_params(labelsize=6.5, length=2)
    axes.ticklabel_format(useOffset=False, style="plain")
    for label in axes.get_yticklabels():
        label.set(rotation=90, va="center")


def draw_cells(axes: Axes, image: MapImage, cells: np.ndarray, **style: Any) -> None:
    """Fill axes with cells of the extent of an image, at true proportions."""
    left, bottom, right, top = image.bounds
    axes.imshow(cells, extent=(left, right, bottom, top), interpolation="none", **style)
    axes.set_aspect(image.metres_north / image.metres_east)


def draw_frame(axes: Axes) -> None:
    """Draw a thin frame instead of the grid lines."""
    axes.grid(False)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#9aa5b1")


def write_marks(axes: Axes, blocks: Sequence[tuple[float, float, float, float]], marks: Sequence[str]) -> None:
    """Write a mark into the middle of each block, given by left, bottom, right and top, for pages printed in grey;
    nothing where there are too many to be read.
    """
    if len(blocks) <= MOST_MARKS:
        halo = [Stroke(linewidth=1.2, foreground="white"), Normal()]
        size = float(np.clip(70 / max(len(blocks), 1) ** 0.5, 5, 8))
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size, "path_effects": halo}
        for (left, bottom, right, top), mark in zip(blocks, marks):
            axes.text((left + right) / 2, (bottom + top) / 2, mark, clip_on=True, **style)


def draw_points(axes: Axes, group: PointGroup, scale: float = 1.0) -> None:
    """Draw points over a map, smaller the more there are."""
    if len(group.xy):
        x, y = group.drawn[:, 0], group.drawn[:, 1]
        size = scale * float(np.clip(9000 / len(group.xy), 5, 22))
        colours = {"facecolor": group.face, "edgecolor": group.edge}
        axes.scatter(x, y, s=size, linewidth=0.08 * size**0.5 + 0.1, zorder=3, **colours)


def draw_outline(axes: Axes, rings: Sequence[np.ndarray], name: str = "") -> None:
    """Draw the outline of a region, with its name inside its longest ring."""
    limits = axes.get_xlim(), axes.get_ylim()
    for ring in rings:
        axes.add_patch(Outline(ring[:, :2], closed=True, fill=False, edgecolor=INK, linewidth=0.9, zorder=4))
    if name and len(rings):
        longest = max(rings, key=len)
        inside = interior_point({"type": "Polygon", "coordinates": [longest.tolist()]})
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.2}
        place = {"ha": "center", "va": "center", "bbox": box, "annotation_clip": True}
        text = escape_mathtext(shorten(name, 24))
        axes.annotate(text, inside, fontsize=7, zorder=6, **place)
    axes.set(xlim=limits[0], ylim=limits[1])


def draw_scale_bar(axes: Axes, image: MapImage) -> None:
    """Draw a scale bar of a round length at the lower left."""
    left, _, right, _ = image.bounds
    metres = round_length((right - left) * image.metres_east / 4)
    length = metres / image.metres_east / (right - left)
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    place = {"transform": axes.transAxes, "zorder": 7, "clip_on": False}
    # The text has a box of its own, so that it fits on maps of any size.
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
    middle, above = (0.04 + length / 2, 0.03), {"textcoords": "offset points", "xytext": (0, 4), "fontsize": 7.5}
    axes.annotate(text, middle, xycoords="axes fraction", ha="center", va="bottom", bbox=box, zorder=7, **above)
    for colour, width in (("white", 4.4), (INK, 2.4)):
        ends = {"color": colour, "linewidth": width, "solid_capstyle": "butt"}
        axes.plot([0.04, 0.04 + length], [0.03, 0.03], **ends, **place)


def draw_north_arrow(axes: Axes, place: tuple[float, float] = (0.95, 0.94)) -> None:
    """Draw an arrow at a place, in shares of the axes: up is north on every grid that Scarp supports."""
    size = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center", "va": "center", "zorder": 7}
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
    arrow = {"arrowstyle": "-|>,head_width=0.28,head_length=0.5", "color": INK, "linewidth": 1.1}
    axes.annotate("N", place, xytext=(0, -18), fontsize=8.5, fontweight="bold", bbox=box, arrowprops=arrow, **size)
