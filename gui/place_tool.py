"""The map tool *Explain a place*: a click on a susceptibility map, and a panel that says what is there and why."""

from __future__ import annotations

from typing import Any

from qgis.core import (  # type: ignore[attr-defined]  # the stubs lack the exception
    QgsCoordinateTransform,
    QgsCsException,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsWkbTypes,
)
from qgis.gui import QgsMapToolEmitPoint, QgsRubberBand, QgsVertexMarker
from qgis.PyQt.QtCore import QObject, Qt, QUrl
from qgis.PyQt.QtGui import QColor, QDesktopServices
from qgis.PyQt.QtWidgets import QDockWidget, QTextBrowser, QVBoxLayout, QWidget

from ..algorithms.base.parameters import file_of
from ..translation import tr
from .function_task import filled, wrapped_label
from .place_answers import PlaceAnswers, Question
from .place_text import ALIKE_COLOUR, ALL_FACTORS, NEAREST_COLOUR, explanation_html, number, waiting_html
from .steps.icons import is_dark
from .suggestions import describe_layer, is_product

_AREA: Any = QgsWkbTypes.GeometryType.PolygonGeometry  # type: ignore[attr-defined]  # stubs of QGIS 4


class PlacePanel(QDockWidget):
    """Shows the answers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Scarp: place"), parent, objectName="ScarpPlace")
        self.title, self.text = wrapped_label(), QTextBrowser(openLinks=False)
        self.text.setMinimumSize(340, 200)
        body = QWidget()
        filled(QVBoxLayout(body, spacing=3), self.title, (self.text, 1)).setContentsMargins(5, 5, 5, 5)
        self.setWidget(body)

    def show_html(self, title: str, html: str) -> None:
        """Show a text under the name of a map."""
        self.title.setText(title)
        self.title.setVisible(bool(title))
        self.text.setHtml(html)

    @property
    def dark(self) -> bool:
        """Whether letters are light."""
        return is_dark(self.text.palette())


class PlaceExplainer(QObject):
    """The tool with its panel and its marks on the map; ``action`` is the checkable entry of the menu."""

    def __init__(self, iface: Any, action: Any) -> None:
        super().__init__(iface.mainWindow())
        self.iface, self.canvas = iface, iface.mapCanvas()
        self.tool = QgsMapToolEmitPoint(self.canvas)
        self.tool.setAction(action)
        self.tool.setCursor(Qt.CursorShape.WhatsThisCursor)
        self.tool.canvasClicked.connect(self.click)
        self.tool.activated.connect(self.prepare)
        self.panel = PlacePanel(iface.mainWindow())
        self.panel.hide()
        self.panel.text.anchorClicked.connect(self._follow)
        self.answers = PlaceAnswers(self)
        self.answers.answered.connect(self.show_answer)
        self.answers.failed.connect(self.show_problem)
        self._marks: list[Any] = []
        self._asked: tuple[Question, Any] | None = None  # what is shown or waited for, and its layer
        self._found: Any = None  # the answer that is shown
        self._docked = False
        self.panel.visibilityChanged.connect(lambda shown: None if shown else self._hide_if_closed())

    def start(self) -> None:
        """Take the mouse on the map, and show the panel."""
        if not self._docked:
            tabs = ["ScarpDock", "ProcessingToolbox"]
            self.iface.addTabifiedDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.panel, tabs, True)
            self._docked = True
        self.panel.show()
        self.panel.raise_()
        self.canvas.setMapTool(self.tool)

    def prepare(self) -> None:
        """Have the process and the model ready before the first click."""
        layer = self.map_at(None)
        if layer is None:
            self.panel.show_html("", self._no_map())
            return
        text = tr("Click on the map: its value and zone, the factors behind it, and the training land like it.")
        self.panel.show_html(layer.name(), text)
        self.answers.ask(Question(file_of(layer.source())))

    def click(self, point: QgsPointXY, button: Any = None) -> None:
        """Ask about a place, in the CRS of the map canvas."""
        self.clear()
        layer = self.map_at(point)
        if layer is None:
            self.panel.show_html("", self._no_map())
            return
        place = self._in_layer(point, layer)
        if place is None:
            self.panel.show_html(layer.name(), tr("The place cannot be transformed into the CRS of the map."))
            return
        self.panel.show()
        self.panel.raise_()
        value, known = layer.dataProvider().sample(place, 1)
        shown = number(value) if known else ""
        question = Question(file_of(layer.source()), place.x(), place.y(), self._zone_files())
        self._asked = question, layer
        self.panel.show_html(layer.name(), waiting_html(shown, self.panel.dark))
        self.answers.ask(question)

    def show_answer(self, question: Question, found: Any) -> None:
        """Show what the core says, unless another place was clicked meanwhile."""
        if question.x is None or self._asked is None or self._asked[0] != question:
            return
        layer = self._asked[1]
        try:
            name, crs = layer.name(), layer.crs()
        except RuntimeError:
            # The layer was removed meanwhile.
            return
        self._found = found
        self.panel.show_html(name, explanation_html(found, self.panel.dark))
        self._mark(found, crs)

    def show_problem(self, question: Question, html: str) -> None:
        """Show why there is no answer; before the first click that is said too."""
        if question.x is not None and (self._asked is None or self._asked[0] != question):
            return
        self.panel.text.setHtml(html)

    def _follow(self, address: QUrl) -> None:
        if address.toString() != ALL_FACTORS:
            QDesktopServices.openUrl(address)
        elif self._found is not None:
            bar = self.panel.text.verticalScrollBar()
            place = bar.value()
            self.panel.text.setHtml(explanation_html(self._found, self.panel.dark, every_factor=True))
            bar.setValue(place)

    def map_at(self, point: QgsPointXY | None) -> Any:
        """Return the map that is meant: the selected layer, else the topmost visible one that covers a place."""
        project: Any = QgsProject.instance()
        active = self.iface.activeLayer()
        visible = list(self.canvas.layers())
        candidates = [layer for layer in [active, *visible] if _is_map(layer)]
        if point is not None:
            here = [layer for layer in candidates if self._covers(layer, point)]
            candidates = here or candidates
        rest = [layer for layer in project.mapLayers().values() if _is_map(layer)]
        return next(iter([*candidates, *rest]), None)

    def clear(self) -> None:
        """Remove the marks from the map."""
        for mark in self._marks:
            self.canvas.scene().removeItem(mark)
        self._marks = []

    def shut_down(self) -> None:
        """End the process and remove tool, panel and marks."""
        self.answers.close()
        self.clear()
        self.canvas.unsetMapTool(self.tool)
        self.iface.removeDockWidget(self.panel)
        self.panel.deleteLater()
        self.deleteLater()

    def _hide_if_closed(self) -> None:
        """Remove the marks when the panel was closed; behind another tab it is not visible either, but not closed."""
        if self.panel.isHidden():
            self.clear()
            self._asked = None

    def _no_map(self) -> str:
        return tr(
            "There is no susceptibility map in the project. Make one with Predict susceptibility or Plugins > Scarp > "
            "Map step by step, or load one; its .run.json must lie beside it."
        )

    def _covers(self, layer: Any, point: QgsPointXY) -> bool:
        place = self._in_layer(point, layer)
        return place is not None and layer.extent().contains(place)

    def _in_layer(self, point: QgsPointXY, layer: Any) -> Any:
        """Return a place of the canvas in the CRS of a layer; None where it has none."""
        project: Any = QgsProject.instance()
        crs = self.canvas.mapSettings().destinationCrs()
        try:
            return QgsCoordinateTransform(crs, layer.crs(), project).transform(point)
        except QgsCsException:
            return None

    def _zone_files(self) -> tuple[str, ...]:
        project: Any = QgsProject.instance()
        layers = [layer for layer in project.mapLayers().values() if isinstance(layer, QgsRasterLayer)]
        paths = [file_of(layer.source()) for layer in layers if is_product("ZONES", describe_layer(layer))]
        return tuple(sorted(set(paths)))

    def _mark(self, found: Any, crs: Any) -> None:
        """Draw the cell, and the landslides that the panel lists."""
        self.clear()
        project: Any = QgsProject.instance()
        transform = QgsCoordinateTransform(crs, self.canvas.mapSettings().destinationCrs(), project)

        def on_map(x: float, y: float) -> Any:
            try:
                return transform.transform(QgsPointXY(x, y))
            except QgsCsException:
                return None

        corners = [on_map(x, y) for x, y in found.corners]
        if corners and None not in corners:
            band = QgsRubberBand(self.canvas, _AREA)
            band.setToGeometry(QgsGeometry.fromPolygonXY([[*corners, corners[0]]]), None)
            band.setColor(QColor("#111111"))
            band.setFillColor(QColor(0, 0, 0, 0))
            band.setWidth(2)
            self._marks.append(band)
            self._marker(on_map(found.x, found.y), "#111111", QgsVertexMarker.IconType.ICON_CROSS, 14)
        circle = QgsVertexMarker.IconType.ICON_CIRCLE
        for places, colour, size in ((found.alike, ALIKE_COLOUR, 18), (found.nearest, NEAREST_COLOUR, 11)):
            for one in places:
                place = on_map(one.x, one.y)
                if place is not None:
                    self._marker(place, colour, circle, size)

    def _marker(self, place: QgsPointXY, colour: str, icon: Any, size: int) -> None:
        """Draw a mark with a white edge, so that it stands out from any map."""
        for shade, width in (("#ffffff", 5), (colour, 2)):
            marker = QgsVertexMarker(self.canvas)
            marker.setCenter(place)
            marker.setColor(QColor(shade))
            marker.setIconType(icon)
            marker.setIconSize(size)
            marker.setPenWidth(width)
            self._marks.append(marker)


def _is_map(layer: Any) -> bool:
    """Return whether a layer is a susceptibility map or zones of Scarp; its record may still be missing."""
    if not isinstance(layer, QgsRasterLayer) or not layer.isValid() or layer.providerType() != "gdal":
        return False
    known = describe_layer(layer)
    return any(is_product(kind, known) for kind in ("SUSCEPTIBILITY", "ZONES", "OUT_OF_FOLD"))
