"""Brings results into the project: into one group for each region, the map on top, the rest unticked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)

from ...algorithms.base.parameters import absolute_path, file_of
from ...algorithms.base.styles import DERIVED, LayerGroup, Styler, about, today
from ...model.outputs.run_record import read_record
from ...model.provenance.origin import elevation_of
from ...translation import tr


def load_results(
    context: QgsProcessingContext, feedback: QgsProcessingFeedback, group: LayerGroup, failed: list[str]
) -> Iterator[None]:
    """Load the layers that a run has written, styled and in a group, which ticks the best of them.

    Pauses after each, so that the window can draw; the sources of layers that cannot be opened go to ``failed``. Use it
    in the thread of the window.
    """
    waiting: Any = context.layersToLoadOnCompletion()
    for source, details in waiting.items():
        layer = QgsProcessingUtils.mapLayerFromString(source, context, typeHint=details.layerTypeHint)
        if layer is None:
            failed.append(source)
            continue
        project = details.project
        known = layer.id() in project.mapLayers()
        if not known:
            # Names of the dock's files are the same in every region, and say less than the titles of the outputs.
            details.forceName = True
            details.setOutputLayerName(layer)
            store: Any = context.temporaryLayerStore()
            project.addMapLayer(store.takeMapLayer(layer))
        styler: Any = details.postProcessor()
        if styler is not None:
            if isinstance(styler, Styler):
                found = None if styler.group is None else styler.group.elevation
                group.elevation = group.elevation or found or elevation_of(source)
                # A layer that is there already stays where the user has it.
                styler.group = None if known else group
            styler.postProcessLayer(layer, context, feedback)
        if known:
            group.rename(layer)
            group.update(project)
        yield


def region_group(region: str) -> LayerGroup:
    """Return the group of a region's results in the layer tree, with the date of now."""
    name = tr("Scarp: {region}, {date}").format(region=region, date=today())
    return LayerGroup(name, about(region), f"region {region}")


def layer_of(project: QgsProject, path: str) -> Any:
    """Return the layer of the project that shows a file; None if there is none."""
    place = absolute_path(path)
    layers: Any = [layer for layer in project.mapLayers().values() if not layer.customProperty(DERIVED)]
    return next((layer for layer in layers if absolute_path(file_of(layer.source())) == place), None)


def add_result(project: QgsProject, path: str, region: str) -> Any:
    """Add a result that an earlier session has made, styled, to the group of its region; None if it is no layer."""
    name, style = Path(path).stem, ""
    with contextlib.suppress(OSError, ValueError, AttributeError, KeyError):
        record = read_record(path)
        output = next(key for key, one in record["outputs"].items() if Path(one["source"]).name == Path(path).name)
        registry: Any = QgsApplication.processingRegistry()
        algorithm = registry.createAlgorithmById(str(record["algorithm"]))
        name = algorithm.parameterDefinition(output).description()
        style = algorithm.STYLES.get(output, "zones" if algorithm.name() == "classifyzones" else "")
    kind = QgsRasterLayer if path.lower().endswith((".tif", ".tiff")) else QgsVectorLayer
    layer = kind(path, name)
    if not layer.isValid():
        return None
    project.addMapLayer(layer)
    context = QgsProcessingContext()
    context.setProject(project)
    styler = Styler(style or None)
    styler.group = region_group(region)
    styler.group.elevation = elevation_of(path)
    styler.postProcessLayer(layer, context, QgsProcessingFeedback(False))
    return layer
