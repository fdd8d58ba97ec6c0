"""How QGIS shows the factors of a stack: each in colours of its own, with its name, unit and classes."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from osgeo import gdal
from qgis.core import (
    QgsColorRampLegendNodeSettings,
    QgsColorRampShader,
    QgsPalettedRasterRenderer,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

from ...model.factors.definitions import CATEGORICAL, CONTINUOUS, EMBEDDINGS, FACTORS, MAX_CLASSES, FactorDefinition
from ...model.safe_json import parse_json
from ...translation import of_core
from .gdal_files import open_quietly

SHOWN = "slope"  # the factor by which a whole stack is shown, if it has it
SAMPLED_SIDE, CLASSES_SIDE = 300, 1000
"""Cells to each side that are looked at for the range of the colours, and for classes without a table."""
RARE = 0.02  # share of the cells beyond each end of the colours
_MAX_BANDS, _MAX_TEXT = 600, 200  # of a file, which is untrusted
_VIRIDIS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725")
_STEEP = ("#ffffe5", "#fee391", "#fe9929", "#cc4c02", "#662506")
_WATER = ("#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08306b")
_LINES = ("#fcfbfd", "#dadaeb", "#9e9ac8", "#6a51a3", "#3f007d")
_WARM = ("#313695", "#74add1", "#ffffbf", "#f46d43", "#a50026")
_BOTH_WAYS = ("#542788", "#b2abd2", "#f7f7f7", "#fdb863", "#b35806")  # for values below and above 0
_RAMPS = {
    "slope": _STEEP,
    "mean_slope": _STEEP,
    "roughness": _STEEP,
    "relief": _STEEP,
    "river": _WATER,
    "precipitation": _WATER,
    "rain": _WATER,
    "contributing_area": _WATER,
    "wetness": _WATER,
    "fault": _LINES,
    "temperature": _WARM,
}
"""Colours by the beginning of a factor's name."""
_CLASS_COLOURS = (
    *("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#bab0ac"),
    *("#1f5a85", "#a85a10", "#2f6b2a", "#96303a", "#3f7d78", "#9e8420", "#6f4a68", "#c25a68", "#5f4433", "#7a7270"),
)
_DIRECTIONS = dict(
    zip(
        ("flat", "N", "NE", "E", "SE", "S", "SW", "W", "NW"),
        ("#bdbdbd", "#4575b4", "#7b6fb0", "#c0699f", "#e8745c", "#f2b134", "#b9c04a", "#5fae6e", "#3e97a3"),
    )
)
"""Directions of a slope round the circle, cold in the north and warm in the south."""


@dataclass(frozen=True)
class StackBand:
    """One factor of a stack as the file describes it."""

    band: int  # from 1
    name: str
    title: str
    unit: str
    kind: str
    classes: dict[int, str] = field(default_factory=dict)
    ends: tuple[float, float] = (0.0, 1.0)  # values between which the colours lie, all but rare ones

    @property
    def text(self) -> str:
        """Title and unit in the language of QGIS."""
        return of_core(f"{self.title} ({self.unit})" if self.unit else self.title)


def read_bands(path: str) -> list[StackBand]:
    """Return the factors of a stack from the descriptions of its bands; none of a file without such or with one band.

    The file is untrusted: texts are cut, and a class table that cannot be read is left out.
    """
    dataset = open_quietly(path)
    if dataset is None or not 1 < dataset.RasterCount <= _MAX_BANDS:
        return []
    bands = [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]
    if not all((band.GetDescription() or "").strip() for band in bands):
        return []
    found = []
    for number, band in enumerate(bands, 1):
        name, tags = band.GetDescription().strip()[:_MAX_TEXT], band.GetMetadata() or {}
        if tags.get("group") == EMBEDDINGS:
            continue  # a band of many, without a meaning of its own
        known = FACTORS.get(name, FactorDefinition(name, CONTINUOUS, "", name.replace("_", " ")))
        kind = tags.get("kind", known.kind)
        classes = _classes(tags.get("classes", "")) or dict(known.classes) if kind == CATEGORICAL else {}
        title, unit = (tags.get(key) or default for key, default in (("title", known.title), ("unit", known.unit)))
        found.append(StackBand(number, name, (title or name)[:_MAX_TEXT], unit[:_MAX_TEXT], kind, classes))
    return found


def shown_band(bands: Sequence[StackBand]) -> StackBand:
    """Return the factor by which a stack is shown: slope, else the first that is measured, else the first."""
    measured = [band for band in bands if band.kind != CATEGORICAL]
    return next((band for band in bands if band.name == SHOWN), next(iter([*measured, *bands])))


def sampled_values(path: str, band: int, side: int = SAMPLED_SIDE) -> list[float]:
    """Return values of a raster's band in increasing order, of a grid of cells in even steps; none if it has no data.

    QGIS's own ranges would read all cells, and GDAL would keep their counts in a file beside the raster.
    """
    dataset = open_quietly(path)
    if dataset is None or not 1 <= band <= dataset.RasterCount:
        return []
    raster = dataset.GetRasterBand(band)
    width, height = min(raster.XSize, side), min(raster.YSize, side)
    whole, kind = (0, 0, raster.XSize, raster.YSize), gdal.GDT_Float64
    try:
        cells = array("d", bytes(raster.ReadRaster(*whole, width, height, buf_type=kind) or b""))
    except RuntimeError:
        # A damaged file, where GDAL's exceptions are switched on.
        return []
    nodata, scale, offset = raster.GetNoDataValue(), raster.GetScale(), raster.GetOffset()
    scale, offset = 1.0 if scale is None else scale, offset or 0.0
    return sorted(value * scale + offset for value in cells if math.isfinite(value) and value != nodata)


def complete(path: str, band: StackBand) -> StackBand:
    """Return a factor with what its colours need of the cells: the ends of the colours, or classes without a table.

    May be called in any thread.
    """
    if band.kind == CATEGORICAL:
        if band.classes:
            return band
        found = sorted(set(sampled_values(path, band.band, CLASSES_SIDE)))[:MAX_CLASSES]
        return replace(band, classes={int(value): f"{value:g}" for value in found})
    values = sampled_values(path, band.band)
    if not values:
        return band
    rare = int(RARE * (len(values) - 1))
    return replace(band, ends=(values[rare], values[-1 - rare]))


def plain_layer(path: str, name: str) -> Any:
    """Return a raster layer without a style: QGIS would look at all cells for its usual one."""
    options = QgsRasterLayer.LayerOptions()
    options.loadDefaultStyle = False
    return QgsRasterLayer(path, name, "gdal", options)


def style_band(layer: Any, band: StackBand) -> None:
    """Show one factor of a stack as :func:`complete` gives it."""
    if band.kind == CATEGORICAL:
        entries = [
            QgsPalettedRasterRenderer.Class(code, QColor(_class_colour(number, label)), _class_text(label))
            for number, (code, label) in enumerate(sorted(band.classes.items()))
        ]
        layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), band.band, entries))
    else:
        _style_values(layer, band, *band.ends)


def _style_values(layer: Any, band: StackBand, low: float, high: float) -> None:
    colours = next((ramp for name, ramp in _RAMPS.items() if band.name.startswith(name)), _VIRIDIS)
    if low < 0 < high and -0.1 * high > low and high > -0.1 * low and band.name != "temperature":
        # Of curvature or position, 0 is what matters.
        high = max(-low, high)
        low, colours = -high, _BOTH_WAYS
    high = high if high > low else low + max(abs(low), 1.0) * 1e-6
    values = [low + (high - low) * number / (len(colours) - 1) for number in range(len(colours))]
    shader: Any = QgsColorRampShader(low, high)
    items = [QgsColorRampShader.ColorRampItem(*pair, f"{pair[0]:.3g}") for pair in zip(values, map(QColor, colours))]
    shader.setColorRampItemList(items)
    legend = QgsColorRampLegendNodeSettings()
    legend.setMinimumLabel(_end(low, band.unit))
    legend.setMaximumLabel(_end(high, band.unit))
    shader.setLegendSettings(legend)
    raster_shader = QgsRasterShader()
    raster_shader.setRasterShaderFunction(shader)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), band.band, raster_shader)
    renderer.setClassificationMin(low)
    renderer.setClassificationMax(high)
    layer.setRenderer(renderer)


def _end(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".strip()


def _class_colour(number: int, label: str) -> str:
    return _DIRECTIONS.get(label, _CLASS_COLOURS[number % len(_CLASS_COLOURS)])


def _class_text(label: str) -> str:
    # Names of the user's own classes stay as they are.
    return of_core(label) if label in _DIRECTIONS else label


def _classes(text: str) -> dict[int, str]:
    try:
        return {int(code): str(label)[:_MAX_TEXT] for code, label in list(parse_json(text).items())[:MAX_CLASSES]}
    except (ValueError, AttributeError):
        return {}
