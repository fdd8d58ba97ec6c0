"""How QGIS shows the layers of a run: style, abstract, place in the layer tree, and content after an overwritten file.

Styles are the QML files of ``resources/styles``, which users can also load by hand. The layers of a run go into one
group of the layer tree: of an algorithm, of a row of a batch, of a whole graphical model.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

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
from qgis.PyQt.QtGui import QPainter
from qgis.utils import iface

from ...model.outputs.run_record import read_record
from ...model.provenance.origin import elevation_of
from ...model.provenance.records import MEANING_TAG, PROBABILITY_TAG, read_warnings
from ...model.safety.kinds import FACTOR_OF_SAFETY_MEANING
from ...model.validation.verdict import Evidence, verdict_of_tags
from ...processing_provider import settings
from ...translation import of_core, tr
from .algorithm import SIDECAR_STYLE
from .factor_styles import StackBand, complete, plain_layer, read_bands, sampled_values, shown_band, style_band
from .gdal_files import open_quietly
from .legends import translate_legend
from .main_thread import in_main_thread
from .parameters import absolute_path, file_of

STYLES = Path(__file__).resolve().parent.parent.parent / "resources" / "styles"
_INPUTS = "stack rainfall safety_factor factor_of_safety labels"
_MAPS = ("applicability", "dissimilarity", "uncertainty", "bivariate", "susceptibility", "difference", "zones")
_RESULTS = (*_MAPS, SIDECAR_STYLE, "warning")
ORDER = (*_INPUTS.split(), *_RESULTS, "units", "slope_units", "folds", "windows", "points")
"""Styles from the bottom of a layer group to its top: inputs, results, and vector layers above both."""
DERIVED = "scarp/derived"
"""Custom property of layers that only show what others hold: a relief, one factor of a stack."""
ABOUT = "scarp/about"  # custom property: area and date of a layer
_NAMED, _BASE, _BARE = "scarp/name", "scarp/base", "scarp/bare"
"""Custom properties: the name that Scarp has given, that without area and date, and that before anything was added."""
_KEY, _ORDER = "scarp/group", "scarp/order"  # what the group of a region is found by; place of a layer in its group


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Gives one loaded result its style, its abstract, and its place in the layer tree."""

    def __init__(self, style: str | None) -> None:
        """Choose a style: a QML file without its suffix, SIDECAR_STYLE, or None to leave the layer as it is."""
        super().__init__()
        self.group: LayerGroup | None = None  # where the layer is moved to; None to leave it where QGIS puts it
        self._order = ORDER.index(style) + 1 if style else 0
        self._style = style
        self._factor: StackBand | None = None  # by which a stack is shown
        self._highest: float | None = None  # value of a susceptibility map but for rare cells
        self._read = False

    def read_cells(self, path: str) -> None:
        """Read what the style takes from the cells of a file; may be called in any thread, and before the styling."""
        if self._style == "stack":
            bands = read_bands(path)
            self._factor = complete(path, shown_band(bands)) if bands else None
        elif self._style == "susceptibility" and PROBABILITY_TAG in _file_tags(path):
            values = sampled_values(path, 1)
            self._highest = values[int(STRETCH * (len(values) - 1))] if values else None
        self._read = True

    def postProcessLayer(self, layer: Any, context: Any, feedback: Any) -> None:
        """Style and move the layer; called in the main thread when it is loaded."""
        if self._style:
            if not self._read:
                self.read_cells(file_of(layer.source()))
            sidecar = Path(file_of(layer.source())).with_suffix(".qml")
            style = self._style
            if style == "safety_factor" and _tags(layer).get(MEANING_TAG) == FACTOR_OF_SAFETY_MEANING:
                style = "factor_of_safety"
            path = sidecar if style == SIDECAR_STYLE else STYLES / f"{style}.qml"
            message, done = layer.loadNamedStyle(str(path))
            if not done:
                text = tr('The layer "{name}" could not be styled: {reason}')
                feedback.pushWarning(text.format(name=layer.name(), reason=message))
            else:
                if self._style == "folds":
                    _hide_absent_categories(layer)
                translate_legend(layer)
                if self._factor is not None:
                    _show_factor(layer, self._factor)
                elif self._highest is not None:
                    _stretch(layer, self._highest)
                    _describe(layer, tr("{name} (share of landslide cells)"))
        if self.group is not None:
            self.group.rename(layer)
        fill_abstract(layer)
        mark_verdict(layer)
        if self._style:
            layer.triggerRepaint()
        if self.group is not None:
            self.group.place(layer, self._order, context)


def _show_factor(layer: Any, factor: StackBand) -> None:
    """Show a stack by one of its factors, which the name tells; QGIS would mix three as red, green and blue."""
    style_band(layer, factor)
    _describe(layer, tr("{name}: {factor}"), factor=factor.text)


def _describe(layer: Any, text: str, **words: str) -> None:
    """Add something to the name of a layer, also when QGIS has given it its first name again, but not twice."""
    name, before = layer.name() or "", layer.customProperty(_BARE)
    if before is None or name == before:
        layer.setCustomProperty(_BARE, name)
        layer.setName(text.format(name=name, **words))


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


STRETCH = 0.99  # share of the cells below the end of a stretched ramp


def _stretch(layer: Any, highest: float) -> None:
    """Stretch a colour ramp from 0 to 1 over the values of a layer, from 0 to the highest but for rare cells."""
    renderer = layer.renderer()
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
    told = [] if verdict is None else [*_evidence_lines(Evidence.from_tags(tags)), verdict.text]
    lines = [*map(of_core, told)]
    meaning = of_core(tags.get(MEANING_TAG, ""))
    lines += [tr("Values: {meaning}.").format(meaning=meaning)] if meaning else []
    warnings = read_warnings(tags)
    if warnings:
        lines += [tr("Warnings when it was made:"), *(f"- {of_core(text)}" for text in warnings)]
    if lines:
        metadata = layer.metadata()
        metadata.setAbstract("\n".join(lines))
        layer.setMetadata(metadata)


def _evidence_lines(evidence: Evidence) -> list[str]:
    return [text for text in (evidence.auc_text, evidence.expectation_text) if text]


def _without_verdict(layer: Any) -> str:
    """Return the name of a layer without its verdict."""
    name, verdict = layer.name() or "", verdict_of_tags(_tags(layer))
    # The layer may have been named in another language.
    suffixes = () if verdict is None else (of_core(verdict.suffix), verdict.suffix)
    return next((name[: -len(suffix)] for suffix in suffixes if suffix and name.endswith(suffix)), name)


def mark_verdict(layer: Any) -> None:
    """Say in the name and in the legend of a map or of zones whose verdict is "do not use" that it is so."""
    verdict = verdict_of_tags(_tags(layer))
    if verdict is None or not verdict.suffix:
        return
    name, suffix = layer.name() or "", of_core(verdict.suffix)
    if not name.endswith((suffix, verdict.suffix)):
        layer.setName(name + suffix)
    renderer: Any = layer.renderer()
    if isinstance(renderer, QgsPalettedRasterRenderer) and renderer.classes():
        first = renderer.classes()[0]
        if not (first.label or "").endswith((suffix, verdict.suffix)):
            renderer.setLabel(first.value, f"{first.label}{suffix}")
    elif isinstance(renderer, QgsSingleBandPseudoColorRenderer):
        shader: Any = renderer.shader()
        ramp = shader.rasterShaderFunction()
        legend = QgsColorRampLegendNodeSettings(ramp.legendSettings())
        legend.setMaximumLabel(f"{ramp.maximumValue():g}{suffix}")
        ramp.setLegendSettings(legend)


def _tags(layer: QgsMapLayer) -> dict[str, str]:
    """Return the metadata items of a raster file; none of other layers."""
    if not isinstance(layer, QgsRasterLayer) or layer.providerType() != "gdal":
        return {}
    return _file_tags(file_of(layer.source()))


def _file_tags(path: str) -> dict[str, str]:
    dataset = open_quietly(path)
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


def open_layers(context: QgsProcessingContext, results: Iterable[Any]) -> None:
    """Open the layers among results that QGIS is going to load, in the thread of the run.

    QGIS reads cells of a new raster layer for the range of its colours, of a factor stack for 0.1 to 0.2 s, and would
    do so in the main thread. There it takes a layer that is in the context already.
    """
    if in_main_thread():
        return
    waiting: Any = context.layersToLoadOnCompletion()
    written = {value for value in results if isinstance(value, str)}
    for source, details in waiting.items():
        if source in written:
            QgsProcessingUtils.mapLayerFromString(source, context, True, details.layerTypeHint)
            styler = details.postProcessor()
            if isinstance(styler, Styler):
                # The run is complete: what cannot be read costs a style at most, when the layer is loaded.
                with contextlib.suppress(Exception):
                    styler.read_cells(file_of(source))


class LayerGroup:
    """The group of one run or of a region, filled layer by layer as QGIS loads them.

    The best result is ticked. The relief of the elevation model that the maps were made from shades those that are
    ticked: it lies above them, so that two maps are never mixed.
    """

    def __init__(self, name: str, about: str = "", key: str = "") -> None:
        """``about`` is added to the names of layers; a ``key`` finds the group of an earlier run."""
        self.name, self.about = name, about
        self.elevation: Path | None = None
        self._key = key

    def rename(self, layer: Any) -> None:
        """Add area and date to the name of a layer, unless the user has named it."""
        name, base, given = _without_verdict(layer), layer.customProperty(_BASE), layer.customProperty(_NAMED)
        if not self.about or (given and name not in (given, base)):
            return
        base = name if base is None else str(base)
        name = tr("{name}, {about}").format(name=base, about=self.about)
        layer.setName(name)
        layer.setCustomProperty(_BASE, base)
        layer.setCustomProperty(_NAMED, name)
        layer.setCustomProperty(ABOUT, self.about)
        mark_verdict(layer)

    def update(self, project: Any) -> None:
        """Give the group in the layer tree its present name, if it is there."""
        found = self._find(project.layerTreeRoot())
        if found is not None and found.name() == found.customProperty(_NAMED):
            found.setName(self.name)
            found.setCustomProperty(_NAMED, self.name)

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
        group = self._group(project)
        # QGIS may have put the layer into the group already: it does so when the group is selected.
        others = [child for child in group.findLayers() if child.layerId() != layer.id()]
        self._tick(node, others, order)
        layer.setCustomProperty(_ORDER, order)
        index = _place_in(group, others, order)
        # QGIS cannot move a node. The copy goes in first: a layer without any node would leave the project.
        copy, home = node.clone(), node.parent()
        # QGIS collapses the classes of a raster, but a map of zones needs its legend.
        copy.setExpanded(node.itemVisibilityChecked())
        group.insertChildNode(index, copy)
        home.removeChildNode(node)
        if home.name() in _used_names and not home.children():
            # A second run into the same file moves the layer and leaves its first group empty.
            home.parent().removeChildNode(home)
        elif home != group and home.name() in _used_names:
            _remove_lonely_relief(project, home)
        if order - 1 in _RESULT_ORDERS and self.elevation is not None:
            self._add_relief(project, group)
        if active:
            window.setActiveLayer(layer)

    def _group(self, project: Any) -> Any:
        """Return the group in the layer tree, with its present name; a new one on top if there is none."""
        root, results = project.layerTreeRoot(), settings.results_group()
        parent = (root.findGroup(results) if results else None) or root
        group = self._find(root)
        group = parent.findGroup(self.name) if group is None else group
        if group is None:
            group = parent.insertGroup(0, self.name)
            group.setCustomProperty(_NAMED, self.name)
            if self._key:
                group.setCustomProperty(_KEY, self._key)
        self.update(project)
        return group

    def _find(self, root: Any) -> Any:
        """Return the group of an earlier run with the same key."""
        groups = root.findGroups(True) if self._key else []
        return next((one for one in groups if one.customProperty(_KEY) == self._key), None)

    def _tick(self, node: Any, others: list[Any], order: int) -> None:
        """Tick a layer that is a better result than those before it, and untick these; untick one that is not.

        In the group of a region only maps are results.
        """
        mine = [child for child in others if 0 < _order_of(child) != _RELIEF]
        is_best = not self._key or order - 1 in _RESULT_ORDERS
        is_best = is_best and all(_rank(order) > _rank(_order_of(child)) for child in mine)
        node.setItemVisibilityChecked(is_best)
        for child in mine if is_best else ():
            child.setItemVisibilityChecked(False)
            child.setExpanded(False)

    def _add_relief(self, project: Any, group: Any) -> None:
        """Add the relief above the maps, unless it is there."""
        others = group.findLayers()
        if any(_order_of(child) == _RELIEF for child in others):
            return
        relief = _relief(str(self.elevation))
        if relief is not None:
            project.addMapLayer(relief, False)
            group.insertLayer(_place_in(group, others, _RELIEF), relief).setExpanded(False)


_RESULT_ORDERS = {ORDER.index(style) for style in _RESULTS}
_RELIEF = max(_RESULT_ORDERS) + 1.5  # order of the relief, between maps and vector layers


def _order_of(node: Any) -> float:
    layer = node.layer()
    return 0.0 if layer is None else float(layer.customProperty(_ORDER) or 0.0)


def _place_in(group: Any, others: list[Any], order: float) -> int:
    """Return where in a group a layer of an order goes: above the first of no higher order."""
    children = group.children()
    below = (number for number, child in enumerate(children) if child in others and _order_of(child) <= order)
    return next(below, len(children))


def _rank(order: float) -> float:
    """Return how much a layer of an order deserves to be shown: maps before vector layers, these before inputs."""
    number = order - 1
    if number in _RESULT_ORDERS:
        return 2 * len(ORDER) + number
    return number + (len(ORDER) if number > max(_RESULT_ORDERS) else 0)


def _relief(path: str) -> Any:
    """Return a layer that shows an elevation model as hillshade; without a file of its own; None if it is none."""
    layer = plain_layer(path, tr("Relief"))
    if not layer.isValid():
        return None
    layer.loadNamedStyle(str(STYLES / "hillshade.qml"))
    layer.setBlendMode(QPainter.CompositionMode.CompositionMode_Multiply)
    layer.setCustomProperty(DERIVED, "relief")
    layer.setCustomProperty(_ORDER, _RELIEF)
    return layer


def _remove_lonely_relief(project: Any, group: Any) -> None:
    """Remove a group in which nothing but the relief of a run is left."""
    layers = [child.layer() for child in group.findLayers()]
    if layers and all(one is not None and one.customProperty(DERIVED) == "relief" for one in layers):
        project.removeMapLayers([one.id() for one in layers])
        group.parent().removeChildNode(group)


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
        area = area_name([str(value) for value in results.values() if isinstance(value, str)])
        group = LayerGroup(*_names(str(model or title), area))
    written = [file_of(str(value)) for value in results.values() if isinstance(value, str)]
    if group.elevation is None:
        group.elevation = next(filter(None, map(elevation_of, written)), None)
    for item in details:
        # QGIS 3.32 and newer could do it by a name in the details, but a graphical model removes such a name.
        if item.postProcessor() is None:
            _attach_styler(item, Styler(None))
        styler = item.postProcessor()
        if isinstance(styler, Styler) and styler.group is None:
            styler.group = group


_GENERAL = set(
    "scarp algorithm result results output outputs out map maps file layer raster data final new tmp temp test dem dtm "
    "srtm elevation susceptibility landslide landslides factor factors stack labels label model models safety index "
    "rain rainfall warning zone zones window windows fold folds point points applicability uncertainty dissimilarity "
    "difference bivariate validation documents home desktop downloads user users gis qgis".split()
)
"""Words in names of files and folders that name no area."""


def area_name(outputs: Iterable[str]) -> str:
    """Return the area that outputs are of, by the names of their files or folders, else those of what they were made
    from; empty if these are temporary or say nothing.
    """
    for path in _named_files(outputs):
        for text in (path.stem, path.parent.name):
            words = [word for word in re.split(r"[\s_\-.,]+", text) if word]
            kept = [word for word in words if word.lower() not in _GENERAL]
            if not all(word.isdigit() for word in kept):
                return (text if len(kept) == len(words) else " ".join(kept))[:60]
    return ""


def _named_files(outputs: Iterable[str]) -> Iterator[Path]:
    """Yield outputs, then their inputs, that are files outside the folders for temporary ones."""
    temporary = Path(QgsProcessingUtils.tempFolder())
    paths = [Path(file_of(output)) for output in outputs]
    for path in paths:
        if path.suffix and temporary not in path.parents:
            yield path
    for path in paths:
        try:
            inputs = read_record(path)["inputs"].values()
            sources = [Path(file_of(str(entry["source"]))) for entry in inputs if isinstance(entry, dict)]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
        yield from (source for source in sources if source.is_file() and temporary not in source.parents)


def today() -> str:
    """Return the date as names of layers and groups have it."""
    return datetime.now().strftime("%Y-%m-%d")


def _names(step: str, area: str) -> tuple[str, str]:
    """Return the name of the group of a run, and what is added to those of its layers."""
    when = datetime.now()
    time = when.strftime("%Y-%m-%d %H:%M")
    text = tr("Scarp: {area}, {time}, {step}" if area else "Scarp: {time}, {step}")
    name = text.format(step=step, area=area, time=time)
    candidates = (name if number == 1 else f"{name} ({number})" for number in count(1))
    unused = next(candidate for candidate in candidates if candidate not in _used_names)
    _used_names.add(unused)
    return unused, about(area)


def about(area: str) -> str:
    """Return area and date, as they are added to names of layers."""
    return ", ".join(filter(None, [area, today()]))


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
