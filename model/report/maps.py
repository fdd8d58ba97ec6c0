"""Drawing of maps for reports: zones, points, outlines, legend, scale bar and north arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patches import Polygon as Outline

from ..inputs.vectors import polygon_parts
from ..zones.schemes import zone_colours
from .charts import INK, PAGE_WIDTH, SOFT, escape_mathtext
from .map_images import MapImage, apply_hillshade
from .page import css_colour, round_length

LEGEND, MARGIN = 1.55, 0.22  # inches for the legend beside a map, and for the coordinates around it
MAX_HEIGHT = 7.4  # inches of a map with its legend
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
    draw_north_arrow(axes)
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


def draw_zones(axes: Axes, zones: MapImage, count: int) -> None:
    """Fill axes with zone colours."""
    colours = zone_colours(count)
    table = np.array([colours[number] for number in range(count + 1)]) / 255
    numbers = np.nan_to_num(zones.cells, nan=0.0)
    painted = table[numbers.astype(int).clip(0, count)]
    if zones.shade is not None:
        painted[..., :3] = apply_hillshade(painted[..., :3], zones.shade)
    painted[..., 3] = numbers > 0
    draw_cells(axes, zones, painted)
    draw_frame(axes)
    axes.locator_params(axis="y", nbins=4)
    axes.locator_params(axis="x", nbins=int(np.clip(round(3.5 / zones.height_ratio), 1, 4)))
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


def draw_points(axes: Axes, group: PointGroup, scale: float = 1.0) -> None:
    """Draw points over a map, smaller the more there are."""
    if len(group.xy):
        x, y = group.drawn[:, 0], group.drawn[:, 1]
        size = scale * float(np.clip(9000 / len(group.xy), 5, 22))
        colours = {"facecolor": group.face, "edgecolor": group.edge}
        axes.scatter(x, y, s=size, linewidth=0.08 * size**0.5 + 0.1, zorder=3, **colours)


def draw_outline(axes: Axes, rings: Sequence[np.ndarray], name: str = "") -> None:
    """Draw the outline of a region, with its name at the top of its longest ring."""
    limits = axes.get_xlim(), axes.get_ylim()
    for ring in rings:
        axes.add_patch(Outline(ring[:, :2], closed=True, fill=False, edgecolor=INK, linewidth=0.9, zorder=4))
    if name and len(rings):
        ring = max(rings, key=len)
        top = (ring[:, 0].min() + ring[:, 0].max()) / 2, ring[:, 1].max()
        place = {"ha": "center", "va": "top", "xytext": (0, -3), "textcoords": "offset points"}
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.2}
        axes.annotate(escape_mathtext(name), top, fontsize=7, zorder=6, annotation_clip=True, bbox=box, **place)
    axes.set(xlim=limits[0], ylim=limits[1])


def draw_scale_bar(axes: Axes, image: MapImage) -> None:
    """Draw a scale bar of a round length at the lower left."""
    left, _, right, _ = image.bounds
    metres = round_length((right - left) * image.metres_east / 4)
    length = metres / image.metres_east / (right - left)
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    place = {"transform": axes.transAxes, "zorder": 7, "clip_on": False}
    corners = [(0.02, 0.015), (0.06 + length, 0.015), (0.06 + length, 0.075), (0.02, 0.075)]
    axes.add_patch(Outline(corners, facecolor="white", alpha=0.8, edgecolor="none", **place))
    axes.plot([0.04, 0.04 + length], [0.03, 0.03], color=INK, linewidth=2.4, solid_capstyle="butt", **place)
    axes.text(0.04 + length / 2, 0.04, text, ha="center", va="bottom", fontsize=7.5, **place)


def draw_north_arrow(axes: Axes) -> None:
    """Draw an arrow at the upper right: up is north on every grid that Scarp supports."""
    place = {"xytext": (0.955, 0.915), "xycoords": "axes fraction", "ha": "center", "va": "center", "zorder": 7}
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
    arrow = {"arrowstyle": "-|>,head_width=0.28,head_length=0.5", "color": INK, "linewidth": 1.1}
    axes.annotate("N", (0.955, 0.985), fontsize=8.5, fontweight="bold", bbox=box, arrowprops=arrow, **place)
