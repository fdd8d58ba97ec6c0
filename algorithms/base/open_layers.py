"""Layers of the project that show an output of a run.

Windows replaces no file that is open, and a layer keeps its file open. So there layers let go of the files that a run
will write, and take them up again when it ends, however it ends. A layer that is being edited keeps its file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qgis.core import (
    QgsMapLayer,
    QgsMapLayerStyle,
    QgsProcessingContext,
    QgsProject,
    QgsReadWriteContext,
    QgsVectorLayer,
)
from qgis.PyQt.QtXml import QDomDocument

from ...model.outputs import atomic
from ...translation import join, tr
from .main_thread import run_in_main_thread_soon, run_in_main_thread_within
from .parameters import absolute_path, file_of

TIMEOUT = 5.0  # seconds for which a run waits for the main thread


@dataclass(frozen=True)
class _ReleasedLayer:
    """A layer without its file, and what it needs to show it again."""

    layer: str  # id
    source: str
    provider: str
    style: QgsMapLayerStyle


@contextlib.contextmanager
def released_layers(project: QgsProject | None, outputs: Iterable[str]) -> Iterator[bool]:
    """Have layers let go of outputs, files and folders, while a block runs, and tell whether one did; only on Windows.

    If the main thread does not answer, because it waits for the run, layers keep their files.
    """
    places = {absolute_path(path) for path in outputs}
    if not atomic.WINDOWS or project is None or not places:
        yield False
        return
    released: list[_ReleasedLayer] = []
    shown: QgsProject = project
    run_in_main_thread_within(lambda: _release(shown, places, released), TIMEOUT)
    try:
        yield bool(released)
    finally:
        if released:
            run_in_main_thread_soon(lambda: _take_up(shown, released))


def layers_of(project: QgsProject | None, text: str) -> str:
    """Return a sentence that names the layers of the project whose files a text names, or that lie in the folder that
    it is; empty if there are none.
    """
    if not atomic.WINDOWS or project is None:
        return ""
    names: list[str] = []
    shown: QgsProject = project

    def find() -> None:
        for layer in _file_layers(shown):
            path = file_of(layer.source())
            if path and (path in text or os.path.dirname(path) == text) and layer.isValid():
                names.append(f'"{layer.name()}"')

    run_in_main_thread_within(find, TIMEOUT)
    if not names:
        return ""
    return " " + tr("It is open as this layer of the project: {layers}.").format(layers=join(sorted(set(names))))


def moved_results(
    context: QgsProcessingContext, results: Mapping[str, Any], moved: Mapping[str, str]
) -> dict[str, Any]:
    """Return results with the paths of outputs that are beside their names, from which QGIS then loads them."""
    waiting: Any = context.layersToLoadOnCompletion()
    changed = {source: moved[source] for source in waiting if source in moved}
    if changed:
        context.setLayersToLoadOnCompletion({changed.get(source, source): one for source, one in waiting.items()})
    return {name: moved.get(value, value) if isinstance(value, str) else value for name, value in results.items()}


def _file_layers(project: QgsProject) -> list[QgsMapLayer]:
    layers: Any = project.mapLayers()
    return [layer for layer in layers.values() if layer.providerType() in ("gdal", "ogr")]


def _release(project: QgsProject, places: set[str], released: list[_ReleasedLayer]) -> None:
    for layer in _file_layers(project):
        place = absolute_path(file_of(layer.source())) if layer.source() else ""
        if place not in places and os.path.dirname(place) not in places:
            continue
        if isinstance(layer, QgsVectorLayer) and layer.isEditable():
            continue
        style = QgsMapLayerStyle()
        style.readFromLayer(layer)
        released.append(_ReleasedLayer(layer.id(), layer.source(), layer.providerType(), style))
        document = QDomDocument()
        element = document.createElement("maplayer")
        layer.writeLayerXml(element, document, QgsReadWriteContext())
        document.appendChild(element)
        layer.setDataSource("", layer.name(), layer.providerType(), False)
        # With these a project that is saved meanwhile keeps the layer as it was.
        layer.setOriginalXmlProperties(document.toString())


def _take_up(project: QgsProject, released: list[_ReleasedLayer]) -> None:
    for one in released:
        layer = project.mapLayer(one.layer)
        # It may have been removed, or given another source.
        if layer is None or layer.source():
            continue
        layer.setDataSource(one.source, layer.name(), one.provider, False)
        layer.setOriginalXmlProperties("")
        one.style.writeToLayer(layer)
        layer.triggerRepaint()
