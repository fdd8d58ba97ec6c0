"""*Show every factor*: a group with a styled layer for each factor of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from qgis.core import Qgis, QgsLayerTreeGroup, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QTimer

from ..algorithms.base.factor_styles import StackBand, complete, plain_layer, read_bands, style_band
from ..algorithms.base.parameters import file_of
from ..algorithms.base.styles import ABOUT, DERIVED
from ..translation import of_core, tr
from .function_task import FunctionTask
from .suggestions import describe_layer, is_product


def is_stack(layer: Any) -> bool:
    """Return whether a layer is a factor stack."""
    return isinstance(layer, QgsRasterLayer) and layer.isValid() and is_product("STACK", describe_layer(layer))


def show_factors_of_selection(iface: Any) -> FunctionTask | None:
    """Show the factors of the selected layer, else of the only stack in the project; tell what to select otherwise."""
    project: Any = QgsProject.instance()
    active, stacks = iface.activeLayer(), [layer for layer in project.mapLayers().values() if is_stack(layer)]
    layer = active if is_stack(active) or len(stacks) != 1 else stacks[0]

    def say(text: str) -> None:
        iface.messageBar().pushMessage("Scarp", text, Qgis.MessageLevel.Warning)

    if not isinstance(layer, QgsRasterLayer):
        say(tr("Select a factor stack in the layer panel first."))
        return None
    return show_factors(project, file_of(layer.source()), factors_about(layer), say)


def factors_about(layer: Any) -> str:
    """Return by what the factors of a stack are named: area and date, else the name of the layer."""
    return str(layer.customProperty(ABOUT) or layer.name())


def show_factors(project: Any, path: str, about: str, say: Callable[[str], None]) -> FunctionTask | None:
    """Add a group with the factors of a stack on top of the layers; it replaces an earlier one of the same name.

    ``about`` is added to its name: area and date of the stack, or the name of its layer.
    Ranges are read in a task; ``say`` takes a message for the user. Returns the task; None if there is nothing to show.
    """
    if not Path(path).is_file():
        say(tr("{file} does not exist any more.").format(file=path))
        return None
    bands = read_bands(path)
    if not bands:
        say(tr("{file} is no factor stack: its bands have no names.").format(file=Path(path).name))
        return None
    title = tr("Factors, {about}").format(about=about)

    def work(task: FunctionTask) -> list[StackBand]:
        found = []
        for number, band in enumerate(bands):
            if task.isCanceled():
                return []
            task.setProgress(100 * number / len(bands))
            found.append(complete(path, band))
        return found

    def finished(found: list[StackBand] | None, error: Exception | None) -> None:
        if error is not None:
            say(
                tr("The factors of {file} could not be shown: {error}").format(
                    file=Path(path).name, error=of_core(str(error))
                )
            )
        elif found:
            _add_layers(project, path, title, found, [])

    task = FunctionTask(tr("Scarp: colours of the factors"), work)
    task.finished_with.connect(finished)
    task.start()
    return task


def _add_layers(project: Any, path: str, title: str, bands: list[StackBand], layers: list[Any]) -> None:
    """Make a layer for each factor, one in a turn of the window's loop, then add all at once."""
    if len(layers) < len(bands):
        band = bands[len(layers)]
        layer = plain_layer(path, band.text)
        style_band(layer, band)
        layer.setCustomProperty(DERIVED, "factor")
        layers.append(layer)
        QTimer.singleShot(0, lambda: _add_layers(project, path, title, bands, layers))
        return
    root = project.layerTreeRoot()
    old = root.findGroup(title)
    if old is not None:
        project.removeMapLayers([node.layerId() for node in old.findLayers()])
        old.parent().removeChildNode(old)
    project.addMapLayers(layers, False)
    group = QgsLayerTreeGroup(title)
    group.setExpanded(False)
    for layer in layers:
        child: Any = group.addLayer(layer)
        child.setItemVisibilityChecked(layer is layers[0])
        child.setExpanded(layer is layers[0])
    # On top, where no map covers them.
    root.insertChildNode(0, group)
    # The layer panel opens a group when this changes, not when it is added.
    group.setExpanded(True)
