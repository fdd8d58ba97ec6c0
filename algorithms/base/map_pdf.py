"""A map as PDF, drawn by QGIS's layout engine from ``resources/templates/map.qpt``.

Layouts are graphics scenes and belong to the main thread, while an algorithm started from the Toolbox computes in
another one. So the sheet is drawn in the main thread, as QGIS does with its own layout algorithms, and in a project of
its own: that of the user stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, Callable

from qgis.core import (
    QgsColorRampShader,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsLayoutExporter,
    QgsLayoutItemMap,
    QgsLayoutTableColumn,
    QgsMapLayerLegendUtils,
    QgsMarkerSymbol,
    QgsPalettedRasterRenderer,
    QgsPrintLayout,
    QgsProject,
    QgsRasterLayer,
    QgsRasterShader,
    QgsReadWriteContext,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
    QgsSingleSymbolRenderer,
    QgsTableCell,
    QgsUnitTypes,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QCoreApplication, QObject, Qt, QThread, pyqtSignal, pyqtSlot
from qgis.PyQt.QtGui import QColor, QFont, QFontMetrics, QPainter
from qgis.PyQt.QtXml import QDomDocument

from ...model.errors import OutputNotWritable
from ...model.outputs.atomic import atomic_output
from ...model.progress import Progress, stop_if_cancelled
from ...translation import tr
from .sinks import point

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "resources" / "templates"
DPI = 200
COLUMN_WIDTHS = (19, 17, 12, 16, 12, 11, 21)  # millimetres, without the margins of the cells
_DARK = 0.4


def has_fonts() -> bool:
    """Whether Qt finds a font; without one it draws a black box for each letter and reports nothing.

    The list of families does not tell: it names families such as Serif even if no font is installed.
    """
    return bool(QFontMetrics(QFont()).inFont("A"))


class _MainThreadCall(QObject):
    _requested = pyqtSignal()

    def __init__(self, function: Callable[[], None]) -> None:
        super().__init__()
        self._function = function
        self.future: Future[None] = Future()
        self.moveToThread(QCoreApplication.instance().thread())
        self._requested.connect(self._call, Qt.ConnectionType.QueuedConnection)
        _pending_calls.add(self)
        self._requested.emit()

    @pyqtSlot()
    def _call(self) -> None:
        if self.future.set_running_or_notify_cancel():
            try:
                self.future.set_result(self._function())
            except Exception as error:
                self.future.set_exception(error)
        _pending_calls.discard(self)


_pending_calls: set[_MainThreadCall] = set()
"""Keeps a reference until the main thread has run the call, even if nobody waits for it any more."""


def run_in_main_thread(function: Callable[[], None], progress: Progress) -> None:
    """Call a function in the main thread and wait for it; ``Cancelled`` is raised even while the window is busy."""
    if QThread.currentThread() == QCoreApplication.instance().thread():
        function()
        return
    future = _MainThreadCall(function).future
    try:
        while not wait([future], 0.1).done:
            stop_if_cancelled(progress)
    finally:
        future.cancel()
    future.result()


def write_pdf(output: str | os.PathLike[str], sheet: Any, progress: Progress) -> None:
    """Write a ``model.report.map_sheet.MapSheet`` as PDF, completely or not at all. Raises ``OutputNotWritable`` if the
    file cannot be written; ``Cancelled`` if the user cancels.
    """
    with atomic_output(output) as temporary:
        run_in_main_thread(lambda: _draw(str(temporary), sheet), progress)
        # The exporter's result says nothing: Qt ignores a full disk and reports success.
        content = temporary.read_bytes() if temporary.is_file() else b""
        if not content.rstrip().endswith(b"%%EOF"):
            text = tr(
                "The PDF {path} could not be written; the other files of the run are complete and stay. Check that the "
                "disk has room and that the file is not open elsewhere."
            )
            raise OutputNotWritable(text.format(path=output))
        stop_if_cancelled(progress)


def _draw(path: str, sheet: Any) -> None:
    project = QgsProject()
    zones = _zone_layer(sheet)
    crs = _map_crs(zones)
    project.setCrs(crs)
    project.setEllipsoid(zones.crs().ellipsoidAcronym() or "EPSG:7030")
    points = [_point_layer(label, colour, places, zones.crs()) for label, colour, places in sheet.points]
    layers = [*reversed(points), zones]
    if sheet.hillshade is not None:
        relief = QgsRasterLayer(sheet.hillshade, "Relief")
        # With its own grey values; QGIS would stretch it from black to white.
        relief.setRenderer(QgsSingleBandGrayRenderer(relief.dataProvider(), 1))
        layers.append(relief)
    project.addMapLayers(layers, False)
    layout: Any = QgsPrintLayout(project)
    template = QDomDocument()
    template.setContent((TEMPLATES / "map.qpt").read_text(encoding="utf-8"))
    layout.loadFromTemplate(template, QgsReadWriteContext())
    extent = QgsCoordinateTransform(zones.crs(), crs, project).transformBoundingBox(zones.extent())
    extent.scale(1.02)
    map_item = layout.itemById("map")
    map_item.setCrs(crs)
    map_item.setLayers(layers)
    map_item.setKeepLayerSet(True)
    map_item.zoomToExtent(extent)
    for name in ("title", "subtitle", "notes"):
        layout.itemById(name).setText(_escape_expressions(getattr(sheet, name)))
    layout.itemById("source").setText(
        f"{_escape_expressions(sheet.source)} CRS of the data: {zones.crs().authid() or zones.crs().description()}. "
        f"Scale 1 : {map_item.scale():,.0f} on A4."
    )
    layout.itemById("north").setPicturePath(str(TEMPLATES / "north.svg"))
    _fill_scale_bar(layout.itemById("scale"), map_item)
    _fill_legend(layout.itemById("legend"), [*points, zones], len(sheet.names))
    _fill_table(layout.itemById("zones").multiFrame(), sheet)
    layout.refresh()
    settings = QgsLayoutExporter.PdfExportSettings()
    settings.dpi = DPI
    settings.appendGeoreference = False
    QgsLayoutExporter(layout).exportToPdf(path, settings)


def _map_crs(layer: QgsRasterLayer) -> QgsCoordinateReferenceSystem:
    """Return the layer's CRS, or for one in degrees a local projection, which does not distort the map."""
    crs = layer.crs()
    if not crs.isGeographic():
        return crs
    middle = layer.extent().center()
    local = QgsCoordinateReferenceSystem()
    local.createFromProj(f"+proj=tmerc +lat_0={middle.y():.6f} +lon_0={middle.x():.6f} +datum=WGS84 +units=m +no_defs")
    return local if local.isValid() else crs


def _zone_layer(sheet: Any) -> QgsRasterLayer:
    layer = QgsRasterLayer(sheet.raster, f"Susceptibility{sheet.suffix}")
    provider = layer.dataProvider()
    names = {number: _escape_expressions(name) for number, name in sheet.names.items()}
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
    # Multiplied with the hillshade below, the relief shows through the colours.
    layer.setBlendMode(QPainter.CompositionMode.CompositionMode_Multiply)
    return layer


def _point_layer(
    label: str, colour: str, places: Sequence[tuple[float, float]], crs: QgsCoordinateReferenceSystem
) -> QgsVectorLayer:
    layer: Any = QgsVectorLayer("Point", label, "memory")
    layer.setCrs(crs)
    features = []
    for x, y in places:
        feature = QgsFeature()
        feature.setGeometry(point(x, y))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    size = "1.4" if len(places) < 500 else "0.9"
    outline = "#ffffff" if colour != "#ffffff" else "#1f2933"
    style = {"name": "circle", "size": size, "color": colour, "outline_width": "0.12", "outline_color": outline}
    layer.setRenderer(QgsSingleSymbolRenderer(QgsMarkerSymbol.createSimple(style)))
    return layer


def _escape_expressions(text: str) -> str:
    """Return a text that QGIS shows as it is; between [% and %] it would evaluate an expression."""
    return text.replace("[%", "[\N{ZERO WIDTH SPACE}%")


def _fill_scale_bar(bar: Any, map_item: QgsLayoutItemMap) -> None:
    from ...model.report.page import round_length

    units: Any = QgsUnitTypes.DistanceUnit
    metres = QgsUnitTypes.fromUnitToUnitFactor(map_item.crs().mapUnits(), units.DistanceMeters)
    length = round_length(map_item.extent().width() * metres / 8)
    kilometres = length >= 1000
    bar.setUnits(units.DistanceKilometers if kilometres else units.DistanceMeters)
    bar.setUnitLabel("km" if kilometres else "m")
    bar.setNumberOfSegmentsLeft(0)
    bar.setNumberOfSegments(2)
    bar.setUnitsPerSegment(length / 1000 if kilometres else length)
    bar.setLinkedMap(map_item)


def _fill_legend(legend: Any, layers: Sequence[Any], zones: int) -> None:
    """List the layers, of the zones the most susceptible first."""
    legend.setAutoUpdateModel(False)
    root = legend.model().rootGroup()
    root.clear()
    for layer in layers:
        node = root.addLayer(layer)
        if isinstance(layer, QgsRasterLayer):
            # A node before those of the zones shows the name of the band.
            layer_legend: Any = layer.legend()
            first = max(len(layer_legend.createLayerTreeModelLegendNodes(node)) - zones, 0)
            QgsMapLayerLegendUtils.setLegendNodeOrder(node, list(range(first + zones - 1, first - 1, -1)))
        legend.model().refreshLayerLegend(node)
    legend.adjustBoxSize()


def _fill_table(table: Any, sheet: Any) -> None:
    numbers = {name: number for number, name in sheet.names.items()}
    rows = []
    for row in sheet.table[1:]:
        cells = [QgsTableCell(text) for text in row]
        for cell in cells[1:]:
            cell.setHorizontalAlignment(Qt.AlignmentFlag.AlignRight)
        colour = QColor(*sheet.colours[numbers[row[0]]])
        cells[0].setBackgroundColor(colour)
        cells[0].setForegroundColor(QColor("white" if colour.lightnessF() < _DARK else "black"))
        rows.append(cells)
    headings = [QgsLayoutTableColumn(text) for text in sheet.table[0]]
    for heading in headings[1:]:
        heading.setHAlignment(Qt.AlignmentFlag.AlignRight)
    table.setHeaders(headings)
    table.setIncludeTableHeader(True)
    table.setTableContents(rows)
    table.setColumnWidths(list(COLUMN_WIDTHS))
    table.recalculateTableSize()
