"""The map of a sheet: its layers, and their picture, which is drawn in the thread of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qgis.core import (
    QgsColorRampShader,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFillSymbol,
    QgsGeometry,
    QgsLineSymbol,
    QgsMapRendererCustomPainterJob,
    QgsMapSettings,
    QgsMarkerSymbol,
    QgsPalettedRasterRenderer,
    QgsPalLayerSettings,
    QgsPointXY,
    QgsRasterLayer,
    QgsRasterShader,
    QgsRectangle,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
    QgsSingleSymbolRenderer,
    QgsTextBufferSettings,
    QgsTextFormat,
    QgsVectorLayer,
    QgsVectorLayerSimpleLabeling,
)
from qgis.PyQt.QtCore import QEventLoop, QSize, QTimer
from qgis.PyQt.QtGui import QColor, QFont, QImage, QPainter

from ...model.progress import Progress, stop_if_cancelled
from ...translation import tr
from .sinks import point

DPI = 200
OUTSIDE = "#dde1e5"  # land that the map leaves out
_INCH = 25.4  # millimetres
_LOOK_MS = 100  # milliseconds between two looks whether the user has cancelled


@dataclass(frozen=True)
class View:
    """What a map shows, and how large."""

    crs: QgsCoordinateReferenceSystem
    transforms: QgsCoordinateTransformContext
    extent: QgsRectangle
    width: float  # millimetres
    height: float


def render_map(sheet: Any, view: View, path: str, progress: Progress) -> bool:
    """Draw the map of a ``model.report.map_sheet.MapSheet`` into a picture, and return whether it could be written.

    May be called in any thread of Qt: it has layers of its own. Raises ``Cancelled`` if the user cancels.
    """
    zones = zone_layer(sheet)
    layers: list[Any] = [*reversed(point_layers(sheet, zones.crs())), *region_layers(sheet, zones.crs()), zones]
    if sheet.hillshade is not None:
        relief = QgsRasterLayer(sheet.hillshade, "Relief")
        # With its own grey values; QGIS would stretch it from black to white.
        relief.setRenderer(QgsSingleBandGrayRenderer(relief.dataProvider(), 1))
        # Multiplied with it, the relief shows through the colours.
        zones.setBlendMode(QPainter.CompositionMode.CompositionMode_Multiply)
        layers.append(relief)
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(view.crs)
    settings.setTransformContext(view.transforms)
    settings.setExtent(view.extent)
    settings.setOutputSize(QSize(*(round(side * DPI / _INCH) for side in (view.width, view.height))))
    settings.setOutputDpi(DPI)
    settings.setBackgroundColor(QColor(OUTSIDE))
    image = QImage(settings.outputSize(), QImage.Format.Format_RGB32)
    image.setDotsPerMeterX(round(1000 * DPI / _INCH))
    image.setDotsPerMeterY(round(1000 * DPI / _INCH))
    painter = QPainter(image)
    _render(QgsMapRendererCustomPainterJob(settings, painter), progress)
    painter.end()
    stop_if_cancelled(progress)
    return image.save(path)


def _render(job: QgsMapRendererCustomPainterJob, progress: Progress) -> None:
    """Render until the end, or until the user cancels."""
    loop, timer = QEventLoop(), QTimer(interval=_LOOK_MS)
    timer.timeout.connect(lambda: job.cancelWithoutBlocking() if progress.cancelled() else None)
    job.finished.connect(loop.quit)
    job.start()
    timer.start()
    if job.isActive():
        loop.exec()
    timer.stop()


def zone_layer(sheet: Any) -> QgsRasterLayer:
    """Return the map of a sheet in the colours of its zones."""
    layer = QgsRasterLayer(sheet.raster, tr("Susceptibility") + sheet.suffix)
    provider = layer.dataProvider()
    names = {number: escape_expressions(name) for number, name in sheet.names.items()}
    colours = {number: QColor(*sheet.colours[number]) for number in sheet.names}
    if sheet.breaks:
        ramp = QgsColorRampShader(0, 1, None, QgsColorRampShader.Type.Discrete)
        limits = enumerate([*sheet.breaks, float("inf")], 1)
        ramp.setColorRampItemList(
            [QgsColorRampShader.ColorRampItem(limit, colours[number], names[number]) for number, limit in limits]
        )
        shader = QgsRasterShader()
        shader.setRasterShaderFunction(ramp)
        layer.setRenderer(QgsSingleBandPseudoColorRenderer(provider, 1, shader))
    else:
        classes = [QgsPalettedRasterRenderer.Class(number, colours[number], name) for number, name in names.items()]
        layer.setRenderer(QgsPalettedRasterRenderer(provider, 1, classes))
    return layer


def point_layers(sheet: Any, crs: QgsCoordinateReferenceSystem, empty: bool = False) -> list[QgsVectorLayer]:
    """Return a layer for each kind of points; ``empty`` ones are for the legend."""
    return [_point_layer(label, colour, places, crs, empty) for label, colour, places in sheet.points]


def _point_layer(
    label: str, colour: str, places: Sequence[tuple[float, float]], crs: QgsCoordinateReferenceSystem, empty: bool
) -> QgsVectorLayer:
    layer: Any = QgsVectorLayer("Point", label, "memory")
    layer.setCrs(crs)
    features = []
    for x, y in () if empty else places:
        feature = QgsFeature()
        feature.setGeometry(point(x, y))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    size = "1.4" if len(places) < 500 else "0.9"
    outline = "#ffffff" if colour != "#ffffff" else "#1f2933"
    style = {"name": "circle", "size": size, "color": colour, "outline_width": "0.12", "outline_color": outline}
    layer.setRenderer(QgsSingleSymbolRenderer(QgsMarkerSymbol.createSimple(style)))
    return layer


def region_layers(sheet: Any, crs: QgsCoordinateReferenceSystem, empty: bool = False) -> list[QgsVectorLayer]:
    """Return a layer of borders with names, or none without regions; an ``empty`` one is for the legend."""
    if not sheet.regions:
        return []
    layer: Any = QgsVectorLayer("MultiLineString?field=name:string", tr("Regions"), "memory")
    layer.setCrs(crs)
    features = []
    for name, rings in () if empty else sheet.regions:
        feature = QgsFeature(layer.fields())
        feature.setAttribute("name", name)
        feature.setGeometry(QgsGeometry.fromMultiPolylineXY([[QgsPointXY(*xy) for xy in ring] for ring in rings]))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    line = {"line_color": "#1f2933", "line_width": "0.45", "line_style": "dash"}
    layer.setRenderer(QgsSingleSymbolRenderer(QgsLineSymbol.createSimple(line)))
    labels = QgsPalLayerSettings()
    labels.fieldName = "name"
    labels.geometryGenerator = "pole_of_inaccessibility(convex_hull($geometry), 1000)"
    labels.geometryGeneratorEnabled = True
    labels.setFormat(_halo_format())
    layer.setLabeling(QgsVectorLayerSimpleLabeling(labels))
    layer.setLabelsEnabled(True)
    return [layer]


def outside_layer(crs: QgsCoordinateReferenceSystem) -> QgsVectorLayer:
    """Return an empty layer that stands in the legend for land that the map leaves out."""
    layer: Any = QgsVectorLayer("Polygon", tr("Not mapped"), "memory")
    layer.setCrs(crs)
    style = {"color": OUTSIDE, "outline_color": "#9aa5b1", "outline_width": "0.1"}
    layer.setRenderer(QgsSingleSymbolRenderer(QgsFillSymbol.createSimple(style)))
    return layer


def escape_expressions(text: str) -> str:
    """Return a text that QGIS shows as it is; between [% and %] it would evaluate an expression."""
    return text.replace("[%", "[\N{ZERO WIDTH SPACE}%")


def _halo_format() -> QgsTextFormat:
    letters, halo = QgsTextFormat(), QgsTextBufferSettings()
    letters.setFont(QFont("DejaVu Sans"))
    letters.setSize(7)
    letters.setColor(QColor("#1f2933"))
    halo.setEnabled(True)
    halo.setSize(0.6)
    letters.setBuffer(halo)
    return letters
