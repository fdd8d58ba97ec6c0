"""How QGIS shows the layers of a run: style, abstract, place in the layer tree, and content after an overwritten file.

Styles are the QML files of ``resources/styles``, which users can also load by hand. The layers of a run go into one
group of the layer tree: of an algorithm, of a row of a batch, of a whole graphical model.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import (
    NULL,
    QgsColorRampLegendNodeSettings,
    QgsColorRampShader,
    QgsMapLayer,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QThread
from qgis.utils import iface

from ...model.provenance.records import MEANING_TAG, PROBABILITY_TAG, read_warnings
from ...model.safety.kinds import FACTOR_OF_SAFETY_MEANING
from ...model.validation.verdict import Evidence, verdict_of_tags
from ...processing_provider import settings
from ...translation import tr
from .parameters import absolute_path, file_of

STYLES = Path(__file__).resolve().parent.parent.parent / "resources" / "styles"
SIDECAR_STYLE = "beside"  # stands for the QML file that the core wrote beside a raster of classes
_INPUTS = "stack rainfall safety_factor factor_of_safety labels"
_MAPS = "applicability dissimilarity uncertainty bivariate susceptibility difference zones"
_POLYGONS = "units slope_units folds windows"
ORDER = (*_INPUTS.split(), *_MAPS.split(), SIDECAR_STYLE, "warning", *_POLYGONS.split(), "points")
"""Styles from the bottom of a layer group to its top: inputs, results, and vector layers above both."""


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Gives one loaded result its style, its abstract, and its place in the layer tree."""

    def __init__(self, style: str | None) -> None:
        """Choose a style: a QML file without its suffix, :data:`SIDECAR_STYLE`, or None to leave the layer as it is."""
        super().__init__()
        self.group: LayerGroup | None = None  # where the layer is moved to; None to leave it where QGIS puts it
        self._order = ORDER.index(style) + 1 if style else 0
        self._style = style

    def postProcessLayer(self, layer: Any, context: Any, feedback: Any) -> None:
        """Style and move the layer; called in the main thread when it is loaded."""
        if self._style:
            sidecar = Path(file_of(layer.source())).with_suffix(".qml")
            style = self._style
            if style == "safety_factor" and _tags(layer).get(MEANING_TAG) == FACTOR_OF_SAFETY_MEANING:
                style = "factor_of_safety"
            path = sidecar if style == SIDECAR_STYLE else STYLES / f"{style}.qml"
            message, done = layer.loadNamedStyle(str(path))
            if not done:
                text = tr('The layer "{name}" could not be styled: {reason}')
                feedback.pushWarning(text.format(name=layer.name(), reason=message))
            elif self._style == "folds":
                _hide_absent_categories(layer)
            elif self._style == "susceptibility" and PROBABILITY_TAG in _tags(layer):
                _stretch(layer)
                layer.setName(tr("{name} (share of landslide cells)").format(name=layer.name()))
        fill_abstract(layer)
        mark_verdict(layer)
        if self._style:
            layer.triggerRepaint()
        if self.group is not None:
            self.group.place(layer, self._order, context)


def _hide_absent_categories(layer: Any) -> None:
    """Remove the classes that no feature has from the legend: there may be two folds or fifty."""
    renderer = layer.renderer()
    # Numbers come out of a QML file as text.
    present = {str(value) for value in layer.uniqueValues(layer.fields().lookupField(renderer.classAttribute()))}
    listed = ["" if category.value() in (None, NULL) else str(category.value()) for category in renderer.categories()]
    for index in reversed(range(len(listed))):
        # The last category, without a value, is for all values that have no category.
        wanted = listed[index] in present if listed[index] else not present <= set(listed)
        if not wanted:
            renderer.deleteCategory(index)


STRETCH_CELLS = 250_000  # of a layer that are looked at
STRETCH = 0.99  # share of the cells below the end of a stretched ramp


def _stretch(layer: Any) -> None:
    """Stretch a colour ramp from 0 to 1 over the values of a layer, from 0 to the highest but for rare cells."""
    renderer = layer.renderer()
    _, highest = layer.dataProvider().cumulativeCut(1, 0.0, STRETCH, layer.extent(), STRETCH_CELLS)
    shader = renderer.shader().rasterShaderFunction()
    if not 0 < highest < 1:
        return
    items = []
    for item in shader.colorRampItemList():
        value = item.value * highest
        items.append(QgsColorRampShader.ColorRampItem(value, item.color, f"{value:.2g}"))
    shader.setColorRampItemList(items)
    shader.setMinimumValue(0.0)
    shader.setMaximumValue(highest)
    renderer.setClassificationMin(0.0)
    renderer.setClassificationMax(highest)


def fill_abstract(layer: QgsMapLayer) -> None:
    """Copy what a map's tags say of test, values and warnings into the abstract, which QGIS shows on the tooltip."""
    tags = _tags(layer)
    verdict = verdict_of_tags(tags)
    lines = [] if verdict is None else [*_evidence_lines(Evidence.from_tags(tags)), verdict.text]
    lines += [tr("Values: {meaning}.").format(meaning=tags[MEANING_TAG])] if tags.get(MEANING_TAG) else []
    warnings = read_warnings(tags)
    if warnings:
        lines += [tr("Warnings when it was made:"), *(f"- {text}" for text in warnings)]
    if lines:
        metadata = layer.metadata()
        metadata.setAbstract("\n".join(lines))
        layer.setMetadata(metadata)


def _evidence_lines(evidence: Evidence) -> list[str]:
    return [text for text in (evidence.auc_text, evidence.expectation_text) if text]


def mark_verdict(layer: Any) -> None:
    """Say in the name and in the legend of a map or of zones whose verdict is "do not use" that it is so."""
    verdict = verdict_of_tags(_tags(layer))
    if verdict is None or not verdict.suffix:
        return
    name = layer.name() or ""
    if not name.endswith(verdict.suffix):
        layer.setName(name + verdict.suffix)
    renderer: Any = layer.renderer()
    if isinstance(renderer, QgsPalettedRasterRenderer) and renderer.classes():
        first = renderer.classes()[0]
        if not (first.label or "").endswith(verdict.suffix):
            renderer.setLabel(first.value, f"{first.label}{verdict.suffix}")
    elif isinstance(renderer, QgsSingleBandPseudoColorRenderer):
        shader: Any = renderer.shader()
        ramp = shader.rasterShaderFunction()
        legend = QgsColorRampLegendNodeSettings(ramp.legendSettings())
        legend.setMaximumLabel(f"{ramp.maximumValue():g}{verdict.suffix}")
        ramp.setLegendSettings(legend)


def _tags(layer: QgsMapLayer) -> dict[str, str]:
    """Return the metadata items of a raster file; none of other layers."""
    if not isinstance(layer, QgsRasterLayer) or layer.providerType() != "gdal":
        return {}
    dataset = gdal.OpenEx(file_of(layer.source()), gdal.OF_RASTER | gdal.OF_READONLY)
    return {} if dataset is None else dataset.GetMetadata() or {}


_live_stylers: list[Styler] = []
_stylers_lock = threading.Lock()


def _attach_styler(details: QgsProcessingContext.LayerDetails, styler: Styler) -> None:
    # QGIS takes ownership and deletes the object after the run, but does not keep its Python half alive until then.
    with _stylers_lock:
        _live_stylers[:] = [item for item in _live_stylers if not sip.isdeleted(item)]
        _live_stylers.append(styler)
    details.setPostProcessor(styler)


def style_output(context: QgsProcessingContext, output: str | None, style: str | None) -> None:
    """Have an output, a path or layer id, styled when QGIS loads it; does nothing for outputs that are not loaded."""
    if output and style and context.willLoadLayerOnCompletion(output):
        _attach_styler(context.layerToLoadOnCompletionDetails(output), Styler(style))


class LayerGroup:
    """The group of one run, filled layer by layer as QGIS loads them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._orders: dict[str, int] = {}

    def place(self, layer: Any, order: int, context: QgsProcessingContext) -> None:
        """Move a layer of the tree into the group, below those with a higher order; called in the main thread."""
        project = layer.project()
        node = project.layerTreeRoot().findLayer(layer.id()) if project is not None else None
        # Groups that the author of a graphical model asked for, from QGIS 3.32 on, take precedence.
        waiting = context.layersToLoadOnCompletion().values()
        if node is None or node.parent().name() in {getattr(item, "groupName", "") for item in waiting} - {""}:
            return
        window: Any = iface
        active = window is not None and window.activeLayer() == layer
        root, results = project.layerTreeRoot(), settings.results_group()
        found = root.findGroup(results) if results else None
        parent = root if found is None else found
        group = parent.findGroup(self.name)
        group = parent.insertGroup(0, self.name) if group is None else group
        self._orders[layer.id()] = order
        # QGIS may have put the layer into the group already: it does so when the group is selected.
        others = [child for child in group.findLayers() if child.layerId() != layer.id()]
        below = [child for child in others if self._orders.get(child.layerId(), 0) <= order]
        index = group.children().index(below[0]) if below else len(group.children())
        # QGIS cannot move a node. The copy goes in first: a layer without any node would leave the project.
        copy, home = node.clone(), node.parent()
        # QGIS collapses the classes of a raster, but a map of zones needs its legend.
        copy.setExpanded(True)
        group.insertChildNode(index, copy)
        home.removeChildNode(node)
        if home.name() in _used_names and not home.children():
            # A second run into the same file moves the layer and leaves its first group empty.
            home.parent().removeChildNode(home)
        if active:
            window.setActiveLayer(layer)


_used_names: set[str] = set()  # names of the layer groups of this session


def group_layers(context: QgsProcessingContext, title: str, results: Mapping[str, Any]) -> None:
    """Have the layers that QGIS is going to load put into the group of the run.

    Steps of a graphical model share their context, and so their group, which has the model's title.
    """
    waiting = context.layersToLoadOnCompletion()
    if not waiting or not settings.group_layers():
        return
    details = [context.layerToLoadOnCompletionDetails(key) for key in waiting]
    group = next(filter(None, (getattr(item.postProcessor(), "group", None) for item in details)), None)
    if group is None:
        model = context.expressionContext().variable("model_name")
        saved = "" if model else _saved_name([str(value) for value in results.values() if value in waiting])
        group = LayerGroup(_new_name(str(model or title), saved))
    for item in details:
        # QGIS 3.32 and newer could do it by a name in the details, but a graphical model removes such a name.
        if item.postProcessor() is None:
            _attach_styler(item, Styler(None))
        styler = item.postProcessor()
        if isinstance(styler, Styler) and styler.group is None:
            styler.group = group


def _saved_name(outputs: list[str]) -> str:
    """Return the file name of the first output that is not temporary; empty if there is none."""
    for output in outputs:
        path = Path(file_of(output))
        if path.suffix and Path(QgsProcessingUtils.tempFolder()) not in path.parents:
            return path.stem
    return ""


def _new_name(title: str, saved: str) -> str:
    """Return a name that no other group of this session has, so that runs in the same minute stay apart."""
    text = tr("Scarp: {step}, {file}, {time}" if saved else "Scarp: {step}, {time}")
    name = text.format(step=title, file=saved, time=datetime.now().strftime("%H:%M"))
    candidates = (name if number == 1 else f"{name} ({number})" for number in count(1))
    unused = next(candidate for candidate in candidates if candidate not in _used_names)
    _used_names.add(unused)
    return unused


def refresh_layers(project: QgsProject | None, outputs: Iterable[str]) -> None:
    """Have layers of the project show the present content of their files.

    A file that replaces an older one leaves the older one to those who have it open, so a layer would go on to show
    the old content.

    Nothing happens outside the project's thread, where layers must not be touched. Ids among the outputs are ignored.
    """
    if project is None or QThread.currentThread() != project.thread():
        return
    paths = [file_of(output) for output in outputs]
    places = {absolute_path(path) for path in paths if os.path.exists(path)}
    for layer in project.mapLayers().values() if places else ():
        place = absolute_path(file_of(layer.source()))
        if layer.providerType() in ("gdal", "ogr") and (place in places or os.path.dirname(place) in places):
            layer.reload()
            if isinstance(layer, QgsRasterLayer) and _has_another_grid(layer):
                # The layer itself must be reopened; its style stays.
                layer.setDataSource(layer.source(), layer.name(), layer.providerType(), False)
            layer.triggerRepaint()


def _has_another_grid(layer: QgsRasterLayer) -> bool:
    provider = layer.dataProvider()
    if provider is None or not provider.isValid() or provider.extent() != layer.extent():
        return True
    return (provider.xSize(), provider.ySize()) != (layer.width(), layer.height())
