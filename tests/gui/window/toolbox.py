"""What a user does with Processing: find a step in the Toolbox, fill its dialog, press Run, read the layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from play import Player, Until, later, top_window
from qgis.core import QgsProcessingContext, QgsProject
from qgis.PyQt import sip
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QDialog, QDockWidget, QLineEdit, QWidget
from qgis.utils import iface


def toolbox() -> QDockWidget:
    """Return the Processing Toolbox, shown."""
    dock = iface.mainWindow().findChild(QDockWidget, "ProcessingToolbox")
    dock.setUserVisible(True)
    return dock


def titles() -> list[str]:
    """Return what the Toolbox shows under Scarp: the titles of its steps and models."""
    model = toolbox().algorithmTree.model()
    roots = [model.index(row, 0) for row in range(model.rowCount())]
    return [str(index.data()) for root in roots if root.data() == "Scarp" for index in _indexes(model, root)]


def show_scarp() -> None:
    """Open Scarp's part of the Toolbox and nothing else."""
    tree = toolbox().algorithmTree
    model = tree.model()
    tree.collapseAll()
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        if index.data() == "Scarp":
            tree.expand(index)
            for group in range(model.rowCount(index)):
                tree.expand(model.index(group, 0, index))
            tree.scrollTo(index, tree.ScrollHint.PositionAtTop)


def find(title: str) -> bool:
    """Type a title into the Toolbox's search box; True when the step that is then chosen has it."""
    dock = toolbox()
    box = dock.searchBox if hasattr(dock, "searchBox") else dock.findChild(QLineEdit)
    if box.value() != title:
        box.setValue(title)
    chosen = dock.algorithmTree.selectedAlgorithm()
    if chosen is not None and chosen.displayName().endswith(title):
        return True
    model = dock.algorithmTree.model()
    for index in _indexes(model):
        if str(index.data()).endswith(title):
            dock.algorithmTree.setCurrentIndex(index)
    return False


def _indexes(model: Any, parent: Any = None) -> Iterator[Any]:
    for row in range(model.rowCount(parent) if parent is not None else model.rowCount()):
        index = model.index(row, 0, parent) if parent is not None else model.index(row, 0)
        yield index
        yield from _indexes(model, index)


def open_step(player: Player, title: str, batch: bool = False) -> Iterator[Until]:
    """Find a step in the Toolbox and open its dialog; the value is the dialog."""
    yield player.wait(lambda: find(title), f'"{title}" in the Toolbox', 30)
    yield player.pause(0.2)
    dock = toolbox()

    def open_selected() -> None:
        # Whatever was added to the Toolbox meanwhile has changed the selection.
        find(title)
        (dock.executeAlgorithmAsBatchProcess if batch else dock.executeAlgorithm)()

    later(open_selected)
    kind = "BatchAlgorithmDialog" if batch else "AlgorithmDialog"
    dialog = yield player.wait(lambda: top_window(kind, title), f'the dialog of "{title}"', 60)
    yield player.pause()
    return dialog


def fill(dialog: QDialog, **values: Any) -> None:
    """Put values into the widgets of a dialog, each as if it were typed or chosen."""
    panel = dialog.mainWidget()
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    for name, value in values.items():
        wrapper = panel.wrappers.get(name)
        if wrapper is None:
            # Outputs have a widget of their own.
            output = panel.outputWidgets[name]
            output.setValue(value)
        elif hasattr(wrapper, "setParameterValue"):
            wrapper.setParameterValue(value, context)
        else:
            wrapper.setValue(value)


def press_run(player: Player, dialog: QDialog, seconds: float = 300.0) -> Iterator[Until]:
    """Press Run and wait for the end; the value is (whether it went well, the results)."""
    ended: list[Any] = []
    dialog.algorithmFinished.connect(lambda done, results: ended.append((done, results)))
    later(dialog.runButton().click)
    yield player.wait(lambda: ended, "the end of the run", seconds)
    yield player.pause()
    return ended[0]


def close(player: Player, dialog: QDialog) -> Iterator[Until]:
    """Close a dialog."""
    dialog.close()
    yield player.wait(lambda: sip.isdeleted(dialog) or not dialog.isVisible(), "the dialog to close", 10)
    yield player.pause(0.2)


def layers() -> list[dict[str, str]]:
    """Return for each layer of the project its name, CRS, group in the layer tree, renderer and source."""
    found = []
    for node in QgsProject.instance().layerTreeRoot().findLayers():
        layer = node.layer()
        renderer = layer.renderer() if hasattr(layer, "renderer") else None
        item = {"name": layer.name(), "crs": layer.crs().authid(), "source": layer.source()}
        group, kind = node.parent().name() if node.parent() else "", renderer.type() if renderer is not None else ""
        found.append({**item, "group": group, "renderer": kind})
    return found


def dock(name: str) -> QWidget | None:
    """Return a dock of the main window by its object name or title."""
    for widget in iface.mainWindow().findChildren(QDockWidget):
        if name in (widget.objectName(), widget.windowTitle()):
            return widget
    return None


def tidy() -> None:
    """Leave only what a new user sees: no browser dock, a wide Toolbox."""
    window = iface.mainWindow()
    for name in ("Browser", "Browser2", "LayerOrder"):
        other = window.findChild(QDockWidget, name)
        if other is not None:
            other.hide()
    window.resizeDocks([toolbox()], [380], Qt.Orientation.Horizontal)
