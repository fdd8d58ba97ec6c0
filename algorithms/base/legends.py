"""Legends in the language of QGIS: styles, and rasters of classes, have English labels."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsCategorizedSymbolRenderer, QgsPalettedRasterRenderer, QgsSingleBandPseudoColorRenderer

from ...model.validation.verdict import NOT_FOR_USE
from ...translation import of_core, tr


def translate_legend(layer: Any) -> None:
    """Translate the labels of Scarp's styles in a legend; those of the user stay."""
    renderer: Any = layer.renderer()
    if isinstance(renderer, QgsPalettedRasterRenderer):
        for one in renderer.classes():
            renderer.setLabel(one.value, translated_label(one.label or ""))
    elif isinstance(renderer, QgsCategorizedSymbolRenderer):
        for index, category in enumerate(renderer.categories()):
            renderer.updateCategoryLabel(index, translated_label(category.label() or ""))
    elif isinstance(renderer, QgsSingleBandPseudoColorRenderer):
        shader: Any = renderer.shader()
        ramp = shader.rasterShaderFunction()
        items = ramp.colorRampItemList()
        for item in items:
            item.label = translated_label(item.label or "")
        ramp.setColorRampItemList(items)


def translated_label(label: str) -> str:
    """Return a label of a style in the language of QGIS."""
    if label.endswith(NOT_FOR_USE):
        return translated_label(label[: -len(NOT_FOR_USE)]) + of_core(NOT_FOR_USE)
    return tr(label) if label else label
