"""Styles for results that QGIS loads: the QML files of ``resources/styles``, which also serve by hand."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from qgis.core import (
    NULL,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
)
from qgis.PyQt import sip

from ..translation import tr
from .layer_metadata import describe

STYLES = Path(__file__).resolve().parent.parent / "resources" / "styles"

BESIDE = "beside"
"""Stands for the style that the core wrote beside a raster of classes."""

ORDER = ("stack", "rainfall", "safety_factor", "labels", "applicability", "uncertainty", "susceptibility",
         "difference", "zones", BESIDE, "warning", "folds", "windows", "points")
"""From the bottom of a layer group to its top: what goes in, what comes out of it, outlines and points over both."""


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Gives one loaded result its style, and its place in the layer tree."""

    def __init__(self, style: str | None) -> None:
        """Choose a style.

        Args:
            style: name of a QML file without its ending, or :data:`BESIDE`; None to leave the layer as it is.
        """
        super().__init__()
        self.run: Any = None
        """Where the layer is moved to, a ``layer_groups.Run``; None to leave it where QGIS puts it."""
        self.order = ORDER.index(style) + 1 if style else 0
        """Place among the layers of a run; more is nearer to the top."""
        self._style = style

    def postProcessLayer(self, layer: QgsMapLayer, context: QgsProcessingContext,  # noqa: N802 - QGIS's name
                         feedback: QgsProcessingFeedback) -> None:
        """Style and move the layer; called in the main thread when it is loaded."""
        if self._style:
            self._apply(layer, feedback)
        describe(layer)
        if self.run is not None:
            self.run.place(layer, self.order, context)

    def _apply(self, layer: QgsMapLayer, feedback: QgsProcessingFeedback) -> None:
        path = Path(layer.source().split("|")[0]).with_suffix(".qml") if self._style == BESIDE \
            else STYLES / f"{self._style}.qml"
        message, done = layer.loadNamedStyle(str(path))
        if not done:
            feedback.pushWarning(tr('The layer "{name}" could not be styled: {reason}')
                                 .format(name=layer.name(), reason=message))
        elif self._style == "folds":
            _leave_out_absent(layer)
        layer.triggerRepaint()


_kept: list[Styler] = []
_keeping = threading.Lock()


def attach(details: QgsProcessingContext.LayerDetails, styler: Styler) -> None:
    """Have a styler called when QGIS loads a layer.

    QGIS takes the object over and deletes it with the run, but does not keep Python's half of it alive until then.
    """
    with _keeping:
        _kept[:] = [item for item in _kept if not sip.isdeleted(item)]
        _kept.append(styler)
    details.setPostProcessor(styler)


def style_output(context: QgsProcessingContext, output: str | None, style: str | None) -> None:
    """Have an output styled when QGIS loads it; does nothing for outputs that are not loaded.

    Args:
        context: of the run.
        output: path or layer id, as the algorithm returns it.
        style: as for :class:`Styler`.
    """
    if output and style and context.willLoadLayerOnCompletion(output):
        attach(context.layerToLoadOnCompletionDetails(output), Styler(style))


def _leave_out_absent(layer: QgsMapLayer) -> None:
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
