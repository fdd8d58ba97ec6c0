"""Fills a dialog with the layers and fields that a step probably means; what the user chose stays."""

from __future__ import annotations

import re
from typing import Any

from qgis.core import (
    QgsMapLayer,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterField,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QObject
from qgis.PyQt.QtWidgets import QComboBox

from ..algorithms.field_names import likely_field
from ..algorithms.layer_kinds import LINE, OF_OPTIONAL, POINT, POLYGON, LayerFacts, likely_layer, plainly_another
from ..algorithms.parameters import OF_EITHER
from ..algorithms.values import plain
from .field_box import FieldChoice

_GEOMETRIES = {QgsWkbTypes.GeometryType.PointGeometry: POINT, QgsWkbTypes.GeometryType.LineGeometry: LINE,
               QgsWkbTypes.GeometryType.PolygonGeometry: POLYGON}
_ONE_LAYER = ("raster", "source", "layer", "vector")
_MOST_BANDS = 100
"""Bands from which a raster is no factor stack but a cube, whose names take long to read."""


def facts_of(layer: QgsMapLayer) -> LayerFacts:
    """Return what can be known of a layer without reading its data."""
    if isinstance(layer, QgsRasterLayer):
        count = layer.bandCount() if layer.bandCount() <= _MOST_BANDS else 0
        names = (layer.bandName(number) for number in range(1, count + 1))
        # QGIS writes "Band 1: slope" or "Band 1: slope (Gray)"; without a description only "Band 1".
        bands = tuple(re.sub(r" \(\w+\)$", "", name.partition(": ")[2]) for name in names)
        return LayerFacts(layer.id(), layer.name(), bands=bands)
    if isinstance(layer, QgsVectorLayer):
        return LayerFacts(layer.id(), layer.name(), _GEOMETRIES.get(layer.geometryType(), "other"),
                          fields=tuple(field.name() for field in layer.fields()))
    return LayerFacts(layer.id(), layer.name(), "other")


class Suggestions(QObject):
    """Looks after the layer and field boxes of one dialog."""

    def __init__(self, algorithm: Any, wrappers: dict[str, Any], context: Any, parent: QObject) -> None:
        """Listen to the layer boxes.

        Args:
            algorithm: that the dialog is for.
            wrappers: of its parameters' widgets by name, as QGIS's ``ParametersPanel`` has them.
            context: a ``QgsProcessingContext`` to set values with.
            parent: the dialog.
        """
        super().__init__(parent)
        self.paused = False
        """While true, changes of layers fill in no fields: the dialog is being filled by somebody else."""
        self._wrappers = wrappers
        self._context = context
        self._layers: list[QgsProcessingParameterDefinition] = []
        self._fields: dict[str, list[str]] = {}
        """Names of the field parameters by that of the layer they are of."""
        self._choices: dict[str, FieldChoice] = {}
        self._suggested: dict[str, str] = {}
        """Fields that were filled in here, which may be replaced when the layer changes."""
        for definition in algorithm.parameterDefinitions():
            if definition.name() not in wrappers:
                continue
            if definition.type() in _ONE_LAYER:
                self._layers.append(definition)
            elif isinstance(definition, QgsProcessingParameterField):
                self._fields.setdefault(definition.parentLayerParameterName(), []).append(definition.name())
            elif definition.type() == "string" and definition.name().endswith(OF_EITHER):
                self._fields.setdefault(definition.name()[:-len(OF_EITHER)], []).append(definition.name())
                self._choices[definition.name()] = FieldChoice(wrappers[definition.name()].wrappedWidget())
        for layer in self._fields:
            if layer in wrappers:
                # QGIS connected the boxes of fields before, so they already list those of the new layer.
                wrappers[layer].widgetValueHasChanged.connect(lambda _, name=layer: self._layer_changed(name))
                self._layer_changed(layer, suggest=False)

    def suggest(self) -> None:
        """Fill in what a fresh dialog can know from the layers of the project."""
        facts = [facts_of(layer) for layer in QgsProject.instance().mapLayers().values() if layer.isValid()]
        for definition in self._layers:
            name = definition.name()
            optional = bool(definition.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
            if optional and (name not in OF_OPTIONAL or self._value(name) not in (None, "")):
                continue
            found = likely_layer(name, [item for item in facts if _could_take(definition, item)])
            if found is not None and self._value(name) != found:
                self._wrappers[name].setParameterValue(found, self._context)
            elif found is None and name != "REFERENCE" and any(
                    item.key == self._value(name) and plainly_another(name, item) for item in facts):
                # QGIS takes the first layer there is: labels would be computed with as rain. Its wrapper empties no
                # box that must be filled.
                box = self._wrappers[name].wrappedWidget().findChild(QComboBox)
                if box is not None:
                    box.setCurrentIndex(-1)
        for layer in self._fields:
            if layer in self._wrappers:
                self._layer_changed(layer)

    def _layer_changed(self, layer_parameter: str, suggest: bool = True) -> None:
        layer = self._value(layer_parameter)
        if not isinstance(layer, QgsMapLayer):
            layer = QgsProcessingUtils.mapLayerFromString(str(layer or ""), self._context)
        names = [field.name() for field in layer.fields()] if isinstance(layer, QgsVectorLayer) else []
        for parameter in self._fields[layer_parameter]:
            if parameter in self._choices:
                self._choices[parameter].offer(names)
            if not suggest or self.paused:
                continue
            if self._value(parameter) not in (None, "", self._suggested.get(parameter)):
                continue
            found = likely_field(parameter, names)
            if found is not None or self._value(parameter) not in (None, "", *names):
                self._suggested[parameter] = found or ""
                self._wrappers[parameter].setParameterValue(found, self._context)

    def _value(self, name: str) -> Any:
        return plain(self._wrappers[name].parameterValue())


def _could_take(definition: QgsProcessingParameterDefinition, layer: LayerFacts) -> bool:
    is_raster = not layer.geometry
    return definition.type() == "layer" or is_raster == (definition.type() == "raster")
