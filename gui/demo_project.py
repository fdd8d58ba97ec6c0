"""The demo project: a synthetic area in the user's documents, with styled layers over a hillshade.

It is made when it is first opened, in the background; later the same project is opened again, with what was made in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qgis.core import (
    Qgis,
    QgsCategorizedSymbolRenderer,
    QgsFillSymbol,
    QgsProject,
    QgsRasterLayer,
    QgsRendererCategory,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QObject, QStandardPaths, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QColor, QPainter

from ..model.outputs.transaction import RECORD_SUFFIX
from ..processing_provider.dependencies import install_hint
from ..running.core import choose_runtime
from ..translation import tr
from .steps.runner import CANCELLED, ChainRun, Job

SIZE = 400  # rows and columns of the area
SECONDS = 20  # for which a message that needs no answer is shown
STYLES = Path(__file__).resolve().parent.parent / "resources" / "styles"
PALETTE = ("#8dd3c7", "#ffffb3", "#bebada", "#fb8072", "#80b1d3", "#fdb462", "#b3de69", "#fccde5", "#d9d9d9", "#bc80bd")


def demo_folder() -> Path:
    """Return the folder of the demo project."""
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents or Path.home()) / "Scarp" / "demo"


class DemoProject(QObject):
    """Makes and opens the demo project; ``opened`` follows when it is shown."""

    opened = pyqtSignal()

    def __init__(self, iface: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.iface, self.folder = iface, demo_folder()
        self._run: ChainRun | None = None
        self._problem = ""
        self._filling: Iterator[str] | None = None
        self._waiting: Any = None  # the message while it is made

    @property
    def file(self) -> Path:
        """The project file."""
        return self.folder / "demo.qgz"

    def load(self) -> None:
        """Open the demo project, made before if it is not there yet."""
        if self._run is not None or self._filling is not None:
            return
        # The records are written last.
        if self.file.is_file() or (self.folder / "data" / f"dem.tif{RECORD_SUFFIX}").is_file():
            self._open()
            return
        missing = choose_runtime(("rasterio", "scipy")).missing_packages
        if missing:
            self._say(install_hint(missing, link=True), Qgis.MessageLevel.Warning)
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._say_failed(error.strerror or str(error))
            return
        data = str(self.folder / "data")
        job = Job("", "createdemodata", (0.0, 1.0), lambda _: {"SIZE": SIZE, "OUTPUT": data})
        project: Any = QgsProject.instance()
        self._run = ChainRun([job], project, self)
        self._problem = ""
        self._run.step_failed.connect(self._failed)
        self._run.ended.connect(self._ended)
        bar = self.iface.messageBar()
        self._waiting = bar.createMessage(tr("Scarp"), tr("The demo area is being made; it takes a few seconds."))
        bar.pushWidget(self._waiting, Qgis.MessageLevel.Info)
        self._run.start()

    def shut_down(self) -> None:
        """Cancel what runs."""
        self._filling = None
        if self._run is not None:
            self._run.cancel()

    def _failed(self, _: str, reason: str) -> None:
        self._problem = reason

    def _ended(self, how: str) -> None:
        run, self._run = self._run, None
        bar = self.iface.messageBar()
        if self._waiting in bar.items():
            bar.popWidget(self._waiting)
        self._waiting = None
        if run is not None:
            run.deleteLater()
        if self._problem:
            self._say_failed(self._problem)
        elif how != CANCELLED:
            self._open()

    def _open(self) -> None:
        # It asks whether to save the project that is open.
        if not self.iface.newProject(True):
            return
        if self.file.is_file():
            self.iface.addProject(str(self.file))
            self._show()
        else:
            project: Any = QgsProject.instance()
            self._filling = fill(project, self.folder / "data")
            self._fill_next()

    def _fill_next(self) -> None:
        """Add the next layer, or save and show the project; in between, the window can draw."""
        if self._filling is None:
            return
        project: Any = QgsProject.instance()
        # Another project may have been opened meanwhile.
        with contextlib.suppress(RuntimeError, IndexError):
            if next(self._filling, None):
                QTimer.singleShot(0, self._fill_next)
                return
            self.iface.mapCanvas().setExtent(project.mapLayersByName(tr("Elevation"))[0].extent())
            if project.write(str(self.file)):
                QTimer.singleShot(0, self._show)
            else:
                self._say_failed(project.error())
        self._filling = None

    def _show(self) -> None:
        text = tr("A made-up area. Press Run all in the dock to map it.")
        self._say(text, Qgis.MessageLevel.Success, SECONDS)
        # The window draws the layers before the dock is built.
        QTimer.singleShot(0, self.opened.emit)

    def _say_failed(self, reason: str) -> None:
        text = tr("The demo project could not be made in {folder}: {reason}")
        self._say(text.format(folder=self.folder, reason=reason), Qgis.MessageLevel.Critical)

    def _say(self, text: str, level: Any, seconds: int = 0) -> None:
        """Show a message, for some seconds or until it is closed."""
        self.iface.messageBar().pushMessage(tr("Scarp"), text, level, seconds)


def fill(project: QgsProject, data: Path) -> Iterator[str]:
    """Add the layers of a demo folder to an empty project, and yield the name of each."""
    root: Any = project.layerTreeRoot()
    inputs = root.addGroup(tr("Demo data"))
    # File, name, style or field of the classes, shown: from the top of the layer tree down.
    layers = (
        ("landslides.gpkg", tr("Landslides"), "landslides.qml", True),
        ("rivers.gpkg", tr("Rivers"), "rivers.qml", True),
        ("faults.gpkg", tr("Faults"), "faults.qml", True),
        ("roads.gpkg", tr("Roads"), "", False),
        ("settlements.gpkg", tr("Settlements"), "", False),
        ("study_area.gpkg", tr("Study area"), "", False),
        ("regions.gpkg", tr("Regions"), "name", False),
        ("lithology.gpkg", tr("Lithology"), "lithology", True),
        ("landform.gpkg", tr("Landform"), "landform", False),
        ("seismic.gpkg", tr("Seismic intensity"), "intensity", False),
        ("climate.gpkg", tr("Climate zones"), "zone", False),
        ("precipitation.tif", tr("Precipitation"), "", False),
        ("temperature.tif", tr("Temperature"), "", False),
        ("true_probability.tif", tr("True probability"), "susceptibility.qml", False),
        ("dem.tif", tr("Elevation"), "hillshade.qml", True),
    )
    for file, name, look, shown in layers:
        kind = QgsVectorLayer if file.endswith(".gpkg") else QgsRasterLayer
        layer: Any = kind(str(data / file), name)
        if not layer.isValid():
            continue
        if look.endswith(".qml"):
            layer.loadNamedStyle(str(STYLES / look))
        elif look:
            layer.setRenderer(_classes(layer, look))
            # The relief below shows through the colours.
            layer.setBlendMode(QPainter.CompositionMode.CompositionMode_Multiply)
        project.addMapLayer(layer, False)
        node = inputs.addLayer(layer)
        node.setItemVisibilityChecked(shown)
        node.setExpanded(False)
        if file == "dem.tif":
            project.setCrs(layer.crs())
        yield name


def _classes(layer: Any, field: str) -> QgsCategorizedSymbolRenderer:
    """Return a colour for each value of a field."""
    values = sorted(layer.uniqueValues(layer.fields().indexOf(field)), key=str)
    categories = []
    for number, value in enumerate(values):
        symbol: Any = QgsFillSymbol.createSimple({"outline_style": "no"})
        symbol.setColor(QColor(PALETTE[number % len(PALETTE)]))
        categories.append(QgsRendererCategory(value, symbol, str(value)))
    return QgsCategorizedSymbolRenderer(field, categories)
