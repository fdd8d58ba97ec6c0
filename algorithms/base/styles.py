"""What a map says of itself, put where QGIS shows it: the abstract in the layer's properties and on its tooltip.
Styles for results that QGIS loads: the QML files of ``resources/styles``, which also serve by hand.
The layers of a run in one group of the layer tree: of a step, of a row of a batch, of a whole graphical model.
Layers of the project whose file a run has written anew.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import (
    NULL,
    QgsLayerTreeGroup,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QThread
from qgis.utils import iface

from ...model.provenance.map_tags import MEANING_TAG, read_warnings
from ...processing_provider import settings
from ...translation import tr


def fill_abstract(layer: QgsMapLayer) -> None:
    """Fill the abstract of a raster layer with what its values are and what may mislead in them.

    Does nothing for layers that do not say so.

    Args:
        layer: as QGIS loaded it; called in the main thread.
    """
    if not isinstance(layer, QgsRasterLayer) or layer.providerType() != "gdal":
        return
    dataset = gdal.OpenEx(layer.source().split("|")[0], gdal.OF_RASTER | gdal.OF_READONLY)
    tags = {} if dataset is None else dataset.GetMetadata() or {}
    warnings = read_warnings(tags)
    lines = [tr("Values: {meaning}.").format(meaning=tags[MEANING_TAG])] if tags.get(MEANING_TAG) else []
    if warnings:
        lines += [tr("Warnings when it was made:"), *(f"- {text}" for text in warnings)]
    if lines:
        metadata = layer.metadata()
        metadata.setAbstract("\n".join(lines))
        layer.setMetadata(metadata)


STYLES = Path(__file__).resolve().parent.parent.parent / "resources" / "styles"

SIDECAR_STYLE = "beside"
"""Stands for the style that the core wrote beside a raster of classes."""

ORDER = (
    "stack",
    "rainfall",
    "safety_factor",
    "labels",
    "applicability",
    "uncertainty",
    "susceptibility",
    "difference",
    "zones",
    SIDECAR_STYLE,
    "warning",
    "folds",
    "windows",
    "points",
)
"""From the bottom of a layer group to its top: what goes in, what comes out of it, outlines and points over both."""


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Gives one loaded result its style, and its place in the layer tree."""

    def __init__(self, style: str | None) -> None:
        """Choose a style.

        Args:
            style: name of a QML file without its ending, or :data:`SIDECAR_STYLE`; None to leave the layer as it is.
        """
        super().__init__()
        self.run: Any = None
        """Where the layer is moved to, a ``layer_groups.Run``; None to leave it where QGIS puts it."""
        self.order = ORDER.index(style) + 1 if style else 0
        """Place among the layers of a run; more is nearer to the top."""
        self._style = style

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Style and move the layer; called in the main thread when it is loaded."""
        if self._style:
            self._apply(layer, feedback)
        fill_abstract(layer)
        if self.run is not None:
            self.run.place(layer, self.order, context)

    def _apply(self, layer: QgsMapLayer, feedback: QgsProcessingFeedback) -> None:
        path = (
            Path(layer.source().split("|")[0]).with_suffix(".qml")
            if self._style == SIDECAR_STYLE
            else STYLES / f"{self._style}.qml"
        )
        message, done = layer.loadNamedStyle(str(path))
        if not done:
            feedback.pushWarning(
                tr('The layer "{name}" could not be styled: {reason}').format(name=layer.name(), reason=message)
            )
        elif self._style == "folds":
            _hide_absent_categories(layer)
        layer.triggerRepaint()


_live_stylers: list[Styler] = []
_stylers_lock = threading.Lock()


def attach_styler(details: QgsProcessingContext.LayerDetails, styler: Styler) -> None:
    """Have a styler called when QGIS loads a layer.

    QGIS takes the object over and deletes it with the run, but does not keep Python's half of it alive until then.
    """
    with _stylers_lock:
        _live_stylers[:] = [item for item in _live_stylers if not sip.isdeleted(item)]
        _live_stylers.append(styler)
    details.setPostProcessor(styler)


def style_output(context: QgsProcessingContext, output: str | None, style: str | None) -> None:
    """Have an output styled when QGIS loads it; does nothing for outputs that are not loaded.

    Args:
        context: of the run.
        output: path or layer id, as the algorithm returns it.
        style: as for :class:`Styler`.
    """
    if output and style and context.willLoadLayerOnCompletion(output):
        attach_styler(context.layerToLoadOnCompletionDetails(output), Styler(style))


def _hide_absent_categories(layer: QgsMapLayer) -> None:
    """Take the classes that no feature has out of the legend: there may be two folds or fifty."""
    renderer = layer.renderer()
    # Numbers come out of a QML file as text.
    present = {str(value) for value in layer.uniqueValues(layer.fields().lookupField(renderer.classAttribute()))}
    listed = ["" if category.value() in (None, NULL) else str(category.value()) for category in renderer.categories()]
    for index in reversed(range(len(listed))):
        # The last category, without a value, is for all that no other one has.
        wanted = listed[index] in present if listed[index] else not present <= set(listed)
        if not wanted:
            renderer.deleteCategory(index)


class LayerGroup:
    """The group of one run, filled layer by layer as QGIS loads them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._orders: dict[str, int] = {}

    def place(self, layer: QgsMapLayer, order: int, context: QgsProcessingContext) -> None:
        """Move a layer of the tree into the group; called in the main thread.

        Args:
            layer: as QGIS added it to the project.
            order: layers with a higher one come above it.
            context: of the run.
        """
        project = layer.project()
        node = project.layerTreeRoot().findLayer(layer.id()) if project is not None else None
        if node is None or node.parent().name() in _groups_of_a_model(context):
            return
        active = iface is not None and iface.activeLayer() == layer
        group = self._group(project.layerTreeRoot())
        self._orders[layer.id()] = order
        # QGIS may have put the layer into the group already, in some place: it does so when the group is selected.
        others = [child for child in group.findLayers() if child.layerId() != layer.id()]
        below = [child for child in others if self._orders.get(child.layerId(), 0) <= order]
        index = group.children().index(below[0]) if below else len(group.children())
        # QGIS has no way to move a node. The copy goes in first: a layer without any node would leave the project.
        copy, home = node.clone(), node.parent()
        # QGIS folds the classes of a raster away, and a map of zones without them says nothing.
        copy.setExpanded(True)
        group.insertChildNode(index, copy)
        home.removeChildNode(node)
        if home.name() in _names and not home.children():
            # A second run into the same file takes the layer along; its first group would stay behind, empty.
            home.parent().removeChildNode(home)
        if active:
            iface.setActiveLayer(layer)

    def _group(self, root: QgsLayerTreeGroup) -> QgsLayerTreeGroup:
        results = settings.results_group()
        home = root.findGroup(results) if results else None
        home = root if home is None else home
        group = home.findGroup(self.name)
        return home.insertGroup(0, self.name) if group is None else group


def _groups_of_a_model(context: QgsProcessingContext) -> set[str]:
    """Return the groups that the author of a graphical model asked for, from QGIS 3.32 on; they stand."""
    found = (getattr(details, "groupName", "") for details in context.layersToLoadOnCompletion().values())
    return {name for name in found if name}


_names: set[str] = set()
"""Names of groups that runs of this session have taken."""


def group_layers(context: QgsProcessingContext, title: str, results: Mapping[str, Any]) -> None:
    """Have the layers that QGIS is going to load put into the group of the run.

    Steps of a graphical model share their context, and so their group, which has the model's title.

    Args:
        context: of the run, after the step is done.
        title: of the step, in the language of QGIS.
        results: outputs by name, as the step returns them.
    """
    waiting = context.layersToLoadOnCompletion()
    if not waiting or not settings.group_layers():
        return
    details = [context.layerToLoadOnCompletionDetails(key) for key in waiting]
    run = next((found for found in map(_group_of, details) if found is not None), None)
    if run is None:
        model = context.expressionContext().variable("model_name")
        saved = "" if model else _saved_name([str(value) for value in results.values() if value in waiting])
        run = LayerGroup(_new_name(str(model or title), saved))
    for item in details:
        if _group_of(item) is None:
            _attach_group(item, run)


def _attach_group(details: QgsProcessingContext.LayerDetails, run: LayerGroup) -> None:
    # QGIS 3.32 and newer could do it by a name in the details, but a graphical model takes such a name out again.
    styler = details.postProcessor()
    if styler is None:
        styler = Styler(None)
        attach_styler(details, styler)
    if isinstance(styler, Styler):
        styler.run = run


def _group_of(details: QgsProcessingContext.LayerDetails) -> LayerGroup | None:
    return getattr(details.postProcessor(), "run", None)


def _saved_name(outputs: list[str]) -> str:
    """Return the name of the first output that was saved under one; empty for temporary ones."""
    for output in outputs:
        path = Path(output.split("|")[0])
        if path.suffix and Path(QgsProcessingUtils.tempFolder()) not in path.parents:
            return path.stem
    return ""


def _new_name(title: str, saved: str) -> str:
    """Return a name that no other group of this session has, so that runs in the same minute stay apart."""
    time = datetime.now().strftime("%H:%M")
    name = (tr("Scarp: {step}, {file}, {time}") if saved else tr("Scarp: {step}, {time}")).format(
        step=title, file=saved, time=time
    )
    unused = next(
        candidate
        for candidate in (name, *(f"{name} ({number})" for number in range(2, len(_names) + 3)))
        if candidate not in _names
    )
    _names.add(unused)
    return unused


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
    places = {_normalized_path(output) for output in outputs if os.path.exists(output.split("|")[0])}
    for layer in project.mapLayers().values() if places else ():
        if layer.providerType() not in _PROVIDERS:
            continue
        place = _normalized_path(layer.source())
        if place in places or os.path.dirname(place) in places:
            _refresh(layer)


def _refresh(layer: QgsMapLayer) -> None:
    layer.reload()
    if isinstance(layer, QgsRasterLayer) and _has_changed(layer):
        # On another grid the layer itself must be made anew; its style stays.
        layer.setDataSource(layer.source(), layer.name(), layer.providerType(), False)
    layer.triggerRepaint()


def _has_changed(layer: QgsRasterLayer) -> bool:
    provider = layer.dataProvider()
    return (
        provider is None
        or not provider.isValid()
        or provider.extent() != layer.extent()
        or (provider.xSize(), provider.ySize()) != (layer.width(), layer.height())
    )


def _normalized_path(source: str) -> str:
    return os.path.normcase(os.path.realpath(Path(source.split("|")[0])))
