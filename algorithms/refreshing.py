"""Layers of the project whose file a run has written anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable

from qgis.core import QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QThread

_PROVIDERS = ("gdal", "ogr")


def refresh_layers(project: QgsProject | None, outputs: Iterable[str]) -> None:
    """Have layers show the present content of their files.

    A file that takes an older one's name leaves the older one to those who have it open, so a layer would go on to
    show what is no longer there.

    Args:
        project: with the layers; nothing happens outside its thread, where layers must not be touched.
        outputs: files and folders that a run has written; ids of layers are passed over.
    """
    if project is None or QThread.currentThread() != project.thread():
        return
    places = {_place(output) for output in outputs if os.path.exists(output.split("|")[0])}
    for layer in project.mapLayers().values() if places else ():
        if layer.providerType() not in _PROVIDERS:
            continue
        place = _place(layer.source())
        if place in places or os.path.dirname(place) in places:
            _refresh(layer)


def _refresh(layer: QgsMapLayer) -> None:
    layer.reload()
    if isinstance(layer, QgsRasterLayer) and _looks_otherwise(layer):
        # On another grid the layer itself must be made anew; its style stays.
        layer.setDataSource(layer.source(), layer.name(), layer.providerType(), False)
    layer.triggerRepaint()


def _looks_otherwise(layer: QgsRasterLayer) -> bool:
    provider = layer.dataProvider()
    return provider is None or not provider.isValid() or provider.extent() != layer.extent() \
        or (provider.xSize(), provider.ySize()) != (layer.width(), layer.height())


def _place(source: str) -> str:
    return os.path.normcase(os.path.realpath(Path(source.split("|")[0])))
