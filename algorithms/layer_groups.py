"""The layers of a run in one group of the layer tree: of a step, of a row of a batch, of a whole graphical model."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Mapping

from qgis.core import QgsLayerTreeGroup, QgsMapLayer, QgsProcessingContext, QgsProcessingUtils
from qgis.utils import iface

from ..processing_provider import settings
from ..translation import tr
from .styles import Styler, attach


class Run:
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
    run = next((found for found in map(_run_of, details) if found is not None), None)
    if run is None:
        model = context.expressionContext().variable("model_name")
        saved = "" if model else _saved_name([str(value) for value in results.values() if value in waiting])
        run = Run(_new_name(str(model or title), saved))
    for item in details:
        if _run_of(item) is None:
            _join(item, run)


def _join(details: QgsProcessingContext.LayerDetails, run: Run) -> None:
    # QGIS 3.32 and newer could do it by a name in the details, but a graphical model takes such a name out again.
    styler = details.postProcessor()
    if styler is None:
        styler = Styler(None)
        attach(details, styler)
    if isinstance(styler, Styler):
        styler.run = run


def _run_of(details: QgsProcessingContext.LayerDetails) -> Run | None:
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
        step=title, file=saved, time=time)
    unused = next(candidate for candidate in (name, *(f"{name} ({number})" for number in range(2, len(_names) + 3)))
                  if candidate not in _names)
    _names.add(unused)
    return unused
