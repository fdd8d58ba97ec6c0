"""Styles for results that QGIS loads: the QML files of ``resources/styles``, which also serve by hand."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
)

STYLES = Path(__file__).resolve().parent.parent / "resources" / "styles"

BESIDE = "beside"
"""Stands for the style that the core wrote beside a raster of classes."""


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Gives a loaded result its style; keeps nothing of a run, so one object serves all."""

    def __init__(self, style: str) -> None:
        super().__init__()
        self._path = None if style == BESIDE else STYLES / f"{style}.qml"

    def postProcessLayer(self, layer: QgsMapLayer, context: QgsProcessingContext,  # noqa: N802 - QGIS's name
                         feedback: QgsProcessingFeedback) -> None:
        """Apply the style; called in the main thread when the layer is loaded."""
        path = self._path or Path(layer.source().split("|")[0]).with_suffix(".qml")
        message, done = layer.loadNamedStyle(str(path))
        if not done:
            feedback.pushWarning(f'The layer "{layer.name()}" could not be styled: {message}')
        layer.triggerRepaint()


_stylers: dict[str, Styler] = {}
"""QGIS keeps only a pointer to a post-processor, so somebody has to keep the object."""


def style_output(context: QgsProcessingContext, output: str | None, style: str | None) -> None:
    """Have an output styled when QGIS loads it; does nothing for outputs that are not loaded.

    Args:
        context: of the run.
        output: path or layer id, as the algorithm returns it.
        style: name of a QML file without its ending, or :data:`BESIDE`; None to leave the layer as it is.
    """
    if not output or not style or not context.willLoadLayerOnCompletion(output):
        return
    if style not in _stylers:
        _stylers[style] = Styler(style)
    context.layerToLoadOnCompletionDetails(output).setPostProcessor(_stylers[style])
